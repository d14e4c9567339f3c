/**
 * Credentials in HTTP headers. Each function takes a secret and returns a check: from headers to
 * null (accepted) or to the response that refuses. WS-Security is in lib/soap.mjs.
 */
import { createHash, timingSafeEqual } from "node:crypto";

const digest = (text) => createHash("sha256").update(text).digest();

/** True if two texts are equal, in constant time. */
export function equalSecrets(given, expected) {
  return timingSafeEqual(digest(String(given ?? "")), digest(expected));
}

function refusal(status, challenge) {
  const body = Buffer.from(JSON.stringify({ error: "unauthorized" }));
  return {
    status,
    headers: {
      "content-type": "application/json",
      ...(challenge && { "www-authenticate": challenge }),
    },
    body,
  };
}

/** HTTP Basic (RFC 7617); the secret is `user:password`. */
export const basic = (realm) => (secret) => {
  const expected = `Basic ${Buffer.from(secret).toString("base64")}`;
  return (headers) =>
    equalSecrets(headers.authorization, expected)
      ? null
      : refusal(401, `Basic realm="${realm}", charset="UTF-8"`);
};

/** `Authorization: Bearer` with a fixed token. */
export const bearer = (realm) => (secret) => (headers) =>
  equalSecrets(headers.authorization, `Bearer ${secret}`)
    ? null
    : refusal(401, `Bearer realm="${realm}"`);

/** A header of the system's own, with a fixed key. */
export const header = (name) => (secret) => (headers) =>
  equalSecrets(headers[name.toLowerCase()], secret) ? null : refusal(401);
