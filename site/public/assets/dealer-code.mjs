// [data-status]: asks if the dealer's staff have confirmed the claim, states how many have, and
// shows the page anew once the state is another one. Without script there is a button for it.
import { poll } from "./poll.mjs";

/** A claim lives as long. */
const CLAIM_MS = 600_000;
const REQUEST_LIMIT_MS = 10_000;

async function claimOf(address) {
  const answer = await fetch(address, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`the status is ${answer.status}`);
  return (await answer.json()).claim;
}

function state(confirmations) {
  const place = document.querySelector("#dealer-confirmed");
  const text = confirmations === 1 ? place.dataset.one : place.dataset.none;
  // The same text again would be announced again.
  if (place.textContent !== text) place.textContent = text;
}

const part = document.querySelector("[data-status]");
if (part) {
  const ask = async () => {
    const claim = await claimOf(part.dataset.status);
    if (claim?.state !== "challenged") return { done: true, value: true };
    state(claim.confirmations);
    return { done: false };
  };
  const isOver = await poll({
    retryAfterS: 3,
    ask,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: () => performance.now(),
    giveUpMs: CLAIM_MS,
  });
  // The page's own address without its form: a reload would send that again.
  if (isOver) location.assign(part.dataset.page);
}
