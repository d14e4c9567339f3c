/** Signatures by Web Crypto. Keys arrive as JSON Web Keys; messages and signatures as bytes. */

const ALGORITHMS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ES384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  EdDSA: { name: "Ed25519" },
};

/** Imports a key; gives undefined where the parameters are no key of their kind. */
async function importKey(jwk, algorithm, usage) {
  try {
    return await crypto.subtle.importKey("jwk", JSON.parse(jwk), algorithm, false, [usage]);
  } catch {
    return undefined;
  }
}

/** Most imported public keys that an isolate keeps. */
const MAX_KEYS = 64;

/** The public keys imported last, by algorithm and JSON Web Key. Keys only: a promise of another
 * request must not be awaited. */
const publicKeys = new Map();

/** Finds an imported public key, or imports it as importKey does. The oldest leaves a full map. */
async function findPublicKey(name, jwk) {
  const text = `${name} ${jwk}`;
  const known = publicKeys.get(text);
  if (known) return known;
  const key = await importKey(jwk, ALGORITHMS[name], "verify");
  if (!key) return undefined;
  if (publicKeys.size >= MAX_KEYS) publicKeys.delete(publicKeys.keys().next().value);
  publicKeys.set(text, key);
  return key;
}

/** Verifies a signature: true or false, or undefined where the key is invalid. */
export async function verify(name, jwk, message, signature) {
  const algorithm = ALGORITHMS[name];
  const key = await findPublicKey(name, jwk);
  // workerd throws for an Ed25519 signature of another length, and for no other algorithm.
  if (key && name === "EdDSA" && signature.length !== 64) return false;
  return key && crypto.subtle.verify(algorithm, key, signature, message);
}

/** Signs a message: the signature's bytes, or undefined where the key is invalid. */
export async function sign(name, jwk, message) {
  const algorithm = ALGORITHMS[name];
  const key = await importKey(jwk, algorithm, "sign");
  return key && new Uint8Array(await crypto.subtle.sign(algorithm, key, message));
}
