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
    code(id, value, hasFailed);
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

/** A response whose body follows its head, which has so many characters. */
export const respondWith = (status, text, length, count) => respond(status, text.slice(0, length), count, text.slice(length));
