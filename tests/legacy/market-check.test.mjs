/**
 * `cargo xtask market check --live` against the identity provider: each market, and what it says of
 * each fault. `KERBSIDE_XTASK` is the program.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

import { SECRETS, start } from "./support/stand-ins.mjs";

const ISSUERS = "https://login.example.com";
const MARKETS = ["de", "us", "gb", "fr"];
const PORTAL = "http://127.0.0.1:8787";

let standIns;
let folder;
before(async () => {
  standIns = await start();
  folder = await mkdtemp(join(tmpdir(), "kerbside-check-"));
  const lines = Object.entries(SECRETS).map(([name, value]) => `${name}='${value}'\n`);
  await writeFile(join(folder, "secrets.env"), lines.join(""));
  await Promise.all(MARKETS.map((market) => writeMarket(market)));
});
after(async () => {
  await standIns.stop();
  await rm(folder, { recursive: true });
});
beforeEach(() => standIns.control("POST", "/reset"));

/** Writes a market's file with the address of the stand-in, after changes of its text. */
async function writeMarket(market, changes = {}, name = market) {
  const source = new URL(`../../markets/${market}.toml`, import.meta.url);
  let text = await readFile(source, "utf8");
  for (const [from, to] of Object.entries({
    [ISSUERS]: standIns.ready.hosts[ISSUERS],
    ...changes,
  })) {
    assert.ok(text.includes(from), from);
    text = text.replace(from, to);
  }
  await writeFile(join(folder, `${name}.toml`), text);
}

/** Runs the command; returns whether it succeeded and the findings by probe. */
async function check(names, ...args) {
  const files = names.map((name) => join(folder, `${name}.toml`));
  const words = ["market", "check", "--live", ...files, ...args];
  const { code, stdout } = await new Promise((done) =>
    execFile(process.env.KERBSIDE_XTASK, words, (error, stdout) =>
      done({ code: error?.code ?? 0, stdout }),
    ),
  );
  const found = [...stdout.matchAll(/^(\w+) {2}([\w-]+): (good|note|error): (.*)$/gmu)];
  return {
    code,
    stdout,
    states: found.map(([, market, probe, state]) => `${market} ${probe} ${state}`),
    text: (probe) => found.find((one) => one[2] === probe)?.[4],
  };
}
const checkAll = (names, ...args) =>
  check(names, "--host", PORTAL, "--secrets", join(folder, "secrets.env"), ...args);

test("every market is good at its provider, with its client's authentication", async () => {
  const { code, states, stdout } = await checkAll(MARKETS);
  const probes = ["discovery", "keys", "capabilities", "redirect", "client"];
  const expected = MARKETS.flatMap((market) => probes.map((probe) => `${market} ${probe} good`));
  assert.deepEqual([code, states.sort()], [0, expected.sort()], stdout);
});

test("nobody is signed in, and one token request a market is made", async () => {
  await checkAll(["de"]);
  const { json } = await standIns.control("GET", "/identity/de");
  assert.deepEqual([json.requests.token, json.requests.interaction], [1, 0]);
});

test("without secrets the client is not asked; without a sign-in nobody is", async () => {
  const { code, text } = await check(["de"], "--host", PORTAL);
  assert.deepEqual(
    [code, text("client")],
    [0, "not asked; give DE_IDP_CLIENT_SECRET with --secrets FILE"],
  );
  const file = new URL("../fixtures/market.toml", import.meta.url);
  await writeFile(join(folder, "none.toml"), await readFile(file, "utf8"));
  const none = await check(["none"]);
  assert.equal(none.code, 0);
  assert.match(none.stdout, /^de {2}no sign-in$/mu);
});

test("faults of discovery end the check", async () => {
  for (const [fault, cause] of Object.entries({
    discovery_html: /no JSON object/u,
    discovery_oversize: /longer than max_bytes/u,
    discovery_redirect: /status 302/u,
    discovery_wrong_issuer: /of another issuer; write `issuer` exactly/u,
    500: /status 500/u,
    down: /the connection failed; check the address/u,
  })) {
    await standIns.control("PUT", "/identity/de", { fault });
    const { code, states, text } = await checkAll(["de"]);
    assert.deepEqual([code, states], [1, ["de discovery error"]], fault);
    assert.match(text("discovery"), cause);
  }
});

test("faults of the keys are named, and the other probes go on", async () => {
  for (const [fault, cause] of Object.entries({
    jwks_html: /no JSON object/u,
    jwks_empty: /no usable key/u,
    jwks_oversize: /longer than max_bytes/u,
    jwks_redirect: /status 302/u,
    jwks_500: /status 500/u,
  })) {
    await standIns.control("PUT", "/identity/fr", { fault });
    const { code, states, text } = await checkAll(["fr"]);
    assert.equal(code, 1, fault);
    assert.ok(states.includes("fr keys error") && states.includes("fr client good"), fault);
    assert.match(text("keys"), cause);
  }
});

test("algorithms without a key, a wrong redirect, client and secret are told apart", async () => {
  await writeMarket("de", { 'algorithms = ["RS256"]': 'algorithms = ["ES384"]' }, "es384");
  assert.match((await checkAll(["es384"])).text("keys"), /^no key is for ES384; /u);

  const wrong = await check(["gb"], "--host", "https://elsewhere.example.com");
  assert.match(
    wrong.text("redirect"),
    /answers 400; register https:\/\/elsewhere\.example\.com\/auth\/gb\/callback/u,
  );

  await writeMarket("gb", { "kerbside-gb": "somebody" }, "client");
  const client = await checkAll(["client"]);
  assert.deepEqual(
    client.states.filter((state) => state.endsWith("error")),
    ["gb redirect error", "gb client error"],
  );

  for (const [name, value] of [
    ["de", "DE_IDP_CLIENT_SECRET=wrong"],
    ["us", `US_IDP_CLIENT_KEY='{"kty":"oct"}'`],
  ]) {
    await writeFile(join(folder, "wrong.env"), `${value}\n`);
    const args = ["--host", PORTAL, "--secrets", join(folder, "wrong.env")];
    const { code, text } = await check([name], ...args);
    assert.equal(code, 1);
    assert.match(
      text("client"),
      name === "de" ? /refuses: invalid_client; check/u : /no private JSON Web Key on P-256/u,
    );
    assert.ok(!text("client").includes("wrong"));
  }
});
