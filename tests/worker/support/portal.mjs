// What the tests of the Worker share: one way to ask it, the stand-ins' control server, and cars
// that no other file uses.
//
// Environment, set by `cargo xtask test worker`: KERBSIDE_URL (the portal), KERBSIDE_CONTROL (the
// stand-ins' control server).
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import http from "node:http";
import net from "node:net";

import {
  checkAlways,
  checkDocument,
  checkOperator,
  checkPage,
  checkProblem,
  checkStatic,
} from "./contract.mjs";

export const need = (name) =>
  process.env[name] ?? assert.fail(`${name} is not set; run this through cargo xtask test worker`);

const portal = new URL(need("KERBSIDE_URL"));
/** The address of the portal. */
export const PORTAL = portal;
const control = need("KERBSIDE_CONTROL").replace(/\/$/, "");
const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });

/** The markets that most tests go through, and all that are served. */
export const MARKETS = ["de", "us"];
export const ALL_MARKETS = ["de", "fr", "gb", "us"];
export const ROLES = ["master", "equipment", "recalls"];
/** Nothing that is sent may come back: every answer is searched for this mark. */
export const MARK = "alert(7)";
export const MARKUP = `"><script>${MARK}</script>`;

/**
 * What the platform answers from files, past the Worker: see `run_worker_first` in wrangler.toml
 * and site/public/_headers.
 */
const STATIC = /^\/(assets\/|robots\.txt$)/;
/** The path as every URL parser reads it: `..` and backslashes resolved. */
const pathOf = (path) =>
  URL.canParse(`http://x${path}`) ? new URL(`http://x${path}`).pathname : path;

/**
 * Asks the portal and holds the answer against the contract. The path goes out as it is, not
 * normalised. Gives `{ status, headers, text, json, ms, trace }`; `trace` finds the requests to
 * origins that came of it.
 */
export async function ask(method, path, { headers = {}, body, chunked = false } = {}) {
  const trace = randomBytes(16).toString("hex");
  const sent = { traceparent: `00-${trace}-${randomBytes(8).toString("hex")}-01`, ...headers };
  if (body !== undefined && !chunked) sent["content-length"] ??= Buffer.byteLength(body);
  const started = performance.now();
  const answer = await exchange(method, path, sent, body);
  answer.ms = performance.now() - started;
  answer.trace = trace;
  answer.continues = "traceparent" in headers ? undefined : trace;
  return checked(answer);
}

function exchange(method, path, headers, body) {
  return new Promise((done, failed) => {
    const { hostname: host, port } = portal;
    const request = http.request({ host, port, agent, method, path, headers }, async (response) => {
      try {
        const chunks = [];
        for await (const chunk of response) chunks.push(chunk);
        done({
          method,
          path,
          status: response.statusCode,
          headers: response.headers,
          text: Buffer.concat(chunks).toString("utf8"),
        });
      } catch (error) {
        failed(error);
      }
    });
    // Kept connections may have been closed by a restart; a test must not hang on one.
    request.setTimeout(15_000, () =>
      request.destroy(new Error(`no answer: ${method} ${path.slice(0, 80)}`)),
    );
    request.once("error", failed).end(body);
  });
}

function checked(answer) {
  try {
    const path = pathOf(answer.path);
    if (STATIC.test(path)) return readable(checkStatic(answer));
    checkAlways(answer);
    if (answer.continues)
      assert.ok(
        answer.headers.traceparent.includes(answer.continues),
        "the caller's trace is not continued",
      );
    if (/^\/(api\/|healthz$|readyz$)/.test(path)) checkDocument({ ...answer, path });
    else if (path.startsWith("/operator/")) checkOperator({ ...answer, path: path.split("?")[0] });
    else if (answer.headers["content-type"] === "application/problem+json") checkProblem(answer);
    else checkPage(answer);
    checkKeepsQuiet(answer);
  } catch (error) {
    const where = `${answer.method} ${answer.path.slice(0, 120)} → ${answer.status}`;
    throw new Error(`${where}: ${error.message}`, { cause: error });
  }
  return readable(answer);
}

function readable(answer) {
  if (answer.text.startsWith("{")) answer.json = JSON.parse(answer.text);
  return answer;
}

/** No VIN that was used, in no form; nothing of the marked input. */
function checkKeepsQuiet({ path, headers, text }) {
  const all = `${path}\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n")}\n${text}`;
  for (const vin of used) {
    for (const form of formsOf(vin))
      assert.ok(!all.includes(form), "a VIN in an address, a header or a body");
  }
  assert.ok(!text.includes(MARK), "markup comes back in the body");
  const { location, ...others } = headers;
  assert.ok(!Object.values(others).join("\n").includes(MARK), "markup comes back in a header");
  assert.ok(!/[<>"]/.test(location ?? ""), "markup comes back in Location");
}

/** The forms in which a VIN must not show. */
export const formsOf = (vin) => [
  vin,
  vin.toLowerCase(),
  [...vin].reverse().join(""),
  Buffer.from(vin).toString("base64").replace(/=+$/, "").slice(0, -1),
  Buffer.from(vin).toString("hex"),
];

/**
 * Sends bytes as they are and gives what comes back. What the Worker itself answered is held
 * against the contract too.
 */
export function askRaw(text) {
  return new Promise((done, failed) => {
    const socket = net.connect(Number(portal.port), portal.hostname, () =>
      socket.write(Buffer.from(text, "latin1")),
    );
    const chunks = [];
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.once("error", failed);
    socket.once("close", () => {
      const answer = Buffer.concat(chunks).toString("utf8");
      const [head, ...rest] = answer.split("\r\n\r\n");
      const headers = Object.fromEntries(
        head
          .split("\r\n")
          .slice(1)
          .map((line) => [line.split(":")[0].toLowerCase(), line.split(": ").slice(1).join(": ")]),
      );
      const [method, path = "/"] = text.split(" ");
      const status = Number(head.split(" ")[1]);
      try {
        assert.ok(!answer.includes(MARK), "markup comes back");
        const parsed = { method, path, status, headers, text: rest.join("\r\n\r\n") };
        if (headers["x-request-id"]) checkAlways(parsed);
        done(parsed);
      } catch (error) {
        failed(error);
      }
    });
  });
}

/**
 * Opens a stream of events. Gives `{ status, headers, events, ended, leave }`: events as they come,
 * `{ at, name, data }`.
 */
export function openStream(path, others = {}) {
  const trace = randomBytes(16).toString("hex");
  const headers = {
    ...others,
    accept: "text/event-stream",
    traceparent: `00-${trace}-${randomBytes(8).toString("hex")}-01`,
  };
  const started = performance.now();
  return new Promise((done, failed) => {
    const request = http.request(
      { host: portal.hostname, port: portal.port, path, headers },
      (response) => {
        const events = [];
        let rest = "";
        const ended = new Promise((over) => response.once("close", over));
        response.setEncoding("utf8").on("data", (text) => {
          const parts = (rest + text).split("\n\n");
          rest = parts.pop();
          for (const part of parts) {
            const field = (name) =>
              part
                .split("\n")
                .find((line) => line.startsWith(`${name}: `))
                ?.slice(name.length + 2);
            if (field("event"))
              events.push({
                at: performance.now() - started,
                name: field("event"),
                data: JSON.parse(field("data")),
              });
          }
        });
        const leave = () => request.destroy();
        done({
          status: response.statusCode,
          headers: response.headers,
          events,
          ended,
          leave,
          trace,
        });
      },
    );
    request.once("error", failed).end();
  });
}

/**
 * Asks many times at the same moment, each on a connection of its own. Gives status, headers and
 * text of each.
 */
export async function flood(path, times) {
  const crowd = new http.Agent({ keepAlive: false, maxSockets: times });
  const one = () =>
    new Promise((done, failed) => {
      const request = http.request(
        { host: portal.hostname, port: portal.port, agent: crowd, path },
        async (response) => {
          const chunks = [];
          for await (const chunk of response) chunks.push(chunk);
          done({
            status: response.statusCode,
            headers: response.headers,
            text: Buffer.concat(chunks).toString("utf8"),
          });
        },
      );
      request.setTimeout(60_000, () => request.destroy(new Error("no answer in the flood")));
      request.once("error", failed).end();
    });
  return Promise.all(Array.from({ length: times }, one));
}

/** How many requests each origin of a market has had. */
export const countsOf = async (market) =>
  Object.fromEntries(
    Object.entries(await tell("GET", "/origins"))
      .filter(([name]) => name.startsWith(`${market}.`))
      .map(([name, { requests }]) => [name, requests]),
  );

// ---- The stand-ins
// ------------------------------------------------------------------------------------------------

async function tell(method, path, body) {
  const answer = await fetch(control + path, { method, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

export const setOrigin = (name, change) => tell("PUT", `/origins/${name}`, change);
export const resetOrigins = () => tell("POST", "/reset");
export const setOrigins = (market, roles, fault) =>
  Promise.all(roles.map((role) => setOrigin(`${market}.${role}`, { fault })));
export const reservedVins = () => tell("GET", "/reserved");
export const allVins = async () => [
  ...new Set([...(await tell("GET", "/vins")), ...(await reservedVins())].map((row) => row.vin)),
];

/** The header of an access token for a person of a market, of a listed client. */
export async function bearerOf(market, scope, request = {}) {
  const minted = await tell("POST", `/identity/${market}/tokens`, { scope, ...request });
  return { authorization: `Bearer ${minted.access_token}` };
}

/** The requests to origins that came of an answer. */
export const requestsOf = async ({ trace }) =>
  (await tell("GET", "/requests")).filter(({ headers }) => headers.traceparent?.includes(trace));
export const originsAskedBy = async (answer) =>
  (await requestsOf(answer)).map((request) => request.origin).sort();

/** Asks until `good` holds of what `get` gives, and gives that. */
export async function until(what, get, good, limit_ms = 10_000) {
  const end = performance.now() + limit_ms;
  for (;;) {
    const value = await get();
    if (good(value)) return value;
    if (performance.now() > end) assert.fail(`not within ${limit_ms} ms: ${what}`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

// ---- Cars
// ------------------------------------------------------------------------------------------------

const used = new Set();

/**
 * Rows of a market for each file, so that files run in any order over one cache. All of these cars
 * have equipment on record.
 */
const RANGES = {
  vehicles: [9, 34],
  faults: [34, 75],
  members: [75, 76],
  "security-headers": [76, 77],
  privacy: [77, 87],
  hostile: [87, 97],
  flow: [97, 107],
  operator: [107, 130],
};

/**
 * Gives a function that gives a car of a market that nobody has asked for: `{ vin, market, label
 * }`.
 */
export async function carsFor(file) {
  const rows = await tell("GET", "/vins");
  const [from, to] = RANGES[file];
  const left = Object.fromEntries(
    MARKETS.map((market) => [market, rows.filter((row) => row.market === market).slice(from, to)]),
  );
  return (market) => left[market].shift() ?? assert.fail(`${file} has no car left in ${market}`);
}

/** The VIN of a car that one test asks for by its name. */
export async function vinOf(market, label) {
  const row = (await tell("GET", "/vins")).find(
    (row) => row.market === market && row.label === label,
  );
  return (row ?? assert.fail(`${market} knows no ${label}`)).vin;
}

/** The VINs of some cars of a market, from the nth on. */
export const carsOf = async (market, from, count) =>
  (await tell("GET", "/vins"))
    .filter((row) => row.market === market && !row.synthetic)
    .slice(from, from + count)
    .map((row) => row.vin);

/** A VIN of the right form that no system knows. */
export const unknownVin = (number) => `KBSZZZ99ZFK9${String(number).padStart(5, "0")}`;

export const postVin = (market, vin, options = {}) =>
  ask("POST", `/api/v1/${market}/lookups`, {
    body: JSON.stringify({ vin }),
    ...options,
    headers: { "content-type": "application/json", ...options.headers },
  });

/** The id of a car. From now on its VIN may not show anywhere. */
export async function idOf(market, vin) {
  used.add(vin);
  const { status, json, text } = await postVin(market, vin);
  assert.equal(status, 200, text);
  return json.vehicle.id;
}

/** The address of a car's document. */
export const addressOf = async (market, vin) =>
  `/api/v1/${market}/vehicles/${await idOf(market, vin)}`;

/** Asks until the whole document comes from the cache. */
export const untilCached = (address) =>
  until(
    `${address} comes from the cache`,
    () => ask("GET", address),
    ({ headers }) => /^kerbside; hit/.test(headers["cache-status"]),
  );

/** What a document says of its facets, without those of which the public tier sees nothing. */
export const metasOf = ({ json, text }) =>
  Object.fromEntries(
    Object.entries(json?.meta?.facets ?? assert.fail(text)).filter(
      ([, { state }]) => state !== "withheld",
    ),
  );

/** The states of these facets. */
export const statesOf = (answer) =>
  Object.fromEntries(Object.entries(metasOf(answer)).map(([name, { state }]) => [name, state]));

/** A problem without what differs from one answer to the next. */
export function problemOf({ json, text }) {
  assert.ok(json, text);
  const { request_id, instance, ...rest } = json;
  return rest;
}

/** What kind of problem an answer is. */
export const slugOf = ({ json, text }) =>
  (json?.type ?? assert.fail(`no problem: ${text}`)).replace("/problems/", "");
