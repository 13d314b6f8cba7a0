/** Waiting without blocking: other streams of the same VU go on. */

import { setTimeout } from 'k6/timers';

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(() => resolve(), Math.max(0, ms)));
}
