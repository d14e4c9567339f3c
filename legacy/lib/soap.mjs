/**
 * SOAP servers on npm `soap`: the WSDL from systems/wsdl/, WS-Security UsernameToken checked as
 * PasswordText or PasswordDigest (OASIS UsernameToken Profile 1.1.1). The package answers SOAP 1.2
 * requests in 1.1 envelopes, as some real systems do.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { proxyTo } from "./front.mjs";
import { equalSecrets } from "./http-auth.mjs";

const soap = createRequire(import.meta.url)("soap");
const DIGEST_AGE_MS = 5 * 60_000;
const MAX_NONCES = 10_000;

/** Serves `services` at `path` by the WSDL file: `{ respond, stop }`. */
export function serveSoap({ path, wsdl, services, secret }) {
  const xml = readFileSync(new URL(`../systems/wsdl/${wsdl}`, import.meta.url), "utf8");
  return proxyTo(
    (_req, res) => void res.writeHead(404).end(),
    (server) =>
      new Promise((done, failed) => {
        const callback = (error) => (error ? failed(error) : done());
        const options = {
          path,
          services,
          xml,
          suppressStack: true,
          enableChunkedEncoding: false,
          callback,
        };
        soap.listen(server, options).authenticate = usernameToken(secret);
      }),
  );
}

/** Makes a fault in SOAP 1.1 form, for an operation to throw. */
export function fault(status, who, text, detail) {
  return { Fault: { faultcode: `soap:${who}`, faultstring: text, detail, statusCode: status } };
}

function usernameToken(secret) {
  const colon = secret.indexOf(":");
  const [user, password] = [secret.slice(0, colon), secret.slice(colon + 1)];
  const seen = new Set();
  return (security) => {
    const token = security?.UsernameToken;
    if (!token || !equalSecrets(textOf(token.Username), user)) return false;
    const type = token.Password?.attributes?.Type ?? "";
    return type.endsWith("#PasswordDigest")
      ? checkDigest(token, password, seen)
      : equalSecrets(textOf(token.Password), password);
  };
}

function checkDigest(token, password, seen) {
  const [nonce, created] = [textOf(token.Nonce), textOf(token.Created)];
  const age = Math.abs(Date.now() - Date.parse(created));
  if (!nonce || !(age < DIGEST_AGE_MS) || seen.has(nonce)) return false;
  const expected = createHash("sha1")
    .update(Buffer.from(nonce, "base64"))
    .update(created)
    .update(password)
    .digest("base64");
  if (!equalSecrets(textOf(token.Password), expected)) return false;
  seen.add(nonce);
  if (seen.size > MAX_NONCES) seen.delete(seen.values().next().value);
  return true;
}

/**
 * Returns the text of an element: the package parses it to a text, a Date or, with attributes, an
 * object.
 */
function textOf(element) {
  const value = element?.$value ?? element;
  return value instanceof Date
    ? value.toISOString()
    : typeof value === "string"
      ? value
      : String(value ?? "");
}
