// Feedback on a VIN during typing: site/public/assets/vin.mjs.
import assert from "node:assert/strict";
import test from "node:test";
import { VIN_LENGTH, assess, countText } from "../../site/public/assets/vin.mjs";

test("spaces and hyphens do not count", () => {
  assert.equal(assess("WP0 ZZZ-99Z TS392124").count, VIN_LENGTH);
  assert.equal(assess("").count, 0);
  assert.equal(assess("\u00a0 - \t").count, 0);
});

test("characters outside the basic plane count once", () => {
  assert.equal(assess("🚗A").count, 2);
});

test("only I, O and Q are noticed, in either case", () => {
  for (const typed of ["WPO", "wpo", "I", "q"]) {
    assert.equal(assess(typed).looksLikeDigit, true, typed);
  }
  for (const typed of ["WP0", "1", "", "İ"]) {
    assert.equal(assess(typed).looksLikeDigit, false, typed);
  }
});

test("a count is placed in its sentence", () => {
  assert.equal(countText("{n} von 17 Zeichen", 5), "5 von 17 Zeichen");
});
