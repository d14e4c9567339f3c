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
