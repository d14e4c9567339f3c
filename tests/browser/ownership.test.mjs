// Proof of ownership by each method, as its claimant sees it: the record before, the proof, the
// record after, the garage, and giving the car up. With and without script, in the languages of the
// market.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import {
  attest,
  begin,
  codeIn,
  enterCode,
  factOf,
  forgetClaims,
  heading,
  messageTo,
  openRecord,
  setHolder,
  submit,
  visitor,
  wordsOf,
  wrongCode,
} from "./ownership.mjs";
import { launch, resetOrigins } from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  forgetClaims();
  await browser?.close();
});
beforeEach(async () => {
  forgetClaims();
  await resetOrigins();
});

/** A wrong code costs an attempt; the right one is taken as people type it. */
async function proveByCode(visit, code) {
  const { page, t, check } = visit;
  await page.getByRole("heading", { level: 2, name: t("proof-title") }).waitFor();
  assert.equal(await factOf(page, t("proof-attempts")).innerText(), "5");
  const field = page.getByLabel(t("proof-code"), { exact: true });
  assert.equal(await field.getAttribute("autocomplete"), "one-time-code");
  await check("code");
  await enterCode(page, t, wrongCode(code));
  await page.getByRole("alert").waitFor();
  assert.match(await page.title(), new RegExp(t("title-error").source));
  assert.equal(await factOf(page, t("proof-attempts")).innerText(), "4");
  await check("wrong code");
  await enterCode(page, t, ` ${code.toLowerCase().replace(" ", "-")} `);
}

const METHODS = {
  "contact-code": async (visit) => {
    const { page, t, car } = visit;
    await begin(visit, "contact-code", () =>
      page.getByLabel(t("contact-email")).fill(car.contact.email.toUpperCase()),
    );
    const { code } = await messageTo(car.contact.email, "contact_code");
    await proveByCode(visit, code);
  },
  "vehicle-code": async (visit) => {
    await begin(visit, "vehicle-code");
    await proveByCode(visit, await codeIn(visit.car.vin));
  },
  "keeper-document": async (visit) => {
    const { page, t, car, check, market } = visit;
    await begin(visit, "keeper-document");
    const date = market === "gb" ? "issued_on" : "first_registration";
    const label = (name) => page.getByLabel(t(`document-${name.replaceAll("_", "-")}`));
    await label("document_number").waitFor();
    await check("fields of the document");
    await submit(page, t("proof-submit"));
    const invalid = `${t("document-document-number")}: ${t("proof-document-invalid")}`;
    await page.getByRole("alert").getByText(invalid).waitFor();
    await check("empty fields of the document");
    await label("document_number").fill("XX00000000");
    await label(date).fill(car.document[date]);
    await submit(page, t("proof-submit"));
    await page.getByRole("alert").waitFor();
    assert.equal(await factOf(page, t("proof-attempts")).innerText(), "4");
    assert.equal(await label(date).inputValue(), car.document[date], "what was entered is kept");
    await label("document_number").fill(car.document.document_number);
    await submit(page, t("proof-submit"));
  },
  dealer: async (visit) => {
    const { page, t, check, market } = visit;
    await begin(visit, "dealer");
    const code = await page.locator("#dealer-code").innerText();
    assert.match(code, /^[2-9A-HJ-NP-Z]{4} [2-9A-HJ-NP-Z]{4}$/);
    await check("code for the dealer");
    assert.match(await attest(browser, market, "doro", code), /Attested/);
    if (!visit.javaScriptEnabled) await submit(page, t("dealer-check"));
    await page.locator("#dealer-confirmed").getByText(/^1 /).waitFor();
    assert.equal(await page.locator("#dealer-code").innerText(), code, "the code stays");
    await check("code that one member of staff has confirmed");
    assert.match(await attest(browser, market, "emil", code.toLowerCase()), /Attested/);
    // With script the page goes on by itself.
    if (!visit.javaScriptEnabled) await submit(page, t("dealer-check"));
  },
  "oem-mapping": async (visit) => {
    const { car, market, person } = visit;
    const primary_user = { subject: person.subject, since: "2021-06-01" };
    await setHolder(market, car.vin, { primary_user });
    await begin(visit, "oem-mapping");
  },
};
const STRONG = ["contact-code", "oem-mapping"];
/** Markets whose registry states a plate. */
const PLATES = ["de", "gb"];

async function checkJourney(visit, method) {
  const { page, t, car, check, market, person, faults, context } = visit;
  const record = await openRecord(page, car, person.login, visit.language);
  await page.getByText(t("withheld-prove")).first().waitFor();
  assert.equal(await page.getByText(car.vin).count(), 0);
  await METHODS[method](visit);
  await heading(page, t("held-title"));
  assert.match(await factOf(page, t("held-method")).innerText(), new RegExp(t(`method-${method}`)));
  await check(`held by ${method}`);

  await page.getByRole("link", { name: t("ownership-back") }).click();
  await page.waitForURL(record);
  await page.locator("#holder").getByRole("heading", { name: t("held-title") }).waitFor();
  assert.equal(await page.getByText(t("withheld-prove")).count(), 0);
  const isStrong = STRONG.includes(method);
  await page.getByText(isStrong ? car.vin : t("withheld-from")).first().waitFor();
  assert.equal(await page.getByText(car.vin).count(), isStrong ? 1 : 0);
  if (PLATES.includes(market))
    assert.equal(await page.getByText(car.registration.plate).count(), isStrong ? 1 : 0);
  assert.equal(await page.getByText(t("holder-personal-from")).count(), isStrong ? 0 : 1);
  await check(`record of a holder by ${method}`);

  await page.getByRole("link", { name: t("garage-title") }).click();
  await heading(page, t("garage-title"));
  await check("garage");
  await page.getByRole("link", { name: t("garage-ownership") }).click();
  await page.getByRole("link", { name: t("held-end") }).click();
  await heading(page, t("end-title"));
  await check("giving up");
  await submit(page, t("end-submit"));
  await page.getByText(t("end-done")).waitFor();
  await check("given up");
  await page.goto(record);
  await page.getByText(t("withheld-prove")).first().waitFor();
  assert.equal(await page.getByText(car.vin).count(), 0);
  assert.deepEqual(faults, []);
  await context.close();
}

const JOURNEYS = [
  ["contact-code", "de", ["de", "en"]],
  ["contact-code", "fr", ["fr"]],
  ["vehicle-code", "us", ["en", "de"]],
  ["vehicle-code", "fr", ["fr"]],
  ["keeper-document", "de", ["de", "en"]],
  ["keeper-document", "gb", ["en"]],
  ["dealer", "de", ["de", "en"]],
  ["oem-mapping", "us", ["en", "de"]],
];

for (const [method, market, languages] of JOURNEYS) {
  for (const language of languages) {
    for (const javaScriptEnabled of [true, false]) {
      const script = javaScriptEnabled ? "with script" : "without script";
      test(`${method} in ${market}, ${language}, ${script}`, async () =>
        checkJourney(await visitor(browser, { market, language, javaScriptEnabled }), method));
    }
  }
}
