// Security headers on everything that leaves: each route with each method, errors, redirects,
// streams, 304, static files, and the response to a request that no handler can take.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test, { after, before } from "node:test";

import { checkSecurity } from "./support/contract.mjs";
import { addressOf, carsFor, need, untilCached } from "./support/portal.mjs";
import { region } from "./support/region.mjs";

const FOLDER = new URL("../../src/http/routes/", import.meta.url);
const ROUTES = readdirSync(FOLDER)
  .map((name) => readFileSync(new URL(name, FOLDER), "utf8"))
  .join("\n");
const VALUES = { market: "de", id: "A".repeat(46), facet: "identity", slug: "invalid-vin", claim: "x" };

let vehicle, broken;
before(async () => {
  const nextCar = await carsFor("security-headers");
  vehicle = await addressOf("de", nextCar("de").vin);
  // REGIONS is a list of codes: this one cannot be configured.
  broken = await region({
    market: () => ({ deadline_ms: 900, origins: {}, facets: {} }),
    answer: () => undefined,
    bindings: { REGIONS: "Europe!" },
  });
});
after(() => broken?.end());

/** Sends a request as it is, and holds the headers of its response. */
async function sweep(method, path, headers = {}) {
  const response = await fetch(new URL(path, need("KERBSIDE_URL")), {
    method,
    headers,
    redirect: "manual",
  });
  const told = { headers: Object.fromEntries(response.headers), path };
  try {
    checkSecurity(told);
  } catch (error) {
    throw new Error(`${method} ${path} → ${response.status}: ${error.message}`, { cause: error });
  }
  await response.body?.cancel();
  return response;
}

test("each row of the route table, with each method", async () => {
  const rows = [...ROUTES.matchAll(/pattern: "([^"]+)"/g)].map(([, pattern]) => pattern);
  const paths = new Set(
    rows.map((pattern) => pattern.replace(/\{(\w+)\}/g, (_, name) => VALUES[name] ?? "x")),
  );
  assert.ok(paths.size >= 19, `${paths.size} paths`);
  for (const path of paths) {
    for (const method of ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]) await sweep(method, path);
  }
});

test("errors, redirects, streams and 304", async () => {
  const statuses = [];
  for (const [method, path, headers] of [
    ["GET", "/nothing/at/all"],
    ["GET", "/nothing/at/all", { accept: "application/json" }],
    ["GET", "/api/v1/xx"],
    ["GET", "/xx/"],
    ["GET", "/api/v1/de/vehicles/x"],
    ["GET", "/de/vehicles/x"],
    ["GET", "/operator/v1/audit"],
    ["POST", "/api/v1/de/lookups", { "content-type": "text/plain" }],
    ["GET", "/de"],
    ["GET", vehicle, { accept: "text/event-stream" }],
    ["HEAD", vehicle, { accept: "text/event-stream" }],
  ]) {
    statuses.push((await sweep(method, path, headers)).status);
  }
  assert.deepEqual(statuses, [404, 404, 404, 404, 404, 404, 401, 415, 303, 200, 200]);
  await untilCached(vehicle);
  const first = await sweep("GET", vehicle);
  const again = await sweep("GET", vehicle, { "if-none-match": first.headers.get("etag") });
  assert.equal(again.status, 304);
});

test("static files, and those that are not there", async () => {
  for (const path of ["/robots.txt", "/assets/main.css", "/assets/none.css", "/favicon.ico"]) {
    for (const method of ["GET", "HEAD", "POST"]) await sweep(method, path);
  }
});

test("the response to a request that no handler can take", async () => {
  const answer = await broken.ask("/healthz");
  assert.deepEqual([answer.status, answer.text], [500, "INTERNAL SERVER ERROR"]);
  assert.equal(answer.headers["cache-control"], "no-store");
  checkSecurity({ ...answer, path: "/healthz" });
});
