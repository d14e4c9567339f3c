// What the tests of ownership share: cars with a contact on record, messages and codes as they
// arrive at the stand-ins, the words of the pages, and the steps that several journeys take.
//
// Environment: KERBSIDE_STATE (the stack's stores), KERBSIDE_OPERATOR_TOKEN, and that of
// support.mjs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { change } from "../worker/support/database.mjs";
import {
  EXTREMES,
  askControl,
  checkAccessible,
  freshVin,
  identityOf,
  lookUp,
  openPage,
  portal,
  signInAtProvider,
} from "./support.mjs";

const DAY_MS = 86_400_000;
/** Days for which a contact counts as not on record after a change, and some more. */
const CONTACT_REST_DAYS = 30;
const ARRIVAL_LIMIT_MS = 15_000;
const POLL_MS = 100;
const TABLES = ["ownership_claim", "ownership_grant", "ownership_count", "ownership_switch"];

/** Removes claims, grants and counters: the two people of a market start over in each test. */
export function forgetClaims() {
  for (const table of TABLES) change(`DELETE FROM ${table}`);
}

/** Ends the time of all claims under way, as the scheduled work does. */
export const expireClaims = () =>
  change("UPDATE ownership_claim SET state = 'expired' WHERE state = 'challenged'");

export const holderOf = (market, vin) => askControl("GET", `/holders/${market}/${vin}`);
export const setHolder = (market, vin, holder) =>
  askControl("PUT", `/holders/${market}/${vin}`, holder);

/** A car that no test has used, with a contact on record that counts, and what systems know. */
export async function carWithContact(market) {
  for (;;) {
    const vin = await freshVin(market);
    const holder = await holderOf(market, vin);
    const changed = Date.parse(holder.contact?.changed_on ?? "");
    if (Date.now() - changed > CONTACT_REST_DAYS * DAY_MS) return { market, vin, ...holder };
  }
}

/** The last arrival that fits, once there are `count`. */
async function arrivalOf(path, fits, count) {
  const limit = performance.now() + ARRIVAL_LIMIT_MS;
  for (;;) {
    const found = (await askControl("GET", path)).filter(fits);
    if (found.length >= count) return found.at(-1);
    assert.ok(performance.now() < limit, `nothing has arrived at ${path}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The last message of a kind to somebody, once `count` have arrived since the last reset. */
export const messageTo = (to, kind, count = 1) =>
  arrivalOf("/messages", (message) => message.to === to && message.kind === kind, count);
/** The last code that a car shows, once it has shown `count`. */
export const codeIn = async (vin, count = 1) =>
  (await arrivalOf("/codes", (code) => code.vin === vin, count)).code;

/** Runs the scheduled work, which delivers what is left in the outbox. */
export async function runScheduled() {
  const response = await fetch(`${portal}/cdn-cgi/handler/scheduled`);
  assert.equal(response.status, 200);
  await response.text();
}

/** Acts as the operator `dev`. */
export async function operate(path, body) {
  const response = await fetch(`${portal}/operator/v1/${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${process.env.KERBSIDE_OPERATOR_TOKEN}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, await response.text());
}

/** A code that is not `code`, of the same shape. */
export const wrongCode = (code) =>
  code.replace(/[A-Z0-9]/g, (letter) => (letter === "7" ? "8" : "7"));

const MESSAGES = new URL("../../site/messages/", import.meta.url);

const escapePattern = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The words of the pages by the keys of site/messages; a text with parameters is a pattern. */
export function wordsOf(language) {
  const file = readFileSync(new URL(`${language}.ftl`, MESSAGES), "utf8");
  const lines = [...file.matchAll(/^([a-z-]+) = (.+)$/gm)];
  const texts = new Map(lines.map(([, key, text]) => [key, text]));
  return (key) => {
    const text = texts.get(key) ?? assert.fail(`there is no text ${key}`);
    if (!text.includes("{ $")) return text;
    const parts = text.split(/\{ \$[a-z]+ \}/).map(escapePattern);
    return new RegExp(parts.join(".+"));
  };
}

export const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const isHere = (url) => url.origin === portal;

/** Opens the record of a car, signs in by the link in the head, and comes back to it. */
export async function openRecord(page, { market, vin }, login, language) {
  await lookUp(page, market, vin, language);
  await page.locator(".masthead__account").getByRole("link").click();
  await signInAtProvider(page, market, login);
  await page.waitForURL(isHere);
  await page.locator(".masthead__account form").waitFor();
  return page.url();
}

/** Follows the link to the proof, and chooses a method. */
export async function choose(page, t, method) {
  await page.getByRole("link", { name: t("vehicle-prove") }).click();
  await heading(page, t("ownership-title"));
  await startOf(page, t, method).click();
  await page.getByRole("heading", { level: 2, name: t(`method-${method}`) }).waitFor();
}

/** The link that starts a method. */
export const startOf = (page, t, method) =>
  page
    .locator("#methods li", { has: page.getByRole("heading", { name: t(`method-${method}`) }) })
    .getByRole("link", { name: t("ownership-start") });

/** Signs in once more where the page asks for it, and comes back to it. */
export async function stepUp(page, t, market, login) {
  const link = page.getByRole("link", { name: t("ownership-fresh-link") });
  if ((await link.count()) === 0) return false;
  const before = page.url();
  await link.click();
  await signInAtProvider(page, market, login);
  await page.waitForURL(before);
  return true;
}

/** Sends the form of the page. */
export const submit = (page, name) => page.getByRole("button", { name, exact: true }).click();

/** Enters a code and sends it. */
export async function enterCode(page, t, code) {
  await page.getByLabel(t("proof-code"), { exact: true }).fill(code);
  await submit(page, t("proof-submit"));
}

/** The value beside a term. */
export const factOf = (page, term) =>
  page.locator("dl div", { has: page.locator("dt", { hasText: term }) }).locator("dd").first();

/** Has a member of a dealer's staff attest a code in the dealers' portal; its answer as text. */
export async function attest(browser, market, login, code) {
  const { issuer, people } = await identityOf("dealers");
  const { page, context } = await openPage(browser);
  await page.goto(`${issuer}/portal`);
  await page.getByLabel("Market").fill(market);
  await page.getByLabel("Claim code").fill(code);
  await page.getByRole("button").click();
  await page.getByLabel("Person").selectOption(login);
  await page.getByLabel("Password").fill(people.find((one) => one.login === login).password);
  await page.getByLabel(/second factor/).check();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/portal\/callback/);
  const text = await page.locator("main").innerText();
  await context.close();
  return text;
}

/**
 * A person on their way through the pages of one car: the market's first person and a fresh car,
 * unless `place` and `car` say otherwise.
 */
export async function visitor(browser, wish) {
  const { market, language = "en", javaScriptEnabled = true, place = 0 } = wish;
  const { page, context, faults } = await openPage(browser, { javaScriptEnabled });
  const { people } = await identityOf(market);
  const t = wordsOf(language);
  const check = async (where) => {
    if (javaScriptEnabled)
      await checkAccessible(page, `${where}, ${market}, ${language}`, EXTREMES);
  };
  const car = wish.car ?? (await carWithContact(market));
  const person = people[place];
  return { page, context, faults, t, check, car, person, market, language, javaScriptEnabled };
}

/** Chooses the method, confirms the sign-in where the market asks for it, and sends the form. */
export async function begin(visit, method, fill = () => {}) {
  const { page, t, check, market, person } = visit;
  await choose(page, t, method);
  await check(`start of ${method}`);
  if (await stepUp(page, t, market, person.login)) await check(`confirmed start of ${method}`);
  await fill();
  await submit(page, t(`method-${method}-submit`));
}
