// Attacks: headers, paths and numbers of requests that nobody sends by mistake.
import assert from "node:assert/strict";
import test, { before } from "node:test";

import {
  MARK,
  MARKETS,
  MARKUP,
  addressOf,
  ask,
  askRaw,
  carsFor,
  metasOf,
  problemOf,
  requestsOf,
  slugOf,
  untilCached,
} from "./support/portal.mjs";

let nextCar;
before(async () => {
  nextCar = await carsFor("hostile");
});

/**
 * Paths that are meant to lead past the routes; each must end as a 404, or as what it plainly says.
 */
const TRICKS = [
  "//",
  "///",
  "//evil.example",
  "//evil.example/",
  "/\\evil.example",
  "/%5cevil.example",
  "/de//",
  "//de/",
  "/de/%2e%2e/us/x",
  "/api/v1/%2e%2e/%2e%2e/x/y/z",
  "/api/v1/de%2fvehicles",
  "/api/v1/de%2Fvehicles%2Fx",
  "/api/v1/de/vehicles/%2e%2e%2f%2e%2e",
  "/api%2fv1%2fmarkets",
  "/api/v1/markets;x=y",
  "/api/v1/markets%00",
  "/api/v1/markets%20",
  "/api/v1/markets%3ffacets=x",
  "/api/v1/markets%23",
  "/%00",
  "/de/%00",
  "/%ff%fe",
  "/%c0%ae%c0%ae/",
  "/%u002e",
  "/..;/",
  "/api/v1/de/vehicles/..;/x",
  "/de/vehicles/%252e%252e",
  "/assets/..%2fde",
  "/assets/%2e%2e%2f%2e%2e%2fwrangler.toml",
  "/@fs/etc/passwd",
  "/cdn-cgi/x",
  "/de/vehicles/\u0001x".replace("\u0001", "%01"),
  `/${"a/".repeat(4_000)}`,
  `/${"%2f".repeat(4_000)}`,
  `/de/${"../".repeat(2_000)}x/y/z`,
];

test("paths that try to lead elsewhere lead nowhere", async () => {
  for (const path of TRICKS) {
    const answer = await ask("GET", path);
    assert.ok([303, 404].includes(answer.status), `${answer.status} ${path.slice(0, 80)}`);
  }
});

test("very long paths and queries are answered, not fallen over", async () => {
  for (const length of [8_000, 12_000, 15_500]) {
    assert.equal((await ask("GET", `/api/v1/${"a".repeat(length)}`)).status, 404);
    assert.equal((await ask("GET", `/de/vehicles/${"a".repeat(length)}`)).status, 404);
    assert.equal((await ask("GET", `/api/v1/markets?${"a".repeat(length)}`)).status, 200);
    assert.equal((await ask("GET", `/?lang=${"a".repeat(length)}`)).status, 200);
  }
});

test("what HTTP itself forbids never reaches a handler", async () => {
  const tail = "Host: x\r\nConnection: close\r\n";
  for (const request of [
    `GET /de/\0 HTTP/1.1\r\n${tail}\r\n`,
    `GET /${MARKUP} HTTP/1.1\r\n${tail}\r\n`,
    `GET / HTTP/9.9\r\n${tail}\r\n`,
    `GET http://evil.example/api/v1/x/${MARK} HTTP/1.1\r\n${tail}\r\n`,
    `POST /api/v1/de/lookups HTTP/1.1\r\n${tail}Content-Type: application/json\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}xxx`,
    `POST /api/v1/de/lookups HTTP/1.1\r\n${tail}Content-Type: application/json\r\nContent-Length: -1\r\n\r\n{}`,
    `POST /api/v1/de/lookups HTTP/1.1\r\n${tail}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ]) {
    const { status, headers, text } = await askRaw(request);
    // Without a request id the runtime answered, or closed the connection; what it says is its own
    // affair.
    const isOurs = "x-request-id" in headers;
    assert.ok(
      !isOurs || [404, 405].includes(status),
      `${request.slice(0, 60)}: ${status} ${text.slice(0, 300)}`,
    );
    assert.notEqual(status, 200, request.slice(0, 60));
  }
});

/** Headers whose value is hostile in one way or another. */
const HEADERS = [
  ["accept", MARKUP],
  ["accept", "*/*;q=nan"],
  ["accept", "application/json;".repeat(500)],
  ["accept", ""],
  ["accept-language", MARKUP],
  ["accept-language", "de;q=999999999999999999999,en;q=-1,*"],
  ["accept-language", "x,".repeat(3_000)],
  ["accept-language", "zh-Hant-TW"],
  ["cookie", MARKUP],
  ["cookie", "a=b;".repeat(1_500)],
  ["cookie", "__Host-Http-session=\u00ff"],
  ["x-request-id", MARKUP],
  ["x-forwarded-host", "evil.example"],
  ["x-forwarded-for", MARKUP],
  ["x-original-url", "/api/v1/us"],
  ["x-http-method-override", "DELETE"],
  ["forwarded", "host=evil.example"],
  ["host", "evil.example"],
  ["origin", "https://evil.example"],
  ["referer", `https://evil.example/${MARK}`],
  ["user-agent", MARKUP],
  ["range", "bytes=0-10"],
  ["range", "bytes=0-0,-1,999999999999999999999-"],
  ["if-none-match", MARKUP],
  ["if-none-match", '"'.repeat(6_000)],
  ["if-none-match", "W/W/W/"],
  ["if-none-match", '"\u00ff"'],
  ["if-modified-since", "Sat, 29 Oct 2044 19:43:31 GMT"],
  ["if-match", '"x"'],
  ["if-range", '"x"'],
  ["cache-control", "no-cache"],
  ["pragma", "no-cache"],
  ["tracestate", MARKUP],
  ["tracestate", "a=1,".repeat(1_000)],
  ["baggage", MARKUP],
  ["expect", "200-ok"],
  ["accept-encoding", "x;q=2,identity"],
  ["cf-worker", "x"],
  ["te", "trailers"],
  ["sec-fetch-site", "cross-site"],
];

test("hostile headers change nothing about a document or a page", async () => {
  const address = await addressOf("de", nextCar("de").vin);
  await ask("GET", address);
  const { json } = await untilCached(address);
  for (const [name, value] of HEADERS) {
    const what = `${name}: ${value.slice(0, 40)}`;
    const answer = await ask("GET", address, { headers: { [name]: value } });
    assert.equal(answer.status, 200, what);
    assert.deepEqual(answer.json.facets, json.facets, what);
    assert.deepEqual(answer.json.links, json.links, what);
    const page = await ask("GET", address.replace("/api/v1", ""), { headers: { [name]: value } });
    assert.equal(page.status, 200, what);
    assert.doesNotMatch(page.text, /evil\.example/, what);
    const problem = await ask("GET", "/api/v1/xx", { headers: { [name]: value } });
    assert.equal(problem.status, 404, what);
    assert.equal(slugOf(problem), "unknown-market", what);
  }
});

test("a hostile authorization is refused by the API and nothing to a page", async () => {
  const address = await addressOf("de", nextCar("de").vin);
  for (const authorization of [MARKUP, "Bearer", `Bearer ${"a".repeat(8_000)}`]) {
    const answer = await ask("GET", address, { headers: { authorization } });
    assert.equal(answer.status, 401, authorization.slice(0, 40));
    assert.equal(slugOf(answer), "sign-in-required");
    const page = await ask("GET", address.replace("/api/v1", ""), { headers: { authorization } });
    assert.equal(page.status, 200, authorization.slice(0, 40));
  }
});

test("a hostile trace state stops at the portal, and nothing else of the caller reaches an origin", async () => {
  const address = await addressOf("us", nextCar("us").vin);
  const headers = {
    tracestate: "a=1,".repeat(1_000),
    cookie: "session=x",
    "x-api-key": "stolen",
    "x-forwarded-for": "10.0.0.1",
    "user-agent": "caller",
    "accept-language": "xx",
    referer: "https://caller.example/",
    baggage: "a=b",
  };
  const requests = await requestsOf(await ask("GET", address, { headers }));
  assert.equal(requests.length, 3);
  for (const { headers: sent } of requests) {
    for (const name of [
      "tracestate",
      "cookie",
      "x-forwarded-for",
      "referer",
      "baggage",
      "accept-language",
      "cf-connecting-ip",
    ])
      assert.equal(sent[name], undefined, name);
    assert.notEqual(sent["user-agent"], "caller");
    assert.doesNotMatch(JSON.stringify(sent), /stolen/);
  }
});

test("queries are read once and ignored where they mean nothing", async () => {
  const address = await addressOf("de", nextCar("de").vin);
  for (const query of [
    "?facets=identity&facets=x",
    "?facets=identity,identity,identity",
    "?facets=%69dentity",
    "?facets=+identity+",
    `?x=${encodeURIComponent(MARKUP)}&facets=identity`,
    "?&&facets=identity&=",
    "?facets=identity#x",
  ]) {
    const answer = await ask("GET", address + query);
    assert.equal(answer.status, 200, query);
    assert.deepEqual(Object.keys(answer.json.meta.facets), ["identity"]);
  }
  for (const query of [
    "?",
    "?Facets=x",
    "?facet=x",
    `?${encodeURIComponent(MARKUP)}`,
    "?facets%00=x",
    "?lang=xx",
    "??",
  ]) {
    const answer = await ask("GET", address + query);
    assert.equal(answer.status, 200, query);
    assert.equal(Object.keys(metasOf(answer)).length, 3);
    assert.equal(answer.json.links.self, address);
  }
});

test("a redirect stays on this host and carries the query as it was encoded", async () => {
  for (const path of [
    "/de?x=//evil.example",
    `/de?x=${encodeURIComponent(MARKUP)}`,
    "/de?lang=en",
    "/de?%0d%0aset-cookie:x=1",
    "/de?x=%5c%5cevil.example",
  ]) {
    const { status, headers } = await ask("GET", path);
    assert.equal(status, 303);
    assert.ok(headers.location.startsWith("/de/?"), headers.location);
    assert.equal(headers["set-cookie"], undefined);
  }
});

test("200 requests, 20 at a time, over many cars and both markets do not mix", async () => {
  const cars = await Promise.all(
    MARKETS.flatMap((market) =>
      [1, 2, 3].map(async () => {
        const { vin, label } = nextCar(market);
        return { address: await addressOf(market, vin), label, market };
      }),
    ),
  );
  let left = 200;
  const worker = async () => {
    while (left-- > 0) {
      const { address, label, market } = cars[left % cars.length];
      const { status, json, text } = await ask("GET", address);
      assert.equal(status, 200, text);
      assert.equal(json.market, market);
      assert.equal(json.links.self, address);
      assert.ok(
        label.startsWith(json.facets.identity.make) && label.includes(json.facets.identity.model),
        label,
      );
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  const after = await Promise.all(cars.map(({ address }) => untilCached(address)));
  for (const { json } of after) assert.equal(json.meta.complete, true);
});

test("problems never repeat what was sent, and always help", async () => {
  const mark = "zQ9mark";
  for (const [verb, path, options] of [
    ["GET", `/api/v1/${mark}`],
    ["GET", `/api/v1/de/vehicles/${mark}`],
    ["GET", `/api/v1/de/${mark}?${mark}`],
    ["PATCH", `/api/v1/de?${mark}`],
    [
      "POST",
      "/api/v1/de/lookups",
      { headers: { "content-type": `application/${mark}` }, body: "{}" },
    ],
    [
      "POST",
      "/api/v1/de/lookups",
      { headers: { "content-type": "application/json" }, body: `{"${mark}": 1}` },
    ],
    [
      "POST",
      "/api/v1/de/lookups",
      { headers: { "content-type": "application/json" }, body: `{"vin": "${mark}"}` },
    ],
    [
      "POST",
      "/api/v1/de/lookups",
      { headers: { "content-type": "application/json" }, body: `${mark}` },
    ],
  ]) {
    const answer = await ask(verb, path, options);
    const problem = problemOf(answer);
    assert.ok(!JSON.stringify(problem).toLowerCase().includes(mark.toLowerCase()), answer.text);
    assert.ok(problem.detail.length >= 15, answer.text);
  }
});
