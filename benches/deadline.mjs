/**
 * Time to the document while an optional origin hangs, compared with the market's deadline, and the
 * fate of the late response.
 *
 * Every request is the first one for its car. Requests with and without a hang, one and five at a
 * time, alternate within each round. Fails if the 99th percentile is 50 ms or more over the
 * deadline, or if a response is not as expected.
 */
import { readFileSync } from "node:fs";

import { median, percentile, rounded, spread, table } from "./support/figures.mjs";
import { addressOf, ask, report, tell } from "./support/portal.mjs";

const MARKET = "de";
const REQUIRED = "identity";
const OVERSHOOT_LIMIT_MS = 50;
const ROUNDS = 5;
const AT_ONCE = 5;
/** The origin that hangs in a round, and the facet that it feeds. */
const HANGING = [
  ["de.equipment", "equipment"],
  ["de.recalls", "recalls"],
];
/** Time within which late responses are stored after the hang has ended. */
const SETTLE_MS = 1_000;

const text = readFileSync(new URL(`../markets/${MARKET}.toml`, import.meta.url), "utf8");
const deadline = Number(/^deadline_ms = (\d+)/m.exec(text)[1]);

const modes = [
  { name: "hang, one at a time", hang: true, together: 1, cars: 7 },
  { name: "no hang, one at a time", hang: false, together: 1, cars: 5 },
  { name: "hang, 5 at a time", hang: true, together: AT_ONCE, cars: 5 },
  { name: "no hang, 5 at a time", hang: false, together: AT_ONCE, cars: 5 },
].map((mode) => ({ ...mode, rounds: [], expected: 0 }));

const faults = [];
const waiting = [];

// ---- Responses

/**
 * Describes the fault of a first response, null if it is as expected; `late` is the facet that
 * cannot be there yet.
 */
function wrongWith({ status, headers, json }, late) {
  if (status !== 200) return `${status} ${json?.type}`;
  const states = Object.entries(json.meta.facets).map(([facet, { state }]) => [facet, state]);
  const wrong = states.find(([facet, state]) =>
    facet === late ? state !== "pending" : !isSettled(state),
  );
  if (wrong) return `${wrong[0]} is ${wrong[1]}`;
  if (!json.facets[REQUIRED]?.make) return `${REQUIRED} is not there`;
  if (json.meta.complete !== !late) return `complete is ${json.meta.complete}`;
  if (late && headers["cache-control"] !== "private, no-store")
    return `Cache-Control is ${headers["cache-control"]}`;
  return null;
}

/** True for a facet that is present, known to be absent, or above the public tier. */
const isSettled = (state) => ["fresh", "absent", "withheld"].includes(state);

/** Returns the time that the Worker reports in Server-Timing. */
function inside(headers) {
  return Math.max(
    ...[...(headers["server-timing"] ?? "").matchAll(/dur=([\d.]+)/g)].map((match) =>
      Number(match[1]),
    ),
  );
}

// ---- Load

const rows = await tell("GET", "/vins");
const cars = rows.filter((row) => row.market === MARKET && !row.synthetic).map((row) => row.vin);
const take = () =>
  cars.shift() ??
  (() => {
    throw new Error(`the stand-ins know too few cars of ${MARKET}`);
  })();
const delay = (ms) => new Promise((done) => setTimeout(done, ms));

async function batch(mode, [origin, facet], together) {
  const addresses = [];
  for (let i = 0; i < together; i += 1) addresses.push(await addressOf(MARKET, take()));
  if (mode.hang) await tell("PUT", `/origins/${origin}`, { fault: "hang" });
  const answers = await Promise.all(addresses.map((address) => ask("GET", address)));
  // Ends the hang: the origin answers held requests now, after the documents and before its own
  // time limit.
  if (mode.hang) await tell("PUT", `/origins/${origin}`, { fault: null });
  for (const answer of answers) {
    const wrong = wrongWith(answer, mode.hang ? facet : null);
    if (wrong) faults.push(`${mode.name}: ${wrong}`);
    else mode.expected += 1;
  }
  waiting.push(...addresses.map((address) => ({ address, late: mode.hang ? facet : null })));
  return answers.map(({ ms, headers }) => ({ ms, inside: inside(headers) }));
}

async function round(mode, hanging) {
  const samples = [];
  for (let left = mode.cars; left > 0; left -= mode.together)
    samples.push(...(await batch(mode, hanging, mode.together)));
  mode.rounds.push(samples);
}

/** Times of the same client, proxy and runtime with next to no work behind them, at each load. */
const overheads = new Map([
  [1, []],
  [AT_ONCE, []],
]);
async function measureOverheads() {
  const one = async () => (await ask("GET", "/healthz")).ms;
  for (const [together, samples] of overheads) {
    for (let i = 0; i < 10; i += 1)
      samples.push(...(await Promise.all(Array.from({ length: together }, one))));
  }
}

await tell("POST", "/reset");
// The isolate's own first request is not a car's first request.
for (const fault of [null, "hang"])
  await batch({ name: "warm-up", hang: fault === "hang" }, HANGING[0], 1);
for (let number = 0; number < ROUNDS; number += 1) {
  await measureOverheads();
  for (const mode of modes) await round(mode, HANGING[number % HANGING.length]);
}

// ---- Late responses

const asked = async () =>
  Object.entries(await tell("GET", "/origins"))
    .filter(([name]) => name.startsWith(`${MARKET}.`))
    .map(([name, { requests }]) => [name, requests]);
await delay(SETTLE_MS);
const before = await asked();
const again = [];
/** Later states of the facets that were pending: number of cars by state. */
const late = new Map();
for (const { address, late: facet } of waiting) {
  const answer = await ask("GET", address);
  again.push(answer.ms);
  const wrong = wrongWith(answer, null);
  if (wrong) faults.push(`later: ${wrong}`);
  if (!facet) continue;
  const state = answer.json?.meta?.facets[facet]?.state;
  late.set(state, (late.get(state) ?? 0) + 1);
}
const lateCount = waiting.filter((car) => car.late).length;
/**
 * Number of late facets that were stored; an unknown car is `absent`, a response like any other.
 */
const lateKept = (late.get("fresh") ?? 0) + (late.get("absent") ?? 0);
const after = await asked();
for (const [index, [name, requests]] of after.entries()) {
  if (requests !== before[index][1])
    faults.push(`${name}: ${requests - before[index][1]} more requests for what was kept`);
  if (requests !== waiting.length)
    faults.push(`${name}: ${requests} requests for ${waiting.length} cars`);
}

// ---- Figures

const times = (chosen, field = "ms") =>
  chosen.flatMap((mode) => mode.rounds.flat().map((sample) => sample[field]));
const ratio = (ms) => (ms / deadline).toFixed(3);
const rowOf = (name, chosen) => {
  const all = times(chosen);
  const over = (p) =>
    chosen.every((mode) => mode.hang) ? (percentile(all, p) - deadline).toFixed(1) : "";
  const share = (100 * chosen.reduce((sum, mode) => sum + mode.expected, 0)) / all.length;
  const ms = [50, 95, 99, 100].map((p) => percentile(all, p).toFixed(0));
  return [
    name,
    all.length,
    ...ms,
    ratio(percentile(all, 50)),
    ratio(percentile(all, 99)),
    over(50),
    over(99),
    over(100),
    `${share.toFixed(0)} %`,
  ];
};
const hangs = modes.filter((mode) => mode.hang);
const calm = modes.filter((mode) => !mode.hang);
console.log(
  `\ntime to document in ms; the deadline is ${deadline} ms; ` +
    "× is time ÷ deadline, over is time − deadline\n",
);
console.log(
  table([
    [
      "",
      "requests",
      "p50",
      "p95",
      "p99",
      "max",
      "p50 ×",
      "p99 ×",
      "over p50",
      "over p99",
      "over max",
      "as expected",
    ],
    ...modes.map((mode) => rowOf(mode.name, [mode])),
    rowOf("all with a hang", hangs),
    rowOf("all without", calm),
  ]),
);
const states = [...late].map(([state, count]) => `${count} ${state}`).join(", ");
console.log(
  `\nafterwards, of ${lateCount} facets that were pending: ${states}; ` +
    `all ${waiting.length} cars requested again, median ${median(again).toFixed(1)} ms`,
);
console.log(
  "origin requests before and after that: " +
    before.map(([name, requests], i) => `${name} ${requests} → ${after[i][1]}`).join(", "),
);
for (const [together, samples] of overheads) {
  console.log(
    `in these times: client, wrangler's proxy and runtime; /healthz, ${together} at a time, ` +
      `takes ${median(samples).toFixed(1)} ms in the median, ` +
      `${percentile(samples, 99).toFixed(1)} ms at p99`,
  );
}

const overshoots = times(hangs).map((ms) => ms - deadline);
const p99 = percentile(overshoots, 99);
if (p99 >= OVERSHOOT_LIMIT_MS)
  faults.push(
    `the 99th percentile is ${p99.toFixed(1)} ms over the deadline; ` +
      `the limit is ${OVERSHOOT_LIMIT_MS} ms`,
  );

/** Medians of rounds, for the spread. */
const byRound = (chosen, of) =>
  Array.from({ length: ROUNDS }, (_, i) =>
    of(chosen.flatMap((mode) => mode.rounds[i].map((sample) => sample.ms))),
  );
const figure = (name, value, unit, of) => ({
  name,
  value: rounded(value, unit === "ratio" ? 3 : 1),
  unit,
  ...(of && { spread: rounded(spread(of), unit === "ratio" ? 3 : 1) }),
});
const ratios = (name, chosen, p) =>
  figure(
    `${name}: p${p} ÷ deadline`,
    percentile(times(chosen), p) / deadline,
    "ratio",
    byRound(chosen, (ms) => percentile(ms, p) / deadline),
  );
report({
  load:
    `${times(hangs).length} first requests with a hanging origin ` +
    `(alternately ${HANGING.map(([origin]) => origin).join(", ")}) and ${times(calm).length} ` +
    `without, market ${MARKET}, 1 and ${AT_ONCE} at a time`,
  rounds: ROUNDS,
  figures: [
    ratios("with a hang", hangs, 50),
    ratios("with a hang", hangs, 99),
    ratios("without", calm, 50),
    ratios("without", calm, 99),
    figure(
      "overshoot p50",
      median(overshoots),
      "ms",
      byRound(hangs, (ms) => median(ms) - deadline),
    ),
    figure(
      "overshoot p99",
      p99,
      "ms",
      byRound(hangs, (ms) => percentile(ms, 99) - deadline),
    ),
    figure("overshoot max", Math.max(...overshoots), "ms"),
    figure(
      "overshoot p99 by the Worker's own clock",
      percentile(times(hangs, "inside"), 99) - deadline,
      "ms",
    ),
    ...[...overheads].map(([together, samples]) =>
      figure(
        `client and proxy p99 (/healthz, ${together} at a time)`,
        percentile(samples, 99),
        "ms",
      ),
    ),
    figure(
      "pending and all else there",
      (100 * hangs.reduce((sum, mode) => sum + mode.expected, 0)) / overshoots.length,
      "%",
    ),
    figure("pending ones there later", (100 * lateKept) / lateCount, "%"),
    figure(
      "origin requests for them then",
      after.reduce((sum, [, requests], i) => sum + requests - before[i][1], 0),
      "requests",
    ),
  ],
});

const counted = Object.entries(Object.groupBy(faults, (fault) => fault)).map(([fault, all]) =>
  all.length > 1 ? `${fault} (${all.length} times)` : fault,
);
for (const fault of counted) console.error(`not as it must be: ${fault}`);
process.exit(counted.length > 0 ? 1 : 0);
