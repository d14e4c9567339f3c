// What people see when something is wrong: VINs that are none, addresses that lead nowhere, origins
// that fail.
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
  setOrigin,
} from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(() => resetOrigins());

async function submit(page, typed, language = "en") {
  await page.goto(`${portal}/de/?lang=${language}`);
  await page.getByRole("textbox").fill(typed);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    page.locator(".look-up button[type=submit]").click(),
  ]);
  await page.getByRole("alert").waitFor();
  return answer.status();
}

test("a wrong VIN comes back with a sentence that helps, in title, summary and beside the field", async () => {
  const { page, context, faults } = await openPage(browser);
  assert.equal(await submit(page, "WP0ZZZ99ZTS39212"), 422);
  assert.match(await page.title(), /^Error: /);
  await page
    .getByRole("alert")
    .getByRole("link", { name: /17 characters; these are 16/ })
    .click();
  const input = page.getByRole("textbox");
  assert.ok(
    await input.evaluate((element) => element === document.activeElement),
    "the summary leads to the field",
  );
  assert.equal(await input.getAttribute("aria-invalid"), "true");
  assert.equal(await input.inputValue(), "WP0ZZZ99ZTS39212");
  await checkAccessible(page, "look-up with an error");
  assert.deepEqual(faults, []);
  await context.close();
});

test("empty, I, O and Q, look-alikes and markup each get their own words, and markup is not shown again", async () => {
  const { page, context } = await openPage(browser);
  const cases = [
    ["", "en", /Enter the vehicle identification number/],
    ["WPOZZZ99ZTS392124", "de", /Eine FIN enthält nie/],
    ["WP0ZZZ99ZTS39212\u0410", "en", /letters from other alphabets/],
    ["<script>alert(1)</script>", "en", /./],
    ["A".repeat(9000), "de", /17 Zeichen|./],
  ];
  for (const [typed, language, words] of cases) {
    const status = await submit(page, typed, language);
    assert.equal(status, 422, typed.slice(0, 30));
    assert.match(await page.getByRole("alert").innerText(), words);
  }
  assert.equal(await page.locator("script:not([src])").count(), 0);
  await context.close();
});

test("while a VIN is typed, characters are counted and I, O, Q explained, and sending is never blocked", async () => {
  const { page, context, faults } = await openPage(browser);
  await page.goto(`${portal}/de/?lang=en`);
  const input = page.getByRole("textbox");
  await input.pressSequentially("wp o");
  await page.getByText("3 of 17 characters").waitFor();
  await page.getByText(/It is probably the digit 1 or 0/).waitFor();
  assert.equal(await input.inputValue(), "wp o", "what was typed is left as it is");
  await input.fill("wp0");
  assert.equal(await page.locator(".vin-field__advice").textContent(), "");
  assert.ok(await page.getByRole("button", { name: "Show the record" }).isEnabled());
  assert.deepEqual(faults, []);
  await context.close();
});

test("a slow part arrives by itself, without a reload, and is announced", async () => {
  const { page, context, faults } = await openPage(browser);
  await setOrigin("de.equipment", { latency_ms: 1800 });
  await lookUp(page, "de", await freshVin("de"), "en");
  const equipment = page.locator("#equipment");
  assert.equal(await equipment.getAttribute("data-state"), "pending");
  assert.equal(await equipment.getAttribute("aria-busy"), "true");
  const progress = page.getByRole("progressbar", { name: "Some systems are still being asked." });
  await progress.waitFor();
  await checkAccessible(page, "record with a part that is awaited");
  await page.evaluate(() => {
    window.loadedOnce = true;
  });
  await page.locator("#equipment:not([data-state=pending])").waitFor({ timeout: 20_000 });
  assert.match((await equipment.getAttribute("data-state")) ?? "", /fresh|absent/);
  await page.getByRole("status").getByText("Equipment: the answer has arrived.").waitFor();
  assert.equal(await page.evaluate(() => window.loadedOnce), true, "the page was loaded again");
  assert.equal(await progress.count(), 0);
  const asked = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .map(({ name }) => name)
      .filter((name) => name.includes("fragment=")),
  );
  assert.ok(asked.length <= 1, `one stream, and no request after it: ${asked}`);
  await checkAccessible(page, "record with a part that came later");
  assert.deepEqual(faults, []);
  await context.close();
});

test("without script a slow part is there after the reload that the page offers", async () => {
  const { page, context } = await openPage(browser, { javaScriptEnabled: false });
  await setOrigin("de.equipment", { latency_ms: 1800 });
  await lookUp(page, "de", await freshVin("de"), "en");
  const reload = page.locator("#equipment").getByRole("link", { name: "Reload page" });
  for (let attempt = 0; attempt < 10 && (await reload.count()) > 0; attempt += 1) {
    await page.waitForTimeout(1000);
    await reload.click();
  }
  assert.match((await page.locator("#equipment").getAttribute("data-state")) ?? "", /fresh|absent/);
  await context.close();
});

test("a part that fails says so in words, and the page stands", async () => {
  const { page, context } = await openPage(browser);
  await setOrigin("de.recalls", { fault: "500" });
  await lookUp(page, "de", await freshVin("de"), "de");
  const recalls = page.getByRole("region", { name: "Rückrufe" });
  await recalls.getByText("Nicht erhältlich").waitFor();
  await recalls.getByText(/Über das Auto sagt das nichts/).waitFor();
  await checkAccessible(page, "record with a part that failed");
  await context.close();
});

test("a part that fails late is announced as failed, and asked for again in place", async () => {
  const { page, context, faults } = await openPage(browser);
  await setOrigin("de.equipment", { latency_ms: 1800, fault: "500" });
  await lookUp(page, "de", await freshVin("de"), "en");
  const equipment = page.locator("#equipment");
  await page.locator("#equipment[data-state=unavailable]").waitFor({ timeout: 20_000 });
  const announced = page.locator("#announcements");
  await announced.getByText(/^Equipment: The source reported an error of its own\./).waitFor();
  await page.getByText(/^Not every system has answered/).waitFor();
  assert.equal(await page.getByText("All systems have answered.").count(), 0);
  await equipment.getByText("Source", { exact: true }).waitFor();
  await checkAccessible(page, "record with a part that failed late");
  await resetOrigins();
  await page.evaluate(() => {
    window.loadedOnce = true;
  });
  await equipment.getByRole("link", { name: "Try again (Equipment)" }).click();
  await page.locator("#equipment:not([data-failed])").waitFor({ timeout: 20_000 });
  await announced.getByText("Equipment: the answer has arrived.").waitFor();
  await page.getByText("All systems have answered.").waitFor();
  assert.equal(await page.evaluate(() => window.loadedOnce), true, "the page was loaded again");
  assert.deepEqual(faults, []);
  await context.close();
});

for (const javaScriptEnabled of [true, false]) {
  const script = javaScriptEnabled ? "with script" : "without script";
  test(`a slow required system: the page comes first and fills itself, ${script}`, async () => {
    const { page, context, faults } = await openPage(browser, { javaScriptEnabled });
    await setOrigin("de.master", { latency_ms: 1800 });
    await lookUp(page, "de", await freshVin("de"), "en");
    await page.getByRole("heading", { level: 1, name: "Vehicle record" }).waitFor();
    await page.getByText("The system that knows this car has not answered yet.").waitFor();
    if (javaScriptEnabled) await checkAccessible(page, "record that waits");
    await page.getByRole("heading", { level: 1, name: /Porsche/ }).waitFor({ timeout: 20_000 });
    await page.locator("#identity[data-state=fresh]").waitFor();
    assert.match(await page.title(), /Porsche/);
    assert.deepEqual(faults, []);
    await context.close();
  });
}

test("a required origin that fails gets a problem page, without anything of the origin", async () => {
  const { page, context } = await openPage(browser);
  await setOrigin("de.master", { fault: "malformed" });
  await lookUp(page, "de", await freshVin("de"), "en");
  await page
    .getByRole("heading", { level: 1, name: "The source’s answer could not be used" })
    .waitFor();
  await page.getByText("Request number", { exact: true }).waitFor();
  await checkAccessible(page, "problem page");
  await context.close();
});

test("addresses that lead nowhere get a page that helps", async () => {
  const { page, context, faults } = await openPage(browser);
  for (const [path, title] of [
    ["/zz/", "No such market"],
    ["/de/vehicles/forged", "No such car here"],
    ["/no/such/page/at/all", /Page not found|No such market/],
    ["/problems/no-such-problem", "Page not found"],
  ]) {
    const answer = await page.goto(`${portal}${path}?lang=en`);
    assert.equal(answer?.status(), 404, path);
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
    await page.getByRole("link", { name: "To the start page" }).waitFor();
  }
  await checkAccessible(page, "not found");
  assert.deepEqual(faults, []);
  await context.close();
});

test("every problem has a page that explains it, in every language", async () => {
  const { page, context, faults } = await openPage(browser);
  for (const language of ["de", "en", "fr"]) {
    await page.goto(`${portal}/problems/?lang=${language}`);
    await checkAccessible(page, `problems in ${language}`);
    const links = await page
      .locator(".problem__list a")
      .evaluateAll((all) => all.map((link) => link.href));
    assert.ok(links.length >= 20, `${links.length} problems`);
    for (const link of links) assert.equal((await page.goto(link))?.status(), 200, link);
    await checkAccessible(page, "a problem's page");
  }
  assert.deepEqual(faults, []);
  await context.close();
});
