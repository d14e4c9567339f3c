/**
 * The identity provider over its real protocol, with plain fetch: sign-in with each kind of client,
 * step-up, sign-out of both kinds, access tokens, and every fault of the control server.
 */
import assert from "node:assert/strict";
import { constants, createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { readToken, signToken } from "../../legacy/identity/keys.mjs";
import { CookieJar, signIn, signOut } from "../support/identity.mjs";
import { makeClientKey, start } from "./support/stand-ins.mjs";

const ISSUERS = "https://login.example.com";
const MFA = "https://refeds.org/profile/mfa";
const SFA = "https://refeds.org/profile/sfa";
const SECRET = "kerbside:with:colons%and spaces";
const MARKETS = ["de", "us", "gb", "fr"];
const ALGORITHMS = { de: "RS256", us: "ES256", gb: "EdDSA", fr: "PS256" };

const clientKey = makeClientKey();
/** What a portal does with a logout token: the last one, and the status that it answers. */
const portal = { token: null, status: 200 };
let standIns;
let portalServer;

before(async () => {
  portalServer = createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    Object.assign(portal, { path: req.url, token: form.get("logout_token") });
    res.writeHead(portal.status).end();
  });
  await new Promise((done) => portalServer.listen(0, "127.0.0.1", done));
  portal.url = `http://127.0.0.1:${portalServer.address().port}`;
  standIns = await start({
    secrets: {
      DE_IDP_CLIENT_SECRET: SECRET,
      GB_IDP_CLIENT_SECRET: SECRET,
      FR_IDP_CLIENT_SECRET: SECRET,
      US_IDP_CLIENT_KEY: JSON.stringify(clientKey),
      KERBSIDE_IDENTITY_SEED: "of the tests",
    },
    args: ["--portal", portal.url],
  });
});
after(async () => {
  portalServer.close();
  assert.deepEqual(await standIns.stop(), { code: 0, signal: null });
});
beforeEach(async () => {
  portal.status = 200;
  await standIns.control("POST", "/reset");
});

const describe = async (market) => (await standIns.control("GET", `/identity/${market}`)).json;
const issuerOf = (market) => `${standIns.ready.hosts[ISSUERS]}/${market}`;
const discover = async (market) =>
  (await fetch(`${issuerOf(market)}/.well-known/openid-configuration`)).json();
const callbackOf = (market) => `${portal.url}/auth/${market}/callback`;
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

/** An authorization request with PKCE: `{ url, verifier, nonce, state }`. */
async function authorize(market, changes = {}) {
  const { authorization_endpoint } = await discover(market);
  const [verifier, nonce, state] = [32, 16, 16].map((size) => base64url(randomBytes(size)));
  const parameters = {
    client_id: `kerbside-${market}`,
    code_challenge: base64url(createHash("sha256").update(verifier).digest()),
    code_challenge_method: "S256",
    nonce,
    redirect_uri: callbackOf(market),
    response_type: "code",
    scope: "openid profile",
    state,
    ...changes,
  };
  const kept = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return {
    url: `${authorization_endpoint}?${new URLSearchParams(kept)}`,
    verifier,
    nonce,
    state,
  };
}

const formEncode = (text) => new URLSearchParams([["", text]]).toString().slice(1);
const base64 = (text) => Buffer.from(text).toString("base64");
const basic = (id, secret) => ({
  authorization: `Basic ${base64(`${formEncode(id)}:${formEncode(secret)}`)}`,
});
const now = () => Math.floor(Date.now() / 1000);

/** What proves Kerbside's client of a market: headers and form fields. */
function clientProof(market) {
  const client_id = `kerbside-${market}`;
  if (market === "gb") return [{}, { client_id, client_secret: SECRET }];
  if (market !== "us") return [basic(client_id, SECRET), {}];
  const claims = {
    iss: client_id,
    sub: client_id,
    aud: issuerOf(market),
    jti: base64url(randomBytes(16)),
    iat: now(),
    exp: now() + 60,
  };
  const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
  const assertion = signToken({ alg: "ES256" }, claims, clientKey);
  return [{}, { client_assertion_type: type, client_assertion: assertion }];
}

async function requestToken(market, fields, [headers, proof] = clientProof(market)) {
  const { token_endpoint } = await discover(market);
  const body = new URLSearchParams({ ...fields, ...proof });
  const response = await fetch(token_endpoint, { method: "POST", headers, body });
  return { status: response.status, json: await response.json() };
}

const exchange = (market, url, verifier, proof) =>
  requestToken(
    market,
    {
      grant_type: "authorization_code",
      code: new URL(url).searchParams.get("code"),
      code_verifier: verifier,
      redirect_uri: callbackOf(market),
    },
    proof,
  );

/** A whole sign-in: `{ claims, token, url, json, jar }`. */
async function signInAs(market, { changes, person, ...options } = {}, jar = new CookieJar()) {
  const request = await authorize(market, changes);
  const [first] = (await describe(market)).people;
  const url = await signIn(request.url, { ...(person ?? first), ...options }, jar);
  const { status, json } = await exchange(market, url, request.verifier);
  assert.equal(status, 200, JSON.stringify(json));
  const token = json.id_token;
  return { ...request, url, json, jar, token, claims: readToken(token).claims };
}

/** True if a key of the issuer's JWKS verifies the token. */
async function verifies(market, token, jwks) {
  const { keys } = jwks ?? (await (await fetch(`${issuerOf(market)}/jwks`)).json());
  const { header } = readToken(token);
  const key = keys.find((one) => one.kid === header.kid);
  if (!key) return false;
  const [input, signature] = [token.slice(0, token.lastIndexOf(".")), token.split(".")[2]];
  const options = {
    RS256: ["sha256", {}],
    PS256: ["sha256", { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
    ES256: ["sha256", { dsaEncoding: "ieee-p1363" }],
    EdDSA: [null, {}],
  };
  const [digest, how] = options[header.alg];
  const public_ = { key: createPublicKey({ key, format: "jwk" }), ...how };
  return verify(digest, Buffer.from(input), public_, Buffer.from(signature, "base64url"));
}

const setFault = (market, fault) => standIns.control("PUT", `/identity/${market}`, { fault });

for (const market of MARKETS) {
  test(`a person signs in at ${market}, with its client authentication and algorithm`, async () => {
    const { claims, token, url, nonce, state } = await signInAs(market);
    const { searchParams } = new URL(url);
    assert.equal(searchParams.get("state"), state);
    assert.equal(searchParams.get("iss"), issuerOf(market));
    const { people } = await describe(market);
    assert.deepEqual(
      [claims.iss, claims.aud, claims.nonce, claims.sub, claims.name, claims.acr],
      [issuerOf(market), `kerbside-${market}`, nonce, "1001", people[0].name, SFA],
    );
    assert.ok(claims.sid && Math.abs(claims.auth_time - now()) < 10 && claims.exp > now());
    assert.equal(readToken(token).header.alg, ALGORITHMS[market]);
    assert.ok(await verifies(market, token));
  });

  test(`the token endpoint of ${market} refuses a wrong client, code and verifier`, async () => {
    const wrong =
      market === "us"
        ? [{}, { ...clientProof(market)[1], client_assertion: "e30.e30.AA" }]
        : market === "gb"
          ? [{}, { client_id: "kerbside-gb", client_secret: "wrong" }]
          : [basic(`kerbside-${market}`, "wrong"), {}];
    const bare = { grant_type: "authorization_code", code: "x", code_verifier: "x".repeat(43) };
    const fields = { ...bare, redirect_uri: callbackOf(market) };
    assert.equal((await requestToken(market, fields, wrong)).json.error, "invalid_client");
    assert.equal((await requestToken(market, fields)).json.error, "invalid_grant");

    const request = await authorize(market);
    const [person] = (await describe(market)).people;
    const url = await signIn(request.url, person);
    const other = base64url(randomBytes(32));
    assert.equal((await exchange(market, url, other)).json.error, "invalid_grant");
  });
}

test("each issuer has keys of three kinds; the French ones do not state `alg`", async () => {
  const kids = new Set();
  for (const market of MARKETS) {
    const { keys } = await (await fetch(`${issuerOf(market)}/jwks`)).json();
    assert.deepEqual(keys.map(({ kty }) => kty).sort(), ["EC", "OKP", "RSA"]);
    assert.ok(keys.every((key) => !("d" in key)));
    const rsa = keys.find(({ kty }) => kty === "RSA");
    assert.equal(rsa.alg, market === "fr" ? undefined : "RS256");
    for (const { kid } of keys) kids.add(kid);
  }
  assert.equal(kids.size, 3 * MARKETS.length);
});

test("a request without PKCE, with another redirect or another client is refused", async () => {
  const { url } = await authorize("de", { code_challenge: undefined });
  const refused = await fetch(url, { redirect: "manual" });
  const { searchParams } = new URL(refused.headers.get("location"));
  assert.equal(searchParams.get("error"), "invalid_request");
  for (const changes of [
    { redirect_uri: "https://elsewhere.example.com/auth/de/callback" },
    { redirect_uri: `${portal.url}/auth/fr/callback` },
    { client_id: "nobody" },
  ]) {
    const response = await fetch((await authorize("de", changes)).url, { redirect: "manual" });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /invalid_(redirect_uri|client)/u);
  }
});

test("a wrong password is refused in words; a cancelled sign-in is an error", async () => {
  const [person, other] = (await describe("de")).people;
  const { url } = await authorize("de");
  await assert.rejects(signIn(url, { ...person, password: other.password }), /answers 422/u);
  const jar = new CookieJar();
  const page = await jar.fetch(new URL((await jar.fetch(url)).headers.get("location"), url));
  const html = await page.text();
  assert.match(html, /<label for="login">Person<\/label>/u);
  assert.ok(!html.includes(person.password));
  const back = await signIn((await authorize("de")).url, { ...person, cancel: true });
  assert.equal(new URL(back).searchParams.get("error"), "access_denied");
});

test("names are escaped on the page", async () => {
  const jar = new CookieJar();
  const { url } = await authorize("us");
  const page = await jar.fetch(new URL((await jar.fetch(url)).headers.get("location"), url));
  const html = await page.text();
  assert.ok(html.includes("Ben &lt;b&gt;O&#39;Sample&lt;/b&gt;") && !html.includes("<b>O"));
});

test("a second sign-in does not ask; prompt and acr_values do", async () => {
  const first = await signInAs("de");
  const again = await signInAs("de", { password: "not asked for" }, first.jar);
  assert.equal(again.claims.auth_time, first.claims.auth_time);
  assert.equal(again.claims.sid, first.claims.sid);

  await assert.rejects(
    signInAs("de", { changes: { prompt: "login" }, password: "wrong" }, first.jar),
    /answers 422/u,
  );
  const changes = { acr_values: MFA };
  const weak = await signInAs("de", { changes }, first.jar);
  assert.equal(weak.claims.acr, SFA);
  const strong = await signInAs("de", { changes, secondFactor: true }, first.jar);
  assert.equal(strong.claims.acr, MFA);
});

test("sign-out at the provider ends its session, tells the portal and leads back", async () => {
  const { jar, claims } = await signInAs("fr");
  const { end_session_endpoint } = await discover("fr");
  const back = `${portal.url}/auth/fr/signed-out`;
  const parameters = { client_id: "kerbside-fr", post_logout_redirect_uri: back, state: "s" };
  const url = `${end_session_endpoint}?${new URLSearchParams(parameters)}`;
  assert.equal(await signOut(url, jar), `${back}?state=s`);
  const { claims: logout, header } = readToken(portal.token);
  assert.equal(portal.path, "/auth/fr/backchannel-logout");
  assert.deepEqual([header.typ, logout.sid, logout.aud], ["logout+jwt", claims.sid, "kerbside-fr"]);
  assert.ok("http://schemas.openid.net/event/backchannel-logout" in logout.events);
  await assert.rejects(signInAs("fr", { password: "asked again" }, jar), /answers 422/u);
});

test("the control server signs a person out of all sessions, and says the outcome", async () => {
  const [, person] = (await describe("gb")).people;
  const sessions = [await signInAs("gb", { person }), await signInAs("gb", { person })];
  const sids = sessions.map(({ claims }) => claims.sid).sort();
  portal.status = 400;
  const { json } = await standIns.control("POST", "/identity/gb/sign-out", { login: person.login });
  assert.deepEqual(json.sessions.map(({ sid }) => sid).sort(), sids);
  assert.ok(json.sessions.every(({ delivered, error }) => !delivered && /400/u.test(error)));
  assert.ok(await verifies("gb", portal.token));
  const again = await standIns.control("POST", "/identity/gb/sign-out", { login: person.login });
  assert.deepEqual(again.json.sessions, []);
});

test("an API client gets a person's access token by authorization code (RFC 9068)", async () => {
  const { api, people } = await describe("us");
  const [client] = api.clients;
  const redirect_uri = "http://127.0.0.1:1/callback";
  const request = await authorize("us", {
    client_id: client.client_id,
    redirect_uri,
    resource: api.resource,
    scope: "openid vehicles:read",
  });
  const url = await signIn(request.url, people[0]);
  const { status, json } = await requestToken(
    "us",
    {
      grant_type: "authorization_code",
      code: new URL(url).searchParams.get("code"),
      code_verifier: request.verifier,
      redirect_uri,
    },
    [basic(client.client_id, client.client_secret), {}],
  );
  assert.equal(status, 200, JSON.stringify(json));
  const { header, claims } = readToken(json.access_token);
  assert.equal(header.typ, "at+jwt");
  assert.deepEqual(
    [claims.iss, claims.aud, claims.client_id, claims.sub, claims.scope, claims.acr],
    [issuerOf("us"), "kerbside", "partner-us", "1001", "vehicles:read", SFA],
  );
  assert.ok(claims.auth_time <= now() && claims.exp - claims.iat === 600);
  assert.ok(await verifies("us", json.access_token));
});

test("a client's own token names no person", async () => {
  const { api } = await describe("de");
  const [client] = api.clients;
  const { json } = await requestToken(
    "de",
    { grant_type: "client_credentials", resource: api.resource, scope: "vehicles:read" },
    [basic(client.client_id, client.client_secret), {}],
  );
  const { claims } = readToken(json.access_token);
  assert.deepEqual([claims.sub, claims.client_id], ["partner-de", "partner-de"]);
});

test("the control server mints access tokens as they are asked for", async () => {
  const mint = async (body) => {
    const { status, json } = await standIns.control("POST", "/identity/fr/tokens", body);
    assert.equal(status, 200, JSON.stringify(json));
    assert.ok(await verifies("fr", json.access_token));
    return readToken(json.access_token);
  };
  const { header, claims } = await mint({ scope: "vehicles:read me:export" });
  assert.deepEqual([header.typ, header.alg], ["at+jwt", "PS256"]);
  assert.deepEqual(
    [claims.sub, claims.client_id, claims.aud, claims.scope],
    ["1001", "partner-fr", "kerbside", "vehicles:read me:export"],
  );
  const other = await mint({
    login: "francois",
    client_id: "unlisted-fr",
    audience: "another",
    expires_in: 7200,
    claims: { auth_time: 5, cnf: { jkt: "x" } },
  });
  const { sub, client_id, aud, auth_time, cnf, exp, iat } = other.claims;
  assert.deepEqual([sub, client_id, aud, auth_time], ["1002", "unlisted-fr", "another", 5]);
  assert.deepEqual([cnf, exp - iat], [{ jkt: "x" }, 7200]);
  const refused = await standIns.control("POST", "/identity/fr/tokens", { login: "nobody" });
  assert.deepEqual(refused, { status: 422, json: { error: "there is no person nobody" } });
});

test("keys rotate: the old key stays or leaves, and sessions survive", async () => {
  const { jar, token, claims } = await signInAs("de");
  const kept = await standIns.control("POST", "/identity/de/keys", { keep: true });
  assert.equal(kept.json.keys.length, 4);
  assert.ok(await verifies("de", token));
  const second = await signInAs("de", { password: "not asked for" }, jar);
  assert.equal(second.claims.sid, claims.sid);
  assert.notEqual(readToken(second.token).header.kid, readToken(token).header.kid);

  const left = await standIns.control("POST", "/identity/de/keys", { keep: false });
  assert.equal(left.json.keys.length, 3);
  assert.equal(await verifies("de", token), false);
  assert.equal(await verifies("de", second.token), false);
  assert.ok(await verifies("de", (await signInAs("de")).token));
});

test("wrong ID tokens: issuer, nonce, audience, end and signature", async () => {
  const good = await signInAs("gb");
  const spoiled = async (fault) => {
    await setFault("gb", fault);
    return signInAs("gb");
  };
  assert.equal((await spoiled("wrong_issuer")).claims.iss, `${good.claims.iss}/other`);
  const { claims, nonce } = await spoiled("wrong_nonce");
  assert.notEqual(claims.nonce, nonce);
  assert.notEqual((await spoiled("wrong_audience")).claims.aud, good.claims.aud);
  const expired = await spoiled("expired");
  assert.ok(expired.claims.exp < now() && (await verifies("gb", expired.token)));
  const { token } = await spoiled("wrong_signature");
  assert.equal(readToken(token).header.kid, readToken(good.token).header.kid);
  assert.equal(await verifies("gb", token), false);
});

test("wrong discovery and JWKS: HTML, empty, too large, redirecting, failing", async () => {
  const get = async (fault, path) => {
    await setFault("us", fault);
    const response = await fetch(`${issuerOf("us")}${path}`, { redirect: "manual" });
    return { response, text: await response.text() };
  };
  const documents = { discovery: "/.well-known/openid-configuration", jwks: "/jwks" };
  for (const [name, path] of Object.entries(documents)) {
    const html = await get(`${name}_html`, path);
    assert.equal(html.response.status, 200);
    assert.match(html.response.headers.get("content-type"), /text\/html/u);
    const large = await get(`${name}_oversize`, path);
    assert.ok(large.text.length > 64 * 1024 && JSON.parse(large.text));
    const { response } = await get(`${name}_redirect`, path);
    assert.equal(response.status, 302);
    assert.ok(response.headers.get("location").startsWith(`${issuerOf("us")}${path}`));
  }
  assert.deepEqual(JSON.parse((await get("jwks_empty", documents.jwks)).text), { keys: [] });
  assert.equal((await get("jwks_500", documents.jwks)).response.status, 500);
  assert.equal((await get("500", documents.jwks)).response.status, 500);
  const { text } = await get("discovery_wrong_issuer", documents.discovery);
  assert.equal(JSON.parse(text).issuer, `${issuerOf("us")}/`);
});

test("an issuer that is down, slow or hangs leaves the others alone", async () => {
  await setFault("de", "down");
  await assert.rejects(fetch(`${issuerOf("de")}/jwks`));
  assert.equal((await fetch(`${issuerOf("fr")}/jwks`)).status, 200);
  await setFault("de", "slow");
  const started = performance.now();
  assert.equal((await fetch(`${issuerOf("de")}/jwks`)).status, 200);
  assert.ok(performance.now() - started >= 1400);
  await setFault("de", "hang");
  const held = fetch(`${issuerOf("de")}/jwks`);
  const first = await Promise.race([held, new Promise((done) => setTimeout(done, 200, "held"))]);
  assert.equal(first, "held");
  await setFault("de", null);
  assert.equal((await held).status, 200);
});

test("requests are counted by route until the next reset", async () => {
  await signInAs("gb");
  const { requests } = await describe("gb");
  assert.deepEqual([requests.discovery, requests.jwks, requests.token], [2, 0, 1]);
  assert.ok(requests.authorization >= 2 && requests.interaction === 2);
  await standIns.control("POST", "/reset");
  assert.equal((await describe("gb")).requests.token, 0);
});

test("the control server explains what it refuses", async () => {
  const refused = async (method, path, body) => {
    const { status, json } = await standIns.control(method, path, body);
    return `${status} ${json.error}`;
  };
  assert.match(await refused("GET", "/identity/nl"), /^404 .*de, us, gb, fr/u);
  assert.match(await refused("PUT", "/identity/de", { fault: "no" }), /^422 fault is null or one/u);
  assert.match(await refused("PUT", "/identity/de", { delay: 1 }), /^422 unknown key delay/u);
  assert.match(await refused("PUT", "/identity/de", { latency_ms: -1 }), /^422 latency_ms/u);
  assert.match(await refused("DELETE", "/identity/de"), /^405/u);
});

test("people and passwords follow from the seed, and are in the ready line", async () => {
  const { people } = await describe("de");
  const shown = standIns.ready.people.filter(({ market }) => market === "de");
  assert.deepEqual(
    shown.map(({ login, password }) => [login, password]),
    people.map(({ login, password }) => [login, password]),
  );
  const secrets = { DE_IDP_CLIENT_SECRET: SECRET };
  const passwordWith = async (seed) => {
    const other = await start({ secrets: { ...secrets, ...seed } });
    await other.stop();
    return other.ready.people[0].password;
  };
  const [same, another] = [
    await passwordWith({ KERBSIDE_IDENTITY_SEED: "of the tests" }),
    await passwordWith({}),
  ];
  assert.equal(same, people[0].password);
  assert.notEqual(another, same);
});
