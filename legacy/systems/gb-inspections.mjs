/**
 * The British inspections: a CSV feed with a header row, in ISO 8859-15, with a bearer token.
 * Odometers in miles, for some imported cars in km; days as dd/mm/yyyy; some readings are missing.
 * An unknown car is a feed without rows.
 */
import { carOf } from "../lib/cars.mjs";
import { csv } from "../lib/csv.mjs";
import { bearer } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { inspectionsOf, miles, pick } from "../lib/records.mjs";

const PATH = /^\/trade\/vehicles\/tests\.csv\?vin=([A-Za-z0-9]+)$/u;
const columns = [
  "vin",
  "completed_date",
  "test_result",
  "odometer_value",
  "odometer_unit",
  "odometer_result",
  "station",
  "fee",
];

export const system = {
  name: "gb.inspections",
  host: "https://inspections.gb.example.com",
  secret: "GB_INSPECTIONS_BEARER",
  secret_form: "the token",
  latency_ms: 70,
  checkHttp: bearer("inspections"),
  start: async () => ({ respond: async ({ method, url }) => feed(method, PATH.exec(url)?.[1]) }),
};

function feed(method, vin) {
  if (method !== "GET" || !vin) return json(404, { error: "GET /trade/vehicles/tests.csv?vin=…" });
  const car = carOf("gb", vin);
  const tests = car ? inspectionsOf(car, 12).reverse() : [];
  const isMetric = tests.length > 0 && pick(`metric ${car.vin}`, 8) === 0;
  const rows = tests.map(({ read_on, km, passed }, n) => {
    const isReadable = pick(`readable ${car.vin} ${n}`, 12) !== 0;
    return {
      vin: car.vin,
      completed_date: read_on.split("-").reverse().join("/"),
      test_result: passed ? "PASSED" : "FAILED",
      odometer_value: isReadable ? (isMetric ? km : miles(km)) : "",
      odometer_unit: isReadable ? (isMetric ? "km" : "mi") : "",
      odometer_result: isReadable ? "READ" : "UNREADABLE",
      station: 'Testville "Café", bay 2',
      fee: "£54.85",
    };
  });
  return csv(rows, { columns, header: true });
}
