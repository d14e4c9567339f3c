/** Forms and pages over plain HTTP. */
const BODY_LIMIT = 16_384;

/** Reads a form, cut off at the limit. */
export async function readForm(req) {
  const chunks = [];
  let length = 0;
  for await (const chunk of req) {
    length += chunk.length;
    if (length > BODY_LIMIT) break;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}

/** Sends a page that nobody stores. */
export function sendPage(res, status, html) {
  res
    .writeHead(status, {
      "cache-control": "no-store",
      "content-type": "text/html; charset=utf-8",
      "content-length": Buffer.byteLength(html),
    })
    .end(html);
}
