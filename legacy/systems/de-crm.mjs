/**
 * The German CRM: REST and JSON with HTTP Basic. Knows how to reach the holder of a car; days
 * dd.mm.yyyy. An unknown car is a 404, a car without a contact has null.
 */
import { basic } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { holderOf } from "../lib/ownership.mjs";

const PATH = /^\/v2\/fahrzeuge\/([^/?]+)\/kontakt$/u;
const day = (iso) => iso?.split("-").reverse().join(".") ?? null;

export const system = {
  name: "de.crm",
  host: "https://crm.de.example.com",
  secret: "DE_CRM_BASIC",
  secret_form: "user:password",
  latency_ms: 70,
  checkHttp: basic("CRM"),
  start: async () => ({ respond: async ({ method, url }) => kontakt(method, PATH.exec(url)?.[1]) }),
};

function kontakt(method, vin) {
  if (method !== "GET") return json(405, { fehler: "GET" }, { allow: "GET" });
  const holder = vin && holderOf("de", vin);
  if (!holder) return json(404, { fehler: "UNBEKANNT" });
  const { contact } = holder;
  return json(200, {
    kontakt: contact && {
      mail: contact.email ?? null,
      mobil: contact.phone ?? null,
      geaendertAm: day(contact.changed_on),
    },
    halter: { seit: day(contact?.held_since) },
  });
}
