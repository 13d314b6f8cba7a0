import { type Point, Series } from './series.ts';
import { Distribution } from './trend.ts';

/** How late timers of the host fire, in milliseconds: what the generator adds to every latency it measures. */
export type Lag = { p99: number; max: number; mean: number; series: Point[] };

/** The interval of the probe timer, milliseconds. */
const PROBE_MS = 20;

/** Probes whose quantiles are exact. They are read every second, so more would have to be sorted every second. */
const EXACT_PROBES = 1000;

/** Measures the event loop of this process while a run is going on. */
export class LagProbe {
  readonly #values = new Distribution(EXACT_PROBES);
  readonly #series = new Series(true);
  #timer: ReturnType<typeof setInterval> | undefined;

  start(): void {
    const startedAt = performance.now();
    let expected = startedAt + PROBE_MS;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const late = Math.max(0, now - expected);
      expected = now + PROBE_MS;
      this.#values.add(late);
      this.#series.add(late, Math.floor((now - startedAt) / 1000));
    }, PROBE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  read(): Lag {
    return {
      p99: this.#values.quantile(0.99),
      max: this.#values.max,
      mean: this.#values.mean,
      series: this.#series.points(),
    };
  }
}
