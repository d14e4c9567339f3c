/** Cars to try, by market: for the output of `cargo xtask dev`, and with contacts to try claims. */
import { rows } from "./cars.mjs";

/**
 * Labels, in the order of the output. The last ones of `gb` and `fr` have inconsistent odometers.
 */
const LABELS = {
  de: [
    "Porsche 911 Carrera 1996",
    "Volkswagen Golf 2011",
    "Volvo XC90 Ultimate 2023",
    "Porsche Taycan 4S 2025",
    "Ford Mustang Mach 1 Coupe 2021",
  ],
  us: [
    "Honda Civic LX 2020",
    "Tesla Model 3 2023",
    "Porsche 911 Targa 4 2023",
    "Ford F-150 SuperCrew 2022",
    "Ford Mustang Mach 1 Coupe 2021",
  ],
  gb: [
    "Porsche 911 Carrera 1996",
    "Volkswagen Golf 2011",
    "BMW iX xDrive50i 2023",
    "Mercedes-Benz E-Class E430 1998",
  ],
  fr: [
    "Porsche 911 Carrera 1996",
    "Tesla Model Y 2023",
    "Volvo XC90 Ultimate 2023",
    "Volkswagen GTI 2013",
  ],
};

/** `{ market, vin, label }` of each suggested car. */
export const suggestions = Object.entries(LABELS).flatMap(([market, labels]) =>
  labels
    .map((label) => rows.find((row) => row.market === market && row.label === label))
    .filter(Boolean)
    .map(({ vin, label }) => ({ market, vin, label })),
);
