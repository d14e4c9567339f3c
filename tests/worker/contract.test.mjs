// The contract itself, and the routes that need no car.
import assert from "node:assert/strict";
import test from "node:test";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { contract, templateOf, verbsOf } from "./support/contract.mjs";
import { ALL_MARKETS, ask } from "./support/portal.mjs";

const SAMPLE = { market: "de", id: "A".repeat(46), facet: "identity", claim: "A".repeat(22) };
/** With a value for each placeholder. */
const addresses = Object.keys(contract.paths).map((template) => [
  template,
  template.replace(/\{(\w+)\}/g, (_, name) => SAMPLE[name]),
]);

test("the contract is served as it stands in the repository", async () => {
  assert.deepEqual((await ask("GET", "/api/v1/openapi.json")).json, contract);
});

test("the contract holds together: references lead somewhere, schemas are JSON Schema 2020-12, operations have ids", () => {
  assert.match(contract.openapi, /^3\.1\./);
  const references = JSON.stringify(contract).match(/#\/components\/\w+\/\w+/g);
  for (const reference of new Set(references)) {
    const found = reference
      .slice(2)
      .split("/")
      .reduce((inner, name) => inner?.[name], contract);
    assert.ok(found, reference);
  }
  const { securitySchemes, ...components } = contract.components;
  for (const operation of Object.values(contract.paths).flatMap(Object.values)) {
    for (const name of (operation.security ?? []).flatMap(Object.keys)) {
      assert.ok(securitySchemes[name], name);
    }
  }
  const listed = Object.entries(components).flatMap(([kind, all]) =>
    Object.keys(all).map((name) => `#/components/${kind}/${name}`),
  );
  // These four stand for every path: the two headers of all answers, and the answers to what the
  // contract does not list.
  const everywhere = [
    "headers/RequestId",
    "headers/Traceparent",
    "responses/NotFound",
    "responses/MethodNotAllowed",
  ].map((name) => `#/components/${name}`);
  assert.deepEqual(
    listed.filter((name) => !references.includes(name) && !everywhere.includes(name)),
    [],
    "of no use",
  );
  const ajv = new Ajv({ strictSchema: true });
  addFormats(ajv);
  ajv.addVocabulary(["example", "components"]);
  // Compiled in strict mode: a misspelt keyword is an error.
  for (const name of Object.keys(contract.components.schemas)) {
    ajv.compile({ $ref: `#/components/schemas/${name}`, components: contract.components });
  }
  const operations = Object.values(contract.paths).flatMap((item) =>
    [item.get, item.post, item.delete].filter(Boolean),
  );
  assert.equal(
    new Set(operations.map((operation) => operation.operationId)).size,
    operations.length,
  );
});

test("examples in the contract satisfy their schemas", () => {
  const ajv = new Ajv({ strict: false });
  addFormats(ajv);
  let count = 0;
  const walk = (value) => {
    if (value === null || typeof value !== "object") return;
    if ("example" in value) {
      const { example, schema = value } = value;
      const validate = ajv.compile({ ...schema, components: contract.components });
      assert.ok(
        validate(example),
        `${JSON.stringify(example)}: ${ajv.errorsText(validate.errors)}`,
      );
      count += 1;
    }
    Object.values(value).forEach(walk);
  };
  walk(contract);
  assert.ok(count >= 8, `${count} examples`);
});

test("every address of the contract is a route, and no other verb of it is", async () => {
  const odd = ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "SEARCH"];
  for (const [template, address] of addresses) {
    assert.equal(templateOf(address), template);
    const verbs = verbsOf(template);
    for (const verb of ["GET", "HEAD", "POST", ...odd].filter((verb) => !verbs.includes(verb))) {
      const answer = await ask(verb, address);
      assert.equal(answer.status, 405, `${verb} ${address}`);
      assert.deepEqual(answer.headers.allow.split(", "), verbs);
    }
  }
});

test("HEAD is GET without the body", async () => {
  for (const address of [
    "/healthz",
    "/readyz",
    "/api/v1/markets",
    "/api/v1/openapi.json",
    "/api/v1/de",
    "/",
    "/de/",
    "/problems/",
    "/problems/invalid-vin",
  ]) {
    const [head, get] = [await ask("HEAD", address), await ask("GET", address)];
    assert.equal(head.status, get.status);
    const lasting = ({ headers }) =>
      ["content-type", "cache-control", "vary", "content-security-policy"].map(
        (name) => headers[name],
      );
    assert.deepEqual(lasting(head), lasting(get), address);
  }
});

test("healthz is alive, readyz can serve", async () => {
  assert.deepEqual((await ask("GET", "/healthz")).json, { status: "ok" });
  const { status, json } = await ask("GET", "/readyz");
  assert.equal(status, 200);
  assert.deepEqual(json.checks, {
    secrets: "ok",
    markets: "ok",
    operators: "ok",
    cache: "ok",
    database: "ok",
  });
});

test("markets are listed, described, and name no origin, address or secret", async () => {
  const { json } = await ask("GET", "/api/v1/markets");
  assert.deepEqual(
    json.markets.map((market) => market.code),
    ALL_MARKETS,
  );
  const expected = {
    de: { region: "eu", currency: "EUR", units: { distance: "km" }, locales: ["de-DE", "en-GB"] },
    us: { region: "us", currency: "USD", units: { distance: "mi" }, locales: ["en-US", "de-DE"] },
    gb: { region: "eu", currency: "GBP", units: { distance: "mi" }, locales: ["en-GB"] },
    fr: { region: "eu", currency: "EUR", units: { distance: "km" }, locales: ["fr-FR", "en-GB"] },
  };
  const facets = {
    de: [
      "identity",
      "equipment",
      "recalls",
      "service_history",
      "mileage",
      "registration",
      "valuation",
    ],
    us: ["identity", "equipment", "recalls", "warranty", "mileage", "valuation"],
    gb: [
      "identity",
      "equipment",
      "energy",
      "recalls",
      "service_history",
      "mileage",
      "registration",
    ],
    fr: ["identity", "energy", "service_history", "damage", "valuation"],
  };
  for (const { code, links } of json.markets) {
    const market = await ask("GET", links.self);
    const { region, currency, units, locales } = market.json;
    assert.deepEqual({ region, currency, units, locales }, expected[code]);
    assert.deepEqual(market.json.features.facets, facets[code]);
    // The issuer is public, and on loopback here.
    const { sign_in, ...rest } = market.json;
    assert.deepEqual(Object.keys(sign_in), ["issuer"]);
    const told = JSON.stringify(rest);
    assert.doesNotMatch(told, /master|_TOKEN|_BASIC|_SECRET|127\.0\.0\.1|soap|odata/i);
    assert.equal((await ask("GET", links.page)).status, 200);
  }
});

test("every kind of problem that the contract names has a page that explains it", async () => {
  const slugs = new Set(
    JSON.stringify(contract.components.responses).match(/\/problems\/[a-z-]+/g),
  );
  assert.ok(slugs.size >= 14, `${slugs.size}`);
  for (const address of slugs) assert.equal((await ask("GET", address)).status, 200, address);
});
