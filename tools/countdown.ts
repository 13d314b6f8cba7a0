import { z } from 'zod';
import { type Tool, tool } from '../server/tool.ts';

export const countdown: Tool = tool(
  'countdown',
  {
    description: 'Counts down to zero and reports every step',
    inputSchema: z.object({
      from: z.int().min(1).max(10_000).describe('Steps to count'),
      every_ms: z.int().min(0).max(60_000).default(1000).describe('Milliseconds between two steps'),
    }),
    annotations: { readOnlyHint: true },
  },
  async ({ from, every_ms }, { progress, sleep }) => {
    for (let step = 1; step <= from; step++) {
      await sleep(every_ms); // ends with the call: rejects when it is cancelled
      await progress(step, from, `${from - step} to go`);
    }
    return 'Lift-off';
  },
);
