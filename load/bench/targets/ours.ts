/** This server, all defaults on, with the echo tool, and BENCH_TOOLS tools in all; unset, one that tells its steps besides, or the ticker. */
import './memory.ts';
import { z } from 'zod';
import { application, createServer, start, type Tool, tool } from '../../../server.ts';
import { STEPS } from './answers.ts';
import { streaming } from './streaming.ts';
import { DESCRIPTION, NAME, SHAPE, tick } from './ticker.ts';
import { shape, wanted } from './wide.ts';

const echo: Tool = tool(
  'echo',
  { description: 'Returns the given text unchanged', inputSchema: z.object({ text: z.string() }) },
  ({ text }) => text,
);

const steps: Tool = tool('steps', { description: 'Tells ten steps' }, (_input, { progress }) => {
  for (let step = 1; step <= STEPS; step++) void progress(step, STEPS);
  return 'done';
});

const wide: Tool[] = wanted.map((name) =>
  tool(name, { description: `Tool ${name} of the bench`, inputSchema: z.object(shape) }, () => name),
);

const ticker: Tool = tool(
  NAME,
  { description: DESCRIPTION, inputSchema: z.object(SHAPE) },
  (pace, { progress, sleep }) => tick(pace, sleep, progress),
);

const features = process.env.BENCH_TOOLS === undefined ? [echo, streaming ? ticker : steps] : [echo, ...wide];

const app = application(async (env) => createServer({ name: 'ours', version: '0.1.0', features, env }));

export default app;

if (import.meta.main) await start(app);
