/** The routes of the control server that concern the identity provider. */
import { FAULTS } from "./faults.mjs";
import { IssuerError } from "./issuer.mjs";

const LATENCY_LIMIT_MS = 60_000;
const PATH = /^\/identity\/([a-z]+)(?:\/(keys|tokens|sign-out))?$/u;

/** A request that is refused, with its status. */
class RefusedIdentityRequest extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Answers a request below `/identity`; `body` reads its JSON object. */
export async function handleIdentity({ method, path, body }, { issuers }) {
  const all = () =>
    Object.fromEntries([...issuers].map(([market, issuer]) => [market, issuer.describe()]));
  if (path === "/identity" && method === "GET") return all();
  const [, market, action] = PATH.exec(path) ?? [];
  const issuer = issuers.get(market);
  if (!issuer) {
    const known = [...issuers.keys()].join(", ");
    throw new RefusedIdentityRequest(404, `no issuer of this market here; there are: ${known}`);
  }
  try {
    return await act(issuer, `${method} ${action ?? ""}`, body);
  } catch (error) {
    if (error instanceof IssuerError) throw new RefusedIdentityRequest(422, error.message);
    throw error;
  }
}

async function act(issuer, request, body) {
  switch (request) {
    case "GET ":
      return issuer.describe();
    case "PUT ":
      issuer.set(checkChange(await body()));
      return issuer.describe();
    case "POST keys":
      await issuer.rotate(await body());
      return issuer.describe();
    case "POST tokens":
      return issuer.mint(await body());
    case "POST sign-out":
      return { sessions: await issuer.signOut(await body()) };
    default:
      throw new RefusedIdentityRequest(405, "GET or PUT an issuer; POST keys, tokens or sign-out");
  }
}

function checkChange(change) {
  const unknown = Object.keys(change).find((key) => key !== "latency_ms" && key !== "fault");
  if (unknown)
    throw new RefusedIdentityRequest(
      422,
      `unknown key ${unknown}; latency_ms and fault can be set`,
    );
  const { latency_ms, fault } = change;
  const isLatency =
    Number.isInteger(latency_ms) && latency_ms >= 0 && latency_ms <= LATENCY_LIMIT_MS;
  if (latency_ms !== undefined && !isLatency)
    throw new RefusedIdentityRequest(
      422,
      `latency_ms is a whole number from 0 to ${LATENCY_LIMIT_MS}`,
    );
  if (fault !== undefined && fault !== null && !FAULTS.includes(String(fault)))
    throw new RefusedIdentityRequest(422, `fault is null or one of ${FAULTS.join(", ")}`);
  return { ...change, ...(fault && { fault: String(fault) }) };
}
