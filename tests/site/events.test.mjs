// A stream of parts: site/public/assets/events.mjs with a stream of its own.
import assert from "node:assert/strict";
import test from "node:test";
import { follow, streamAddress } from "../../site/public/assets/events.mjs";

class Stream extends EventTarget {
  closed = 0;
  close() {
    this.closed += 1;
  }
  say(type, data) {
    this.dispatchEvent(Object.assign(new Event(type), { data }));
  }
}

function followed(limit = () => {}) {
  const stream = new Stream();
  const parts = [];
  const ended = follow({ open: () => stream, take: (part) => parts.push(part.name), limit });
  return { stream, parts, ended };
}

test("one address asks for all parts, in the page's language", () => {
  const addresses = ["/de/vehicles/x?fragment=recalls&lang=en", "/de/vehicles/x?fragment=damage&lang=en"];
  assert.equal(streamAddress(addresses, "https://a.example/de/vehicles/x"), "https://a.example/de/vehicles/x?fragment=recalls%2Cdamage&lang=en");
});

test("parts are taken as they come, until the end is said", async () => {
  const { stream, parts, ended } = followed();
  stream.say("facet", '{"name":"recalls"}');
  stream.say("facet", "no JSON");
  stream.say("facet", '{"name":"damage"}');
  stream.say("done", "{}");
  await ended;
  assert.deepEqual(parts, ["recalls", "damage"]);
  assert.equal(stream.closed, 1, "or it would connect again");
});

test("a stream that breaks, is refused, or takes too long ends", async () => {
  for (const last of ["error", "problem"]) {
    const { stream, ended } = followed();
    stream.say(last);
    await ended;
    assert.equal(stream.closed, 1, last);
  }
  const { stream, ended } = followed((end) => end());
  await ended;
  assert.equal(stream.closed, 1);
  await follow({ open: () => { throw new Error("no EventSource here"); }, take: () => {}, limit: () => {} });
});
