/** Mutants of single messages: each breaks one rule of what a message looks like (`replay/shapes/checks.ts`), wherever it comes. */

import { isRecord } from '../replay/match.ts';
import { META } from '../replay/protocol.ts';
import { type Json, type Mutant, message } from './mutate.ts';

type Members = Record<string, unknown>;

/** Changes results that have a member. */
function results(name: string, member: string, change: (result: Members) => unknown): Mutant {
  return message(name, (one) =>
    isRecord(one.result) && member in one.result ? { ...one, result: change(one.result) } : one,
  );
}

/** Sets members of results that have one. */
function given(name: string, member: string, members: (result: Members) => Members): Mutant {
  return results(name, member, (result) => ({ ...result, ...members(result) }));
}

/** Sets members of each entry of a list in results. */
function entries(name: string, member: string, members: (entry: Members) => Members): Mutant {
  return results(name, member, (result) => {
    const list = result[member];
    return { ...result, [member]: Array.isArray(list) ? list.map((entry) => ({ ...entry, ...members(entry) })) : list };
  });
}

/** Changes what a server says of its own accord. */
function said(name: string, method: string, change: (one: Json) => unknown): Mutant {
  return message(name, (one) => (one.method === method ? change(one) : one));
}

/** Sets params of it. */
function params(name: string, method: string, members: (params: Members) => Members): Mutant {
  return said(name, method, (one) => {
    const own = isRecord(one.params) ? one.params : {};
    return { ...one, params: { ...own, ...members(own) } };
  });
}

/** Changes errors of a code. */
function errors(name: string, code: number, members: (error: Members) => Members): Mutant {
  return message(name, (one) =>
    one.error?.code === code ? { ...one, error: { ...one.error, ...members(one.error) } } : one,
  );
}

/** Changes requests of the server, in the frame of either era. */
function asks(name: string, method: string, members: (params: Members) => Members): Mutant {
  return message(name, (one) => {
    const own = (params: unknown) => ({ ...(params as Members), ...members((params ?? {}) as Members) });
    if (one.method === method) return { ...one, params: own(one.params) };
    const requests = one.result?.inputRequests;
    if (!isRecord(requests)) return one;
    const changed = Object.entries(requests).map(([key, request]) => {
      const { method: asked, params } = request as { method: string; params: unknown };
      return [key, asked === method ? { method: asked, params: own(params) } : request];
    });
    return { ...one, result: { ...one.result, inputRequests: Object.fromEntries(changed) } };
  });
}

/** Another schema of a form. */
const form = (properties: Members) => ({ requestedSchema: { type: 'object', properties } });
/** A parameter of each tool. */
const parameter = (schema: unknown) => ({ inputSchema: { type: 'object', properties: { a: schema } } });
const marked = (schema: Members) => parameter({ type: 'string', ...schema });

const TASK = {
  taskId: 'a-task',
  status: 'working',
  createdAt: '2026-01-01T00:00:00Z',
  lastUpdatedAt: '2026-01-01T00:00:00Z',
  ttl: null,
};
const MODERN_TASK = {
  resultType: 'task',
  taskId: 'a-task',
  status: 'working',
  createdAt: '2026-01-01T00:00:00Z',
  lastUpdatedAt: '2026-01-01T00:00:00Z',
  ttlMs: null,
};

/** Answers a method with a result of one's own, where it would be served or refused. */
function answered(
  name: string,
  method: string,
  result: (params: Members) => unknown,
  options: Pick<Mutant, 'revisions'> = {},
): Mutant {
  return {
    name,
    ...options,
    wrap: (handler) => async (request) => {
      const text = request.method === 'POST' ? await request.clone().text() : '';
      if (!text.includes(`"${method}"`)) return handler(request);
      let asked: Json;
      try {
        asked = JSON.parse(text) as Json;
      } catch {
        return handler(request);
      }
      if (asked.method !== method || asked.id === undefined) return handler(request);
      return Response.json({ jsonrpc: '2.0', id: asked.id, result: result((asked.params ?? {}) as Members) });
    },
  };
}

/** Agrees to 2026-07-28 by initialize, which it does not have. */
function agreeing(name: string): Mutant {
  return {
    name,
    ...OLD,
    wrap: (handler) => async (request) => {
      const text = request.method === 'POST' ? await request.clone().text() : '';
      const response = await handler(request);
      if (!text.includes('"protocolVersion":"2026-07-28","capabilities"')) return response;
      const { id, result } = (await response.json()) as Json;
      return Response.json({ jsonrpc: '2.0', id, result: { ...result, protocolVersion: '2026-07-28' } }, response);
    },
  };
}

/** Says that a method is unknown. */
function unknown(name: string, method: string): Mutant {
  return {
    name,
    wrap: (handler) => async (request) => {
      const text = request.method === 'POST' ? await request.clone().text() : '';
      if (!text.includes(`"method":"${method}"`)) return handler(request);
      const { id } = JSON.parse(text) as { id?: unknown };
      const error = { code: -32601, message: 'Method not found' };
      return Response.json({ jsonrpc: '2.0', id, error }, { status: text.includes(META) ? 404 : 200 });
    },
  };
}

const OLD = { revisions: ['2025-11-25'] } as const;
const NEW = { revisions: ['2026-07-28'] } as const;

export const MESSAGES: readonly Mutant[] = [
  // JSON-RPC.
  message('a message is a text', (one) => (one.result?.tools ? 'tools' : one)),
  said('a method is a number', 'notifications/progress', (one) => ({ ...one, method: 5 })),
  said('params are a list', 'notifications/progress', (one) => ({ ...one, params: [] })),
  said('a request has half an id', 'elicitation/create', (one) => ({ ...one, id: 1.5 })),
  said('a notification has an id', 'notifications/progress', (one) => ({ ...one, id: 'n' })),
  message('a response has an object as its id', (one) => (one.result?.tools ? { ...one, id: {} } : one)),
  message('a result is a list', (one) => (one.result?.tools ? { ...one, result: [] } : one)),
  errors('an error has a text as its code', -32602, () => ({ code: 'invalid' })),
  // Errors.
  errors('an error has a code that nobody knows', -32602, () => ({ code: -32050 })),
  errors('an error has the code of a resource that is gone', -32602, () => ({ code: -32002 })),
  errors('a capability that is missing is not named', -32021, () => ({ data: {} })),
  errors('a capability that is declared is missing', -32021, () => ({ data: { requiredCapabilities: { roots: {} } } })),
  errors('a version that is refused is not told', -32022, () => ({ data: {} })),
  errors('a version that was not requested is refused', -32022, ({ data }) => ({
    data: { ...(data as Members), requested: '1999-01-01' },
  })),
  { ...errors('a URL to open is not told', -32602, () => ({ code: -32042, data: {} })), ...OLD },
  unknown('ping is unknown', 'ping'),
  unknown('server/discover is unknown', 'server/discover'),
  unknown('a list that is declared is unknown', 'prompts/list'),
  unknown('listening is unknown', 'subscriptions/listen'),
  answered('ping is answered where it is gone', 'ping', () => ({ resultType: 'complete' }), NEW),
  // What a server says of its own accord.
  {
    ...said('a server asks where none may', 'notifications/progress', (one) => ({ ...one, id: 1, method: 'ping' })),
    ...NEW,
  },
  said('a server says what clients say', 'notifications/progress', (one) => ({
    ...one,
    method: 'notifications/initialized',
  })),
  {
    ...said('a server says what came later', 'notifications/progress', (one) => ({
      ...one,
      method: 'notifications/subscriptions/acknowledged',
    })),
    ...OLD,
  },
  asks('a question has an object as its token', 'elicitation/create', () => ({ _meta: { progressToken: {} } })),
  said('roots are asked of who has none', 'notifications/progress', (one) => ({
    ...one,
    id: 'r',
    method: 'roots/list',
  })),
  // _meta.
  given('_meta is a text', 'tools', () => ({ _meta: 'text' })),
  given('_meta has a key of odd characters', 'tools', ({ _meta }) => ({
    _meta: { ...(_meta as Members), '-odd-': 1 },
  })),
  given('a trace is none of W3C', 'tools', ({ _meta }) => ({ _meta: { ...(_meta as Members), traceparent: 'odd' } })),
  given('a task is not named where it is related', 'tools', () => ({ _meta: { [`${META}related-task`]: {} } })),
  // Names, icons, annotations.
  given('a server has a number as its name', 'serverInfo', () => ({ serverInfo: { name: 5, version: '1' } })),
  entries('an icon is a number', 'tools', () => ({ icons: [{ src: 5 }] })),
  entries('a priority is above 1', 'content', () => ({ annotations: { priority: 7 } })),
  entries('a uri has no scheme', 'resources', () => ({ uri: 'no scheme' })),
  entries('a template has half a brace', 'resourceTemplates', () => ({ uriTemplate: 'test://{id' })),
  entries('an image has no MIME type', 'content', ({ type }) => (type === 'image' ? { mimeType: 'odd' } : {})),
  entries('data is no base64', 'content', ({ type }) => (type === 'image' ? { data: '***' } : {})),
  // Handshake.
  given('initialize names no version', 'protocolVersion', () => ({ protocolVersion: undefined })),
  agreeing('initialize agrees to a revision that has none'),
  given('a capability is a number', 'capabilities', () => ({ capabilities: { tools: 5 } })),
  given('tasks of both eras are declared', 'capabilities', ({ capabilities }) => ({
    capabilities: { ...(capabilities as Members), tasks: {}, extensions: { [`${META}tasks`]: {} } },
  })),
  given('an extension has no prefix', 'capabilities', ({ capabilities }) => ({
    capabilities: { ...(capabilities as Members), extensions: { odd: {} } },
  })),
  given('discovery names no versions', 'supportedVersions', () => ({ supportedVersions: undefined })),
  given('discovery lacks the version that it speaks', 'supportedVersions', () => ({
    supportedVersions: ['2025-11-25'],
  })),
  given('changes come that were not declared', 'capabilities', () => ({
    capabilities: { tools: {}, prompts: {}, resources: {} },
  })),
  given('lists come that were not declared', 'capabilities', () => ({ capabilities: {} })),
  // Results of 2026-07-28.
  given('a result is of an odd type', 'resultType', () => ({ resultType: 'odd' })),
  given('a list is not said to be kept or not', 'cacheScope', () => ({ cacheScope: undefined })),
  given('a question may be kept', 'inputRequests', () => ({ ttlMs: 1, cacheScope: 'private' })),
  given('a list asks first', 'tools', () => ({ resultType: 'input_required', inputRequests: {} })),
  given('a question holds none', 'inputRequests', () => ({ inputRequests: undefined, requestState: undefined })),
  given('a question is a whole message', 'inputRequests', ({ inputRequests }) => ({
    inputRequests: Object.fromEntries(
      Object.entries(inputRequests as Members).map(([key, one]) => [
        key,
        { jsonrpc: '2.0', id: 1, ...(one as Members) },
      ]),
    ),
  })),
  // Lists and tools.
  given('tools are no list', 'tools', () => ({ tools: 'none' })),
  entries('a tool has a number as its description', 'tools', () => ({ description: 5 })),
  entries('the schema of a tool is of a list', 'tools', () => ({ inputSchema: { type: 'array' } })),
  entries('the schema of a result is a number', 'tools', () => ({ outputSchema: 5 })),
  entries('a parameter is true', 'tools', () => parameter(true)),
  entries('a hint is a text', 'tools', () => ({ annotations: { readOnlyHint: 'yes' } })),
  entries('a tool may perhaps be a task', 'tools', () => ({ execution: { taskSupport: 'perhaps' } })),
  entries('a parameter is of no type', 'tools', () => parameter({ type: 'nothing' })),
  entries('a parameter refers to nothing', 'tools', () => parameter({ $ref: '#/$defs/none' })),
  entries('a header has a space in its name', 'tools', () => marked({ 'x-mcp-header': 'a b' })),
  entries('a header repeats a list', 'tools', () => marked({ type: 'array', 'x-mcp-header': 'A' })),
  entries('a header repeats an entry', 'tools', () =>
    marked({ type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } }),
  ),
  // Results of tools.
  given('a tool answers nothing', 'content', () => ({ content: undefined })),
  given('what is structured is a list', 'structuredContent', () => ({ structuredContent: [] })),
  given('what is structured is left out', 'structuredContent', () => ({ structuredContent: undefined })),
  given('structured content is of another schema', 'structuredContent', () => ({ structuredContent: { city: 5 } })),
  given('a text has none', 'content', () => ({ content: [{ type: 'text' }] })),
  given('content is of an odd type', 'content', () => ({ content: [{ type: 'odd' }] })),
  // Resources, prompts, completion.
  entries('a resource has a number as its name', 'resources', () => ({ name: 5 })),
  entries('the size of a resource is a text', 'resources', () => ({ size: 'large' })),
  entries('contents hold nothing', 'contents', () => ({ text: undefined, blob: undefined })),
  entries('a prompt has a number as its name', 'prompts', () => ({ name: 5 })),
  entries('a prompt speaks in an odd role', 'messages', () => ({ role: 'odd' })),
  given('a completion has more than can be', 'completion', () => ({ completion: { values: Array(101).fill('a') } })),
  // Notifications.
  said('nothing is cancelled', 'notifications/progress', (one) => ({
    ...one,
    method: 'notifications/cancelled',
    params: {},
  })),
  params('progress is a text', 'notifications/progress', () => ({ progress: 'half' })),
  params('a log has an odd level', 'notifications/message', () => ({ level: 'odd' })),
  params('what has changed is a number', 'notifications/resources/updated', () => ({ uri: 5 })),
  params('an acknowledgement names nothing', 'notifications/subscriptions/acknowledged', () => ({
    notifications: undefined,
  })),
  // Elicitation and sampling.
  asks('a form has a number as its message', 'elicitation/create', () => ({ message: 5 })),
  asks('a form is of an odd mode', 'elicitation/create', () => ({
    mode: 'url',
    url: 'https://example.com/a',
    elicitationId: 'e',
  })),
  asks('a field is an object', 'elicitation/create', () => form({ name: { type: 'object' } })),
  asks('a form asks for a password', 'elicitation/create', () => form({ password: { type: 'string' } })),
  asks('what is to be opened is no URL', 'elicitation/create', () => ({ mode: 'url', url: 'odd', elicitationId: 'e' })),
  asks('what is to be opened holds a password', 'elicitation/create', () => ({
    mode: 'url',
    url: 'https://user:password@example.com/',
    elicitationId: 'e',
  })),
  asks('what is to be opened has no id', 'elicitation/create', () => ({
    mode: 'url',
    url: 'https://example.com/',
    elicitationId: undefined,
  })),
  asks('a model may write so many words', 'sampling/createMessage', () => ({ maxTokens: 'many' })),
  asks('a model is told what is of no type', 'sampling/createMessage', () => ({
    messages: [{ role: 'user', content: { type: 'odd' } }],
  })),
  asks('a model is told the results of no tools', 'sampling/createMessage', () => ({
    messages: [{ role: 'user', content: [{ type: 'tool_result', toolUseId: 'none', content: [] }] }],
  })),
  asks('a model is offered tools that it cannot use', 'sampling/createMessage', () => ({ tools: [] })),
  // Tasks.
  answered('a task is made that nobody asked for', 'tools/call', () => ({ task: TASK }), OLD),
  answered('a task is a number', 'tools/call', () => ({ task: 5 }), OLD),
  answered('a task began at no time', 'tools/call', () => ({ task: { ...TASK, createdAt: 'then' } }), OLD),
  answered('a task is new and over', 'tools/call', () => ({ task: { ...TASK, status: 'completed' } }), OLD),
  answered('a task is another', 'tasks/get', () => ({ ...MODERN_TASK, resultType: 'complete' }), NEW),
  answered('a list is a task', 'tools/list', () => MODERN_TASK, NEW),
  answered('a task is made of what declared none', 'tools/call', () => MODERN_TASK, NEW),
  answered('a task asks at once', 'tools/call', () => ({ ...MODERN_TASK, requestState: 'a' }), NEW),
  answered(
    'a task is over without a result',
    'tasks/get',
    ({ taskId }) => ({ ...MODERN_TASK, resultType: 'complete', taskId, status: 'completed' }),
    NEW,
  ),
  answered(
    'to cancel a task answers the task',
    'tasks/cancel',
    ({ taskId }) => ({ ...MODERN_TASK, resultType: 'complete', taskId }),
    NEW,
  ),
];
