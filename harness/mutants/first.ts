import { answer, changedRequest, events, headers, type Mutant, message, request, status, without } from './mutate.ts';

let lastSession = '';

export const FIRST: readonly Mutant[] = [
  message('answers with another id', (one) => ({ ...one, id: 'another' })),
  message('turns the id into text', (one) => ({ ...one, id: String(one.id) })),
  message('answers without jsonrpc', ({ jsonrpc: _jsonrpc, ...one }) => one),
  message('answers result and error at once', (one) =>
    one.result ? { ...one, error: { code: -32603, message: 'both' } } : one,
  ),
  message('every tool fails', (one) =>
    one.result?.content ? { ...one, result: { content: [], isError: true } } : one,
  ),
  message('no tool ever fails', (one) =>
    one.result?.isError ? { ...one, result: { ...one.result, isError: false } } : one,
  ),
  message('tools have no schema', (one) =>
    Array.isArray(one.result?.tools)
      ? { ...one, result: { ...one.result, tools: one.result.tools.map(({ inputSchema: _schema, ...tool }) => tool) } }
      : one,
  ),
  message('an unknown method is an internal error', (one) =>
    one.error?.code === -32601 ? { ...one, error: { ...one.error, code: -32603 } } : one,
  ),
  message('an unknown tool is a result', (one) =>
    one.error?.code === -32602 ? { jsonrpc: '2.0', id: one.id, result: { content: [], isError: true } } : one,
  ),
  message('ping answers something', (one) =>
    one.result && Object.keys(one.result).length === 0 ? { ...one, result: { ok: true } } : one,
  ),
  message('any revision is agreed to', (one) =>
    one.result?.protocolVersion ? { ...one, result: { ...one.result, protocolVersion: '1999-01-01' } } : one,
  ),
  message('results have no type', (one) => {
    if (!one.result?.resultType) return one;
    const { resultType: _type, ...result } = one.result;
    return { ...one, result };
  }),
  message('a mismatch of headers is an invalid request', (one) =>
    one.error?.code === -32020 ? { ...one, error: { ...one.error, code: -32600 } } : one,
  ),
  message('an unsupported version names none that is supported', (one) =>
    one.error?.code === -32022 ? { ...one, error: { ...one.error, data: {} } } : one,
  ),
  message('missing metadata is a parse error', (one) =>
    one.error?.code === -32602 ? { ...one, error: { ...one.error, code: -32700 } } : one,
  ),
  answer('notifications are answered 200', (response) =>
    response.status === 202 ? new Response('{}', { status: 200 }) : response,
  ),
  answer('a dead session answers 400', (response) => (response.status === 404 ? status(response, 400) : response)),
  answer('every refusal answers 200', (response) => (response.status >= 400 ? status(response, 200) : response)),
  headers('every session has the same id', (changed) => {
    if (changed.has('mcp-session-id')) changed.set('mcp-session-id', 'one-and-only-session');
  }),
  headers('session ids have spaces', (changed) => {
    if (changed.has('mcp-session-id')) changed.set('mcp-session-id', 'a b');
  }),
  headers('an origin that is refused is allowed by CORS', (changed, given, status) => {
    if (status === 403) changed.set('access-control-allow-origin', given.headers.get('origin') ?? '*');
  }),
  request('any origin may call', (given) => without(given, 'origin')),
  request('any revision is taken', (given) =>
    /^\d{4}/.test(given.headers.get('mcp-protocol-version') ?? '2') &&
    (given.headers.get('mcp-protocol-version') ?? '') >= '2026'
      ? given
      : without(given, 'mcp-protocol-version'),
  ),
  request('any content type is taken', (given) => {
    if (given.method !== 'POST') return given;
    return changedRequest(given, { headers: { 'content-type': 'application/json' } });
  }),
  request('anything is accepted', (given) =>
    changedRequest(given, { headers: { accept: 'application/json, text/event-stream' } }),
  ),
  request('invalid UTF-8 is mended', async (given) =>
    given.method === 'POST' ? changedRequest(given, { body: await given.clone().text() }) : given,
  ),
  {
    name: 'a request without a session id is served by somebody else\u2019s',
    wrap: (handler) => async (given) => {
      const headers = new Headers(given.headers);
      if (
        !headers.has('mcp-session-id') &&
        lastSession !== '' &&
        !(await given.clone().text()).includes('"initialize"')
      )
        headers.set('mcp-session-id', lastSession);
      const response = await handler(new Request(given, { headers }));
      lastSession = response.headers.get('mcp-session-id') ?? lastSession;
      return response;
    },
  },
  {
    name: 'DELETE says yes and does nothing',
    wrap: (handler) => async (given) =>
      given.method === 'DELETE' ? new Response(null, { status: 204 }) : handler(given),
  },
  events('progress comes twice', (event) => (event.includes('notifications/progress') ? [event, event] : event)),
  events('progress is lost', (event) => (event.includes('"progress":50') ? ': lost' : event)),
  events('progress has another token', (event) =>
    event.replaceAll(/"progressToken":("[^"]*"|\d+)/g, '"progressToken":"x"'),
  ),
  events('progress falls', (event) => event.replace('"progress":50', '"progress":-1')),
  events('event ids repeat', (event) => event.replace(/^id: .*$/m, 'id: same-1')),
  events('the answer on a stream has another id', (event) =>
    event.replace(/"id":("[^"]*"|\d+),"result"/, '"id":"another","result"'),
  ),
  events('messages are events of another type', (event) => event.replace(/^data: \{/m, 'event: update\ndata: {')),
  events('nothing is acknowledged', (event) => (event.includes('acknowledged') ? ': nothing' : event)),
  {
    name: 'a batch is the end of its session',
    revisions: ['2025-03-26'],
    wrap(handler) {
      const ended = new Set<string | null>();
      return async (given) => {
        const id = given.headers.get('mcp-session-id');
        const isBatch = given.method === 'POST' && (await given.clone().text()).startsWith('[');
        const answered = ended.has(id) ? new Response(null, { status: 500 }) : await handler(given);
        if (isBatch) ended.add(id);
        return answered;
      };
    },
  },
  {
    name: 'what is accepted of a batch is answered with its length',
    revisions: ['2025-03-26'],
    wrap: (handler) => async (given) => {
      const text = given.method === 'POST' ? await given.clone().text() : '';
      const answered = await handler(given);
      return answered.status === 202 && text.startsWith('[')
        ? new Response('{"accepted":1}', { status: 202 })
        : answered;
    },
  },
  {
    name: 'DELETE answers 405 and ends the session',
    revisions: ['2025-11-25'],
    wrap: (handler) => async (given) => {
      const answered = await handler(given);
      return given.method === 'DELETE' && answered.ok
        ? new Response(null, { status: 405, headers: { allow: 'GET, POST' } })
        : answered;
    },
  },
];
