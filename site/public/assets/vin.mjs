// What can be said about a VIN while it is being typed. No DOM here. The server decides; this only
// helps.

/** Characters of a VIN (ISO 3779). */
export const VIN_LENGTH = 17;

/**
 * Counts the characters of `typed` as the server does, without spaces and hyphens, and says whether
 * one of them is a letter that no VIN has.
 * @param {string} typed
 * @returns {{count: number, looksLikeDigit: boolean}}
 */
export function assess(typed) {
  const characters = [...typed.replace(/[\s-]/gu, "")];
  return { count: characters.length, looksLikeDigit: characters.some((c) => "IOQioq".includes(c)) };
}

/**
 * Puts a count into its sentence: `{n} of 17 characters`.
 * @param {string} sentence
 * @param {number} count
 */
export function countText(sentence, count) {
  return sentence.replace("{n}", String(count));
}
