/** How a server ends: it takes nothing more, what runs has its time, then all is let go. */

import type { Clock } from './clock.ts';
import type { Running } from './running.ts';

export interface ClosingOptions {
  /** Takes nothing more, and sends away who only listens. */
  begin(): void;
  readonly running: Running;
  readonly clock: Clock;
  /** How long calls may run on. */
  readonly timeout_ms: number;
  /** Lets go of everything. */
  end(): void;
}

/** @returns what closes: resolves when all is over; called again meanwhile it waits no longer */
export function closing({ begin, running, clock, timeout_ms, end }: ClosingOptions): () => Promise<void> {
  let hurry: (() => void) | undefined;
  let over: Promise<void> | undefined;

  async function close(): Promise<void> {
    begin();
    if (running.count > 0) {
      await new Promise<void>((resolve) => {
        const stop = clock.after(timeout_ms, resolve);
        hurry = () => {
          stop();
          resolve();
        };
        void running.idle().then(hurry);
      });
    }
    end();
  }

  return () => {
    hurry?.();
    over ??= close();
    return over;
  };
}
