// One origin call for many isolates: leases against real D1, in as many isolates of one workerd.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { CODE, region } from "./support/region.mjs";

const ISOLATES = 64;
const ROUNDS = 3;
const ORIGINS = ["one", "two"];

const market = (base) => ({
  deadline_ms: 10_000,
  origins: Object.fromEntries(
    ORIGINS.map((name) => [
      name,
      { protocol: "rest", url: `${base}/${name}/{vin}`, timeout_ms: 8_000 },
    ]),
  ),
  facets: {
    identity: {
      origin: "one",
      required: true,
      ttl_s: 3600,
      map: { make: { at: "/make" }, model: { at: "/model" } },
    },
    equipment: { origin: "two", ttl_s: 3600, each: "/items", map: { name: { at: "" } } },
  },
});

let here;
before(async () => {
  const answer = (name) => ({
    body: name === "one" ? { make: "Kerbside", model: "Safe" } : { items: ["ABS"] },
    after_ms: 400,
  });
  here = await region({ isolates: ISOLATES, market, answer });
  // Every isolate has compiled and read its market.
  await Promise.all(
    Array.from({ length: ISOLATES }, (_, isolate) => here.ask(`/api/v1/${CODE}`, { isolate })),
  );
});
after(() => here?.end());

for (let round = 0; round < ROUNDS; round += 1) {
  test(`${ISOLATES} isolates ask for one new car: one call an origin, and all get the document (${round + 1})`, async () => {
    const vin = `KBSZZZ99ZLE90000${round}`;
    const address = await here.address(vin);
    const answers = await Promise.all(
      Array.from({ length: ISOLATES }, (_, isolate) => here.ask(address, { isolate })),
    );
    const calls = here.asked
      .filter((call) => call.vin === vin)
      .map((call) => call.name)
      .sort();
    assert.deepEqual(calls, ORIGINS);
    for (const { status, json, text } of answers) {
      assert.equal(status, 200, text);
      assert.deepEqual(
        [json.facets.identity.model, json.facets.equipment.item_count, json.meta.complete],
        ["Safe", 1, true],
        text,
      );
    }
    const words = answers.map(({ headers }) => headers["cache-status"]);
    assert.equal(
      words.filter((word) => word.includes("stored")).length,
      1,
      "one has asked and stored",
    );
    assert.deepEqual(
      await here.sql("SELECT origin FROM lease WHERE vehicle = ?", here.lookup(vin)),
      [],
      "leases end with what they brought",
    );
  });
}
