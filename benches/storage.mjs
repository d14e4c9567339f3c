#!/usr/bin/env node
/**
 * Size of a region's D1, and rows that its statements read and write: a database of 100 000
 * vehicles with ten facets each, with the real migrations and facets as the Worker stores them.
 * docs/CAPACITY.md calculates with the figures.
 *
 *     cargo xtask bench storage
 *
 * Environment, set by xtask: KERBSIDE_SAMPLES (the facets), KERBSIDE_RESULT (the file of the
 * figures). KERBSIDE_VEHICLES sets another number of vehicles.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { rounded, table } from "./support/figures.mjs";
import { rowsOf } from "./storage/rows.mjs";

const VEHICLES = Number(process.env.KERBSIDE_VEHICLES ?? 100_000);
/** Number of vehicles where variants are compared. */
const FEW = Math.min(VEHICLES, 20_000);
const REFRESHED = 0.3;
const LIMIT_BYTES = 10e9;
const REGION = 10_000_000;
/**
 * Prices of Workers Paid in USD, from developers.cloudflare.com on 2026-11-23, without the amounts
 * that the plan includes.
 */
const PRICE = {
  request: 0.3e-6,
  cpu_ms: 0.02e-6,
  kv_read: 0.5e-6,
  kv_write: 5e-6,
  kv_gb: 0.5,
  row_read: 0.001e-6,
  row_written: 1e-6,
  d1_gb: 0.75,
};
/**
 * Shares of page views: all facets fresh in KV; one facet stale, refreshed after the response; an
 * unknown car.
 */
const MIXES = {
  busy: [0.99, 0.009, 0.001],
  usual: [0.9, 0.08, 0.02],
  "long tail": [0.5, 0.3, 0.2],
};
const CPU_MS = 1;
const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

const VARIANT_COLUMNS = [
  "stored_facet",
  "bytes a car",
  "overflow pages",
  "µs a new row",
  "µs a refreshed row",
  "µs a car, public",
  "µs a car, sealed",
];

const samples = JSON.parse(readFileSync(process.env.KERBSIDE_SAMPLES, "utf8"));
const byFacet = Map.groupBy(samples, ({ facet }) => facet);
const migrations = readdirSync("migrations")
  .filter((name) => name.endsWith(".sql"))
  .sort()
  .map((name) => readFileSync(path.join("migrations", name), "utf8"));
const folder = mkdtempSync(path.join(tmpdir(), "kerbside-storage-"));
/** Text like sealed values, which cannot be compressed. */
const NOISE = randomBytes(60_000).toString("base64");

/** Makes a random number generator that is the same in every run: xorshift. */
function dice(seed) {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const lookup = (number) =>
  createHash("sha256").update(`car ${number}`).digest("base64url").slice(0, 22);
const COLUMNS = [
  "market",
  "vehicle",
  "facet",
  "generation",
  "stored_at_ms",
  "expires_at_ms",
  "source",
  "policy",
  "ttl_s",
  "stale_s",
  "error_s",
  "took_ms",
  "public",
  "withheld",
  "key_id",
  "sealed",
];

function rowOf(number, facet, roll, now_ms) {
  const all = byFacet.get(facet);
  const one = all[roll(all.length)];
  const sealed =
    one.sealed_chars === 0 ? null : NOISE.slice(roll(1_000)).slice(0, one.sealed_chars);
  return [
    "de",
    lookup(number),
    facet,
    now_ms - 50,
    now_ms,
    now_ms + (one.ttl_s + Math.max(one.stale_s, one.error_s)) * 1_000,
    one.origin,
    roll(2 ** 32),
    one.ttl_s,
    one.stale_s,
    one.error_s,
    20 + roll(2_000),
    one.public,
    one.withheld,
    sealed && 1,
    sealed,
  ];
}

function open(name, change = (sql) => sql) {
  const database = new DatabaseSync(path.join(folder, name));
  database.exec(
    "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; " +
      "PRAGMA synchronous = OFF; PRAGMA cache_size = -64000",
  );
  for (const sql of migrations) database.exec(change(sql));
  return database;
}

const upsert = (database) =>
  database.prepare(`INSERT INTO stored_facet (${COLUMNS.join(", ")})
  VALUES (${COLUMNS.map(() => "?").join(", ")})
  ON CONFLICT (market, vehicle, facet) DO UPDATE SET ${COLUMNS.slice(3)
    .map((name) => `${name} = excluded.${name}`)
    .join(", ")}`);

/** Inserts cars one after the other, each with all of its facets, under hashes without order. */
function fill(database, vehicles) {
  const [roll, facets, cars] = [
    dice(7),
    upsert(database),
    database.prepare("INSERT INTO vehicle VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
  ];
  database.exec("BEGIN");
  for (let number = 0; number < vehicles; number += 1) {
    const now_ms = START_MS + number * 1_000;
    for (const facet of byFacet.keys()) {
      const row = rowOf(number, facet, roll, now_ms);
      facets.run(...row);
      if (facet === "identity") {
        const { make, model, model_year, fuel, body, power } = JSON.parse(row[12]);
        cars.run(
          "de",
          row[1],
          make ?? null,
          model ?? null,
          model_year ?? null,
          fuel ?? null,
          body ?? null,
          power?.value ?? null,
          power?.unit ?? null,
          now_ms,
          now_ms,
          1 + roll(20),
        );
      }
    }
  }
  database.exec("COMMIT");
}

/** Replaces facets in random order by ones of another length. */
function refresh(database, vehicles) {
  const [roll, facets, names] = [dice(11), upsert(database), [...byFacet.keys()]];
  database.exec("BEGIN");
  for (let left = vehicles * names.length * REFRESHED; left > 0; left -= 1) {
    facets.run(
      ...rowOf(
        roll(vehicles),
        names[roll(names.length)],
        roll,
        START_MS + vehicles * 1_000 + roll(1e9),
      ),
    );
  }
  database.exec("COMMIT");
}

/**
 * Inserts usage counts: thirty days of one market with six origins, five cache states and fifteen
 * latency buckets each hour.
 */
function count(database) {
  const [answers, calls] = [
    database.prepare("INSERT INTO usage VALUES (?, 'de', ?, ?, ?, ?, ?, ?)"),
    database.prepare("INSERT INTO origin_call VALUES (?, 'de', ?, ?, ?, ?)"),
  ];
  const origins = [...new Set(samples.map(({ origin }) => origin))].slice(0, 6);
  database.exec("BEGIN");
  for (let hour = 0; hour < 30 * 24; hour += 1) {
    const hour_ms = START_MS + hour * HOUR_MS;
    for (const facet of byFacet.keys()) {
      for (const state of ["hit", "stale", "fetched", "pending", "unavailable"])
        answers.run(
          hour_ms,
          facet,
          origins[facet.length % origins.length],
          state,
          1_000,
          3_600_000,
          86_400,
        );
    }
    for (const origin of origins) {
      for (let bucket = 0; bucket < 14; bucket += 1)
        calls.run(hour_ms, origin, "ok", 50 * (bucket + 1), 100);
      calls.run(hour_ms, origin, "http_response_timeout", 2_500, 3);
    }
  }
  database.exec("COMMIT");
}

/** Measures the bytes of each table and index: whole pages, with the free space in them. */
function weigh(database) {
  const pages = database
    .prepare(
      `SELECT name, sum(pgsize) AS bytes, sum(unused) AS unused,
       sum(pagetype = 'overflow') AS overflow FROM dbstat GROUP BY name`,
    )
    .all();
  return Object.fromEntries(
    pages.map(({ name, bytes, unused, overflow }) => [name, { bytes, unused, overflow }]),
  );
}

function timed(work) {
  const started = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1_000;
}

/** Measures reads and rewrites of cars, with a page cache that holds a part of the database. */
function compare(name, change) {
  const database = open(`${name}.db`, change);
  const filled_ms = timed(() => fill(database, FEW));
  database.exec("PRAGMA cache_size = -2000");
  const names = ["facet", ...COLUMNS.slice(3, 14)].join(", ");
  const reads = { public: names, sealed: `${names}, key_id, sealed` };
  const read_us = Object.fromEntries(
    Object.entries(reads).map(([what, columns]) => {
      const statement = database.prepare(
        `SELECT ${columns} FROM stored_facet WHERE market = 'de' AND vehicle = ?`,
      );
      const roll = dice(13);
      return [
        what,
        (timed(() => {
          for (let n = 0; n < 20_000; n += 1) statement.all(lookup(roll(FEW)));
        }) /
          20_000) *
          1_000,
      ];
    }),
  );
  const refresh_us =
    (timed(() => refresh(database, FEW)) / (FEW * byFacet.size * REFRESHED)) * 1_000;
  const sizes = weigh(database);
  const own = Object.entries(sizes).filter(([of]) => of.includes("stored_facet"));
  const bytes = own.reduce((sum, [, size]) => sum + size.bytes, 0) / FEW;
  const overflow = own.reduce((sum, [, size]) => sum + size.overflow, 0);
  database.close();
  return {
    name,
    bytes,
    overflow,
    fill_us: (filled_ms / (FEW * byFacet.size)) * 1_000,
    read_us,
    refresh_us,
  };
}

/**
 * Calculates the price of a million page views from the rows of each kind of work. A first view
 * stores in two transactions, and retention removes each of its rows.
 */
function costs(operations) {
  const of = (what) => operations.find((one) => one.what.startsWith(what));
  const sum = (...all) => ({
    read: all.reduce((total, one) => total + one.read, 0),
    written: all.reduce((total, one) => total + one.written, 0),
  });
  const ten = Array(10).fill(of("retention"));
  const work = {
    hit: { read: 0, written: 0 },
    stale: sum(of("refresh of one facet: lease"), of("refresh of one facet: write")),
    first: sum(of("first look at a car: read"), of("first look at a car: ten"), ...ten),
  };
  const kv_writes = { hit: 0, stale: 1, first: 2 };
  return Object.entries(MIXES).map(([name, shares]) => {
    const mean = (value) =>
      Object.keys(work).reduce((total, kind, at) => total + shares[at] * value(kind), 0);
    const each = {
      kv_write: mean((kind) => kv_writes[kind]),
      row_read: mean((kind) => work[kind].read) + of("views").read,
      row_written: mean((kind) => work[kind].written) + of("views").written,
    };
    const usd =
      1e6 *
      (PRICE.request +
        CPU_MS * PRICE.cpu_ms +
        PRICE.kv_read +
        each.kv_write * PRICE.kv_write +
        each.row_read * PRICE.row_read +
        each.row_written * PRICE.row_written);
    return { name, shares, each, usd };
  });
}

const figures = [];
const figure = (name, value, unit, digits = 1) =>
  figures.push({ name, value: rounded(value, digits), unit });

try {
  const database = open("region.db");
  fill(database, VEHICLES);
  const fresh = weigh(database);
  refresh(database, VEHICLES);
  count(database);
  const worn = weigh(database);
  const rows = (name) => database.prepare(`SELECT count(*) AS rows FROM ${name}`).get().rows;
  const perRow = [
    [
      "table or index",
      "rows",
      "bytes a row, filled",
      "bytes a row, refreshed",
      "free in its pages",
    ],
  ];
  const owner = {
    sqlite_autoindex_stored_facet_1: "stored_facet",
    stored_facet_expiry: "stored_facet",
    vehicle_model: "vehicle",
  };
  for (const name of [
    "stored_facet",
    "sqlite_autoindex_stored_facet_1",
    "stored_facet_expiry",
    "vehicle",
    "vehicle_model",
    "usage",
    "origin_call",
  ]) {
    const [number, now] = [rows(owner[name] ?? name), worn[name]];
    const before = fresh[name].bytes > 8_192 ? rounded(fresh[name].bytes / number) : "–";
    perRow.push([
      name,
      number,
      before,
      rounded(now.bytes / number),
      `${rounded((100 * now.unused) / now.bytes)} %`,
    ]);
    figure(`${name}: bytes a row`, now.bytes / number, "B");
  }
  console.log(`${table(perRow)}\n`);

  const perFacet = [["facet", "text", "public", "sealed"]];
  const lengths = database
    .prepare(
      `SELECT facet, avg(length(CAST(public AS BLOB))) AS public,
       avg(coalesce(length(sealed), 0)) AS sealed,
       avg(length(source) + length(withheld) + length(facet) + length(CAST(public AS BLOB))
         + coalesce(length(sealed), 0)) AS text
       FROM stored_facet GROUP BY facet ORDER BY facet`,
    )
    .all();
  for (const { facet, public: open, sealed, text } of lengths)
    perFacet.push([facet, Math.round(text), Math.round(open), Math.round(sealed)]);
  console.log(`${table(perFacet)}\n`);

  const of = (...names) => names.reduce((sum, name) => sum + worn[name].bytes, 0) / VEHICLES;
  const facets = of("stored_facet", "sqlite_autoindex_stored_facet_1", "stored_facet_expiry");
  const analysis = of("vehicle", "vehicle_model");
  figure("a vehicle: ten facets with their indexes", facets, "B", 0);
  figure("a vehicle: analysis with its index", analysis, "B", 0);
  figure("a vehicle in all", facets + analysis, "B", 0);
  figure("vehicles in 10 GB", LIMIT_BYTES / (facets + analysis), "", 0);
  figure("10 million vehicles", (REGION * (facets + analysis)) / 1e9, "GB");
  const monthly = (worn.usage.bytes + worn.origin_call.bytes) / 1e6;
  figure("usage and calls, a market and 400 days", (monthly / 30) * 400, "MB", 0);
  const entry = lengths.reduce(
    (sum, { public: open, facet }) => sum + open + facet.length + 85,
    15,
  );
  figure("KV entry of a car, ten facets", entry, "B", 0);
  database.close();

  const withIds = compare("with row ids");
  const without = compare("without row ids", (sql) =>
    sql.replace(
      /(CREATE TABLE stored_facet [^]*?PRIMARY KEY \(market, vehicle, facet\)\n\));/,
      "$1 WITHOUT ROWID;",
    ),
  );
  const cells = ({ name, bytes, overflow, fill_us, read_us, refresh_us }) => [
    name,
    rounded(bytes, 0),
    overflow,
    rounded(fill_us),
    rounded(refresh_us),
    rounded(read_us.public),
    rounded(read_us.sealed),
  ];
  console.log(`${table([VARIANT_COLUMNS, cells(withIds), cells(without)])}\n`);
  figure("without row ids ÷ with: bytes", without.bytes / withIds.bytes, "ratio", 2);
  figure(
    "without row ids ÷ with: reading a car, public",
    without.read_us.public / withIds.read_us.public,
    "ratio",
    2,
  );
  figure(
    "without row ids ÷ with: reading a car, sealed",
    without.read_us.sealed / withIds.read_us.sealed,
    "ratio",
    2,
  );
  figure(
    "without row ids ÷ with: refreshing a row",
    without.refresh_us / withIds.refresh_us,
    "ratio",
    2,
  );

  const operations = await rowsOf(
    migrations,
    [...byFacet.keys()].map((facet) => rowOf(0, facet, dice(17), Date.now())),
    COLUMNS,
  );
  console.log(
    `${table([
      ["in workerd's D1", "rows read", "rows written"],
      ...operations.map(({ what, read, written }) => [what, read, written]),
    ])}\n`,
  );
  for (const { what, read, written } of operations) {
    figure(`${what}: rows read`, read, "", 0);
    figure(`${what}: rows written`, written, "", 0);
  }
  const priced = costs(operations);
  const per = (value) => rounded(value, 2);
  console.log(
    `${table([
      [
        "a million page views",
        "fresh",
        "stale",
        "first",
        "KV reads",
        "KV writes",
        "rows read",
        "rows written",
        "USD",
      ],
      ...priced.map(({ name, shares, each, usd }) => [
        name,
        ...shares.map((share) => `${rounded(share * 100, 1)} %`),
        "1 M",
        `${per(each.kv_write)} M`,
        `${per(each.row_read)} M`,
        `${per(each.row_written)} M`,
        per(usd),
      ]),
    ])}\n`,
  );
  for (const { name, usd } of priced) figure(`a million page views, ${name}`, usd, "USD", 2);
  figure(
    "10 million vehicles: D1 storage a month",
    (REGION * (facets + analysis) * PRICE.d1_gb) / 1e9,
    "USD",
  );
  figure(
    "10 million vehicles: KV storage a month",
    (REGION * (entry + 40) * PRICE.kv_gb) / 1e9,
    "USD",
  );
  writeFileSync(
    process.env.KERBSIDE_RESULT,
    JSON.stringify({ load: `${VEHICLES} vehicles × ${byFacet.size} facets`, rounds: 1, figures }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
