// What only a real runtime shows of the flow: floods, visitors who leave, streams, and origins that
// are asked again.
import assert from "node:assert/strict";
import http from "node:http";
import test, { after, afterEach, before } from "node:test";

import {
  addressOf,
  ask,
  carsFor,
  countsOf,
  flood,
  need,
  openStream,
  requestsOf,
  resetOrigins,
  setOrigin,
  statesOf,
  until,
} from "./support/portal.mjs";

let nextCar;
before(async () => {
  nextCar = await carsFor("flow");
  await resetOrigins();
});
afterEach(() => resetOrigins());
after(() => resetOrigins());

/**
 * Origin calls that a flood may make to each origin: one, and one more for an isolate that started
 * meanwhile.
 */
const HANDFUL = 3;

test("500 visitors who ask for one car at the same moment make a handful of calls, and all get an answer", async (t) => {
  const address = await addressOf("de", nextCar("de").vin);
  await ask("GET", "/api/v1/markets");
  const before = await countsOf("de");
  const answers = await flood(address, 500);
  const after = await countsOf("de");
  const calls = Object.fromEntries(
    Object.keys(after).map((name) => [name, after[name] - before[name]]),
  );
  const statuses = Object.fromEntries(
    Object.entries(Object.groupBy(answers, ({ status }) => status)).map(([status, all]) => [
      status,
      all.length,
    ]),
  );
  const how = Object.groupBy(
    answers,
    ({ headers }) => headers["cache-status"]?.replace(/ttl=.*/, "") ?? "none",
  );
  const counts = Object.fromEntries(
    Object.entries(how).map(([status, all]) => [status, all.length]),
  );
  t.diagnostic(
    `calls ${JSON.stringify(calls)}, statuses ${JSON.stringify(statuses)}, ${JSON.stringify(counts)}`,
  );
  for (const [name, count] of Object.entries(calls))
    assert.ok(count <= HANDFUL, `${name}: ${count} calls`);
  assert.ok(
    answers.every(({ status }) => status === 200 || status === 504),
    JSON.stringify(statuses),
  );
  assert.ok((statuses[200] ?? 0) >= 450, JSON.stringify(statuses));
});

test("a visitor who leaves stops nothing that the cache needs", async () => {
  const address = await addressOf("us", nextCar("us").vin);
  for (const role of ["equipment", "recalls"]) await setOrigin(`us.${role}`, { latency_ms: 1_200 });
  const { hostname: host, port } = new URL(need("KERBSIDE_URL"));
  const before = await countsOf("us");
  await new Promise((left) => {
    const request = http.request({ host, port, path: address });
    request.once("error", () => left());
    request.end();
    setTimeout(() => request.destroy(), 150);
  });
  await new Promise((go) => setTimeout(go, 2_500));
  for (const role of ["master", "equipment", "recalls"])
    await setOrigin(`us.${role}`, { fault: "500" });
  const answer = await ask("GET", address);
  const states = statesOf(answer);
  for (const facet of ["identity", "equipment", "recalls"])
    assert.match(states[facet], /^(fresh|absent)$/, facet);
  const after = await countsOf("us");
  for (const role of ["master", "equipment", "recalls"])
    assert.equal(after[`us.${role}`] - before[`us.${role}`], 1, role);
});

test("a stream brings the document at once, each facet as it lands, past the deadline too, and the end", async () => {
  const address = await addressOf("de", nextCar("de").vin);
  await setOrigin("de.equipment", { latency_ms: 1_500 });
  const stream = await openStream(address);
  assert.equal(stream.status, 200);
  assert.equal(stream.headers["content-type"], "text/event-stream");
  assert.equal(stream.headers["cache-control"], "private, no-store");
  await stream.ended;
  const [first, ...others] = stream.events;
  const last = others.pop();
  assert.equal(first.name, "document");
  assert.equal(last.name, "done");
  assert.ok(first.at < 1_000 && last.at - first.at > 900, `buffered: ${first.at} to ${last.at} ms`);
  const landed = others.map(({ name, data }) => `${name} ${data.name}`);
  const pending = Object.entries(first.data.meta.facets)
    .filter(([, { state }]) => state === "pending")
    .map(([name]) => `facet ${name}`);
  assert.deepEqual([...landed].sort(), pending.sort());
  const equipment = others.find(({ data }) => data.name === "equipment");
  assert.equal(equipment.data.meta.state, "fresh");
  assert.ok(equipment.at - first.at > 900);
  assert.equal(last.data.meta.complete, true);
});

test("who leaves a stream stops nothing either", async () => {
  const address = await addressOf("de", nextCar("de").vin);
  await setOrigin("de.recalls", { latency_ms: 1_200 });
  const stream = await openStream(address);
  await until(
    "the document is there",
    async () => stream.events,
    (events) => events.length > 0,
  );
  stream.leave();
  await new Promise((go) => setTimeout(go, 2_500));
  await setOrigin("de.recalls", { fault: "500" });
  assert.equal(statesOf(await ask("GET", address)).recalls, "fresh");
});

test("a page's stream brings sections, and an unknown car is a 404 before it begins", async () => {
  const address = (await addressOf("de", nextCar("de").vin)).replace("/api/v1", "");
  const stream = await openStream(`${address}?fragment=equipment,recalls&lang=en`);
  await stream.ended;
  assert.deepEqual(
    stream.events.map(({ name }) => name),
    ["facet", "facet", "done"],
  );
  for (const { data } of stream.events.slice(0, 2))
    assert.match(data.html, new RegExp(`^<section class="facet" id="${data.name}"`));
  assert.equal((await openStream(`/api/v1/de/vehicles/${"A".repeat(46)}`)).status, 404);
});

test("each call to an origin is a span of its own in the caller's trace", async () => {
  const answer = await ask("GET", await addressOf("us", nextCar("us").vin));
  const parents = (await requestsOf(answer)).map(({ headers }) => headers.traceparent);
  assert.ok(parents.length >= 3);
  assert.equal(new Set(parents).size, parents.length);
  for (const parent of parents) {
    assert.match(parent, new RegExp(`^00-${answer.trace}-[0-9a-f]{16}-01$`));
    assert.notEqual(parent, answer.headers.traceparent);
  }
});
