/** Figures of samples. Percentiles are nearest-rank: always a value that was measured. */

/** Returns the percentile `p` (0 to 100) of numbers. */
export function percentile(samples, p) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
}

export const median = (samples) => percentile(samples, 50);

/** Returns the spread of numbers: half of the distance between the lowest and the highest. */
export const spread = (samples) => (Math.max(...samples) - Math.min(...samples)) / 2;

export function rounded(value, digits = 1) {
  return Number(value.toFixed(digits));
}

/** Renders rows of cells as aligned lines; the first column to the left, numbers to the right. */
export function table(rows) {
  const widths = rows[0].map((_, column) =>
    Math.max(...rows.map((row) => String(row[column]).length)),
  );
  const cell = (text, column) =>
    column === 0 ? String(text).padEnd(widths[0]) : String(text).padStart(widths[column]);
  return rows.map((row) => `  ${row.map(cell).join("  ")}`).join("\n");
}
