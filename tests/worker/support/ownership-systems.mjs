// The systems around a proof of ownership, as one HTTP server that a test rules: the record of each
// car, the contact on record, the service in the car, the registry, the maker's primary users, and
// the system that carries messages. It keeps every request.
//
// Each car has marks of its own in every personal field, so that a search finds whose value leaked.
import { createHash } from "node:crypto";
import http from "node:http";

const markOf = (vin, what) =>
  `Xk${createHash("sha256").update(`${vin} ${what}`).digest("hex").slice(0, 14)}`;

/** The personal values of a car's keeper: by name, so that two keepers have other ones. */
export function marksOf(vin, keeper = "first") {
  const mark = (what) => markOf(vin, `${keeper} ${what}`);
  return {
    plate: mark("plate"),
    keeper_name: mark("keeper name"),
    keeper_address: mark("keeper address"),
    workshop: mark("workshop"),
    invoice: mark("invoice"),
    service_text: mark("service text"),
    damage_text: mark("damage text"),
    undated_text: mark("undated text"),
  };
}

/**
 * The record of a car as its systems state it. `day` dates what happened in the keeper's time;
 * `others` are records of other keepers, whose events stand beside.
 */
export function recordOf(vin, { keeper = "first", day = "2024-05-06", others = [] } = {}) {
  const marks = marksOf(vin, keeper);
  const events = [{ marks, day }, ...others];
  return {
    make: "Kerbside",
    model: "Proof",
    vin,
    colour: "Everybodys Blue",
    equipment: [{ name: "Members Roof", code: "M1" }],
    recalls: [{ reference: "R-1", title: "Members Recall", status: "O" }],
    services: events.map(({ marks, day }) => ({
      on: day,
      by: marks.workshop,
      invoice: marks.invoice,
      total: "120.50",
      text: marks.service_text,
      km: 12_345,
    })),
    readings: [
      { on: "2023-01-02", km: 12_345 },
      { on: "2024-01-02", km: 23_456 },
    ],
    damage: events.flatMap(({ marks, day }) => [
      { on: day, text: marks.damage_text, area: "F" },
      { text: marks.undated_text, area: "R" },
    ]),
    plate: marks.plate,
    keeper_name: marks.keeper_name,
    keeper_address: marks.keeper_address,
    registered_on: day,
  };
}

/**
 * How a market reads these records: the origins and facets of its description. Each facet has an
 * origin of its own, so that a test can hold one answer back.
 */
export function describeCar(base, code, { ttl_s = 3_600, deadline_ms = 10_000 } = {}) {
  const at = (pointer, more = {}) => ({ at: pointer, ...more });
  const date = (pointer) => at(pointer, { as: "date" });
  const km = (pointer) => at(pointer, { as: "number", unit: "km" });
  const area = at("/area", { codes: { F: "front", R: "rear" } });
  const facets = {
    identity: {
      required: true,
      map: { make: at("/make"), model: at("/model"), colour: at("/colour"), vin: at("/vin") },
    },
    equipment: { each: "/equipment", map: { name: at("/name"), code: at("/code") } },
    recalls: {
      each: "/recalls",
      map: {
        reference: at("/reference"),
        title: at("/title"),
        status: at("/status", { codes: { O: "open", C: "completed" } }),
      },
    },
    service_history: {
      each: "/services",
      map: {
        performed_on: date("/on"),
        mileage: km("/km"),
        workshop: at("/by"),
        invoice_number: at("/invoice"),
        invoice_total: at("/total", { as: "money", currency: "EUR" }),
        description: at("/text"),
      },
    },
    mileage: { each: "/readings", map: { read_on: date("/on"), distance: km("/km") } },
    registration: {
      map: {
        plate: at("/plate"),
        keeper_name: at("/keeper_name"),
        keeper_address: at("/keeper_address"),
        registered_on: date("/registered_on"),
      },
    },
    damage: {
      each: "/damage",
      map: { occurred_on: date("/on"), area, description: at("/text") },
    },
  };
  const names = Object.keys(facets);
  const origin = (name) => ({
    protocol: "rest",
    url: `${base}/${code}/car/{vin}/${name}`,
    timeout_ms: 15_000,
    ...PATIENT,
  });
  return {
    deadline_ms,
    origins: Object.fromEntries(names.map((name) => [name, origin(name)])),
    facets: Object.fromEntries(
      names.map((name) => [name, { origin: name, ttl_s, ...facets[name] }]),
    ),
  };
}

/** Tests of outages leave no open breaker to the next test. */
const PATIENT = { concurrency: 20, breaker: { failures: 60_000, open_s: 1 } };

/** `[ownership]` of a market with these methods, and the origins that it names. */
export function describeOwnership(base, code, { methods, dealer }) {
  const rest = (system, more = {}) => ({
    protocol: "rest",
    url: `${base}/${code}/${system}/{vin}`,
    timeout_ms: 20_000,
    ...PATIENT,
    ...more,
  });
  const post = (system, body) => rest(system, { rest: { method: "POST", body } });
  const document = ["document_number", "issued_on", "first_registration"];
  const fields = Object.fromEntries(document.map((name) => [name, `{document.${name}}`]));
  const parts = ["kind", "channel", "to", "code", "link", "locale", "key"];
  const message = Object.fromEntries(parts.map((name) => [name, `{message.${name}}`]));
  const at = (pointer, more = {}) => ({ at: pointer, ...more });
  const day = (pointer) => at(pointer, { as: "date" });
  const contact = {
    origin: "crm",
    map: {
      email: at("/email"),
      phone: at("/phone"),
      changed_on: day("/changed_on"),
      held_since: day("/held_since"),
    },
  };
  const proven = [{ at: "/status", is: ["confirmed"] }];
  const tables = {
    contact_code: contact,
    vehicle_code: { origin: "head_unit" },
    keeper_document: { origin: "registry", fields: document, proven, held_since: day("/since") },
    oem_mapping: { origin: "primary", proven, held_since: day("/since") },
    dealer,
  };
  return {
    origins: {
      crm: rest("crm"),
      head_unit: post("head_unit", { code: "{code}" }),
      registry: post("registry", fields),
      primary: post("primary", { subject: "{subject}", issuer: "{issuer}" }),
      notify: {
        ...post("notify", message),
        url: `${base}/${code}/notify`,
      },
    },
    ownership: {
      grant_days: 180,
      notify: "notify",
      calling_code: "+49",
      contact,
      methods: Object.fromEntries(methods.map((name) => [name, tables[name]])),
    },
  };
}

/** Starts the server. Gives `{ url, requests, cars, car, down, hold, asked, messages, end }`. */
export async function ownershipSystems() {
  const held = new Map();
  const self = {
    /** Every request: `{ at, market, system, vin, facet, body, headers }`. */
    requests: [],
    /** What the systems know, by VIN: `{ record, contact, document, primary, is_in_reach }`. */
    cars: new Map(),
    /** Names of systems that fail. */
    down: new Set(),

    /** Adds a car, with marks of a first keeper. */
    car(vin, known = {}) {
      const all = { record: recordOf(vin), is_in_reach: true, ...known };
      self.cars.set(vin, all);
      return all;
    },

    /** Holds the answers about a facet of a car back. Gives the function that lets them go. */
    hold(vin, facet) {
      let release;
      held.set(`${vin} ${facet}`, new Promise((go) => (release = go)));
      return () => (held.delete(`${vin} ${facet}`), release());
    },

    /** Requests to a system, about a car if one is named. */
    asked: (system, vin) =>
      self.requests.filter((one) => one.system === system && (!vin || one.vin === vin)),

    /** Messages to a receiver, of a kind if one is named. */
    messages: (to, kind) =>
      self
        .asked("notify")
        .map(({ body }) => body)
        .filter((body) => body.to === to && (!kind || body.kind === kind)),
  };

  const ANSWERS = {
    car: ({ record }) => record,
    crm: ({ contact }) => contact,
    head_unit: ({ is_in_reach }) => is_in_reach && { status: "accepted" },
    registry: ({ document }, body) =>
      document && Object.entries(document.fields).every(([name, value]) => body[name] === value)
        ? { status: "confirmed", since: document.since }
        : { status: "refused" },
    primary: ({ primary }, body) =>
      primary?.sub === body.subject && primary.iss === body.issuer
        ? { status: "confirmed", since: primary.since }
        : { status: "refused" },
  };

  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const [, market, system, vin, facet] = request.url.split("/");
    const body = text && JSON.parse(text);
    const { headers } = request;
    self.requests.push({ at: Date.now(), market, system, vin, facet, body, headers });
    await held.get(`${vin} ${facet}`);
    const known = self.cars.get(vin);
    const said = system === "notify" ? { status: "sent" } : known && ANSWERS[system]?.(known, body);
    const status = self.down.has(system) ? 503 : said ? 200 : 404;
    response
      .writeHead(status, { "content-type": "application/json" })
      .end(JSON.stringify(status === 200 ? said : {}));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  self.url = `http://127.0.0.1:${server.address().port}`;
  self.end = () => {
    server.closeAllConnections();
    server.close();
  };
  return self;
}
