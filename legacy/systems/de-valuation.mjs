/**
 * The German valuation service: REST and JSON with HTTP Basic. Amounts are texts with a decimal
 * comma, times are Central European winter time without an offset. A car without a valuation is a
 * 404.
 */
import { carOf } from "../lib/cars.mjs";
import { basic } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { valuationOf } from "../lib/records.mjs";

const PATH = /^\/v2\/fahrzeuge\/([^/?]+)\/wert(?:\?.*)?$/u;
const BASES = { trade_in: "HEK", private_sale: "PRIVAT", retail: "HVK" };
const euros = (minor) => (minor / 100).toLocaleString("de-DE", { minimumFractionDigits: 2 });

export const system = {
  name: "de.valuation",
  host: "https://bewertung.de.example.com",
  secret: "DE_VALUATION_BASIC",
  secret_form: "user:password",
  latency_ms: 80,
  checkHttp: basic("Bewertung"),
  start: async () => ({ respond: async ({ method, url }) => wert(method, PATH.exec(url)?.[1]) }),
};

function wert(method, vin) {
  if (method !== "GET") return json(405, { fehler: "Nur GET" }, { allow: "GET" });
  const car = vin && carOf("de", vin);
  const valuation = car && valuationOf(car);
  if (!valuation) return json(404, { fehler: "Keine Bewertung zur FIN" });
  return json(200, {
    fin: car.vin,
    bewertung: {
      verfahren: BASES[valuation.basis],
      spanne: {
        von: euros(valuation.low_minor),
        bis: euros(valuation.high_minor),
        waehrung: "EUR",
      },
      stand: valuation.valued_at,
      vergleichsfahrzeuge: String(valuation.comparables),
    },
    hinweis: "Erfundene Werte für Tests",
  });
}
