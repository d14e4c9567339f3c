// An OpenID provider that does what a test tells it: honest until told otherwise. One server holds
// any number of issuers (`<address>/<name>`), each with clients, keys and people of its own. It
// signs with node:crypto and keeps no rule that Kerbside should keep: a test can have it say
// anything.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import http from "node:http";

import { decode, isSigned, jws, makeKey } from "./jose.mjs";

const now_s = () => Math.floor(Date.now() / 1000);
const random = (bytes = 16) => randomBytes(bytes).toString("base64url");
const json = (body, more = {}) => ({
  status: 200,
  ...more,
  headers: { "content-type": "application/json", ...more.headers },
  body: JSON.stringify(body),
});
const redirect = (url) => ({ status: 303, headers: { location: String(url) }, body: "" });
const isSame = (a = "", b = "") => {
  const digest = (text) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
};

/** A person whose identifier is long enough to be searched for. */
export const somebody = () => ({ sub: `sub-${random()}`, name: "Ada" });

/** Starts the server. Gives `{ url, issuer(name), end }`. */
export async function identityProvider() {
  const issuers = new Map();
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, "http://provider");
    const [, name, ...rest] = url.pathname.split("/");
    const issuer = issuers.get(name);
    const body = Buffer.concat(chunks).toString("utf8");
    const answer = issuer
      ? await issuer.answer(rest.join("/"), { method: request.method, url, request, body })
      : { status: 404, headers: {}, body: "" };
    if (answer.after_ms) await new Promise((done) => setTimeout(done, answer.after_ms));
    if (answer.destroy) return request.socket.destroy();
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const base = `http://127.0.0.1:${server.address().port}`;
  return {
    url: base,
    issuer(name, options) {
      const issuer = new Issuer(`${base}/${name}`, options);
      issuers.set(name, issuer);
      return issuer;
    },
    end() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const ENDPOINTS = {
  ".well-known/openid-configuration": "discovery",
  jwks: "jwks",
  authorize: "authorization",
  token: "token",
  "end-session": "endSession",
};

class Issuer {
  /** Every request: `{ endpoint, method, url, headers, body }`. */
  requests = [];
  /** Everything that it gave out and that nobody may keep or log. */
  secrets = [];
  /** Functions in place of an answer: `(request, honest) => answer`, `honest()` gives the usual. */
  replace = {};
  /** Members laid over the discovery document. */
  metadata = {};
  /** What the next ID token holds: a function of the honest claims. */
  claims = (claims) => claims;
  /** Makes the next ID token of its claims. */
  makeIdToken = (claims) => this.sign(claims);
  /** True where a code is good for any number of requests, which it must not be. */
  areCodesReusable = false;
  clients = new Map();
  codes = new Map();
  person = somebody();

  constructor(url, { algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA"] } = {}) {
    this.url = url;
    this.keys = algorithms.map((alg) => makeKey(alg));
    this.keySet = () => ({ keys: this.keys.map((key) => key.jwk) });
  }

  /** The key of an algorithm, the first without one. */
  key(alg = this.keys[0].alg) {
    return this.keys.find((key) => key.alg === alg);
  }

  /** Registers a client: `{ method, secret?, jwk? }`. */
  client(id, client) {
    this.clients.set(id, client);
  }

  /** How many requests an endpoint has had. */
  count(endpoint) {
    return this.requests.filter((request) => request.endpoint === endpoint).length;
  }

  /** Forgets what it was told; keys, clients and counts stay. */
  reset() {
    this.replace = {};
    this.metadata = {};
    this.areCodesReusable = false;
    this.claims = (claims) => claims;
    this.makeIdToken = (claims) => this.sign(claims);
    this.keySet = () => ({ keys: this.keys.map((key) => key.jwk) });
    this.person = somebody();
  }

  sign(claims, options = {}) {
    return this.note(jws(claims, { key: this.key(), ...options }));
  }

  note(secret) {
    this.secrets.push(secret);
    return secret;
  }

  /** Honest claims of an access token (RFC 9068). */
  accessClaims(changes = {}) {
    return {
      iss: this.url,
      sub: this.person.sub,
      aud: "kerbside",
      client_id: "partner",
      scope: "openid vehicles:read person:read person:erase",
      iat: now_s(),
      exp: now_s() + 600,
      auth_time: now_s() - 5,
      jti: random(),
      ...changes,
    };
  }

  accessToken(changes = {}, options = {}) {
    return this.sign(this.accessClaims(changes), { typ: "at+jwt", ...options });
  }

  /** Honest claims of an ID token, outside a flow. */
  idClaims(changes = {}) {
    return {
      iss: this.url,
      sub: this.person.sub,
      aud: "kerbside-web",
      iat: now_s(),
      exp: now_s() + 300,
      auth_time: now_s(),
      ...changes,
    };
  }

  logoutClaims(changes = {}) {
    return {
      iss: this.url,
      aud: "kerbside-web",
      iat: now_s(),
      exp: now_s() + 120,
      jti: random(),
      events: { "http://schemas.openid.net/event/backchannel-logout": {} },
      ...changes,
    };
  }

  logoutToken(changes = {}, options = {}) {
    return this.sign(this.logoutClaims(changes), { typ: "logout+jwt", ...options });
  }

  async answer(path, asked) {
    const endpoint = ENDPOINTS[path] ?? "unknown";
    const { method, url, body } = asked;
    this.requests.push({ endpoint, method, url, headers: asked.request.headers, body });
    const honest = () => this[endpoint]?.(asked) ?? { status: 404, headers: {}, body: "" };
    return (await this.replace[endpoint]?.(asked, honest)) ?? honest();
  }

  discovery() {
    return json({
      issuer: this.url,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/token`,
      jwks_uri: `${this.url}/jwks`,
      end_session_endpoint: `${this.url}/end-session`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: this.keys.map((key) => key.alg),
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      ...this.metadata,
    });
  }

  jwks() {
    return json(this.keySet());
  }

  /** Signs the person in without asking anything. */
  authorization({ url }) {
    const asked = Object.fromEntries(url.searchParams);
    const wrong =
      (!this.clients.has(asked.client_id) && "client_id") ||
      (asked.response_type !== "code" && "response_type") ||
      (!asked.scope?.split(" ").includes("openid") && "scope") ||
      (asked.code_challenge_method !== "S256" && "code_challenge_method") ||
      (!/^[\w-]{43}$/.test(asked.code_challenge ?? "") && "code_challenge") ||
      (!(asked.state?.length >= 22) && "state") ||
      (!(asked.nonce?.length >= 22) && "nonce");
    if (wrong) return { status: 400, headers: { "content-type": "text/plain" }, body: wrong };
    for (const name of ["state", "nonce", "code_challenge"]) this.note(asked[name]);
    const code = this.note(random(24));
    this.note(this.person.sub);
    this.codes.set(code, { ...asked, person: this.person });
    const back = new URL(asked.redirect_uri);
    back.searchParams.set("code", code);
    back.searchParams.set("state", asked.state);
    back.searchParams.set("iss", this.url);
    return redirect(back);
  }

  token({ request, body }) {
    const form = Object.fromEntries(new URLSearchParams(body));
    for (const name of ["code_verifier", "client_assertion"]) if (form[name]) this.note(form[name]);
    const refuse = (error, status = 400) => json({ error }, { status });
    const client = this.authenticate(request.headers.authorization, form);
    if (!client) return refuse("invalid_client", 401);
    const flow = this.codes.get(form.code);
    if (!this.areCodesReusable) this.codes.delete(form.code);
    const challenge = createHash("sha256")
      .update(form.code_verifier ?? "")
      .digest("base64url");
    if (form.grant_type !== "authorization_code" || !flow || flow.client_id !== client)
      return refuse("invalid_grant");
    if (flow.redirect_uri !== form.redirect_uri || flow.code_challenge !== challenge)
      return refuse("invalid_grant");
    const claims = this.idClaims({
      aud: client,
      nonce: flow.nonce,
      ...(flow.acr_values && { acr: flow.acr_values.split(" ")[0] }),
      ...flow.person,
    });
    return json(
      {
        access_token: this.note(random(24)),
        refresh_token: this.note(random(24)),
        token_type: "Bearer",
        expires_in: 600,
        id_token: this.makeIdToken(this.claims(claims)),
      },
      { headers: { "cache-control": "no-store" } },
    );
  }

  /** The client that a request to the token endpoint proves to be. */
  authenticate(header, form) {
    if (form.client_assertion) return this.byAssertion(form);
    const parts = header?.startsWith("Basic ")
      ? Buffer.from(header.slice(6), "base64").toString("utf8").split(":")
      : [];
    const plain = (text) => decodeURIComponent(text.replaceAll("+", " "));
    const [id, secret] = header ? parts.map(plain) : [form.client_id, form.client_secret];
    const client = this.clients.get(id);
    const expected = header ? "client_secret_basic" : "client_secret_post";
    if (client?.method !== expected || (header && form.client_secret)) return undefined;
    return isSame(client.secret, secret) ? id : undefined;
  }

  /** RFC 7523, with the issuer alone as the audience (RFC 10070). */
  byAssertion(form) {
    const claims = decode(form.client_assertion.split(".")[1]);
    const client = this.clients.get(claims.sub);
    const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    const isGood =
      client?.method === "private_key_jwt" &&
      form.client_assertion_type === type &&
      claims.iss === claims.sub &&
      claims.aud === this.url &&
      claims.exp > now_s() &&
      claims.exp <= now_s() + 300 &&
      typeof claims.jti === "string" &&
      isSigned(form.client_assertion, "ES256", client.jwk);
    return isGood ? claims.sub : undefined;
  }

  endSession({ url }) {
    const to = url.searchParams.get("post_logout_redirect_uri");
    if (!to) return { status: 200, headers: { "content-type": "text/plain" }, body: "out" };
    const back = new URL(to);
    const state = url.searchParams.get("state");
    if (state) back.searchParams.set("state", state);
    return redirect(back);
  }
}
