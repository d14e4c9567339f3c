/**
 * Fills the local stores before `wrangler dev` opens them: applies the D1 migrations, then writes
 * the entries of standard input to KV.
 *
 *     node seed.mjs ENVIRONMENT FOLDER < entries.json
 *
 * FOLDER is that of `wrangler dev --persist-to`. Standard input is a JSON list of {key, value},
 * read to its end after the migrations. One process replaces `wrangler d1 migrations apply` and
 * `wrangler kv bulk put`; the table of applied migrations is wrangler's own, so that both can be
 * used on the same folder.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { getPlatformProxy, unstable_splitSqlQuery as split } from "wrangler";

const MIGRATIONS = "migrations";
const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

async function migrate(db) {
  await db.prepare(TABLE).run();
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set(results.map((row) => row.name));
  const files = (await readdir(MIGRATIONS)).filter((name) => name.endsWith(".sql")).sort();
  for (const name of files.filter((file) => !applied.has(file))) {
    const statements = split(await readFile(join(MIGRATIONS, name), "utf8"));
    const done = db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name);
    try {
      await db.batch([...statements.map((statement) => db.prepare(statement)), done]);
    } catch (error) {
      throw new Error(`${MIGRATIONS}/${name}: ${error.cause?.message ?? error.message}`);
    }
  }
}

/** Returns the market of `market:de`, `market:de:history` and `market:de:version:…`. */
const marketOf = (key) => key.split(":")[1];

/** Deletes markets whose files are gone: the folder may be kept between runs. */
async function deleteOthers(kv, codes) {
  for (let cursor, done = false; !done;) {
    const page = await kv.list({ prefix: "market:", cursor });
    for (const { name } of page.keys) if (!codes.has(marketOf(name))) await kv.delete(name);
    ({ cursor, list_complete: done } = page);
  }
}

const [environment, folder] = process.argv.slice(2);
const platform = await getPlatformProxy({
  environment,
  persist: { path: join(folder, "v3") },
  remoteBindings: false,
  envFiles: [],
});
try {
  await migrate(platform.env.DB);
  const entries = JSON.parse(await text(process.stdin));
  await deleteOthers(platform.env.MARKETS, new Set(entries.map(({ key }) => marketOf(key))));
  for (const { key, value } of entries) await platform.env.MARKETS.put(key, value);
} finally {
  await platform.dispose();
}
