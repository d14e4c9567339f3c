/**
 * The car maker's record of primary users in America: REST and JSON with a bearer token, keyed by
 * the subject and the issuer of the market's identity provider, never by an e-mail address. An
 * unknown car or user is a 404.
 */
import { bearer } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { holderOf } from "../lib/ownership.mjs";

const PATH = /^\/v1\/vehicles\/([^/?]+)\/users\/([^/?]+)\?issuer=([^&]+)$/u;

export const system = {
  name: "us.users",
  host: "https://account.us.example.com",
  secret: "US_USERS_BEARER",
  secret_form: "the token",
  latency_ms: 80,
  checkHttp: bearer("account"),
  start: async () => ({ respond: async ({ method, url }) => user(method, PATH.exec(url)) }),
};

function user(method, match) {
  if (method !== "GET") return json(405, { error: "GET" }, { allow: "GET" });
  const [vin, subject, issuer] = (match ?? []).slice(1).map(decodeURIComponent);
  const primary = vin && holderOf("us", vin)?.primary_user;
  // The issuer's address differs between this machine and the files; its path is the market's.
  const isMarkets = issuer && new URL(issuer).pathname === "/us";
  if (!primary || !isMarkets) return json(404, { error: "NOT_FOUND" });
  const isPrimary = primary.subject === subject;
  return json(200, {
    role: isPrimary ? "PRIMARY" : "NONE",
    since: isPrimary ? primary.since : null,
  });
}
