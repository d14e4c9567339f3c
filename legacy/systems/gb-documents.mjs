/**
 * The British check of registration certificates: REST, a question as JSON with POST, a bearer
 * token. The answer is a result code; an unknown car has one too.
 */
import { bearer } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { holderOf } from "../lib/ownership.mjs";

export const system = {
  name: "gb.documents",
  host: "https://certificates.gb.example.com",
  secret: "GB_DOCUMENTS_BEARER",
  secret_form: "the token",
  latency_ms: 90,
  checkHttp: bearer("certificates"),
  start: async () => ({ respond: async (request) => verify(request) }),
};

function verify({ method, url, body }) {
  if (url !== "/v1/verify") return json(404, { error: "not_found" });
  if (method !== "POST") return json(405, { error: "POST only" }, { allow: "POST" });
  let question;
  try {
    question = JSON.parse(body.toString("utf8"));
  } catch {
    return json(400, { error: "bad_request" });
  }
  const { vin, certificate = {} } = question;
  const holder = holderOf("gb", vin);
  const { document, registration } = holder ?? {};
  const isRight =
    document?.document_number === certificate.number && document.issued_on === certificate.issued;
  return json(200, {
    result: !document ? "UNKNOWN" : isRight ? "MATCH" : "NO_MATCH",
    keeper: isRight ? { since: registration.registered_on } : null,
  });
}
