/**
 * The official SDK, version 2, for both eras, as its page "Support legacy clients" and its example `legacy-routing` wire them: a strict
 * handler for 2026-07-28, and in front of it a branch to transports with sessions for what is older.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createMcpExpressApp } from '@modelcontextprotocol/express';
import {
  type NodeIncomingMessageLike,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
  toWebRequest,
} from '@modelcontextprotocol/node';
import {
  acceptedContent,
  createMcpHandler,
  inputRequired,
  inputResponse,
  isInitializeRequest,
  isLegacyRequest,
  McpServer,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { eventStore } from './events.ts';
import { said, sleep, text } from './fixtures.ts';
import { listen } from './listen.ts';
import { refuse } from './refuse.ts';
import { registerRounds, state } from './sdk-v2-rounds.ts';

const user = z.object({ username: z.string(), email: z.string() });

function buildServer(): McpServer {
  const server = new McpServer(
    { name: 'sdk-v2', version: '2.4.0' },
    { capabilities: { logging: {} }, requestState: { verify: state.verify } },
  );
  registerRounds(server);

  server.registerTool('test_simple_text', { description: 'Answers one text' }, () => ({ content: [said.text] }));

  server.registerTool('test_error_handling', { description: 'Fails, every time' }, () => {
    throw new Error(said.failure.text);
  });

  server.registerTool(
    'test_tool_with_progress',
    { description: 'Reports progress at 0, 50 and 100 of 100' },
    async ({ mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progress > 0) await sleep(50, undefined, mcpReq);
        if (progressToken !== undefined)
          await mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 100 },
          });
      }
      return { content: [said.progress] };
    },
  );

  server.registerTool('test_tool_with_logging', { description: 'Logs three messages' }, async ({ mcpReq }) => {
    for (const data of said.logs) {
      await mcpReq.log('info', data);
      await sleep(50);
    }
    return { content: [said.logging] };
  });

  server.registerTool('test_logging_tool', { description: 'Logs one message' }, async ({ mcpReq }) => {
    await mcpReq.log('info', said.logs[0]);
    return { content: [said.logging] };
  });

  server.registerTool('test_trigger_tool_change', { description: 'Says that the tools changed' }, () => {
    server.sendToolListChanged();
    strict.notify.toolsChanged();
    return { content: [said.changed] };
  });

  server.registerTool('test_trigger_prompt_change', { description: 'Says that the prompts changed' }, () => {
    server.sendPromptListChanged();
    strict.notify.promptsChanged();
    return { content: [said.changed] };
  });

  server.registerTool(
    'test_x_mcp_header',
    {
      description: 'Takes a region that a header repeats',
      inputSchema: z.object({
        region: z.string().meta({ 'x-mcp-header': 'Region' }),
        level: z.int().optional(),
        shards: z.int().optional().meta({ 'x-mcp-header': 'Shards' }),
        dry: z.boolean().optional().meta({ 'x-mcp-header': 'Dry-Run' }),
      }),
    },
    (input) => ({ content: [text(JSON.stringify(input))] }),
  );

  server.registerTool('test_reconnection', { description: 'Closes its stream half way' }, async ({ http }) => {
    await sleep(50);
    http?.closeSSE?.();
    await sleep(100);
    return { content: [said.reconnection] };
  });

  server.registerTool(
    'echo',
    { description: 'Answers the text that it is given', inputSchema: z.object({ text: z.string() }) },
    ({ text: given }) => ({ content: [text(given)] }),
  );

  server.registerTool(
    'countdown',
    { description: 'Reports each step', inputSchema: z.object({ from: z.int().min(1), every_ms: z.int().min(0) }) },
    async ({ from, every_ms }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (let progress = 1; progress <= from; progress++) {
        await sleep(every_ms, undefined, mcpReq);
        if (progressToken !== undefined)
          await mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress, total: from },
          });
      }
      return { content: [said.counted] };
    },
  );

  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user for a name and an email address', inputSchema: z.object({ message: z.string() }) },
    ({ message }, { mcpReq: { inputResponses } }) => {
      const answer = inputResponse(inputResponses, 'user');
      const content = acceptedContent(inputResponses, 'user', user);
      if (answer.kind === 'elicit' && (answer.action !== 'accept' || content))
        return { content: [said.user(answer.action, content)] };
      return inputRequired({ inputRequests: { user: inputRequired.elicit({ message, requestedSchema: user }) } });
    },
  );

  server.registerTool(
    'test_sampling',
    { description: "Puts a prompt to the client's model", inputSchema: z.object({ prompt: z.string() }) },
    ({ prompt }, { mcpReq: { inputResponses } }) => {
      const answer = inputResponse(inputResponses, 'model');
      if (answer.kind !== 'sampling') {
        const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }];
        return inputRequired({ inputRequests: { model: inputRequired.createMessage({ messages, maxTokens: 100 }) } });
      }
      return { content: [said.model(answer.result.content)] };
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
    { description: 'A message with two arguments', argsSchema: z.object({ arg1: z.string(), arg2: z.string() }) },
    ({ arg1, arg2 }) => ({ messages: [{ role: 'user', content: said.arguments(arg1, arg2) }] }),
  );

  return server;
}

const sessions = new Map<string, NodeStreamableHTTPServerTransport>();

type Incoming = IncomingMessage & NodeIncomingMessageLike & { body?: unknown };

async function legacy(request: Incoming, response: ServerResponse): Promise<void> {
  const { 'mcp-session-id': sessionId } = request.headers as Record<string, string | undefined>;
  const known = sessionId === undefined ? undefined : sessions.get(sessionId);
  if (known) return known.handleRequest(request, response, request.body);
  if (sessionId !== undefined) return refuse(response, 404, -32001, 'Session not found');
  if (!isInitializeRequest(request.body)) return refuse(response, 400, -32000, 'Bad Request: Session ID required');

  const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: eventStore(),
    retryInterval: 100,
    onsessioninitialized: (id) => {
      sessions.set(id, transport);
    },
  });
  transport.onclose = () => {
    if (transport.sessionId !== undefined) sessions.delete(transport.sessionId);
  };
  await buildServer().connect(transport);
  await transport.handleRequest(request, response, request.body);
}

const strict = createMcpHandler(buildServer, { legacy: 'reject' });
const modern = toNodeHandler(strict);

const app = createMcpExpressApp();
app.post('/mcp', async (request: Incoming, response: ServerResponse) => {
  const isLegacy = await isLegacyRequest(await toWebRequest(request, request.body));
  await (isLegacy ? legacy(request, response) : modern(request, response, request.body));
});
app.get('/mcp', legacy);
app.delete('/mcp', legacy);
listen(createServer(app));
