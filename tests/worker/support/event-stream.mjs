// A stream of events that stays open while a test does something else.
import http from "node:http";

const LIMIT_MS = 15_000;

/**
 * Opens a stream as a member, or as anybody. Gives `{ status, text(), until(facet), end() }`:
 * `until` waits for the event of a facet or the end, `end` for the end, and gives all that came.
 */
export function openStream(url, token) {
  return new Promise((done, failed) => {
    const headers = {
      accept: "text/event-stream",
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const request = http.get(url, { headers }, (response) => {
      let text = "";
      let isOver = false;
      const ended = new Promise((over) => response.once("close", over)).then(() => {
        isOver = true;
      });
      response.setEncoding("utf8").on("data", (more) => (text += more));
      const late = new Promise((_, no) => {
        const error = () => no(new Error(`the stream has not ended: ${text}`));
        setTimeout(error, LIMIT_MS).unref();
      });
      late.catch(() => {});
      done({
        status: response.statusCode,
        text: () => text,
        async until(facet) {
          const limit = performance.now() + LIMIT_MS;
          while (!isOver && !text.includes(`"name":"${facet}"`)) {
            if (performance.now() > limit) throw new Error(`no ${facet} in the stream: ${text}`);
            await new Promise((go) => setTimeout(go, 20));
          }
        },
        async end() {
          await Promise.race([ended, late]);
          return text;
        },
      });
    });
    request.once("error", failed);
  });
}
