// Rows of grants as somebody would write them who can write D1 and has no key: none of them is a
// right, and each raises an alarm.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { marksOf } from "./support/ownership-systems.mjs";
import { owning, shown } from "./support/owning.mjs";
import { DAY_MS, GRANT_COLUMNS, HOUR_MS } from "./support/rights.mjs";

let all, rights;
before(async () => {
  const methods = ["contact_code", "vehicle_code", "keeper_document"];
  all = await owning({ markets: { aa: { methods }, bb: { methods } } });
  ({ rights } = all);
});
after(() => all?.end());

/** A car whose registration is stored, and its holder, with the keeper of the registration. */
async function held(values = {}, market = "aa") {
  const [person, car] = [all.member(), await all.car(market)];
  const keeper = rights.keeper(market, car.vehicle, marksOf(car.vin).keeper_name);
  const grant = await all.own(person, car, { keeper, ...values });
  return { person, car, grant };
}

/** The person's document, and the personal values in it. */
async function look(person, car) {
  const answer = await person.ask(car.document);
  assert.equal(answer.status, 200, answer.text);
  return { tier: answer.json.tier, marks: shown(answer.text, marksOf(car.vin)) };
}

/** Nobody holds the car any more, and somebody has been called. */
async function refused({ person, car }, what) {
  const before = all.alarms().length;
  const { tier, marks } = await look(person, car);
  assert.deepEqual([tier, marks], ["member", []], what);
  assert.ok(all.alarms().length > before, `no alarm: ${what}`);
}

/** A text with another first character. */
const flipped = (text) => `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;

const DATED = ["invoice", "service_text", "workshop", "damage_text"];
const OF_KEEPER = ["keeper_address", "keeper_name", "plate"];

test("a row with a valid code is a right, also after a rewrite and a shift of time", async () => {
  const { person, car, grant } = await held();
  assert.deepEqual(await look(person, car), {
    tier: "owner",
    marks: marksInOrder([...OF_KEEPER, ...DATED]),
  });
  await rights.rewrite("ownership_grant", grant.id, { method: "oem_mapping" });
  assert.equal((await look(person, car)).tier, "owner");
  await rights.shift("ownership_grant", grant.id, 30 * DAY_MS);
  assert.equal((await look(person, car)).tier, "owner");
  assert.equal(all.alarms().length, 0);
  await rights.shift("ownership_grant", grant.id, 160 * DAY_MS);
  assert.deepEqual(await look(person, car), { tier: "member", marks: [] }, "past its end");
  assert.equal(all.alarms().length, 0, "the end of a grant is no alarm");
});
const marksInOrder = (names) => Object.keys(marksOf("any")).filter((name) => names.includes(name));

test("the times of a grant count to the second", async () => {
  const now = Date.now();
  for (const [values, tier, isOpen] of [
    [{ effective_from_ms: now + HOUR_MS }, "member", false],
    [{ effective_from_ms: now - 1 }, "owner", true],
    [{ ends_at_ms: now - 1 }, "member", false],
    [{ personal_from_ms: now + HOUR_MS }, "owner", false],
    [{ personal_from_ms: null }, "owner", false],
  ]) {
    const { person, car } = await held(values);
    const seen = await look(person, car);
    assert.deepEqual([seen.tier, seen.marks.length > 0], [tier, isOpen], JSON.stringify(values));
  }
});

test("a row without a valid code", async () => {
  const codes = {
    nothing: "",
    "a text": "x",
    zeros: Buffer.alloc(32).toString("base64url"),
    "no base64url": "!".repeat(43),
    "a megabyte": "A".repeat(1_000_000),
  };
  for (const [name, mac] of Object.entries(codes)) {
    const [person, car] = [all.member(), await all.car()];
    const { hash } = person;
    const row = rights.makeGrant({ ...place(car), person: hash });
    await rights.insert("ownership_grant", { ...row, mac });
    await refused({ person, car }, name);
  }
});
const place = ({ market, vehicle, id }) => ({ market, vehicle, vehicle_id: id });

test("the code of another row, of a claim's table, or by another key", async () => {
  const other = await held();
  const makers = {
    "of another row": (row) => ({ ...row, mac: other.grant.mac }),
    "of its row with another id": (row) => ({ ...row, id: flipped(row.id) }),
    "by a key that the Worker does not hold": (row) => ({ ...row, key_id: 2 }),
  };
  for (const [name, make] of Object.entries(makers)) {
    const [person, car] = [all.member(), await all.car()];
    const row = rights.makeGrant({ ...place(car), person: person.hash });
    await rights.insert("ownership_grant", make(row));
    await refused({ person, car }, name);
  }
});

const EDITS = {
  id: (row) => flipped(row.id),
  key_id: () => 2,
  pseudonym: () => "A".repeat(22),
  method: () => "oem_mapping",
  since: () => "1990-01-01",
  keeper: () => "0".repeat(64),
  verified_at_ms: (row) => row.verified_at_ms + 1,
  effective_from_ms: (row) => row.effective_from_ms - 1,
  personal_from_ms: (row) => row.personal_from_ms - 1,
  ends_at_ms: (row) => row.ends_at_ms + DAY_MS,
  objection: () => "A".repeat(43),
  sealed: (row) => flipped(row.sealed),
  mac: (row) => flipped(row.mac),
};

test("each column of a live grant, edited", async (t) => {
  const moved = ["market", "vehicle", "person"];
  assert.deepEqual([...Object.keys(EDITS), ...moved].sort(), [...GRANT_COLUMNS, "mac"].sort());
  for (const [column, edit] of Object.entries(EDITS)) {
    await t.test(column, async () => {
      const one = await held();
      assert.equal((await look(one.person, one.car)).tier, "owner");
      await rights.edit("ownership_grant", one.grant.id, { [column]: edit(one.grant) });
      await refused(one, column);
    });
  }
});

test("values of other types and sizes in each column", async () => {
  const values = ["", "\u0000", "x".repeat(100_000), -1, 2 ** 53, 1.5, null];
  for (const column of Object.keys(EDITS)) {
    const { person, car, grant } = await held();
    for (const value of values) {
      if (value === grant[column]) continue;
      // A column that may not be empty stays as it is.
      const isWritten = await rights
        .edit("ownership_grant", grant.id, { [column]: value })
        .then(() => true)
        .catch(() => false);
      if (isWritten && column === "id") grant.id = value;
      if (isWritten)
        await refused({ person, car }, `${column} = ${JSON.stringify(value)}`.slice(0, 60));
    }
  }
});

test("a grant that is moved to another person, car or market", async () => {
  const one = await held();
  const [thief, other] = [all.member(), await all.car()];
  await rights.edit("ownership_grant", one.grant.id, { person: thief.hash });
  await refused({ person: thief, car: one.car }, "another person");
  await refused(one, "its own person, while the row is another's");
  await rights.edit("ownership_grant", one.grant.id, {
    person: one.person.hash,
    vehicle: other.vehicle,
  });
  await refused({ person: one.person, car: other }, "another car");
  const [moved, there] = [await held(), "bb"];
  await rights.edit("ownership_grant", moved.grant.id, { market: there });
  const car = await all.carOf(moved.car.vin, there);
  // People of the two markets have one provider, so that the person is the same.
  const before = all.alarms().length;
  const token = all.main.accessToken({ sub: moved.person.sub, scope: "openid vehicles:read" });
  const { json, text } = await all.all.ask(car.document, { token });
  assert.equal(json.tier, "member", text);
  assert.ok(all.alarms().length > before);
});

test("a grant that has ended, with its end edited away", async () => {
  const one = await held();
  const { id, mac } = one.grant;
  const end = { ended_at_ms: Date.now(), end_reason: "given_up" };
  await rights.edit("ownership_grant", id, { ...end, mac: "" });
  const before = all.alarms().length;
  assert.equal((await look(one.person, one.car)).tier, "member");
  assert.equal(all.alarms().length, before, "an ended grant is no alarm");
  await rights.edit("ownership_grant", id, { ended_at_ms: null, end_reason: null });
  await refused(one, "without the code that it had");
  await rights.edit("ownership_grant", id, { mac: `${mac}=` });
  await refused(one, "with its code, spelled otherwise");
});

test("a forged row beside an authentic one changes nothing for the holder", async () => {
  const { person, car } = await held();
  const thief = all.member();
  const row = rights.makeGrant({ ...place(car), person: thief.hash, method: "oem_mapping" });
  await rights.insert("ownership_grant", { ...row, mac: "A".repeat(43) });
  assert.equal((await look(person, car)).tier, "owner");
  assert.equal((await look(thief, car)).tier, "member");
});

test("the later of two authentic grants counts, and the earlier never again", async () => {
  const { person, car } = await held({ effective_from_ms: Date.now() - 10 * DAY_MS });
  const heir = all.member();
  const later = await all.own(heir, car);
  assert.deepEqual(await tiers(person, heir, car), ["member", "owner"]);
  await rights.rewrite("ownership_grant", later.id, { ends_at_ms: Date.now() - 1 });
  assert.deepEqual(await tiers(person, heir, car), ["member", "member"]);
});
const tiers = async (...all) => {
  const car = all.pop();
  return Promise.all(all.map(async (person) => (await look(person, car)).tier));
};

test("a restore of D1: with RIGHTS_NOT_BEFORE no grant and no session from before it counts", async () => {
  const limit = Date.now() - HOUR_MS;
  const restored = await owning({
    bindings: { RIGHTS_NOT_BEFORE: new Date(limit).toISOString() },
  });
  try {
    const [person, car] = [restored.member(), await restored.car()];
    const { id } = await restored.own(person, car, { verified_at_ms: limit - 1 });
    const browser = await restored.browserOf(person);
    assert.equal(await restored.tierOf(person, car), "member");
    assert.equal((await browser.ask(car.document)).json.tier, "member");
    await restored.rights.rewrite("ownership_grant", id, { verified_at_ms: limit });
    assert.equal(await restored.tierOf(person, car), "owner", "one from after it");
    assert.equal((await browser.ask(car.document)).json.tier, "owner");
    const [session] = await restored.here.sql("SELECT * FROM session");
    const at = (created_at_ms) => restored.rights.rewrite("session", session.id, { created_at_ms });
    await at(limit);
    assert.equal((await browser.ask(car.document)).json.tier, "owner");
    await at(limit - 1);
    assert.notEqual((await browser.ask(car.document)).json?.tier, "owner", "a session from before");
  } finally {
    await restored.end();
  }
});

test("without the key of rights nobody holds anything, and no member sees more than one", async () => {
  const without = await owning({ bindings: { RIGHTS_KEY_1: "" } });
  try {
    const [person, car] = [without.member(), await without.car()];
    await without.own(person, car);
    assert.equal(await without.tierOf(person, car), "member");
    assert.equal(await without.tierOf(undefined, car), "public");
  } finally {
    await without.end();
  }
});
