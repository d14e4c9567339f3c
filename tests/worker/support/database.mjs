// The D1 database of the running stack, beside the Worker: SQLite in a file.
//
// Environment: KERBSIDE_STATE, the folder with the stack's stores.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { need } from "./portal.mjs";

const folder = path.join(need("KERBSIDE_STATE"), "stores/v3/d1/miniflare-D1DatabaseObject");
const [file, ...others] = readdirSync(folder).filter(
  (name) => name.endsWith(".sqlite") && name !== "metadata.sqlite",
);
assert.ok(file && others.length === 0, `one database in ${folder}`);
const database = new DatabaseSync(path.join(folder, file), { timeout: 5_000 });

/** The rows of a query. */
export const query = (sql, ...parameters) =>
  database
    .prepare(sql)
    .all(...parameters)
    .map((row) => ({ ...row }));

/** Changes the database under the Worker. */
export const change = (sql, ...parameters) => database.prepare(sql).run(...parameters).changes;
