/**
 * The test people of the identity provider, and the words that are derived for them. Passwords and
 * secrets of API clients follow from a seed, so that they survive a restart with the same seed and
 * lie in no file of the repository.
 *
 * The first person of each market has the same subject: subjects are unique at their issuer alone.
 */
import { createHmac } from "node:crypto";

const PEOPLE = {
  de: [
    { login: "juergen", name: "Jürgen Beispiel" },
    { login: "kaethe", name: "Käthe Muster-Größe" },
  ],
  us: [
    { login: "ada", name: "Ada Sample" },
    { login: "ben", name: "Ben <b>O'Sample</b>" },
  ],
  gb: [
    { login: "niamh", name: "Niamh O’Specimen" },
    { login: "rhys", name: "Rhys Example" },
  ],
  fr: [
    { login: "zoe", name: "Zoé Exemple" },
    { login: "francois", name: "François d’Essai" },
  ],
};

/** Staff: two of one dealer, one of another, one of a dealer that no market lists. */
const STAFF = [
  { login: "doro", name: "Doro Autohaus", dealer: "D-1001" },
  { login: "emil", name: "Emil Autohaus", dealer: "D-1001" },
  { login: "fred", name: "Fred Dealership", dealer: "D-1002" },
  { login: "gina", name: "Gina Unlisted", dealer: "D-9999" },
];

const FIRST_SUBJECT = 1001;
const PASSWORD_DIGITS = /.{4}/gu;

/** Derives a word from the seed: 12 hexadecimal digits in groups of four. */
export function deriveWord(seed, purpose) {
  const digits = createHmac("sha256", seed).update(purpose).digest("hex").slice(0, 12);
  return digits.match(PASSWORD_DIGITS).join("-");
}

/** The people of a market: `{ login, name, subject, password }` each. */
export const peopleOf = (market, seed) => withPasswords(PEOPLE[market], market, seed);

/** The staff of all dealers, each with `dealer` too. */
export const staffOf = (seed) => withPasswords(STAFF, "dealers", seed);

function withPasswords(people, issuer, seed) {
  return people.map((person, i) => ({
    ...person,
    subject: String(FIRST_SUBJECT + i),
    password: deriveWord(seed, `person/${issuer}/${person.login}`),
  }));
}
