/**
 * The dealers' portal, a small application beside their identity provider. A member of staff enters
 * the claim code that a customer tells and signs in with a second factor; the portal sends the code
 * to Kerbside with the member's access token. Each attestation has a sign-in and a token of its
 * own.
 */
import { createHash, randomBytes } from "node:crypto";

import { readForm, sendPage } from "./http.mjs";
import { Issuer } from "./issuer.mjs";
import { ACR, DEALERS, DEALER_API } from "./markets.mjs";
import { attestationPage, attestedPage } from "./pages.mjs";
import { deriveWord, staffOf } from "./people.mjs";

const CLIENT_ID = "dealer-portal";
const MAX_AGE_S = "300";
const MAX_PENDING = 100;
const MARKET = /^[a-z][a-z0-9]{1,7}$/u;

export class DealerPortal {
  #pending = new Map();

  /** `portal` is Kerbside's address. */
  constructor({ seed, portal }) {
    this.kerbside = portal;
    this.secret = deriveWord(seed, "client/dealers/portal");
    this.issuer = new Issuer({
      market: DEALERS.name,
      seed,
      portal,
      settings: DEALERS.settings,
      api: DEALER_API,
      people: staffOf(seed),
      ownClient: () => ({
        client_id: CLIENT_ID,
        client_name: "Dealer portal",
        client_secret: this.secret,
        grant_types: ["authorization_code"],
        redirect_uris: [`${this.url}/callback`],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_basic",
        id_token_signed_response_alg: DEALERS.settings.algorithm,
        application_type: "native",
      }),
    });
  }

  /** The portal's own address. */
  get url() {
    return `${this.issuer.issuer}/portal`;
  }

  describe() {
    const staff = this.issuer.people.map(({ dealer, login, name, password }) => ({
      dealer,
      login,
      name,
      password,
    }));
    return { url: this.url, staff };
  }

  /** Answers a request below `/portal`; false for every other path. */
  async serve(req, res, path) {
    const [route, query = ""] = path.split("?");
    if (route !== "/portal" && route !== "/portal/callback") return false;
    if (route === "/portal/callback") await this.#attest(res, new URLSearchParams(query));
    else if (req.method === "POST") await this.#signIn(req, res);
    else sendPage(res, 200, attestationPage({}));
    return true;
  }

  /** Keeps the code and leads to the sign-in. */
  async #signIn(req, res) {
    const form = await readForm(req);
    const [market, code] = [form.get("market") ?? "", form.get("code") ?? ""];
    if (!MARKET.test(market) || !code.trim())
      return sendPage(res, 422, attestationPage({ market, code, failed: true }));
    const [state, verifier] = [randomBytes(16), randomBytes(32)].map((b) =>
      b.toString("base64url"),
    );
    this.#pending.set(state, { market, code, verifier });
    if (this.#pending.size > MAX_PENDING) this.#pending.delete(this.#pending.keys().next().value);
    const parameters = new URLSearchParams({
      client_id: CLIENT_ID,
      response_type: "code",
      scope: "openid",
      redirect_uri: `${this.url}/callback`,
      resource: DEALER_API.resource,
      state,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      acr_values: ACR.secondFactor,
      prompt: "login",
      max_age: MAX_AGE_S,
    });
    res.writeHead(303, { location: `${this.issuer.issuer}/authorize?${parameters}` }).end();
  }

  /** Exchanges the sign-in for a token, and sends the code with it. */
  async #attest(res, query) {
    const pending = this.#pending.get(query.get("state"));
    this.#pending.delete(query.get("state"));
    if (!pending || !query.has("code"))
      return sendPage(res, 400, attestedPage({ status: 400, title: "The sign-in failed." }));
    const token = await this.#exchange(query.get("code"), pending.verifier);
    const { market, code } = pending;
    const answer = await fetch(`${this.kerbside}/api/v1/${market}/ownership/attestations`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    const text = await answer.text();
    sendPage(res, 200, attestedPage({ status: answer.status, ...parse(text) }));
  }

  async #exchange(code, code_verifier) {
    const credentials = Buffer.from(`${CLIENT_ID}:${this.secret}`).toString("base64");
    const answer = await fetch(`${this.issuer.issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams({
        grant_type: "authorization_code",
        code,
        code_verifier,
        redirect_uri: `${this.url}/callback`,
        resource: DEALER_API.resource,
      }),
    });
    const { access_token: token } = await answer.json();
    if (!token) throw new Error("the token endpoint gave no token");
    return token;
  }
}

function parse(text) {
  try {
    const { title, detail, state } = JSON.parse(text);
    return { title: title ?? state, detail };
  } catch {
    return {};
  }
}
