// The conversion of responses, in workerd: the same module that the Worker is bundled with.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { runModules } from "./support/module.mjs";

const ENTRY = `
import { head, respond, respondWith } from "./exchange.js";
export default {
  async fetch(request) {
    const { status, head: text, body, log, request: sent } = await request.json();
    try {
      if (sent) return new Response(head(new Request(sent.url, sent)));
      if (log === undefined) return respond(status, text, body);
      return respondWith(status, body + text + log, text.length, log.length);
    } catch (error) {
      return new Response(String(error), { status: 599 });
    }
  },
};
`;

let module;
before(async () => {
  module = await runModules(["exchange.js", "log.js"], ENTRY);
});
after(() => module?.end());

/** The values of a header as they went over the wire. */
const valuesOf = ({ rawHeaders }, name) =>
  rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1].toLowerCase() === name);

test("two Set-Cookie leave as two headers", async () => {
  const cookies = [
    "session=1; Path=/; Secure; HttpOnly",
    "csrf=2; Expires=Fri, 27 Nov 2026 12:00:00 GMT",
  ];
  const head = `content-type,set-cookie,set-cookie\ntext/plain\n${cookies.join("\n")}`;
  for (const log of [undefined, "", "a line"]) {
    const response = await module.ask({ status: 200, head, body: "text", log });
    assert.deepEqual(valuesOf(response, "set-cookie"), cookies);
    assert.deepEqual(valuesOf(response, "content-type"), ["text/plain"]);
    assert.equal(response.text, "text");
  }
});

test("headers that occur once leave as they are", async () => {
  const response = await module.ask({
    status: 404,
    head: "content-type,cache-control\ntext/plain\nno-store, private",
    body: "gone",
  });
  assert.equal(response.status, 404);
  assert.deepEqual(valuesOf(response, "cache-control"), ["no-store, private"]);
  assert.equal(response.text, "gone");
});

test("a value with a line break makes no response", async () => {
  const response = await module.ask({
    status: 200,
    head: "content-type,location\ntext/plain\n/a\nset-cookie: evil",
    body: "",
  });
  assert.equal(response.status, 599);
  assert.match(response.text, /line break/);
});

test("a request crosses as eight lines, whatever its headers", async () => {
  const headers = { accept: "text/html", traceparent: "00-1-2-01", cookie: "a=b", "x-y": "z" };
  const { text } = await module.ask({
    request: { url: "https://a.example/b?c=d", method: "PUT", headers },
  });
  const [now, ...rest] = text.split("\n");
  assert.ok(Math.abs(Number(now) - Date.now()) < 60_000, now);
  const crossed = ["00-1-2-01", "text/html", "", "a=b", ""];
  assert.deepEqual(rest, ["PUT", "https://a.example/b?c=d", ...crossed]);
});
