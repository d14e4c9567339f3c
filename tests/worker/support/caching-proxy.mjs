// nginx as a shared cache in front of the Worker, set up as carelessly as the standard allows: it
// keys by the address alone, knows nothing of credentials, keeps what names no lifetime for a
// minute whatever its status (heuristic freshness, RFC 9111 §4.2.2), lets requests for one key wait
// for the first (request coalescing), and serves stale responses while it asks again. `Vary` and
// `Cache-Control` are all that keeps people apart.
//
// Environment: NGINX, its program; without it the one on PATH.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const configuration = (folder, port, upstream) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n  ")}
  proxy_cache_path ${folder}/cache keys_zone=shared:4m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_cache shared;
      proxy_cache_key $request_uri;
      proxy_cache_methods GET HEAD;
      proxy_cache_valid any 1m;
      proxy_cache_lock on;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504 http_404;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`;

/** A port that is free now. */
function freePort() {
  return new Promise((done) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function accepts(port) {
  return new Promise((done) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("close", () => {}).once("connect", () => socket.destroy());
  });
}

/** Starts the cache. Gives `{ url, end }`; each answer has `x-cache`: HIT, MISS, BYPASS, … */
export async function cachingProxy(upstream) {
  const folder = mkdtempSync(join(tmpdir(), "kerbside-cache-"));
  mkdirSync(join(folder, "cache"));
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, port, upstream));
  const program = process.env.NGINX ?? "nginx";
  const said = [];
  const nginx = spawn(program, ["-p", folder, "-c", file, "-e", join(folder, "error.log")]);
  nginx.stderr.on("data", (text) => said.push(text));
  const ended = new Promise((done) => nginx.once("exit", done).once("error", done));
  const end = async () => {
    nginx.kill("SIGQUIT");
    const late = setTimeout(() => nginx.kill("SIGKILL"), 2_000);
    await ended;
    clearTimeout(late);
    rmSync(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; !(await accepts(port)); attempt += 1) {
    if (attempt === 100 || nginx.exitCode !== null) {
      await end();
      throw new Error(`nginx does not start: ${said.join("")}`);
    }
    await new Promise((done) => setTimeout(done, 30));
  }
  return { url: `http://127.0.0.1:${port}`, end };
}
