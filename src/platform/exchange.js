/**
 * Requests and responses as texts: a string that crosses into wasm costs one to two microseconds,
 * whatever its length, and a response has thirty.
 */
import { log } from "./log.js";

/**
 * The time, the method, the URL and the headers that most routes read, a line each: none of them
 * can hold a line break.
 */
export function head({ method, url, headers }) {
  const get = (name) => headers.get(name) ?? "";
  const values = [
    get("traceparent"),
    get("accept"),
    get("if-none-match"),
    get("cookie"),
    get("authorization"),
  ];
  return `${Date.now()}\n${method}\n${url}\n${values.join("\n")}`;
}

/** Lists of header names that were seen, as texts and split: there are few, and splitting costs. */
const known = new Map();

function split(list) {
  const found = known.get(list);
  if (found) return found;
  const names = list.split(",");
  const entry = { names, isDistinct: new Set(names).size === names.length };
  if (known.size >= 100) return entry;
  // A copy: the engine's slice of a text keeps the whole text alive, which is somebody's page.
  const copy = JSON.parse(JSON.stringify({ list, entry }));
  known.set(copy.list, copy.entry);
  return copy.entry;
}

/**
 * Makes a response. `head` holds the header names with commas between them, then their values, a
 * line each. A name may occur several times; each value then becomes a header of its own. A value
 * with a line break throws.
 */
export function respond(status, head, body) {
  const lines = head.split("\n");
  const { names, isDistinct } = split(lines[0]);
  if (lines.length !== names.length + 1) throw new TypeError("a header has a line break");
  // A plain object costs less than Headers, but holds a name once.
  const headers = isDistinct ? {} : new Headers();
  for (let at = 0; at < names.length; at += 1) {
    if (isDistinct) headers[names[at]] = lines[at + 1];
    else headers.append(names[at], lines[at + 1]);
  }
  return new Response(body, { status, headers });
}

/**
 * Writes to the log, a line each, and makes a response. The text is body, head and log; the last
 * two have the given lengths in characters.
 */
export function respondWith(status, text, headLength, logLength) {
  const logAt = text.length - logLength;
  if (logLength > 0) log(text.slice(logAt));
  const headAt = logAt - headLength;
  return respond(status, text.slice(headAt, logAt), text.slice(0, headAt));
}
