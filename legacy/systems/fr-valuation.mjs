/**
 * The French price list: CSV without a header row, with semicolons, in ISO 8859-15, with a key in a
 * header. Amounts are grouped and have a decimal comma. A car without a price is a 404.
 */
import { carOf } from "../lib/cars.mjs";
import { csv } from "../lib/csv.mjs";
import { french } from "../lib/french.mjs";
import { header } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { valuationOf } from "../lib/records.mjs";

const PATH = /^\/export\/cotes\/([A-Za-z0-9]+)\.csv$/u;
const BASES = { trade_in: "REPRISE", private_sale: "PARTICULIER", retail: "VENTE" };

export const system = {
  name: "fr.valuation",
  host: "https://cote.fr.example.com",
  secret: "FR_VALUATION_KEY",
  secret_form: "the key",
  latency_ms: 80,
  checkHttp: header("X-Api-Key"),
  start: async () => ({ respond: async ({ method, url }) => cote(method, PATH.exec(url)?.[1]) }),
};

function cote(method, vin) {
  const car = method === "GET" && vin && carOf("fr", vin);
  const valuation = car && valuationOf(car);
  if (!valuation) return json(404, { erreur: "Aucune cote" });
  const { low_minor, high_minor, valued_at, basis, comparables } = valuation;
  const row = [
    car.vin,
    `${valued_at}Z`,
    BASES[basis],
    french.amount(low_minor),
    french.amount(high_minor),
    "EUR",
    comparables,
    "Données fictives, prix en €",
  ];
  return csv([row], { delimiter: ";" });
}
