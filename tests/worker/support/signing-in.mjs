// A region whose markets sign people in, each with an issuer that the test rules, for the tests of
// sign-in. One look at what it logged and stored shows that nothing secret was kept.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

import { Browser, exchange } from "./browser.mjs";
import { identityProvider } from "./identity-provider.mjs";
import { makeKey, privateJwk } from "./jose.mjs";
import { region } from "./region.mjs";

export const VIN = "KBSZZZ99ZAU900001";
const EQUIPMENT = "Xk7Equipment";
export const MEMBER_MARK = EQUIPMENT;
/** What an owner alone may see. */
export const OWNER_MARKS = ["Xk7Workshop", "XK 7 PLATE", "Xk7 Keeper"];

/** The clock of an isolate can be moved by a header of a request. */
const ENTRY = `
import worker from "./index.js";
const real = Date.now.bind(Date);
let ahead = 0;
Date.now = () => real() + ahead;
export default {
  fetch(request, env, context) {
    ahead = Number(request.headers.get("x-ahead-ms") ?? ahead);
    return worker.fetch(request, env, context);
  },
  scheduled: (event, env, context) => worker.scheduled(event, env, context),
};
`;

const ALL = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

const facets = (base) => {
  const facet = (rest) => ({ origin: "all", required: true, ttl_s: 3_600, ...rest });
  const at = (pointer, more = {}) => ({ at: pointer, ...more });
  return {
    deadline_ms: 5_000,
    origins: { all: { protocol: "rest", url: `${base}/all/{vin}`, timeout_ms: 4_000 } },
    facets: {
      identity: facet({ map: { make: at("/make"), model: at("/model"), vin: at("/vin") } }),
      equipment: facet({ each: "/equipment", map: { name: at("/name"), code: at("/code") } }),
      service_history: facet({
        each: "/services",
        map: { performed_on: at("/on", { as: "date" }), workshop: at("/by") },
      }),
      registration: facet({ map: { plate: at("/plate"), keeper_name: at("/keeper") } }),
    },
  };
};

const body = (vin) => ({
  make: "Kerbside",
  model: "Safe",
  vin,
  equipment: [{ name: EQUIPMENT, code: "Xk7Code" }],
  services: [{ on: "2020-03-04", by: "Xk7Workshop" }],
  plate: "XK 7 PLATE",
  keeper: "Xk7 Keeper",
});

/**
 * Starts provider and region. `markets` names them: `{ code: { issuer, client?, method?,
 * algorithms?, cors_origins?, sign_in? } }`, nothing in place of a description for a market without
 * sign-in. `described(base, code)` gives the rest of a market, and `bindings` are further variables.
 * Gives `{ provider, here, issuers, browser, ask, bearer, end, checkQuiet }`.
 */
export async function signingIn({
  markets,
  isolates = 1,
  ratelimits,
  described = facets,
  bindings = {},
}) {
  const provider = await identityProvider();
  const issuers = {};
  const more = {};
  const signIn = Object.fromEntries(
    Object.entries(markets).map(([code, market]) => [
      code,
      market && describe(provider, issuers, more, code, market),
    ]),
  );
  const here = await region({
    isolates,
    entry: ENTRY,
    ratelimits,
    bindings: { ...more, ...bindings },
    markets: (base) =>
      Object.fromEntries(
        Object.entries(signIn).map(([code, sign_in]) => [
          code,
          {
            ...described(base, code),
            cors_origins: markets[code]?.cors_origins,
            ...(sign_in && { sign_in }),
          },
        ]),
      ),
    answer: (_name, vin) => ({ body: body(vin) }),
  }).catch((error) => {
    provider.end();
    throw error;
  });

  const browsers = [];
  const self = {
    provider,
    here,
    issuers,

    /** A new browser, at an isolate and at a time ahead of now. */
    browser({ isolate = 0, ahead_ms } = {}) {
      const headers = { "x-isolate": String(isolate) };
      if (ahead_ms !== undefined) headers["x-ahead-ms"] = String(ahead_ms);
      const one = new Browser(here.url, headers);
      browsers.push(one);
      return one;
    },

    /** A request without a browser; `token` becomes a bearer token. */
    ask(path, { token, isolate = 0, ahead_ms, headers = {}, ...rest } = {}) {
      const sent = { "x-isolate": String(isolate), ...headers };
      if (ahead_ms !== undefined) sent["x-ahead-ms"] = String(ahead_ms);
      if (token !== undefined) sent.authorization = `Bearer ${token}`;
      return exchange(here.url, { ...rest, headers: sent, path });
    },

    /** Who a bearer token makes its sender: `{ status, tier, challenge }`. */
    async bearer(market, token, options = {}) {
      const answer = await self.ask(`/api/v1/${market}/session`, { token, ...options });
      assert.match(answer.headers["cache-control"], /no-store/);
      return {
        status: answer.status,
        tier: answer.json?.tier,
        challenge: answer.headers["www-authenticate"],
        answer,
      };
    },

    /**
     * Nothing secret lies in the log, in KV or in D1: neither what the provider gave out, nor a
     * cookie, nor a subject.
     */
    checkQuiet(more = []) {
      const given = Object.values(issuers).flatMap((issuer) => issuer.secrets);
      const cookies = browsers.flatMap((browser) => browser.given);
      const parts = [...given, ...cookies, ...more].flatMap((text) => text.split("."));
      const secrets = [...new Set(parts)].filter((part) => part.length >= 16);
      assert.ok(secrets.length > 0, "nothing was given out");
      const log = here.log.join("\n");
      assert.ok(log.length > 0, "nothing was logged, so the search shows nothing");
      const stored = here.files();
      assert.ok(
        stored.some((text) => text.includes("kerbside-")),
        "the search finds what is there",
      );
      for (const secret of secrets) {
        assert.ok(!log.includes(secret), `in the log: ${secret.slice(0, 40)}`);
        assert.ok(!stored.some((text) => text.includes(secret)), `stored: ${secret.slice(0, 40)}`);
      }
    },

    async end() {
      await here.end();
      provider.end();
    },
  };
  return self;
}

/** `[sign_in]` of a market, and its client at its issuer. */
function describe(provider, issuers, more, code, market) {
  const { client = "kerbside-web", method = "client_secret_basic" } = market;
  const algorithms = market.algorithms ?? ALL;
  const issuer = (issuers[market.issuer] ??= provider.issuer(market.issuer, market.keys));
  const prefix = code.toUpperCase();
  const sign_in = {
    issuer: issuer.url,
    client_id: client,
    client_authentication: method,
    scopes: ["openid", "profile"],
    audience: "kerbside",
    api_clients: ["partner"],
    algorithms,
    ...market.sign_in,
  };
  if (method === "private_key_jwt") {
    const key = makeKey("ES256");
    issuer.client(client, { method, jwk: key.jwk });
    more[`${prefix}_CLIENT_KEY`] = JSON.stringify({ ...privateJwk(key), kid: key.kid });
    sign_in.client_key = `${prefix}_CLIENT_KEY`;
  } else {
    // Markets may share a client.
    const known = issuer.clients.get(client)?.secret;
    const secret = known ?? `${randomBytes(12).toString("base64")}: %&`;
    issuer.client(client, { method, secret });
    more[`${prefix}_CLIENT_SECRET`] = secret;
    sign_in.client_secret = `${prefix}_CLIENT_SECRET`;
  }
  return sign_in;
}
