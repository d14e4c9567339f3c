// A former and a new holder: when the registry's keeper changes, the former's right ends with the
// transaction that records it, and neither sees what belongs to the other's time with the car.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { openStream } from "./support/event-stream.mjs";
import { marksOf, recordOf } from "./support/ownership-systems.mjs";
import { owning, shown } from "./support/owning.mjs";

let all, rights;
before(async () => {
  const methods = ["contact_code", "vehicle_code", "keeper_document"];
  // Facets of "kk" are stale after a second: its registry is asked again.
  all = await owning({ markets: { aa: { methods }, kk: { methods, ttl_s: 1 } } });
  ({ rights } = all);
});
after(() => all?.end());

const pause = (ms) => new Promise((go) => setTimeout(go, ms));
const STALE_MS = 1_300;
const SOLD_ON = "2026-09-01";
const firstOf = (vin) => marksOf(vin, "first");
const secondOf = (vin) => marksOf(vin, "second");

let number = 0;
/** A car of a first keeper, who holds it, with everything in the stores. */
async function heldCar(market = "kk") {
  const contact = `keeper-${(number += 1)}@example.com`;
  const car = await all.car(market, { contact: { email: contact } });
  const ada = all.member();
  const keeper = rights.keeper(market, car.vehicle, firstOf(car.vin).keeper_name);
  const grant = await all.own(ada, car, { keeper, since: "2020-01-01" });
  const { text } = await ada.ask(car.document);
  const seen = shown(text, firstOf(car.vin));
  for (const name of ["plate", "keeper_name", "workshop", "damage_text"])
    assert.ok(seen.includes(name), `the holder sees ${name}`);
  return { car, ada, grant, contact };
}

/** The registry records the next keeper, and events of their time stand beside the old ones. */
function sell({ car: { vin }, contact }) {
  const others = [{ marks: firstOf(vin), day: "2024-05-06" }];
  Object.assign(all.systems.cars.get(vin), {
    record: recordOf(vin, { keeper: "second", day: "2026-10-01", others }),
    contact: { email: contact, held_since: SOLD_ON },
  });
}

const PLACES = {
  document: ({ document }) => [document],
  registration: ({ document }) => [`${document}/facets/registration`],
  service_history: ({ document }) => [`${document}/facets/service_history`],
  damage: ({ document }) => [`${document}/facets/damage`],
  stream: ({ document }) => [document, { headers: { accept: "text/event-stream" } }],
};

test("the keeper changes: nothing of the next one to the former, whose next request is a member's", async () => {
  for (const [name, place] of Object.entries(PLACES)) {
    const one = await heldCar();
    const { ada, car, grant } = one;
    sell(one);
    await pause(STALE_MS);
    const during = await ada.ask(...place(car));
    assert.equal(during.status, 200, during.text);
    assert.deepEqual(shown(during.text, secondOf(car.vin)), [], `${name}, the request that learns`);
    if (!["document", "registration", "stream"].includes(name)) await ada.ask(car.document);
    for (const after of [await ada.ask(...place(car)), await ada.ask(car.document)]) {
      assert.deepEqual(shown(after.text, secondOf(car.vin)), [], name);
      assert.deepEqual(shown(after.text, firstOf(car.vin)), [], `${name}: what was theirs before`);
    }
    assert.equal((await ada.ask(car.document)).json.tier, "member", name);
    const { end_reason, mac } = await rights.row("ownership_grant", grant.id);
    assert.deepEqual([end_reason, mac], ["keeper_changed", ""], name);
  }
});

test("anybody's request that learns of the keeper ends the former's right", async () => {
  const one = await heldCar();
  sell(one);
  await pause(STALE_MS);
  const other = all.member();
  await all.own(other, await all.car("kk"));
  const buyer = all.member();
  // A proof asks for the registration.
  const claim = await all.claim(buyer, one.car, "contact_code", { contact: one.contact });
  const [{ code }] = await all.messages(one.contact, "contact_code");
  const proven = await all.prove(buyer, one.car, claim, { code });
  assert.equal(proven.status, 200, proven.text);
  const { text, json } = await one.ada.ask(one.car.document);
  assert.equal(json.tier, "member");
  assert.deepEqual(shown(text, { ...firstOf(one.car.vin), ...secondOf(one.car.vin) }), []);
});

test("an open stream of the former holder ends", async () => {
  for (const late of ["service_history", "damage"]) {
    const one = await heldCar();
    const { ada, car } = one;
    sell(one);
    await pause(STALE_MS);
    const release = all.systems.hold(car.vin, late);
    const stream = await openStream(all.here.url + car.document, ada.token);
    await stream.until("registration");
    // The transaction that records the keeper comes after the event.
    for (let tries = 0; tries < 100 && (await rights.live("kk", car.vehicle)).length; tries += 1)
      await pause(20);
    assert.equal((await rights.live("kk", car.vehicle)).length, 0, "the grant has ended");
    release();
    const text = await stream.end();
    assert.deepEqual(shown(text, secondOf(car.vin)), [], `${late} of the next keeper`);
    const lateEvent = text.split("\n\n").find((part) => part.includes(`"name":"${late}"`)) ?? "";
    assert.deepEqual(shown(lateEvent, firstOf(car.vin)), [], `${late} after the end`);
  }
});

test("an open stream ends with a right that is given up or revoked", async () => {
  const ends = {
    "given up": ({ ada, car }) => ada.ask(car.ownership, { method: "DELETE" }),
    revoked: ({ car }) =>
      all.operate("revocations", { market: "kk", vin: car.vin, reason: "Reported." }),
  };
  for (const [name, end] of Object.entries(ends)) {
    const one = await heldCar();
    await pause(STALE_MS);
    const release = all.systems.hold(one.car.vin, "service_history");
    const stream = await openStream(all.here.url + one.car.document, one.ada.token);
    await stream.until("registration");
    const { status, text } = await end(one);
    assert.equal(status, 200, text);
    release();
    const whole = await stream.end();
    const late =
      whole.split("\n\n").find((part) => part.includes(`"name":"service_history"`)) ?? "";
    assert.deepEqual(shown(late, firstOf(one.car.vin)), [], `${name}: ${late}`);
  }
});

/** The buyer proves after the sale; gives the buyer. */
async function buy(one) {
  const buyer = all.member();
  const sent = all.systems.messages(one.contact, "contact_code").length;
  const claim = await all.claim(buyer, one.car, "contact_code", { contact: one.contact });
  const messages = await all.messages(one.contact, "contact_code", { atLeast: sent + 1 });
  const proven = await all.prove(buyer, one.car, claim, { code: messages.at(-1).code });
  assert.equal(proven.status, 200, proven.text);
  return buyer;
}

test("successive holders: each sees their own dated events, their own keeper's record, no other's", async () => {
  const one = await heldCar();
  const { ada, car } = one;
  sell(one);
  await pause(STALE_MS);
  await ada.ask(car.document);
  // The former holder's right has ended: no notice is needed.
  const buyer = await buy(one);
  for (const [name, place] of Object.entries(PLACES)) {
    await pause(STALE_MS);
    const { text } = await buyer.ask(...place(car));
    assert.deepEqual(shown(text, firstOf(car.vin)), [], `${name}: the former's`);
    assert.deepEqual(shown((await ada.ask(...place(car))).text, secondOf(car.vin)), [], name);
  }
  const { text, json } = await buyer.ask(car.document);
  assert.equal(json.tier, "owner");
  const own = shown(text, secondOf(car.vin));
  assert.ok(!own.includes("undated_text"), "an undated event is nobody's");
  for (const name of ["plate", "keeper_name", "keeper_address"])
    assert.ok(own.includes(name), `the buyer's ${name}`);
  const [grant] = await rights.live("kk", car.vehicle);
  const ended = await rights.row("ownership_grant", one.grant.id);
  const dayAfter = new Date(ended.ended_at_ms + 86_400_000).toISOString().slice(0, 10);
  assert.equal(grant.since, dayAfter, "not before the end of the former's time");
});

test("a buyer whose seller never proved: since the day that the record states", async () => {
  const car = await all.car("kk", {
    contact: { email: "fresh@example.com", held_since: SOLD_ON },
  });
  all.systems.cars.get(car.vin).record = recordOf(car.vin, {
    keeper: "second",
    day: "2026-10-01",
    others: [{ marks: firstOf(car.vin), day: "2026-08-31" }],
  });
  const buyer = await buy({ car, contact: "fresh@example.com" });
  const { text } = await buyer.ask(car.document);
  assert.deepEqual(shown(text, firstOf(car.vin)), []);
  const own = shown(text, secondOf(car.vin));
  for (const name of ["workshop", "invoice", "service_text", "damage_text", "plate"])
    assert.ok(own.includes(name), `the buyer's ${name}`);
  assert.ok(!own.includes("undated_text"));
});

test("the seller proves again after the sale, before the registry knows: nothing of the buyer's", async () => {
  const one = await heldCar();
  const { ada, car } = one;
  // The contact's system knows of the sale, the registry does not yet.
  Object.assign(all.systems.cars.get(car.vin).contact, { held_since: SOLD_ON });
  await ada.ask(car.ownership, { method: "DELETE" });
  const buyer = await buy(one);
  const { text } = await buyer.ask(car.document);
  assert.deepEqual(shown(text, firstOf(car.vin)), [], "the seller's record is not the buyer's");
  sell(one);
  await pause(STALE_MS);
  const after = await buyer.ask(car.document);
  assert.deepEqual(shown(after.text, firstOf(car.vin)), []);
  assert.deepEqual(shown((await ada.ask(car.document)).text, secondOf(car.vin)), []);
});

test("the same keeper, spelled otherwise, ends nothing", async () => {
  const one = await heldCar();
  const known = all.systems.cars.get(one.car.vin);
  known.record.keeper_name = `  ${known.record.keeper_name.toUpperCase()} `;
  await pause(STALE_MS);
  await one.ada.ask(one.car.document);
  assert.equal((await one.ada.ask(one.car.document)).json.tier, "owner");
});
