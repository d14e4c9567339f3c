// What a provider publishes about itself and its keys, when it is broken, hostile or in the middle
// of a rotation: which tokens count then, and how often Kerbside asks. Each case has a market and
// an issuer of its own, because an isolate remembers both.
import assert from "node:assert/strict";
import { createHash, createPublicKey, generatePrimeSync, randomBytes, verify } from "node:crypto";
import test, { after, before } from "node:test";

import { encode, hmacToken, makeKey } from "./support/jose.mjs";
import { runModules } from "./support/module.mjs";
import { signingIn } from "./support/signing-in.mjs";

const CASES = 70;
const code = (number) => `k${number}`;
const HOUR_MS = 3_600_000;

let all;
const free = Array.from({ length: CASES }, (_, number) => code(number));
before(async () => {
  const markets = Object.fromEntries(
    free.map((name) => [name, { issuer: name, keys: { algorithms: ["ES256"] } }]),
  );
  all = await signingIn({ markets, isolates: 2 });
});
after(() => all?.end());

/** A market that no other case has used: `{ market, issuer, tier(token) }`. */
function fresh() {
  const market = free.shift() ?? assert.fail("no market left");
  const issuer = all.issuers[market];
  /** The tier of a token's sender, or the status where it is refused. */
  const tier = async (token, options) => {
    const { status, tier } = await all.bearer(market, token, options);
    return status === 200 ? tier : status;
  };
  return { market, issuer, tier };
}

const html = { status: 200, headers: { "content-type": "text/html" }, body: "<html>Login</html>" };
const large = (honest) => ({
  ...honest,
  body: honest.body.replace("{", `{"padding":"${"x".repeat(70_000)}",`),
});
/** A provider that cannot be understood is no reason to believe or to blame a token. */
const isRefusal = (status) => [401, 503].includes(status);

const BROKEN = {
  "a page of HTML": () => html,
  "more than 64 KiB": (_, honest) => large(honest()),
  "an error": () => ({ status: 500, headers: {}, body: "" }),
  "no JSON": (_, honest) => ({ ...honest(), body: "{" }),
  "a list": (_, honest) => ({ ...honest(), body: "[]" }),
  nothing: (_, honest) => ({ ...honest(), body: "" }),
  "a closed connection": () => ({ destroy: true }),
  "an answer after the limit": (_, honest) => ({ ...honest(), after_ms: 7_000 }),
};

test("answers that are no discovery document or key set", { concurrency: 8 }, async (t) => {
  const one = (endpoint, name, answer) =>
    t.test(`${endpoint}: ${name}`, async () => {
      const { issuer, tier } = fresh();
      issuer.replace[endpoint] = answer;
      const started = performance.now();
      assert.ok(isRefusal(await tier(issuer.accessToken())));
      assert.ok(performance.now() - started < 6_500, "bounded by the limit of five seconds");
      // The runtime itself tries a closed connection again.
      const most = name === "a closed connection" ? 8 : 2;
      assert.ok(issuer.count(endpoint) <= most, `${issuer.count(endpoint)} requests`);
    });
  await Promise.all(
    ["discovery", "jwks"].flatMap((endpoint) =>
      Object.entries(BROKEN).map(([name, answer]) => one(endpoint, name, answer)),
    ),
  );
});

test("redirects of the provider are not followed", async () => {
  for (const endpoint of ["discovery", "jwks"]) {
    const { issuer, tier } = fresh();
    issuer.replace[endpoint] = ({ url }, honest) =>
      url.search
        ? honest()
        : { status: 302, headers: { location: `${url.pathname}?followed` }, body: "" };
    assert.ok(isRefusal(await tier(issuer.accessToken())));
    const followed = issuer.requests.filter(({ url }) => url.search);
    assert.deepEqual(followed, [], endpoint);
  }
});

test("a discovery document that names another issuer, or unsafe addresses", async (t) => {
  const { provider } = all;
  const names = (url) => ({
    "a slash at the end": { issuer: `${url}/` },
    "another issuer": { issuer: `${provider.url}/other` },
    "no issuer": { issuer: undefined },
    "keys over plain http": { jwks_uri: "http://192.0.2.1/jwks" },
    "keys in a file": { jwks_uri: "file:///etc/passwd" },
    "keys with credentials in their address": { jwks_uri: `http://a:b@127.0.0.1/jwks` },
    "no keys": { jwks_uri: undefined },
  });
  for (const name of Object.keys(names("")))
    await t.test(name, async () => {
      const { issuer, tier } = fresh();
      issuer.metadata = names(issuer.url)[name];
      assert.ok(isRefusal(await tier(issuer.accessToken())));
      assert.equal(issuer.count("jwks"), 0, "keys were fetched of a document that is not its");
    });
});

test("discovery and keys are fetched once for many requests", async () => {
  const { issuer, tier } = fresh();
  for (let times = 0; times < 10; times += 1)
    assert.equal(await tier(issuer.accessToken()), "member");
  assert.deepEqual([issuer.count("discovery"), issuer.count("jwks")], [1, 1]);
});

test("a flood of unknown key ids leads to few requests for keys", async () => {
  const { issuer, tier } = fresh();
  assert.equal(await tier(issuer.accessToken()), "member");
  const stranger = () =>
    issuer.accessToken({}, { header: { kid: randomBytes(8).toString("hex") } });
  const many = await Promise.all(Array.from({ length: 60 }, () => tier(stranger())));
  for (let times = 0; times < 20; times += 1) many.push(await tier(stranger()));
  assert.deepEqual(new Set(many), new Set([401]));
  const { length } = issuer.requests.filter(({ endpoint }) => endpoint === "jwks");
  assert.ok(length <= 4, `${length} requests for keys`);
  assert.equal(await tier(issuer.accessToken()), "member", "good tokens go on");
});

test("a flood before the first key set is known leads to few requests too", async () => {
  const { issuer, tier } = fresh();
  issuer.replace.jwks = (_, honest) => ({ ...honest(), after_ms: 300 });
  const many = await Promise.all(Array.from({ length: 40 }, () => tier(issuer.accessToken())));
  assert.ok(many.filter((one) => one === "member").length > 0, String(many));
  assert.ok(issuer.count("jwks") <= 8, `${issuer.count("jwks")} requests for keys`);
});

test("a provider that is down is not asked by every request", async () => {
  const { issuer, tier } = fresh();
  for (const endpoint of ["discovery", "jwks"])
    issuer.replace[endpoint] = () => ({ status: 503, headers: {}, body: "" });
  for (let times = 0; times < 30; times += 1)
    assert.ok(isRefusal(await tier(issuer.accessToken())));
  assert.ok(issuer.requests.length <= 5, `${issuer.requests.length} requests`);
});

test("a new key is found by the first token that names it", async () => {
  const { issuer, tier } = fresh();
  assert.equal(await tier(issuer.accessToken()), "member");
  const key = makeKey("ES256");
  issuer.keys.push(key);
  const later = { ahead_ms: 60_000 };
  assert.equal(await tier(issuer.accessToken({}, { key }), later), "member");
  assert.equal(await tier(issuer.accessToken(), later), "member", "the old key stays");
  assert.equal(issuer.count("jwks"), 2);
});

test("a key that leaves the key set: its tokens are refused at once, also known ones", async () => {
  const { issuer, tier } = fresh();
  const token = issuer.accessToken();
  assert.equal(await tier(token), "member");
  assert.equal(await tier(token), "member");
  issuer.keys = [makeKey("ES256")];
  // A token by the new key makes Kerbside read the new key set.
  const later = { ahead_ms: 60_000 };
  assert.equal(await tier(issuer.accessToken(), later), "member");
  assert.equal(await tier(token, later), 401);
});

test("a key whose id stays and whose numbers change is another key", async () => {
  const { issuer, tier } = fresh();
  const token = issuer.accessToken();
  assert.equal(await tier(token), "member");
  const { kid } = issuer.key();
  issuer.keys = [makeKey("ES256", { kid }), makeKey("ES256")];
  const later = { ahead_ms: 60_000 };
  assert.equal(await tier(issuer.accessToken({}, { key: issuer.keys[1] }), later), "member");
  assert.equal(await tier(token, later), 401);
  assert.equal(await tier(issuer.accessToken(), later), "member");
});

test("an empty or broken key set during a rotation keeps the last good one", async () => {
  for (const answer of [
    (_, honest) => ({ ...honest(), body: '{"keys":[]}' }),
    () => html,
    () => ({ status: 500, headers: {}, body: "" }),
  ]) {
    const { issuer, tier } = fresh();
    assert.equal(await tier(issuer.accessToken()), "member");
    issuer.replace.jwks = answer;
    const stranger = issuer.accessToken({}, { header: { kid: "stranger" } });
    assert.ok(isRefusal(await tier(stranger, { ahead_ms: 60_000 })));
    assert.ok(issuer.count("jwks") > 1, "it asked again");
    assert.equal(await tier(issuer.accessToken(), { ahead_ms: 60_000 }), "member");
  }
});

test("a provider that is down: its keys are good for a day and no longer", async () => {
  const { issuer, tier } = fresh();
  assert.equal(await tier(issuer.accessToken()), "member");
  for (const endpoint of ["discovery", "jwks"])
    issuer.replace[endpoint] = () => ({ status: 503, headers: {}, body: "" });
  const at = async (ahead_ms) => {
    const iat = Math.floor((Date.now() + ahead_ms) / 1000);
    const claims = { iat, exp: iat + 600, auth_time: iat };
    return tier(issuer.accessToken(claims), { ahead_ms, isolate: 0 });
  };
  assert.equal(await at(5 * HOUR_MS), "member");
  assert.equal(await at(23 * HOUR_MS), "member");
  assert.ok(isRefusal(await at(25 * HOUR_MS)));
  // The clock of this isolate is right again for whoever comes next.
  await all.ask("/healthz", { ahead_ms: 0 });
});

test("a token without a kid", async (t) => {
  const without = (issuer, key = issuer.key()) =>
    issuer.accessToken({}, { key, header: { kid: undefined } });
  await t.test("counts where there is one key", async () => {
    const { issuer, tier } = fresh();
    assert.equal(await tier(without(issuer)), "member");
  });
  await t.test("and where that key has no id either", async () => {
    const { issuer, tier } = fresh();
    const { kid, ...jwk } = issuer.key().jwk;
    issuer.keySet = () => ({ keys: [jwk] });
    assert.equal(await tier(without(issuer)), "member");
  });
  await t.test("is refused where two could have signed", async () => {
    const { issuer, tier } = fresh();
    issuer.keys.push(makeKey("ES256"));
    for (const key of issuer.keys) assert.equal(await tier(without(issuer, key)), 401);
  });
});

test("two keys of one id are none", async () => {
  const { issuer, tier } = fresh();
  const twin = makeKey("ES256", { kid: issuer.key().kid });
  const good = makeKey("ES256");
  issuer.keys.push(twin, good);
  for (const key of issuer.keys.slice(0, 2))
    assert.equal(await tier(issuer.accessToken({}, { key })), 401);
  assert.equal(await tier(issuer.accessToken({}, { key: good })), "member");
});

// ---- Keys that may not verify anything
// ------------------------------------------------------------------------------------------------

/** A bad key beside a good one: tokens by it are refused, tokens by the good one count. */
async function refusesKey({ jwk, token }) {
  const { issuer, tier } = fresh();
  issuer.keySet = () => ({ keys: [jwk, issuer.key().jwk] });
  assert.equal(await tier(await token(issuer)), 401);
  assert.equal(await tier(issuer.accessToken()), "member", "the good key beside it");
}

const by = (key, header) => (issuer) => issuer.accessToken({}, { key, header });

test("keys that are no keys for signatures", async (t) => {
  const ec = makeKey("ES256");
  const rsa = makeKey("RS256");
  const secret = randomBytes(32);
  const oct = { kty: "oct", k: encode(secret), kid: "oct", alg: "HS256", use: "sig" };
  const cases = {
    "for encryption": { jwk: { ...ec.jwk, use: "enc" }, token: by(ec) },
    "whose operations lack verify": { jwk: { ...ec.jwk, key_ops: ["encrypt"] }, token: by(ec) },
    "of another algorithm (RSA)": { jwk: { ...rsa.jwk, alg: "PS256" }, token: by(rsa) },
    "for encryption by RSA": { jwk: { ...rsa.jwk, alg: "RSA-OAEP-256" }, token: by(rsa) },
    "whose algorithm is not of its kind": { jwk: { ...rsa.jwk, alg: "ES256" }, token: by(rsa) },
    "symmetric ones": {
      jwk: oct,
      token: (issuer) =>
        hmacToken(issuer.accessClaims(), {
          secret,
          header: { alg: "HS256", typ: "at+jwt", kid: "oct" },
        }),
    },
    "of a kind that nobody knows": { jwk: { kty: "XYZ", kid: ec.kid, x: "AA" }, token: by(ec) },
    "off their curve": { jwk: offCurve(ec.jwk), token: by(ec) },
    "with a coordinate too few": { jwk: { ...ec.jwk, y: undefined }, token: by(ec) },
    "with a coordinate that is too short": { jwk: { ...ec.jwk, x: "AA" }, token: by(ec) },
  };
  for (const [name, one] of Object.entries(cases)) await t.test(name, () => refusesKey(one));
});

function offCurve(jwk) {
  const y = Buffer.from(jwk.y, "base64url");
  y[31] ^= 1;
  return { ...jwk, y: encode(y) };
}

test("RSA keys that are too small, too large or trivial", async (t) => {
  for (const bits of [512, 1024]) {
    const key = makeKey("RS256", { rsaBits: bits });
    await t.test(`${bits} bits`, () => refusesKey({ jwk: key.jwk, token: by(key) }));
  }
  const large = largeRsaKey(16_384);
  await t.test("16 384 bits", () => refusesKey({ jwk: large.jwk, token: large.token }));
  const one = exponentOne();
  await t.test("the exponent 1", () => refusesKey({ jwk: one.jwk, token: one.token }));
});

const fromBytes = (bytes) => BigInt(`0x${bytes.toString("hex")}`);
const toBytes = (number, length) =>
  Buffer.from(number.toString(16).padStart(length * 2, "0"), "hex");
function power(base, exponent, modulus) {
  let [result, square] = [1n, base % modulus];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
/** The message of RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §9.2). */
function padded(text, length) {
  const digest = Buffer.concat([
    Buffer.from("3031300d060960864801650304020105000420", "hex"),
    createHash("sha256").update(text).digest(),
  ]);
  const fill = Buffer.alloc(length - digest.length - 3, 0xff);
  return Buffer.concat([Buffer.from([0, 1]), fill, Buffer.from([0]), digest]);
}
/** A token whose signature a function makes of the padded message. */
const rsaToken = (kid, bytes, sign) => (issuer) => {
  const head = encode({ alg: "RS256", typ: "at+jwt", kid });
  const text = `${head}.${encode(issuer.accessClaims())}`;
  return `${text}.${encode(sign(padded(text, bytes)))}`;
};

/** A key of many small primes, which is soon made; by the Chinese remainder theorem it signs soon. */
function largeRsaKey(bits) {
  const e = 65_537n;
  const primes = [];
  while (primes.length < bits / 512) {
    const prime = generatePrimeSync(512, { bigint: true });
    if (prime % e !== 1n) primes.push(prime);
  }
  const n = primes.reduce((product, prime) => product * prime, 1n);
  const length = Math.ceil(n.toString(2).length / 8);
  const jwk = { kty: "RSA", n: encode(toBytes(n, length)), e: "AQAB", kid: "large", alg: "RS256" };
  const sign = (message) => {
    const value = fromBytes(message);
    const total = primes.reduce((sum, prime) => {
      const d = inverse(e, prime - 1n);
      const rest = n / prime;
      return sum + power(value, d, prime) * rest * inverse(rest % prime, prime);
    }, 0n);
    return toBytes(total % n, length);
  };
  const token = rsaToken("large", length, sign);
  checkRsa(jwk, token);
  return { jwk, token };
}
function inverse(value, modulus) {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}
/** The key really signs: another implementation takes it. */
function checkRsa(jwk, token) {
  const [head, body, part] = token({ accessClaims: () => ({}) }).split(".");
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const signed = Buffer.from(part, "base64url");
  const isGood = verify("sha256", Buffer.from(`${head}.${body}`), key, signed);
  assert.ok(isGood, "the large key signs");
}

/** With this exponent the padded message is its own signature. */
function exponentOne() {
  const { jwk } = makeKey("RS256", { kid: "one" });
  return { jwk: { ...jwk, e: "AQ" }, token: rsaToken("one", 256, (message) => message) };
}

/** Points of small order on edwards25519, also in encodings that are not canonical. */
const SMALL_ORDER = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0100000000000000000000000000000000000000000000000000000000000080",
];

/** Web Crypto of workerd by itself. */
const VERIFY = `
const bytesOf = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
export default {
  async fetch(request) {
    const { x, text, part } = await request.json();
    const jwk = { kty: "OKP", crv: "Ed25519", x };
    const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
    const message = new TextEncoder().encode(text);
    return Response.json(await crypto.subtle.verify({ name: "Ed25519" }, key, bytesOf(part), message));
  },
};
`;

test("Ed25519 keys of small order, which verify what nobody signed", async () => {
  const runtime = await runModules([], VERIFY);
  const { issuer, tier } = fresh();
  const keys = SMALL_ORDER.map((hex, number) => ({
    kty: "OKP",
    crv: "Ed25519",
    x: encode(Buffer.from(hex, "hex")),
    kid: `small-${number}`,
    alg: "EdDSA",
    use: "sig",
  }));
  issuer.keySet = () => ({ keys: [...keys, issuer.key().jwk] });
  const forgeable = new Set();
  try {
    for (const { kid, x } of keys) {
      for (let attempt = 0; attempt < 16; attempt += 1) {
        const head = encode({ alg: "EdDSA", typ: "at+jwt", kid });
        const text = `${head}.${encode(issuer.accessClaims())}`;
        // R is a point of small order, S is zero: that fits one message of eight.
        const r = Buffer.from(SMALL_ORDER[attempt % 4], "hex");
        const part = Buffer.concat([r, Buffer.alloc(32)]);
        const asked = { x, text, part: part.toString("base64") };
        const isForged = (await runtime.ask(asked)).text === "true";
        if (isForged) forgeable.add(kid);
        if (isForged || attempt === 0)
          assert.equal(await tier(`${text}.${encode(part)}`), 401, kid);
      }
    }
  } finally {
    await runtime.end();
  }
  assert.ok(forgeable.size >= 3, `the runtime takes forgeries of ${[...forgeable]} only`);
  assert.equal(await tier(issuer.accessToken()), "member", "the good key beside them");
});

test("key sets as real providers publish them", async (t) => {
  const cases = {
    "without alg and use": ({ alg, use, ...jwk }) => jwk,
    "with members that nobody knows": (jwk) => ({ ...jwk, nbf: 1, x5t: "x", issuer: "y" }),
    "with key_ops": (jwk) => ({ ...jwk, key_ops: ["verify"] }),
  };
  for (const [name, change] of Object.entries(cases))
    await t.test(name, async () => {
      const { issuer, tier } = fresh();
      issuer.keySet = () => ({ keys: [change(issuer.key().jwk)] });
      assert.equal(await tier(issuer.accessToken()), "member");
    });
});

test("nothing of all this was logged or stored", () => all.checkQuiet());
