/**
 * The American warranty service: REST, a question as JSON with POST, a bearer token. Terms in
 * months, limits in miles, null for unlimited; the last day is not stated. An unknown car is a
 * result code in a 200 response.
 */
import { carOf } from "../lib/cars.mjs";
import { bearer } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { warrantiesOf } from "../lib/records.mjs";

const TYPES = {
  factory: "NVLW",
  powertrain: "PTW",
  corrosion: "RUST",
  battery: "HVB",
  extended: "VSC",
};
const STATES = { active: "A", expired: "X", void: "V" };

export const system = {
  name: "us.warranty",
  host: "https://warranty.us.example.com",
  secret: "US_WARRANTY_BEARER",
  secret_form: "the token",
  latency_ms: 70,
  checkHttp: bearer("warranty"),
  start: async () => ({ respond: async (request) => coverage(request) }),
};

function coverage({ method, url, body }) {
  if (url !== "/v1/coverage/search") return json(404, { error: { code: "NO_SUCH_ROUTE" } });
  if (method !== "POST")
    return json(405, { error: { code: "METHOD_NOT_ALLOWED" } }, { allow: "POST" });
  let vin;
  try {
    vin = JSON.parse(body.toString("utf8")).criteria.vehicle.vin;
  } catch {
    return json(400, { error: { code: "BAD_QUESTION" } });
  }
  const car = carOf("us", vin);
  if (!car) return json(200, { result: { code: "VEHICLE_NOT_FOUND" } });
  const coverages = warrantiesOf(car).map(
    ({ kind, starts_on, months, limit_miles, provider, status }) => ({
      plan: { type: TYPES[kind], administrator: provider },
      term: { start: starts_on, months, miles: limit_miles ?? null },
      state: STATES[status],
    }),
  );
  return json(200, { result: { code: "OK", count: coverages.length }, vin: car.vin, coverages });
}
