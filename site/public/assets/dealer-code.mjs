// [data-status]: asks if the dealer has confirmed the claim, and shows the page anew once the state
// is another one. Without script there is a link for it.
import { poll } from "./poll.mjs";

/** A claim lives as long. */
const CLAIM_MS = 600_000;
const REQUEST_LIMIT_MS = 10_000;

async function stateOf(address) {
  const answer = await fetch(address, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  return answer.ok ? (await answer.json()).claim?.state : "challenged";
}

const part = document.querySelector("[data-status]");
if (part) {
  const ask = async () => {
    const state = await stateOf(part.dataset.status);
    return state === "challenged" ? { done: false } : { done: true, value: true };
  };
  const isOver = await poll({
    retryAfterS: 3,
    ask,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: () => performance.now(),
    giveUpMs: CLAIM_MS,
  });
  // The page's own address without its form: a reload would send that again.
  if (isOver) location.assign(part.querySelector("a.button").href);
}
