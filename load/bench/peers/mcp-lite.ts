/** mcp-lite with sessions in memory. */
import '../targets/memory.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { InMemorySessionAdapter, McpServer, StreamableHttpTransport } from 'mcp-lite';
import { z } from 'zod';
import { hostname, port } from '../targets/address.ts';
import { streaming } from '../targets/streaming.ts';
import { DESCRIPTION, NAME, SHAPE, tick } from '../targets/ticker.ts';
import { shape, wanted } from '../targets/wide.ts';

const server = new McpServer({
  name: 'mcp-lite',
  version: '0.10.0',
  schemaAdapter: (schema) => z.toJSONSchema(schema as z.ZodType),
});
server.tool('echo', {
  description: 'Returns the given text unchanged',
  inputSchema: z.object({ text: z.string() }),
  handler: ({ text }) => ({ content: [{ type: 'text', text }] }),
});
for (const name of wanted) {
  server.tool(name, {
    description: `Tool ${name} of the bench`,
    inputSchema: z.object(shape),
    handler: () => ({ content: [{ type: 'text', text: name }] }),
  });
}
if (streaming) {
  server.tool(NAME, {
    description: DESCRIPTION,
    inputSchema: z.object(SHAPE),
    handler: async (pace, { progress: report }) => {
      const text = await tick(pace, sleep, (progress, total, message) => report?.({ progress, total, message }));
      return { content: [{ type: 'text', text }] };
    },
  });
}
const sessionAdapter = new InMemorySessionAdapter({ maxEventBufferSize: 1024 });
const fetch = new StreamableHttpTransport({ sessionAdapter }).bind(server);

export default { fetch: (request: Request) => fetch(request), port, hostname, idleTimeout: 255 };
