// Signing in and out against the real identity provider: what a member sees more, how sessions end,
// and what pages offer.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import {
  checkAccessible,
  freshVin,
  identityOf,
  launch,
  lookUp,
  openPage,
  portal,
  resetOrigins,
  signInAtProvider,
  signOutAtProvider,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(() => resetOrigins());

const WORDS = {
  de: {
    signIn: "Anmelden",
    signOut: "Abmelden",
    valuation: "Bewertung",
    more: "Nach der Anmeldung zu sehen",
    owner: /Weisen Sie nach, dass dies Ihr Auto ist, um zu sehen: /,
    signedOut: "Sie sind abgemeldet",
    signedInAs: /^Angemeldet als /,
    account: "Ihr Konto",
  },
  en: {
    signIn: "Sign in",
    signOut: "Sign out",
    valuation: "Valuation",
    more: "Sign in to see",
    owner: /Prove that this is your car to see: /,
    signedOut: "You are signed out",
    signedInAs: /^Signed in as /,
    account: "Your account",
  },
};

const head = (page) => page.locator(".masthead__account");
const isHere = (url) => url.origin === portal;

/** Signs in by the link in the head, and waits for the page that it comes back to. */
async function signIn(page, market, login) {
  await head(page).getByRole("link").click();
  await signInAtProvider(page, market, login);
  await page.waitForURL(isHere);
  await head(page).locator("form").waitFor();
}

/** Signs out by the button in the head, and confirms at the identity provider. */
async function signOut(page) {
  await head(page).getByRole("button").click();
  await page.getByRole("button", { name: "Yes, sign out" }).click();
  await page.waitForURL(isHere);
}

async function checkJourney(language, { javaScriptEnabled }) {
  const words = WORDS[language];
  const { page, context, faults } = await openPage(browser, { javaScriptEnabled });
  const { people } = await identityOf("de");
  await lookUp(page, "de", await freshVin("de"), language);
  const record = new URL(page.url());
  assert.equal(await page.locator("#valuation.facet").count(), 0);
  await page.getByText(words.more, { exact: true }).waitFor();
  if (javaScriptEnabled) await checkAccessible(page, `record of anybody, ${language}`);

  // The link of a part comes back to that part.
  await page.getByRole("link", { name: `${words.signIn} (${words.valuation})` }).click();
  await signInAtProvider(page, "de", people[0].login);
  await page.waitForURL(`${record.href}#valuation`);
  await page.getByRole("region", { name: words.valuation }).waitFor();
  assert.equal(await page.getByText(words.more).count(), 0);
  await page.getByText(words.owner).first().waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), language);
  if (javaScriptEnabled) await checkAccessible(page, `record of a member, ${language}`);

  await head(page).getByRole("link", { name: words.signedInAs }).click();
  await page.getByRole("heading", { level: 1, name: words.account }).waitFor();
  if (javaScriptEnabled) await checkAccessible(page, `account, ${language}`);

  await head(page).getByRole("button", { name: words.signOut }).click();
  const confirm = page.getByRole("button", { name: "Yes, sign out" });
  await confirm.click();
  await page.getByRole("heading", { level: 1, name: words.signedOut }).waitFor();
  if (javaScriptEnabled) await checkAccessible(page, `signed out, ${language}`);
  await page.goto(record.href);
  await head(page).getByRole("link", { name: words.signIn, exact: true }).waitFor();
  assert.equal(await page.locator("#valuation.facet").count(), 0);
  assert.deepEqual(faults, []);
  await context.close();
}

for (const language of Object.keys(WORDS)) {
  for (const javaScriptEnabled of [true, false]) {
    const script = javaScriptEnabled ? "with script" : "without script";
    test(`a member sees more until they sign out, in ${language}, ${script}`, () =>
      checkJourney(language, { javaScriptEnabled }));
  }
}

test("a log-out at the identity provider ends the session, and the page says so", async () => {
  const { page, context, faults } = await openPage(browser);
  const { people } = await identityOf("de");
  await lookUp(page, "de", await freshVin("de"), "en");
  const record = page.url();
  await signIn(page, "de", people[1].login);
  const [told] = (await signOutAtProvider("de", people[1].login)).sessions;
  assert.equal(told?.delivered, true, JSON.stringify(told));
  await page.reload();
  const banner = page.getByRole("status").filter({ hasText: "Your session has ended." });
  await banner.waitFor();
  assert.equal(await page.locator("#valuation.facet").count(), 0);
  await checkAccessible(page, "record after the session ended");
  await banner.getByRole("link").click();
  await signInAtProvider(page, "de", people[1].login);
  await page.waitForURL(record);
  await page.locator("#valuation.facet").waitFor();
  assert.equal(await banner.count(), 0);
  assert.deepEqual(faults, []);
  await context.close();
});

test("a session in one tab counts in the other, and so does its end", async () => {
  const { page, context } = await openPage(browser);
  const { people } = await identityOf("de");
  await page.goto(`${portal}/de/?lang=en`);
  const other = await context.newPage();
  await other.goto(`${portal}/de/?lang=en`);
  await signIn(page, "de", people[0].login);
  await other.reload();
  await head(other).locator("form").waitFor();
  await signOut(page);
  await other.getByRole("textbox").fill(await freshVin("de"));
  await other.getByRole("button", { name: "Show the record" }).click();
  await other.waitForURL(/\/de\/vehicles\//);
  assert.equal(await head(other).locator("form").count(), 0);
  await context.close();
});

test("a name with markup is text", async (t) => {
  const { page, context, faults } = await openPage(browser);
  if ((await page.goto(`${portal}/us/?lang=en`))?.status() !== 200)
    return t.skip("this deployment serves another region");
  const { people } = await identityOf("us");
  const person = people.find(({ name }) => name.includes("<"));
  await signIn(page, "us", person.login);
  assert.equal(await page.locator(".masthead__name").innerText(), person.name);
  assert.equal(await page.locator(".masthead b").count(), 0);
  await checkAccessible(page, "look-up of a member");
  await page.goto(`${portal}/de/?lang=en`);
  await head(page).getByRole("link", { name: "Sign in", exact: true }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("a sign-in comes back to this site, whatever it is asked", async () => {
  const { page, context } = await openPage(browser);
  const { people } = await identityOf("de");
  await page.goto(`${portal}/de/?lang=en`);
  await signIn(page, "de", people[0].login);
  const spellings = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/%2F/evil.example",
    "/%09/evil.example",
    "javascript:alert(1)",
    "/auth/de/sign-in?return_to=//evil.example",
  ];
  for (const spelling of spellings) {
    const visited = [];
    page.on("request", (request) => visited.push(request.url()));
    await page.goto(`${portal}/auth/de/sign-in?return_to=${encodeURIComponent(spelling)}`);
    page.removeAllListeners("request");
    assert.equal(new URL(page.url()).origin, portal, spelling);
    assert.ok(!visited.some((url) => new URL(url).hostname.includes("evil")), spelling);
  }
  await context.close();
});

test("with the keyboard alone", async () => {
  const { page, context } = await openPage(browser);
  const { people } = await identityOf("de");
  const tabTo = async (name) => {
    for (let presses = 0; presses < 25; presses += 1) {
      await page.keyboard.press("Tab");
      const found = await page.evaluate(() => document.activeElement?.textContent?.trim());
      if (name.test(found ?? "")) return;
    }
    assert.fail(`Tab does not reach ${name}`);
  };
  await page.goto(`${portal}/de/?lang=en`);
  await tabTo(/^Sign in$/);
  await page.keyboard.press("Enter");
  await signInAtProvider(page, "de", people[0].login);
  await page.waitForURL(isHere);
  await tabTo(/^Sign out$/);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Yes, sign out" }).waitFor();
  await context.close();
});
