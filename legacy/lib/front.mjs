/**
 * The front that stands before each system: it counts, waits, brings out faults and checks HTTP credentials, the same
 * for all. The system behind it is a function from a request to an answer (`system.start()`), a real protocol server.
 */
import http from "node:http";

import { reservedFault, withoutVins } from "./cars.mjs";
import { CANNED, SLOW_MS, send } from "./faults.mjs";

const HOST = "127.0.0.1";
const BODY_LIMIT = 262_144;
const KEPT_REQUESTS = 200;
const SECRET_HEADERS = /^(authorization|proxy-authorization|cookie|set-cookie|.*(key|token|secret|password).*)$/iu;

/** The last requests to all origins, newest last. */
export const requests = [];

/** One origin: a system, its front and what the control server can set on it. */
export class Origin {
  #server;
  #port = 0;
  #answer;
  #stop = () => {};
  #held = new Set();
  fault = null;
  requests = 0;
  waiting = 0;
  most_waiting = 0;

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
    ({ answer: this.#answer, stop: this.#stop = () => {} } = await this.system.start(secret));
    this.#port = port;
    await this.#listen();
  }

  async stop() {
    this.#release();
    this.#server?.closeAllConnections();
    await new Promise((done) => (this.#server?.listening ? this.#server.close(done) : done()));
    await this.#stop();
  }

  /** Sets latency or fault. Requests that `hang` held are answered as soon as the fault is another. */
  async set({ latency_ms = this.latency_ms, fault = this.fault }) {
    const before = this.fault;
    Object.assign(this, { latency_ms, fault });
    if (fault !== "hang") this.#release();
    if (fault === "refuse" && before !== "refuse") await this.#closePort();
    if (fault !== "refuse" && before === "refuse") await this.#listen();
  }

  /** Counters to zero, latency and fault as at the start. Awaits the port where it was closed. */
  async reset() {
    Object.assign(this, { requests: 0, most_waiting: this.waiting });
    await this.set({ latency_ms: this.system.latency_ms, fault: null });
  }

  describe() {
    const { latency_ms, fault, requests, waiting, most_waiting, url } = this;
    return { latency_ms, fault, requests, waiting, most_waiting, url };
  }

  async #listen() {
    this.#server = http.createServer((req, res) => void this.#serve(req, res));
    await new Promise((done, failed) => this.#server.once("error", failed).listen(this.#port, HOST, done));
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
    this.most_waiting = Math.max(this.most_waiting, this.waiting);
    res.once("close", () => (this.waiting -= 1));
    const gone = new Promise((done) => res.once("close", done));
    try {
      await this.#respond(req, res, gone);
    } catch (error) {
      console.error(`${this.name}: ${withoutVins(String(error?.message ?? error))}`);
      if (!res.headersSent) res.writeHead(500);
      res.end();
    }
  }

  async #respond(req, res, gone) {
    const entry = remember(this.name, req);
    res.once("close", () => (entry.status = res.writableFinished ? res.statusCode : null));
    const body = await read(req);
    if (body === null) return void res.writeHead(413, { connection: "close" }).end();
    const said = this.system.textOf?.(body) ?? body.toString("utf8");
    const fault = reservedFault(this.name, `${decoded(req.url)} ${said}`) ?? this.fault;
    await Promise.race([delay(fault === "slow" ? SLOW_MS : this.latency_ms), gone]);
    if (fault === "hang") await Promise.race([new Promise((go) => this.#held.add(go)), gone]);
    if (res.destroyed) return;
    if (CANNED[fault]) return send(res, CANNED[fault]);
    const refused = this.checkHttp?.(req.headers);
    if (refused) return send(res, refused);
    const answer = await this.#answer({ method: req.method, url: req.url, headers: req.headers, body });
    if (!res.destroyed) send(res, answer, fault);
  }
}

const delay = (ms) => new Promise((done) => setTimeout(done, ms));

/** The whole body, or null where it is longer than any real request. */
async function read(req) {
  const chunks = [];
  let length = 0;
  for await (const chunk of req) {
    length += chunk.length;
    if (length > BODY_LIMIT) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function remember(origin, req) {
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, SECRET_HEADERS.test(name) ? "[removed]" : withoutVins(String(value))]),
  );
  const entry = { at: new Date().toISOString(), origin, method: req.method, path: withoutVins(decoded(req.url)), headers, status: null };
  requests.push(entry);
  if (requests.length > KEPT_REQUESTS) requests.shift();
  return entry;
}

/** Lets an http request listener answer, on a loopback port of its own: `{ answer, stop }` as `system.start()` gives it. */
export async function behind(listener, prepare = () => {}) {
  const server = http.createServer(listener);
  await prepare(server);
  await new Promise((done) => server.listen(0, HOST, done));
  const { port } = server.address();
  const agent = new http.Agent({ keepAlive: true });
  const answer = ({ method, url, headers, body }) =>
    new Promise((done, failed) => {
      const { host, connection, "transfer-encoding": _, "accept-encoding": __, ...rest } = headers;
      const passed = { ...rest, host: host ?? HOST, "content-length": body.length };
      const request = http.request({ host: HOST, port, agent, method, path: url, headers: passed }, async (response) => {
        const chunks = [];
        for await (const chunk of response) chunks.push(chunk);
        const { connection: ___, "keep-alive": ____, "transfer-encoding": _____, ...kept } = response.headers;
        done({ status: response.statusCode, headers: kept, body: Buffer.concat(chunks) });
      });
      request.once("error", failed).end(body);
    });
  const stop = () => {
    agent.destroy();
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { answer, stop };
}
