/**
 * The German registry: a mainframe behind an HTTP gateway. Fixed-width records in EBCDIC for
 * Germany (cp273), numbers in packed decimal, inspections as a table of eight with a counter. An
 * unknown car has the status 04.
 */
import { carOf } from "../lib/cars.mjs";
import { basic } from "../lib/http-auth.mjs";
import { currentRegistration } from "../lib/ownership.mjs";
import { CP273, digits, gateway, fieldWriter } from "../lib/record.mjs";
import { inspectionsOf } from "../lib/records.mjs";

const STATES = { registered: "Z", deregistered: "A", scrapped: "V", stolen: "D", exported: "X" };
const USAGES = { private: "P", commercial: "G", taxi: "T", rental: "V" };
const INSPECTIONS = 8;
const LENGTH = 232;
const { blanks, decode, packed, text, zoned } = fieldWriter(CP273);

/** `REQ1`, the VIN, the country. */
const vinOf = (body) => /^REQ1([A-Z0-9]{17})DE$/iu.exec(decode(body))?.[1];

export const system = {
  name: "de.registry",
  host: "https://mq.de.example.com",
  secret: "DE_REGISTRY_BASIC",
  secret_form: "user:password",
  latency_ms: 110,
  checkHttp: basic("MQ"),
  textOf: (body) => vinOf(body) ?? "",
  start: async () => gateway({ path: "/registry", vinOf, makeRecord: satz }),
};

function satz(vin) {
  const car = carOf("de", vin);
  const registration = car && currentRegistration(car, "de");
  if (!registration) return Buffer.concat([text("04", 2), blanks(LENGTH - 2)]);
  const {
    plate,
    first_registered_on,
    registered_on,
    usage,
    status,
    keepers,
    inspection_due_on,
    keeper_name,
    keeper_address,
  } = registration;
  const inspections = inspectionsOf(car, 24).slice(-INSPECTIONS);
  return Buffer.concat([
    text("00", 2),
    text(plate, 10),
    text(digits(first_registered_on), 8),
    text(digits(registered_on), 8),
    text(USAGES[usage], 1),
    text(STATES[status], 1),
    packed(keepers, 2),
    text(digits(inspection_due_on), 8),
    text(keeper_name, 30),
    text(keeper_address, 40),
    zoned(inspections.length, 2),
    ...inspections.flatMap(({ read_on, km, passed }) => [
      text(digits(read_on), 8),
      packed(km, 4),
      text(passed ? "1" : "3", 1),
      text("HU", 2),
    ]),
    blanks((INSPECTIONS - inspections.length) * 15),
  ]);
}
