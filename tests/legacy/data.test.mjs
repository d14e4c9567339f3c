/** The committed cars: shape of VINs, honest labels, and the cases that other tests count on. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { checkDigit, reserved } from "../../legacy/lib/cars.mjs";

const { head, vehicles } = JSON.parse(readFileSync(new URL("../../legacy/data/vehicles.json", import.meta.url), "utf8"));
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
  for (const row of reserved.filter(({ market }) => market === "us")) assert.equal(row.vin[8], checkDigit(row.vin));
});

test("about 200 cars, half of them European, of many makes and years", () => {
  const european = real.filter((car) => car.form === "european").length;
  assert.ok(real.length >= 190 && european / real.length > 0.4 && european / real.length < 0.6, `${european} of ${real.length}`);
  assert.ok(new Set(real.map((car) => car.identity.make)).size >= 20);
  const years = real.map((car) => car.identity.model_year);
  assert.deepEqual([Math.min(...years), Math.max(...years)], [1996, 2025]);
  assert.ok(vehicles.some((car) => car.markets.length === 2));
  assert.ok(real.some((car) => car.label === "Porsche 911 Carrera 1996" && car.form === "european" && car.markets.includes("de")));
});

test("real cars name their source, and what is made up says so", () => {
  assert.match(head.vpic.data_month, /^\d{4}_\d{2}$/u);
  for (const car of real) {
    assert.equal(car.provenance.source, "NHTSA vPIC");
    assert.ok(car.provenance.from_vpic.includes("make") && car.provenance.made_up.includes("vin serial"));
    assert.equal(car.form === "european", "twin" in car.provenance);
  }
  for (const car of vehicles) {
    assert.equal(car.recalls.synthetic, true);
    assert.ok(!car.colour || car.colour.synthetic);
    assert.ok(!car.first_registered || car.first_registered.synthetic);
    for (const item of car.equipment) {
      assert.notEqual(Boolean(item.synthetic), Boolean(item.vpic), `${car.vin} ${item.code}: either from vPIC or synthetic`);
      assert.ok(head.equipment_codes[item.code], item.code);
      assert.match(item.availability, /^(Standard|Optional)$/u);
    }
    const references = car.recalls.items.map(({ reference }) => reference);
    for (const reference of references) assert.match(reference, /^SYN-/u);
    assert.equal(new Set(references).size, references.length, `${car.vin}: a recall once`);
  }
  for (const car of vehicles.filter(({ synthetic }) => synthetic)) assert.equal(car.provenance.source, "made up");
});

test("the cases that others count on are there, in both markets", () => {
  for (const market of ["de", "us"]) {
    const cars = vehicles.filter((car) => car.markets.includes(market));
    const states = (car) => car.recalls.items.map(({ status }) => status);
    assert.ok(cars.some((car) => states(car).length === 0), "no recalls");
    assert.ok(cars.some((car) => states(car).length && states(car).every((s) => s === "completed")), "only completed");
    assert.ok(cars.some((car) => states(car).filter((s) => s === "open").length > 1), "several open");
    assert.ok(cars.some((car) => car.equipment.length === 0), "no equipment");
    assert.ok(cars.some((car) => car.equipment.length === 1), "one piece of equipment");
    assert.ok(cars.some((car) => Object.keys(car.identity).length === 2), "nothing stated");
    assert.ok(cars.some((car) => car.synthetic && /[&<>"']/u.test(JSON.stringify(Object.values(car.identity)))), "special characters");
  }
  for (const car of real) assert.doesNotMatch(car.label, /[&<>"]/u);
});
