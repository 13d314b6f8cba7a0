/** A straight line through samples over time. Pure. */

export interface Line {
  /** Change of the value for one unit of time. */
  readonly slope: number;
  /**
   * Standard error of the slope. Samples of memory follow each other, so they count for fewer than they are: the usual
   * error is widened by the lag-one correlation of the residuals, sqrt((1 + r) / (1 - r)).
   */
  readonly error: number;
  readonly samples: number;
}

/** @returns undefined for fewer than 4 samples or when all are of one moment */
export function lineThrough(points: readonly { readonly at: number; readonly value: number }[]): Line | undefined {
  const samples = points.length;
  if (samples < 4) return undefined;
  const at = mean(points.map((point) => point.at));
  const value = mean(points.map((point) => point.value));
  const spread = sum(points.map((point) => (point.at - at) ** 2));
  if (spread === 0) return undefined;
  const slope = sum(points.map((point) => (point.at - at) * (point.value - value))) / spread;
  const off = points.map((point) => point.value - value - slope * (point.at - at));
  const squares = sum(off.map((one) => one * one));
  const follow = sum(off.map((one, index) => (index === 0 ? 0 : one * (off[index - 1] ?? 0))));
  const r = squares === 0 ? 0 : Math.min(0.99, Math.max(0, follow / squares));
  const error = Math.sqrt(squares / (samples - 2) / spread) * Math.sqrt((1 + r) / (1 - r));
  return { slope, error, samples };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
