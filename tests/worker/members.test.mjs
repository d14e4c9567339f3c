// What members see, by bearer tokens of the markets' identity provider: documents, single facets
// and streams, read from D1, and a person's own data. Sessions: auth-sessions.test.mjs,
// tests/browser.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";

import {
  MARKETS,
  ROLES,
  addressOf,
  ask,
  bearerOf,
  carsFor,
  openStream,
  originsAskedBy,
  resetOrigins,
  setOrigins,
  slugOf,
  until,
  untilCached,
} from "./support/portal.mjs";

/** Fields that the owner alone sees: no member's answer has one. */
const OWNERS = /"(vin|plate|keeper_name|keeper_address|workshop|invoice_number)":\s*"/;
/** Facets of which everybody sees nothing, and members something. */
const FOR_MEMBERS = ["service_history", "mileage", "warranty", "valuation"];

let cars;
before(async () => {
  const nextCar = await carsFor("members");
  cars = Object.fromEntries(MARKETS.map((market) => [market, nextCar(market).vin]));
});
beforeEach(() => resetOrigins());
after(() => resetOrigins());

/** A sign-in with a second factor, which the German market asks for before such acts. */
const STRONG = { claims: { acr: "https://refeds.org/profile/mfa" } };

const isPrivate = ({ headers }) => assert.equal(headers["cache-control"], "private, no-store");

for (const market of MARKETS) {
  test(`${market}: a member sees what everybody does not, from the record, and the next caller does not`, async () => {
    const headers = await bearerOf(market, "vehicles:read");
    const address = await addressOf(market, cars[market]);
    await untilCached(address);
    const offered = (await ask("GET", `/api/v1/${market}`)).json.features.facets;
    const forMembers = FOR_MEMBERS.filter((name) => offered.includes(name));
    const member = () => ask("GET", address, { headers });
    const first = await until("a member's facets", member, ({ json }) => json.meta.complete);
    isPrivate(first);
    assert.equal(first.json.tier, "member");
    assert.equal(first.json.links.sign_in, undefined);
    for (const name of [...forMembers, "equipment", "recalls"]) {
      assert.match(first.json.meta.facets[name].state, /^(fresh|absent)$/, name);
    }
    assert.ok(first.json.facets.equipment.items.length > 0);
    assert.ok(!first.json.meta.facets.equipment.withheld?.includes("items"));
    assert.doesNotMatch(first.text, OWNERS);
    assert.equal(first.json.meta.facets.registration?.state ?? "withheld", "withheld");

    // Everything is in D1 now: no origin is asked, in another request, even while all fail.
    await setOrigins(market, ROLES, "500");
    const again = await ask("GET", address, { headers });
    assert.deepEqual(await originsAskedBy(again), []);
    assert.deepEqual(again.json.facets, first.json.facets);
    isPrivate(again);
    const single = await ask("GET", `${address}/facets/equipment`, { headers });
    assert.deepEqual(single.json.value, first.json.facets.equipment);
    isPrivate(single);

    const anybody = await ask("GET", address);
    assert.equal(anybody.json.tier, "public");
    assert.match(anybody.headers["cache-control"], /^public/);
    assert.equal(anybody.json.facets.equipment.items, undefined);
    for (const name of forMembers) assert.equal(anybody.json.meta.facets[name].state, "withheld");
  });

  test(`${market}: a member's stream brings the parts for members`, async () => {
    const headers = await bearerOf(market, "vehicles:read");
    const stream = await openStream(await addressOf(market, cars[market]), headers);
    await stream.ended;
    assert.equal(stream.headers["cache-control"], "private, no-store");
    const [document, ...rest] = stream.events;
    assert.equal(document.data.tier, "member");
    const facets = new Map(Object.entries(document.data.facets));
    for (const { name, data } of rest) if (name === "facet") facets.set(data.name, data.value);
    assert.ok(facets.get("equipment").items.length > 0);
    assert.doesNotMatch(JSON.stringify(stream.events), OWNERS);
    assert.equal(rest.at(-1).name, "done");
  });

  test(`${market}: a person gets their data out and has them erased, with the scopes for it`, async () => {
    const read = await bearerOf(market, "person:read", STRONG);
    const exported = await ask("GET", `/api/v1/${market}/me/export`, { headers: read });
    assert.equal(exported.status, 200);
    isPrivate(exported);
    assert.match(exported.json.person.subject, /./);
    const refused = await ask("DELETE", `/api/v1/${market}/me`, { headers: read });
    assert.deepEqual([refused.status, slugOf(refused)], [403, "insufficient-scope"]);
    const headers = await bearerOf(market, "person:erase", STRONG);
    const erased = await ask("DELETE", `/api/v1/${market}/me`, { headers });
    assert.equal(erased.status, 200, erased.text);
    assert.equal(erased.json.complete, true);
    assert.ok(erased.json.stores.some(({ store, left }) => store === "session" && left === 0));
    const old = await bearerOf(market, "person:read", {
      claims: { ...STRONG.claims, auth_time: 1_000_000_000 },
    });
    const stale = await ask("GET", `/api/v1/${market}/me/export`, { headers: old });
    assert.match(stale.headers["www-authenticate"], /insufficient_user_authentication.*max_age=/);
  });
}
