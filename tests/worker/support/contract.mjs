// Holds every answer against the contract, site/public/api/v1/openapi.json: status, headers, body.
// Tests do not call this; `ask` in portal.mjs does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** What the portal serves at `/api/v1/openapi.json`. */
export const contract = JSON.parse(
  readFileSync(new URL("../../../site/public/api/v1/openapi.json", import.meta.url), "utf8"),
);

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(contract, "contract");

/**
 * The same on every answer of the portal, page or document; `_headers` has them for static files.
 */
export const SECURITY = {
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy":
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
  "referrer-policy": "strict-origin-when-cross-origin",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-content-type-options": "nosniff",
};
/** The policy of pages. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * Holds the security headers of an answer, which is an HTML page or not. Answers of sign-in say
 * nothing to the next site at all.
 */
export function checkSecurity({ headers, path }) {
  const isPage = headers["content-type"]?.startsWith("text/html");
  for (const [name, expected] of Object.entries(SECURITY)) {
    if (name === "content-security-policy" && isPage) assert.equal(headers[name], PAGE_POLICY);
    else if (name === "referrer-policy" && path.startsWith("/auth/"))
      assert.ok([expected, "no-referrer"].includes(headers[name]), `${name}: ${headers[name]}`);
    else assert.equal(headers[name], expected, name);
  }
}
/** What HTTP itself adds. */
const TRANSPORT = [
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "keep-alive",
  "transfer-encoding",
];

const token = (name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
const pointer = (...names) => `contract#/${names.map(token).join("/")}`;

/** What the contract says at an address, `$ref` followed: `{ at, value }`. */
function look(...names) {
  const value = names.reduce((inner, name) => inner?.[name], contract);
  return value?.$ref ? look(...value.$ref.slice(2).split("/")) : { at: names, value };
}

function satisfies(at, value, what) {
  const validate = ajv.compile({ $ref: pointer(...at) });
  assert.ok(
    validate(value),
    `${what}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)?.slice(0, 2000)}`,
  );
}

/**
 * The path of the contract that an address falls under; the one with fewer placeholders goes first,
 * as in the router.
 */
export function templateOf(path) {
  const segments = path.split("/");
  const fits = (template) => {
    const parts = template.split("/");
    return (
      parts.length === segments.length &&
      parts.every((part, i) => (part.startsWith("{") ? segments[i] !== "" : part === segments[i]))
    );
  };
  const placeholders = (template) => template.split("{").length;
  return Object.keys(contract.paths)
    .filter(fits)
    .sort((a, b) => placeholders(a) - placeholders(b))[0];
}

/** The verbs of a path of the contract, as `Allow` lists them. */
export function verbsOf(template) {
  const verbs = Object.keys(contract.paths[template])
    .filter((key) => key !== "parameters")
    .map((verb) => verb.toUpperCase());
  return verbs.flatMap((verb) => (verb === "GET" ? ["GET", "HEAD"] : [verb]));
}

function responseOf(method, path, status) {
  const template = templateOf(path);
  if (!template) return { ...look("components", "responses", "NotFound"), expected: 404 };
  const operation = look("paths", template, (method === "HEAD" ? "GET" : method).toLowerCase());
  if (!operation.value)
    return {
      ...look("components", "responses", "MethodNotAllowed"),
      expected: 405,
      allow: verbsOf(template),
    };
  const found = look(...operation.at, "responses", String(status));
  assert.ok(found.value, `${method} ${template}: the contract has no answer ${status}`);
  return { ...found, expected: status };
}

/** What every answer has, document or page. */
export function checkAlways(answer) {
  const { headers, method, status, text } = answer;
  assert.notEqual(status, 500, `a 500: ${text}`);
  checkSecurity(answer);
  for (const [name, header] of [
    ["x-request-id", "RequestId"],
    ["traceparent", "Traceparent"],
  ]) {
    satisfies(["components", "headers", header, "schema"], headers[name], name);
  }
  assert.ok(headers["cache-control"], "cache-control");
  if (method === "HEAD" || status === 304) assert.equal(text, "", "a body where there can be none");
}

/** An answer of the API. */
export function checkDocument({ method, path, status, headers, text }) {
  const { at, value: response, expected, allow } = responseOf(method, path, status);
  assert.equal(status, expected, text);
  if (allow) assert.deepEqual(headers.allow?.split(", ").sort(), allow.sort(), "allow");
  const documented = Object.keys(response.headers ?? {}).map((name) => name.toLowerCase());
  for (const name of Object.keys(response.headers ?? {})) {
    const header = look(...at, "headers", name);
    const sent = headers[name.toLowerCase()];
    if (sent === undefined) {
      assert.ok(!header.value.required, `${status} without ${name}`);
      continue;
    }
    const isNumber = header.value.schema.type === "integer";
    satisfies(
      [...header.at, "schema"],
      isNumber && /^-?\d+$/.test(sent) ? Number(sent) : sent,
      name,
    );
  }
  const known = [
    ...documented,
    ...Object.keys(SECURITY),
    ...TRANSPORT,
    "x-request-id",
    "traceparent",
  ];
  assert.deepEqual(
    Object.keys(headers).filter((name) => !known.includes(name)),
    [],
    `${status}: headers that the contract does not have`,
  );
  if (!response.content || status === 304) return assert.equal(headers["content-type"], undefined);
  const type = headers["content-type"];
  // Streams are read by another part of the tests: who does not ask for one gets none.
  assert.deepEqual(
    Object.keys(response.content).filter((known) => known !== "text/event-stream"),
    [type],
    "content-type",
  );
  if (method === "HEAD") return;
  const body = JSON.parse(text);
  satisfies([...at, "content", type, "schema"], body, `${status} ${path}`);
  if (body.request_id) {
    assert.equal(body.request_id, headers["x-request-id"]);
    assert.equal(body.instance, `urn:uuid:${body.request_id}`);
  }
}

const operators = JSON.parse(
  readFileSync(new URL("../../../docs/operator.openapi.json", import.meta.url), "utf8"),
);
ajv.addSchema(operators, "operators");

/** An answer of the operator routes, which have a description of their own. */
export function checkOperator({ method, path, status, headers, text }) {
  assert.match(headers["cache-control"], /no-store/);
  const item = operators.paths[path];
  const operation = item?.[(method === "HEAD" ? "GET" : method).toLowerCase()];
  if (!operation) assert.equal(status, item ? 405 : 404, text);
  const content = operation
    ? (
        operation.responses[status] ??
        assert.fail(`${method} ${path}: ${status} is not described: ${text}`)
      ).content
    : { "application/problem+json": {} };
  assert.deepEqual(Object.keys(content), [headers["content-type"]]);
  const at = operation
    ? [
        "paths",
        path,
        method.toLowerCase(),
        "responses",
        String(status),
        "content",
        headers["content-type"],
        "schema",
      ]
    : ["components", "schemas", "Problem"];
  if (method === "HEAD") return;
  const validate = ajv.compile({ $ref: `operators#/${at.map(token).join("/")}` });
  assert.ok(
    validate(JSON.parse(text)),
    `${status} ${path}: ${ajv.errorsText(validate.errors)}\n${text.slice(0, 2000)}`,
  );
  if (status === 401) assert.match(headers["www-authenticate"], /^Bearer /);
}

/** A static file, or that there is none: `_headers` secures it. */
export function checkStatic(answer) {
  const { status, headers } = answer;
  assert.ok([200, 304, 404, 405].includes(status), `${status}`);
  checkSecurity(answer);
  assert.ok(headers["cache-control"], "cache-control");
  return answer;
}

/** The problem document of a page, for callers that ask for JSON. */
export function checkProblem({ status, headers, text, method }) {
  assert.equal(headers["cache-control"], "no-store");
  if (method === "HEAD") return;
  const problem = JSON.parse(text);
  satisfies(["components", "schemas", "Problem"], problem, `${status}`);
  assert.equal(problem.status, status);
}

/** A page for people. */
export function checkPage({ status, headers, text, method }) {
  if (status === 303) return assert.match(headers.location, /^\/[^/\\]/, "leads elsewhere");
  assert.equal(headers["content-type"], "text/html; charset=utf-8", text.slice(0, 200));
  if (method !== "HEAD" && !text.startsWith("<!doctype html>"))
    assert.match(text, /^\s*<(section|article|div)\b/, "neither a page nor a fragment");
}
