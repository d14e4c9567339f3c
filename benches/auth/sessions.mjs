/**
 * Sessions by the rules of src/auth/session_keys.rs and session_row.rs, on Web Crypto: the plain
 * Worker opens the same rows as Kerbside, with the same keys, and the benchmark makes them.
 */
const text = new TextEncoder();
const IDLE_MS = 30 * 60_000;
const MAX_MS = 12 * 3_600_000;

/** The columns of a row in their order; `mac` is the last one. */
export const COLUMNS = [
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
  "mac",
];

const hmacKey = (raw) =>
  crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
const sign = (key, message) => crypto.subtle.sign("HMAC", key, message);
const fromBase64 = (word) => Uint8Array.from(atob(word), (letter) => letter.charCodeAt(0));
const toBase64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const toBase64Url = (bytes) =>
  toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const fromBase64Url = (word) => fromBase64(word.replaceAll("-", "+").replaceAll("_", "/"));

/** Derives the keys of `SESSION_KEY_1`. */
export async function deriveKeys(secret) {
  const root = await hmacKey(fromBase64(secret));
  const derive = async (purpose) =>
    hmacKey(await sign(root, text.encode(`kerbside key session ${purpose}`)));
  return { root, id: await derive("id"), row: await derive("row"), csrf: await derive("csrf") };
}

/** The columns but `mac`, each with its kind and length. */
function bytesOf(row) {
  const columns = COLUMNS.slice(0, -1).map((name) => {
    const value = row[name];
    if (value === null) return "-\n";
    return typeof value === "number" ? `#${value}\n` : `${value.length}:${value}\n`;
  });
  return text.encode(`kerbside session 1\n${columns.join("")}`);
}

/** The key and the parameters of a row's sealed part: a key for each place. */
async function cipher({ root }, { id, key_id }, iv, usage) {
  const context = text.encode(`session\n${key_id}\n${id}`);
  const raw = await sign(root, new Uint8Array([...text.encode("kerbside sealing "), ...context]));
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, [usage]);
  return [{ name: "AES-GCM", iv, additionalData: context }, key];
}

/** Makes a session; returns the value of its cookie and its row. */
export async function makeSession(keys, { market, issuer, client, sub, person = "p".repeat(22) }) {
  const random = crypto.getRandomValues(new Uint8Array(32));
  const now = Date.now();
  const row = {
    id: toBase64Url(await sign(keys.id, random)),
    key_id: 1,
    market,
    person,
    provider_session: null,
    issuer,
    client,
    signed_in_at_ms: now,
    issued_at_ms: now,
    created_at_ms: now,
    ends_at_ms: now + IDLE_MS,
  };
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const [algorithm, key] = await cipher(keys, row, iv, "encrypt");
  const part = text.encode(JSON.stringify({ sub, name: "Ada Bench" }));
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, part));
  row.sealed = toBase64(new Uint8Array([...iv, ...sealed]));
  row.mac = toBase64Url(await sign(keys.row, bytesOf(row)));
  return { cookie: `1.${toBase64Url(random)}`, row };
}

/**
 * Reads the session of a cookie: `{ sub, csrf, expiresAt, update }`, nothing where there is none.
 * `update` moves its end, if a minute has passed since the last time.
 */
export async function readSession(keys, db, cookie) {
  const [number, word] = cookie.split(".");
  if (number !== "1" || word?.length !== 43) return undefined;
  const random = fromBase64Url(word);
  const id = toBase64Url(await sign(keys.id, random));
  const sql =
    `SELECT ${COLUMNS.join()}, CAST(unixepoch('subsec') * 1000 AS INTEGER) AS read_at_ms ` +
    "FROM session WHERE id = ?1";
  const { read_at_ms: now, ...row } = (await db.prepare(sql).bind(id).first()) ?? {};
  if (row.id !== id) return undefined;
  const isOurs = await crypto.subtle.verify("HMAC", keys.row, fromBase64Url(row.mac), bytesOf(row));
  if (!isOurs || row.ends_at_ms <= now) return undefined;
  const sealed = fromBase64(row.sealed);
  const [algorithm, key] = await cipher(keys, row, sealed.subarray(0, 12), "decrypt");
  const part = await crypto.subtle.decrypt(algorithm, key, sealed.subarray(12));
  const { sub } = JSON.parse(new TextDecoder().decode(part));
  const csrf = toBase64Url(await sign(keys.csrf, random));
  const endsAt = Math.min(now + IDLE_MS, row.created_at_ms + MAX_MS);
  if (endsAt - row.ends_at_ms < 60_000) return { sub, csrf, expiresAt: row.ends_at_ms };
  return { sub, csrf, expiresAt: endsAt, update: touch(keys, db, row, endsAt) };
}

async function touch(keys, db, row, endsAt) {
  const moved = { ...row, ends_at_ms: endsAt };
  const mac = toBase64Url(await sign(keys.row, bytesOf(moved)));
  const sql = "UPDATE session SET ends_at_ms = ?2, mac = ?3 WHERE id = ?1 AND mac = ?4";
  await db.prepare(sql).bind(row.id, endsAt, mac, row.mac).run();
}
