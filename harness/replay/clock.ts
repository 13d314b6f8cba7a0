/** What the harness waits by. */

export interface Clock {
  /** ms, monotonic. */
  now(): number;
  /** Calls `run` once, after `ms`. @returns what calls it off */
  after(ms: number, run: () => void): () => void;
  /** Told of work that may keep no timer: a clock that leaps must not leap over it. */
  during?<T>(work: Promise<T>): Promise<T>;
}

/** This machine's own. */
export const monotonic: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    // What is due already is below 0 by the time that has passed since.
    const timer = setTimeout(run, Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};

export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

const SAMPLE_MS = 20;

/** How late this machine is: whoever measures a window of time must know how far its own timers were off within it. */
export class Lateness {
  readonly #clock: Clock;
  #seen: { at: number; late: number }[] = [];
  #stop: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stop = this.#sample();
  }

  #sample(): () => void {
    const due = this.#clock.now() + SAMPLE_MS;
    return this.#clock.after(SAMPLE_MS, () => {
      const now = this.#clock.now();
      // Only what matters to a window is kept.
      if (now - due > 5) this.#seen.push({ at: now, late: now - due });
      if (this.#seen.length > 10_000) this.#seen = this.#seen.slice(5000);
      this.#stop = this.#sample();
    });
  }

  /** The most that a timer came too late since then; ms. */
  since(from: number): number {
    return this.#seen.reduce((most, { at, late }) => (at >= from ? Math.max(most, late) : most), 0);
  }

  stop(): void {
    this.#stop();
  }
}
