// The account page: a person's data out, and erased, with a fresh sign-in where that is needed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test, { after, before, beforeEach } from "node:test";
import {
  checkAccessible,
  identityOf,
  launch,
  openPage,
  portal,
  resetOrigins,
  signInAtProvider,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(() => resetOrigins());

/** A market in which each sign-in of the last minutes is fresh, without a second factor. */
const MARKET = "fr";
/** One that asks for a second factor where a sign-in must be fresh. */
const STRONG = "de";

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const head = (page) => page.locator(".masthead__account");

/** Opens the account page, which asks for the sign-in, and comes back to it. */
async function openAccount(page, market) {
  const { people } = await identityOf(market);
  await page.goto(`${portal}/${market}/account?lang=en`);
  await heading(page, "Please sign in");
  await page.locator("a.button").click();
  await signInAtProvider(page, market, people[0].login);
  await page.waitForURL(`${portal}/${market}/account?lang=en`);
  await heading(page, "Your account");
}

test("the account page asks for the sign-in, and gives the data out", async () => {
  const { page, context, faults } = await openPage(browser);
  await openAccount(page, MARKET);
  await checkAccessible(page, "account");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download your data" }).click(),
  ]);
  const data = JSON.parse(await readFile(await download.path(), "utf8"));
  const { issuer, people } = await identityOf(MARKET);
  assert.equal(data.person.issuer, issuer);
  assert.equal(data.person.subject, people[0].subject);
  assert.deepEqual(faults, []);
  await context.close();
});

for (const javaScriptEnabled of [true, false]) {
  const script = javaScriptEnabled ? "with script" : "without script";
  test(`data are erased after a confirmation, ${script}`, async () => {
    const { page, context, faults } = await openPage(browser, { javaScriptEnabled });
    await openAccount(page, MARKET);
    const submit = page.getByRole("button", { name: "Erase my data" });
    await submit.click();
    await page.getByRole("alert").getByText("Nothing has been erased").waitFor();
    if (javaScriptEnabled) await checkAccessible(page, "account without confirmation");
    await page.getByRole("checkbox").check();
    await submit.click();
    await heading(page, "Your data have been erased");
    await head(page).getByRole("link", { name: "Sign in", exact: true }).waitFor();
    if (javaScriptEnabled) await checkAccessible(page, "after an erasure");
    await page.goto(`${portal}/${MARKET}/account?lang=en`);
    await heading(page, "Please sign in");
    assert.deepEqual(faults, []);
    await context.close();
  });
}

for (const javaScriptEnabled of [true, false]) {
  const script = javaScriptEnabled ? "with script" : "without script";
  test(`an erasure leads to a stronger sign-in first, and back, ${script}`, async () => {
    const { page, context, faults } = await openPage(browser, { javaScriptEnabled });
    await openAccount(page, STRONG);
    await page.getByRole("link", { name: "Sign in again to download" }).waitFor();
    const submit = page.getByRole("button", { name: "Erase my data" });
    await page.getByRole("checkbox").check();
    await submit.click();
    const { people } = await identityOf(STRONG);
    await signInAtProvider(page, STRONG, people[0].login);
    await page.waitForURL(`${portal}/${STRONG}/account?lang=en#erasure`);
    await page.getByRole("link", { name: "Download your data" }).waitFor();
    await page.getByRole("checkbox").check();
    await submit.click();
    await heading(page, "Your data have been erased");
    assert.deepEqual(faults, []);
    await context.close();
  });
}

test("a form whose session has ended is shown again with what was entered", async () => {
  const { page, context } = await openPage(browser);
  await openAccount(page, MARKET);
  await page.getByRole("checkbox").check();
  const other = await context.newPage();
  await other.goto(`${portal}/${MARKET}/?lang=en`);
  await head(other).getByRole("button").click();
  await other.getByRole("button", { name: "Yes, sign out" }).waitFor();
  await page.getByRole("button", { name: "Erase my data" }).click();
  await page.getByText(/Nothing has been erased: your session ended/).waitFor();
  assert.ok(await page.getByRole("checkbox").isChecked());
  await checkAccessible(page, "form whose session has ended");
  await context.close();
});
