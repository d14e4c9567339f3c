/**
 * The British register: vehicles and keepers on a mainframe behind an HTTP gateway. Fixed-width
 * records in EBCDIC (cp037), zoned numbers with a sign in the last digit, packed decimals,
 * horsepower to a tenth. An unknown car has the return code 0012.
 */
import { carOf, colourOf } from "../lib/cars.mjs";
import { header } from "../lib/http-auth.mjs";
import { currentRegistration } from "../lib/ownership.mjs";
import { digits, gateway, fieldWriter } from "../lib/record.mjs";

const FUELS = {
  petrol: "PE",
  diesel: "DI",
  electric: "EL",
  lpg: "GA",
  cng: "GB",
  hydrogen: "FC",
  ethanol: "PE",
  hybrid_petrol: "HY",
  hybrid_diesel: "HD",
  plug_in_hybrid: "PH",
};
const BODIES = {
  saloon: "04",
  hatchback: "14",
  estate: "05",
  suv: "48",
  coupe: "03",
  convertible: "06",
  pickup: "45",
  van: "50",
  minivan: "11",
  truck: "70",
};
const GEARBOXES = { manual: "M", automatic: "A", automated_manual: "S", cvt: "C", other: "X" };
const STATES = { registered: "1", deregistered: "2", scrapped: "5", stolen: "7", exported: "8" };
const USAGES = { private: "PR", commercial: "CO", taxi: "HC", rental: "SD" };
const LENGTH = 280;
const { blanks, decode, packed, text, zoned } = fieldWriter(37);

/** `VQ05`, the VIN to twenty places, a zero for "all". */
const vinOf = (body) => /^VQ05([A-Z0-9]{17}) {3}0000$/iu.exec(decode(body))?.[1];

export const system = {
  name: "gb.register",
  host: "https://register.gb.example.com",
  secret: "GB_REGISTER_KEY",
  secret_form: "the key",
  latency_ms: 110,
  checkHttp: header("X-Gateway-Key"),
  textOf: (body) => vinOf(body) ?? "",
  start: async () => gateway({ path: "/cics/VQ05", vinOf, makeRecord: record }),
};

function record(vin) {
  const car = carOf("gb", vin);
  if (!car) return Buffer.concat([zoned(12, 4), blanks(LENGTH - 4)]);
  const { identity: i } = car;
  const r = currentRegistration(car, "gb") ?? {};
  return Buffer.concat([
    zoned(0, 4),
    text(car.vin, 17),
    text(r.plate, 8),
    text(i.make, 20),
    text(i.model, 25),
    text(i.trim, 25),
    text(colourOf(car, "en"), 16),
    text(FUELS[i.fuel], 2),
    text(BODIES[i.body], 2),
    text(GEARBOXES[i.transmission], 1),
    zoned(i.model_year, 4),
    packed(i.displacement_cm3, 3),
    // S9(4)V9: tenths of a brake horsepower.
    packed(i.power_hp === undefined ? undefined : i.power_hp * 10, 3),
    zoned(i.cylinders, 2, { signed: true }),
    zoned(i.doors, 1),
    text(digits(r.first_registered_on), 8),
    text(digits(r.registered_on), 8),
    text(STATES[r.status], 1),
    text(USAGES[r.usage], 2),
    zoned(r.keepers, 3, { signed: true }),
    // Days as in COBOL programs of the time: the year and the day of the year.
    text(r.inspection_due_on && ordinal(r.inspection_due_on), 7),
    text(r.keeper_name, 40),
    text(r.keeper_address, 78),
  ]);
}

/** `2026-02-01` as `2026032`. */
function ordinal(iso) {
  const year = iso.slice(0, 4);
  return (
    year + String((Date.parse(iso) - Date.parse(`${year}-01-01`)) / 86_400_000 + 1).padStart(3, "0")
  );
}
