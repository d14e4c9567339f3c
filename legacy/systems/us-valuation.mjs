/**
 * The American valuation service: REST and JSON with a key in a header. States the currency beside
 * the amounts, since some cars are valued in Canada. A car without a valuation is a 404.
 */
import { carOf } from "../lib/cars.mjs";
import { header } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { pick, valuationOf } from "../lib/records.mjs";

const PATH = /^\/v3\/values\/([^/?]+)(?:\?.*)?$/u;
const METHODS = { trade_in: "TRADE_IN", private_sale: "PRIVATE_PARTY", retail: "DEALER_RETAIL" };

export const system = {
  name: "us.valuation",
  host: "https://values.us.example.com",
  secret: "US_VALUATION_KEY",
  secret_form: "the key",
  latency_ms: 80,
  checkHttp: header("X-Subscription-Key"),
  start: async () => ({ respond: async ({ method, url }) => value(method, PATH.exec(url)?.[1]) }),
};

function value(method, vin) {
  if (method !== "GET")
    return json(405, { error: { code: "METHOD_NOT_ALLOWED" } }, { allow: "GET" });
  const car = vin && carOf("us", vin);
  const valuation = car && valuationOf(car);
  if (!valuation) return json(404, { error: { code: "NO_VALUE" } });
  return json(200, {
    vin: car.vin,
    method: METHODS[valuation.basis],
    asOf: `${valuation.valued_at}-05:00`,
    sampleSize: valuation.comparables,
    price: {
      // Numbers, not texts: cents only where there are any.
      low: valuation.low_minor / 100,
      high: valuation.high_minor / 100,
      currency: pick(`currency ${car.vin}`, 20) === 0 ? "CAD" : "USD",
    },
    notice: "Made up for tests",
  });
}
