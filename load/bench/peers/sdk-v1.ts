/** The official SDK, version 1: one McpServer and one transport a session, answers as JSON. */
import '../targets/memory.ts';
import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { z } from 'zod';
import { hostname, port } from '../targets/address.ts';
import { shape, wanted } from '../targets/wide.ts';

function make(): McpServer {
  const server = new McpServer({ name: 'sdk-v1', version: '1.32.2' });
  server.registerTool(
    'echo',
    { description: 'Returns the given text unchanged', inputSchema: { text: z.string() } },
    ({ text }) => ({ content: [{ type: 'text', text }] }),
  );
  for (const name of wanted) {
    server.registerTool(name, { description: `Tool ${name} of the bench`, inputSchema: shape }, () => ({
      content: [{ type: 'text', text: name }],
    }));
  }
  return server;
}

const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();

async function fetch(request: Request): Promise<Response> {
  const id = request.headers.get('mcp-session-id');
  if (id !== null) {
    const known = transports.get(id);
    return known ? known.handleRequest(request) : new Response(null, { status: 404 });
  }
  const transport: WebStandardStreamableHTTPServerTransport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (session) => {
      transports.set(session, transport);
    },
  });
  await make().connect(transport);
  return transport.handleRequest(request);
}

export default { fetch, port, hostname, idleTimeout: 255 };
