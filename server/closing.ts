/** How a server ends: it takes nothing more, what runs has its time, what was said is taken, then all is let go. */

import type { Clock } from './clock.ts';
import type { Running } from './running.ts';

export interface ClosingOptions {
  /** Takes nothing more, and sends away who only listens. */
  begin(): void;
  readonly running: Running;
  /** What clients were told and have not taken. */
  readonly owed: { readonly any: boolean; settled(): Promise<void> };
  readonly clock: Clock;
  /** How long calls may run on. */
  readonly timeout_ms: number;
  /** How long clients then have to take what they are owed, those that have to come back for it included. */
  readonly linger_ms: number;
  /** Lets go of everything. */
  end(): void;
}

/** @returns what closes: resolves when all is over; called again meanwhile it waits no longer */
export function closing(options: ClosingOptions): () => Promise<void> {
  const { begin, running, owed, clock, timeout_ms, linger_ms, end } = options;
  let over: Promise<void> | undefined;
  let hurry = () => {};
  const hurried = new Promise<boolean>((resolve) => {
    hurry = () => resolve(false);
  });

  /** @returns whether it was `done` in time */
  async function within(ms: number, done: Promise<void>): Promise<boolean> {
    let stop = () => {};
    const late = new Promise<boolean>((resolve) => {
      stop = clock.after(ms, () => resolve(false));
    });
    const inTime = await Promise.race([done.then(() => true), late, hurried]);
    stop();
    return inTime;
  }

  async function close(): Promise<void> {
    begin();
    const inTime = running.count === 0 || (await within(timeout_ms, running.idle()));
    if (inTime && owed.any) await within(linger_ms, owed.settled());
    end();
  }

  return () => {
    if (over) hurry();
    over ??= close();
    return over;
  };
}
