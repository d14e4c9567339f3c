/**
 * The front of every system: counts requests, adds latency, injects faults and checks HTTP
 * credentials. The system behind it is a real protocol server, a function from a request to a
 * response (`system.start()`).
 */
import http from "node:http";

import { reservedFault, redactVins } from "./cars.mjs";
import { FIXED_RESPONSES, SLOW_MS, send } from "./faults.mjs";

const HOST = "127.0.0.1";
const BODY_LIMIT = 262_144;
const MAX_REQUESTS = 200;
const SECRET_HEADERS =
  /^(authorization|proxy-authorization|cookie|set-cookie|.*(key|token|secret|password).*)$/iu;

/** The last requests to all origins, newest last. */
export const requests = [];

/** One origin: a system, its front, and the settings of the control server. */
export class Origin {
  #server;
  #port = 0;
  #handle;
  #stop = () => {};
  #held = new Set();
  fault = null;
  requests = 0;
  waiting = 0;
  max_waiting = 0;

  constructor(system) {
    this.system = system;
    this.name = system.name;
    this.latency_ms = system.latency_ms;
  }

  get url() {
    return `http://${HOST}:${this.#port}`;
  }

  /** Starts the system and listens on `port` (0: any free one). */
  async start(port, secret) {
    this.checkHttp = this.system.checkHttp?.(secret);
    ({ respond: this.#handle, stop: this.#stop = () => {} } = await this.system.start(secret));
    this.#port = port;
    await this.#listen();
  }

  async stop() {
    this.#release();
    this.#server?.closeAllConnections();
    await new Promise((done) => (this.#server?.listening ? this.#server.close(done) : done()));
    await this.#stop();
  }

  /** Sets latency or fault. Another fault than `hang` releases the requests that `hang` holds. */
  async set({ latency_ms = this.latency_ms, fault = this.fault }) {
    const before = this.fault;
    Object.assign(this, { latency_ms, fault });
    if (fault !== "hang") this.#release();
    if (fault === "refuse" && before !== "refuse") await this.#closePort();
    if (fault !== "refuse" && before === "refuse") await this.#listen();
  }

  /** Resets counters, latency and fault. Resolves when a closed port is open again. */
  async reset() {
    Object.assign(this, { requests: 0, max_waiting: this.waiting });
    await this.set({ latency_ms: this.system.latency_ms, fault: null });
  }

  describe() {
    const { latency_ms, fault, requests, waiting, max_waiting, url } = this;
    return { latency_ms, fault, requests, waiting, max_waiting, url };
  }

  async #listen() {
    this.#server = http.createServer((req, res) => void this.#serve(req, res));
    await new Promise((done, failed) =>
      this.#server.once("error", failed).listen(this.#port, HOST, done),
    );
    this.#port = this.#server.address().port;
  }

  async #closePort() {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #release() {
    for (const go of this.#held) go();
    this.#held.clear();
  }

  async #serve(req, res) {
    this.requests += 1;
    this.waiting += 1;
    this.max_waiting = Math.max(this.max_waiting, this.waiting);
    res.once("close", () => (this.waiting -= 1));
    const gone = new Promise((done) => res.once("close", done));
    try {
      await this.#respond(req, res, gone);
    } catch (error) {
      console.error(`${this.name}: ${redactVins(String(error?.message ?? error))}`);
      if (!res.headersSent) res.writeHead(500);
      res.end();
    }
  }

  async #respond(req, res, gone) {
    const entry = recordRequest(this.name, req);
    res.once("close", () => (entry.status = res.writableFinished ? res.statusCode : null));
    const body = await readBody(req);
    if (body === null) return void res.writeHead(413, { connection: "close" }).end();
    const text = this.system.textOf?.(body) ?? body.toString("utf8");
    const fault = reservedFault(this.name, `${decodePath(req.url)} ${text}`) ?? this.fault;
    await Promise.race([delay(fault === "slow" ? SLOW_MS : this.latency_ms), gone]);
    if (fault === "hang") await Promise.race([new Promise((go) => this.#held.add(go)), gone]);
    if (res.destroyed) return;
    if (FIXED_RESPONSES[fault]) return send(res, FIXED_RESPONSES[fault]);
    const refused = this.checkHttp?.(req.headers);
    if (refused) return send(res, refused);
    const response = await this.#handle({
      method: req.method,
      url: req.url,
      headers: req.headers,
      body,
    });
    if (!res.destroyed) send(res, response, fault);
  }
}

const delay = (ms) => new Promise((done) => setTimeout(done, ms));

/** Reads the whole body; null for one longer than any real request. */
async function readBody(req) {
  const chunks = [];
  let length = 0;
  for await (const chunk of req) {
    length += chunk.length;
    if (length > BODY_LIMIT) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decodePath(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function recordRequest(origin, req) {
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [
      name,
      SECRET_HEADERS.test(name) ? "[removed]" : redactVins(String(value)),
    ]),
  );
  const entry = {
    at: new Date().toISOString(),
    origin,
    method: req.method,
    path: redactVins(decodePath(req.url)),
    headers,
    status: null,
  };
  requests.push(entry);
  if (requests.length > MAX_REQUESTS) requests.shift();
  return entry;
}

/**
 * Runs an http request listener on its own loopback port: `{ respond, stop }`, as `system.start()`
 * returns.
 */
export async function proxyTo(listener, prepare = () => {}) {
  const server = http.createServer(listener);
  await prepare(server);
  await new Promise((done) => server.listen(0, HOST, done));
  const { port } = server.address();
  const agent = new http.Agent({ keepAlive: true });
  const respond = ({ method, url, headers, body }) =>
    new Promise((done, failed) => {
      const { host, connection, "transfer-encoding": _, "accept-encoding": __, ...rest } = headers;
      const passed = { ...rest, host: host ?? HOST, "content-length": body.length };
      const request = http.request(
        { host: HOST, port, agent, method, path: url, headers: passed },
        async (response) => {
          const chunks = [];
          for await (const chunk of response) chunks.push(chunk);
          const {
            connection: ___,
            "keep-alive": ____,
            "transfer-encoding": _____,
            ...kept
          } = response.headers;
          done({ status: response.statusCode, headers: kept, body: Buffer.concat(chunks) });
        },
      );
      request.once("error", failed).end(body);
    });
  const stop = () => {
    agent.destroy();
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { respond, stop };
}
