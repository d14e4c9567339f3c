/**
 * The American customer file: a CSV export with a header row, in ISO 8859-15, with a key in a
 * header. A car without a contact has no row, and neither has an unknown one.
 */
import { csv } from "../lib/csv.mjs";
import { header } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { holderOf } from "../lib/ownership.mjs";

const PATH = /^\/exports\/customers\.csv\?vin=([A-Za-z0-9]+)$/u;
const columns = ["vin", "email", "mobile", "updated", "customer_since"];

export const system = {
  name: "us.crm",
  host: "https://customers.us.example.com",
  secret: "US_CRM_KEY",
  secret_form: "the key",
  latency_ms: 60,
  checkHttp: header("X-Api-Key"),
  start: async () => ({ respond: async ({ method, url }) => feed(method, PATH.exec(url)?.[1]) }),
};

function feed(method, vin) {
  if (method !== "GET" || !vin) return json(404, { error: "GET /exports/customers.csv?vin=…" });
  const contact = holderOf("us", vin)?.contact;
  const row = contact && {
    vin: vin.toUpperCase(),
    email: contact.email,
    mobile: contact.phone,
    updated: contact.changed_on,
    customer_since: contact.held_since,
  };
  return csv(row ? [row] : [], { columns, header: true });
}
