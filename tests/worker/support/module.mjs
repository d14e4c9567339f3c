// Runs JavaScript modules of src/platform by themselves in workerd, around an entry of the test.
import { readFileSync } from "node:fs";
import http from "node:http";
import { fileURLToPath } from "node:url";

import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const read = (name) =>
  readFileSync(fileURLToPath(new URL(`../../../src/platform/${name}`, import.meta.url)), "utf8");

/** Starts `entry`, which imports the modules as `./<name>`. Gives `{ ask, end }`. */
export async function runModules(names, entry) {
  const worker = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      telemetry: { enabled: false },
      logRequests: false,
      workers: [
        {
          name: "module",
          compatibilityDate: "2026-11-01",
          modules: [
            { type: "ESModule", path: "entry.js", contents: entry },
            ...names.map((name) => ({ type: "ESModule", path: name, contents: read(name) })),
          ],
        },
      ],
    }),
  );
  const url = await worker.ready;
  return {
    /** Posts a value as JSON. Gives `{ status, headers, rawHeaders, text }`. */
    ask(value) {
      return new Promise((done, failed) => {
        const request = http.request(url, { method: "POST" }, async (response) => {
          const chunks = [];
          for await (const chunk of response) chunks.push(chunk);
          done({
            status: response.statusCode,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            text: Buffer.concat(chunks).toString("utf8"),
          });
        });
        request.once("error", failed).end(JSON.stringify(value));
      });
    },
    end: () => worker.dispose(),
  };
}
