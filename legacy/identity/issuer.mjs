/**
 * One issuer: its provider, keys, people and faults. It counts requests by route, answers the
 * sign-in page, and does what the control server asks: rotates keys, mints tokens, signs people
 * out.
 */
import { equalSecrets } from "../lib/http-auth.mjs";
import { HTML, SLOW_MS, applyFault } from "./faults.mjs";
import { readForm, sendPage } from "./http.mjs";
import { makeKey, makeKeys } from "./keys.mjs";
import { ACR, API, MARKETS } from "./markets.mjs";
import { signInPage } from "./pages.mjs";
import { deriveWord, peopleOf } from "./people.mjs";
import { createProvider, describeApi } from "./provider.mjs";
import { Storage } from "./storage.mjs";

const ROUTES = [
  ["discovery", "/.well-known/openid-configuration"],
  ["jwks", "/jwks"],
  ["authorization", "/authorize"],
  ["token", "/token"],
  ["sign_out", "/sign-out"],
  ["interaction", "/interaction"],
];
const INTERACTION = /^\/interaction\/[\w-]+$/u;

/** A request of the control server that an issuer refuses. */
export class IssuerError extends Error {}

export class Issuer {
  #provider;
  #callback;
  #keys = [];
  #storage = new Storage();
  #held = new Set();
  fault = null;
  latency_ms = 0;
  requests = {};

  /**
   * `secret` is that of Kerbside's client, `portal` Kerbside's own address. The dealers' issuer has
   * an API, people and a client of its own; `ownClient` makes the client from this issuer.
   */
  constructor({ market, secret, seed, portal, settings, api, people, ownClient }) {
    Object.assign(this, { market, secret, seed, portal });
    this.settings = settings ?? MARKETS[market];
    this.api = api ?? API;
    this.makeOwnClient = ownClient ?? (() => this.#ownClient());
    this.algorithm = this.settings.algorithm;
    this.people = people ?? peopleOf(market, seed);
    this.apiClients = ["partner", "unlisted"].map((name) => ({
      client_id: `${name}-${market}`,
      client_secret: deriveWord(seed, `client/${market}/${name}`),
    }));
    this.#resetCounts();
  }

  /** Makes the keys and the provider; `origin` is the address of the server in front. */
  async start(origin) {
    this.issuer = `${origin}/${this.market}`;
    this.#replaceProvider(await makeKeys(this.algorithm, this.settings.names_algorithms));
  }

  /** Answers a request; `path` is the path and query below the issuer. */
  async serve(req, res, path) {
    const route = ROUTES.find(([, start]) => path.split("?")[0].startsWith(start))?.[0] ?? "other";
    this.requests[route] += 1;
    const gone = new Promise((done) => res.once("close", done));
    const { fault } = this;
    await Promise.race([delay(fault === "slow" ? SLOW_MS : this.latency_ms), gone]);
    if (fault === "hang") await Promise.race([new Promise((go) => this.#held.add(go)), gone]);
    if (fault === "down" || res.destroyed) return void req.socket.destroy();
    if (fault === "500") return sendPage(res, 500, HTML);
    if (INTERACTION.test(path)) return this.#signIn(req, res);
    req.originalUrl = req.url;
    req.url = path;
    return this.#callback(req, res);
  }

  /** Sets latency or fault. Another fault than `hang` releases the requests that `hang` holds. */
  set({ latency_ms = this.latency_ms, fault = this.fault }) {
    Object.assign(this, { latency_ms, fault });
    if (fault !== "hang") this.release();
  }

  /** Resets latency, fault and counters. Keys stay as they are: callers may remember them. */
  reset() {
    this.set({ latency_ms: 0, fault: null });
    this.#resetCounts();
  }

  /** Releases held requests. */
  release() {
    for (const go of this.#held) go();
    this.#held.clear();
  }

  /** Signs with a new key from now on; `keep` leaves the old ones in the JWKS. */
  async rotate({ keep = true }) {
    const key = await makeKey(this.algorithm, this.settings.names_algorithms);
    const others = this.#keys.filter((old) => keep || old.kty !== key.kty);
    this.#replaceProvider([key, ...others]);
  }

  /**
   * Mints an access token for a person, as the provider does it at the token endpoint. Each member
   * of `request` has a default; `claims` are added to the token.
   */
  async mint(request) {
    const { client_id = this.apiClients[0].client_id, login = this.people[0].login } = request;
    const { scope = "", expires_in = 600, audience = this.api.audience, claims = {} } = request;
    const client = await this.#provider.Client.find(client_id);
    if (!client) throw new IssuerError(`there is no client ${client_id}`);
    const now = Math.floor(Date.now() / 1000);
    const token = new this.#provider.AccessToken({
      accountId: this.#person(login).subject,
      client,
      expiresIn: expires_in,
      extra: { auth_time: now, acr: ACR.password, ...claims },
      gty: "authorization_code",
      resourceServer: new this.#provider.ResourceServer(
        this.api.resource,
        describeApi(this.algorithm, scope, audience),
      ),
      scope,
    });
    return { access_token: await token.save(), expires_in };
  }

  /** Ends a person's sessions and tells Kerbside by back-channel logout: one outcome a session. */
  async signOut({ login = this.people[0].login }) {
    const { subject } = this.#person(login);
    const client = await this.#provider.Client.find(this.clientId);
    const sessions = this.#storage.all("Session").filter((one) => one.accountId === subject);
    const told = sessions.map(async (payload) => {
      const sid = payload.authorizations?.[this.clientId]?.sid;
      await this.#storage.adapter("Session").destroy(payload.jti);
      if (!sid) return null;
      const sent = client.backchannelLogout(subject, sid);
      return sent.then(
        () => ({ sid, delivered: true }),
        (error) => ({ sid, delivered: false, error: error.message }),
      );
    });
    return (await Promise.all(told)).filter(Boolean);
  }

  get clientId() {
    return `kerbside-${this.market}`;
  }

  describe() {
    const { algorithm, apiClients, fault, issuer, latency_ms, people, requests } = this;
    const client_id = this.clientId;
    const keys = this.#keys.map(({ kid, kty, alg = null }) => ({ kid, kty, alg }));
    const api = { ...this.api, clients: apiClients };
    return { issuer, client_id, algorithm, fault, latency_ms, requests, keys, people, api };
  }

  #resetCounts() {
    const names = [...ROUTES.map(([name]) => name), "other"];
    this.requests = Object.fromEntries(names.map((name) => [name, 0]));
  }

  #person(login) {
    const person = this.people.find((one) => one.login === login);
    if (!person) throw new IssuerError(`there is no person ${login}`);
    return person;
  }

  #replaceProvider(keys) {
    this.#keys = keys;
    const { algorithm, api, issuer, market, people, seed } = this;
    const settings = { algorithm, api, issuer, keys, market, people, storage: this.#storage };
    this.#provider = createProvider(
      {
        ...settings,
        clients: [this.makeOwnClient(), ...this.apiClients.map((client) => apiClient(client))],
        cookie_key: deriveWord(seed, `cookie/${market}`),
      },
      (ctx) => applyFault(ctx, this.fault, this.#keys),
    );
    this.#callback = this.#provider.callback();
  }

  /**
   * Kerbside's client. It is `native` because such a client may return to any port of loopback
   * (RFC 8252, section 7.3), and every stack has a port of its own.
   */
  #ownClient() {
    const { algorithm, clientId, market, portal, settings } = this;
    return {
      client_id: clientId,
      client_name: "Kerbside",
      application_type: "native",
      backchannel_logout_session_required: true,
      backchannel_logout_uri: `${portal}/auth/${market}/backchannel-logout`,
      grant_types: ["authorization_code"],
      id_token_signed_response_alg: algorithm,
      post_logout_redirect_uris: loopback(`/auth/${market}/signed-out`),
      redirect_uris: loopback(`/auth/${market}/callback`),
      require_auth_time: true,
      response_types: ["code"],
      token_endpoint_auth_method: settings.authentication,
      ...credentials(settings.authentication, this.secret),
    };
  }

  async #signIn(req, res) {
    const details = await this.#provider.interactionDetails(req, res);
    const strong = details.params.acr_values?.split(" ").includes(ACR.secondFactor) ?? false;
    const { market, people } = this;
    const shown = { market, people, client: details.params.client_id, strong };
    if (req.method !== "POST") {
      return sendPage(res, 200, signInPage({ ...shown, login: details.params.login_hint }));
    }
    const form = await readForm(req);
    if (form.get("action") === "cancel") {
      const refused = { error: "access_denied", error_description: "the person cancelled" };
      return this.#provider.interactionFinished(req, res, refused);
    }
    const login = form.get("login");
    const person = people.find((one) => one.login === login);
    if (!person || !equalSecrets(form.get("password"), person.password)) {
      return sendPage(res, 422, signInPage({ ...shown, login, failed: true }));
    }
    const second = strong && form.has("second_factor");
    const acr = second ? ACR.secondFactor : ACR.password;
    const amr = second ? ["pwd", "mfa"] : ["pwd"];
    const result = { login: { accountId: person.subject, acr, amr } };
    return this.#provider.interactionFinished(req, res, result);
  }
}

const delay = (ms) => new Promise((done) => setTimeout(done, ms));

const loopback = (path) => ["127.0.0.1", "localhost"].map((host) => `http://${host}${path}`);

function apiClient(client) {
  return {
    ...client,
    application_type: "native",
    grant_types: ["authorization_code", "client_credentials"],
    redirect_uris: loopback("/callback"),
    response_types: ["code"],
    token_endpoint_auth_method: "client_secret_basic",
  };
}

/** The client's secret, or the public half of its key. */
function credentials(authentication, secret) {
  if (authentication !== "private_key_jwt") return { client_secret: secret };
  const { kty, crv, x, y, kid } = JSON.parse(secret);
  const key = { kty, crv, x, y, alg: "ES256", use: "sig", ...(kid && { kid }) };
  return { jwks: { keys: [key] }, token_endpoint_auth_signing_alg: "ES256" };
}
