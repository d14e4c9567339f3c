/** The committed cars: shape of VINs, honest labels, and the cases that other tests count on. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { checkDigit, reserved, rows } from "../../legacy/lib/cars.mjs";
import {
  damageOf,
  energyOf,
  inspectionsOf,
  registrationOf,
  servicesOf,
  valuationOf,
  warrantiesOf,
} from "../../legacy/lib/records.mjs";

const { head, vehicles } = JSON.parse(
  readFileSync(new URL("../../legacy/data/vehicles.json", import.meta.url), "utf8"),
);
const real = vehicles.filter((car) => !car.synthetic);

test("every VIN is 17 characters without I, O, Q, and unique", () => {
  const all = [...vehicles, ...reserved].map((car) => car.vin);
  for (const vin of all) assert.match(vin, /^[A-HJ-NPR-Z0-9]{17}$/u);
  assert.equal(new Set(all).size, all.length);
});

test("the check digit is right where North America asks for one, and a filler in European form", () => {
  for (const car of vehicles) {
    if (car.form === "north_american") assert.equal(car.vin[8], checkDigit(car.vin), car.vin);
    else assert.match(car.vin, /^...ZZZ/u);
    if (car.form === "european" && !car.synthetic) assert.equal(car.vin[8], "Z");
    if (car.markets.includes("us")) assert.equal(car.form, "north_american", car.vin);
  }
  for (const row of reserved.filter(({ market }) => market === "us"))
    assert.equal(row.vin[8], checkDigit(row.vin));
});

test("about 200 cars, half of them European, of many makes and years", () => {
  const european = real.filter((car) => car.form === "european").length;
  assert.ok(
    real.length >= 190 && european / real.length > 0.4 && european / real.length < 0.6,
    `${european} of ${real.length}`,
  );
  assert.ok(new Set(real.map((car) => car.identity.make)).size >= 20);
  const years = real.map((car) => car.identity.model_year);
  assert.deepEqual([Math.min(...years), Math.max(...years)], [1996, 2025]);
  assert.ok(vehicles.some((car) => car.markets.length === 2));
  assert.ok(
    real.some(
      (car) =>
        car.label === "Porsche 911 Carrera 1996" &&
        car.form === "european" &&
        car.markets.includes("de"),
    ),
  );
});

test("real cars name their source, and what is made up says so", () => {
  assert.match(head.vpic.data_month, /^\d{4}_\d{2}$/u);
  for (const car of real) {
    assert.equal(car.provenance.source, "NHTSA vPIC");
    assert.ok(
      car.provenance.from_vpic.includes("make") && car.provenance.made_up.includes("vin serial"),
    );
    assert.equal(car.form === "european", "twin" in car.provenance);
  }
  for (const car of vehicles) {
    assert.equal(car.recalls.synthetic, true);
    assert.ok(!car.colour || car.colour.synthetic);
    assert.ok(!car.first_registered || car.first_registered.synthetic);
    for (const item of car.equipment) {
      assert.notEqual(
        Boolean(item.synthetic),
        Boolean(item.vpic),
        `${car.vin} ${item.code}: either from vPIC or synthetic`,
      );
      assert.ok(head.equipment_codes[item.code], item.code);
      assert.match(item.availability, /^(Standard|Optional)$/u);
    }
    const references = car.recalls.items.map(({ reference }) => reference);
    for (const reference of references) assert.match(reference, /^SYN-/u);
    assert.equal(new Set(references).size, references.length, `${car.vin}: a recall once`);
  }
  for (const car of vehicles.filter(({ synthetic }) => synthetic))
    assert.equal(car.provenance.source, "made up");
});

test("the cases that others count on are there, in both markets", () => {
  for (const market of ["de", "us", "gb", "fr"]) {
    const cars = vehicles.filter((car) => car.markets.includes(market));
    const states = (car) => car.recalls.items.map(({ status }) => status);
    assert.ok(
      cars.some((car) => states(car).length === 0),
      "no recalls",
    );
    assert.ok(
      cars.some((car) => states(car).length && states(car).every((s) => s === "completed")),
      "only completed",
    );
    assert.ok(
      cars.some((car) => states(car).filter((s) => s === "open").length > 1),
      "several open",
    );
    assert.ok(
      cars.some((car) => car.equipment.length === 0),
      "no equipment",
    );
    assert.ok(
      cars.some((car) => car.equipment.length === 1),
      "one piece of equipment",
    );
    assert.ok(
      cars.some((car) => Object.keys(car.identity).length === 2),
      "nothing stated",
    );
    assert.ok(
      cars.some(
        (car) => car.synthetic && /[&<>"']/u.test(JSON.stringify(Object.values(car.identity))),
      ),
      "special characters",
    );
  }
  for (const car of real) assert.doesNotMatch(car.label, /[&<>"]/u);
});

test("each market has cars for every case that its systems can show", () => {
  const CASES = {
    de: [
      "clocked",
      "few_comparables",
      "service_without_mileage",
      "long_history",
      "deregistered",
      "open_recall",
      "electric",
    ],
    us: [
      "clocked",
      "few_comparables",
      "warranty_expired",
      "warranty_valid",
      "warranty_void",
      "no_warranty",
      "open_recall",
      "electric",
    ],
    gb: ["clocked", "deregistered", "open_recall", "electric"],
    fr: [
      "damaged",
      "undamaged",
      "few_comparables",
      "service_without_mileage",
      "long_history",
      "electric",
    ],
  };
  for (const [market, cases] of Object.entries(CASES)) {
    const of = rows.filter((row) => row.market === market);
    for (const name of cases)
      assert.ok(
        of.some((row) => row.cases.includes(name)),
        `${market} ${name}`,
      );
    assert.ok(
      of.some((row) => !row.cases.includes("damaged") && !row.cases.includes("undamaged")),
      "nothing stated of damage",
    );
  }
});

test("made-up records say so, fit together and name no real person or place", () => {
  for (const car of vehicles) {
    const services = servicesOf(car);
    const records = [
      services,
      inspectionsOf(car, 12),
      warrantiesOf(car),
      damageOf(car) ?? [],
      registrationOf(car, "de"),
      valuationOf(car),
      energyOf(car),
    ];
    for (const record of records.flat())
      assert.ok(record === undefined || record.synthetic, car.vin);
    const first = car.first_registered?.value ?? "9999";
    for (const { performed_on, invoice, workshop } of services) {
      assert.ok(performed_on > first && invoice.startsWith("SYN-"), car.vin);
      assert.match(
        Object.values(workshop).join(),
        /^Synthetic Garage \d,.*\(erfunden\),Garage fictif/u,
      );
    }
    for (const market of ["de", "gb"]) {
      const registration = registrationOf(car, market);
      assert.equal(Boolean(registration), Boolean(car.first_registered));
      if (!registration) continue;
      assert.match(registration.plate, /^ZZ-SY \d{4}$|^SYN \d{3}Z$/u);
      assert.match(registration.keeper_name, /^Synthetic Keeper \d+$/u);
      assert.match(registration.keeper_address, /(00000 Musterstadt|Testville ZZ0 0ZZ)$/u);
      assert.ok(registration.registered_on >= first);
    }
    for (const { starts_on, ends_on } of warrantiesOf(car))
      assert.ok(starts_on >= first && ends_on > starts_on);
    for (const { occurred_on, text } of damageOf(car) ?? [])
      assert.ok(occurred_on > first && text.includes("exemple"));
    const valuation = valuationOf(car);
    assert.ok(
      !valuation || (valuation.low_minor > 0 && valuation.low_minor < valuation.high_minor),
      car.vin,
    );
    assert.equal(Boolean(energyOf(car)), Boolean(car.identity.fuel && car.identity.model_year));
  }
});

test("an odometer runs backwards in clocked cars and in no others", () => {
  for (const { vin, cases } of rows) {
    const kms = inspectionsOf(
      vehicles.find((car) => car.vin === vin),
      12,
    ).map(({ km }) => km);
    const falls = kms.some((km, n) => n > 0 && km < kms[n - 1]);
    assert.equal(falls, cases.includes("clocked"), vin);
  }
});
