// Grants as Kerbside writes them, made outside of it: the rules of src/ownership/keys.rs and
// grant_row.rs on node:crypto, with the region's own secrets.
//
// Time: a test that needs 72 hours or a year to pass does not wait and moves no clock. It takes the
// times of a row back, computes the row's authentication code again and writes both (`shift`). To
// the Worker this row is one that it wrote itself so much earlier. A row that is written without
// its code (`edit`) is what somebody could do who can write D1 and has no key.
import assert from "node:assert/strict";
import { createCipheriv, createHmac, randomBytes } from "node:crypto";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The columns of a grant in their order; the code in `mac` covers those before it. */
export const GRANT_COLUMNS = [
  "id",
  "key_id",
  "market",
  "vehicle",
  "person",
  "pseudonym",
  "method",
  "since",
  "keeper",
  "verified_at_ms",
  "effective_from_ms",
  "personal_from_ms",
  "ends_at_ms",
  "objection",
  "sealed",
];
/** The columns of a claim that its code covers. */
export const CLAIM_COLUMNS = [
  "id",
  "key_id",
  "market",
  "vehicle",
  "person",
  "pseudonym",
  "method",
  "created_at_ms",
  "expires_at_ms",
  "is_delivered",
  "code",
  "sealed",
];
/** The columns of a session that its code covers (src/auth/session_row.rs). */
const SESSION_COLUMNS = [
  "id",
  "key_id",
  "market",
  "person",
  "provider_session",
  "issuer",
  "client",
  "signed_in_at_ms",
  "issued_at_ms",
  "created_at_ms",
  "ends_at_ms",
  "sealed",
];
const RIGHTS = { secret: "RIGHTS_KEY", purpose: "rights row" };
const TABLES = {
  ownership_grant: { ...RIGHTS, columns: GRANT_COLUMNS },
  ownership_claim: { ...RIGHTS, columns: CLAIM_COLUMNS },
  session: { secret: "SESSION_KEY", purpose: "session row", columns: SESSION_COLUMNS },
};
const TIMES = /_ms$/;

const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
const hashOf = (key, text) => hmac(key, text).subarray(0, 16).toString("base64url");
const withLengths = (parts) => parts.map((part) => `\n${Buffer.byteLength(part)}:${part}`).join("");
const iso = (ms) => new Date(ms).toISOString().slice(0, 10);

/** Rights of a region that `region()` has started. */
export function rightsOf(here) {
  const secretOf = (name) => Buffer.from(here.secrets[name], "base64");
  const lookupKey = secretOf("LOOKUP_KEY");

  const self = {
    /** The code over a row of a table. */
    macOf(table, row) {
      const { secret, purpose, columns } = TABLES[table];
      const texts = columns.map((name) => {
        const value = row[name] ?? null;
        if (value === null) return "-\n";
        return typeof value === "number" ? `#${value}\n` : `${Buffer.byteLength(value)}:${value}\n`;
      });
      const key = hmac(secretOf(`${secret}_${row.key_id}`), `kerbside key ${purpose}`);
      return hmac(key, `kerbside ${table} 1\n${texts.join("")}`).toString("base64url");
    },

    /** The keyed hash of a car, the column `vehicle` of all tables. */
    vehicle: (vin) => hashOf(lookupKey, `kerbside vehicle ${vin}`),

    /** The keyed hash of a person, the column `person` of all tables. */
    person: ({ iss, sub }) => hashOf(lookupKey, `kerbside person person${withLengths([iss, sub])}`),

    /** The keyed hash of the keeper that a registration states by name. */
    keeper: (market, vehicle, name) =>
      hmac(
        lookupKey,
        `kerbside keeper ${market}\n${vehicle}\nkeeper_name\n${name.toLowerCase()}`,
      ).toString("hex"),

    /** Seals the personal part of a row. */
    seal(table, { id, key_id, person }, part) {
      const context = `${table}\n${key_id}\n${id}\n${person}`;
      const root = secretOf(`${TABLES[table].secret}_${key_id}`);
      const key = hmac(root, `kerbside sealing ${context}`);
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(Buffer.from(context));
      const sealed = [cipher.update(JSON.stringify(part)), cipher.final()];
      return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString("base64");
    },

    /**
     * Makes the row of a grant: by a strong method, verified an hour ago, for 180 days, since 2015,
     * whatever `values` say otherwise. `contact` and `vehicle_id` go into the sealed part.
     */
    makeGrant({ contact, vehicle_id, ...values }) {
      const now = Date.now();
      const verified_at_ms = values.verified_at_ms ?? now - HOUR_MS;
      const row = {
        id: randomBytes(16).toString("base64url"),
        key_id: 1,
        pseudonym: randomBytes(16).toString("base64url"),
        method: "contact_code",
        since: "2015-01-01",
        keeper: null,
        verified_at_ms,
        effective_from_ms: verified_at_ms,
        personal_from_ms: verified_at_ms,
        ends_at_ms: now + 180 * DAY_MS,
        objection: null,
        ...values,
      };
      const part = { ...(contact && { contact }), locale: "en-GB", vehicle_id };
      row.sealed = self.seal("ownership_grant", row, part);
      return { ...row, mac: self.macOf("ownership_grant", row) };
    },

    /** Makes the row of a claim that waits for its proof, with a code that nobody knows. */
    makeClaim({ vehicle_id, ...values }) {
      const now = Date.now();
      const row = {
        id: randomBytes(16).toString("base64url"),
        key_id: 1,
        pseudonym: randomBytes(16).toString("base64url"),
        method: "contact_code",
        created_at_ms: now,
        expires_at_ms: now + 600_000,
        is_delivered: 1,
        code: randomBytes(32).toString("base64url"),
        state: "challenged",
        attempts: 0,
        ...values,
      };
      row.sealed = self.seal("ownership_claim", row, { locale: "en-GB", vehicle_id });
      return { ...row, mac: self.macOf("ownership_claim", row) };
    },

    /** Writes many rows as they are. */
    async insertAll(table, rows) {
      const names = Object.keys(rows[0]);
      const values = names.map((name) => `json_extract(value, '$.${name}')`);
      const sql = `INSERT INTO ${table} (${names.join()}) SELECT ${values.join()} FROM json_each(?1)`;
      for (let from = 0; from < rows.length; from += 500)
        await here.sql(sql, JSON.stringify(rows.slice(from, from + 500)));
    },

    /** Writes a row as it is. */
    async insert(table, row) {
      const names = Object.keys(row);
      const marks = names.map((_, at) => `?${at + 1}`);
      const sql = `INSERT INTO ${table} (${names.join()}) VALUES (${marks.join()})`;
      await here.sql(sql, ...Object.values(row));
      return row;
    },

    /** Writes a grant with a valid code. */
    grant: async (values) => self.insert("ownership_grant", self.makeGrant(values)),

    /** The row with an id. */
    async row(table, id) {
      const [row] = await here.sql(`SELECT * FROM ${table} WHERE id = ?1`, id);
      return row ?? assert.fail(`${table} has no ${id}`);
    },

    /** The grants of a car that have not ended. */
    live: (market, vehicle) =>
      here.sql(
        "SELECT * FROM ownership_grant WHERE market = ?1 AND vehicle = ?2 AND ended_at_ms IS NULL",
        market,
        vehicle,
      ),

    /** Changes columns of a row without its code. */
    async edit(table, id, change) {
      const names = Object.keys(change);
      const marks = names.map((name, at) => `${name} = ?${at + 2}`);
      await here.sql(
        `UPDATE ${table} SET ${marks.join()} WHERE id = ?1`,
        id,
        ...Object.values(change),
      );
    },

    /** Changes columns of a row and gives it the code of what it is then. */
    async rewrite(table, id, change) {
      const row = { ...(await self.row(table, id)), ...change };
      await self.edit(table, id, { ...change, mac: self.macOf(table, row) });
      return row;
    },

    /** Takes all times of a row back by some milliseconds, its first day too. */
    async shift(table, id, by_ms) {
      const row = await self.row(table, id);
      const covered = TABLES[table].columns.filter(
        (name) => TIMES.test(name) && row[name] !== null,
      );
      const change = Object.fromEntries(covered.map((name) => [name, row[name] - by_ms]));
      if (row.since) change.since = iso(Date.parse(row.since) - by_ms);
      return self.rewrite(table, id, change);
    },
  };
  return self;
}
