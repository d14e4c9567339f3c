/**
 * The French telematics: a record of 80 bytes in EBCDIC (cp1140) with HTTP Basic, as its mainframe
 * takes all orders. State 00 shows a code in the car, 04 is a car that is not connected.
 */
import { carOf } from "../lib/cars.mjs";
import { basic } from "../lib/http-auth.mjs";
import { showCode } from "../lib/ownership.mjs";
import { fieldWriter } from "../lib/record.mjs";

const { decode, text } = fieldWriter(1140);
/** `AFF1`, the VIN, the code. */
const REQUEST = /^AFF1([A-Z0-9]{17})([A-Z0-9]{4} [A-Z0-9]{4})\*$/u;

export const system = {
  name: "fr.headunit",
  host: "https://telematique.fr.example.com",
  secret: "FR_HEADUNIT_BASIC",
  secret_form: "user:password",
  latency_ms: 110,
  checkHttp: basic("TELEMATIQUE"),
  textOf: (body) => REQUEST.exec(decode(body))?.[1] ?? "",
  start: async () => ({ respond: async (request) => show(request) }),
};

function show({ method, url, body }) {
  if (url !== "/cics/AFF1" || method !== "POST")
    return { status: 404, headers: {}, body: Buffer.alloc(0) };
  const [, vin, code] = REQUEST.exec(decode(body)) ?? [];
  const car = vin && carOf("fr", vin);
  if (car) showCode("fr", car.vin, code);
  return {
    status: 200,
    headers: { "content-type": "application/octet-stream" },
    body: text(!vin ? "16" : car ? "00" : "04", 80),
  };
}
