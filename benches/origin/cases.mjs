/**
 * Service histories of about 100 KB, the same entries in each protocol, and the market that reads
 * them.
 */

import { encodeCp273 } from "./cp273.mjs";

export const VIN = "WP0ZZZ99ZTS390000";
const BYTES = 100_000;

const KINDS = ["S", "I", "R"];
const TOWNS = ["Köln", "Düsseldorf", "Weißenfels", "Ahaus", "Mönchengladbach"];
const two = (number) => String(number).padStart(2, "0");

/** The entry of an index: always the same, the newest first, as facets list them. */
function entry(index) {
  const at = new Date(Date.UTC(2026, 9, 31) - index * 86_400_000);
  const day = { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate() };
  return {
    ...day,
    date: `${two(day.day)}.${two(day.month)}.${day.year}`,
    kind: KINDS[index % 3],
    km: 100_000 - index * 37,
    workshop: `Autohaus ${TOWNS[index % TOWNS.length]} & Söhne`,
    invoice: `RE-${day.year}-${100_000 + index}`,
  };
}

/** As many entries as fill about 100 KB when written. */
function filled(write) {
  const length = new TextEncoder().encode(write(entry(7))).length;
  return Array.from({ length: Math.floor(BYTES / length) }, (_, index) => entry(index));
}

const utf8 = (text) => new TextEncoder().encode(text);
const escaped = (text) => text.replaceAll("&", "&amp;");

const json = (e) =>
  JSON.stringify({
    id: e.invoice,
    date: e.date,
    kind: e.kind,
    odometer: { value: String(e.km), unit: "km" },
    workshop: { name: e.workshop, country: "DE" },
    invoice: e.invoice,
    note: null,
  });
const soap = (e) =>
  `<h:Entry id="${e.invoice}"><h:Date>${e.date}</h:Date><h:Kind>${e.kind}</h:Kind><h:Odometer unit="km">${e.km}</h:Odometer><h:Workshop><h:Name>${escaped(e.workshop)}</h:Name><h:Country>DE</h:Country></h:Workshop><h:Invoice>${e.invoice}</h:Invoice></h:Entry>\n`;
const odata = (e) =>
  JSON.stringify({
    __metadata: { type: "HISTORY.Entry", uri: `https://sap.example.com/Entries('${e.invoice}')` },
    Date: `/Date(${Date.UTC(e.year, e.month - 1, e.day)})/`,
    Kind: e.kind,
    Km: String(e.km),
    Workshop: e.workshop,
    Invoice: e.invoice,
  });
const csv = (e) => `${e.date};${e.kind};${e.km};"${e.workshop}";${e.invoice};DE;\r\n`;

/** 80 bytes: day, kind, kilometres (packed, 4 bytes), workshop, invoice, filler. */
function record(e) {
  const bytes = new Uint8Array(80).fill(0x40);
  bytes.set(encodeCp273(`${e.year}${two(e.month)}${two(e.day)}${e.kind}`), 0);
  const digits = `${String(e.km).padStart(7, "0")}c`;
  for (let at = 0; at < 4; at += 1)
    bytes[9 + at] = Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16);
  bytes.set(encodeCp273(e.workshop), 13);
  bytes.set(encodeCp273(e.invoice), 53);
  return bytes;
}

const soapBody = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:h="urn:history"><s:Body><h:HistoryResponse>${filled(soap).map(soap).join("")}</h:HistoryResponse></s:Body></s:Envelope>`;

function market(origin, each, map) {
  return `
code = "de"
name = "Benchmark"
region = "eu"
locales = ["de-DE"]
currency = "EUR"
deadline_ms = 900
[origins.workshop]
url = "https://workshop.example.com/{vin}"
timeout_ms = 2500
${origin}
[facets.service_history]
origin = "workshop"
required = true
ttl_s = 60
each = "${each}"
[facets.service_history.map]
${map}
`;
}

const kind = (at) =>
  `kind = { at = "${at}", codes = { S = "service", I = "inspection", R = "repair" } }`;
const km = (at) => `mileage = { at = "${at}", as = "integer", unit = "km" }`;
const german = (at) => `performed_on = { at = "${at}", as = "date", format = "%d.%m.%Y" }`;

export const CASES = [
  {
    name: "rest",
    contentType: "application/json",
    body: utf8(JSON.stringify({ entries: filled(json).map((e) => JSON.parse(json(e))) })),
    market: market(
      'protocol = "rest"',
      "/entries",
      [
        german("/date"),
        kind("/kind"),
        km("/odometer/value"),
        'workshop = "/workshop/name"',
        'invoice_number = "/invoice"',
      ].join("\n"),
    ),
  },
  {
    name: "soap",
    contentType: "text/xml; charset=utf-8",
    body: utf8(soapBody),
    market: market(
      'protocol = "soap"\nsoap = { action = "urn:History", body = "<h/>" }',
      "/Envelope/Body/HistoryResponse/Entry",
      [
        german("/Date"),
        kind("/Kind"),
        km("/Odometer"),
        'workshop = "/Workshop/Name"',
        'invoice_number = "/Invoice"',
      ].join("\n"),
    ),
    // The others are told, not held: see benches/README.md.
    limit: 1,
  },
  {
    name: "odata",
    contentType: "application/json",
    body: utf8(JSON.stringify({ d: { results: filled(odata).map((e) => JSON.parse(odata(e))) } })),
    market: market(
      'protocol = "odata"\nversion = 2',
      "/d/results",
      [
        'performed_on = { at = "/Date", as = "odata_date" }',
        kind("/Kind"),
        km("/Km"),
        'workshop = "/Workshop"',
        'invoice_number = "/Invoice"',
      ].join("\n"),
    ),
  },
  {
    name: "record",
    contentType: "application/octet-stream",
    body: Uint8Array.from(filled(() => "x".repeat(80)).flatMap((e) => [...record(e)])),
    market: market(
      `protocol = "record"
encoding = "cp273"
request = "HIST{vin:17}"
length = 80
records = {}
layout = [
  { name = "day", at = 0, len = 8 },
  { name = "kind", at = 8, len = 1 },
  { name = "km", at = 9, len = 4, type = "packed" },
  { name = "workshop", at = 13, len = 40 },
  { name = "invoice", at = 53, len = 16 },
]
`,
      "/records",
      [
        'performed_on = { at = "/day", as = "date", format = "%Y%m%d" }',
        kind("/kind"),
        km("/km"),
        'workshop = "/workshop"',
        'invoice_number = "/invoice"',
      ].join("\n"),
    ),
  },
  {
    name: "csv",
    contentType: "text/csv; charset=utf-8",
    body: utf8(`date;kind;km;workshop;invoice;country;note\r\n${filled(csv).map(csv).join("")}`),
    market: market(
      'protocol = "csv"\ncsv = { separator = ";", header = true }',
      "/rows",
      [
        german("/date"),
        kind("/kind"),
        km("/km"),
        'workshop = "/workshop"',
        'invoice_number = "/invoice"',
      ].join("\n"),
    ),
  },
];
