/**
 * OData services on @sap-ux/fe-mockserver-core: a real $metadata, $filter, $orderby, $top, and in version 2 the `d`
 * envelope and /Date()/. Metadata stands in systems/odata/, the rows are held in memory.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { withoutVins } from "./cars.mjs";
import { behind } from "./front.mjs";

const require = createRequire(import.meta.url);
const FEMockserver = require("@sap-ux/fe-mockserver-core").default;

/** Serves one entity set: `{ answer, stop }`. `rows` are objects as the wire shows them. */
export async function serveOData({ urlPath, metadata, entitySet, rows }) {
  const mockdataPath = "/memory";
  const files = new Map([
    ["/memory/metadata.xml", readFileSync(new URL(`../systems/odata/${metadata}`, import.meta.url), "utf8")],
    [`/memory/${entitySet}.json`, JSON.stringify(rows)],
  ]);
  const logger = { info() {}, error: (message) => console.error(`odata: ${withoutVins(String(message))}`) };
  const service = { urlPath, metadataPath: "/memory/metadata.xml", mockdataPath, generateMockData: false, strictKeyMode: true, logger };
  const mock = new FEMockserver({ services: [service], fileLoader: loaderOver(files), logger });
  await mock.isReady;
  const router = mock.getRouter();
  const { answer, stop } = await behind((req, res) =>
    router(req, res, (error) => void res.writeHead(error ? 500 : 404, { "content-type": "text/plain" }).end()),
  );
  return { answer, stop: () => Promise.all([stop(), mock.dispose()]) };
}

/**
 * Cuts a service's answers into pages, as a server does on its own account: a page says where the next one is. The place is a
 * `$skiptoken`; `$top` of the caller limits all pages together.
 */
export function inPages(size, { answer, stop }) {
  return { stop, answer: (request) => page(size, answer, request) };
}

async function page(size, answer, request) {
  const [path, search = ""] = request.url.split("?");
  const query = new URLSearchParams(search);
  const from = Number(query.get("$skiptoken") ?? 0);
  const most = Number(query.get("$top") ?? Infinity);
  query.delete("$skiptoken");
  // One more than the page holds, to know whether there is one.
  query.set("$skip", String(from));
  query.set("$top", String(Math.max(0, Math.min(size + 1, most - from))));
  const { status, headers, body } = await answer({ ...request, url: `${path}?${query}` });
  const whole = status === 200 && JSON.parse(body.toString("utf8"));
  const rows = whole?.d?.results ?? whole?.value;
  if (!rows || rows.length <= size) return { status, headers, body };
  rows.length = size;
  query.delete("$skip");
  if (most < Infinity) query.set("$top", String(most));
  else query.delete("$top");
  query.set("$skiptoken", String(from + size));
  // Version 2 names the whole address, version 4 may leave out what is that of the request.
  if (whole.d) whole.d.__next = `http://${request.headers.host}${path}?${query}`;
  else whole["@odata.nextLink"] = `${path.slice(path.lastIndexOf("/") + 1)}?${query}`;
  const cut = Buffer.from(JSON.stringify(whole));
  return { status, headers: { ...headers, "content-length": String(cut.length) }, body: cut };
}

/** A file loader, as the package wants one, over texts in memory. */
function loaderOver(files) {
  const at = (path) => path.replaceAll("\\", "/").replace(/^[A-Z]:/u, "");
  return class {
    loadFile = async (path) => files.get(at(path));
    loadFileSync = (path) => files.get(at(path));
    exists = async (path) => files.has(at(path));
    existsSync = (path) => files.has(at(path));
    syncSupported = () => true;
    isTypescriptEnabled = () => false;
    // The package's own metadata reader comes this way as well.
    loadJS = async (path) => require(path).default;
  };
}
