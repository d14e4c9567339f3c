/**
 * The control server: shows and sets latency and faults of the stand-ins. README.md has an example
 * of every route.
 */
import http from "node:http";

import { handleIdentity } from "../identity/control.mjs";
import { MARKETS, reserved, rows } from "./cars.mjs";
import { FAULTS } from "./faults.mjs";
import { requests } from "./front.mjs";
import { changeHolder, codes, holderOf, messages, resetOwnership } from "./ownership.mjs";

const LATENCY_LIMIT_MS = 60_000;

class RefusedRequest extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Listens on `port` (0: any free one) and resolves to the server. */
export function serveControl(origins, identity, port) {
  const server = http.createServer(async (req, res) => {
    try {
      sendJson(res, 200, await handle(req, origins, identity));
    } catch (error) {
      sendJson(res, error.status ?? 500, { error: error.message });
    }
  });
  return new Promise((done, failed) =>
    server.once("error", failed).listen(port, "127.0.0.1", () => done(server)),
  );
}

async function handle(req, origins, identity) {
  const path = req.url.split("?")[0];
  if (path === "/identity" || path.startsWith("/identity/"))
    return handleIdentity({ method: req.method, path, body: () => readJson(req) }, identity);
  const all = () =>
    Object.fromEntries([...origins].map(([name, origin]) => [name, origin.describe()]));
  switch (`${req.method} ${path}`) {
    case "GET /origins":
      return all();
    case "GET /vins":
      return rows;
    case "GET /reserved":
      return reserved;
    case "GET /requests":
      return requests;
    case "GET /messages":
      return messages;
    case "GET /codes":
      return codes;
    case "POST /reset":
      requests.length = 0;
      resetOwnership();
      for (const issuer of identity.issuers.values()) issuer.reset();
      await Promise.all([...origins.values()].map((origin) => origin.reset()));
      return all();
  }
  const [, market, vin] = /^\/holders\/([a-z]+)\/([A-Z0-9]{17})$/u.exec(path) ?? [];
  if (market) return handleHolder(req, market, vin);
  const name = /^\/origins\/([a-z.]+)$/u.exec(path)?.[1];
  if (!name)
    throw new RefusedRequest(
      404,
      "GET /origins, PUT /origins/{name}, POST /reset, GET /vins, GET /reserved, GET /requests, GET /messages, GET /codes, GET or PUT /holders/{market}/{vin}, or GET /identity",
    );
  const origin = origins.get(name);
  if (!origin)
    throw new RefusedRequest(
      404,
      `no origin ${name} here; there are ${[...origins.keys()].join(", ")}`,
    );
  if (req.method === "PUT") await origin.set(validateChange(await readJson(req)));
  else if (req.method !== "GET") throw new RefusedRequest(405, "GET or PUT");
  return origin.describe();
}

const HOLDER_MEMBERS = ["registration", "contact", "document", "primary_user"];

async function handleHolder(req, market, vin) {
  const known = MARKETS.includes(market) ? holderOf(market, vin) : undefined;
  if (!known) throw new RefusedRequest(404, "no such market or car here");
  if (req.method === "GET") return known;
  if (req.method !== "PUT") throw new RefusedRequest(405, "GET or PUT");
  const change = await readJson(req);
  const unknown = Object.keys(change).find((key) => !HOLDER_MEMBERS.includes(key));
  if (unknown)
    throw new RefusedRequest(
      422,
      `unknown key ${unknown}; ${HOLDER_MEMBERS.join(", ")} can be changed`,
    );
  return changeHolder(market, vin, change);
}

function validateChange(change) {
  const unknown = Object.keys(change).find((key) => key !== "latency_ms" && key !== "fault");
  if (unknown)
    throw new RefusedRequest(422, `unknown key ${unknown}; latency_ms and fault can be set`);
  const { latency_ms, fault } = change;
  if (
    latency_ms !== undefined &&
    !(Number.isInteger(latency_ms) && latency_ms >= 0 && latency_ms <= LATENCY_LIMIT_MS)
  ) {
    throw new RefusedRequest(422, `latency_ms is a whole number from 0 to ${LATENCY_LIMIT_MS}`);
  }
  if (fault !== undefined && fault !== null && !FAULTS.includes(String(fault))) {
    throw new RefusedRequest(422, `fault is null or one of ${FAULTS.join(", ")}`);
  }
  return { ...change, ...(fault && { fault: String(fault) }) };
}

async function readJson(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  try {
    const value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (value && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {
    // Not JSON: falls through to the error below.
  }
  throw new RefusedRequest(400, 'the body is a JSON object like {"latency_ms": 40, "fault": null}');
}

function sendJson(res, status, value) {
  const body = JSON.stringify(value);
  res
    .writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    })
    .end(body);
}
