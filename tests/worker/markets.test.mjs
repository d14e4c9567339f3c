// Markets whose systems speak records, CSV and OAuth: what is public of them is composed, converted
// and fails as everywhere.
import assert from "node:assert/strict";
import test, { after, beforeEach } from "node:test";

import {
  addressOf,
  ask,
  carsOf,
  idOf,
  originsAskedBy,
  postVin,
  reservedVins,
  resetOrigins,
  setOrigin,
  slugOf,
  statesOf,
  untilCached,
  vinOf,
} from "./support/portal.mjs";

beforeEach(() => resetOrigins());
after(() => resetOrigins());

/** What the public tier sees: which facets, and the systems that are asked for them. */
const PUBLIC = {
  gb: {
    facets: ["identity", "equipment", "energy", "recalls"],
    origins: ["gb.data", "gb.register"],
  },
  fr: { facets: ["identity", "energy"], origins: ["fr.energy", "fr.master"] },
};
const document = async (market, label) =>
  (await ask("GET", await addressOf(market, await vinOf(market, label)))).json;
/**
 * A token is asked for where none is kept, so its endpoint may be among those that were asked or
 * not.
 */
const withoutTokens = (origins) => origins.filter((name) => name !== "gb.token");

for (const [market, { facets, origins }] of Object.entries(PUBLIC)) {
  test(`${market}: a car is composed from its systems, each asked once, and then served without asking`, async () => {
    const address = await addressOf(market, await vinOf(market, "Alfa Romeo Giulia 2020"));
    const first = await ask("GET", address);
    assert.equal(first.status, 200);
    assert.deepEqual(withoutTokens(await originsAskedBy(first)), origins);
    assert.deepEqual(statesOf(first), Object.fromEntries(facets.map((facet) => [facet, "fresh"])));
    const others = Object.entries(first.json.meta.facets).filter(
      ([facet]) => !facets.includes(facet),
    );
    assert.ok(
      others.length >= 3 && others.every(([, { state, needs }]) => state === "withheld" && needs),
      JSON.stringify(others),
    );
    await untilCached(address);
    assert.deepEqual(await originsAskedBy(await ask("GET", address)), []);
    assert.equal((await ask("GET", first.json.links.page)).status, 200);
  });

  test(`${market}: a car that its register does not know is a 404`, async () => {
    const answer = await ask("GET", await addressOf(market, "WP0ZZZ99ZTS000000"));
    assert.deepEqual([answer.status, slugOf(answer)], [404, "unknown-vehicle"]);
  });

  test(`${market}: names with &, <, >, quotes and umlauts arrive as they are, whatever the encoding`, async () => {
    const { facets } = (await ask("GET", await addressOf(market, "KBSZZZ10ZFK000001"))).json;
    assert.equal(facets.identity.make, "Müßiggang & Söhne");
    assert.ok(facets.identity.model.startsWith('L\'Été "Größe"'), facets.identity.model);
  });
}

test("gb: records, horsepower and imperial gallons become what all markets have", async () => {
  const { facets } = await document("gb", "Porsche Cayman 2015");
  assert.deepEqual(
    [facets.identity.make, facets.identity.model, facets.identity.model_year],
    ["Porsche", "Cayman", 2015],
  );
  assert.equal(facets.identity.power.unit, "kW");
  assert.ok(
    facets.identity.power.value > 190 && facets.identity.power.value < 260,
    JSON.stringify(facets.identity.power),
  );
  assert.ok(
    facets.energy.consumption.value > 7 && facets.energy.consumption.value < 10,
    JSON.stringify(facets.energy),
  );
  assert.equal(facets.energy.consumption.unit, "l/100km");
  assert.equal(typeof facets.recalls.open, "boolean");
});

test("fr: metric horsepower and labels become what all markets have", async () => {
  const { facets } = await document("fr", "Porsche Cayman 2015");
  const british = (await document("gb", "Porsche Cayman 2015")).facets.identity;
  assert.ok(
    Math.abs(facets.identity.power.value - british.power.value) <= 1,
    "the same car in two markets",
  );
  assert.deepEqual(facets.identity.displacement, british.displacement);
  assert.match(facets.energy.label, /^[A-G]$/);
});

test("gb: without a token nothing of its service is known, and all the rest is", async () => {
  // Kept tokens would do; a refused one is dropped, and no other is to be had.
  await setOrigin("gb.token", { fault: "500" });
  await setOrigin("gb.data", { fault: "500" });
  const answer = await ask(
    "GET",
    await addressOf("gb", await vinOf("gb", "Subaru Outback Limited 2015")),
  );
  const states = statesOf(answer);
  assert.deepEqual(
    [states.identity, states.equipment, states.energy, states.recalls],
    ["fresh", "unavailable", "unavailable", "unavailable"],
  );
});

test("a VIN for each market is looked up in that market only", async () => {
  const american = await vinOf("us", "Honda Civic LX 2020");
  const { json } = await postVin("gb", american);
  assert.equal((await ask("GET", `/api/v1/gb/vehicles/${json.vehicle.id}`)).status, 404);
});

// The last test: afterwards the breakers are open.
test(
  "every reserved VIN of their public systems brings out its fault",
  { concurrency: 4 },
  async (t) => {
    const reserved = await reservedVins();
    const LATE = ["slow", "hang", "stalled"];
    const check = async (origin) => {
      const market = origin.slice(0, 2);
      const cars = await carsOf(market, 20, 9);
      const rows = reserved.filter((row) => row.origin === origin);
      assert.equal(rows.length, 9);
      // 429 asks to be left alone for seconds; before each other fault a success, so that the
      // failures are not in a row.
      for (const { vin, fault } of rows.sort(
        (a, b) => Number(a.fault === "429") - Number(b.fault === "429"),
      )) {
        assert.equal((await ask("GET", await addressOf(market, cars.pop()))).status, 200);
        const answer = await ask("GET", `/api/v1/${market}/vehicles/${await idOf(market, vin)}`);
        if (/\.(register|master)$/.test(origin)) {
          assert.equal(
            answer.status,
            LATE.includes(fault) ? 504 : fault === "429" ? 503 : 502,
            `${fault} ${answer.text}`,
          );
          continue;
        }
        assert.equal(answer.status, 200, `${fault} ${answer.text}`);
        const isAbsent = fault === "404" && origin === "gb.data";
        const expect = isAbsent ? "absent" : LATE.includes(fault) ? "pending" : "unavailable";
        assert.deepEqual(
          [statesOf(answer).identity, statesOf(answer).energy],
          ["fresh", expect],
          fault,
        );
      }
    };
    // The required systems last: while they are left alone there is no document.
    for (const required of [false, true]) {
      const origins = Object.values(PUBLIC)
        .flatMap(({ origins }) => origins)
        .filter((name) => /\.(register|master)$/.test(name) === required);
      await Promise.all(origins.map((origin) => t.test(origin, () => check(origin))));
    }
  },
);
