// A server that breaks every promise of HTTP, JSON, XML and OData, on a raw socket: what a library
// would not let one send.
//
// Which case a request gets is looked up by the VIN in it, so that many cases run over one market.
import net from "node:net";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** Stands in every body that must not come back, and in no document. */
export const LEAK = "ABEND-S0C7-leak";

export const GOOD = JSON.stringify({ make: "Kerbside", model: "Prüfstand" });
const PAD = " ".repeat(64);

/** An answer as bytes. `length: null` leaves Content-Length out. */
export function http(body, { status = "200 OK", version = "1.1", headers = {}, length } = {}) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const all = {
    "Content-Type": "application/json",
    "Content-Length": length === undefined ? bytes.length : length,
    Connection: "close",
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== null)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
  return Buffer.concat([
    Buffer.from(`HTTP/${version} ${status}\r\n${lines.join("")}\r\n`, "latin1"),
    bytes,
  ]);
}

const xml = (body, options = {}) =>
  http(body, {
    ...options,
    headers: { "Content-Type": "text/xml; charset=utf-8", ...options.headers },
  });
const envelope = (body, header = "", ns = "http://schemas.xmlsoap.org/soap/envelope/") =>
  `<?xml version="1.0"?><e:Envelope xmlns:e="${ns}">${header && `<e:Header>${header}</e:Header>`}<e:Body>${body}</e:Body></e:Envelope>`;
const items = `<r:Options xmlns:r="urn:r"><Option><Name>Sitz</Name></Option></r:Options>`;
const fault = `<e:Fault><faultcode>e:Server</faultcode><faultstring>${LEAK}</faultstring></e:Fault>`;
const fault12 = (code) =>
  `<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value xmlns:v="urn:v">v:${code}</e:Value></e:Subcode></e:Code><e:Reason><e:Text xml:lang="de">${LEAK}</e:Text></e:Reason></e:Fault>`;
const SOAP12 = "http://www.w3.org/2003/05/soap-envelope";
const laughs = `<!DOCTYPE x [<!ENTITY a "${LEAK}">${[..."bcdefghij"].map((c, i) => `<!ENTITY ${c} "${`&${"abcdefghi"[i]};`.repeat(10)}">`).join("")}]>`;
const utf16 = (text) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);
const recalls = (results, next) =>
  JSON.stringify({ d: { results, ...(next && { __next: next }) } });
const recall = { Campaign: "R1", Status: "O" };

/** Sends the head at once and then a piece again and again, until the other side has had enough. */
function endless(socket, head, piece, every_ms) {
  socket.write(head);
  const timer = setInterval(() => socket.writableLength < 1e6 && socket.write(piece), every_ms);
  socket.once("close", () => clearInterval(timer));
}

/** Sends the beginning and cuts the connection, politely or not. */
function cut(socket, bytes, how) {
  socket.write(bytes, () =>
    setTimeout(() => (how === "reset" ? socket.resetAndDestroy() : socket.end()), 30),
  );
}

const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const CHUNKED =
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const json = (body, headers, options) => http(body, { headers, ...options });

const timeout = { token: "http_response_timeout" };
const protocol = { token: "http_protocol_error" };
const broken = { token: "connection_refused" };
const fine = {};

/**
 * Every case: `[name, what it sends, what the facet becomes]`. What it sends is bytes, or a
 * function of socket and request. `token` is the error of RFC 9209, `absent` that there is nothing
 * on record; neither: the facet is there.
 */
export const REST = [
  ["a good answer", json(GOOD), fine],
  ["text/plain", json(GOOD, { "Content-Type": "text/plain" }), fine],
  ["application/octet-stream", json(GOOD, { "Content-Type": "application/octet-stream" }), fine],
  ["no content type at all", json(GOOD, { "Content-Type": null }), fine],
  ["a byte-order mark", json(`\ufeff${GOOD}`), fine],
  [
    "UTF-8 that says it is ISO-8859-1",
    json(GOOD, { "Content-Type": "application/json; charset=ISO-8859-1" }),
    fine,
  ],
  [
    "ISO-8859-1 that says so",
    json(Buffer.from(GOOD, "latin1"), { "Content-Type": "application/json; charset=iso-8859-1" }),
    fine,
  ],
  [
    "ISO-8859-1 that says it is UTF-8",
    json(Buffer.from(GOOD, "latin1"), { "Content-Type": "application/json; charset=utf-8" }),
    protocol,
  ],
  [
    "a charset that nobody knows",
    json(GOOD, { "Content-Type": "application/json; charset=utf-7" }),
    protocol,
  ],
  ["UTF-16", json(utf16(GOOD), { "Content-Type": "application/json; charset=utf-16" }), protocol],
  ["HTTP/1.0 without a length", json(GOOD, { "Content-Length": null }, { version: "1.0" }), fine],
  [
    "early hints first",
    Buffer.concat([
      Buffer.from("HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"),
      json(GOOD),
    ]),
    fine,
  ],
  [
    "100 Continue first",
    Buffer.concat([Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"), json(GOOD)]),
    fine,
  ],
  [
    "101 Switching Protocols",
    Buffer.from(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n${LEAK}`,
    ),
    protocol,
  ],
  [
    "500 headers",
    json(
      GOOD,
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`X-${i}`, "y".repeat(20)])),
    ),
    fine,
  ],
  ["a header of 100 KB", json(GOOD, { "X-Long": "y".repeat(100_000) }), fine],
  [
    "1000 cookies",
    json(GOOD, { "Set-Cookie": Array.from({ length: 1000 }, (_, i) => `a${i}=${LEAK}`) }),
    fine,
  ],
  ["an encoding that nobody knows", json(GOOD, { "Content-Encoding": "x-none" }), fine],
  ["gzip", json(gzipSync(GOOD), { "Content-Encoding": "gzip" }), fine],
  ["brotli", json(brotliCompressSync(Buffer.from(GOOD)), { "Content-Encoding": "br" }), fine],
  ["gzip that is none", json(`${GOOD}${PAD}`, { "Content-Encoding": "gzip" }), protocol],
  [
    "gzip that ends early",
    json(gzipSync(GOOD + PAD.repeat(99)).subarray(0, 40), { "Content-Encoding": "gzip" }),
    protocol,
  ],
  [
    "a bomb of gzip, 256 MB in 250 KB",
    () => json(bomb("gzip"), { "Content-Encoding": "gzip" }),
    protocol,
  ],
  [
    "a bomb of brotli, 256 MB in 1 KB",
    () => json(bomb("br"), { "Content-Encoding": "br" }),
    protocol,
  ],
  ["longer than max_bytes", json(GOOD + PAD.repeat(20_000)), protocol],
  [
    "chunks that never end beside a Content-Length",
    (socket) =>
      endless(
        socket,
        CHUNKED.replace("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n"),
        chunk(PAD.repeat(500)),
        1,
      ),
    protocol,
  ],
  [
    "a body that never ends, fast",
    (socket) => endless(socket, CHUNKED, chunk(PAD.repeat(500)), 1),
    protocol,
  ],
  [
    "a body that never ends, a byte at a time",
    (socket) => endless(socket, CHUNKED, chunk(" "), 40),
    timeout,
  ],
  [
    "a head that never ends",
    (socket) => endless(socket, "HTTP/1.1 200 OK\r\nX-Slow: ", "y", 40),
    timeout,
  ],
  [
    "endless 1xx answers",
    (socket) => endless(socket, "", "HTTP/1.1 102 Processing\r\n\r\n", 40),
    timeout,
  ],
  ["nothing, and the connection stays", () => {}, timeout],
  ["a head and no body", (socket) => void socket.write(json(GOOD).subarray(0, -10)), timeout],
  ["a connection that closes", (socket) => socket.end(), broken],
  ["a reset connection", (socket) => socket.resetAndDestroy(), broken],
  [
    "a reset inside the head",
    (socket) => cut(socket, "HTTP/1.1 200 OK\r\nContent-", "reset"),
    broken,
  ],
  [
    "a reset inside the body",
    (socket) => cut(socket, json(GOOD).subarray(0, -9), "reset"),
    protocol,
  ],
  [
    "shorter than Content-Length",
    (socket) => cut(socket, json(GOOD, { "Content-Length": 999 })),
    protocol,
  ],
  ["longer than Content-Length", json(GOOD, { "Content-Length": 9 }), protocol],
  ["a negative Content-Length", json(GOOD, { "Content-Length": "-5" }), broken],
  ["two Content-Lengths", json(GOOD, { "Content-Length": [Buffer.byteLength(GOOD), 5] }), broken],
  ["chunks that are cut", (socket) => cut(socket, CHUNKED + chunk(GOOD.slice(0, 9))), protocol],
  ["chunks of no size", (socket) => cut(socket, `${CHUNKED}zz\r\n${GOOD}`), protocol],
  [
    "a chunk of 2^64 bytes",
    (socket) => cut(socket, `${CHUNKED}10000000000000000\r\n${GOOD}`),
    protocol,
  ],
  ["another protocol", Buffer.from(`SSH-2.0-${LEAK}\r\n`), broken],
  ["a status of 999", json(GOOD, {}, { status: "999 Odd" }), protocol],
  ["a status of no digits", json(GOOD, {}, { status: "OK 200" }), broken],
  ["202", json(GOOD, {}, { status: "202 Accepted" }), protocol],
  ["204", Buffer.from("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), protocol],
  ["204 with a body", json(GOOD, {}, { status: "204 No Content" }), protocol],
  ["206", json(GOOD, {}, { status: "206 Partial Content" }), protocol],
  ["304", Buffer.from("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"), protocol],
  [
    "a redirect",
    (_, request) =>
      json(LEAK, { Location: `http://${request.host}/stolen` }, { status: "302 Found" }),
    protocol,
  ],
  [
    "a redirect that keeps the verb",
    (_, request) =>
      json(
        LEAK,
        { Location: `http://localhost:${request.host.split(":")[1]}/stolen` },
        { status: "307 T" },
      ),
    protocol,
  ],
  [
    "a refresh",
    (_, request) =>
      json(GOOD, {
        Refresh: `0; url=http://${request.host}/stolen`,
        Link: `<http://${request.host}/stolen>; rel=preload`,
      }),
    fine,
  ],
  [
    "401",
    json(LEAK, { "WWW-Authenticate": `Basic realm="${LEAK}"` }, { status: "401 Unauthorized" }),
    protocol,
  ],
  ["404", json(LEAK, {}, { status: "404 Not Found" }), { absent: true }],
  [
    "429 for ever",
    json(LEAK, { "Retry-After": "9".repeat(40) }, { status: "429 Too Many" }),
    { token: "destination_unavailable" },
  ],
  ["500", json(LEAK, {}, { status: "500 Oops" }), protocol],
  [
    "503 until nobody knows when",
    json(LEAK, { "Retry-After": LEAK }, { status: `503 ${LEAK}` }),
    { token: "destination_unavailable" },
  ],
  ["an empty body", json(""), protocol],
  ["blanks", json(PAD), protocol],
  ["a page", json(`<!doctype html><p>${LEAK}</p>`, { "Content-Type": "text/html" }), protocol],
  [
    "several parts",
    json(`--x\r\n\r\n${GOOD}\r\n--x--`, { "Content-Type": "multipart/related; boundary=x" }),
    protocol,
  ],
  ["several documents", json(GOOD + GOOD), protocol],
  ["a key twice", json('{"make": "A", "model": "B", "make": "C"}'), protocol],
  ["100 000 levels", json("[".repeat(100_000)), protocol],
  ["100 000 levels that close", json("[".repeat(100_000) + "]".repeat(100_000)), protocol],
  ["250 000 values", json(`[${"0,".repeat(249_999)}0]`), protocol],
  ["NaN", json('{"make": NaN, "model": "x"}'), protocol],
  ["a number of 400 digits", json(`{"make": "A", "model": ${"9".repeat(400)}}`), protocol],
  ["bytes that are no UTF-8", json(Buffer.from([0x22, 0xc3, 0x28, 0x22])), protocol],
  ["overlong UTF-8", json(Buffer.from([0x22, 0xc0, 0xaf, 0x22])), protocol],
  ["half a surrogate", json('{"make": "\\ud800", "model": "x"}'), protocol],
  ["the wrong kinds", json('{"make": {"a": 1}, "model": ["x"]}'), protocol],
  [
    "markup as a value",
    json(JSON.stringify({ make: "Kerb<script>side", model: "x" })),
    { ...fine, isOther: true },
  ],
];

export const SOAP = [
  ["a good answer", xml(envelope(items)), fine],
  [
    "other prefixes, CDATA, comments",
    xml(
      `<Envelope xmlns="${SOAP12}"><Body><x:Options xmlns:x="y"><x:Option><Name><![CDATA[<b>]]></Name><!-- ${LEAK} --></x:Option></x:Options></Body></Envelope>`,
    ),
    fine,
  ],
  [
    "UTF-16",
    xml(utf16(`<?xml version="1.0" encoding="utf-16"?>${envelope(items).slice(21)}`), {
      headers: { "Content-Type": "text/xml" },
    }),
    fine,
  ],
  [
    "WS-Addressing that must be understood",
    xml(envelope(items, '<a:Action xmlns:a="x" e:mustUnderstand="1">urn:x</a:Action>')),
    fine,
  ],
  [
    "a header that must be understood",
    xml(envelope(items, '<t:Session xmlns:t="x" e:mustUnderstand="1">7</t:Session>')),
    protocol,
  ],
  ["a fault with 500", xml(envelope(fault), { status: "500 Internal Server Error" }), protocol],
  ["a fault with 200", xml(envelope(fault)), protocol],
  [
    "a fault of 1.2",
    xml(envelope(fault12("Db"), "", SOAP12), { status: "400 Bad Request" }),
    protocol,
  ],
  [
    "not found, in 1.2",
    xml(envelope(fault12("NotFound"), "", SOAP12), { status: "500 x" }),
    { absent: true },
  ],
  ["404", xml(LEAK, { status: "404 Not Found" }), protocol],
  ["a billion laughs", xml(laughs + envelope(`<a>&j;</a>`).slice(21)), protocol],
  [
    "an external entity",
    (_, request) =>
      xml(`<!DOCTYPE x [<!ENTITY a SYSTEM "http://${request.host}/stolen">]><x>&a;</x>`),
    protocol,
  ],
  [
    "an external document type",
    (_, request) => xml(`<!DOCTYPE x SYSTEM "http://${request.host}/stolen"><x/>`),
    protocol,
  ],
  ["an unknown entity", xml(envelope("<r>&nbsp;</r>")), protocol],
  ["10 000 levels", xml("<a>".repeat(10_000)), protocol],
  ["110 000 elements", xml(envelope("<a/>".repeat(110_000))), protocol],
  [
    "50 000 attributes",
    xml(envelope(`<a ${Array.from({ length: 50_000 }, (_, i) => `a${i}=""`).join(" ")}/>`)),
    protocol,
  ],
  ["tags that cross", xml(envelope("<a><b></a></b>")), protocol],
  ["an end that is missing", xml(envelope(items).slice(0, -20)), protocol],
  ["two documents", xml(envelope(items) + envelope(items).slice(21)), protocol],
  ["a control character", xml(envelope("<a>\u0001</a>")), protocol],
  [
    "several parts (MTOM)",
    xml(`--x\r\n\r\n${envelope(items)}\r\n--x--`, {
      headers: { "Content-Type": 'multipart/related; type="application/xop+xml"; boundary=x' },
    }),
    protocol,
  ],
  ["JSON", xml(GOOD), protocol],
  ["XML that is no envelope", xml(`<html><p>${LEAK}</p></html>`), protocol],
  ["an empty envelope", xml(envelope("")), protocol],
  [
    "202 and nothing",
    Buffer.from("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    protocol,
  ],
  [
    "one element that never ends",
    (socket) =>
      endless(
        socket,
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a>",
        "y".repeat(10_000),
        1,
      ),
    protocol,
  ],
];

export const ODATA = [
  ["a good answer", json(recalls([recall])), fine],
  [
    "two pages",
    (_, { path }) =>
      json(recalls([recall], path.includes("skip") ? null : "Recalls?$skiptoken=2&vin=VIN")),
    fine,
  ],
  [
    "a next page at another port",
    (_, request) => json(recalls([recall], `http://127.0.0.1:${request.trap}/stolen`)),
    protocol,
  ],
  [
    "a next page at another host",
    (_, request) =>
      json(recalls([recall], `http://localhost:${request.host.split(":")[1]}/stolen`)),
    protocol,
  ],
  [
    "a next page with another user",
    (_, request) => json(recalls([recall], `http://x@${request.host}/stolen`)),
    protocol,
  ],
  ["pages without end", json(recalls([recall], "?$skiptoken=2&vin=VIN")), protocol],
  [
    "pages that are too long together",
    (_, { path }) =>
      json(
        recalls([recall], path.includes("skip") ? null : "?$skiptoken=2&vin=VIN") +
          " ".repeat(40_000),
      ),
    protocol,
  ],
  [
    "a second page that hangs",
    (_, { path }) =>
      path.includes("skip") ? undefined : json(recalls([recall], "?$skiptoken=2&vin=VIN")),
    timeout,
  ],
  [
    "a second page that is gone",
    (_, { path }) =>
      path.includes("skip")
        ? json(LEAK, {}, { status: "410 Gone" })
        : json(recalls([recall], "?$skiptoken=2&vin=VIN")),
    protocol,
  ],
  [
    "an error with 200",
    json(JSON.stringify({ error: { code: LEAK, message: { value: LEAK } } })),
    protocol,
  ],
  [
    "an error with 400",
    json(JSON.stringify({ error: { code: LEAK } }), {}, { status: "400 Bad Request" }),
    protocol,
  ],
  ["404", json(LEAK, {}, { status: "404 Not Found" }), protocol],
  ["Atom", json(`<feed>${LEAK}</feed>`, { "Content-Type": "application/atom+xml" }), protocol],
];

const bombs = new Map();
/** 256 MB of blanks, packed. */
function bomb(kind) {
  const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
  const pack = { gzip: gzipSync, br: (bytes) => brotliCompressSync(bytes, quick) }[kind];
  if (!bombs.has(kind)) bombs.set(kind, pack(Buffer.alloc(256 * 1024 * 1024, " ")));
  return bombs.get(kind);
}

/** What a system sends of a car that no case is about. */
const USUAL = { rest: REST[0][1], soap: SOAP[0][1], odata: ODATA[0][1] };

/**
 * Starts the server and a trap that nobody may ever ask: `{ port, cases, seen, token, stop }`.
 * `cases` says by VIN what each system (`rest`, `soap`, `odata`, the first part of the path) sends,
 * `seen` holds every request, `token` is what `/token` sends.
 */
export async function startHostile() {
  const state = {
    cases: new Map(),
    seen: [],
    token: json(JSON.stringify({ access_token: "t1", token_type: "bearer", expires_in: 600 })),
  };
  const sockets = new Set();
  // Packing takes seconds, in which nothing would be answered.
  for (const kind of ["gzip", "br"]) bomb(kind);
  const listen = async (serve) => {
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).once("close", () => sockets.delete(socket));
      serve(socket);
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return server;
  };
  const trap = await listen((socket) => {
    state.seen.push({ path: "/stolen", head: "a connection to the trap" });
    socket.destroy();
  });
  const server = await listen((socket) => {
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (end < 0 || text.length < end + 4 + length) return;
      const [head, body] = [text.slice(0, end), text.slice(end + 4)];
      text = "";
      serve(socket, head, body);
    });
  });
  const serve = (socket, head, body) => {
    const path = head.split(" ")[1];
    const request = {
      path,
      head,
      body,
      host: /\r\nhost: (\S+)/i.exec(head)?.[1] ?? "",
      trap: trap.address().port,
    };
    state.seen.push(request);
    if (path === "/token") return void socket.end(state.token);
    const vin = [...state.cases.keys()].find((vin) => path.includes(vin) || body.includes(vin));
    const send = { ...USUAL, ...state.cases.get(vin) }[path.split("/")[1]];
    const sent = typeof send === "function" ? send(socket, request) : send;
    // A page of a list names the car again, so that its request finds the case.
    if (Buffer.isBuffer(sent)) socket.end(sent.includes("vin=VIN") ? renamed(sent, vin) : sent);
  };
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all([server, trap].map((one) => new Promise((done) => one.close(done))));
  };
  return Object.assign(state, { port: server.address().port, stop });
}

function renamed(bytes, vin) {
  const [head, body] = bytes.toString().split("\r\n\r\n");
  const filled = body.replaceAll("vin=VIN", `vin=${vin}`);
  return Buffer.from(
    `${head.replace(/Content-Length: \d+/, `Content-Length: ${Buffer.byteLength(filled)}`)}\r\n\r\n${filled}`,
  );
}
