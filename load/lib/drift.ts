/** Whether a value drifts, as the memory of a server that leaks. Pure. */

export interface Drift {
  /** What one unit of time adds. */
  readonly slope: number;
  /** Standard error of the slope. */
  readonly error: number;
}

export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** Equal parts of the samples. */
const PARTS = 10;

/**
 * The slope of a random walk: its steps are the differences between the means of parts that follow each other, and how much
 * they differ among themselves is the error.
 *
 * Resident memory is no line with noise around it. Allocators and collectors take pages and give them back in steps, and
 * what a step took stays for minutes; a line through that is sure of a growth that was one step. A leak adds to each part
 * alike.
 *
 * @param samples in the order of time
 * @returns undefined for fewer samples than parts, or when all are of one moment
 */
export function driftOf(samples: readonly Sample[]): Drift | undefined {
  if (samples.length < PARTS || samples[0]?.at === samples.at(-1)?.at) return undefined;
  const parts = Array.from({ length: PARTS }, (_, part) => {
    const [from, to] = [part, part + 1].map((edge) => Math.round((edge * samples.length) / PARTS));
    const own = samples.slice(from, to);
    return { at: mean(own.map(({ at }) => at)), value: mean(own.map(({ value }) => value)) };
  });
  const steps = parts.slice(1).map(({ at, value }, before) => {
    const last = parts[before] as Sample;
    return (value - last.value) / (at - last.at);
  });
  const slope = mean(steps);
  const squares = sum(steps.map((step) => (step - slope) ** 2));
  return { slope, error: Math.sqrt(squares / (steps.length - 1) / steps.length) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
