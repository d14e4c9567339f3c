/**
 * The document from KV by a minimal Worker: the key from the address, one read, the value as the
 * body. It has the headers of Kerbside's response with fixed values: it knows no market, age, tier
 * or condition, which is the point of the comparison.
 */
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
  "x-request-id": "0b0f9f9c-64a9-4d6a-8a3b-1f6a54a1f3d2",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
};
const DOCUMENT = {
  "content-type": "application/json",
  "cache-control": "public, max-age=3600, stale-while-revalidate=3600, stale-if-error=86400",
  "cache-status": "kerbside; hit; ttl=3600",
  "server-timing":
    'identity;dur=0;desc="hit", equipment;dur=0;desc="hit", energy;dur=0;desc="hit", ' +
    'recalls;dur=0;desc="hit", warranty;dur=0;desc="withheld"',
  age: "0",
  etag: 'W/"0123456789abcdef01234567"',
  vary: "Cookie, Authorization, Accept",
  ...SECURITY,
};
const HEALTH = { "content-type": "application/json", "cache-control": "no-store", ...SECURITY };

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz") return new Response('{"status":"ok"}', { headers: HEALTH });
    const value = await env.CACHE.get(pathname.slice(1));
    if (value === null) return new Response(null, { status: 404, headers: HEALTH });
    return new Response(value, { headers: DOCUMENT });
  },
};
