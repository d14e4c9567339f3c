/**
 * The British contact service: REST and JSON with a key in a header. An unknown car is a 404, a car
 * without a contact has an empty list.
 */
import { header } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { holderOf } from "../lib/ownership.mjs";

const PATH = /^\/contacts\/v1\/by-vin\/([^/?]+)$/u;

export const system = {
  name: "gb.contacts",
  host: "https://contacts.gb.example.com",
  secret: "GB_CONTACTS_KEY",
  secret_form: "the key",
  latency_ms: 60,
  checkHttp: header("X-Api-Key"),
  start: async () => ({ respond: async ({ method, url }) => list(method, PATH.exec(url)?.[1]) }),
};

function list(method, vin) {
  if (method !== "GET") return json(405, { error: "GET only" }, { allow: "GET" });
  const holder = vin && holderOf("gb", vin);
  if (!holder) return json(404, { error: "not_found" });
  const { email, phone, changed_on: updated } = holder.contact ?? {};
  const points = [
    { kind: "email", value: email, updated },
    { kind: "mobile", value: phone, updated },
  ];
  return json(200, { points: points.filter(({ value }) => value) });
}
