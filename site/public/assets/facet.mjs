// .facet[data-state=pending]: fetched again by itself and replaced in place. Says in words that it has come, or has not.
import { poll } from "./poll.mjs";

const announcements = document.getElementById("announcements");
const REQUEST_LIMIT_MS = 10_000;

function announce(words) {
  if (announcements && words) announcements.textContent = words;
}

/** The facet of an answer, as an element of this document. Scripts in it would not run: DOMParser makes inert documents. */
async function request(address) {
  const answer = await fetch(address, {
    headers: { accept: "text/html" },
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  if (!answer.ok) return { done: false };
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const section = parsed.querySelector("section.facet");
  if (!section) return { done: false };
  if (section.dataset.state === "pending") return { done: false, retryAfterS: Number(section.dataset.retryAfter) };
  return { done: true, value: document.importNode(section, true) };
}

async function fill(section) {
  const reload = section.querySelector(".facet__reload");
  if (reload) reload.hidden = true;
  const arrived = await poll({
    retryAfterS: Number(section.dataset.retryAfter),
    ask: () => request(section.dataset.fragment),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: () => performance.now(),
  });
  if (!arrived) {
    if (reload) reload.hidden = false;
    const note = section.querySelector(".facet__note");
    if (note) note.textContent = section.dataset.gaveUp;
    return announce(section.dataset.gaveUp);
  }
  const hadFocus = section.contains(document.activeElement);
  section.replaceWith(arrived);
  if (hadFocus) arrived.querySelector(".facet__title")?.focus();
  announce(arrived.dataset.arrived);
  showProgress();
}

/** Once nothing is pending any more, the line at the head of the record says so. */
function showProgress() {
  const line = document.querySelector(".record__progress");
  const waiting = document.querySelector(".facet[data-state=pending]");
  if (line && !waiting) line.textContent = line.dataset.complete;
}

for (const section of document.querySelectorAll(".facet[data-state=pending][data-fragment]")) fill(section);
