/** mcp-lite under Hono, with both adapters in memory and both guards, as its README sets them up for one node. */

import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { InMemoryClientRequestAdapter, InMemorySessionAdapter, McpServer, StreamableHttpTransport } from 'mcp-lite';
import { z } from 'zod';
import { said, sleep, text } from './fixtures.ts';
import { hostname, port, tell } from './listen.ts';

const mcp = new McpServer({
  name: 'mcp-lite',
  version: '0.10.0',
  // zod marks what it makes as one of its own schemas, and `elicit` refuses those: it is copied without the mark.
  schemaAdapter: (schema) => JSON.parse(JSON.stringify(z.toJSONSchema(schema as z.ZodType))),
});

mcp.tool('test_simple_text', { description: 'Answers one text', handler: () => ({ content: [said.text] }) });

mcp.tool('test_error_handling', {
  description: 'Fails, every time',
  handler: () => ({ content: [said.failure], isError: true }),
});

mcp.tool('test_tool_with_progress', {
  description: 'Reports progress at 0, 50 and 100 of 100',
  handler: async (_input, { progress: report }) => {
    for (const progress of [0, 50, 100]) {
      if (progress > 0) await sleep(50);
      await report?.({ progress, total: 100 });
    }
    return { content: [said.progress] };
  },
});

mcp.tool('echo', {
  description: 'Answers the text that it is given',
  inputSchema: z.object({ text: z.string() }),
  handler: ({ text: given }) => ({ content: [text(given)] }),
});

mcp.tool('countdown', {
  description: 'Reports each step',
  inputSchema: z.object({ from: z.int().min(1), every_ms: z.int().min(0) }),
  handler: async ({ from, every_ms }, { progress: report }) => {
    for (let progress = 1; progress <= from; progress++) {
      await sleep(every_ms);
      await report?.({ progress, total: from });
    }
    return { content: [said.counted] };
  },
});

mcp.tool('test_elicitation', {
  description: 'Asks the user for a name and an email address',
  inputSchema: z.object({ message: z.string() }),
  handler: async ({ message }, { elicit }) => {
    const schema = z.object({ username: z.string(), email: z.string() });
    const { action, content } = await elicit({ message, schema });
    return { content: [said.user(action, content)] };
  },
});

mcp.tool('test_sampling', {
  description: "Puts a prompt to the client's model",
  inputSchema: z.object({ prompt: z.string() }),
  handler: async ({ prompt }, { sample }) => {
    const { content } = await sample({ prompt, maxTokens: 100 });
    return { content: [said.model(content)] };
  },
});

mcp.resource('test://static-text', { name: 'static-text', mimeType: 'text/plain' }, async ({ href }) => ({
  contents: [{ uri: href, type: 'text', mimeType: 'text/plain', text: said.resource }],
}));

mcp.resource(
  'test://template/{id}/data',
  { name: 'template', mimeType: 'application/json' },
  async ({ href }, { id }) => ({
    contents: [{ uri: href, type: 'text', mimeType: 'application/json', text: said.data(String(id)) }],
  }),
);

mcp.prompt('test_simple_prompt', {
  description: 'One message',
  handler: () => ({ messages: [{ role: 'user', content: said.prompt }] }),
});

mcp.prompt('test_prompt_with_arguments', {
  description: 'A message with two arguments',
  arguments: z.object({ arg1: z.string(), arg2: z.string() }),
  handler: (args) => {
    const { arg1, arg2 } = args as { arg1: string; arg2: string };
    return { messages: [{ role: 'user', content: said.arguments(arg1, arg2) }] };
  },
});

const app = new Hono();
const server = createAdaptorServer({ fetch: app.fetch }) as Server;
server.listen(port, hostname, () => {
  const address = server.address();
  const at = typeof address === 'object' && address !== null ? address.port : port;
  const names = ['127.0.0.1', 'localhost'];
  const transport = new StreamableHttpTransport({
    allowedHosts: names.flatMap((name) => [name, `${name}:${at}`]),
    allowedOrigins: names.map((name) => `http://${name}:${at}`),
    sessionAdapter: new InMemorySessionAdapter({ maxEventBufferSize: 1024 }),
    clientRequestAdapter: new InMemoryClientRequestAdapter({ defaultTimeoutMs: 30_000 }),
  });
  const handle = transport.bind(mcp);
  app.all('/mcp', ({ req }) => handle(req.raw));
  tell(server);
});
