/**
 * The American connected-car service: REST and JSON with a bearer token. Shows a text on the car's
 * screen. A car without a head unit, and an unknown one, is a 404.
 */
import { carOf } from "../lib/cars.mjs";
import { bearer } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { showCode } from "../lib/ownership.mjs";

export const system = {
  name: "us.headunit",
  host: "https://connected.us.example.com",
  secret: "US_HEADUNIT_BEARER",
  secret_form: "the token",
  latency_ms: 120,
  checkHttp: bearer("connected"),
  start: async () => ({ respond: async (request) => show(request) }),
};

function show({ method, url, body }) {
  if (url !== "/v1/displays") return json(404, { error: { code: "NO_SUCH_ROUTE" } });
  if (method !== "POST")
    return json(405, { error: { code: "METHOD_NOT_ALLOWED" } }, { allow: "POST" });
  let order;
  try {
    order = JSON.parse(body.toString("utf8"));
  } catch {
    return json(400, { error: { code: "BAD_REQUEST" } });
  }
  const { vin, display } = order;
  const car = carOf("us", vin);
  if (!car) return json(404, { error: { code: "NOT_CONNECTED" } });
  showCode("us", car.vin, display?.code);
  return json(202, { state: "DISPLAYED" });
}
