/** Proposals of bind files: what they are made from, that they can be run, and that making them does no harm. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import fc from 'fast-check';
import { z } from 'zod';
import { type Listing, merged, proposals, propose } from './replay/bind.ts';
import { bindYaml } from './replay/bind-yaml.ts';
import { ownBind } from './replay/bundled.ts';
import { exampleOf, exampleUri } from './replay/examples.ts';
import { readBind } from './replay/read.ts';
import { type RunningServer, startServer } from './runtimes/start.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mcp-replay-bind-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** `mcp-replay ...`; not so that this process stands still, for it holds servers. */
function replay(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      join(HERE, '../node_modules/.bin/node'),
      [join(HERE, 'run.ts'), ...args],
      { timeout: 60_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const nothing: Listing = { tools: [], prompts: [], resources: [], templates: [] };
const guessOf = (listing: Partial<Listing>, name: string) =>
  proposals({ ...nothing, ...listing }).find((one) => one.name === name)?.guess;
const readOnly = { readOnlyHint: true };
const textTool = (name: string, more: object = {}) => ({
  name,
  inputSchema: { type: 'object', properties: { what: { type: 'string' } }, required: ['what'] },
  ...more,
});
const plainTool = (name: string, more: object = {}) => ({ name, inputSchema: { type: 'object' }, ...more });

describe('what a fixture is taken to be', () => {
  test('the official names, where the server has them', () => {
    const bind = ownBind();
    const listing = {
      ...nothing,
      tools: Object.values(bind).flatMap((one) => ('tool' in one ? [plainTool(one.tool)] : [])),
      prompts: Object.values(bind).flatMap((one) => ('prompt' in one ? [{ name: one.prompt }] : [])),
      resources: Object.values(bind).flatMap((one) => ('resource' in one ? [{ uri: one.resource }] : [])),
      templates: Object.values(bind).flatMap((one) => ('template' in one ? [{ uriTemplate: one.template }] : [])),
    };
    assert.deepEqual(Object.fromEntries(Object.keys(bind).map((name) => [name, propose(listing)[name]])), bind);
  });

  test('every fixture of the own bind file is known, with what it has to do', () => {
    const unknown = proposals(nothing).filter(({ does }) => does === 'as its name says');
    assert.deepEqual(unknown, []);
  });

  test('no official name that wants arguments which the fixture lacks', () => {
    assert.ok(guessOf({ tools: [plainTool('flood')] }, 'flood')?.sure);
    assert.equal(guessOf({ tools: [textTool('flood')] }, 'flood'), undefined);
  });

  test('echo: by its name, whatever its argument is called', () => {
    const guess = guessOf({ tools: [textTool('other'), textTool('echo')] }, 'echo');
    assert.deepEqual(guess?.fixture, { tool: 'echo', args: { what: 'hello from mcp-replay' } });
    assert.equal(guess?.sure, true);
    assert.equal(guessOf({ tools: [textTool('other', { annotations: readOnly })] }, 'echo')?.sure, false);
  });

  test('text: read-only and without arguments; nothing that may tell secrets', () => {
    const tools = [plainTool('reset'), plainTool('get-env', { annotations: readOnly })];
    assert.equal(guessOf({ tools }, 'text')?.sure, false);
    const status = plainTool('status', { annotations: readOnly });
    assert.deepEqual(guessOf({ tools: [...tools, status] }, 'text')?.fixture, { tool: 'status', args: {} });
  });

  test('structured and param-header: by their schemas', () => {
    const outputSchema = { type: 'object' };
    const tools = [
      plainTool('a', { annotations: readOnly }),
      plainTool('b', { annotations: readOnly, outputSchema }),
      {
        name: 'c',
        annotations: readOnly,
        inputSchema: { type: 'object', properties: { zone: { type: 'string', 'x-mcp-header': 'Zone' } } },
      },
    ];
    assert.deepEqual(guessOf({ tools }, 'structured')?.fixture, { tool: 'b', args: {} });
    assert.deepEqual(guessOf({ tools }, 'param-header')?.fixture, { tool: 'c', args: {} });
  });

  test('resources by their types, templates by a listed resource, prompts by their arguments', () => {
    const resources = [
      { uri: 'x://a.png', mimeType: 'image/png' },
      { uri: 'x://d/7/text', mimeType: 'text/plain' },
    ];
    assert.deepEqual(guessOf({ resources }, 'text-resource')?.fixture, { resource: 'x://d/7/text' });
    assert.deepEqual(guessOf({ resources }, 'binary-resource')?.fixture, { resource: 'x://a.png' });
    const templates = [{ uriTemplate: 'x://e/{id}' }, { uriTemplate: 'x://d/{id}/text' }];
    const known = guessOf({ resources, templates }, 'template');
    assert.deepEqual(known?.fixture, { template: 'x://d/{id}/text', uri: 'x://d/7/text' });
    assert.equal(known?.sure, true);
    assert.equal(guessOf({ templates }, 'template')?.sure, false, 'whether there is a 1 nobody knows');
    const prompts = [{ name: 'p', arguments: [{ name: 'city', required: true }] }, { name: 'q' }];
    assert.deepEqual(guessOf({ prompts }, 'prompt')?.fixture, { prompt: 'q', args: {} });
    assert.deepEqual(guessOf({ prompts }, 'echo-prompt')?.fixture, { prompt: 'p', args: { city: 'test-city' } });
  });

  test('of several revisions, what the last says of an entry', () => {
    const before = { ...nothing, tools: [plainTool('a', { annotations: readOnly }), plainTool('b')] };
    const later = { ...nothing, tools: [plainTool('a')] };
    assert.deepEqual(merged([before, later]).tools, [plainTool('a'), plainTool('b')]);
  });
});

const anyTool = fc.record({
  name: fc.string({ minLength: 1, unit: 'binary' }),
  description: fc.option(fc.constantFrom('echoes a text', 'fails', 'reports progress', 'logs', 'waits'), {
    nil: undefined,
  }),
  annotations: fc.option(fc.record({ readOnlyHint: fc.boolean() }), { nil: undefined }),
  inputSchema: fc.constantFrom(
    { type: 'object' },
    { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    { type: 'object', properties: { n: { type: 'integer', minimum: 3 } }, required: ['n'] },
  ),
});
const anyListing = fc.record({
  tools: fc.uniqueArray(anyTool, { selector: ({ name }) => name, maxLength: 6 }),
  prompts: fc.array(fc.record({ name: fc.string({ unit: 'binary' }) }), { maxLength: 3 }),
  resources: fc.array(
    fc.record({ uri: fc.string({ unit: 'binary' }), mimeType: fc.constantFrom('text/plain', 'image/png') }),
  ),
  templates: fc.constant([]),
});

test('nothing is proposed for use that does not say that it is read-only', () => {
  fc.assert(
    fc.property(anyListing, (listing) => {
      const official = new Set(Object.values(ownBind()).flatMap((one) => ('tool' in one ? [one.tool] : [])));
      for (const fixture of Object.values(propose(listing))) {
        if (!('tool' in fixture) || official.has(fixture.tool) || fixture.tool.toLowerCase() === 'echo') continue;
        const tool = listing.tools.find(({ name }) => name === fixture.tool);
        assert.equal(tool?.annotations?.readOnlyHint, true, fixture.tool);
      }
    }),
  );
});

test('the file holds what was proposed, whatever a server calls its tools', () => {
  const file = join(folder, 'any.yaml');
  fc.assert(
    fc.property(anyListing, fc.string({ unit: 'binary' }), (listing, server) => {
      writeFileSync(file, bindYaml(proposals(listing), server));
      assert.deepEqual(readBind(file), propose(listing));
    }),
  );
});

test('a hint whose # is taken away is an entry', () => {
  const listing = { ...nothing, tools: [textTool('say'), plainTool('sleep: long')] };
  const text = bindYaml(proposals(listing), 'x').replaceAll(/^# (?=[\w-]+: \{)/gm, '');
  const file = join(folder, 'hints.yaml');
  writeFileSync(file, text);
  assert.deepEqual(readBind(file).slow, { tool: 'sleep: long', args: {} });
  assert.deepEqual(readBind(file).echo, { tool: 'say', args: { what: 'hello from mcp-replay' } });
});

test('examples are values that their schemas take', () => {
  const schemas = [
    z.string(),
    z.string().min(40),
    z.string().max(3),
    z.email(),
    z.iso.datetime(),
    z.enum(['a', 'b']),
    z.literal(7),
    z.int().min(3).max(9),
    z.number().gt(5).lt(6),
    z.number().max(-2),
    z.int().multipleOf(5).min(7),
    z.boolean(),
    z.null(),
    z.array(z.object({ a: z.string() })).min(2),
    z.union([z.int(), z.string()]),
    z.object({
      a: z.string(),
      b: z.int().optional(),
      c: z.object({ d: z.array(z.string()) }),
      e: z.string().default('x'),
    }),
  ];
  for (const schema of schemas) {
    const asked = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    const { pattern: _pattern, ...plain } = asked;
    const example = exampleOf(plain);
    assert.equal(schema.safeParse(example).success, true, `${JSON.stringify(plain)}: ${JSON.stringify(example)}`);
  }
  assert.equal(exampleOf({ type: 'string', pattern: '^x$' }), undefined);
  assert.equal(exampleOf({ type: 'object', required: ['a'], properties: { a: { $ref: '#/$defs/a' } } }), undefined);
});

test('URIs of templates', () => {
  assert.equal(exampleUri('x://{a}/b', 'x://1/b'), 'x://1/b');
  assert.equal(exampleUri('x://{a}/b', 'x://1/2/b'), undefined);
  assert.equal(exampleUri('x://{+a}', 'x://1/2'), 'x://1/2');
  assert.equal(exampleUri('x://a.b/{a}', 'x://aXb/1'), undefined, 'a dot is a dot');
  assert.equal(exampleUri('x://{a}/{b}', undefined, { a: 'ü' }), 'x://%C3%BC/1');
  assert.equal(exampleUri('x://a{?q}'), undefined);
});

describe('this server', () => {
  let server: RunningServer;
  before(async () => {
    server = await startServer({ runtime: 'node', entry: 'harness/everything.ts' });
  });
  after(() => server.stop());

  test('the file that a probe proposes is one that the scenarios are green with', async () => {
    const file = join(folder, 'everything.yaml');
    const made = await replay('bind', server.url, '--probe', '--out', file);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /: \d+ of \d+ fixtures bound, \d+ perhaps, \d+ not found\n$/);
    assert.equal(made.stdout, '');
    const bound = readBind(file);
    for (const name of ['text', 'echo', 'image', 'audio', 'mixed', 'progress', 'logging', 'logging-once', 'template'])
      assert.ok(bound[name], name);
    assert.deepEqual(bound.template, { template: 'test://template/{id}/data', uri: 'test://template/123/data' });
    const run = await replay(server.url, '--bind', file, '--only', 'tools.*,progress.*,resources.*');
    assert.equal(run.code, 0, run.stdout + run.stderr);
  });

  test('a file that is there is left alone', async () => {
    const file = join(folder, 'mine.yaml');
    writeFileSync(file, 'text: { tool: mine }\n');
    const { code, stderr } = await replay('bind', server.url, '--out', file);
    assert.equal(code, 2);
    assert.match(stderr, /mine\.yaml is there already/);
    assert.equal(readFileSync(file, 'utf8'), 'text: { tool: mine }\n');
  });
});

describe("a server of the official SDK's version 1, with names of its own", () => {
  /** How often each tool was called. */
  const calls = new Map<string, number>();
  const seen: IncomingHttpHeaders[] = [];
  const text = (name: string, said: string) => {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    return { content: [{ type: 'text' as const, text: said }] };
  };

  function mcp(): McpServer {
    const mcp = new McpServer({ name: 'shop', version: '1.0.0' }, { capabilities: { logging: {} } });
    mcp.registerTool('remove_all_orders', { description: 'Removes every order' }, () =>
      text('remove_all_orders', 'gone'),
    );
    mcp.registerTool(
      'repeat',
      { inputSchema: { words: z.string() }, annotations: { readOnlyHint: true } },
      ({ words }) => text('repeat', `You said ${words}`),
    );
    mcp.registerTool('stock', { outputSchema: { items: z.int() }, annotations: { readOnlyHint: true } }, () => ({
      ...text('stock', '{"items":3}'),
      structuredContent: { items: 3 },
    }));
    mcp.registerTool('inventory', { annotations: { readOnlyHint: true } }, async (extra) => {
      const progressToken = extra._meta?.progressToken;
      for (const progress of progressToken === undefined ? [] : [1, 2, 3])
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken: progressToken as string, progress, total: 3 },
        });
      return text('inventory', 'counted');
    });
    mcp.registerPrompt('advise', { argsSchema: { topic: z.string() } }, ({ topic }) => ({
      messages: [{ role: 'user', content: { type: 'text', text: `Advise on ${topic}` } }],
    }));
    mcp.registerResource('terms', 'shop://terms', {}, () => ({ contents: [{ uri: 'shop://terms', text: 'Be kind' }] }));
    return mcp;
  }

  const transports = new Map<string, StreamableHTTPServerTransport>();
  const server = createServer(async (request, response) => {
    seen.push(request.headers);
    let transport = transports.get(String(request.headers['mcp-session-id']));
    if (!transport) {
      const made = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void transports.set(id, made),
      });
      await mcp().connect(made as Parameters<McpServer['connect']>[0]);
      transport = made;
    }
    await transport.handleRequest(request, response);
  });
  let url = '';
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test('without --probe no tool is called', async () => {
    const { code, stdout, stderr } = await replay('bind', url, '--header', 'authorization: Bearer s3cret-token');
    assert.equal(code, 0, stderr);
    assert.deepEqual([...calls], []);
    assert.match(stdout, /^structured: \{ tool: stock \}$/m);
    assert.match(stdout, /^# echo: \{ tool: repeat, args: \{ words: hello from mcp-replay \} \}$/m);
    assert.ok(seen.every(({ authorization }) => authorization === 'Bearer s3cret-token'));
    assert.doesNotMatch(stdout + stderr, /s3cret/);
  });

  test('with --probe only read-only ones are, and what they do is seen', async () => {
    const file = join(folder, 'shop.yaml');
    const { code, stderr } = await replay('bind', url, '--probe', '--out', file);
    assert.equal(code, 0, stderr);
    assert.deepEqual([...calls.keys()].sort(), ['inventory', 'repeat', 'stock']);
    const args = { words: 'hello from mcp-replay' };
    assert.deepEqual(readBind(file), {
      text: { tool: 'repeat', args },
      echo: { tool: 'repeat', args },
      arguments: { tool: 'repeat', args },
      structured: { tool: 'stock', args: {} },
      progress: { tool: 'inventory', args: {} },
      'text-resource': { resource: 'shop://terms' },
      'echo-prompt': { prompt: 'advise', args: { topic: 'test-topic' } },
    });
    const run = await replay(url, '--bind', file, '--only', 'tools.call,progress.*', '--revision', '2025-11-25');
    assert.equal(run.code, 0, run.stdout + run.stderr);
  });
});

test('nobody answers: 3; no server of MCP: 5; no URL, or two: 2', async () => {
  assert.equal((await replay('bind', 'http://127.0.0.1:9/mcp')).code, 3);
  const other = createServer((_request, response) => response.writeHead(404).end('<html>no</html>'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/mcp`;
    const out = join(folder, 'none.yaml');
    assert.equal((await replay('bind', url, '--out', out)).code, 5);
    assert.equal(existsSync(out), false);
    assert.equal((await replay('bind', url, url)).code, 2);
  } finally {
    other.close();
  }
  assert.equal((await replay('bind')).code, 2);
  assert.equal((await replay('bind', 'not a url')).code, 2);
});
