/** tmcp with its HTTP transport on node:http, as its README sets it up; cross-origin requests are refused. */

import { createServer } from 'node:http';
import { createRequestListener } from '@remix-run/node-fetch-server';
import { ZodJsonSchemaAdapter } from '@tmcp/adapter-zod';
import { HttpTransport } from '@tmcp/transport-http';
import { McpServer } from 'tmcp';
import { tool } from 'tmcp/utils';
import { z } from 'zod';
import { said, sleep, text } from './fixtures.ts';
import { listen } from './listen.ts';

const server = new McpServer(
  { name: 'tmcp', version: '1.20.0', description: 'tmcp' },
  {
    adapter: new ZodJsonSchemaAdapter(),
    capabilities: {
      logging: {},
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true },
    },
  },
);

server.tool({ name: 'test_simple_text', description: 'Answers one text' }, () => ({ content: [said.text] }));

server.tool({ name: 'test_error_handling', description: 'Fails, every time' }, () => tool.error(said.failure.text));

server.tool({ name: 'test_tool_with_progress', description: 'Reports progress at 0, 50 and 100 of 100' }, async () => {
  for (const progress of [0, 50, 100]) {
    if (progress > 0) await sleep(50, undefined, { signal: server.ctx.signal });
    server.progress(progress, 100);
  }
  return { content: [said.progress] };
});

server.tool({ name: 'test_tool_with_logging', description: 'Logs three messages' }, async () => {
  for (const data of said.logs) {
    server.log('info', data);
    await sleep(50);
  }
  return { content: [said.logging] };
});

server.tool({ name: 'test_logging_tool', description: 'Logs one message' }, () => {
  server.log('info', said.logs[0]);
  return { content: [said.logging] };
});

server.tool({ name: 'test_trigger_tool_change', description: 'Says that the tools changed' }, () => {
  server.changed('tools');
  return { content: [said.changed] };
});

server.tool({ name: 'test_trigger_prompt_change', description: 'Says that the prompts changed' }, () => {
  server.changed('prompts');
  return { content: [said.changed] };
});

server.tool(
  { name: 'echo', description: 'Answers the text that it is given', schema: z.object({ text: z.string() }) },
  ({ text: given }) => ({ content: [text(given)] }),
);

server.tool(
  {
    name: 'countdown',
    description: 'Reports each step',
    schema: z.object({ from: z.int().min(1), every_ms: z.int().min(0) }),
  },
  async ({ from, every_ms }) => {
    for (let progress = 1; progress <= from; progress++) {
      await sleep(every_ms, undefined, { signal: server.ctx.signal });
      server.progress(progress, from);
    }
    return { content: [said.counted] };
  },
);

server.tool(
  {
    name: 'test_x_mcp_header',
    description: 'Takes a region that a header repeats',
    schema: z.object({
      region: z.string().meta({ 'x-mcp-header': 'Region' }),
      level: z.int().optional(),
      shards: z.int().optional().meta({ 'x-mcp-header': 'Shards' }),
      dry: z.boolean().optional().meta({ 'x-mcp-header': 'Dry-Run' }),
    }),
  },
  (input) => ({ content: [text(JSON.stringify(input))] }),
);

server.tool(
  { name: 'test_input_required_result_elicitation', description: 'Asks the user for a name', replayable: true },
  async () => {
    const schema = z.object({ name: z.string() });
    const { action, content } = await server.elicitation('What is your name?', schema, { key: 'user_name' });
    return { content: [text(action === 'accept' ? `Hello, ${content?.name}!` : `No name: ${action}`)] };
  },
);

server.tool(
  {
    name: 'test_input_required_result_sampling',
    description: "Puts a question to the client's model",
    replayable: true,
  },
  async () => {
    const messages = [{ role: 'user' as const, content: text('What is the capital of France?') }];
    const { content } = await server.message({ messages, maxTokens: 100 }, { key: 'capital_question' });
    return { content: [said.model(content)] };
  },
);

server.tool(
  {
    name: 'test_elicitation',
    description: 'Asks the user for a name and an email address',
    schema: z.object({ message: z.string() }),
    replayable: true,
  },
  async ({ message }) => {
    const { action, content } = await server.elicitation(
      message,
      z.object({ username: z.string(), email: z.string() }),
    );
    return { content: [said.user(action, content)] };
  },
);

server.tool(
  {
    name: 'test_sampling',
    description: "Puts a prompt to the client's model",
    schema: z.object({ prompt: z.string() }),
    replayable: true,
  },
  async ({ prompt }) => {
    const { content } = await server.message({
      messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
      maxTokens: 100,
    });
    return { content: [said.model(content)] };
  },
);

server.resource(
  { name: 'static-text', description: 'A text', uri: 'test://static-text', mimeType: 'text/plain' },
  (uri) => ({ contents: [{ uri, mimeType: 'text/plain', text: said.resource }] }),
);

server.template(
  { name: 'template', description: 'Data of an id', uri: 'test://template/{id}/data', mimeType: 'application/json' },
  (uri, { id }) => ({ contents: [{ uri, mimeType: 'application/json', text: said.data(String(id)) }] }),
);

server.prompt({ name: 'test_simple_prompt', description: 'One message' }, () => ({
  messages: [{ role: 'user', content: said.prompt }],
}));

server.prompt(
  {
    name: 'test_prompt_with_arguments',
    description: 'A message with two arguments',
    schema: z.object({ arg1: z.string(), arg2: z.string() }),
  },
  ({ arg1, arg2 }) => ({ messages: [{ role: 'user', content: said.arguments(arg1, arg2) }] }),
);

const transport = new HttpTransport(server, { path: '/mcp', allowedOrigins: [] });

listen(
  createServer(
    createRequestListener(async (request) => (await transport.respond(request)) ?? new Response(null, { status: 404 })),
  ),
);
