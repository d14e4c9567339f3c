// Guesses: thousands of them at once, over many accounts, against one car. Never more proofs are
// evaluated than the limits allow, no answer tells a right guess's neighbour from a wrong one's,
// and nobody's contact is flooded.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { checkSame, comparable, owning } from "./support/owning.mjs";

const MAX_ATTEMPTS = 5;
const MAX_FAILURES = 10;
const MAX_CODES = 3;
const MAX_SHOWN_CODES = 10;

let all;
before(async () => {
  const methods = ["contact_code", "vehicle_code", "keeper_document", "oem_mapping", "dealer"];
  // A busy machine is no outage of a system.
  all = await owning({ markets: { aa: { methods, deadline_ms: 20_000 } } });
});
after(() => all?.end());

const ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
let guesses = 0;
/** A code that was not guessed before. */
function guess() {
  guesses += 1;
  let [rest, text] = [guesses, ""];
  for (; text.length < 8; rest = Math.floor(rest / 32)) text += ALPHABET[rest % 32];
  return { code: text };
}
const wrongDocument = () => ({
  document_number: String(1_000_000_000 + (guesses += 1)),
  issued_on: "2020-02-02",
  first_registration: "2019-01-01",
});
const document = {
  document_number: "4711004711",
  issued_on: "2021-03-04",
  first_registration: "2018-09-10",
};

/** Does some work for each item, many at a time. */
async function crowd(items, work, together = 24) {
  const left = [...items].entries();
  const results = [];
  await Promise.all(
    Array.from({ length: together }, async () => {
      for (const [at, item] of left) results[at] = await work(item);
    }),
  );
  return results;
}
const strangers = (count) => Array.from({ length: count }, () => all.member());
const statusesOf = (answers) => {
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};
const countOf = async (sql, ...params) => Object.values((await all.here.sql(sql, ...params))[0])[0];

/** No claim of a car has had more attempts than are allowed. */
async function checkAttempts({ vehicle }) {
  const most = await countOf(
    "SELECT max(attempts) FROM ownership_claim WHERE vehicle = ?1",
    vehicle,
  );
  assert.ok(most <= MAX_ATTEMPTS, `${most} attempts of one claim`);
}

test("one claim: of 400 guesses at once five are evaluated, and the right code is none any more", async () => {
  const contact = "one-claim@example.com";
  const car = await all.car("aa", { contact: { email: contact } });
  const ada = all.member();
  const claim = await all.claim(ada, car, "contact_code", { contact });
  const [{ code }] = await all.messages(contact);
  const answers = await crowd(Array.from({ length: 400 }), () =>
    all.prove(ada, car, claim, guess()),
  );
  assert.deepEqual(statusesOf(answers), { 422: MAX_ATTEMPTS, 423: 400 - MAX_ATTEMPTS });
  const left = answers.filter(({ status }) => status === 422).map(({ json }) => json.attempts_left);
  assert.deepEqual(left.sort(), [0, 1, 2, 3, 4], "attempts left, each once");
  assert.equal((await all.prove(ada, car, claim, { code })).status, 423);
  assert.equal(await all.tierOf(ada, car), "member");
  await checkAttempts(car);
});

test("contact_code: 200 accounts and 1 000 guesses at once, and the delivered code still wins", async () => {
  const contact = "flooded@example.com";
  const car = await all.car("aa", { contact: { email: contact } });
  const people = strangers(200);
  const claims = await crowd(people, async (person) => ({
    person,
    id: await all.claim(person, car, "contact_code", { contact: `${person.hash}@example.com` }),
  }));
  const tries = claims.flatMap((claim) => Array.from({ length: MAX_ATTEMPTS }, () => claim));
  const answers = await crowd(tries, ({ person, id }) => all.prove(person, car, id, guess()));
  const { 422: wrong, 423: locked, ...others } = statusesOf(answers);
  assert.deepEqual([others, wrong], [{}, MAX_FAILURES], JSON.stringify({ wrong, locked, others }));
  await checkAttempts(car);
  assert.equal(all.systems.messages(contact).length, 0, "nothing was sent to anybody else");
  const buyer = all.member();
  const claim = await all.claim(buyer, car, "contact_code", { contact });
  const [{ code }] = await all.messages(contact);
  const wrongOne = await all.prove(buyer, car, claim, guess());
  assert.equal(wrongOne.status, 423, "a wrong proof looks like those of strangers");
  const right = await all.prove(buyer, car, claim, { code });
  assert.equal(right.status, 200, right.text);
  assert.equal(await all.tierOf(buyer, car), "owner");
});

test("keeper_document: 200 accounts and 1 000 guesses at once; the registry is asked ten times", async () => {
  const car = await all.car("aa", { document: { fields: document } });
  const claims = await crowd(strangers(200), async (person) => ({
    person,
    id: await all.claim(person, car, "keeper_document"),
  }));
  const tries = claims.flatMap((claim) => Array.from({ length: MAX_ATTEMPTS }, () => claim));
  const answers = await crowd(tries, ({ person, id }) =>
    all.prove(person, car, id, wrongDocument()),
  );
  const { 422: wrong, 423: locked, ...others } = statusesOf(answers);
  assert.deepEqual([others, wrong], [{}, MAX_FAILURES], JSON.stringify({ wrong, locked, others }));
  assert.equal(all.systems.asked("registry", car.vin).length, MAX_FAILURES);
  await checkAttempts(car);
  // The right document is not evaluated either, so that nobody learns of it.
  const late = all.member();
  const claim = await all.claim(late, car, "keeper_document");
  assert.equal((await all.prove(late, car, claim, document)).status, 423);
  assert.equal(all.systems.asked("registry", car.vin).length, MAX_FAILURES);
  // A lock is of one method and one car.
  const other = await all.car("aa", { document: { fields: document } });
  const there = await all.claim(late, other, "keeper_document");
  assert.equal((await all.prove(late, other, there, document)).status, 200);
});

test("keeper_document: no lock reaches the present holder", async () => {
  const car = await all.car("aa", { document: { fields: document } });
  const holder = all.member();
  await all.own(holder, car, { method: "keeper_document" });
  await crowd(strangers(5), async (person) => {
    const claim = await all.claim(person, car, "keeper_document");
    for (let times = 0; times < 3; times += 1) await all.prove(person, car, claim, wrongDocument());
  });
  const asked = all.systems.asked("registry", car.vin).length;
  assert.equal(asked, MAX_FAILURES);
  const claim = await all.claim(holder, car, "keeper_document");
  const { status, text } = await all.prove(holder, car, claim, document);
  assert.equal(status, 200, text);
});

test("vehicle_code: 100 accounts; ten codes are shown, and fifty guesses are evaluated at most", async () => {
  const car = await all.car();
  const claims = await crowd(strangers(100), async (person) => ({
    person,
    id: await all.claim(person, car, "vehicle_code"),
  }));
  assert.equal(all.systems.asked("head_unit", car.vin).length, MAX_SHOWN_CODES);
  const tries = claims.flatMap((claim) => Array.from({ length: MAX_ATTEMPTS + 1 }, () => claim));
  const answers = await crowd(tries, ({ person, id }) => all.prove(person, car, id, guess()));
  const { 422: wrong, 423: locked, ...others } = statusesOf(answers);
  assert.deepEqual([others, wrong], [{}, MAX_FAILURES], JSON.stringify({ wrong, locked, others }));
  await checkAttempts(car);
  const delivered = await countOf(
    "SELECT count(*) FROM ownership_claim WHERE vehicle = ?1 AND is_delivered = 1",
    car.vehicle,
  );
  assert.equal(delivered, MAX_SHOWN_CODES);
});

test("dealer: codes that nobody was told are refused, 20 a day for a dealer", async () => {
  const car = await all.car();
  await crowd(strangers(20), (person) => all.claim(person, car, "dealer"));
  const tokens = Array.from({ length: 200 }, () => all.staffToken({ dealer: "D-1002" }));
  const answers = await crowd(tokens, (token) => all.attest(token, guess().code));
  assert.deepEqual(statusesOf(answers), { 422: 20, 429: 180 });
});

test("a claim is its claimant's: for others it is one that does not exist", async () => {
  const contact = "mine@example.com";
  const car = await all.car("aa", { contact: { email: contact } });
  const [ada, eve] = strangers(2);
  const claim = await all.claim(ada, car, "contact_code", { contact });
  const [{ code }] = await all.messages(contact);
  const unknown = Buffer.alloc(16, 7).toString("base64url");
  const [theirs, nobodys] = [
    await all.prove(eve, car, claim, { code }),
    await all.prove(eve, car, unknown, { code }),
  ];
  assert.equal(theirs.status, 404);
  checkSame(comparable(theirs, car), comparable(nobodys, car), "another's claim");
  const other = await all.car();
  assert.equal((await all.prove(ada, other, claim, { code })).status, 404, "at another car");
  const [{ attempts }] = await all.here.sql(
    "SELECT attempts FROM ownership_claim WHERE id = ?1",
    claim,
  );
  assert.equal(attempts, 0, "a stranger uses no attempt");
  assert.equal((await all.prove(ada, car, claim, { code })).status, 200);
});

// ---- Answers that tell nothing
// ------------------------------------------------------------------------------------------------

const daysAgo = (days) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
const TYPED = "typed@example.com";
/** Cars that answers must not tell apart, by method: what the systems know of them. */
const CASES = {
  contact_code: {
    "on record": { contact: { email: TYPED } },
    "on record, in other letters": { contact: { email: TYPED.toUpperCase(), phone: "+491701" } },
    "another contact on record": { contact: { email: "other@example.com" } },
    "another on record with a phone number": { contact: { phone: "+4917012345678" } },
    "changed yesterday": { contact: { email: TYPED, changed_on: daysAgo(1) } },
    "changed a year ago": { contact: { email: TYPED, changed_on: daysAgo(365) } },
    "no contact on record": {},
    "no such car": undefined,
  },
  vehicle_code: {
    "in reach": {},
    "not in reach": { is_in_reach: false },
    "no such car": undefined,
  },
  keeper_document: {
    "a document": { document: { fields: document } },
    "no document": {},
    "no such car": undefined,
  },
};
const PROOF = { contact_code: guess, vehicle_code: guess, keeper_document: wrongDocument };

/** Everything that a claimant sees of a claim with wrong proofs. */
async function seenBy(person, car, method) {
  const more = method === "contact_code" ? { contact: TYPED } : {};
  const started = await all.start(person, car, method, more);
  const claim = started.json?.claim?.id;
  const seen = [started, await person.ask(car.ownership)];
  for (let times = 0; times <= MAX_ATTEMPTS; times += 1)
    seen.push(await all.prove(person, car, claim, PROOF[method]()));
  seen.push(await person.ask(car.ownership));
  return seen.map((answer) => comparable({ ...answer, json: { claim: { id: claim } } }, car));
}

for (const [method, cases] of Object.entries(CASES)) {
  test(`${method}: unknown car, unknown holder and wrong proof are one answer`, async () => {
    let expected;
    for (const [name, known] of Object.entries(cases)) {
      // A contact is sent three codes a day: each case has strangers of its own, and one contact.
      const car = known ? await all.car("aa", known) : await all.carOf(all.newVin());
      const seen = await seenBy(all.member(), car, method);
      assert.deepEqual(
        seen.map(({ status }) => status),
        [201, 200, ...Array.from({ length: MAX_ATTEMPTS }, () => 422), 423, 200],
        `${name}: ${seen.map(({ body }) => body).join("\n")}`,
      );
      expected ??= seen;
      for (const at of seen.keys()) checkSame(seen[at], expected[at], `${name}, answer ${at}`);
    }
  });
}

// Pages name the car, and which cars there are is public: the vehicle page says it. So of an unknown
// car the statuses alone are compared.
const PAGE_CASES = {
  ...CASES,
  oem_mapping: {
    "no primary user": {},
    "another primary user": { primary: { sub: "somebody", iss: "https://elsewhere.example" } },
  },
  dealer: { "a contact": { contact: { email: TYPED } }, "no contact": {} },
};

/** Everything that a claimant sees on pages: forms, answers to them, the overview between. */
async function seenOnPages(browser, car, method) {
  const home = `${car.page}/ownership`;
  const secrets = [browser.csrf];
  const send = (path, fields = {}) =>
    browser.ask(path, { method: "POST", form: { csrf: browser.csrf, ...fields } });
  const fields = method === "contact_code" ? { contact: TYPED, by: "email" } : {};
  const seen = [await browser.ask(home), await browser.ask(`${home}/${method}`)];
  seen.push(await send(`${home}/${method}`, fields));
  seen.push(await browser.ask(home));
  const claim = /ownership\/([\w-]{22})\/proof/.exec(seen.at(-1).text)?.[1];
  for (let times = 0; claim && times <= MAX_ATTEMPTS; times += 1)
    seen.push(await send(`${home}/${claim}/proof`, PROOF[method]()));
  seen.push(await browser.ask(home));
  const code = /name="code" value="([^"]*)"/.exec(seen[2].text)?.[1];
  const id = /name="claim" value="([^"]*)"/.exec(seen[2].text)?.[1] ?? claim;
  if (code) secrets.push(code, `${code.slice(0, 4)} ${code.slice(4)}`);
  return seen.map((answer) => {
    const text = secrets.reduce((text, secret) => text.replaceAll(secret, "SECRET"), answer.text);
    // The person's name is in the head, and what was typed stands in the form again.
    const plain = text
      .replaceAll(/member-\d+/g, "NAME")
      .replace(/(name="(code|document_number)"[^>]*value=")[^"]*/g, "$1");
    return comparable({ ...answer, text: plain, json: { claim: { id } } }, car);
  });
}

for (const [method, cases] of Object.entries(PAGE_CASES)) {
  test(`${method}: the pages tell no more than the API`, async () => {
    const { "no such car": _unknown, ...known } = cases;
    const seenOf = async (car) => {
      const browser = await all.browserOf(all.member());
      return seenOnPages(browser, car, method);
    };
    let expected;
    for (const [name, facts] of Object.entries(known)) {
      const seen = await seenOf(await all.car("aa", facts));
      const statuses = seen.map(({ status }) => status).join(" ");
      if (PROOF[method]) assert.equal(seen.length, MAX_ATTEMPTS + 6, `${name}: ${statuses}`);
      expected ??= seen;
      assert.equal(seen.length, expected.length, `${name}: ${statuses}`);
      for (const at of seen.keys()) checkSame(seen[at], expected[at], `${name}, page ${at}`);
    }
    const unknown = await seenOf(await all.carOf(all.newVin()));
    const statusesOf = (seen) => seen.map(({ status }) => status);
    assert.deepEqual(statusesOf(unknown), statusesOf(expected), "an unknown car");
  });
}

test("dealer: a contact, none and an unknown car are one answer", async () => {
  let expected;
  for (const known of [{ contact: { email: TYPED } }, {}, undefined]) {
    const car = known ? await all.car("aa", known) : await all.carOf(all.newVin());
    const person = all.member();
    const started = await all.start(person, car, "dealer");
    assert.equal(started.status, 201, started.text);
    const { id, code } = started.json.claim;
    const refused = await all.prove(person, car, id, guess());
    const seen = [started, refused, await person.ask(car.ownership)].map((answer) =>
      comparable(
        { ...answer, text: answer.text.replaceAll(code, "CODE"), json: { claim: { id } } },
        car,
      ),
    );
    expected ??= seen;
    for (const at of seen.keys()) checkSame(seen[at], expected[at], `dealer, answer ${at}`);
  }
});

test("oem_mapping: no primary user, another one and an unknown car are one answer", async () => {
  let expected;
  for (const known of [{}, { primary: { sub: "somebody", iss: all.main.url } }, undefined]) {
    const car = known ? await all.car("aa", known) : await all.carOf(all.newVin());
    const seen = comparable(await all.start(all.member(), car, "oem_mapping"), car);
    assert.equal(seen.status, 422, seen.body);
    expected ??= seen;
    checkSame(seen, expected, "oem_mapping");
  }
  const [car, ada] = [await all.car(), all.member()];
  all.systems.cars.get(car.vin).primary = { sub: ada.sub, iss: ada.iss };
  assert.equal((await all.start(ada, car, "oem_mapping")).status, 201);
});

test("an outage of the contact's system is an outage for everybody", async () => {
  const cars = [await all.car("aa", { contact: { email: TYPED } }), await all.car()];
  all.systems.down.add("crm");
  try {
    const [known, unknown] = await Promise.all(
      cars.map(async (car) =>
        comparable(await all.start(all.member(), car, "contact_code", { contact: TYPED }), car),
      ),
    );
    assert.equal(known.status, 503, known.body);
    checkSame(known, unknown, "an outage");
  } finally {
    all.systems.down.clear();
  }
});

// ---- Messages
// ------------------------------------------------------------------------------------------------

test("1 000 starts for one contact over 1 000 accounts: three messages, equal answers", async () => {
  const contact = "thousand@example.com";
  const cars = [];
  for (let made = 0; made < 4; made += 1)
    cars.push(await all.car("aa", { contact: { email: contact } }));
  const answers = await crowd(Array.from({ length: 1_000 }), async (_none) => {
    const car = cars[(guesses += 1) % cars.length];
    const spelled = guesses % 2 ? contact : ` ${contact.toUpperCase()} `;
    return {
      car,
      answer: await all.start(all.member(), car, "contact_code", { contact: spelled }),
    };
  });
  const expected = comparable(answers[0].answer, answers[0].car);
  assert.equal(expected.status, 201, expected.body);
  for (const { answer, car } of answers) checkSame(comparable(answer, car), expected, "a start");
  await all.here.scheduled();
  const messages = await all.messages(contact, "contact_code", { atLeast: MAX_CODES });
  assert.equal(messages.length, MAX_CODES);
  const delivered = await countOf(
    "SELECT count(*) FROM ownership_claim WHERE is_delivered = 1 AND vehicle IN (SELECT value FROM json_each(?1))",
    JSON.stringify(cars.map(({ vehicle }) => vehicle)),
  );
  assert.equal(delivered, MAX_CODES);
});

test("three claims a day to one car, five cars in 30 days, whether or not they exist", async () => {
  const isThere = [true, false];
  for (const exists of isThere) {
    const ada = all.member();
    const carOf = () => (exists ? all.car() : all.carOf(all.newVin()));
    const car = await carOf();
    const starts = await crowd(Array.from({ length: 40 }), () =>
      all.start(ada, car, "contact_code", { contact: TYPED }),
    );
    assert.deepEqual(statusesOf(starts), { 201: 3, 429: 37 }, `exists: ${exists}`);
    const others = await crowd(await Promise.all(Array.from({ length: 20 }, carOf)), (other) =>
      all.start(ada, other, "contact_code", { contact: TYPED }),
    );
    assert.deepEqual(statusesOf(others), { 201: 4, 429: 16 }, `exists: ${exists}`);
  }
});

test("limits survive an erasure and another sign-in", async () => {
  const ada = all.member();
  const car = await all.car("aa", { contact: { email: "erased@example.com" } });
  for (let times = 0; times < 3; times += 1)
    await all.claim(ada, car, "contact_code", { contact: "erased@example.com" });
  assert.equal((await all.start(ada, car, "vehicle_code")).status, 429);
  const before = await countOf("SELECT count(*) FROM ownership_count");
  const erased = await ada.ask("/api/v1/aa/me", { method: "DELETE" });
  assert.ok([200, 204].includes(erased.status), erased.text);
  assert.equal(
    await countOf("SELECT count(*) FROM ownership_claim WHERE person = ?1", ada.hash),
    0,
    "the claims are erased",
  );
  assert.equal(await countOf("SELECT count(*) FROM ownership_count"), before);
  const again = all.main.accessToken({
    sub: ada.sub,
    scope: "openid vehicles:read ownership:read ownership:write",
  });
  const sent = { ask: (path, more) => all.all.ask(path, { token: again, ...more }) };
  assert.equal((await all.start(sent, car, "vehicle_code")).status, 429, "the same person again");
  const codes = await all.start(all.member(), car, "contact_code", {
    contact: "erased@example.com",
  });
  assert.equal(codes.status, 201);
  await all.here.scheduled();
  assert.equal(all.systems.messages("erased@example.com").length, 3, "and the contact's limit");
});
