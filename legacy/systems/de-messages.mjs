/**
 * The German notification system: REST, a POST of JSON with a bearer token. Takes a message with
 * 202 and no body; a repetition of an Idempotency-Key is taken and sent to nobody.
 */
import { bearer } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { keepMessage, messages } from "../lib/ownership.mjs";

export const system = {
  name: "de.messages",
  host: "https://nachrichten.de.example.com",
  secret: "DE_MESSAGES_BEARER",
  secret_form: "the token",
  latency_ms: 50,
  checkHttp: bearer("nachrichten"),
  start: async () => ({ respond: async (request) => take(request) }),
};

function take({ method, url, headers, body }) {
  if (url !== "/v1/nachrichten") return json(404, { fehler: "UNBEKANNT" });
  if (method !== "POST") return json(405, { fehler: "POST" }, { allow: "POST" });
  let order;
  try {
    order = JSON.parse(body.toString("utf8"));
  } catch {
    return json(400, { fehler: "KEIN_JSON" });
  }
  const { vorlage, kanal, empfaenger, werte = {}, sprache } = order;
  if (!vorlage || !empfaenger) return json(422, { fehler: "UNVOLLSTAENDIG" });
  const key = headers["idempotency-key"];
  if (!messages.some((one) => one.market === "de" && one.key === key))
    keepMessage("de", {
      key,
      channel: kanal,
      to: empfaenger,
      kind: vorlage,
      code: werte.code,
      link: werte.adresse,
      locale: sprache,
    });
  return { status: 202, headers: {}, body: Buffer.alloc(0) };
}
