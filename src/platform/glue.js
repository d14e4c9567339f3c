/**
 * The runtime's side of the border to wasm, where one function here saves many crossings: a string that crosses costs one to two
 * microseconds, whatever its length, and an answer has thirty.
 */
let settled;
let woken;

/** Remembers whom to tell: the instance that is alive. After a panic another one takes its place. */
export function listen(onSettled, onWoken) {
  settled = onSettled;
  woken = onWoken;
}

/** Tells when a promise settles. */
export function settle(promise, id) {
  const listener = settled;
  promise.then((value) => listener(id, value, false), (error) => listener(id, error, true));
}

/** Tells after so many milliseconds. */
export function sleep(milliseconds, id) {
  const listener = settled;
  return setTimeout(() => listener(id, undefined, false), milliseconds);
}

/** Tells that futures are to be looked at, once what runs now has ended. */
export function soon() {
  queueMicrotask(woken);
}

const answers = new Map();

/** The answer that will come. */
export function promised(id) {
  return new Promise((done) => answers.set(id, done));
}

/** It is there. */
export function fulfil(id, answer) {
  answers.get(id)(answer);
  answers.delete(id);
}

/** Verb, address, and the headers that most routes read, a line each: none of them can hold a line break. */
export function head({ method, url, headers }) {
  return `${method}\n${url}\n${headers.get("traceparent") ?? ""}\n${headers.get("accept") ?? ""}\n${headers.get("if-none-match") ?? ""}`;
}

/** A response. `head` has the names and values of so many headers in turn, a line each. A value with a line break of its own throws. */
export function respond(status, head, count, body) {
  const lines = head.split("\n");
  if (lines.length !== 2 * count) throw new TypeError("a header has a line break");
  const headers = {};
  for (let at = 0; at < lines.length; at += 2) headers[lines[at]] = lines[at + 1];
  return new Response(body, { status, headers });
}

/** A response whose body is a part of wasm's memory, which is copied: the runtime would read it later. */
export const respondWith = (status, head, count, body) => respond(status, head, count, body.slice());
