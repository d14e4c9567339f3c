/**
 * The American recall system: OData v4 with a bearer token. No recalls is an empty list, and so is
 * an unknown car.
 */
import { carsOf } from "../lib/cars.mjs";
import { bearer } from "../lib/http-auth.mjs";
import { serveOData } from "../lib/odata.mjs";

export const system = {
  name: "us.recalls",
  host: "https://recalls.us.example.com",
  secret: "US_RECALLS_BEARER",
  secret_form: "the token",
  latency_ms: 90,
  checkHttp: bearer("recalls"),
  start: () =>
    serveOData({
      urlPath: "/odata/v4/RecallService",
      metadata: "campaigns.xml",
      entitySet: "VehicleCampaigns",
      rows: carsOf("us").flatMap(campaigns),
    }),
};

function campaigns(car) {
  return car.recalls.items.map((recall) => ({
    VIN: car.vin,
    CampaignNumber: recall.reference,
    Subject: recall.title,
    Summary: recall.description,
    AnnouncedOn: recall.announced_on,
    RemedyStatus: recall.status === "open" ? "INCOMPLETE" : "REMEDIED",
  }));
}
