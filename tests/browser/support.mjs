// What the browser tests share: Chromium, the portal and the stand-ins under test, and the checks
// that every page must pass.
//
// Environment: KERBSIDE_URL (the portal), KERBSIDE_CONTROL (the stand-ins' control server),
// CHROMIUM (the browser).
import assert from "node:assert/strict";
import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";

const need = (name) =>
  process.env[name] ?? assert.fail(`${name} is not set; run this through cargo xtask test browser`);

export const portal = need("KERBSIDE_URL").replace(/\/$/, "");
const control = need("KERBSIDE_CONTROL").replace(/\/$/, "");

export const launch = () =>
  chromium.launch({
    executablePath: need("CHROMIUM"),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
    ],
  });

/**
 * A page that collects what may never happen: console errors, exceptions, breaches of the content
 * security policy.
 */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({
    locale: "en-GB",
    viewport: { width: 1200, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    // Chromium logs every answer of 400 and above as an error of the page; pages with such a status
    // are tested on purpose.
    if (message.type() === "error" && !/status of 4\d\d|status of 5\d\d/.test(message.text()))
      faults.push(message.text());
  });
  page.on("requestfailed", (request) => {
    const cause = request.failure()?.errorText ?? "";
    // Leaving a page aborts what it was still loading.
    if (cause !== "net::ERR_ABORTED") faults.push(`not loaded: ${request.url()} ${cause}`);
  });
  return { page, context, faults };
}

/** Asks the stand-ins' control server. */
export async function askControl(method, path, body) {
  const answer = await fetch(control + path, { method, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.status}`);
  return answer.json().catch(() => null);
}

export const setOrigin = (name, change) => askControl("PUT", `/origins/${name}`, change);
export const resetOrigins = () => askControl("POST", "/reset");

/** The identity provider of a market, as the control server describes it: people, faults, keys. */
export const identityOf = (market) => askControl("GET", `/identity/${market}`);
/** Switches a fault of a market's identity provider on. */
export const setIdentity = (market, change) => askControl("PUT", `/identity/${market}`, change);
/** Ends a person's sessions at the identity provider, which tells the portal (back channel). */
export const signOutAtProvider = (market, login) =>
  askControl("POST", `/identity/${market}/sign-out`, { login });

/** Fills the identity provider's sign-in page in, which is shown already. */
export async function signInAtProvider(page, market, login) {
  const { issuer, people } = await identityOf(market);
  const { password } = people.find((person) => person.login === login);
  await page.waitForURL((url) => url.href.startsWith(issuer));
  await page.getByLabel("Person").selectOption(login);
  await page.getByLabel("Password").fill(password);
  const factor = page.getByLabel(/second factor/);
  if ((await factor.count()) > 0) await factor.check();
  await page.getByRole("button", { name: "Sign in" }).click();
}

const used = new Set();

/** A VIN of `market` that no test of this run has used, so that nothing about it is cached. */
export async function freshVin(market) {
  const rows = await askControl("GET", "/vins");
  const row =
    rows.find((row) => row.market === market && !used.has(row.vin)) ??
    assert.fail(`no VIN is left for ${market}`);
  used.add(row.vin);
  return row.vin;
}

/** Looks `vin` up through the form and waits for the vehicle page. */
export async function lookUp(page, market, vin, language) {
  await page.goto(`${portal}/${market}/${language ? `?lang=${language}` : ""}`);
  await page.getByRole("textbox").fill(vin);
  await page.locator(".look-up button[type=submit]").click();
  await page.waitForURL(new RegExp(`/${market}/vehicles/`));
}

const LOOKS = [
  { name: "light, desktop", colorScheme: "light", width: 1200 },
  { name: "dark, desktop", colorScheme: "dark", width: 1200 },
  { name: "light, phone", colorScheme: "light", width: 390 },
  { name: "dark, narrowest", colorScheme: "dark", width: 320 },
];

/** The widest by day and the narrowest by night, for journeys of many pages. */
export const EXTREMES = [LOOKS[0], LOOKS[3]];

/** axe by day and by night, wide and narrow, and no scrolling sideways. */
export async function checkAccessible(page, where, looks = LOOKS) {
  for (const look of looks) {
    await page.emulateMedia({ colorScheme: look.colorScheme });
    await page.setViewportSize({ width: look.width, height: 900 });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const told = violations.map(
      (v) => `${v.id}: ${v.nodes.map((node) => node.target.join(" ")).join(", ")}`,
    );
    assert.deepEqual(told, [], `${where}, ${look.name}`);
    const [content, window] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      window.innerWidth,
    ]);
    assert.ok(
      content <= window,
      `${where}, ${look.name}: scrolls sideways, ${content} in ${window} px`,
    );
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1200, height: 900 });
}
