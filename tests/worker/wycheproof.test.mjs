// The signatures of Project Wycheproof by workerd's Web Crypto, which verifies at the edge. Weak
// keys are refused before it (src/auth/jwk.rs).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";

import { runModules } from "./support/module.mjs";

const ENTRY = `
import { verify } from "./signatures.js";
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export default {
  async fetch(request) {
    const { algorithm, jwk, cases } = await request.json();
    const results = [];
    for (const { msg, sig } of cases) {
      results.push(String(await verify(algorithm, jwk, unhex(msg), unhex(sig))));
    }
    return Response.json(results);
  },
};
`;

const toBase64url = (hex) => Buffer.from(hex, "hex").toString("base64url");

/** A public key on a curve, by its uncompressed point. */
const ec = (crv) => (group) => {
  const point = group.publicKey.uncompressed.slice(2);
  const [x, y] = [point.slice(0, point.length / 2), point.slice(point.length / 2)];
  return { kty: "EC", crv, x: toBase64url(x), y: toBase64url(y) };
};

const rsa = ({ publicKey: { modulus, publicExponent } }) => ({
  kty: "RSA",
  n: toBase64url(modulus.replace(/^00/, "")),
  e: toBase64url(publicExponent),
});

const ed25519 = ({ publicKey }) => ({
  kty: "OKP",
  crv: "Ed25519",
  x: toBase64url(publicKey.pk),
});

const FILES = [
  ["EdDSA", "ed25519", ed25519, 88],
  ["ES256", "ecdsa_secp256r1_sha256_p1363", ec("P-256"), 173],
  ["ES384", "ecdsa_secp384r1_sha384_p1363", ec("P-384"), 193],
  ["RS256", "rsa_signature_2048_sha256", rsa, 9],
  ["PS256", "rsa_pss_2048_sha256_mgf1_32", rsa, 63],
];

let module;
before(async () => {
  module = await runModules(["signatures.js"], ENTRY);
});
after(() => module?.end());

for (const [algorithm, name, toJwk, valid] of FILES) {
  test(`${algorithm}: every valid signature is accepted, and no other`, async () => {
    const url = new URL(`../fixtures/wycheproof/${name}_test.json`, import.meta.url);
    const { testGroups } = JSON.parse(readFileSync(url, "utf8"));
    let accepted = 0;
    for (const group of testGroups) {
      const jwk = JSON.stringify(toJwk(group));
      const results = JSON.parse((await module.ask({ algorithm, jwk, cases: group.tests })).text);
      for (const [at, { tcId, comment, result }] of group.tests.entries()) {
        assert.equal(results[at] === "true", result === "valid", `${tcId} ${comment}`);
        accepted += results[at] === "true" ? 1 : 0;
      }
    }
    assert.equal(accepted, valid);
  });
}
