/**
 * One `workerd serve` process that holds Kerbside and a plain JavaScript Worker, and beside it the
 * process with everything outside of them. Stores are outside too, as in production: their own
 * processor time does not count, the Workers' calls to them do.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import { cpuMs, residentBytes } from "./workerd.mjs";

const here = new URL(".", import.meta.url);

const freePort = () =>
  new Promise((done) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

/** Writes the configuration of workerd (src/workerd/server/workerd.capnp in its repository). */
function configuration({ wasm, outside, ports, secrets }) {
  const external = (name) =>
    `(name = "${name}", external = (address = "127.0.0.1:${outside}",
      http = (injectRequestHeaders = [(name = "x-bench", value = "${name}")])))`;
  const text = (name, value) => `(name = "${name}", text = ${JSON.stringify(value)})`;
  const kv = (binding, service) => `(name = "${binding}", kvNamespace = "${service}")`;
  const database = `(name = "DB", wrapped = (moduleName = "cloudflare-internal:d1-api",
      innerBindings = [(name = "fetcher", service = "d1")]))`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "kerbside", worker = .kerbside), (name = "plain", worker = .plain),
    (name = "origins", external = (address = "127.0.0.1:${outside}", http = ())),
    ${["kv-cache", "kv-markets", "d1", "assets"].map(external).join(",\n    ")}
  ],
  sockets = [
    (name = "kerbside", address = "127.0.0.1:${ports.kerbside}", http = (), service = "kerbside"),
    (name = "plain", address = "127.0.0.1:${ports.plain}", http = (), service = "plain")
  ]
);
const kerbside :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "${wasm}", wasm = embed "${wasm}")
  ],
  compatibilityDate = "2026-11-01", globalOutbound = "origins",
  bindings = [
    ${kv("CACHE", "kv-cache")}, ${kv("MARKETS", "kv-markets")},
    ${database}, (name = "ASSETS", service = "assets"),
    ${text("REGIONS", "eu")}, ${text("REGION_HOSTS", "{}")},
    ${Object.entries(secrets)
      .map(([name, value]) => text(name, value))
      .join(",\n    ")}
  ]
);
const plain :Workerd.Worker = (
  modules = [(name = "plain.mjs", esModule = embed "plain.mjs")],
  compatibilityDate = "2026-11-01", globalOutbound = "origins",
  bindings = [
    ${kv("CACHE", "kv-cache")}, ${database}, ${text("SESSION_KEY_1", secrets.SESSION_KEY_1)}
  ]
);
`;
}

/**
 * Starts both processes: `plain` is the address of the plain Worker's module, `latencyMs` the
 * latency of origins. `world.secrets` are Kerbside's; the plain Worker has `SESSION_KEY_1` of them.
 */
export async function start({ plain, latencyMs }) {
  const folder = mkdtempSync(join(tmpdir(), "kerbside-bench-"));
  const env = { ...process.env, KERBSIDE_LATENCY_MS: String(latencyMs), NODE_NO_WARNINGS: "1" };
  const outside = spawn(process.execPath, [fileURLToPath(new URL("outside.mjs", here))], {
    stdio: ["pipe", "pipe", "inherit"],
    env,
  });
  const [port] = await once(createInterface(outside.stdout), "line");
  const ports = { kerbside: await freePort(), plain: await freePort() };
  const key = (bytes) => randomBytes(bytes).toString("base64");
  const secrets = {
    VEHICLE_ID_KEYS: `1:${key(64)}`,
    LOOKUP_KEY: key(32),
    SEALING_KEY_1: key(32),
    SESSION_KEY_1: key(32),
    RIGHTS_KEY_1: key(32),
  };
  const config = join(folder, "config.capnp");
  const worker = process.env.KERBSIDE_WORKER;
  const wasm = readdirSync(worker).find((name) => name.endsWith(".wasm"));
  // workerd reads only what lies beside its configuration.
  for (const name of ["index.js", wasm]) copyFileSync(join(worker, name), join(folder, name));
  copyFileSync(plain, join(folder, "plain.mjs"));
  writeFileSync(config, configuration({ wasm, outside: port, ports, secrets }));
  const require = createRequire(import.meta.url);
  const workerd = spawn(require("workerd").default, ["serve", "--experimental", config], {
    stdio: ["ignore", "ignore", process.env.KERBSIDE_BENCH_LOUD ? "inherit" : "ignore"],
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

  /** Sends a request to one of the two: `{ status, headers, text, ms }`. */
  function ask(which, path, { method = "GET", body, headers: further } = {}) {
    const headers = body
      ? { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
      : (further ?? {});
    return new Promise((done, failed) => {
      const started = performance.now();
      const request = http.request(
        { host: "127.0.0.1", port: ports[which] ?? which, agent, method, path, headers },
        async (response) => {
          try {
            const chunks = [];
            for await (const chunk of response) chunks.push(chunk);
            done({
              status: response.statusCode,
              headers: response.headers,
              text: Buffer.concat(chunks).toString("utf8"),
              ms: performance.now() - started,
            });
          } catch (error) {
            failed(error);
          }
        },
      );
      request.setTimeout(20_000, () => request.destroy(new Error(`no answer: ${which} ${path}`)));
      request.once("error", failed).end(body);
    });
  }

  // Child processes end with this one, however it ends.
  process.once("exit", () => workerd.kill("SIGKILL"));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const world = {
    ask,
    secrets,
    tell: async (change) =>
      JSON.parse(
        (await ask(Number(port), "/", { method: "PUT", body: JSON.stringify(change) })).text,
      ),
    /** Returns the processor time of workerd, all threads, in milliseconds. */
    cpuMs: () => cpuMs(workerd.pid),
    /** Returns the resident memory of workerd in MiB. */
    memoryMiB: () => residentBytes(workerd.pid) / 2 ** 20,
    async end() {
      workerd.kill("SIGKILL");
      outside.stdin.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      if ((await ask("kerbside", "/healthz")).status === 200) return world;
    } catch (error) {
      if (attempt > 100 || workerd.exitCode !== null) {
        await world.end();
        throw new Error("workerd does not answer; KERBSIDE_BENCH_LOUD=1 shows why", {
          cause: error,
        });
      }
      await new Promise((go) => setTimeout(go, 100));
    }
  }
}
