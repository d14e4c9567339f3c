// Sessions under attack: after their end, from other sites, across markets, by whoever writes D1,
// and by logout tokens of the provider and of others.
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import test, { after, before, beforeEach } from "node:test";

import { encode, hmacToken, jws, makeKey, reassemble } from "./support/jose.mjs";
import { somebody } from "./support/identity-provider.mjs";
import { MEMBER_MARK, VIN, signingIn } from "./support/signing-in.mjs";

let all, main, other;
before(async () => {
  all = await signingIn({
    isolates: 2,
    markets: {
      aa: { issuer: "main" },
      bb: { issuer: "other" },
      cc: undefined,
      hh: { issuer: "main", client: "kerbside-hh" },
      ss: { issuer: "main" },
    },
  });
  ({ main, other } = all.issuers);
});
beforeEach(() => Object.values(all.issuers).forEach((issuer) => issuer.reset()));
after(() => all?.end());

const sessionOf = async (browser, market = "aa") =>
  (await browser.ask(`/api/v1/${market}/session`)).json;
const tierOf = async (browser, market) => (await sessionOf(browser, market)).tier;
const rowsOf = () => all.here.sql("SELECT * FROM session");

/** A new browser that is signed in, as `person` where one is given. */
async function signedIn({ market = "aa", person, ...where } = {}) {
  const issuer = market === "bb" ? other : main;
  if (person) issuer.person = person;
  const browser = all.browser(where);
  await browser.signIn(market);
  assert.equal(await tierOf(browser, market), "member");
  return browser;
}
/** Another browser with the same cookies: whoever copied them. */
function copyOf(browser, where) {
  const copy = all.browser(where);
  copy.cookies = new Map(browser.cookies);
  return copy;
}
async function until(good) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (await good()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail("it does not come");
}
async function signOut(browser, changes = {}) {
  const { csrf } = await sessionOf(browser);
  return browser.ask("/auth/aa/sign-out", { method: "POST", form: { csrf }, ...changes });
}
const logout = (token, { market = "aa", ...rest } = {}) =>
  all.ask(`/auth/${market}/backchannel-logout`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ logout_token: token }).toString(),
    ...rest,
  });

test("a signed-out session is dead everywhere, whoever kept its cookie", async () => {
  const browser = await signedIn();
  const copies = [copyOf(browser), copyOf(browser, { isolate: 1 })];
  for (const copy of copies) assert.equal(await tierOf(copy), "member");
  const answer = await signOut(browser);
  assert.equal(answer.status, 200, answer.text);
  assert.ok(answer.text.includes(`${main.url}/end-session`), "the way to the provider");
  assert.match(answer.headers["cache-control"], /no-store/);
  assert.equal(browser.session, undefined);
  for (const copy of copies) assert.equal(await tierOf(copy), "public");
});

test("a session is a secret at random, and D1 holds neither it nor the person", async () => {
  const browser = await signedIn();
  const rows = JSON.stringify(await rowsOf());
  assert.ok(rows.length > 2);
  for (const secret of [browser.session, main.person.sub, main.person.name, "refresh_token"])
    assert.ok(!rows.includes(secret), secret);
  for (const bad of [
    browser.session.slice(0, -1),
    `${browser.session}A`,
    browser.session.toUpperCase(),
    `${browser.session}=`,
    `"${browser.session}"`,
    "' OR 1=1 --",
    "%00",
    "x".repeat(4_000),
    `1.${randomBytes(32).toString("base64url")}`,
    `2.${browser.session.slice(2)}`,
    `01.${browser.session.slice(2)}`,
  ]) {
    const one = all.browser();
    one.cookies.set("__Host-Http-session", bad);
    const { status, json } = await one.ask("/api/v1/aa/session");
    assert.ok(status === 400 || json.tier === "public", bad.slice(0, 50));
  }
});

/** Blanks of Unicode as bytes, that a server could trim and a browser does not (RFC 6265bis §5.6). */
const BLANKS = ["\u00a0", "\u2000", "\u3000", "\u0085", "\ufeff"].flatMap((blank) => [
  Buffer.from(blank).toString("latin1"),
  ...(blank < "\u0100" ? [blank] : []),
]);

test("two session cookies are none, or the good one at most", async () => {
  const browser = await signedIn();
  const other = `1.${randomBytes(32).toString("base64url")}`;
  const name = "__Host-Http-session";
  for (const cookie of [
    `${name}=${other}; ${name}=${browser.session}`,
    `${name}=${browser.session}; ${name}=${other}`,
  ]) {
    const { status } = await all.ask("/api/v1/aa/session", { headers: { cookie } });
    assert.ok([200, 400].includes(status));
  }
  // Names that only look like it are nobody's: any site below ours can set cookies of such names,
  // which no browser protects as it does those with the prefix.
  for (const cookie of [
    `__host-http-session=${browser.session}`,
    `session=${browser.session}`,
    `x__Host-Http-session=${browser.session}`,
    `a="; __Host-Http-session=${other}"`,
    `a=b,__Host-Http-session=${browser.session}`,
    `a=b, __Host-Http-session=${browser.session}`,
    ...BLANKS.map((blank) => `${blank}__Host-Http-session=${browser.session}`),
    ...BLANKS.map((blank) => `a=b; ${blank}__Host-Http-session=${browser.session}`),
    ...BLANKS.map((blank) => `__Host-Http-session${blank}=${browser.session}`),
  ]) {
    const { json } = await all.ask("/api/v1/aa/session", { headers: { cookie } });
    assert.equal(json.tier, "public", cookie.slice(0, 30));
  }
});

/** The code over a row's columns, by their description in docs/STORAGE.md. */
function macOf({ mac, ...row }) {
  const secret = Buffer.from(all.here.secrets[`SESSION_KEY_${row.key_id}`], "base64");
  const key = createHmac("sha256", secret).update("kerbside key session row").digest();
  const columns = Object.values(row).map((value) => {
    if (value === null) return "-\n";
    return typeof value === "number" ? `#${value}\n` : `${Buffer.byteLength(value)}:${value}\n`;
  });
  const text = `kerbside session 1\n${columns.join("")}`;
  return createHmac("sha256", key).update(text).digest("base64url");
}
/** Has a session happen earlier by so many minutes, as if Kerbside had written it then. */
async function shift(row, minutes) {
  const changed = { ...row };
  for (const name of Object.keys(row))
    if (name.endsWith("_ms") && row[name] !== null) changed[name] -= minutes * 60_000;
  changed.mac = macOf(changed);
  await insert(changed);
  return changed;
}
/** The row of the session that `act` begins. */
async function rowOf(act) {
  const known = new Set((await rowsOf()).map((row) => row.id));
  const browser = await act();
  const row = (await rowsOf()).find(({ id }) => !known.has(id));
  assert.ok(row, "a new row");
  return { browser, row };
}

test("a session ends after half an hour of nothing, and after twelve hours of anything", async () => {
  const { browser, row } = await rowOf(() => signedIn());
  assert.equal(row.mac, macOf(row), "the code is what STORAGE.md describes");
  await shift(row, 29);
  assert.equal(await tierOf(browser), "member");
  await until(async () => {
    const [{ ends_at_ms }] = await all.here.sql("SELECT * FROM session WHERE id = ?", row.id);
    return ends_at_ms - Date.now() > 29 * 60_000;
  });
  await shift(row, 31);
  assert.equal(await tierOf(browser), "public");
  // In use all along: its end was moved, but never past the twelve hours.
  const old = await shift(row, 12 * 60 - 1);
  const busy = { ...old, ends_at_ms: old.created_at_ms + 12 * 3_600_000 };
  await insert({ ...busy, mac: macOf(busy) });
  const { tier, expires_at } = await sessionOf(browser);
  assert.equal(tier, "member");
  assert.ok(Date.parse(expires_at) - Date.now() <= 60_000, expires_at);
});

// ---- Markets and people
// ------------------------------------------------------------------------------------------------

test("a session counts in markets of its issuer and client alone", async () => {
  const browser = await signedIn();
  assert.equal(await tierOf(browser, "ss"), "member", "the same issuer and client");
  for (const market of ["bb", "hh"]) {
    assert.equal(await tierOf(browser, market), "public", market);
    const document = await browser.ask(await all.here.address(VIN, market));
    assert.ok(!document.text.includes(MEMBER_MARK), market);
    for (const [method, path] of [
      ["GET", "me/export"],
      ["DELETE", "me"],
    ]) {
      const answer = await browser.ask(`/api/v1/${market}/${path}`, { method });
      assert.ok([401, 403].includes(answer.status), `${market} ${path}: ${answer.status}`);
    }
  }
  assert.ok(!(await browser.ask(await all.here.address(VIN, "cc"))).text.includes(MEMBER_MARK));
});

test("equal subjects of two issuers are two people", async () => {
  const person = somebody();
  const here = await signedIn({ person });
  const there = await signedIn({ market: "bb", person });
  const people = new Set((await rowsOf()).map((row) => row.person));
  const erased = await there.ask("/api/v1/bb/me", {
    method: "DELETE",
    headers: { "x-csrf-token": (await sessionOf(there, "bb")).csrf },
  });
  assert.ok(erased.status < 300, erased.text);
  assert.equal(await tierOf(there, "bb"), "public");
  assert.equal(await tierOf(here), "member", "the other issuer's person stays");
  assert.ok(people.size >= 2);
  // A logout at one issuer is none at the other.
  const again = await signedIn({ market: "bb", person });
  assert.equal((await logout(main.logoutToken({ sub: person.sub }))).status, 200);
  assert.equal(await tierOf(again, "bb"), "member");
  assert.equal(await tierOf(here), "public");
});

test("an erasure ends all sessions of the person and nobody else's", async () => {
  const person = somebody();
  const [one, two] = [await signedIn({ person }), await signedIn({ person, market: "ss" })];
  const neighbour = await signedIn({ person: somebody() });
  const { csrf } = await sessionOf(one);
  const answer = await one.ask("/api/v1/aa/me", {
    method: "DELETE",
    headers: { "x-csrf-token": csrf },
  });
  assert.ok(answer.status < 300, answer.text);
  assert.equal(await tierOf(one), "public");
  assert.equal(await tierOf(two, "ss"), "public");
  assert.equal(await tierOf(neighbour), "member");
});

test("an export is one's own, and holds no key to a session", async () => {
  const neighbour = somebody();
  await signedIn({ person: neighbour });
  const person = somebody();
  const browser = await signedIn({ person });
  const { status, text, headers } = await browser.ask("/api/v1/aa/me/export");
  assert.equal(status, 200, text);
  assert.match(headers["cache-control"], /no-store/);
  assert.ok(!text.includes(neighbour.sub));
  assert.ok(!text.includes(browser.session));
  for (const { id } of await rowsOf()) assert.ok(!text.includes(id), "a session's hash");
});

test("an export and an erasure need a fresh sign-in", async () => {
  const { browser, row } = await rowOf(() => signedIn());
  await shift(row, 20);
  const { csrf } = await sessionOf(browser);
  for (const [method, path] of [
    ["GET", "me/export"],
    ["DELETE", "me"],
  ]) {
    const headers = { "x-csrf-token": csrf };
    const answer = await browser.ask(`/api/v1/aa/${path}`, { method, headers });
    assert.equal(answer.status, 401, path);
    const challenge = answer.headers["www-authenticate"];
    assert.match(challenge, /error="insufficient_user_authentication"/);
    assert.match(challenge, /max_age="?900/);
  }
  assert.equal(await tierOf(browser), "member", "nothing was erased");
});

// ---- Other sites
// ------------------------------------------------------------------------------------------------

test("sign-out and erasure cannot be had from another site", async (t) => {
  const browser = await signedIn();
  const stranger = await signedIn({ person: somebody() });
  const { csrf } = await sessionOf(browser);
  const foreign = (await sessionOf(stranger)).csrf;
  assert.notEqual(csrf, foreign);
  const good = { csrf };
  const cases = {
    "a form without the token": { form: {} },
    "a form with an empty token": { form: { csrf: "" } },
    "a form with another's token": { form: { csrf: foreign } },
    "a form with a shortened token": { form: { csrf: csrf.slice(0, -1) } },
    "no body": {},
    "the token in the query": { query: `?csrf=${csrf}` },
    "a foreign Origin": { form: good, headers: { origin: "https://evil.example" } },
    "a foreign Origin of another port": { form: good, headers: { origin: "http://127.0.0.1:1" } },
    "an Origin that begins alike": { form: good, headers: { origin: "@.evil.example" } },
    "an opaque Origin": { form: good, headers: { origin: "null" } },
    "no Origin, sent across sites": {
      form: good,
      headers: { origin: undefined, "sec-fetch-site": "cross-site" },
    },
    "our Origin, sent across sites": { form: good, headers: { "sec-fetch-site": "cross-site" } },
    "sent by a neighbour's site": {
      form: good,
      headers: { origin: undefined, "sec-fetch-site": "same-site" },
    },
    "neither header, and no token": { form: {}, headers: { origin: undefined } },
    "as plain text": { body: `csrf=${csrf}`, headers: { "content-type": "text/plain" } },
  };
  for (const [name, { query = "", ...rest }] of Object.entries(cases)) {
    if (rest.headers?.origin === "@.evil.example")
      rest.headers.origin = `${all.here.url}.evil.example`;
    await t.test(`sign-out: ${name}`, async () => {
      const answer = await browser.ask(`/auth/aa/sign-out${query}`, { method: "POST", ...rest });
      assert.ok([400, 403, 415].includes(answer.status), `${answer.status}`);
      assert.ok(browser.session, "its cookie was taken");
      assert.equal(await tierOf(browser), "member");
    });
  }
  for (const headers of [
    {},
    { "x-csrf-token": foreign },
    { "x-csrf-token": csrf, origin: "https://evil.example" },
    { "x-csrf-token": csrf, "sec-fetch-site": "cross-site" },
  ])
    await t.test(`erasure: ${Object.keys(headers)}`, async () => {
      const answer = await browser.ask("/api/v1/aa/me", { method: "DELETE", headers });
      assert.ok([400, 403].includes(answer.status), `${answer.status}`);
      assert.equal(await tierOf(browser), "member");
    });
  // The old token does not go with the new session.
  await browser.signIn("aa");
  const stale = await browser.ask("/auth/aa/sign-out", { method: "POST", form: good });
  assert.ok([400, 403].includes(stale.status));
  assert.equal((await signOut(browser)).status, 200);
});

test("signing in cannot be forced in a frame or by CORS", async () => {
  const browser = await signedIn();
  for (const path of [
    "/api/v1/aa/session",
    "/api/v1/aa/me/export",
    await all.here.address(VIN, "aa"),
  ]) {
    const { headers } = await browser.ask(path, { headers: { origin: "https://evil.example" } });
    for (const name of Object.keys(headers)) assert.ok(!name.startsWith("access-control-"), name);
    const preflight = await browser.ask(path, {
      method: "OPTIONS",
      headers: {
        origin: "https://evil.example",
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "x-csrf-token",
      },
    });
    assert.equal(preflight.headers["access-control-allow-origin"], undefined);
    assert.equal(preflight.headers["access-control-allow-credentials"], undefined);
  }
  const page = await browser.ask("/aa/");
  assert.match(page.headers["content-security-policy"], /frame-ancestors 'none'/);
});

// ---- Back-channel logout
// ------------------------------------------------------------------------------------------------

test("a logout token ends the sessions that it names", async (t) => {
  await t.test("by sid: that one alone", async () => {
    const person = somebody();
    const first = await signedIn({ person: { ...person, sid: "sid-one-of-this-person" } });
    const second = await signedIn({ person: { ...person, sid: "sid-two-of-this-person" } });
    const token = main.logoutToken({ sub: person.sub, sid: "sid-one-of-this-person" });
    const answer = await logout(token);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers["cache-control"], /no-store/);
    assert.equal(await tierOf(first), "public");
    assert.equal(await tierOf(second), "member");
    // The same again is as good.
    assert.ok([200, 400].includes((await logout(token)).status));
    assert.equal(await tierOf(second), "member");
  });
  await t.test("by sub: all of the person's, and nobody else's", async () => {
    const person = somebody();
    const both = [await signedIn({ person }), await signedIn({ person })];
    const neighbour = await signedIn({ person: somebody() });
    assert.equal((await logout(main.logoutToken({ sub: person.sub }))).status, 200);
    for (const browser of both) assert.equal(await tierOf(browser), "public");
    assert.equal(await tierOf(neighbour), "member");
  });
  await t.test("one who is not signed in here is as good", async () => {
    assert.equal((await logout(main.logoutToken({ sub: somebody().sub }))).status, 200);
  });
  await t.test("signing in afterwards works", async () => {
    const person = somebody();
    await signedIn({ person });
    const iat = Math.floor(Date.now() / 1000) - 5;
    assert.equal((await logout(main.logoutToken({ sub: person.sub, iat }))).status, 200);
    await signedIn({ person });
  });
});

test("a logout that comes before the session leaves none", async () => {
  const person = { ...somebody(), sid: `sid-${randomBytes(12).toString("hex")}` };
  main.person = person;
  const browser = all.browser();
  const callback = await browser.untilCallback("aa");
  assert.equal((await logout(main.logoutToken({ sid: person.sid, sub: person.sub }))).status, 200);
  const rows = (await rowsOf()).length;
  await browser.ask(callback);
  assert.equal(await tierOf(browser), "public");
  assert.equal((await rowsOf()).length, rows, "no row");
  assert.equal(browser.session, undefined);
});

test("a logout by sub between the token and the session leaves none either", async () => {
  const person = somebody();
  main.person = person;
  const browser = all.browser();
  const callback = await browser.untilCallback("aa");
  main.replace.token = async (_, honest) => {
    const answer = honest();
    await new Promise((done) => setTimeout(done, 1_100));
    assert.equal((await logout(main.logoutToken({ sub: person.sub }))).status, 200);
    return answer;
  };
  await browser.ask(callback);
  assert.equal(await tierOf(browser), "public");
});

test("logout tokens that are none end nothing", async (t) => {
  const person = { ...somebody(), sid: "sid-that-stays-all-along" };
  const browser = await signedIn({ person });
  const named = { sub: person.sub, sid: person.sid };
  const strange = makeKey("ES256");
  const now_s = () => Math.floor(Date.now() / 1000);
  const event = "http://schemas.openid.net/event/backchannel-logout";
  const cases = {
    "by a strange key": () => jws(main.logoutClaims(named), { key: strange, typ: "logout+jwt" }),
    "by the other issuer": () => other.logoutToken(named),
    "by the other issuer, in our name": () => other.logoutToken({ ...named, iss: main.url }),
    unsigned: () => `${encode({ alg: "none" })}.${encode(main.logoutClaims(named))}.`,
    "without its signature": () =>
      reassemble(main.logoutToken(named), ([head, body]) => [head, body, ""]),
    "HS256 with the client's secret": () =>
      hmacToken(main.logoutClaims(named), {
        secret: main.clients.get("kerbside-web").secret,
        header: { alg: "HS256", typ: "logout+jwt" },
      }),
    "for another client": () => main.logoutToken({ ...named, aud: "kerbside-hh" }),
    "for nobody": () => main.logoutToken({ ...named, aud: undefined }),
    "without events": () => main.logoutToken({ ...named, events: undefined }),
    "with another event": () => main.logoutToken({ ...named, events: { x: {} } }),
    "with events as a list": () => main.logoutToken({ ...named, events: [event] }),
    "with an event that is no object": () => main.logoutToken({ ...named, events: { [event]: 1 } }),
    "with a nonce": () => main.logoutToken({ ...named, nonce: "n" }),
    "with neither sub nor sid": () => main.logoutToken({}),
    "without jti": () => main.logoutToken({ ...named, jti: undefined }),
    "without iat": () => main.logoutToken({ ...named, iat: undefined }),
    expired: () => main.logoutToken({ ...named, iat: now_s() - 400, exp: now_s() - 100 }),
    "an ID token": () => main.sign(main.idClaims(named)),
    "an access token": () => main.accessToken(named),
    "with sid as a number": () => main.logoutToken({ ...named, sub: undefined, sid: 1 }),
    "with sub twice": () =>
      main.sign(JSON.stringify(main.logoutClaims(named)).replace("{", '{"sub":"x",'), {
        typ: "logout+jwt",
      }),
    "of 20 KB": () => main.logoutToken({ ...named, padding: "x".repeat(20_000) }),
    nothing: () => "",
    "no token": () => "x",
  };
  for (const [name, make] of Object.entries(cases))
    await t.test(name, async () => {
      const answer = await logout(make());
      assert.ok([400, 413].includes(answer.status), `${answer.status} ${answer.text}`);
      assert.match(answer.headers["cache-control"], /no-store/);
      assert.equal(await tierOf(browser), "member");
    });
  await t.test("at the other market, by its issuer's rules", async () => {
    assert.equal((await logout(main.logoutToken(named), { market: "bb" })).status, 400);
    assert.equal((await logout(main.logoutToken(named), { market: "cc" })).status, 404);
    assert.equal(await tierOf(browser), "member");
  });
  await t.test("in another body", async () => {
    const token = main.logoutToken(named);
    const as = (type, body) => logout("", { headers: { "content-type": type }, body });
    for (const answer of [
      await as("application/json", JSON.stringify({ logout_token: token })),
      await as("text/plain", `logout_token=${token}`),
      await as("application/x-www-form-urlencoded", `logout_token=x&logout_token=${token}`),
      await all.ask(`/auth/aa/backchannel-logout?logout_token=${token}`, { method: "POST" }),
    ])
      assert.ok([400, 415].includes(answer.status), `${answer.status}`);
    assert.equal(await tierOf(browser), "member");
  });
  await t.test("and a good one does", async () => {
    assert.equal((await logout(main.logoutToken(named))).status, 200);
    assert.equal(await tierOf(browser), "public");
  });
});

test("an old logout token does not end a later session", async () => {
  const person = somebody();
  const token = main.logoutToken({ sub: person.sub, iat: Math.floor(Date.now() / 1000) - 30 });
  const browser = await signedIn({ person });
  await logout(token);
  assert.equal(await tierOf(browser), "member");
});

// ---- Whoever writes D1
// ------------------------------------------------------------------------------------------------

/** Columns and values of a row, with changes, as an insert. */
function insert(row, changes = {}) {
  const changed = { ...row, ...changes };
  const names = Object.keys(changed);
  const marks = names.map(() => "?").join(", ");
  return all.here.sql(
    `INSERT OR REPLACE INTO session (${names.join(", ")}) VALUES (${marks})`,
    ...Object.values(changed),
  );
}
const alarms = () =>
  all.here.log.filter((line) => line.includes("written or changed by somebody else"));

test("a row that was edited is nobody's, and an alarm", async () => {
  const browser = await signedIn();
  const { browser: mine, row } = await rowOf(() => signedIn());
  assert.equal(await tierOf(mine), "member");
  const named = Object.keys(row).filter((name) => row[name] !== null && name !== "id");
  assert.ok(named.length >= 5, String(named));
  const neighbour = (await rowsOf()).find(({ id }) => id !== row.id);
  for (const name of named) {
    const before = alarms().length;
    const value = row[name];
    const changed =
      typeof value === "number"
        ? value + 60_000
        : neighbour[name] && neighbour[name] !== value
          ? neighbour[name]
          : `${value}`.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    await insert(row, { [name]: changed });
    const tier = await tierOf(mine, "aa");
    await insert(row);
    assert.equal(tier, "public", `${name}: ${value} became ${changed}`);
    assert.ok(alarms().length > before, `${name}: no alarm`);
  }
  assert.equal(await tierOf(browser), "member");
});

test("a row that was moved to another id is nobody's", async () => {
  const { browser: victim, row: rich } = await rowOf(() => signedIn({ person: somebody() }));
  const { browser: attacker, row: poor } = await rowOf(() => signedIn({ person: somebody() }));
  // The attacker's own id with the victim's row.
  await all.here.sql("DELETE FROM session WHERE id = ?", poor.id);
  await insert(rich, { id: poor.id });
  assert.equal(await tierOf(attacker), "public");
  assert.equal(await tierOf(victim), "member");
  await all.here.sql("DELETE FROM session WHERE id = ?", poor.id);
});

test("nothing of all this was logged or stored", () => all.checkQuiet());
