// Rate limits by the runtime's bindings: a route with a limit refuses, and one without a binding
// lets pass.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { CODE, region } from "./support/region.mjs";

const market = (base) => ({
  deadline_ms: 5_000,
  origins: { one: { protocol: "rest", url: `${base}/one/{vin}`, timeout_ms: 4_000 } },
  facets: {
    identity: { origin: "one", required: true, ttl_s: 3_600, map: { make: { at: "/make" } } },
  },
});

let here;
before(async () => {
  const limit = (id) => ({ namespace_id: id, simple: { limit: 2, period: 60 } });
  const ratelimits = { LOOKUP_LIMIT: limit("1"), AUTH_LIMIT: limit("2"), LOGOUT_LIMIT: limit("3") };
  here = await region({ market, ratelimits, answer: () => ({ body: { make: "Kerbside" } }) });
});
after(() => here?.end());

const look = () =>
  here.ask(`/api/v1/${CODE}/lookups`, {
    method: "POST",
    body: JSON.stringify({ vin: "KBSZZZ99ZPA700001" }),
  });

test("the third look-up within a minute is refused, with the time to wait", async () => {
  assert.deepEqual([(await look()).status, (await look()).status], [200, 200]);
  const { status, headers, json } = await look();
  assert.equal(status, 429);
  assert.equal(headers["retry-after"], "60");
  assert.equal(json.type, "/problems/rate-limited");
});

test("the routes of sign-in share a limit, whatever else is wrong with a request", async () => {
  const routes = ["sign-in", "callback", "sign-out"];
  const ask = (route) => {
    const method = ["backchannel-logout", "sign-out"].includes(route) ? "POST" : "GET";
    return here.ask(`/auth/${CODE}/${route}?code=x&state=y`, { method });
  };
  const first = [await ask("sign-in"), await ask("callback")];
  assert.deepEqual(
    first.map(({ status }) => status),
    [404, 404],
    "this market has no sign-in",
  );
  for (const route of routes) {
    const { status, headers } = await ask(route);
    assert.equal(status, 429, route);
    assert.equal(headers["retry-after"], "60");
    assert.match(headers["cache-control"], /no-store/);
  }
  // A provider's log-outs have a limit of their own: they come from few addresses.
  const logouts = [];
  for (let times = 0; times < 3; times += 1) {
    logouts.push((await ask("backchannel-logout")).status);
  }
  assert.deepEqual(logouts, [404, 404, 429]);
});

test("a limit without a binding lets pass, and is reported once an isolate", async () => {
  // This region has no operators.
  for (let times = 0; times < 3; times += 1) {
    assert.equal((await here.ask("/operator/v1/purges")).status, 503);
  }
  const reports = here.log.filter((line) => line.includes("a rate limit has no binding"));
  assert.equal(reports.length, 1, reports.join("\n"));
  assert.equal(JSON.parse(reports[0]).cause, "OPERATOR_LIMIT");
});
