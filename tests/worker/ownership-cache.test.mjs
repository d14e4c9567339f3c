// A shared cache in front of the Worker, and the holder of a car beside a member and anybody, in
// every order: what the holder sees reaches nobody else, and nobody's answer stands for theirs.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { Browser, exchange } from "./support/browser.mjs";
import { cachingProxy } from "./support/caching-proxy.mjs";
import { marksOf } from "./support/ownership-systems.mjs";
import { MEMBER_MARK, owning, shown } from "./support/owning.mjs";

let all, cache, holder, other;
const browsers = {};

before(async () => {
  all = await owning();
  cache = await cachingProxy(all.here.url);
  [holder, other] = [all.member("Holder Xk7Ada"), all.member("Member Xk7Bob")];
  browsers.holder = await all.browserOf(holder, "aa", new Browser(cache.url));
  browsers.other = await all.browserOf(other, "aa", new Browser(cache.url));
});
after(async () => {
  await cache?.end();
  await all?.end();
});

const ask = (path, options) => exchange(cache.url, { path, ...options });
const withToken =
  (person) =>
  (path, { headers, ...options } = {}) =>
    ask(path, { ...options, headers: { ...headers, authorization: `Bearer ${person.token}` } });
const withCookie = (name) => (path, options) => browsers[name].ask(path, options);
/** Everybody who could ask for the same address, and the tier that they have. */
const ACTORS = {
  anybody: { tier: "public", ask },
  "the holder": { tier: "owner", ask: withCookie("holder") },
  "the holder's token": { tier: "owner", ask: (...sent) => withToken(holder)(...sent) },
  "a member": { tier: "member", ask: withCookie("other") },
  "a member's token": { tier: "member", ask: (...sent) => withToken(other)(...sent) },
  "a bad token": {
    tier: "public",
    ask: (...sent) => withToken({ token: "x.y.z" })(...sent),
  },
};
const ORDERS = [
  ["the holder", "anybody", "a member", "anybody", "the holder's token"],
  ["anybody", "the holder", "anybody", "a member's token", "the holder"],
  ["the holder's token", "anybody", "a bad token", "a member", "anybody"],
  ["a member", "the holder", "anybody", "the holder's token", "a member's token"],
  ["a bad token", "the holder", "a member's token", "anybody", "anybody"],
  ["anybody", "anybody", "a member", "the holder", "anybody", "a bad token"],
];

/** A car that nobody has asked for, which the holder holds. */
async function held() {
  const car = await all.car();
  const keeper = all.rights.keeper("aa", car.vehicle, marksOf(car.vin).keeper_name);
  await all.own(holder, car, { keeper });
  return car;
}

/** What an answer may not hold for who got it. */
function check(tier, { status, headers, text }, car, where) {
  const whole = `${text}\n${JSON.stringify(headers)}`;
  const at = `${where} (${status}, ${headers["x-cache"]})`;
  if (tier !== "owner")
    assert.deepEqual(
      shown(whole, { ...marksOf(car.vin), vin: car.vin }),
      [],
      `${at}: the holder's`,
    );
  if (tier === "public") {
    assert.ok(!whole.includes(MEMBER_MARK), `${at}: a member's`);
  } else {
    assert.match(headers["cache-control"] ?? "", /no-store/, `${at} may be kept`);
    assert.ok(!["HIT", "STALE", "REVALIDATED"].includes(headers["x-cache"]), `${at} was kept`);
  }
  for (const person of [holder, other])
    if (!where.startsWith(person === holder ? "the holder" : "a member"))
      assert.ok(!whole.includes(person.name), `${at}: a name`);
}

const FACETS = {
  registration: ["plate", "keeper_name", "keeper_address"],
  service_history: ["workshop", "invoice", "service_text"],
  damage: ["damage_text"],
  identity: [],
};
const PLACES = {
  document: (car) => ({ path: car.document, marks: ["plate", "invoice", "damage_text"] }),
  "chosen facets": (car) => ({
    path: `${car.document}?facets=registration,identity`,
    marks: ["plate", "keeper_name", "keeper_address"],
  }),
  ...Object.fromEntries(
    Object.entries(FACETS).map(([name, marks]) => [
      `facet ${name}`,
      (car) => ({ path: `${car.document}/facets/${name}`, marks }),
    ]),
  ),
  stream: (car) => ({
    path: car.document,
    headers: { accept: "text/event-stream" },
    marks: ["plate", "invoice", "damage_text"],
  }),
  page: (car) => ({ path: `${car.page}?lang=en`, isPage: true, marks: ["plate", "invoice"] }),
};

for (const [name, place] of Object.entries(PLACES)) {
  test(`the ${name}, in every order`, async () => {
    const statuses = {};
    for (const order of ORDERS) {
      const car = await held();
      const { path, headers = {}, isPage, marks = [] } = place(car);
      for (const [step, actor] of order.entries()) {
        const answer = await ACTORS[actor].ask(path, { headers });
        // Pages take no tokens: who sends one is anybody.
        const tier = isPage && /token/.test(actor) ? "public" : ACTORS[actor].tier;
        check(tier, answer, car, `${actor} ${path}, step ${step} of ${order}`);
        statuses[actor] ??= answer.status;
        assert.equal(answer.status, statuses[actor], `${actor} ${name}: it depends on the order`);
        if (tier === "owner") {
          assert.equal(answer.status, 200, `${actor}: ${answer.text.slice(0, 200)}`);
          const seen = shown(answer.text, marksOf(car.vin));
          for (const mark of marks) assert.ok(seen.includes(mark), `${actor} does not see ${mark}`);
        }
      }
    }
  });
}

test("HEAD before GET, and GET before HEAD", async () => {
  for (const methods of [
    ["HEAD", "GET"],
    ["GET", "HEAD"],
  ]) {
    for (const order of ORDERS) {
      const car = await held();
      for (const method of methods) {
        for (const actor of order) {
          const { tier, ask } = ACTORS[actor];
          const answer = await ask(car.document, { method });
          check(tier, answer, car, `${actor} ${method}`);
          if (method === "HEAD") assert.equal(answer.text, "");
          else if (answer.status === 200) assert.equal(answer.json.tier, tier, actor);
        }
      }
    }
  }
});

test("conditions and ranges: no tag and no part of one is another's", async () => {
  const car = await held();
  const tags = new Set(["*", 'W/"x"']);
  for (let times = 0; times < 20 && tags.size < 3; times += 1)
    for (const name of ["etag", "last-modified"]) {
      const { headers } = await ask(car.document);
      if (headers[name]) tags.add(headers[name]);
    }
  assert.ok(tags.size > 2, "a public document has a tag");
  for (const tag of tags) {
    for (const name of ["if-none-match", "if-modified-since"]) {
      for (const order of ORDERS) {
        for (const actor of order) {
          const { tier, ask } = ACTORS[actor];
          const answer = await ask(car.document, { headers: { [name]: tag } });
          check(tier, answer, car, `${actor} ${name}: ${tag}`);
          // The public document's tag says nothing of what the holder sees.
          if (tier === "owner") assert.equal(answer.status, 200, `${name}: ${tag}`);
        }
      }
    }
  }
  for (const range of ["bytes=0-", "bytes=0-99", "bytes=-50", "bytes=10-20,30-40"]) {
    for (const order of ORDERS) {
      const fresh = await held();
      for (const actor of order) {
        const { tier, ask } = ACTORS[actor];
        check(tier, await ask(fresh.document, { headers: { range } }), fresh, `${actor} ${range}`);
      }
    }
  }
});

test("errors: a fault while the holder asks is nobody's else, and the other way round", async () => {
  for (const order of ORDERS) {
    const car = await held();
    all.systems.down.add("car");
    for (const actor of order) {
      const answer = await ACTORS[actor].ask(car.document);
      check(ACTORS[actor].tier, answer, car, `${actor}, origins down`);
    }
    all.systems.down.clear();
    for (const path of [
      `${car.document}x`,
      `${car.document}?facets=nothing`,
      `${car.document}/facets/nothing`,
      `/api/v1/zz/vehicles/${car.id}`,
      `${car.page}x`,
    ]) {
      for (const actor of order) {
        const answer = await ACTORS[actor].ask(path);
        assert.ok(answer.status >= 400, `${path} ${answer.status}`);
        const isPage = path.startsWith(car.page);
        check(isPage ? "public" : ACTORS[actor].tier, answer, car, `${actor} ${path}`);
      }
    }
  }
});

test("all at once, one behind the other in the cache", async () => {
  for (let round = 0; round < 4; round += 1) {
    const car = await held();
    const crowd = Object.keys(ACTORS).flatMap((actor) => [actor, actor, actor]);
    const turned = [...crowd.slice(round), ...crowd.slice(0, round)];
    const answers = await Promise.all(turned.map((actor) => ACTORS[actor].ask(car.document)));
    answers.forEach((answer, at) => {
      const { tier } = ACTORS[turned[at]];
      check(tier, answer, car, `${turned[at]} at once`);
      if (answer.status === 200) assert.equal(answer.json.tier, tier, turned[at]);
    });
  }
});

test("the cache does keep what is public", async () => {
  const car = await held();
  const answers = [];
  for (let times = 0; times < 10; times += 1) answers.push(await ask(car.document));
  const seen = answers.map(({ headers }) => headers["x-cache"]);
  assert.ok(seen.includes("HIT"), `it kept nothing, so these tests show nothing: ${seen}`);
  assert.equal((await ACTORS["the holder"].ask(car.document)).json.tier, "owner");
});
