// Signatures by workerd's Web Crypto, held against the same signatures as native tests are.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";

import { runModules } from "./support/module.mjs";

const { message, cases } = JSON.parse(
  readFileSync(new URL("../fixtures/signatures.json", import.meta.url), "utf8"),
);

const ENTRY = `
import { sign, verify } from "./signatures.js";
const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const encode = (text) => new TextEncoder().encode(text);
const { importKey } = crypto.subtle;
let imports = 0;
crypto.subtle.importKey = (...parts) => (imports++, importKey.apply(crypto.subtle, parts));
export default {
  async fetch(request) {
    const { algorithm, jwk, message, signature, count } = await request.json();
    if (count) return Response.json(imports);
    if (signature) return Response.json(String(await verify(algorithm, JSON.stringify(jwk), encode(message), bytesOf(signature))));
    const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const { key_ops, ext, ...own } = await crypto.subtle.exportKey("jwk", privateKey);
    const { d, ...shown } = own;
    const signed = await sign(algorithm, JSON.stringify(own), encode(message));
    const verified = await verify(algorithm, JSON.stringify(shown), encode(message), signed);
    const invalid = await sign(algorithm, JSON.stringify({ ...own, d: "AA" }), encode(message));
    return Response.json({ length: signed.length, verified, invalid: String(invalid) });
  },
};
`;

let module;
before(async () => {
  module = await runModules(["signatures.js"], ENTRY);
});
after(() => module?.end());

const verified = async (value) => JSON.parse((await module.ask(value)).text);

for (const { algorithm, jwk, signature } of cases) {
  test(`${algorithm} verifies, and refuses another message, signature and key`, async () => {
    assert.equal(await verified({ algorithm, jwk, message, signature }), "true");
    assert.equal(await verified({ algorithm, jwk, message: `${message}.`, signature }), "false");
    assert.equal(
      await verified({ algorithm, jwk, message, signature: signature.slice(4) }),
      "false",
    );
    assert.equal(
      await verified({ algorithm, jwk: { kty: jwk.kty, crv: jwk.crv }, message, signature }),
      "undefined",
    );
  });
}

test("ES256 signs 64 bytes that verify, and refuses an invalid key", async () => {
  const { text } = await module.ask({ algorithm: "ES256", message });
  assert.deepEqual(JSON.parse(text), { length: 64, verified: true, invalid: "undefined" });
});

test("a key is imported once for each algorithm, and an invalid one each time", async () => {
  const count = async () => Number((await module.ask({ count: true })).text);
  const { algorithm, jwk, signature } = cases.find((one) => one.algorithm === "ES256");
  const other = { ...jwk, ext: true };
  const offCurve = { ...jwk, y: jwk.x };
  const before = await count();
  for (const [key, expected, imports] of [
    [other, "true", 1],
    [other, "true", 1],
    [offCurve, "undefined", 2],
    [offCurve, "undefined", 3],
    [other, "true", 3],
  ]) {
    assert.equal(await verified({ algorithm, jwk: key, message, signature }), expected);
    assert.equal((await count()) - before, imports);
  }
  for (let number = 0; number < 64; number++) {
    await verified({ algorithm, jwk: { ...jwk, kid: `${number}` }, message, signature });
  }
  assert.equal(await verified({ algorithm, jwk: other, message, signature }), "true");
  assert.equal((await count()) - before, 3 + 64 + 1, "the oldest have left");
});

test("Ed25519 keys come without alg, whose newer name the runtime refuses", async () => {
  const { jwk, signature } = cases.find((one) => one.algorithm === "EdDSA");
  assert.equal(await verified({ algorithm: "EdDSA", jwk, message, signature }), "true");
  const named = { ...jwk, alg: "Ed25519" };
  assert.equal(await verified({ algorithm: "EdDSA", jwk: named, message, signature }), "undefined");
});
