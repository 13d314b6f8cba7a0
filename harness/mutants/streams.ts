import { LOG_LEVELS } from '../replay/protocol.ts';
import type { Mutant } from './mutate.ts';
import { QUESTIONS } from './questions.ts';
import {
  accepted,
  changed,
  dataOf,
  endSession,
  eventOf,
  type Given,
  type Hooks,
  idOf,
  isResponse,
  json,
  member,
  methodOf,
  old,
  type Stream,
  send,
  spy,
  withData,
} from './spy.ts';

const NEVER = new Promise<void>(() => {});
const EVENTS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };

/** A stream that was resumed. */
const isResumed = ({ given }: Stream) => given.verb === 'GET' && given.from !== null;
const isGet = ({ given }: Stream) => given.verb === 'GET';
const isPost = ({ given }: Stream) => given.verb === 'POST';
const isPriming = (event: string) => idOf(event) !== undefined && /^data: ?$/m.test(event);
const isComment = (event: string) => /^: ?$/.test(event);
const isProgress = (event: string) => methodOf(dataOf(event)) === 'notifications/progress';
/** An event stream that says so much and ends, or stays open. */
const stream = (text: string, staysOpen = false) => {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      if (!staysOpen) controller.close();
    },
  });
  return new Response(body, { headers: EVENTS });
};
/** Changes events; index counts those of a stream that hold a message. */
const events = (change: (event: string, stream: Stream, index: number) => string | readonly string[]) => (): Hooks => {
  const counts = new WeakMap<Stream, number>();
  return {
    event(event, stream) {
      const index = counts.get(stream) ?? 0;
      if (dataOf(event)) counts.set(stream, index + 1);
      return change(event, stream, index);
    },
  };
};
/** Changes what is asked. */
const asks = (before: NonNullable<Hooks['before']>) => (): Hooks => ({ before });
/** Answers differently. */
/** What one session asks by a method happens in all of them. */
const inEverySession = (method: string) => (): Hooks => {
  const sessions = new Set<string>();
  return {
    after(response) {
      const minted = response.headers.get('mcp-session-id');
      if (minted !== null) sessions.add(minted);
      return response;
    },
    async before(given) {
      if (given.body?.method !== method) return undefined;
      for (const session of sessions)
        if (session !== given.session) await send(given, { ...given.body, id: crypto.randomUUID() }, session);
      return undefined;
    },
  };
};

const answers = (after: NonNullable<Hooks['after']>) => (): Hooks => ({ after });

/** All open streams of a session. */
function open(): Hooks & { streams(given: Given, which?: (stream: Stream) => boolean): Stream[] } {
  const all = new Map<string, Set<Stream>>();
  const close = (stream: Stream) => void all.get(stream.given.session)?.delete(stream);
  return {
    opened(stream) {
      const known = all.get(stream.given.session);
      if (known) known.add(stream);
      else all.set(stream.given.session, new Set([stream]));
    },
    ended: close,
    cut: close,
    streams: ({ session }, which = () => true) => [...(all.get(session) ?? [])].filter(which),
  };
}

/** Says what matches on other streams of the session too, or only there. */
function elsewhere(
  which: (event: string, stream: Stream) => boolean,
  where: (stream: Stream) => boolean,
  moves = false,
): () => Hooks {
  return () => {
    const known = open();
    return {
      ...known,
      event(event, stream) {
        if (!which(event, stream)) return event;
        const others = known.streams(stream.given, (one) => one !== stream && where(one));
        for (const one of moves ? others.slice(-1) : others) one.say(event);
        return moves && others.length > 0 ? ': elsewhere' : event;
      },
    };
  };
}

const isList = (kind: string) => (event: string) => methodOf(dataOf(event)) === `notifications/${kind}/list_changed`;

/** What each session's streams brought, for replays that go wrong. */
function kept(): Hooks & { of(session: string): string[] } {
  const all = new Map<string, string[]>();
  return {
    event(event, { given }) {
      if (!dataOf(event) || given.verb !== 'POST') return event;
      const known = all.get(given.session);
      if (known) known.push(event);
      else all.set(given.session, [event]);
      return event;
    },
    of: (session) => all.get(session) ?? [],
  };
}

/** Progress or responses reach whoever used the token or id last, in whatever session. */
function lastOf(keyOf: (message: ReturnType<typeof dataOf>) => unknown): () => Hooks {
  return () => {
    const latest = new Map<string, Stream>();
    return {
      opened(stream) {
        if (stream.given.verb !== 'POST') return;
        const { body } = stream.given;
        for (const key of [body?.id, member(body, 'params._meta.progressToken')])
          latest.set(JSON.stringify(key ?? null), stream);
      },
      event(event, stream) {
        const key = keyOf(dataOf(event));
        const owner = key === undefined ? undefined : latest.get(JSON.stringify(key));
        if (!owner || owner === stream) return event;
        owner.say(event);
        return ': elsewhere';
      },
    };
  };
}

const RESUMPTION: readonly Mutant[] = [
  old(
    'streams begin without a priming event',
    events((event) => (isPriming(event) ? ': not primed' : event)),
  ),
  old(
    'the first event has no id',
    events((event) => (isPriming(event) ? 'data: ' : event)),
  ),
  old(
    'a stream is closed without saying when to come back',
    events((event) => event.replace(/^retry: .*$/m, ': no retry')),
  ),
  old(
    'a stream that is resumed brings nothing',
    asks(({ verb, from }) => (verb === 'GET' && from !== null ? stream(':\n\n') : undefined)),
  ),
  old(
    'no stream can be resumed',
    asks((given) =>
      given.verb === 'GET' && given.from !== null
        ? json(given, { error: { code: -32000, message: 'No' } }, 400)
        : undefined,
    ),
  ),
  old(
    'a stream that is resumed begins anew',
    asks((given) =>
      given.from === null
        ? undefined
        : changed(given, { headers: { 'last-event-id': given.from.replace(/-\d+$/, '-0') } }),
    ),
  ),
  old(
    'a stream that is resumed leaves out a message',
    events((event, stream, index) => (isResumed(stream) && index === 0 && dataOf(event) ? ': lost' : event)),
  ),
  old(
    'a stream that is resumed brings the response alone',
    events((event, stream) => (isResumed(stream) && methodOf(dataOf(event)) !== undefined ? ': lost' : event)),
  ),
  old('a stream that is resumed brings messages in another order', () => {
    const held = new WeakMap<Stream, string>();
    return {
      event(event, stream) {
        if (!isResumed(stream) || !dataOf(event)) return event;
        const first = held.get(stream);
        if (first === undefined && !isResponse(dataOf(event))) {
          held.set(stream, event);
          return ': held';
        }
        held.set(stream, '');
        return first ? [event, first] : event;
      },
    };
  }),
  old(
    'a stream that is resumed brings its messages twice',
    events((event, stream) => (isResumed(stream) && dataOf(event) ? [event, event] : event)),
  ),
  old('a stream that is resumed brings what others brought', () => {
    const known = kept();
    return {
      ...known,
      opened(stream) {
        if (!isResumed(stream)) return;
        const own = stream.given.from?.split('-')[0];
        for (const event of known.of(stream.given.session))
          if (idOf(event)?.split('-')[0] !== own) stream.say(event.replace(/^id: .*\n/m, ''));
      },
    };
  }),
  old('a stream that is resumed ends with what was missed', () => ({
    event(event, stream) {
      if (isResumed(stream)) queueMicrotask(() => stream.end());
      return event;
    },
    opened(stream) {
      if (isResumed(stream)) setTimeout(() => stream.end(), 1);
    },
  })),
  old('a stream that is resumed stays open after the response', () => ({
    ended: (stream) => (isResumed(stream) ? NEVER : undefined),
  })),
  old(
    'what is replayed has other event ids',
    events((event, stream) => (isResumed(stream) ? event.replace(/^id: (.*)$/m, 'id: r-$1') : event)),
  ),
  old(
    'progress has no event id',
    events((event) => (isProgress(event) ? event.replace(/^id: .*\n/m, '') : event)),
  ),
  old(
    'event ids count from 1 on every stream',
    events((event, _stream, index) => event.replace(/^id: .*$/m, `id: ${index + 1}`)),
  ),
  old('event ids of another session are resumed', () => {
    const owners = new Map<string, string>();
    return {
      event(event, { given }) {
        const id = idOf(event);
        if (id) owners.set(id, given.session);
        return event;
      },
      before: (given) =>
        given.from === null
          ? undefined
          : changed(given, { headers: { 'mcp-session-id': owners.get(given.from) ?? given.session } }),
    };
  }),
  old('an event id that is unknown replays everything', () => {
    const known = kept();
    return {
      ...known,
      after: (response, { verb, from, session }) =>
        verb === 'GET' && from !== null && response.status === 400
          ? stream(`${known.of(session).join('\n\n')}\n\n`)
          : response,
    };
  }),
  old(
    'an event id that is unknown is a fault of the server',
    answers((response, { verb, from }) =>
      verb === 'GET' && from !== null && response.status === 400 ? new Response(null, { status: 500 }) : response,
    ),
  ),
  old('an event id that is unknown ends the session', () => ({
    async after(response, given) {
      if (given.verb === 'GET' && given.from !== null && response.status === 400) await endSession(given);
      return response;
    },
  })),
  old('who goes away has cancelled', () => ({
    cut(stream) {
      const { given } = stream;
      if (isPost(stream))
        void send(given, { method: 'notifications/cancelled', params: { requestId: given.body?.id } });
    },
  })),
  old('what was read to its end is brought again', () => {
    const known = kept();
    return {
      ...known,
      opened(stream) {
        const own = stream.given.from?.split('-')[0];
        if (own === undefined) return;
        const last = known.of(stream.given.session).findLast((event) => idOf(event)?.split('-')[0] === own);
        if (last && isResponse(dataOf(last))) stream.say(last);
      },
    };
  }),
  spy(
    'a stream of an older revision is closed before its response',
    events((event, stream) => {
      if (isPost(stream)) setTimeout(() => stream.end(), 0);
      return isResponse(dataOf(event)) ? ': not yet' : event;
    }),
    { revisions: ['2025-06-18'] },
  ),
  spy(
    'a stream of an older revision begins with an event without data',
    () => ({ opened: (stream) => stream.say('id: first-1\ndata: ') }),
    { revisions: ['2025-06-18'] },
  ),
];

const GET: readonly Mutant[] = [
  old(
    'GET answers with JSON',
    answers((response, { verb, from }) =>
      verb === 'GET' && from === null && response.status === 200
        ? new Response('{}', { headers: { 'content-type': 'application/json' } })
        : response,
    ),
  ),
  old(
    'GET answers 400',
    answers((response, { verb }) => (verb === 'GET' ? new Response(null, { status: 400 }) : response)),
  ),
  old(
    'GET takes any session id',
    answers((response, { verb }) => (verb === 'GET' && response.status === 404 ? stream(':\n\n', true) : response)),
  ),
  old(
    'GET of an unknown session answers 400',
    answers((response, { verb }) =>
      verb === 'GET' && response.status === 404 ? new Response(null, { status: 400 }) : response,
    ),
  ),
  old(
    'GET needs no session id',
    answers((response, { verb, session }) => (verb === 'GET' && session === '' ? stream(':\n\n', true) : response)),
  ),
  old(
    'GET takes any Accept',
    asks((given) => (given.verb === 'GET' ? changed(given, { headers: { accept: 'text/event-stream' } }) : undefined)),
  ),
  old('the session ends when its GET stream is cut', () => ({
    cut(stream) {
      if (isGet(stream)) void endSession(stream.given);
    },
  })),
  old('a GET stream can be opened once', () => {
    const opened = new Set<string>();
    return {
      before(given) {
        if (given.verb !== 'GET' || given.from !== null) return undefined;
        if (opened.has(given.session)) return json(given, { error: { code: -32000, message: 'Conflict' } }, 409);
        opened.add(given.session);
        return undefined;
      },
    };
  }),
  old('the GET stream outlives its session', () => ({ ended: (stream) => (isGet(stream) ? NEVER : undefined) })),
  old('both of two GET streams tell everything', () => {
    const known = open();
    return {
      ...known,
      event(event, stream) {
        if (isGet(stream) && dataOf(event))
          for (const one of known.streams(stream.given, isGet)) if (one !== stream) one.say(event);
        return event;
      },
      ended: (stream) => (isGet(stream) ? NEVER : undefined),
    };
  }),
  old(
    'responses come on the GET stream too',
    elsewhere((event, stream) => isPost(stream) && isResponse(dataOf(event)), isGet),
  ),
  old(
    'responses come on the GET stream',
    elsewhere((event, stream) => isPost(stream) && isResponse(dataOf(event)), isGet, true),
  ),
  old(
    'progress comes on the GET stream too',
    elsewhere((event, stream) => isPost(stream) && isProgress(event), isGet),
  ),
  old(
    'progress comes on the GET stream',
    elsewhere((event, stream) => isPost(stream) && isProgress(event), isGet, true),
  ),
  old('progress and responses come on the GET streams of other sessions', () => {
    const standing = new Map<string, Stream>();
    return {
      opened: (stream) => void (isGet(stream) && standing.set(stream.given.session, stream)),
      event(event, stream) {
        const isOwn = isPost(stream) && (isProgress(event) || isResponse(dataOf(event)));
        for (const [session, one] of isOwn ? standing : []) if (session !== stream.given.session) one.say(event);
        return event;
      },
    };
  }),
  old('what a stream misses while it is cut comes on the GET stream', () => {
    const known = open();
    return {
      ...known,
      cut(stream) {
        known.cut?.(stream);
        if (!isPost(stream)) return;
        const response = eventOf({ id: stream.given.body?.id, result: { content: [] } });
        for (const one of known.streams(stream.given, isGet)) one.say(response);
      },
    };
  }),
  old(
    'log messages come on two streams',
    elsewhere((event, stream) => isPost(stream) && methodOf(dataOf(event)) === 'notifications/message', isGet),
  ),
  old('roots are asked for before the client is ready', () => ({
    opened(stream) {
      if (isGet(stream)) stream.say(eventOf({ id: `early-${crypto.randomUUID()}`, method: 'roots/list' }));
    },
  })),
  old(
    'a change of the tools is never told',
    events((event) => (isList('tools')(event) ? ': untold' : event)),
  ),
  old(
    'a change of the prompts is never told',
    events((event) => (isList('prompts')(event) ? ': untold' : event)),
  ),
  old(
    'a change of the tools is told on every stream',
    elsewhere(isList('tools'), () => true),
  ),
  old(
    'a change of the prompts is told on every stream',
    elsewhere(isList('prompts'), () => true),
  ),
  ...(['tools', 'prompts'] as const).map((kind) =>
    old(
      `that the list of ${kind} changes is not declared`,
      answers(async (response, { body }) => {
        if (body?.method !== 'initialize') return response;
        const text = await response.text();
        return new Response(text.replace(new RegExp(`("${kind}":\\{)"listChanged":true`), '$1'), response);
      }),
    ),
  ),
];

const PROGRESS: readonly Mutant[] = [
  spy(
    'progress comes without being asked for',
    asks((given) => {
      const { body } = given;
      if (body?.method !== 'tools/call' || member(body, 'params._meta.progressToken') !== undefined) return undefined;
      const params = body.params as Record<string, unknown>;
      const meta = { ...(params._meta as object), progressToken: 'unasked' };
      return changed(given, { body: { ...body, params: { ...params, _meta: meta } } });
    }),
  ),
  spy(
    'a token that is a number comes back as text',
    events((event) => event.replace(/"progressToken":(\d+)/, '"progressToken":"$1"')),
  ),
  spy(
    'a token that looks like a number comes back as one',
    events((event) => event.replace(/"progressToken":"(\d+)"/, '"progressToken":$1')),
  ),
  spy(
    'the token 0 is taken for none',
    asks((given) => {
      const { body } = given;
      if (member(body, 'params._meta.progressToken') !== 0) return undefined;
      const params = (body as { params: { _meta: object } }).params;
      return changed(given, {
        body: { ...body, params: { ...params, _meta: { ...params._meta, progressToken: undefined } } },
      });
    }),
  ),
  spy('progress goes on after the response', () => {
    const last = new WeakMap<Stream, string>();
    return {
      event(event, stream) {
        if (isProgress(event)) last.set(stream, event);
        const progress = last.get(stream);
        if (!isResponse(dataOf(event)) || progress === undefined) return event;
        return [event, progress.replace(/^id: .*\n/m, '').replace(/"progress":\d+/, '"progress":101')];
      },
    };
  }),
  spy('streams are held back to their end', () => {
    const held = new WeakMap<Stream, string[]>();
    return {
      event(event, stream) {
        if (!isPost(stream)) return event;
        const known = held.get(stream);
        if (known) known.push(event);
        else held.set(stream, [event]);
        return isResponse(dataOf(event)) ? (held.get(stream) ?? []) : ': held';
      },
    };
  }),
  spy(
    'progress reaches who used its token last',
    lastOf((message) =>
      methodOf(message) === 'notifications/progress' ? member(message, 'params.progressToken') : undefined,
    ),
  ),
  spy(
    'responses reach who used their id last',
    lastOf((message) => (isResponse(message) ? message?.id : undefined)),
  ),
  old('an id that another session uses is refused', () => {
    const busy = new Set<string>();
    return {
      before(given) {
        if (given.body?.method !== 'tools/call') return undefined;
        const key = JSON.stringify(given.body.id);
        return busy.has(key) ? json(given, { error: { code: -32600, message: 'In use' } }, 400) : undefined;
      },
      opened: ({ given }) => void (given.body && busy.add(JSON.stringify(given.body.id))),
      ended: ({ given }) => void busy.delete(JSON.stringify(given.body?.id)),
      cut: ({ given }) => void busy.delete(JSON.stringify(given.body?.id)),
    };
  }),
];

const setLevel = (change: (given: Given, level: string) => Request | Response | undefined) =>
  asks((given) =>
    given.body?.method === 'logging/setLevel' ? change(given, String(member(given.body, 'params.level'))) : undefined,
  );
const levelMoved = (by: number) =>
  setLevel((given, level) => {
    const moved = LOG_LEVELS[LOG_LEVELS.indexOf(level) + by];
    return LOG_LEVELS.includes(level) && moved !== undefined
      ? changed(given, { body: { ...given.body, params: { level: moved } } })
      : undefined;
  });
const refusedLevel = (message: object) =>
  answers(async (response, given) => {
    if (given.body?.method !== 'logging/setLevel') return response;
    const body = (await response.clone().json()) as { error?: object };
    return body.error ? json(given, message) : response;
  });

const LOGGING: readonly Mutant[] = [
  old(
    'the log level is ignored',
    setLevel((given, level) => (LOG_LEVELS.includes(level) ? json(given, { result: {} }) : undefined)),
  ),
  old('the log level is one too low', levelMoved(-1)),
  old('the log level is one too high', levelMoved(1)),
  old('an unknown log level is taken', refusedLevel({ result: {} })),
  old(
    'an unknown log level is an internal error',
    refusedLevel({ error: { code: -32603, message: 'Internal error' } }),
  ),
  old(
    'setting the log level answers something',
    answers((response, given) =>
      given.body?.method === 'logging/setLevel' ? json(given, { result: { ok: true } }) : response,
    ),
  ),
  old(
    'the log level emergency is unknown',
    setLevel((given, level) =>
      level === 'emergency' ? json(given, { error: { code: -32602, message: 'Unknown level' } }) : undefined,
    ),
  ),
  old('the log level can be set once', () => {
    const set = new Set<string>();
    return {
      before(given) {
        if (given.body?.method !== 'logging/setLevel') return undefined;
        if (set.has(given.session)) return json(given, { result: {} });
        set.add(given.session);
        return undefined;
      },
    };
  }),
  old('the log level is set for every session', inEverySession('logging/setLevel')),
  old(
    'nothing is ever logged',
    events((event) => (methodOf(dataOf(event)) === 'notifications/message' ? ': silence' : event)),
  ),
  old(
    'logging is not declared',
    answers(async (response, { body }) => {
      if (body?.method !== 'initialize') return response;
      return new Response((await response.text()).replace('"logging":{},', '').replace(',"logging":{}', ''), response);
    }),
  ),
];

const isCancel = ({ body }: Given) => body?.method === 'notifications/cancelled';
const cancels = (change: (given: Given, requestId: unknown) => ReturnType<NonNullable<Hooks['before']>>) =>
  asks((given) => (isCancel(given) ? change(given, member(given.body, 'params.requestId')) : undefined));
/** Knows which requests were cancelled. */
function cancelled(): Hooks & { has(given: Given): boolean; last(session: string): unknown } {
  const all = new Map<string, unknown[]>();
  return {
    before(given) {
      if (isCancel(given))
        all.set(given.session, [...(all.get(given.session) ?? []), member(given.body, 'params.requestId')]);
      return undefined;
    },
    has: ({ session, body }) => all.get(session)?.includes(body?.id) ?? false,
    last: (session) => all.get(session)?.at(-1),
  };
}

const CANCELLATION: readonly Mutant[] = [
  old('cancellations are ignored', cancels(accepted)),
  old('a request that is cancelled answers an error', () => {
    const known = cancelled();
    return {
      ...known,
      ended(stream) {
        const { given } = stream;
        if (isPost(stream) && known.has(given))
          stream.say(eventOf({ id: given.body?.id, error: { code: -32800, message: 'Cancelled' } }));
      },
    };
  }),
  old('a request that was cancelled answers where its stream is resumed', () => {
    const known = cancelled();
    return {
      ...known,
      opened(stream) {
        const id = known.last(stream.given.session);
        if (isResumed(stream) && id !== undefined)
          stream.say(eventOf({ id, error: { code: -32800, message: 'Cancelled' } }));
      },
    };
  }),
  old('the stream of a request that is cancelled stays open', () => {
    const known = cancelled();
    return { ...known, ended: (stream) => (known.has(stream.given) ? NEVER : undefined) };
  }),
  old(
    'cancellations are refused',
    cancels((given) => json(given, { error: { code: -32600, message: 'No' } }, 400)),
  ),
  old(
    'a cancellation that is malformed is a fault of the server',
    cancels((_given, id) =>
      typeof id === 'string' || typeof id === 'number' ? undefined : new Response(null, { status: 500 }),
    ),
  ),
  old('a cancellation ends the session', () => ({
    async after(response, given) {
      if (isCancel(given)) await endSession(given);
      return response;
    },
  })),
  old('a cancellation reaches every session', () => {
    const sessions = new Set<string>();
    return {
      after(response) {
        const minted = response.headers.get('mcp-session-id');
        if (minted !== null) sessions.add(minted);
        return response;
      },
      async before(given) {
        if (isCancel(given)) for (const session of sessions) await send(given, given.body as object, session);
        return undefined;
      },
    };
  }),
  old(
    'a cancellation takes no notice of the type of an id',
    cancels(async (given, id) => {
      const params = { requestId: typeof id === 'number' ? String(id) : Number(id) };
      await send(given, { method: 'notifications/cancelled', params });
      return undefined;
    }),
  ),
  old('any cancellation cancels everything', () => {
    const busy = new Map<string, unknown[]>();
    return {
      opened({ given }) {
        if (given.body) busy.set(given.session, [...(busy.get(given.session) ?? []), given.body.id]);
      },
      async before(given) {
        if (!isCancel(given)) return undefined;
        for (const requestId of busy.get(given.session) ?? [])
          await send(given, { method: 'notifications/cancelled', params: { requestId } });
        return undefined;
      },
    };
  }),
  old('a request that is cancelled works on', () => {
    const known = cancelled();
    return {
      before(given) {
        void known.before?.(given);
        return isCancel(given) ? accepted() : undefined;
      },
      event: (event, stream) => (known.has(stream.given) && isResponse(dataOf(event)) ? ': cancelled' : event),
    };
  }),
  old(
    'the server cancels what it never asked',
    events((event) => {
      const message = dataOf(event);
      if (methodOf(message) !== 'elicitation/create') return event;
      const cancel = eventOf({ method: 'notifications/cancelled', params: { requestId: 'never-asked' } });
      return [event, cancel];
    }),
  ),
];

const subscribes = (change: (given: Given, uri: unknown) => ReturnType<NonNullable<Hooks['before']>>, method: string) =>
  asks((given) =>
    given.body?.method === `resources/${method}` ? change(given, member(given.body, 'params.uri')) : undefined,
  );
const isUpdate = (event: string) => methodOf(dataOf(event)) === 'notifications/resources/updated';
const WATCHED = 'test://watched-resource';

const SUBSCRIPTION: readonly Mutant[] = [
  ...['subscribe', 'unsubscribe'].flatMap((method) => [
    old(
      `${method} answers something`,
      answers(async (response, given) => {
        if (given.body?.method !== `resources/${method}`) return response;
        const body = (await response.clone().json()) as { result?: object };
        return body.result ? json(given, { result: { ok: true } }) : response;
      }),
    ),
    old(
      `${method} does nothing`,
      subscribes((given, uri) => (typeof uri === 'string' ? json(given, { result: {} }) : undefined), method),
    ),
    old(
      `${method} needs no uri`,
      subscribes((given, uri) => (typeof uri === 'string' ? undefined : json(given, { result: {} })), method),
    ),
    old(
      `${method} without a uri is an internal error`,
      subscribes(
        (given, uri) =>
          typeof uri === 'string' ? undefined : json(given, { error: { code: -32603, message: 'Internal error' } }),
        method,
      ),
    ),
  ]),
  old(
    'a subscription to one resource is one to all',
    subscribes(async (given) => {
      await send(given, { id: crypto.randomUUID(), method: 'resources/subscribe', params: { uri: WATCHED } });
      return undefined;
    }, 'subscribe'),
  ),
  old('updates come without a subscription', () => ({
    async after(response, given) {
      if (given.body?.method === 'notifications/initialized')
        await send(given, { id: crypto.randomUUID(), method: 'resources/subscribe', params: { uri: WATCHED } });
      return response;
    },
  })),
  old('who unsubscribes does so for every session', inEverySession('resources/unsubscribe')),
  old(
    'an update names another resource',
    events((event) => {
      const message = dataOf(event);
      return isUpdate(event) ? withData(event, { ...message, params: { uri: 'test://static-text' } }) : event;
    }),
  ),
];

const QUIET: readonly Mutant[] = [
  old(
    'a heartbeat is an event',
    events((event) => (isComment(event) ? 'data: heartbeat' : event)),
  ),
  old(
    'a heartbeat is a notification of its own',
    events((event) => (isComment(event) ? eventOf({ method: 'notifications/heartbeat' }) : event)),
  ),
  old(
    'a heartbeat is a response',
    events((event, stream) => (isComment(event) && isGet(stream) ? eventOf({ id: 'heartbeat', result: {} }) : event)),
  ),
  old('a stream that is quiet is closed', () => {
    const seen = new WeakSet<Stream>();
    return {
      event(event, stream) {
        if (isComment(event) && seen.has(stream)) queueMicrotask(() => stream.end());
        seen.add(stream);
        return event;
      },
    };
  }),
  old('a stream that is quiet is closed and cannot be resumed', () => {
    const seen = new WeakSet<Stream>();
    return {
      before: ({ from }) => (from === null ? undefined : new Response(null, { status: 400 })),
      event(event, stream) {
        if (isComment(event) && seen.has(stream)) queueMicrotask(() => stream.end());
        seen.add(stream);
        return `retry: 1000\n${event}`;
      },
    };
  }),
  spy('one request is served at a time', () => {
    let before = Promise.resolve();
    const free = new WeakMap<Given, () => void>();
    return {
      async before(given) {
        if (given.verb !== 'POST') return undefined;
        const turn = before;
        before = new Promise((resolve) => free.set(given, resolve));
        await turn;
        return undefined;
      },
      after(response, given) {
        if (!response.headers.get('content-type')?.startsWith('text/event-stream')) free.get(given)?.();
        return response;
      },
      ended: ({ given }) => free.get(given)?.(),
      cut: ({ given }) => free.get(given)?.(),
    };
  }),
  spy('a session is served one request at a time, as fast as its client reads', () => {
    const reading = new Map<string, Promise<void>>();
    return {
      async before(given) {
        if (given.verb === 'POST') await reading.get(given.session);
        return undefined;
      },
      async after(response, { verb, session }) {
        if (verb !== 'POST' || !response.body || !response.headers.get('content-type')?.startsWith('text/event-stream'))
          return response;
        // Nothing is made ahead of the reader, and nobody else is served meanwhile.
        const through = new TransformStream<Uint8Array, Uint8Array>({}, { highWaterMark: 0 }, { highWaterMark: 0 });
        reading.set(
          session,
          response.body.pipeTo(through.writable).catch(() => {}),
        );
        return new Response(through.readable, { headers: response.headers });
      },
    };
  }),
];

const NODES: readonly Mutant[] = [
  old('a node knows only sessions of its own', () => {
    const own = new Set<string>();
    return {
      before: (given) =>
        given.session === '' || own.has(given.session)
          ? undefined
          : json(given, { error: { code: -32001, message: 'Session not found' } }, 404),
      after(response) {
        const minted = response.headers.get('mcp-session-id');
        if (minted !== null) own.add(minted);
        return response;
      },
    };
  }),
  old('that a session ended is known on one node', () => {
    const ended = new Set<string>();
    return {
      before(given) {
        if (ended.has(given.session))
          return json(given, { error: { code: -32001, message: 'Session not found' } }, 404);
        if (given.verb !== 'DELETE' || given.session === '') return undefined;
        ended.add(given.session);
        return new Response(null, { status: 204 });
      },
    };
  }),
  old('every node counts its events for itself', () => {
    let count = 0;
    return { event: (event) => event.replace(/^id: .*$/m, () => `id: ${++count}`) };
  }),
  old('every node counts its questions for itself', () => {
    let count = 0;
    const real = new Map<unknown, unknown>();
    return {
      event(event) {
        const message = dataOf(event);
        if (methodOf(message) === undefined || message?.id === undefined) return event;
        real.set(`question-${++count}`, message.id);
        return withData(event, { ...message, id: `question-${count}` });
      },
      before: (given) =>
        real.has(given.body?.id) && methodOf(given.body) === undefined
          ? changed(given, { body: { ...given.body, id: real.get(given.body?.id) } })
          : undefined,
    };
  }),
  old('a node serves sessions that nobody began', () => ({
    after: (response, given) =>
      response.status === 404 && given.body?.method === 'ping' ? json(given, { result: {} }) : response,
  })),
];

/** What goes wrong on streams and with what flows on them. */
export const STREAMS: readonly Mutant[] = [
  ...RESUMPTION,
  ...GET,
  ...PROGRESS,
  ...LOGGING,
  ...CANCELLATION,
  ...QUESTIONS,
  ...SUBSCRIPTION,
  ...QUIET,
  ...NODES,
];
