/** The official SDK, version 2: revision 2026-07-28, a fresh server for each request. */
import '../targets/memory.ts';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { hostname, port } from '../targets/address.ts';
import { shape, wanted } from '../targets/wide.ts';

const { fetch } = createMcpHandler(() => {
  const server = new McpServer({ name: 'sdk-v2', version: '2.4.0' });
  server.registerTool(
    'echo',
    { description: 'Returns the given text unchanged', inputSchema: z.object({ text: z.string() }) },
    ({ text }) => ({ content: [{ type: 'text', text }] }),
  );
  for (const name of wanted) {
    server.registerTool(name, { description: `Tool ${name} of the bench`, inputSchema: z.object(shape) }, () => ({
      content: [{ type: 'text', text: name }],
    }));
  }
  return server;
});

export default { fetch: (request: Request) => fetch(request), port, hostname, idleTimeout: 255 };
