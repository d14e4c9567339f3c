/**
 * The British data service: REST and JSON with tokens of `gb.token`. Facts as a list of keys and
 * values, all values texts, fuel in miles per imperial gallon, electricity in miles per kWh. An
 * unknown car is a 404.
 */
import { carOf, equipmentOf } from "../lib/cars.mjs";
import { json } from "../lib/json.mjs";
import { energyOf, miles } from "../lib/records.mjs";
import { isValidToken } from "../lib/token.mjs";

const PATH = /^\/vehicle-data\/v3\/([^/?]+)(?:\?.*)?$/u;
const GROUPS = {
  safety: "Safety",
  assistance: "Driver assistance",
  comfort: "Comfort",
  lighting: "Lighting",
};
const MPG_LITRES = 282.4809363;
const KM_PER_MILE = 1.609344;

export const system = {
  name: "gb.data",
  host: "https://data.gb.example.com",
  secret: "GB_DATA_CLIENT",
  secret_form: "id:secret",
  latency_ms: 80,
  start: async () => ({
    respond: async ({ method, url, headers }) =>
      (await isValidToken(headers.authorization))
        ? data(method, PATH.exec(url)?.[1])
        : json(
            401,
            { error: "invalid_token" },
            { "www-authenticate": 'Bearer realm="vehicle-data", error="invalid_token"' },
          ),
  }),
};

function data(method, vin) {
  if (method !== "GET") return json(405, { error: "GET only" }, { allow: "GET" });
  const car = vin && carOf("gb", vin);
  if (!car) return json(404, { error: "not_found" });
  const { items } = car.recalls;
  const outstanding = items.some(({ status }) => status === "open");
  return json(200, {
    vin: car.vin,
    attributes: [{ key: "source", value: "synthetic" }, ...attributes(energyOf(car))],
    features: equipmentOf(car).map(({ code, name, category, availability }) => ({
      ref: code,
      text: availability === "Optional" ? `${name} (optional)` : name,
      group: GROUPS[category],
    })),
    // Who makes no statement says null, which is neither yes nor no.
    safety: {
      outstandingRecall:
        items.length || car.identity.model_year ? (outstanding ? "Yes" : "No") : null,
    },
  });
}

function attributes(energy) {
  if (!energy) return [];
  const facts = {
    co2_gkm: energy.co2,
    test_cycle: energy.cycle.toUpperCase(),
    combined_mpg: energy.consumption && (MPG_LITRES / energy.consumption).toFixed(1),
    electric_mi_per_kwh:
      energy.electric_consumption && (100 / KM_PER_MILE / energy.electric_consumption).toFixed(2),
    electric_range_miles: energy.electric_range && miles(energy.electric_range),
    battery_kwh: energy.battery_capacity,
    euro_status: energy.emission_standard,
  };
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, value: String(value) }));
}
