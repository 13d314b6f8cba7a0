/**
 * The official SDK, version 1, with sessions and resumption as its own example `simpleStreamableHttp` wires them; only the event
 * store is not the one of the examples, which puts events of the same millisecond into any order.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { eventStore } from './events.ts';
import { said, sleep, text, user } from './fixtures.ts';
import { listen } from './listen.ts';
import { refuse } from './refuse.ts';

function getServer(): McpServer {
  const server = new McpServer({ name: 'sdk-v1', version: '1.32.2' }, { capabilities: { logging: {} } });

  server.registerTool('test_simple_text', { description: 'Answers one text' }, () => ({ content: [said.text] }));

  server.registerTool('test_error_handling', { description: 'Fails, every time' }, () => {
    throw new Error(said.failure.text);
  });

  server.registerTool(
    'test_tool_with_progress',
    { description: 'Reports progress at 0, 50 and 100 of 100' },
    async (extra) => {
      const progressToken = extra._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progress > 0) await sleep(50, undefined, extra);
        if (progressToken !== undefined)
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 100 },
          });
      }
      return { content: [said.progress] };
    },
  );

  server.registerTool('test_tool_with_logging', { description: 'Logs three messages' }, async (extra) => {
    for (const data of said.logs) {
      await server.sendLoggingMessage({ level: 'info', data }, extra.sessionId);
      await sleep(50);
    }
    return { content: [said.logging] };
  });

  server.registerTool('test_logging_tool', { description: 'Logs one message' }, async (extra) => {
    await server.sendLoggingMessage({ level: 'info', data: said.logs[0] }, extra.sessionId);
    return { content: [said.logging] };
  });

  server.registerTool('test_trigger_tool_change', { description: 'Says that the tools changed' }, () => {
    server.sendToolListChanged();
    return { content: [said.changed] };
  });

  server.registerTool('test_trigger_prompt_change', { description: 'Says that the prompts changed' }, () => {
    server.sendPromptListChanged();
    return { content: [said.changed] };
  });

  server.registerTool('test_reconnection', { description: 'Closes its stream half way' }, async (extra) => {
    await sleep(50);
    extra.closeSSEStream?.();
    await sleep(100);
    return { content: [said.reconnection] };
  });

  server.registerTool(
    'echo',
    { description: 'Answers the text that it is given', inputSchema: { text: z.string() } },
    ({ text: given }) => ({ content: [text(given)] }),
  );

  server.registerTool(
    'countdown',
    { description: 'Reports each step', inputSchema: { from: z.int().min(1), every_ms: z.int().min(0) } },
    async ({ from, every_ms }, extra) => {
      const progressToken = extra._meta?.progressToken;
      for (let progress = 1; progress <= from; progress++) {
        await sleep(every_ms, undefined, extra);
        if (progressToken !== undefined)
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress, total: from },
          });
      }
      return { content: [said.counted] };
    },
  );

  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user for a name and an email address', inputSchema: { message: z.string() } },
    async ({ message }, { requestId }) => {
      const { action, content } = await server.server.elicitInput(
        { mode: 'form', message, requestedSchema: user },
        { relatedRequestId: requestId },
      );
      return { content: [said.user(action, content)] };
    },
  );

  server.registerTool(
    'test_sampling',
    { description: "Puts a prompt to the client's model", inputSchema: { prompt: z.string() } },
    async ({ prompt }, { requestId }) => {
      const { content } = await server.server.createMessage(
        { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 },
        { relatedRequestId: requestId },
      );
      return { content: [said.model(content)] };
    },
  );

  server.registerResource('static-text', 'test://static-text', { mimeType: 'text/plain' }, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'text/plain', text: said.resource }],
  }));

  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json' },
    ({ href }, { id }) => ({ contents: [{ uri: href, mimeType: 'application/json', text: said.data(String(id)) }] }),
  );

  server.registerPrompt('test_simple_prompt', { description: 'One message' }, () => ({
    messages: [{ role: 'user', content: said.prompt }],
  }));

  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'A message with two arguments', argsSchema: { arg1: z.string(), arg2: z.string() } },
    ({ arg1, arg2 }) => ({ messages: [{ role: 'user', content: said.arguments(arg1, arg2) }] }),
  );

  return server;
}

const transports = new Map<string, StreamableHTTPServerTransport>();

async function handle(request: IncomingMessage & { body?: unknown }, response: ServerResponse): Promise<void> {
  const { 'mcp-session-id': sessionId } = request.headers as Record<string, string | undefined>;
  const known = sessionId === undefined ? undefined : transports.get(sessionId);
  if (known) return known.handleRequest(request, response, request.body);
  if (sessionId !== undefined) return refuse(response, 404, -32001, 'Session not found');
  if (!isInitializeRequest(request.body))
    return refuse(response, 400, -32000, 'Bad Request: No valid session ID provided');

  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: eventStore(),
    retryInterval: 100,
    onsessioninitialized: (id) => {
      transports.set(id, transport);
    },
  });
  transport.onclose = () => {
    if (transport.sessionId !== undefined) transports.delete(transport.sessionId);
  };
  await getServer().connect(transport);
  await transport.handleRequest(request, response, request.body);
}

const app = createMcpExpressApp();
app.post('/mcp', handle);
app.get('/mcp', handle);
app.delete('/mcp', handle);
listen(createServer(app));
