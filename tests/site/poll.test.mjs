// Polling for a pending facet: site/public/assets/poll.mjs with a fake clock.
import assert from "node:assert/strict";
import test from "node:test";
import { GIVE_UP_MS, pauseMs, poll } from "../../site/public/assets/poll.mjs";

/** A clock that advances by sleeping only. */
function fakeClock() {
  const clock = { time: 0, pauses: [] };
  clock.now = () => clock.time;
  clock.sleep = async (ms) => {
    clock.pauses.push(ms);
    clock.time += ms;
  };
  return clock;
}

test("the first pause is the server's retry_after_s, later ones are longer and bounded", () => {
  assert.equal(pauseMs(2, 0), 2000);
  assert.ok(pauseMs(2, 1) > 2000 && pauseMs(2, 2) > pauseMs(2, 1));
  assert.equal(pauseMs(2, 50), 8000);
});

test("an invalid retry_after_s becomes two seconds", () => {
  for (const retryAfterS of [Number.NaN, 0, -1, Infinity]) {
    assert.equal(pauseMs(retryAfterS, 0), 2000);
  }
});

test("a response with the facet ends the polling", async () => {
  const clock = fakeClock();
  const answers = [{ done: false, retryAfterS: 1 }, { done: true, value: "recalls" }];
  const value = await poll({ ...clock, retryAfterS: 2, ask: async () => answers.shift() });
  assert.equal(value, "recalls");
  assert.deepEqual(clock.pauses, [2000, 1600]);
});

test("a failed request is repeated", async () => {
  const clock = fakeClock();
  let asked = 0;
  const ask = async () => {
    asked += 1;
    if (asked < 3) throw new Error("offline");
    return { done: true, value: asked };
  };
  assert.equal(await poll({ ...clock, retryAfterS: 1, ask }), 3);
});

test("polling gives up after half a minute, without a later request", async () => {
  const clock = fakeClock();
  let asked = 0;
  const ask = async () => {
    asked += 1;
    return { done: false };
  };
  assert.equal(await poll({ ...clock, retryAfterS: 2, ask }), undefined);
  assert.ok(clock.time <= GIVE_UP_MS && clock.time > GIVE_UP_MS / 2, `${clock.time}`);
  assert.ok(asked >= 4 && asked <= 10, `${asked}`);
});
