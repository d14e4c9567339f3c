/**
 * Faults of the stand-ins, and their effect on a response.
 * Leaves to others: when a fault applies (lib/front.mjs).
 */

/** Faults that a reserved VIN triggers, with their letters in the VIN. */
export const RESERVED_FAULTS = {
  404: "404",
  429: "429",
  500: "500",
  slow: "SLW",
  hang: "HNG",
  malformed: "MAL",
  truncated: "TRN",
  stalled: "STL",
  oversized: "XXL",
};

/** Faults that the control server accepts. `refuse` closes the port, so no VIN can trigger it. */
export const FAULTS = [...Object.keys(RESERVED_FAULTS), "refuse"];

/** Latency of `slow`, in milliseconds. */
export const SLOW_MS = 1500;
const ERROR_PAGE = `<!doctype html><html><head><title>Error</title></head>
<body><h1>Internal Server Error</h1><p>ABEND S0C7 &amp; nothing else</p></body></html>
`;
const OVERSIZED_BYTES = 4 * 1024 * 1024;

/** Responses of the front itself, without the system behind it. */
export const FIXED_RESPONSES = {
  404: {
    status: 404,
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: Buffer.from("Not Found\n"),
  },
  429: {
    status: 429,
    headers: { "content-type": "application/json", "retry-after": "7" },
    body: Buffer.from('{"error":"quota exceeded"}'),
  },
  500: {
    status: 500,
    headers: { "content-type": "text/html; charset=utf-8" },
    body: Buffer.from(ERROR_PAGE),
  },
};

/** Sends a response with the fault applied to it. */
export function send(res, { status, headers, body }, fault) {
  const sent =
    fault === "malformed"
      ? body.subarray(0, Math.floor(body.length * 0.6))
      : fault === "oversized"
        ? padBody(body)
        : body;
  res.writeHead(status, { ...headers, "content-length": sent.length });
  if (fault === "truncated") return sendPart(res, sent, () => res.destroy());
  if (fault === "stalled") return sendPart(res, sent, () => {});
  return void res.end(sent);
}

/** Appends white space, which keeps XML and JSON valid. */
function padBody(body) {
  return Buffer.concat([body, Buffer.alloc(OVERSIZED_BYTES, " ")]);
}

function sendPart(res, body, then) {
  // The callback runs when the operating system has the bytes, so that closing cannot overtake
  // them.
  res.write(body.subarray(0, Math.max(1, Math.floor(body.length / 2))), () => setTimeout(then, 20));
}
