// A mark in every personal field of every system, and a search for it: in the answer of each route
// to each viewer, in each market, language and format, while systems work and while they fail; then
// in the log, the stores and the messages. And the audit, which has an entry for every step.
//
// Environment: KERBSIDE_XTASK.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test, { after, before } from "node:test";
import { promisify } from "node:util";

import { marksOf, recordOf } from "./support/ownership-systems.mjs";
import { owning, shown } from "./support/owning.mjs";
import { DAY_MS, HOUR_MS } from "./support/rights.mjs";

const run = promisify(execFile);
const XTASK =
  process.env.KERBSIDE_XTASK ?? new URL("../../target/debug/xtask", import.meta.url).pathname;

const METHODS = ["contact_code", "vehicle_code", "keeper_document", "oem_mapping", "dealer"];
const LOCALES = ["en-GB", "de-DE", "fr-FR"];
const MARKETS = {
  aa: { methods: METHODS, locales: LOCALES },
  // Facets are stale at once, so that each request asks the systems.
  bb: { methods: METHODS, locales: LOCALES, ttl_s: 1 },
};

let all, rights;
const cars = {};
const secrets = {};
before(async () => {
  all = await owning({ markets: MARKETS });
  ({ rights } = all);
});
after(() => all?.end());

// ---- Viewers
// ------------------------------------------------------------------------------------------------

const VIEWERS = {};

/** Makes a car of a market with every kind of viewer, and marks in all that is personal. */
async function prepare(market) {
  const contact = `xk7-${market}-contact@example.com`;
  const car = await all.car(market, { contact: { email: contact, phone: "+4915112345678" } });
  cars[market] = { ...car, contact };
  const keeper = rights.keeper(market, car.vehicle, marksOf(car.vin).keeper_name);
  const [holder, former, weak, waiting, member, stranger] = Array.from({ length: 6 }, () =>
    all.member(),
  );
  await all.own(holder, car, { keeper, contact });
  const ended = await all.own(former, car, { keeper, verified_at_ms: Date.now() - 9 * DAY_MS });
  const end = { ended_at_ms: Date.now() - 1, end_reason: "given_up", mac: "" };
  await rights.edit("ownership_grant", ended.id, end);
  const later = { effective_from_ms: Date.now() + HOUR_MS };
  await all.own(waiting, car, { ...later, personal_from_ms: later.effective_from_ms });
  // A weak grant of another car whose record is marked as well.
  const weakCar = await all.car(market, { contact: { email: contact } });
  await all.own(weak, weakCar, { method: "vehicle_code", personal_from_ms: null });
  VIEWERS[market] = {
    anybody: { ask: all.all.ask },
    member: { ask: member.ask, browser: await all.browserOf(member, market) },
    "a member by a cookie": { ask: (await all.browserOf(stranger, market)).ask.bind },
    former: { ask: former.ask, browser: await all.browserOf(former, market) },
    waiting: { ask: waiting.ask, browser: await all.browserOf(waiting, market) },
    "a bad token": { ask: (path, more) => all.all.ask(path, { token: "x.y.z", ...more }) },
    "a dealer's staff": {
      ask: (path, more) => all.all.ask(path, { token: all.staffToken(), ...more }),
    },
    "an operator": {
      ask: (path, more) => all.all.ask(path, { token: all.operatorToken, ...more }),
    },
  };
  delete VIEWERS[market]["a member by a cookie"];
  cars[market].weak = { ...weakCar, person: weak, browser: await all.browserOf(weak, market) };
  cars[market].holder = { person: holder, browser: await all.browserOf(holder, market) };
  Object.assign(secrets, {
    [`${market} contact`]: contact,
    [`${market} phone`]: "15112345678",
    [`${market} vin`]: car.vin,
    [`${market} weak vin`]: weakCar.vin,
    ...named(market, marksOf(car.vin)),
    ...named(`${market} weak`, marksOf(weakCar.vin)),
  });
}
const named = (name, marks) =>
  Object.fromEntries(Object.entries(marks).map(([key, mark]) => [`${name} ${key}`, mark]));

const FACETS = ["identity", "equipment", "registration", "service_history", "mileage", "damage"];
const EVENTS = { accept: "text/event-stream" };

/** Every address that says something about a car, in every format: `[path, headers]`. */
function places({ market, document, ownership, page, id }) {
  const api = [
    [document],
    [document, EVENTS],
    [`${document}?facets=${FACETS.join()}`],
    [`${document}?facets=damage`, EVENTS],
    ...FACETS.map((name) => [`${document}/facets/${name}`]),
    [ownership],
    [`${ownership}/history`],
    [`/api/v1/${market}/me/vehicles`],
    [`/api/v1/${market}/me/export`],
    [`/api/v1/${market}/session`],
    [`/api/v1/markets/${market}`],
    ["/api/v1/markets"],
    ["/operator/v1/audit"],
    ["/operator/v1/ownership/methods"],
    ["/metrics"],
    ["/readyz"],
  ];
  const pages = [
    page,
    `${page}/ownership`,
    ...METHODS.map((name) => `${page}/ownership/${name}`),
    `${page}/ownership/objection`,
    `${page}/ownership/end`,
    `/${market}/garage`,
    `/${market}/account`,
    `/${market}/`,
  ];
  const errors = [
    [`${document}?facets=nothing`],
    [`${document}/facets/nothing`],
    [`${ownership}/nothing`],
    [`${document}x`],
    [document, { accept: "image/png" }],
    [document, { "if-none-match": "*" }],
    [document, { range: "bytes=0-10" }],
    [`/api/v1/zz/vehicles/${id}`],
  ];
  const languages = LOCALES.map((locale) => locale.slice(0, 2));
  const inLanguages = pages.flatMap((path) =>
    languages.flatMap((lang) => [
      [`${path}?lang=${lang}`],
      [`${path}?lang=${lang}`, { accept: "text/event-stream" }],
    ]),
  );
  return [...api, ...errors, ...inLanguages];
}

/** Searches an answer, headers and all. */
const found = ({ text, headers }, of = secrets) => shown(`${text}\n${JSON.stringify(headers)}`, of);

/** Asks for everything as everybody who may not see it. */
async function sweep(market, fault) {
  const car = cars[market];
  let asked = 0;
  for (const [name, viewer] of Object.entries(VIEWERS[market])) {
    for (const [path, headers = {}] of places(car)) {
      for (const method of path === car.document ? ["GET", "HEAD", "POST", "DELETE"] : ["GET"]) {
        const isPage = !/^\/(api|operator|metrics|readyz)/.test(path);
        const ask = isPage && viewer.browser ? (...all) => viewer.browser.ask(...all) : viewer.ask;
        const answer = await ask(path, { method, headers });
        // On a busy machine a system may be late.
        const isLate = [503, 504].includes(answer.status);
        assert.ok(
          answer.status < 500 || isLate || fault,
          `${name} ${path}: ${answer.status} ${answer.text}`,
        );
        assert.deepEqual(found(answer), [], `${name} ${method} ${path} (${fault ?? "no fault"})`);
        asked += 1;
      }
    }
  }
  return asked;
}

test("no answer shows a mark to anybody but the holder", async (t) => {
  for (const market of Object.keys(MARKETS)) {
    await prepare(market);
    const { holder } = cars[market];
    const { text } = await holder.person.ask(cars[market].document);
    const open = shown(text, marksOf(cars[market].vin));
    for (const mark of ["plate", "keeper_name", "workshop", "invoice", "service_text"])
      assert.ok(open.includes(mark), `the holder sees ${mark}: the search finds it`);
    t.diagnostic(`${market}: ${await sweep(market)} answers`);
  }
});

test("while systems fail", async () => {
  for (const systems of [["car"], ["crm", "registry", "head_unit", "primary", "notify"]]) {
    for (const system of systems) all.systems.down.add(system);
    try {
      await sweep("bb", `${systems} down`);
    } finally {
      all.systems.down.clear();
    }
  }
});

test("the holder sees their own car's marks and no other's; a weak holder none", async () => {
  for (const market of Object.keys(MARKETS)) {
    const { holder, weak, vin, contact, ...car } = cars[market];
    const own = new Set(Object.values({ ...marksOf(vin), vin, contact }));
    const others = Object.fromEntries(
      Object.entries(secrets).filter(([, value]) => !own.has(value) && value !== "15112345678"),
    );
    for (const [path, headers = {}] of places({ market, ...car })) {
      const isApi = path.startsWith("/api");
      const ask = isApi ? holder.person.ask : (...all) => holder.browser.ask(...all);
      assert.deepEqual(found(await ask(path, { headers }), others), [], `the holder, ${path}`);
    }
    for (const [path, headers = {}] of places({ market, ...weak })) {
      const isApi = path.startsWith("/api");
      const ask = isApi ? weak.person.ask : (...all) => weak.browser.ask(...all);
      const answer = await ask(path, { headers });
      assert.deepEqual(found(answer), [], `a weak holder, ${path}`);
    }
  }
});

// ---- Claims, for what they leave behind
// ------------------------------------------------------------------------------------------------

const document = {
  document_number: "4711884711",
  issued_on: "2021-03-04",
  first_registration: "2018-09-10",
};

/** Goes through every transition once. Adds the codes to the secrets. */
async function everyTransition() {
  const email = "xk7-transitions@example.com";
  const carOf = (known) =>
    all.car("aa", { contact: { email }, document: { fields: document }, ...known });
  const noteCodes = () => {
    for (const [at, { body }] of [
      ...all.systems.asked("notify"),
      ...all.systems.asked("head_unit"),
    ].entries())
      if (body.code) secrets[`code ${at}`] = body.code.replace(/[\s-]/g, "");
  };
  Object.assign(secrets, { email, "document number": document.document_number });

  const inCar = async (person, car) => {
    const claim = await all.claim(person, car, "vehicle_code");
    const { code } = all.systems.asked("head_unit", car.vin).at(-1).body;
    return all.prove(person, car, claim, { code });
  };
  const byDocument = async (person, car) =>
    all.prove(person, car, await all.claim(person, car, "keeper_document"), document);

  // Granted weak; objected to.
  let [car, ada] = [await carOf(), all.member()];
  assert.equal((await inCar(ada, car)).status, 200);
  const [{ code }] = await all.messages(email, "claim_verified");
  assert.equal((await all.post(undefined, `${car.ownership}/objection`, { code })).status, 200);
  // Wrong until it fails; one that is too late; one that is replaced.
  const [eve, failed] = [all.member(), await carOf()];
  const claim = await all.claim(eve, failed, "keeper_document");
  const wrong = { ...document, document_number: "4711884712" };
  for (let times = 0; times < 5; times += 1)
    assert.equal((await all.prove(eve, failed, claim, wrong)).status, 422);
  const late = await all.claim(all.member(), failed, "vehicle_code");
  await rights.shift("ownership_claim", late, 700_000);
  // Granted; contested by a weak one; superseded by a strong one; given up.
  [car, ada] = [await carOf({ primary: undefined }), all.member()];
  assert.equal((await byDocument(ada, car)).status, 200);
  assert.equal((await inCar(all.member(), car)).status, 409);
  const strong = all.member();
  all.systems.cars.get(car.vin).primary = { sub: strong.sub, iss: strong.iss };
  assert.equal((await all.start(strong, car, "oem_mapping")).status, 201);
  // A strong one against it waits, and the holder answers.
  const rival = all.member();
  const before = all.systems.messages(email, "contact_code").length;
  // Messages of one receiver go in their order: the job carries those that were left.
  await all.here.scheduled();
  const rivals = await all.claim(rival, car, "contact_code", { contact: email });
  const messages = await all.messages(email, "contact_code", { atLeast: before + 1 });
  assert.equal((await all.prove(rival, car, rivals, { code: messages.at(-1).code })).status, 200);
  assert.equal((await all.start(strong, car, "oem_mapping")).status, 201);
  assert.equal((await strong.ask(car.ownership, { method: "DELETE" })).status, 200);
  // Attested by a dealer; revoked.
  const told = all.member();
  const dealt = await carOf();
  const { json } = await all.start(told, dealt, "dealer");
  secrets["dealer code"] = json.claim.code.replace(/[\s-]/g, "");
  for (const status of [202, 200])
    assert.equal((await all.attest(all.staffToken(), json.claim.code)).status, status);
  const reason = "Reported by the police.";
  assert.equal(
    (await all.operate("revocations", { market: "aa", vin: dealt.vin, reason })).status,
    200,
  );
  // Expired, written down by the job; ended by another keeper.
  const expired = await all.own(all.member(), await carOf(), {});
  await rights.rewrite("ownership_grant", expired.id, { ends_at_ms: Date.now() - 1 });
  const sold = await all.car("bb");
  const seller = all.member();
  const keeper = rights.keeper("bb", sold.vehicle, marksOf(sold.vin).keeper_name);
  await all.own(seller, sold, { keeper });
  await seller.ask(sold.document);
  all.systems.cars.get(sold.vin).record = recordOf(sold.vin, { keeper: "second" });
  Object.assign(
    secrets,
    named("sold", marksOf(sold.vin)),
    named("bought", marksOf(sold.vin, "second")),
  );
  await new Promise((go) => setTimeout(go, 1_300));
  for (let tries = 0; tries < 40 && (await rights.live("bb", sold.vehicle)).length; tries += 1)
    await seller.ask(sold.document);
  // Switched off and on.
  for (const state of ["off", "on"])
    await all.operate("ownership/methods", { method: "vehicle_code", state, reason: "A test." });
  await all.here.scheduled();
  noteCodes();
}

test("every transition has its entry in the audit", async () => {
  await everyTransition();
  const rows = await all.here.sql(
    "SELECT action, actor_kind, from_state, to_state, reason FROM audit_entry ORDER BY position",
  );
  const words = new Set(
    rows.map(({ action, actor_kind, from_state, to_state, reason }) =>
      [action, actor_kind, from_state, to_state, reason].map((word) => word ?? "").join(" "),
    ),
  );
  const has = (pattern) => [...words].some((line) => pattern.test(line));
  for (const pattern of [
    /^claim member .*challenged/,
    /^proof member challenged challenged wrong_proof/,
    /^proof member challenged failed wrong_proof/,
    /^verify member challenged verified granted/,
    /^verify member challenged verified waits_for_holder/,
    /^verify member challenged contested held_by_another/,
    /^attest dealer challenged challenged first_attestation/,
    /^verify dealer challenged verified granted/,
    /^grant_end contact .*objection/,
    /^grant_end member .*superseded/,
    /^grant_end member .*contested/,
    /^grant_end member .*given_up/,
    /^grant_end system .*keeper_changed/,
    /^grant_end system .*expired/,
    /^claim_end system .*expired/,
    /^revoke operator/,
    /^switch_method operator/,
  ])
    assert.ok(has(pattern), `${pattern} is not among:\n${[...words].join("\n")}`);
});

test("log, stores and messages hold no mark, no code, no token and no subject", async () => {
  const sealed = { ...secrets };
  const stored = all.here.files();
  assert.ok(
    stored.some((text) => text.includes("ownership_grant")),
    "the search reads D1",
  );
  for (const text of stored) assert.deepEqual(shown(text, sealed), [], "in a store");
  const log = all.here.log.join("\n");
  assert.ok(log.length > 1_000);
  assert.deepEqual(shown(log, sealed), [], "in the log");
  all.all.checkQuiet(Object.values(secrets).filter((value) => value.length >= 16));
  // Messages say what they must: the receiver, the code, the link.
  const { "code 0": _code, ...others } = secrets;
  for (const { body } of all.systems.asked("notify")) {
    const { to, code, link, ...rest } = body;
    assert.ok(to, JSON.stringify(body));
    assert.deepEqual(Object.keys(rest).sort(), ["channel", "key", "kind", "locale"]);
    const seen = shown(JSON.stringify({ ...rest, link: link.split("?")[0] }), others);
    assert.deepEqual(seen, [], `in a message: ${body.kind}`);
  }
  // What is planted is found, in each spelling.
  const [[name, mark]] = Object.entries(secrets);
  for (const planted of [
    mark,
    mark.toUpperCase(),
    [...mark].reverse().join(""),
    Buffer.from(`{"x":"${mark}"}`).toString("base64"),
    encodeURIComponent(mark),
    Buffer.from(mark).toString("hex"),
  ])
    assert.ok(shown(`…${planted}…`, secrets).includes(name), `a search that misses ${planted}`);
});

test("the audit's chain is whole, and one changed row breaks it", async () => {
  const verify = () =>
    run(XTASK, ["audit", "verify", "--url", all.here.url], {
      env: { ...process.env, KERBSIDE_OPERATOR_TOKEN: all.operatorToken },
    });
  await all.here.scheduled();
  const { stdout } = await verify();
  assert.match(stdout, /the chain is unbroken/);
  const [{ entries }] = await all.here.sql("SELECT count(*) AS entries FROM audit_entry");
  assert.match(stdout, new RegExp(`^${entries} entries`), stdout);
  // Somebody who can write D1 can drop its triggers.
  await all.here.sql("DROP TRIGGER audit_entry_is_not_changed");
  const change = (reason) =>
    all.here.sql("UPDATE audit_entry SET reason = ?1 WHERE position = 3", reason);
  const [{ reason }] = await all.here.sql("SELECT reason FROM audit_entry WHERE position = 3");
  await change("nothing of importance");
  await assert.rejects(verify(), (error) => /broken.*3|3.*broken/s.test(error.stderr));
  await change(reason);
  await verify();
  await all.here.sql("DROP TRIGGER audit_entry_is_kept");
  await all.here.sql("DELETE FROM audit_entry WHERE position = 5");
  await assert.rejects(verify(), (error) => /broken/.test(error.stderr));
});
