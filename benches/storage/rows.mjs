/**
 * Rows that statements read and write, as D1 counts and bills them: measured in workerd's own D1,
 * which reports them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { getPlatformProxy, unstable_splitSqlQuery as split } from "wrangler";

const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/**
 * Rows read and written by each kind of work on one car, among others: `{ what, read, written }`.
 * The statements are those of src/cache/{store,lease,analysis,usage,retention}.rs as far as tables
 * and indexes go.
 */
export async function rowsOf(migrations, rows, columns) {
  const folder = mkdtempSync(path.join(tmpdir(), "kerbside-rows-"));
  const platform = await getPlatformProxy({
    environment: "eu",
    persist: { path: folder },
    remoteBindings: false,
    envFiles: [],
  });
  try {
    return await measure(platform.env.DB, migrations, rows, columns);
  } finally {
    await platform.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(database, migrations, rows, columns) {
  for (const sql of migrations)
    await database.batch(split(sql).map((one) => database.prepare(one)));
  const list = (all) => JSON.stringify(all);
  const run = async (what, ...statements) => {
    const results = await database.batch(
      statements.map(([sql, ...parameters]) => database.prepare(sql).bind(...parameters)),
    );
    const sum = (name) => results.reduce((total, { meta }) => total + meta[name], 0);
    return { what, read: sum("rows_read"), written: sum("rows_written") };
  };
  const vehicle = rows[0][1];
  const facets = (all) => [
    `INSERT INTO stored_facet (${columns.join(", ")}) 
    SELECT ${columns.map((_, at) => `value ->> ${at}`).join(", ")} FROM json_each(?1) WHERE true
    ON CONFLICT (market, vehicle, facet) DO UPDATE SET ${columns
      .slice(3)
      .map((name) => `${name} = excluded.${name}`)
      .join(", ")}
    WHERE excluded.generation >= stored_facet.generation`,
    list(all),
  ];
  const select = [
    `SELECT facet, public FROM stored_facet
    WHERE market = 'de' AND vehicle = ?1 AND expires_at_ms > 0`,
    vehicle,
  ];
  const claim = (origins) => [
    `INSERT INTO lease
    SELECT 'de', ?1, value, ${NOW}, ${NOW} + 3000, NULL FROM json_each(?2) WHERE true
    ON CONFLICT (market, vehicle, origin) DO UPDATE SET generation = excluded.generation,
    until_ms = excluded.until_ms WHERE lease.until_ms <= excluded.generation`,
    vehicle,
    list(origins),
  ];
  const end = ["DELETE FROM lease WHERE market = 'de' AND vehicle = ?1", vehicle];
  const car = [
    `INSERT INTO vehicle (market, vehicle, make, model, first_seen_ms, last_seen_ms)
    SELECT market, vehicle, public ->> '$.make', public ->> '$.model', stored_at_ms, stored_at_ms
    FROM stored_facet WHERE market = 'de' AND vehicle = ?1 AND facet = 'identity'
    ON CONFLICT (market, vehicle) DO UPDATE SET make = excluded.make, model = excluded.model
    WHERE (make, model) IS NOT (excluded.make, excluded.model)`,
    vehicle,
  ];
  const views = [
    `UPDATE vehicle SET views = views + (value ->> 2),
    last_seen_ms = max(last_seen_ms, value ->> 3)
    FROM json_each(?1) WHERE market = value ->> 0 AND vehicle = value ->> 1`,
    list([["de", vehicle, 1, Date.now()]]),
  ];
  const usage = (number) => [
    `INSERT INTO usage
    SELECT value ->> 0, 'de', value ->> 1, 'master', 'hit', 1, 1, 1 FROM json_each(?1) WHERE true
    ON CONFLICT (hour_ms, market, facet, origin, state) DO UPDATE SET answers = answers + 1`,
    list(Array.from({ length: number }, (_, at) => [0, `f${at}`])),
  ];
  // Others, so that what is searched is not all there is.
  const others = Array.from({ length: 50 }, (_, number) =>
    rows.map((row) => row.with(1, `other ${number}`)),
  );
  await run("others", ...others.map(facets));

  const newer = rows.map((row) =>
    row.map((cell, at) =>
      columns[at].endsWith("_ms") || columns[at] === "generation" ? cell + 1_000 : cell,
    ),
  );
  const identity = columns.indexOf("facet");
  const one = newer.find((row) => row[identity] === "identity");
  const done = [
    await run(
      "first look at a car: read, six leases",
      select,
      claim(["a", "b", "c", "d", "e", "f"]),
    ),
    await run("first look at a car: ten facets, one transaction", facets(rows), end, select, car),
    await run("a car that KV has not: read", select),
    await run("refresh of one facet: lease", select, claim(["a"])),
    await run(
      "refresh of one facet: write",
      facets([
        one.map((cell, at) =>
          columns[at].endsWith("_ms") || columns[at] === "generation" ? cell + 1_000 : cell,
        ),
      ]),
      end,
      select,
      car,
    ),
    await run(
      "refresh of ten facets: write",
      facets(
        newer.map((row) =>
          row.map((cell, at) =>
            columns[at].endsWith("_ms") || columns[at] === "generation" ? cell + 9_000 : cell,
          ),
        ),
      ),
      end,
      select,
      car,
    ),
    await run("views of a car: save", views),
    await run("usage: save, fifty new counts", usage(50)),
    await run("usage: save, fifty known counts", usage(50)),
    await run("retention: one facet", [
      `DELETE FROM stored_facet WHERE rowid IN
       (SELECT rowid FROM stored_facet WHERE vehicle = ?1 LIMIT 1)`,
      vehicle,
    ]),
  ];
  return done;
}
