// The site as files: links of templates resolve, no script or style is inline or from another host,
// and every asset has a user.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

const root = new URL("../../site/", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const templates = readdirSync(new URL("pages/", root)).map((name) => [name, read(`pages/${name}`)]);
const assets = readdirSync(new URL("public/assets/", root));
const texts = assets
  .filter((name) => /\.(css|mjs)$/.test(name))
  .map((name) => [name, read(`public/assets/${name}`)]);

/** Stylesheets and modules that pages name in `Files`. */
const named = readdirSync(new URL("../src/pages/", root), { recursive: true })
  .filter((file) => file.endsWith(".rs"))
  .flatMap((file) => [...read(`../src/pages/${file}`).matchAll(/"([\w-]+\.(?:css|mjs))"/g)])
  .map(([, asset]) => asset);

test("files that pages name exist", () => {
  assert.ok(named.length >= 8, `${named.length} names`);
  for (const asset of named) assert.ok(assets.includes(asset), asset);
});

test("assets that templates link to exist", () => {
  for (const [name, text] of templates) {
    for (const [, asset] of text.matchAll(/\/assets\/([\w.-]+)/g)) {
      assert.ok(assets.includes(asset), `${name}: ${asset}`);
    }
  }
});

test("no template has inline script or style, or anything from another host", () => {
  for (const [name, text] of templates) {
    const foreign = /<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|https?:\/\//;
    assert.doesNotMatch(text, foreign, name);
    assert.doesNotMatch(text, /\|\s*safe/, `${name} switches escaping off`);
  }
});

test("stylesheets and modules fetch from this site only", () => {
  for (const [name, text] of texts) {
    assert.doesNotMatch(text, /https?:\/\/|@import|innerHTML|eval\(/, name);
  }
});

test("every asset has a user", () => {
  const all = [...named, ...[...templates, ...texts].map(([, text]) => text)].join("\n");
  for (const asset of assets) assert.ok(all.includes(asset), `no link to ${asset}`);
});

test("modules import files that exist", () => {
  for (const [name, text] of texts) {
    for (const [, asset] of text.matchAll(/from "\.\/([\w.-]+)"/g)) {
      assert.ok(assets.includes(asset), `${name}: ${asset}`);
    }
  }
});

test("every message is used", () => {
  const rust = ["pages", "http"].flatMap((folder) =>
    readdirSync(new URL(`../src/${folder}/`, root), { recursive: true })
      .filter((name) => name.endsWith(".rs") && !/(samples|tests|message)\.rs$/.test(name))
      .map((name) => read(`../src/${folder}/${name}`)),
  );
  const used = [...rust, ...templates.map(([, text]) => text), read("messages/en.ftl")].join("\n");
  const named = /^(act|code|document|end-reason|error|facet|field|method|problem|source|state|unit)-/;
  for (const [, key] of read("messages/en.ftl").matchAll(/^([a-z][a-z0-9-]*) =/gm)) {
    if (named.test(key)) continue;
    const called = used.includes(`${key.replaceAll("-", "_")}(`) || used.includes(`{ ${key} }`);
    assert.ok(called, `no use of ${key}`);
  }
});
