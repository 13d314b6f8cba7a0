/**
 * The tool that the measures of streams call: it reports progress 1 to `from`, and each report tells when it was made.
 * Targets have it when BENCH_STREAMS is set.
 */
import { z } from 'zod';

export const NAME = 'ticker';
export const DESCRIPTION = 'Reports its progress, and with each step the time';

/** `from`: steps to report. `every_ms`: ms to wait before each. */
export const SHAPE = { from: z.int().min(1), every_ms: z.int().min(0) };

export interface Pace {
  from: number;
  every_ms: number;
}

/** @param report takes the step, all steps, and a message: JSON whose `sentAt` is Unix time in ms */
export async function tick(
  { from, every_ms }: Pace,
  sleep: (ms: number) => Promise<unknown>,
  report: (progress: number, total: number, message: string) => unknown,
): Promise<string> {
  for (let step = 1; step <= from; step++) {
    await sleep(every_ms);
    await report(step, from, JSON.stringify({ sentAt: Date.now() }));
  }
  return 'done';
}
