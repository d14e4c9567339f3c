// .vin-field: counts characters and explains I, O and Q while somebody types. Never stops the form
// from being sent.
import { assess, countText } from "./vin.mjs";

function enhance(field) {
  const input = field.querySelector("input[name=vin]");
  const count = field.querySelector(".vin-field__count");
  const advice = field.querySelector(".vin-field__advice");
  if (!input || !count || !advice) return;

  count.id = "vin-count";
  input.setAttribute(
    "aria-describedby",
    `${input.getAttribute("aria-describedby") ?? ""} vin-count`.trim(),
  );

  const showCount = () => {
    count.hidden = false;
    count.textContent = countText(field.dataset.count ?? "{n}", assess(input.value).count);
  };
  // Advice begins with typing: before that, the server's own words about the last attempt stand.
  const showAdvice = () => {
    const found = assess(input.value);
    const words = found.looksLikeDigit ? (field.dataset.ioq ?? "") : "";
    // Written only when it changes: a live region is read out each time it is written.
    if (advice.textContent !== words) advice.textContent = words;
  };
  input.addEventListener("input", showCount);
  input.addEventListener("input", showAdvice);
  showCount();
}

for (const field of document.querySelectorAll(".vin-field")) enhance(field);
