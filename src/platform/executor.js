/**
 * The runtime's half of the executor (executor.rs). One function here saves several crossings into
 * wasm: a string that crosses costs one to two microseconds, whatever its length.
 */
/** The live instance of wasm: its two entries, and the promises that it owes by task. */
let instance;

/** Registers a new instance and rejects the promises that the previous one still owes. */
export function register(settled, tick) {
  if (instance) rejectAll(instance, new Error("the instance has ended"));
  instance = { settled, tick, promises: new Map() };
}

function rejectAll({ promises }, error) {
  for (const { reject } of promises.values()) reject(error);
  promises.clear();
}

/**
 * Calls an entry of an instance. If it panics, the promises that it owes are rejected, and the
 * error goes to the entry module's listener, which starts another instance.
 */
function enter(owner, entry, id, value, hasFailed) {
  try {
    entry(id, value, hasFailed, Date.now());
  } catch (error) {
    rejectAll(owner, error);
    // An entry of an instance that has ended throws too; that is no panic.
    if (owner !== instance) return;
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Settles an operation with a promise. */
export function settle(promise, id) {
  const owner = instance;
  promise.then(
    (value) => enter(owner, owner.settled, id, value, false),
    (error) => enter(owner, owner.settled, id, error, true),
  );
}

/**
 * Reads a key of KV and settles an operation with text or null, or with undefined after the limit.
 * One crossing in place of four.
 */
export function readWithin(namespace, key, milliseconds, id) {
  const owner = instance;
  const settled = (value, hasFailed) => enter(owner, owner.settled, id, value, hasFailed);
  namespace.get(key).then((value) => settled(value, false), (error) => settled(error, true));
  // The timer ends with its request: clearing it costs more, and a late outcome is ignored.
  setTimeout(() => settled(undefined, false), milliseconds);
}

/** Settles an operation after some milliseconds; returns the timer's handle. */
export function sleep(milliseconds, id) {
  const owner = instance;
  return setTimeout(enter, milliseconds, owner, owner.settled, id, undefined, false);
}

/** Schedules a tick for the end of the running code. */
export function schedule() {
  const owner = instance;
  queueMicrotask(() => enter(owner, owner.tick));
}

/** Makes the promise of a task's output. */
export function promise(id) {
  const { promises } = instance;
  return new Promise((resolve, reject) => promises.set(id, { resolve, reject }));
}

/** Fulfils the promise of a task. */
export function fulfil(id, output) {
  instance.promises.get(id)?.resolve(output);
  instance.promises.delete(id);
}
