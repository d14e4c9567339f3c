/**
 * Preloaded into wrangler by `node --import`. Ends wrangler when standard input closes, so that it
 * does not outlive a killed `cargo xtask`, and keeps its log file readable for programs: warnings
 * and errors are JSON lines.
 */
import { isMainThread } from "node:worker_threads";

import { levelOf, toJsonLine } from "./log-line.mjs";

if (isMainThread) {
  const end = () => process.kill(process.pid, "SIGTERM");
  process.stdin.on("end", end).on("error", end).resume();

  const print = console.log;
  console.log = (...values) => {
    const level = levelOf(values[0]);
    print(...(level ? [toJsonLine(level, values)] : values));
  };
  console.warn = (...values) => print(toJsonLine("warn", values));
  console.error = (...values) => print(toJsonLine("error", values));
}
