/**
 * The German recall system: OData v2 as an SAP gateway serves it, with HTTP Basic. No recalls is an
 * empty list, and so is an unknown car.
 */
import { carsOf } from "../lib/cars.mjs";
import { basic } from "../lib/http-auth.mjs";
import { serveOData } from "../lib/odata.mjs";

export const system = {
  name: "de.recalls",
  host: "https://sap.de.example.com",
  secret: "DE_RECALLS_BASIC",
  secret_form: "user:password",
  latency_ms: 90,
  checkHttp: basic("SAP NetWeaver"),
  start: () =>
    serveOData({
      urlPath: "/sap/opu/odata/sap/ZRUECKRUF_SRV",
      metadata: "rueckrufe.xml",
      entitySet: "RueckrufSet",
      rows: carsOf("de").flatMap(rueckrufe),
    }),
};

function rueckrufe(car) {
  return car.recalls.items.map((recall) => ({
    Fin: car.vin,
    Aktionsnummer: recall.reference,
    Kurztext: recall.title_de,
    Langtext: recall.description_de,
    BekanntAm: `/Date(${Date.parse(recall.announced_on)})/`,
    Status: recall.status === "open" ? "O" : "E",
  }));
}
