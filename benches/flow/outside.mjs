/**
 * What lies outside of the Workers in this benchmark, in a process of its own: the origins, and stores that answer at once.
 *
 * One server, told apart by the Host header: `oN.<market>.example.com` is an origin, `kv-markets`, `kv-cache` and `d1` are the stores
 * in the protocols of workerd's bindings, `control` sets faults. Prints its port.
 */
import http from "node:http";
import { readFileSync } from "node:fs";

const LATENCY_MS = 50;
const record = JSON.stringify({
  make: "Kerbside", model: "Bench", year: 2026, standard: "Euro 6", consumption: 5.4,
  items: Array.from({ length: 12 }, (_, i) => ({ code: `C${i}`, name: `Thing number ${i}`, status: i % 3 ? "C" : "O", kind: "F" })),
});
const kv = { "kv-markets": new Map(JSON.parse(readFileSync(process.env.KERBSIDE_MARKETS, "utf8")).map(({ key, value }) => [key, value])), "kv-cache": new Map() };
const facets = new Map();
/** Origin to "hang" or "half"; how many requests each had; the slowest answer of each car, by this side's clock. */
let faults = {};
let requests = {};
let slowest = {};

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
    res.writeHead(fails ? 500 : 200, { "content-type": "application/json" }).end(fails ? "{}" : record);
    slowest[car] = Math.max(slowest[car] ?? 0, performance.now() - began);
  }, LATENCY_MS);
}

async function store(name, req, res) {
  const url = new URL(req.url, "http://x");
  const values = kv[name];
  if (req.method === "PUT") {
    values.set(decodeURIComponent(url.pathname.slice(1)), await bodyOf(req));
    return res.end();
  }
  const { keys } = JSON.parse(await bodyOf(req));
  res.writeHead(200, { "content-type": "application/json" });
  res.end(JSON.stringify(Object.fromEntries(keys.map((key) => [key, values.get(key) ?? null]))));
}

function rows({ sql, params }) {
  if (sql.startsWith("SELECT facet")) return facets.get(params.slice(0, 2).join()) ?? [];
  if (!sql.startsWith("INSERT INTO facet")) return [];
  const [market, vehicle, facet, , , envelope] = params;
  const key = `${market},${vehicle}`;
  facets.set(key, [...(facets.get(key) ?? []).filter((row) => row.facet !== facet), { facet, envelope }]);
  return [{ facet }];
}

async function database(req, res) {
  const sent = JSON.parse(await bodyOf(req));
  const answers = [sent].flat().map((statement) => {
    const found = rows(statement);
    const columns = Object.keys(found[0] ?? {});
    return { success: true, meta: {}, results: { columns, rows: found.map((row) => columns.map((column) => row[column])) } };
  });
  res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(Array.isArray(sent) ? answers : answers[0]));
}

async function control(req, res) {
  const change = req.method === "PUT" ? JSON.parse(await bodyOf(req)) : {};
  if (change.faults) faults = change.faults;
  const said = JSON.stringify({ requests, slowest, stored: kv["kv-cache"].size });
  if (change.reset) [requests, slowest] = [{}, {}];
  res.writeHead(200, { "content-type": "application/json" }).end(said);
}

const server = http.createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  const host = req.headers["x-bench"] ?? req.headers.host.split(":")[0];
  if (host.endsWith(".example.com")) return origin(host.slice(0, -".example.com".length), req, res);
  if (host in kv) return store(host, req, res);
  if (host === "d1") return database(req, res);
  return control(req, res);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
