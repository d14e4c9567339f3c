// .facet[data-state=pending]: filled in place as soon as it is there, by one stream for all of
// them; what the stream does not bring is asked for again by itself. Says in words that it has
// come, has failed, or is still awaited. .facet__retry: asks for a failed one again in place.
import { QUIET_LIMIT_MS, follow, streamAddress } from "./events.mjs";
import { poll } from "./poll.mjs";

const announcements = document.getElementById("announcements");
const REQUEST_LIMIT_MS = 10_000;
const AT_ONCE_S = 0.25;

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
  if (arrived.dataset.title) showTitle(arrived.dataset.title);
  offerRetry(arrived);
  showProgress();
}

/** The heading of a page that came before the car's make and model. */
function showTitle(title) {
  const heading = document.querySelector(".record[data-waiting] h1");
  if (!heading) return;
  document.title = document.title.replace(heading.textContent.trim(), title);
  heading.textContent = title;
}

/** The link of a failed facet asks for it again in place. */
function offerRetry(section) {
  section.querySelector(".facet__retry")?.addEventListener("click", (event) => {
    event.preventDefault();
    section.setAttribute("aria-busy", "true");
    event.currentTarget.closest(".facet__reload").hidden = true;
    announce(section.dataset.asked);
    fill(section);
  });
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
    retryAfterS: Number(section.dataset.retryAfter ?? AT_ONCE_S),
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
    bar.max = Math.max(awaited, waiting);
    bar.value = bar.max - waiting;
    return;
  }
  bar?.remove();
  const isIncomplete = pending().length > 0 || document.querySelector(".facet[data-failed]");
  line.textContent = isIncomplete ? line.dataset.incomplete : line.dataset.complete;
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
    open: () => {
      const stream = new EventSource(address);
      // The car is unknown, or its owner's right has ended: a page that waits for it says so.
      stream.addEventListener("problem", () => {
        if (document.querySelector(".record[data-waiting]")) location.reload();
      });
      return stream;
    },
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

for (const section of document.querySelectorAll(".facet[data-failed]")) offerRetry(section);
if (awaited > 0) begin();
