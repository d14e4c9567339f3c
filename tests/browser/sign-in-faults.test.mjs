// What people see when a sign-in fails, and the acts that need a fresh one.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import {
  checkAccessible,
  identityOf,
  launch,
  openPage,
  portal,
  resetOrigins,
  setIdentity,
  signInAtProvider,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(() => resetOrigins());

const isHere = (url) => url.origin === portal;
const head = (page) => page.locator(".masthead__account");
const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();

async function begin(page, market = "de") {
  await page.goto(`${portal}/${market}/?lang=en`);
  await head(page).getByRole("link").click();
}

test("a sign-in that is cancelled says so, and can be tried again", async () => {
  const { page, context, faults } = await openPage(browser);
  const { people } = await identityOf("de");
  await begin(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await heading(page, "The sign-in was cancelled");
  await checkAccessible(page, "cancelled sign-in");
  await page.getByRole("link", { name: "Try again" }).click();
  await signInAtProvider(page, "de", people[0].login);
  await page.waitForURL(`${portal}/de/?lang=en`);
  await head(page).locator("form").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("an answer counts once, and in its own browser alone", async () => {
  const { page, context } = await openPage(browser);
  const { people } = await identityOf("de");
  const answers = [];
  page.on("request", (request) => {
    if (request.url().startsWith(`${portal}/auth/de/callback`)) answers.push(request.url());
  });
  await begin(page);
  await signInAtProvider(page, "de", people[0].login);
  await page.waitForURL(isHere);
  assert.equal(answers.length, 1);
  await page.goto(answers[0]);
  assert.equal(new URL(page.url()).pathname, "/de/", "the history leads to the start page");
  const other = await openPage(browser);
  await other.page.goto(answers[0]);
  await heading(other.page, "This sign-in is no longer valid");
  await checkAccessible(other.page, "sign-in of another browser");
  assert.equal(await head(other.page).locator("form").count(), 0);
  await other.context.close();
  await context.close();
});

for (const [fault, title] of [
  ["wrong_nonce", "The sign-in could not be verified"],
  ["wrong_signature", "The sign-in could not be verified"],
  ["expired", "The sign-in could not be verified"],
]) {
  test(`an answer that does not pass the checks signs nobody in: ${fault}`, async () => {
    const { page, context } = await openPage(browser);
    const { people } = await identityOf("de");
    await setIdentity("de", { fault });
    await begin(page);
    await signInAtProvider(page, "de", people[0].login);
    await heading(page, title);
    await page.getByText("Request number", { exact: true }).waitFor();
    await checkAccessible(page, `refused sign-in, ${fault}`);
    await page.goto(`${portal}/de/?lang=en`);
    assert.equal(await head(page).locator("form").count(), 0);
    await context.close();
  });
}

/** Signs in at the provider without following the redirect back: returns where it leads. */
async function answerOf(page, market) {
  const { people } = await identityOf(market);
  const { login, password } = people[0];
  const request = page.context().request;
  const form = { login, password, action: "sign-in" };
  let response = await request.post(page.url(), { form, maxRedirects: 0 });
  let location = "";
  for (let hops = 0; hops < 5 && !location.startsWith(portal); hops += 1) {
    location = new URL(response.headers().location, response.url()).href;
    if (!location.startsWith(portal)) response = await request.get(location, { maxRedirects: 0 });
  }
  return location;
}

test("an identity provider that fails while it is asked leaves the person a page", async () => {
  const { page, context } = await openPage(browser);
  await begin(page);
  await page.getByLabel("Password").waitFor();
  const answer = await answerOf(page, "de");
  // It fails before its answer is exchanged for a token.
  await setIdentity("de", { fault: "down" });
  await page.goto(answer);
  await heading(page, "The sign-in service cannot be reached");
  await checkAccessible(page, "identity provider that is down");
  await setIdentity("de", { fault: null });
  await page.getByRole("link", { name: "Try again" }).click();
  await page.waitForURL(`${portal}/de/?lang=en`);
  await head(page).locator("form").waitFor();
  await context.close();
});
