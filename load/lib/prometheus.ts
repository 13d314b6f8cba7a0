/** Reading numbers out of Prometheus' text format. Pure. */

/**
 * The sum of all series of a metric.
 * @returns undefined when there is none
 */
export function sumOf(name: string, text: string): number | undefined {
  let total: number | undefined;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const rest = line.slice(name.length);
    // A longer name begins with this one.
    if (!/^[ \t{]/.test(rest)) continue;
    const labelled = rest.trimStart().startsWith('{');
    const value = Number(
      rest
        .slice(labelled ? rest.lastIndexOf('}') + 1 : 0)
        .trim()
        .split(/[ \t]+/)[0],
    );
    if (Number.isFinite(value)) total = (total ?? 0) + value;
  }
  return total;
}
