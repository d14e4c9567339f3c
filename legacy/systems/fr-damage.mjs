/**
 * The French damage register: a mainframe behind an HTTP gateway, EBCDIC with the euro sign
 * (cp1140). A response is several records of eighty bytes: 01 holds the state, each 02 is a damage,
 * 99 counts. An unknown car has the state 04, a car without statements 08.
 */
import { carOf } from "../lib/cars.mjs";
import { basic } from "../lib/http-auth.mjs";
import { digits, gateway, fieldWriter } from "../lib/record.mjs";
import { damageOf } from "../lib/records.mjs";

const AREAS = {
  front: "AV",
  rear: "AR",
  left: "GA",
  right: "DR",
  roof: "TO",
  underbody: "SB",
  interior: "IN",
  engine: "MO",
};
const SEVERITIES = { cosmetic: "1", minor: "2", major: "3", structural: "4" };
const REPAIRED = { true: "O", false: "N" };
const LENGTH = 80;
const { decode, packed, text, zoned } = fieldWriter(1140);

const vinOf = (body) => /^SIN2([A-Z0-9]{17})\*$/iu.exec(decode(body))?.[1];

export const system = {
  name: "fr.damage",
  host: "https://sinistres.fr.example.com",
  secret: "FR_DAMAGE_BASIC",
  secret_form: "user:password",
  latency_ms: 110,
  checkHttp: basic("CICS"),
  textOf: (body) => vinOf(body) ?? "",
  start: async () => gateway({ path: "/cics/SIN2", vinOf, makeRecord: records }),
};

const record = (...fields) => {
  const used = Buffer.concat(fields);
  return Buffer.concat([used, text("", LENGTH - used.length)]);
};

function records(vin) {
  const car = carOf("fr", vin);
  const damage = car && damageOf(car);
  const state = damage ? "00" : car ? "08" : "04";
  const flag = damage && (damage.length ? "O" : "N");
  const entries = (damage ?? []).map((entry, n) =>
    record(
      text("02", 2),
      zoned(n + 1, 3),
      text(digits(entry.occurred_on), 8),
      text(AREAS[entry.area], 2),
      text(SEVERITIES[entry.severity], 1),
      text(`${entry.text}${entry.cost_minor > 500_000 ? ", > 5000 €" : ""}`, 40),
      text(REPAIRED[entry.repaired], 1),
      packed(entry.cost_minor, 5),
    ),
  );
  return Buffer.concat([
    record(text("01", 2), text(state, 2), text(car?.vin, 17), text(flag, 1), text("20260901", 8)),
    ...entries,
    record(text("99", 2), zoned(entries.length, 5)),
  ]);
}
