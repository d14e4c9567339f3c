// The look-up journey, from the start page to the record of a car, in both languages, with and
// without script.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import {
  checkAccessible,
  freshVin,
  launch,
  lookUp,
  openPage,
  portal,
  resetOrigins,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(() => resetOrigins());

const WORDS = {
  de: {
    look: /Auto nachschlagen/,
    show: "Auszug anzeigen",
    identity: "Identität",
    make: "Marke",
    source: "Quelle",
    asOf: "Stand",
  },
  en: {
    look: /Look a car up/,
    show: "Show the record",
    identity: "Identity",
    make: "Make",
    source: "Source",
    asOf: "As of",
  },
};

for (const [language, words] of Object.entries(WORDS)) {
  test(`from the start page to the record, in ${language}, accessible on every page`, async () => {
    const { page, context, faults } = await openPage(browser, { locale: language });
    const vin = await freshVin("de");

    await page.goto(portal);
    assert.equal(await page.locator("html").getAttribute("lang"), language);
    await checkAccessible(page, "start page");

    await page.locator(".markets a[href^='/de/']").click();
    await page.getByRole("heading", { level: 1, name: words.look }).waitFor();
    await checkAccessible(page, "look-up");

    await page.getByRole("textbox").fill(vin.toLowerCase());
    await page.getByRole("button", { name: words.show }).click();
    await page.waitForURL(/\/de\/vehicles\/[\w-]+/);
    assert.ok(!page.url().toUpperCase().includes(vin), "the VIN is in the address");
    const identity = page.getByRole("region", { name: words.identity });
    await identity.getByText(words.make, { exact: true }).waitFor();
    const badge = await identity.locator(".badge").innerText();
    assert.ok(badge.includes(words.source) && badge.includes(words.asOf), badge);
    assert.ok(!(await page.content()).toUpperCase().includes(vin), "the VIN is in the page");
    await checkAccessible(page, "record");

    assert.deepEqual(faults, []);
    await context.close();
  });
}

test("the language that was chosen stays through the journey", async () => {
  const { page, context } = await openPage(browser, { locale: "en" });
  await page.goto(portal);
  await page.getByRole("link", { name: "Deutsch", exact: true }).click();
  await page.locator(".markets a[href^='/de/']").click();
  await page.getByRole("textbox").fill(await freshVin("de"));
  await page.getByRole("button", { name: "Auszug anzeigen" }).click();
  await page.waitForURL(/\/de\/vehicles\//);
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await context.close();
});

test("a car of the American market, where that market is served here", async (t) => {
  const { page, context, faults } = await openPage(browser);
  await page.goto(portal);
  if ((await page.locator(".markets a[href^='/us/']").count()) === 0)
    return t.skip("this deployment serves another region");
  await lookUp(page, "us", await freshVin("us"));
  await page.getByRole("region", { name: "Identity" }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("without script the journey is the same", async () => {
  const { page, context } = await openPage(browser, { javaScriptEnabled: false });
  const vin = await freshVin("de");
  await lookUp(page, "de", `${vin.slice(0, 3)} ${vin.slice(3, 9)}-${vin.slice(9)}`);
  await page.getByRole("region", { name: "Identity" }).waitFor();
  assert.ok(await page.locator(".copy-link").isHidden(), "a button that does nothing is shown");
  await context.close();
});

test("with the keyboard alone", async () => {
  const { page, context } = await openPage(browser);
  const tabTo = async (name) => {
    for (let presses = 0; presses < 25; presses += 1) {
      await page.keyboard.press("Tab");
      const found = await page.evaluate(
        () => document.activeElement?.textContent?.trim() || document.activeElement?.id,
      );
      if (name.test(found ?? "")) return;
    }
    assert.fail(`Tab does not reach ${name}`);
  };
  await page.goto(`${portal}/?lang=en`);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to content" });
  assert.ok(
    await skip.evaluate(
      (link) => link === document.activeElement && link.getBoundingClientRect().top >= 0,
    ),
  );
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await tabTo(/Look a car up/);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/\w+\/\?lang=en$/);
  await tabTo(/^vin$/);
  const outline = await page
    .locator("#vin")
    .evaluate((input) => getComputedStyle(input).outlineStyle);
  assert.notEqual(outline, "none", "the focus is not visible");
  const market = new URL(page.url()).pathname.split("/")[1];
  await page.keyboard.type(await freshVin(market));
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/vehicles\//);
  await tabTo(/Copy link/);
  await context.close();
});

test("copy link copies the page's address, without the language, and says so", async () => {
  const { page, context } = await openPage(browser, {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await lookUp(page, "de", await freshVin("de"), "en");
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByText("Link copied.").waitFor();
  const address = new URL(page.url());
  assert.equal(
    await page.evaluate(() => navigator.clipboard.readText()),
    address.origin + address.pathname,
  );
  await context.close();
});
