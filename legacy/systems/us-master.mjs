/**
 * The American vehicle master: REST and JSON with a key in a header. Nested, upper-case codes,
 * horsepower beside whole kilowatts. An unknown car is a 404.
 */
import { carOf, colourOf } from "../lib/cars.mjs";
import { header } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";

const FUELS = {
  petrol: "GAS",
  diesel: "DSL",
  electric: "BEV",
  lpg: "LPG",
  cng: "CNG",
  hydrogen: "FCEV",
  ethanol: "E85",
  hybrid_petrol: "HEV",
  hybrid_diesel: "HED",
  plug_in_hybrid: "PHEV",
};
const BODIES = {
  saloon: "SEDAN",
  hatchback: "HATCH",
  estate: "WAGON",
  suv: "SUV",
  coupe: "COUPE",
  convertible: "CONV",
  pickup: "PICKUP",
  van: "VAN",
  minivan: "MINIVAN",
  truck: "TRUCK",
};
const TRANSMISSIONS = {
  manual: "MT",
  automatic: "AT",
  automated_manual: "DCT",
  cvt: "CVT",
  other: "OTHER",
};
const DRIVELINES = { front: "FWD", rear: "RWD", all: "AWD" };
const PATH = /^\/api\/v2\/vehicles\/([^/?]+)(?:\?.*)?$/u;

export const system = {
  name: "us.master",
  host: "https://vehicles.us.example.com",
  secret: "US_MASTER_KEY",
  secret_form: "the key",
  latency_ms: 120,
  checkHttp: header("X-Api-Key"),
  start: async () => ({ respond: async ({ method, url }) => vehicle(method, PATH.exec(url)?.[1]) }),
};

function vehicle(method, vin) {
  if (method !== "GET")
    return json(405, { error: { code: "METHOD_NOT_ALLOWED" } }, { allow: "GET" });
  const car = vin && carOf("us", vin);
  if (!car)
    return json(404, { error: { code: "VEHICLE_NOT_FOUND", message: "No vehicle with this VIN" } });
  const { identity: i } = car;
  // What is not stated is null for numbers and absent for codes, as this system's generations have
  // it.
  return json(200, {
    data: {
      vin: car.vin,
      product: {
        brand: { name: i.make },
        line: { name: i.model, trim: i.trim ?? null },
        modelYear: i.model_year ?? null,
      },
      body: {
        style: BODIES[i.body],
        doorCount: i.doors ?? null,
        exteriorColor: colourOf(car, "en") ?? null,
      },
      powertrain: {
        fuel: FUELS[i.fuel],
        engine: {
          horsepower: i.power_hp ?? null,
          powerKw: i.power_kw === undefined ? null : Math.round(i.power_kw),
          displacementCc: i.displacement_cm3 ?? null,
          cylinderCount: i.cylinders ?? null,
        },
        transmission: TRANSMISSIONS[i.transmission],
        driveline: DRIVELINES[i.drive],
      },
      inServiceDate: car.first_registered?.value ?? null,
    },
    meta: { apiVersion: "2.7" },
  });
}
