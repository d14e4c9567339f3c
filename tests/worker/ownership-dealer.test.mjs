// Attestation by a dealer's staff: two people of one listed dealer, signed in lately and by several
// factors, each token once. Everything else is refused, and nobody learns anything of the owner.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { jws } from "./support/jose.mjs";
import { ACR, owning, shown } from "./support/owning.mjs";
import { marksOf } from "./support/ownership-systems.mjs";

const PER_DAY = 20;
const ATTESTATION_MS = 300_000;

let all;
before(async () => {
  const methods = ["contact_code", "dealer"];
  // A dealer enters twenty codes a day: each group of cases is of a dealer of its own.
  const dealers = Array.from({ length: 40 }, (_, at) => `D-${at}`);
  const dealer = { dealers };
  all = await owning({
    markets: {
      aa: { methods, dealer },
      bb: { methods, dealer },
      // A record that somebody has published past all checks.
      one: { methods, dealer: { ...dealer, two_person: false } },
      open: { methods, dealer: { ...dealer, acr_values: [] } },
    },
  });
});
after(() => all?.end());

let dealers = 0;
const newDealer = () => `D-${(dealers += 1)}`;
const now_s = () => Math.floor(Date.now() / 1000);

/** A claim whose code the claimant has: `{ ada, car, code }`. */
async function claimed(market = "aa", known = { contact: { email: "dealers@example.com" } }) {
  const [ada, car] = [all.member(), await all.car(market, known)];
  const { status, json, text } = await all.start(ada, car, "dealer");
  assert.equal(status, 201, text);
  assert.match(json.claim.code, /^[2-9A-HJ-NP-Z]{4}.?[2-9A-HJ-NP-Z]{4}$/);
  return { ada, car, code: json.claim.code };
}

/** Attests as a person of a dealer, and gives the answer; it holds nothing of the owner. */
async function attest(token, { code, car, ada }, market = "aa") {
  const answer = await all.attest(token, code, market);
  const whole = `${answer.text}${JSON.stringify(answer.headers)}`;
  const secrets = { ...marksOf(car.vin), vin: car.vin, person: ada.hash, sub: ada.sub, id: car.id };
  assert.deepEqual(shown(whole, secrets), [], "something of the owner");
  return answer;
}
const tokenOf = (dealer, changes, options) => all.staffToken({ dealer, ...changes }, options);
const tierOf = ({ ada, car }) => all.tierOf(ada, car);

test("two people of one dealer: the claimant holds the car, by a weak method", async () => {
  const [one, dealer] = [await claimed(), newDealer()];
  const first = await attest(tokenOf(dealer), one);
  assert.equal(first.status, 202, first.text);
  assert.equal(await tierOf(one), "member", "one person is not enough");
  const second = await attest(tokenOf(dealer), one);
  assert.equal(second.status, 200, second.text);
  const { json } = await one.ada.ask(one.car.document);
  assert.equal(json.tier, "owner");
  const { text } = await one.ada.ask(one.car.document);
  assert.deepEqual(shown(text, marksOf(one.car.vin)), [], "nothing personal for 72 hours");
  assert.equal((await attest(tokenOf(dealer), one)).status, 422, "the code is used");
});

test("a second attestation that does not count leaves the claim as it is", async (t) => {
  const SECONDS = {
    "the same person": (dealer, first) => tokenOf(dealer, { sub: first.sub }),
    "the same person with another jti and time": (dealer, first) =>
      tokenOf(dealer, { sub: first.sub, jti: "another", auth_time: now_s() }),
    "another dealer": () => tokenOf(newDealer()),
  };
  for (const [name, make] of Object.entries(SECONDS)) {
    await t.test(name, async () => {
      const [one, dealer] = [await claimed(), newDealer()];
      const sub = `staff-of-${dealer}`;
      assert.equal((await attest(tokenOf(dealer, { sub }), one)).status, 202);
      const second = await attest(make(dealer, { sub }), one);
      assert.equal(second.status, 422, second.text);
      assert.equal(await tierOf(one), "member");
      // The right one still does.
      assert.equal((await attest(tokenOf(dealer), one)).status, 200);
      assert.equal(await tierOf(one), "owner");
    });
  }
});

test("a token is good once", async () => {
  const [one, two, dealer] = [await claimed(), await claimed(), newDealer()];
  const token = tokenOf(dealer);
  assert.equal((await attest(token, one)).status, 202);
  for (const claim of [one, two]) {
    const again = await attest(token, claim);
    assert.equal(again.status, 422, again.text);
  }
  assert.equal(await tierOf(one), "member");
  const crowd = await Promise.all(
    Array.from({ length: 20 }, () => attest(tokenOf(dealer, { jti: "shared" }), two)),
  );
  assert.equal(
    crowd.filter(({ status }) => [200, 202].includes(status)).length,
    1,
    "of 20 at once",
  );
});

test("two people at once are two people: one is the first, one the second", async () => {
  for (let round = 0; round < 5; round += 1) {
    const [one, dealer] = [await claimed(), newDealer()];
    const answers = await Promise.all(
      [tokenOf(dealer), tokenOf(dealer)].map((t) => attest(t, one)),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 202]);
    assert.equal(await tierOf(one), "owner");
  }
  for (let round = 0; round < 5; round += 1) {
    const [one, dealer] = [await claimed(), newDealer()];
    const sub = `twice-${round}`;
    const tokens = Array.from({ length: 4 }, () => tokenOf(dealer, { sub }));
    const answers = await Promise.all(tokens.map((token) => attest(token, one)));
    assert.equal(answers.filter(({ status }) => status === 202).length, 1);
    assert.equal(await tierOf(one), "member", "one person at once is one person");
  }
});

test("the second comes within five minutes of the first", async () => {
  const [one, dealer] = [await claimed(), newDealer()];
  assert.equal((await attest(tokenOf(dealer), one)).status, 202);
  const later = { ahead_ms: ATTESTATION_MS + 1_000 };
  const at = Math.floor((Date.now() + later.ahead_ms) / 1000);
  const token = tokenOf(dealer, { iat: at, exp: at + 300, auth_time: at - 5 });
  const late = await all.post(
    undefined,
    "/api/v1/aa/ownership/attestations",
    { code: one.code },
    {
      ...later,
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    },
  );
  // It is a first one again: the first has no weight any more.
  await all.all.ask("/healthz", { ahead_ms: 0 });
  assert.equal(late.status, 202, late.text);
  assert.equal(await tierOf(one), "member");
});

test("a code of another claim, market or method, and texts that are none", async () => {
  const [one, dealer] = [await claimed(), newDealer()];
  const elsewhere = await claimed("bb");
  assert.equal((await attest(tokenOf(dealer), { ...one, code: elsewhere.code })).status, 422);
  assert.equal((await attest(tokenOf(dealer), elsewhere, "bb")).status, 202, "there it is good");
  const contact = "code@example.com";
  const [eve, car] = [all.member(), await all.car("aa", { contact: { email: contact } })];
  await all.claim(eve, car, "contact_code", { contact });
  const [{ code }] = await all.messages(contact);
  assert.equal((await attest(tokenOf(dealer), { ...one, code })).status, 422, "a code by e-mail");
  for (const text of ["", "ABC", "22222222", "1".repeat(8), "x".repeat(10_000), one.car.id])
    assert.equal((await attest(tokenOf(dealer), { ...one, code: text })).status, 422, text);
  // A dealer's code proves nothing at the claimant's own route.
  const { json } = await one.ada.ask(one.car.ownership);
  const own = await all.prove(one.ada, one.car, json.claim.id, { code: one.code });
  assert.ok(own.status >= 400, own.text);
  assert.equal(await tierOf(one), "member");
});

test("tokens that name nobody who may attest", async (t) => {
  const one = await claimed();
  const dealer = newDealer();
  const claims = (changes = {}) => ({
    ...all.dealers.accessClaims({
      aud: "kerbside-dealers",
      client_id: "dealer-portal",
      sub: "staff",
      acr: ACR,
      dealer,
    }),
    ...changes,
  });
  const with_ = (changes, options = {}) =>
    jws(claims(changes), { key: all.dealers.key("ES256"), typ: "at+jwt", ...options });
  const CASES = {
    "an old sign-in": () => with_({ auth_time: now_s() - 400 }),
    "no time of the sign-in": () => with_({ auth_time: undefined }),
    "a sign-in to come": () => with_({ auth_time: now_s() + 300 }),
    "one factor": () => with_({ acr: "https://refeds.org/profile/sfa" }),
    "no context": () => with_({ acr: undefined }),
    "contexts as a list": () => with_({ acr: [ACR] }),
    "a client's own token": () => with_({ sub: "dealer-portal" }),
    "a client's own token by its grant": () => with_({ gty: "client-credentials" }),
    "another audience": () => with_({ aud: "kerbside" }),
    "a dealer that is not listed": () => with_({ dealer: "D-9999" }),
    "no dealer": () => with_({ dealer: undefined }),
    "dealers as a list": () => with_({ dealer: [dealer] }),
    "no jti": () => with_({ jti: undefined }),
    "an empty jti": () => with_({ jti: "" }),
    expired: () => with_({ iat: now_s() - 900, exp: now_s() - 120, auth_time: now_s() - 10 }),
    "bound to a key": () => with_({ cnf: { jkt: "x" } }),
    "an ID token": () => with_({ nonce: "n" }, { typ: "JWT" }),
    "the people's issuer": () => all.main.accessToken({ ...claims(), iss: all.main.url }),
    "the people's issuer under the dealers' name": () => all.main.accessToken(claims()),
    "an algorithm that is not listed": () => with_({}, { key: all.dealers.key("RS256") }),
    "another's key": () => with_({}, { key: all.main.key("ES256") }),
    nothing: () => "",
    "no token": () => "x.y.z",
    "a member's own token": () => one.ada.token,
  };
  for (const [name, make] of Object.entries(CASES)) {
    await t.test(name, async () => {
      const { status, text, headers } = await attest(make(), one);
      assert.equal(status, 401, `${status} ${text}`);
      assert.match(headers["www-authenticate"], /^Bearer/);
    });
  }
  await t.test("and one that is as these, without the fault", async () => {
    assert.equal((await attest(with_({}), one)).status, 202);
  });
});

test("staff tokens open nothing else", async () => {
  const one = await claimed();
  const token = tokenOf(newDealer());
  for (const path of [one.car.document, one.car.ownership, "/api/v1/aa/me/vehicles"]) {
    const { status, text } = await all.all.ask(path, { token });
    assert.ok(status === 401 || !text.includes('"tier":"member"'), `${path}: ${status}`);
  }
});

test("two_person = false, or no context, in a published record: the method is off at run time", async () => {
  for (const market of ["one", "open"]) {
    const [ada, car] = [all.member(), await all.car(market)];
    const before = all.here.log.length;
    const { status, text } = await all.start(ada, car, "dealer");
    assert.equal(status, 422, `${market}: ${text}`);
    const { json } = await ada.ask(car.ownership);
    assert.ok(!json.methods.some(({ method }) => method === "dealer"), market);
    const events = all.here.log.slice(before).filter((line) => line.includes("below a floor"));
    assert.ok(events.length > 0 && /"error"/i.test(events[0]), `${market}: an alarm`);
    const other = await claimed();
    const attested = await attest(tokenOf(newDealer()), other, market);
    assert.ok(attested.status >= 400, `${market}: ${attested.status}`);
    // A claim that was begun while the method was offered is not proven either.
    const row = await all.rights.row("ownership_claim", other.ada && (await claimIdOf(other)));
    const moved = { market };
    await all.rights.rewrite("ownership_claim", row.id, moved);
    assert.ok((await attest(tokenOf(newDealer()), other, market)).status >= 400);
    assert.equal(await all.tierOf(other.ada, other.car), "member");
  }
});
const claimIdOf = async ({ ada, car }) => (await ada.ask(car.ownership)).json.claim.id;

test("20 codes a day for one dealer, at once and over all its staff", async () => {
  const dealer = newDealer();
  const one = await claimed();
  const tokens = Array.from({ length: 60 }, () => tokenOf(dealer));
  const answers = await Promise.all(
    tokens.map((token) => attest(token, { ...one, code: "22222222" })),
  );
  const counted = answers.filter(({ status }) => status === 422).length;
  assert.equal(counted, PER_DAY);
  assert.ok(answers.every(({ status }) => [422, 429].includes(status)));
  const limited = await attest(tokenOf(dealer), one);
  assert.equal(limited.status, 429);
  assert.ok(Number(limited.headers["retry-after"]) > 0);
  assert.equal((await attest(tokenOf(newDealer()), one)).status, 202, "another dealer's day");
});

test("an attestation that is moved to another claim, or written by somebody else, does not count", async () => {
  const [one, two, dealer] = [await claimed(), await claimed(), newDealer()];
  assert.equal((await attest(tokenOf(dealer), one)).status, 202);
  const [from, to] = [await claimIdOf(one), await claimIdOf(two)];
  const { attestation } = await all.rights.row("ownership_claim", from);
  assert.ok(attestation);
  await all.rights.edit("ownership_claim", to, { attestation });
  const moved = await attest(tokenOf(dealer), two);
  assert.notEqual(moved.status, 200, "it is not the second one");
  assert.equal(await tierOf(two), "member");
  for (const forged of ["{}", "x", "0".repeat(200)]) {
    await all.rights.edit("ownership_claim", from, { attestation: forged });
    assert.notEqual((await attest(tokenOf(dealer), one)).status, 200, forged);
    assert.equal(await tierOf(one), "member");
  }
});
