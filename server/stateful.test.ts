import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import {
  type Context,
  elicit,
  elicitUrl,
  manualClock,
  roots,
  sample,
  type Tool,
  ToolError,
  titled,
  tool,
} from '../server.ts';
import {
  type Client,
  everythingAnd,
  gate,
  type Json,
  LOG_LEVEL,
  MODERN,
  type Rpc,
  read,
  refused,
  SESSIONS,
  type Session,
  said,
  serving,
} from './client.fixture.ts';

/** The end of the turn: from then on calls that still run are known by their ids. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A tool that runs until the test lets it end; `log` makes its answer a stream at once. */
function held(log = true) {
  const contexts: Context[] = [];
  const runs: { end: (value: string) => void }[] = [];
  let begun = gate();
  const made: Tool = tool(
    'held',
    { description: 'Runs until it is let go', inputSchema: z.object({ name: z.string().optional() }) },
    async (_input, context) => {
      const end = gate<string>();
      contexts.push(context);
      runs.push({ end: end.open });
      begun.open();
      begun = gate();
      if (log) await context.log('info', 'begun');
      return end.promise;
    },
  );
  return { tool: made, contexts, runs, next: () => begun.promise };
}

const call = (id: unknown, name: string, args: Json = {}, more: Json = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args, ...more },
});
const echo = (id: unknown, text: string) => call(id, 'echo', { text });
const cancel = (requestId: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId, reason: 'no longer wanted' },
});
const textOf = ({ result }: Rpc) => (result?.content as { text: string }[] | undefined)?.[0]?.text;
const methodsOf = (messages: Rpc[]) => messages.map(({ method, id }) => method ?? id);

// ---- what a POST may hold ------------------------------------------------------------------------

const QUIET: { [what: string]: unknown } = {
  'a notification': { jsonrpc: '2.0', method: 'notifications/initialized' },
  'a notification nobody knows': { jsonrpc: '2.0', method: 'notifications/unknown', params: { a: 1 } },
  'a response to nothing': { jsonrpc: '2.0', id: 99, result: {} },
  'a response to an unknown question': { jsonrpc: '2.0', id: 'unknown', result: {} },
  'an error response': { jsonrpc: '2.0', id: 'unknown', error: { code: -1, message: 'rejected' } },
  'an error response without an id': { jsonrpc: '2.0', error: { code: -32700, message: 'unreadable' } },
  'an error response with the id null': { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'unreadable' } },
  'a cancellation of nothing': cancel(99),
  'a cancellation without a request id': { jsonrpc: '2.0', method: 'notifications/cancelled' },
  'a cancellation with a request id of the wrong type': cancel({ id: 1 }),
  'a progress notification': {
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 1, progress: 1 },
  },
};
for (const [what, message] of Object.entries(QUIET)) {
  test(
    `POST of ${what} answers 202 without a body`,
    serving(async (client) => {
      const session = await client.initialize();
      const answer = await session.tell(message);
      assert.equal(answer.status, 202);
      assert.equal(answer.text, '');
      assert.equal(answer.headers.get('content-type'), null);
      client.holdsNothing();
    }),
  );
}

const MALFORMED: [string, unknown, number, RegExp, number?][] = [
  ['a response with result and error', { jsonrpc: '2.0', id: 1, result: {}, error: {} }, -32600, /not both$/],
  ['a result without an id', { jsonrpc: '2.0', result: {} }, -32600, /needs the "id" of its request$/],
  [
    'a result with the id null',
    { jsonrpc: '2.0', id: null, result: {} },
    -32600,
    /^"id" must be a string or an integer, got null$/,
  ],
  [
    'params in a list',
    { jsonrpc: '2.0', id: 1, method: 'ping', params: [1] },
    -32600,
    /^"params" must be an object, got \[1\]$/,
    1,
  ],
  [
    'a notification with params that are a text',
    { jsonrpc: '2.0', method: 'notifications/initialized', params: 'x' },
    -32600,
    /got "x"$/,
  ],
  [
    '_meta that is a text',
    { jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta: 'x' } },
    -32602,
    /^"params._meta" must be an object, got "x"$/,
    1,
  ],
];
for (const [what, message, code, says, id] of MALFORMED) {
  test(
    `POST of ${what} answers 400 and ${code}`,
    serving(async (client) => {
      const session = await client.initialize();
      refused(await session.tell(message), { status: 400, code, says, ...(id !== undefined && { id }) });
      client.holdsNothing();
    }),
  );
}

for (const revision of SESSIONS) {
  test(
    `${revision}: an unknown method answers -32601 on 200, for 404 says that the session is gone`,
    serving(async (client) => {
      const session = await client.initialize(revision);
      for (const method of [
        'unknown/method',
        'server/discover',
        'subscriptions/listen',
        'tasks/list',
        'tasks/get',
        '',
      ]) {
        const answer = await session.tell({ jsonrpc: '2.0', id: 'm', method });
        refused(answer, {
          status: 200,
          code: -32601,
          id: 'm',
          says: new RegExp(`^Method "${method}" is not supported`),
        });
      }
      assert.deepEqual((await session.request('ping')).result, {});
    }),
  );
}

// ---- batches -------------------------------------------------------------------------------------

for (const revision of ['2025-11-25', '2025-06-18']) {
  test(
    `${revision}: a batch answers 400`,
    serving(async (client) => {
      const session = await client.initialize(revision);
      for (const batch of [[], [echo(1, 'a')], [{ jsonrpc: '2.0', method: 'notifications/initialized' }]]) {
        const says = new RegExp(`^Revision ${revision} has no batches; send one message per request$`);
        refused(await session.tell(batch), { status: 400, code: -32600, says });
      }
      client.holdsNothing();
    }),
  );
}

test(
  `a batch under ${MODERN} answers 400`,
  serving(async (client) => {
    const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'ping' };
    refused(await client.tell([echo(1, 'a')], headers), { status: 400, code: -32600, says: /is an object, got \[/ });
  }),
);

test(
  '2025-03-26: a batch of requests is answered by all their answers',
  serving(async (client) => {
    const session = await client.initialize('2025-03-26');
    const answer = await session.tell([
      echo(1, 'a'),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      echo('b', 'b'),
      { jsonrpc: '2.0', id: 3, method: 'unknown' },
      { jsonrpc: '2.0', id: 4, method: 'initialize', params: {} },
      { jsonrpc: '2.0', id: 1.5, method: 'ping' },
      7,
      call(5, 'none'),
    ]);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    const byId = new Map(answer.messages.map((message) => [message.id, message]));
    assert.equal(answer.messages.length, 7);
    assert.equal(textOf(byId.get(1) as Rpc), 'a');
    assert.equal(textOf(byId.get('b') as Rpc), 'b');
    assert.equal(byId.get(3)?.error?.code, -32601);
    assert.equal(byId.get(4)?.error?.code, -32600);
    assert.match(byId.get(4)?.error?.message ?? '', /initialize must not be part of a batch/);
    assert.equal(byId.get(5)?.error?.code, -32602);
    const unreadable = answer.messages.filter((message) => !('id' in message));
    assert.deepEqual(
      unreadable.map(({ error }) => error?.code),
      [-32600, -32600],
    );
    client.holdsNothing();
  }),
);

test(
  '2025-03-26: a batch of one is answered by an array of one',
  serving(async (client) => {
    const session = await client.initialize('2025-03-26');
    assert.deepEqual(JSON.parse((await session.tell([{ jsonrpc: '2.0', id: 1, method: 'ping' }])).text), [
      { jsonrpc: '2.0', id: 1, result: {} },
    ]);
  }),
);

test(
  '2025-03-26: a batch of notifications or of responses answers 202',
  serving(async (client) => {
    const session = await client.initialize('2025-03-26');
    for (const batch of [
      [cancel(1), { jsonrpc: '2.0', method: 'notifications/initialized' }],
      [
        { jsonrpc: '2.0', id: 'x', result: {} },
        { jsonrpc: '2.0', id: 'y', error: { code: 1, message: '' } },
      ],
    ]) {
      const answer = await session.tell(batch);
      assert.deepEqual([answer.status, answer.text], [202, '']);
    }
    client.holdsNothing();
  }),
);

test(
  '2025-03-26: a batch of none or of more than the bound answers 400, one at the bound is served',
  serving(
    async (client) => {
      const session = await client.initialize('2025-03-26');
      const batch = (size: number) => Array.from({ length: size }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' }));
      for (const size of [0, 4]) {
        const says = new RegExp(`^A batch must have 1 to 3 messages, got ${size}$`);
        refused(await session.tell(batch(size)), { status: 400, code: -32600, says });
      }
      assert.equal((await session.tell(batch(3))).messages.length, 3);
    },
    { env: { MCP_MAX_BATCH: 3 } },
  ),
);

test('2025-03-26: a batch with a modern claim answers 400 and none of it is done', async () => {
  const { tool: heldTool, contexts, next, runs } = held();
  await serving(
    async (client) => {
      const session = await client.initialize('2025-03-26');
      const stream = session.stream(call('running', 'held'));
      await next();
      const claim = { 'io.modelcontextprotocol/protocolVersion': MODERN };
      const says = /^Revision 2026-07-28 has no batches/;
      const batch = [cancel('running'), echo(1, 'a'), call(2, 'held', {}, { _meta: claim })];
      refused(await session.tell(batch), { status: 400, code: -32600, says });
      assert.equal(contexts.length, 1);
      assert.equal(contexts[0]?.signal.aborted, false);
      runs[0]?.end('done');
      assert.equal(textOf((await (await stream).rest()).at(-1) as Rpc), 'done');
    },
    { features: [heldTool, ...everythingAnd()] },
  )();
});

test('2025-03-26: slow requests of a batch are counted once, can be cancelled one by one, and share one stream', async () => {
  const { tool: heldTool, contexts, runs } = held();
  await serving(
    async (client) => {
      const session = await client.initialize('2025-03-26');
      const events = await session
        .post([call('a', 'held'), call('b', 'held'), echo('c', 'at once'), call('d', 'held')])
        .then((response) => client.events(response));
      const first = [await events.message(), await events.message(), await events.message(), await events.message()];
      assert.deepEqual(methodsOf(first), [
        'notifications/message',
        'notifications/message',
        'c',
        'notifications/message',
      ]);
      await turn();
      assert.equal(client.server.stats().calls, 3);
      assert.equal((await session.tell(cancel('b'))).status, 202);
      assert.deepEqual(
        contexts.map(({ signal }) => signal.aborted),
        [false, true, false],
      );
      const double = await session.tell(echo('d', 'twice'));
      refused(double, {
        status: 400,
        code: -32600,
        id: 'd',
        says: /^The id "d" belongs to a request that is still in progress$/,
      });
      const doubled = await session.tell([echo('d', 'twice'), echo('e', 'once')]);
      assert.deepEqual(
        doubled.messages.map(({ id, error }) => [id, error?.code]),
        [
          ['d', -32600],
          ['e', undefined],
        ],
      );
      runs[2]?.end('D');
      runs[0]?.end('A');
      const rest = await events.rest();
      assert.deepEqual(
        rest.map((message) => [message.id, textOf(message)]),
        [
          ['d', 'D'],
          ['a', 'A'],
        ],
      );
      assert.equal(client.server.stats().calls, 0);
    },
    { features: everythingAnd(heldTool) },
  )();
});

// ---- calls in progress ---------------------------------------------------------------------------

test('a cancelled call ends its stream without an answer, and its signal aborts', async () => {
  const { tool: heldTool, contexts, runs } = held();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const events = await session.stream({ ...call(1, 'held') });
      assert.equal((await events.message()).method, 'notifications/message');
      assert.equal((await session.tell(cancel(1))).status, 202);
      assert.deepEqual(await events.rest(), []);
      assert.equal(contexts[0]?.signal.aborted, true);
      assert.match(String(contexts[0]?.signal.reason), /no longer wanted/);
      runs[0]?.end('too late');
      assert.equal((await session.tell(cancel(1))).status, 202);
      assert.equal(client.server.stats().calls, 0);
      assert.equal(said(await session.tell(echo(1, 'the id is free'))), 'the id is free');
    },
    { features: everythingAnd(heldTool) },
  )();
});

test('a call that has not said anything yet can be cancelled too', async () => {
  const { tool: heldTool, next, contexts } = held(false);
  await serving(
    async (client) => {
      const session = await client.initialize();
      const stream = session.stream({ ...call('x', 'held') });
      await next();
      await session.tell(cancel('x'));
      assert.deepEqual(await (await stream).rest(), []);
      assert.equal(contexts[0]?.signal.aborted, true);
    },
    { features: everythingAnd(heldTool) },
  )();
});

test('a cancellation reaches only the calls of its own session, and ids of its own type', async () => {
  const { tool: heldTool, contexts, runs } = held();
  await serving(
    async (client) => {
      const [mine, other] = [await client.initialize(), await client.initialize()];
      const events = await mine.stream({ ...call(1, 'held') });
      await events.message();
      await other.tell(cancel(1));
      await mine.tell(cancel('1'));
      assert.equal(contexts[0]?.signal.aborted, false);
      runs[0]?.end('done');
      assert.equal(textOf((await events.rest())[0] as Rpc), 'done');
    },
    { features: everythingAnd(heldTool) },
  )();
});

test('an id that is in progress answers 400, in another session it is served', async () => {
  const { tool: heldTool, runs } = held();
  await serving(
    async (client) => {
      const [mine, other] = [await client.initialize(), await client.initialize()];
      const events = await mine.stream({ ...call(1, 'held') });
      await events.message();
      await turn();
      const says = /^The id 1 belongs to a request that is still in progress$/;
      refused(await mine.tell(echo(1, 'a')), { status: 400, code: -32600, id: 1, says });
      assert.equal(said(await mine.tell(echo('1', 'a'))), 'a');
      assert.equal(said(await other.tell(echo(1, 'a'))), 'a');
      runs[0]?.end('done');
      assert.deepEqual(methodsOf(await events.rest()), [1]);
    },
    { features: everythingAnd(heldTool) },
  )();
});

test('a client that hangs up cancels nothing, and finds the answer when it comes back', async () => {
  const { tool: heldTool, runs, contexts } = held();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const events = await session.stream({ ...call('x', 'held') });
      const priming = await events.next();
      assert.equal(priming?.data, '');
      await events.next();
      await events.cut();
      runs[0]?.end('done');
      const resumed = await session.listen(priming?.id);
      assert.deepEqual(methodsOf(await resumed.rest()), ['notifications/message', 'x']);
      assert.equal(contexts[0]?.signal.aborted, false);
    },
    { features: everythingAnd(heldTool) },
  )();
});

test('more calls than the bound answer 503 with Retry-After, in both eras', async () => {
  const { tool: heldTool, runs } = held();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const events = await session.stream({ ...call(1, 'held') });
      await events.message();
      await turn();
      const answers = [
        await session.tell(echo(2, 'a')),
        await client.tellModern({ id: 2, method: 'tools/call', params: { name: 'echo', arguments: { text: 'a' } } }),
      ];
      for (const answer of answers) {
        refused(answer, {
          status: 503,
          code: -32603,
          data: { retryAfter_s: 1 },
          id: 2,
          says: /^All 1 calls are in use; try again later$/,
        });
        assert.equal(answer.headers.get('retry-after'), '1');
      }
      runs[0]?.end('done');
      await events.rest();
      assert.equal(said(await session.tell(echo(2, 'a'))), 'a');
    },
    { features: everythingAnd(heldTool), env: { MCP_MAX_CALLS: 1 } },
  )();
});

// ---- streams -------------------------------------------------------------------------------------

test(
  'GET that cannot take an event stream answers 406',
  serving(async (client) => {
    const session = await client.initialize();
    for (const accept of ['application/json', 'text/html', 'text/event-stream;q=0']) {
      const says = /^Accept must allow text\/event-stream, got /;
      refused(await read(await session.get({ accept })), { status: 406, code: -32600, says });
    }
    client.holdsNothing();
    for (const accept of [null, '*/*', 'text/event-stream']) {
      const events = client.events(await session.get({ accept }));
      await events.next();
    }
  }),
);

for (const [revision, primed] of [
  ['2025-11-25', true],
  ['2025-06-18', false],
  ['2025-03-26', false],
] as const) {
  test(
    `${revision}: streams ${primed ? 'begin with a priming event' : 'have no priming event, which old clients cannot read'}`,
    serving(async (client) => {
      const session = await client.initialize(revision);
      const get = await session.listen();
      const post = await session.stream(call(1, 'test_tool_with_logging'));
      await post.over;
      assert.equal(post.received[0]?.data === '', primed);
      assert.ok(post.received.every(({ id }) => id !== undefined));
      client.server.notify.toolsChanged();
      assert.equal((await get.message()).method, 'notifications/tools/list_changed');
      assert.equal(get.received[0]?.data === '', primed);
      assert.equal(get.received.length, primed ? 2 : 1);
    }),
  );
}

test(
  'event ids are unique across the streams of a session',
  serving(async (client) => {
    const session = await client.initialize();
    const get = await session.listen();
    const posts = await Promise.all([1, 2, 3].map((id) => session.stream(call(id, 'test_tool_with_logging'))));
    for (const post of posts) await post.over;
    client.server.notify.promptsChanged();
    await get.message();
    const ids = [get, ...posts].flatMap(({ received }) => received.map(({ id }) => id));
    assert.equal(ids.length, 2 + 3 * 5);
    assert.equal(new Set(ids).size, ids.length);
  }),
);

test(
  'Last-Event-ID replays what followed on that stream, and nothing of another',
  serving(async (client) => {
    const session = await client.initialize();
    const post = await session.stream(call('one', 'test_tool_with_logging'));
    await post.over;
    const other = await session.stream(call('two', 'test_tool_with_logging'));
    await other.over;
    for (const [from, event] of post.received.entries()) {
      const resumed = await session.listen(event.id);
      await resumed.over;
      assert.deepEqual(resumed.received, post.received.slice(from + 1));
    }
  }),
);

const NO_EVENT_IDS = [
  'x',
  '1',
  '-1',
  'abcdefghijk',
  'abcdefghijk-',
  'abcdefghijk--1',
  'abcdefghijk-1.5',
  'ABCDEFGHIJK-1',
  'abcdefghijk-1, abcdefghijk-2',
  '__proto__-0',
];
for (const last of NO_EVENT_IDS) {
  test(
    `Last-Event-ID ${JSON.stringify(last)} answers 400, for it can be none of ours`,
    serving(async (client) => {
      const session = await client.initialize();
      const answer = await read(await session.get({ 'last-event-id': last }));
      refused(answer, { status: 400, code: -32600, says: /^Last-Event-ID ".*" is no event id of this server$/ });
      client.holdsNothing();
    }),
  );
}

test(
  'Last-Event-ID of an event that was never sent answers 400',
  serving(async (client) => {
    const session = await client.initialize();
    const post = await session.stream(call(1, 'test_tool_with_logging'));
    await post.over;
    const [streamId] = post.received[0]?.id?.split('-') ?? [];
    const answer = await read(await session.get({ 'last-event-id': `${streamId}-5` }));
    refused(answer, { status: 400, code: -32600, says: /^Last-Event-ID ".*-5" names an event that was never sent$/ });
    const last = await session.listen(`${streamId}-4`);
    assert.deepEqual(await last.rest(), []);
  }),
);

test(
  'Last-Event-ID of another session, and one that was never given, open a fresh stream alike',
  serving(async (client) => {
    const [mine, other] = [await client.initialize(), await client.initialize()];
    const post = await mine.stream(call(1, 'test_tool_with_logging'));
    await post.over;
    for (const last of [post.received[0]?.id, 'abcdefghijklm-0']) {
      const events = await other.listen(last);
      client.server.notify.toolsChanged();
      assert.deepEqual((await events.next())?.data, '');
      assert.equal((await events.message()).method, 'notifications/tools/list_changed');
      assert.equal(events.received.length, 2);
    }
  }),
);

test('a stream is replayed until it is too old, then a fresh one opens', async () => {
  const clock = manualClock();
  const { tool: heldTool, runs, next } = held();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const begun = next();
      const stream = session.stream(call(1, 'held'));
      await begun;
      runs[0]?.end('done');
      const post = await stream;
      await post.over;
      const first = post.received[0]?.id;
      await clock.advance(300_000 - 10_000);
      assert.deepEqual(methodsOf(await (await session.listen(first)).rest()), ['notifications/message', 1]);
      await clock.advance(20_000);
      assert.equal(client.server.stats().retained, 0);
      const fresh = await session.listen(first);
      assert.equal((await fresh.next())?.data, '');
      await clock.advance(0);
      assert.equal(fresh.received.length, 1);
    },
    { clock, features: everythingAnd(heldTool), env: { MCP_REPLAY_AGE: 300 } },
  )();
});

test(
  'a second GET takes the place of the first, which is told when to come back',
  serving(async (client) => {
    const session = await client.initialize();
    const first = await session.listen();
    const second = await session.listen();
    await first.over;
    assert.equal(first.retry, 1000);
    client.server.notify.toolsChanged();
    assert.equal((await second.message()).method, 'notifications/tools/list_changed');
    assert.equal(first.received.filter(({ message }) => message).length, 0);
  }),
);

test(
  'each notification goes to one stream of a session, and to each session',
  serving(async (client) => {
    const [a, b] = [await client.initialize(), await client.initialize()];
    const streams = [await a.listen(), await b.listen()];
    await client.initialize();
    client.server.notify.toolsChanged();
    client.server.notify.promptsChanged();
    client.server.notify.resourcesChanged();
    for (const events of streams) {
      for (const kind of ['tools', 'prompts', 'resources']) {
        const message = await events.message();
        assert.deepEqual(message, { jsonrpc: '2.0', method: `notifications/${kind}/list_changed` });
      }
    }
    assert.equal(client.server.stats().sessions, 2);
  }),
);

test(
  'more streams than the bound answer 503 with Retry-After, and a place that is left is taken',
  serving(
    async (client) => {
      const [a, b] = [await client.initialize(), await client.initialize()];
      const first = await a.listen();
      const answer = await read(await b.get());
      refused(answer, {
        status: 503,
        code: -32603,
        data: { retryAfter_s: 5 },
        says: /^All 1 streams are in use; try again later$/,
      });
      assert.equal(answer.headers.get('retry-after'), '5');
      await (await a.listen()).cut();
      await first.over;
      await (await b.listen()).cut();
    },
    { env: { MCP_MAX_CONNECTIONS: 1 } },
  ),
);

test(
  'a call that finds all streams in use is answered in JSON, in both eras, and says nothing before',
  serving(
    async (client) => {
      const session = await client.initialize();
      await session.listen();
      const answers = [
        await session.tell(call(1, 'test_tool_with_logging')),
        await client.tellModern(
          { method: 'tools/call', params: { name: 'test_tool_with_logging' } },
          { meta: { [LOG_LEVEL]: 'debug' } },
        ),
      ];
      for (const answer of answers) {
        assert.equal(answer.headers.get('content-type'), 'application/json');
        assert.equal(said(answer), 'Tool with logging executed successfully');
      }
    },
    { env: { MCP_MAX_CONNECTIONS: 1 } },
  ),
);

test(
  'closeStream closes the connection after an event id and retry, and the answer waits for the client',
  serving(async (client) => {
    const session = await client.initialize();
    const events = await session.stream(call('r', 'test_reconnection'));
    await events.over;
    assert.equal(events.retry, 1000);
    assert.deepEqual(
      events.received.map(({ data }) => data),
      [''],
    );
    const resumed = await session.listen(events.received[0]?.id);
    assert.deepEqual(methodsOf(await resumed.rest()), ['r']);
    const old = await client.initialize('2025-06-18');
    assert.match(said(await old.request('tools/call', { name: 'test_reconnection' })), /^Reconnection test completed/);
  }),
);

test(
  'close ends every stream',
  serving(async (client) => {
    const session = await client.initialize();
    const events = await session.listen();
    client.server.close();
    await events.over;
    client.holdsNothing();
  }),
);

// ---- questions to the client ---------------------------------------------------------------------

const asking = tool(
  'asking',
  { description: 'Asks for whatever it is told', inputSchema: z.object({ what: z.string() }) },
  async ({ what }, { ask }) => {
    const questions = {
      form: elicit('Who?', z.object({ name: z.string() })),
      url: elicitUrl('Open it', 'https://example.com/a'),
      sampling: sample({ messages: [], maxTokens: 1 }),
      tooled: sample({ messages: [], maxTokens: 1, tools: [] }),
      roots: roots(),
      perhaps: roots({ optional: true }),
    };
    const { answer } = await ask({ answer: questions[what as 'form'] });
    return JSON.stringify(answer ?? 'left out');
  },
);
const ASKED = { features: everythingAnd(asking) };
const ask = (what: string) => call('asking', 'asking', { what });

const ANSWERED: [string, Json, string, Json, string][] = [
  [
    'form',
    { elicitation: {} },
    'elicitation/create',
    { action: 'accept', content: { name: 'Ada' } },
    '{"action":"accept","content":{"name":"Ada"}}',
  ],
  ['form', { elicitation: { form: {} } }, 'elicitation/create', { action: 'decline' }, '{"action":"decline"}'],
  ['url', { elicitation: { url: {} } }, 'elicitation/create', { action: 'accept' }, '{"action":"accept"}'],
  ['roots', { roots: {} }, 'roots/list', { roots: [{ uri: 'file:///a' }] }, '[{"uri":"file:///a"}]'],
  [
    'sampling',
    { sampling: {} },
    'sampling/createMessage',
    { role: 'assistant', content: { type: 'text', text: 'a' }, model: 'm' },
    '{"role":"assistant","content":{"type":"text","text":"a"},"model":"m"}',
  ],
];
for (const [what, capabilities, method, result, text] of ANSWERED) {
  test(
    `a question (${what}) is a request on the call's stream, and its answer is taken with 202`,
    serving(async (client) => {
      const session = await client.initialize('2025-11-25', capabilities);
      const events = await session.stream(ask(what));
      const question = await events.message();
      assert.equal(question.method, method);
      assert.equal(typeof question.id, 'string');
      const taken = await session.tell({ jsonrpc: '2.0', id: question.id, result });
      assert.deepEqual([taken.status, taken.text], [202, '']);
      assert.deepEqual((await events.rest()).map(textOf), [text]);
      const late = await session.tell({ jsonrpc: '2.0', id: question.id, result: { action: 'cancel' } });
      assert.equal(late.status, 202);
    }, ASKED),
  );
}

const UNASKABLE: [string, Json, object][] = [
  ['form', {}, { elicitation: {} }],
  ['form', { elicitation: { url: {} } }, { elicitation: { form: {} } }],
  ['url', { elicitation: {} }, { elicitation: { url: {} } }],
  ['url', { elicitation: { form: {} } }, { elicitation: { url: {} } }],
  ['sampling', { roots: {} }, { sampling: {} }],
  ['tooled', { sampling: {} }, { sampling: { tools: {} } }],
  ['roots', { sampling: {} }, { roots: {} }],
];
for (const [what, capabilities, lacking] of UNASKABLE) {
  test(
    `a question (${what}) to a client with ${JSON.stringify(capabilities)} is not sent: the call answers isError`,
    serving(
      async (client) => {
        const session = await client.initialize('2025-11-25', capabilities);
        const answer = await session.tell(ask(what));
        assert.equal(answer.result.isError, true);
        assert.equal(
          said(answer),
          `Cannot ask the client: it did not declare the capability ${JSON.stringify(lacking)}`,
        );
        if (!capabilities.roots) assert.equal(said(await session.tell(ask('perhaps'))), '"left out"');
      },
      { features: everythingAnd(asking) },
    ),
  );
}

test(
  'an answer that does not fit, and a refusal, are isError',
  serving(async (client) => {
    const session = await client.initialize('2025-11-25', { elicitation: {} });
    const answers: [object, RegExp][] = [
      [{ result: { action: 'accept', content: { name: 7 } } }, /^The client's answer to "answer" does not fit: /],
      [{ result: { action: 'perhaps' } }, /does not fit/],
      [{ result: null }, /does not fit/],
      [{ error: { code: -1, message: 'The user said no' } }, /^The client refused: The user said no \(-1\)$/],
      [{ error: 'broken' }, /^The client refused: no reason given/],
    ];
    for (const [answer, says] of answers) {
      const events = await session.stream(ask('form'));
      const { id } = await events.message();
      assert.equal((await session.tell({ jsonrpc: '2.0', id, ...answer })).status, 202);
      const [message] = await events.rest();
      assert.equal(message?.result?.isError, true);
      assert.match(textOf(message as Rpc) ?? '', says);
    }
  }, ASKED),
);

test(
  'the answer of another session is dropped',
  serving(async (client) => {
    const [mine, other] = [await client.initialize('2025-11-25', { elicitation: {} }), await client.initialize()];
    const events = await mine.stream(ask('form'));
    const { id } = await events.message();
    assert.equal(
      (await other.tell({ jsonrpc: '2.0', id, result: { action: 'accept', content: { name: 'stranger' } } })).status,
      202,
    );
    await mine.tell({ jsonrpc: '2.0', id, result: { action: 'cancel' } });
    assert.deepEqual((await events.rest()).map(textOf), ['{"action":"cancel"}']);
  }, ASKED),
);

test(
  'a question cannot be asked where the answer must be JSON',
  serving(async (client) => {
    const session = await client.initialize('2025-11-25', { elicitation: {} });
    const answer = await session.tell(ask('form'), { accept: 'application/json' });
    assert.equal(answer.result.isError, true);
    assert.match(said(answer), /^Cannot send elicitation\/create: this request is not answered by an event stream$/);
  }, ASKED),
);

test('a question that is not answered in time is cancelled, and the call answers isError', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const session = await client.initialize('2025-11-25', { elicitation: {} });
      const events = await session.stream(ask('form'));
      const question = await events.message();
      await clock.advance(4999);
      assert.equal(events.received.length, 2);
      await clock.advance(1);
      const [cancelled, answer] = await events.rest();
      assert.deepEqual(cancelled, {
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: question.id, reason: 'The client did not answer elicitation/create within 5000 ms' },
      });
      assert.equal(answer?.result?.isError, true);
      const late = await session.tell({
        jsonrpc: '2.0',
        id: question.id,
        result: { action: 'accept', content: { name: 'a' } },
      });
      assert.equal(late.status, 202);
    },
    { ...ASKED, clock, env: { MCP_REQUEST_TIMEOUT: 5000 } },
  )();
});

test(
  'cancelling a call calls its question off',
  serving(async (client) => {
    const session = await client.initialize('2025-11-25', { elicitation: {} });
    const events = await session.stream(ask('form'));
    const { id } = await events.message();
    await session.tell(cancel('asking'));
    const params = { requestId: id, reason: 'no longer wanted' };
    assert.deepEqual(await events.rest(), [{ jsonrpc: '2.0', method: 'notifications/cancelled', params }]);
    assert.equal((await session.tell({ jsonrpc: '2.0', id, result: { action: 'cancel' } })).status, 202);
  }, ASKED),
);

test(
  'more open questions than the bound are not asked',
  serving(
    async (client) => {
      const session = await client.initialize('2025-11-25', { elicitation: {} });
      const events = await session.stream(ask('form'));
      const { id } = await events.message();
      const second = await session.tell(call(2, 'asking', { what: 'form' }));
      assert.equal(second.result.isError, true);
      assert.match(said(second), /^Cannot send elicitation\/create: 1 questions are open already$/);
      await session.tell({ jsonrpc: '2.0', id, result: { action: 'cancel' } });
      assert.deepEqual((await events.rest()).map(textOf), ['{"action":"cancel"}']);
    },
    { ...ASKED, env: { MCP_MAX_PENDING: 1 } },
  ),
);

test(
  'a form says mode and a page its id from 2025-11-25 on, and not before',
  serving(async (client) => {
    for (const [revision, mode] of [
      ['2025-11-25', 'form'],
      ['2025-06-18', undefined],
    ] as const) {
      const session = await client.initialize(revision, { elicitation: { form: {}, url: {} } });
      const events = await session.stream(ask('form'));
      const { params, id } = await events.message();
      assert.equal(params?.mode, mode);
      assert.equal(params?.message, 'Who?');
      assert.deepEqual(params?.requestedSchema, {
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
      });
      await session.tell({ jsonrpc: '2.0', id, result: { action: 'cancel' } });
      await events.rest();
    }
    const session = await client.initialize('2025-11-25', { elicitation: { url: {} } });
    const events = await session.stream(ask('url'));
    const { params, id } = await events.message();
    assert.equal(params?.url, 'https://example.com/a');
    assert.match(String(params?.elicitationId), /^[0-9a-f-]{36}$/);
    await session.tell({ jsonrpc: '2.0', id, result: { action: 'cancel' } });
  }, ASKED),
);

test(
  'a form of choices is said as an older revision can say it, or not at all',
  serving(
    async (client) => {
      const session = await client.initialize('2025-06-18', { elicitation: {} });
      const events = await session.stream(call(1, 'choose_one'));
      const { params, id } = await events.message();
      assert.deepEqual(params?.requestedSchema, {
        type: 'object',
        properties: { coin: { type: 'string', enum: ['eur', 'usd'], enumNames: ['Euro', 'US dollar'] } },
        required: ['coin'],
      });
      await session.tell({ jsonrpc: '2.0', id, result: { action: 'cancel' } });
      await events.rest();
      const several = await session.tell(call(2, 'choose_several'));
      assert.equal(several.result.isError, true);
      assert.match(said(several), /revision 2025-06-18 has no choice of several in a form/);
    },
    {
      features: everythingAnd(
        tool('choose_one', { description: 'Asks for one of two' }, async (_input, context) => {
          await context.ask({ coin: elicit('Which?', z.object({ coin: titled({ eur: 'Euro', usd: 'US dollar' }) })) });
        }),
        tool('choose_several', { description: 'Asks for some of two' }, async (_input, context) => {
          await context.ask({ coins: elicit('Which?', z.object({ coins: z.array(z.enum(['eur', 'usd'])) })) });
        }),
      ),
    },
  ),
);

// ---- logging, progress, subscriptions ------------------------------------------------------------

const logging = tool('logging', { description: 'Logs at every level' }, async (_input, { log }) => {
  const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
  for (const level of levels) await log(level, { at: level }, 'logger');
  return 'logged';
});

test(
  'logging/setLevel rules what this session hears, and no other',
  serving(
    async (client) => {
      const [mine, other] = [await client.initialize(), await client.initialize()];
      const heard = async (session: Session) => {
        const { messages } = await session.request('tools/call', { name: 'logging' });
        return messages.flatMap(({ params }) => (params ? [params.level] : []));
      };
      assert.deepEqual(await heard(mine), ['info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']);
      assert.deepEqual((await mine.request('logging/setLevel', { level: 'critical' })).result, {});
      assert.deepEqual(await heard(mine), ['critical', 'alert', 'emergency']);
      assert.equal((await heard(other)).length, 7);
      await mine.request('logging/setLevel', { level: 'debug' });
      assert.equal((await heard(mine)).length, 8);
      assert.equal(client.server.stats().sessions, 2, 'with the streams kept for replay');
    },
    { features: everythingAnd(logging) },
  ),
);

for (const level of [undefined, 'verbose', 'INFO', 3, null]) {
  test(
    `logging/setLevel ${JSON.stringify(level) ?? 'without a level'} answers -32602`,
    serving(async (client) => {
      const session = await client.initialize();
      const answer = await session.request('logging/setLevel', { level });
      refused(answer, {
        status: 200,
        code: -32602,
        id: 2,
        says: /^"level" must be one of debug, info, notice, warning, error, critical, alert, emergency, got /,
      });
      client.holdsNothing();
    }),
  );
}

const progressing = tool('progressing', { description: 'Reports progress' }, async (_input, { progress }) => {
  for (const step of [1, 2, 2, 1, Number.NaN, 2.5, 3]) await progress(step, 3, `step ${step}`);
  return 'done';
});

for (const progressToken of ['token', 0, '']) {
  test(
    `progress goes to the token ${JSON.stringify(progressToken)} on the call's stream, and only grows`,
    serving(
      async (client) => {
        const session = await client.initialize();
        const answer = await session.request('tools/call', { name: 'progressing', _meta: { progressToken } });
        const steps = answer.messages.filter(({ method }) => method === 'notifications/progress');
        assert.deepEqual(
          steps.map(({ params }) => params),
          [1, 2, 2.5, 3].map((progress) => ({ progressToken, progress, total: 3, message: `step ${progress}` })),
        );
        assert.equal(said(answer), 'done');
      },
      { features: everythingAnd(progressing) },
    ),
  );
}

for (const progressToken of [undefined, null, 1.5, { a: 1 }]) {
  test(
    `without a proper progress token (${JSON.stringify(progressToken) ?? 'none'}) there is no progress`,
    serving(
      async (client) => {
        const session = await client.initialize();
        const answer = await session.request('tools/call', { name: 'progressing', _meta: { progressToken } });
        assert.equal(answer.headers.get('content-type'), 'application/json');
        assert.equal(said(answer), 'done');
      },
      { features: everythingAnd(progressing) },
    ),
  );
}

const WATCHED = 'test://watched-resource';

test(
  'updates of a resource are heard from subscribe to unsubscribe, by the subscriber alone',
  serving(async (client) => {
    const [mine, other] = [await client.initialize(), await client.initialize()];
    const [events, others] = [await mine.listen(), await other.listen()];
    assert.deepEqual((await mine.request('resources/subscribe', { uri: WATCHED })).result, {});
    client.server.notify.resourceUpdated(WATCHED);
    client.server.notify.resourceUpdated('test://static-text');
    client.server.notify.resourceUpdated(`${WATCHED}/part`);
    for (const uri of [WATCHED, `${WATCHED}/part`]) {
      const message = await events.message();
      assert.deepEqual(message, { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } });
    }
    assert.deepEqual((await mine.request('resources/unsubscribe', { uri: WATCHED })).result, {});
    client.server.notify.resourceUpdated(WATCHED);
    client.server.notify.toolsChanged();
    for (const stream of [events, others])
      assert.equal((await stream.message()).method, 'notifications/tools/list_changed');
  }),
);

test(
  'what changed while nobody listened is told once, when somebody does',
  serving(async (client) => {
    const session = await client.initialize();
    await session.request('resources/subscribe', { uri: WATCHED });
    for (let change = 0; change < 3; change++) client.server.notify.resourceUpdated(WATCHED);
    const events = await session.listen();
    client.server.notify.toolsChanged();
    assert.equal((await events.message()).method, 'notifications/resources/updated');
    assert.equal((await events.message()).method, 'notifications/tools/list_changed');
  }),
);

test(
  'resources/subscribe to what is no URI answers -32602, to what does not exist -32002',
  serving(async (client) => {
    const session = await client.initialize();
    for (const uri of [undefined, 5, 'no uri', '']) {
      const answer = await session.tell({ jsonrpc: '2.0', id: 's', method: 'resources/subscribe', params: { uri } });
      refused(answer, { status: 200, code: -32602, id: 's', says: /^"uri" must be a URI, got / });
    }
    const none = await session.tell({
      jsonrpc: '2.0',
      id: 's',
      method: 'resources/subscribe',
      params: { uri: 'test://none' },
    });
    refused(none, {
      status: 200,
      code: -32002,
      id: 's',
      says: /^Resource "test:\/\/none" does not exist$/,
      data: { uri: 'test://none' },
    });
    const gone = await session.request('resources/unsubscribe', { uri: 7 });
    refused(gone, { status: 200, code: -32602, id: gone.message?.id ?? '', says: /^"uri" must be a URI, got 7$/ });
    client.holdsNothing();
  }),
);

test(
  'more subscriptions than the bound answer -32602',
  serving(
    async (client) => {
      const session = await client.initialize();
      await session.request('resources/subscribe', { uri: WATCHED });
      assert.deepEqual(
        (await session.request('resources/subscribe', { uri: WATCHED })).result,
        {},
        'the same one again',
      );
      const answer = await session.tell({
        jsonrpc: '2.0',
        id: 's',
        method: 'resources/subscribe',
        params: { uri: 'test://static-text' },
      });
      refused(answer, { status: 200, code: -32602, id: 's', says: /^A session may watch at most 1 resources$/ });
      await session.request('resources/unsubscribe', { uri: WATCHED });
      assert.deepEqual((await session.request('resources/subscribe', { uri: 'test://static-text' })).result, {});
    },
    { env: { MCP_MAX_SUBSCRIPTIONS: 1 } },
  ),
);

test('at the bound of sessions with state the longest idle one ends, and answers 404', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const [a, b] = [await client.initialize(), await client.initialize()];
      await a.request('logging/setLevel', { level: 'error' });
      await clock.advance(1);
      await b.request('logging/setLevel', { level: 'error' });
      assert.equal((await a.request('ping')).status, 404);
      assert.equal((await b.request('ping')).status, 200);
      assert.equal(client.server.stats().sessions, 1);
    },
    { clock, env: { MCP_MAX_SESSIONS: 1 } },
  )();
});

test(
  'where every session with state is busy one more answers 503 to GET and an error to a request',
  serving(
    async (client) => {
      const [a, b] = [await client.initialize(), await client.initialize()];
      await (await a.listen()).next();
      const answer = await read(await b.get());
      refused(answer, {
        status: 503,
        code: -32603,
        data: { retryAfter_s: 5 },
        says: /^All 1 sessions with state are in use; try again later$/,
      });
      const level = await b.tell({ jsonrpc: '2.0', id: 'l', method: 'logging/setLevel', params: { level: 'error' } });
      refused(level, {
        status: 200,
        code: -32603,
        id: 'l',
        says: /^All 1 sessions with state are in use; try again later$/,
      });
      assert.equal((await a.request('ping')).status, 200);
    },
    { env: { MCP_MAX_SESSIONS: 1 } },
  ),
);

test('a session that is idle for too long loses what was kept for it', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const session = await client.initialize();
      await session.request('logging/setLevel', { level: 'error' });
      assert.equal(client.server.stats().sessions, 1);
      await clock.advance(3600_000 + 10_000);
      client.holdsNothing();
      assert.equal((await session.request('ping')).status, 404);
      assert.equal(clock.pending, 0, 'no timer is left');
    },
    { clock },
  )();
});

// ---- without sessions ----------------------------------------------------------------------------

const SESSIONLESS = { env: { MCP_STATELESS: '1' } };

test(
  'with sessions off initialize gives no id, and requests need none',
  serving(async (client) => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const opened = await client.tell({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    assert.equal(opened.result.protocolVersion, '2025-11-25');
    assert.equal(opened.headers.get('mcp-session-id'), null);
    const headers = { 'mcp-protocol-version': '2025-11-25' };
    assert.equal(said(await client.tell(echo(2, 'a'), headers)), 'a');
    assert.equal(said(await client.tell(echo(2, 'a'), { ...headers, 'mcp-session-id': 'whatever' })), 'a');
    assert.equal((await client.tell(cancel(2), headers)).status, 202);
    assert.deepEqual(
      (await client.tell({ jsonrpc: '2.0', id: 3, method: 'logging/setLevel', params: { level: 'error' } }, headers))
        .result,
      {},
    );
    const logged = await client.tell(call(4, 'test_tool_with_logging'), headers);
    assert.equal(logged.messages.length, 4);
    refused(await client.tell(echo(5, 'a'), { 'mcp-protocol-version': '2024-11-05' }), {
      status: 400,
      code: -32600,
      id: 5,
      says: /"2024-11-05" is not supported/,
    });
    client.holdsNothing();
  }, SESSIONLESS),
);

test(
  'with sessions off a missing version is read as 2025-03-26, which has batches',
  serving(async (client) => {
    assert.equal((await client.tell([echo(1, 'a'), echo(2, 'b')])).messages.length, 2);
    const answer = await client.tell([echo(1, 'a')], { 'mcp-protocol-version': '2025-11-25' });
    refused(answer, { status: 400, code: -32600, says: /^Revision 2025-11-25 has no batches/ });
  }, SESSIONLESS),
);

test('a ToolError within a session is isError', async () => {
  const failing = tool('failing', { description: 'Fails' }, () => {
    throw new ToolError('out of milk');
  });
  await serving(
    async (client: Client) => {
      const answer = await (await client.initialize()).request('tools/call', { name: 'failing' });
      assert.deepEqual(answer.result, { content: [{ type: 'text', text: 'out of milk' }], isError: true });
    },
    { features: [failing] },
  )();
});
