/**
 * The outside of the Workers in a benchmark, in a process of its own: origins, and stores that
 * answer at once.
 *
 * One server, which tells its parts by the Host header: `oN.<market>.example.com` is an origin;
 * `id.example.com` is an identity provider, whose documents `control` sets by their path;
 * `kv-markets`, `kv-cache` and `d1` are the stores in the protocols of workerd's bindings;
 * `control` sets faults and reports requests. D1 is an in-memory SQLite with the project's
 * migrations.
 *
 * Environment: KERBSIDE_MARKETS (the published markets), KERBSIDE_LATENCY_MS (the latency of
 * origins).
 */
import http from "node:http";
import { readFileSync, readdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const LATENCY_MS = Number(process.env.KERBSIDE_LATENCY_MS);
const record = JSON.stringify({
  make: "Kerbside",
  model: "Bench",
  year: 2026,
  standard: "Euro 6",
  consumption: 5.4,
  items: Array.from({ length: 12 }, (_, i) => ({
    code: `C${i}`,
    name: `Thing number ${i}`,
    status: i % 3 ? "C" : "O",
    kind: "F",
  })),
});
const kv = {
  "kv-markets": new Map(
    JSON.parse(readFileSync(process.env.KERBSIDE_MARKETS, "utf8")).map(({ key, value }) => [
      key,
      value,
    ]),
  ),
  "kv-cache": new Map(),
};
const sqlite = new DatabaseSync(":memory:");
const migrations = new URL("../../migrations/", import.meta.url);
for (const file of readdirSync(migrations)
  .filter((name) => name.endsWith(".sql"))
  .sort())
  sqlite.exec(readFileSync(new URL(file, migrations), "utf8"));
const prepared = new Map();
/**
 * Faults by origin, "hang" or "half"; requests by origin; the slowest response of each car by this
 * side's clock.
 */
let faults = {};
let requests = {};
let slowest = {};
/** The identity provider's documents by path. */
let documents = {};
/** Number of operations by store; of D1 the statements, by their table. */
let operations = {};
/** Number of calls of D1, each with one statement or several. */
let batches = 0;
const count = (name, times = 1) => {
  operations[name] = (operations[name] ?? 0) + times;
};

const bodyOf = async (req) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
};

function origin(name, req, res) {
  const began = performance.now();
  const car = req.url.split("/").pop();
  requests[name] = (requests[name] ?? 0) + 1;
  const fault = faults[name];
  if (fault === "hang") return;
  setTimeout(() => {
    const fails = fault === "half" && requests[name] % 2 === 0;
    res
      .writeHead(fails ? 500 : 200, { "content-type": "application/json" })
      .end(fails ? "{}" : record);
    slowest[car] = Math.max(slowest[car] ?? 0, performance.now() - began);
  }, LATENCY_MS);
}

function provider(req, res) {
  const found = documents[req.url];
  res
    .writeHead(found ? 200 : 404, { "content-type": "application/json" })
    .end(JSON.stringify(found ?? {}));
}

async function store(name, req, res) {
  const { pathname } = new URL(req.url, "http://x");
  const values = kv[name];
  if (req.method === "PUT") {
    count(`${name} write`);
    values.set(decodeURIComponent(pathname.slice(1)), await bodyOf(req));
    return res.end();
  }
  if (req.method === "DELETE") {
    count(`${name} write`);
    values.delete(decodeURIComponent(pathname.slice(1)));
    return res.end();
  }
  count(`${name} read`);
  if (req.method === "GET") {
    const value = values.get(decodeURIComponent(pathname.slice(1)));
    res.writeHead(value === undefined ? 404 : 200, { "content-type": "text/plain" });
    return res.end(value);
  }
  const { keys } = JSON.parse(await bodyOf(req));
  res.writeHead(200, { "content-type": "application/json" });
  return res.end(
    JSON.stringify(Object.fromEntries(keys.map((key) => [key, values.get(key) ?? null]))),
  );
}

function result({ sql, params }) {
  count(`d1 ${/\b(?:FROM|INTO|UPDATE)\s+(?!json_each)(\w+)/.exec(sql)?.[1]}`);
  if (!prepared.has(sql)) prepared.set(sql, sqlite.prepare(sql));
  const rows = prepared.get(sql).all(...(params ?? []));
  const columns = Object.keys(rows[0] ?? {});
  return {
    success: true,
    meta: {},
    results: { columns, rows: rows.map((row) => columns.map((column) => row[column])) },
  };
}

async function database(req, res) {
  const sent = JSON.parse(await bodyOf(req));
  batches += 1;
  sqlite.exec("BEGIN");
  let answers;
  try {
    answers = [sent].flat().map(result);
    sqlite.exec("COMMIT");
  } catch (error) {
    sqlite.exec("ROLLBACK");
    console.error(`d1: ${error.message}`);
    return res
      .writeHead(500, { "content-type": "application/json" })
      .end(JSON.stringify({ success: false, error: error.message }));
  }
  return res
    .writeHead(200, { "content-type": "application/json" })
    .end(JSON.stringify(Array.isArray(sent) ? answers : answers[0]));
}

async function control(req, res) {
  const change = req.method === "PUT" ? JSON.parse(await bodyOf(req)) : {};
  if (change.faults) faults = change.faults;
  if (change.documents) documents = change.documents;
  for (const [sql, ...params] of change.rows ?? []) sqlite.prepare(sql).run(...params);
  if (change.empty) kv[change.empty].clear();
  for (const [key, value] of Object.entries(change.put ?? {})) kv["kv-cache"].set(key, value);
  const said = JSON.stringify({
    requests,
    slowest,
    operations,
    batches,
    ...(change.keys && { keys: [...kv[change.keys].keys()] }),
  });
  if (change.reset) [requests, slowest, operations, batches] = [{}, {}, {}, 0];
  res.writeHead(200, { "content-type": "application/json" }).end(said);
}

const server = http.createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  const host = req.headers["x-bench"] ?? req.headers.host.split(":")[0];
  if (host === "id.example.com") return provider(req, res);
  if (host.endsWith(".example.com")) return origin(host.slice(0, -".example.com".length), req, res);
  if (host in kv) return store(host, req, res);
  if (host === "d1") return database(req, res);
  return control(req, res);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
