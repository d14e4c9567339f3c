// Preloaded into wrangler (node --import): ends it when standard input closes, so that it does not
// outlive a cargo xtask that was killed without a chance to tidy up.
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).on("error", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.resume();
}
