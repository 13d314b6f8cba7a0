/** The one source of time: everything that waits takes it from here, so that tests can drive it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `run` once, after `ms` milliseconds. @returns what calls it off */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` every `ms` milliseconds. @returns what ends it */
  every(ms: number, run: () => void): () => void;
}

/** A timer that must not keep a process alive on runtimes that would wait for it. */
function unref(timer: unknown): void {
  (timer as { unref?: () => void }).unref?.();
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    // Node's shortest; Deno would run a timer of 0 in every turn of the event loop, and pay for each.
    const timer = setTimeout(run, Math.max(1, ms));
    return () => clearTimeout(timer);
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    unref(timer);
    return () => clearInterval(timer);
  },
};

/** A clock that moves only when told: expiry, heartbeats and idle times in virtual time. */
export interface ManualClock extends Clock {
  /** Moves on by `ms`, running what falls due in order; lets promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Timers that are set and have not run: 0 when nothing was left behind. */
  readonly pending: number;
}

export function manualClock(start = 1_700_000_000_000): ManualClock {
  let now = start;
  let count = 0;
  const timers = new Map<number, { due: number; run: () => void; every?: number }>();
  const set = (timer: { due: number; run: () => void; every?: number }) => {
    const key = ++count;
    timers.set(key, timer);
    return () => void timers.delete(key);
  };
  return {
    now: () => now,
    after: (ms, run) => set({ due: now + ms, run }),
    every: (ms, run) => set({ due: now + ms, run, every: ms }),
    get pending() {
      return timers.size;
    },
    async advance(ms) {
      const end = now + ms;
      await settled();
      for (;;) {
        let next: [number, { due: number; run: () => void; every?: number }] | undefined;
        for (const entry of timers) if (entry[1].due <= end && (!next || entry[1].due < next[1].due)) next = entry;
        if (!next) break;
        const [key, timer] = next;
        now = Math.max(now, timer.due);
        if (timer.every === undefined) timers.delete(key);
        else timer.due += timer.every;
        timer.run();
        await turn();
      }
      now = end;
      await settled();
    },
  };
}

/** Lets everything that waits on promises, real I/O of in-process streams included, go as far as it can. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
