/**
 * The American build sheets: SOAP 1.2 with WS-Security (its market file sends a digest). A car
 * without a build sheet is a fault with HTTP 404.
 */
import { carOf, equipmentOf } from "../lib/cars.mjs";
import { fault, serveSoap } from "../lib/soap.mjs";

const GROUPS = { safety: "SAF", assistance: "ADAS", comfort: "COM", lighting: "LGT" };

export const system = {
  name: "us.equipment",
  host: "https://build.us.example.com",
  secret: "US_EQUIPMENT_TOKEN",
  secret_form: "user:password",
  latency_ms: 60,
  start: (secret) =>
    serveSoap({
      path: "/BuildSheet.svc",
      wsdl: "buildsheet.wsdl",
      secret,
      services: {
        BuildSheetService: {
          BuildSheetSoap12: {
            GetBuildSheet: (args) => ({ BuildSheet: buildSheet(args.VehicleIdentificationNumber) }),
          },
        },
      },
    }),
};

function buildSheet(vin) {
  const car = carOf("us", vin);
  if (!car?.equipment.length)
    throw fault(404, "Client", "No build sheet for this vehicle", {
      Error: { Code: "BUILD_SHEET_NOT_FOUND" },
    });
  const options = equipmentOf(car).map(({ code, name, category, availability }) => ({
    SalesCode: code,
    // vPIC's "Optional" speaks of the model: whether this car has it, nobody stated.
    Description: availability === "Optional" ? `${name} (optional)` : name,
    GroupCode: GROUPS[category],
    Fitment: availability === "Standard" ? "S" : "O",
  }));
  return {
    ...(car.identity.model_year && { ModelYear: car.identity.model_year }),
    Option: options,
  };
}
