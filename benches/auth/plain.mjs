/**
 * `GET /api/v1/cc/session` as a JavaScript Worker does it with `jose`: the same sessions from the
 * same rows of D1 by the same rules, the same access tokens by the same checks, a memory of as many
 * verified tokens, and the same response: request id, trace, headers and a line of the log.
 */
import { createRemoteJWKSet, jwtVerify } from "jose";

import { deriveKeys, readSession } from "./sessions.mjs";

const ISSUER = "https://id.example.com";
const COOKIE = "__Host-Http-session";
const MAX_TOKENS = 1_024;
const MAX_LIFETIME_S = 3_600;
const SECURITY = {
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
const publicKeys = createRemoteJWKSet(new URL(`${ISSUER}/jwks`));
/** Verified tokens by their hash: the tokens themselves are not kept. */
const verified = new Map();
let keys;

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function remember(hash, identity) {
  verified.delete(hash);
  verified.set(hash, identity);
  if (verified.size > MAX_TOKENS) verified.delete(verified.keys().next().value);
  return identity;
}

async function readToken(token) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  const hash = hex(new Uint8Array(digest));
  const known = verified.get(hash);
  if (known && known.expiresAt > Date.now()) return remember(hash, known);
  const { payload } = await jwtVerify(token, publicKeys, {
    issuer: ISSUER,
    audience: "kerbside",
    algorithms: ["RS256"],
    typ: "at+jwt",
    requiredClaims: ["sub", "iat", "exp", "client_id"],
    clockTolerance: 60,
  });
  const { sub, client_id: client, exp, iat, scope, cnf } = payload;
  if (client !== "partner" || sub === client || cnf || exp - iat > MAX_LIFETIME_S)
    throw new Error("the token is not for people of this market");
  return remember(hash, { sub, client, scopes: scope.split(" "), expiresAt: exp * 1000 });
}

async function readIdentity(request, env, context) {
  const cookies = (request.headers.get("cookie") ?? "").split(";").map((pair) => pair.trim());
  const cookie = cookies.find((pair) => pair.startsWith(`${COOKIE}=`));
  if (cookie) {
    keys ??= await deriveKeys(env.SESSION_KEY_1);
    const session = await readSession(keys, env.DB, cookie.slice(COOKIE.length + 1));
    if (session?.update) context.waitUntil(session.update);
    return session;
  }
  const authorization = request.headers.get("authorization");
  if (!authorization?.toLowerCase().startsWith("bearer ")) return undefined;
  const identity = await readToken(authorization.slice(7));
  if (!identity.scopes.includes("vehicles:read")) throw new Error("the token lacks the scope");
  return identity;
}

export default {
  async fetch(request, env, context) {
    const started = Date.now();
    const requestId = crypto.randomUUID();
    const random = hex(crypto.getRandomValues(new Uint8Array(24)));
    const [, parent] = (request.headers.get("traceparent") ?? "").split("-");
    const traceId = parent ?? random.slice(0, 32);
    let status = 200;
    let body = { tier: "public" };
    const { pathname } = new URL(request.url);
    try {
      if (pathname === "/healthz") body = { status: "ok" };
      else {
        const identity = await readIdentity(request, env, context);
        if (identity)
          body = {
            tier: "member",
            expires_at: `${new Date(identity.expiresAt).toISOString().slice(0, 19)}Z`,
            csrf: identity.csrf,
          };
      }
    } catch {
      [status, body] = [401, { title: "Sign in first" }];
    }
    console.log(
      JSON.stringify({
        level: "info",
        message: "answered",
        "http.request.method": request.method,
        "url.template": "/api/v1/{market}/session",
        "http.response.status_code": status,
        duration_ms: Date.now() - started,
        market: "cc",
        "request.id": requestId,
        "trace.id": traceId,
      }),
    );
    return new Response(JSON.stringify(body), {
      status,
      headers: {
        "content-type": "application/json",
        "cache-control": "private, no-store",
        vary: "Cookie, Authorization",
        "x-request-id": requestId,
        traceparent: `00-${traceId}-${random.slice(32)}-00`,
        ...SECURITY,
      },
    });
  },
};
