// Claims from their start to their end: what a weak proof opens and when, who is told, and that a
// right is over with the next request after its end, wherever it is asked for.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { marksOf } from "./support/ownership-systems.mjs";
import { owning, shown } from "./support/owning.mjs";
import { until } from "./support/portal.mjs";
import { DAY_MS, HOUR_MS } from "./support/rights.mjs";

const NOTICE_MS = 72 * HOUR_MS;

let all, rights;
before(async () => {
  const methods = ["contact_code", "vehicle_code", "keeper_document", "oem_mapping"];
  all = await owning({ markets: { aa: { methods } } });
  ({ rights } = all);
});
after(() => all?.end());

let contacts = 0;
/** A car with a contact on record; `contact` is its address. */
async function carWithContact(known = {}) {
  const contact = `contact-${(contacts += 1)}@example.com`;
  const car = await all.car("aa", { contact: { email: contact }, ...known });
  return { ...car, contact };
}

/** What a person sees of a car: the tier, and the personal values. */
async function look(person, car) {
  const { status, json, text } = await person.ask(car.document);
  assert.equal(status, 200, text);
  return { tier: json.tier, marks: shown(text, { ...marksOf(car.vin), vin: car.vin }) };
}
const NOTHING = { tier: "member", marks: [] };

/** Proves by the code that the car shows. */
async function proveInCar(person, car) {
  const claim = await all.claim(person, car, "vehicle_code");
  const { code } = all.systems.asked("head_unit", car.vin).at(-1).body;
  return all.prove(person, car, claim, { code });
}

async function proveByContact(person, car) {
  const sent = all.systems.messages(car.contact, "contact_code").length;
  const claim = await all.claim(person, car, "contact_code", { contact: car.contact });
  const messages = await all.messages(car.contact, "contact_code", { atLeast: sent + 1 });
  assert.equal(messages.length, sent + 1, "a code was sent");
  return all.prove(person, car, claim, { code: messages.at(-1).code });
}

/** The one grant of a car that has not ended. */
async function grantOf({ market, vehicle }) {
  const grants = await rights.live(market, vehicle);
  assert.equal(grants.length, 1, JSON.stringify(grants));
  return grants[0];
}

/** The same once the contact on record was told, so that its time has begun. */
const told = (car) =>
  until(
    "the contact was told",
    () => grantOf(car),
    ({ personal_from_ms }) => personal_from_ms,
  );

test("contact_code: everything is open at once, for the car alone", async () => {
  const [ada, car, other] = [all.member(), await carWithContact(), await all.car()];
  const { status, json, text } = await proveByContact(ada, car);
  assert.equal(status, 200, text);
  assert.deepEqual([json.state, json.grant.strength], ["verified", "strong"]);
  const seen = await look(ada, car);
  assert.equal(seen.tier, "owner");
  for (const name of ["plate", "keeper_name", "keeper_address", "vin"])
    assert.ok(seen.marks.includes(name), name);
  assert.deepEqual(await look(ada, other), NOTHING);
  assert.deepEqual(await look(all.member(), car), NOTHING);
});

test("codes are read as people type them", async () => {
  for (const spell of [
    (code) => code.toLowerCase(),
    (code) => ` ${code} `,
    (code) => code.replace(/[\s-]/g, ""),
    (code) => [...code.replace(/[\s-]/g, "")].join(" "),
    (code) => code.replace(/[\s-]/g, "").replace(/(.{4})/, "$1-"),
  ]) {
    const [ada, car] = [all.member(), await carWithContact()];
    const claim = await all.claim(ada, car, "contact_code", { contact: car.contact });
    const [{ code }] = await all.messages(car.contact);
    assert.match(code, /^[2-9A-HJ-NP-Z]{4}[ -]?[2-9A-HJ-NP-Z]{4}$/);
    const { status, text } = await all.prove(ada, car, claim, { code: spell(code) });
    assert.equal(status, 200, `${spell(code)}: ${text}`);
  }
});

test("a code is good once, in its time, and for its claim", async () => {
  const [ada, car] = [all.member(), await carWithContact()];
  const claim = await all.claim(ada, car, "contact_code", { contact: car.contact });
  const [{ code }] = await all.messages(car.contact);
  const second = await all.claim(ada, car, "contact_code", { contact: car.contact });
  assert.equal((await all.prove(ada, car, second, { code })).status, 422, "another claim's");
  const proofs = await Promise.all(
    Array.from({ length: 20 }, () => all.prove(ada, car, claim, { code })),
  );
  const good = proofs.filter(({ status }) => status === 200);
  // A newer claim takes the place of an older one.
  assert.ok(good.length <= 1, `${good.length} times`);
  const [late, there] = [all.member(), await carWithContact()];
  const old = await all.claim(late, there, "contact_code", { contact: there.contact });
  const [message] = await all.messages(there.contact);
  await rights.shift("ownership_claim", old, 600_001);
  assert.equal((await all.prove(late, there, old, { code: message.code })).status, 410);
  assert.deepEqual(await look(late, there), NOTHING);
});

test("vehicle_code on a car that nobody holds: facts at once, nothing personal for 72 hours", async () => {
  const [ada, car] = [all.member(), await carWithContact()];
  const { status, json, text } = await proveInCar(ada, car);
  assert.equal(status, 200, text);
  assert.deepEqual([json.state, json.grant.strength], ["verified", "weak"]);
  assert.equal(json.grant.awaits_notice, true, text);
  assert.deepEqual(await look(ada, car), { tier: "owner", marks: [] });
  const messages = await all.messages(car.contact);
  assert.deepEqual(
    messages.map(({ kind, channel }) => [kind, channel]),
    [["claim_verified", "email"]],
    "one message to the contact on record",
  );
  assert.match(messages[0].link, /\/ownership\/objection\?code=/);
  const grant = await told(car);
  assert.ok(grant.personal_from_ms - grant.verified_at_ms >= NOTICE_MS, "after the delivery");
  await rights.shift("ownership_grant", grant.id, NOTICE_MS - 60_000);
  assert.deepEqual(await look(ada, car), { tier: "owner", marks: [] }, "a minute before");
  await rights.shift("ownership_grant", grant.id, 61_000);
  const seen = await look(ada, car);
  for (const name of ["plate", "keeper_name", "vin"]) assert.ok(seen.marks.includes(name), name);
  await all.here.scheduled();
  assert.equal((await all.messages(car.contact)).length, 1, "still one message");
});

test("vehicle_code without a contact on record: nothing personal, ever", async () => {
  for (const known of [
    {},
    { contact: { held_since: "2020-01-01" } },
    { contact: { email: "late@example.com", changed_on: new Date().toISOString().slice(0, 10) } },
  ]) {
    const [ada, car] = [all.member(), await all.car("aa", known)];
    const { status, json, text } = await proveInCar(ada, car);
    assert.equal(status, 200, text);
    assert.equal(json.grant.personal_from ?? null, null, text);
    const { id } = await grantOf(car);
    for (const days of [0, 3, 30, 140]) {
      await rights.shift("ownership_grant", id, days * DAY_MS);
      assert.deepEqual(await look(ada, car), { tier: "owner", marks: [] }, `after ${days} days`);
    }
  }
});

test("an outage of the contact's system is no proof without a contact, and costs no attempt", async () => {
  const [ada, car] = [all.member(), await carWithContact()];
  const claim = await all.claim(ada, car, "vehicle_code");
  const { code } = all.systems.asked("head_unit", car.vin).at(-1).body;
  all.systems.down.add("crm");
  try {
    for (let times = 0; times < 8; times += 1)
      assert.equal((await all.prove(ada, car, claim, { code })).status, 503);
  } finally {
    all.systems.down.clear();
  }
  assert.deepEqual(await look(ada, car), NOTHING);
  assert.equal((await all.prove(ada, car, claim, { code })).status, 200);
  assert.ok((await told(car)).personal_from_ms, "the contact counts");
});

const object = (car, code, more) =>
  all.post(undefined, `${car.ownership}/objection`, { code }, more);

test("an objection: the next request is a member's, before and after the 72 hours", async () => {
  for (const hours of [0, 100]) {
    const [ada, car] = [all.member(), await carWithContact()];
    await proveInCar(ada, car);
    const [{ code }] = await all.messages(car.contact);
    const { id } = await told(car);
    await rights.shift("ownership_grant", id, hours * HOUR_MS);
    assert.equal((await look(ada, car)).tier, "owner");
    const other = await all.car();
    for (const [where, wrong] of [
      [car, "22222222"],
      [car, ""],
      [other, code],
    ])
      assert.equal((await object(where, wrong)).status, 422, `${wrong}`);
    assert.equal((await look(ada, car)).tier, "owner");
    const { status, text } = await object(car, code);
    assert.equal(status, 200, text);
    assert.deepEqual(await look(ada, car), NOTHING, `after ${hours} hours`);
    assert.equal((await object(car, code)).status, 200, "a second objection changes nothing");
    assert.equal((await rights.live("aa", car.vehicle)).length, 0);
    const [{ end_reason }] = await all.here.sql(
      "SELECT end_reason FROM ownership_grant WHERE id = ?1",
      id,
    );
    assert.match(end_reason, /object/);
  }
});

test("a weak claim and silence: the incumbent keeps the car", async () => {
  for (const method of ["vehicle_code", "contact_code"]) {
    const [ada, eve, car] = [all.member(), all.member(), await carWithContact()];
    await all.own(ada, car, { method, contact: "incumbent@example.com" });
    const before = all.systems.messages("incumbent@example.com").length;
    const { status, json } = await proveInCar(eve, car);
    assert.deepEqual([status, json.type], [409, "/problems/claim-conflict"]);
    assert.deepEqual(await look(eve, car), NOTHING);
    await all.here.scheduled();
    const told = await all.messages("incumbent@example.com", "claim_contested", {
      atLeast: before + 1,
    });
    assert.equal(told.length, before + 1, "the holder is told");
    const grant = await grantOf(car);
    const [claim] = await all.here.sql(
      "SELECT id, state FROM ownership_claim WHERE person = ?1",
      eve.hash,
    );
    assert.equal(claim.state, "contested");
    await rights.shift("ownership_claim", claim.id, NOTICE_MS + HOUR_MS);
    await rights.shift("ownership_grant", grant.id, NOTICE_MS + HOUR_MS);
    await all.here.scheduled();
    assert.equal((await look(ada, car)).tier, "owner");
    assert.deepEqual(await look(eve, car), NOTHING);
  }
});

test("a strong proof against a strong grant waits 72 hours, and the holder may answer", async () => {
  const isAnswered = [false, true];
  for (const answers of isAnswered) {
    const [ada, eve, car] = [all.member(), all.member(), await carWithContact()];
    const holder = `holder-${answers}@example.com`;
    const held = await all.own(ada, car, { contact: holder });
    const { status, json, text } = await proveByContact(eve, car);
    assert.equal(status, 200, text);
    assert.equal(json.state, "waiting", text);
    assert.deepEqual(await look(eve, car), NOTHING);
    assert.equal((await look(ada, car)).tier, "owner");
    assert.equal((await all.messages(holder, "claim_waiting")).length, 1);
    const status_ = (await ada.ask(car.ownership)).json;
    assert.equal(status_.contested_by.method, "contact_code");
    const waiting = await until(
      "the time of the waiting grant begins with the delivery",
      async () => (await rights.live("aa", car.vehicle)).find(({ id }) => id !== held.id),
      ({ effective_from_ms, ends_at_ms }) => effective_from_ms < ends_at_ms,
    );
    if (answers) {
      const { status, text } = await proveByContact(ada, car);
      assert.equal(status, 200, text);
    }
    const { ended_at_ms } = await rights.row("ownership_grant", waiting.id);
    assert.equal(ended_at_ms !== null, answers, "the waiting grant");
    if (answers) {
      assert.equal((await look(ada, car)).tier, "owner");
      assert.deepEqual(await look(eve, car), NOTHING);
    } else {
      await rights.shift("ownership_grant", waiting.id, NOTICE_MS + 1_000);
      assert.deepEqual(await look(ada, car), NOTHING, "the next request after the change");
      assert.equal((await look(eve, car)).tier, "owner");
    }
  }
});

test("ten failures by strangers, then the buyer's delivered code: the buyer wins", async () => {
  const car = await carWithContact();
  for (let stranger = 0; stranger < 4; stranger += 1) {
    const eve = all.member();
    const contact = `stranger-${stranger}@example.com`;
    const claim = await all.claim(eve, car, "contact_code", { contact });
    for (let times = 0; times < 3; times += 1)
      await all.prove(eve, car, claim, { code: "ABCDEFGH" });
  }
  const [{ failures }] = await all.here.sql(
    "SELECT count(*) AS failures FROM audit_entry WHERE vehicle = ?1 AND action = 'proof'",
    car.vehicle,
  );
  assert.ok(failures >= 10, `${failures} failures`);
  const buyer = all.member();
  const { status, text } = await proveByContact(buyer, car);
  assert.equal(status, 200, text);
  assert.equal((await look(buyer, car)).tier, "owner");
});

// ---- The end of rights
// ------------------------------------------------------------------------------------------------

const PLACES = {
  document: (car) => [car.document],
  "a facet": (car) => [`${car.document}/facets/registration`],
  "chosen facets": (car) => [`${car.document}?facets=service_history,damage,registration`],
  stream: (car) => [car.document, { headers: { accept: "text/event-stream" } }],
  page: (car) => [`${car.page}?lang=en`],
};
const ENDS = {
  "giving it up": async ({ ada, car }) => {
    const { status, text } = await ada.ask(car.ownership, { method: "DELETE" });
    assert.equal(status, 200, text);
  },
  "an operator's revocation": async ({ car }) => {
    const body = { market: "aa", vin: car.vin, reason: "Reported by the police." };
    const { status, json, text } = await all.operate("revocations", body);
    assert.deepEqual([status, json?.grants], [200, 1], text);
  },
  "a strong proof over a weak one": async ({ car }) => {
    const { status, text } = await proveByContact(all.member(), car);
    assert.equal(status, 200, text);
  },
  "its last day": async ({ car, grant }) => {
    await rights.rewrite("ownership_grant", grant.id, { ends_at_ms: Date.now() - 1 });
    assert.equal((await rights.live("aa", car.vehicle)).length, 1, "the job has not run");
  },
  "an erasure": async ({ ada }) => {
    const { status, text } = await ada.ask("/api/v1/aa/me", { method: "DELETE" });
    assert.ok([200, 204].includes(status), text);
  },
};

for (const [name, end] of Object.entries(ENDS)) {
  test(`after ${name} the next request is a member's`, async () => {
    for (const [place, ask] of Object.entries(PLACES)) {
      const [ada, car] = [all.member(), await carWithContact()];
      const method = name.includes("weak") ? "vehicle_code" : "contact_code";
      const keeper = rights.keeper("aa", car.vehicle, marksOf(car.vin).keeper_name);
      const grant = await all.own(ada, car, { keeper, method });
      const browser = place === "page" ? await all.browserOf(ada) : ada;
      const before = await browser.ask(...ask(car));
      assert.ok(shown(before.text, marksOf(car.vin)).includes("plate"), `${place}, while held`);
      await end({ ada, car, grant });
      const after = await browser.ask(...ask(car));
      // An erasure signs out as well.
      assert.ok([200, 401].includes(after.status), `${place}: ${after.status}`);
      assert.deepEqual(shown(after.text, { ...marksOf(car.vin), vin: car.vin }), [], place);
      if (after.json?.tier) assert.notEqual(after.json.tier, "owner", place);
    }
  });
}

test("a method that is switched off takes no claim and no proof, and grants stay", async () => {
  const switchTo = (state) =>
    all.operate("ownership/methods", {
      method: "vehicle_code",
      state,
      reason: "A head unit leaks.",
    });
  const [ada, eve, car] = [all.member(), all.member(), await carWithContact()];
  const claim = await all.claim(eve, car, "vehicle_code");
  const { code } = all.systems.asked("head_unit", car.vin).at(-1).body;
  const held = await all.car();
  await all.own(ada, held, { method: "vehicle_code" });
  assert.equal((await switchTo("off")).status, 200);
  try {
    assert.equal((await all.prove(eve, car, claim, { code })).status, 422);
    assert.equal((await all.start(all.member(), car, "vehicle_code")).status, 422);
    assert.equal((await look(ada, held)).tier, "owner");
  } finally {
    assert.equal((await switchTo("on")).status, 200);
  }
  assert.equal((await all.prove(eve, car, claim, { code })).status, 200);
});

test("oem_mapping: the maker's primary user, by issuer and subject, and nobody else", async () => {
  const [ada, eve] = [all.member(), all.member()];
  const car = await all.car("aa", { primary: { sub: ada.sub, iss: ada.iss, since: "2024-01-01" } });
  assert.equal((await all.start(eve, car, "oem_mapping")).status, 422);
  const { status, json, text } = await all.start(ada, car, "oem_mapping");
  assert.deepEqual([status, json?.state], [201, "verified"], text);
  assert.equal((await grantOf(car)).since, "2024-01-01");
  assert.equal((await look(ada, car)).tier, "owner");
});
