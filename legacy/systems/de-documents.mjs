/**
 * The German registration office: a mainframe behind an HTTP gateway that checks the printed data
 * of a registration document. Records in EBCDIC for Germany (cp273). Status 00 confirms and states
 * the day since which the keeper is on record, 01 does not, 04 is an unknown car.
 */
import { basic } from "../lib/http-auth.mjs";
import { holderOf } from "../lib/ownership.mjs";
import { CP273, digits, fieldWriter } from "../lib/record.mjs";

const { decode, text } = fieldWriter(CP273);
/** `DOK1`, the VIN, the number to twenty places, the day of the first registration. */
const REQUEST = /^DOK1([A-Z0-9]{17})([A-Z0-9]{4,20}) *(\d{4}-\d\d-\d\d)$/u;

export const system = {
  name: "de.documents",
  host: "https://zulassung.de.example.com",
  secret: "DE_DOCUMENTS_BASIC",
  secret_form: "user:password",
  latency_ms: 90,
  checkHttp: basic("ZULASSUNG"),
  textOf: (body) => REQUEST.exec(decode(body))?.[1] ?? "",
  start: async () => ({ respond: async (request) => check(request) }),
};

function check({ method, url, body }) {
  const plain = (status, message) => ({
    status,
    headers: { "content-type": "text/plain" },
    body: Buffer.from(`${message}\n`),
  });
  if (url !== "/pruefung") return plain(404, "no such queue");
  if (method !== "POST") return plain(405, "POST a record");
  const [, vin, number, first] = REQUEST.exec(decode(body)) ?? [];
  if (!vin) return plain(400, "bad record");
  const holder = holderOf("de", vin);
  const { document, registration } = holder ?? {};
  const isRight = document?.document_number === number && document.first_registration === first;
  const status = !document ? "04" : isRight ? "00" : "01";
  const since = isRight ? digits(registration.registered_on) : undefined;
  return {
    status: 200,
    headers: { "content-type": "application/octet-stream" },
    body: Buffer.concat([text(status, 2), text(since, 8)]),
  };
}
