// JSON Web Signatures as a test wants them, valid or not, with node:crypto alone: what is under
// test is never what makes the tokens.
import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
} from "node:crypto";

/** Text, bytes or a value as JSON, in base64url. */
export const encode = (value) =>
  (typeof value === "string" || Buffer.isBuffer(value)
    ? Buffer.from(value)
    : Buffer.from(JSON.stringify(value))
  ).toString("base64url");

export const decode = (part) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const SCHEMES = {
  RS256: { digest: "sha256" },
  PS256: { digest: "sha256", options: PSS },
  ES256: { digest: "sha256", options: { dsaEncoding: "ieee-p1363" } },
  ES384: { digest: "sha384", options: { dsaEncoding: "ieee-p1363" } },
  EdDSA: { digest: null },
  Ed25519: { digest: null },
};
const GENERATED = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  ES384: ["ec", { namedCurve: "P-384" }],
  EdDSA: ["ed25519", {}],
};

/** A signing key: `{ kid, alg, private, jwk }`; `jwk` is the public key as a JWKS lists it. */
export function makeKey(alg, { kid = randomBytes(6).toString("hex"), rsaBits } = {}) {
  const [kind, options] = GENERATED[alg];
  const { privateKey, publicKey } = generateKeyPairSync(kind, {
    ...options,
    ...(rsaBits && { modulusLength: rsaBits }),
  });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  return { kid, alg, private: privateKey, jwk };
}

/** The private key as a JSON Web Key. */
export const privateJwk = (key) => key.private.export({ format: "jwk" });

/** The signature's bytes over a text. */
export function signature(alg, key, text) {
  const { digest, options } = SCHEMES[alg];
  return sign(digest, Buffer.from(text), { key: key.private, ...options });
}

/** True if a token's signature is by this key. */
export function isSigned(token, alg, jwk) {
  const [head, body, signed] = token.split(".");
  const { digest, options } = SCHEMES[alg];
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const bytes = Buffer.from(signed, "base64url");
  return verify(digest, Buffer.from(`${head}.${body}`), { key, ...options }, bytes);
}

/**
 * A signed token. `header` is laid over `{ alg, kid, typ }` (undefined removes a member); header
 * and claims can be a text, which is taken as it is; `alg` is how it is signed, whatever the header
 * says.
 */
export function jws(claims, { key, alg = key.alg, typ = "JWT", header = {} }) {
  const head =
    typeof header === "string" ? header : JSON.stringify({ alg, kid: key.kid, typ, ...header });
  const text = `${encode(head)}.${encode(claims)}`;
  return `${text}.${signature(alg, key, text).toString("base64url")}`;
}

/** A token with an HMAC for a signature. */
export function hmacToken(claims, { secret, header }) {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** A token whose parts a function changes: it gets `[header, payload, signature]` in base64url. */
export const reassemble = (token, change) => change(token.split(".")).join(".");
