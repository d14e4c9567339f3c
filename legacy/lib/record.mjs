/**
 * Records of mainframe gateways, in a code page of npm `codepage` (SheetJS): text, zoned and packed
 * decimals. A value that is not stated is blank, in numbers too, as COBOL's MOVE SPACES leaves it.
 */
import { createRequire } from "node:module";

const codepages = createRequire(import.meta.url)("codepage").utils;

/** The package's number of IBM's code page 273. */
export const CP273 = 20_273;

/**
 * Encoders of fields and a decoder for one code page. Each encoder returns exactly `length` bytes.
 */
export function fieldWriter(codepage) {
  const encode = (text) => Buffer.from(codepages.encode(codepage, text));
  const [blank] = encode(" ");
  const [zero] = encode("0");
  const zone = zero & 0xf0;
  const isEbcdic = zone === 0xf0;
  const blanks = (length) => Buffer.alloc(length, blank);
  const toDigits = (value, digits) => {
    const text = String(Math.abs(value)).padStart(digits, "0");
    if (text.length > digits || !Number.isInteger(value))
      throw new RangeError(`a number does not fit into ${digits} digits`);
    return text;
  };
  return {
    blanks,
    decode: (bytes) => codepages.decode(codepage, bytes),
    /** Left-justified; cuts text that is too long. */
    text: (value, length) =>
      value === undefined ? blanks(length) : encode(String(value).slice(0, length).padEnd(length)),
    /** PIC 9(length), or with a sign S9(length), overpunched in the last digit. */
    zoned(value, length, { signed = false } = {}) {
      if (value === undefined) return blanks(length);
      const bytes = Buffer.from([...toDigits(value, length)].map((digit) => zone | Number(digit)));
      if (signed && isEbcdic)
        bytes[length - 1] = (value < 0 ? 0xd0 : 0xc0) | (bytes[length - 1] & 0x0f);
      return bytes;
    },
    /** COMP-3: two digits per byte, the sign in the last half byte. */
    packed(value, length, { signed = true } = {}) {
      if (value === undefined) return blanks(length);
      const sign = signed ? (value < 0 ? "d" : "c") : "f";
      return Buffer.from(toDigits(value, length * 2 - 1) + sign, "hex");
    },
  };
}

/** `2019-02-03` as `20190203`. */
export const digits = (iso) => iso?.replaceAll("-", "");

/**
 * Makes a gateway that takes a record by POST. `vinOf` finds the VIN in it, `makeRecord` makes the
 * response.
 */
export function gateway({ path, vinOf, makeRecord }) {
  const plain = (status, text) => ({
    status,
    headers: { "content-type": "text/plain" },
    body: Buffer.from(`${text}\n`),
  });
  return {
    respond: async ({ method, url, body }) => {
      if (url !== path) return plain(404, "no such queue");
      if (method !== "POST") return plain(405, "POST a record");
      const vin = vinOf(body);
      if (!vin) return plain(400, "bad record");
      return {
        status: 200,
        headers: { "content-type": "application/octet-stream" },
        body: makeRecord(vin),
      };
    },
  };
}
