/**
 * The cars that the stand-ins know: the committed data set and, beside it, the reserved VINs that bring out a fault.
 * Leaves to others: what a system calls a fact (systems/) and what a fault does (lib/faults.mjs).
 */
import { readFileSync } from "node:fs";

import { RESERVED_FAULTS } from "./faults.mjs";

const data = JSON.parse(readFileSync(new URL("../data/vehicles.json", import.meta.url), "utf8"));

/** Seventeen characters as a VIN has them, standing alone in a longer text. */
const VIN = /(?<![A-Z0-9])[A-HJ-NPR-Z0-9]{17}(?![A-Z0-9])/giu;
const LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ";
const LETTER_VALUES = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9];
const WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
const ORIGIN_LETTERS = { master: "MAS", equipment: "EPT", recalls: "REC" };

/** The North American check digit (49 CFR 565.15) that a 17-character VIN should carry in its ninth place. */
export function checkDigit(vin) {
  const sum = [...vin].reduce((total, c, i) => total + (LETTER_VALUES[LETTERS.indexOf(c)] ?? Number(c)) * WEIGHTS[i], 0);
  return sum % 11 === 10 ? "X" : String(sum % 11);
}

/** The text with every VIN replaced, for logs and for `GET /requests`. */
export function withoutVins(text) {
  return text.replace(VIN, "{vin}");
}

function reservedVin(market, role, letters) {
  const plain = `KBS${market.toUpperCase()}${ORIGIN_LETTERS[role]}Z${market === "de" ? "T" : "S"}K${letters.padStart(6, "0")}`;
  return market === "de" ? plain : plain.slice(0, 8) + checkDigit(plain) + plain.slice(9);
}

/** One reserved VIN for each origin and fault: `{ vin, market, origin, fault, label }`. */
export const reserved = ["de", "us"].flatMap((market) =>
  Object.keys(ORIGIN_LETTERS).flatMap((role) =>
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

/** The fault that a reserved VIN somewhere in this text brings out at this origin, or null. */
export function reservedFault(origin, text) {
  const row = (text.match(VIN) ?? []).map((vin) => faultOf.get(vin.toUpperCase())).find((found) => found?.origin === origin);
  return row?.fault ?? null;
}

function reservedCar({ vin, market, origin, fault }) {
  const engine = { fuel: "petrol", power_hp: 201, power_kw: 149.9, displacement_cm3: 1998, cylinders: 4, transmission: "manual", drive: "front" };
  const recall = {
    reference: "SYN-2020-001", announced_on: "2020-02-01", status: "open",
    title: "Test recall", title_de: "Testrückruf", description: "Made up for tests.", description_de: "Für Tests erfunden.",
  };
  return {
    vin, markets: [market], synthetic: true, label: `Kerbside Test ${origin} ${fault}`,
    identity: {
      make: "Kerbside", model: `Test ${origin.split(".")[1]} ${fault}`,
      body: "saloon", model_year: market === "de" ? 1996 : 2025, doors: 4, ...engine,
    },
    colour: { synthetic: true, value: "White", value_de: "Weiß" },
    equipment: [{ code: "ABS", availability: "Standard", synthetic: true }],
    recalls: { synthetic: true, items: [recall] },
  };
}

/** Every car of a market, by VIN. */
const byMarket = Object.fromEntries(["de", "us"].map((market) => [market, new Map(
  [...data.vehicles, ...reserved.map(reservedCar)].filter((car) => car.markets.includes(market)).map((car) => [car.vin, car]),
)]));

/** The car of that VIN as the market's systems know it, or undefined. */
export function carOf(market, vin) {
  return byMarket[market].get(String(vin).toUpperCase());
}

/** All cars of a market, the reserved ones among them. */
export function carsOf(market) {
  return [...byMarket[market].values()];
}

/** The data set's rows for `GET /vins`: one for each car and market. */
export const rows = data.vehicles.flatMap(({ vin, markets, label, synthetic }) => markets.map((market) => ({ vin, market, label, synthetic })));

/** The car's equipment with the names of the catalogue: `{ code, name, name_de, category, availability }`. */
export function equipmentOf(car) {
  return car.equipment.map((item) => ({ ...data.head.equipment_codes[item.code], ...item }));
}

/** The car's colour or day of first registration, by language where there is one. */
export const colourOf = (car, language) => (language === "de" ? car.colour?.value_de : car.colour?.value);
