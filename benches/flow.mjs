/**
 * The flow beside the same composition as a plain JavaScript Worker, both in one workerd: the time
 * that it adds to the slowest origin, its answers while one origin hangs and one fails half the
 * time, and its processor time.
 *
 * See README.md for the loads and the limits. Fails if a limit is missed.
 */
import { writeFileSync } from "node:fs";

import { median, percentile, rounded, spread, table } from "./support/figures.mjs";
import { start } from "./support/world.mjs";

const DEADLINE_MS = 900;
const ADDED_LIMIT_MS = 8;
const OVER_LIMIT_MS = 25;
const EVERY_FACET_LIMIT = 99.9;
const CPU_LIMIT = 1.1;
/** The public facets of the five. */
const FACETS = ["identity", "equipment", "energy", "recalls"];

const ADDED_CARS = 60;
const CPU_ROUNDS = 7;
const CPU_CARS = 100;
/** Views while a car's facets are fresh: the page, its late part, a reload, two other visitors. */
const VIEWS = 5;
const ROUGH_CARS = 40;
const ROUGH_REQUESTS = 3_000;
const ROUGH_FIRST = 120;
const TOGETHER = 8;

const failures = [];
const figures = [];
const figure = (name, value, unit, of) =>
  figures.push({
    name,
    value: rounded(value, unit === "ratio" ? 3 : 2),
    unit,
    ...(of && { spread: rounded(spread(of), unit === "ratio" ? 3 : 2) }),
  });
const world = await start({ plain: new URL("flow/plain.mjs", import.meta.url), latencyMs: 50 });

// ---- Cars

let made = 0;
/** Makes an unknown car; returns its VIN and the address of its document in each Worker. */
async function makeCar(market) {
  made += 1;
  const vin = `KBSZZZ99ZFK${String(made).padStart(6, "0")}`;
  const { text } = await world.ask(
    "kerbside",
    `/api/v1/${market === "calm" ? "aa" : "bb"}/lookups`,
    { method: "POST", body: JSON.stringify({ vin }) },
  );
  return { vin, kerbside: JSON.parse(text).vehicle.href, plain: `/${market}/${vin}` };
}

async function makeCars(market, count) {
  const all = [];
  for (let i = 0; i < count; i += 1) all.push(await makeCar(market));
  return all;
}

/** Does `work` for each item, `together` at a time. */
async function each(items, together, work) {
  const left = [...items];
  await Promise.all(
    Array.from({ length: together }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}

const hasRequired = ({ json }) => json.facets?.identity?.make !== undefined;
const hasEveryFacet = ({ json }) => FACETS.every((name) => json.facets?.[name] !== undefined);
async function get(which, one) {
  const answer = await world.ask(which, one[which]);
  return { ...answer, json: JSON.parse(answer.text) };
}

// ---- Time added to the slowest origin

async function addedTime() {
  const times = { kerbside: [], plain: [] };
  // The same client, HTTP and runtime with next to no work behind them.
  const empty = [];
  for (const one of await makeCars("calm", ADDED_CARS + 5)) {
    empty.push((await world.ask("kerbside", "/healthz")).ms);
    for (const which of ["plain", "kerbside"]) {
      await world.tell({ reset: true });
      const answer = await get(which, one);
      if (!hasEveryFacet(answer))
        failures.push(
          `${which}, 5 origins at 50 ms: ${answer.status} ${answer.text.slice(0, 200)}`,
        );
      const { slowest } = await world.tell({});
      times[which].push(answer.ms - slowest[one.vin]);
    }
  }
  const overhead = median(empty.slice(5));
  figure("client, HTTP and runtime (/healthz, median)", overhead, "ms");
  for (const which of ["kerbside", "plain"]) {
    const counted = times[which].slice(5).map((ms) => ms - overhead);
    figure(`added to the slowest, median (${which})`, median(counted), "ms");
    figure(`added to the slowest, p95 (${which})`, percentile(counted, 95), "ms");
  }
  const value = median(times.kerbside.slice(5)) - overhead;
  if (value >= ADDED_LIMIT_MS)
    failures.push(
      `${value.toFixed(1)} ms are added to the slowest origin in the median; ` +
        `the limit is ${ADDED_LIMIT_MS} ms`,
    );
}

// ---- Processor time without faults

/** Measures the processor time per request in milliseconds: `views` requests for each new car. */
async function measureCpu(which, views) {
  const all = await makeCars("calm", CPU_CARS);
  const before = world.cpuMs();
  await each(all, TOGETHER, async (one) => {
    for (let i = 0; i < views; i += 1) {
      const answer = await get(which, one);
      if (!hasEveryFacet(answer))
        failures.push(`${which}, no faults: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
  });
  // Stores after the response are part of its cost.
  await new Promise((go) => setTimeout(go, 200));
  return (world.cpuMs() - before) / (all.length * views);
}

async function processorTime() {
  const loads = [
    ["each car once", 1],
    [`each car ${VIEWS} times`, VIEWS],
  ];
  for (const [name, views] of loads) {
    const used = { kerbside: [], plain: [] };
    await measureCpu("kerbside", views);
    await measureCpu("plain", views);
    for (let round = 0; round < CPU_ROUNDS; round += 1) {
      for (const which of ["plain", "kerbside"]) used[which].push(await measureCpu(which, views));
    }
    const ratios = used.kerbside.map((ms, round) => ms / used.plain[round]);
    figure(
      `processor time a request, ${name} (kerbside)`,
      median(used.kerbside),
      "ms",
      used.kerbside,
    );
    figure(`processor time a request, ${name} (plain)`, median(used.plain), "ms", used.plain);
    figure(`processor time, ${name}: kerbside ÷ plain`, median(ratios), "ratio", ratios);
    if (views > 1 && median(ratios) > CPU_LIMIT) {
      failures.push(
        `${name}: ${median(ratios).toFixed(2)} times the processor time of the plain Worker; ` +
          `the limit is ${CPU_LIMIT}`,
      );
    }
  }
}

// ---- One origin hangs, one fails half the time

async function withFaultyOrigins() {
  const known = await makeCars("rough", ROUGH_CARS);
  await each(known, TOGETHER, (one) => get("kerbside", one));
  const rows = [["", "requests", "required facets", "every facet", "p50 ms", "p99.9 ms", "max ms"]];
  for (const [load, list] of [
    ["cars that are known", null],
    ["first requests", await makeCars("rough", ROUGH_FIRST)],
  ]) {
    await world.tell({ faults: { "o3.rough": "hang", "o4.rough": "half" } });
    for (const which of ["plain", "kerbside"]) {
      const items =
        list ??
        Array.from(
          { length: which === "plain" ? ROUGH_REQUESTS / 10 : ROUGH_REQUESTS },
          (_, i) => known[i % known.length],
        );
      const answers = [];
      await each(items, TOGETHER, async (one) => answers.push(await get(which, one)));
      const share = (test) => (100 * answers.filter(test).length) / answers.length;
      const times = answers.map(({ ms }) => ms);
      const required = share((answer) => answer.status === 200 && hasRequired(answer));
      rows.push([
        `${which}, ${load}`,
        answers.length,
        `${required.toFixed(2)} %`,
        `${share(hasEveryFacet).toFixed(2)} %`,
        ...[50, 99.9, 100].map((p) => percentile(times, p).toFixed(0)),
      ]);
      figure(`with faults, ${load}: every facet (${which})`, share(hasEveryFacet), "%");
      figure(`with faults, ${load}: p99.9 (${which})`, percentile(times, 99.9), "ms");
      if (which === "plain") continue;
      const over = percentile(times, 99.9) - DEADLINE_MS;
      if (over > OVER_LIMIT_MS)
        failures.push(
          `${load}: p99.9 is ${over.toFixed(0)} ms over the deadline; ` +
            `the limit is ${OVER_LIMIT_MS} ms`,
        );
      if (required < 100)
        failures.push(`${load}: ${required.toFixed(2)} % have all required facets`);
      if (!list && share(hasEveryFacet) < EVERY_FACET_LIMIT)
        failures.push(
          `${load}: ${share(hasEveryFacet).toFixed(2)} % have every facet; ` +
            `the limit is ${EVERY_FACET_LIMIT} %`,
        );
    }
    await world.tell({ faults: {} });
  }
  console.log(
    "\none origin hangs, one fails half the time; " +
      `the deadline is ${DEADLINE_MS} ms\n\n${table(rows)}`,
  );
}

// ---- Memory

/** Sends 100 000 requests for 2000 cars while one origin fails half the time. */
async function soak() {
  await world.tell({ faults: { "o4.rough": "half" } });
  const samples = [];
  for (let block = 0; block < 20; block += 1) {
    const known = await makeCars("rough", 100);
    await each(
      Array.from({ length: 4_900 }, (_, i) => known[i % known.length]),
      TOGETHER,
      (one) => get("kerbside", one),
    );
    samples.push(world.memoryMiB());
    console.log(`${(block + 1) * 5_000} requests: ${samples.at(-1).toFixed(0)} MiB`);
  }
  const [early, late] = [median(samples.slice(3, 8)), median(samples.slice(-5))];
  figure("memory of workerd after 15 000 to 40 000 requests", early, "MiB");
  figure("memory of workerd after 80 000 to 100 000 requests", late, "MiB");
  if (late > early * 1.1 + 5)
    failures.push(`memory grew from ${early.toFixed(0)} to ${late.toFixed(0)} MiB`);
}

try {
  if (process.env.KERBSIDE_SOAK) await soak();
  else {
    await addedTime();
    await processorTime();
    await withFaultyOrigins();
  }
} finally {
  await world.end();
}
writeFileSync(
  process.env.KERBSIDE_RESULT,
  `${JSON.stringify({
    load: process.env.KERBSIDE_SOAK
      ? "100 000 requests"
      : `5 origins at 50 ms; ${ADDED_CARS} first requests one at a time; ${CPU_CARS} new cars a ` +
        `round, ${TOGETHER} at a time; ${ROUGH_REQUESTS} requests with faults`,
    rounds: CPU_ROUNDS,
    figures,
  })}\n`,
);
const counted = Object.entries(Object.groupBy(failures, (failure) => failure)).map(
  ([failure, all]) => (all.length > 1 ? `${failure} (${all.length} times)` : failure),
);
for (const failure of counted.slice(0, 10)) console.error(`failure: ${failure}`);
process.exit(counted.length > 0 ? 1 : 0);
