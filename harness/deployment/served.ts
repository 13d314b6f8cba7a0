/** What is served in a rolling restart: calls of every kind, each of which writes down when it ran to its end. */

import { z } from 'zod';
import { elicit, tool } from '../../server/tool.ts';
import { application, createServer, start } from '../../server.ts';

/** What a call is known by in what the processes write: a line each. */
const inputSchema = z.object({ id: z.string() });
const ran = (id: string) => {
  console.log(id);
  return id;
};

const features = [
  tool('note', { description: 'Answers at once', inputSchema }, ({ id }) => ran(id)),

  tool(
    'count',
    { description: 'Reports each step', inputSchema: inputSchema.extend({ steps: z.int() }) },
    async ({ id, steps }, { progress, sleep }) => {
      for (let step = 1; step <= steps; step++) {
        await sleep(25);
        await progress(step, steps);
      }
      return ran(id);
    },
  ),

  tool('ask', { description: 'Asks the user', inputSchema }, async ({ id }, { ask }) => {
    const { sure } = await ask({ sure: elicit('Are you sure?', z.object({ sure: z.boolean() })) });
    if (sure.action === 'accept') ran(id);
    return id;
  }),

  tool(
    'leave',
    { description: 'Closes its stream (2025-11-25): the client comes back for the answer', inputSchema },
    async ({ id }, { closeStream, sleep }) => {
      closeStream();
      await sleep(100);
      return ran(id);
    },
  ),

  tool('fill', { description: 'Answers a megabyte', inputSchema }, ({ id }) => {
    ran(id);
    return id.padEnd(1_000_000, '.');
  }),

  tool('change', { description: 'Tells whoever listens here that the list of tools changed' }, (_input, { notify }) => {
    notify.toolsChanged();
    return 'told';
  }),
];

const app = application(async (env) => createServer({ name: 'served', version: '1.0.0', features, env }));

export default app;

if (import.meta.main) await start(app);
