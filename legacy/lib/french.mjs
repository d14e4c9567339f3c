/** Numbers, amounts and days in the notation of French systems. `undefined` is an empty text. */

/** Separator of thousands: the wide one, which every encoding of these stand-ins has. */
const NO_BREAK_SPACE = "\u00a0";
const grouped = (digits) => digits.replaceAll(/\B(?=(\d{3})+$)/gu, NO_BREAK_SPACE);

export const french = {
  /** `2995` as `2 995`. */
  number: (value) => (value === undefined ? "" : grouped(String(value))),
  /** Cents as euros: `1234567` as `12 345,67`. */
  amount(minor) {
    if (minor === undefined) return "";
    const [euros, cents] = (minor / 100).toFixed(2).split(".");
    return `${grouped(euros)},${cents}`;
  },
  /** `2019-02-03` as `03/02/2019`. */
  day: (iso) => iso?.split("-").reverse().join("/") ?? "",
};
