/**
 * The cars of the stand-ins: the committed data set, and the reserved VINs that trigger a fault.
 * Leaves to others: the notation of each system (systems/) and the effect of a fault
 * (lib/faults.mjs).
 */
import { readFileSync } from "node:fs";

import { RESERVED_FAULTS } from "./faults.mjs";
import { casesOf } from "./records.mjs";

const data = JSON.parse(readFileSync(new URL("../data/vehicles.json", import.meta.url), "utf8"));

/** A VIN in a longer text, delimited on both sides. */
const VIN = /(?<![A-Z0-9])[A-HJ-NPR-Z0-9]{17}(?![A-Z0-9])/giu;
const LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ";
const LETTER_VALUES = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9];
const WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
/** The systems of each market that know cars, with their letters in reserved VINs. */
const ORIGIN_LETTERS = {
  de: {
    master: "MAS",
    equipment: "EPT",
    recalls: "REC",
    workshop: "WRK",
    registry: "RGY",
    valuation: "VAL",
  },
  us: {
    master: "MAS",
    equipment: "EPT",
    recalls: "REC",
    warranty: "WTY",
    mileage: "MLG",
    valuation: "VAL",
  },
  gb: { register: "RGR", inspections: "NSP", data: "DAT" },
  fr: { master: "MAS", energy: "NRG", workshop: "WRK", damage: "DMG", valuation: "VAL" },
};
export const MARKETS = Object.keys(ORIGIN_LETTERS);
/** True for markets whose VINs have a check digit. */
const hasCheckDigits = (market) => market === "us";

/** Computes the North American check digit (49 CFR 565.15), the ninth character of a VIN. */
export function checkDigit(vin) {
  const sum = [...vin].reduce(
    (total, c, i) => total + (LETTER_VALUES[LETTERS.indexOf(c)] ?? Number(c)) * WEIGHTS[i],
    0,
  );
  return sum % 11 === 10 ? "X" : String(sum % 11);
}

/** Replaces every VIN in a text, for logs and for `GET /requests`. */
export function redactVins(text) {
  return text.replace(VIN, "{vin}");
}

function reservedVin(market, origin, letters) {
  const plain = `KBS${market.toUpperCase()}${ORIGIN_LETTERS[market][origin]}Z${hasCheckDigits(market) ? "S" : "T"}K${letters.padStart(6, "0")}`;
  return hasCheckDigits(market) ? plain.slice(0, 8) + checkDigit(plain) + plain.slice(9) : plain;
}

/** One reserved VIN for each origin and fault: `{ vin, market, origin, fault, label }`. */
export const reserved = MARKETS.flatMap((market) =>
  Object.keys(ORIGIN_LETTERS[market]).flatMap((role) =>
    Object.entries(RESERVED_FAULTS).map(([fault, letters]) => ({
      vin: reservedVin(market, role, letters),
      market,
      origin: `${market}.${role}`,
      fault,
      label: `Kerbside Test ${role} ${fault}`,
    })),
  ),
);

const faultOf = new Map(reserved.map((row) => [row.vin, row]));

/** Returns the fault that a reserved VIN in this text triggers at this origin, or null. */
export function reservedFault(origin, text) {
  const row = (text.match(VIN) ?? [])
    .map((vin) => faultOf.get(vin.toUpperCase()))
    .find((found) => found?.origin === origin);
  return row?.fault ?? null;
}

function reservedCar({ vin, market, origin, fault }) {
  const engine = {
    fuel: "petrol",
    power_hp: 201,
    power_kw: 149.9,
    displacement_cm3: 1998,
    cylinders: 4,
    transmission: "manual",
    drive: "front",
  };
  const recall = {
    reference: "SYN-2020-001",
    announced_on: "2020-02-01",
    status: "open",
    title: "Test recall",
    title_de: "Testrückruf",
    description: "Made up for tests.",
    description_de: "Für Tests erfunden.",
  };
  const model_year = hasCheckDigits(market) ? 2025 : 1996;
  return {
    vin,
    markets: [market],
    synthetic: true,
    reserved: true,
    label: `Kerbside Test ${origin} ${fault}`,
    identity: {
      make: "Kerbside",
      model: `Test ${origin.split(".")[1]} ${fault}`,
      body: "saloon",
      model_year,
      doors: 4,
      ...engine,
    },
    colour: { synthetic: true, value: "White", value_de: "Weiß" },
    first_registered: { synthetic: true, value: `${model_year - 1}-05-10` },
    equipment: [{ code: "ABS", availability: "Standard", synthetic: true }],
    recalls: { synthetic: true, items: [recall] },
  };
}

/** Every car of a market, by VIN. */
const byMarket = Object.fromEntries(
  MARKETS.map((market) => [
    market,
    new Map(
      [...data.vehicles, ...reserved.map(reservedCar)]
        .filter((car) => car.markets.includes(market))
        .map((car) => [car.vin, car]),
    ),
  ]),
);

/** Returns the car of a VIN as the market's systems know it, or undefined. */
export function carOf(market, vin) {
  return byMarket[market].get(String(vin).toUpperCase());
}

/** Returns all cars of a market, reserved ones included. */
export function carsOf(market) {
  return [...byMarket[market].values()];
}

/** Rows of `GET /vins`: one per car and market. `cases` names the car's special properties. */
export const rows = data.vehicles.flatMap((car) => {
  const { vin, markets, label, synthetic } = car;
  return markets.map((market) => ({ vin, market, label, synthetic, cases: casesOf(car) }));
});

/**
 * Returns the car's equipment with the names of the catalogue: `{ code, name, name_de, category,
 * availability }`.
 */
export function equipmentOf(car) {
  return car.equipment.map((item) => ({ ...data.head.equipment_codes[item.code], ...item }));
}

/** Returns the car's colour in a language, English by default. */
export const colourOf = (car, language) =>
  language === "de" ? car.colour?.value_de : car.colour?.value;
