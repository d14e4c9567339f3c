/**
 * Records as mainframe gateways write them, in a code page of npm `codepage` (SheetJS): text, zoned and packed decimals.
 * What is not stated is blank, also in numbers, as COBOL's MOVE SPACES leaves it.
 */
import { createRequire } from "node:module";

const codepages = createRequire(import.meta.url)("codepage").utils;

/** IBM's numbers for the code pages that the package numbers in its own way. */
export const CP273 = 20_273;

/** Writers of fields and a reader, for one code page: each writer gives exactly `length` bytes. */
export function writer(codepage) {
  const encode = (text) => Buffer.from(codepages.encode(codepage, text));
  const [blank] = encode(" ");
  const [zero] = encode("0");
  const zone = zero & 0xf0;
  const isEbcdic = zone === 0xf0;
  const blanks = (length) => Buffer.alloc(length, blank);
  const fitting = (value, digits) => {
    const text = String(Math.abs(value)).padStart(digits, "0");
    if (text.length > digits || !Number.isInteger(value)) throw new RangeError(`a number does not fit into ${digits} digits`);
    return text;
  };
  return {
    blanks,
    decode: (bytes) => codepages.decode(codepage, bytes),
    /** Left-justified; what is too long is cut. */
    text: (value, length) => (value === undefined ? blanks(length) : encode(String(value).slice(0, length).padEnd(length))),
    /** PIC 9(length), or with a sign S9(length), overpunched in the last digit. */
    zoned(value, length, { signed = false } = {}) {
      if (value === undefined) return blanks(length);
      const bytes = Buffer.from([...fitting(value, length)].map((digit) => zone | Number(digit)));
      if (signed && isEbcdic) bytes[length - 1] = (value < 0 ? 0xd0 : 0xc0) | (bytes[length - 1] & 0x0f);
      return bytes;
    },
    /** COMP-3: two digits a byte, the sign in the last half. */
    packed(value, length, { signed = true } = {}) {
      if (value === undefined) return blanks(length);
      const sign = signed ? (value < 0 ? "d" : "c") : "f";
      return Buffer.from(fitting(value, length * 2 - 1) + sign, "hex");
    },
  };
}

/** `2019-02-03` as `20190203`. */
export const digits = (iso) => iso?.replaceAll("-", "");

/** A gateway that takes a record with POST and answers with one. `vinOf` finds the VIN in the request, `answer` writes the record. */
export function gateway({ path, vinOf, answer }) {
  const plain = (status, text) => ({ status, headers: { "content-type": "text/plain" }, body: Buffer.from(`${text}\n`) });
  return {
    answer: async ({ method, url, body }) => {
      if (url !== path) return plain(404, "no such queue");
      if (method !== "POST") return plain(405, "POST a record");
      const vin = vinOf(body);
      if (!vin) return plain(400, "bad record");
      return { status: 200, headers: { "content-type": "application/octet-stream" }, body: answer(vin) };
    },
  };
}
