// Sign-in as an attacker would bend it: redirects, state, nonce, `iss`, PKCE, ID tokens, and who
// may follow a link to the callback. Every refusal ends without a session.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";

import { parseCookie } from "./support/browser.mjs";
import { encode, hmacToken, jws, makeKey, reassemble } from "./support/jose.mjs";
import { MEMBER_MARK, VIN, signingIn } from "./support/signing-in.mjs";

let all, main;
before(async () => {
  all = await signingIn({
    markets: {
      aa: { issuer: "main", sign_in: { acr_values: ["urn:strong"] } },
      bb: { issuer: "other" },
      cc: undefined,
      dd: { issuer: "post", method: "client_secret_post" },
      ee: { issuer: "assertion", method: "private_key_jwt" },
      hh: { issuer: "main", client: "kerbside-hh" },
      ii: { issuer: "quiet" },
      jj: { issuer: "down" },
      mm: { issuer: "markup" },
    },
  });
  main = all.issuers.main;
});
beforeEach(() => Object.values(all.issuers).forEach((issuer) => issuer.reset()));
after(() => all?.end());

const tierOf = async (browser, market = "aa") =>
  (await browser.ask(`/api/v1/${market}/session`)).json.tier;

/** An answer of the callback that signed nobody in. */
async function isRefused(answer, browser, market = "aa") {
  assert.ok(
    answer.status >= 400 && answer.status < 500,
    `${answer.status} ${answer.headers.location}`,
  );
  assert.match(answer.headers["cache-control"], /no-store/);
  assert.match(answer.headers["content-type"], /^text\/html/);
  assert.equal(browser.session, undefined, "it has a session cookie");
  assert.equal(await tierOf(browser, market), "public");
}
const rowsOf = () => all.here.sql("SELECT * FROM session");

for (const [market, issuer] of Object.entries({ aa: "main", dd: "post", ee: "assertion" })) {
  test(`${market}: the whole journey, there and back`, async () => {
    const browser = all.browser();
    const page = await all.here.address(VIN, market).then((at) => at.replace("/api/v1", ""));
    const before = await browser.ask(page);
    assert.ok(!before.text.includes(MEMBER_MARK));
    const answer = await browser.signIn(market, { returnTo: `${page}?lang=en` });
    assert.equal(answer.status, 200, answer.text.slice(0, 400));
    assert.equal(answer.hops.at(-1), `${all.here.url}${page}?lang=en`);
    assert.ok(answer.text.includes(MEMBER_MARK), "members see the equipment");
    assert.match(answer.headers["cache-control"], /no-store/);
    const { json } = await browser.ask(`/api/v1/${market}/session`);
    assert.equal(json.tier, "member");
    assert.ok(json.csrf.length >= 20 && Date.parse(json.expires_at) > Date.now());
    assert.equal(all.issuers[issuer].count("token") > 0, true);
    assert.deepEqual(
      [...browser.cookies.keys()],
      ["__Host-Http-session"],
      "the transaction is over",
    );
  });
}

test("every step of it is a redirect that nobody may keep, and says nothing to third parties", async () => {
  const browser = all.browser();
  const first = await browser.ask("/auth/aa/sign-in?return_to=/aa/");
  const to = new URL(first.headers.location);
  const back = await browser.follow(first, (url) => !url.pathname.endsWith("/callback"));
  const second = await browser.ask(new URL(back.hops.at(-1)).href.slice(all.here.url.length));
  for (const { status, headers } of [first, second]) {
    assert.ok([302, 303].includes(status), `${status}`);
    assert.match(headers["cache-control"], /no-store/);
    assert.match(headers["referrer-policy"], /^(no-referrer|same-origin)$/);
  }
  assert.equal(to.href.split("?")[0], `${main.url}/authorize`);
  assert.equal(to.searchParams.get("redirect_uri"), `${all.here.url}/auth/aa/callback`);
  assert.equal(to.searchParams.get("code_challenge_method"), "S256");
  for (const name of ["client_secret", "code_verifier", "return_to"])
    assert.ok(!to.searchParams.has(name), name);
});

test("a cookie of a transaction is short-lived, and a session's has no date", async () => {
  const browser = all.browser();
  const first = await browser.ask("/auth/aa/sign-in?return_to=/aa/");
  const [line] = first.headers["set-cookie"];
  const { name, attributes } = parseCookie(line);
  assert.match(name, /^__Host-Http-sign-in-/);
  assert.ok(Number(attributes["max-age"]) <= 600, line);
  const back = await browser.follow(first, (url) => !url.pathname.endsWith("/callback"));
  const second = await browser.ask(new URL(back.hops.at(-1)).href.slice(all.here.url.length));
  const session = second.headers["set-cookie"]
    .map(parseCookie)
    .find((one) => one.name === "__Host-Http-session");
  assert.equal(session.attributes.samesite, "Lax");
  assert.ok(session.value.length >= 32, "128 bits and more");
});

test("nothing is stored before the callback", async () => {
  const before = await rowsOf();
  for (let times = 0; times < 5; times += 1) await all.browser().untilCallback("aa");
  assert.deepEqual(await rowsOf(), before);
});

// ---- State, and whose browser it is
// ------------------------------------------------------------------------------------------------

test("a callback in another browser signs nobody in", async () => {
  const attacker = all.browser();
  const callback = await attacker.untilCallback("aa");
  const victim = all.browser();
  await isRefused(await victim.ask(callback), victim);
  // Also one who is in the middle of a sign-in of their own.
  const busy = all.browser();
  await busy.untilCallback("aa");
  await isRefused(await busy.ask(await all.browser().untilCallback("aa")), busy);
});

test("a callback works once", async () => {
  const browser = all.browser();
  // A careless provider takes its codes again, and the cookies are those from before.
  main.areCodesReusable = true;
  const callback = await browser.untilCallback("aa");
  const jar = new Map(browser.cookies);
  assert.equal((await browser.ask(callback)).status, 303);
  const again = all.browser();
  again.cookies = jar;
  await isRefused(await again.ask(callback), again);
});

test("a callback that is sent ten times at once makes one session", async () => {
  main.areCodesReusable = true;
  const browser = all.browser();
  const callback = await browser.untilCallback("aa");
  const before = (await rowsOf()).length;
  const racers = Array.from({ length: 10 }, () => {
    const racer = all.browser();
    racer.cookies = new Map(browser.cookies);
    return racer;
  });
  await Promise.all(racers.map((racer) => racer.ask(callback)));
  assert.equal(racers.filter((racer) => racer.session).length, 1);
  assert.equal((await rowsOf()).length, before + 1);
});

test("many sign-ins that nobody ends do not fill the browser", async () => {
  const browser = all.browser();
  for (let times = 0; times < 14; times += 1) {
    await browser.ask("/auth/aa/sign-in?return_to=/aa/");
    assert.ok(browser.cookies.size <= 6, `${browser.cookies.size} cookies`);
    assert.ok(browser.cookieHeader().length < 6_000, `${browser.cookieHeader().length} bytes`);
  }
  await browser.signIn("aa");
  assert.equal(await tierOf(browser), "member");
});

test("a transaction ends after ten minutes", async () => {
  const browser = all.browser({ ahead_ms: 0 });
  const callback = await browser.untilCallback("aa");
  browser.headers["x-ahead-ms"] = "620000";
  const answer = await browser.ask(callback);
  browser.headers["x-ahead-ms"] = "0";
  await isRefused(answer, browser);
});

const change = (path, name, value) => {
  const url = new URL(path, "http://x");
  value === undefined ? url.searchParams.delete(name) : url.searchParams.set(name, value);
  return url.pathname + url.search;
};
const doubled = (path, name, value) => `${path}&${name}=${encodeURIComponent(value)}`;
const valueOf = (path, name) => new URL(path, "http://x").searchParams.get(name);

test("what comes back is exactly what was sent out", async (t) => {
  const cases = {
    "state wrong": (path) => change(path, "state", "A".repeat(43)),
    "state empty": (path) => change(path, "state", ""),
    "state missing": (path) => change(path, "state"),
    "state shortened": (path) => change(path, "state", valueOf(path, "state").slice(0, -1)),
    "state in capitals": (path) => change(path, "state", valueOf(path, "state").toUpperCase()),
    "state twice": (path) => doubled(path, "state", valueOf(path, "state")),
    "state twice, the other wrong": (path) => doubled(path, "state", "x"),
    "code missing": (path) => change(path, "code"),
    "code empty": (path) => change(path, "code", ""),
    "code twice": (path) => doubled(path, "code", valueOf(path, "code")),
    "code twice, the other wrong": (path) => doubled(path, "code", "x"),
    "code unknown": (path) => change(path, "code", "x".repeat(32)),
    "code of 20 KB": (path) => change(path, "code", "x".repeat(20_000)),
    "code and error": (path) => doubled(path, "error", "access_denied"),
    "iss wrong": (path) => change(path, "iss", all.issuers.other.url),
    "iss with a slash": (path) => change(path, "iss", `${main.url}/`),
    "iss empty": (path) => change(path, "iss", ""),
    "iss twice": (path) => doubled(path, "iss", main.url),
    "iss twice, the other wrong": (path) => doubled(path, "iss", "https://evil.example"),
    "iss absent though advertised": (path) => change(path, "iss"),
  };
  for (const [name, bend] of Object.entries(cases))
    await t.test(name, async () => {
      const browser = all.browser();
      const asked = main.count("token");
      await isRefused(await browser.ask(bend(await browser.untilCallback("aa"))), browser);
      const isCode = /^code (unknown|of)/.test(name);
      if (!isCode) assert.equal(main.count("token"), asked, "a code went out");
    });
});

test("without an advertised iss parameter it may be absent, and still not wrong", async () => {
  const { quiet } = all.issuers;
  quiet.metadata = { authorization_response_iss_parameter_supported: undefined };
  const browser = all.browser();
  const callback = await browser.untilCallback("ii");
  assert.equal((await browser.ask(change(callback, "iss"))).status, 303);
  assert.equal(await tierOf(browser, "ii"), "member");
  const other = all.browser();
  const wrong = change(await other.untilCallback("ii"), "iss", main.url);
  await isRefused(await other.ask(wrong), other, "ii");
});

test("a callback of another market, and the cookie of another market's transaction", async () => {
  for (const [from, to] of [
    ["aa", "hh"],
    ["aa", "bb"],
    ["aa", "cc"],
    ["aa", "zz"],
  ]) {
    const browser = all.browser();
    const callback = await browser.untilCallback(from);
    const answer = await browser.ask(callback.replace(`/auth/${from}/`, `/auth/${to}/`));
    assert.ok(answer.status >= 400 && answer.status < 500, `${from} at ${to}: ${answer.status}`);
    assert.equal(browser.session, undefined);
  }
});

test("a transaction's cookie that was edited is nobody's", async () => {
  for (const edit of [
    (value) => value.slice(0, -2) + (value.endsWith("AA") ? "BB" : "AA"),
    (value) => value.slice(4),
    () => "",
    () => "x".repeat(3_000),
    (value) => `${value}.`,
  ]) {
    const browser = all.browser();
    const callback = await browser.untilCallback("aa");
    for (const [name, value] of browser.cookies) browser.cookies.set(name, edit(value));
    await isRefused(await browser.ask(callback), browser);
  }
});

test("the cookie of one flow with the state of another", async () => {
  const browser = all.browser();
  const first = await browser.untilCallback("aa");
  const [[name, value]] = browser.cookies;
  browser.cookies.clear();
  const second = await browser.untilCallback("aa");
  const [[newer]] = browser.cookies;
  assert.notEqual(name, newer, "two tabs do not share a cookie");
  browser.cookies = new Map([[newer, value]]);
  await isRefused(await browser.ask(second), browser);
  browser.cookies = new Map([[newer, value]]);
  await isRefused(await browser.ask(first), browser);
});

test("two tabs at once both get through", async () => {
  const browser = all.browser();
  const first = await browser.untilCallback("aa", { returnTo: "/aa/?first" });
  const second = await browser.untilCallback("aa", { returnTo: "/aa/?second" });
  assert.equal((await browser.ask(first)).headers.location, "/aa/?first");
  assert.equal((await browser.ask(second)).headers.location, "/aa/?second");
  assert.equal(await tierOf(browser), "member");
});

test("a code of another flow does not fit this flow's verifier", async () => {
  const [attacker, victim] = [all.browser(), all.browser()];
  const stolen = valueOf(await attacker.untilCallback("aa"), "code");
  const callback = await victim.untilCallback("aa");
  await isRefused(await victim.ask(change(callback, "code", stolen)), victim);
  const request = main.requests.filter(({ endpoint }) => endpoint === "token").at(-1);
  const verifier = new URLSearchParams(request.body).get("code_verifier");
  assert.match(verifier, /^[\w.~-]{43,128}$/);
});

test("every flow has a state, a nonce and a verifier of its own", async () => {
  const seen = new Set();
  for (let times = 0; times < 5; times += 1) await all.browser().untilCallback("aa");
  const flows = main.requests.filter(({ endpoint }) => endpoint === "authorization").slice(-5);
  for (const { url } of flows)
    for (const name of ["state", "nonce", "code_challenge"]) seen.add(url.searchParams.get(name));
  assert.equal(seen.size, 15);
});

// ---- Fixation
// ------------------------------------------------------------------------------------------------

test("a session id from before is not the one after", async () => {
  const browser = all.browser();
  const planted = `1.${"A".repeat(43)}`;
  for (const name of ["__Host-Http-session", "__Host-session"]) browser.cookies.set(name, planted);
  await browser.signIn("aa");
  assert.notEqual(browser.session, planted);
  const attacker = all.browser();
  attacker.cookies.set("__Host-Http-session", planted);
  assert.equal(await tierOf(attacker), "public");
});

test("signing in again renews the id and ends the session from before", async () => {
  const browser = all.browser();
  await browser.signIn("aa");
  const old = all.browser();
  old.cookies = new Map(browser.cookies);
  await browser.signIn("aa");
  assert.notEqual(browser.session, old.session);
  assert.equal(await tierOf(browser), "member");
  assert.equal(await tierOf(old), "public");
});

test("step-up asks for it, renews the id, and a stale answer is refused", async () => {
  const browser = all.browser();
  await browser.signIn("aa");
  const old = new Map(browser.cookies);
  await browser.signIn("aa", { query: "&step_up=1" });
  const asked = main.requests.filter(({ endpoint }) => endpoint === "authorization").at(-1).url;
  const said = asked.searchParams;
  assert.ok(said.get("prompt") === "login" || said.get("max_age") === "0", String(said));
  assert.equal(said.get("acr_values"), "urn:strong");
  assert.notEqual(browser.session, old.get("__Host-Http-session"));
  // The provider does as if the person had just signed in, and says when it really was.
  for (const bend of [
    (claims) => ({ ...claims, auth_time: claims.auth_time - 2_000 }),
    (claims) => ({ ...claims, auth_time: undefined }),
    (claims) => ({ ...claims, auth_time: "now" }),
    (claims) => ({ ...claims, auth_time: claims.auth_time + 100_000 }),
  ]) {
    main.claims = bend;
    const one = all.browser();
    await isRefused(await one.ask(await one.untilCallback("aa", { query: "&step_up=1" })), one);
  }
});

// ---- ID tokens
// ------------------------------------------------------------------------------------------------

test("ID tokens that are not for this", async (t) => {
  const now_s = () => Math.floor(Date.now() / 1000);
  const strange = makeKey("ES256");
  const claims = {
    "nonce wrong": { nonce: "A".repeat(43) },
    "nonce missing": { nonce: undefined },
    "nonce as a list": (honest) => ({ nonce: [honest.nonce] }),
    "aud foreign": { aud: "elsewhere" },
    "aud missing": { aud: undefined },
    "aud with another, and no azp": { aud: ["kerbside-web", "elsewhere"], azp: undefined },
    "azp foreign": { aud: ["kerbside-web", "elsewhere"], azp: "elsewhere" },
    "azp foreign beside one aud": { azp: "elsewhere" },
    "iss of another market": () => ({ iss: all.issuers.other.url }),
    "iss with a slash": (honest) => ({ iss: `${honest.iss}/` }),
    expired: () => ({ exp: now_s() - 62, iat: now_s() - 300 }),
    "exp missing": { exp: undefined },
    "iat missing": { iat: undefined },
    "iat ahead": () => ({ iat: now_s() + 200 }),
    "sub missing": { sub: undefined },
    "sub empty": { sub: "" },
    "sub with a bidi override": { sub: "ada\u202etoor" },
    "sub with a line break": { sub: "ada\nroot" },
    "sub of 256 characters": { sub: "a".repeat(256) },
    "a logout event": { events: { "http://schemas.openid.net/event/backchannel-logout": {} } },
  };
  const tokens = {
    "no token": () => undefined,
    "a number": () => 7,
    "not a token": () => "x",
    unsigned: (honest) => `${encode({ alg: "none" })}.${encode(honest)}.`,
    "without its signature": (honest) =>
      reassemble(main.sign(honest), ([head, body]) => [head, body, ""]),
    "by a strange key": (honest) => jws(honest, { key: strange }),
    "by a strange key under our kid": (honest) =>
      jws(honest, { key: strange, header: { kid: main.key("ES256").kid } }),
    "by the other issuer": (honest) => all.issuers.other.sign(honest),
    "HS256 with the client's secret": (honest) =>
      hmacToken(honest, {
        secret: main.clients.get("kerbside-web").secret,
        header: { alg: "HS256", typ: "JWT" },
      }),
    "an access token": (honest) =>
      main.sign({ ...honest, client_id: "partner" }, { typ: "at+jwt" }),
    "a logout token": (honest) => main.sign(honest, { typ: "logout+jwt" }),
    "of another flow": () => main.sign(main.idClaims({ nonce: "B".repeat(43) })),
  };
  const refuse = async () => {
    const browser = all.browser();
    await isRefused(await browser.ask(await browser.untilCallback("aa")), browser);
    main.reset();
  };
  for (const [name, bend] of Object.entries(claims))
    await t.test(name, () => {
      main.claims = (honest) => ({
        ...honest,
        ...(typeof bend === "function" ? bend(honest) : bend),
      });
      return refuse();
    });
  for (const [name, make] of Object.entries(tokens))
    await t.test(name, () => {
      main.makeIdToken = make;
      return refuse();
    });
});

test("ID tokens as real providers make them", async (t) => {
  const quirks = {
    "aud as a list": (claims) => ({ ...claims, aud: [claims.aud] }),
    "aud with another, and azp": (claims) => ({
      ...claims,
      aud: [claims.aud, "elsewhere"],
      azp: claims.aud,
    }),
    "auth_time as a float": (claims) => ({ ...claims, auth_time: claims.auth_time + 0.25 }),
    "no auth_time, no name": ({ auth_time, name, ...claims }) => claims,
    "a lot more": (claims) => ({ ...claims, groups: Array(50).fill("g"), amr: ["pwd"], x: null }),
  };
  for (const [name, claims] of Object.entries(quirks))
    await t.test(name, async () => {
      main.claims = claims;
      const browser = all.browser();
      await browser.signIn("aa");
      assert.equal(await tierOf(browser), "member");
    });
  await t.test("without typ", async () => {
    main.makeIdToken = (claims) => main.sign(claims, { typ: undefined });
    const browser = all.browser();
    await browser.signIn("aa");
    assert.equal(await tierOf(browser), "member");
  });
});

test("a name is text, whatever it holds", async () => {
  const mark = "alert(7)";
  main.person = { ...main.person, name: `"><script>${mark}</script>\u202e` };
  const browser = all.browser();
  await browser.signIn("aa");
  const { text } = await browser.ask("/aa/");
  assert.ok(!text.includes(`<script>${mark}`), "markup of the provider in the page");
  for (const name of [7, null, ["x"], { x: 1 }, "x".repeat(5_000)]) {
    main.person = { ...main.person, name };
    const one = all.browser();
    await one.signIn("aa");
    assert.equal(await tierOf(one), "member", `${JSON.stringify(name)}`.slice(0, 30));
    assert.ok(!(await one.ask("/aa/")).text.includes("x".repeat(1_000)));
  }
});

// ---- The token endpoint
// ------------------------------------------------------------------------------------------------

test("answers of the token endpoint that are none", async (t) => {
  const cases = {
    "a page": () => ({ status: 200, headers: { "content-type": "text/html" }, body: "<html>" }),
    nothing: (_, honest) => ({ ...honest(), body: "" }),
    "a list": (_, honest) => ({ ...honest(), body: "[]" }),
    "2 MB": (_, honest) => ({ ...honest(), body: `{"x":"${"y".repeat(2_000_000)}"}` }),
    "a redirect": () => ({ status: 307, headers: { location: `${main.url}/elsewhere` }, body: "" }),
    "an error with a token": (_, honest) => ({ ...honest(), status: 400 }),
    "id_token twice": (_, honest) => {
      const answer = honest();
      return { ...answer, body: answer.body.replace("{", '{"id_token":"x",') };
    },
  };
  for (const [name, answer] of Object.entries(cases))
    await t.test(name, async () => {
      const browser = all.browser();
      const callback = await browser.untilCallback("aa");
      main.replace.token = answer;
      const { status } = await browser.ask(callback);
      assert.ok(status >= 400 && status !== 500, `${status}`);
      assert.equal(browser.session, undefined);
      main.reset();
    });
  assert.equal(main.count("unknown"), 0, "a redirect of the token endpoint was followed");
});

test("a provider that is down or says no is told in a page, and nothing breaks", async () => {
  const { down } = all.issuers;
  down.replace.discovery = () => ({ destroy: true });
  const browser = all.browser();
  const answer = await browser.ask("/auth/jj/sign-in?return_to=/jj/");
  assert.equal(answer.status, 503);
  assert.match(answer.headers["content-type"], /^text\/html/);
  assert.match(answer.headers["cache-control"], /no-store/);
  for (const error of ["access_denied", "server_error", "<script>alert(7)</script>", ""]) {
    const one = all.browser();
    const callback = change(change(await one.untilCallback("aa"), "code"), "error", error);
    const said = await one.ask(`${callback}&error_description=alert(7)`);
    assert.ok(said.status !== 500 && !said.text.includes("alert(7)"), `${error} ${said.status}`);
    assert.equal(one.session, undefined);
  }
});

test("a market without sign-in has no routes of it", async () => {
  for (const path of ["sign-in?return_to=/cc/", "callback?code=a&state=b", "signed-out"])
    assert.equal((await all.ask(`/auth/cc/${path}`)).status, 404, path);
  assert.equal((await all.ask("/auth/zz/sign-in")).status, 404);
  const { text } = await all.ask("/cc/");
  assert.ok(!/sign[ -]in/i.test(text.replace(/<head>.*<\/head>/s, "")), "a promise of sign-in");
});

// ---- Where it leads
// ------------------------------------------------------------------------------------------------

const ELSEWHERE = [
  "https://evil.example/",
  "http:evil.example",
  "//evil.example/",
  "///evil.example/",
  "////evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "\\/evil.example",
  "/\t/evil.example",
  "/\n/evil.example",
  "/\r\n/evil.example",
  "\t//evil.example",
  " //evil.example",
  "/ /evil.example",
  "/%09/evil.example",
  "/%2f/evil.example",
  "/%2F%2Fevil.example",
  "/%5cevil.example",
  "/%5Cevil.example",
  "/.//evil.example",
  "/..//evil.example",
  "/aa/..//evil.example",
  "/aa/../..//evil.example",
  "/%2e%2e//evil.example",
  "/aa/\\..\\..\\\\evil.example",
  "javascript:alert(7)",
  "JaVaScRiPt:alert(7)",
  "data:text/html,alert(7)",
  "evil.example",
  "@evil.example",
  "/@evil.example",
  ".evil.example",
  "?//evil.example",
  "#//evil.example",
  "",
  "/aa/\u0000",
  "/aa/\r\nset-cookie: x=y",
  "/aa/%0d%0aset-cookie:%20x=y",
  "/aa/\u2028",
  "／／evil.example",
  "/\u202e/evil.example",
  "/aa/<script>alert(7)</script>",
  `/${"a".repeat(9_000)}`,
  "/auth/aa/sign-in?return_to=/aa/",
  "/auth/aa/callback?code=x",
  "/aa/..;//evil.example",
];

test("return_to leads to a path of this site, in all spellings of another place", async (t) => {
  for (const place of ELSEWHERE)
    await t.test(JSON.stringify(place).slice(0, 60), async () => {
      const browser = all.browser();
      const first = await browser.ask(`/auth/aa/sign-in?return_to=${encodeURIComponent(place)}`);
      if (first.status === 400) return;
      const answer = await browser.follow(
        first,
        (url) => url.origin !== all.here.url || url.pathname.endsWith("/callback"),
      );
      for (const hop of answer.hops)
        assert.ok([all.here.url, all.provider.url].includes(new URL(hop).origin), hop);
      const last = answer.hops.at(-1);
      assert.ok(!new URL(last).pathname.startsWith("/auth/"), "round and round");
      assert.ok(!/evil\.example/.test(new URL(last).host));
      // What a browser makes of the header itself, byte by byte.
      const { location } = answer.headers;
      if (location) assert.match(location, /^\/(?![\\/])[\x21-\x7e]*$/);
      assert.equal(answer.headers["x-y"], undefined);
    });
});

test("return_to twice, or absent, ends at a page of this site", async () => {
  for (const query of [
    "",
    "return_to=/aa/&return_to=//evil.example",
    "return_to[]=//evil.example",
  ]) {
    const browser = all.browser();
    const first = await browser.ask(`/auth/aa/sign-in?${query}`);
    if (first.status === 400) continue;
    const { hops } = await browser.follow(first);
    assert.equal(new URL(hops.at(-1)).origin, all.here.url);
  }
});

test("the host of a request does not choose the redirect URI of a deployment", async () => {
  // In this region the request's own host counts, because it has no public one; a forwarded host
  // never does.
  const headers = { "x-forwarded-host": "evil.example", forwarded: "host=evil.example" };
  const { headers: said } = await all.ask("/auth/aa/sign-in?return_to=/aa/", { headers });
  const to = new URL(said.location).searchParams.get("redirect_uri");
  assert.equal(to, `${all.here.url}/auth/aa/callback`);
});

test("markup in parameters and addresses of the provider comes back as text", async () => {
  const mark = '"><script>alert(7)</script>';
  const { provider, issuers } = all;
  const marked = encodeURIComponent(mark);
  for (const path of [
    `/auth/aa/signed-out?lang=${marked}&state=${marked}`,
    `/auth/aa/signed-out?state=${marked}`,
    `/auth/aa/callback?code=${marked}&state=${marked}`,
    `/auth/aa/callback?error=${marked}&error_description=${marked}&state=${"A".repeat(43)}`,
    `/auth/aa/callback?${marked}=${marked}`,
  ]) {
    const { status, text, headers } = await all.ask(path);
    assert.ok(status !== 500, path);
    assert.ok(!text.includes("alert(7)"), `${path}: ${text.slice(0, 200)}`);
    assert.match(headers["content-security-policy"], /^default-src 'none'; (?!.*unsafe)/);
  }
  // The address of the provider's log-out is its own affair; in our page it is text.
  const { markup } = issuers;
  markup.metadata = { end_session_endpoint: `${provider.url}/markup/end-session?"'><script>x` };
  const browser = all.browser();
  await browser.signIn("mm");
  const { csrf } = (await browser.ask("/api/v1/mm/session")).json;
  const answer = await browser.ask("/auth/mm/sign-out", { method: "POST", form: { csrf } });
  assert.ok(answer.status === 200 || answer.status === 303, `${answer.status}`);
  assert.ok(!/<script>x/.test(answer.text), "markup of the provider");
});

test("methods and bodies that sign-in does not take", async () => {
  for (const [method, path] of [
    ["POST", "/auth/aa/sign-in"],
    ["POST", "/auth/aa/callback"],
    ["GET", "/auth/aa/sign-out"],
    ["GET", "/auth/aa/backchannel-logout"],
    ["DELETE", "/auth/aa/sign-out"],
    ["PUT", "/auth/aa/callback"],
  ]) {
    const { status, headers } = await all.ask(path, { method, headers: { origin: all.here.url } });
    assert.equal(status, 405, `${method} ${path}`);
    assert.ok(headers.allow, "allow");
  }
});

test("the client's assertion is for the issuer alone, and short-lived", async () => {
  const browser = all.browser();
  await browser.signIn("ee");
  const request = all.issuers.assertion.requests
    .filter(({ endpoint }) => endpoint === "token")
    .at(-1);
  const form = new URLSearchParams(request.body);
  const assertion = form.get("client_assertion");
  const claims = JSON.parse(Buffer.from(assertion.split(".")[1], "base64url"));
  assert.equal(claims.aud, all.issuers.assertion.url);
  assert.ok(claims.exp - claims.iat <= 120, "it lives for two minutes at most");
  assert.equal(form.get("client_secret"), null);
  assert.equal(request.headers.authorization, undefined);
});

test("nothing of all this was logged or stored", () => all.checkQuiet());
