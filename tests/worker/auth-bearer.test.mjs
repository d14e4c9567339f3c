// Access tokens that an attacker would send, in real workerd against a provider of the test's own:
// each is a good token with one thing wrong with it.
import assert from "node:assert/strict";
import { createPublicKey, randomBytes } from "node:crypto";
import test, { after, before } from "node:test";

import { exchange } from "./support/browser.mjs";
import { encode, hmacToken, jws, makeKey, reassemble, signature } from "./support/jose.mjs";
import { MEMBER_MARK, OWNER_MARKS, VIN, signingIn } from "./support/signing-in.mjs";

let all, main, other, document;
const sent = [];
const now_s = () => Math.floor(Date.now() / 1000);

before(async () => {
  all = await signingIn({
    markets: {
      aa: { issuer: "main" },
      bb: { issuer: "other" },
      cc: undefined,
      dd: { issuer: "main", client: "kerbside-dd", sign_in: { api_clients: ["partner-dd"] } },
      ff: { issuer: "main", client: "kerbside-ff", sign_in: { audience: "kerbside-ff" } },
      gg: { issuer: "main", client: "kerbside-gg", algorithms: ["ES256"] },
      jj: { issuer: "main", client: "kerbside-jj", sign_in: { access_token_type: "JWT" } },
    },
  });
  ({ main, other } = all.issuers);
  document = await all.here.address(VIN, "aa");
});
after(() => all?.end());

/** Sends a token; it must make nobody of its sender. */
async function refused(token, options = {}) {
  sent.push(token);
  const { status, tier, challenge } = await all.bearer("aa", token, options);
  assert.equal(status, 401, `${status}, tier ${tier}`);
  assert.match(challenge, /^Bearer .*error="invalid_token"/);
}

async function accepted(token, options = {}) {
  sent.push(token);
  const { status, tier, answer } = await all.bearer(options.market ?? "aa", token, options);
  assert.deepEqual([status, tier], [200, "member"], answer.text);
}

/** A test for each case of a table: `{ name: () => token }`. */
function refusals(group, cases) {
  test(group, async (t) => {
    for (const [name, make] of Object.entries(cases))
      await t.test(name, async () => refused(await make()));
  });
}
function acceptances(group, cases) {
  test(group, async (t) => {
    for (const [name, make] of Object.entries(cases))
      await t.test(name, async () => accepted(await make()));
  });
}

const access = (changes, options) => main.accessToken(changes, options);
const es = () => ({ key: main.key("ES256") });
/** A token whose header is this text and whose signature is good. */
const withHeader = (change, key = main.key("ES256")) =>
  jws(main.accessClaims(), { key, typ: "at+jwt", header: change });
/** A token whose claims are the JSON of the honest ones, changed as text. */
const withText = (change) =>
  jws(change(JSON.stringify(main.accessClaims())), { ...es(), typ: "at+jwt" });
const withMember = (member) => withText((text) => text.replace(/}$/, `,${member}}`));
/** The honest claims without a member, and this text in its place. */
const instead = (name, value) =>
  withText((text) => {
    const { [name]: _left, ...rest } = JSON.parse(text);
    return JSON.stringify(rest).replace(/}$/, `,"${name}":${value}}`);
  });

acceptances("a good token makes a member, by every algorithm", {
  RS256: () => access(),
  PS256: () => access({}, { key: main.key("PS256") }),
  ES256: () => access({}, es()),
  ES384: () => access({}, { key: main.key("ES384") }),
  EdDSA: () => access({}, { key: main.key("EdDSA") }),
  "EdDSA by its newer name": () =>
    access({}, { key: main.key("EdDSA"), header: { alg: "Ed25519" } }),
});
acceptances("quirks of real providers", {
  "aud as a list": () => access({ aud: ["kerbside"] }),
  "aud with others": () => access({ aud: ["elsewhere", "kerbside"] }),
  "auth_time as a float": () => instead("auth_time", `${now_s() - 5}.25`),
  "extra claims of every kind": () =>
    access({ roles: ["a"], "https://claims.example.com/x": { deep: [1, null, true] }, ver: 2.0 }),
  "typ with the prefix application/": () => access({}, { typ: "application/at+jwt" }),
  "typ in capitals": () => access({}, { typ: "AT+JWT" }),
  "an hour of life": () => access({ exp: now_s() + 3_600, iat: now_s() }),
  "expired for less than the skew": () => access({ iat: now_s() - 600, exp: now_s() - 55 }),
  "not valid for less than the skew": () => access({ nbf: now_s() + 55 }),
  "iat ahead by less than the skew": () => access({ iat: now_s() + 55 }),
  "white space in the JSON": () => withText((text) => text.replaceAll(",", " ,\n\t ")),
});

test("the name of the scheme in any case, and blanks after it", async () => {
  for (const scheme of ["bearer", "BEARER", "bEaReR"]) {
    const headers = { authorization: `${scheme} ${access()}` };
    const { status, json } = await all.ask("/api/v1/aa/session", { headers });
    assert.deepEqual([status, json?.tier], [200, "member"], scheme);
  }
});

const NONE = ["none", "None", "NONE", "nOnE", "", " none", "none ", "no\u0000ne", "nonе"];
refusals("alg none in all spellings", {
  ...Object.fromEntries(
    NONE.flatMap((alg) => [
      [`${JSON.stringify(alg)} and no signature`, () => unsigned({ alg })],
      [`${JSON.stringify(alg)} and a good signature`, () => withHeader({ alg })],
    ]),
  ),
  missing: () => unsigned({}),
  "missing, signed": () => withHeader({ alg: undefined }),
  null: () => withHeader({ alg: null }),
  "a list": () => withHeader({ alg: ["ES256"] }),
  "an object": () => withHeader({ alg: { alg: "ES256" } }),
  "a number": () => withHeader({ alg: 256 }),
  "lower case of a good one": () => withHeader({ alg: "es256" }),
  ES256K: () => withHeader({ alg: "ES256K" }),
  RS1: () => withHeader({ alg: "RS1" }),
});
const unsigned = (header) =>
  `${encode({ typ: "at+jwt", kid: main.key("ES256").kid, ...header })}.` +
  `${encode(main.accessClaims())}.`;

refusals("signatures", {
  empty: () => reassemble(access(), ([head, body]) => [head, body, ""]),
  "of another token": () => reassemble(access(), ([head, body]) => [head, body, partOf(access())]),
  "zeros, ES256": () => withSignature("ES256", Buffer.alloc(64)),
  "zeros, ES384": () => withSignature("ES384", Buffer.alloc(96)),
  "zeros, EdDSA": () => withSignature("EdDSA", Buffer.alloc(64)),
  "zeros, RS256": () => withSignature("RS256", Buffer.alloc(256)),
  "one byte": () => withSignature("ES256", Buffer.alloc(1)),
  "r and s are the order": () => withSignature("ES256", Buffer.concat([P256_ORDER, P256_ORDER])),
  "one, RS256": () => withSignature("RS256", Buffer.concat([Buffer.alloc(255), Buffer.from([1])])),
  "DER, ES256": () => withSignature("ES256", derOf),
  "with a byte more": () =>
    withSignature("ES256", (good) => Buffer.concat([good, Buffer.alloc(1)])),
  "with a byte less": () => withSignature("EdDSA", (good) => good.subarray(0, 63)),
  "its S with the order added, EdDSA": () => withSignature("EdDSA", withOrder),
});
const P256_ORDER = Buffer.from(
  "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
  "hex",
);
const partOf = (token) => token.split(".")[2];

function withSignature(alg, change) {
  const token = access({}, { key: main.key(alg) });
  const bytes = (part) => Buffer.from(part, "base64url");
  const changed = (part) => (typeof change === "function" ? change(bytes(part)) : change);
  return reassemble(token, ([head, body, part]) => [head, body, encode(changed(part))]);
}

/** The same pair of numbers in ASN.1. */
function derOf(raw) {
  const integer = (bytes) => {
    const from = bytes.findIndex((byte) => byte !== 0);
    const kept = bytes.subarray(from);
    const body = kept[0] & 0x80 ? Buffer.concat([Buffer.alloc(1), kept]) : kept;
    return Buffer.concat([Buffer.from([2, body.length]), body]);
  };
  const both = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, both.length]), both]);
}

/** The malleable twin of an Ed25519 signature. */
function withOrder(raw) {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const big = BigInt(`0x${Buffer.from(raw.subarray(32)).reverse().toString("hex")}`) + order;
  const hex = big.toString(16).padStart(64, "0");
  return Buffer.concat([raw.subarray(0, 32), Buffer.from(hex, "hex").reverse()]);
}

refusals("parts and their encoding", {
  nothing: () => ".",
  "one part": () => access().split(".")[0],
  "two parts": () => access().split(".").slice(0, 2).join("."),
  "four parts": () => `${access()}.${encode("x")}`,
  "five parts, as encrypted tokens have": () => `${access()}.a.b`,
  "a dot at the end": () => `${access()}.`,
  "a dot at the start": () => `.${access()}`,
  "padded header": () => reassemble(padded(), ([head, ...rest]) => [`${head}=`, ...rest]),
  "padded signature": () => reassemble(access(), ([head, body, part]) => [head, body, `${part}==`]),
  "the other alphabet": () => withSlash(),
  "bits after the end of the signature": () =>
    reassemble(access({}, es()), ([head, body, part]) => [head, body, withStrayBits(part)]),
  "a line break": () => reassemble(access(), ([head, body, part]) => [head, body, `${part}%0A`]),
  "claims that are no object": () => jws("[]", { ...es(), typ: "at+jwt" }),
  "claims that are null": () => jws("null", { ...es(), typ: "at+jwt" }),
  "claims after a byte order mark": () => withText((text) => `\ufeff${text}`),
  "claims and something more": () => withText((text) => `${text}{}`),
  "claims that are no UTF-8": () =>
    jws(Buffer.concat([Buffer.from('{"iss":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]), {
      ...es(),
      typ: "at+jwt",
    }),
  "20 KB": () => access({ padding: "x".repeat(20_000) }),
  "JSON of 5 000 levels in the claims": () =>
    withMember(`"deep":${"[".repeat(5_000)}${"]".repeat(5_000)}`),
  "JSON of 5 000 levels in the header": () =>
    withHeader(
      `{"alg":"ES256","typ":"at+jwt","deep":${'{"a":'.repeat(1_000)}1${"}".repeat(1_000)}}`,
    ),
});
/** A token whose header would need a padding. */
function padded() {
  for (let blanks = 0; ; blanks += 1) {
    const token = withHeader({ x: "y".repeat(blanks) });
    if (token.split(".")[0].length % 4 === 3) return token;
  }
}
/** A token whose signature has a `-` or `_`, in the alphabet of plain base64. */
function withSlash() {
  for (;;) {
    const token = access({}, es());
    if (/[-_]/.test(partOf(token)))
      return reassemble(token, ([head, body, part]) => [
        head,
        body,
        part.replaceAll("-", "+").replaceAll("_", "/"),
      ]);
  }
}
/** 64 bytes end in a character of which two bits count. */
function withStrayBits(part) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(part.at(-1));
  assert.equal(last % 16, 0, "a canonical last character");
  return part.slice(0, -1) + alphabet[last + 1];
}

refusals("keys that are not the issuer's, or not for this", {
  "HS256 with the public key as PEM": () => hmac(pem()),
  "HS256 with the PEM without its last line break": () => hmac(pem().trim()),
  "HS256 with the key as JSON": () => hmac(JSON.stringify(main.key("RS256").jwk)),
  "HS256 with the modulus": () => hmac(Buffer.from(main.key("RS256").jwk.n, "base64url")),
  "HS256 with nothing": () => hmac(""),
  "a key of another issuer": () => access({}, { key: other.key("ES256") }),
  "a key of another issuer under our kid": () =>
    access({}, { key: other.key("ES256"), header: { kid: main.key("ES256").kid } }),
  "another issuer's whole token": () => other.accessToken(),
  "PS256 by the key for RS256": () =>
    access({}, { key: main.key("RS256"), alg: "PS256", header: { alg: "PS256" } }),
  "RS256 by the key for PS256": () =>
    access({}, { key: main.key("PS256"), alg: "RS256", header: { alg: "RS256" } }),
  "ES256 said of a signature by RS256": () =>
    access({}, { key: main.key("RS256"), header: { alg: "ES256" } }),
  "RS256 said of a key for ES256": () =>
    access({}, { key: main.key("ES256"), header: { alg: "RS256" } }),
  "ES384 said of a key for ES256": () =>
    access({}, { key: main.key("ES256"), header: { alg: "ES384" } }),
  "EdDSA said of a key for RS256": () =>
    access({}, { key: main.key("RS256"), header: { alg: "EdDSA" } }),
  "the kid of another key": () => access({}, { ...es(), header: { kid: main.key("EdDSA").kid } }),
});
const pem = () =>
  createPublicKey({ key: main.key("RS256").jwk, format: "jwk" }).export({
    type: "spki",
    format: "pem",
  });
const hmac = (secret) =>
  hmacToken(main.accessClaims(), {
    secret,
    header: { alg: "HS256", typ: "at+jwt", kid: main.key("RS256").kid },
  });

const KIDS = [
  "../../../../dev/null",
  "' OR 1=1 --",
  "k\u0000",
  "\u202ek",
  "__proto__",
  "constructor",
  "",
  "x".repeat(9_000),
  "<script>",
];
refusals("hostile key ids", {
  ...Object.fromEntries(
    KIDS.map((kid) => [JSON.stringify(kid).slice(0, 30), () => withHeader({ kid })]),
  ),
  null: () => withHeader({ kid: null }),
  "a number": () => withHeader({ kid: 1 }),
  "a list": () => withHeader({ kid: [main.key("ES256").kid] }),
});

test("keys and their places in the header are never taken or fetched", async (t) => {
  const evil = makeKey("ES256", { kid: "evil" });
  const address = `${main.url}/evil`;
  const headers = {
    jwk: { jwk: evil.jwk },
    "jwk under a known kid": { jwk: evil.jwk, kid: main.key("ES256").kid },
    jku: { jku: address },
    x5u: { x5u: address },
    x5c: { x5c: [encode("certificate")] },
  };
  const fetched = main.count("unknown");
  for (const [name, header] of Object.entries(headers))
    await t.test(name, () => refused(access({}, { key: evil, header })));
  // A good token may hold them: they are ignored, not followed.
  await t.test("beside a good signature", () => accepted(access({}, { header: { jku: address } })));
  assert.equal(main.count("unknown"), fetched, "an address of a token was fetched");
});

refusals("headers that must be understood, and types", {
  "crit of a known name": () => withHeader({ crit: ["exp"], exp: now_s() + 60 }),
  "crit of an unknown name": () => withHeader({ crit: ["x"], x: 1 }),
  "crit, empty": () => withHeader({ crit: [] }),
  "crit, null": () => withHeader({ crit: null }),
  "b64 with crit": () => withHeader({ b64: false, crit: ["b64"] }),
  "b64 alone": () => withHeader({ b64: false }),
  "b64 that is true": () => withHeader({ b64: true, crit: ["b64"] }),
  "alg twice": () => withHeader(`{"alg":"none",${headerText().slice(1)}`),
  "alg twice, once escaped": () => withHeader(`{"\\u0061lg":"none",${headerText().slice(1)}`),
  "typ missing": () => access({}, { typ: undefined }),
  "typ JWT": () => access({}, { typ: "JWT" }),
  "typ of a logout token": () => access({}, { typ: "logout+jwt" }),
  "typ as a list": () => access({}, { typ: ["at+jwt"] }),
  "typ with a parameter": () => access({}, { typ: "at+jwt; x=y" }),
  "an ID token": () => main.sign(main.idClaims({ nonce: "n" })),
  "an ID token for us and the API": () =>
    main.sign(main.idClaims({ aud: ["kerbside", "kerbside-web"], nonce: "n" })),
  "a logout token": () => main.logoutToken({ sub: main.person.sub }),
  "a header that is no object": () => withHeader('"ES256"'),
});
const headerText = () =>
  JSON.stringify({ alg: "ES256", kid: main.key("ES256").kid, typ: "at+jwt" });

const NUMBERS = {
  missing: undefined,
  null: "null",
  "a text": () => `"${now_s() + 60}"`,
  "an empty text": '""',
  "a float": () => `${now_s() + 60}.5`,
  negative: "-1",
  zero: "0",
  milliseconds: () => `${(now_s() + 60) * 1000}`,
  "1e400": "1e400",
  "-1e400": "-1e400",
  "1e300": "1e300",
  "the greatest of 64 bits": "9223372036854775807",
  "past 64 bits": "18446744073709551616",
  true: "true",
  "a list": "[1]",
};
for (const name of ["exp", "iat", "nbf"])
  refusals(
    `${name} that is no time, or none of now`,
    Object.fromEntries(
      Object.entries(NUMBERS)
        // `nbf` may be missing, or long past.
        .filter(([what]) => name !== "nbf" || !["missing", "zero"].includes(what))
        .map(([what, value]) => [
          what,
          () =>
            value === undefined
              ? access({ [name]: undefined })
              : instead(name, typeof value === "function" ? value() : value),
        ]),
    ),
  );

refusals("times at their edges", {
  "expired for longer than the skew": () => access({ iat: now_s() - 600, exp: now_s() - 62 }),
  "not valid for longer than the skew": () => access({ nbf: now_s() + 75 }),
  "iat ahead by more than the skew": () => access({ iat: now_s() + 75 }),
  "living longer than an hour": () => access({ iat: now_s(), exp: now_s() + 3_602 }),
  "living longer than an hour, from an early iat": () =>
    access({ iat: now_s() - 3_000, exp: now_s() + 700 }),
  "expired before it was issued": () => access({ iat: now_s(), exp: now_s() - 30 }),
});

const AUDIENCES = {
  missing: undefined,
  null: null,
  "an empty list": [],
  "an empty text": "",
  foreign: "elsewhere",
  "foreign in a list": ["elsewhere"],
  "in capitals": "Kerbside",
  "with a blank": "kerbside ",
  "a beginning": "kerbside-web",
  "a list in a list": [["kerbside"]],
  "a list with a number": ["kerbside", 1],
  "an object": { kerbside: true },
};
refusals("aud", {
  ...Object.fromEntries(
    Object.entries(AUDIENCES).map(([name, aud]) => [name, () => access({ aud })]),
  ),
  "foreign with our name as azp": () => access({ aud: "elsewhere", azp: "kerbside" }),
});

refusals("iss", {
  missing: () => access({ iss: undefined }),
  null: () => access({ iss: null }),
  "with a slash at the end": () => access({ iss: `${main.url}/` }),
  "in capitals": () => access({ iss: main.url.toUpperCase() }),
  "with another port": () => access({ iss: main.url.replace(/:\d+/, ":1") }),
  "by another name of this machine": () =>
    access({ iss: main.url.replace("127.0.0.1", "localhost") }),
  "of another market": () => access({ iss: other.url }),
  "a list": () => access({ iss: [main.url] }),
  twice: () => withMember(`"iss":"${main.url}"`),
});

const SUBJECTS = {
  missing: undefined,
  null: null,
  empty: "",
  "a number": 7,
  "a list": ["ada"],
  "longer than 255": "a".repeat(256),
  "with a zero byte": "ada\u0000",
  "with a line break": "ada\nroot",
  "with an escape": "ada\u001b[2J",
  "with C1 controls": "ada\u0085",
  "with a bidi override": "ada\u202etoor",
  "with a bidi isolate": "ada\u2066",
  "with a mark of direction": "ada\u200f",
  "with a line separator": "ada\u2028",
};
refusals("sub", {
  ...Object.fromEntries(
    Object.entries(SUBJECTS).map(([name, sub]) => [name, () => access({ sub })]),
  ),
  "the client itself": () => access({ sub: "partner" }),
  twice: () => withMember('"sub":"somebody-else"'),
  "twice, once escaped": () => withMember('"s\\u0075b":"somebody-else"'),
});

refusals("clients, scopes and bindings", {
  "a client that is not listed": () => access({ client_id: "stranger" }),
  "our own client for browsers": () => access({ client_id: "kerbside-web" }),
  "no client": () => access({ client_id: undefined }),
  "a client that is a list": () => access({ client_id: ["partner"] }),
  "bound to a key (DPoP)": () => access({ cnf: { jkt: "x" } }),
  "bound to a certificate": () => access({ cnf: { "x5t#S256": "x" } }),
  "bound to null": () => access({ cnf: null }),
});

test("a token without the scope of the route is told so, and gets nothing", async () => {
  for (const scope of [
    undefined,
    "openid profile",
    "Vehicles:read",
    "vehicles:readall",
    "vehicles",
  ]) {
    const token = access({ scope });
    const { status, headers, text } = await all.ask(document, { token });
    assert.equal(status, 403, `${scope}: ${text.slice(0, 200)}`);
    assert.match(headers["www-authenticate"], /error="insufficient_scope"/);
    assert.match(headers["cache-control"], /no-store/);
    assert.ok(!text.includes(MEMBER_MARK));
  }
});

test("where freshness counts, a token without auth_time or with an old one is sent back", async () => {
  for (const auth_time of [undefined, null, now_s() - 1_000, 0]) {
    const token = access({ auth_time });
    const { status, headers } = await all.ask("/api/v1/aa/me/export", { token });
    assert.equal(status, 401, String(auth_time));
    const challenge = headers["www-authenticate"];
    assert.match(challenge, /insufficient_user_authentication|invalid_token/);
    if (auth_time !== null) assert.match(challenge, /max_age="?900/);
  }
  const fresh = await all.ask("/api/v1/aa/me/export", { token: access() });
  assert.equal(fresh.status, 200, fresh.text);
});

test("a member by token sees what members see, and nothing of an owner's", async () => {
  const anonymous = await all.ask(document);
  assert.ok(!anonymous.text.includes(MEMBER_MARK));
  const { status, text, json, headers } = await all.ask(document, { token: access() });
  assert.equal(status, 200, text);
  assert.equal(json.tier, "member");
  assert.ok(text.includes(MEMBER_MARK), text);
  for (const mark of OWNER_MARKS) assert.ok(!text.includes(mark), mark);
  assert.match(headers["cache-control"], /private.*no-store|no-store.*private/);
});

test("a token counts in the markets of its issuer, client and audience alone", async () => {
  const token = access();
  for (const ask of [1, 2]) {
    await accepted(token);
    for (const market of ["bb", "dd", "ff"]) {
      const { status, tier } = await all.bearer(market, token);
      assert.deepEqual([status, tier], [401, undefined], `${market}, request ${ask}`);
    }
    // A market without sign-in has no tokens that could be good.
    const { status, tier } = await all.bearer("cc", token);
    assert.ok([401, 404].includes(status) || tier === "public", `cc: ${status} ${tier}`);
  }
  await accepted(access({ client_id: "partner-dd" }), { market: "dd" });
  assert.equal((await all.bearer("aa", access({ client_id: "partner-dd" }))).status, 401);
});

test("a market's list of algorithms holds", async () => {
  assert.equal((await all.bearer("gg", access({}, { key: main.key("RS256") }))).status, 401);
  await accepted(access({}, es()), { market: "gg" });
});

test("where access tokens say JWT, ID tokens and logout tokens are still none", async () => {
  await accepted(access({}, { typ: "JWT" }), { market: "jj" });
  const both = { aud: ["kerbside", "kerbside-jj"] };
  for (const token of [
    main.sign(main.idClaims({ ...both, nonce: "n" })),
    main.sign(main.idClaims({ ...both, nonce: "n", client_id: "partner", scope: "kerbside" })),
    main.sign(main.idClaims({ aud: "kerbside-jj" })),
    main.sign(main.logoutClaims({ ...both, sub: main.person.sub, client_id: "partner" })),
    main.logoutToken({ ...both, sub: main.person.sub }),
  ]) {
    sent.push(token);
    const { status, tier } = await all.bearer("jj", token);
    assert.deepEqual([status, tier], [401, undefined]);
  }
});

test("what was verified once is not believed in another form", async () => {
  const token = access({}, es());
  await accepted(token);
  await accepted(token);
  await refused(reassemble(token, ([head, body]) => [head, body, ""]));
  await refused(reassemble(token, ([head, body, part]) => [head, body, withStrayBits(part)]));
  const { key } = es();
  const text = `${encode(headerText())}.${encode(main.accessClaims({ sub: "mallory" }))}`;
  const mixed = `${text}.${partOf(token)}`;
  await refused(mixed);
  assert.notEqual(partOf(token), encode(signature("ES256", key, text)));
});

test("what was verified once ends with its exp", async () => {
  const token = access({ exp: now_s() + 120 });
  await accepted(token, { ahead_ms: 0 });
  await accepted(token, { ahead_ms: 100_000 });
  await refused(token, { ahead_ms: 185_000 });
  await accepted(access(), { ahead_ms: 0 });
});

test("other ways to send a token", async (t) => {
  const at = "/api/v1/aa/session";
  const token = access();
  sent.push(token);
  await t.test("in the query it is ignored", async () => {
    for (const name of ["access_token", "token", "authorization", "bearer"]) {
      const { status, json } = await all.ask(`${at}?${name}=${token}`);
      assert.ok(json?.tier === "public" || status === 400, `${name}: ${status}`);
      assert.ok([200, 400].includes((await all.ask(`/aa/?${name}=${token}`)).status));
    }
  });
  await t.test("two credentials are refused", async () => {
    const two = [`Bearer ${token}`, `Bearer ${access()}`];
    const { status } = await all.ask(at, { headers: { authorization: two.join(", ") } });
    assert.ok([400, 401].includes(status), String(status));
  });
  for (const value of [
    "Bearer",
    "Bearer ",
    `Token ${token}`,
    `Basic ${encode(`a:${token}`)}`,
    token,
  ])
    await t.test(`as ${value.slice(0, 8)}`, async () => {
      const { status, json } = await all.ask(at, { headers: { authorization: value } });
      assert.ok([400, 401].includes(status), `${status} ${json?.tier}`);
    });
  await t.test("with a session cookie beside it", async () => {
    const browser = all.browser();
    await browser.signIn("aa");
    assert.ok(browser.session, "signed in");
    const headers = { authorization: `Bearer ${token}` };
    for (const path of [at, document, "/aa/"])
      assert.equal((await browser.ask(path, { headers })).status, 400, path);
    // A cookie that is no session any more makes it no better.
    const cookie = `__Host-Http-session=${randomBytes(32).toString("base64url")}`;
    assert.equal((await all.ask(at, { headers: { ...headers, cookie } })).status, 400);
  });
});

test("HEAD is refused as GET is", async () => {
  const token = reassemble(access(), ([head, body]) => [head, body, ""]);
  for (const path of [document, "/api/v1/aa/session"])
    assert.equal((await all.ask(path, { token, method: "HEAD" })).status, 401, path);
});

test("pages take no tokens: a good one shows what everybody sees", async () => {
  const page = document.replace("/api/v1", "");
  const { status, text } = await all.ask(page, { token: access() });
  assert.equal(status, 200);
  assert.ok(!text.includes(MEMBER_MARK));
});

test("nothing of all this was logged or stored", () => all.checkQuiet(sent));
