/** Time that passes as fast as nobody is busy: what waits for seconds takes milliseconds, in the right order. */

import type { Clock } from './clock.ts';

/** Turns of the event loop without any doing after which everybody is taken to wait. */
const IDLE_TURNS = 4;
/**
 * While a request has no answer yet something may be at work that keeps no timer (a key being made): each real ms of idleness
 * lets no more than so many virtual ms pass, so that no time limit runs out on it.
 */
const PACE = 100;

interface Timer {
  due: number;
  run: () => void;
  every?: number;
}

/** Serves the harness (`Clock`) and a server that takes its time from outside (`every` too). */
export class VirtualClock implements Clock {
  /** Requests that wait for the head of their answer. */
  #pending = 0;
  #now: number;
  #timers = new Map<number, Timer>();
  #count = 0;
  #touched = false;
  #turning = false;
  #stopped = false;

  /** @param start ms since the epoch, for servers that look at the date */
  constructor(start: number = Date.now()) {
    this.#now = start;
  }

  now = (): number => this.#now;

  after = (ms: number, run: () => void): (() => void) => this.#set({ due: this.#now + Math.max(0, ms), run });

  every = (ms: number, run: () => void): (() => void) => this.#set({ due: this.#now + ms, run, every: ms });

  /** Marks that something is at work until it settles. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#pending++;
    try {
      return await work;
    } finally {
      this.#pending--;
      this.#touched = true;
    }
  }

  /** No timer runs any more, and nothing keeps the process alive. */
  stop(): void {
    this.#stopped = true;
    this.#timers.clear();
  }

  #set(timer: Timer): () => void {
    const key = ++this.#count;
    this.#touched = true;
    this.#timers.set(key, timer);
    if (!this.#turning && !this.#stopped) void this.#turn();
    return () => {
      this.#touched = true;
      this.#timers.delete(key);
    };
  }

  async #turn(): Promise<void> {
    this.#turning = true;
    let idle_since = performance.now();
    while (this.#timers.size > 0) {
      this.#touched = false;
      for (let turns = 0; turns < IDLE_TURNS; turns++) await turn();
      if (this.#touched) {
        idle_since = performance.now();
        continue;
      }
      const due = Math.min(...[...this.#timers.values()].map((timer) => timer.due));
      if (this.#pending > 0 && due - this.#now > (performance.now() - idle_since) * PACE) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      idle_since = performance.now();
      this.#now = Math.max(this.#now, due);
      for (const [key, timer] of [...this.#timers]) {
        if (timer.due > this.#now || !this.#timers.has(key)) continue;
        if (timer.every === undefined) this.#timers.delete(key);
        else timer.due += timer.every;
        timer.run();
      }
    }
    this.#turning = false;
  }
}

/** A turn of the event loop, I/O included. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
