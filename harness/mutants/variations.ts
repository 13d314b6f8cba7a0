import { answer, bytes, events, headers, isJson, type Mutant, message, result } from './mutate.ts';

/** Probes and metadata are elsewhere. */
function isEndpoint({ url }: Request): boolean {
  return new URL(url).pathname === '/mcp';
}

/** Servers that are right in an unusual way: nothing may turn red. */
export const VARIATIONS: readonly Mutant[] = [
  message('members in another order', (one) => Object.fromEntries(Object.entries(one).reverse())),
  message('unknown members', (one) => ({ ...one, 'x-unknown': { any: ['thing'] } })),
  answer('indented JSON', async (response) => {
    if (!isJson(response)) return response;
    const text = await response.text();
    return new Response(text === '' ? text : JSON.stringify(JSON.parse(text), null, 2), response);
  }),
  events('comments between events', (event) => [': still here', event, ': and here']),
  events('CRLF line ends', (event) => event.replaceAll('\n', '\r\n')),
  events('data in two lines', (event) => event.replace(/^data: (\{"jsonrpc":"2.0",)(.+)$/m, 'data: $1\ndata: $2')),
  events('fields without a space', (event) => event.replaceAll(/^(data|id): /gm, '$1:')),
  events('unknown fields', (event) => `x-unknown: 1\n${event}`),
  answer('one byte at a time', (response) => {
    if (!response.body) return response;
    const bytewise = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (const byte of chunk) controller.enqueue(Uint8Array.of(byte));
      },
    });
    return new Response(response.body.pipeThrough(bytewise), response);
  }),
  headers('a parameter in the content type', (changed) => {
    const type = changed.get('content-type');
    if (type !== null) changed.set('content-type', `${type}; charset=utf-8`);
  }),
  events('lone CR line ends', (event) => event.replaceAll('\n', '\r'), '\r\r'),
  events('line ends of all kinds', (event, index) => event.replaceAll('\n', ['\n', '\r\n', '\r'][index % 3] as string)),
  events('a mark of byte order', (event, index) => (index === 0 ? `\uFEFF${event}` : event)),
  events('events named message', (event) => event.replace(/^data: \{/m, 'event: message\ndata: {')),
  events('retry with every event', (event) => `retry: 1000\n${event}`),
  events('ids after the data', (event) => event.replace(/^(id: .*)\n((?:.|\n)*)$/m, '$2\n$1')),
  {
    name: 'event ids of odd characters',
    wrap: (handler) => async (given) => {
      const odd = given.headers.get('last-event-id');
      const known = new Headers(given.headers);
      // A header carries the bytes of UTF-8, which Fetch shows as so many characters.
      const read = new TextDecoder().decode(Uint8Array.from(odd ?? '', (char) => char.charCodeAt(0)));
      const [, even] = /^\{"at": "(.*) \u00e9\/:\u4e16"\}$/.exec(read) ?? [];
      if (even !== undefined) known.set('last-event-id', even);
      const odder = events('', (event) => event.replace(/^id: (.*)$/m, 'id: {"at": "$1 \u00e9/:\u4e16"}'));
      return odder.wrap(handler)(new Request(given, { headers: known }));
    },
  },
  bytes('cuts inside of characters', (chunk) => [
    chunk.subarray(0, chunk.length >> 1),
    chunk.subarray(chunk.length >> 1),
  ]),
  answer('everything escaped', async (response) => {
    if (!isJson(response)) return response;
    const text = await response.text();
    const escaped = text.replaceAll(
      /[^\x20-\x7e]|[a-f](?=[^"]*"\s*:)/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    return new Response(text === '' ? null : escaped, response);
  }),
  message('extra _meta', (one) =>
    one.result
      ? { ...one, result: { ...one.result, _meta: { ...(one.result._meta as object), 'com.example/x': 1 } } }
      : one,
  ),
  message('data with every error', (one) =>
    one.error && one.error.data === undefined ? { ...one, error: { ...one.error, data: { at: 'here' } } } : one,
  ),
  message('messages of errors in other words', (one) =>
    one.error ? { ...one, error: { ...one.error, message: 'Das geht nicht.' } } : one,
  ),
  answer('an event stream instead of JSON', async (response, given) => {
    if (!isJson(response) || response.status !== 200 || given.method !== 'POST') return response;
    const text = await response.text();
    const changed = new Headers(response.headers);
    changed.set('content-type', 'text/event-stream');
    changed.set('x-accel-buffering', 'no');
    return new Response(`data: ${text}\n\n`, { status: 200, headers: changed });
  }),
  headers('a session id with every answer', (changed, given, status) => {
    const id = given.headers.get('mcp-session-id');
    const isModern = (given.headers.get('mcp-protocol-version') ?? '') >= '2026';
    if (id && !isModern && given.method === 'POST' && status < 400) changed.set('mcp-session-id', id);
  }),
  headers('content types in capitals', (changed) => {
    const type = changed.get('content-type');
    if (type) changed.set('content-type', type.replace('application/json', 'Application/JSON'));
  }),
  answer('DELETE answers 200', (response, { method }) =>
    method === 'DELETE' && response.status === 204 ? new Response('', { status: 200 }) : response,
  ),
  {
    name: 'clients may not end sessions',
    wrap: (handler) => async (given) =>
      given.method === 'DELETE' && isEndpoint(given)
        ? new Response(null, { status: 405, headers: { allow: 'GET, POST' } })
        : handler(given),
  },
  {
    name: 'no stream for GET but to resume',
    wrap: (handler) => async (given) =>
      given.method === 'GET' && isEndpoint(given) && !given.headers.has('last-event-id')
        ? new Response(null, { status: 405, headers: { allow: 'POST, DELETE' } })
        : handler(given),
  },
  {
    name: 'no event ids',
    wrap(handler) {
      const bare = events('', (event) => event.replace(/^id: .*\n?/m, '').replace(/^data: ?$/m, ': nothing to prime'));
      // What closes its stream before the answer has to be resumable.
      const fewer = result('', (one) =>
        Array.isArray(one.tools)
          ? { ...one, tools: one.tools.filter(({ name }) => name !== 'test_reconnection') }
          : one,
      );
      return fewer.wrap(bare.wrap(handler));
    },
  },
  { name: 'without sessions', wrap: (handler) => handler, env: { MCP_STATELESS: '1' } },
  { name: 'one entry a page', wrap: (handler) => handler, env: { MCP_PAGE_SIZE: '1' } },
  { name: 'a stream for every call', wrap: (handler) => handler, env: { MCP_SETTLE: '0' } },
  { name: 'a busy heartbeat', wrap: (handler) => handler, env: { MCP_HEARTBEAT: '20' } },
  { name: 'a small body limit', wrap: (handler) => handler, env: { MCP_MAX_BODY: '20000' } },
  {
    name: 'only sessions',
    wrap: (handler) => async (given) => {
      const body = given.method === 'POST' ? await given.clone().text() : '';
      const isModern =
        body.includes('io.modelcontextprotocol/protocolVersion') ||
        (given.headers.get('mcp-protocol-version') ?? '') >= '2026';
      return isModern ? new Response('Bad Request: No valid session ID provided', { status: 400 }) : handler(given);
    },
  },
  {
    name: 'only stateless',
    wrap: (handler) => async (given) => {
      if (!isEndpoint(given)) return handler(given);
      if (given.method !== 'POST') return new Response(null, { status: 405, headers: { allow: 'POST' } });
      const text = await given.clone().text();
      const isModern =
        !text.includes('"initialize"') ||
        text.includes('io.modelcontextprotocol/') ||
        (given.headers.get('mcp-protocol-version') ?? '') >= '2026';
      if (isModern) {
        const response = await handler(given);
        return [202, 401].includes(response.status) || given.headers.has('mcp-protocol-version') || !isJson(response)
          ? response
          : new Response(response.body, { status: 400, headers: response.headers });
      }
      const message = 'Unsupported protocol version; supported: 2026-07-28';
      return Response.json({ jsonrpc: '2.0', error: { code: -32600, message } }, { status: 400 });
    },
  },
];
