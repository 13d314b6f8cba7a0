/** `server.ts` with tools that its own list has no use for: one holds its call open, one has a bug, one tells of pollution. */

import { z } from 'zod';
import { tool } from '../../server/tool.ts';
import { application, createServer, readConfig, start } from '../../server.ts';
import { features } from '../../tools/mod.ts';

const further = [
  tool(
    'hold',
    {
      description: 'Answers what a URL answers, as late as it does',
      inputSchema: z.object({ url: z.url() }),
    },
    async ({ url }, { fetch, progress }) => {
      await progress(1, 2, 'Held');
      const response = await fetch(url);
      return response.text();
    },
  ),

  tool(
    'fail',
    {
      description: 'Has a bug, whose message tells what the call came with',
      inputSchema: z.object({ message: z.string() }),
    },
    ({ message }, { request }) => {
      const { headers } = request;
      throw new Error(`${message} ${headers.get('authorization')} ${headers.get('mcp-session-id')}`);
    },
  ),

  tool('inherited', { description: 'Names the members that every object has inherited' }, () => {
    const names: string[] = [];
    for (const name in {}) names.push(name);
    return names.join();
  }),
];

const app = application(async (env) => {
  const log = (lines: string) => console.log(lines.trimEnd());
  const all = [...features(readConfig(env)), ...further];
  return createServer({ name: 'production', version: '1.0.0', features: all, env, log });
});

export default app;

if (import.meta.main) await start(app);
