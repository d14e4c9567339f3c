/**
 * Processor time of a request with a session's cookie, with an access token that is seen for the
 * first time, and with one that was seen before, beside a plain JavaScript Worker that does the
 * same with `jose`; and of a member's document beside the public one.
 *
 * See README.md for the loads and the limits. Fails if a limit is missed.
 */
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

import { COLUMNS, deriveKeys, makeSession } from "./auth/sessions.mjs";
import { each, measure } from "./support/blocks.mjs";
import { median, rounded, spread } from "./support/figures.mjs";
import { start } from "./support/world.mjs";

/** Limit of the ratio to the plain Worker, beside the spread of the rounds. */
const LIMIT = 1.0;
/** The most that the spread may add to the limit. */
const MAX_SPREAD = 0.1;
/** Time after which the isolate's memory has lost a document; it keeps one for 3 seconds. */
const EVICTED_MS = 3_400;

const ROUNDS = 9;
const BATCH = 500;
/** Requests to one Worker before the other takes over. */
const BLOCK = 50;
/** Requests of each kind to each Worker before measurements: the engine optimises hot functions. */
const WARM_UP = 8_000;
const SESSIONS = 200;
/** More than each Worker remembers, so that in turn each is seen for the first time. */
const TOKENS = 2_000;
const FEW_TOKENS = 40;
const CARS = 600;
const DOCUMENT_ROUNDS = 6;
const DOCUMENT_BATCH = 300;
const TOGETHER = 8;

const ISSUER = "https://id.example.com";
const SESSION = "/api/v1/cc/session";

const failures = [];
const figures = [];
const figure = (name, value, unit, of) =>
  figures.push({
    name,
    value: rounded(value, 3),
    unit,
    ...(of && { spread: rounded(spread(of), 3) }),
  });
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

/** Bundles the plain Worker with `jose`. */
async function bundle(folder) {
  const outfile = join(folder, "plain.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("auth/plain.mjs", import.meta.url))],
    bundle: true,
    format: "esm",
    target: "esnext",
    conditions: ["workerd", "worker", "browser"],
    minify: true,
    outfile,
  });
  return pathToFileURL(outfile);
}

// ---- Credentials

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const JWK = { ...publicKey.export({ format: "jwk" }), kid: "bench", alg: "RS256", use: "sig" };
const DOCUMENTS = {
  "/.well-known/openid-configuration": {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/authorize`,
    token_endpoint: `${ISSUER}/token`,
    jwks_uri: `${ISSUER}/jwks`,
  },
  "/jwks": { keys: [JWK] },
};

function makeToken() {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    aud: "kerbside",
    sub: randomUUID(),
    client_id: "partner",
    scope: "openid vehicles:read",
    jti: randomUUID(),
    auth_time: now,
    iat: now,
    exp: now + 3_600,
  };
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg: "RS256", typ: "at+jwt", kid: JWK.kid })}.${encode(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
}

const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** Makes sessions for each Worker, so that neither moves the end of the other's. */
async function makeSessions(world) {
  const keys = await deriveKeys(world.secrets.SESSION_KEY_1);
  const sessions = { kerbside: [], plain: [] };
  const marks = COLUMNS.map((_, at) => `?${at + 1}`);
  const sql = `INSERT INTO session (${COLUMNS.join()}) VALUES (${marks.join()})`;
  for (const [which, list] of Object.entries(sessions)) {
    const rows = [];
    for (let i = 0; i < SESSIONS; i += 1) {
      const person = { market: "cc", issuer: ISSUER, client: "kerbside-cc", sub: `${which}-${i}` };
      const { cookie, row } = await makeSession(keys, person);
      list.push({ cookie: `theme=dark; __Host-Http-session=${cookie}` });
      rows.push([sql, ...COLUMNS.map((name) => row[name])]);
    }
    await world.tell({ rows });
  }
  return sessions;
}

// ---- The session's route

/** Takes items in turn, for ever. */
const inTurn = (items) => {
  let at = 0;
  return () => items[(at += 1) % items.length];
};

/** Requests the session with some headers; the tier must be as expected. */
async function askSession(world, which, headers, tier = "member") {
  const answer = await world.ask(which, SESSION, { headers });
  if (answer.status !== 200 || !answer.text.includes(`"tier":"${tier}"`))
    failures.push(`${which}: ${answer.status} where a ${tier} was expected: ${answer.text}`);
  return answer;
}

/** Checks that both Workers answer with the same headers and the same members. */
async function compare(world, kind, next) {
  const answers = {};
  for (const which of ["kerbside", "plain"])
    answers[which] = await askSession(world, which, next[which](), kind.tier);
  const names = ({ headers }) => Object.keys(headers).sort().join();
  const members = ({ text }) => Object.keys(JSON.parse(text)).sort().join();
  for (const of of [names, members]) {
    const [ours, plain] = [of(answers.kerbside), of(answers.plain)];
    if (ours !== plain) failures.push(`${kind.name}: the plain Worker has ${plain}, ours ${ours}`);
  }
}

async function measureKind(world, alternate, kind, next) {
  const work = (which) => askSession(world, which, next[which](), kind.tier);
  await compare(world, kind, next);
  for (const which of ["plain", "kerbside"])
    await each(Array.from({ length: WARM_UP }), TOGETHER, () => work(which));
  const rounds = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const used = await alternate(Array.from({ length: BATCH }), work);
    if (round >= 0) rounds.push(used);
  }
  for (const which of ["kerbside", "plain"]) {
    const all = rounds.map((round) => round[which]);
    figure(`${kind.name} (${which})`, median(all), "ms", all);
  }
  const ratios = rounds.flatMap(({ pairs }) =>
    pairs.map(({ kerbside, plain }) => kerbside / plain),
  );
  const ofRounds = rounds.map(({ kerbside, plain }) => kerbside / plain);
  const ratio = median(ratios);
  figure(`${kind.name}: kerbside ÷ plain`, ratio, "ratio", ofRounds);
  const limit = LIMIT + Math.min(spread(ofRounds), MAX_SPREAD);
  if (kind.isLimited && ratio > limit)
    failures.push(
      `${kind.name}: ${ratio.toFixed(2)} times the processor time of the plain Worker; the limit ` +
        `is ${limit.toFixed(2)}`,
    );
}

// ---- Documents

async function makeCars(world) {
  const cars = [];
  for (let made = 0; made < CARS; made += 1) {
    const body = JSON.stringify({ vin: `KBSZZZ99ZFL${String(made).padStart(6, "0")}` });
    const options = { method: "POST", body };
    const { text } = await world.ask("kerbside", "/api/v1/cc/lookups", options);
    cars.push(JSON.parse(text).vehicle.href);
  }
  await each(cars, TOGETHER, (car) => world.ask("kerbside", car));
  return cars;
}

async function documents(world, measured, headersOf) {
  const cars = await makeCars(world);
  const used = {};
  for (let round = -1; round < DOCUMENT_ROUNDS; round += 1) {
    const from = ((round + 1) * DOCUMENT_BATCH) % CARS;
    const batch = cars.slice(from, from + DOCUMENT_BATCH);
    for (const [name, { headers, tier }] of Object.entries(headersOf)) {
      await pause(EVICTED_MS);
      const { cpu } = await measured(batch, async (car) => {
        const { status, text } = await world.ask("kerbside", car, { headers: headers() });
        const isRight = [`"tier":"${tier}"`, '"complete":true'].every((part) => text.includes(part));
        if (status !== 200 || !isRight)
          failures.push(`${name}: ${status} ${text.slice(0, 120)}`);
      });
      if (round >= 0) (used[name] ??= []).push(cpu);
    }
  }
  const base = used["document, public"];
  for (const [name, all] of Object.entries(used)) {
    figure(`${name} (kerbside)`, median(all), "ms", all);
    if (all === base) continue;
    const ratios = all.map((cpu, at) => cpu / base[at]);
    figure(`${name} ÷ public`, median(ratios), "ratio", ratios);
  }
}

const folder = mkdtempSync(join(tmpdir(), "kerbside-bench-"));
const world = await start({ plain: await bundle(folder), latencyMs: 1 });
try {
  const { measured, alternate } = measure(world, { together: TOGETHER, block: BLOCK });
  await world.tell({ documents: DOCUMENTS });
  const sessions = await makeSessions(world);
  const tokens = Array.from({ length: TOKENS }, () => bearer(makeToken()));
  const both = (make) => ({ kerbside: make("kerbside"), plain: make("plain") });
  const kinds = [
    { name: "no credential", tier: "public", next: both(() => inTurn([{}])) },
    { name: "session", isLimited: true, next: both((which) => inTurn(sessions[which])) },
    { name: "token, first seen", isLimited: true, next: both(() => inTurn(tokens)) },
    {
      name: "token, seen again",
      isLimited: true,
      next: both(() => inTurn(tokens.slice(0, FEW_TOKENS))),
    },
  ];
  for (const { next, ...kind } of kinds) await measureKind(world, alternate, kind, next);
  const [, session, , token] = kinds;
  await documents(world, measured, {
    "document, public": { tier: "public", headers: () => ({}) },
    "document, member by session": { tier: "member", headers: session.next.kerbside },
    "document, member by token": { tier: "member", headers: token.next.kerbside },
  });
} finally {
  await world.end();
  rmSync(folder, { recursive: true, force: true });
}
writeFileSync(
  process.env.KERBSIDE_RESULT,
  `${JSON.stringify({
    load:
      `${TOGETHER} at a time; ${BATCH} requests a round and Worker, ${DOCUMENT_BATCH} documents; ` +
      "RS256 with 2048 bits",
    rounds: ROUNDS,
    figures,
  })}\n`,
);
const counted = Object.entries(Object.groupBy(failures, (failure) => failure)).map(
  ([failure, all]) => (all.length > 1 ? `${failure} (${all.length} times)` : failure),
);
for (const failure of counted.slice(0, 10)) console.error(`failure: ${failure}`);
process.exit(counted.length > 0 ? 1 : 0);
