// A region whose markets sign people in and let them prove that a car is theirs: a provider for
// people, one for dealers' staff, the systems around a proof, and rows of grants with a valid code.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

import { describeCar, describeOwnership, ownershipSystems } from "./ownership-systems.mjs";
import { identityProvider } from "./identity-provider.mjs";
import { DAY_MS, rightsOf } from "./rights.mjs";
import { signingIn } from "./signing-in.mjs";

export const SCOPE = "openid vehicles:read ownership:read ownership:write person:read person:erase";
export const ACR = "https://refeds.org/profile/mfa";
export const DEALERS = ["D-1001", "D-1002"];
const DEALER_AUDIENCE = "kerbside-dealers";
/** What members see and nobody else. */
export const MEMBER_MARK = "Members Roof";

/**
 * Starts it. `markets` by their codes: `{ methods, ttl_s?, deadline_ms?, locales?,
 * cors_origins?, dealer? }`; `dealer` changes the description of dealers. Cars and people are made as they are needed.
 */
export async function owning({
  markets = { aa: { methods: ["contact_code", "vehicle_code", "keeper_document"] } },
  ...options
} = {}) {
  const systems = await ownershipSystems();
  const staff = await identityProvider();
  const dealers = staff.issuer("dealers");
  const describeDealers = (more) => ({
    issuer: dealers.url,
    audience: DEALER_AUDIENCE,
    algorithms: ["ES256"],
    acr_values: [ACR],
    dealer_claim: "dealer",
    dealers: DEALERS,
    two_person: true,
    ...more,
  });
  const described = (_base, code) => {
    const { methods, ttl_s, deadline_ms, locales, dealer } = markets[code];
    const car = describeCar(systems.url, code, { ttl_s, deadline_ms });
    const proofs = { methods, dealer: describeDealers(dealer) };
    const { origins, ownership } = describeOwnership(systems.url, code, proofs);
    const all = { ...car, origins: { ...car.origins, ...origins }, ownership };
    return locales ? { ...all, locales } : all;
  };
  const signIn = Object.entries(markets).map(([code, { cors_origins }]) => [
    code,
    { issuer: "main", client: `kerbside-${code}`, cors_origins },
  ]);
  const operator = makeOperator("rights+privacy");
  const all = await signingIn({
    markets: Object.fromEntries(signIn),
    described,
    ...options,
    bindings: { OPERATOR_TOKENS: operator.entry, ...options.bindings },
  }).catch((error) => {
    systems.end();
    staff.end();
    throw error;
  });
  const { here } = all;
  const { main } = all.issuers;
  const rights = rightsOf(here);
  let cars = 0;
  let people = 0;

  const self = {
    all,
    here,
    main,
    dealers,
    systems,
    rights,

    /** A VIN that nobody has asked for. */
    newVin() {
      cars += 1;
      return `KBSZZZ99ZPR9${String(cars).padStart(5, "0")}`;
    },

    /**
     * A car that the systems know: `{ vin, market, id, vehicle, document, ownership, page }`;
     * `known` is what they know of it, `vehicle` its name in the stores.
     */
    async car(market = "aa", known = {}) {
      const vin = self.newVin();
      systems.car(vin, known);
      return self.carOf(vin, market);
    },

    /** The same of a VIN, whatever the systems know. */
    async carOf(vin, market = "aa") {
      const document = await here.address(vin, market);
      return {
        vin,
        market,
        id: document.split("/").at(-1),
        vehicle: here.lookup(vin),
        document,
        ownership: `${document}/ownership`,
        page: `/${market}/vehicles/${document.split("/").at(-1)}`,
      };
    },

    /** A member, who asks by an access token of their own. */
    member(name = `member-${(people += 1)}`) {
      const who = { iss: main.url, sub: `sub-of-${name}-${process.pid}` };
      const token = main.accessToken({ sub: who.sub, scope: SCOPE });
      return {
        ...who,
        name,
        hash: rights.person(who),
        token,
        ask: (path, more = {}) => all.ask(path, { token, ...more }),
      };
    },

    /** A browser in which a member has signed in, with `csrf`. `origin` is where it asks. */
    async browserOf(person, market = "aa", browser = all.browser()) {
      main.person = { sub: person.sub, name: person.name };
      const { status, text } = await browser.signIn(market);
      assert.equal(status, 200, text.slice(0, 300));
      const session = await browser.ask(`/api/v1/${market}/session`);
      browser.csrf = session.json.csrf ?? assert.fail(session.text);
      return browser;
    },

    /** Makes a member the holder of a car, by a row with a valid code. */
    own: ({ hash }, { market, vehicle, id }, values = {}) =>
      rights.grant({ market, vehicle, vehicle_id: id, person: hash, ...values }),

    /** Posts JSON as a member, or as anybody. */
    post: (person, path, body, more = {}) =>
      (person?.ask ?? all.ask)(path, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
        ...more,
      }),

    start: (person, { ownership }, method, more = {}) =>
      self.post(person, ownership, { method, ...more }),

    prove: (person, { ownership }, claim, body) =>
      self.post(person, `${ownership}/${claim}/proof`, body),

    /** Starts a claim and gives its id. */
    async claim(person, car, method, more) {
      const { status, json, text } = await self.start(person, car, method, more);
      assert.equal(status, 201, text);
      return json.claim.id;
    },

    /** The tier of a viewer, by the document; of anybody without a person. */
    async tierOf(person, { document }) {
      const answer = await (person?.ask ?? all.ask)(document);
      assert.equal(answer.status, 200, answer.text);
      return answer.json.tier;
    },

    /** A token of a member of a dealer's staff. */
    staffToken: (changes = {}, options = {}) =>
      dealers.accessToken(
        {
          aud: DEALER_AUDIENCE,
          client_id: "dealer-portal",
          sub: `staff-${(people += 1)}`,
          acr: ACR,
          dealer: DEALERS[0],
          ...changes,
        },
        { key: dealers.key("ES256"), ...options },
      ),

    /** Sends a claim code as a member of a dealer's staff. */
    attest: (token, code, market = "aa") =>
      self.post(
        undefined,
        `/api/v1/${market}/ownership/attestations`,
        { code },
        {
          headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        },
      ),

    /** Asks as an operator with the roles rights and privacy. */
    operate: (path, body) =>
      all.ask(`/operator/v1/${path}`, {
        token: operator.token,
        ...(body && {
          method: "POST",
          body: JSON.stringify(body),
          headers: { "content-type": "application/json" },
        }),
      }),

    /** The token of that operator, for commands. */
    operatorToken: operator.token,

    /** The messages to a receiver once there are some, or a while has passed. */
    async messages(to, kind, { atLeast = 1, limit_ms = 5_000 } = {}) {
      const end = performance.now() + limit_ms;
      while (systems.messages(to, kind).length < atLeast && performance.now() < end)
        await new Promise((go) => setTimeout(go, 25));
      return systems.messages(to, kind);
    },

    /** The lines of the log that report a row which somebody else wrote. */
    alarms: () => here.log.filter((line) => /written or changed by somebody else/.test(line)),

    async end() {
      await all.end();
      staff.end();
      systems.end();
    },
  };
  return self;
}

/** An operator of some roles: the token, and its entry in OPERATOR_TOKENS. */
function makeOperator(roles) {
  const token = randomBytes(32).toString("base64url");
  const hash = createHash("sha256").update(token).digest("base64");
  const lastDay = new Date(Date.now() + 90 * DAY_MS).toISOString().slice(0, 10);
  return { token, entry: `ops:${roles}:${lastDay}:${hash}` };
}

/**
 * An answer about a car without what differs from one to the next: ids, times, lifetimes. What is
 * left is what tells two cases apart.
 */
export function comparable({ status, headers, text, json }, { id }) {
  const { date, traceparent, etag, ...rest } = headers;
  delete rest["x-request-id"];
  const claim = json?.claim?.id;
  const plain = (value) =>
    value
      .replaceAll(id, "ID")
      .replaceAll(claim ?? "no claim", "CLAIM")
      .replace(/"request_id":"[^"]*"/g, "")
      .replace(/"instance":"[^"]*"/g, "")
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replace(/\d+ \w+ \d{4} at \d\d:\d\d [A-Z]+/g, "TIME")
      .replace(/nonce-[\w+/=-]+|nonce="[^"]*"/g, "nonce")
      .replace(/(?<=(datetime|title)=")[^"]*/g, "")
      .replace(/"(age_s|ttl_s)":\d+/g, "")
      // Lifetimes are random within a tenth.
      .replace(/(max-age|ttl|dur)=-?\d+/g, "$1");
  if (rest.age) rest.age = "";
  for (const [name, value] of Object.entries(rest)) rest[name] = plain(String(value));
  return { status, headers: rest, body: plain(text) };
}

/** Fails with the place at which two answers part. */
export function checkSame(seen, expected, what) {
  const [one, other] = [seen, expected].map((answer) => JSON.stringify(answer));
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  const around = (text) => text.slice(Math.max(0, at - 60), at + 100);
  assert.ok(one === other, `${what}: ${around(one)} — instead of — ${around(other)}`);
}

/** The names of the values that show in a text, in any spelling of a search. */
export function shown(text, marks) {
  const forms = (value) => [
    value,
    value.toUpperCase(),
    [...value].reverse().join(""),
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    Buffer.from(value).toString("hex"),
    // Base64 at each of the three places in its groups, without the edges.
    ...[0, 1, 2].map((before) =>
      Buffer.from(`${"x".repeat(before)}${value}`)
        .toString("base64")
        .replace(/=+$/, "")
        .slice(before && 4, -1),
    ),
  ];
  return Object.entries(marks)
    .filter(([, value]) => forms(value).some((form) => text.includes(form)))
    .map(([name]) => name);
}
