import { Distribution } from './trend.ts';

/** One second of a metric. `t` is seconds since the start of the run; quantiles (of this second) for a Trend only. */
export type Point = {
  t: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
  p50?: number;
  p95?: number;
  p99?: number;
};

/** A metric over time, in buckets of one second. Only the open second keeps single values; a closed one is nine numbers. */
export class Series {
  readonly #closed: Point[] = [];
  readonly #quantiles: boolean;
  #open: Point | undefined;
  #values: Distribution | undefined;

  constructor(quantiles: boolean) {
    this.#quantiles = quantiles;
  }

  add(value: number, second: number): void {
    let open = this.#open;
    if (open === undefined || open.t < second) {
      this.#close();
      open = { t: second, count: 0, sum: 0, min: value, max: value, last: value };
      this.#open = open;
      if (this.#quantiles) this.#values = new Distribution();
    }
    open.count++;
    open.sum += value;
    if (value < open.min) open.min = value;
    if (value > open.max) open.max = value;
    open.last = value;
    this.#values?.add(value);
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.#closed.push(withQuantiles(this.#open, this.#values));
    this.#open = undefined;
    this.#values = undefined;
  }

  /** All seconds in which something was added, in order. */
  points(): Point[] {
    return this.#open === undefined ? [...this.#closed] : [...this.#closed, withQuantiles(this.#open, this.#values)];
  }
}

function withQuantiles(point: Point, values: Distribution | undefined): Point {
  if (values === undefined) return point;
  return { ...point, p50: values.quantile(0.5), p95: values.quantile(0.95), p99: values.quantile(0.99) };
}
