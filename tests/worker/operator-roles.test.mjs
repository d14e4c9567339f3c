// Roles and last days of operators' tokens in the real runtime, with entries as `cargo xtask keys
// new operator` makes them.
//
// Environment: KERBSIDE_XTASK.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import test, { after, before } from "node:test";
import { promisify } from "node:util";

import { need } from "./support/portal.mjs";
import { CODE, region } from "./support/region.mjs";

const run = promisify(execFile);
const market = (base) => ({
  deadline_ms: 900,
  origins: { one: { protocol: "rest", url: `${base}/one/{vin}`, timeout_ms: 800 } },
  facets: {
    identity: { origin: "one", required: true, ttl_s: 3_600, map: { make: { at: "/make" } } },
  },
});

/** Runs the command; returns the token and its entry. */
async function makeOperator(...words) {
  const command = ["keys", "new", "operator", ...words];
  const { stdout } = await run(need("KERBSIDE_XTASK"), command);
  const [, token, entry] = /^token {3}(\S+)\nsecret {2}(\S+)\n$/.exec(stdout);
  return { token, entry };
}

const regionOf = (entries) =>
  region({ market, answer: () => undefined, bindings: { OPERATOR_TOKENS: entries.join() } });

let cache, privacy, ended, here;
before(async () => {
  cache = await makeOperator("--name", "ada", "--roles", "cache");
  privacy = await makeOperator("--name", "joe", "--roles", "privacy,metrics");
  const token = randomBytes(32).toString("base64url");
  const hash = createHash("sha256").update(token).digest("base64");
  ended = { token, entry: `eve:cache+privacy:2026-01-31:${hash}` };
  here = await regionOf([cache.entry, privacy.entry, ended.entry]);
});
after(() => here?.end());

const ask = (where, path, { token }) =>
  where.ask(`/operator/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });

test("a token opens the routes of its roles and no other", async () => {
  const purges = `purges?market=${CODE}`;
  assert.equal((await ask(here, purges, cache)).status, 200);
  assert.equal((await ask(here, "audit", privacy)).status, 200);
  for (const [path, operator, role] of [
    ["audit", cache, "privacy"],
    ["keys", cache, "privacy"],
    [purges, privacy, "cache"],
  ]) {
    const { status, headers, json } = await ask(here, path, operator);
    assert.deepEqual([status, json.type], [403, "/problems/insufficient-scope"], path);
    assert.equal(
      headers["www-authenticate"],
      `Bearer realm="kerbside operators", error="insufficient_scope", scope="${role}"`,
    );
    assert.match(headers["cache-control"], /no-store/);
  }
  const lacking = here.log.filter((line) => line.includes("lacks the role"));
  assert.equal(lacking.length, 3);
  assert.equal(JSON.parse(lacking[0]).operator, "ada");
});

/** The first line of the log with a text: the runtime hands lines over after the response. */
async function logged(text) {
  for (let wait = 0; wait < 100; wait += 1) {
    const line = here.log.find((line) => line.includes(text));
    if (line) return line;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`the log has no line with ${text}`);
}

test("a token past its last day is refused, and a warning names its operator", async () => {
  const { status, headers } = await ask(here, "audit", ended);
  assert.equal(status, 401);
  assert.match(headers["www-authenticate"], /error="invalid_token"/);
  const line = await logged("past its last day");
  assert.deepEqual([JSON.parse(line).level, JSON.parse(line).operator], ["warn", "eve"]);
  assert.ok(!here.log.join("\n").includes(ended.token));
});

test("keys status reads the last days", async () => {
  const { json } = await ask(here, "keys", privacy);
  assert.deepEqual(
    json.operators.map(({ name, roles }) => [name, roles.join()]),
    [
      ["ada", "cache"],
      ["joe", "metrics,privacy"],
      ["eve", "cache,privacy"],
    ],
  );
  assert.equal(json.operators[2].last_day, "2026-01-31");
});

test("one entry of an earlier release closes the door, and the answer says which", async () => {
  const old = `old:${cache.entry.split(":").at(-1)}`;
  const closed = await regionOf([privacy.entry, old]);
  try {
    const { status, text } = await ask(closed, "audit", privacy);
    assert.equal(status, 503);
    assert.match(text, /entry 2 has no roles and no last day/);
    assert.ok(!text.includes(old.split(":")[1]));
  } finally {
    await closed.end();
  }
});

test("the command refuses unknown roles, days that are over and days too far away", async () => {
  for (const words of [
    ["--roles", "admin"],
    ["--roles", ""],
    ["--roles", "cache", "--until", "2020-01-01"],
    ["--roles", "cache", "--until", "9999-12-31"],
    [],
  ]) {
    await assert.rejects(makeOperator("--name", "ada", ...words), words.join(" "));
  }
});
