/**
 * Credentials in HTTP headers. Each maker takes the secret and gives a check from headers to null (let through) or the
 * answer that refuses. WS-Security is in lib/soap.mjs.
 */
import { createHash, timingSafeEqual } from "node:crypto";

const digest = (text) => createHash("sha256").update(text).digest();

/** Whether two texts are the same, in constant time. */
export function same(given, expected) {
  return timingSafeEqual(digest(String(given ?? "")), digest(expected));
}

function refusal(status, challenge) {
  const body = Buffer.from(JSON.stringify({ error: "unauthorized" }));
  return { status, headers: { "content-type": "application/json", ...(challenge && { "www-authenticate": challenge }) }, body };
}

/** HTTP Basic (RFC 7617); the secret is `user:password`. */
export const basic = (realm) => (secret) => {
  const expected = `Basic ${Buffer.from(secret).toString("base64")}`;
  return (headers) => (same(headers.authorization, expected) ? null : refusal(401, `Basic realm="${realm}", charset="UTF-8"`));
};

/** `Authorization: Bearer` with a fixed token. */
export const bearer = (realm) => (secret) => (headers) =>
  same(headers.authorization, `Bearer ${secret}`) ? null : refusal(401, `Bearer realm="${realm}"`);

/** A header of the system's own. */
export const header = (name) => (secret) => (headers) => (same(headers[name.toLowerCase()], secret) ? null : refusal(401));
