/**
 * One `workerd serve` process with several Workers, and its processor time. The operating system's
 * accounting of one process compares Workers fairly, whatever else the machine does.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:net";

import workerd from "workerd";

const COMPATIBILITY_DATE = "2026-11-01";

/**
 * Starts Workers, each at a port of its own.
 *
 * `workers`: `[{ name, modules: [{ name, kind: "esModule" | "wasm" | "text" | "data", text |
 * file }] }]`; the first module is the main one.
 * Resolves to `{ pid, urls: { [name]: "http://127.0.0.1:…" }, cpuMs(), residentBytes(), stop() }`.
 */
export async function serve(workers) {
  const folder = mkdtempSync(join(tmpdir(), "kerbside-bench-"));
  const ports = await freePorts(workers.length);
  const lines = workers.map((worker, index) => service(folder, worker, index));
  const services = workers
    .map(({ name }, index) => `(name = "${name}", worker = .worker${index})`)
    .join(", ");
  const sockets = workers
    .map(
      ({ name }, index) =>
        `(name = "${name}", address = "127.0.0.1:${ports[index]}", http = (), service = "${name}")`,
    )
    .join(", ");
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${services}], sockets = [${sockets}]);
${lines.join("\n")}
`,
  );
  const child = spawn(workerd.default, ["serve", join(folder, "config.capnp")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const urls = Object.fromEntries(
    workers.map(({ name }, index) => [name, `http://127.0.0.1:${ports[index]}`]),
  );
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const url of Object.values(urls)) await answers(url, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pid: child.pid,
    urls,
    cpuMs: () => cpuMs(child.pid),
    residentBytes: () => residentBytes(child.pid),
    stop,
  };
}

/**
 * Returns the processor time of a process, all its running threads, in milliseconds, by the
 * scheduler's accounting.
 */
export function cpuMs(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return (
    threads.reduce(
      (sum, thread) =>
        sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
      0,
    ) / 1e6
  );
}

/** Returns the resident memory of a process. */
export function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

function service(folder, { modules }, index) {
  const parts = modules.map(({ name, kind, text, file }, at) => {
    // Embedded files must lie below the configuration.
    const path = `${index}-${at}`;
    writeFileSync(join(folder, path), text ?? readFileSync(file));
    return `(name = "${name}", ${kind} = embed "${path}")`;
  });
  const settings = `compatibilityDate = "${COMPATIBILITY_DATE}", modules = [${parts.join(", ")}]`;
  return `const worker${index} :Workerd.Worker = (${settings});`;
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((done) => {
          const server = createServer().listen(0, "127.0.0.1", () => done(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function answers(url, child) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`workerd ended with ${child.exitCode}`);
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      await new Promise((done) => setTimeout(done, 50));
    }
  }
  throw new Error(`nothing answers at ${url}`);
}
