// .facet[data-state=pending]: filled in place as soon as it is there, by one stream for all of
// them; what the stream does not bring is asked for again by itself. Says in words that it has
// come, or has not.
import { QUIET_LIMIT_MS, follow, streamAddress } from "./events.mjs";
import { poll } from "./poll.mjs";

const announcements = document.getElementById("announcements");
const REQUEST_LIMIT_MS = 10_000;

const pending = () => [...document.querySelectorAll(".facet[data-state=pending][data-fragment]")];
const awaited = pending().length;

function announce(words) {
  if (announcements && words) announcements.textContent = words;
}

/**
 * A facet as an element of this document. Scripts in it would not run: DOMParser makes inert
 * documents.
 */
function sectionOf(html) {
  const section = new DOMParser().parseFromString(html, "text/html").querySelector("section.facet");
  return section && document.importNode(section, true);
}

function put(section, arrived) {
  const hadFocus = section.contains(document.activeElement);
  section.replaceWith(arrived);
  if (hadFocus) arrived.querySelector(".facet__title")?.focus();
  announce(arrived.dataset.arrived);
  showProgress();
}

async function request(address) {
  const answer = await fetch(address, {
    headers: { accept: "text/html" },
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  if (!answer.ok) return { done: false };
  const section = sectionOf(await answer.text());
  if (!section) return { done: false };
  if (section.dataset.state === "pending")
    return { done: false, retryAfterS: Number(section.dataset.retryAfter) };
  return { done: true, value: section };
}

/** Asks for one facet again and again, more and more slowly. */
async function fill(section) {
  const arrived = await poll({
    retryAfterS: Number(section.dataset.retryAfter),
    ask: () => request(section.dataset.fragment),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: () => performance.now(),
  });
  if (arrived) return put(section, arrived);
  section.removeAttribute("aria-busy");
  const reload = section.querySelector(".facet__reload");
  if (reload) reload.hidden = false;
  const status = section.querySelector(".facet__status");
  if (status) status.textContent = section.dataset.gaveUp;
  announce(section.dataset.gaveUp);
  showProgress();
}

/** How many are still awaited; once none is, the line at the head of the record says so. */
function showProgress() {
  const line = document.querySelector(".record__progress");
  if (!line) return;
  const waiting = document.querySelectorAll(".facet[aria-busy=true]").length;
  let bar = line.querySelector("progress");
  if (waiting > 0) {
    if (!bar) {
      bar = document.createElement("progress");
      bar.setAttribute("aria-label", line.textContent.trim());
      line.append(" ", bar);
    }
    bar.max = awaited;
    bar.value = awaited - waiting;
    return;
  }
  bar?.remove();
  if (pending().length === 0) line.textContent = line.dataset.complete;
}

async function begin() {
  const sections = pending();
  for (const section of sections) {
    section.setAttribute("aria-busy", "true");
    const reload = section.querySelector(".facet__reload");
    if (reload) reload.hidden = true;
  }
  showProgress();
  const address = streamAddress(
    sections.map((section) => section.dataset.fragment),
    location.href,
  );
  await follow({
    open: () => new EventSource(address),
    take: ({ name, html }) => {
      const section = sections.find(({ id }) => id === name);
      const arrived = sectionOf(html);
      if (section?.isConnected && arrived && arrived.dataset.state !== "pending")
        put(section, arrived);
    },
    limit: (end) => setTimeout(end, QUIET_LIMIT_MS),
  });
  for (const section of pending()) fill(section);
}

if (awaited > 0) begin();
