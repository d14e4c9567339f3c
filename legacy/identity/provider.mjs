/**
 * The OpenID provider of one market, on npm `oidc-provider`: Kerbside's client, two clients of its
 * API, accounts, and what the provider asks of a request. Leaves keys and faults to issuer.mjs.
 */
import { errors, interactionPolicy, Provider } from "oidc-provider";

import { ACR } from "./markets.mjs";
import { errorPage, signedOutPage, signOutPage } from "./pages.mjs";

const { Check, base } = interactionPolicy;
const HOUR_S = 3600;
const TTL = {
  AccessToken: 600,
  AuthorizationCode: 60,
  ClientCredentials: 600,
  Grant: 14 * HOUR_S,
  IdToken: 600,
  Interaction: HOUR_S,
  Session: 14 * HOUR_S,
};
/** Scopes of OpenID Connect; any other belongs to the API. */
const OPENID_SCOPES = ["openid", "profile"];

const apiScopes = (scope = "") =>
  scope.split(" ").filter((word) => word && !OPENID_SCOPES.includes(word));

/** The description of an API as a resource: tokens for it are JWTs (RFC 9068). */
export function describeApi(algorithm, scope, audience) {
  return { audience, scope, accessTokenFormat: "jwt", jwt: { sign: { alg: algorithm } } };
}

/** Makes the provider of `issuer`; `finish` may change an answer, a koa context, before it goes. */
export function createProvider(settings, finish) {
  const { issuer, market, algorithm, clients, keys, storage, people, cookie_key, api } = settings;
  const provider = new Provider(issuer, {
    acrValues: Object.values(ACR),
    adapter: (model) => storage.adapter(model),
    assertJwtClientAuthClaimsAndHeader: checkAudience,
    claims: { openid: ["sub", "acr", "amr"], profile: ["name"] },
    clientBasedCORS: () => false,
    clients,
    conformIdTokenClaims: false,
    cookies: cookieSettings(market, cookie_key),
    extraTokenClaims: (ctx, token) => tokenClaims(ctx, token, people),
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        getResourceServerInfo: (ctx, resource) => resolveApi(ctx, resource, algorithm, api),
        useGrantedResource: () => true,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => void (ctx.body = signOutPage(form)),
        postLogoutSuccessSource: (ctx) => void (ctx.body = signedOutPage()),
      },
    },
    // The package's own refuses addresses on loopback.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    findAccount: (_, subject) => findAccount(people, subject),
    interactions: { policy: policy(), url: (_, { uid }) => `/${market}/interaction/${uid}` },
    jwks: { keys },
    loadExistingGrant: (ctx) => grantEverything(ctx, api),
    pkce: { required: () => true },
    renderError: (ctx, out) => {
      ctx.type = "html";
      ctx.body = errorPage(out);
    },
    responseTypes: ["code"],
    routes: { authorization: "/authorize", end_session: "/sign-out" },
    scopes: OPENID_SCOPES,
    ttl: TTL,
  });
  provider.use(async (ctx, next) => {
    await next();
    await finish(ctx);
  });
  return provider;
}

/** Cookies of a market's own: they are shared by all issuers of this host, whatever the port. */
function cookieSettings(market, key) {
  const options = { httpOnly: true, sameSite: "lax", path: `/${market}` };
  return {
    keys: [key],
    long: options,
    short: options,
    names: {
      session: `idp-${market}-session`,
      interaction: `idp-${market}-interaction`,
      resume: `idp-${market}-resume`,
    },
  };
}

/** Asks for no consent, and for a sign-in also where a second factor is wanted and missing. */
function policy() {
  const prompts = base();
  prompts.remove("consent");
  const wantsMore = ({ oidc }) =>
    oidc.params.acr_values?.split(" ").includes(ACR.secondFactor) &&
    oidc.acr !== ACR.secondFactor &&
    !oidc.result?.login;
  prompts
    .get("login")
    .checks.add(
      new Check("second_factor", "a second factor is required", (ctx) =>
        wantsMore(ctx) ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
      ),
    );
  return prompts;
}

/** An assertion of a client names the issuer alone as its audience. */
function checkAudience(ctx, claims) {
  if (claims.aud !== ctx.oidc.issuer)
    throw new errors.InvalidClientAuth("the audience of the assertion is not the issuer alone");
}

function findAccount(people, subject) {
  const person = people.find((one) => one.subject === subject);
  return person && { accountId: subject, claims: () => ({ sub: subject, name: person.name }) };
}

function resolveApi(ctx, resource, algorithm, api) {
  if (resource !== api.resource) throw new errors.InvalidTarget();
  const { entities, params } = ctx.oidc;
  // At the token endpoint the scope is that of the code.
  const scope = entities.AuthorizationCode?.scope ?? params.scope;
  return describeApi(algorithm, apiScopes(scope).join(" "), api.audience);
}

/** Claims of access tokens about the sign-in; a token that the control server mints has its own. */
function tokenClaims(ctx, token, people) {
  const dealer = people.find((one) => one.subject === token.accountId)?.dealer;
  const stated = dealer && { dealer };
  if (!ctx) return { ...stated, ...token.extra };
  const code = ctx.oidc.entities.AuthorizationCode;
  return code && { auth_time: code.authTime, acr: code.acr, ...stated };
}

/** Grants what a request asks for, without asking the person. */
async function grantEverything({ oidc }, api) {
  const { client, params, provider, session } = oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(OPENID_SCOPES.join(" "));
  const scopes = apiScopes(params.scope).join(" ");
  if (scopes) grant.addResourceScope(api.resource, scopes);
  await grant.save();
  return grant;
}
