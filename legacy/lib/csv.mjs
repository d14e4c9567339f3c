/** CSV responses, by npm `csv-stringify`, in an encoding of npm `codepage`. */
import { createRequire } from "node:module";

import { stringify } from "csv-stringify/sync";

const codepages = createRequire(import.meta.url)("codepage").utils;
/** ISO 8859-15 has the euro sign where 8859-1 has none. */
const ISO_8859_15 = 28_605;

/** Makes a response of `rows` in ISO 8859-15, with every text in quotes. */
export function csv(rows, { columns, header = false, delimiter = "," }) {
  const text = stringify(rows, {
    columns,
    header,
    delimiter,
    quoted: true,
    quoted_empty: false,
    record_delimiter: "windows",
  });
  return {
    status: 200,
    headers: { "content-type": "text/csv; charset=iso-8859-15" },
    body: Buffer.from(codepages.encode(ISO_8859_15, text)),
  };
}
