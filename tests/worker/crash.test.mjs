// workerd is killed again and again while it writes: what is stored is never wrong, only missing or
// old.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { numberOf, region } from "./support/region.mjs";

const KILLS = Number(process.env.KERBSIDE_KILLS ?? 200);
const CARS = Array.from(
  { length: 40 },
  (_, number) => `KBSZZZ99ZCR9${String(number).padStart(5, "0")}`,
);
const TOGETHER = 12;

/**
 * Two origins, three facets; two of these from one answer. Nothing stays fresh for long, so that
 * everything is written again and again.
 */
const market = (base) => ({
  deadline_ms: 3_000,
  origins: Object.fromEntries(
    ["one", "two"].map((name) => [
      name,
      {
        protocol: "rest",
        url: `${base}/${name}/{vin}`,
        timeout_ms: 2_500,
        breaker: { failures: 1_000, open_s: 1 },
      },
    ]),
  ),
  facets: {
    identity: {
      origin: "one",
      required: true,
      ttl_s: 1,
      stale_s: 3_600,
      error_s: 86_400,
      map: { make: { at: "/make" }, model: { at: "/model" }, trim: { at: "/trim" } },
    },
    equipment: {
      origin: "one",
      ttl_s: 1,
      stale_s: 3_600,
      error_s: 86_400,
      each: "/items",
      map: { name: { at: "/name" }, code: { at: "/code" } },
    },
    recalls: {
      origin: "two",
      ttl_s: 1,
      stale_s: 3_600,
      error_s: 86_400,
      each: "/recalls",
      map: {
        reference: { at: "/no" },
        title: { at: "/title" },
        status: { at: "/state", codes: { O: "open" } },
      },
    },
  },
});

/** The latest version that each origin has told of each car. */
const told = new Map();
/** The version that each row had when it was last looked at. */
const seen = new Map();
let isDown = false;

/**
 * An answer in which every value carries the car and the version, so that none can come from
 * elsewhere unseen.
 */
function answer(name, vin) {
  if (isDown) return undefined;
  const version = (told.get(`${name} ${vin}`) ?? 0) + 1;
  told.set(`${name} ${vin}`, version);
  const mark = `${vin.slice(-6)}.${version}`;
  const after_ms = numberOf(mark) % 12;
  if (name === "two")
    return { body: { recalls: [{ no: mark, title: mark, state: "O" }] }, after_ms };
  const items = Array.from({ length: version % 5 }, () => ({ name: mark, code: mark }));
  return { body: { make: "Kerbside", model: mark, trim: mark, items }, after_ms };
}

let here;
before(async () => {
  here = await region({ market, answer });
});
after(() => here?.end());

/** Random, the same in every run. */
let drawn = 0;
const draw = (below) => numberOf(`${(drawn += 1)}`) % below;

/** Holds every row against what its origin has told; gives the number of rows. */
async function check() {
  const byLookup = new Map(CARS.map((vin) => [here.lookup(vin), vin]));
  const rows = await here.sql("SELECT * FROM stored_facet");
  for (const row of rows) {
    const vin = byLookup.get(row.vehicle);
    assert.ok(vin, "a row of no car");
    const whole = await here.open(row);
    const values =
      row.facet === "identity"
        ? [whole.model, whole.trim]
        : whole.items.flatMap(({ name, code, reference, title }) => [
            name ?? reference,
            code ?? title,
          ]);
    const most = told.get(`${row.source} ${vin}`);
    const versions = new Set(values.map((value) => value.split(".")[1]));
    assert.ok(versions.size <= 1, `two versions in one facet: ${JSON.stringify(whole)}`);
    assert.ok(
      values.every((value) => value.startsWith(`${vin.slice(-6)}.`)),
      `${vin}: ${JSON.stringify(whole)}`,
    );
    for (const version of versions)
      assert.ok(Number(version) >= 1 && Number(version) <= most, `version ${version} of ${most}`);
    // What was recorded is not lost, nor replaced by what is older.
    const [version] = versions;
    if (version) {
      const place = `${row.facet} ${vin}`;
      assert.ok(
        Number(version) >= (seen.get(place) ?? 0),
        `${place} went back from ${seen.get(place)} to ${version}`,
      );
      seen.set(place, Number(version));
    }
    const shown = JSON.parse(row.public);
    if (row.facet === "identity")
      assert.deepEqual([shown.model, shown.trim], [whole.model, whole.trim]);
    else
      assert.equal(
        shown.item_count ?? (shown.open ? 1 : 0),
        whole.items.length,
        `${row.public} of ${JSON.stringify(whole)}`,
      );
  }
  return rows.length;
}

test(`workerd is killed ${KILLS} times while it writes; nothing that is stored is wrong`, async (t) => {
  let addresses = [];
  let rows = 0;
  let answered = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Only the cars' addresses survive in the visitors' hands, as they do in bookmarks.
    if (kill === 0) addresses = await Promise.all(CARS.map((vin) => here.address(vin)));
    // One visit first: the Worker and the stores are compiled, and what comes then writes all the
    // time.
    const visit = () =>
      here.ask(addresses[draw(CARS.length)]).then(
        ({ status }) => (answered += status === 200),
        () => {},
      );
    await visit();
    let isOver = false;
    const visits = Array.from({ length: TOGETHER }, async () => {
      while (!isOver) await visit();
    });
    await new Promise((done) => setTimeout(done, draw(250)));
    isOver = true;
    await here.kill();
    await Promise.all(visits);
    await here.start();
    if (kill % 10 === 9 || kill === KILLS - 1) rows = await check();
  }
  // With the origins gone only what is stored can be shown; it is what D1 or, where a kill came
  // between, an older KV has.
  isDown = true;
  // What was written last stays fresh for a second, and up to a tenth more.
  await new Promise((go) => setTimeout(go, 1_500));
  let found = 0;
  for (const [at, address] of addresses.entries()) {
    const { status, json } = await here.ask(address);
    if (status !== 200) continue;
    const vin = CARS[at];
    const [mark, version] = json.facets.identity.model.split(".");
    assert.equal(mark, vin.slice(-6));
    assert.equal(json.facets.identity.trim, json.facets.identity.model);
    assert.ok(Number(version) <= told.get(`one ${vin}`));
    assert.equal(json.meta.facets.identity.state, "stale");
    found += 1;
  }
  t.diagnostic(
    `${answered} answers before kills, ${rows} rows at the end, ${found} of ${CARS.length} cars shown from the stores`,
  );
  assert.ok(
    rows > CARS.length && found > CARS.length / 2 && answered > KILLS,
    "the test has hardly written anything",
  );
});
