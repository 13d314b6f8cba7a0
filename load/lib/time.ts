/** Waiting without blocking: other streams of the same VU go on. */

import { setTimeout } from 'k6/timers';

/** The longest that a timer can wait (WHATWG HTML, 8.6: a signed number of 32 bits); a longer one would be over at once. */
const LONGEST_MS = 2 ** 31 - 1;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(() => resolve(), Math.min(LONGEST_MS, Math.max(0, ms))));
}
