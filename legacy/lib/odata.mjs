/**
 * OData services on @sap-ux/fe-mockserver-core: a real $metadata, $filter, $orderby, $top, and in
 * version 2 the `d` envelope and /Date()/. Metadata is in systems/odata/, the rows are in memory.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { redactVins } from "./cars.mjs";
import { proxyTo } from "./front.mjs";

const require = createRequire(import.meta.url);
const FEMockserver = require("@sap-ux/fe-mockserver-core").default;

/** Serves one entity set: `{ respond, stop }`. `rows` are objects in the form of the wire. */
export async function serveOData({ urlPath, metadata, entitySet, rows }) {
  const mockdataPath = "/memory";
  const files = new Map([
    [
      "/memory/metadata.xml",
      readFileSync(new URL(`../systems/odata/${metadata}`, import.meta.url), "utf8"),
    ],
    [`/memory/${entitySet}.json`, JSON.stringify(rows)],
  ]);
  const logger = {
    info() {},
    error: (message) => console.error(`odata: ${redactVins(String(message))}`),
  };
  const service = {
    urlPath,
    metadataPath: "/memory/metadata.xml",
    mockdataPath,
    generateMockData: false,
    strictKeyMode: true,
    logger,
  };
  const mock = new FEMockserver({ services: [service], fileLoader: memoryLoader(files), logger });
  await mock.isReady;
  const router = mock.getRouter();
  const { respond, stop } = await proxyTo((req, res) =>
    router(
      req,
      res,
      (error) => void res.writeHead(error ? 500 : 404, { "content-type": "text/plain" }).end(),
    ),
  );
  return { respond, stop: () => Promise.all([stop(), mock.dispose()]) };
}

/**
 * Server-driven paging: cuts a service's responses into pages of `size` with a link to the next
 * one. The link carries a `$skiptoken`; the caller's `$top` limits all pages together.
 */
export function paginate(size, { respond, stop }) {
  return { stop, respond: (request) => respondWithPage(size, respond, request) };
}

async function respondWithPage(size, respond, request) {
  const [path, search = ""] = request.url.split("?");
  const query = new URLSearchParams(search);
  const from = Number(query.get("$skiptoken") ?? 0);
  const top = Number(query.get("$top") ?? Infinity);
  query.delete("$skiptoken");
  // Asks for one row more than the page holds, which shows if there is a next page.
  query.set("$skip", String(from));
  query.set("$top", String(Math.max(0, Math.min(size + 1, top - from))));
  const { status, headers, body } = await respond({ ...request, url: `${path}?${query}` });
  const whole = status === 200 && JSON.parse(body.toString("utf8"));
  const rows = whole?.d?.results ?? whole?.value;
  if (!rows || rows.length <= size) return { status, headers, body };
  rows.length = size;
  query.delete("$skip");
  if (top < Infinity) query.set("$top", String(top));
  else query.delete("$top");
  query.set("$skiptoken", String(from + size));
  // Version 2 states the absolute URL, version 4 may state a relative one.
  if (whole.d) whole.d.__next = `http://${request.headers.host}${path}?${query}`;
  else whole["@odata.nextLink"] = `${path.slice(path.lastIndexOf("/") + 1)}?${query}`;
  const cut = Buffer.from(JSON.stringify(whole));
  return { status, headers: { ...headers, "content-length": String(cut.length) }, body: cut };
}

/** Makes a file loader for the package over texts in memory. */
function memoryLoader(files) {
  const at = (path) => path.replaceAll("\\", "/").replace(/^[A-Z]:/u, "");
  return class {
    loadFile = async (path) => files.get(at(path));
    loadFileSync = (path) => files.get(at(path));
    exists = async (path) => files.has(at(path));
    existsSync = (path) => files.has(at(path));
    syncSupported = () => true;
    isTypescriptEnabled = () => false;
    // The package loads its own metadata reader by this method as well.
    loadJS = async (path) => require(path).default;
  };
}
