// A stream of parts of a page. No DOM here: what opens the stream and what takes a part are passed
// in.

/** An origin has at most half a minute; a stream that says nothing for longer is broken. */
export const QUIET_LIMIT_MS = 40_000;

/**
 * The address of one stream for several parts, from the addresses of the parts.
 * @param {string[]} addresses each with `?fragment=<name>`, all alike otherwise
 * @param {string} base the page's own address
 */
export function streamAddress(addresses, base) {
  const all = addresses.map((address) => new URL(address, base));
  const [first] = all;
  first.searchParams.set(
    "fragment",
    all.map((address) => address.searchParams.get("fragment")).join(","),
  );
  return first.href;
}

/**
 * Takes parts from a stream until it ends, breaks, or says nothing for too long. Never rejects: who
 * calls looks at what is missing.
 * @param {object} options
 * @param {() => EventTarget & {close(): void}} options.open opens the stream
 * @param {(part: {name: string, html: string}) => void} options.take
 * @param {(end: () => void) => void} options.limit calls `end` when the stream has taken too long
 * @returns {Promise<void>}
 */
export function follow({ open, take, limit }) {
  return new Promise((resolve) => {
    let stream;
    const end = () => {
      stream?.close();
      resolve();
    };
    try {
      stream = open();
    } catch {
      return end();
    }
    stream.addEventListener("facet", (event) => {
      try {
        take(JSON.parse(event.data));
      } catch {
        // One part that does not read is asked for again by itself.
      }
    });
    // By itself it would connect again, and begin anew.
    for (const last of ["done", "problem", "error"]) stream.addEventListener(last, end);
    limit(end);
  });
}
