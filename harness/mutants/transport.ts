/** Mutants of transport and lifecycle: the handshake, sessions, HTTP, JSON-RPC, Origin and Host, batches, requests side by side. */

import { parsed } from '../replay/arrivals.ts';
import { isRecord } from '../replay/match.ts';
import {
  answer,
  asked,
  changedRequest,
  events,
  type Handler,
  headers,
  isEvents,
  isJson,
  type Json,
  type Mutant,
  message,
  request,
  status,
  without,
} from './mutate.ts';

const SESSIONS = ['2025-11-25'] as const;
const BATCHES = ['2025-03-26'] as const;
const encoder = new TextEncoder();

// ---- what these are made of ------------------------------------------------------------------------

function of(revisions: NonNullable<Mutant['revisions']>, mutants: readonly Mutant[]): Mutant[] {
  return mutants.map((one) => ({ ...one, revisions }));
}

async function textOf(given: Request): Promise<string> {
  return given.method === 'POST' ? given.clone().text() : '';
}

const withBody = (given: Request, body: string) => changedRequest(given, { body });
const withHeader = (given: Request, name: string, value: string) =>
  changedRequest(given, { headers: { [name]: value } });

function isModern(given: Request, text: string): boolean {
  return (
    text.includes('io.modelcontextprotocol/protocolVersion') ||
    /^20(?:2[6-9]|99)-(?:0[7-9]|1)/.test(given.headers.get('mcp-protocol-version') ?? '')
  );
}

/** A refusal with the id of the request, where one can be read. */
function refusal(text: string, code: number, error = -32600, says = 'No'): Response {
  const read = parsed(text);
  const id = isRecord(read) && read.method !== undefined && read.id !== undefined ? { id: read.id } : {};
  return Response.json({ jsonrpc: '2.0', ...id, error: { code: error, message: says } }, { status: code });
}

/** Answers by itself what it should have served. */
function replying(
  name: string,
  when: (given: Request, text: string) => boolean,
  reply: (text: string, given: Request) => Response | Promise<Response>,
): Mutant {
  return {
    name,
    wrap: (handler) => async (given) => {
      const text = await textOf(given);
      return when(given, text) ? reply(text, given) : handler(given);
    },
  };
}

function refusing(name: string, when: (given: Request, text: string) => boolean, code = 400, error = -32600): Mutant {
  return replying(name, when, (text) => refusal(text, code, error));
}

/** From then on everything fails. */
function dying(name: string, when: (given: Request, text: string) => boolean): Mutant {
  return {
    name,
    wrap: (handler) => {
      let isDead = false;
      return async (given) => {
        const text = await textOf(given);
        if (isDead) return refusal(text, 500, -32603);
        isDead = when(given, text);
        return handler(given);
      };
    },
  };
}

/** Changes messages before they are served. */
function said(name: string, change: (message: Json) => unknown): Mutant {
  return asked(name, (text) => {
    const read = parsed(text);
    if (!isRecord(read)) return text;
    const changed = change(read as Json);
    return changed === read ? text : JSON.stringify(changed);
  });
}

/** Changes messages before they are served, and what answers them. */
function exchanged(
  name: string,
  change: (asked: Json) => unknown,
  restore: (one: Json, asked: Json) => unknown = (one) => one,
): Mutant {
  return {
    name,
    wrap: (handler) => async (given) => {
      const read = parsed(await textOf(given));
      if (!isRecord(read)) return handler(given);
      const changed = change(read as Json);
      const sent = changed === read ? given : withBody(given, JSON.stringify(changed));
      return message(name, (one) => restore(one, read as Json)).wrap(() => handler(sent))(given);
    },
  };
}

/** An id that is none is taken, and comes back. */
function takingId(name: string, which: (id: unknown) => boolean): Mutant {
  return exchanged(
    name,
    (one) => ('id' in one && 'method' in one && which(one.id) ? { ...one, id: 'taken' } : one),
    (one, { id }) => (one.id === 'taken' ? { ...one, id } : one),
  );
}

/** Ids come back as others. */
function changingId(name: string, change: (id: unknown) => unknown): Mutant {
  return message(name, (one) => ('id' in one && !('method' in one) ? { ...one, id: change(one.id) } : one));
}

/** Sessions have other ids. @param next the id of the nth session */
function renaming(name: string, next: (n: number) => string): Mutant {
  return {
    name,
    revisions: SESSIONS,
    wrap: (handler) => {
      const real = new Map<string, string>();
      let n = 0;
      return async (given) => {
        const known = real.get(given.headers.get('mcp-session-id') ?? '');
        const response = await handler(known === undefined ? given : withHeader(given, 'mcp-session-id', known));
        const id = response.headers.get('mcp-session-id');
        if (id === null || known !== undefined) return response;
        const other = next(++n);
        real.set(other, id);
        const changed = new Response(response.body, response);
        changed.headers.set('mcp-session-id', other);
        return changed;
      };
    },
  };
}

/** A session id that is none is taken for one that lives. */
function mistaking(
  name: string,
  isLike: (given: string, live: string) => boolean,
  which: (given: Request, text: string) => boolean = () => true,
): Mutant {
  return {
    name,
    revisions: SESSIONS,
    wrap: (handler) => {
      const live: string[] = [];
      return async (given) => {
        const id = given.headers.get('mcp-session-id');
        const text = await textOf(given);
        const other =
          id === null || live.includes(id) || text.includes('"initialize"') || !which(given, text)
            ? undefined
            : live.find((one) => isLike(id, one));
        const response = await handler(other === undefined ? given : withHeader(given, 'mcp-session-id', other));
        const fresh = response.headers.get('mcp-session-id');
        if (fresh !== null) live.unshift(fresh);
        const ended = live.indexOf(other ?? id ?? '');
        if (isDelete(given) && response.status < 300 && ended >= 0) live.splice(ended, 1);
        return response;
      };
    },
  };
}

/** What a dead session, or one that never was, is answered. */
function burying(name: string, which: (given: Request, text: string) => boolean, reply: () => Response): Mutant {
  return {
    name,
    revisions: SESSIONS,
    wrap: (handler) => async (given) => {
      const text = await textOf(given);
      const response = await handler(given);
      return response.status === 404 && given.headers.has('mcp-session-id') && which(given, text) ? reply() : response;
    },
  };
}

/** Looks at what the right server refuses with a status. */
function regarding(
  name: string,
  code: number,
  which: (given: Request, text: string) => boolean,
  reply: (response: Response, text: string) => Response | Promise<Response>,
): Mutant {
  return {
    name,
    wrap: (handler) => async (given) => {
      const text = await textOf(given);
      const response = await handler(given);
      return response.status === code && which(given, text) ? reply(response, text) : response;
    },
  };
}

const any = () => true;
const isPost = ({ method }: Request) => method === 'POST';
const isGet = ({ method }: Request) => method === 'GET';
const isDelete = ({ method }: Request) => method === 'DELETE';
const isNotification = (_given: Request, text: string) => text.includes('"method"') && !text.includes('"id"');
const isInitialize = (_given: Request, text: string) => text.includes('"method":"initialize"');
const isParseError = (given: Request, text: string) => isPost(given) && parsed(text) === undefined;
const isNoMessage = (given: Request, text: string) => {
  const read = parsed(text);
  if (!isPost(given) || read === undefined || Array.isArray(read)) return false;
  return (
    !isRecord(read) ||
    read.jsonrpc !== '2.0' ||
    (typeof read.method !== 'string' && !('result' in read) && !('error' in read))
  );
};
const hasOrigin = ({ headers }: Request) => headers.has('origin');
const withoutOrigin = (given: Request) => without(given, 'origin');

/** Origins that this holds for may call. */
function trusting(name: string, trusts: (origin: string, given: Request) => boolean): Mutant {
  return request(name, (given) => {
    const origin = given.headers.get('origin');
    return origin !== null && trusts(origin, given) ? withoutOrigin(given) : given;
  });
}

/** Hosts that this holds for are taken for the loopback. */
function hosting(name: string, trusts: (host: string, given: Request) => boolean): Mutant {
  return request(name, async (given) => {
    const url = new URL(given.url);
    if (!trusts(url.hostname, given)) return given;
    url.host = '127.0.0.1:3000';
    const changed = new Headers(given.headers);
    changed.delete('host');
    const body = given.method === 'POST' ? await given.arrayBuffer() : null;
    return new Request(url, { method: given.method, headers: changed, signal: given.signal, ...(body && { body }) });
  });
}

/** Waits until all that was asked at the same time is there. */
async function gathered(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await null;
}

/** Requests that are asked at the same time and have the same key are answered with each other's results. */
function mixing(name: string, keyOf: (one: Json, given: Request) => string | undefined): Mutant {
  return {
    name,
    wrap: (handler) => {
      const waiting = new Map<string, ((response: Response) => void)[]>();
      return async (given) => {
        const read = parsed(await textOf(given));
        const key = isRecord(read) ? keyOf(read as Json, given) : undefined;
        const id = isRecord(read) ? read.id : undefined;
        const response = await handler(given);
        if (key === undefined || !isJson(response)) return response;
        const others = waiting.get(key) ?? [];
        waiting.set(key, others);
        let swapped: Response | undefined;
        const take = (other: Response) => {
          swapped = other;
        };
        const body = await response.text();
        const own = () => new Response(body, response);
        const partner = others.shift();
        if (partner) {
          partner(own());
          swapped = own();
        } else others.push(take);
        await gathered();
        const index = others.indexOf(take);
        if (index >= 0) others.splice(index, 1);
        if (!swapped || partner) return own();
        const other = JSON.parse(await swapped.text()) as Json;
        return new Response(JSON.stringify({ ...other, id }), response);
      };
    },
  };
}

/** Splits a batch and answers each of its messages. */
function batching(name: string, which: (messages: readonly unknown[]) => boolean): Mutant {
  return {
    name,
    wrap: (handler) => async (given) => {
      const read = parsed(await textOf(given));
      if (!Array.isArray(read) || !which(read)) return handler(given);
      const answers: unknown[] = [];
      for (const one of read) {
        const response = await handler(withBody(given.clone(), JSON.stringify(one)));
        if (isJson(response)) answers.push(await response.json());
      }
      return answers.length === 0 ? new Response(null, { status: 202 }) : Response.json(answers);
    },
  };
}

/** Changes the answer to a batch. */
function batch(name: string, change: (answers: Json[]) => unknown): Mutant {
  return {
    name,
    revisions: BATCHES,
    wrap: (handler) => async (given) => {
      const response = await handler(given);
      if (!isJson(response)) return response;
      const body = (await response.json()) as Json | Json[];
      return Response.json(Array.isArray(body) ? change(body) : body, {
        status: response.status,
        headers: response.headers,
      });
    },
  };
}

/** The answer to initialize. */
function handshake(name: string, change: (result: Json, requested: unknown) => unknown): Mutant {
  return {
    name,
    revisions: SESSIONS,
    wrap: (handler) => async (given) => {
      const read = parsed(await textOf(given));
      const requested = isRecord(read) && isRecord(read.params) ? read.params.protocolVersion : undefined;
      return message(name, (one) =>
        one.result?.protocolVersion === undefined ? one : { ...one, result: change(one.result as Json, requested) },
      ).wrap(() => handler(given))(given);
    },
  };
}

// ---- sessions --------------------------------------------------------------------------------------

const sessions: readonly Mutant[] = [
  renaming('session ids count', String),
  renaming('session ids are a clock', (n) => `session-${1_795_767_412_000 + 3 * n}`),
  renaming(
    'session ids are a count that looks like a UUID',
    (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  ),
  renaming('session ids are eight random digits', () => crypto.randomUUID().slice(0, 8)),
  renaming('session ids have letters beyond ASCII', () => `s\u00e9ance-${crypto.randomUUID()}`),
  renaming('session ids have tabs', () => `a\t${crypto.randomUUID()}`),
  {
    name: 'the id of an ended session is given again',
    revisions: SESSIONS,
    wrap: (handler) => {
      const free: string[] = [];
      const real = new Map<string, string>();
      return async (given) => {
        const own = given.headers.get('mcp-session-id') ?? '';
        const response = await handler(
          real.has(own) ? withHeader(given, 'mcp-session-id', real.get(own) ?? '') : given,
        );
        if (isDelete(given) && response.status < 300) free.push(own);
        const id = response.headers.get('mcp-session-id');
        const reused = id === null ? undefined : free.shift();
        if (id === null || reused === undefined) return response;
        real.set(reused, id);
        const changed = new Response(response.body, response);
        changed.headers.set('mcp-session-id', reused);
        return changed;
      };
    },
  },
  mistaking('an unknown session id is served by the newest session', any, isPost),
  mistaking('an unknown session id opens a stream of the newest session', any, isGet),
  mistaking('an unknown session id ends the newest session', any, isDelete),
  mistaking('a notification with an unknown session id is taken', any, isNotification),
  mistaking('what follows a session id is overlooked', (given, live) => given.startsWith(live)),
  mistaking(
    'what follows a session id is overlooked by GET',
    (given, live) => given.startsWith(live.slice(0, 20)),
    isGet,
  ),
  mistaking('what follows a session id is overlooked by DELETE', (given, live) => given.startsWith(live), isDelete),
  mistaking('what comes before a session id is overlooked', (given, live) => given.endsWith(live)),
  mistaking('the beginning of a session id is enough', (given, live) => given.length > 40 && live.startsWith(given)),
  mistaking(
    'session ids are compared by their length',
    (given, live) => given.length === live.length && given !== live,
  ),
  mistaking('session ids are compared without case', (given, live) => given.toLowerCase() === live.toLowerCase()),
  mistaking('padding after a session id is overlooked', (given, live) => given.replace(/=+$/, '') === live),
  mistaking('quotes around a session id are overlooked', (given, live) => given.replaceAll('"', '') === live),
  mistaking('of several session ids the first counts', (given, live) => given.split(',')[0] === live),
  mistaking('ended sessions are served by the newest', any, (given, text) => isPost(given) && text.includes('ping')),
  burying('an unknown session answers 400', any, () => refusal('', 400)),
  burying('an unknown session answers 401', isPost, () => refusal('', 401)),
  burying('an unknown session answers 500', isPost, () => refusal('', 500)),
  burying('an unknown session answers 200', isPost, () => refusal('', 200)),
  burying('an unknown session is begun at once', isPost, () => Response.json({ jsonrpc: '2.0', id: 1, result: {} })),
  burying('a dead session takes notifications', isNotification, () => new Response(null, { status: 202 })),
  burying(
    'a dead session opens streams',
    isGet,
    () => new Response(': here\n\n', { headers: { 'content-type': 'text/event-stream' } }),
  ),
  burying('a dead session answers GET with 400', isGet, () => refusal('', 400)),
  burying('a dead session can be ended again', isDelete, () => new Response(null, { status: 204 })),
  burying('a dead session answers DELETE with 500', isDelete, () => refusal('', 500)),
  ...of(SESSIONS, [
    {
      name: 'DELETE ends every session',
      wrap: (handler) => {
        const dead = new Set<string>();
        const live = new Set<string>();
        return async (given) => {
          const id = given.headers.get('mcp-session-id');
          if (id !== null && dead.has(id)) return refusal(await textOf(given), 404);
          const response = await handler(given);
          const fresh = response.headers.get('mcp-session-id');
          if (fresh !== null) live.add(fresh);
          if (isDelete(given) && response.status < 300) {
            for (const one of live) dead.add(one);
            live.clear();
          }
          return response;
        };
      },
    },
    answer('DELETE answers 500', (response, given) =>
      isDelete(given) && response.status === 204 ? refusal('', 500) : response,
    ),
    answer('DELETE answers 400', (response, given) =>
      isDelete(given) && response.status === 204 ? refusal('', 400) : response,
    ),
    replying(
      'DELETE without a session id answers 204',
      (given) => isDelete(given) && !given.headers.has('mcp-session-id'),
      () => new Response(null, { status: 204 }),
    ),
    replying(
      'a notification without a session id is taken',
      (given, text) => isNotification(given, text) && !isModern(given, text) && !given.headers.has('mcp-session-id'),
      () => new Response(null, { status: 202 }),
    ),
    regarding(
      'a request without a session id answers 404',
      400,
      (given, text) =>
        isPost(given) && !isModern(given, text) && !given.headers.has('mcp-session-id') && !isInitialize(given, text),
      (response) => status(response, 404),
    ),
    regarding(
      'a request without a session id answers 500',
      400,
      (given, text) =>
        isPost(given) && !isModern(given, text) && !given.headers.has('mcp-session-id') && !isInitialize(given, text),
      (response) => status(response, 500),
    ),
    headers('every answer brings a new session id', (changed, given) => {
      if (given.headers.has('mcp-session-id') && given.method === 'POST')
        changed.set('mcp-session-id', crypto.randomUUID());
    }),
    {
      name: 'a client chooses its session id',
      wrap: (handler) => {
        const real = new Map<string, string>();
        return async (given) => {
          const own = given.headers.get('mcp-session-id') ?? '';
          const known = real.get(own);
          if (known !== undefined) return handler(withHeader(given, 'mcp-session-id', known));
          if (own === '' || !isInitialize(given, await textOf(given))) return handler(given);
          const response = await handler(without(given, 'mcp-session-id'));
          const id = response.headers.get('mcp-session-id');
          if (id === null) return response;
          real.set(own, id);
          const changed = new Response(response.body, response);
          changed.headers.set('mcp-session-id', own);
          return changed;
        };
      },
    },
    {
      name: 'after a hundred sessions nothing is answered',
      wrap: (handler) => {
        let begun = 0;
        return async (given) => {
          const text = await textOf(given);
          if (isInitialize(given, text)) begun++;
          return begun > 100 ? refusal(text, 503, -32603) : handler(given);
        };
      },
    },
  ]),
];

// ---- the handshake, revisions ----------------------------------------------------------------------

/** After `initialize` and before `notifications/initialized`. */
function early(name: string, when: (text: string) => boolean, code: number, isStuck = false): Mutant {
  return {
    name,
    revisions: SESSIONS,
    wrap: (handler) => {
      const fresh = new Set<string>();
      const stuck = new Set<string>();
      return async (given) => {
        const id = given.headers.get('mcp-session-id') ?? '';
        const text = await textOf(given);
        if (text.includes('notifications/initialized')) fresh.delete(id);
        if (stuck.has(id)) return refusal(text, code);
        if (fresh.has(id) && isPost(given) && when(text)) {
          if (isStuck) stuck.add(id);
          return refusal(text, code);
        }
        const response = await handler(given);
        const own = response.headers.get('mcp-session-id');
        if (own !== null) fresh.add(own);
        return response;
      };
    },
  };
}

/** Takes a version header that is none. */
function tolerating(
  name: string,
  tolerates: (version: string) => boolean,
  which: (given: Request, text: string) => boolean = any,
): Mutant {
  return {
    name,
    revisions: SESSIONS,
    wrap: (handler) => async (given) => {
      const version = given.headers.get('mcp-protocol-version') ?? '';
      const isOff =
        !['', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'].includes(version) && tolerates(version);
      return handler(
        isOff && which(given, await textOf(given)) ? withHeader(given, 'mcp-protocol-version', '2025-11-25') : given,
      );
    },
  };
}

const SPOKEN = ['2025-03-26', '2025-06-18', '2025-11-25'];
const isSession = (given: Request) => given.headers.has('mcp-session-id');

const lifecycle: readonly Mutant[] = [
  handshake('initialize agrees to whatever was asked', (result, requested) => ({
    ...result,
    protocolVersion: requested,
  })),
  handshake('initialize agrees to 2026-07-28', (result, requested) =>
    requested === '2026-07-28' ? { ...result, protocolVersion: requested } : result,
  ),
  handshake('initialize offers the oldest revision', (result, requested) =>
    SPOKEN.includes(String(requested)) ? result : { ...result, protocolVersion: '2025-03-26' },
  ),
  handshake('initialize offers what is not spoken', (result, requested) =>
    SPOKEN.includes(String(requested)) ? result : { ...result, protocolVersion: '2024-11-05' },
  ),
  handshake('initialize says no revision', ({ protocolVersion: _version, ...result }) => result),
  handshake('initialize says no capabilities', ({ capabilities: _capabilities, ...result }) => result),
  handshake('initialize tells capabilities as a list', (result) => ({
    ...result,
    capabilities: Object.keys(result.capabilities as object),
  })),
  handshake('capabilities are true', (result) => ({
    ...result,
    capabilities: { tools: true, prompts: true, resources: true },
  })),
  handshake('initialize says no serverInfo', ({ serverInfo: _info, ...result }) => result),
  handshake('serverInfo has no version', (result) => ({ ...result, serverInfo: { name: 'everything' } })),
  handshake('serverInfo has no name', (result) => ({ ...result, serverInfo: { version: '1' } })),
  handshake('serverInfo is a text', (result) => ({ ...result, serverInfo: 'everything 1' })),
  handshake('instructions are a list', (result) => ({ ...result, instructions: ['do'] })),
  ...['prompts', 'resources', 'logging', 'completions'].map((name) =>
    handshake(`${name} are not declared`, (result) => {
      const { [name]: _gone, ...capabilities } = result.capabilities as Json;
      return { ...result, capabilities };
    }),
  ),
  ...of(SESSIONS, [
    exchanged(
      'what is not declared is an internal error',
      (one) => one,
      (one, { method }) => {
        if (method === 'initialize' && one.result)
          return { ...one, result: { ...one.result, capabilities: { tools: {} } } };
        const isLeft = /^(?:initialize|ping|tools|no)\b/.test(String(method));
        return isLeft || one.id === undefined || 'method' in one
          ? one
          : { jsonrpc: '2.0', id: one.id, error: { code: -32603, message: 'Oops' } };
      },
    ),
    ...['prompts/list', 'resources/list', 'logging/setLevel', 'completion/complete', 'tools/list'].map((method) =>
      exchanged(
        `${method} is declared and not there`,
        (one) => one,
        (one, given) =>
          given.method === method && !('method' in one)
            ? { jsonrpc: '2.0', id: one.id, error: { code: -32601, message: 'Method not found' } }
            : one,
      ),
    ),
    refusing(
      'initialize fails where it does not know the revision',
      (given, text) => isInitialize(given, text) && !SPOKEN.some((one) => text.includes(`"protocolVersion":"${one}"`)),
      500,
      -32603,
    ),
    refusing(
      'initialize refuses a revision without saying which it knows',
      (given, text) => isInitialize(given, text) && /"protocolVersion":"(?!2025-(?:03-26|06-18|11-25)")/.test(text),
      400,
      -32600,
    ),
    said('initialize needs no params', (one) =>
      one.method === 'initialize' && one.params === undefined
        ? {
            ...one,
            params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
          }
        : one,
    ),
    said('initialize takes params of any types', (one) =>
      one.method === 'initialize' && isRecord(one.params)
        ? {
            ...one,
            params: {
              protocolVersion:
                typeof one.params.protocolVersion === 'string' ? one.params.protocolVersion : '2025-11-25',
              capabilities: {},
              clientInfo: { name: 'x', version: '1' },
            },
          }
        : one,
    ),
    said('initialize needs no clientInfo', (one) =>
      one.method === 'initialize' && isRecord(one.params) && one.params.clientInfo === undefined
        ? { ...one, params: { ...one.params, clientInfo: { name: 'x', version: '1' } } }
        : one,
    ),
    refusing(
      'initialize refuses what it does not know',
      (given, text) => isInitialize(given, text) && /"experimental"|"x":/.test(text),
    ),
    refusing(
      'initialize fails without params',
      (given, text) => isInitialize(given, text) && !text.includes('"params"'),
      500,
      -32603,
    ),
    regarding('initialize with the wrong params is an internal error', 200, isInitialize, async (response) => {
      const body = (await response.json()) as Json;
      return Response.json(body.error ? { ...body, error: { ...body.error, code: -32603 } } : body, {
        headers: response.headers,
      });
    }),
    early('no ping before notifications/initialized', (text) => text.includes('"ping"'), 400),
    early('who asks before notifications/initialized breaks it', (text) => text.includes('tools/list'), 500),
    early(
      'who asks before notifications/initialized is never served',
      (text) => text.includes('tools/list'),
      400,
      true,
    ),
    refusing(
      'notifications/initialized is refused',
      (given, text) => text.includes('notifications/initialized') && isSession(given),
    ),
    {
      name: 'notifications/initialized breaks it the second time',
      wrap: (handler) => {
        const told = new Set<string>();
        return async (given) => {
          const text = await textOf(given);
          const id = given.headers.get('mcp-session-id') ?? '';
          if (!text.includes('notifications/initialized')) return handler(given);
          if (told.has(id)) return refusal(text, 500, -32603);
          told.add(id);
          return handler(given);
        };
      },
    },
    {
      name: 'a second initialize begins another session',
      wrap: (handler) => async (given) =>
        handler(
          isInitialize(given, await textOf(given))
            ? without(without(given, 'mcp-session-id'), 'mcp-protocol-version')
            : given,
        ),
    },
    {
      name: 'a second initialize turns the session into one of its revision',
      wrap: (handler) => {
        const turned = new Set<string>();
        return async (given) => {
          const id = given.headers.get('mcp-session-id') ?? '';
          const text = await textOf(given);
          if (id !== '' && isInitialize(given, text)) {
            turned.add(id);
            const result = { protocolVersion: '2025-03-26', capabilities: {}, serverInfo: { name: 'x', version: '1' } };
            return Response.json({ jsonrpc: '2.0', id: JSON.parse(text).id, result });
          }
          return turned.has(id) ? refusal(text, 400) : handler(given);
        };
      },
    },
    {
      name: 'after a second initialize a session answers with nothing in it',
      wrap: (handler) => {
        const turned = new Set<string>();
        return async (given) => {
          const id = given.headers.get('mcp-session-id') ?? '';
          const text = await textOf(given);
          if (isInitialize(given, text)) turned.add(id);
          return turned.has(id) && id !== '' && text.includes('tools/list')
            ? Response.json({ jsonrpc: '2.0', id: JSON.parse(text).id, result: {} })
            : handler(given);
        };
      },
    },
    refusing(
      'a second initialize breaks it',
      (given, text) => isSession(given) && isInitialize(given, text),
      500,
      -32603,
    ),
    refusing(
      'initialize may not name its revision in the header',
      (given, text) => isInitialize(given, text) && given.headers.has('mcp-protocol-version') && !isSession(given),
    ),
    refusing(
      'the header of the revision must be there',
      (given, text) =>
        isPost(given) && isSession(given) && !given.headers.has('mcp-protocol-version') && !isInitialize(given, text),
    ),
    regarding(
      'an unsupported revision answers 404',
      400,
      (given) => given.headers.has('mcp-protocol-version'),
      (response) => status(response, 404),
    ),
    regarding(
      'a session of an unsupported revision answers 200',
      400,
      (given, text) =>
        !SPOKEN.includes(given.headers.get('mcp-protocol-version') ?? '2025-11-25') && !isModern(given, text),
      (response) => status(response, 200),
    ),
    regarding(
      'a notification of an unsupported revision is taken',
      400,
      isNotification,
      () => new Response(null, { status: 202 }),
    ),
    refusing(
      'another revision than the negotiated one breaks it',
      (given) => ['2025-03-26', '2025-06-18'].includes(given.headers.get('mcp-protocol-version') ?? ''),
      500,
      -32603,
    ),
  ]),
  tolerating('any text is taken for a revision', (version) => !/^\d/.test(version)),
  tolerating('any date is taken for a revision', (version) => /^\d{4}-\d\d-\d\d$/.test(version)),
  tolerating('old dates are taken for revisions', (version) => version < '2025'),
  tolerating('the beginning of a revision is enough', (version) => version.startsWith('2025-11-25')),
  tolerating(
    'a part of a revision is enough',
    (version) => '2025-11-25'.startsWith(version) || version.endsWith('2025-11-25'),
  ),
  tolerating('GET takes any revision', any, isGet),
  tolerating('DELETE takes any revision', any, isDelete),
  tolerating('notifications take any revision', any, isNotification),
  {
    ...refusing(
      'without a session the header of the revision must be there',
      (given, text) => isPost(given) && !given.headers.has('mcp-protocol-version') && !isInitialize(given, text),
    ),
    revisions: SESSIONS,
    env: { MCP_STATELESS: '1' },
  },
  {
    ...events('every stream begins with an empty event', (event, index) =>
      index === 0 ? ['id: first-0\ndata: ', event] : event,
    ),
    revisions: ['2025-06-18'],
  },
];

// ---- POST ------------------------------------------------------------------------------------------

/** Changes the refusal of a body that is no JSON, or no message. */
function rebuff(
  name: string,
  which: (given: Request, text: string) => boolean,
  change: (error: Json, response: Response) => Response | unknown,
): Mutant {
  return regarding(name, 400, which, async (response) => {
    const body = (await response.json()) as Json;
    const changed = change(body, response);
    return changed instanceof Response
      ? changed
      : Response.json(changed, { status: response.status, headers: response.headers });
  });
}

/** Reads a body more kindly than JSON is. */
function mending(name: string, mend: (text: string) => string): Mutant {
  return asked(name, (text) => (parsed(text) === undefined ? mend(text) : text));
}

const ENDS = /^(\{.*?\})\s*\S.*$/s;
const hasAccept = (given: Request, ...types: string[]) =>
  types.every((type) => (given.headers.get('accept') ?? '').includes(type));

const posts: readonly Mutant[] = [
  // 202
  answer('202 has a body', (response) =>
    response.status === 202 ? new Response('Accepted', { status: 202 }) : response,
  ),
  answer('notifications answer 204', (response) =>
    response.status === 202 ? new Response(null, { status: 204 }) : response,
  ),
  answer('notifications answer an empty 200', (response) =>
    response.status === 202 ? new Response('', { status: 200 }) : response,
  ),
  regarding('notifications get a response', 202, any, () => Response.json({ jsonrpc: '2.0', id: null, result: {} })),
  regarding('notifications get an error', 202, any, () =>
    Response.json({ jsonrpc: '2.0', error: { code: -32601, message: 'Method not found' } }),
  ),
  replying(
    'what has no id is served all the same',
    (given, text) => isNotification(given, text) && text.includes('"tools/'),
    () => Response.json({ jsonrpc: '2.0', id: null, result: { content: [], tools: [] } }),
  ),
  refusing('notifications that nobody knows are refused', (_given, text) =>
    text.includes('notifications/no-such-thing'),
  ),
  refusing(
    'notifications that nobody knows break it',
    (_given, text) => text.includes('notifications/no-such-thing'),
    500,
    -32603,
  ),
  dying('notifications that nobody knows kill it', (_given, text) => text.includes('notifications/no-such-thing')),
  ...of(SESSIONS, [
    replying(
      'responses are answered 200',
      (given, text) => isPost(given) && !text.includes('"method"') && /"result"|"error"/.test(text),
      () => Response.json({}),
    ),
    refusing(
      'responses that answer nothing break it',
      (given, text) => isPost(given) && !text.includes('"method"') && /"result"|"error"/.test(text),
      500,
      -32603,
    ),
    dying('responses that answer nothing kill it', (given, text) => isPost(given) && text.includes('nobody-asked')),
    {
      name: 'responses that come twice break it',
      wrap: (handler) => {
        const seen = new Set<string>();
        return async (given) => {
          const text = await textOf(given);
          const key = `${given.headers.get('mcp-session-id')}${text}`;
          if (!isPost(given) || text.includes('"method"') || !text.includes('nobody-asked')) return handler(given);
          if (seen.has(key)) return refusal(text, 500, -32603);
          seen.add(key);
          return handler(given);
        };
      },
    },
    regarding('a refusal of a notification has an id', 400, isNotification, () =>
      Response.json({ jsonrpc: '2.0', id: 7, error: { code: -32600, message: 'No' } }, { status: 400 }),
    ),
    refusing(
      'Mcp-Method must fit in sessions too',
      (given, text) => given.headers.has('mcp-method') && !isModern(given, text),
    ),
    answer('errors come with status 400', async (response) => {
      if (!isJson(response) || response.status !== 200) return response;
      const body = (await response.json()) as Json;
      return Response.json(body, { status: isRecord(body) && body.error ? 400 : 200, headers: response.headers });
    }),
    answer('unknown methods answer 404', async (response) => {
      if (!isJson(response) || response.status !== 200) return response;
      const body = (await response.json()) as Json;
      return Response.json(body, { status: body.error?.code === -32601 ? 404 : 200, headers: response.headers });
    }),
  ]),
  // methods of JSON-RPC
  said('methods are compared without case', (one) =>
    typeof one.method === 'string' && one.method !== 'logging/setLevel' && /^(?:ping|tools\/list)$/i.test(one.method)
      ? { ...one, method: one.method.toLowerCase() }
      : one,
  ),
  said('a slash after a method is overlooked', (one) =>
    one.method === 'tools/list/' ? { ...one, method: 'tools/list' } : one,
  ),
  refusing(
    'methods are looked up where objects keep theirs',
    (_given, text) => /"method":"(?:constructor|__proto__|toString)"/.test(text),
    500,
    -32603,
  ),
  message('an unknown method is called an invalid request', (one) =>
    one.error?.code === -32601 ? { ...one, error: { ...one.error, code: -32600 } } : one,
  ),
  message('an unknown method has an empty result', (one) =>
    one.error?.code === -32601 ? { jsonrpc: '2.0', id: one.id, result: {} } : one,
  ),
  message('an unknown method is an error of the server\u2019s own', (one) =>
    one.error?.code === -32601 ? { ...one, error: { ...one.error, code: -32000 } } : one,
  ),
  message('errors have the id null', (one) => (one.error ? { ...one, id: null } : one)),
  message('errors come without their id', (one) => {
    if (!one.error) return one;
    const { id: _id, ...rest } = one;
    return rest;
  }),
  message('errors have no message', (one) => (one.error ? { ...one, error: { code: one.error.code } } : one)),
  message('errors have an empty message', (one) =>
    one.error ? { ...one, error: { ...one.error, message: '' } } : one,
  ),
  message('codes of errors are texts', (one) =>
    one.error ? { ...one, error: { ...one.error, code: String(one.error.code) } } : one,
  ),
  message('codes of errors are fractions', (one) =>
    one.error ? { ...one, error: { ...one.error, code: Number(one.error.code) + 0.5 } } : one,
  ),
  message('errors are texts', (one) => (one.error ? { ...one, error: 'It failed' } : one)),
  message('errors are results', (one) =>
    one.error ? { jsonrpc: '2.0', id: one.id, result: { error: one.error } } : one,
  ),
  message('errors show the stack', (one) =>
    one.error
      ? { ...one, error: { ...one.error, data: { stack: 'Error\n    at serve (/srv/app/server/dispatch.js:12:5)' } } }
      : one,
  ),
  message('jsonrpc is a number', (one) => ({ ...one, jsonrpc: 2 })),
  message('jsonrpc is 1.0', (one) => ({ ...one, jsonrpc: '1.0' })),
  message('results are null', (one) => (one.result ? { ...one, result: null } : one)),
  message('answers are in a list', (one) => ('method' in one ? one : [one])),
  message('an error is null beside the result', (one) => (one.result ? { ...one, error: null } : one)),
  // params
  said('params that are a list are taken', (one) => (Array.isArray(one.params) ? { ...one, params: {} } : one)),
  said('params that are no object are overlooked', (one) => {
    if (one.params === undefined || isRecord(one.params) || one.params === null) return one;
    const { params: _params, ...rest } = one;
    return rest;
  }),
  refusing('params that are no object break it', (_given, text) => /"params":(?:\[|"|\d|true)/.test(text), 500, -32603),
  dying('params that are no object kill it', (_given, text) => /"params":(?:\[|"|\d|true)/.test(text)),
  refusing('members that it does not know are refused', (_given, text) => text.includes('x-unknown')),
  refusing('names in _meta that it does not know are refused', (_given, text) => text.includes('com.example/any')),
  refusing('params that are null break it', (_given, text) => text.includes('"params":null'), 500, -32603),
  refusing(
    'members that come twice break it',
    (_given, text) => /"id":1,"id":2|"method":"ping","method"|"params":\{\},"params"/.test(text),
    500,
    -32603,
  ),
  exchanged(
    'calls need no name',
    (one) =>
      /^(?:tools\/call|prompts\/get|resources\/read)$/.test(String(one.method)) &&
      isRecord(one.params) &&
      typeof (one.params.name ?? one.params.uri) !== 'string'
        ? { jsonrpc: '2.0', id: one.id, method: 'no/such-method', _: 1 }
        : one,
    (one, given) =>
      one.error?.code === -32601 && /^(?:tools\/call|prompts\/get|resources\/read)$/.test(String(given.method))
        ? { jsonrpc: '2.0', id: one.id, result: { content: [], messages: [], contents: [] } }
        : one,
  ),
  exchanged(
    'calls without a name are internal errors',
    (one) => one,
    (one, { method, params }) =>
      one.error?.code === -32602 &&
      /^(?:tools\/call|prompts\/get|resources\/read)$/.test(String(method)) &&
      isRecord(params) &&
      typeof (params.name ?? params.uri) !== 'string'
        ? { ...one, error: { code: -32603, message: 'Oops' } }
        : one,
  ),
  // bodies that are no JSON
  mending('what follows the message is overlooked', (text) => text.replace(ENDS, '$1')),
  mending('of several messages the first is served', (text) => text.split(/(?<=\})\s*(?=\{)/)[0] ?? text),
  mending('a message without its end is completed', (text) => (parsed(`${text}}`) === undefined ? text : `${text}}`)),
  mending('single quotes are read as double ones', (text) => text.replaceAll("'", '"')),
  mending('a comma at the end is overlooked', (text) => text.replace(/,\s*\}$/, '}')),
  mending('NaN is read as null', (text) => text.replaceAll(/NaN|Infinity/g, 'null')),
  mending('NaN is a number', (text) => text.replaceAll('"id":NaN', '"id":1')),
  mending('comments are overlooked', (text) => text.replaceAll(/\/\*.*?\*\/|\/\/.*\n/g, '')),
  mending('names need no quotes', (text) => text.replaceAll(/([{,])(\w+):/g, '$1"$2":')),
  mending('numbers may begin with 0', (text) => text.replaceAll(/:0(\d)/g, ':$1')),
  mending('texts may hold control characters', (text) => text.replaceAll('\t', '\\t')),
  mending('a form is read as a message', (text) =>
    text.startsWith('jsonrpc=') ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : text,
  ),
  mending('nothing is read as ping', (text) =>
    text.trim() === '' ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : text,
  ),
  replying(
    'nothing is answered 202',
    (given, text) => isPost(given) && text.trim() === '',
    () => new Response(null, { status: 202 }),
  ),
  rebuff('a body that is no JSON answers 500', isParseError, (body) => Response.json(body, { status: 500 })),
  rebuff('a body that is no JSON answers 200', isParseError, (body) => Response.json(body)),
  rebuff('a body that is no JSON answers 202', isParseError, () => new Response(null, { status: 202 })),
  rebuff('a body that is no JSON answers 422', isParseError, (body) => Response.json(body, { status: 422 })),
  rebuff('a body that is no JSON is an invalid request', isParseError, (body) => ({
    ...body,
    error: { ...body.error, code: -32600 },
  })),
  rebuff('a body that is no JSON is an internal error', isParseError, (body) => ({
    ...body,
    error: { ...body.error, code: -32603 },
  })),
  rebuff('a body that is no JSON is answered with an id', isParseError, (body) => ({ ...body, id: 1 })),
  rebuff('a body that is no JSON is answered with the id null', isParseError, (body) => ({ ...body, id: null })),
  rebuff('a body that is no JSON has a result', isParseError, () =>
    Response.json({ jsonrpc: '2.0', id: 1, result: {} }),
  ),
  dying('a body that is no JSON kills it', (given, text) => isPost(given) && text !== '' && parsed(text) === undefined),
  dying('a body without anything in it kills it', (given, text) => isPost(given) && text.trim() === ''),
  // JSON that is no message
  said('jsonrpc may be missing', (one) => (one.jsonrpc === undefined ? { jsonrpc: '2.0', ...one } : one)),
  said('jsonrpc may be anything', (one) =>
    one.jsonrpc === undefined || one.jsonrpc === '2.0' ? one : { ...one, jsonrpc: '2.0' },
  ),
  said('jsonrpc may be a number', (one) => (one.jsonrpc === 2 ? { ...one, jsonrpc: '2.0' } : one)),
  said('a method may be missing', (one) =>
    one.method === undefined && one.id !== undefined && one.result === undefined && one.error === undefined
      ? { ...one, method: 'ping' }
      : one,
  ),
  said('a method may be a list', (one) => (Array.isArray(one.method) ? { ...one, method: one.method[0] } : one)),
  said('a method that is no text is made one', (one) =>
    one.method === undefined || typeof one.method === 'string' ? one : { ...one, method: String(one.method) },
  ),
  asked('a text is read as a method', (text) =>
    text === '"ping"' ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : text,
  ),
  replying(
    'what is no object is answered 202',
    (given, text) => isPost(given) && /^(?:\d|true|false|null|")/.test(text),
    () => new Response(null, { status: 202 }),
  ),
  replying(
    'an empty object is answered 202',
    (given, text) => isPost(given) && text === '{}',
    () => new Response(null, { status: 202 }),
  ),
  rebuff('what is no message is a parse error', isNoMessage, (body) => ({
    ...body,
    error: { ...body.error, code: -32700 },
  })),
  rebuff('what is no message is an internal error', isNoMessage, (body) => ({
    ...body,
    error: { ...body.error, code: -32603 },
  })),
  rebuff('what is no message answers 500', isNoMessage, (body) => Response.json(body, { status: 500 })),
  rebuff('what is no message answers 200', isNoMessage, (body) => Response.json(body)),
  dying('what is no message kills it', (given, text) => isPost(given) && /^(?:\d|true|false|null|"|\{\}$)/.test(text)),
  refusing(
    'a message of two kinds breaks it',
    (_given, text) => /"method":"ping","(?:result|error)"|"result":\{\},"error"/.test(text),
    500,
    -32603,
  ),
  dying('a message of two kinds kills it', (_given, text) =>
    /"method":"ping","(?:result|error)"|"result":\{\},"error"/.test(text),
  ),
  // UTF-8
  {
    name: 'what is no UTF-8 is read as Latin-1',
    wrap: (handler) => async (given) => {
      if (!isPost(given)) return handler(given);
      const body = new Uint8Array(await given.clone().arrayBuffer());
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(body);
        return handler(given);
      } catch {
        return handler(withBody(given, new TextDecoder('latin1').decode(body)));
      }
    },
  },
  {
    name: 'what is no UTF-8 breaks it',
    wrap: (handler) => async (given) => {
      if (!isPost(given)) return handler(given);
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(await given.clone().arrayBuffer());
        return handler(given);
      } catch {
        return refusal('', 500, -32603);
      }
    },
  },
  {
    name: 'each piece of a body is decoded by itself',
    wrap: (handler) => async (given) => {
      if (!given.body) return handler(given);
      let text = '';
      for await (const piece of given.clone().body as unknown as AsyncIterable<Uint8Array>)
        text += new TextDecoder().decode(piece);
      const plain = await given.clone().text();
      return handler(plain === text ? given : withBody(given, text));
    },
  },
  {
    name: 'only the first piece of a body is read',
    wrap: (handler) => async (given) => {
      if (!given.body) return handler(given);
      const pieces: string[] = [];
      for await (const piece of given.clone().body as unknown as AsyncIterable<Uint8Array>)
        pieces.push(new TextDecoder().decode(piece));
      return handler(pieces.length < 2 ? given : withBody(given, pieces[0] ?? ''));
    },
  },
  refusing(
    'a body without a declared length is refused',
    (given, text) => isPost(given) && text !== '' && !given.headers.has('content-length'),
    411,
  ),
  message('what is no ASCII is lost', (one) => JSON.parse(JSON.stringify(one).replaceAll(/[^\x20-\x7e]/g, '?'))),
  {
    name: 'answers are Latin-1',
    wrap: (handler) => async (given) => {
      const response = await handler(given);
      if (!isJson(response)) return response;
      const text = await response.text();
      const changed = new Headers(response.headers);
      changed.delete('content-length');
      return new Response(
        Uint8Array.from(text, (char) => (char.charCodeAt(0) < 256 ? char.charCodeAt(0) : 0xe9)),
        { status: response.status, headers: changed },
      );
    },
  },
  {
    name: 'a mark of byte order breaks it',
    wrap: (handler) => async (given) => {
      const [first] = isPost(given) ? new Uint8Array(await given.clone().arrayBuffer()) : [];
      return first === 0xef ? refusal('', 500, -32603) : handler(given);
    },
  },
  // Accept and Content-Type
  refusing(
    'Accept must name JSON first',
    (given) => isPost(given) && (given.headers.get('accept') ?? '').startsWith('text/event-stream,'),
    406,
  ),
  refusing(
    'Accept must be written with a space',
    (given) => isPost(given) && (given.headers.get('accept') ?? '').includes(',text/event-stream'),
    406,
  ),
  refusing(
    'Accept must have no quality',
    (given) => isPost(given) && (given.headers.get('accept') ?? '').includes(';q='),
    406,
  ),
  refusing(
    'Accept must name nothing else',
    (given) => isPost(given) && hasAccept(given, 'application/json', 'text/event-stream', 'text/html'),
    406,
  ),
  refusing('wildcards in Accept are refused', (given) => isPost(given) && hasAccept(given, '*'), 406),
  answer('who takes only JSON gets an event stream', async (response, given) => {
    if (
      !isPost(given) ||
      !isJson(response) ||
      given.headers.get('accept') !== 'application/json' ||
      response.status !== 200
    )
      return response;
    return new Response(`data: ${await response.text()}\n\n`, {
      headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no', 'cache-control': 'no-store' },
    });
  }),
  refusing('who sends no Accept breaks it', (given) => isPost(given) && !given.headers.has('accept'), 500, -32603),
  refusing(
    'who takes only JSON breaks it',
    (given) => isPost(given) && given.headers.get('accept') === 'application/json',
    500,
    -32603,
  ),
  refusing(
    'the content type must have no parameter',
    (given) => isPost(given) && (given.headers.get('content-type') ?? '').includes(';'),
    415,
  ),
  refusing(
    'the content type is compared with case',
    (given) => isPost(given) && /[A-Z]/.test((given.headers.get('content-type') ?? '').split(';')[0] ?? ''),
    415,
  ),
  {
    name: 'a body may leave open what it is',
    wrap: (handler) => async (given) =>
      handler(
        isPost(given) && !given.headers.has('content-type')
          ? withHeader(given, 'content-type', 'application/json')
          : given,
      ),
  },
  {
    name: 'a form is served',
    wrap: (handler) => async (given) =>
      handler(
        isPost(given) && /form|text\/plain/.test(given.headers.get('content-type') ?? '')
          ? withHeader(given, 'content-type', 'application/json')
          : given,
      ),
  },
  ...['text/plain', 'text/html', 'application/jsonl', 'text/json'].map((type) =>
    headers(`JSON is called ${type}`, (changed) => {
      if (changed.get('content-type')?.startsWith('application/json')) changed.set('content-type', type);
    }),
  ),
  headers('answers do not say what they are', (changed) => changed.delete('content-type')),
  answer('JSON is cut', async (response) =>
    isJson(response) && response.status === 200
      ? new Response((await response.text()).slice(0, -1), response)
      : response,
  ),
  answer('JSON is empty', (response) =>
    isJson(response) && response.status === 200 ? new Response('', response) : response,
  ),
  answer('JSON begins with a mark of byte order', async (response) =>
    isJson(response) ? new Response(`\uFEFF${await response.text()}`, response) : response,
  ),
  changingId('ids are cut after 64 characters', (id) => (typeof id === 'string' ? id.slice(0, 64) : id)),
  changingId('ids are cut after 1000 characters', (id) => (typeof id === 'string' ? id.slice(0, 1000) : id)),
  answer('JSON comes twice', async (response) => {
    if (!isJson(response)) return response;
    const text = await response.text();
    return new Response(text + text, response);
  }),
  answer('results come with status 201', (response) =>
    response.status === 200 && isJson(response) ? status(response, 201) : response,
  ),
  answer('results come with status 202', (response) =>
    response.status === 200 && isJson(response) ? status(response, 202) : response,
  ),
];

// ---- ids -------------------------------------------------------------------------------------------

const rpc: readonly Mutant[] = [
  takingId('the id null is taken', (id) => id === null),
  takingId('ids that are true or false are taken', (id) => typeof id === 'boolean'),
  takingId('ids that are lists or objects are taken', (id) => typeof id === 'object' && id !== null),
  takingId('ids that are fractions are taken', (id) => typeof id === 'number' && !Number.isInteger(id)),
  refusing('ids that are none break it', (_given, text) => /"id":(?:null|true|false|\[|\{)/.test(text), 500, -32603),
  dying('ids that are none kill it', (_given, text) => /"id":(?:null|true|false|\[|\{)/.test(text)),
  replying(
    'the id null is that of a notification',
    (given, text) => isPost(given) && /"id":null/.test(text),
    () => new Response(null, { status: 202 }),
  ),
  ...(
    [
      ['', '""'],
      [0, '0'],
    ] as const
  ).map(([id, told]) =>
    replying(
      `the id ${told} is that of a notification`,
      (given, text) => {
        const read = parsed(text);
        return isPost(given) && isRecord(read) && read.id === id && 'method' in read;
      },
      () => new Response(null, { status: 202 }),
    ),
  ),
  refusing('negative ids are refused', (_given, text) => /"id":-/.test(text)),
  refusing('an empty id is refused', (_given, text) => text.includes('"id":""')),
  refusing('ids must be texts', (_given, text) => /"id":\d/.test(text)),
  refusing('ids must be numbers', (_given, text) => /"method".*"id":"|"id":".*"method"/.test(text)),
  changingId('the id 0 comes back as nothing', (id) => (id === 0 ? null : id)),
  changingId('an empty id comes back as nothing', (id) => (id === '' ? null : id)),
  changingId('the id 0 comes back as a text', (id) => (id === 0 ? '0' : id)),
  changingId('ids that look like numbers come back as numbers', (id) =>
    typeof id === 'string' && id.trim() !== '' && !Number.isNaN(Number(id)) ? Number(id) : id,
  ),
  changingId('ids that look like values come back as these', (id) =>
    id === 'null' ? null : id === 'true' ? true : id,
  ),
  changingId('large ids have 32 bits', (id) => (typeof id === 'number' ? id | 0 : id)),
  changingId('large ids lose their last digits', (id) => (typeof id === 'number' ? Math.fround(id) : id)),
  changingId('negative ids lose their sign', (id) => (typeof id === 'number' ? Math.abs(id) : id)),
  changingId('numbers come back one higher', (id) => (typeof id === 'number' ? id + 1 : id)),
  changingId('long ids are cut', (id) => (typeof id === 'string' ? id.slice(0, 32) : id)),
  changingId('ids are trimmed of spaces', (id) => (typeof id === 'string' ? id.replaceAll(' ', '') : id)),
  changingId('a backslash in an id comes back as a slash', (id) =>
    typeof id === 'string' ? id.replaceAll('\\', '/') : id,
  ),
  changingId('ids come back escaped', (id) => (typeof id === 'string' ? JSON.stringify(id).slice(1, -1) : id)),
  changingId('ids lose what is no ASCII', (id) => (typeof id === 'string' ? id.replaceAll(/[^ -~]/g, '') : id)),
  changingId('ids lose what is beyond the first plane', (id) =>
    typeof id === 'string' ? id.replaceAll(/[\ud800-\udfff]/g, '?') : id,
  ),
  changingId('the id __proto__ comes back as nothing', (id) => (id === '__proto__' ? null : id)),
  {
    name: 'a second request with an id in flight is never answered',
    wrap: (handler) => {
      const busy = new Set<string>();
      return async (given) => {
        const read = parsed(await textOf(given));
        if (!isRecord(read) || read.method !== 'tools/call') return handler(given);
        const key = `${given.headers.get('mcp-session-id')} ${JSON.stringify(read.id)}`;
        if (read.id === 'same' && busy.has(key))
          return new Response(new ReadableStream(), {
            headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
          });
        busy.add(key);
        return handler(given);
      };
    },
  },
  {
    name: 'after two requests with one id nothing is answered',
    wrap: (handler) => {
      const busy = new Set<string>();
      let isDead = false;
      return async (given) => {
        const text = await textOf(given);
        if (isDead) return refusal(text, 500, -32603);
        const read = parsed(text);
        if (isRecord(read) && read.id === 'same' && read.method === 'tools/call') {
          const key = String(given.headers.get('mcp-session-id'));
          isDead = busy.has(key);
          busy.add(key);
        }
        return handler(given);
      };
    },
  },
  {
    name: 'the ids 1 and "1" are one',
    wrap: (handler) => {
      const busy = new Set<string>();
      return async (given) => {
        const text = await textOf(given);
        const read = parsed(text);
        if (!isRecord(read) || read.method !== 'tools/call') return handler(given);
        const key = `${given.headers.get('mcp-session-id')} ${read.id}`;
        if (busy.has(key)) return refusal(text, 400);
        busy.add(key);
        const response = await handler(given);
        void gathered().then(() => setTimeout(() => busy.delete(key), 0));
        return response;
      };
    },
  },
];

// ---- bodies, headers, methods of HTTP --------------------------------------------------------------

const isDeep = (text: string) => text.includes('[[[[[[[[') || text.includes('{"a":[{"a":[{"a":[');
const isHuge = (text: string) => text.length > 5_000_000;
const isMany = (text: string) => text.includes('0,0,0,0,0,0,0,0');
const isLong = (given: Request) => [...given.headers.values()].some((value) => value.length > 5000);

const http: readonly Mutant[] = [
  refusing('escapes are not read', (_given, text) => /\\u00[67]/.test(text)),
  refusing('no space may come before the body', (given, text) => isPost(given) && /^\s/.test(text)),
  refusing('members must come in the usual order', (given, text) => isPost(given) && /^\{"params"/.test(text)),
  refusing('line separators are refused', (_given, text) => text.includes('\u2028')),
  refusing('deep JSON breaks it', (_given, text) => isDeep(text), 500, -32603),
  dying('deep JSON kills it', (_given, text) => isDeep(text)),
  replying(
    'deep JSON is never answered',
    (_given, text) => isDeep(text),
    () => new Promise(() => {}),
  ),
  refusing('a huge body breaks it', (_given, text) => isHuge(text), 500, -32603),
  refusing('a huge body answers 400', (_given, text) => isHuge(text), 400),
  dying('a huge body kills it', (_given, text) => isHuge(text)),
  {
    name: 'a huge body is bounded only where it says how long it is',
    wrap: (handler) => {
      let isDead = false;
      return async (given) => {
        const text = await textOf(given);
        if (isDead) return refusal(text, 500, -32603);
        isDead = isHuge(text) && !given.headers.has('content-length');
        return handler(given);
      };
    },
  },
  refusing('many entries break it', (_given, text) => isMany(text), 500, -32603),
  dying('many entries kill it', (_given, text) => isMany(text)),
  refusing('long ids break it', (_given, text) => text.includes('xxxxxxxx') && text.length < 20_000, 500, -32603),
  dying('long ids kill it', (_given, text) => text.includes('xxxxxxxx') && text.length < 20_000),
  refusing('long headers break it', (given) => isLong(given), 500, -32603),
  dying('long headers kill it', (given) => isLong(given)),
  {
    name: 'clients that go away kill it',
    wrap: (handler) => {
      let gone = 0;
      return async (given) => {
        const text = await textOf(given);
        if (gone > 3) return refusal(text, 500, -32603);
        given.signal.addEventListener('abort', () => gone++, { once: true });
        return handler(given);
      };
    },
  },
  {
    name: 'a body that comes slowly is refused',
    wrap: (handler) => async (given) => {
      if (!given.body) return handler(given);
      let pieces = 0;
      for await (const _piece of given.clone().body as unknown as AsyncIterable<Uint8Array>) pieces++;
      return pieces > 1 ? refusal('', 408) : handler(given);
    },
  },
  ...['PUT', 'PATCH'].flatMap((method) => [
    request(`${method} is served as POST is`, async (given) =>
      given.method === method
        ? new Request(given.url, { method: 'POST', headers: given.headers, body: await given.text() })
        : given,
    ),
    replying(
      `${method} answers 200`,
      (given) => given.method === method,
      () => new Response('', { status: 200 }),
    ),
    replying(
      `${method} answers 500`,
      (given) => given.method === method,
      () => new Response('', { status: 500 }),
    ),
    replying(
      `${method} answers 400`,
      (given) => given.method === method,
      () => new Response('', { status: 400 }),
    ),
    dying(`${method} kills it`, (given) => given.method === method),
  ]),
  answer('405 does not say what is allowed', (response) => {
    if (response.status !== 405) return response;
    const changed = new Response(response.body, response);
    changed.headers.delete('allow');
    return changed;
  }),
  ...['HEAD', 'OPTIONS'].flatMap((method) => [
    replying(
      `${method} answers 500`,
      (given) => given.method === method,
      () => new Response(null, { status: 500 }),
    ),
    dying(`${method} kills it`, (given) => given.method === method),
  ]),
  replying(
    'HEAD is never answered',
    (given) => given.method === 'HEAD',
    () => new Promise(() => {}),
  ),
  ...of(SESSIONS, [
    replying(
      'GET answers a page',
      isGet,
      () => new Response('<html></html>', { headers: { 'content-type': 'text/html' } }),
    ),
    replying('GET answers 404', isGet, () => new Response(null, { status: 404 })),
    replying('GET answers JSON', isGet, () => Response.json({})),
    replying('GET answers 204', isGet, () => new Response(null, { status: 204 })),
  ]),
];

// ---- Origin, Host, CORS ----------------------------------------------------------------------------

/** Changes what an allowed origin is told. */
function shared(name: string, change: (headers: Headers, given: Request) => void): Mutant {
  return headers(name, (changed, given) => {
    if (hasOrigin(given) && changed.has('access-control-allow-origin')) change(changed, given);
  });
}

const origins: readonly Mutant[] = [
  ...['POST', 'GET', 'DELETE'].map((method) =>
    trusting(`${method} is open to any origin`, (_origin, given) => given.method === method),
  ),
  trusting('the origin null may call', (origin) => origin === 'null'),
  trusting('an origin with localhost in it may call', (origin) => origin.includes('localhost')),
  trusting('an origin that begins like an own one may call', (origin) =>
    /^https?:\/\/(?:localhost|127\.0\.0\.1)/.test(origin),
  ),
  trusting('an origin that ends like an own one may call', (origin) =>
    /(?:localhost|127\.0\.0\.1(?::\d+)?)$/.test(origin),
  ),
  trusting('an origin that begins with the host may call', (origin, { url }) => origin.startsWith(new URL(url).origin)),
  trusting(
    'an origin with the host in it may call',
    (origin, { url }) => origin.includes(new URL(url).host) && origin !== new URL(url).origin,
  ),
  trusting('origins in capitals may call', (origin) => /[A-Z]{4}/.test(origin)),
  trusting('origins over TLS may call', (origin) => origin.startsWith('https:')),
  {
    name: 'the origin matters for initialize and discovery only',
    wrap: (handler) => async (given) => {
      const text = await textOf(given);
      return handler(hasOrigin(given) && !/"initialize"|"server\/discover"/.test(text) ? withoutOrigin(given) : given);
    },
  },
  {
    name: 'the origin does not matter for initialize',
    revisions: SESSIONS,
    wrap: (handler) => async (given) =>
      handler(hasOrigin(given) && isInitialize(given, await textOf(given)) ? withoutOrigin(given) : given),
  },
  {
    name: 'the origin does not matter for notifications',
    wrap: (handler) => async (given) =>
      handler(hasOrigin(given) && isNotification(given, await textOf(given)) ? withoutOrigin(given) : given),
  },
  {
    name: 'a foreign origin is refused once its request has run',
    wrap: (handler) => async (given) => {
      if (!hasOrigin(given) || given.method === 'OPTIONS') return handler(given);
      const refused = await handler(given.clone());
      if (refused.status === 403) {
        const ran = await handler(withoutOrigin(given));
        void ran.body?.cancel();
      }
      return refused;
    },
  },
  ...[400, 401, 404, 200].map((code) =>
    regarding(`a foreign origin answers ${code}`, 403, hasOrigin, (response) => status(response, code)),
  ),
  regarding('a foreign origin is refused with the id of its request', 403, hasOrigin, (_response, text) =>
    refusal(text, 403),
  ),
  regarding('a foreign origin is given a session', 403, hasOrigin, (response) => {
    const changed = new Response(response.body, response);
    changed.headers.set('mcp-session-id', crypto.randomUUID());
    return changed;
  }),
  refusing(
    'without an Origin nobody is served',
    (given, text) => isPost(given) && !hasOrigin(given) && !/"initialize"|"server\/discover"/.test(text),
    403,
  ),
  refusing('an own origin is refused', (given) => hasOrigin(given), 403),
  headers('a preflight of every origin is allowed', (changed, given) => {
    if (given.method === 'OPTIONS') changed.set('access-control-allow-origin', given.headers.get('origin') ?? '*');
  }),
  headers('every origin may read every answer', (changed) => changed.set('access-control-allow-origin', '*')),
  headers('every origin may call with credentials', (changed, given) => {
    changed.set('access-control-allow-origin', given.headers.get('origin') ?? '*');
    changed.set('access-control-allow-credentials', 'true');
  }),
  shared('own origins are told of all, with credentials', (changed) => {
    changed.set('access-control-allow-origin', '*');
    changed.set('access-control-allow-credentials', 'true');
  }),
  shared('a preflight allows no POST', (changed) => changed.set('access-control-allow-methods', 'GET, OPTIONS')),
  shared('a preflight allows no Content-Type', (changed) =>
    changed.set('access-control-allow-headers', 'mcp-session-id, mcp-protocol-version, mcp-method, mcp-name'),
  ),
  shared('a preflight allows no headers of sessions', (changed) =>
    changed.set('access-control-allow-headers', 'content-type, mcp-protocol-version, mcp-method, mcp-name'),
  ),
  shared('a preflight allows no headers of 2026-07-28', (changed) =>
    changed.set('access-control-allow-headers', 'content-type, mcp-protocol-version, mcp-session-id'),
  ),
  shared('browsers cannot read the session id', (changed) => changed.delete('access-control-expose-headers')),
  answer('a preflight answers 400', (response, given) =>
    given.method === 'OPTIONS' && response.status === 204
      ? new Response(null, { status: 400, headers: response.headers })
      : response,
  ),
  hosting('any host may be named', (host) => host !== '127.0.0.1'),
  hosting('a host with localhost in it may be named', (host) => host.includes('localhost') && host !== 'localhost'),
  hosting('a host that begins like the loopback may be named', (host) => host.startsWith('127.0.0.1.')),
  hosting('addresses of other networks may be named', (host) => host.startsWith('169.')),
  hosting('GET may name any host', (host, given) => isGet(given) && host !== '127.0.0.1'),
  hosting('DELETE may name any host', (host, given) => isDelete(given) && host !== '127.0.0.1'),
  refusing('localhost is refused', ({ url }) => new URL(url).hostname === 'localhost', 403),
  refusing('the loopback of IPv6 is refused', ({ url }) => new URL(url).hostname === '[::1]', 403),
  refusing('another port than the own is refused', ({ url }) => new URL(url).port === '8080', 403),
  {
    name: 'a host is refused with 200',
    wrap: (handler) => async (given) => {
      const response = await handler(given);
      return response.status === 403 && !hasOrigin(given) ? status(response, 200) : response;
    },
  },
];

// ---- batches, requests side by side, other sessions ------------------------------------------------

const hasRequest = (messages: readonly unknown[]) =>
  messages.some((one) => isRecord(one) && 'id' in one && 'method' in one);

const batches: readonly Mutant[] = [
  ...of(SESSIONS, [
    batching('batches are served where they are gone', (messages) => messages.length > 1),
    batching(
      'a batch of one is served where batches are gone',
      (messages) => messages.length === 1 && hasRequest(messages),
    ),
    batching(
      'a batch of notifications is taken where batches are gone',
      (messages) => messages.length > 0 && !hasRequest(messages),
    ),
    batching('an empty batch is taken', (messages) => messages.length === 0),
    dying('a batch kills it', (given, text) => isPost(given) && text.startsWith('[')),
    regarding(
      'a batch answers 500 where batches are gone',
      400,
      (_given, text) => text.startsWith('['),
      (response) => status(response, 500),
    ),
    regarding(
      'a batch answers 200 where batches are gone',
      400,
      (_given, text) => text.startsWith('['),
      (response) => status(response, 200),
    ),
    rebuff(
      'a batch is a parse error where batches are gone',
      (_given, text) => text.startsWith('['),
      (body) => ({ ...body, error: { ...body.error, code: -32700 } }),
    ),
  ]),
  batching('batches are served in 2026-07-28', (messages) =>
    JSON.stringify(messages).includes('io.modelcontextprotocol/'),
  ),
  batch('of a batch only the first request is answered', (answers) => answers.slice(0, 1)),
  batch('of a batch the errors are lost', (answers) =>
    answers.length > 2 ? answers.filter((one) => !one.error) : answers,
  ),
  batch('of a batch the last answer comes twice', (answers) => [...answers, answers.at(-1)]),
  batch('notifications of a batch are answered', (answers) => [...answers, { jsonrpc: '2.0', id: null, result: {} }]),
  batch('a batch of one is answered by an empty list', (answers) => (answers.length === 1 ? [] : answers)),
  batch('a batch is answered by its last response', (answers) => answers.at(-1)),
  batch('answers of a batch all have the first id', (answers) =>
    answers.map((one) => ({ ...one, id: answers[0]?.id })),
  ),
  batch('ids of a batch are texts', (answers) => answers.map((one) => ({ ...one, id: String(one.id) }))),
  ...of(BATCHES, [
    dying('any batch kills it', (given, text) => isPost(given) && text.startsWith('[')),
    replying(
      'a batch of one response is answered by an empty list',
      (given, text) => isPost(given) && /^\[\{"jsonrpc":"2.0","id":"nobody-asked","result":\{\}\}\]$/.test(text),
      () => Response.json([]),
    ),
    refusing('batches are refused', (given, text) => isPost(given) && text.startsWith('[{')),
    replying(
      'a batch without requests is answered by an empty list',
      (given, text) =>
        isPost(given) && text.startsWith('[{') && isSession(given) && !hasRequest(JSON.parse(text) as unknown[]),
      () => Response.json([]),
    ),
    replying(
      'a batch of responses is answered by an empty list',
      (given, text) => isPost(given) && text.startsWith('[{') && !text.includes('"method"'),
      () => Response.json([]),
    ),
    replying(
      'an empty batch is answered by an empty list',
      (given, text) => isPost(given) && text === '[]',
      () => Response.json([]),
    ),
    replying(
      'an empty batch is taken for a notification',
      (given, text) => isPost(given) && text === '[]',
      () => new Response(null, { status: 202 }),
    ),
    asked('members of a batch that are no messages are overlooked', (text) => {
      const read = parsed(text);
      if (!Array.isArray(read) || read.length === 0) return text;
      return JSON.stringify(
        read.filter((one) => isRecord(one) && one.jsonrpc === '2.0' && typeof (one.method ?? '') === 'string'),
      );
    }),
    refusing(
      'members of a batch that are no messages break it',
      (_given, text) => /"right".*,(?:1|null|\[\]|\{"id":7\}|\{.*"method":7\})\]$/.test(text),
      500,
      -32603,
    ),
    refusing(
      'large batches break it',
      (given, text) => isPost(given) && Array.isArray(parsed(text)) && (parsed(text) as unknown[]).length > 40,
      500,
      -32603,
    ),
    {
      name: 'a batch may begin a session',
      wrap: (handler) => async (given) => {
        const read = parsed(await textOf(given));
        if (!Array.isArray(read) || !JSON.stringify(read).includes('"initialize"')) return handler(given);
        const response = await handler(withBody(given, JSON.stringify(read[0])));
        return Response.json([await response.json()], { headers: response.headers });
      },
    },
    {
      name: 'the stream of a batch ends with its first response',
      wrap: (handler) => async (given) => {
        const isBatch = (await textOf(given)).startsWith('[');
        const response = await handler(given);
        if (!isBatch || !isEvents(response) || !response.body) return response;
        const decoder = new TextDecoder();
        let isOver = false;
        const cut = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            if (isOver) return;
            const text = decoder.decode(chunk);
            const end = text.search(/"id":"[\w-]+","result"/);
            const line = end < 0 ? -1 : text.indexOf('\n\n', end);
            isOver = line >= 0;
            controller.enqueue(encoder.encode(isOver ? text.slice(0, line + 2) : text));
            if (isOver) controller.terminate();
          },
        });
        return new Response(response.body.pipeThrough(cut), response);
      },
    },
  ]),
];

const sideBySide: readonly Mutant[] = [
  mixing('results of requests side by side are mixed up', (one) => (one.method === 'prompts/get' ? 'all' : undefined)),
  mixing('clients that share an id get each other\u2019s results', (one) =>
    one.method === 'prompts/get' ? JSON.stringify(one.id) : undefined,
  ),
  mixing('results and errors side by side are mixed up', (one) =>
    /^(?:tools\/list|no\/such-method)$/.test(String(one.method)) ? 'all' : undefined,
  ),
  {
    name: 'one request at a time',
    wrap: (handler) => {
      let busy = 0;
      return async (given) => {
        const text = await textOf(given);
        if (!text.includes('"prompts/get"')) return handler(given);
        if (busy > 0) return refusal(text, 503, -32603);
        busy++;
        const response = await handler(given);
        await gathered();
        busy--;
        return response;
      };
    },
  },
  {
    name: 'progress goes to the latest call with that id',
    wrap: (handler) => {
      const latest = new Map<string, unknown>();
      return async (given) => {
        const read = parsed(await textOf(given));
        const meta =
          isRecord(read) && read.method === 'tools/call' && isRecord(read.params) ? read.params._meta : undefined;
        if (!isRecord(read) || !isRecord(meta) || meta.progressToken === undefined) return handler(given);
        const key = JSON.stringify(read.id);
        latest.set(key, meta.progressToken);
        return message('', (one) =>
          one.method === 'notifications/progress'
            ? { ...one, params: { ...(one.params as object), progressToken: latest.get(key) } }
            : one,
        ).wrap(() => handler(given))(given);
      };
    },
  },
  ...of(SESSIONS, [
    {
      name: 'a response answers whoever asked under that id',
      wrap: (handler) => {
        const live = new Set<string>();
        return async (given) => {
          const text = await textOf(given);
          if (isPost(given) && !text.includes('"method"') && text.includes('"result"'))
            for (const id of live) await handler(withHeader(given.clone(), 'mcp-session-id', id));
          const response = await handler(given);
          const id = response.headers.get('mcp-session-id');
          if (id !== null) live.add(id);
          return response;
        };
      },
    },
    {
      name: 'a request of 2026-07-28 ends the sessions',
      wrap: (handler: Handler): Handler => {
        const live = new Set<string>();
        const dead = new Set<string>();
        return async (given) => {
          const text = await textOf(given);
          const id = given.headers.get('mcp-session-id');
          if (id !== null && dead.has(id)) return refusal(text, 404);
          if (isPost(given) && isModern(given, text)) for (const one of live) dead.add(one);
          const response = await handler(given);
          const own = response.headers.get('mcp-session-id');
          if (own !== null) live.add(own);
          return response;
        };
      },
    },
    {
      name: 'a request of 2026-07-28 turns the sessions modern',
      wrap: (handler) => {
        let isTurned = false;
        return async (given) => {
          isTurned ||= isPost(given) && isModern(given, await textOf(given));
          return message('', (one) =>
            isTurned && one.result ? { ...one, result: { resultType: 'complete', ...one.result } } : one,
          ).wrap(() => handler(given))(given);
        };
      },
    },
    refusing('a request of 2026-07-28 breaks it', (given, text) => isPost(given) && isModern(given, text), 500, -32603),
  ]),
];

const crowds: readonly Mutant[] = [
  {
    name: 'after a hundred listen streams nothing is answered',
    revisions: ['2026-07-28'],
    wrap: (handler) => {
      let open = 0;
      return async (given) => {
        const text = await textOf(given);
        if (text.includes('subscriptions/listen')) open++;
        return open > 100 ? refusal(text, 503, -32603) : handler(given);
      };
    },
  },
];

export const TRANSPORT: readonly Mutant[] = [
  ...sessions,
  ...lifecycle,
  ...posts,
  ...rpc,
  ...http,
  ...origins,
  ...batches,
  ...sideBySide,
  ...crowds,
];
