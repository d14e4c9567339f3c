// The model of claims against D1: the native test of random sequences runs over databases of
// workerd instead of SQLite's own.
//
// Environment: KERBSIDE_CLAIM_WORLDS, the number of sequences, 12 by default.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Miniflare, convertV4MiniflareOptions } from "miniflare";

import { migrations } from "./support/region.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WORLDS = Number(process.env.KERBSIDE_CLAIM_WORLDS ?? 12);
const TEST = "ownership::tests::simulation::ok_the_machine_agrees_with_its_model";

/** Starts a Worker with a database a world. */
async function bridge() {
  const worker = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      telemetry: { enabled: false },
      logRequests: false,
      workers: [
        {
          name: "bridge",
          compatibilityDate: "2026-11-01",
          modules: [
            {
              type: "ESModule",
              path: "bridge.js",
              contents: readFileSync(`${ROOT}tests/support/d1-bridge.mjs`, "utf8"),
            },
          ],
          bindings: {
            MIGRATIONS: migrations().map((statements) =>
              statements.map((sql) => ({ sql, params: [] })),
            ),
          },
          d1Databases: Object.fromEntries(
            Array.from({ length: WORLDS }, (_, at) => [`DB${at}`, `world-${at}`]),
          ),
        },
      ],
    }),
  );
  const { origin } = await worker.ready;
  return { origin, end: () => worker.dispose() };
}

/** Runs the native test. Gives its exit code and the end of what it wrote. */
function runModel(address) {
  const env = {
    ...process.env,
    KERBSIDE_D1: address,
    KERBSIDE_CLAIM_WORLDS: String(WORLDS),
  };
  const cargo = spawn("cargo", ["test", "-q", "--lib", "--", "--exact", TEST], { cwd: ROOT, env });
  let text = "";
  for (const stream of [cargo.stdout, cargo.stderr])
    stream.on("data", (chunk) => (text = (text + chunk).slice(-8_000)));
  return new Promise((done) => cargo.once("close", (code) => done({ code, text })));
}

const run = async (address, sql, ...params) => {
  const body = JSON.stringify([{ sql, params }]);
  const response = await fetch(address, { method: "POST", body });
  assert.equal(response.status, 200);
  return (await response.json())[0][0];
};

test("random sequences of claims on D1 agree with the model", async () => {
  const { origin, end } = await bridge();
  try {
    const { code, text } = await runModel(origin);
    assert.equal(code, 0, text);
    assert.match(text, /1 passed/, "the test has run");
    const last = `${origin}/${WORLDS - 1}`;
    const { n } = await run(last, "SELECT count(*) AS n FROM audit_entry");
    assert.ok(n > 20, `the last world is D1's: ${n} entries`);
    // As tests/support/sqlite.rs binds and reads them.
    const bound = await run(last, "SELECT typeof(?1) AS kind, ?1 || '' AS text, ?1 AS back", 5);
    assert.deepEqual(bound, { kind: "real", text: "5.0", back: 5 });
  } finally {
    await end();
  }
});
