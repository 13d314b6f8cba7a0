/** This server on workerd, with what the measures of streams need; its environment comes as bindings. */
import { z } from 'zod';
import { application, createServer, type Tool, tool } from '../../../server.ts';
import { DESCRIPTION, NAME, SHAPE, tick } from './ticker.ts';

const echo: Tool = tool(
  'echo',
  { description: 'Returns the given text unchanged', inputSchema: z.object({ text: z.string() }) },
  ({ text }) => text,
);

const ticker: Tool = tool(
  NAME,
  { description: DESCRIPTION, inputSchema: z.object(SHAPE) },
  (pace, { progress, sleep }) => tick(pace, sleep, progress),
);

export default application(async (env) =>
  createServer({ name: 'ours', version: '0.1.0', features: [echo, ticker], env }),
);
