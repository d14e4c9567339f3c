// Sign-in against the real identity provider of `legacy/`, over loopback: each market with its
// client authentication and algorithm, sign-out of both kinds, step-up, API clients, rotation, and
// tokens that the provider makes wrong. The other files of `auth-*` have a provider of their own.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { CookieJar, signIn, signOut } from "../support/identity.mjs";
import { ALL_MARKETS, need } from "./support/portal.mjs";

const PORTAL = need("KERBSIDE_URL").replace(/\/$/u, "");
const CONTROL = need("KERBSIDE_CONTROL").replace(/\/$/u, "");
const WRONG_TOKENS = [
  "wrong_issuer",
  "wrong_nonce",
  "wrong_audience",
  "expired",
  "wrong_signature",
];

beforeEach(() => control("POST", "/reset"));

async function control(method, path, body) {
  const response = await fetch(CONTROL + path, { method, body: body && JSON.stringify(body) });
  const json = await response.json();
  assert.equal(response.status, 200, JSON.stringify(json));
  return json;
}
const peopleOf = async (market) => (await control("GET", `/identity/${market}`)).people;

/** A browser: its cookies here and at the provider. */
const newBrowser = () => ({ here: new CookieJar(), there: new CookieJar() });

/** Signs in as a browser does, up to the callback's answer. */
async function callback(market, browser, { query = "", ...options } = {}) {
  const [person] = await peopleOf(market);
  const path = `/auth/${market}/sign-in?return_to=/${market}/account${query}`;
  const begun = await browser.here.fetch(PORTAL + path);
  assert.equal(begun.status, 303);
  const back = await signIn(
    begun.headers.get("location"),
    { ...person, ...options },
    browser.there,
  );
  return browser.here.fetch(back);
}

async function signedIn(market, options) {
  const browser = newBrowser();
  const answer = await callback(market, browser, options);
  assert.equal(answer.status, 303, await answer.text());
  assert.equal(answer.headers.get("location"), `/${market}/account`);
  return browser;
}

async function sessionOf(market, browser) {
  return (await browser.here.fetch(`${PORTAL}/api/v1/${market}/session`)).json();
}

for (const market of ALL_MARKETS) {
  test(`${market}: a person signs in, and back-channel logout ends the session`, async () => {
    const browser = await signedIn(market);
    assert.equal((await sessionOf(market, browser)).tier, "member");
    const [person] = await peopleOf(market);
    const page = await (await browser.here.fetch(`${PORTAL}/${market}/account?lang=en`)).text();
    assert.ok(page.includes(person.name), "the page has no name");

    const elsewhere = ALL_MARKETS.find((other) => other !== market);
    assert.equal((await sessionOf(elsewhere, browser)).tier, "public");

    const { sessions } = await control("POST", `/identity/${market}/sign-out`, {});
    assert.ok(sessions.length >= 1 && sessions.every(({ delivered }) => delivered));
    assert.equal((await sessionOf(market, browser)).tier, "public");
  });

  test(`${market}: an API client's token is a member's here alone`, async () => {
    const mint = (body) => control("POST", `/identity/${market}/tokens`, body);
    const ask = async (token, at = market) => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${PORTAL}/api/v1/${at}/session`, { headers });
      return answer.status === 200 ? (await answer.json()).tier : answer.status;
    };
    const { access_token: good } = await mint({ scope: "vehicles:read" });
    assert.equal(await ask(good), "member");
    assert.equal(
      await ask(
        good,
        ALL_MARKETS.find((other) => other !== market),
      ),
      401,
    );
    for (const changes of [
      { client_id: `unlisted-${market}` },
      { audience: "another" },
      { expires_in: 7200 },
      { claims: { cnf: { jkt: "x" } } },
    ]) {
      const { access_token } = await mint({ scope: "vehicles:read", ...changes });
      assert.equal(await ask(access_token), 401, JSON.stringify(changes));
    }
  });
}

test("sign-out here leads to the provider's own and back", async () => {
  const browser = await signedIn("fr");
  const { csrf } = await sessionOf("fr", browser);
  const answer = await browser.here.fetch(`${PORTAL}/auth/fr/sign-out`, {
    method: "POST",
    headers: { origin: PORTAL },
    body: new URLSearchParams({ csrf }),
  });
  const page = await answer.text();
  assert.equal(answer.status, 200, page);
  assert.equal((await sessionOf("fr", browser)).tier, "public");
  const link = /href="([^"]*\/fr\/sign-out\?[^"]*)"/u.exec(page)[1];
  const back = await signOut(link.replace(/&(amp|#38);/gu, "&"), browser.there);
  assert.ok(back.startsWith(`${PORTAL}/auth/fr/signed-out?state=`), back);
  assert.equal((await browser.here.fetch(back)).status, 200);
});

test("a step-up asks again, and counts with the second factor alone", async () => {
  const browser = await signedIn("de");
  const query = "&step_up=1";
  const weak = await callback("de", browser, { query });
  assert.ok(weak.status >= 400 && weak.status < 500, `${weak.status}`);
  const strong = await callback("de", browser, { query, secondFactor: true });
  assert.equal(strong.status, 303, await strong.text());
  assert.equal((await sessionOf("de", browser)).tier, "member");
});

test("a cancelled sign-in and wrong ID tokens sign nobody in", async () => {
  const refused = async (name, options) => {
    const browser = newBrowser();
    const answer = await callback("gb", browser, options);
    assert.ok(answer.status >= 400 && answer.status < 500, `${name}: ${answer.status}`);
    assert.equal((await sessionOf("gb", browser)).tier, "public", name);
  };
  await refused("cancelled", { cancel: true });
  for (const fault of WRONG_TOKENS) {
    await control("PUT", "/identity/gb", { fault });
    await refused(fault);
  }
});

test("a provider that is down ends no session and is said in words", async () => {
  const browser = await signedIn("us");
  const other = newBrowser();
  const path = `${PORTAL}/auth/us/sign-in?return_to=/us/`;
  const begun = await other.here.fetch(path);
  const [person] = await peopleOf("us");
  const back = await signIn(begun.headers.get("location"), person, other.there);
  await control("PUT", "/identity/us", { fault: "down" });
  const answer = await other.here.fetch(back);
  assert.equal(answer.status, 503);
  assert.match(answer.headers.get("content-type"), /^text\/html/u);
  assert.equal((await sessionOf("us", browser)).tier, "member");
});

test("a key that leaves the provider's keys takes its tokens along", async () => {
  const mint = async () =>
    (await control("POST", "/identity/gb/tokens", { scope: "vehicles:read" })).access_token;
  const status = async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${PORTAL}/api/v1/gb/session`, { headers })).status;
  };
  const old = await mint();
  assert.equal(await status(old), 200);
  await control("POST", "/identity/gb/keys", { keep: false });
  // The first token of the new key makes the Worker fetch the keys anew.
  assert.equal(await status(await mint()), 200);
  assert.equal(await status(old), 401);
  const browser = await signedIn("gb");
  assert.equal((await sessionOf("gb", browser)).tier, "member");
});
