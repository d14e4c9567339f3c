// What is above public lies in the stores sealed or not at all: marks in every field, looked for in
// every byte of KV and D1.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { region } from "./support/region.mjs";

const VIN = "KBSZZZ99ZSE900001";
const OTHER = "KBSZZZ99ZSE900002";

/**
 * One system that knows everything. Every facet is required, so that all are fetched and stored for
 * a public visitor too.
 */
const market = (base) => {
  const facet = (rest) => ({ origin: "all", required: true, ttl_s: 3_600, ...rest });
  const at = (pointer, more = {}) => ({ at: pointer, ...more });
  const day = (pointer) => at(pointer, { as: "date" });
  return {
    deadline_ms: 5_000,
    origins: { all: { protocol: "rest", url: `${base}/all/{vin}`, timeout_ms: 4_000 } },
    facets: {
      identity: facet({
        map: {
          make: at("/make"),
          model: at("/model"),
          vin: at("/vin"),
          first_registered: day("/first"),
        },
      }),
      equipment: facet({
        each: "/equipment",
        map: { name: at("/name"), code: at("/code"), category: at("/category") },
      }),
      recalls: facet({
        each: "/recalls",
        map: {
          reference: at("/no"),
          title: at("/title"),
          description: at("/text"),
          status: at("/state", { codes: { O: "open" } }),
        },
      }),
      warranty: facet({
        each: "/warranties",
        map: { kind: at("/kind", { codes: { F: "factory" } }), provider: at("/provider") },
      }),
      service_history: facet({
        each: "/services",
        map: {
          performed_on: day("/on"),
          workshop: at("/by"),
          description: at("/text"),
          invoice_number: at("/invoice"),
        },
      }),
      mileage: facet({
        each: "/readings",
        map: { read_on: day("/on"), distance: at("/km", { as: "number", unit: "km" }) },
      }),
      registration: facet({
        map: {
          plate: at("/plate"),
          keeper_name: at("/keeper"),
          keeper_address: at("/street"),
          registered_on: day("/registered"),
        },
      }),
      damage: facet({
        each: "/damages",
        map: { description: at("/text"), occurred_on: day("/on") },
      }),
    },
  };
};

/** A mark for each field above public, by facet. */
const MARKS = {
  identity: ["1971-02-03"],
  equipment: ["Xk7Equipment", "Xk7Code", "Xk7Category"],
  recalls: ["Xk7Reference", "Xk7Title", "Xk7RecallText"],
  warranty: ["Xk7Provider"],
  service_history: ["Xk7Workshop", "Xk7ServiceText", "Xk7Invoice", "1972-03-04"],
  mileage: ["734519", "1973-04-05"],
  registration: ["XK 7 PLATE", "Xk7 Keeper Müller", 'Xk7 "Street"', "1974-05-06"],
  damage: ["Xk7DamageText", "1975-06-07"],
};

const body = (vin) => ({
  make: "Kerbside",
  model: "Safe",
  vin,
  first: "1971-02-03",
  equipment: [{ name: "Xk7Equipment", code: "Xk7Code", category: "Xk7Category" }],
  recalls: [{ no: "Xk7Reference", title: "Xk7Title", text: "Xk7RecallText", state: "O" }],
  warranties: [{ kind: "F", provider: "Xk7Provider" }],
  services: [
    { on: "1972-03-04", by: "Xk7Workshop", text: "Xk7ServiceText", invoice: "Xk7Invoice" },
  ],
  readings: [{ on: "1973-04-05", km: 734519 }],
  plate: "XK 7 PLATE",
  keeper: "Xk7 Keeper Müller",
  street: 'Xk7 "Street"',
  registered: "1974-05-06",
  damages: [{ text: "Xk7DamageText", on: "1975-06-07" }],
});

/** Forms in which a text may be written down. */
function formsOf(text) {
  const bytes = Buffer.from(text);
  const inner = (offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .slice(offset ? 4 : 0, -4);
  return [
    text,
    bytes.toString("latin1"),
    text.toUpperCase(),
    text.toLowerCase(),
    [...text].reverse().join(""),
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    bytes.toString("hex"),
    bytes.toString("base64").replace(/=+$/, ""),
    inner(1),
    inner(2),
  ].filter((form) => form.length >= 6);
}

let here, documents;
before(async () => {
  here = await region({ market, answer: (_name, vin) => ({ body: body(vin) }) });
  documents = [];
  for (const vin of [VIN, OTHER]) documents.push(await here.ask(await here.address(vin)));
  // What is written after the answer is there.
  for (
    let attempt = 0;
    attempt < 100 && !(await (await here.kv()).get(`car:kb:${here.lookup(OTHER)}`));
    attempt += 1
  )
    await new Promise((done) => setTimeout(done, 50));
});
after(() => here?.end());

test("everything was fetched and stored, and the answers hold none of it", async () => {
  const rows = await here.sql("SELECT facet FROM stored_facet WHERE vehicle = ?", here.lookup(VIN));
  assert.deepEqual(rows.map((row) => row.facet).sort(), Object.keys(MARKS).sort());
  for (const { status, text, headers } of documents) {
    assert.equal(status, 200, text);
    for (const mark of Object.values(MARKS).flat()) {
      for (const form of formsOf(mark))
        assert.ok(!`${text} ${JSON.stringify(headers)}`.includes(form), form);
    }
  }
});

test("what is sealed opens at its place, with the key that STORAGE.md describes, and is complete", async () => {
  const rows = await here.sql("SELECT * FROM stored_facet");
  assert.equal(rows.length, 2 * Object.keys(MARKS).length);
  for (const row of rows) {
    const whole = JSON.stringify(await here.open(row));
    for (const mark of MARKS[row.facet])
      assert.ok(
        whole.includes(JSON.stringify(mark).slice(1, -1)),
        `${row.facet} lacks ${mark}: ${whole}`,
      );
  }
});

test("what is moved to another car, facet, market or key number does not open", async () => {
  const rows = await here.sql("SELECT * FROM stored_facet");
  for (const row of rows) {
    for (const other of rows) {
      if (other === row) continue;
      await assert.rejects(here.open({ ...other, key_id: row.key_id, sealed: row.sealed }), {
        name: "OperationError",
      });
    }
    await assert.rejects(here.open({ ...row, market: "de" }), { name: "OperationError" });
    here.secrets.SEALING_KEY_2 = here.secrets.SEALING_KEY_1;
    await assert.rejects(here.open({ ...row, key_id: 2 }), { name: "OperationError" });
    delete here.secrets.SEALING_KEY_2;
  }
});

test("no mark lies in KV, D1 or the log in the clear, in no form", () => {
  const texts = [...here.files(), here.log.join("\n")];
  assert.ok(
    texts.some((text) => text.includes("Kerbside")),
    "what is public is found, so the search works",
  );
  for (const mark of [...Object.values(MARKS).flat(), VIN, OTHER]) {
    for (const form of formsOf(mark))
      assert.equal(
        texts.findIndex((text) => text.includes(form)),
        -1,
        form,
      );
  }
});

test("a restart keeps everything, and asks no origin", async () => {
  const before = here.asked.length;
  await here.kill();
  await here.start();
  const { status, json, headers } = await here.ask(await here.address(VIN));
  assert.equal(status, 200);
  assert.deepEqual([json.facets.equipment.item_count, json.facets.recalls.open], [1, true]);
  assert.match(headers["cache-status"], /^kerbside; hit/);
  assert.equal(here.asked.length, before);
});
