// Look-up and the vehicle document over working origins, in both markets.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";

import {
  MARKETS,
  ROLES,
  addressOf,
  ask,
  carsFor,
  idOf,
  metasOf,
  originsAskedBy,
  postVin,
  requestsOf,
  resetOrigins,
  setOrigins,
  statesOf,
  untilCached,
} from "./support/portal.mjs";

const FRESH = { identity: "fresh", equipment: "fresh", recalls: "fresh" };
const all = (market) => ROLES.map((role) => `${market}.${role}`).sort();
let nextCar;
before(async () => {
  nextCar = await carsFor("vehicles");
});
beforeEach(() => resetOrigins());
after(() => resetOrigins());

for (const market of MARKETS) {
  test(`${market}: a car is composed from three origins, each asked once, and then served without asking`, async () => {
    const { vin, label } = nextCar(market);
    const address = await addressOf(market, vin);
    const first = await ask("GET", address);
    assert.equal(first.status, 200);
    assert.deepEqual(await originsAskedBy(first), all(market));
    assert.deepEqual(statesOf(first), FRESH);
    assert.equal(first.headers["cache-status"], "kerbside; fwd=miss; stored");
    const { id, tier, facets, meta, links } = first.json;
    assert.ok(label.startsWith(facets.identity.make), `${label}: ${facets.identity.make}`);
    assert.ok(
      label.includes(facets.identity.model) && label.endsWith(String(facets.identity.model_year)),
      label,
    );
    assert.equal(tier, "public");
    assert.equal(meta.complete, true);
    const page = `/${market}/vehicles/${id}`;
    const signIn = `/auth/${market}/sign-in?return_to=${page}`;
    assert.deepEqual(links, { self: address, page, sign_in: signIn });
    assert.deepEqual(
      Object.fromEntries(
        Object.entries(metasOf(first)).map(([name, { source }]) => [name, source]),
      ),
      { identity: "master", equipment: "equipment", recalls: "recalls" },
    );

    await untilCached(address);
    await setOrigins(market, ROLES, "500");
    const again = await ask("GET", address);
    assert.deepEqual(await originsAskedBy(again), []);
    assert.deepEqual(statesOf(again), FRESH);
    assert.deepEqual(again.json.facets, facets);
    assert.match(
      again.headers["server-timing"],
      /^identity;dur=\d+;desc="hit", equipment;dur=\d+;desc="hit", recalls;dur=\d+;desc="hit"(, \w+;dur=0;desc="withheld")*$/,
    );
    assert.match(again.headers["cache-control"], /^public, max-age=/);
  });

  test(`${market}: the public tier sees facts, and the names of what is withheld`, async () => {
    const { json } = await ask("GET", await addressOf(market, nextCar(market).vin));
    assert.equal(typeof json.facets.recalls.open, "boolean");
    assert.deepEqual(Object.keys(json.facets.recalls), ["open"]);
    assert.deepEqual(Object.keys(json.facets.equipment ?? { item_count: 0 }), ["item_count"]);
    assert.deepEqual(json.meta.facets.identity.withheld, ["first_registered", "vin"]);
    assert.deepEqual(json.meta.facets.mileage, { state: "withheld", needs: "member" });
    assert.deepEqual(json.meta.facets.recalls.withheld, ["items"]);
  });

  test(`${market}: ages, lifetimes and Cache-Control agree`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    await ask("GET", address);
    const answer = await untilCached(address);
    const { json, headers } = answer;
    const metas = Object.values(metasOf(answer));
    const ttls = { identity: 86400, equipment: 604800, recalls: 3600 };
    for (const [name, { age_s, ttl_s, as_of }] of Object.entries(metasOf(answer))) {
      // Lifetimes are drawn within a tenth of what the market says.
      assert.ok(
        Math.abs(age_s + ttl_s - ttls[name]) <= ttls[name] / 10,
        `${name}: ${age_s} + ${ttl_s}`,
      );
      assert.ok(Math.abs(Date.parse(as_of) + age_s * 1000 - Date.now()) < 5000, as_of);
    }
    const age = Number(headers.age);
    assert.equal(age, Math.max(...metas.map((meta) => meta.age_s)));
    const least = Math.min(...metas.map((meta) => meta.ttl_s));
    assert.equal(headers["cache-status"], `kerbside; hit; ttl=${least}`);
    assert.equal(
      headers["cache-control"],
      `public, max-age=${age + least}, stale-while-revalidate=43200, stale-if-error=259200`,
    );
  });

  test(`${market}: ?facets= selects, and asks the origins of these and of the required ones only`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    const one = await ask("GET", `${address}?facets=recalls`);
    assert.deepEqual(statesOf(one), { recalls: "fresh" });
    assert.deepEqual(Object.keys(one.json.facets), ["recalls"]);
    assert.deepEqual(await originsAskedBy(one), [`${market}.master`, `${market}.recalls`]);
    const two = await ask("GET", `${address}?facets=equipment,%20identity,`);
    assert.deepEqual(Object.keys(statesOf(two)), ["identity", "equipment"]);
  });

  test(`${market}: one facet by its address`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    const { json, headers } = await ask("GET", `${address}/facets/recalls`);
    assert.equal(json.name, "recalls");
    assert.equal(json.meta.state, "fresh");
    assert.equal(typeof json.value.open, "boolean");
    assert.match(headers["server-timing"], /^recalls;/);
    const whole = await untilCached(address);
    assert.deepEqual(
      (await ask("GET", `${address}/facets/identity`)).json.value,
      whole.json.facets.identity,
    );
  });

  test(`${market}: an entity tag holds while nothing changes, a 304 has no body, HEAD has GET's headers`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    const first = await ask("GET", address);
    const { etag } = first.headers;
    assert.ok(etag);
    const cached = await untilCached(address);
    assert.equal(
      cached.headers.etag,
      etag,
      "the tag of what was fetched is the tag of what is cached",
    );
    for (const sent of [etag, etag.slice(2), `"x", ${etag}`, "*"]) {
      const unchanged = await ask("GET", address, { headers: { "if-none-match": sent } });
      assert.equal(unchanged.status, 304, sent);
      assert.equal(unchanged.headers.etag, etag);
      assert.match(unchanged.headers["cache-control"], /^public/);
    }
    for (const sent of ['"other"', 'W/"other"', etag.slice(3, -1), "", "W/", '"'.repeat(5000)]) {
      assert.equal(
        (await ask("GET", address, { headers: { "if-none-match": sent } })).status,
        200,
        sent.slice(0, 40),
      );
    }
    assert.notEqual(
      (await ask("GET", `${address}?facets=identity`)).headers.etag,
      etag,
      "another selection is another document",
    );
    const head = await ask("HEAD", address);
    assert.equal(head.headers.etag, etag);
    assert.equal((await ask("HEAD", address, { headers: { "if-none-match": etag } })).status, 304);
  });

  test(`${market}: the same VIN has the same id, however it is typed, and another market's id leads to the same car`, async () => {
    const { vin } = nextCar(market);
    const id = await idOf(market, vin);
    const spaced = vin.replace(/(.{3})(.{6})/, "$1 $2-");
    for (const typed of [
      vin.toLowerCase(),
      spaced,
      `  ${vin}\n`,
      vin.replace(/(.{8})/, "$1\u00a0"),
      `${vin.slice(0, 4)}\u2013${vin.slice(4)}`,
    ]) {
      assert.equal(
        (await postVin(market, typed)).json.vehicle?.id,
        id,
        JSON.stringify(typed).replace(vin, "…"),
      );
    }
    assert.equal(
      await idOf(
        MARKETS.find((other) => other !== market),
        vin,
      ),
      id,
    );
  });

  test(`${market}: a look-up asks no origin, and its answer is not kept by anybody`, async () => {
    const { vin } = nextCar(market);
    await idOf(market, vin);
    const answer = await postVin(market, vin);
    assert.deepEqual(await originsAskedBy(answer), []);
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.deepEqual(answer.json.links, { page: `/${market}/vehicles/${answer.json.vehicle.id}` });
  });

  test(`${market}: every origin wants its credentials, and gets them`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    const answer = await ask("GET", address);
    const requests = await requestsOf(answer);
    assert.deepEqual(
      requests.map(({ status }) => status),
      [200, 200, 200],
    );
    for (const { origin, headers, path, method } of requests) {
      const isSoap =
        headers.soapaction ?? headers["content-type"]?.startsWith("application/soap+xml");
      assert.equal(method, isSoap ? "POST" : "GET");
      assert.ok(
        isSoap || headers.authorization === "[removed]" || headers["x-api-key"] === "[removed]",
        `${origin} ${path}`,
      );
    }
  });

  test(`${market}: the caller's trace goes on to every origin, a malformed one is replaced`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    const answer = await ask("GET", address, { headers: { tracestate: "vendor=1" } });
    const requests = await requestsOf(answer);
    assert.equal(requests.length, 3);
    for (const { headers } of requests) {
      assert.equal(headers.traceparent.split("-")[1], answer.headers.traceparent.split("-")[1]);
      assert.equal(headers.tracestate, "vendor=1");
    }
    for (const bad of [
      "",
      "x",
      `00-${"0".repeat(32)}-${"1".repeat(16)}-01`,
      `00-${"A".repeat(32)}-${"1".repeat(16)}-01`,
      `ff-${"a".repeat(32)}-${"1".repeat(16)}-01`,
      "a".repeat(8000),
    ]) {
      const trace = (
        await ask("GET", "/healthz", { headers: { traceparent: bad } })
      ).headers.traceparent.split("-")[1];
      assert.ok(bad.length < 32 || !bad.includes(trace), "a malformed trace goes on");
    }
  });

  test(`${market}: the page says the same as the document, in two languages`, async () => {
    const id = await idOf(market, nextCar(market).vin);
    const { json } = await ask("GET", `/api/v1/${market}/vehicles/${id}`);
    for (const language of ["de", "en"]) {
      const page = await ask("GET", `/${market}/vehicles/${id}?lang=${language}`);
      assert.equal(page.status, 200);
      assert.ok(page.text.includes(`<html lang="${language}`), "lang");
      assert.ok(page.text.includes(json.facets.identity.model.split(/['&<>"]/)[0]));
    }
    const fragment = await ask("GET", `/${market}/vehicles/${id}?fragment=recalls`);
    assert.equal(fragment.status, 200);
    assert.doesNotMatch(fragment.text, /<html/);
  });
}

// The synthetic cars of legacy/README.md: what real ones do not show.
const NAMED = {
  de: {
    awkward: "KBSZZZ10ZFK000001",
    bare: "KBSZZZ11ZFK000002",
    done: "KBSZZZ12ZFK000003",
    several: "KBSZZZ13ZFK000004",
  },
  us: {
    awkward: "KBS000106FK000001",
    bare: "KBS000117FK000002",
    done: "KBS000128FK000003",
    several: "KBS000139FK000004",
  },
};
for (const [market, cars] of Object.entries(NAMED)) {
  const document = async (vin) => (await ask("GET", await addressOf(market, vin))).json;

  test(`${market}: names with &, <, >, quotes and umlauts arrive as they are, and harmless on the page`, async () => {
    const { facets, links } = await document(cars.awkward);
    const names = JSON.stringify(facets.identity);
    assert.match(names, /&/);
    assert.match(names, /</);
    assert.doesNotMatch(names, /&amp;|&lt;/, "escaped twice");
    const page = await ask("GET", links.page);
    const tags = [...page.text.matchAll(/<\/?([a-z][a-z0-9-]*)/gi)].map((match) =>
      match[1].toLowerCase(),
    );
    for (const tag of ["script", "b", "i", "img"]) {
      const own =
        tag === "script" ? (page.text.match(/<script[^>]* src="\/assets\//g) ?? []).length * 2 : 0;
      assert.equal(tags.filter((other) => other === tag).length, own, tag);
    }
  });

  test(`${market}: what nobody stated is not stated`, async () => {
    const { facets, meta } = await document(cars.bare);
    assert.deepEqual(Object.keys(facets.identity).sort(), ["make", "model"]);
    assert.equal(meta.facets.equipment.state, "absent");
    assert.equal(facets.equipment, undefined);
    assert.deepEqual(facets.recalls, { open: false });
    assert.equal(meta.complete, true);
  });

  test(`${market}: completed recalls are not open ones; a single item is a list of one`, async () => {
    assert.deepEqual((await document(cars.done)).facets.recalls, { open: false });
    const { recalls, equipment } = (await document(cars.several)).facets;
    assert.deepEqual([recalls, equipment], [{ open: true }, { item_count: 1 }]);
  });
}

test("a wrong check digit is a hint in North American VINs only, and never a reason to refuse", async () => {
  assert.deepEqual(
    (await postVin("us", "1M8GDM9A1KP042788")).json.hints?.map(({ code }) => code),
    ["check_digit"],
  );
  assert.equal((await postVin("us", "1M8GDM9AXKP042788")).json.hints, undefined);
  assert.equal((await postVin("de", "WVWZZZ1JZ3W386752")).json.hints, undefined);
});
