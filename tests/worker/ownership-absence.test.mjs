// Absence does not leak: cars that differ only in what a tier may not see give the same bytes to
// it, whether a system states the value, states none, knows of nothing or is asked in vain.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { marksOf } from "./support/ownership-systems.mjs";
import { checkSame, comparable, owning } from "./support/owning.mjs";

let all, member, browser;
before(async () => {
  all = await owning();
  member = all.member();
  browser = await all.browserOf(member);
});
after(() => all?.end());

const without =
  (...names) =>
  (record) => {
    const copy = { ...record };
    for (const name of names) delete copy[name];
    return copy;
  };
const withEmpty = (name) => (record) => ({ ...record, [name]: [] });
const times = (count) => (list) => Array.from({ length: count }, () => list[0]);
const more = (name, count) => (record) => ({ ...record, [name]: times(count)(record[name]) });
const withEach = (name, change) => (record) => ({
  ...record,
  [name]: record[name].map((one) => ({ ...one, ...change })),
});

/**
 * Changes of a car's record, by the lowest tier that may see them: who is below gets equal bytes.
 */
const CHANGES = {
  member: {
    "no damage": withEmpty("damage"),
    "damage not stated": without("damage"),
    "no service entry": withEmpty("services"),
    "service entries not stated": without("services"),
    "many service entries": more("services", 40),
    "no reading": withEmpty("readings"),
    "no equipment code": withEach("equipment", { code: undefined }),
    "another name of equipment": withEach("equipment", { name: "Other Roof" }),
    "a recall of another title": withEach("recalls", { title: "Other Recall" }),
  },
  owner: {
    "no registration": without("plate", "keeper_name", "keeper_address", "registered_on"),
    "no plate": without("plate"),
    "another keeper": (record) => ({ ...record, keeper_name: "Somebody Else" }),
    "no text of damage": withEach("damage", { text: undefined }),
    "a long text of damage": withEach("damage", { text: "x".repeat(500) }),
    "damage elsewhere": withEach("damage", { area: "R" }),
    "damage without a day": withEach("damage", { on: undefined }),
    "more damage": more("damage", 30),
    "no workshop": withEach("services", { by: undefined }),
    "no invoice": withEach("services", { invoice: undefined, total: undefined }),
    "a text of service": withEach("services", { text: "y".repeat(500) }),
    "other readings": withEach("readings", { km: 99_999 }),
  },
};

const VIEWERS = {
  public: (path, more) => all.all.ask(path, more),
  member: (path, more) => browser.ask(path, more),
};
const PLACES = {
  document: ({ document }) => [document],
  registration: ({ document }) => [`${document}/facets/registration`],
  damage: ({ document }) => [`${document}/facets/damage`],
  service_history: ({ document }) => [`${document}/facets/service_history`],
  mileage: ({ document }) => [`${document}/facets/mileage`],
  chosen: ({ document }) => [`${document}?facets=damage,registration,identity`],
  stream: ({ document }) => [document, { headers: { accept: "text/event-stream" } }],
  page: ({ page }) => [`${page}?lang=en`],
};

/** All answers of a tier about a car: the first ones, and those from the stores. */
async function answers(tier, car) {
  const seen = {};
  for (const times of ["first", "again"])
    for (const [name, place] of Object.entries(PLACES))
      seen[`${name}, ${times}`] = comparable(await VIEWERS[tier](...place(car)), car);
  return seen;
}

async function carLike(change) {
  const car = await all.car();
  const known = all.systems.cars.get(car.vin);
  known.record = change({ ...known.record, plate: "XX 1", keeper_name: "A B" });
  return car;
}

const BELOW = { member: ["public"], owner: ["public", "member"] };
for (const [tier, changes] of Object.entries(CHANGES)) {
  for (const viewer of BELOW[tier]) {
    test(`to ${viewer}, what ${tier}s see makes no difference`, async (t) => {
      const plain = await answers(viewer, await carLike((record) => record));
      assert.equal(plain["document, first"].status, 200);
      for (const [name, change] of Object.entries(changes)) {
        await t.test(name, async () => {
          const seen = await answers(viewer, await carLike(change));
          for (const place of Object.keys(plain)) checkSame(seen[place], plain[place], place);
        });
      }
    });
  }
}

test("the tier that may see them gets other bytes, so that the comparison shows something", async () => {
  const plain = await answers("member", await carLike((record) => record));
  const isSame = async (change) => {
    const { "document, first": seen } = await answers("member", await carLike(change));
    return seen.body === plain["document, first"].body;
  };
  assert.equal(await isSame((record) => record), true);
  for (const name of ["no damage", "damage not stated", "no service entry", "no reading"])
    assert.equal(await isSame(CHANGES.member[name]), false, name);
  const car = await carLike((record) => record);
  const owner = all.member();
  const keeper = all.rights.keeper("aa", car.vehicle, "a b");
  await all.own(owner, car, { keeper });
  const { text } = await owner.ask(car.document);
  assert.ok(text.includes("XX 1") && text.includes(marksOf(car.vin).invoice), text);
});

test("withheld names are the same for every car", async () => {
  const bare = (record) =>
    withEach("services", { by: undefined, invoice: undefined, text: undefined })(
      withEach("damage", { text: undefined, on: undefined })(
        without("plate", "keeper_name", "keeper_address", "vin")(record),
      ),
    );
  const names = ({ json }) =>
    Object.entries(json.meta.facets).map(([name, { withheld, needs }]) => [name, withheld, needs]);
  for (const tier of ["public", "member"]) {
    const of = async (change) => names(await VIEWERS[tier]((await carLike(change)).document));
    const plain = await of((record) => record);
    assert.ok(plain.some(([, withheld]) => withheld) && plain.some(([, , needs]) => needs));
    assert.deepEqual(await of(bare), plain);
  }
  const holder = all.member();
  const held = async (change) => {
    const car = await carLike(change);
    await all.own(holder, car, { personal_from_ms: null });
    return names(await holder.ask(car.document));
  };
  assert.deepEqual(await held(bare), await held((record) => record));
});
