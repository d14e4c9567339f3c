// No VIN in what the Worker stores or logs. That none is in an answer, `ask` checks in every test.
//
// Environment, beside what portal.mjs needs: KERBSIDE_STATE, the folder with the stack's stores and
// logs.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";

import {
  MARKETS,
  addressOf,
  allVins,
  ask,
  carsFor,
  formsOf,
  idOf,
  need,
  postVin,
  resetOrigins,
  setOrigin,
  untilCached,
} from "./support/portal.mjs";

/**
 * Every file of the stack: KV and D1 (SQLite and its log), the Worker's log, wrangler's, the
 * stand-ins'.
 */
function filesOf(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/**
 * Says whether a text holds one of the words. Words are letters and digits, so only runs of these
 * are looked at.
 */
function finder(words) {
  const lengths = [...new Set(words.map((word) => word.length))];
  const known = new Set(words);
  const inRun = (run) =>
    lengths.some((length) => {
      for (let at = 0; at + length <= run.length; at += 1)
        if (known.has(run.slice(at, at + length))) return true;
      return false;
    });
  return (text) => (text.match(/[A-Za-z0-9+/]{17,}/g) ?? []).some(inRun);
}

const textOf = (file) => readFileSync(file).toString("latin1");

test("no VIN lies in KV, D1 or a log, in no form", async () => {
  const nextCar = await carsFor("privacy");
  for (const market of MARKETS) {
    // What may write a VIN somewhere: a fresh car, a failing and a slow origin, an unknown car, a
    // page, a refused look-up.
    const address = await addressOf(market, nextCar(market).vin);
    await ask("GET", address);
    await untilCached(address);
    for (const fault of ["500", "malformed", "slow", "refuse"]) {
      const { vin } = nextCar(market);
      for (const role of ["master", "recalls"]) {
        await setOrigin(`${market}.${role}`, { fault });
        const id = await idOf(market, vin);
        await ask("GET", `/api/v1/${market}/vehicles/${id}`);
        await ask("GET", `/${market}/vehicles/${id}`);
        await resetOrigins();
      }
      await postVin(market, `${vin}*`);
      await ask("POST", `/${market}/`, {
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: `vin=${vin}`,
      });
    }
  }
  const state = need("KERBSIDE_STATE");
  const files = filesOf(state);
  const texts = files.map((file) => [file, textOf(file)]);
  const holds = (word) =>
    texts.filter(([, text]) => text.includes(word)).map(([file]) => path.relative(state, file));
  // What must be found, or the search itself is broken.
  const facets = holds("car:de:");
  assert.ok(
    facets.some((file) => file.includes("kv")),
    `no facet of KV found: ${facets}`,
  );
  assert.ok(
    holds("expires_at_ms").some((file) => file.includes("d1")),
    "no facet of D1 found",
  );
  assert.ok(
    holds('"http.route":"/api/v1/{market}/vehicles/{id}"').some((file) => file.includes("log")),
    "no line of the Worker's log found",
  );

  const vins = await allVins();
  assert.ok(vins.length > 250);
  const find = finder(vins.flatMap(formsOf));
  assert.ok(find(`x${vins[7].toLowerCase()}y`), "the search itself is broken");
  assert.deepEqual(
    texts.filter(([, text]) => find(text)).map(([file]) => path.relative(state, file)),
    [],
    "files with VINs",
  );
});
