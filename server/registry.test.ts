import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { createServer, type Feature, prompt, resource, type ServerOptions, type Tool, tool } from '../server.ts';
import { type Json, MODERN, SESSIONS, serving } from './client.fixture.ts';

const serve = (features: readonly unknown[], more: Partial<ServerOptions> = {}) =>
  createServer({ name: 'a', version: '1', features: features as Feature[], ...more });
const echoing = (name: unknown, config: object = {}) =>
  tool(name as string, { description: 'Says a', ...config }, () => 'a') as Tool;
const reading = (name: string, uri: string, config: object = {}) => resource(name, uri, config, () => 'a');

// ---- definitions that cannot be served -----------------------------------------------------------

const BAD: { [what: string]: [unknown[], RegExp] } = {
  'the same tool twice': [[echoing('a'), echoing('b'), echoing('a')], /^Cannot register tool "a": the name is taken$/],
  'the same prompt twice': [
    [prompt('a', {}, () => 'a'), prompt('a', {}, () => 'b')],
    /^Cannot register prompt "a": the name is taken$/,
  ],
  'the same URI twice': [
    [reading('a', 'test://x'), reading('b', 'test://x')],
    /^Cannot register resource "b": its URI "test:\/\/x" is taken$/,
  ],
  'the same template twice': [
    [reading('a', 'test://{x}'), reading('b', 'test://{x}')],
    /^Cannot register resource "b": its template "test:\/\/\{x\}" is taken$/,
  ],
  'a tool without a name': [[echoing('')], /^Cannot register tool "": a tool name is 1 to 128 of A-Z a-z 0-9 _ \. -$/],
  'a tool whose name is no text': [[echoing(undefined)], /^Cannot register tool /],
  'a tool name with a space': [[echoing('a b')], /^Cannot register tool "a b": a tool name is /],
  'a tool name with a slash': [[echoing('a/b')], /^Cannot register tool "a\/b": a tool name is /],
  'a tool name of 129 characters': [[echoing('a'.repeat(129))], /^Cannot register tool "a+": a tool name is /],
  'a tool without a description': [
    [echoing('a', { description: '' })],
    /^Cannot register tool "a": it needs a description$/,
  ],
  'arguments that are no object': [
    [echoing('a', { inputSchema: z.string() })],
    /^Cannot register tool "a": its inputSchema must be of type object, is "string"$/,
  ],
  'arguments that are a union': [
    [echoing('a', { inputSchema: z.union([z.object({ b: z.string() }), z.object({ c: z.string() })]) })],
    /^Cannot register tool "a": its inputSchema must be of type object, is nothing$/,
  ],
  'arguments that no JSON Schema can express': [
    [echoing('a', { inputSchema: z.object({ when: z.date() }) })],
    /^Cannot register tool "a": its inputSchema cannot be expressed as JSON Schema: /,
  ],
  'a result that no JSON Schema can express': [
    [echoing('a', { outputSchema: z.object({ many: z.bigint() }) })],
    /^Cannot register tool "a": its outputSchema cannot be expressed as JSON Schema: /,
  ],
  'x-mcp-header that is no token': [
    [echoing('a', { inputSchema: z.object({ b: z.string().meta({ 'x-mcp-header': 'two words' }) }) })],
    /^Cannot register tool "a": x-mcp-header of "b" must be an HTTP token, got "two words"$/,
  ],
  'x-mcp-header that is empty': [
    [echoing('a', { inputSchema: z.object({ b: z.string().meta({ 'x-mcp-header': '' }) }) })],
    /^Cannot register tool "a": x-mcp-header of "b" must be an HTTP token, got ""$/,
  ],
  'x-mcp-header on a number': [
    [echoing('a', { inputSchema: z.object({ b: z.number().meta({ 'x-mcp-header': 'B' }) }) })],
    /^Cannot register tool "a": x-mcp-header "B" of "b" needs type string, integer or boolean, got "number"$/,
  ],
  'x-mcp-header on what may be null': [
    [echoing('a', { inputSchema: z.object({ b: z.string().nullable().meta({ 'x-mcp-header': 'B' }) }) })],
    /^Cannot register tool "a": x-mcp-header "B" of "b" needs type string, integer or boolean, got /,
  ],
  'x-mcp-header within a list': [
    [echoing('a', { inputSchema: z.object({ b: z.array(z.string().meta({ 'x-mcp-header': 'B' })) }) })],
    /^Cannot register tool "a": x-mcp-header "B" stands at "b", and may stand only on properties/,
  ],
  'x-mcp-header twice': [
    [
      echoing('a', {
        inputSchema: z.object({
          b: z.string().meta({ 'x-mcp-header': 'Region' }),
          c: z.string().meta({ 'x-mcp-header': 'region' }),
        }),
      }),
    ],
    /^Cannot register tool "a": x-mcp-header "region" stands twice/,
  ],
  'a resource whose URI is none': [[reading('a', 'no uri')], /^Cannot register resource "a": "no uri" is not a URI$/],
  'a template that is none': [
    [reading('a', 'test://{b')],
    /^Cannot register resource "a": URI template "test:\/\/\{b" has an unmatched brace$/,
  ],
  'a template with a variable twice': [
    [reading('a', 'test://{b}/{b}')],
    /^Cannot register resource "a": URI template .* has the variable "b" twice$/,
  ],
  'a completion of no variable': [
    [reading('a', 'test://{b}', { complete: { c: () => [] } })],
    /^Cannot register resource "a": it completes "c", which is not one of its arguments$/,
  ],
  'a completion of a fixed resource': [
    [reading('a', 'test://b', { complete: { b: () => [] } })],
    /^Cannot register resource "a": it completes "b", which is not one of its arguments$/,
  ],
  'a completion of no argument': [
    [prompt('a', { argsSchema: z.object({ b: z.string() }), complete: { c: () => [] } as object }, () => 'a')],
    /^Cannot register prompt "a": it completes "c", which is not one of its arguments$/,
  ],
  'a prompt without a name': [[prompt('', {}, () => 'a')], /^Cannot register prompt "": it needs a name$/],
  'a cache that ends before it began': [
    [reading('a', 'test://b', { cache: { ttlMs: -1 } })],
    /^Cannot register resource "a": cache\.ttlMs must be a whole number of at least 0, got -1$/,
  ],
  'a cache of half a millisecond': [
    [reading('a', 'test://b', { cache: { ttlMs: 0.5 } })],
    /^Cannot register resource "a": cache\.ttlMs must be a whole number of at least 0, got 0\.5$/,
  ],
  'a cache for nobody': [
    [reading('a', 'test://b', { cache: { cacheScope: 'shared' } })],
    /^Cannot register resource "a": cache\.cacheScope must be "public" or "private", got "shared"$/,
  ],
  'what is no feature': [
    [{ name: 'a' }],
    /^A feature must be made by tool\(\), resource\(\) or prompt\(\), got \{"name":"a"\}$/,
  ],
  nothing: [[undefined], /^A feature must be made by .*, got nothing$/],
  'a list of features in the list': [[[echoing('a')]], /^A feature must be made by /],
};
for (const [what, [features, says]] of Object.entries(BAD)) {
  test(`${what} stops the start with a message that names it`, () => {
    assert.throws(
      () => serve(features),
      (error: Error) => {
        assert.match(error.message, says);
        assert.ok(!error.message.includes('\n'), error.message);
        return true;
      },
    );
  });
}

test('a server-wide cache policy is checked too', () => {
  assert.throws(
    () => serve([], { cache: { ttlMs: Number.NaN } }),
    /^TypeError: cache\.ttlMs must be a whole number of at least 0, got null$/,
  );
  assert.ok(serve([], { cache: { ttlMs: 0, cacheScope: 'public' } }));
});

const GOOD: { [what: string]: unknown[] } = {
  'a tool, a prompt and a resource of one name': [echoing('a'), prompt('a', {}, () => 'a'), reading('a', 'test://a')],
  'tool names of every legal character': [
    echoing('A-Z.a_z-09'),
    echoing('a'.repeat(128)),
    echoing('__proto__'),
    echoing('constructor'),
  ],
  'tool names that differ in case': [echoing('a'), echoing('A')],
  'a shape instead of a schema': [echoing('a', { inputSchema: { b: z.string() }, outputSchema: { c: z.string() } })],
  'an optional mirrored argument': [
    echoing('a', { inputSchema: z.object({ b: z.string().optional().meta({ 'x-mcp-header': 'B' }) }) }),
  ],
  'a template and a fixed URI within it': [reading('a', 'test://{b}'), reading('c', 'test://c')],
  'a resource with hyphens': [reading('a', 'my-app://a-b/{c}')],
  'no features at all': [],
};
for (const [what, features] of Object.entries(GOOD)) test(`${what} can be served`, () => assert.ok(serve(features)));

// ---- what clients are shown ----------------------------------------------------------------------

for (const revision of [...SESSIONS, MODERN]) {
  test(
    `${revision}: a tool is listed as it was defined`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const tools = (await peer.request('tools/list')).result.tools as Json[];
        const [full, bare, listing] = tools;
        assert.deepEqual(full, {
          name: 'full',
          title: 'Full',
          description: 'Has everything',
          inputSchema: {
            type: 'object',
            properties: {
              count: { type: 'integer', minimum: 1, maximum: 5 },
              region: { type: 'string', default: 'eu', 'x-mcp-header': 'Region' },
            },
            required: ['count'],
            additionalProperties: false,
          },
          outputSchema: {
            type: 'object',
            properties: { sum: { type: 'integer' } },
            required: ['sum'],
            additionalProperties: false,
          },
          annotations: { readOnlyHint: true },
          icons: [{ src: 'https://example.com/a.png' }],
          _meta: { 'example.com/a': 1 },
        });
        assert.deepEqual(bare, {
          name: 'bare',
          description: 'Has nothing',
          inputSchema: { type: 'object', properties: {}, additionalProperties: false },
        });
        assert.equal(
          listing?.outputSchema === undefined,
          revision !== MODERN,
          'schemas of no object cannot be said before',
        );
        for (const shown of tools) assert.equal(shown.execution, undefined);
      },
      {
        features: [
          tool(
            'full',
            {
              title: 'Full',
              description: 'Has everything',
              inputSchema: z.strictObject({
                count: z.int().min(1).max(5),
                region: z.string().default('eu').meta({ 'x-mcp-header': 'Region' }),
              }),
              outputSchema: z.object({ sum: z.int() }),
              annotations: { readOnlyHint: true },
              icons: [{ src: 'https://example.com/a.png' }],
              _meta: { 'example.com/a': 1 },
            },
            ({ count }) => ({ sum: count }),
          ),
          echoing('bare', { description: 'Has nothing' }),
          tool('listing', { description: 'Gives a list', outputSchema: z.array(z.string()) }, () => ['a']),
        ],
      },
    ),
  );

  test(
    `${revision}: prompts, resources and templates are listed as they were defined`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const { prompts } = (await peer.request('prompts/list')).result;
        assert.deepEqual(prompts, [
          {
            name: 'trip',
            title: 'Trip',
            arguments: [
              { name: 'to', description: 'Where to', required: true },
              { name: 'by', required: false },
            ],
          },
        ]);
        const { resources } = (await peer.request('resources/list')).result;
        assert.deepEqual(resources, [{ uri: 'test://a', name: 'fixed', mimeType: 'text/plain', size: 1 }]);
        const { resourceTemplates } = (await peer.request('resources/templates/list')).result;
        assert.deepEqual(resourceTemplates, [{ uriTemplate: 'test://{b}', name: 'template', title: 'Template' }]);
      },
      {
        features: [
          prompt(
            'trip',
            { title: 'Trip', argsSchema: z.object({ to: z.string().describe('Where to'), by: z.string().optional() }) },
            () => 'a',
          ),
          reading('fixed', 'test://a', { mimeType: 'text/plain', size: 1 }),
          reading('template', 'test://{b}', { title: 'Template' }),
        ],
      },
    ),
  );
}

test(
  'a fixed resource goes before a template that would read it too, and templates in their order',
  serving(
    async (client) => {
      const peer = client.stateless();
      const read = async (uri: string) =>
        ((await peer.request('resources/read', { uri })).result.contents as Json[])[0]?.text;
      assert.equal(await read('test://a'), 'fixed');
      assert.equal(await read('test://b'), 'first');
      assert.equal(await read('test://b/c'), 'second');
    },
    {
      features: [
        resource('first', 'test://{x}', {}, () => 'first'),
        resource('second', 'test://{+x}', {}, () => 'second'),
        resource('fixed', 'test://a', {}, () => 'fixed'),
      ],
    },
  ),
);
