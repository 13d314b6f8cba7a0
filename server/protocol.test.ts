import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Client,
  type HeaderChanges,
  type Json,
  MODERN,
  type Refusal,
  refused,
  said,
  serving,
} from './client.fixture.ts';
import { acceptsOf, eraOf, judge, type Message, quote, readableId, statusOf } from './protocol.ts';

const VERSION = 'io.modelcontextprotocol/protocolVersion';

/** A call of the echo tool as each era sends it, and the headers that go with it. */
type Form = { body: Json; headers: HeaderChanges };
const ERAS: { [era: string]: (client: Client) => Promise<Form> } = {
  '2025-11-25': async (client) => {
    const { id } = await client.initialize();
    return { body: call({}), headers: { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' } };
  },
  [MODERN]: async () => ({
    body: call({ _meta: { [VERSION]: MODERN, 'io.modelcontextprotocol/clientCapabilities': {} } }),
    headers: { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
  }),
};

function call(more: Json, text = 'hello'): Json {
  return { jsonrpc: '2.0', id: 'an id', method: 'tools/call', params: { name: 'echo', arguments: { text }, ...more } };
}

// ---- the body and its headers --------------------------------------------------------------------

const encoder = new TextEncoder();
const LIMIT = 4096;
/** A valid call of so many bytes: filled up with spaces, which JSON allows at its end. */
const padded = (form: Form, size: number) => JSON.stringify(form.body).padEnd(size, ' ');
const stream = (text: string, chunk = 1000) => {
  const bytes = encoder.encode(text);
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + chunk));
      at += chunk;
    },
  });
};
const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);
/** A call in which an argument makes the whole message so many levels deep. */
const deep = ({ body }: Form, levels: number) =>
  JSON.stringify({ ...body, params: { ...(body.params as Json), arguments: { text: 'hello', more: 'MORE' } } }).replace(
    '"MORE"',
    nested(levels - 3),
  );

interface BodyRow {
  when: string;
  body?: (form: Form) => unknown;
  headers?: HeaderChanges;
  refusal: Refusal;
  /** Nearly the same, and served. */
  twin: { body?: (form: Form) => unknown; headers?: HeaderChanges };
}

const parse = (says: RegExp): Refusal => ({ status: 400, code: -32700, says });
const invalid = (says: RegExp, id?: string | number): Refusal => ({
  status: 400,
  code: -32600,
  says,
  ...(id !== undefined && { id }),
});

const BODIES: BodyRow[] = [
  { when: 'without a body', body: () => undefined, refusal: parse(/not valid JSON/), twin: {} },
  {
    when: 'with a comment',
    body: () => '// why\n{"jsonrpc":"2.0"}',
    refusal: parse(/^The body is not valid JSON: [^\n]+$/),
    twin: {},
  },
  { when: 'with an empty body', body: () => '', refusal: parse(/not valid JSON/), twin: {} },
  {
    when: 'with half a message',
    body: ({ body }) => JSON.stringify(body).slice(0, -1),
    refusal: parse(/not valid JSON/),
    twin: { body: ({ body }) => JSON.stringify(body) },
  },
  {
    when: 'with two messages that are no batch',
    body: ({ body }) => `${JSON.stringify(body)}\n${JSON.stringify(body)}`,
    refusal: parse(/not valid JSON/),
    twin: { body: ({ body }) => `${JSON.stringify(body)}\n` },
  },
  {
    when: 'with a byte that is no UTF-8',
    body: ({ body }) => bytesOf(JSON.stringify({ ...body, more: 'X' }), 'X', [0xff]),
    refusal: parse(/not valid UTF-8/),
    twin: { body: ({ body }) => bytesOf(JSON.stringify({ ...body, more: 'X' }), 'X', [0xef, 0xbf, 0xbd]) },
  },
  {
    when: 'with an overlong encoding of a slash',
    body: ({ body }) => bytesOf(JSON.stringify({ ...body, more: 'X' }), 'X', [0xc0, 0xaf]),
    refusal: parse(/not valid UTF-8/),
    twin: { body: ({ body }) => bytesOf(JSON.stringify({ ...body, more: 'X' }), 'X', [0x2f]) },
  },
  {
    when: 'with a character cut in half',
    body: ({ body }) => bytesOf(JSON.stringify({ ...body, more: 'X' }), 'X', [0xf0, 0x9f, 0x8e]),
    refusal: parse(/not valid UTF-8/),
    twin: { body: ({ body }) => bytesOf(JSON.stringify({ ...body, more: 'X' }), 'X', [0xf0, 0x9f, 0x8e, 0x88]) },
  },
  {
    when: 'with a declared length over the bound',
    body: (form) => padded(form, LIMIT + 1),
    headers: { 'content-length': String(LIMIT + 1) },
    refusal: { status: 413, code: -32600, says: /at most 4096 bytes, got 4097/ },
    twin: { body: (form) => padded(form, LIMIT), headers: { 'content-length': String(LIMIT) } },
  },
  {
    when: 'with an undeclared length over the bound',
    body: (form) => stream(padded(form, LIMIT + 1)),
    refusal: { status: 413, code: -32600, says: /at most 4096 bytes, got more/ },
    twin: { body: (form) => stream(padded(form, LIMIT)) },
  },
  {
    when: 'with more than it declares, over the bound',
    body: (form) => padded(form, LIMIT + 1),
    headers: { 'content-length': '10' },
    refusal: { status: 413, code: -32600, says: /at most 4096 bytes/ },
    twin: { body: (form) => padded(form, LIMIT), headers: { 'content-length': String(LIMIT) } },
  },
  {
    when: 'with a declared length that is no number',
    headers: { 'content-length': 'long' },
    refusal: { status: 413, code: -32600, says: /at most 4096 bytes, got long/ },
    twin: { headers: { 'content-length': '300' } },
  },
  {
    when: 'nested deeper than the bound',
    body: (form) => deep(form, 201),
    refusal: invalid(/nested at most 200 levels/, 'an id'),
    twin: { body: (form) => deep(form, 200) },
  },
  {
    when: 'that is a bare array 10,000 levels deep',
    body: () => nested(10_000).padStart(1),
    refusal: invalid(/nested at most 200 levels/),
    twin: {},
  },
  {
    when: 'with objects 1,000 levels deep',
    body: () => nested(1000, '{"a":', '}').replace('{"a":}', '{}'),
    refusal: invalid(/nested at most 200 levels/),
    twin: {},
  },
  { when: 'that is null', body: () => 'null', refusal: invalid(/is an object, got null/), twin: {} },
  { when: 'that is a number', body: () => '17', refusal: invalid(/is an object, got 17/), twin: {} },
  { when: 'that is a text', body: () => '"ping"', refusal: invalid(/is an object, got "ping"/), twin: {} },
  ...[
    null,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
  ].map(
    (type): BodyRow => ({
      when: `with Content-Type ${type ?? 'missing'}`,
      headers: { 'content-type': type },
      // A text body makes its Request say text/plain where no type is given; bytes say nothing.
      body: ({ body }) => encoder.encode(JSON.stringify(body)),
      refusal: { status: 415, code: -32600, says: /^Content-Type must be application\/json in UTF-8, got / },
      twin: { headers: { 'content-type': 'Application/JSON' } },
    }),
  ),
  {
    when: 'with Content-Type in another charset',
    headers: { 'content-type': 'application/json; charset=iso-8859-1' },
    refusal: { status: 415, code: -32600, says: /in UTF-8, got "application\/json; charset=iso-8859-1"/ },
    twin: { headers: { 'content-type': 'application/json; charset="UTF-8"' } },
  },
  {
    when: 'with Content-Type twice',
    headers: { 'content-type': 'application/json, text/plain' },
    refusal: { status: 415, code: -32600, says: /got "application\/json, text\/plain"/ },
    twin: { headers: { 'content-type': 'application/json;charset=utf8' } },
  },
  ...[null, '1.0', 2, ['2.0']].map(
    (version): BodyRow => ({
      when: `with "jsonrpc" ${JSON.stringify(version)}`,
      body: ({ body }) => ({ ...body, jsonrpc: version }),
      refusal: invalid(/^"jsonrpc" must be "2.0", got /, 'an id'),
      twin: { body: ({ body }) => ({ ...body, jsonrpc: '2.0' }) },
    }),
  ),
  ...[null, true, 1.5, 9_007_199_254_740_993n, { a: 1 }, ['a']].map(
    (id): BodyRow => ({
      when: `with the id ${typeof id === 'bigint' ? id : JSON.stringify(id)}`,
      body: ({ body }) =>
        JSON.stringify({ ...body, id: 'ID' }).replace('"ID"', typeof id === 'bigint' ? String(id) : JSON.stringify(id)),
      refusal: invalid(/^"id" must be a string or an integer/),
      twin: { body: ({ body }) => ({ ...body, id: 9_007_199_254_740_991 }) },
    }),
  ),
  ...[null, 5, {}, ['tools/call']].map(
    (method): BodyRow => ({
      when: `with the method ${JSON.stringify(method)}`,
      body: ({ body }) => ({ ...body, method }),
      refusal: invalid(/^"method" must be a string, got /, 'an id'),
      twin: { body: ({ body }) => ({ ...body, method: 'tools/call' }) },
    }),
  ),
  {
    when: 'with neither method nor result',
    body: ({ body: { method: _method, ...rest } }) => rest,
    refusal: invalid(/^"method", "result" or "error" is missing$/, 'an id'),
    twin: {},
  },
];

function bytesOf(text: string, mark: string, bytes: number[]): Uint8Array<ArrayBuffer> {
  const [before = '', after = ''] = text.split(mark);
  return Uint8Array.from([...encoder.encode(before), ...bytes, ...encoder.encode(after)]);
}

for (const [era, form] of Object.entries(ERAS)) {
  for (const { when, body, headers, refusal, twin } of BODIES) {
    test(
      `${era}: POST ${when} answers ${refusal.status} and ${refusal.code}`,
      serving(
        async (client) => {
          const base = await form(client);
          refused(await client.tell((body ?? whole)(base), { ...base.headers, ...headers }), refusal);
          client.holdsNothing();
          const served = await client.tell((twin.body ?? whole)(base), { ...base.headers, ...twin.headers });
          assert.equal(said(served), 'hello');
        },
        { env: { MCP_MAX_BODY: LIMIT * (when.includes('levels deep') ? 10 : 1) } },
      ),
    );
  }
}

function whole({ body }: Form): unknown {
  return body;
}

test(
  'POST whose body breaks off answers 400 and -32700',
  serving(async (client) => {
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(encoder.encode('{"jsonrpc":'));
        controller.error(new Error('connection lost'));
      },
    });
    refused(await client.tell(broken), parse(/ended before it was complete/));
  }),
);

test(
  'POST of a body without end is left as soon as the bound is passed',
  serving(
    async (client) => {
      let pulled = 0;
      let left = false;
      const endless = new ReadableStream({
        pull(controller) {
          pulled++;
          controller.enqueue(new Uint8Array(1024).fill(32));
        },
        cancel() {
          left = true;
        },
      });
      refused(await client.tell(endless), { status: 413, code: -32600, says: /at most 4096 bytes/ });
      assert.ok(left && pulled < 12, `left ${left} after ${pulled} pulls`);
    },
    { env: { MCP_MAX_BODY: LIMIT } },
  ),
);

// ---- Accept --------------------------------------------------------------------------------------

for (const [era, form] of Object.entries(ERAS)) {
  for (const accept of [
    'text/html',
    'application/xml, text/plain',
    '*/*;q=0',
    'application/json;q=0, text/event-stream; q=0.0',
  ]) {
    test(
      `${era}: POST with Accept ${accept} answers 406 and -32600`,
      serving(async (client) => {
        const { body, headers } = await form(client);
        refused(await client.tell(body, { ...headers, accept }), {
          status: 406,
          code: -32600,
          id: 'an id',
          says: /^Accept must allow application\/json and text\/event-stream, got /,
        });
        client.holdsNothing();
      }),
    );
  }
  for (const accept of ['*/*', 'application/json', 'application/*', 'APPLICATION/JSON;q=0.5', null]) {
    test(
      `${era}: POST with Accept ${accept ?? 'missing'} is answered in JSON`,
      serving(async (client) => {
        const { body, headers } = await form(client);
        const answer = await client.tell(body, { ...headers, accept });
        assert.equal(said(answer), 'hello');
        assert.equal(answer.headers.get('content-type'), 'application/json');
      }),
    );
  }
  test(
    `${era}: POST that accepts only an event stream is answered by one`,
    serving(async (client) => {
      const { body, headers } = await form(client);
      for (const accept of ['text/event-stream', 'text/*']) {
        const answer = await client.tell(body, { ...headers, accept });
        assert.equal(answer.headers.get('content-type'), 'text/event-stream');
        assert.equal(said(answer), 'hello');
      }
    }),
  );
}

test(
  'initialize that accepts only an event stream is answered by one, with a session id',
  serving(async (client) => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const message = { jsonrpc: '2.0', id: 0, method: 'initialize', params };
    const answer = await client.tell(message, { accept: 'text/event-stream' });
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    assert.equal(answer.result.protocolVersion, '2025-11-25');
    assert.ok(answer.headers.get('mcp-session-id'));
  }),
);

// ---- ids and keys --------------------------------------------------------------------------------

for (const [era, form] of Object.entries(ERAS)) {
  for (const id of [0, -1, 9_007_199_254_740_991, '', '0', 'ünï "quoted"\n', '__proto__']) {
    test(
      `${era}: the id ${JSON.stringify(id)} comes back as it was`,
      serving(async (client) => {
        const { body, headers } = await form(client);
        const served = await client.tell({ ...body, id }, headers);
        assert.equal(said(served), 'hello');
        assert.strictEqual(served.message?.id, id);
        const unknown = await client.tell(
          { ...body, id, params: { ...(body.params as Json), name: 'none' } },
          { ...headers, 'mcp-name': 'none' },
        );
        assert.equal(unknown.message?.error?.code, -32602);
        assert.strictEqual(unknown.message?.id, id);
      }),
    );
  }

  test(
    `${era}: __proto__ keys change nothing, wherever they stand`,
    serving(async (client) => {
      const { body, headers } = await form(client);
      const text = JSON.stringify({ X: 1, ...body, params: { X: 1, ...(body.params as Json) } });
      const poison = '"__proto__":{"polluted":true,"id":1,"method":"ping","name":"none","isError":true}';
      const answer = await client.tell(text.replaceAll('"X":1', poison), headers);
      assert.equal(said(answer), 'hello');
      assert.equal(answer.message?.id, 'an id');
      const argument = text.replaceAll('"X":1,', '').replace('"text":', `${poison},"text":`);
      assert.equal(said(await client.tell(argument, headers)), 'hello');
      assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
      assert.equal(({} as Json).polluted, undefined);
      const replaced = await client.tell(
        text.replace('"X":1,', poison.concat(',')).replace('"method":"tools/call",', ''),
        headers,
      );
      refused(replaced, invalid(/"method", "result" or "error" is missing/, 'an id'));
    }),
  );

  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    test(
      `${era}: the tool name ${name} is unknown, the method ${name} too`,
      serving(async (client) => {
        const { body, headers } = await form(client);
        const call = await client.tell(
          { ...body, params: { ...(body.params as Json), name } },
          { ...headers, 'mcp-name': name },
        );
        refused(call, { status: 200, code: -32602, id: 'an id', says: new RegExp(`^Unknown tool "${name}"`) });
        const method = await client.tell({ ...body, method: name }, { ...headers, 'mcp-method': name });
        refused(method, {
          status: era === MODERN ? 404 : 200,
          code: -32601,
          id: 'an id',
          says: new RegExp(`^Method "${name}" is not supported`),
        });
      }),
    );
  }
}

// ---- a message by itself -------------------------------------------------------------------------

const JUDGED: [unknown, string | undefined][] = [
  [{ jsonrpc: '2.0', id: 1, method: 'ping' }, undefined],
  [{ jsonrpc: '2.0', method: 'notifications/initialized' }, undefined],
  [{ jsonrpc: '2.0', id: 1, result: {} }, undefined],
  [{ jsonrpc: '2.0', id: 1, error: { code: 1, message: 'no' } }, undefined],
  [{ jsonrpc: '2.0', id: null, error: { code: 1, message: 'unreadable' } }, undefined],
  [{ jsonrpc: '2.0', error: { code: 1, message: 'unreadable' } }, undefined],
  [{ jsonrpc: '2.0', id: 1, result: {}, error: {} }, 'A response has "result" or "error", not both'],
  [{ jsonrpc: '2.0', result: {} }, 'A response needs the "id" of its request'],
  [{ jsonrpc: '2.0', id: null, result: {} }, '"id" must be a string or an integer, got null'],
  [{ jsonrpc: '2.0', id: 1, method: 'ping', params: [] }, '"params" must be an object, got []'],
  [{ jsonrpc: '2.0', id: 1, method: 'ping', params: null }, '"params" must be an object, got null'],
];

test('a message is judged by its shape', () => {
  for (const [message, why] of JUDGED) {
    const fault = why === undefined ? undefined : { code: -32600, message: why };
    assert.deepEqual(judge(message), fault, JSON.stringify(message));
  }
  for (const _meta of [null, 5, 'x', []]) {
    assert.equal(judge({ jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta } })?.code, -32602);
  }
});

test('an id is echoed for a request, never for a response', () => {
  assert.equal(readableId({ jsonrpc: '2.0', id: 7, method: 5 }), 7);
  assert.equal(readableId({ id: 'x' }), 'x');
  assert.equal(readableId({ id: 1.5, method: 'ping' }), undefined);
  assert.equal(readableId({ id: 7, result: {} }), undefined);
  assert.equal(readableId({ id: 7, error: {} }), undefined);
  assert.equal(readableId([{ id: 7, method: 'ping' }]), undefined);
  assert.equal(readableId(null), undefined);
});

test('the era of a message is what its _meta claims, else what the header names', () => {
  const claim = (version: unknown, method = 'tools/list') =>
    ({ jsonrpc: '2.0', id: 1, method, params: { _meta: { [VERSION]: version } } }) as unknown as Message;
  const rows: [string, unknown, string | null, 'stateful' | 'stateless'][] = [
    ['a modern claim', claim(MODERN), null, 'stateless'],
    ['a modern claim against a legacy header', claim(MODERN), '2025-11-25', 'stateless'],
    ['an unknown claim', claim('v999'), null, 'stateless'],
    ['a legacy claim', claim('2025-11-25'), '2025-11-25', 'stateless'],
    ['a claim that is no text', claim(5), null, 'stateless'],
    ['a claim of null', claim(null), null, 'stateless'],
    ['a modern claim on initialize', claim(MODERN, 'initialize'), null, 'stateless'],
    ['a legacy claim on initialize', claim('2025-11-25', 'initialize'), null, 'stateful'],
    ['a malformed claim on initialize', claim(5, 'initialize'), null, 'stateful'],
    ['no claim and a modern header', { jsonrpc: '2.0', id: 1, method: 'x' }, MODERN, 'stateless'],
    ['no claim and a later header', { jsonrpc: '2.0', id: 1, method: 'x' }, '2027-01-01', 'stateless'],
    ['no claim and a legacy header', { jsonrpc: '2.0', id: 1, method: 'x' }, '2025-11-25', 'stateful'],
    ['no claim and a header that is no date', { jsonrpc: '2.0', id: 1, method: 'x' }, 'v999', 'stateful'],
    ['no claim and no header', { jsonrpc: '2.0', id: 1, method: 'x' }, null, 'stateful'],
    ['_meta that is a text', { jsonrpc: '2.0', id: 1, method: 'x', params: { _meta: 'x' } }, MODERN, 'stateless'],
    ['null', null, null, 'stateful'],
    ['an array', [], MODERN, 'stateless'],
  ];
  for (const [what, message, header, era] of rows) assert.equal(eraOf(message as Message, header), era, what);
});

test('errors with a fixed status have it, all others go in-band', () => {
  const fixed = {
    404: [-32601],
    400: [-32020, -32021, -32022],
    200: [-32602, -32603, -32600, -32019, -32023, -32002, -1, 7],
  };
  for (const [status, codes] of Object.entries(fixed))
    for (const code of codes) assert.equal(statusOf(code), Number(status));
});

test('Accept allows what its media ranges cover', () => {
  const rows: [string | null, boolean, boolean][] = [
    [null, true, true],
    ['*/*', true, true],
    ['application/json, text/event-stream', true, true],
    ['text/event-stream;q=0.9 , application/json', true, true],
    ['application/json', true, false],
    ['text/event-stream', false, true],
    ['text/html', false, false],
    ['application/json;q=0', false, false],
    ['application/jsonp, text/event-streams', false, false],
    ['', false, false],
  ];
  for (const [header, json, sse] of rows) assert.deepEqual(acceptsOf(header), { json, sse }, String(header));
});

test('a quoted value is short', () => {
  assert.equal(quote('a'), '"a"');
  assert.equal(quote(undefined), 'nothing');
  assert.equal(quote({ a: [1] }), '{"a":[1]}');
  assert.equal(quote('x'.repeat(1000)).length, 100);
});
