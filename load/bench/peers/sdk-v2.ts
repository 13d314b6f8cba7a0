/**
 * The official SDK, version 2: revision 2026-07-28, a fresh server for each request; for the measures of streams also what is
 * older, with sessions and streams that can be resumed.
 */
import '../targets/memory.ts';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createMcpHandler,
  isLegacyRequest,
  McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { eventStore } from '../../../harness/foreign/servers/events.ts';
import { hostname, port } from '../targets/address.ts';
import { heartbeat_ms, streaming } from '../targets/streaming.ts';
import { DESCRIPTION, NAME, SHAPE, tick } from '../targets/ticker.ts';
import { shape, wanted } from '../targets/wide.ts';

function make(): McpServer {
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
  if (streaming) {
    server.registerTool(NAME, { description: DESCRIPTION, inputSchema: z.object(SHAPE) }, async (pace, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken ?? '';
      const text = await tick(pace, sleep, (progress, total, message) =>
        mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total, message } }),
      );
      return { content: [{ type: 'text', text }] };
    });
  }
  return server;
}

/** Listen streams are bounded, by default to 1,024. */
const roomy = { keepAliveMs: heartbeat_ms, maxSubscriptions: Number.POSITIVE_INFINITY };
const modern = createMcpHandler(make, streaming ? roomy : {});
const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();

async function legacy(request: Request): Promise<Response> {
  const id = request.headers.get('mcp-session-id');
  if (id !== null) {
    const known = transports.get(id);
    return known ? known.handleRequest(request) : new Response(null, { status: 404 });
  }
  const transport: WebStandardStreamableHTTPServerTransport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: eventStore(),
    keepAliveMs: heartbeat_ms,
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

async function fetch(request: Request): Promise<Response> {
  if (streaming && (request.method !== 'POST' || (await isLegacyRequest(request)))) return legacy(request);
  return modern.fetch(request);
}

export default { fetch, port, hostname, idleTimeout: 255 };
