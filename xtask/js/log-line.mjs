/**
 * Lines of wrangler's log. wrangler frames warnings and errors for people, with colours whatever
 * NO_COLOR says: `▲ [WARNING] {"level":"warn",…}`, `[wrangler:error] Error: …`.
 */
import { format, stripVTControlCharacters } from "node:util";

const FRAME = /^(?:[▲✘] \[(?:WARNING|ERROR)\]|\[wrangler:(?:warn|error)\]) /u;

/** Returns the level of a framed text that wrangler prints as information, else undefined. */
export function levelOf(text) {
  return /^\[wrangler:(warn|error)\] /u.exec(stripVTControlCharacters(String(text)))?.[1];
}

/**
 * Returns the JSON line of a warning or an error, from the arguments of its `console` call: an
 * event of the Worker as it is, any other text as the message of a line of wrangler's.
 */
export function toJsonLine(level, values) {
  const plain = stripVTControlCharacters(format(...values));
  const text = plain.trim().replace(FRAME, "");
  return isJsonObject(text) ? text : JSON.stringify({ level, message: text, source: "wrangler" });
}

function isJsonObject(text) {
  if (!text.startsWith("{")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
