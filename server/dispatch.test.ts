import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { type Context, ProtocolError, prompt, ResourceNotFound, resource, ToolError, tool } from '../server.ts';
import {
  type Answer,
  everythingAnd,
  type Json,
  MODERN,
  type Peer,
  refused,
  SESSIONS,
  said,
  serving,
} from './client.fixture.ts';

const REVISIONS = [...SESSIONS, MODERN];

/** A JSON-RPC error on HTTP 200, which a request that was accepted gets in both eras. */
function inBand(answer: Answer, code: number, says: RegExp, data?: unknown): void {
  const id = answer.message?.id;
  assert.equal(typeof id, 'number', answer.text);
  refused(answer, { status: 200, code, says, id: id as number, ...(data !== undefined && { data }) });
}

const call = (peer: Peer, name: unknown, args?: unknown) => peer.request('tools/call', { name, arguments: args });

// ---- tools ---------------------------------------------------------------------------------------

interface Person {
  name: string;
  age: number;
}
const person = z.object({ name: z.string(), age: z.int().min(0) });
const returning = (name: string, value: unknown) =>
  tool(name, { description: 'Returns what it returns', outputSchema: person }, () => value as Person);

const made = [
  tool('typed', { description: 'Takes a person', inputSchema: person }, ({ name, age }) => `${name} is ${age}`),
  tool('none', { description: 'Takes nothing' }, () => 'nothing taken'),
  tool('loose', { description: 'Takes anything', inputSchema: z.looseObject({}) }, (input) =>
    JSON.stringify(Object.keys(input)),
  ),
  tool(
    'record',
    { description: 'Takes a map', inputSchema: z.object({ map: z.record(z.string(), z.unknown()) }) },
    ({ map }) => JSON.stringify([Object.keys(map), Object.getPrototypeOf(map) === Object.prototype]),
  ),
  tool('throwing', { description: 'Throws a bug' }, () => {
    throw new Error('password=hunter2');
  }),
  tool('rejecting', { description: 'Rejects with a bug' }, async () => {
    throw new TypeError('password=hunter2');
  }),
  tool('throwing_text', { description: 'Throws no error' }, () => {
    throw 'password=hunter2';
  }),
  tool('failing', { description: 'Fails' }, () => {
    throw new ToolError('out of milk');
  }),
  tool('failing_later', { description: 'Fails later' }, async () => {
    throw new ToolError('out of bread');
  }),
  tool('refusing', { description: 'Refuses' }, () => {
    throw new ProtocolError(-32602, 'not today', { day: 'Monday' });
  }),
  returning('structured', { name: 'Ada', age: 36 }),
  returning('surplus', { name: 'Ada', age: 36, secret: 'x' }),
  returning('broken', { name: 'Ada', age: -1 }),
  returning('missing', { name: 'Ada' }),
  returning('text', 'Ada'),
  returning('nothing', undefined),
  returning('whole', { content: [{ type: 'text', text: 'Ada, 36' }], structuredContent: { name: 'Ada', age: 36 } }),
  returning('whole_broken', { content: [], structuredContent: { name: 5 } }),
  returning('whole_missing', { content: [] }),
  returning('whole_failed', { content: [{ type: 'text', text: 'no person' }], isError: true }),
  tool('plain', { description: 'Returns a plain object' }, () => ({ a: 1 })),
  tool('list', { description: 'Returns a list', outputSchema: z.array(z.int()) }, () => [1, 2]),
  tool('number', { description: 'Returns a number', outputSchema: z.number() }, () => 7),
  tool('free', { description: 'Returns a whole result' }, () => ({ content: [], structuredContent: { a: 1 } })),
  tool('free_list', { description: 'Returns a whole result' }, () => ({
    content: [],
    structuredContent: [1] as never,
  })),
  tool('void', { description: 'Returns nothing' }, () => {}),
  tool('cyclic', { description: 'Returns a cycle' }, () => {
    const cycle: Json = {};
    cycle.cycle = cycle;
    return cycle;
  }),
  tool('bigint', { description: 'Returns what JSON has not' }, () => ({
    content: [{ type: 'text', text: 1n as never }],
  })),
];
const TOOLS = { features: everythingAnd(...made) };

for (const revision of REVISIONS) {
  const modern = revision === MODERN;

  test(
    `${revision}: an unknown tool answers -32602 in-band`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      inBand(await call(peer, 'unknown'), -32602, /^Unknown tool "unknown"/);
      inBand(await call(peer, ''), -32602, /^Unknown tool ""/);
      if (!modern) {
        for (const name of [undefined, 5, null, ['echo']])
          inBand(await call(peer, name), -32602, /^"name" must be the name of a tool, got /);
      }
      client.holdsNothing();
      assert.equal(said(await call(peer, 'none')), 'nothing taken');
    }, TOOLS),
  );

  test(
    `${revision}: arguments that are no object answer -32602 in-band`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      for (const args of [null, 5, 'x', ['x'], true])
        inBand(await call(peer, 'none', args), -32602, /^"arguments" must be an object, got /);
      for (const args of [undefined, {}]) assert.equal(said(await call(peer, 'none', args)), 'nothing taken');
    }, TOOLS),
  );

  test(
    `${revision}: arguments that break the schema are isError, and the text names the argument, its value and what was expected`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      const rows: [string, Json | undefined, RegExp][] = [
        [
          'typed',
          { name: 'Ada', age: '36' },
          /^Invalid arguments for tool "typed": "age": .*expected (number|int).*, got "36"$/,
        ],
        ['typed', { name: 'Ada', age: 3.5 }, /"age": .*, got 3\.5$/],
        ['typed', { name: 'Ada', age: -1 }, /"age": .*, got -1$/],
        ['typed', { name: 'Ada' }, /"age": .*, got nothing$/],
        ['typed', {}, /"name": .*; "age": /],
        ['typed', undefined, /"name": /],
        ['none', { extra: 1 }, /^Invalid arguments for tool "none": Unrecognized key: "extra", got \{"extra":1\}$/],
      ];
      for (const [name, args, says] of rows) {
        const answer = await call(peer, name, args);
        assert.equal(answer.status, 200);
        assert.equal(answer.result.isError, true);
        assert.match(said(answer), says);
      }
      client.holdsNothing();
      const served = await call(peer, 'typed', { name: 'Ada', age: 36, more: true });
      assert.equal(said(served), 'Ada is 36');
      assert.equal(served.result.isError, undefined);
    }, TOOLS),
  );

  test(
    `${revision}: __proto__ and its like are arguments as any other, and pollute nothing`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      const poison = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as Json;
      assert.match(said(await call(peer, 'none', poison)), /^Invalid arguments for tool "none"/);
      const loose = await call(peer, 'loose', poison);
      assert.ok(['["__proto__","constructor"]', '["constructor"]'].includes(said(loose)), said(loose));
      const [keys, plain] = JSON.parse(said(await call(peer, 'record', { map: poison }))) as [string[], boolean];
      assert.ok(keys.includes('constructor'));
      assert.equal(plain, true);
      assert.equal(({} as Json).polluted, undefined);
    }, TOOLS),
  );

  test(
    `${revision}: a bug of a tool answers -32603 with a correlation id and no detail`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      for (const name of ['throwing', 'rejecting', 'throwing_text']) {
        const answer = await call(peer, name);
        const [bug] = client.bugs.splice(0);
        inBand(answer, -32603, new RegExp(`^Internal error \\(${bug?.id}\\)$`));
        assert.match(String(bug?.error), /hunter2/);
        assert.equal(bug?.during, `tools/call "${name}"`);
      }
      client.holdsNothing();
    }, TOOLS),
  );

  test(
    `${revision}: a ToolError is isError, a ProtocolError is itself`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      for (const [name, text] of [
        ['failing', 'out of milk'],
        ['failing_later', 'out of bread'],
      ]) {
        const { content, isError } = (await call(peer, name)).result;
        assert.deepEqual([content, isError], [[{ type: 'text', text }], true]);
      }
      inBand(await call(peer, 'refusing'), -32602, /^not today$/, { day: 'Monday' });
    }, TOOLS),
  );

  test(
    `${revision}: a result that breaks the output schema answers -32603`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      for (const name of ['broken', 'missing', 'text', 'nothing', 'whole_broken', 'whole_missing']) {
        const answer = await call(peer, name);
        const [bug] = client.bugs.splice(0);
        inBand(answer, -32603, new RegExp(`^Internal error \\(${bug?.id}\\)$`));
        assert.match(String(bug?.error), new RegExp(`The result of tool "${name}" breaks its outputSchema: `));
      }
      const failed = (await call(peer, 'whole_failed')).result;
      assert.deepEqual([failed.content, failed.isError], [[{ type: 'text', text: 'no person' }], true]);
    }, TOOLS),
  );

  test(
    `${revision}: structured content is given as this revision has it, and its JSON as a text`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      const ada = { name: 'Ada', age: 36 };
      const objects = revision !== '2025-03-26';
      const rows: [string, string | undefined, unknown][] = [
        ['structured', JSON.stringify(ada), objects ? ada : undefined],
        ['surplus', JSON.stringify(ada), objects ? ada : undefined],
        ['whole', 'Ada, 36', objects ? ada : undefined],
        ['plain', '{"a":1}', objects ? { a: 1 } : undefined],
        ['free', undefined, objects ? { a: 1 } : undefined],
        ['list', '[1,2]', modern ? [1, 2] : undefined],
        ['number', '7', modern ? 7 : undefined],
        ['free_list', undefined, modern ? [1] : undefined],
      ];
      for (const [name, text, structured] of rows) {
        const { content, structuredContent } = (await call(peer, name)).result;
        assert.deepEqual(content, text === undefined ? [] : [{ type: 'text', text }], name);
        assert.deepEqual(structuredContent, structured, name);
      }
      assert.deepEqual((await call(peer, 'void')).result.content, []);
    }, TOOLS),
  );

  test(
    `${revision}: a result that is no JSON answers -32603`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      for (const name of ['cyclic', 'bigint']) {
        const answer = await call(peer, name);
        const [bug] = client.bugs.splice(0);
        inBand(answer, -32603, new RegExp(`^Internal error \\(${bug?.id}\\)$`));
      }
    }, TOOLS),
  );

  // ---- lists ---------------------------------------------------------------------------------------

  test(
    `${revision}: pages of a list follow their cursors to the end, in one order`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const names: unknown[] = [];
        let cursor: unknown = '';
        for (let page = 0; cursor !== undefined; page++) {
          const { result } = await peer.request('tools/list', { cursor });
          const tools = result.tools as { name: string }[];
          assert.equal(tools.length, page < 2 ? 2 : 1);
          names.push(...tools.map(({ name }) => name));
          cursor = result.nextCursor;
        }
        assert.deepEqual(names, ['typed', 'none', 'loose', 'record', 'throwing']);
        assert.deepEqual(
          (await peer.request('tools/list')).result,
          (await peer.request('tools/list', { cursor: '' })).result,
        );
      },
      { features: made.slice(0, 5), env: { MCP_PAGE_SIZE: 2 } },
    ),
  );

  test(
    `${revision}: a cursor of another list, a changed one or no text answers -32602`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const { nextCursor } = (await peer.request('tools/list')).result;
        assert.equal(typeof nextCursor, 'string');
        for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
          const wrong = [`${nextCursor}x`, 'x', 1, null, {}, ...(method === 'tools/list' ? [] : [nextCursor])];
          for (const cursor of wrong)
            inBand(
              await peer.request(method, { cursor }),
              -32602,
              /^Invalid cursor .*; expected a nextCursor of this list$/,
            );
        }
      },
      { env: { MCP_PAGE_SIZE: 2 } },
    ),
  );

  // ---- resources -----------------------------------------------------------------------------------

  test(
    `${revision}: a resource that does not exist answers ${modern ? -32602 : -32002} with its URI`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const code = modern ? -32602 : -32002;
        for (const uri of [
          'test://none',
          'test://template/a/b/data',
          'test://gone',
          'test://thrown',
          'file:///etc/passwd',
        ]) {
          const says = new RegExp(`^Resource "${uri}" does not exist$`);
          inBand(await peer.request('resources/read', { uri }), code, says, { uri });
        }
        client.holdsNothing();
      },
      {
        features: everythingAnd(
          resource('gone', 'test://gone', {}, () => undefined),
          resource('thrown', 'test://thrown', {}, async (uri) => {
            throw new ResourceNotFound(uri.href);
          }),
        ),
      },
    ),
  );

  test(
    `${revision}: a URI that is none answers -32602`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      const uris = modern
        ? ['', 'no uri', '/etc/passwd']
        : ['', 'no uri', '/etc/passwd', undefined, 5, null, ['test://a']];
      for (const uri of uris)
        inBand(await peer.request('resources/read', { uri }), -32602, /^"uri" must be a URI, got /);
    }),
  );

  test(
    `${revision}: reads answer text, bytes, templates and whole contents; a bug answers -32603`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const read = async (uri: string) => (await peer.request('resources/read', { uri })).result.contents;
        const text = 'This is the content of the static text resource.';
        assert.deepEqual(await read('test://static-text'), [
          { uri: 'test://static-text', mimeType: 'text/plain', text },
        ]);
        assert.deepEqual(await read('test://bytes'), [
          { uri: 'test://bytes', mimeType: 'application/octet-stream', blob: 'AP8=' },
        ]);
        assert.deepEqual(await read('test://whole'), [{ uri: 'test://whole/part', text: 'part' }]);
        assert.deepEqual(await read('test://template/a%20b/data'), [
          {
            uri: 'test://template/a%20b/data',
            mimeType: 'application/json',
            text: '{"id":"a b","templateTest":true,"data":"Data for ID: a b"}',
          },
        ]);
        const answer = await peer.request('resources/read', { uri: 'test://broken' });
        const [bug] = client.bugs.splice(0);
        inBand(answer, -32603, new RegExp(`^Internal error \\(${bug?.id}\\)$`));
      },
      {
        features: everythingAnd(
          resource('bytes', 'test://bytes', {}, () => Uint8Array.of(0, 255)),
          resource('whole', 'test://whole', {}, () => ({ contents: [{ uri: 'test://whole/part', text: 'part' }] })),
          resource('broken', 'test://broken', {}, () => {
            throw new Error('disk on fire');
          }),
        ),
      },
    ),
  );

  // ---- prompts and completion ----------------------------------------------------------------------

  test(
    `${revision}: an unknown prompt, a missing argument and one that is no text answer -32602`,
    serving(async (client) => {
      const peer = await client.peer(revision);
      const get = (name: unknown, args?: unknown) => peer.request('prompts/get', { name, arguments: args });
      const name = 'test_prompt_with_arguments';
      inBand(await get('unknown'), -32602, /^Unknown prompt "unknown"/);
      if (!modern) inBand(await get(undefined), -32602, /^"name" must be the name of a prompt, got nothing$/);
      inBand(await get(name), -32602, /^Invalid arguments for prompt "test_prompt_with_arguments": "arg1": /);
      inBand(await get(name, { arg1: 'a' }), -32602, /: "arg2": .*, got nothing$/);
      inBand(await get(name, { arg1: 'a', arg2: 5 }), -32602, /: "arg2": .*, got 5$/);
      for (const args of [null, 'x', ['a']])
        inBand(await get(name, args), -32602, /^"arguments" must be an object of strings, got /);
      const { messages, description } = (await get(name, { arg1: 'a', arg2: 'b', __proto__: 'c' })).result;
      assert.equal(description, 'One message that quotes both arguments');
      assert.deepEqual(messages, [
        { role: 'user', content: { type: 'text', text: "Prompt with arguments: arg1='a', arg2='b'" } },
      ]);
    }),
  );

  test(
    `${revision}: a bug of a prompt answers -32603`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const answer = await peer.request('prompts/get', { name: 'broken' });
        const [bug] = client.bugs.splice(0);
        inBand(answer, -32603, new RegExp(`^Internal error \\(${bug?.id}\\)$`));
        inBand(await peer.request('prompts/get', { name: 'failing' }), -32603, /^no ink$/);
      },
      {
        features: [
          prompt('broken', {}, () => {
            throw new Error('oops');
          }),
          prompt('failing', {}, async () => {
            throw new ToolError('no ink');
          }),
        ],
      },
    ),
  );

  test(
    `${revision}: completion answers at most 100 values, and -32602 for what it cannot complete`,
    serving(
      async (client) => {
        const peer = await client.peer(revision);
        const complete = (ref: unknown, argument: unknown, context?: unknown) =>
          peer.request('completion/complete', { ref, argument, context });
        const city = { type: 'ref/resource', uri: 'test://{country}/{city}' };
        const many = (await complete(city, { name: 'city', value: 'a' }, { arguments: { country: 'ch' } })).result
          .completion as Json;
        assert.equal((many.values as string[]).length, 100);
        assert.equal((many.values as string[])[0], 'ch a0');
        assert.deepEqual([many.total, many.hasMore], [150, true]);
        const none = (await complete(city, { name: 'country', value: 'a' })).result.completion;
        assert.deepEqual(none, { values: [], total: 0, hasMore: false });
        const named = (
          await complete({ type: 'ref/prompt', name: 'test_prompt_with_arguments' }, { name: 'arg1', value: 'testV' })
        ).result;
        assert.deepEqual(named.completion, { values: ['testValue1'], total: 1, hasMore: false });
        const rows: [unknown, unknown, RegExp, unknown?][] = [
          [{ type: 'ref/prompt', name: 'unknown' }, { name: 'a', value: '' }, /^Unknown prompt "unknown"/],
          [
            { type: 'ref/resource', uri: 'x://unknown' },
            { name: 'a', value: '' },
            /^Unknown resource template "x:\/\/unknown"/,
          ],
          [city, { name: 'street', value: '' }, /has no argument "street"; it has "country", "city"$/],
          [city, { name: '__proto__', value: '' }, /has no argument "__proto__"/],
          [city, { name: 'city' }, /^"argument" must be \{name, value\} of strings, got \{"name":"city"\}$/],
          [city, undefined, /^"argument" must be \{name, value\} of strings, got nothing$/],
          [undefined, { name: 'a', value: '' }, /^"ref" must be .*, got nothing$/],
          [{ type: 'ref/tool', name: 'echo' }, { name: 'a', value: '' }, /^"ref" must be /],
          [
            city,
            { name: 'city', value: '' },
            /^"context\.arguments\.country" must be a string, got 5$/,
            { arguments: { country: 5 } },
          ],
        ];
        for (const [ref, argument, says, context] of rows) inBand(await complete(ref, argument, context), -32602, says);
        client.holdsNothing();
      },
      {
        features: everythingAnd(
          resource(
            'city',
            'test://{country}/{city}',
            {
              complete: {
                city: (value, { country }) => Array.from({ length: 150 }, (_, index) => `${country} ${value}${index}`),
              },
            },
            () => 'a',
          ),
        ),
      },
    ),
  );

  test(`${revision}: a handler sees who calls, and with what`, async () => {
    let seen: Context | undefined;
    const looking = tool('looking', { description: 'Looks around' }, (_input, context) => {
      seen = context;
      return 'seen';
    });
    await serving(
      async (client) => {
        const peer = await client.peer(revision, { roots: {} });
        await call(peer, 'looking');
        assert.equal(seen?.request.era, modern ? 'stateless' : 'stateful');
        assert.equal(seen?.request.revision, revision);
        assert.deepEqual(seen?.client.capabilities, { roots: {} });
        assert.equal(seen?.principal, undefined);
        assert.equal(typeof seen?.session?.key, modern ? 'undefined' : 'string');
        assert.equal(seen?.request.headers.get('content-type'), 'application/json');
      },
      { features: [looking] },
    )();
  });
}
