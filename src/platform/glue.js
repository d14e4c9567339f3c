/**
 * The runtime's side of the border to wasm, where one function here saves many crossings: a string that crosses costs one to two
 * microseconds, whatever its length, and an answer has thirty.
 */
/** The instance of wasm that is alive: whom to tell what, and the answers that it owes. After a panic another one takes its place. */
let instance;

/** An instance begins. What the one before it owed it cannot give any more. */
export function listen(settled, woken) {
  if (instance) refuse(instance, new Error("the instance has ended"));
  instance = { settled, woken, answers: new Map() };
}

/** Whoever waits is refused rather than left waiting. */
function refuse({ answers }, error) {
  for (const { failed } of answers.values()) failed(error);
  answers.clear();
}

/** Runs code of an instance. After a panic it has no say any more; the error goes where the module's own listener starts a new one. */
function run(of, code, id, value, hasFailed) {
  try {
    code(id, value, hasFailed, Date.now());
  } catch (error) {
    refuse(of, error);
    // What the runtime says of a closure of an instance that has ended is no panic.
    if (of !== instance) return;
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Tells when a promise settles. */
export function settle(promise, id) {
  const of = instance;
  promise.then((value) => run(of, of.settled, id, value, false), (error) => run(of, of.settled, id, error, true));
}

/** Tells what KV has under a key: text or null; undefined where it takes longer. One crossing instead of four. */
export function readWithin(from, key, milliseconds, id) {
  const of = instance;
  const tell = (value, hasFailed) => run(of, of.settled, id, value, hasFailed);
  from.get(key).then((value) => tell(value, false), (error) => tell(error, true));
  // It ends with its request: to clear it costs more than to let it run, and what it tells then nobody hears.
  setTimeout(() => tell(undefined, false), milliseconds);
}

/** Tells after so many milliseconds. */
export function sleep(milliseconds, id) {
  const of = instance;
  return setTimeout(run, milliseconds, of, of.settled, id, undefined, false);
}

/** Tells that futures are to be looked at, once what runs now has ended. */
export function soon() {
  const of = instance;
  queueMicrotask(() => run(of, of.woken));
}

/** The answer that will come. */
export function promised(id) {
  const { answers } = instance;
  return new Promise((done, failed) => answers.set(id, { done, failed }));
}

/** It is there. */
export function fulfil(id, answer) {
  instance.answers.get(id)?.done(answer);
  instance.answers.delete(id);
}

/** The time, verb, address, and the headers that most routes read, a line each: none of them can hold a line break. */
export function head({ method, url, headers }) {
  return `${Date.now()}\n${method}\n${url}\n${headers.get("traceparent") ?? ""}\n${headers.get("accept") ?? ""}\n${headers.get("if-none-match") ?? ""}`;
}

/** Lists of headers' names that were seen, as they came and apart: a few of ours, and to take names out of a text costs for each. */
const known = new Map();

function namesOf(list) {
  const names = known.get(list);
  if (names || known.size >= 100) return names ?? list.split(",");
  // A copy: the engine's part of a text keeps the whole, which is somebody's page.
  const copy = JSON.parse(JSON.stringify(list));
  known.set(copy, copy.split(","));
  return known.get(copy);
}

/** A response. `head` has the headers' names with commas between them, then their values, a line each. A value with a line break of its own throws. */
export function respond(status, head, body) {
  const lines = head.split("\n");
  const names = namesOf(lines[0]);
  if (lines.length !== names.length + 1) throw new TypeError("a header has a line break");
  const headers = {};
  for (let at = 0; at < names.length; at += 1) headers[names[at]] = lines[at + 1];
  return new Response(body, { status, headers });
}

/** Writes to the log, a line each, and gives a response. The text is body, head and log; the last two have so many characters. */
export function respondWith(status, text, headLength, logLength) {
  const logAt = text.length - logLength;
  if (logLength > 0) log(text.slice(logAt));
  const headAt = logAt - headLength;
  return respond(status, text.slice(headAt, logAt), text.slice(0, headAt));
}

/** Writes lines to the log. */
export function log(lines) {
  for (const line of lines.split("\n")) console.log(line);
}
