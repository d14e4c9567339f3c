// A stream of facets: site/public/assets/events.mjs over a fake stream.
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

test("one address requests all parts, in the page's language", () => {
  const page = "/de/vehicles/x";
  const addresses = [`${page}?fragment=recalls&lang=en`, `${page}?fragment=damage&lang=en`];
  assert.equal(
    streamAddress(addresses, `https://a.example${page}`),
    `https://a.example${page}?fragment=recalls%2Cdamage&lang=en`,
  );
});

test("parts are processed as they come, until the done event", async () => {
  const { stream, parts, ended } = followed();
  stream.say("facet", '{"name":"recalls"}');
  stream.say("facet", "no JSON");
  stream.say("facet", '{"name":"damage"}');
  stream.say("done", "{}");
  await ended;
  assert.deepEqual(parts, ["recalls", "damage"]);
  assert.equal(stream.closed, 1, "an open stream connects again");
});

test("a stream that breaks, is refused or takes too long ends", async () => {
  for (const last of ["error", "problem"]) {
    const { stream, ended } = followed();
    stream.say(last);
    await ended;
    assert.equal(stream.closed, 1, last);
  }
  const { stream, ended } = followed((end) => end());
  await ended;
  assert.equal(stream.closed, 1);
  const open = () => {
    throw new Error("no EventSource here");
  };
  await follow({ open, take: () => {}, limit: () => {} });
});
