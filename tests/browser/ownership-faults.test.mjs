// What people see of a proof that does not go straight: wrong, late and locked proofs, conflicts
// from both sides, objections, methods that are off, systems that fail, and rights that others end.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import {
  attest,
  begin,
  carWithContact,
  choose,
  codeIn,
  enterCode,
  expireClaims,
  factOf,
  forgetClaims,
  heading,
  messageTo,
  openRecord,
  operate,
  runScheduled,
  setHolder,
  startOf,
  stepUp,
  submit,
  visitor,
  wordsOf,
  wrongCode,
} from "./ownership.mjs";
import {
  EXTREMES,
  askControl,
  checkAccessible,
  launch,
  openPage,
  portal,
  resetOrigins,
  setOrigin,
} from "./support.mjs";

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

const t = wordsOf("en");
const check = (page, where) => checkAccessible(page, where, EXTREMES);
const alertOf = (page) => page.getByRole("alert");

/** Opens the record as `visit`'s person. */
const arrive = async (visit) => {
  visit.record = await openRecord(visit.page, visit.car, visit.person.login, visit.language);
  return visit;
};

/** Begins a proof by a code to the contact on record, the `count`th; returns the code. */
async function beginByContact(visit, count = 1) {
  const { page, car } = visit;
  await begin(visit, "contact-code", () =>
    page.getByLabel(t("contact-email")).fill(car.contact.email),
  );
  return (await messageTo(car.contact.email, "contact_code", count)).code;
}

/** A person who holds the car by a code to the contact on record. */
async function holder(wish) {
  const visit = await arrive(await visitor(browser, wish));
  await enterCode(visit.page, t, await beginByContact(visit));
  await heading(visit.page, t("held-title"));
  return visit;
}

/** A person who holds the car by a code that it shows. */
async function weakHolder(wish) {
  const visit = await arrive(await visitor(browser, { market: "us", ...wish }));
  await begin(visit, "vehicle-code");
  await enterCode(visit.page, t, await codeIn(visit.car.vin));
  await heading(visit.page, t("held-title"));
  return visit;
}

/** The record as members see it: nothing of the owner's part. */
async function checkMember({ page, record, car }) {
  await page.goto(record);
  await page.getByText(t("withheld-prove")).first().waitFor();
  assert.equal(await page.locator("#holder").count(), 0);
  assert.equal(await page.getByText(car.vin).count(), 0);
}

test("five wrong codes end a proof, and another one can be started", async () => {
  const visit = await arrive(await visitor(browser, { market: "de" }));
  const { page, faults, context } = visit;
  const code = await beginByContact(visit);
  for (const left of [4, 3, 2, 1]) {
    await enterCode(page, t, wrongCode(code));
    await alertOf(page).getByText(t("fault-wrong-code")).waitFor();
    assert.equal(await factOf(page, t("proof-attempts")).innerText(), String(left));
  }
  await enterCode(page, t, wrongCode(code));
  await alertOf(page).getByText(t("fault-failed")).waitFor();
  await check(page, "proof without attempts");
  assert.equal(await page.getByLabel(t("proof-code"), { exact: true }).count(), 0);
  await startOf(page, t, "keeper-document").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("a code that comes too late is not taken, and the page says so", async () => {
  const visit = await arrive(await visitor(browser, { market: "de" }));
  const { page, context } = visit;
  const code = await beginByContact(visit);
  assert.equal(expireClaims(), 1);
  await enterCode(page, t, code);
  await alertOf(page).getByText(t("fault-expired")).waitFor();
  await check(page, "expired proof");
  await startOf(page, t, "contact-code").waitFor();
  await checkMember(visit);
  await context.close();
});

test("a code is pasted as it stands in a message", async () => {
  const visit = await arrive(await visitor(browser, { market: "de" }));
  const { page, context } = visit;
  const code = await beginByContact(visit);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.evaluate((text) => navigator.clipboard.writeText(text), `  ${code}\n`);
  await page.getByLabel(t("proof-code"), { exact: true }).focus();
  await page.keyboard.press("Control+V");
  await page.keyboard.press("Enter");
  await heading(page, t("held-title"));
  await context.close();
});

test("with the keyboard alone", async () => {
  const visit = await arrive(await visitor(browser, { market: "us" }));
  const { page, context } = visit;
  const tabTo = async (what) => {
    const target = await what.elementHandle();
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      if (await target.evaluate((element) => element === document.activeElement)) return;
    }
    assert.fail("Tab does not reach what is next");
  };
  const press = async (what) => {
    await tabTo(what);
    await page.keyboard.press("Enter");
  };
  await press(page.getByRole("link", { name: t("vehicle-prove") }));
  await heading(page, t("ownership-title"));
  await press(startOf(page, t, "vehicle-code"));
  await page.locator("#start").waitFor();
  await press(page.getByRole("button", { name: t("method-vehicle-code-submit") }));
  const code = await codeIn(visit.car.vin);
  await tabTo(page.locator("#code"));
  await page.keyboard.type(code);
  await page.keyboard.press("Enter");
  await heading(page, t("held-title"));
  await context.close();
});

test("a contact that is not on record leads to the same page, and to no message", async () => {
  const visit = await arrive(await visitor(browser, { market: "de" }));
  const { page, context } = visit;
  const textAfter = async (contact) => {
    await begin(visit, "contact-code", () => page.getByLabel(t("contact-email")).fill(contact));
    await page.locator("#code").waitFor();
    return (await page.locator("#proof").innerText()).replace(/\d\d:\d\d/, "");
  };
  const known = await textAfter(visit.car.contact.email);
  await messageTo(visit.car.contact.email, "contact_code");
  await page.goto(visit.record);
  const unknown = await textAfter("nobody@example.com");
  assert.equal(unknown, known);
  const messages = await askControl("GET", "/messages");
  assert.deepEqual(
    messages.filter(({ to }) => to === "nobody@example.com"),
    [],
  );
  await context.close();
});

test("a mobile number, and what is no contact", async () => {
  const visit = await arrive(await visitor(browser, { market: "de" }));
  const { page, context, person, car } = visit;
  await choose(page, t, "contact-code");
  await stepUp(page, t, "de", person.login);
  await page.getByLabel(t("contact-email")).fill("nonsense");
  await submit(page, t("method-contact-code-submit"));
  await alertOf(page).getByRole("link", { name: t("contact-email-invalid") }).click();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "contact");
  assert.equal(await page.getByLabel(t("contact-email")).inputValue(), "nonsense");
  await check(page, "wrong e-mail address");
  await page.getByRole("link", { name: t("contact-use-phone") }).click();
  const field = page.getByLabel(t("contact-phone"));
  assert.equal(await field.getAttribute("autocomplete"), "tel");
  await field.fill("12");
  await submit(page, t("method-contact-code-submit"));
  await alertOf(page).getByText(t("contact-phone-invalid")).waitFor();
  await check(page, "wrong mobile number");
  await page.getByLabel(t("contact-phone")).fill(car.contact.phone);
  await submit(page, t("method-contact-code-submit"));
  const { to } = await askSms();
  assert.equal(to.replace(/\D/g, ""), car.contact.phone.replace(/\D/g, ""));
  await context.close();
});

async function askSms() {
  const find = async () =>
    (await askControl("GET", "/messages")).findLast(({ channel }) => channel === "sms");
  for (let tries = 0; tries < 100; tries += 1) {
    const message = await find();
    if (message) return message;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail("no text message has arrived");
}

test("a fourth proof of the same car on a day says until when there is none", async () => {
  const visit = await arrive(await visitor(browser, { market: "us" }));
  const { page, context } = visit;
  for (let started = 0; started < 3; started += 1) {
    await page.goto(visit.record);
    await begin(visit, "vehicle-code");
    await page.locator("#code").waitFor();
  }
  await page.goto(visit.record);
  await begin(visit, "vehicle-code");
  await alertOf(page).getByText(t("fault-limited")).waitFor();
  await check(page, "too many proofs");
  await context.close();
});

test("a method is locked by others, and the code that the car shows still counts", async () => {
  const stranger = await arrive(await visitor(browser, { market: "us", place: 1 }));
  const { car } = stranger;
  for (let claim = 0; claim < 2; claim += 1) {
    await stranger.page.goto(stranger.record);
    await begin(stranger, "vehicle-code");
    for (let tries = 0; tries < 5; tries += 1) await enterCode(stranger.page, t, "22222222");
    await alertOf(stranger.page).getByText(t("fault-failed")).waitFor();
  }
  const visit = await arrive(await visitor(browser, { market: "us", car }));
  await begin(visit, "vehicle-code");
  await visit.page.locator("#code").waitFor();
  await enterCode(visit.page, t, "22222222");
  await alertOf(visit.page).getByText(t("fault-locked")).waitFor();
  await check(visit.page, "locked method");
  await enterCode(visit.page, t, await codeIn(car.vin, 3));
  await heading(visit.page, t("held-title"));
  await stranger.context.close();
  await visit.context.close();
});

test("a conflict is seen by both sides, until the holder proves the car again", async () => {
  const present = await holder({ market: "de" });
  const { car } = present;
  const other = await arrive(await visitor(browser, { market: "de", car, place: 1 }));

  // By a weak method nothing changes, and the holder is told.
  await begin(other, "keeper-document");
  await other.page.locator("#document_number").fill(car.document.document_number);
  await other.page.locator("#first_registration").fill(car.document.first_registration);
  await submit(other.page, t("proof-submit"));
  await alertOf(other.page).getByText(t("contested-title")).waitFor();
  await other.page.getByText(t("contested-text")).waitFor();
  await check(other.page, "contested proof");
  await runScheduled();
  await messageTo(car.contact.email, "claim_contested");
  await checkMember(other);

  // By a strong one the car changes hands after 72 hours, unless the holder answers.
  await enterCode(other.page, t, await beginByContact(other, 2));
  await other.page.getByText(t("waiting-title")).waitFor();
  await check(other.page, "waiting proof");
  await checkMember(other);
  await present.page.goto(present.record);
  await present.page.getByText(t("holder-contest")).waitFor();
  await check(present.page, "record of a holder whose car another person has proven");
  await present.page.goto(`${portal}/de/garage?lang=en`);
  await present.page.getByText(t("holder-contest")).waitFor();
  await check(present.page, "garage with a conflict");
  await present.page.getByRole("link", { name: t("garage-ownership") }).click();
  await present.page.getByText(t("held-contest-text")).waitFor();
  await present.page.getByText(t("act-verify-contested")).waitFor();
  await check(present.page, "held car with a conflict");
  await startOf(present.page, t, "contact-code").click();
  await stepUp(present.page, t, "de", present.person.login);
  await present.page.getByLabel(t("contact-email")).fill(car.contact.email);
  await submit(present.page, t("method-contact-code-submit"));
  await present.page.locator("#code").waitFor();
  const { code } = await messageTo(car.contact.email, "contact_code", 3);
  await enterCode(present.page, t, code);
  await heading(present.page, t("held-title"));
  assert.equal(await present.page.getByText(t("held-contest-text")).count(), 0);
  await other.page.reload();
  await other.page.goto(`${other.record.split("?")[0]}/ownership?lang=en`);
  assert.equal(await other.page.getByText(t("waiting-title")).count(), 0);
  await present.context.close();
  await other.context.close();
});

test("the contact on record objects by the link of the message, without a sign-in", async () => {
  const visit = await weakHolder();
  const { car } = visit;
  const { link } = await messageTo(car.contact.email, "claim_verified");
  const { page, context, faults } = await openPage(browser);
  await page.goto(link);
  await heading(page, t("objection-title"));
  assert.notEqual(await page.getByLabel(t("objection-code")).inputValue(), "");
  await check(page, "objection");
  await visit.page.reload();
  await heading(visit.page, t("held-title"));
  await submit(page, t("objection-submit"));
  await heading(page, t("objection-done-title"));
  await check(page, "objection that is done");
  await checkMember(visit);
  // A second time changes nothing.
  await page.goto(link);
  await submit(page, t("objection-submit"));
  await heading(page, t("objection-done-title"));
  assert.deepEqual(faults, []);
  await context.close();
  await visit.context.close();
});

test("the contact on record objects by the code of the message, without script", async () => {
  const visit = await weakHolder({ javaScriptEnabled: false });
  const { car, record } = visit;
  const { code } = await messageTo(car.contact.email, "claim_verified");
  const { page, context } = await openPage(browser, { javaScriptEnabled: false });
  await page.goto(`${record.split("?")[0]}/ownership/objection?lang=en`);
  const field = page.getByLabel(t("objection-code"));
  await field.fill("12");
  await submit(page, t("objection-submit"));
  await alertOf(page).getByText(t("proof-code-invalid")).waitFor();
  await field.fill(wrongCode(code));
  await submit(page, t("objection-submit"));
  await alertOf(page).getByText(t("objection-wrong")).waitFor();
  await visit.page.reload();
  await heading(visit.page, t("held-title"));
  await field.fill(code.toLowerCase());
  await submit(page, t("objection-submit"));
  await heading(page, t("objection-done-title"));
  await checkMember(visit);
  await context.close();
  await visit.context.close();
});

test("without a contact on record a weak proof says that personal data stay closed", async () => {
  const car = await carWithContact("us");
  await setHolder("us", car.vin, { contact: null });
  const { page, context } = await weakHolder({ car });
  await page.getByText(t("held-personal-never")).waitFor();
  await check(page, "held without a contact on record");
  await context.close();
});

test("the account of somebody else proves nothing", async () => {
  const visit = await arrive(await visitor(browser, { market: "us" }));
  await setHolder("us", visit.car.vin, { primary_user: { subject: "9", since: "2021-06-01" } });
  await begin(visit, "oem-mapping");
  await alertOf(visit.page).getByText(t("fault-wrong-start")).waitFor();
  await check(visit.page, "account that is not the main user's");
  await visit.context.close();
});

test("a method that is switched off is not offered, and its form says so", async () => {
  const visit = await arrive(await visitor(browser, { market: "us" }));
  const { page, context } = visit;
  await choose(page, t, "vehicle-code");
  const reason = "codes in cars are being read by others";
  await stepUp(page, t, "us", visit.person.login);
  const form = page.url();
  await operate("ownership/methods", { method: "vehicle_code", state: "off", reason });
  try {
    await submit(page, t("method-vehicle-code-submit"));
    await alertOf(page).getByText(t("fault-not-offered")).waitFor();
    await check(page, "method that is off");
    await startOf(page, t, "oem-mapping").waitFor();
    await page.goto(form);
    await alertOf(page).getByText(t("fault-not-offered")).waitFor();
    await startOf(page, t, "oem-mapping").waitFor();
    assert.equal(await startOf(page, t, "vehicle-code").count(), 0);
  } finally {
    await operate("ownership/methods", { method: "vehicle_code", state: "on", reason });
  }
  await context.close();
});

test("a right that customer service ends is gone at once, and the holder is told", async () => {
  const visit = await holder({ market: "de" });
  const { page, car, context } = visit;
  await operate("revocations", { market: "de", vin: car.vin, reason: "the car was stolen" });
  await checkMember(visit);
  await messageTo(car.contact.email, "grant_ended");
  await page.goto(`${portal}/de/garage?lang=en`);
  await page.getByText(t("garage-none")).waitFor();
  await page.getByText(t("end-reason-revoked")).waitFor();
  await page.getByText("the car was stolen").waitFor();
  await check(page, "garage with a car whose proof has ended");
  await context.close();
});

test("a system that fails costs no attempt", async () => {
  const visit = await arrive(await visitor(browser, { market: "de" }));
  const { page, car, context } = visit;
  await begin(visit, "keeper-document");
  await page.locator("#document_number").fill(car.document.document_number);
  await page.locator("#first_registration").fill(car.document.first_registration);
  await setOrigin("de.documents", { fault: "500" });
  await submit(page, t("proof-submit"));
  await alertOf(page).getByText(t("fault-unavailable")).waitFor();
  await check(page, "system that fails");
  assert.equal(await factOf(page, t("proof-attempts")).innerText(), "5");
  await setOrigin("de.documents", { fault: null });
  await submit(page, t("proof-submit"));
  await heading(page, t("held-title"));
  await context.close();
});

test("a form from before the last sign-in is shown again", async () => {
  const visit = await arrive(await visitor(browser, { market: "us" }));
  const { page, context, person, car } = visit;
  await begin(visit, "vehicle-code");
  await page.locator("#code").waitFor();
  const other = await context.newPage();
  await other.goto(`${portal}/us/?lang=en`);
  await other.locator(".masthead__account").getByRole("button").click();
  await other.getByRole("button", { name: "Yes, sign out" }).click();
  await other.waitForURL((url) => url.origin === portal);
  await openRecord(other, car, person.login, "en");
  await enterCode(page, t, await codeIn(car.vin));
  await alertOf(page).getByText(t("fault-stale")).waitFor();
  await check(page, "form from before the last sign-in");
  await enterCode(page, t, await codeIn(car.vin));
  await heading(page, t("held-title"));
  await context.close();
});

test("a dealer's code needs two members of staff of one dealer", async () => {
  const visit = await arrive(await visitor(browser, { market: "de" }));
  const { page, context } = visit;
  await begin(visit, "dealer");
  const code = await page.locator("#dealer-code").innerText();
  assert.match(await attest(browser, "de", "gina", code), /Not attested/);
  assert.match(await attest(browser, "de", "doro", code), /^Attested/);
  assert.match(await attest(browser, "de", "doro", code), /Not attested/);
  assert.match(await attest(browser, "de", "fred", code), /Not attested/);
  await page.locator("#dealer-code").waitFor();
  await submit(page, t("dealer-check"));
  assert.equal(await page.locator("#dealer-code").innerText(), code, "the code stays");
  await page.getByText(t("ownership-back")).waitFor();
  await page.goto(`${visit.record.split("?")[0]}/ownership?lang=en`);
  await page.getByText(t("dealer-lost")).waitFor();
  await check(page, "dealer's code that is not shown again");
  assert.match(await attest(browser, "de", "emil", code), /^Attested/);
  await heading(page, t("held-title"));
  await context.close();
});
