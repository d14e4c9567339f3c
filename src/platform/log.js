/** Writes lines to the log: one crossing for all of a tick. */
export function log(lines) {
  for (const line of lines.split("\n")) console.log(line);
}
