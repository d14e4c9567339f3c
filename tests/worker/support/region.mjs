// A region of its own: the built Worker in as many isolates as wanted, all over one KV and one D1
// (miniflare's, in real workerd), beside an origin whose answers the test makes up. Stopping is
// killing; what was stored is there when it starts again.
import { createHash, createHmac, randomBytes, webcrypto } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COMPATIBILITY_DATE = "2026-11-01";
export const CODE = "kb";

/** A market as it is published: the hash is that of the market's JSON, which stands last. */
export const publishedMarket = (market, revisions) => {
  const hash = createHash("sha256").update(JSON.stringify(market)).digest("hex").slice(0, 32);
  return JSON.stringify({ schema: 1, hash, revisions, market });
};

const secret = (bytes) => randomBytes(bytes).toString("base64");

/** Passes a request on to the isolate that `x-isolate` names. */
const FRONT = `export default { fetch: (request, env) => env["W" + (request.headers.get("x-isolate") ?? 0)].fetch(request) };`;

/**
 * Starts a region. `market` is the market's description without code, name, region, locales and
 * currency, and `markets` several by their codes; `answer(origin, vin)` gives what an origin says,
 * as `{ status?, body, after_ms? }`, or nothing to have it refuse; `entry` is a module around the
 * built one (`./index.js`); `ratelimits` are bindings that limit; `bindings` are further variables and
 * secrets.
 */
export async function region({
  isolates = 1,
  market,
  markets = (base) => ({ [CODE]: market(base) }),
  answer,
  entry,
  ratelimits = {},
  bindings = {},
}) {
  const folder = mkdtempSync(join(tmpdir(), "kerbside-region-"));
  const secrets = {
    VEHICLE_ID_KEYS: `1:${secret(64)}`,
    LOOKUP_KEY: secret(32),
    SEALING_KEY_1: secret(32),
    SESSION_KEY_1: secret(32),
    RIGHTS_KEY_1: secret(32),
  };
  const asked = [];
  const origin = http.createServer(async (request, response) => {
    const [, name, vin] = request.url.split("/");
    asked.push({ name, vin });
    const said = answer(name, vin);
    if (!said) return request.socket.destroy();
    await new Promise((done) => setTimeout(done, said.after_ms ?? 0));
    response
      .writeHead(said.status ?? 200, { "content-type": "application/json" })
      .end(JSON.stringify(said.body));
  });
  await new Promise((done) => origin.listen(0, "127.0.0.1", done));
  const base = `http://127.0.0.1:${origin.address().port}`;
  const described = Object.entries(markets(base)).map(([code, rest]) => ({
    code,
    name: "Region",
    region: "eu",
    locales: ["en-GB"],
    currency: "EUR",
    ...rest,
  }));
  const published = (market) => {
    const revisions = Object.fromEntries(Object.keys(market.facets).map((name) => [name, 1]));
    return publishedMarket(market, revisions);
  };

  const worker = (at) => ({
    name: `isolate-${at}`,
    compatibilityDate: COMPATIBILITY_DATE,
    modules: [
      ...(entry ? [{ type: "ESModule", path: "entry.js", contents: entry }] : []),
      {
        type: "ESModule",
        path: "index.js",
        contents: readFileSync(join(ROOT, "build/index.js"), "utf8"),
      },
      {
        type: "CompiledWasm",
        path: "index_bg.wasm",
        contents: readFileSync(join(ROOT, "build/index_bg.wasm")),
      },
    ],
    bindings: { REGIONS: "eu", REGION_HOSTS: "{}", ...secrets, ...bindings },
    kvNamespaces: { CACHE: "cache", MARKETS: "markets" },
    d1Databases: { DB: "db" },
    ratelimits,
    serviceBindings: { ASSETS: "front" },
  });
  const front = {
    name: "front",
    compatibilityDate: COMPATIBILITY_DATE,
    modules: [{ type: "ESModule", path: "front.mjs", contents: FRONT }],
    serviceBindings: Object.fromEntries(
      Array.from({ length: isolates }, (_, at) => [`W${at}`, `isolate-${at}`]),
    ),
  };
  const options = convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: folder,
    telemetry: { enabled: false },
    logRequests: false,
    handleStructuredLogs: (line) => self.log.push(line.message),
    workers: [front, ...Array.from({ length: isolates }, (_, at) => worker(at))],
  });

  let running, url;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  const self = {
    secrets,
    asked,
    folder,
    /** What the Workers have logged. */
    log: [],

    async start() {
      running = new Miniflare(options);
      url = await running.ready;
    },

    /** The address of its front, without a slash at the end. */
    get url() {
      return url.origin;
    },

    /** Ends workerd as a crash does, then tidies up what is left of its host. */
    async kill() {
      const pids = workerds();
      for (const pid of pids) process.kill(pid, "SIGKILL");
      await running.dispose().catch(() => {});
      running = undefined;
    },

    async end() {
      await running?.dispose().catch(() => {});
      agent.destroy();
      origin.closeAllConnections();
      origin.close();
      rmSync(folder, { recursive: true, force: true });
    },

    /** Asks one isolate: `{ status, headers, json }`. */
    ask(path, { isolate = 0, method = "GET", headers = {}, body } = {}) {
      const sent = { "x-isolate": String(isolate), ...headers };
      if (body)
        Object.assign(sent, {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        });
      return new Promise((done, failed) => {
        const request = http.request(
          new URL(path, url),
          { agent, method, headers: sent },
          async (response) => {
            try {
              const chunks = [];
              for await (const chunk of response) chunks.push(chunk);
              const text = Buffer.concat(chunks).toString("utf8");
              done({
                status: response.statusCode,
                headers: response.headers,
                text,
                json: text.startsWith("{") ? JSON.parse(text) : undefined,
              });
            } catch (error) {
              failed(error);
            }
          },
        );
        request.setTimeout(20_000, () => request.destroy(new Error(`no answer: ${path}`)));
        request.once("error", failed).end(body);
      });
    },

    /** Where the document of a car is. */
    async address(vin, market = CODE) {
      const { status, json, text } = await self.ask(`/api/v1/${market}/lookups`, {
        method: "POST",
        body: JSON.stringify({ vin }),
      });
      if (status !== 200) throw new Error(`the look-up answered ${status}: ${text}`);
      return json.vehicle.href;
    },

    /** The rows of a statement, by way of D1's own binding. */
    async sql(statement, ...params) {
      const database = await running.getD1Database("DB", "isolate-0");
      return (
        await database
          .prepare(statement)
          .bind(...params)
          .all()
      ).results;
    },

    /** Has one isolate do the scheduled work of a minute. */
    async scheduled(isolate = 0) {
      const worker = await running.getWorker(`isolate-${isolate}`);
      return worker.scheduled({ cron: "* * * * *" });
    },

    kv: () => running.getKVNamespace("CACHE", "isolate-0"),

    /** Every byte that is stored, file by file. */
    files() {
      const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
        (entry) => entry.isFile(),
      );
      return entries.map((entry) =>
        readFileSync(join(entry.parentPath, entry.name)).toString("latin1"),
      );
    },

    /** What stands for a car in the stores; computed here by its description in docs/STORAGE.md. */
    lookup(vin) {
      const mac = createHmac("sha256", Buffer.from(secrets.LOOKUP_KEY, "base64"))
        .update(`kerbside vehicle ${vin}`)
        .digest();
      return mac.subarray(0, 16).toString("base64url");
    },

    /**
     * Opens a sealed value at a place, by its description in docs/STORAGE.md; fails where it is not
     * what was sealed there.
     */
    async open({ market, vehicle, facet, key_id, sealed }) {
      const context = `stored_facet\n${market}\n${vehicle}\n${facet}\n${key_id}`;
      const ring = Buffer.from(secrets[`SEALING_KEY_${key_id}`], "base64");
      const raw = createHmac("sha256", ring).update(`kerbside sealing ${context}`).digest();
      const key = await webcrypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
      const bytes = Buffer.from(sealed, "base64");
      const algorithm = {
        name: "AES-GCM",
        iv: bytes.subarray(0, 12),
        additionalData: Buffer.from(context),
      };
      return JSON.parse(
        Buffer.from(await webcrypto.subtle.decrypt(algorithm, key, bytes.subarray(12))).toString(
          "utf8",
        ),
      );
    },
  };

  /** The processes of workerd that this one started. */
  function workerds() {
    const parentOf = (pid) =>
      /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return (
            Number(parentOf(pid)) === process.pid &&
            readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("workerd")
          );
        } catch {
          return false; // It has ended meanwhile.
        }
      });
  }

  try {
    await self.start();
    const database = await running.getD1Database("DB", "isolate-0");
    for (const statements of migrations())
      await database.batch(statements.map((one) => database.prepare(one)));
    const kv = await running.getKVNamespace("MARKETS", "isolate-0");
    for (const one of described) await kv.put(`market:${one.code}`, published(one));
    await kv.put(
      "markets",
      JSON.stringify(
        described.map(({ code, name, region, locales }) => ({ code, name, region, locales })),
      ),
    );
    return self;
  } catch (error) {
    await self.end();
    throw error;
  }
}

/** The statements of each migration, in the order of their numbers. */
export function migrations() {
  const folder = join(ROOT, "migrations");
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const texts = names
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8").replace(/--.*$/gm, ""));
  return texts.map((text) =>
    text
      .split(/;\s*$/m)
      .map((one) => one.trim())
      .filter(Boolean),
  );
}

/** A number of a text, the same each time. */
export const numberOf = (text) => createHash("sha256").update(text).digest().readUInt32BE(0);
