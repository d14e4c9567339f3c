/**
 * The systems of ownership over their real protocols: contacts, documents, primary users, codes in
 * cars, messages to people, changes by the control server, and the dealers' portal.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { after, before, beforeEach, test } from "node:test";

import { OWNERSHIP_SYSTEMS, SECRETS, ebcdic, envelope, start } from "./support/stand-ins.mjs";

const SOAP_1_1 = "http://schemas.xmlsoap.org/soap/envelope/";
const MFA = "https://refeds.org/profile/mfa";

let standIns;
let kerbside;
const attestations = [];
const lines = [];

before(async () => {
  // Takes the place of Kerbside: keeps attestations and answers as it does.
  kerbside = createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    attestations.push({ url: req.url, authorization: req.headers.authorization, body });
    res
      .writeHead(202, { "content-type": "application/json" })
      .end(JSON.stringify({ state: "one of two <b>" }));
  });
  await new Promise((done) => kerbside.listen(0, "127.0.0.1", done));
  const portal = `http://127.0.0.1:${kerbside.address().port}`;
  standIns = await start({ args: ["--portal", portal] });
  createInterface({ input: standIns.child.stdout }).on("line", (line) =>
    lines.push(JSON.parse(line)),
  );
});
after(async () => {
  kerbside.close();
  assert.deepEqual(await standIns.stop(), { code: 0, signal: null });
});
beforeEach(async () => {
  await standIns.control("POST", "/reset");
  await Promise.all(
    OWNERSHIP_SYSTEMS.map((origin) =>
      standIns.control("PUT", `/origins/${origin}`, { latency_ms: 0 }),
    ),
  );
});

/** The suggested car of a market at a place: 0 and 1 have contacts of test people. */
const carAt = (market, place) =>
  standIns.ready.try.filter((car) => car.market === market)[place].vin;

const holderOf = async (market, vin) =>
  (await standIns.control("GET", `/holders/${market}/${vin}`)).json;

async function ask(address, init = {}) {
  const { origin, pathname, search } = new URL(address);
  const response = await fetch(standIns.ready.hosts[origin] + pathname + search, init);
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}

const json = ({ bytes }) => JSON.parse(bytes.toString("utf8"));
const basic = (secret) => ({ authorization: `Basic ${Buffer.from(secret).toString("base64")}` });
const bearer = (secret) => ({ authorization: `Bearer ${secret}` });
const post = (headers, body) => ({ method: "POST", headers, body: JSON.stringify(body) });

const crm = {
  de: (vin) =>
    ask(`https://crm.de.example.com/v2/fahrzeuge/${vin}/kontakt`, {
      headers: basic(SECRETS.DE_CRM_BASIC),
    }),
  us: (vin) =>
    ask(`https://customers.us.example.com/exports/customers.csv?vin=${vin}`, {
      headers: { "x-api-key": SECRETS.US_CRM_KEY },
    }),
  gb: (vin) =>
    ask(`https://contacts.gb.example.com/contacts/v1/by-vin/${vin}`, {
      headers: { "x-api-key": SECRETS.GB_CONTACTS_KEY },
    }),
  fr: (vin) => soap(`<c:LireContact xmlns:c='urn:clients:1'><c:Vin>${vin}</c:Vin></c:LireContact>`),
};

const soap = (body) =>
  ask("https://clients.fr.example.com/services/Clients", {
    method: "POST",
    headers: { "content-type": "text/xml; charset=utf-8" },
    body: envelope(SOAP_1_1, SECRETS.FR_CLIENTS_TOKEN, false, body),
  });

test("each market's system states the contact of the first suggested car", async () => {
  const expected = {
    de: /"mail":"juergen@example\.com","mobil":"\+49 30 23125\d{3}","geaendertAm":"05\.03\.2024"/u,
    us: /"ada@example\.com","\+1 202 555 01\d\d","2024-03-05"/u,
    gb: /"kind":"email","value":"niamh@example\.com","updated":"2024-03-05"/u,
    fr: /Courriel>zoe@example\.com<.*ModifieLe>05\/03\/2024</u,
  };
  for (const [market, pattern] of Object.entries(expected)) {
    const { status, bytes } = await crm[market](carAt(market, 0));
    assert.equal(status, 200, market);
    assert.match(bytes.toString("utf8"), pattern);
  }
});

test("a car without a contact, an unknown car, and a contact that changed are told apart", async () => {
  assert.equal(json(await crm.de(carAt("de", 2))).kontakt, null);
  assert.deepEqual(json(await crm.gb(carAt("gb", 2))).points, []);
  assert.doesNotMatch((await crm.us(carAt("us", 2))).bytes.toString(), /@/u);
  assert.doesNotMatch((await crm.fr(carAt("fr", 2))).bytes.toString(), /@/u);
  assert.equal((await crm.de("WP0ZZZ99ZTS000000")).status, 404);
  assert.equal((await crm.fr("WP0ZZZ99ZTS000000")).status, 500);
  const { contact } = await holderOf("de", carAt("de", 3));
  assert.ok(Date.now() - Date.parse(contact.changed_on) < 4 * 86_400_000);
});

test("wrong credentials are refused by every system", async () => {
  for (const address of [
    "https://crm.de.example.com/v2/fahrzeuge/x/kontakt",
    "https://nachrichten.de.example.com/v1/nachrichten",
    "https://zulassung.de.example.com/pruefung",
    "https://customers.us.example.com/exports/customers.csv?vin=x",
    "https://messaging.us.example.com/api/v3/send",
    "https://connected.us.example.com/v1/displays",
    "https://account.us.example.com/v1/vehicles/x/users/y?issuer=z",
    "https://contacts.gb.example.com/contacts/v1/by-vin/x",
    "https://notify.gb.example.com/cics/NTFY",
    "https://certificates.gb.example.com/v1/verify",
    "https://telematique.fr.example.com/cics/AFF1",
  ])
    assert.equal((await ask(address, { method: "POST" })).status, 401, address);
});

const documentOfGermany = (vin, number, day) =>
  ask("https://zulassung.de.example.com/pruefung", {
    method: "POST",
    headers: basic(SECRETS.DE_DOCUMENTS_BASIC),
    body: Buffer.concat([
      ebcdic(`DOK1${vin}${number.padEnd(20)}`),
      Buffer.from([...day].map((c) => (c === "-" ? 0x60 : 0xf0 + Number(c)))),
    ]),
  });

test("the German office confirms printed data alone, and states since when", async () => {
  const vin = carAt("de", 0);
  const { document, registration } = await holderOf("de", vin);
  const right = [document.document_number, document.first_registration];
  const { bytes } = await documentOfGermany(vin, ...right);
  const since = registration.registered_on.replaceAll("-", "");
  assert.deepEqual(bytes, ebcdic(`00${since}`));
  const wrong = await documentOfGermany(vin, "SY00000000", right[1]);
  assert.deepEqual(wrong.bytes, ebcdic("01        "));
  const unknown = await documentOfGermany("WP0ZZZ99ZTS000000", ...right);
  assert.deepEqual(unknown.bytes, ebcdic("04        "));
});

test("the British check confirms the number with the day of issue", async () => {
  const vin = carAt("gb", 0);
  const { document, registration } = await holderOf("gb", vin);
  const verify = async (number, issued) =>
    json(
      await ask(
        "https://certificates.gb.example.com/v1/verify",
        post(bearer(SECRETS.GB_DOCUMENTS_BEARER), { vin, certificate: { number, issued } }),
      ),
    );
  assert.deepEqual(await verify(document.document_number, document.issued_on), {
    result: "MATCH",
    keeper: { since: registration.registered_on },
  });
  assert.equal((await verify(document.document_number, "2020-01-01")).result, "NO_MATCH");
});

test("the maker knows the primary user by subject and issuer", async () => {
  const user = async (subject, issuer) =>
    ask(
      `https://account.us.example.com/v1/vehicles/${carAt("us", 1)}/users/${subject}?issuer=${encodeURIComponent(issuer)}`,
      { headers: bearer(SECRETS.US_USERS_BEARER) },
    );
  const issuer = `${standIns.ready.hosts["https://login.example.com"]}/us`;
  assert.deepEqual(json(await user("1002", issuer)), { role: "PRIMARY", since: "2021-06-01" });
  assert.equal(json(await user("1001", issuer)).role, "NONE");
  assert.equal((await user("1002", issuer.replace("/us", "/de"))).status, 404);
});

test("codes that cars show are printed and can be read", async () => {
  const order = { vin: carAt("us", 0), display: { code: "K4TZ 9QHM" } };
  const shown = await ask(
    "https://connected.us.example.com/v1/displays",
    post(bearer(SECRETS.US_HEADUNIT_BEARER), order),
  );
  assert.equal(shown.status, 202);
  const french = await ask("https://telematique.fr.example.com/cics/AFF1", {
    method: "POST",
    headers: basic(SECRETS.FR_HEADUNIT_BASIC),
    body: ebcdic(`AFF1${carAt("fr", 1)}ABCD EFGH*`),
  });
  assert.deepEqual(french.bytes.subarray(0, 2), ebcdic("00"));
  const { json: codes } = await standIns.control("GET", "/codes");
  assert.deepEqual(
    codes.map(({ market, code }) => [market, code]),
    [
      ["us", "K4TZ 9QHM"],
      ["fr", "ABCD EFGH"],
    ],
  );
  assert.ok(lines.some(({ shown }) => shown?.code === "K4TZ 9QHM" && shown.vin === order.vin));
  const unknown = { ...order, vin: "1HGFC2F60LG000000" };
  const none = await ask(
    "https://connected.us.example.com/v1/displays",
    post(bearer(SECRETS.US_HEADUNIT_BEARER), unknown),
  );
  assert.equal(none.status, 404);
});

const MESSAGE = { kind: "contact_code", to: "ada@example.com", channel: "email", code: "K4TZ 9QHM" };

const sendMessage = {
  de: (key) =>
    ask(
      "https://nachrichten.de.example.com/v1/nachrichten",
      post(
        { ...bearer(SECRETS.DE_MESSAGES_BEARER), "idempotency-key": key },
        {
          vorlage: MESSAGE.kind,
          kanal: MESSAGE.channel,
          empfaenger: MESSAGE.to,
          sprache: "de-DE",
          werte: { code: MESSAGE.code, adresse: "" },
        },
      ),
    ),
  us: (key) =>
    ask(
      "https://messaging.us.example.com/api/v3/send",
      post(
        { "x-messaging-key": SECRETS.US_MESSAGES_KEY },
        {
          id: key,
          template: MESSAGE.kind,
          recipient: { type: MESSAGE.channel, address: MESSAGE.to, locale: "en-US" },
          variables: { code: MESSAGE.code, url: "" },
        },
      ),
    ),
  gb: (key) =>
    ask("https://notify.gb.example.com/cics/NTFY", {
      method: "POST",
      headers: { "x-gateway-key": SECRETS.GB_MESSAGES_KEY, "idempotency-key": key },
      body: gbMessage(),
    }),
  fr: (key) =>
    soap(
      `<c:EnvoyerMessage xmlns:c='urn:clients:1'><c:Cle>${key}</c:Cle><c:Modele>${MESSAGE.kind}</c:Modele><c:Canal>${MESSAGE.channel}</c:Canal><c:Destinataire>${MESSAGE.to}</c:Destinataire><c:Code>${MESSAGE.code}</c:Code><c:Lien></c:Lien><c:Langue>fr-FR</c:Langue></c:EnvoyerMessage>`,
    ),
};

/** A record of the British queue, with the lower-case letters and marks of EBCDIC 037. */
function gbMessage() {
  const marks = { _: 0x6d, "@": 0x7c, ".": 0x4b, "-": 0x60, " ": 0x40 };
  const rows = ["abcdefghi", "jklmnopqr", " stuvwxyz"];
  const byte = (c) => {
    const row = rows.findIndex((letters) => letters.includes(c) && c !== " ");
    return marks[c] ?? (row < 0 ? ebcdic(c)[0] : 0x81 + 16 * row + rows[row].indexOf(c));
  };
  const fields = [
    [MESSAGE.kind, 24],
    [MESSAGE.channel, 8],
    [MESSAGE.to, 200],
    [MESSAGE.code, 9],
    ["", 300],
    ["en-GB", 8],
  ];
  const text = `MSG1${fields.map(([value, width]) => value.padEnd(width)).join("")}`;
  return Buffer.from([...text].map(byte));
}

for (const market of Object.keys(sendMessage))
  test(`the system of ${market} takes a message once, whatever is repeated`, async () => {
    for (const key of ["k-1", "k-1", "k-2"]) {
      const { status } = await sendMessage[market](key);
      assert.ok(status === 200 || status === 202, String(status));
    }
    const { json: messages } = await standIns.control("GET", "/messages");
    assert.deepEqual(
      messages.map(({ key }) => key),
      ["k-1", "k-2"],
    );
    const { at: _, locale, ...first } = messages[0];
    assert.deepEqual(first, { market, key: "k-1", ...MESSAGE });
    assert.match(locale, /^[a-z]{2}-[A-Z]{2}$/u);
    assert.ok(lines.some(({ message }) => message?.market === market && message.key === "k-2"));
  });

test("the control server changes keepers and contacts until a reset", async () => {
  const vin = carAt("de", 0);
  const registry = async () =>
    (
      await ask("https://mq.de.example.com/registry", {
        method: "POST",
        headers: basic(SECRETS.DE_REGISTRY_BASIC),
        body: ebcdic(`REQ1${vin}DE`),
      })
    ).bytes;
  const before = await registry();
  const change = {
    registration: { keeper_name: "Next Keeper", registered_on: "2026-10-01" },
    contact: { email: "next@example.com", changed_on: "2026-10-02" },
  };
  const { status, json: changed } = await standIns.control("PUT", `/holders/de/${vin}`, change);
  assert.deepEqual([status, changed.registration.keeper_name], [200, "Next Keeper"]);
  assert.notDeepEqual(await registry(), before);
  assert.equal(json(await crm.de(vin)).kontakt.mail, "next@example.com");
  const refused = await standIns.control("PUT", `/holders/de/${vin}`, { keeper: "x" });
  assert.deepEqual(
    [refused.status, (await standIns.control("GET", "/holders/xx/x")).status],
    [422, 404],
  );
  await standIns.control("POST", "/reset");
  assert.deepEqual(await registry(), before);
});

/** Follows redirects with cookies; returns the last response and its text. */
async function browse(jar, address, init = {}) {
  let [url, request] = [address, init];
  for (;;) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...request.headers, cookie };
    const response = await fetch(url, { ...request, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split("=");
      jar.set(name, value);
    }
    const location = response.headers.get("location");
    if (!location) return { url, status: response.status, text: await response.text() };
    [url, request] = [new URL(location, url).href, {}];
  }
}

async function attest(login, code) {
  const { url, staff } = standIns.ready.dealers;
  const { password } = staff.find((one) => one.login === login);
  const jar = new Map();
  const form = (fields) => ({ method: "POST", body: new URLSearchParams(fields) });
  const signIn = await browse(jar, url, form({ market: "de", code }));
  assert.match(signIn.text, /second_factor/u);
  const answers = { login, password, second_factor: "yes", action: "sign-in" };
  return browse(jar, signIn.url, form(answers));
}

test("a member of staff signs in at the portal, which sends the claim code", async () => {
  const page = await attest("doro", "k4tz 9qhm");
  assert.match(page.text, /<h1>Attested<\/h1>[\s\S]*<b>202<\/b>[\s\S]*one of two &lt;b&gt;/u);
  await attest("emil", "k4tz 9qhm");
  const [first, second] = attestations.splice(0);
  assert.equal(first.url, "/api/v1/de/ownership/attestations");
  assert.deepEqual(first.body, { code: "k4tz 9qhm" });
  const claims = [first, second].map(({ authorization }) => {
    const token = authorization.slice("Bearer ".length);
    return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString("utf8"));
  });
  const now = Date.now() / 1000;
  for (const one of claims) {
    assert.deepEqual([one.aud, one.acr, one.dealer], ["kerbside-dealers", MFA, "D-1001"]);
    assert.equal(one.iss, standIns.ready.hosts["https://dealers.example.com"]);
    assert.ok(now - one.auth_time < 30 && one.jti && one.client_id);
  }
  assert.notEqual(claims[0].jti, claims[1].jti);
  assert.notEqual(claims[0].sub, claims[1].sub);
});

test("the portal sends nothing without a code, and the control server mints tokens", async () => {
  const { url } = standIns.ready.dealers;
  const body = new URLSearchParams({ market: "de", code: " " });
  const empty = await browse(new Map(), url, { method: "POST", body });
  assert.deepEqual([empty.status, attestations.length], [422, 0]);
  const { json: minted } = await standIns.control("POST", "/identity/dealers/tokens", {
    login: "fred",
    claims: { acr: MFA },
  });
  const claims = JSON.parse(Buffer.from(minted.access_token.split(".")[1], "base64url").toString());
  assert.deepEqual([claims.dealer, claims.aud], ["D-1002", "kerbside-dealers"]);
});
