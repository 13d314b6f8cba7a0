/**
 * The official SDK, version 1: one McpServer and one transport a session, answers as JSON; for the measures of streams
 * answers are streams that can be resumed.
 */
import '../targets/memory.ts';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { z } from 'zod';
import { eventStore } from '../../../harness/foreign/servers/events.ts';
import { hostname, port } from '../targets/address.ts';
import { heartbeat_ms, streaming } from '../targets/streaming.ts';
import { DESCRIPTION, NAME, SHAPE, tick } from '../targets/ticker.ts';
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
  if (streaming) {
    server.registerTool(NAME, { description: DESCRIPTION, inputSchema: SHAPE }, async (pace, extra) => {
      const progressToken = extra._meta?.progressToken ?? '';
      const text = await tick(pace, sleep, (progress, total, message) =>
        extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress, total, message },
        }),
      );
      return { content: [{ type: 'text', text }] };
    });
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
    ...(streaming ? { eventStore: eventStore(), keepAliveMs: heartbeat_ms } : { enableJsonResponse: true }),
    onsessioninitialized: (session) => {
      transports.set(session, transport);
    },
  });
  transport.onclose = () => {
    if (transport.sessionId !== undefined) transports.delete(transport.sessionId);
  };
  await make().connect(transport);
  return transport.handleRequest(request);
}

export default { fetch, port, hostname, idleTimeout: 255 };
