/**
 * What the systems know of holders: contacts, keepers, registration documents, primary users. All
 * of it is invented and follows from the VIN, as in records.mjs; the control server can change it,
 * until a reset. Keeps the messages to people and the codes that cars show.
 *
 * Of the suggested cars of a market, the first has the contact of its first test person, the second
 * that of the second, the third has none, and the fourth one that changed two days ago.
 */
import { carOf } from "./cars.mjs";
import { pick, registrationOf } from "./records.mjs";
import { suggestions } from "./suggested.mjs";

const DAY_MS = 86_400_000;
const MAX_KEPT = 500;
/** Numbers that each country keeps for fiction. */
const PHONES = {
  de: (n) => `+49 30 23125${String(n % 1000).padStart(3, "0")}`,
  us: (n) => `+1 202 555 01${String(n % 100).padStart(2, "0")}`,
  gb: (n) => `+44 7700 900${String(n % 1000).padStart(3, "0")}`,
  fr: (n) => `+33 6 39 98 ${String(n % 100).padStart(2, "0")} ${String(n % 97).padStart(2, "0")}`,
};
const LOGINS = {
  de: ["juergen", "kaethe"],
  us: ["ada", "ben"],
  gb: ["niamh", "rhys"],
  fr: ["zoe", "francois"],
};
const FIRST_SUBJECT = 1001;
/** Markets with a registry. */
const REGISTRIES = ["de", "gb"];

/** Messages to people, newest last. */
export const messages = [];
/** Codes that cars show, newest last. */
export const codes = [];

const changes = new Map();
let listen = () => {};

/** Calls `listener` with `{ message }` and `{ shown }` as they arrive. */
export function onArrival(listener) {
  listen = listener;
}

/** Keeps a message to a person, as its system received it. */
export function keepMessage(market, { key, channel, to, kind, code, link, locale }) {
  const message = { market, key, channel, to, kind, code, link, locale };
  for (const [name, value] of Object.entries(message)) if (!value) delete message[name];
  keep(messages, { at: new Date().toISOString(), ...message });
  listen({ message });
}

/** Keeps a code that a car shows. */
export function showCode(market, vin, code) {
  const shown = { market, vin: vin.toUpperCase(), code };
  keep(codes, { at: new Date().toISOString(), ...shown });
  listen({ shown });
}

function keep(list, entry) {
  list.push(entry);
  if (list.length > MAX_KEPT) list.shift();
}

/** Forgets messages, codes and all changes. */
export function resetOwnership() {
  messages.length = 0;
  codes.length = 0;
  changes.clear();
}

/** What the systems of a market know of a car's holder, or undefined for an unknown car. */
export function holderOf(market, vin) {
  const car = carOf(market, vin);
  if (!car) return undefined;
  const registration = REGISTRIES.includes(market) ? registrationOf(car, market) : undefined;
  const place = suggestions.filter((one) => one.market === market).findIndex(isCar(car.vin));
  const changed = changes.get(`${market} ${car.vin}`) ?? {};
  const known = { ...registration, ...changed.registration };
  return {
    registration: registration && known,
    contact: contactOf(market, car.vin, place),
    document: registration && documentOf(market, car.vin, known),
    primary_user: primaryUserOf(car.vin, place),
    ...pickDefined(changed, ["contact", "document", "primary_user"]),
  };
}

/** Changes what the systems know of a car's holder; each member replaces the derived one. */
export function changeHolder(market, vin, change) {
  const car = carOf(market, vin);
  if (!car) return undefined;
  const key = `${market} ${car.vin}`;
  const before = changes.get(key) ?? {};
  const registration = { ...before.registration, ...change.registration };
  changes.set(key, { ...before, ...change, registration });
  return holderOf(market, vin);
}

/** The registration with its changes, for the registries; undefined as records.mjs has it. */
export const currentRegistration = (car, market) => holderOf(market, car.vin)?.registration;

const isCar = (vin) => (one) => one.vin === vin;

const pickDefined = (object, names) =>
  Object.fromEntries(names.filter((name) => name in object).map((name) => [name, object[name]]));

function contactOf(market, vin, place) {
  const number = pick(`contact ${market} ${vin}`, 9000);
  const isNone = place === 2 || (place < 0 && number % 6 === 0);
  if (isNone) return null;
  const isRecent = place === 3 || (place < 0 && number % 6 === 1);
  const email =
    place === 0 || place === 1
      ? `${LOGINS[market][place]}@example.com`
      : `keeper.${vin.slice(-8).toLowerCase()}@example.com`;
  const changed = new Date(Date.now() - 2 * DAY_MS).toISOString().slice(0, 10);
  return {
    email,
    phone: PHONES[market](number),
    changed_on: isRecent ? changed : "2024-03-05",
    held_since: "2020-02-03",
  };
}

/** Ten characters in Germany, eleven digits in Great Britain. */
function documentOf(market, vin, { first_registered_on, registered_on }) {
  const number = pick(`document ${market} ${vin}`, 90_000_000) + 10_000_000;
  const document_number = market === "gb" ? `000${number}` : `SY${number}`;
  return { document_number, first_registration: first_registered_on, issued_on: registered_on };
}

function primaryUserOf(vin, place) {
  const isTestPerson = place === 0 || place === 1;
  const subject = isTestPerson
    ? String(FIRST_SUBJECT + place)
    : String(5000 + pick(`user ${vin}`, 900));
  return { subject, since: "2021-06-01" };
}
