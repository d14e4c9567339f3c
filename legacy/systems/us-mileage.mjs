/**
 * The American odometer register: OData v4 with a key in a header, five readings a page and
 * `@odata.nextLink` for the rest, relative to the request. Readings are in miles. An unknown car is
 * an empty list.
 */
import { carsOf } from "../lib/cars.mjs";
import { header } from "../lib/http-auth.mjs";
import { paginate, serveOData } from "../lib/odata.mjs";
import { miles, readingsOf } from "../lib/records.mjs";

const SOURCES = { inspection: "STATE_INSPECTION", service: "SERVICE_VISIT" };

export const system = {
  name: "us.mileage",
  host: "https://odometer.us.example.com",
  secret: "US_MILEAGE_KEY",
  secret_form: "the key",
  latency_ms: 90,
  checkHttp: header("X-Api-Key"),
  start: async () =>
    paginate(
      5,
      await serveOData({
        urlPath: "/odata/v4/OdometerService",
        metadata: "odometer.xml",
        entitySet: "Readings",
        rows: carsOf("us").flatMap(readings),
      }),
    ),
};

function readings(car) {
  return readingsOf(car).map(({ read_on, km, source }, n) => ({
    VIN: car.vin,
    Sequence: n + 1,
    ReadOn: read_on,
    Miles: miles(km),
    Source: SOURCES[source],
  }));
}
