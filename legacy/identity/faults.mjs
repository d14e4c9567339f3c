/** Faults of an issuer that the control server sets, and their effects on its answers. */
import { makeKey, readToken, signToken } from "./keys.mjs";

/** Latency of `slow`, in milliseconds. */
export const SLOW_MS = 1500;
/** The body of a failing server, and of a page in place of JSON. */
export const HTML = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>\n";
const PADDING = " ".repeat(256 * 1024);
const TEN_MINUTES_S = 600;

/** Effects on the answer of one route, a koa context, by fault. */
const ANSWERS = {
  discovery_html: ["discovery", sendHtml],
  discovery_oversize: ["discovery", pad],
  discovery_redirect: ["discovery", redirect],
  discovery_wrong_issuer: ["discovery", (ctx) => (ctx.body.issuer += "/")],
  jwks_500: ["jwks", (ctx) => sendHtml(ctx, 500)],
  jwks_empty: ["jwks", (ctx) => (ctx.body = { keys: [] })],
  jwks_html: ["jwks", sendHtml],
  jwks_oversize: ["jwks", pad],
  jwks_redirect: ["jwks", redirect],
};

/** Changes of the claims of an ID token, by fault. */
const CLAIMS = {
  expired: (claims) => ({ ...claims, exp: claims.iat - TEN_MINUTES_S }),
  wrong_audience: (claims) => ({ ...claims, aud: "another" }),
  wrong_issuer: (claims) => ({ ...claims, iss: `${claims.iss}/other` }),
  wrong_nonce: (claims) => ({ ...claims, nonce: "another" }),
  wrong_signature: (claims) => claims,
};

/** Faults that the control server accepts; issuer.mjs has the first four. */
export const FAULTS = [
  "down",
  "slow",
  "hang",
  "500",
  ...Object.keys(ANSWERS),
  ...Object.keys(CLAIMS),
];

/** Applies a fault to the finished answer of the provider. `keys` are its private keys. */
export async function applyFault(ctx, fault, keys) {
  const [route, change] = ANSWERS[fault] ?? [];
  if (route && ctx.oidc?.route === route) change(ctx);
  if (CLAIMS[fault] && ctx.oidc?.route === "token" && ctx.body?.id_token)
    ctx.body.id_token = await forge(ctx.body.id_token, fault, keys);
}

async function forge(token, fault, keys) {
  const { header, claims } = readToken(token);
  const key =
    fault === "wrong_signature"
      ? await makeKey(header.alg)
      : keys.find((one) => one.kid === header.kid);
  return signToken(header, CLAIMS[fault](claims), key);
}

function sendHtml(ctx, status = 200) {
  ctx.status = status;
  ctx.type = "html";
  ctx.body = HTML;
}

function pad(ctx) {
  ctx.body = JSON.stringify(ctx.body) + PADDING;
  ctx.type = "json";
}

/** Redirects to the same document, which a client that follows redirects would accept. */
function redirect(ctx) {
  ctx.redirect(`${ctx.oidc.issuer}${ctx.path}?moved`);
}
