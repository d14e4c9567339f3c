// A panic in the Worker's wasm: whoever is being served gets a 500 and not silence, and the next
// request is served by a new instance.
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

/**
 * There is no way from outside to make it panic. What a panic comes to is a
 * WebAssembly.RuntimeError that leaves wasm in the middle of what it did: so does one that is
 * thrown by the clock, which is asked whenever wasm is entered, or by a timer that it sets. A
 * request with `x-trap: n` sets it on the n-th time.
 */
const ENTRY = `
import worker from "./index.js";
let left = 0;
const trapped = (code) => (...given) => {
  if (left > 0 && (left -= 1) === 0) throw new WebAssembly.RuntimeError("unreachable");
  return code(...given);
};
Date.now = trapped(Date.now);
globalThis.setTimeout = trapped(globalThis.setTimeout);
export default {
  fetch(request, env, context) {
    left = Number(request.headers.get("x-trap") ?? left);
    return worker.fetch(request, env, context);
  },
};
`;

let here;
before(async () => {
  here = await region({
    market,
    entry: ENTRY,
    answer: () => ({ body: { make: "Kerbside" }, after_ms: 300 }),
  });
});
after(() => here?.end());

let cars = 0;
const newCar = () => here.address(`KBSZZZ99ZPA9000${String((cars += 1)).padStart(2, "0")}`);
const outcome = (asked) =>
  asked.then(
    ({ status }) => status,
    () => "broken off",
  );

for (const [when, times] of [
  ["at once", 1],
  ["when KV answers", 3],
  ["while it waits for the stores or the origin", 6],
  ["later", 10],
]) {
  test(`a panic ${when} costs those who are being served, and nobody after them`, async () => {
    const [one, two] = [await newCar(), await newCar()];
    const started = performance.now();
    const other = outcome(here.ask(two));
    await new Promise((done) => setTimeout(done, 100));
    const outcomes = await Promise.all([
      outcome(here.ask(one, { headers: { "x-trap": String(times) } })),
      other,
    ]);
    assert.ok(performance.now() - started < 8_000, "nobody is left waiting");
    for (const status of outcomes)
      assert.ok([200, 500, 504, "broken off"].includes(status), String(status));
    assert.ok(
      outcomes.some((status) => status !== 200),
      "nothing has panicked",
    );
    // The mark is used up; a new instance serves.
    assert.equal((await here.ask(`/api/v1/${CODE}`, { headers: { "x-trap": "0" } })).status, 200);
    const { status, json, text } = await here.ask(await newCar());
    assert.equal(status, 200, text);
    assert.equal(json.facets.identity.make, "Kerbside");
  });
}
