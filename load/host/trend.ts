/** Values kept one by one (2 MiB of doubles). Above it quantiles come from a sketch. */
const EXACT_VALUES = 262_144;
/** Ratio of neighbouring bucket edges: a quantile from the sketch is within 0.1 % of a value that was added. */
const GAMMA = 1.002;
const LOG_GAMMA = Math.log(GAMMA);

/**
 * The values of one Trend.
 *
 * Count, sum, least and greatest are always exact. Quantiles are exact, interpolated linearly between neighbours as k6 does,
 * up to 262,144 values. The value after those turns all of them into counts in logarithmic buckets (a DDSketch), so that memory
 * stays bounded however long the run is: from then on a quantile has a relative error of at most 0.1 %.
 */
export class Distribution {
  count = 0;
  sum = 0;
  min = 0;
  max = 0;
  readonly #limit: number;
  #values = new Float64Array(64);
  #sorted = true;
  #sketch: Map<number, number> | undefined;
  #edges: number[] | undefined;

  /** @param limit Values kept exactly. */
  constructor(limit = EXACT_VALUES) {
    this.#limit = limit;
  }

  /** Whether quantiles are still exact. */
  get exact(): boolean {
    return this.#sketch === undefined;
  }

  add(value: number): void {
    if (this.count === 0) this.min = this.max = value;
    else if (value < this.min) this.min = value;
    else if (value > this.max) this.max = value;
    this.sum += value;
    if (this.#sketch === undefined) this.#keep(value);
    else this.#sketchIn(value);
    this.count++;
  }

  #keep(value: number): void {
    if (this.count === this.#limit) {
      this.#sketch = new Map();
      for (const kept of this.#values.subarray(0, this.count)) this.#sketchIn(kept);
      this.#values = new Float64Array(0);
      this.#sketchIn(value);
      return;
    }
    if (this.count === this.#values.length) {
      const wider = new Float64Array(Math.min(this.#limit, this.#values.length * 2));
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.count] = value;
    this.#sorted = false;
  }

  #sketchIn(value: number): void {
    const sketch = this.#sketch as Map<number, number>;
    const key = bucket(value);
    const before = sketch.get(key);
    if (before === undefined) this.#edges = undefined;
    sketch.set(key, (before ?? 0) + 1);
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The quantile at `fraction` (0 to 1); 0 when nothing was added, as in k6. */
  quantile(fraction: number): number {
    if (this.count === 0) return 0;
    const rank = Math.min(Math.max(fraction, 0), 1) * (this.count - 1);
    return this.#sketch === undefined ? this.#exactAt(rank) : this.#sketchAt(rank);
  }

  #exactAt(rank: number): number {
    const values = this.#values.subarray(0, this.count);
    if (!this.#sorted) values.sort();
    this.#sorted = true;
    const below = Math.floor(rank);
    const low = values[below] as number;
    const high = values[Math.min(below + 1, this.count - 1)] as number;
    return low + (high - low) * (rank - below);
  }

  #sketchAt(rank: number): number {
    const sketch = this.#sketch as Map<number, number>;
    this.#edges ??= [...sketch.keys()].sort((a, b) => middle(a) - middle(b));
    let seen = 0;
    for (const key of this.#edges) {
      seen += sketch.get(key) as number;
      if (seen > rank) return Math.min(Math.max(middle(key), this.min), this.max);
    }
    return this.max;
  }
}

/** Values nearer to zero than this share the bucket of zero. */
const SMALLEST = 1e-9;
/** Keeps the keys of positive values above zero and those of negative ones below. */
const OFFSET = 1_000_000;

function bucket(value: number): number {
  const size = Math.abs(value);
  if (size < SMALLEST) return 0;
  const index = Math.ceil(Math.log(size) / LOG_GAMMA) + OFFSET;
  return value < 0 ? -index : index;
}

function middle(key: number): number {
  if (key === 0) return 0;
  const size = (2 * GAMMA ** (Math.abs(key) - OFFSET)) / (GAMMA + 1);
  return key < 0 ? -size : size;
}
