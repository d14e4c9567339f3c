// What people and programs send that is wrong: the right problem document or page, with a sentence
// that helps.
import assert from "node:assert/strict";
import { connect } from "node:net";
import test from "node:test";

import {
  MARKETS,
  MARKUP,
  PORTAL,
  ask,
  askRaw,
  idOf,
  originsAskedBy,
  postVin,
  problemOf,
  slugOf,
  unknownVin,
} from "./support/portal.mjs";

const LOOKUPS = "/api/v1/de/lookups";
const JSON_TYPE = { "content-type": "application/json" };
const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" };
const form = (market, vin, options = {}) =>
  ask("POST", `/${market}/${options.query ?? ""}`, {
    headers: FORM_TYPE,
    body: new URLSearchParams({ vin, ...options.fields }).toString(),
  });

// Name, VIN, a word of the sentence that helps.
const WRONG_VINS = [
  ["empty", "", /17 letters and digits/],
  ["blanks and hyphens only", " - \t-\n ", /17 letters and digits/],
  ["too short", "WP0ZZZ99ZTS39000", /this has 16/],
  ["too long", "WP0ZZZ99ZTS3900000", /this has 18/],
  ["an I", "WP0ZZZ99ZTS39000I", /letter I \(position 17\).* 1/],
  ["an O", "WP0ZZZ99ZTSO90000", /letter O \(position 12\).* 0/],
  ["a Q", "qP0ZZZ99ZTS390000", /letter Q \(position 1\).* 0/],
  ["punctuation", "WP0ZZZ99ZTS39000*", /Position 17/],
  ["umlauts", "WP0ZZZ99ZTS3900Ä0", /Position 16/],
  ["a Cyrillic Er", "WР0ZZZ99ZTS390000", /Position 2/],
  ["a Greek Zeta", "WP0ΖZZ99ZTS390000", /Position 4/],
  ["full-width letters", "ＷＰ0ZZZ99ZTS390000", /Position 1/],
  ["Arabic digits", "WP0ZZZ99ZTS39000٠", /Position 17/],
  ["a mathematical bold A", "WP0ZZZ99ZTS39000𝐀", /Position 17/],
  ["a combining accent", "WP0ZZZ99ZTS39000\u0301", /Position 17/],
  ["a right-to-left override", "\u202eWP0ZZZ99ZTS390000", /Position 1/],
  ["a dotless i", "WP0ZZZ99ZTS39000ı", /Position 17/],
  ["a long s", "WP0ZZZ99ZTſ390000", /Position 11/],
  ["a zero byte", "WP0ZZZ99ZTS39000\0", /Position 17/],
  ["an emoji", "🚗".repeat(17), /Position 1/],
  ["markup", "<script>alert(7)<", /Position 1/],
  ["long markup", MARKUP.repeat(20), /this has \d+/],
  ["SQL", "' OR '1'='1' --12", /Position 1/],
  [
    "more after a thousand blanks",
    `WP0ZZZ99ZTS390000${" ".repeat(1_000)}X`,
    /17 letters and digits|Position/,
  ],
  ["10 KB", "A".repeat(10_240), /17 letters and digits; this has (?!1000\.)/],
  ["5 KB of another script", "я".repeat(2_500), /17 letters and digits/],
];

for (const market of MARKETS) {
  test(`${market}: a wrong VIN is a 422 that says what is wrong and where, to programs and to people`, async (t) => {
    for (const [name, vin, sentence] of WRONG_VINS) {
      await t.test(name, async () => {
        const answer = await postVin(market, vin);
        assert.equal(answer.status, 422, answer.text);
        assert.equal(slugOf(answer), "invalid-vin");
        const { detail, errors } = problemOf(answer);
        assert.match(detail, sentence);
        assert.deepEqual(errors, [{ pointer: "/vin", detail }]);
        assert.deepEqual(await originsAskedBy(answer), []);
        for (const language of ["de", "en"]) {
          const page = await form(market, vin, { fields: { lang: language } });
          assert.equal(page.status, 422);
          assert.match(page.text, /role="alert"/);
          assert.ok(page.text.includes(`<html lang="${language}`));
          assert.equal(page.headers["cache-control"], "no-store");
        }
      });
    }
  });
}

// Name, body, status, slug.
const WRONG_BODIES = [
  ["nothing", "", 400, "invalid-request"],
  ["no JSON", "vin=WP0ZZZ99ZTS390000", 400, "invalid-request"],
  ["markup", MARKUP, 400, "invalid-request"],
  ["broken off", '{"vin": "WP0', 400, "invalid-request"],
  ["more after the end", '{"vin": "WP0ZZZ99ZTS390000"} {}', 400, "invalid-request"],
  ["single quotes", "{'vin': 'WP0ZZZ99ZTS390000'}", 400, "invalid-request"],
  ["a comment", '{"vin": "WP0ZZZ99ZTS390000" /* x */}', 400, "invalid-request"],
  ["NaN", '{"vin": NaN}', 400, "invalid-request"],
  ["deeply nested", "[".repeat(8_000) + "]".repeat(8_000), [400, 422], "invalid-request"],
  [
    "deeply nested beside",
    `{"x": ${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
    [400, 422],
    "invalid-request",
  ],
  ["deeply nested objects", '{"vin":'.repeat(2_000), [400, 422], "invalid-request"],
  [
    "not UTF-8",
    Buffer.from('{"vin": "\xff\xfeP0ZZZ99ZTS390000"}', "latin1"),
    400,
    "invalid-request",
  ],
  ["UTF-16", Buffer.from('{"vin": "WP0ZZZ99ZTS390000"}', "utf16le"), 400, "invalid-request"],
  ["half a surrogate pair", '{"vin": "\\ud83d"}', 400, "invalid-request"],
  ["zero bytes", Buffer.alloc(64), 400, "invalid-request"],
  ["an empty object", "{}", 422, "invalid-request"],
  ["another name", '{"VIN": "WP0ZZZ99ZTS390000"}', 422, "invalid-request"],
  ["null", "null", 422, "invalid-request"],
  ["a list", '["WP0ZZZ99ZTS390000"]', 422, "invalid-request"],
  ["a text", '"WP0ZZZ99ZTS390000"', 422, "invalid-request"],
  ["a number", '{"vin": 12345678901234567}', 422, "invalid-request"],
  ["null as the VIN", '{"vin": null}', 422, "invalid-request"],
  ["a list as the VIN", '{"vin": ["WP0ZZZ99ZTS390000"]}', 422, "invalid-request"],
  ["an object as the VIN", '{"vin": {"$ne": ""}}', 422, "invalid-request"],
  [
    "the name twice",
    '{"vin": "WP0ZZZ99ZTS390000", "vin": "WP0ZZZ99ZTS390001"}',
    422,
    "invalid-request",
  ],
  ["an enormous number", `{"vin": 1e${"9".repeat(400)}}`, [400, 422], "invalid-request"],
  ["16 KiB and more", JSON.stringify({ vin: "A".repeat(16_384) }), 413, "payload-too-large"],
  ["200 KB", JSON.stringify({ vin: "A".repeat(200_000) }), 413, "payload-too-large"],
];

test("a body that is no look-up gets a sentence that shows what one is", async (t) => {
  for (const [name, body, status, slug] of WRONG_BODIES) {
    for (const chunked of [false, true]) {
      await t.test(`${name}${chunked ? ", in chunks" : ""}`, async () => {
        const answer = await ask("POST", LOOKUPS, { headers: JSON_TYPE, body, chunked });
        assert.ok([status].flat().includes(answer.status), `${answer.status} ${answer.text}`);
        assert.equal(slugOf(answer), slug);
        if (slug === "invalid-request")
          assert.match(problemOf(answer).detail, /Send JSON like \{"vin"|The body is not UTF-8/);
      });
    }
  }
});

test("what surrounds the VIN does not matter", async () => {
  const vin = unknownVin(100);
  const id = await idOf("de", vin);
  const padded = `\n\t {"comment": [{"deep": {}}], "vin":\n "${vin}" }\r\n`;
  const escaped = `{"vin": "\\u00${vin.charCodeAt(0).toString(16)}${vin.slice(1)}"}`;
  for (const body of [padded, escaped, JSON.stringify({ vin: vin.padEnd(900) })]) {
    assert.equal((await ask("POST", LOOKUPS, { headers: JSON_TYPE, body })).json.vehicle?.id, id);
  }
});

test("the media type decides, its letters' case and parameters do not", async () => {
  const body = JSON.stringify({ vin: unknownVin(101) });
  for (const type of [
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/json;charset=UTF-8;x=y",
  ]) {
    assert.equal(
      (await ask("POST", LOOKUPS, { headers: { "content-type": type }, body })).status,
      200,
      type,
    );
  }
  const wrong = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/json, text/html",
    "application/problem+json",
    "",
    "json",
    MARKUP,
    "a".repeat(8_000),
  ];
  for (const type of wrong) {
    const answer = await ask("POST", LOOKUPS, { headers: { "content-type": type }, body });
    assert.equal(answer.status, 415, type.slice(0, 60));
    assert.match(problemOf(answer).detail, /application\/json/);
  }
  assert.equal((await ask("POST", LOOKUPS, { body })).status, 415, "none");
});

test("the look-up form refuses other bodies with a page", async () => {
  for (const market of MARKETS) {
    const page = (headers, body) => ask("POST", `/${market}/`, { headers, body });
    assert.equal((await page(JSON_TYPE, JSON.stringify({ vin: "x" }))).status, 415);
    assert.equal(
      (await page({ "content-type": `multipart/form-data; boundary=${MARKUP}` }, "x")).status,
      415,
    );
    assert.equal((await page({}, "vin=x")).status, 415);
    assert.equal((await page(FORM_TYPE, `vin=${"A".repeat(20_000)}`)).status, 413);
    for (const body of [
      "",
      "vin",
      "vin=",
      "=",
      "&&&",
      "VIN=x",
      "vin=%",
      "vin=%zz%ff%fe",
      `lang=${encodeURIComponent(MARKUP)}`,
      `vin=${encodeURIComponent(MARKUP)}&lang=${encodeURIComponent(MARKUP)}`,
    ]) {
      assert.equal((await page(FORM_TYPE, body)).status, 422, body);
    }
    assert.equal(
      (await form(market, "x", { query: `?lang=${encodeURIComponent(MARKUP)}` })).status,
      422,
    );
  }
});

test("the form leads a VIN to its page and keeps the language, without the VIN in the address", async () => {
  for (const [market, number] of [
    ["de", 102],
    ["us", 103],
  ]) {
    const id = await idOf(market, unknownVin(number));
    const answer = await form(market, unknownVin(number).toLowerCase(), { fields: { lang: "en" } });
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.location, `/${market}/vehicles/${id}?lang=en`);
    assert.equal(
      (await form(market, unknownVin(number))).headers.location,
      `/${market}/vehicles/${id}`,
    );
  }
});

const NO_MARKETS = [
  "xx",
  "DE",
  "d",
  "deu",
  "de1",
  "d%65",
  "%64e",
  "de%00",
  "de%20",
  "0",
  "-",
  "..",
  "%2e%2e",
  "null",
  "__proto__",
  "constructor",
  "m%C3%A4rkte",
  encodeURIComponent(MARKUP),
  "a".repeat(3_000),
];

test("an unknown market is a 404 that says where the markets are listed", async () => {
  for (const market of NO_MARKETS.filter((market) => market !== ".." && market !== "%2e%2e")) {
    for (const [verb, rest, options] of [
      ["GET", ""],
      ["POST", "/lookups", { headers: JSON_TYPE, body: '{"vin":"WP0ZZZ99ZTS390000"}' }],
      ["GET", `/vehicles/${"A".repeat(46)}`],
      ["GET", "/vehicles/x/facets/identity"],
    ]) {
      const answer = await ask(verb, `/api/v1/${market}${rest}`, options);
      assert.equal(answer.status, 404, `${market} ${rest}`);
      assert.equal(slugOf(answer), "unknown-market");
      assert.match(problemOf(answer).detail, /\/api\/v1\/markets/);
    }
    for (const rest of ["/", "/vehicles/x"])
      assert.equal((await ask("GET", `/${market}${rest}`)).status, 404, market);
    assert.equal(
      (await ask("POST", `/${market}/`, { headers: FORM_TYPE, body: "vin=x" })).status,
      404,
      market,
    );
  }
});

test("an id that was not made here is an unknown vehicle, whatever is wrong with it", async () => {
  const real = await idOf("de", unknownVin(104));
  const flip = (at) => real.slice(0, at) + (real[at] === "A" ? "B" : "A") + real.slice(at + 1);
  const ids = [
    ...[0, 1, 2, 10, 22, 30, 43, 44, 45].map(flip),
    real.slice(1),
    real.slice(0, -1),
    `${real}A`,
    real.toLowerCase(),
    [...real].reverse().join(""),
    real + real,
    `${real}=`,
    `${real}%3D`,
    `${real}%00`,
    `${real}%20`,
    `%20${real}`,
    real.replace(/[-_]/g, "+"),
    "A".repeat(46),
    "%",
    "%zz",
    "1",
    "null",
    "-1",
    "..%2f..",
    "%F0%9F%9A%97",
    encodeURIComponent(MARKUP),
    "A".repeat(8_000),
  ].filter((id) => id !== real);
  const expected = problemOf(await ask("GET", `/api/v1/de/vehicles/${"B".repeat(46)}`));
  for (const id of ids) {
    for (const rest of ["", "?facets=identity", "/facets/identity"]) {
      const answer = await ask("GET", `/api/v1/de/vehicles/${id}${rest}`);
      assert.equal(answer.status, 404, id.slice(0, 60));
      assert.deepEqual(problemOf(answer), expected);
      assert.deepEqual(await originsAskedBy(answer), []);
    }
    assert.equal((await ask("GET", `/us/vehicles/${id}`)).status, 404);
  }
});

test("a facet that the market does not offer is refused with the list of those that it does", async () => {
  const address = `/api/v1/de/vehicles/${await idOf("de", unknownVin(105))}`;
  const names = [
    "x",
    "",
    "Identity",
    "identity ",
    "warranty",
    "__proto__",
    encodeURIComponent(MARKUP),
    "a".repeat(4_000),
    "%00",
    "identity%2Crecalls",
  ];
  for (const name of names.filter(Boolean)) {
    const answer = await ask("GET", `${address}/facets/${name.replace(" ", "%20")}`);
    assert.equal(answer.status, 404, name.slice(0, 40));
    assert.equal(slugOf(answer), "not-found");
    assert.match(problemOf(answer).detail, /identity, equipment, recalls/);
  }
  for (const query of [
    "facets=",
    "facets=,",
    "facets=x",
    "facets=identity,x",
    "facets=%ff",
    `facets=${encodeURIComponent(MARKUP)}`,
    `facets=${"x,".repeat(2_000)}`,
    "facets=identity;recalls",
    "facets[]=identity&facets=x",
    "facets=identity%00",
  ]) {
    const answer = await ask("GET", `${address}?${query}`);
    assert.equal(answer.status, 400, query.slice(0, 60));
    assert.equal(slugOf(answer), "invalid-request");
    assert.match(problemOf(answer).detail, /identity, equipment, recalls/);
    assert.deepEqual(await originsAskedBy(answer), []);
  }
  for (const fragment of ["x", "", encodeURIComponent(MARKUP), "identity,recalls"]) {
    assert.equal(
      (await ask("GET", `${address.replace("/api/v1", "")}?fragment=${fragment}`)).status,
      404,
      fragment,
    );
  }
});

test("a path of nothing is a 404, a verb that a page does not have a 405 with Allow", async () => {
  const nothing = [
    "/api",
    "/api/",
    "/api/v1",
    "/api/v1/",
    "/api/v2/markets",
    "/api/v1/markets/",
    "/api/v1/de/",
    "/api/v1/de/x",
    "/api/v1/de/vehicles",
    "/api/v1/de/vehicles/x/",
    "/api/v1/de/vehicles/x/facets",
    "/api/v1/de/vehicles/x/facets/identity/",
    `/api/v1/de/${encodeURIComponent(MARKUP)}`,
    "/api/v1//de",
    "/API/v1/markets",
    "/de/vehicles",
    "/de/x",
    "/healthz/",
    "/auth/de/nothing",
    "/assets/",
    "/assets/nothing.css",
    "/problems/nothing",
    `/problems/${encodeURIComponent(MARKUP)}`,
    "/favicon.ico",
    "/.env",
    "/.git/config",
    "/wp-login.php",
    "/index.html",
    `/${encodeURIComponent(MARKUP)}`,
  ];
  for (const path of nothing) assert.equal((await ask("GET", path)).status, 404, path);
  for (const [path, allow] of [
    ["/", "GET, HEAD"],
    ["/de/", "GET, HEAD, POST"],
    ["/de", "GET, HEAD"],
    ["/de/vehicles/x", "GET, HEAD"],
    ["/problems/", "GET, HEAD"],
    ["/problems/invalid-vin", "GET, HEAD"],
  ]) {
    for (const verb of [
      "PUT",
      "DELETE",
      "PATCH",
      "OPTIONS",
      "TRACE",
      "PROPFIND",
      ...(path === "/de/" ? [] : ["POST"]),
    ]) {
      const answer = await ask(verb, path);
      assert.equal(answer.status, 405, `${verb} ${path}`);
      assert.equal(answer.headers.allow, allow, `${verb} ${path}`);
    }
  }
});

test("pages answer programs with problem documents, and people with pages", async () => {
  for (const path of ["/xx/", "/de/vehicles/x", "/nothing/at/all"]) {
    const people = await ask("GET", path, {
      headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" },
    });
    assert.match(people.text, /<!doctype html>/i);
    const program = await ask("GET", path, { headers: { accept: "application/json" } });
    assert.equal(program.headers["content-type"], "application/problem+json");
    assert.equal(program.json.status, 404);
  }
});

test("a verb that is no word, or in lower case, is refused", async () => {
  for (const verb of ["get", "G3T", "<script>", "A".repeat(300), ""]) {
    const { status } = await askRaw(
      `${verb} /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    assert.ok([400, 405, 501].includes(status), `${verb.slice(0, 20)}: ${status}`);
  }
});

test("800 POSTs that send one byte are answered within the market's deadline", async () => {
  const { hostname, port } = PORTAL;
  const head = [
    `POST ${LOOKUPS} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    "content-type: application/json",
    "content-length: 27",
    "connection: close",
    "",
    "{",
  ].join("\r\n");
  const one = () =>
    new Promise((done) => {
      const started = Date.now();
      let text = "";
      const socket = connect(Number(port), hostname, () => socket.write(head));
      const end = () => done({ took: Date.now() - started, text });
      socket.setTimeout(20_000, () => socket.destroy());
      socket.on("data", (bytes) => {
        text += bytes;
        if (text.includes("\r\n\r\n")) socket.destroy();
      });
      socket.on("error", () => {});
      socket.on("close", end);
    });
  const answers = await Promise.all(Array.from({ length: 800 }, one));
  const answered = answers.filter(({ text }) => text.startsWith("HTTP/1.1 400"));
  assert.equal(answered.length, 800, answers.find(({ text }) => !text.startsWith("HTTP/1.1 400")));
  // The deadline is below a second; the rest is for 800 connections at once on a busy machine.
  const slowest = Math.max(...answers.map(({ took }) => took));
  assert.ok(slowest < 15_000, `${slowest} ms`);
  assert.equal((await postVin("de", "WP0ZZZ99ZTS39000")).status, 422, "others are answered");
});
