// An origin that wants a client certificate. wrangler has no mTLS bindings locally, workerd itself
// has: the Worker that was built runs in it over stores of a few lines, and its binding connects to
// a TLS server that asks for a certificate made here.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import workerdModule from "workerd";

import { publishedMarket } from "./support/region.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
// The package is CommonJS: what it exports is the path of the program.
const binary = workerdModule.default ?? workerdModule;
const START_LIMIT_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), "kerbside-mtls-"));
const file = (name) => join(folder, name);
const read = (name) => readFileSync(file(name), "utf8");
const openssl = (...words) =>
  execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });

/** An authority, and what it signs: `ca`, `server` and `client`, each a certificate and a key. */
function makeCertificates() {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Kerbside test authority",
  );
  for (const [name, extension] of [
    ["server", "subjectAltName=DNS:localhost"],
    ["client", "extendedKeyUsage=clientAuth"],
  ]) {
    writeFileSync(file("extension"), extension);
    openssl(
      "req",
      ...key.slice(0, 5),
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      `/CN=${name}.kerbside.test`,
    );
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      "extension",
      "-out",
      `${name}.pem`,
    );
  }
}

/** A compiled market of one origin, asked through a binding. */
const market = (code, port, certificate) =>
  publishedMarket(
    {
      code,
      name: "Certificates",
      region: "eu",
      locales: ["en-GB"],
      currency: "EUR",
      deadline_ms: 5000,
      origins: {
        master: {
          protocol: "rest",
          url: `https://localhost:${port}/{vin}`,
          timeout_ms: 4000,
          auth: { certificate },
        },
      },
      facets: {
        identity: {
          origin: "master",
          required: true,
          ttl_s: 60,
          map: { make: { at: "/make" }, model: { at: "/model" } },
        },
      },
    },
    { identity: 1 },
  );

/** Stores in memory around the Worker's own entry. */
const harness = (markets) => `
import Worker from "./index.js";
const stored = new Map(Object.entries(${JSON.stringify(markets)}));
const value = (key) => stored.get(key) ?? null;
const kv = {
  get: async (keys) =>
    Array.isArray(keys) ? new Map(keys.map((key) => [key, value(key)])) : value(keys),
  put: async () => {},
};
const statement = { bind: () => statement };
/** The \`worker\` crate accepts a binding of this class's name alone. */
class D1Database {
  prepare() {
    return statement;
  }
  async batch(all) {
    return all.map(() => ({ results: [] }));
  }
}
const db = new D1Database();
export default {
  fetch: (request, env, context) => Worker.fetch(request, { ...env, CACHE: kv, MARKETS: kv, DB: db, ASSETS: { fetch: async () => new Response("{}") } }, context),
};
`;

const config = (port) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "known", external = .known), (name = "unknown", external = .unknown)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "main.mjs", esModule = embed "main.mjs"), (name = "index.js", esModule = embed "index.js"), (name = "index_bg.wasm", wasm = embed "index_bg.wasm")],
  compatibilityDate = "2026-11-01",
  bindings = [
    (name = "REGIONS", text = "eu"), (name = "REGION_HOSTS", text = "{}"),
    (name = "VEHICLE_ID_KEYS", text = "1:${randomBytes(64).toString("base64")}"), (name = "LOOKUP_KEY", text = "${randomBytes(32).toString("base64")}"),
    (name = "SEALING_KEY_1", text = "${randomBytes(32).toString("base64")}"),
    (name = "SESSION_KEY_1", text = "${randomBytes(32).toString("base64")}"),
    (name = "HX_MTLS", service = "known"), (name = "HX_OTHER", service = "unknown"),
  ],
);
const known :Workerd.ExternalServer = (address = "127.0.0.1:${port}", https = (certificateHost = "localhost", tlsOptions = (
  keypair = (privateKey = embed "client.key", certificateChain = embed "client.pem"), trustedCertificates = [embed "ca.pem"])));
const unknown :Workerd.ExternalServer = (address = "127.0.0.1:${port}", https = (certificateHost = "localhost", tlsOptions = (trustedCertificates = [embed "ca.pem"])));
`;

const seen = [];
let server, workerd, url;

before(async () => {
  makeCertificates();
  const options = {
    key: read("server.key"),
    cert: read("server.pem"),
    ca: read("ca.pem"),
    requestCert: true,
    rejectUnauthorized: false,
  };
  server = https.createServer(options, (request, response) => {
    const by = request.socket.authorized
      ? request.socket.getPeerCertificate().subject.CN
      : undefined;
    seen.push({ path: request.url, host: request.headers.host, by });
    response
      .writeHead(by ? 200 : 403, { "content-type": "application/json" })
      .end(JSON.stringify({ make: "Kerbside", model: "Safe" }));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  const codes = { hx: "HX_MTLS", hy: "HX_OTHER", hz: "HX_NOT_THERE" };
  const markets = Object.fromEntries(
    Object.entries(codes).map(([code, binding]) => [`market:${code}`, market(code, port, binding)]),
  );
  for (const name of ["index.js", "index_bg.wasm"])
    writeFileSync(file(name), readFileSync(join(ROOT, "build", name)));
  writeFileSync(file("main.mjs"), harness(markets));
  writeFileSync(file("config.capnp"), config(port));
  workerd = spawn(binary, ["serve", "--control-fd=3", "config.capnp"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [workerd.stdout, workerd.stderr])
    stream.on("data", (data) => (said += data));
  url = await new Promise((ready, failed) => {
    const timer = setTimeout(
      () => failed(new Error(`workerd is not ready: ${said}`)),
      START_LIMIT_MS,
    );
    workerd.stdio[3].on("data", (data) => {
      const listening = /"event":"listen".*"port":(\d+)/.exec(String(data))?.[1];
      if (listening) (clearTimeout(timer), ready(`http://127.0.0.1:${listening}`));
    });
    workerd.once("exit", () => {
      clearTimeout(timer);
      failed(new Error(`workerd ended: ${said}`));
    });
  });
});

after(async () => {
  if (workerd?.exitCode === null) {
    workerd.kill();
    await once(workerd, "exit");
  }
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function look(market) {
  const vin = "KBSZZZ99ZHX900001";
  const headers = { "content-type": "application/json" };
  const found = await fetch(`${url}/api/v1/${market}/lookups`, {
    method: "POST",
    headers,
    body: JSON.stringify({ vin }),
  });
  const { vehicle } = await found.json();
  const answer = await fetch(`${url}/api/v1/${market}/vehicles/${vehicle.id}`);
  return {
    status: answer.status,
    proxy: answer.headers.get("proxy-status"),
    json: await answer.json(),
  };
}

test("the origin sees the certificate of the binding", async () => {
  const { status, json } = await look("hx");
  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual(json.facets.identity, { make: "Kerbside", model: "Safe" });
  const last = seen.at(-1);
  assert.equal(last.by, "client.kerbside.test");
  assert.match(last.host, /^localhost:\d+$/);
});

test("another binding shows no certificate and is refused", async () => {
  const { status, proxy } = await look("hy");
  assert.deepEqual([status, seen.at(-1).by], [502, undefined]);
  assert.match(proxy, /error=http_protocol_error/);
});

test("without the binding no request is made", async () => {
  const before = seen.length;
  const { status, proxy } = await look("hz");
  assert.deepEqual([status, seen.length], [503, before]);
  assert.match(proxy, /error=destination_unavailable/);
});
