// The scheduled job: what is past its time goes, everything else stays, and it says what it did.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { change, query } from "./support/database.mjs";
import { need, until } from "./support/portal.mjs";

const DAY_MS = 86_400_000;
/** No lookup is of this form, so no other test's car is met. */
const car = (name) => `retention-${name}`;

/** Runs the job as the clock does. */
async function schedule() {
  const answer = await fetch(new URL("/cdn-cgi/handler/scheduled", need("KERBSIDE_URL")));
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "ok");
}

const events = () =>
  readFileSync(need("KERBSIDE_LOG"), "utf8")
    .split("\n")
    .filter((line) => line.includes('"message":"retention'))
    .map((line) => JSON.parse(line));

function insert(table, rows) {
  for (const row of rows) {
    const names = Object.keys(row);
    change(
      `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
      ...Object.values(row),
    );
  }
}

const facet = (name, expires_at_ms) => ({
  market: "de",
  vehicle: car(name),
  facet: "identity",
  generation: 1,
  stored_at_ms: 2,
  expires_at_ms,
  source: "master",
  policy: 1,
  ttl_s: 1,
  stale_s: 1,
  error_s: 1,
  took_ms: 1,
  public: "{}",
});
const lease = (name, until_ms) => ({
  market: "de",
  vehicle: car(name),
  origin: "master",
  generation: until_ms - 1_000,
  until_ms,
});
const seen = (name, last_seen_ms) => ({
  market: "de",
  vehicle: car(name),
  first_seen_ms: 1,
  last_seen_ms,
});
const counted = (hour_ms) => ({
  hour_ms,
  market: "retention",
  facet: "identity",
  origin: "master",
  state: "hit",
  answers: 1,
  age_s_total: 1,
  age_s_most: 1,
});
const called = (hour_ms) => ({
  hour_ms,
  market: "retention",
  origin: "master",
  outcome: "ok",
  up_to_ms: 5,
  calls: 1,
});
const purge = (id, expires_at_ms) => ({
  id,
  market: "retention",
  hard: 1,
  generation: 1,
  expires_at_ms,
});

test("what is past its time goes, what may still be served stays", async () => {
  const now = Date.now();
  insert("stored_facet", [facet("served", now + 60_000), facet("expired", now - 120_000)]);
  // More than one batch.
  insert(
    "stored_facet",
    Array.from({ length: 1_100 }, (_, number) => facet(`old${number}`, now - DAY_MS)),
  );
  insert("lease", [lease("running", now + 60_000), lease("died", now - 2 * 3_600_000)]);
  insert("vehicle", [
    seen("served", now - 401 * DAY_MS),
    seen("forgotten", now - 401 * DAY_MS),
    seen("looked-at", now - 399 * DAY_MS),
  ]);
  insert("usage", [counted(now - 401 * DAY_MS), counted(now - 399 * DAY_MS)]);
  insert("origin_call", [called(now - 401 * DAY_MS), called(now - 399 * DAY_MS)]);
  insert("purge", [purge(900_001, now - 120_000), purge(900_002, now + 60_000)]);
  const cars = (table) =>
    query(`SELECT vehicle FROM ${table} WHERE vehicle LIKE 'retention-%' ORDER BY vehicle`).map(
      ({ vehicle }) => vehicle,
    );
  // Those of other tests' cars that are not about to end.
  const others = () =>
    query(
      "SELECT count(*) AS number FROM stored_facet WHERE vehicle NOT LIKE 'retention-%' AND expires_at_ms > ?",
      now + 60_000,
    );
  const rest = others();

  await schedule();

  assert.deepEqual(cars("stored_facet"), [car("served")]);
  assert.deepEqual(cars("lease"), [car("running")]);
  assert.deepEqual(cars("vehicle"), [car("looked-at"), car("served")]);
  assert.deepEqual(query("SELECT count(*) AS number FROM usage WHERE market = 'retention'"), [
    { number: 1 },
  ]);
  assert.deepEqual(query("SELECT count(*) AS number FROM origin_call WHERE market = 'retention'"), [
    { number: 1 },
  ]);
  assert.deepEqual(query("SELECT id FROM purge WHERE market = 'retention'"), [{ id: 900_002 }]);
  assert.deepEqual(others(), rest, "facets of real cars");

  // It says what it did, in the table and in the log.
  const [job] = query("SELECT ran_at_ms, state FROM job WHERE name = 'retention'");
  assert.ok(Math.abs(job.ran_at_ms - Date.now()) < 60_000);
  const { removed, more } = JSON.parse(job.state);
  assert.equal(more, false);
  assert.ok(removed.stored_facet >= 1_101 && removed.lease >= 1 && removed.purge >= 1, job.state);
  assert.deepEqual([removed.usage, removed.origin_call, removed.vehicle], [1, 1, 1]);
  const last = await until(
    "the event is in the log",
    () => events().at(-1),
    (event) => event?.stored_facet >= 1_101,
  );
  assert.deepEqual([last.level, last.more, last.vehicle, last.usage], ["info", false, 1, 1]);
  assert.ok(last.duration_ms >= 0);

  // Again: nothing is left to do.
  await schedule();
  const [again] = query("SELECT state FROM job WHERE name = 'retention'");
  assert.equal(JSON.parse(again.state).removed.vehicle, 0);
  for (const table of ["stored_facet", "lease", "vehicle"])
    change(`DELETE FROM ${table} WHERE vehicle LIKE 'retention-%'`);
  for (const table of ["usage", "origin_call", "purge"])
    change(`DELETE FROM ${table} WHERE market = 'retention'`);
});
