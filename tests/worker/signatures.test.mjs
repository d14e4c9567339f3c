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
export default {
  async fetch(request) {
    const { algorithm, jwk, message, signature } = await request.json();
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
