/** Signing keys of the identity provider, and the signatures of tokens that are wrong on demand. */
import { constants, createPrivateKey, generateKeyPair, randomUUID, sign } from "node:crypto";
import { promisify } from "node:util";

const generate = promisify(generateKeyPair);

const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  EdDSA: ["ed25519", {}],
};

export const ALGORITHMS = Object.keys(KINDS);

/** Makes a private JSON Web Key; without `names_algorithm` the key does not state its `alg`. */
export async function makeKey(algorithm, names_algorithm = true) {
  const { privateKey } = await generate(...KINDS[algorithm]);
  const stated = names_algorithm ? { alg: algorithm } : {};
  return { ...privateKey.export({ format: "jwk" }), ...stated, use: "sig", kid: randomUUID() };
}

/** Makes one key of each kind (RSA, P-256, Ed25519), the one for `algorithm` first. */
export function makeKeys(algorithm, names_algorithms) {
  const others = ["RS256", "ES256", "EdDSA"].filter((one) => KINDS[one][0] !== KINDS[algorithm][0]);
  return Promise.all([algorithm, ...others].map((one) => makeKey(one, names_algorithms)));
}

/** Signs a JSON Web Token (RFC 7519) in compact form. */
export function signToken(header, claims, jwk) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part(header)}.${part(claims)}`;
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  const options = {
    RS256: ["sha256", { key }],
    PS256: ["sha256", { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
    ES256: ["sha256", { key, dsaEncoding: "ieee-p1363" }],
    EdDSA: [null, { key }],
  };
  const [digest, how] = options[header.alg];
  return `${input}.${sign(digest, Buffer.from(input), how).toString("base64url")}`;
}

/** The parts of a token, unverified: `{ header, claims }`. */
export function readToken(token) {
  const [header, claims] = token
    .split(".", 2)
    .map((part) => JSON.parse(Buffer.from(part, "base64url").toString("utf8")));
  return { header, claims };
}
