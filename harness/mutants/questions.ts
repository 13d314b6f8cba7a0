/** Servers that go wrong with what they ask the client. */

import type { Mutant } from './mutate.ts';
import {
  accepted,
  changed,
  dataOf,
  endSession,
  type Given,
  type Hooks,
  isAnswer,
  isResponse,
  member,
  methodOf,
  old,
  type Stream,
  send,
  withData,
} from './spy.ts';

type Message = ReturnType<typeof dataOf>;

const METHODS = ['elicitation/create', 'sampling/createMessage', 'roots/list'] as const;
const isQuestion = (message: Message) => methodOf(message) !== undefined && message?.id !== undefined;

/** Lets every client seem to have declared something. */
const declares = (change: (capabilities: Record<string, unknown>) => Record<string, unknown>) => (): Hooks => ({
  before(given) {
    if (given.body?.method !== 'initialize') return undefined;
    const params = given.body.params as { capabilities?: unknown };
    const { capabilities } = params;
    if (typeof capabilities !== 'object' || capabilities === null) return undefined;
    const declared = change(capabilities as Record<string, unknown>);
    return changed(given, { body: { ...given.body, params: { ...params, capabilities: declared } } });
  },
});

/** Knows what every session was asked, by the id of the question. */
function questions(): Hooks & { of(given: Given): Map<unknown, Message>; owner(id: unknown): string | undefined } {
  const all = new Map<string, Map<unknown, Message>>();
  const of = ({ session }: Given) => {
    const known = all.get(session) ?? new Map<unknown, Message>();
    all.set(session, known);
    return known;
  };
  return {
    of,
    owner: (id) => [...all].find(([, asked]) => asked.has(id))?.[0],
    event(event, { given }) {
      const message = dataOf(event);
      if (isQuestion(message)) of(given).set(message?.id, message);
      return event;
    },
  };
}

/** Changes or drops answers; `asked` is the question. */
const answered = (change: (given: Given, asked: Message) => ReturnType<NonNullable<Hooks['before']>>) => (): Hooks => {
  const known = questions();
  return {
    ...known,
    before: (given) => (isAnswer(given) ? change(given, known.of(given).get(given.body?.id)) : undefined),
  };
};
/** Changes questions. */
const asks = (method: string, change: (params: Record<string, unknown>) => Record<string, unknown>) => (): Hooks => ({
  event(event) {
    const message = dataOf(event);
    if (methodOf(message) !== method) return event;
    return withData(event, { ...message, params: change((message?.params ?? {}) as Record<string, unknown>) });
  },
});
const schema = (change: (field: Record<string, unknown>) => Record<string, unknown>) =>
  asks('elicitation/create', (params) => {
    const form = params.requestedSchema as { properties: Record<string, Record<string, unknown>> } | undefined;
    if (!form) return params;
    const fields = Object.entries(form.properties).map(([name, field]) => [name, change(field)]);
    return { ...params, requestedSchema: { ...form, properties: Object.fromEntries(fields) } };
  });
/** Says questions on the GET stream of the session. */
const onGet = (method: string, moves: boolean) => (): Hooks => {
  const standing = new Map<string, Stream>();
  return {
    opened: (stream) => void (stream.given.verb === 'GET' && standing.set(stream.given.session, stream)),
    event(event, stream) {
      const get = standing.get(stream.given.session);
      if (methodOf(dataOf(event)) !== method || !get || get === stream) return event;
      get.say(event);
      return moves ? ': elsewhere' : event;
    },
  };
};
const actionOf = ({ body }: Given) => member(body, 'result.action');
const filled = { username: 'somebody', email: 'somebody@example.com' };

export const QUESTIONS: readonly Mutant[] = [
  old(
    'every client is taken to show forms',
    declares((all) => ({ ...all, elicitation: { ...(all.elicitation as object), form: {} } })),
  ),
  old(
    'who shows pages is taken to show forms',
    declares((all) => (all.elicitation ? { ...all, elicitation: { ...all.elicitation, form: {} } } : all)),
  ),
  old(
    'who shows forms is taken to open pages',
    declares((all) => (all.elicitation ? { ...all, elicitation: { ...all.elicitation, form: {}, url: {} } } : all)),
  ),
  old(
    'who declares elicitation without more is asked nothing',
    declares((all) =>
      all.elicitation && Object.keys(all.elicitation).length === 0 ? { ...all, elicitation: undefined } : all,
    ),
  ),
  old(
    'every client is taken to have a model',
    declares((all) => ({ ...all, sampling: {} })),
  ),
  old(
    'every client is taken to have roots',
    declares((all) => ({ ...all, roots: {} })),
  ),
  old(
    'no client is asked anything',
    declares(() => ({})),
  ),

  ...METHODS.flatMap((method) => [
    old(
      `the answer to ${method} is lost`,
      answered((_given, asked) => (methodOf(asked) === method ? accepted() : undefined)),
    ),
    old(
      `who refuses ${method} waits for ever`,
      answered((given, asked) => (methodOf(asked) === method && given.body?.error ? accepted() : undefined)),
    ),
  ]),
  ...METHODS.slice(0, 2).flatMap((method) => [
    old(`${method} comes on two streams`, onGet(method, false)),
    old(`${method} comes on the GET stream`, onGet(method, true)),
  ]),
  old('questions come on the GET streams of other sessions', () => {
    const standing = new Map<string, Stream>();
    return {
      opened: (stream) => void (stream.given.verb === 'GET' && standing.set(stream.given.session, stream)),
      event(event, { given }) {
        for (const [session, stream] of isQuestion(dataOf(event)) && given.verb === 'POST' ? standing : [])
          if (session !== given.session) stream.say(event);
        return event;
      },
    };
  }),
  ...['decline', 'cancel'].flatMap((action) => [
    old(
      `${action} is taken for accept`,
      answered((given) =>
        actionOf(given) === action
          ? changed(given, { body: { ...given.body, result: { action: 'accept', content: filled } } })
          : undefined,
      ),
    ),
    old(
      `who answers ${action} waits for ever`,
      answered((given) => (actionOf(given) === action ? accepted() : undefined)),
    ),
  ]),
  old(
    'content that breaks the form is taken for good',
    answered((given) => {
      const content = member(given.body, 'result.content');
      if (actionOf(given) !== 'accept' || typeof content !== 'object') return undefined;
      return changed(given, { body: { ...given.body, result: { action: 'accept', content: filled } } });
    }),
  ),
  old(
    'what the user typed is lost',
    answered((given, asked) =>
      methodOf(asked) === 'elicitation/create' && actionOf(given) === 'accept'
        ? changed(given, { body: { ...given.body, result: { action: 'accept', content: filled } } })
        : undefined,
    ),
  ),
  old(
    'what the model said is lost',
    answered((given, asked) => {
      if (methodOf(asked) !== 'sampling/createMessage' || !given.body?.result) return undefined;
      return changed(given, {
        body: { ...given.body, result: { ...given.body.result, content: { type: 'text', text: '' } } },
      });
    }),
  ),
  old(
    'the roots are lost',
    answered((given, asked) =>
      methodOf(asked) === 'roots/list' && given.body?.result
        ? changed(given, { body: { ...given.body, result: { roots: [] } } })
        : undefined,
    ),
  ),
  old(
    'an answer that is none leaves its call hanging',
    answered((given) => {
      const action = actionOf(given);
      return member(given.body, 'error') === undefined && !['accept', 'decline', 'cancel'].includes(String(action))
        ? accepted()
        : undefined;
    }),
  ),
  old(
    'an answer that is none ends the session',
    answered(async (given, asked) => {
      if (methodOf(asked) !== 'elicitation/create' || !given.body || given.body.error) return undefined;
      if (!['accept', 'decline', 'cancel'].includes(String(actionOf(given)))) await endSession(given);
      return undefined;
    }),
  ),
  old('answers are acknowledged with 200', () => ({
    after: (response, given) =>
      isAnswer(given) ? new Response('{}', { headers: { 'content-type': 'application/json' } }) : response,
  })),
  old(
    'an answer that nobody waits for is a fault of the server',
    answered((_given, asked) => (asked ? undefined : new Response(null, { status: 500 }))),
  ),
  old('a second answer is a fault of the server', () => {
    const seen = new Set<string>();
    return {
      before(given) {
        if (!isAnswer(given)) return undefined;
        const key = `${given.session} ${JSON.stringify(given.body?.id)}`;
        if (seen.has(key)) return new Response(null, { status: 500 });
        seen.add(key);
        return undefined;
      },
    };
  }),
  old('any answer will do', () => {
    const known = questions();
    return {
      ...known,
      before(given) {
        if (!isAnswer(given)) return undefined;
        const [oldest] = known.of(given).keys();
        if (oldest === undefined) return undefined;
        known.of(given).delete(oldest);
        return changed(given, { body: { ...given.body, id: oldest } });
      },
    };
  }),
  old('answers are found by their id alone, whose they are is not asked', () => {
    const known = questions();
    return {
      ...known,
      before(given) {
        const owner = isAnswer(given) ? known.owner(given.body?.id) : undefined;
        return owner === undefined ? undefined : changed(given, { headers: { 'mcp-session-id': owner } });
      },
    };
  }),
  old('questions are counted in every session, and their answers mixed up', () => {
    const counts = new Map<string, number>();
    const latest = new Map<unknown, { id: unknown; session: string }>();
    return {
      event(event, { given }) {
        const message = dataOf(event);
        if (!isQuestion(message)) return event;
        const count = (counts.get(given.session) ?? 0) + 1;
        counts.set(given.session, count);
        latest.set(count, { id: message?.id, session: given.session });
        return withData(event, { ...message, id: count });
      },
      before(given) {
        const real = isAnswer(given) ? latest.get(given.body?.id) : undefined;
        return (
          real && changed(given, { body: { ...given.body, id: real.id }, headers: { 'mcp-session-id': real.session } })
        );
      },
    };
  }),
  old('all questions have one id', () => {
    const latest = new Map<string, unknown>();
    return {
      event(event, { given }) {
        const message = dataOf(event);
        if (!isQuestion(message)) return event;
        latest.set(given.session, message?.id);
        return withData(event, { ...message, id: 'question' });
      },
      before: (given) =>
        isAnswer(given) && given.body?.id === 'question'
          ? changed(given, { body: { ...given.body, id: latest.get(given.session) } })
          : undefined,
    };
  }),
  old('the answer of the first call ends the second', () => {
    const known = questions();
    return {
      ...known,
      async before(given) {
        if (!isAnswer(given)) return undefined;
        for (const id of known.of(given).keys())
          if (id !== given.body?.id) await send(given, { id, result: given.body?.result ?? { action: 'cancel' } });
        return undefined;
      },
    };
  }),

  old(
    'forms have no defaults',
    schema(({ default: _default, ...field }) => field),
  ),
  old(
    'numbers of forms have defaults of text',
    schema((field) => (typeof field.default === 'number' ? { ...field, default: String(field.default) } : field)),
  ),
  old(
    'choices with titles have none',
    schema(({ oneOf, ...field }) =>
      Array.isArray(oneOf) ? { ...field, enum: oneOf.map((one) => (one as { const: string }).const) } : field,
    ),
  ),
  old(
    'the names of choices are lost',
    schema(({ enumNames: _names, ...field }) => field),
  ),
  old(
    'choices of several are choices of one',
    schema((field) => (field.type === 'array' ? { ...(field.items as object), type: 'string' } : field)),
  ),
  old(
    'a question by URL has no id',
    asks('elicitation/create', ({ elicitationId: _id, ...params }) => params),
  ),
  old(
    'a question by URL has no URL',
    asks('elicitation/create', (params) => (params.mode === 'url' ? { ...params, url: 'somewhere' } : params)),
  ),
  old(
    'a question by URL is not encrypted',
    asks('elicitation/create', (params) =>
      params.mode === 'url' ? { ...params, url: String(params.url).replace('https:', 'http:') } : params,
    ),
  ),
  old(
    'the model is given tools unasked',
    asks('sampling/createMessage', (params) => ({
      ...params,
      tools: [{ name: 'some-tool', inputSchema: { type: 'object' } }],
    })),
  ),
  old(
    'the model is given context unasked',
    asks('sampling/createMessage', (params) => ({ ...params, includeContext: 'allServers' })),
  ),
  old('roots are asked for once', () => {
    const known = questions();
    const roots = new Map<string, unknown>();
    return {
      before(given) {
        if (isAnswer(given) && member(given.body, 'result.roots')) roots.set(given.session, given.body?.result);
        return undefined;
      },
      event(event, stream) {
        void known.event?.(event, stream);
        const { given } = stream;
        const message = dataOf(event);
        const cached = roots.get(given.session);
        if (methodOf(message) !== 'roots/list' || cached === undefined) return event;
        void send(given, { id: message?.id, result: cached });
        return ': known already';
      },
    };
  }),
  old('that the roots changed is refused', () => ({
    before: ({ body }) =>
      body?.method === 'notifications/roots/list_changed' ? new Response(null, { status: 400 }) : undefined,
  })),
  old('a call that asked and has its answer never ends', () => ({
    event: (event, { given }) =>
      isResponse(dataOf(event)) && String(member(given.body, 'params.name')).includes('elicitation')
        ? ': nothing'
        : event,
  })),
];
