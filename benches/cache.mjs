/**
 * What the public document costs from each store, in processor time, beside a plain JavaScript Worker that gets a value of the same
 * length from KV and returns it with the same headers; both in one workerd. Counts what is asked of the stores.
 *
 * See README.md for the loads and the limits. Fails where a limit is missed.
 */
import { writeFileSync } from "node:fs";

import { median, rounded, spread } from "./support/figures.mjs";
import { start } from "./support/world.mjs";

const LIMIT = 1.3;
/** A car that was asked for is remembered by the isolate for 3 seconds; after this long it no longer is. */
const FORGOTTEN_MS = 3_400;

const CARS = 1_500;
const ROUNDS = 9;
const BATCH = 750;
const TURN = 75;
/** Requests to each Worker before anything counts: the engine compiles wasm anew that is used much, some of it after ten thousand calls. */
const WARM_UP = 20_000;
const FEW_CARS = 40;
const SLOW_ROUNDS = 5;
const SLOW_BATCH = 100;
const TOGETHER = 8;

const faults = [];
const figures = [];
const figure = (name, value, unit, of) => figures.push({ name, value: rounded(value, 3), unit, ...(of && { spread: rounded(spread(of), 3) }) });
const world = await start({ plain: new URL("cache/plain.mjs", import.meta.url), latencyMs: 1 });
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

// ---- Cars
// ----------------------------------------------------------------------------------------------------------------

let made = 0;
/** A car that nobody has asked for: where its document is in each Worker. */
async function car() {
  made += 1;
  const vin = `KBSZZZ99ZFK${String(made).padStart(6, "0")}`;
  const { text } = await world.ask("kerbside", "/api/v1/cc/lookups", { method: "POST", body: JSON.stringify({ vin }) });
  return { kerbside: JSON.parse(text).vehicle.href, plain: `/plain:${made}`, askedAt: 0 };
}

async function cars(count) {
  const all = [];
  for (let i = 0; i < count; i += 1) all.push(await car());
  return all;
}

/** Does `work` for each item, so many at the same time. */
async function each(items, together, work) {
  const left = items.values();
  await Promise.all(Array.from({ length: together }, async () => {
    for (const item of left) await work(item);
  }));
}

/** Asks for a document; its `Cache-Status` must begin as expected. */
async function view(which, one, expected = "kerbside; hit") {
  const answer = await world.ask(which, one[which]);
  const isRight = answer.status === 200 && answer.text.includes('"complete":true') && answer.headers["cache-status"]?.startsWith(expected);
  if (!isRight) faults.push(`${which}: ${answer.status} ${answer.headers["cache-status"]} where ${expected} was expected: ${answer.text.slice(0, 120)}`);
  if (which === "kerbside") one.askedAt = performance.now();
  return answer;
}

/** Waits until the isolate has forgotten these cars. */
async function forgotten(list) {
  const latest = Math.max(...list.map(({ askedAt }) => askedAt));
  await pause(Math.max(0, latest + FORGOTTEN_MS - performance.now()));
}

// ---- What is measured
// ----------------------------------------------------------------------------------------------------

/** Milliseconds of processor time a piece of `work`, and what the stores were asked meanwhile. */
async function measured(items, work, settleMs = 20) {
  await world.tell({ reset: true });
  const before = world.cpuMs();
  await each(items, TOGETHER, work);
  // What follows the answers is part of what they cost.
  await pause(settleMs);
  const cpu = (world.cpuMs() - before) / items.length;
  return { cpu, ...(await world.tell({ reset: true })) };
}

const of = (operations, pattern) => Object.entries(operations).filter(([name]) => pattern.test(name)).reduce((sum, [, times]) => sum + times, 0);

/** Counts of what was answered go to D1 in the background, every twenty seconds: no request waits for them or makes them alone. */
const COUNTS = /^d1 (?:usage|origin_call|vehicle)$/;
const STATEMENTS = /^d1 (?!(?:usage|origin_call|vehicle)$)/;

/** The same headers and a body of the same length: that is the comparison. */
async function compare(one) {
  const [ours, plain] = [await view("kerbside", one), await view("plain", one)];
  const names = (answer) => Object.keys(answer.headers).sort().join();
  if (names(ours) !== names(plain)) faults.push(`the plain Worker has the headers ${names(plain)}, ours ${names(ours)}`);
  const length = (answer, skip) => Object.entries(answer.headers).reduce((sum, [name, value]) => sum + (skip.includes(name) ? 0 : value.length), 0);
  const [a, b] = [ours, plain].map((answer) => length(answer, ["date"]));
  if (Math.abs(a - b) > 16) faults.push(`the plain Worker's headers have ${b} characters, ours ${a}`);
  // Ages have more digits after a minute.
  if (Math.abs(ours.text.length - plain.text.length) > 16) faults.push(`the plain Worker's document has ${plain.text.length} bytes, ours ${ours.text.length}`);
  return ours.text.length;
}

/**
 * Milliseconds of processor time a request of each Worker, taking turns so often that what else the machine does meets both, and in
 * turns who comes first. `pairs` has both of each turn.
 */
async function turns(items, work) {
  const pairs = [];
  const asked = {};
  for (let from = 0; from < items.length; from += TURN) {
    const turn = items.slice(from, from + TURN);
    const pair = {};
    for (const which of pairs.length % 2 === 0 ? ["plain", "kerbside"] : ["kerbside", "plain"]) {
      const { cpu, operations } = await measured(turn, (one) => work(which, one));
      pair[which] = cpu;
      if (which === "kerbside") for (const [name, times] of Object.entries(operations)) asked[name] = (asked[name] ?? 0) + times;
    }
    pairs.push(pair);
  }
  const mean = (which) => pairs.reduce((sum, pair) => sum + pair[which], 0) / pairs.length;
  return { plain: mean("plain"), kerbside: mean("kerbside"), pairs, asked };
}

async function hot(known) {
  const rounds = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const from = ((round + 1) * BATCH) % CARS;
    const batch = known.slice(from, from + BATCH);
    await forgotten(batch);
    const used = await turns(batch, view);
    if (round >= 0) rounds.push(used);
  }
  const all = (which) => rounds.map((round) => round[which]);
  // Of each turn: what disturbs the machine for a moment spoils a few of them, and no round.
  const ratios = rounds.flatMap(({ pairs }) => pairs.map(({ kerbside, plain }) => kerbside / plain));
  const asked = (pattern) => rounds.reduce((sum, round) => sum + of(round.asked, pattern), 0);
  const [requests, reads, writes, statements] = [ROUNDS * BATCH, asked(/^kv-cache read/), asked(/^kv-cache write/), asked(STATEMENTS)];
  figure("KV hit (kerbside)", median(all("kerbside")), "ms", all("kerbside"));
  figure("KV hit (plain)", median(all("plain")), "ms", all("plain"));
  figure("KV hit: kerbside ÷ plain", median(ratios), "ratio", rounds.map(({ kerbside, plain }) => kerbside / plain));
  figure("KV hit: reads of KV a request", reads / requests, "reads");
  figure("KV hit: D1 statements in all", statements, "statements");
  figure("KV hit: statements that save counts, in all", asked(COUNTS), "statements");
  figure("KV hit: reads of markets in all", asked(/^kv-markets read/), "reads");
  if (median(ratios) > LIMIT) faults.push(`a KV hit takes ${median(ratios).toFixed(2)} times the processor time of the plain Worker; the limit is ${LIMIT}`);
  if (reads !== requests) faults.push(`${requests} KV hits made ${reads} reads of KV; it must be one each`);
  if (statements + writes > 0) faults.push(`${requests} KV hits made ${statements} D1 statements and ${writes} writes of KV; it must be none`);
}

async function warmUp(known) {
  const items = Array.from({ length: WARM_UP }, (_, i) => known[i % CARS]);
  for (const which of ["plain", "kerbside"]) await each(items, TOGETHER, (one) => view(which, one));
}

/** The least that each Worker does. */
async function least() {
  const rounds = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const used = await turns(Array.from({ length: BATCH }), async (which) => {
      const { status } = await world.ask(which, "/healthz");
      if (status !== 200) faults.push(`${which}: /healthz answered ${status}`);
    });
    if (round >= 0) rounds.push(used);
  }
  for (const [which, name] of [["kerbside", "a constant, /healthz"], ["plain", "a constant"]]) {
    const all = rounds.map((round) => round[which]);
    figure(`${name} (${which})`, median(all), "ms", all);
  }
}

async function memory(known) {
  const used = [];
  const few = known.slice(0, FEW_CARS);
  const items = Array.from({ length: BATCH }, (_, i) => few[i % few.length]);
  for (let round = -1; round < ROUNDS; round += 1) {
    await forgotten(few);
    await each(few, TOGETHER, (one) => view("kerbside", one));
    const { cpu, operations } = await measured(items, (one) => view("kerbside", one));
    const asked = of(operations, /^kv-cache /) + of(operations, STATEMENTS);
    if (round >= 0) used.push(cpu);
    if (asked > 0) faults.push(`${items.length} requests for cars that the isolate remembers asked the stores ${asked} times`);
  }
  figure("isolate-memory hit (kerbside)", median(used), "ms", used);
}

async function slower(known) {
  const [recorded, missed] = [[], []];
  for (let round = -1; round < SLOW_ROUNDS; round += 1) {
    const batch = known.slice((round + 1) * SLOW_BATCH, (round + 2) * SLOW_BATCH);
    await forgotten(batch);
    await world.tell({ empty: "kv-cache" });
    const hit = await measured(batch, (one) => view("kerbside", one), 300);
    const fresh = await cars(SLOW_BATCH);
    const miss = await measured(fresh, (one) => view("kerbside", one, "kerbside; fwd=miss"), 300);
    if (Object.keys(hit.requests).length > 0) faults.push("what D1 has was asked of origins");
    if (round >= 0) recorded.push(hit.cpu), missed.push(miss.cpu);
  }
  figure("D1 hit (kerbside)", median(recorded), "ms", recorded);
  figure("miss, four origins asked and kept (kerbside)", median(missed), "ms", missed);
}

let documentBytes;
try {
  const known = await cars(CARS);
  await each(known, TOGETHER, async (one) => {
    const { text } = await view("kerbside", one, "kerbside; fwd=miss");
    one.text = text;
  });
  await pause(500);
  // The plain Worker's values are the documents of the same cars, word for word.
  for (let at = 0; at < CARS; at += 250) await world.tell({ put: Object.fromEntries(known.slice(at, at + 250).map((one) => [one.plain.slice(1), one.text])) });
  await forgotten(known);
  documentBytes = await compare(known[0]);
  await warmUp(known);
  await least();
  await hot(known);
  await memory(known);
  await slower(known);
} finally {
  await world.end();
}
writeFileSync(process.env.KERBSIDE_RESULT, `${JSON.stringify({
  load: `documents of ${documentBytes} bytes, ${TOGETHER} at a time; ${BATCH} requests a round, ${SLOW_BATCH} where stores are missed`,
  rounds: ROUNDS,
  figures,
})}\n`);
const counted = Object.entries(Object.groupBy(faults, (fault) => fault)).map(([fault, all]) => (all.length > 1 ? `${fault} (${all.length} times)` : fault));
for (const fault of counted.slice(0, 10)) console.error(`not as it must be: ${fault}`);
process.exit(counted.length > 0 ? 1 : 0);
