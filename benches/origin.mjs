/**
 * Processor time of parsing an origin's response of 100 KB and mapping it to a facet: the Worker's
 * own code, in wasm, beside the same job in plain JavaScript. Both are Workers of one workerd
 * process and alternate; figures come from the operating system's accounting of that process.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

import { CASES, VIN } from "./origin/cases.mjs";
import { median, rounded, spread, table } from "./support/figures.mjs";
import { serve } from "./support/workerd.mjs";

const ROUNDS = 7;
/** Number of jobs per request. */
const JOBS = 20;
/** Number of requests before the other Worker takes over. */
const REQUESTS = 5;

const path = (name) => fileURLToPath(new URL(`./origin/${name}`, import.meta.url));
const folder = process.env.KERBSIDE_MODULE;
const bundled = (name) =>
  buildSync({
    entryPoints: [path(name)],
    alias: { "module.js": join(folder, "module.js") },
    external: ["module_bg.wasm", "cloudflare:*"],
    bundle: true,
    format: "esm",
    write: false,
    minify: true,
  }).outputFiles[0].text;

const workers = await serve([
  {
    name: "wasm",
    modules: [
      { name: "main", kind: "esModule", text: bundled("wasm.mjs") },
      { name: "module_bg.wasm", kind: "wasm", file: join(folder, "module_bg.wasm") },
    ],
  },
  { name: "plain", modules: [{ name: "main", kind: "esModule", text: bundled("plain.mjs") }] },
]);

/** Sends a case to a Worker, which does the job `jobs` times; returns its response. */
async function ask(worker, { name, contentType, market, body }, jobs) {
  const query = new URLSearchParams({ case: name, jobs, contentType, market, vin: VIN });
  const url = `${workers.urls[worker]}/?${query}`;
  const answer = await fetch(url, { method: "POST", body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${worker}, ${name}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** Measures the processor time of one job in milliseconds. */
async function turn(worker, task) {
  const before = workers.cpuMs();
  for (let request = 0; request < REQUESTS; request += 1) await ask(worker, task, JOBS);
  return (workers.cpuMs() - before) / (REQUESTS * JOBS);
}

const figures = [];
const rows = [["", "body", "elements", "wasm ms", "plain ms", "wasm ÷ plain"]];
let missed = "";
try {
  for (const task of CASES) {
    const [wasm, plain] = [await ask("wasm", task, 0), await ask("plain", task, 0)];
    if (JSON.stringify(sorted(wasm)) !== JSON.stringify(sorted(plain))) {
      throw new Error(
        `${task.name}: the two facets differ\n${JSON.stringify(wasm).slice(0, 400)}\n` +
          JSON.stringify(plain).slice(0, 400),
      );
    }
    const times = { wasm: [], plain: [] };
    // The engine compiles hot JavaScript in the first turns.
    for (const worker of ["wasm", "plain"]) await turn(worker, task);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const worker of round % 2 ? ["plain", "wasm"] : ["wasm", "plain"])
        times[worker].push(await turn(worker, task));
    }
    const ratios = times.wasm.map((time, round) => time / times.plain[round]);
    const ratio = rounded(median(ratios), 2);
    rows.push([
      task.name,
      task.body.length,
      wasm.items.length,
      rounded(median(times.wasm), 2),
      rounded(median(times.plain), 2),
      ratio,
    ]);
    figures.push({
      name: `${task.name}, wasm ÷ plain JavaScript`,
      value: ratio,
      unit: "ratio",
      spread: rounded(spread(ratios), 2),
    });
    if (task.limit && ratio > task.limit)
      missed += `${task.name} takes ${ratio} of plain JavaScript's time, over ${task.limit}. `;
  }
} finally {
  await workers.stop();
}

console.log(table(rows));
const load = `${REQUESTS} requests of ${JOBS} jobs a turn, the two in alternation`;
writeFileSync(process.env.KERBSIDE_RESULT, JSON.stringify({ load, rounds: ROUNDS, figures }));
if (missed) {
  console.error(missed);
  process.exit(1);
}

/** Sorts the keys of a value, for comparison. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}
