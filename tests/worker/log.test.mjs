// The log file of `cargo xtask dev`: programs read its warnings and errors line by line.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after } from "node:test";

import { levelOf, toJsonLine } from "../../xtask/js/log-line.mjs";
import {
  addressOf,
  ask,
  need,
  resetOrigins,
  setOrigin,
  unknownVin,
  until,
} from "./support/portal.mjs";

after(() => resetOrigins());

const log = () => readFileSync(need("KERBSIDE_LOG"), "utf8");

test("a warning of the Worker is a JSON line of its own, without colours", async () => {
  await setOrigin("de.master", { fault: "500" });
  const answer = await ask("GET", await addressOf("de", unknownVin(77_001)));
  const id = answer.headers["x-request-id"];
  const lines = () =>
    log()
      .split("\n")
      .filter((line) => line.includes(id) && line.includes("warn"));
  const [line] = await until("the warning is in the log", lines, (found) => found.length > 0);
  const { level, message } = JSON.parse(line);
  assert.deepEqual([level, typeof message], ["warn", "string"]);
  assert.ok(!log().includes("\u001b"), "the log has colours");
});

test("framed texts of wrangler become JSON lines", () => {
  const event = '{"level":"warn","message":"origin failed"}';
  assert.equal(
    toJsonLine("warn", [
      `\u001b[33m▲ \u001b[43;30m[WARNING]\u001b[0m \u001b[1m${event}\u001b[0m\n\n`,
    ]),
    event,
  );
  const uncaught = { level: "error", message: "Error: boom\n    at fetch", source: "wrangler" };
  const framed = "[wrangler:error] Error: boom\n    at fetch";
  assert.deepEqual(JSON.parse(toJsonLine("error", [framed])), uncaught);
  assert.deepEqual(
    [levelOf(framed), levelOf("[wrangler:info] Ready"), levelOf(event)],
    ["error", undefined, undefined],
  );
  assert.deepEqual(JSON.parse(toJsonLine("warn", ["%s of it", "{half"])).message, "{half of it");
});
