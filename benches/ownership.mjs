/**
 * Processor time of the document that the holder of a car gets, beside that of a member and the
 * public one, and the statements of D1 that each takes.
 *
 * See README.md for the loads and the limits. Fails if a limit is missed.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { rightsOf } from "../tests/worker/support/rights.mjs";
import { COLUMNS, deriveKeys, makeSession } from "./auth/sessions.mjs";
import { each, measure } from "./support/blocks.mjs";
import { median, rounded, spread } from "./support/figures.mjs";
import { start } from "./support/world.mjs";

/** Time after which the isolate's memory has lost a document; it keeps one for 3 seconds. */
const EVICTED_MS = 3_400;
const ROUNDS = 8;
const CARS = 300;
const SESSIONS = 100;
const TOGETHER = 8;
/** Requests of each viewer before measurements: the engine optimises hot functions. */
const WARM_UP = 6_000;
const ISSUER = "https://id.example.com";

const figures = [];
const failures = [];
const figure = (name, value, unit, of) =>
  figures.push({
    name,
    value: rounded(value, 3),
    unit,
    ...(of && { spread: rounded(spread(of), 3) }),
  });
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

/** Writes rows of a table. */
const insert = (world, table, rows) => {
  const names = Object.keys(rows[0]);
  const marks = names.map((_, at) => `?${at + 1}`);
  const sql = `INSERT INTO ${table} (${names.join()}) VALUES (${marks.join()})`;
  return world.tell({ rows: rows.map((row) => [sql, ...names.map((name) => row[name])]) });
};

/** Makes people with a session each: `{ person, headers }`. */
async function makePeople(world, rights, kind) {
  const keys = await deriveKeys(world.secrets.SESSION_KEY_1);
  const people = [];
  const rows = [];
  for (let made = 0; made < SESSIONS; made += 1) {
    const sub = `${kind}-${made}`;
    const person = rights.person({ iss: ISSUER, sub });
    const client = "kerbside-cc";
    const { cookie, row } = await makeSession(keys, {
      ...{ market: "cc", issuer: ISSUER, client, sub, person },
    });
    rows.push(Object.fromEntries(COLUMNS.map((name) => [name, row[name]])));
    people.push({ person, headers: { cookie: `__Host-Http-session=${cookie}` } });
  }
  await insert(world, "session", rows);
  return people;
}

/** Makes cars that are in the stores, each held by one of the holders. */
async function makeCars(world, rights, holders) {
  const cars = [];
  for (let made = 0; made < CARS; made += 1) {
    const vin = `KBSZZZ99ZFM${String(made).padStart(6, "0")}`;
    const options = { method: "POST", body: JSON.stringify({ vin }) };
    const { text } = await world.ask("kerbside", "/api/v1/cc/lookups", options);
    const { href, id } = JSON.parse(text).vehicle;
    cars.push({ href, id, vehicle: rights.vehicle(vin), at: made % SESSIONS });
  }
  const grants = cars.map(({ id, vehicle, at }) =>
    rights.makeGrant({
      ...{ market: "cc", vehicle, vehicle_id: id, person: holders[at].person },
      keeper: rights.keeper("cc", vehicle, "bench"),
    }),
  );
  await insert(world, "ownership_grant", grants);
  // The holder's request stores all facets.
  await each(cars, TOGETHER, (car) =>
    world.ask("kerbside", car.href, { headers: holders[car.at].headers }),
  );
  return cars;
}

/** Requests a car's document; it must be whole and of the viewer's tier. */
async function ask(world, { tier, mark, headers }, car) {
  const { status, text } = await world.ask("kerbside", car.href, { headers: headers(car) });
  const isRight = [`"tier":"${tier}"`, '"complete":true', mark].every((part) =>
    text.includes(part),
  );
  if (status !== 200 || !isRight) failures.push(`${tier}: ${status} ${text.slice(0, 160)}`);
}

/** The limits of D1's statements: one read for rights, one for facets, one for the session. */
function checkStatements(tier, { operations, batches }) {
  const of = (table) => (operations[`d1 ${table}`] ?? 0) / CARS;
  const [facets, rights, sessions] = ["stored_facet", "ownership_grant", "session"].map(of);
  figure(`statements a request for facets, ${tier}`, facets, "statements");
  figure(`statements a request for rights, ${tier}`, rights, "statements");
  // Once a minute a session's end is moved.
  figure(`statements a request for the session, ${tier}`, sessions, "statements");
  figure(`calls of D1 a request, ${tier}`, batches / CARS, "calls");
  const expected = { public: [0, 0, 0], member: [1, 1, 1], owner: [1, 1, 1] }[tier];
  if (facets !== expected[0] || rights !== expected[1] || sessions > 2 * expected[2])
    failures.push(`${tier}: ${facets}, ${rights} and ${sessions} statements a request`);
}

const folder = mkdtempSync(join(tmpdir(), "kerbside-bench-"));
const plain = join(folder, "plain.mjs");
writeFileSync(plain, "export default { fetch: () => new Response() };");
const world = await start({ plain: pathToFileURL(plain), latencyMs: 1 });
try {
  const { measured } = measure(world, { together: TOGETHER });
  const rights = rightsOf({ secrets: world.secrets });
  const [holders, members] = [
    await makePeople(world, rights, "holder"),
    await makePeople(world, rights, "member"),
  ];
  const cars = await makeCars(world, rights, holders);
  const viewers = [
    { tier: "public", mark: '"open":true', headers: () => ({}) },
    { tier: "member", mark: '"reference"', headers: ({ at }) => members[at].headers },
    { tier: "owner", mark: '"invoice_number"', headers: ({ at }) => holders[at].headers },
  ];
  for (const viewer of viewers) {
    const some = Array.from({ length: WARM_UP }, (_, at) => cars[at % CARS]);
    await each(some, TOGETHER, (car) => ask(world, viewer, car));
  }
  const used = { public: [], member: [], owner: [] };
  const statements = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each viewer comes first in turn.
    const turned = viewers.map((_, at) => viewers[(at + round) % viewers.length]);
    for (const viewer of turned) {
      await pause(EVICTED_MS);
      const { cpu, ...counted } = await measured(cars, (car) => ask(world, viewer, car));
      used[viewer.tier].push(cpu);
      statements[viewer.tier] ??= counted;
    }
  }
  for (const [tier, all] of Object.entries(used))
    figure(`document, ${tier} (kerbside)`, median(all), "ms", all);
  for (const [above, below] of [
    ["member", "public"],
    ["owner", "public"],
    ["owner", "member"],
  ]) {
    const ratios = used[above].map((cpu, at) => cpu / used[below][at]);
    figure(`document, ${above} ÷ ${below}`, median(ratios), "ratio", ratios);
  }
  for (const [tier, counted] of Object.entries(statements)) checkStatements(tier, counted);
} finally {
  await world.end();
  rmSync(folder, { recursive: true, force: true });
}
writeFileSync(
  process.env.KERBSIDE_RESULT,
  `${JSON.stringify({
    load: `${TOGETHER} at a time; ${CARS} documents a round and viewer, five facets each`,
    rounds: ROUNDS,
    figures,
  })}\n`,
);
const counted = Object.entries(Object.groupBy(failures, (failure) => failure));
for (const [failure, all] of counted.slice(0, 10))
  console.error(`failure: ${failure} (${all.length} times)`);
process.exit(counted.length > 0 ? 1 : 0);
