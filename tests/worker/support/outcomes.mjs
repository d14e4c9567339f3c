// What each fault of the stand-ins makes of an answer, for an optional origin and for the required
// one.
import assert from "node:assert/strict";

import { slugOf, statesOf } from "./portal.mjs";

/**
 * Far above the deadline of 900 ms, far below the time that a hanging origin would take: a busy
 * machine must not fail.
 */
export const BY_DEADLINE_MS = 1900;
/** The facet that a system of this role feeds. */
export const FACETS = { master: "identity", equipment: "equipment", recalls: "recalls" };

/**
 * What an optional facet becomes of a fault: state and, where it could not be had, the RFC 9209
 * error.
 */
const OPTIONAL = {
  404: ["unavailable", "http_protocol_error"],
  429: ["unavailable", "destination_unavailable"],
  500: ["unavailable", "http_protocol_error"],
  malformed: ["unavailable", "http_protocol_error"],
  truncated: ["unavailable", "http_protocol_error"],
  refuse: ["unavailable", "connection_refused"],
  oversized: ["unavailable", "http_protocol_error"],
  slow: ["pending"],
  hang: ["pending"],
  stalled: ["pending"],
};
/**
 * Origins whose address names the car: there a 404 says that it has nothing about the car,
 * elsewhere that the service is gone.
 */
const NAMES_THE_CAR = ["de.equipment", "us.master"];
/** What a required facet's fault makes of the answer: status, slug and Retry-After. */
export const REQUIRED = {
  404: [502, "origin-failed", undefined],
  429: [503, "origin-unavailable", "7"],
  500: [502, "origin-failed", undefined],
  malformed: [502, "origin-failed", undefined],
  truncated: [502, "origin-failed", undefined],
  refuse: [502, "origin-failed", undefined],
  oversized: [502, "origin-failed", undefined],
  slow: [504, "origin-timeout", "2"],
  hang: [504, "origin-timeout", "2"],
  stalled: [504, "origin-timeout", "2"],
};

/** The status of a fault that is one, as a member of Proxy-Status names it. */
const receivedStatus = (fault) => (/^\d+$/.test(fault) ? `; received-status=${fault}` : "");

export function checkOptional(answer, facet, fault) {
  assert.equal(answer.status, 200, answer.text);
  const isAbsent = fault === "404" && NAMES_THE_CAR.includes(`${answer.json.market}.${facet}`);
  const [state, error] = isAbsent ? ["absent"] : OPTIONAL[fault];
  const { meta, facets } = answer.json;
  assert.deepEqual([meta.facets[facet].state, meta.facets[facet].error], [state, error]);
  assert.equal(facets[facet], undefined);
  const others = Object.entries(statesOf(answer)).filter(([name]) => name !== facet);
  assert.deepEqual(
    others.map(([, other]) => other),
    ["fresh", "fresh"],
  );
  const complete = state === "absent";
  assert.equal(meta.complete, complete);
  assert.equal(answer.headers["cache-control"].startsWith("public"), complete);
  assert.equal("etag" in answer.headers, complete);
  const token = error ?? (state === "pending" ? "http_response_timeout" : undefined);
  const status = receivedStatus(fault);
  assert.equal(
    answer.headers["proxy-status"],
    token && `kerbside; error=${token}; next-hop="${facet}"${status}`,
  );
  assert.ok(answer.ms < BY_DEADLINE_MS, `${answer.ms} ms`);
}

export function checkRequired(answer, fault) {
  const market = answer.path.split("/").find((segment) => segment.length === 2 && segment !== "v1");
  const isUnknown = fault === "404" && NAMES_THE_CAR.includes(`${market}.master`);
  const [status, slug, retryAfter] = isUnknown ? [404, "unknown-vehicle"] : REQUIRED[fault];
  assert.equal(answer.status, status, answer.text);
  assert.equal(slugOf(answer), slug);
  assert.equal(answer.headers["retry-after"], retryAfter);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal("proxy-status" in answer.headers, status !== 404);
  // An origin that asked for a pause is not asked again: then there is no status.
  const member = /; next-hop="master"(; received-status=\d{3})?$/;
  if (status !== 404) assert.match(answer.headers["proxy-status"], member);
  assert.doesNotMatch(
    answer.text,
    /ABEND|quota|Internal Server|ECONN/,
    "an origin's body is passed on",
  );
  assert.ok(answer.ms < BY_DEADLINE_MS, `${answer.ms} ms`);
}
