/** A server whose capacity is known: one tool takes time, one takes the processor. Runs as `server.ts` does. */

import { tool } from '../../server/tool.ts';
import { application, createServer, start } from '../../server.ts';

/** What a call of each tool takes, ms. */
export const COST_MS = { wait: 50, work: 10 };

const features = [
  tool('wait', { description: `Waits ${COST_MS.wait} ms for the clock` }, async (_input, { sleep }) => {
    await sleep(COST_MS.wait);
    return 'Waited';
  }),

  tool('work', { description: `Keeps the processor for ${COST_MS.work} ms` }, () => {
    for (const end = performance.now() + COST_MS.work; performance.now() < end; );
    return 'Worked';
  }),
];

const app = application(async (env) => createServer({ name: 'capacity', version: '1.0.0', features, env }));

export default app;

if (import.meta.main) await start(app);
