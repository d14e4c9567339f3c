/**
 * Processor time of the public document from each store, beside a plain JavaScript Worker that gets
 * a value of the same length from KV and returns it with the same headers; both in one workerd.
 * Counts the operations on the stores.
 *
 * See README.md for the loads and the limits. Fails if a limit is missed.
 */
import { writeFileSync } from "node:fs";

import { each, measure } from "./support/blocks.mjs";
import { median, rounded, spread } from "./support/figures.mjs";
import { start } from "./support/world.mjs";

/** Limit of the ratio of a KV hit to the plain Worker. */
const LIMIT = 1.5;
/** Time after which the isolate's memory has lost a document; it keeps one for 3 seconds. */
const EVICTED_MS = 3_400;

const CARS = 1_500;
const ROUNDS = 9;
const BATCH = 750;
/** Requests to one Worker before the other takes over. */
const BLOCK = 75;
/**
 * Requests to each Worker before measurements: the engine optimises hot wasm functions, some of
 * them after ten thousand calls.
 */
const WARM_UP = 20_000;
const FEW_CARS = 40;
const SLOW_ROUNDS = 5;
const SLOW_BATCH = 100;
const TOGETHER = 8;

const failures = [];
const figures = [];
const figure = (name, value, unit, of) =>
  figures.push({
    name,
    value: rounded(value, 3),
    unit,
    ...(of && { spread: rounded(spread(of), 3) }),
  });
const world = await start({ plain: new URL("cache/plain.mjs", import.meta.url), latencyMs: 1 });
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

// ---- Cars

let made = 0;
/** Makes an unknown car; returns the address of its document in each Worker. */
async function makeCar() {
  made += 1;
  const vin = `KBSZZZ99ZFK${String(made).padStart(6, "0")}`;
  const { text } = await world.ask("kerbside", "/api/v1/cc/lookups", {
    method: "POST",
    body: JSON.stringify({ vin }),
  });
  return { kerbside: JSON.parse(text).vehicle.href, plain: `/plain:${made}`, requestedAt: 0 };
}

async function makeCars(count) {
  const all = [];
  for (let i = 0; i < count; i += 1) all.push(await makeCar());
  return all;
}

/** Requests a document, whose `Cache-Status` must begin as expected. */
async function get(which, one, expected = "kerbside; hit") {
  const answer = await world.ask(which, one[which]);
  const isRight =
    answer.status === 200 &&
    answer.text.includes('"complete":true') &&
    answer.headers["cache-status"]?.startsWith(expected);
  if (!isRight)
    failures.push(
      `${which}: ${answer.status} ${answer.headers["cache-status"]} where ${expected} was ` +
        `expected: ${answer.text.slice(0, 120)}`,
    );
  if (which === "kerbside") one.requestedAt = performance.now();
  return answer;
}

/** Waits until the isolate's memory has lost the documents of these cars. */
async function untilEvicted(list) {
  const latest = Math.max(...list.map(({ requestedAt }) => requestedAt));
  await pause(Math.max(0, latest + EVICTED_MS - performance.now()));
}

// ---- Measurements

const { measured, alternate } = measure(world, { together: TOGETHER, block: BLOCK });

/** Adds up the operations whose names match. */
const countOf = (operations, pattern) =>
  Object.entries(operations)
    .filter(([name]) => pattern.test(name))
    .reduce((sum, [, times]) => sum + times, 0);

/** Statements of usage counts, which go to D1 in the background every twenty seconds. */
const COUNTS = /^d1 (?:usage|origin_call|vehicle)$/;
/** Statements of requests. */
const STATEMENTS = /^d1 (?!(?:usage|origin_call|vehicle)$)/;

/** Checks that both Workers answer with the same headers and a body of the same length. */
async function compare(one) {
  const [ours, plain] = [await get("kerbside", one), await get("plain", one)];
  const names = (answer) => Object.keys(answer.headers).sort().join();
  if (names(ours) !== names(plain))
    failures.push(`the plain Worker has the headers ${names(plain)}, ours ${names(ours)}`);
  const length = (answer, skip) =>
    Object.entries(answer.headers).reduce(
      (sum, [name, value]) => sum + (skip.includes(name) ? 0 : value.length),
      0,
    );
  const [a, b] = [ours, plain].map((answer) => length(answer, ["date"]));
  if (Math.abs(a - b) > 16)
    failures.push(`the plain Worker's headers have ${b} characters, ours ${a}`);
  // Ages have more digits after a minute.
  if (Math.abs(ours.text.length - plain.text.length) > 16)
    failures.push(
      `the plain Worker's document has ${plain.text.length} bytes, ours ${ours.text.length}`,
    );
  return ours.text.length;
}

async function hot(known) {
  const rounds = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const from = ((round + 1) * BATCH) % CARS;
    const batch = known.slice(from, from + BATCH);
    await untilEvicted(batch);
    const used = await alternate(batch, get);
    if (round >= 0) rounds.push(used);
  }
  const all = (which) => rounds.map((round) => round[which]);
  // Ratios of blocks: a short disturbance of the machine spoils a few of them, but no round.
  const ratios = rounds.flatMap(({ pairs }) =>
    pairs.map(({ kerbside, plain }) => kerbside / plain),
  );
  const countAll = (pattern) =>
    rounds.reduce((sum, round) => sum + countOf(round.requested, pattern), 0);
  const [requests, reads, writes, statements] = [
    ROUNDS * BATCH,
    countAll(/^kv-cache read/),
    countAll(/^kv-cache write/),
    countAll(STATEMENTS),
  ];
  figure("KV hit (kerbside)", median(all("kerbside")), "ms", all("kerbside"));
  figure("KV hit (plain)", median(all("plain")), "ms", all("plain"));
  figure(
    "KV hit: kerbside ÷ plain",
    median(ratios),
    "ratio",
    rounds.map(({ kerbside, plain }) => kerbside / plain),
  );
  figure("KV hit: reads of KV a request", reads / requests, "reads");
  figure("KV hit: D1 statements in all", statements, "statements");
  figure("KV hit: statements that save counts, in all", countAll(COUNTS), "statements");
  figure("KV hit: reads of markets in all", countAll(/^kv-markets read/), "reads");
  if (median(ratios) > LIMIT)
    failures.push(
      `a KV hit takes ${median(ratios).toFixed(2)} times the processor time of the plain Worker; ` +
        `the limit is ${LIMIT}`,
    );
  if (reads !== requests)
    failures.push(`${requests} KV hits made ${reads} reads of KV; it must be one each`);
  if (statements + writes > 0)
    failures.push(
      `${requests} KV hits made ${statements} D1 statements and ${writes} writes of KV; ` +
        "it must be none",
    );
}

async function warmUp(known) {
  const items = Array.from({ length: WARM_UP }, (_, i) => known[i % CARS]);
  for (const which of ["plain", "kerbside"]) await each(items, TOGETHER, (one) => get(which, one));
}

/** Measures the smallest request of each Worker: a constant. */
async function constant() {
  const rounds = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const used = await alternate(Array.from({ length: BATCH }), async (which) => {
      const { status } = await world.ask(which, "/healthz");
      if (status !== 200) failures.push(`${which}: /healthz answered ${status}`);
    });
    if (round >= 0) rounds.push(used);
  }
  for (const [which, name] of [
    ["kerbside", "a constant, /healthz"],
    ["plain", "a constant"],
  ]) {
    const all = rounds.map((round) => round[which]);
    figure(`${name} (${which})`, median(all), "ms", all);
  }
}

async function memory(known) {
  const used = [];
  const few = known.slice(0, FEW_CARS);
  const items = Array.from({ length: BATCH }, (_, i) => few[i % few.length]);
  for (let round = -1; round < ROUNDS; round += 1) {
    await untilEvicted(few);
    await each(few, TOGETHER, (one) => get("kerbside", one));
    const { cpu, operations } = await measured(items, (one) => get("kerbside", one));
    const count = countOf(operations, /^kv-cache /) + countOf(operations, STATEMENTS);
    if (round >= 0) used.push(cpu);
    if (count > 0)
      failures.push(
        `${items.length} requests for cars that the isolate remembers made ${count} operations ` +
          "on the stores",
      );
  }
  figure("isolate-memory hit (kerbside)", median(used), "ms", used);
}

async function slower(known) {
  const [recorded, missed] = [[], []];
  for (let round = -1; round < SLOW_ROUNDS; round += 1) {
    const batch = known.slice((round + 1) * SLOW_BATCH, (round + 2) * SLOW_BATCH);
    await untilEvicted(batch);
    await world.tell({ empty: "kv-cache" });
    const hit = await measured(batch, (one) => get("kerbside", one), 300);
    const fresh = await makeCars(SLOW_BATCH);
    const miss = await measured(fresh, (one) => get("kerbside", one, "kerbside; fwd=miss"), 300);
    if (Object.keys(hit.requests).length > 0)
      failures.push("origins were called for what D1 holds");
    if (round >= 0) (recorded.push(hit.cpu), missed.push(miss.cpu));
  }
  figure("D1 hit (kerbside)", median(recorded), "ms", recorded);
  figure("miss, four origins called and stored (kerbside)", median(missed), "ms", missed);
}

let documentBytes;
try {
  const known = await makeCars(CARS);
  await each(known, TOGETHER, async (one) => {
    const { text } = await get("kerbside", one, "kerbside; fwd=miss");
    one.text = text;
  });
  await pause(500);
  // The plain Worker serves the same documents.
  for (let at = 0; at < CARS; at += 250)
    await world.tell({
      put: Object.fromEntries(
        known.slice(at, at + 250).map((one) => [one.plain.slice(1), one.text]),
      ),
    });
  await untilEvicted(known);
  documentBytes = await compare(known[0]);
  await warmUp(known);
  await constant();
  await hot(known);
  await memory(known);
  await slower(known);
} finally {
  await world.end();
}
writeFileSync(
  process.env.KERBSIDE_RESULT,
  `${JSON.stringify({
    load:
      `documents of ${documentBytes} bytes, ${TOGETHER} at a time; ${BATCH} requests a round, ` +
      `${SLOW_BATCH} where stores are missed`,
    rounds: ROUNDS,
    figures,
  })}\n`,
);
const counted = Object.entries(Object.groupBy(failures, (failure) => failure)).map(
  ([failure, all]) => (all.length > 1 ? `${failure} (${all.length} times)` : failure),
);
for (const failure of counted.slice(0, 10)) console.error(`failure: ${failure}`);
process.exit(counted.length > 0 ? 1 : 0);
