import { LONGEST_MS } from './duration.ts';

/**
 * The time a scenario has: its plan, then gracefulStop for what still runs, then the cut. Both moments come at once when the
 * run is stopped.
 */
export class Period {
  /** The plan is over. */
  #over = false;
  /** Whatever still ran was cut. */
  wasCut = false;
  readonly startedAt = performance.now();
  readonly #plannedMs: number;
  readonly #wakes = new Set<() => void>();
  readonly #cut: () => void;
  #timers: ReturnType<typeof setTimeout>[];

  /**
   * @param plannedMs Time in which iterations may start.
   * @param gracefulMs Time for the last ones to finish.
   * @param cut Ends all that still runs.
   */
  constructor(plannedMs: number, gracefulMs: number, stopped: AbortSignal, cut: () => void) {
    this.#cut = cut;
    this.#plannedMs = plannedMs;
    this.#timers = [
      setTimeout(() => this.#end(), Math.min(plannedMs, LONGEST_MS)),
      setTimeout(() => this.cut(), Math.min(plannedMs + gracefulMs, LONGEST_MS)),
    ];
    if (stopped.aborted) this.cut();
    else stopped.addEventListener('abort', () => this.cut(), { once: true });
  }

  /** No further iteration starts. True on time, also when the timer that says so is late. */
  get ended(): boolean {
    return this.#over || this.elapsedMs >= this.#plannedMs;
  }

  get elapsedMs(): number {
    return performance.now() - this.startedAt;
  }

  /** Waits for a moment, milliseconds from the start of the period; returns earlier when the period ends. */
  until(ms: number): Promise<void> | undefined {
    const rest = ms - this.elapsedMs;
    if (this.ended || rest <= 0) return undefined;
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, rest);
      this.#wakes.add(wake);
    });
  }

  #end(): void {
    this.#over = true;
    for (const wake of [...this.#wakes]) wake();
  }

  cut(): void {
    if (this.wasCut) return;
    this.#end();
    this.wasCut = true;
    this.close();
    this.#cut();
  }

  /** Everything is done: the timers are no longer needed. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }
}
