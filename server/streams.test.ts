/** Streams of sessions to their limits: cuts, resumes, questions, notifications, bounds; in virtual time. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { everythingAnd, gate, read, refused, said, serving } from './client.fixture.ts';
import { manualClock } from './clock.ts';
import { type Context, elicit, tool } from './tool.ts';

/** A tool whose steps the test takes itself. */
function steps() {
  const entered = gate<Context>();
  const released = gate<string>();
  const stepping = tool('stepping', { description: 'Steps when the test says so' }, (_input, context) => {
    entered.open(context);
    return released.promise;
  });
  return { stepping, entered: entered.promise, release: released.open };
}

const call = (name: string, params: object = {}, progressToken = 'p') => ({
  method: 'tools/call',
  params: { name, ...params, _meta: { progressToken } },
});

test('a stream cut while its tool runs is resumed, and carries on live to the answer', async () => {
  const { stepping, entered, release } = steps();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const opening = session.stream(call('stepping'));
      const { progress } = await entered;
      await progress(1);
      const first = await opening;
      const priming = await first.next();
      assert.equal(priming?.data, '');
      const one = await first.next();
      await first.cut();
      await progress(2);
      const second = await session.listen(one?.id);
      assert.equal((await second.message()).params?.progress, 2);
      await progress(3);
      assert.equal((await second.message()).params?.progress, 3);
      release('done');
      const [answer] = await second.rest();
      assert.deepEqual(answer?.result?.content, [{ type: 'text', text: 'done' }]);
      assert.equal(second.ended, true);
      assert.equal(client.server.stats().calls, 0);
    },
    { features: everythingAnd(stepping) },
  )();
});

test('a stream whose call ended unseen is replayed, each time from the event that is named', async () => {
  const { stepping, entered, release } = steps();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const opening = session.stream(call('stepping'));
      const { progress } = await entered;
      await progress(1);
      const first = await opening;
      const priming = await first.next();
      await first.cut();
      await progress(2);
      release('done');
      for (let again = 0; again < 2; again++) {
        const events = await session.listen(priming?.id);
        const messages = await events.rest();
        assert.deepEqual(
          messages.map(({ params }) => params?.progress),
          [1, 2, undefined],
        );
        assert.deepEqual(messages[2]?.result?.content, [{ type: 'text', text: 'done' }]);
        const last = events.received.at(-1)?.id;
        assert.deepEqual(await (await session.listen(last)).rest(), [], 'nothing follows the answer');
      }
    },
    { features: everythingAnd(stepping) },
  )();
});

test(
  'events that the log dropped are counted in a comment, and what is left is replayed',
  serving(
    async (client) => {
      const session = await client.initialize();
      const events = await session.stream(call('countdown', { arguments: { from: 50, every_ms: 0 } }));
      const priming = await events.next();
      await events.rest();
      const again = await session.listen(priming?.id);
      const messages = await again.rest();
      assert.deepEqual(again.comments, [`${51 - messages.length} events before this one are no longer kept`]);
      assert.equal(messages.length, 10);
      assert.deepEqual(messages.at(-1)?.result?.content, [{ type: 'text', text: 'Lift-off' }]);
    },
    { env: { MCP_REPLAY_EVENTS: '10' } },
  ),
);

test(
  'an event id replays its own stream alone',
  serving(async (client) => {
    const session = await client.initialize();
    const primings = [];
    for (const token of ['one', 'two']) {
      const events = await session.stream(call('countdown', { arguments: { from: 5, every_ms: 0 } }, token));
      primings.push([token, (await events.next())?.id] as const);
      await events.rest();
    }
    for (const [token, id] of primings) {
      const messages = await (await session.listen(id)).rest();
      const tokens = messages.slice(0, -1).map(({ params }) => params?.progressToken);
      assert.deepEqual(tokens, Array(5).fill(token));
    }
  }),
);

test(
  "another session's event id, and one that was evicted, open a fresh stream that tells nothing",
  serving(async (client) => {
    const session = await client.initialize();
    const events = await session.stream(call('countdown', { arguments: { from: 2, every_ms: 0 } }));
    const priming = await events.next();
    await events.rest();
    const evicted = priming?.id?.replace(/^.{4}/, 'zzzz');
    for (const [who, id] of [
      [await client.initialize(), priming?.id],
      [session, evicted],
    ] as const) {
      const fresh = await who.listen(id);
      const first = await fresh.next();
      assert.equal(first?.data, '', 'a priming event of its own');
      assert.notEqual(first?.id?.split('-')[0], id?.split('-')[0]);
      client.server.notify.toolsChanged();
      assert.equal((await fresh.message()).method, 'notifications/tools/list_changed');
      await fresh.cut();
    }
  }),
);

for (const [what, id] of [
  ['that is no id of this server', 'nonsense'],
  ['with a sequence number that is none', 'abcdefghijkl-x'],
] as const) {
  test(
    `GET with a Last-Event-ID ${what} answers 400`,
    serving(async (client) => {
      const session = await client.initialize();
      const answer = await read(await session.get({ 'last-event-id': id }));
      refused(answer, { status: 400, code: -32600, says: new RegExp(`Last-Event-ID "${id}"`) });
    }),
  );
}

test(
  'GET with the id of an event that was never sent answers 400',
  serving(async (client) => {
    const session = await client.initialize();
    const events = await session.listen();
    const priming = await events.next();
    const ahead = priming?.id?.replace(/-\d+$/, '-1000');
    refused(await read(await session.get({ 'last-event-id': ahead ?? '' })), {
      status: 400,
      code: -32600,
      says: /never sent/,
    });
    await events.cut();
  }),
);

test('of two that resume a stream at the same time the later one has it, the earlier is closed', async () => {
  const { stepping, entered, release } = steps();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const opening = session.stream(call('stepping'));
      const { progress } = await entered;
      await progress(1);
      const events = await opening;
      const priming = await events.next();
      await events.cut();
      const [one, two] = await Promise.all([session.listen(priming?.id), session.listen(priming?.id)]);
      await one.over;
      assert.equal(one.retry, 1000);
      release('done');
      const messages = await two.rest();
      assert.deepEqual(
        messages.map(({ params }) => params?.progress),
        [1, undefined],
      );
    },
    { features: everythingAnd(stepping) },
  )();
});

test(
  'the newest GET wins: the older is closed with a retry, messages go to the newest alone',
  serving(async (client) => {
    const session = await client.initialize();
    const old = await session.listen();
    await old.next();
    const fresh = await session.listen();
    await old.over;
    assert.equal(old.retry, 1000);
    client.server.notify.toolsChanged();
    assert.equal((await fresh.message()).method, 'notifications/tools/list_changed');
    assert.deepEqual(
      old.received.filter(({ message }) => message),
      [],
    );
    await fresh.cut();
  }),
);

test(
  'notifications raised while no stream is open wait for the next one, each told once',
  serving(async (client) => {
    const session = await client.initialize();
    await session.request('resources/subscribe', { uri: 'test://watched-resource' });
    for (let time = 0; time < 3; time++) client.server.notify.resourceUpdated('test://watched-resource');
    client.server.notify.resourceUpdated('test://static-text');
    const events = await session.listen();
    assert.deepEqual((await events.message()).params, { uri: 'test://watched-resource' });
    client.server.notify.promptsChanged();
    assert.equal((await events.message()).method, 'notifications/prompts/list_changed');
    await events.cut();
    await session.request('resources/unsubscribe', { uri: 'test://watched-resource' });
  }),
);

const asking = tool('asking', { description: 'Asks for a name' }, async (_input, { ask }) => {
  const { who } = await ask({ who: elicit('Name?', z.object({ name: z.string() })) });
  return who.action === 'accept' ? who.content.name : who.action;
});
const asks = { features: everythingAnd(asking) };

test(
  'a question whose stream was cut is replayed, and answered once; a second answer is dropped',
  serving(async (client) => {
    const session = await client.initialize('2025-11-25', { elicitation: {} });
    const events = await session.stream(call('asking'));
    const priming = await events.next();
    await events.cut();
    const again = await session.listen(priming?.id);
    const question = await again.message();
    assert.equal(question.method, 'elicitation/create');
    for (const name of ['first', 'second']) {
      const result = { action: 'accept', content: { name } };
      assert.equal((await session.tell({ jsonrpc: '2.0', id: question.id, result })).status, 202);
    }
    const [answer] = await again.rest();
    assert.deepEqual(answer?.result?.content, [{ type: 'text', text: 'first' }]);
  }, asks),
);

test(
  "an answer from another session is dropped: a question is its own session's",
  serving(async (client) => {
    const session = await client.initialize('2025-11-25', { elicitation: {} });
    const other = await client.initialize('2025-11-25', { elicitation: {} });
    const events = await session.stream(call('asking'));
    const question = await events.message();
    const result = (name: string) => ({
      jsonrpc: '2.0',
      id: question.id,
      result: { action: 'accept', content: { name } },
    });
    assert.equal((await other.tell(result('stranger'))).status, 202);
    assert.equal((await session.tell(result('owner'))).status, 202);
    const [answer] = await events.rest();
    assert.deepEqual(answer?.result?.content, [{ type: 'text', text: 'owner' }]);
  }, asks),
);

test('a question that is never answered ends in time: the client is told, the tool fails, a late answer is dropped', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const session = await client.initialize('2025-11-25', { elicitation: {} });
      const events = await session.stream(call('asking'));
      const question = await events.message();
      await clock.advance(300_000);
      const [cancelled, answer] = await events.rest();
      assert.equal(cancelled?.method, 'notifications/cancelled');
      assert.equal(cancelled?.params?.requestId, question.id);
      assert.equal(answer?.result?.isError, true);
      assert.match(JSON.stringify(answer), /did not answer elicitation\/create within 300000 ms/);
      assert.equal((await session.tell({ jsonrpc: '2.0', id: question.id, result: { action: 'cancel' } })).status, 202);
    },
    { ...asks, clock },
  )();
  assert.equal(clock.pending, 0);
});

test('a cancelled call ends its stream without a response, takes its question back, and its signal aborts', async () => {
  const aborted = gate<unknown>();
  const waiting = tool('waiting', { description: 'Waits for a name' }, async (_input, { ask, signal }) => {
    signal.addEventListener('abort', () => aborted.open(signal.reason));
    await ask({ who: elicit('Name?', z.object({ name: z.string() })) });
  });
  await serving(
    async (client) => {
      const session = await client.initialize('2025-11-25', { elicitation: {} });
      const events = await session.stream({ id: 77, ...call('waiting') });
      await events.message();
      await session.notify('notifications/cancelled', { requestId: 77, reason: 'changed my mind' });
      const left = await events.rest();
      assert.deepEqual(
        left.filter(({ result, error }) => result ?? error),
        [],
      );
      assert.match(String(await aborted.promise), /changed my mind/);
      assert.equal(client.server.stats().calls, 0);
    },
    { features: everythingAnd(waiting) },
  )();
});

test('a call cancelled in the turn it began in is found', async () => {
  const { stepping, entered } = steps();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const pending = session.post({ jsonrpc: '2.0', id: 5, ...call('stepping') });
      await entered;
      await session.notify('notifications/cancelled', { requestId: 5 });
      const answer = await read(await pending);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.messages, []);
    },
    { features: everythingAnd(stepping) },
  )();
});

test('a second request with the id of one that runs is refused, the first is answered', async () => {
  const clock = manualClock();
  const { stepping, entered, release } = steps();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const pending = session.post({ jsonrpc: '2.0', id: 5, ...call('stepping') });
      await entered;
      await clock.advance(1);
      const second = await session.tell({ jsonrpc: '2.0', id: 5, method: 'ping' });
      refused(second, {
        status: 400,
        code: -32600,
        id: 5,
        says: /id 5 belongs to a request that is still in progress/,
      });
      assert.equal(
        (await session.tell({ jsonrpc: '2.0', id: '5', method: 'ping' })).status,
        200,
        'another type, another id',
      );
      release('first');
      assert.equal(said(await read(await pending)), 'first');
    },
    { features: everythingAnd(stepping), clock },
  )();
});

test('a call that outlives the settle window becomes a stream that can be resumed', async () => {
  const clock = manualClock();
  const { stepping, entered, release } = steps();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const pending = session.post({ jsonrpc: '2.0', id: 5, ...call('stepping') });
      await entered;
      await clock.advance(400);
      const events = client.events(await pending);
      const priming = await events.next();
      assert.equal(priming?.data, '');
      await events.cut();
      release('late');
      await clock.advance(1);
      const [answer] = await (await session.listen(priming?.id)).rest();
      assert.deepEqual(answer?.result?.content, [{ type: 'text', text: 'late' }]);
    },
    { features: everythingAnd(stepping), clock },
  )();
});

test('what is kept for a session goes with its idle time, and so does the session', async () => {
  const clock = manualClock();
  const once = tool('once', { description: 'Says one thing' }, async (_input, { progress }) => progress(1));
  await serving(
    async (client) => {
      const session = await client.initialize();
      await session.request('logging/setLevel', { level: 'error' });
      await (await session.stream(call('once'))).rest();
      assert.deepEqual([client.server.stats().sessions, client.server.stats().retained], [1, 1]);
      await clock.advance(301_000);
      assert.equal(client.server.stats().retained, 0, 'an ended stream is kept for MCP_REPLAY_AGE');
      await clock.advance(3_600_000);
      client.holdsNothing();
      assert.equal((await session.request('ping')).status, 404);
    },
    { clock, features: everythingAnd(once) },
  )();
  assert.equal(clock.pending, 0);
});

test('an abandoned GET stream leaves nothing once its log has aged', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      for (let each = 0; each < 50; each++) {
        const events = await (await client.initialize()).listen();
        await events.next();
        await events.cut();
      }
      assert.equal(client.server.stats().sessions, 50);
      await clock.advance(320_000);
      client.holdsNothing();
    },
    { clock },
  )();
  assert.equal(clock.pending, 0);
});

// ---- bounds: past each of them the exact refusal, then the server whole again -----------------------

test(
  'one stream more than MCP_MAX_CONNECTIONS answers 503 with Retry-After, until one is closed',
  serving(
    async (client) => {
      const sessions = await Promise.all([client.initialize(), client.initialize(), client.initialize()]);
      const [one, two, three] = sessions;
      const open = [await one?.listen(), await two?.listen()];
      const answer = await read((await three?.get()) as Response);
      refused(answer, { status: 503, code: -32603, data: { retryAfter_s: 5 }, says: /All 2 streams are in use/ });
      assert.equal(answer.headers.get('retry-after'), '5');
      const modern = await client.tellModern({ method: 'subscriptions/listen', params: { notifications: {} } });
      assert.equal(modern.status, 503);
      assert.equal(
        said(await client.tellModern({ method: 'tools/call', params: { name: 'echo', arguments: { text: 'still' } } })),
        'still',
      );
      const replaced = await one?.listen();
      await open[0]?.over;
      await replaced?.cut();
      const admitted = await three?.listen();
      await admitted?.cut();
      await open[1]?.cut();
    },
    { env: { MCP_MAX_CONNECTIONS: '2' } },
  ),
);

test(
  'past MCP_MAX_CONNECTIONS a call that would stream is answered as JSON, and one that must ask says why it cannot',
  serving(
    async (client) => {
      const session = await client.initialize('2025-11-25', { elicitation: {} });
      const events = await session.listen();
      const answer = await session.request(
        'tools/call',
        call('countdown', { arguments: { from: 2, every_ms: 0 } }).params,
      );
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(said(answer), 'Lift-off');
      assert.match(said(await session.request('tools/call', call('asking').params)), /Cannot send elicitation\/create/);
      await events.cut();
      const streamed = await session.request(
        'tools/call',
        call('countdown', { arguments: { from: 2, every_ms: 0 } }).params,
      );
      assert.equal(streamed.headers.get('content-type'), 'text/event-stream');
    },
    { ...asks, env: { MCP_MAX_CONNECTIONS: '1' } },
  ),
);

test(
  'past MCP_MAX_SESSIONS the longest idle session ends, and where none is idle the newcomer gets 503',
  serving(
    async (client) => {
      const idle = await client.initialize();
      await idle.request('logging/setLevel', { level: 'error' });
      const second = await client.initialize();
      const events = [await second.listen()];
      const third = await client.initialize();
      events.push(await third.listen());
      assert.equal((await idle.request('ping')).status, 404);
      const fourth = await client.initialize();
      const answer = await read(await fourth.get());
      refused(answer, {
        status: 503,
        code: -32603,
        data: { retryAfter_s: 5 },
        says: /All 2 sessions with state are in use/,
      });
      assert.equal((await fourth.request('ping')).status, 200, 'a session without state needs no room');
      await events[0]?.cut();
      const admitted = await fourth.listen();
      await admitted.cut();
      await events[1]?.cut();
    },
    { env: { MCP_MAX_SESSIONS: '2' } },
  ),
);

test(
  'past MCP_MAX_SESSION_STREAMS the oldest ended stream of the session goes',
  serving(
    async (client) => {
      const session = await client.initialize();
      const primings: (string | undefined)[] = [];
      for (let each = 0; each < 5; each++) {
        const events = await session.stream(call('countdown', { arguments: { from: 1, every_ms: 0 } }));
        primings.push((await events.next())?.id);
        await events.rest();
      }
      assert.equal(client.server.stats().retained, 3);
      const fresh = await session.listen(primings[0]);
      assert.equal((await fresh.next())?.data, '', 'evicted: a fresh stream');
      await fresh.cut();
      assert.equal((await (await session.listen(primings[4])).rest()).length, 2);
    },
    { env: { MCP_MAX_SESSION_STREAMS: '3' } },
  ),
);

test(
  'past MCP_REPLAY_TOTAL the oldest ended streams go',
  serving(
    async (client) => {
      const session = await client.initialize();
      for (let each = 0; each < 20; each++) {
        await (await session.stream(call('countdown', { arguments: { from: 5, every_ms: 0 } }))).rest();
      }
      const { kept, retained } = client.server.stats();
      assert.ok(kept <= 6000 && retained >= 1 && retained < 20, `${kept} characters in ${retained} streams`);
    },
    { env: { MCP_REPLAY_TOTAL: '5000' } },
  ),
);

test(
  'past MCP_MAX_PENDING a tool is told that its question cannot be sent',
  serving(
    async (client) => {
      const session = await client.initialize('2025-11-25', { elicitation: {} });
      const events = await session.stream(call('asking'));
      const question = await events.message();
      const answer = await session.request('tools/call', call('asking').params);
      assert.match(said(answer), /1 questions are open already/);
      assert.equal(client.server.stats().questions, 1);
      await session.tell({ jsonrpc: '2.0', id: question.id, result: { action: 'decline' } });
      assert.equal((await events.rest()).length, 1);
      const later = await session.stream(call('asking'));
      const next = await later.message();
      assert.equal(next.method, 'elicitation/create');
      await session.tell({ jsonrpc: '2.0', id: next.id, result: { action: 'decline' } });
      await later.rest();
      assert.equal(client.server.stats().questions, 0);
    },
    { ...asks, env: { MCP_MAX_PENDING: '1' } },
  ),
);

test(
  'past MCP_MAX_SUBSCRIPTIONS a subscription is refused, until one is given up',
  serving(
    async (client) => {
      const session = await client.initialize();
      const subscribe = (id: number) => session.request('resources/subscribe', { uri: `test://template/${id}/data` });
      assert.deepEqual((await subscribe(1)).result, {});
      assert.deepEqual((await subscribe(1)).result, {}, 'again is no second one');
      assert.match((await subscribe(2)).message?.error?.message ?? '', /at most 1 resources/);
      await session.request('resources/unsubscribe', { uri: 'test://template/1/data' });
      assert.deepEqual((await subscribe(2)).result, {});
      const resourceSubscriptions = ['test://template/1/data', 'test://template/2/data'];
      const listen = { method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions } } };
      assert.match((await client.tellModern(listen)).message?.error?.message ?? '', /at most 1 resources, got 2/);
    },
    { env: { MCP_MAX_SUBSCRIPTIONS: '1' } },
  ),
);

test('past MCP_MAX_CALLS a request answers 503 with Retry-After, until a call ends', async () => {
  const clock = manualClock();
  const { stepping, entered, release } = steps();
  await serving(
    async (client) => {
      const session = await client.initialize();
      const pending = session.post({ jsonrpc: '2.0', id: 1, ...call('stepping') });
      await entered;
      await clock.advance(1);
      const answer = await session.tell({ jsonrpc: '2.0', id: 2, method: 'ping' });
      refused(answer, { status: 503, code: -32603, data: { retryAfter_s: 1 }, id: 2, says: /All 1 calls are in use/ });
      assert.equal(answer.headers.get('retry-after'), '1');
      assert.equal((await client.tellModern({ method: 'tools/list' })).status, 503);
      release('over');
      await read(await pending);
      assert.equal((await session.request('ping')).status, 200);
    },
    { features: everythingAnd(stepping), clock, env: { MCP_MAX_CALLS: '1' } },
  )();
});

test('a tool that emits 100 MB at once costs the bound, and its reader comes back to the answer', async () => {
  const flood = tool('flood', { description: 'Says a thousand large things without waiting' }, (_input, { log }) => {
    const large = 'x'.repeat(100_000);
    for (let each = 0; each < 1000; each++) void log('error', large);
    return Promise.resolve('said');
  });
  await serving(
    async (client) => {
      const session = await client.initialize();
      const other = await client.initialize();
      const quiet = await other.listen();
      await quiet.next();
      const response = await session.post({ jsonrpc: '2.0', id: 1, ...call('flood') });
      const stats = client.server.stats();
      assert.ok(stats.kept < 1_300_000, `${stats.kept} characters are kept`);
      assert.equal(stats.slow, 1);
      const events = client.events(response);
      await events.over;
      client.server.notify.toolsChanged();
      assert.equal((await quiet.message()).method, 'notifications/tools/list_changed', 'others are not touched');
      const id = events.received.at(-1)?.id ?? '';
      const again = id === '' ? undefined : await session.listen(id);
      const messages = await again?.rest();
      if (messages) assert.equal(messages.at(-1)?.id, 1);
      await quiet.cut();
    },
    { features: everythingAnd(flood) },
  )();
});

test('a message that no log could hold is reported to the operator, and the call goes on', async () => {
  const huge = tool('huge', { description: 'Says one huge thing' }, async (_input, { log }) => {
    await log('error', 'x'.repeat(2_000_000));
    return 'said';
  });
  await serving(
    async (client) => {
      const session = await client.initialize();
      assert.equal(said(await session.request('tools/call', call('huge').params)), 'said');
      const [bug] = client.bugs.splice(0);
      assert.match(String(bug?.error), /larger than MCP_REPLAY_BYTES \(1048576\)/);
    },
    { features: everythingAnd(huge) },
  )();
});

test('what a tool says after it returned is dropped', async () => {
  const later = gate<Context>();
  const hasty = tool('hasty', { description: 'Keeps its context' }, async (_input, context) => {
    await context.progress(1);
    later.open(context);
    return 'returned';
  });
  await serving(
    async (client) => {
      const session = await client.initialize();
      const events = await session.stream(call('hasty'));
      const messages = await events.rest();
      const context = await later.promise;
      await context.progress(2);
      await context.log('error', 'too late');
      assert.equal(messages.length, 2);
      const again = await session.listen(events.received[0]?.id);
      assert.equal((await again.rest()).length, 2);
    },
    { features: everythingAnd(hasty) },
  )();
});
