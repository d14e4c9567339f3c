/**
 * The British notification queue: a mainframe behind an HTTP gateway. A message is a fixed-width
 * record in EBCDIC (cp037), with the Idempotency-Key beside it; the answer is a return code.
 */
import { header } from "../lib/http-auth.mjs";
import { keepMessage, messages } from "../lib/ownership.mjs";
import { fieldWriter } from "../lib/record.mjs";

const { decode, zoned } = fieldWriter(37);
/** `MSG1`, then the fields with their widths. */
const FIELDS = [
  ["kind", 24],
  ["channel", 8],
  ["to", 200],
  ["code", 9],
  ["link", 300],
  ["locale", 8],
];

export const system = {
  name: "gb.messages",
  host: "https://notify.gb.example.com",
  secret: "GB_MESSAGES_KEY",
  secret_form: "the key",
  latency_ms: 50,
  checkHttp: header("X-Gateway-Key"),
  textOf: () => "",
  start: async () => ({ respond: async (request) => put(request) }),
};

function put({ method, url, headers, body }) {
  const record = (code) => ({
    status: 200,
    headers: { "content-type": "application/octet-stream" },
    body: zoned(code, 4),
  });
  if (url !== "/cics/NTFY" || method !== "POST")
    return { status: 404, headers: {}, body: Buffer.alloc(0) };
  const text = decode(body);
  const length = FIELDS.reduce((sum, [, width]) => sum + width, 4);
  if (!text.startsWith("MSG1") || text.length !== length) return record(16);
  let at = 4;
  const message = {};
  for (const [name, width] of FIELDS) {
    message[name] = text.slice(at, at + width).trim();
    at += width;
  }
  const key = headers["idempotency-key"];
  if (!messages.some((one) => one.market === "gb" && one.key === key))
    keepMessage("gb", { key, ...message });
  return record(0);
}
