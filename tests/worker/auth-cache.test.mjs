// A shared cache in front of the Worker, and everybody who asks through it in every order: nothing
// above public reaches anybody else, and nobody is told who another is.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { Browser, exchange } from "./support/browser.mjs";
import { cachingProxy } from "./support/caching-proxy.mjs";
import { MEMBER_MARK, signingIn } from "./support/signing-in.mjs";

/** A site that one market lets read its API. */
const PARTNER = "https://partner.example";

let all, main, cache, ada, bob;
const NAMES = { ada: "Ada Xk7Lovelace", bob: "Bob Xk7Babbage" };

before(async () => {
  all = await signingIn({
    markets: { aa: { issuer: "main" }, oo: { issuer: "open", cors_origins: [PARTNER] } },
  });
  main = all.issuers.main;
  cache = await cachingProxy(all.here.url);
  ada = await member(NAMES.ada);
  bob = await member(NAMES.bob);
});
after(async () => {
  await cache?.end();
  await all?.end();
});

/** A browser that signed in through the cache. */
async function member(name) {
  main.person = { sub: `sub-of-${name.replaceAll(" ", "-")}`, name };
  const browser = new Browser(cache.url);
  const answer = await browser.signIn("aa");
  assert.equal(answer.status, 200, answer.text.slice(0, 300));
  assert.ok(browser.session, "signed in through the cache");
  browser.csrf = (await browser.ask("/api/v1/aa/session")).json.csrf;
  return browser;
}

let number = 0;
/** The id of a car that nobody has asked for. */
async function newCar() {
  number += 1;
  const vin = `KBSZZZ99ZCA9${String(number).padStart(5, "0")}`;
  const address = await all.here.address(vin, "aa");
  return address.split("/").at(-1);
}

const ask = (path, options) => exchange(cache.url, { path, ...options });
/** Everybody who could ask for the same address. */
const ACTORS = {
  anonymous: (path, options) => ask(path, options),
  ada: (path, options) => ada.ask(path, options),
  bob: (path, options) => bob.ask(path, options),
  token: (path, { headers, ...options } = {}) =>
    ask(path, {
      ...options,
      headers: { ...headers, authorization: `Bearer ${main.accessToken({ sub: "sub-of-a-program" })}` },
    }),
  "a bad token": (path, { headers, ...options } = {}) =>
    ask(path, { ...options, headers: { ...headers, authorization: "Bearer x.y.z" } }),
  "an ended session": (path, { headers, ...options } = {}) =>
    ask(path, {
      ...options,
      headers: { ...headers, cookie: `__Host-Http-session=1.${"A".repeat(43)}` },
    }),
};
const MEMBERS = ["ada", "bob", "token"];
const STRANGERS = ["anonymous", "a bad token", "an ended session"];

/** What an answer may not hold for who got it. */
function check(actor, { status, headers, text }, where) {
  const all = `${text}\n${JSON.stringify(headers)}`;
  const at = `${actor} ${where} (${headers["x-cache"]})`;
  if (STRANGERS.includes(actor)) assert.ok(!all.includes(MEMBER_MARK), `${at}: a member's facet`);
  for (const [name, browser] of Object.entries({ ada, bob })) {
    if (actor === name) continue;
    for (const secret of [NAMES[name], browser.csrf, browser.session])
      assert.ok(!all.includes(secret), `${at}: something of ${name}`);
  }
  if (headers["x-cache"] === "HIT" || headers["x-cache"] === "STALE") {
    assert.equal(headers["set-cookie"], undefined, `${at}: a cookie out of the cache`);
    assert.ok(!/no-store|private/.test(headers["cache-control"]), `${at}: it was not to be kept`);
  }
  if (actor !== "anonymous")
    assert.match(headers["cache-control"] ?? "", /no-store/, `${at}: ${status} may be kept`);
}

/** All orders of three of the actors, who matter to each other. */
const ORDERS = [
  ["ada", "anonymous", "bob", "token", "a bad token", "an ended session", "anonymous"],
  ["anonymous", "ada", "anonymous", "bob", "an ended session", "token", "a bad token"],
  ["token", "anonymous", "ada", "an ended session", "anonymous", "bob"],
  ["a bad token", "anonymous", "ada", "bob", "anonymous", "token"],
  ["an ended session", "anonymous", "token", "anonymous", "bob", "ada"],
  ["bob", "ada", "anonymous", "a bad token", "anonymous", "token"],
];

const PLACES = {
  "the document": (id) => ({ path: `/api/v1/aa/vehicles/${id}`, shows: MEMBERS }),
  "a chosen facet": (id) => ({
    path: `/api/v1/aa/vehicles/${id}?facets=equipment,identity`,
    shows: MEMBERS,
  }),
  "a single facet": (id) => ({
    path: `/api/v1/aa/vehicles/${id}/facets/equipment`,
    shows: MEMBERS,
  }),
  "a stream": (id) => ({
    path: `/api/v1/aa/vehicles/${id}`,
    headers: { accept: "text/event-stream" },
    shows: MEMBERS,
  }),
  "the page": (id) => ({ path: `/aa/vehicles/${id}?lang=en`, shows: ["ada", "bob"], isPage: true }),
};

for (const [name, place] of Object.entries(PLACES)) {
  test(`${name}, in every order`, async () => {
    for (const order of ORDERS) {
      const { path, headers = {}, shows, isPage } = place(await newCar());
      for (const [step, actor] of order.entries()) {
        const answer = await ACTORS[actor](path, { headers });
        // Pages take no tokens: who sends one is anybody.
        const who = isPage && /token/.test(actor) ? "anonymous" : actor;
        check(who, answer, `${path}, ${order.slice(0, step + 1).join(", ")}`);
        if (shows.includes(actor)) {
          assert.equal(answer.status, 200, `${actor}: ${answer.text.slice(0, 200)}`);
          assert.ok(answer.text.includes(MEMBER_MARK), `${actor} got what others see (${order})`);
        }
        if (actor === "anonymous") assert.equal(answer.status, 200, `${order}`);
        if (actor === "a bad token" && !isPage) assert.equal(answer.status, 401, `${order}`);
      }
    }
  });
}

test("a document and its stream, by turns", async () => {
  for (const order of ORDERS) {
    const path = `/api/v1/aa/vehicles/${await newCar()}`;
    for (const [step, actor] of order.entries()) {
      for (const accept of step % 2 ? ["*/*", "text/event-stream"] : ["text/event-stream", "*/*"]) {
        const answer = await ACTORS[actor](path, { headers: { accept } });
        check(actor, answer, `${path} as ${accept}`);
        if (answer.status !== 200) continue;
        const type = accept === "*/*" ? "application/json" : "text/event-stream";
        assert.ok(answer.headers["content-type"].startsWith(type), `${actor} asked for ${type}`);
      }
    }
  }
});

test("who may read across origins is not decided by who asked first", async () => {
  const allowed = "access-control-allow-origin";
  const origins = [undefined, PARTNER, "https://evil.example", PARTNER, undefined, "null"];
  for (const order of [origins, [...origins].reverse()]) {
    number += 1;
    const vin = `KBSZZZ99ZCA9${String(number).padStart(5, "0")}`;
    const path = await all.here.address(vin, "oo");
    for (const origin of [...order, ...order]) {
      const { status, headers } = await ask(path, { headers: origin ? { origin } : {} });
      assert.equal(status, 200);
      assert.equal(headers[allowed], origin === PARTNER ? PARTNER : undefined, `${origin}`);
      assert.equal(headers["access-control-allow-credentials"], undefined);
    }
  }
});

test("the cache does keep what is public", async () => {
  const path = `/api/v1/aa/vehicles/${await newCar()}`;
  let answers = [];
  for (let times = 0; times < 10; times += 1) answers.push(await ask(path));
  answers = answers.map(({ headers }) => headers["x-cache"]);
  assert.ok(answers.includes("HIT"), `it kept nothing, so these tests show nothing: ${answers}`);
});

test("HEAD before GET, and GET before HEAD", async () => {
  for (const [first, second] of [
    ["HEAD", "GET"],
    ["GET", "HEAD"],
  ]) {
    for (const order of ORDERS) {
      const path = `/api/v1/aa/vehicles/${await newCar()}`;
      for (const method of [first, second])
        for (const actor of order) check(actor, await ACTORS[actor](path, { method }), method);
    }
  }
});

test("many at once, one behind the other in the cache", async () => {
  for (let round = 0; round < 4; round += 1) {
    const path = `/api/v1/aa/vehicles/${await newCar()}`;
    const crowd = Object.keys(ACTORS).flatMap((actor) => [actor, actor, actor]);
    const turned = [...crowd.slice(round), ...crowd.slice(0, round)];
    const answers = await Promise.all(turned.map((actor) => ACTORS[actor](path)));
    answers.forEach((answer, at) => check(turned[at], answer, "at once"));
  }
});

test("conditional requests: a tag of one is no 304 that another may keep", async () => {
  const path = `/api/v1/aa/vehicles/${await newCar()}`;
  const etag = await (async () => {
    for (let times = 0; times < 20; times += 1) {
      const { headers } = await ask(path);
      if (headers.etag) return headers.etag;
    }
    return assert.fail("a public document has an ETag");
  })();
  for (const condition of [etag, "*", `W/${etag}`]) {
    for (const order of ORDERS) {
      for (const actor of order) {
        const answer = await ACTORS[actor](path, { headers: { "if-none-match": condition } });
        check(actor, answer, `If-None-Match: ${condition}`);
        // Past the cache, at the Worker itself.
        const direct = await exchange(all.here.url, {
          path,
          headers: {
            "if-none-match": condition,
            ...(actor === "ada" && { cookie: ada.cookieHeader() }),
          },
        });
        if (actor === "ada") check("ada", direct, "past the cache");
      }
    }
  }
});

test("errors and redirects", async () => {
  const unknown = `/api/v1/aa/vehicles/${"A".repeat(46)}`;
  const paths = [
    unknown,
    "/api/v1/aa/vehicles/%ff",
    "/api/v1/aa/session",
    "/api/v1/aa/me/export",
    "/aa/account",
    "/aa",
    "/aa/",
    "/",
    "/aa/vehicles/nothing",
    "/aa/nothing",
    "/auth/aa/signed-out",
    "/auth/aa/callback?code=x&state=y",
    "/auth/aa/callback",
  ];
  for (const path of paths) {
    for (const order of ORDERS) {
      const seen = {};
      for (const actor of order) {
        const answer = await ACTORS[actor](path);
        // The start page knows nobody, and pages take no tokens.
        const isAnybodys = path === "/" || (!path.startsWith("/api") && /token/.test(actor));
        check(isAnybodys ? "anonymous" : actor, answer, path);
        seen[actor] ??= answer.status;
        assert.equal(answer.status, seen[actor], `${actor} ${path}: it depends on the order`);
      }
    }
  }
});

test("a sign-in that went through the cache is nobody else's", async () => {
  const path = "/auth/aa/sign-in?return_to=/aa/";
  const states = [];
  for (let times = 0; times < 4; times += 1) {
    const { status, headers } = await ask(path);
    assert.equal(status, 303);
    assert.notEqual(headers["x-cache"], "HIT");
    states.push(new URL(headers.location).searchParams.get("state"));
  }
  assert.equal(new Set(states).size, 4);
});

test("a member who signs out, or is signed out, leaves nothing in the cache", async () => {
  const carol = await member("Carol Xk7Shaw");
  const path = `/api/v1/aa/vehicles/${await newCar()}`;
  assert.ok((await carol.ask(path)).text.includes(MEMBER_MARK));
  const jar = new Map(carol.cookies);
  await carol.ask("/auth/aa/sign-out", { method: "POST", form: { csrf: carol.csrf } });
  for (const cookies of [jar, new Map()]) {
    carol.cookies = cookies;
    assert.ok(!(await carol.ask(path)).text.includes(MEMBER_MARK));
  }
});
