/**
 * The German workshop system: OData v2 as an SAP gateway serves it, with HTTP Basic, five orders
 * per page and `__next`. An unknown car is an empty list. The system started in 2002 and has no
 * older orders.
 */
import { carsOf } from "../lib/cars.mjs";
import { basic } from "../lib/http-auth.mjs";
import { paginate, serveOData } from "../lib/odata.mjs";
import { servicesOf } from "../lib/records.mjs";

const KINDS = {
  service: "INSP",
  inspection: "HU",
  repair: "REP",
  tyres: "RAD",
  recall: "RUECK",
  bodywork: "KARO",
};

const FIRST_DAY = "2002-01-01";

export const system = {
  name: "de.workshop",
  host: "https://werkstatt.de.example.com",
  secret: "DE_WORKSHOP_BASIC",
  secret_form: "user:password",
  latency_ms: 90,
  checkHttp: basic("SAP NetWeaver"),
  start: async () =>
    paginate(
      5,
      await serveOData({
        urlPath: "/sap/opu/odata/sap/ZWERKSTATT_SRV",
        metadata: "werkstatt.xml",
        entitySet: "AuftragSet",
        rows: carsOf("de").flatMap(auftraege),
      }),
    ),
};

function auftraege(car) {
  return servicesOf(car)
    .filter(({ performed_on }) => performed_on >= FIRST_DAY)
    .map((entry) => ({
      Fin: car.vin,
      Auftragsnummer: entry.invoice,
      Datum: `/Date(${Date.parse(entry.performed_on)})/`,
      Art: KINDS[entry.kind],
      Kilometer: entry.km ?? null,
      Text: entry.text.de,
      Werkstatt: entry.workshop.de,
      // Edm.Decimal is a text in version 2.
      Betrag: (entry.total_minor / 100).toFixed(2),
      Waehrung: "EUR",
    }));
}
