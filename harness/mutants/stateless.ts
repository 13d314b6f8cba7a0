/** Mutants of 2026-07-28: requests that stand for themselves, their headers, listening, questions in rounds, caching. */

import { parsed } from '../replay/arrivals.ts';
import { LOG_LEVELS, META } from '../replay/protocol.ts';
import {
  changedRequest,
  events,
  type Handler,
  isEvents,
  type Json,
  type Mutant,
  message,
  result,
  withoutMembers,
} from './mutate.ts';

type Entry = Record<string, unknown>;

interface Asked {
  jsonrpc?: unknown;
  id?: string | number;
  method?: string;
  params?: Entry & {
    _meta?: Entry;
    arguments?: Entry;
    name?: string;
    inputResponses?: unknown;
    requestState?: unknown;
  };
  result?: unknown;
}

/** Serves a request; what is given in place of it is changed. */
type Serve = (change?: { body?: unknown; headers?: Record<string, string | undefined> }) => Promise<Response>;

const REVISIONS = ['2026-07-28'] as const;
const VERSION = `${META}protocolVersion`;
const CAPABILITIES = `${META}clientCapabilities`;
const LEVEL = `${META}logLevel`;
const SUBSCRIPTION = `${META}subscriptionId`;
const TASKS = `${META}tasks`;

/** A server that does something else with some requests; `make` is called once for each server. */
function serving(
  name: string,
  make: () => (asked: Asked, serve: Serve, request: Request) => Response | Promise<Response>,
): Mutant {
  return {
    name,
    revisions: REVISIONS,
    wrap(handler) {
      const act = make();
      return async (request) => {
        if (request.method !== 'POST') return handler(request);
        const text = await request.clone().text();
        const asked = parsed(text);
        if (asked === undefined) return handler(request);
        const serve: Serve = ({ body = asked, headers = {} } = {}) =>
          handler(changedRequest(request, { body: JSON.stringify(body), headers }));
        return act((asked ?? {}) as Asked, serve, request);
      };
    },
  };
}

/** Headers are changed before a request is served: what the server should refuse it does not see. */
function headed(
  name: string,
  change: (header: (name: string) => string | undefined, asked: Asked) => Record<string, string | undefined>,
): Mutant {
  return serving(name, () => (asked, serve, request) => {
    const headers = change((header) => request.headers.get(header) ?? undefined, asked);
    return serve({ headers });
  });
}

/** What is asked is changed before it is served. */
function bodied(name: string, change: (asked: Asked) => unknown): Mutant {
  return serving(name, () => (asked, serve) => serve({ body: change(asked) }));
}

/** Some requests are refused that should not be. */
function refusing(
  name: string,
  code: number,
  status: number,
  when: (asked: Asked, request: Request) => boolean,
): Mutant {
  return serving(
    name,
    () => (asked, serve, request) =>
      asked.id !== undefined && when(asked, request) ? failure(asked, code, status) : serve(),
  );
}

/** A method is served that should not be. */
function serves(name: string, methods: readonly string[], answer: Entry = {}): Mutant {
  return serving(
    name,
    () => (asked, serve) => (methods.includes(asked.method ?? '') ? success(asked, answer) : serve()),
  );
}

/** Changes results of some methods. */
function resultsOf(name: string, method: string, change: (result: Entry, asked: Asked) => unknown): Mutant {
  return serving(name, () => async (asked, serve) => {
    const response = await serve();
    if (asked.method !== method || isEvents(response) || response.status !== 200) return response;
    const body = (await response.json()) as Json;
    return json(body.result ? { ...body, result: change(body.result, asked) } : body, 200);
  });
}

/** Changes the errors of a code. */
function errors(name: string, code: number, change: (error: Entry, one: Json) => unknown, status?: number): Mutant {
  return serving(name, () => async (_asked, serve) => {
    const response = await serve();
    if (isEvents(response)) return response;
    const text = await response.text();
    const body = text === '' ? undefined : (JSON.parse(text) as Json);
    if (body?.error?.code !== code) return new Response(text === '' ? null : text, response);
    return json({ ...body, error: change(body.error, body) }, status ?? response.status);
  });
}

function json(body: unknown, status: number): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}

function success({ id }: Asked, answer: Entry): Response {
  const _meta = { [`${META}serverInfo`]: { name: 'everything', version: '1.0.0' } };
  return json({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...answer, _meta } }, 200);
}

function failure({ id }: Asked, code: number, status: number): Response {
  return json({ jsonrpc: '2.0', id, error: { code, message: 'Refused' } }, status);
}

function withParams(asked: Asked, params: Entry): Asked {
  return { ...asked, params: { ...asked.params, ...params } };
}

function withMeta(asked: Asked, meta: Entry): Asked {
  return { ...asked, params: { ...asked.params, _meta: { ...asked.params?._meta, ...meta } } };
}

/** The answers that come with a request. */
function answersOf({ params }: Asked): Entry {
  const given = params?.inputResponses;
  return typeof given === 'object' && given !== null ? (given as Entry) : {};
}

/** What Mcp-Name must be. */
function nameOf({ method, params }: Asked): string | undefined {
  const name = method === 'resources/read' ? params?.uri : params?.name;
  return ['tools/call', 'prompts/get', 'resources/read'].includes(method ?? '') ? String(name) : undefined;
}

function isCall({ method }: Asked, part = ''): boolean {
  return method === 'tools/call' || (part !== '' && method === part);
}

/** What a lenient decoder makes of a header. */
function lenient(header: string | undefined): string | undefined {
  const [, text] = /^=\?base64\?(.*)\?=$/.exec(header ?? '') ?? [];
  return text === undefined ? header : Buffer.from(text, 'base64').toString();
}

/** The same header, as strict servers want it. */
function strictly(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

const LADDER: readonly Mutant[] = [
  bodied('metadata that is missing is assumed', (asked) =>
    asked.method && !asked.params?._meta ? withMeta(asked, { [VERSION]: '2026-07-28', [CAPABILITIES]: {} }) : asked,
  ),
  bodied('a revision that is missing in the body is taken from the header', (asked) =>
    asked.params?._meta && !(VERSION in asked.params._meta) ? withMeta(asked, { [VERSION]: '2026-07-28' }) : asked,
  ),
  bodied('a revision that is no text is taken', (asked) =>
    asked.params?._meta && VERSION in asked.params._meta && typeof asked.params._meta[VERSION] !== 'string'
      ? withMeta(asked, { [VERSION]: '2026-07-28' })
      : asked,
  ),
  bodied('capabilities that are missing are assumed', (asked) =>
    asked.params?._meta && VERSION in asked.params._meta && !(CAPABILITIES in asked.params._meta)
      ? withMeta(asked, { [CAPABILITIES]: {} })
      : asked,
  ),
  bodied('capabilities may be anything', (asked) => {
    const given = asked.params?._meta?.[CAPABILITIES];
    const fits = typeof given === 'object' && given !== null && !Array.isArray(given);
    return given !== undefined && !fits ? withMeta(asked, { [CAPABILITIES]: {} }) : asked;
  }),
  bodied('metadata may be anything', (asked) =>
    asked.params && '_meta' in asked.params && (typeof asked.params._meta !== 'object' || asked.params._meta === null)
      ? { ...asked, params: { _meta: { [VERSION]: '2026-07-28', [CAPABILITIES]: {} } } }
      : asked,
  ),
  errors('missing metadata is a mismatch of headers', -32602, (error) => ({ ...error, code: -32020 })),
  serving('missing metadata answers 200', () => async (asked, serve) => {
    const response = await serve();
    return response.status === 400 && !asked.params?._meta?.[VERSION]
      ? new Response(response.body, { headers: response.headers })
      : response;
  }),
  refusing('who the client is must be said', -32602, 400, ({ params }) => !params?._meta?.[`${META}clientInfo`]),
  resultsOf('what is declared depends on who the client is', 'server/discover', (one, { params }) =>
    (params?._meta?.[`${META}clientInfo`] as Entry | undefined)?.name === 'Another Client'
      ? { ...one, capabilities: withoutMembers(one.capabilities as Entry, 'completions') }
      : one,
  ),
  serving('any revision is served', () => (asked, serve, request) => {
    const claimed = asked.params?._meta?.[VERSION];
    if (
      typeof claimed !== 'string' ||
      claimed === '2026-07-28' ||
      request.headers.get('mcp-protocol-version') !== claimed
    )
      return serve();
    return serve({
      body: withMeta(asked, { [VERSION]: '2026-07-28' }),
      headers: { 'mcp-protocol-version': '2026-07-28' },
    });
  }),
  errors('an unsupported revision is an invalid request', -32022, (error) => ({ ...error, code: -32600 })),
  errors('an unsupported revision answers 200', -32022, (error) => error, 200),
  errors('an unsupported revision is not repeated', -32022, (error) => ({
    ...error,
    data: withoutMembers(error.data as Entry, 'requested'),
  })),
  errors('another revision is repeated than was asked for', -32022, (error) => ({
    ...error,
    data: { ...(error.data as Entry), requested: '2026-07-28' },
  })),
  errors('no revision is named that is supported', -32022, (error) => ({
    ...error,
    data: { ...(error.data as Entry), supported: [] },
  })),
  errors('the revisions that are supported are one text', -32022, (error) => ({
    ...error,
    data: { ...(error.data as Entry), supported: '2026-07-28' },
  })),
  errors('an error names revisions that discover does not', -32022, (error) => ({
    ...error,
    data: { ...(error.data as Entry), supported: ['2026-07-28', '2030-01-01'] },
  })),
  resultsOf('discover names a revision that is not served', 'server/discover', (one) => ({
    ...one,
    supportedVersions: ['2026-07-28', '2030-01-01'],
  })),
  resultsOf('discover names no revision', 'server/discover', (one) => ({ ...one, supportedVersions: [] })),
  resultsOf('discover names its revision as a text', 'server/discover', (one) => ({
    ...one,
    supportedVersions: '2026-07-28',
  })),
  resultsOf('discover has no capabilities', 'server/discover', (one) => withoutMembers(one, 'capabilities')),
  resultsOf('capabilities are a list', 'server/discover', (one) => ({
    ...one,
    capabilities: Object.keys(one.capabilities as Entry),
  })),
  resultsOf('discover tells who it is beside its metadata', 'server/discover', (one) => ({
    ...one,
    serverInfo: { name: 'everything', version: '1' },
  })),
  resultsOf('discover declares tasks', 'server/discover', (one) => ({
    ...one,
    capabilities: { ...(one.capabilities as Entry), tasks: {} },
  })),
  resultsOf('what is declared depends on what the client declares', 'server/discover', (one, { params }) =>
    Object.keys((params?._meta?.[CAPABILITIES] as Entry | undefined) ?? {}).length < 3
      ? { ...one, capabilities: withoutMembers(one.capabilities as Entry, 'logging') }
      : one,
  ),
  serving('what is declared changes from request to request', () => {
    let turn = 0;
    return async (asked, serve) => {
      const response = await serve();
      if (asked.method !== 'server/discover' || response.status !== 200) return response;
      const body = (await response.json()) as Json;
      return json(
        {
          ...body,
          result: { ...body.result, supportedVersions: turn++ % 2 ? ['2026-07-28'] : ['2026-07-28', '2027-01-01'] },
        },
        200,
      );
    };
  }),
  ...['tools', 'prompts', 'resources', 'completions'].map((name) =>
    resultsOf(`${name} are served and not declared`, 'server/discover', (one) => ({
      ...one,
      capabilities: withoutMembers(one.capabilities as Entry, name),
    })),
  ),
  ...['prompts/list', 'resources/list', 'resources/templates/list', 'completion/complete', 'tools/list'].map((method) =>
    refusing(`${method} is declared and not served`, -32601, 404, (asked) => asked.method === method),
  ),
  refusing(
    'subscriptions/listen is declared and not served',
    -32601,
    404,
    ({ method }) => method === 'subscriptions/listen',
  ),
  serves('ping is still served', ['ping']),
  serves('initialize is still served', ['initialize'], {
    protocolVersion: '2026-07-28',
    capabilities: {},
    serverInfo: { name: 'everything', version: '1' },
  }),
  serves('logging/setLevel is still served', ['logging/setLevel']),
  serves('resources/subscribe is still served', ['resources/subscribe', 'resources/unsubscribe']),
  serves('tasks/list is still served', ['tasks/list'], { tasks: [] }),
  errors('an unknown method is an invalid request', -32601, (error) => ({ ...error, code: -32600 })),
  errors('an unknown method answers 200', -32601, (error) => error, 200),
  errors('an unknown method answers 400', -32601, (error) => error, 400),
  serving('an unknown method answers 404 and nothing', () => async (_asked, serve) => {
    const response = await serve();
    return response.status === 404 ? new Response(null, { status: 404 }) : response;
  }),
  serves('methods that every object has are served', ['__proto__', 'constructor', 'toString']),
  serving('methods are taken in any case', () => (asked, serve) => {
    const method = asked.method?.toLowerCase();
    return method === asked.method ? serve() : serve({ body: { ...asked, method }, headers: { 'mcp-method': method } });
  }),
  serving('errors have no id', () => async (_asked, serve) => {
    const response = await serve();
    if (isEvents(response) || response.status < 400) return response;
    const { id: _id, ...body } = (await response.json()) as Json;
    return json(body, response.status);
  }),
  serving('an id that is 0 or empty is lost in errors', () => async (_asked, serve) => {
    const response = await serve();
    if (isEvents(response) || response.status < 400) return response;
    const { id, ...body } = (await response.json()) as Json;
    return json(id ? { id, ...body } : body, response.status);
  }),
  serving('ids become texts', () => async (_asked, serve) => {
    const response = await serve();
    if (isEvents(response) || response.status === 202) return response;
    const body = (await response.json()) as Json;
    return json({ ...body, id: String(body.id) }, response.status);
  }),
  result('results say not who answers', (one) => withoutMembers(one, '_meta')),
  result('results are of a type that nobody knows', (one) =>
    one.resultType === 'complete' ? { ...one, resultType: 'done' } : one,
  ),
];

const CLIENTS: readonly Mutant[] = [
  bodied('a capability that is missing is assumed', (asked) =>
    asked.params?._meta?.[CAPABILITIES]
      ? withMeta(asked, { [CAPABILITIES]: { sampling: {}, ...(asked.params._meta[CAPABILITIES] as Entry) } })
      : asked,
  ),
  serving('capabilities are remembered', () => {
    let known: Entry = {};
    return (asked, serve) => {
      const given = asked.params?._meta?.[CAPABILITIES];
      if (typeof given !== 'object' || given === null || Array.isArray(given)) return serve();
      known = { ...known, ...given };
      return serve({ body: withMeta(asked, { [CAPABILITIES]: known }) });
    };
  }),
  serving('the capabilities of the first request hold for all', () => {
    let first: unknown;
    return (asked, serve) => {
      const given = asked.params?._meta?.[CAPABILITIES];
      if (typeof given !== 'object' || given === null || Array.isArray(given)) return serve();
      first ??= given;
      return serve({ body: withMeta(asked, { [CAPABILITIES]: first }) });
    };
  }),
  refusing(
    'the capability is demanded that was declared',
    -32021,
    400,
    ({ params }) => params?.name === 'test_missing_capability',
  ),
  errors('a missing capability answers 200', -32021, (error) => error, 200),
  errors('a missing capability is an invalid param', -32021, (error) => ({ ...error, code: -32602 })),
  errors('a missing capability is not named', -32021, ({ data: _data, ...error }) => error),
  errors('missing capabilities are a list', -32021, (error) => ({
    ...error,
    data: { requiredCapabilities: Object.keys((error.data as { requiredCapabilities: Entry }).requiredCapabilities) },
  })),
  errors('another capability is named than is missing', -32021, (error) => ({
    ...error,
    data: { requiredCapabilities: { experimental: {} } },
  })),
  refusing('capabilities that nobody knows are refused', -32602, 400, ({ params }) =>
    Object.keys((params?._meta?.[CAPABILITIES] as Entry | undefined) ?? {}).some((name) => name === 'future'),
  ),
  refusing(
    'params that nobody knows are refused',
    -32602,
    200,
    ({ params }) => params !== undefined && 'unknown' in params,
  ),
  refusing(
    'metadata that nobody knows is refused',
    -32602,
    400,
    ({ params }) => params?._meta !== undefined && 'com.example/unknown' in params._meta,
  ),
  refusing('a trace context is refused', -32602, 400, ({ params }) => params?._meta?.traceparent !== undefined),
  serving('of requests with one id only the first is served', () => {
    const flying = new Map<unknown, Promise<string>>();
    return async (asked, serve) => {
      if (asked.id === undefined || asked.method === 'subscriptions/listen') return serve();
      const known = flying.get(asked.id);
      if (known) return new Response(await known, { headers: { 'content-type': 'application/json' } });
      const response = serve();
      flying.set(
        asked.id,
        response.then((one) => (isEvents(one) ? '{}' : one.clone().text())),
      );
      try {
        return await response;
      } finally {
        setTimeout(() => flying.delete(asked.id), 5);
      }
    };
  }),
  serving('a request with an id in flight is refused', () => {
    const flying = new Set<unknown>();
    return async (asked, serve) => {
      if (asked.method !== 'tools/call' || !asked.params?._meta?.progressToken) return serve();
      if (flying.has(asked.id)) return failure(asked, -32600, 400);
      flying.add(asked.id);
      const response = await serve();
      return ending(response, () => flying.delete(asked.id));
    };
  }),
  serving('whoever hangs up keeps the id of the request', () => {
    const taken = new Set<unknown>();
    return async (asked, serve) => {
      if (!asked.params?._meta?.progressToken) return serve();
      const key = `${asked.id} ${asked.params._meta.progressToken}`;
      if (taken.has(key)) return failure(asked, -32600, 400);
      const response = await serve();
      return ending(response, (isOver) => {
        if (!isOver) taken.add(key);
      });
    };
  }),
  serving('whoever hangs up ends all with that id', () => {
    const open = new Map<unknown, Set<() => void>>();
    return async (asked, serve) => {
      const response = await serve();
      if (!isEvents(response) || asked.method !== 'tools/call') return response;
      const others = open.get(asked.id) ?? new Set();
      open.set(asked.id, others);
      return breakable(response, others, true);
    };
  }),
  serving('a notification ends the request of its id', () => {
    const open = new Map<unknown, Set<() => void>>();
    return async (asked, serve) => {
      if (asked.method === 'notifications/cancelled') for (const end of open.get(asked.params?.requestId) ?? []) end();
      const response = await serve();
      if (!isEvents(response) || asked.method !== 'tools/call') return response;
      const others = open.get(asked.id) ?? new Set();
      open.set(asked.id, others);
      return breakable(response, others, false);
    };
  }),
  serving('progress of one call is told on all', () => {
    const open = new Set<(text: string) => void>();
    return async (asked, serve) => {
      const response = await serve();
      if (!isEvents(response) || asked.method === 'subscriptions/listen') return response;
      return copied(response, open, (event) => event.includes('notifications/progress'));
    };
  }),
  serving('a list depends on the capabilities of the client', () => async (asked, serve) => {
    const response = await serve();
    if (asked.method !== 'tools/list' || response.status !== 200) return response;
    const body = (await response.json()) as Json;
    const declared = asked.params?._meta?.[CAPABILITIES] as Entry;
    const tools = ((body.result?.tools ?? []) as Entry[]).filter(
      ({ name }) => 'elicitation' in declared || name !== 'echo',
    );
    return json({ ...body, result: { ...body.result, tools } }, 200);
  }),
  serving('calls change the list of tools', () => {
    let calls = 0;
    return async (asked, serve) => {
      if (asked.method === 'tools/call') calls++;
      const response = await serve();
      if (asked.method !== 'tools/list' || response.status !== 200) return response;
      const body = (await response.json()) as Json;
      const tools = [
        ...((body.result?.tools ?? []) as Entry[]),
        { name: `unlocked-${calls}`, inputSchema: { type: 'object' } },
      ];
      return json({ ...body, result: { ...body.result, tools } }, 200);
    };
  }),
  serving('answers name a session', () => async (_asked, serve) => {
    const response = await serve();
    const named = new Response(response.body, response);
    named.headers.set('mcp-session-id', 'session-1');
    return named;
  }),
  refusing('an unknown session is gone', -32600, 404, (_asked, { headers }) => headers.has('mcp-session-id')),
  refusing('a Last-Event-ID is refused', -32600, 400, (_asked, { headers }) => headers.has('last-event-id')),
  {
    name: 'GET opens a stream in a revision that has none',
    revisions: REVISIONS,
    wrap: (handler) => async (request) =>
      request.method === 'GET' && request.headers.get('mcp-protocol-version') === '2026-07-28'
        ? new Response(': nothing\n\n', { headers: { 'content-type': 'text/event-stream' } })
        : handler(request),
  },
  {
    name: 'DELETE is accepted in a revision that has nothing to end',
    revisions: REVISIONS,
    wrap: (handler) => async (request) =>
      request.method === 'DELETE' && request.headers.get('mcp-protocol-version') === '2026-07-28'
        ? new Response(null, { status: 204 })
        : handler(request),
  },
  serving('notifications are answered', () => async (asked, serve) => {
    const response = await serve();
    return asked.method?.startsWith('notifications/') ? success({ id: 1 }, {}) : response;
  }),
  serving('notifications are accepted with a body', () => async (asked, serve) => {
    const response = await serve();
    return asked.method?.startsWith('notifications/') ? json({ ok: true }, 202) : response;
  }),
  serving('a notification that nobody knows breaks the next request', () => {
    let isBroken = false;
    return async (asked, serve) => {
      if (isBroken && asked.method === 'server/discover') {
        isBroken = false;
        return failure(asked, -32603, 500);
      }
      isBroken ||= asked.method === 'notifications/unknown';
      return serve();
    };
  }),
  serving(
    'responses of the client are accepted',
    () => (asked, serve) =>
      asked.result !== undefined && asked.method === undefined ? new Response(null, { status: 202 }) : serve(),
  ),
  serving('lists of requests are served', () => async (asked, serve) => {
    if (!Array.isArray(asked)) return serve();
    const one = { ...asked[0], params: { ...asked[0].params, _meta: { [VERSION]: '2026-07-28', [CAPABILITIES]: {} } } };
    const body = await (await serve({ body: one })).json();
    return json([body], 200);
  }),
  serving(
    'of a list of requests the first is served',
    () => (asked, serve) =>
      Array.isArray(asked)
        ? serve({
            body: {
              ...asked[0],
              params: { ...asked[0].params, _meta: { [VERSION]: '2026-07-28', [CAPABILITIES]: {} } },
            },
          })
        : serve(),
  ),
];

/** Tells when a body is over: read to its end, or left. */
function ending(response: Response, over: (isOver: boolean) => void): Response {
  if (!response.body) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) return controller.enqueue(value);
      over(true);
      controller.close();
    },
    cancel(reason) {
      over(false);
      return reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

/** A stream that others can end; with `alone` it ends all others when its client leaves. */
function breakable(response: Response, others: Set<() => void>, alone: boolean): Response {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let end = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      end = () => {
        others.delete(end);
        void reader.cancel().catch(() => {});
        controller.close();
      };
      others.add(end);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!others.has(end)) return;
      if (!done) return controller.enqueue(value);
      others.delete(end);
      controller.close();
    },
    cancel(reason) {
      others.delete(end);
      if (alone) for (const other of [...others]) other();
      return reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A stream whose events go to all others too, where `shared` says so. */
function copied(response: Response, open: Set<(text: string) => void>, shared: (event: string) => boolean): Response {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let hear = (_text: string) => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      hear = (text) => controller.enqueue(encoder.encode(text));
      open.add(hear);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) {
        const text = decoder.decode(value);
        if (shared(text)) for (const other of open) if (other !== hear) other(text);
        return controller.enqueue(value);
      }
      open.delete(hear);
      controller.close();
    },
    cancel(reason) {
      open.delete(hear);
      return reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

const HEADERS: readonly Mutant[] = [
  headed('a missing Mcp-Method is forgiven', (header, { method }) =>
    header('mcp-method') === undefined ? { 'mcp-method': method } : {},
  ),
  headed('Mcp-Method is not compared', (header, { method }) =>
    header('mcp-method') !== undefined ? { 'mcp-method': method } : {},
  ),
  headed('Mcp-Method is compared for calls only', (_header, { method }) =>
    method === 'tools/call' ? {} : { 'mcp-method': method },
  ),
  headed('Mcp-Method is compared without case', (header, { method }) =>
    header('mcp-method')?.toLowerCase() === method?.toLowerCase() ? { 'mcp-method': method } : {},
  ),
  headed('of a Mcp-Method that comes twice the first counts', (header) => {
    const [first, second] = header('mcp-method')?.split(', ') ?? [];
    return second === undefined ? {} : { 'mcp-method': first };
  }),
  headed('a missing MCP-Protocol-Version is forgiven', (header, { params }) =>
    header('mcp-protocol-version') === undefined && params?._meta?.[VERSION]
      ? { 'mcp-protocol-version': String(params._meta[VERSION]) }
      : {},
  ),
  headed('MCP-Protocol-Version is not compared with the body', (header, { params }) =>
    header('mcp-protocol-version') !== undefined && typeof params?._meta?.[VERSION] === 'string'
      ? { 'mcp-protocol-version': params._meta[VERSION] }
      : {},
  ),
  headed('of a MCP-Protocol-Version that comes twice the first counts', (header) => {
    const [first, second] = header('mcp-protocol-version')?.split(', ') ?? [];
    return second === undefined ? {} : { 'mcp-protocol-version': first };
  }),
  errors('a mismatch of headers answers 200', -32020, (error) => error, 200),
  errors('a mismatch of headers is an invalid param', -32020, (error) => ({ ...error, code: -32602 })),
  errors('a mismatch of headers has the code of a draft', -32020, (error) => ({ ...error, code: -32001 })),
  ...['tools/call', 'prompts/get', 'resources/read'].flatMap((method) => {
    const about = (asked: Asked) => asked.method === method;
    return [
      headed(`a missing Mcp-Name is forgiven at ${method}`, (header, asked) =>
        about(asked) && header('mcp-name') === undefined ? { 'mcp-name': strictly(nameOf(asked)) } : {},
      ),
      headed(`Mcp-Name is not compared at ${method}`, (header, asked) =>
        about(asked) && header('mcp-name') !== undefined ? { 'mcp-name': strictly(nameOf(asked)) } : {},
      ),
      headed(`Mcp-Name is compared without case at ${method}`, (header, asked) =>
        about(asked) && header('mcp-name')?.toLowerCase() === nameOf(asked)?.toLowerCase()
          ? { 'mcp-name': strictly(nameOf(asked)) }
          : {},
      ),
      refusing(
        `a Mcp-Name in base64 is not decoded at ${method}`,
        -32020,
        400,
        (asked, { headers }) => about(asked) && (headers.get('mcp-name')?.startsWith('=?base64?') ?? false),
      ),
      headed(`base64 need not be strict at ${method}`, (header, asked) =>
        about(asked) && lenient(header('mcp-name')) === nameOf(asked) ? { 'mcp-name': strictly(nameOf(asked)) } : {},
      ),
      headed(`the marks of base64 are taken in any case at ${method}`, (header, asked) =>
        about(asked) ? { 'mcp-name': header('mcp-name')?.replace(/^=\?base64\?/i, '=?base64?') } : {},
      ),
      headed(`one mark of base64 is enough at ${method}`, (header, asked) => {
        const given = header('mcp-name') ?? '';
        if (!about(asked)) return {};
        if (given.startsWith('=?base64?') && !given.endsWith('?=')) return { 'mcp-name': `${given}?=` };
        if (!given.startsWith('=?base64?') && given.endsWith('?=')) return { 'mcp-name': `=?base64?${given}` };
        return {};
      }),
      headed(`of a Mcp-Name that comes twice the first counts at ${method}`, (header, asked) => {
        const [first, second] = header('mcp-name')?.split(', ') ?? [];
        return second === undefined || !about(asked) ? {} : { 'mcp-name': first };
      }),
    ];
  }),
  headed('characters that a header may not have are taken', (header, asked) =>
    /[^\t\x20-\x7e]/.test(header('mcp-name') ?? '') ? { 'mcp-name': strictly(nameOf(asked)) } : {},
  ),
  refusing('what begins like base64 must be base64', -32020, 400, ({ params }, { headers }) => {
    const given = headers.get('mcp-name') ?? '';
    return params?.name === given && /^=\?base64\?|\?=$/.test(given);
  }),
  refusing('a Mcp-Name that is not ASCII in base64 is refused', -32020, 400, ({ params }) =>
    /[^\x20-\x7e]/.test(String(params?.name ?? '')),
  ),
  refusing('headers that nobody knows are refused', -32020, 400, (_asked, { headers }) => headers.has('mcp-unknown')),
  serving('what is refused was done all the same', () => async (asked, serve, request) => {
    const response = await serve();
    if (asked.params?.name === 'test_trigger_tool_change' && response.status === 400)
      await serve({
        body: withMeta(asked, { [VERSION]: '2026-07-28', [CAPABILITIES]: {} }),
        headers: {
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': asked.params.name,
          accept: request.headers.get('accept') ?? '',
        },
      });
    return response;
  }),
];

const param = (name: string) => `mcp-param-${name}`;
const REGION = param('region');
const SHARDS = param('shards');
const DRY = param('dry-run');
const TEAM = param('owner-team');

function given(asked: Asked, name: string): string | undefined {
  const value = asked.params?.arguments?.[name];
  return value === undefined || value === null ? undefined : strictly(String(value));
}

const PARAMS: readonly Mutant[] = [
  headed('a missing Mcp-Param is forgiven', (header, asked) =>
    header(REGION) === undefined ? { [REGION]: given(asked, 'region') } : {},
  ),
  headed('Mcp-Param is not compared', (header, asked) =>
    header(REGION) !== undefined ? { [REGION]: given(asked, 'region') } : {},
  ),
  headed('Mcp-Param is compared without case', (header, asked) =>
    header(REGION)?.toLowerCase() === String(asked.params?.arguments?.region).toLowerCase()
      ? { [REGION]: given(asked, 'region') }
      : {},
  ),
  headed('the base64 of Mcp-Param need not be strict', (header, asked) =>
    lenient(header(REGION)) === asked.params?.arguments?.region ? { [REGION]: given(asked, 'region') } : {},
  ),
  headed('the beginning of Mcp-Param is enough', (header, asked) => {
    const text = String(asked.params?.arguments?.region);
    return header(REGION) !== undefined && text.startsWith(String(header(REGION)))
      ? { [REGION]: given(asked, 'region') }
      : {};
  }),
  refusing('the base64 of Mcp-Param is not decoded', -32020, 400, ({ params }, { headers }) => {
    const text = headers.get(REGION) ?? '';
    return text.startsWith('=?base64?') && text.endsWith('?=') && params?.arguments?.region !== text;
  }),
  refusing('base64 of Mcp-Param is ASCII', -32020, 400, ({ params }) =>
    /[^\x20-\x7e]/.test(String(params?.arguments?.region ?? '')),
  ),
  refusing(
    'what begins like base64 must be base64 in Mcp-Param',
    -32020,
    400,
    ({ params }, { headers }) =>
      /^=\?base64\?|\?=$/.test(headers.get(REGION) ?? '') && params?.arguments?.region === headers.get(REGION),
  ),
  headed('a Mcp-Param that is not ASCII is taken', (header, asked) =>
    /[^\t\x20-\x7e]/.test(header(REGION) ?? '') ? { [REGION]: given(asked, 'region') } : {},
  ),
  refusing(
    'an argument that is null needs its Mcp-Param',
    -32020,
    400,
    ({ params }) => params?.arguments?.region === null,
  ),
  refusing(
    'an argument that is absent needs its Mcp-Param',
    -32020,
    400,
    ({ params }, { headers }) =>
      params?.name === 'test_x_mcp_header' && !headers.has(REGION) && params.arguments?.region === undefined,
  ),
  headed('a Mcp-Param without its argument is taken', (_header, { params }) =>
    params?.name === 'test_x_mcp_header' && params.arguments?.region === undefined
      ? { [REGION]: undefined, [SHARDS]: undefined }
      : {},
  ),
  refusing('a Mcp-Param that nobody knows is refused', -32020, 400, (_asked, { headers }) =>
    headers.has('mcp-param-other'),
  ),
  headed('a Mcp-Param of an integer is not compared', (header, asked) =>
    header(SHARDS) !== undefined ? { [SHARDS]: given(asked, 'shards') } : {},
  ),
  headed('a missing Mcp-Param of an integer is forgiven', (header, asked) =>
    header(SHARDS) === undefined ? { [SHARDS]: given(asked, 'shards') } : {},
  ),
  headed('integers are cut', (header, asked) =>
    Number.parseInt(header(SHARDS) ?? '', 10) === asked.params?.arguments?.shards
      ? { [SHARDS]: given(asked, 'shards') }
      : {},
  ),
  headed('integers are compared without their sign', (header, asked) =>
    Math.abs(Number(header(SHARDS))) === Math.abs(Number(asked.params?.arguments?.shards))
      ? { [SHARDS]: given(asked, 'shards') }
      : {},
  ),
  refusing(
    'integers are compared as texts',
    -32020,
    400,
    (_asked, { headers }) => headers.get(SHARDS)?.includes('.') ?? false,
  ),
  refusing('0 is taken for no argument', -32020, 400, ({ params }) => params?.arguments?.shards === 0),
  refusing(
    'large integers lose their end',
    -32020,
    400,
    ({ params }) => params?.arguments?.shards === Number.MAX_SAFE_INTEGER,
  ),
  headed('a Mcp-Param of a boolean is not compared', (header, asked) =>
    header(DRY) !== undefined ? { [DRY]: given(asked, 'dry') } : {},
  ),
  headed('a missing Mcp-Param of a boolean is forgiven', (header, asked) =>
    header(DRY) === undefined ? { [DRY]: given(asked, 'dry') } : {},
  ),
  headed('booleans are taken in any case', (header) =>
    header(DRY) === undefined ? {} : { [DRY]: header(DRY)?.toLowerCase() },
  ),
  refusing('false is taken for no argument', -32020, 400, ({ params }) => params?.arguments?.dry === false),
  headed('arguments inside of others are not compared', (_header, { params }) => {
    const owner = params?.arguments?.owner as Entry | undefined;
    return owner ? { [TEAM]: strictly(String(owner.team)) } : {};
  }),
  refusing(
    'arguments inside of others are refused',
    -32020,
    400,
    ({ params }) => params?.arguments?.owner !== undefined,
  ),
];

/** What an asked-for filter is changed to, while the acknowledgment stays as it was. */
function filtered(name: string, change: (filter: Entry) => Entry, keepsAck = true): Mutant {
  return serving(name, () => async (asked, serve) => {
    const filter = asked.params?.notifications;
    if (asked.method !== 'subscriptions/listen' || typeof filter !== 'object' || filter === null) return serve();
    const response = await serve({ body: withParams(asked, { notifications: change(filter as Entry) }) });
    if (!keepsAck) return response;
    return listened(name, (one) =>
      String(one.method).endsWith('acknowledged')
        ? { ...one, params: { ...(one.params as Entry), notifications: filter } }
        : one,
    ).wrap(async () => response)(new Request('http://localhost/', { method: 'POST', body: JSON.stringify(asked) }));
  });
}

/** Changes the messages of listen streams; nothing, one or several come of each. */
function listened(name: string, change: (one: Json) => unknown, make?: () => (one: Json) => unknown): Mutant {
  return serving(name, () => async (asked, serve) => {
    const response = await serve();
    if (asked.method !== 'subscriptions/listen') return response;
    const changing = make ? make() : change;
    const streams = events(name, (event) => {
      const [, text] = /^data: (\{.*)$/m.exec(event) ?? [];
      if (text === undefined) return event;
      return [changing(JSON.parse(text))]
        .flat()
        .filter((one) => one !== undefined)
        .map((one) => `data: ${JSON.stringify(one)}`);
    });
    return streams.wrap(async () => response)(new Request('http://localhost/'));
  });
}

function isChange({ method }: Json): boolean {
  return /list_changed|updated/.test(String(method));
}

function tagged(one: Json, tag: (tag: unknown) => unknown): Json {
  const params = one.params as Entry & { _meta: Entry };
  return { ...one, params: { ...params, _meta: { ...params._meta, [SUBSCRIPTION]: tag(params._meta[SUBSCRIPTION]) } } };
}

/** Listen streams by number; a change comes only to those that `hears` chooses. */
function chosen(
  name: string,
  hears: (own: number, all: readonly { number: number; id: unknown }[]) => boolean,
): Mutant {
  return serving(name, () => {
    let open: { number: number; id: unknown }[] = [];
    let count = 0;
    return async (asked, serve) => {
      const response = await serve();
      if (asked.method !== 'subscriptions/listen' || !isEvents(response)) return response;
      const number = ++count;
      open.push({ number, id: asked.id });
      const left = ending(response, () => {
        open = open.filter((one) => one.number !== number);
      });
      const streams = listened(name, (one) => (isChange(one) && !hears(number, open) ? undefined : one));
      return streams.wrap(async () => left)(
        new Request('http://localhost/', { method: 'POST', body: JSON.stringify(asked) }),
      );
    };
  });
}

const EVERYTHING = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };

const LISTENING: readonly Mutant[] = [
  listened(
    'an acknowledgment comes with the first change',
    (one) => one,
    () => {
      let held: Json | undefined;
      return (one) => {
        if (String(one.method).endsWith('acknowledged')) {
          held = one;
          return undefined;
        }
        const [first] = [held];
        held = undefined;
        return first ? [first, one] : one;
      };
    },
  ),
  listened('an acknowledgment comes after something else', (one) =>
    String(one.method).endsWith('acknowledged')
      ? [
          {
            jsonrpc: '2.0',
            method: 'notifications/tools/list_changed',
            params: { _meta: (one.params as Entry)._meta },
          },
          one,
        ]
      : one,
  ),
  listened('an acknowledgment comes twice', (one) => (String(one.method).endsWith('acknowledged') ? [one, one] : one)),
  listened('an acknowledgment promises nothing', (one) =>
    String(one.method).endsWith('acknowledged')
      ? { ...one, params: { ...(one.params as Entry), notifications: {} } }
      : one,
  ),
  listened('an acknowledgment does not say what it promises', (one) =>
    String(one.method).endsWith('acknowledged')
      ? { ...one, params: withoutMembers(one.params as Entry, 'notifications') }
      : one,
  ),
  listened('an acknowledgment promises what nobody asked for', (one) =>
    String(one.method).endsWith('acknowledged')
      ? { ...one, params: { ...(one.params as Entry), notifications: { ...EVERYTHING, resourceSubscriptions: [] } } }
      : one,
  ),
  listened('an acknowledgment has another name', (one) =>
    String(one.method).endsWith('acknowledged') ? { ...one, method: 'notifications/subscriptions/ack' } : one,
  ),
  serving('an acknowledgment promises what is not declared', () => async (asked, serve) => {
    const response = await serve();
    if (asked.method !== 'server/discover' || response.status !== 200) return response;
    const body = (await response.json()) as Json;
    const declared = { ...(body.result?.capabilities as Entry), tools: {} };
    return json({ ...body, result: { ...body.result, capabilities: declared } }, 200);
  }),
  listened('notifications of a listen stream have no tag', (one) => ({
    ...one,
    params: withoutMembers(one.params as Entry, '_meta'),
  })),
  listened('only the acknowledgment has a tag', (one) =>
    isChange(one) ? { ...one, params: withoutMembers(one.params as Entry, '_meta') } : one,
  ),
  listened('tags are texts', (one) => tagged(one, String)),
  listened('a tag that is 0 or empty is missing', (one) => tagged(one, (tag) => tag || undefined)),
  listened('tags are made up', (one) => tagged(one, () => 'subscription-1')),
  serving('all listen streams bear the id of the last', () => {
    let last: unknown;
    return async (asked, serve) => {
      const response = await serve();
      if (asked.method !== 'subscriptions/listen') return response;
      last = asked.id;
      return listened('', (one) => tagged(one, () => last)).wrap(async () => response)(
        new Request('http://localhost/', { method: 'POST', body: JSON.stringify(asked) }),
      );
    };
  }),
  listened('a change is told twice', (one) => (isChange(one) ? [one, one] : one)),
  listened('a change is never told', (one) => (isChange(one) ? undefined : one)),
  listened('a change of tools is told as one of prompts', (one) =>
    one.method === 'notifications/tools/list_changed' ? { ...one, method: 'notifications/prompts/list_changed' } : one,
  ),
  listened('a changed resource is not named', (one) =>
    one.method === 'notifications/resources/updated'
      ? { ...one, params: withoutMembers(one.params as Entry, 'uri') }
      : one,
  ),
  listened('changes of resources are never told', (one) =>
    one.method === 'notifications/resources/updated' ? undefined : one,
  ),
  chosen('a change is told to the newest listen stream only', (own, all) => all.at(-1)?.number === own),
  chosen('a change is told to the oldest listen stream only', (own, all) => all[0]?.number === own),
  chosen('of listen streams with one id the newest is told', (own, all) => {
    const id = all.find(({ number }) => number === own)?.id;
    return all.findLast((one) => one.id === id)?.number === own;
  }),
  chosen('ids of listen streams are compared as texts', (own, all) => {
    const id = all.find(({ number }) => number === own)?.id;
    return all.findLast((one) => String(one.id) === String(id) && one.id !== id) === undefined;
  }),
  filtered('whoever listens is told everything', (filter) => ({ ...filter, ...EVERYTHING })),
  filtered('whoever asks for nothing is told everything', (filter) =>
    Object.values(filter).includes(true) ? filter : { ...filter, ...EVERYTHING },
  ),
  filtered('whoever listens is promised and told everything', (filter) => ({ ...filter, ...EVERYTHING }), false),
  filtered('resources are told to whoever names any', (filter) =>
    Array.isArray(filter.resourceSubscriptions) && filter.resourceSubscriptions.length > 0
      ? { ...filter, resourceSubscriptions: [...filter.resourceSubscriptions, 'test://watched-resource'] }
      : filter,
  ),
  filtered(
    'resources that are named are forgotten',
    (filter) => withoutMembers(filter, 'resourceSubscriptions'),
    false,
  ),
  filtered('of the resources that are named only the first counts', (filter) =>
    Array.isArray(filter.resourceSubscriptions)
      ? { ...filter, resourceSubscriptions: filter.resourceSubscriptions.slice(0, 1) }
      : filter,
  ),
  serving('a listen stream ends after its acknowledgment', () => async (asked, serve) => {
    const response = await serve();
    if (asked.method !== 'subscriptions/listen' || !response.body) return response;
    const reader = response.body.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return new Response(value, response);
  }),
  listened('the end of a subscription is not told', (one) => (one.result ? undefined : one)),
  listened('the end of a subscription does not say which', (one) =>
    one.result ? { ...one, result: { ...one.result, _meta: {} } } : one,
  ),
  listened('the end of a subscription is a cancellation', (one) =>
    one.result
      ? { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: one.id, _meta: one.result._meta } }
      : one,
  ),
  listened('the end of a subscription is an error', (one) =>
    one.result ? { jsonrpc: '2.0', id: one.id, error: { code: -32603, message: 'The server ends' } } : one,
  ),
  listened('a listen request is answered at once', (one) =>
    String(one.method).endsWith('acknowledged')
      ? [
          one,
          {
            jsonrpc: '2.0',
            id: (one.params as { _meta: Entry })._meta[SUBSCRIPTION],
            result: { resultType: 'complete' },
          },
        ]
      : one,
  ),
  serving(
    'a listen request is answered with JSON',
    () => async (asked, serve) =>
      asked.method === 'subscriptions/listen'
        ? success(asked, { notifications: asked.params?.notifications as Entry })
        : serve(),
  ),
  serving('progress comes on listen streams', () => {
    const open = new Set<(text: string) => void>();
    return async (asked, serve) => {
      const response = await serve();
      return isEvents(response)
        ? copied(response, open, (event) => asked.method === 'tools/call' && event.includes('notifications/progress'))
        : response;
    };
  }),
  serving('a change is told on the stream of the call', () => async (asked, serve) => {
    const response = await serve();
    if (asked.params?.name !== 'test_trigger_tool_change' || response.status !== 200) return response;
    const told = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
    return new Response(`data: ${JSON.stringify(told)}\n\ndata: ${await response.text()}\n\n`, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    });
  }),
  serving('whoever stops to listen ends all listen streams', () => {
    const open = new Set<() => void>();
    return async (asked, serve) => {
      const response = await serve();
      return asked.method === 'subscriptions/listen' && isEvents(response) ? breakable(response, open, true) : response;
    };
  }),
  serving('an id that listened once may not listen again', () => {
    const known = new Set<unknown>();
    return async (asked, serve) => {
      if (asked.method !== 'subscriptions/listen') return serve();
      if (known.has(asked.id)) return failure(asked, -32600, 400);
      const response = await serve();
      return ending(response, () => known.add(asked.id));
    };
  }),
  serving('what was missed is told to whoever listens again', () => {
    let missed = 0;
    let listening = 0;
    return async (asked, serve) => {
      if (asked.params?.name === 'test_trigger_tool_change') missed++;
      const response = await serve();
      if (asked.method !== 'subscriptions/listen' || !isEvents(response)) return response;
      const late = missed > 0 && listening > 0;
      listening++;
      const streams = listened('', (one) =>
        late && String(one.method).endsWith('acknowledged')
          ? [
              one,
              {
                jsonrpc: '2.0',
                method: 'notifications/tools/list_changed',
                params: { _meta: (one.params as Entry)._meta },
              },
            ]
          : one,
      );
      return streams.wrap(async () => response)(
        new Request('http://localhost/', { method: 'POST', body: JSON.stringify(asked) }),
      );
    };
  }),
  bodied('a listen request need not say what for', (asked) =>
    asked.method === 'subscriptions/listen' && !asked.params?.notifications
      ? withParams(asked, { notifications: {} })
      : asked,
  ),
  bodied('what a listen request asks for may be anything', (asked) => {
    const filter = asked.params?.notifications;
    if (asked.method !== 'subscriptions/listen' || typeof filter !== 'object' || filter === null) return asked;
    const kept = Array.isArray(filter) ? {} : withoutMembers(filter as Entry, 'resourceSubscriptions');
    return withParams(asked, {
      notifications: Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, !!value])),
    });
  }),
  errors('a malformed listen request is an internal error', -32602, (error, one) =>
    one.id === 'm' && /notifications|Subscriptions|Changed/.test(String(error.message))
      ? { ...error, code: -32603 }
      : error,
  ),
];

const LOGS: readonly Mutant[] = [
  bodied('everything is logged to everybody', (asked) =>
    isCall(asked) ? withMeta(asked, { [LEVEL]: 'debug' }) : asked,
  ),
  bodied('whoever wants some of the log gets all of it', (asked) =>
    typeof asked.params?._meta?.[LEVEL] === 'string' &&
    asked.params._meta[LEVEL] !== '' &&
    /^[a-z]{4,9}$/.test(asked.params._meta[LEVEL]) &&
    asked.params._meta[LEVEL] !== 'loud'
      ? withMeta(asked, { [LEVEL]: 'debug' })
      : asked,
  ),
  serving('the level of the log is remembered', () => {
    let level: unknown;
    return (asked, serve) => {
      level = asked.params?._meta?.[LEVEL] ?? level;
      return isCall(asked) && level !== undefined && asked.params?._meta && !(LEVEL in asked.params._meta)
        ? serve({ body: withMeta(asked, { [LEVEL]: level }) })
        : serve();
    };
  }),
  events2('the log never comes', (event) => (event.includes('notifications/message') ? [] : event)),
  events2('the log has no level', (event) => event.replace(/"level":"[a-z]+",?/, '')),
  events2('the log has no data', (event) => event.replace(/,"data":"[^"]*"/, '')),
  serving('the log comes after the response', () => async (asked, serve) => {
    const response = await serve();
    if (asked.params?.name !== 'test_logging_tool' || !isEvents(response)) return response;
    const parts = (await response.text()).split('\n\n').filter((part) => part.startsWith('data'));
    return new Response(
      parts
        .reverse()
        .map((part) => `${part}\n\n`)
        .join(''),
      response,
    );
  }),
  bodied('a level of the log that nobody knows is forgiven', (asked) => {
    const level = asked.params?._meta?.[LEVEL];
    return level !== undefined && !LOG_LEVELS.includes(String(level)) && asked.params?._meta
      ? { ...asked, params: { ...asked.params, _meta: withoutMembers(asked.params._meta, LEVEL) } }
      : asked;
  }),
  serving('the log of one call comes on all streams', () => {
    const open = new Set<(text: string) => void>();
    return async (_asked, serve) => {
      const response = await serve();
      return isEvents(response) ? copied(response, open, (event) => event.includes('notifications/message')) : response;
    };
  }),
];

function events2(name: string, change: (event: string) => string | string[]): Mutant {
  return { ...events(name, change), revisions: REVISIONS };
}

/** Changes input_required. */
function asking(name: string, change: (result: Entry & { inputRequests: Record<string, Entry> }) => unknown): Mutant {
  return {
    ...result(name, (one) =>
      one.resultType === 'input_required' ? change(one as Entry & { inputRequests: Record<string, Entry> }) : one,
    ),
    revisions: REVISIONS,
  };
}

function eachRequest(requests: Record<string, Entry>, change: (request: Entry) => Entry): Record<string, Entry> {
  return Object.fromEntries(Object.entries(requests).map(([key, one]) => [key, change(one)]));
}

const COMPLETE = { content: [{ type: 'text', text: 'Hello, nobody!' }] };

const ASKING: readonly Mutant[] = [
  asking('questions are whole requests', (one) => ({
    ...one,
    inputRequests: eachRequest(one.inputRequests, (request) => ({ jsonrpc: '2.0', id: 1, ...request })),
  })),
  asking('questions are a list', (one) => ({ ...one, inputRequests: Object.values(one.inputRequests) })),
  asking('questions have no method', (one) => ({
    ...one,
    inputRequests: eachRequest(one.inputRequests, (request) => withoutMembers(request, 'method')),
  })),
  asking('questions have a method that nobody knows', (one) => ({
    ...one,
    inputRequests: eachRequest(one.inputRequests, (request) => ({ ...request, method: 'user/ask' })),
  })),
  asking('questions have no params', (one) => ({
    ...one,
    inputRequests: eachRequest(one.inputRequests, (request) => withoutMembers(request, 'params')),
  })),
  asking('forms have no schema', (one) => ({
    ...one,
    inputRequests: eachRequest(one.inputRequests, (request) => ({
      ...request,
      params: withoutMembers(request.params as Entry, 'requestedSchema'),
    })),
  })),
  asking('questions may be cached', (one) => ({ ...one, ttlMs: 1000, cacheScope: 'private' })),
  asking('questions come without their type', (one) => withoutMembers(one, 'resultType')),
  asking('questions come as a complete result', (one) => ({ ...one, resultType: 'complete' })),
  asking('questions come without questions', (one) => withoutMembers(one, 'inputRequests', 'requestState')),
  asking('states are numbers', (one) => ({ ...one, requestState: 7 })),
  asking('no state is given', (one) => withoutMembers(one, 'requestState')),
  serving('a question is a request on the stream', () => async (asked, serve) => {
    const response = await serve();
    if (response.status !== 200 || isEvents(response)) return response;
    const text = await response.text();
    const requests = (JSON.parse(text) as Json).result?.inputRequests as Record<string, Entry> | undefined;
    if (!requests || asked.method !== 'tools/call') return new Response(text, response);
    const question = { jsonrpc: '2.0', id: 's-1', ...Object.values(requests)[0] };
    return new Response(`data: ${JSON.stringify(question)}\n\ndata: ${text}\n\n`, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    });
  }),
  bodied('questions come whatever the client declares', (asked) =>
    asked.params?._meta?.[CAPABILITIES] && JSON.stringify(asked).includes('input_required')
      ? withMeta(asked, { [CAPABILITIES]: { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} } })
      : asked,
  ),
  bodied('forms come to whoever declares any elicitation', (asked) => {
    const declared = asked.params?._meta?.[CAPABILITIES] as Entry | undefined;
    return declared?.elicitation
      ? withMeta(asked, { [CAPABILITIES]: { ...declared, elicitation: { form: {}, url: {} } } })
      : asked;
  }),
  bodied('an empty elicitation is none', (asked) => {
    const declared = asked.params?._meta?.[CAPABILITIES] as Entry | undefined;
    return declared && JSON.stringify(declared.elicitation) === '{}'
      ? withMeta(asked, { [CAPABILITIES]: withoutMembers(declared, 'elicitation') })
      : asked;
  }),
  errors(
    'an undeclared question is an invalid param',
    -32021,
    (error) => ({ ...error, code: -32602, data: undefined }),
    200,
  ),
  bodied('answers are never read', (asked) =>
    asked.params && 'inputResponses' in asked.params
      ? { ...asked, params: { ...withoutMembers(asked.params, 'inputResponses') } }
      : asked,
  ),
  bodied('states are never read', (asked) =>
    asked.params?.requestState !== undefined
      ? { ...asked, params: { ...withoutMembers(asked.params, 'requestState') } }
      : asked,
  ),
  ...['another', 'all'].map((which) =>
    serving(which === 'all' ? 'a state that was changed is taken' : 'a state of another tool is taken', () => {
      const states = new Map<string, unknown>();
      return async (asked, serve) => {
        const { name = '', requestState } = asked.params ?? {};
        let body: Asked = asked;
        const isKnown = [...states.values()].includes(requestState);
        if (requestState !== undefined && states.get(name) !== requestState && (which === 'all' ? !isKnown : isKnown))
          body = withParams(asked, { requestState: states.get(name) });
        const response = await serve({ body });
        if (isEvents(response) || response.status !== 200) return response;
        const answer = (await response.json()) as Json;
        if (answer.result?.requestState) states.set(name, answer.result.requestState);
        return json(answer, 200);
      };
    }),
  ),
  serving('a state that was changed begins anew', () => async (asked, serve) => {
    const response = await serve();
    if (isEvents(response) || response.status !== 200 || asked.params?.requestState === undefined) return response;
    const answer = (await response.json()) as Json;
    if (!answer.error) return json(answer, 200);
    return serve({ body: { ...asked, params: withoutMembers(asked.params, 'requestState', 'inputResponses') } });
  }),
  serving('a state that was changed is the result of a tool', () => async (asked, serve) => {
    const response = await serve();
    if (isEvents(response) || response.status !== 200 || asked.params?.requestState === undefined) return response;
    const answer = (await response.json()) as Json;
    return answer.error
      ? success(asked, { content: [{ type: 'text', text: 'Bad state' }], isError: true })
      : json(answer, 200);
  }),
  serving('a state that was changed is an internal error', () => async (asked, serve) => {
    const response = await serve();
    if (isEvents(response) || response.status !== 200 || asked.params?.requestState === undefined) return response;
    const answer = (await response.json()) as Json;
    return json(answer.error ? { ...answer, error: { ...answer.error, code: -32603 } } : answer, 200);
  }),
  bodied('a state that is no text is forgiven', (asked) =>
    typeof asked.params?.requestState === 'number'
      ? { ...asked, params: { ...withoutMembers(asked.params, 'requestState') } }
      : asked,
  ),
  refusing('a state that comes back is refused', -32602, 200, ({ params }) => params?.requestState !== undefined),
  serving('a state that comes twice is never answered', () => {
    const used = new Set<unknown>();
    return (asked, serve) => {
      const state = asked.params?.requestState;
      if (asked.id === 'again' && used.has(state))
        return new Response('', { headers: { 'content-type': 'application/json' } });
      if (state !== undefined) used.add(state);
      return serve();
    };
  }),
  serving(
    'a state without answers is enough',
    () => (asked, serve) =>
      asked.params?.requestState !== undefined && asked.params.inputResponses === undefined
        ? success(asked, COMPLETE)
        : serve(),
  ),
  serving(
    'one answer is enough',
    () => (asked, serve) =>
      asked.params?.inputResponses &&
      JSON.stringify(Object.keys(asked.params.inputResponses)) === '["user_name"]' &&
      String(asked.params.name).includes('multiple')
        ? success(asked, COMPLETE)
        : serve(),
  ),
  serving(
    'any answer is enough',
    () => (asked, serve) => ('other_name' in answersOf(asked) ? success(asked, COMPLETE) : serve()),
  ),
  serving(
    'an answer under another key is an error',
    () => (asked, serve) => ('other_name' in answersOf(asked) ? failure(asked, -32602, 200) : serve()),
  ),
  serving(
    'an answer that nobody asked for is an error',
    () => (asked, serve) => ('other' in answersOf(asked) ? failure(asked, -32602, 200) : serve()),
  ),
  serving('an answer that is none is taken', () => (asked, serve) => {
    const { inputResponses } = asked.params ?? {};
    if (inputResponses === undefined) return serve();
    const text = JSON.stringify(inputResponses);
    return /"user_name":(?:\{\}|\[\]|null|12345|"Operator")/.test(text) ? success(asked, COMPLETE) : serve();
  }),
  serving(
    'an answer is not compared with its form',
    () => (asked, serve) =>
      /"content":\{(?:"name":7)?\}/.test(JSON.stringify(asked.params?.inputResponses ?? ''))
        ? success(asked, COMPLETE)
        : serve(),
  ),
  serving(
    'answers that are null break the server',
    () => (asked, serve) => (asked.params?.inputResponses === null ? failure(asked, -32603, 500) : serve()),
  ),
  serving(
    'answers that are a list are taken',
    () => (asked, serve) => (Array.isArray(asked.params?.inputResponses) ? success(asked, COMPLETE) : serve()),
  ),
  serving(
    'a user who declines breaks the server',
    () => (asked, serve) =>
      /"(?:decline|cancel)"/.test(JSON.stringify(asked.params?.inputResponses ?? ''))
        ? failure(asked, -32603, 200)
        : serve(),
  ),
  serving(
    'a user who declines is asked again',
    () => (asked, serve) =>
      /"(?:decline|cancel)"/.test(JSON.stringify(asked.params?.inputResponses ?? ''))
        ? serve({ body: { ...asked, params: withoutMembers(asked.params ?? {}, 'inputResponses') } })
        : serve(),
  ),
  serving('answers are remembered for everybody', () => {
    const known = new Map<string, unknown>();
    return (asked, serve) => {
      const { name = '', inputResponses } = asked.params ?? {};
      if (inputResponses && typeof inputResponses === 'object' && !name.includes('rounds')) {
        const first = known.get(name) ?? inputResponses;
        known.set(name, first);
        return serve({ body: withParams(asked, { inputResponses: first }) });
      }
      return serve();
    };
  }),
  serving('only the node that gave a state takes it', () => {
    const own = new Set<unknown>();
    return async (asked, serve) => {
      const state = asked.params?.requestState;
      if (typeof state === 'string' && state.length > 20 && !own.has(state)) return failure(asked, -32602, 200);
      const response = await serve();
      if (isEvents(response) || response.status !== 200) return response;
      const answer = (await response.json()) as Json;
      own.add(answer.result?.requestState);
      return json(answer, 200);
    };
  }),
  serving('all rounds have one state', () => {
    const states = new Map<string, unknown>();
    return async (asked, serve) => {
      const { name = '', requestState } = asked.params ?? {};
      const body = requestState === `one-${name}` ? withParams(asked, { requestState: states.get(name) }) : asked;
      const response = await serve({ body });
      if (isEvents(response) || response.status !== 200) return response;
      const answer = (await response.json()) as Json;
      if (!answer.result?.requestState) return json(answer, 200);
      states.set(name, answer.result.requestState);
      return json({ ...answer, result: { ...answer.result, requestState: `one-${name}` } }, 200);
    };
  }),
  serving(
    'a tool asks in one round only',
    () => (asked, serve) => ('step1' in answersOf(asked) ? success(asked, COMPLETE) : serve()),
  ),
  serving(
    'rounds can be skipped',
    () => (asked, serve) => ('step2' in answersOf(asked) ? success(asked, COMPLETE) : serve()),
  ),
  serving(
    'a prompt never reads its answers',
    () => (asked, serve) =>
      asked.method === 'prompts/get' && asked.params?.inputResponses
        ? serve({ body: { ...asked, params: withoutMembers(asked.params, 'inputResponses') } })
        : serve(),
  ),
  ...['server/discover', 'tools/list', 'prompts/list', 'resources/list'].map((method) =>
    serving(
      `${method} asks`,
      () => (asked, serve) =>
        asked.method === method
          ? success(asked, { resultType: 'input_required', inputRequests: {}, requestState: 'x' })
          : serve(),
    ),
  ),
  refusing(
    'a list with a state is refused',
    -32602,
    200,
    ({ method, params }) => method !== 'tools/call' && method !== 'prompts/get' && params?.requestState !== undefined,
  ),
  serving('every answer is asked for twice', () => {
    const asked = new Set<unknown>();
    return (one, serve) => {
      const { inputResponses, requestState } = one.params ?? {};
      if (!inputResponses || asked.has(requestState)) return serve();
      asked.add(requestState);
      return serve({ body: { ...one, params: withoutMembers(one.params ?? {}, 'inputResponses') } });
    };
  }),
];

const CACHED = [
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
];

const CACHING: readonly Mutant[] = [
  ...CACHED.flatMap((method) => [
    resultsOf(`${method} does not say how long it may be kept`, method, (one) => withoutMembers(one, 'ttlMs')),
    resultsOf(`${method} does not say for whom it may be kept`, method, (one) => withoutMembers(one, 'cacheScope')),
  ]),
  result('what may be kept may be kept for less than no time', (one) => ('ttlMs' in one ? { ...one, ttlMs: -1 } : one)),
  result('what may be kept may be kept for a part of a ms', (one) => ('ttlMs' in one ? { ...one, ttlMs: 0.5 } : one)),
  result('how long is a text', (one) => ('ttlMs' in one ? { ...one, ttlMs: '0' } : one)),
  result('what may be kept may be kept by friends', (one) =>
    'cacheScope' in one ? { ...one, cacheScope: 'friends' } : one,
  ),
  {
    ...serving('later pages are for other readers', () => async (asked, serve) => {
      const response = await serve();
      if (asked.params?.cursor === undefined || response.status !== 200) return response;
      const body = (await response.json()) as Json;
      return json(body.result ? { ...body, result: { ...body.result, cacheScope: 'public' } } : body, 200);
    }),
    env: { MCP_PAGE_SIZE: '3' },
  },
  {
    ...serving('later pages do not say how long they may be kept', () => async (asked, serve) => {
      const response = await serve();
      if (asked.params?.cursor === undefined || response.status !== 200) return response;
      const body = (await response.json()) as Json;
      return json(body.result ? { ...body, result: withoutMembers(body.result, 'ttlMs') } : body, 200);
    }),
    env: { MCP_PAGE_SIZE: '3' },
  },
];

/** A server that declares the tasks extension, and does this with its methods. */
function tasking(
  name: string,
  act: (asked: Asked, isDeclared: boolean, request: Request) => Response | undefined,
): Mutant {
  return serving(name, () => async (asked, serve, request) => {
    if (/^tasks\/(?:get|update|cancel)$/.test(asked.method ?? '')) {
      const declared = asked.params?._meta?.[CAPABILITIES] as { extensions?: Entry } | undefined;
      const header = request.headers.get('mcp-name');
      const acted = act(asked, declared?.extensions?.[TASKS] !== undefined, request);
      if (acted) return acted;
      if (header !== asked.params?.taskId) return failure(asked, -32020, 400);
      if (!declared?.extensions?.[TASKS])
        return json(
          {
            jsonrpc: '2.0',
            id: asked.id,
            error: {
              code: -32021,
              message: 'Needs tasks',
              data: { requiredCapabilities: { extensions: { [TASKS]: {} } } },
            },
          },
          400,
        );
      return failure(asked, -32602, 200);
    }
    const response = await serve();
    if (asked.method !== 'server/discover' || response.status !== 200) return response;
    const body = (await response.json()) as Json;
    const capabilities = { ...(body.result?.capabilities as Entry), extensions: { [TASKS]: {} } };
    return json({ ...body, result: { ...body.result, capabilities } }, 200);
  });
}

const TASK = {
  taskId: 't',
  status: 'working',
  createdAt: '2026-01-01T00:00:00Z',
  lastUpdatedAt: '2026-01-01T00:00:00Z',
  ttlMs: null,
};

const TASKING: readonly Mutant[] = [
  serving(
    'a call becomes a task though nobody declared it',
    () => (asked, serve) => (asked.params?.task ? success(asked, { ...TASK, resultType: 'task' }) : serve()),
  ),
  serving(
    'every call becomes a task',
    () => (asked, serve) =>
      asked.params?.name === 'test_simple_text' ? success(asked, { ...TASK, resultType: 'task' }) : serve(),
  ),
  refusing('a param for tasks is refused', -32602, 200, ({ params }) => params !== undefined && 'task' in params),
  serves('tasks/get is served and not declared', ['tasks/get'], TASK),
  serves('tasks/cancel is served and not declared', ['tasks/cancel', 'tasks/update']),
  tasking('tasks are told to clients without the extension', (asked, isDeclared) =>
    isDeclared ? undefined : failure(asked, -32602, 200),
  ),
  tasking('the missing extension is not named', (asked, isDeclared) =>
    isDeclared ? undefined : failure(asked, -32021, 400),
  ),
  tasking('an unknown task is no error', (asked, isDeclared) =>
    isDeclared && asked.params?.taskId !== 'none' ? success(asked, TASK) : undefined,
  ),
  tasking('an unknown task is an internal error', (asked, isDeclared) =>
    isDeclared && asked.params?.taskId !== 'none' ? failure(asked, -32603, 200) : undefined,
  ),
  tasking('the header of methods of tasks is not compared', (asked, isDeclared) =>
    isDeclared ? failure(asked, -32602, 200) : undefined,
  ),
];

const ERAS: readonly Mutant[] = [
  {
    name: 'each node declares something else',
    revisions: REVISIONS,
    ...(() => {
      let nodes = 0;
      return {
        wrap(handler: Handler) {
          const isFirst = nodes++ % 2 === 0;
          const change = resultsOf('', 'server/discover', (one) =>
            isFirst ? one : { ...one, capabilities: withoutMembers(one.capabilities as Entry, 'logging') },
          );
          return change.wrap(handler);
        },
      };
    })(),
  },
  {
    ...serving(
      'a modern request with a session id is served in its session',
      () => (asked, serve, request) =>
        request.headers.has('mcp-session-id') && asked.params?._meta?.[VERSION] ? failure(asked, -32600, 400) : serve(),
    ),
    revisions: ['2025-11-25'],
  },
  {
    ...serving('a modern request ends the session it names', () => {
      const ended = new Set<string>();
      return (asked, serve, request) => {
        const session = request.headers.get('mcp-session-id');
        if (session !== null && asked.params?._meta?.[VERSION]) ended.add(session);
        else if (session !== null && ended.has(session)) return failure(asked, -32600, 404);
        return serve();
      };
    }),
    revisions: ['2025-11-25'],
  },
  {
    ...serving(
      'a session serves the methods of the other era',
      () => (asked, serve, request) =>
        request.headers.has('mcp-session-id') && asked.method === 'server/discover' && !asked.params?._meta?.[VERSION]
          ? success(asked, { supportedVersions: ['2026-07-28'], capabilities: {} })
          : serve(),
    ),
    revisions: ['2025-11-25'],
  },
  {
    ...serving('after a modern request sessions answer with types', () => {
      let isModern = false;
      return async (asked, serve) => {
        isModern ||= asked.params?._meta?.[VERSION] !== undefined;
        return isModern && asked.method === 'ping' ? success(asked, {}) : serve();
      };
    }),
    revisions: ['2025-11-25'],
  },
  serving(
    'a server without sessions does not say what it speaks',
    () => (asked, serve) =>
      asked.method === 'initialize' && !asked.params?._meta ? failure(asked, -32600, 400) : serve(),
  ),
  errors('errors inside of methods answer 400', -32602, (error) => error, 400),
  serving('sessions are begun and never served', () => (asked, serve, request) => {
    const isPing = asked.method === 'ping' && request.headers.has('mcp-session-id');
    return isPing ? failure(asked, -32600, 400) : serve();
  }),
  serving('a server without sessions serves whoever names no revision', () => async (asked, serve, request) => {
    if (asked.params?._meta || request.headers.has('mcp-protocol-version') || asked.id === undefined) return serve();
    if (asked.method === 'initialize')
      return json({ jsonrpc: '2.0', id: asked.id, error: { code: -32600, message: 'Only 2026-07-28 is spoken' } }, 400);
    return success(asked, { supportedVersions: ['2026-07-28'], capabilities: {} });
  }),
  {
    name: 'a server without sessions answers GET as if it had some',
    revisions: REVISIONS,
    wrap: (handler) => async (request) => {
      if (request.method === 'GET') return new Response('Missing session ID', { status: 400 });
      if (request.method !== 'POST' || request.headers.has('mcp-method')) return handler(request);
      return (await request.clone().text()).includes('"initialize"')
        ? json({ jsonrpc: '2.0', id: 'i', error: { code: -32600, message: 'Only 2026-07-28 is spoken' } }, 400)
        : handler(request);
    },
  },
  message('-32002 is still used', (one) =>
    one.error?.code === -32602 ? { ...one, error: { ...one.error, code: -32002 } } : one,
  ),
];

export const STATELESS: readonly Mutant[] = [
  ...LADDER,
  ...CLIENTS,
  ...HEADERS,
  ...PARAMS,
  ...LISTENING,
  ...LOGS,
  ...ASKING,
  ...CACHING,
  ...TASKING,
  ...ERAS,
].map((one) => ({ revisions: REVISIONS, ...one }));
