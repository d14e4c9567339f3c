// When to ask again for something that is still being fetched. No DOM and no clock here: both are
// passed in.

/** After this long, waiting ends with words instead of another request. */
export const GIVE_UP_MS = 30_000;

const SLOWER = 1.6;
const MAX_MS = 8_000;

/**
 * The pause before each attempt: first the server's wish, then longer and longer.
 * @param {number} retryAfterS what the server asked for, in seconds
 * @param {number} attempt 0 for the first one
 * @returns {number} milliseconds
 */
export function pauseMs(retryAfterS, attempt) {
  const wish = Number.isFinite(retryAfterS) && retryAfterS > 0 ? retryAfterS * 1000 : 2000;
  return Math.min(Math.max(wish, 250) * SLOWER ** attempt, MAX_MS);
}

/**
 * Asks until there is an answer or half a minute is over.
 * @template T
 * @param {object} options
 * @param {number} options.retryAfterS the server's first wish, in seconds
 * @param {() => Promise<{done: true, value: T} | {done: false, retryAfterS?: number}>} options.ask
 * may reject: asked again
 * @param {(ms: number) => Promise<void>} options.sleep
 * @param {() => number} options.now milliseconds
 * @param {number} [options.giveUpMs]
 * @returns {Promise<T | undefined>} the answer, or undefined when none came
 */
export async function poll({ retryAfterS, ask, sleep, now, giveUpMs = GIVE_UP_MS }) {
  const end = now() + giveUpMs;
  let wish = retryAfterS;
  for (let attempt = 0; ; attempt += 1) {
    const pause = pauseMs(wish, attempt);
    if (now() + pause > end) return undefined;
    await sleep(pause);
    try {
      const answer = await ask();
      if (answer.done) return answer.value;
      wish = answer.retryAfterS ?? wish;
    } catch {
      // A failed request is like one without an answer: the next pause is longer.
    }
  }
}
