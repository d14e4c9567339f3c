// What is counted of answers, calls and cars reaches D1 in the background, and `cargo xtask report`
// prints it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import test from "node:test";

import { query } from "./support/database.mjs";
import { addressOf, ask, carsOf, need, resetOrigins, setOrigin, until } from "./support/portal.mjs";

/** Counts wait for 20 s, and the machine may be busy. */
const SAVED_MS = 40_000;

/** The number of answers of a facet by state, in all hours. */
const answersOf = (market, facet) =>
  Object.fromEntries(
    query(
      "SELECT state, sum(answers) AS answers FROM usage WHERE market = ? AND facet = ? GROUP BY state",
      market,
      facet,
    ).map(({ state, answers }) => [state, answers]),
  );
const callsOf = (market, origin) =>
  Object.fromEntries(
    query(
      "SELECT outcome, sum(calls) AS calls FROM origin_call WHERE market = ? AND origin = ? GROUP BY outcome",
      market,
      origin,
    ).map(({ outcome, calls }) => [outcome, calls]),
  );
const more = (now, before, name) => (now[name] ?? 0) - (before[name] ?? 0);

test("answers, calls and looks at a car are counted, by market, facet, origin and state, and the report shows them", async () => {
  // A market that no test before has asked for a while, so that nobody else's counts are still to
  // come.
  const market = "gb";
  const [vin, other] = await carsOf(market, 40, 2);
  // Faults of tests before may have left its systems alone: until they are asked again, and what
  // that counts is saved.
  const start = answersOf(market, "recalls");
  const warm = await addressOf(market, other);
  await until(
    "the systems of the market are asked",
    () => ask("GET", warm),
    ({ json }) => json.meta?.complete,
    SAVED_MS,
  );
  await until(
    "its counts are saved",
    () => answersOf(market, "recalls"),
    (now) => more(now, start, "fetched") >= 1,
    SAVED_MS,
  );
  const before = {
    identity: answersOf(market, "identity"),
    recalls: answersOf(market, "recalls"),
    calls: callsOf(market, "data"),
  };
  const known = new Set(query("SELECT vehicle FROM vehicle").map(({ vehicle }) => vehicle));

  const address = await addressOf(market, vin);
  await setOrigin(`${market}.data`, { fault: "500" });
  assert.equal((await ask("GET", address)).json.meta.facets.recalls.state, "unavailable");
  await resetOrigins();
  // Whoever comes before the failed call has given its lease back is told of the same failure.
  await until(
    "the lease is given back",
    () =>
      query(
        "SELECT until_ms FROM lease WHERE market = ? AND origin = 'data' AND until_ms > 0",
        market,
      ),
    (rows) => rows.length === 0,
  );
  assert.equal((await ask("GET", address)).json.meta.facets.recalls.state, "fresh");
  const { json } = await ask("GET", address);

  const now = () => ({
    identity: answersOf(market, "identity"),
    recalls: answersOf(market, "recalls"),
    calls: callsOf(market, "data"),
  });
  const counted = await until(
    "three looks are counted",
    now,
    ({ identity }) => more(identity, before.identity, "hit") >= 2,
    SAVED_MS,
  );
  assert.equal(more(counted.identity, before.identity, "fetched"), 1);
  assert.equal(more(counted.identity, before.identity, "hit"), 2);
  assert.equal(more(counted.recalls, before.recalls, "unavailable"), 1);
  assert.equal(more(counted.recalls, before.recalls, "fetched"), 1);
  assert.equal(more(counted.recalls, before.recalls, "hit"), 1);
  assert.ok(more(counted.calls, before.calls, "http_protocol_error") >= 1, "a failed call");
  assert.equal(more(counted.calls, before.calls, "ok"), 1);

  const cars = query("SELECT * FROM vehicle").filter(({ vehicle }) => !known.has(vehicle));
  assert.equal(cars.length, 1, "one car that was new");
  const [car] = cars;
  const { make, model, model_year, fuel, power } = json.facets.identity;
  assert.deepEqual(
    [
      car.market,
      car.make,
      car.model,
      car.model_year,
      car.fuel,
      car.power_value,
      car.power_unit,
      car.views,
    ],
    [
      market,
      make,
      model ?? null,
      model_year ?? null,
      fuel ?? null,
      power?.value ?? null,
      power?.unit ?? null,
      3,
    ],
  );

  const state = path.dirname(need("KERBSIDE_STATE"));
  const report = (...words) => {
    const ran = spawnSync(need("KERBSIDE_XTASK"), ["report", "--state", state, ...words], {
      encoding: "utf8",
    });
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout;
  };
  const read = JSON.parse(report("--json", "--market", market, "--hours", "2"));
  const recalls = read.facets.find(({ facet }) => facet === "recalls");
  assert.ok(
    recalls.answers >= 3 && recalls.share.unavailable > 0 && recalls.cached > 0,
    JSON.stringify(recalls),
  );
  const origin = read.origins.find(({ origin }) => origin === "data");
  assert.ok(
    origin.p50_ms > 0 && origin.p50_ms <= origin.p95_ms && origin.p95_ms <= origin.p99_ms,
    JSON.stringify(origin),
  );
  assert.ok(
    origin.error_share > 0 && origin.errors.http_protocol_error >= 1,
    JSON.stringify(origin),
  );
  assert.ok(
    read.models.some((one) => one.make === make && one.views >= 3),
    JSON.stringify(read.models),
  );
  assert.ok(read.facets.every((facet) => facet.market === market));
  const text = report();
  for (const title of [
    "Models most looked at",
    "How facets were answered",
    "Origins",
    "Staleness served",
    "Retention: ",
  ])
    assert.ok(text.includes(title), text);
});
