/** tmcp with its HTTP transport: sessions in memory, and 2026-07-28. */
import '../targets/memory.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { ZodJsonSchemaAdapter } from '@tmcp/adapter-zod';
import { HttpTransport } from '@tmcp/transport-http';
import { McpServer } from 'tmcp';
import { z } from 'zod';
import { hostname, port } from '../targets/address.ts';
import { streaming } from '../targets/streaming.ts';
import { DESCRIPTION, NAME, SHAPE, tick } from '../targets/ticker.ts';
import { shape, wanted } from '../targets/wide.ts';

const server = new McpServer(
  { name: 'tmcp', version: '1.20.0', description: 'tmcp' },
  { adapter: new ZodJsonSchemaAdapter(), capabilities: { tools: { listChanged: true } } },
);
server.tool(
  { name: 'echo', description: 'Returns the given text unchanged', schema: z.object({ text: z.string() }) },
  ({ text }) => ({ content: [{ type: 'text', text }] }),
);
for (const name of wanted) {
  server.tool({ name, description: `Tool ${name} of the bench`, schema: z.object(shape) }, () => ({
    content: [{ type: 'text', text: name }],
  }));
}
if (streaming) {
  server.tool({ name: NAME, description: DESCRIPTION, schema: z.object(SHAPE) }, async (pace) => {
    const text = await tick(pace, sleep, (progress, total, message) => server.progress(progress, total, message));
    return { content: [{ type: 'text', text }] };
  });
}
const transport = new HttpTransport(server, { path: '/mcp' });

export default {
  fetch: async (request: Request) => (await transport.respond(request)) ?? new Response(null, { status: 404 }),
  port,
  hostname,
  idleTimeout: 255,
};
