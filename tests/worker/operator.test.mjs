// What an operator does, in the real runtime over real D1 and KV: purges of every scope, races with
// slow origins, erasure with its proof, the audit's chain, and the commands. It works on cars of
// its own; some purges are of the whole market `de`, whose cars are all fetched anew once
// afterwards.
//
// Environment, beside what portal.mjs needs: KERBSIDE_OPERATOR_TOKEN, KERBSIDE_STATE,
// KERBSIDE_XTASK.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import test, { after, afterEach, before } from "node:test";
import { promisify } from "node:util";

import {
  addressOf,
  ask,
  carsFor,
  formsOf,
  need,
  resetOrigins,
  setOrigin,
  slugOf,
  statesOf,
  until,
  untilCached,
} from "./support/portal.mjs";

const run = promisify(execFile);
const token = need("KERBSIDE_OPERATOR_TOKEN");
let nextCar;
before(async () => {
  nextCar = await carsFor("operator");
  await resetOrigins();
});
afterEach(() => resetOrigins());
after(() => resetOrigins());

const bearer = { authorization: `Bearer ${token}` };
const operate = (method, what, body, headers = bearer) =>
  ask(method, `/operator/v1/${what}`, {
    headers: { "content-type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
async function done(what, body) {
  const answer = await operate("POST", what, body);
  assert.ok([200, 201].includes(answer.status), answer.text);
  assert.equal(answer.headers["cache-control"], "private, no-store");
  assert.ok(!answer.text.includes(token));
  return answer.json;
}
/** Runs the job that links the audit's entries. */
async function linked() {
  const query = `?cron=${encodeURIComponent("* * * * *")}`;
  const answer = await fetch(new URL(`/cdn-cgi/handler/scheduled${query}`, need("KERBSIDE_URL")));
  assert.equal(answer.status, 200, await answer.text());
}
const pause = (ms) => new Promise((go) => setTimeout(go, ms));
/** An isolate remembers a car for 3 s; it knows its own purges at once. */
const forgotten = () => pause(3_200);
const MASTER = ["de.master", "de.equipment", "de.recalls"];
const fail = (...origins) =>
  Promise.all(origins.map((origin) => setOrigin(origin, { fault: "500" })));

/** A German car that is stored, and that no isolate remembers. */
async function stored() {
  const { vin } = nextCar("de");
  const address = await addressOf("de", vin);
  await ask("GET", address);
  await untilCached(address);
  await forgotten();
  return { vin, address };
}

const xtask = (...words) =>
  run(need("KERBSIDE_XTASK"), words, { env: process.env, maxBuffer: 1 << 24 });

test("without a good token nothing is told and nothing happens", async () => {
  for (const [headers, status, slug] of [
    [{}, 401, "sign-in-required"],
    [{ authorization: "Bearer wrong" }, 401, "sign-in-required"],
    [{ authorization: `Basic ${token}` }, 401, "sign-in-required"],
    [{ authorization: `Bearer ${token.slice(1)}` }, 401, "sign-in-required"],
    [{ ...bearer, cookie: "__Host-Http-session=x" }, 400, "invalid-request"],
  ]) {
    const answer = await operate("POST", "purges", { market: "de", kind: "hard" }, headers);
    assert.deepEqual([answer.status, slugOf(answer)], [status, slug]);
    if (status === 401)
      assert.match(answer.headers["www-authenticate"], /^Bearer realm="kerbside operators"/);
    assert.match(answer.headers["cache-control"], /no-store/);
  }
  assert.equal((await operate("DELETE", "purges")).status, 405);
  assert.equal((await operate("GET", "nothing")).status, 404);
  const query = await ask("GET", `/operator/v1/purges?market=de&access_token=${token}`);
  assert.equal(query.status, 401, "never from the query");
});

test("wrong bodies are refused, each mistake by its pointer", async () => {
  const answer = await operate("POST", "purges", {
    market: "de",
    facet: "wheels",
    origin: "x",
    kind: "hard",
    tag: "vin:x",
  });
  assert.deepEqual(
    [answer.status, answer.json.errors.map(({ pointer }) => pointer)],
    [422, ["/facet", "/origin", "/tag"]],
  );
  const plain = await ask("POST", "/operator/v1/erasures", {
    headers: { ...bearer, "content-type": "text/plain" },
    body: "{}",
  });
  assert.equal(plain.status, 415);
  const broken = await ask("POST", "/operator/v1/erasures", {
    headers: { ...bearer, "content-type": "application/json" },
    body: "{",
  });
  assert.equal(broken.status, 400);
});

test("soft and hard, of one car: by facet, by origin, whole", async () => {
  const { vin, address } = await stored();
  await fail(...MASTER);
  const rows = (await done("purges", { market: "de", kind: "soft", vin, facet: "recalls" })).rows;
  assert.equal(rows, 1, "rows of the car");
  const soft = await ask("GET", address);
  assert.deepEqual(statesOf(soft), { identity: "fresh", equipment: "fresh", recalls: "stale" });
  // A cache subtracts the age: nothing of it is fresh.
  const maxAge = /max-age=(\d+)/.exec(soft.headers["cache-control"])?.[1];
  assert.ok(Number(maxAge ?? 0) <= Number(soft.headers.age), soft.headers["cache-control"]);
  await done("purges", { market: "de", kind: "hard", vin, origin: "equipment" });
  await forgotten();
  assert.deepEqual(statesOf(await ask("GET", address)), {
    identity: "fresh",
    equipment: "unavailable",
    recalls: "stale",
  });
  await done("purges", { market: "de", kind: "hard", vin });
  await forgotten();
  assert.equal((await ask("GET", address)).status, 502, "nothing is left to be served");
  await resetOrigins();
  await until(
    "it is fetched again",
    () => ask("GET", address),
    ({ status }) => status === 200,
    70_000,
  );
});

test("by tag: the cars that have it, whatever its case, and no other", async () => {
  const [one, other] = [await stored(), await stored()];
  const { facets } = (await ask("GET", one.address)).json;
  const others = (await ask("GET", other.address)).json.facets;
  assert.notEqual(facets.identity.model, others.identity.model);
  await done("purges", {
    market: "de",
    kind: "soft",
    facet: "recalls",
    tag: `model:${facets.identity.model.toUpperCase()}`,
  });
  await fail(...MASTER);
  await forgotten();
  assert.equal(statesOf(await ask("GET", one.address)).recalls, "stale");
  assert.equal(statesOf(await ask("GET", other.address)).recalls, "fresh");
  const { json } = await operate("GET", "purges?market=de");
  assert.ok(
    json.purges.some(
      ({ tag, hard }) => hard === 0 && tag === `model:${facets.identity.model.toLowerCase()}`,
    ),
    JSON.stringify(json),
  );
});

test("by facet, origin and market: what was stored before, and nothing that is fetched after", async () => {
  const { address } = await stored();
  for (const scope of [{ facet: "recalls" }, { origin: "recalls" }, { scope: "market" }]) {
    await done("purges", { market: "de", kind: "soft", ...scope });
    await forgotten();
    const { headers, ...answer } = await ask("GET", address);
    assert.equal(statesOf(answer).recalls, "stale", JSON.stringify(scope));
    // It is fetched again after the answer.
    await until(
      "it is fresh again",
      async () => statesOf(await ask("GET", address)),
      (states) => states.recalls === "fresh" && states.identity === "fresh",
    );
    await forgotten();
  }
});

test("a slow origin that was asked before a purge does not undo it", async () => {
  for (const kind of ["hard", "soft"]) {
    const { vin, address } = await stored();
    await done("purges", { market: "de", kind: "hard", vin, facet: "recalls" });
    await setOrigin("de.recalls", { latency_ms: 1_800 });
    await forgotten();
    const pending = await ask("GET", address);
    assert.equal(statesOf(pending).recalls, "pending");
    await done("purges", { market: "de", kind, vin });
    await pause(2_500);
    // The late answer has come by now. It must not stand in the record as if nothing had happened.
    await fail("de.recalls");
    await forgotten();
    const held = await done("inspections", { market: "de", vin });
    const facet = (rows) => (rows ?? []).find(({ facet }) => facet === "recalls");
    for (const [store, rows] of [
      ["D1", held.record],
      ["KV", held.cache],
    ]) {
      const found = facet(rows);
      const isFresh = found && held.now_ms < found.stored_at_ms + 1000 * found.ttl_s;
      assert.ok(!isFresh || found.purge, `${kind} ${store}: ${JSON.stringify(found)}`);
    }
    const { recalls } = statesOf(await ask("GET", address));
    assert.notEqual(recalls, "fresh", kind);
    await resetOrigins();
  }
});

test("an inspection tells how it is held and none of what it says", async () => {
  const { vin, address } = await stored();
  const { facets } = (await ask("GET", address)).json;
  const answer = await operate("POST", "inspections", { market: "de", vin });
  const rows = Object.fromEntries(answer.json.record.map((row) => [row.facet, row]));
  assert.ok(
    rows.identity.public_bytes > 50 && rows.recalls.key_id === 1 && rows.recalls.sealed_bytes > 40,
    JSON.stringify(rows),
  );
  assert.deepEqual(answer.json.cache.map(({ facet }) => facet).sort(), Object.keys(rows).sort());
  for (const value of [facets.identity.make, facets.identity.model])
    assert.ok(!answer.text.includes(value), value);
});

/** Every file of KV and D1, with the log of SQLite. */
function storeTexts() {
  const folder = path.join(need("KERBSIDE_STATE"), "stores");
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return entries
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => [path.relative(folder, file), readFileSync(file).toString("latin1")]);
}

test("an erased car is found in no store, and the proof stands in the audit", async () => {
  const { vin, address } = await stored();
  const { vehicle } = await done("inspections", { market: "de", vin });
  const answer = await operate("POST", "erasures", {
    vin,
    what: "vehicle",
    reason: "asked by the keeper",
  });
  assert.equal(answer.status, 200, answer.text);
  const { proof, digest, audit } = answer.json;
  assert.deepEqual([proof.complete, proof.vehicle, proof.what], [true, vehicle, "vehicle"]);
  const de = Object.fromEntries(
    proof.markets.find(({ market }) => market === "de").stores.map((store) => [store.store, store]),
  );
  assert.ok(
    de.stored_facet.found >= 3 &&
      de.stored_facet.left === 0 &&
      de.kv.found === 1 &&
      de.kv.left === 0,
    JSON.stringify(de),
  );
  assert.ok(proof.markets.length >= 4, "all markets of the region");
  const text = answer.text.slice('{"proof":'.length, answer.text.lastIndexOf(',"digest":'));
  assert.equal(digest, `sha256:${createHash("sha256").update(text).digest("hex")}`);
  const { json } = await operate("GET", `audit?after=${audit.id - 1}`);
  assert.deepEqual([json.entries[0].position, json.entries[0].evidence], [audit.id, digest]);
  const held = await done("inspections", { market: "de", vin });
  assert.deepEqual([held.record, held.cache, held.leases], [[], null, []]);
  // The keyed hash stays in the audit and in the rule that keeps late writers out; as a key of KV
  // it is gone.
  const texts = storeTexts();
  assert.ok(
    texts.some(([file, text]) => file.includes("d1") && text.includes(vehicle)),
    "the search itself is broken",
  );
  assert.ok(
    !texts.some(
      ([file, text]) =>
        file.includes("kv") && !file.includes("-wal") && text.includes(`car:de:${vehicle}`),
    ),
    "in KV",
  );
  for (const form of formsOf(vin))
    assert.ok(!texts.some(([, text]) => text.includes(form)), "a VIN in a store");
  // Whoever asks again brings it back from the origins: erasure is of what we keep.
  await forgotten();
  assert.equal((await ask("GET", address)).status, 200);
});

test("what tells of persons goes alone", async () => {
  const { vin } = await stored();
  const { proof } = await done("erasures", { market: "de", vin, what: "person" });
  assert.deepEqual(proof.facets, ["identity", "service_history", "registration", "damage"]);
  const left = (await done("inspections", { market: "de", vin })).record.map(({ facet }) => facet);
  assert.ok(
    left.includes("recalls") && !left.some((facet) => proof.facets.includes(facet)),
    left.join(),
  );
});

test("operators who act at the same moment make one chain, which xtask follows", async () => {
  const cars = [nextCar("de").vin, nextCar("de").vin];
  await Promise.all(
    Array.from({ length: 12 }, (_, number) =>
      done("inspections", { market: "de", vin: cars[number % 2] }),
    ),
  );
  await linked();
  const { stdout } = await xtask("audit", "verify");
  assert.match(stdout, /^\d+ entries, the chain is unbroken/);
  assert.match(stdout, /heads: \d+ signed, 0 unsigned, 0 by unknown keys/);
  assert.match(stdout, /the head in KV is that of entry \d+/);
  const hash = stdout.match(/--head: ([0-9a-f]{64})/)[1];
  await done("inspections", { market: "de", vin: cars[0] });
  assert.match((await xtask("audit", "verify", "--head", hash)).stdout, /unbroken/);
  await assert.rejects(xtask("audit", "verify", "--head", "0".repeat(64)), /is not in it/);
});

test("the commands say what they did, and what is wrong", async () => {
  const { vin, address } = await stored();
  const words = [
    "cache",
    "purge",
    "--market",
    "de",
    "--soft",
    "--vin",
    vin,
    "--facet",
    "recalls",
    "--reason",
    "test",
  ];
  assert.match(
    (await xtask(...words)).stdout,
    /^purge \d+: vehicle \S{22}, facet recalls in de, soft\n1 rows of the car/,
  );
  assert.match((await xtask("cache", "purges", "--market", "de")).stdout, /^id +kind +what/);
  const inspected = (await xtask("cache", "inspect", "--market", "de", "--vin", vin)).stdout;
  assert.match(inspected, /\nD1\nfacet +is +age/);
  assert.ok(!inspected.includes(vin));
  assert.match((await xtask("keys", "status")).stdout, /held: 1; 1 writes/);
  const erased = (await xtask("cache", "erase", "--vin", vin)).stdout;
  assert.match(erased, /^market +store +found +removed +left\nde +stored_facet +\d+ +\d+ +0\n/);
  await assert.rejects(
    xtask("cache", "purge", "--market", "de", "--soft", "--facet", "wheels"),
    /facet: This market has the facets/,
  );
  await assert.rejects(
    run(need("KERBSIDE_XTASK"), ["keys", "status"], {
      env: { ...process.env, KERBSIDE_OPERATOR_TOKEN: "x" },
    }),
    /refused \(401\)/,
  );
  assert.equal((await ask("GET", address)).status, 200);
});
