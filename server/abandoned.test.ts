/** Clients that open things and never come back: whatever they left goes in its time, and leaves no timer and no listener. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { type Client, everythingAnd, gate, MODERN, read, SESSIONS, type Session, serving } from './client.fixture.ts';
import { manualClock } from './clock.ts';
import { elicit, tool } from './tool.ts';

const QUIET_SESSIONS = 1600;
const STREAMS = 400;
const WATCHED = 'test://watched-resource';

const HEARTBEAT_MS = 6000;
/** When a reader that stands still is cut: at the first beat after the stall timeout, whose wheel turns by tenths of a beat. */
const STALLED_MS = 60_000 + 3 * HEARTBEAT_MS;
const ANSWER_MS = 300_000;
const REPLAY_MS = 300_000;
const IDLE_S = 1200;
/** Sweeps come every ten seconds. */
const SWEEP_MS = 20_000;
const LIFETIME_S = 2 * IDLE_S;

/** The ways to leave a stream. Those that stall hold on to the body: no garbage collector may hang up for them. */
const LEAVES: readonly ((body: ReadableStream<Uint8Array>) => Promise<unknown>)[] = [
  (body) => body.cancel(),
  async (body) => {
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
  },
  async () => {},
  async (body) => {
    await body.getReader().read();
  },
];

/** Leaves all streams, as many in each way. */
async function leaveAll(responses: readonly Response[]): Promise<void> {
  await Promise.all(
    responses.map(async ({ status, headers, body }, index) => {
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), 'text/event-stream');
      assert.ok(body);
      // Whole blocks of one way, for the kinds of streams alternate.
      await LEAVES[Math.floor((index * LEAVES.length) / responses.length)]?.(body);
    }),
  );
}

/** Tools that answer with a stream at once, so that no test has to wait for the settle window. */
function features(aborted: () => void) {
  return everythingAnd(
    tool(
      'stepping',
      { description: 'Reports a step every 20 s, beyond the stall timeout' },
      async (_input, context) => {
        for (let step = 1; step <= 6; step++) {
          await context.progress(step);
          await context.sleep(20_000);
        }
        return 'done';
      },
    ),
    tool('endless', { description: 'Ends when it is told to' }, async (_input, { progress, signal }) => {
      await progress(1);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      aborted();
    }),
    tool('brief', { description: 'Says one thing and returns' }, async (_input, { progress }) => {
      await progress(1);
      return 'done';
    }),
    tool('asking', { description: 'Asks for a name' }, async (_input, { ask }) => {
      await ask({ who: elicit('Name?', z.object({ name: z.string() })) });
    }),
  );
}

const call = (name: string) => ({ method: 'tools/call', params: { name, _meta: { progressToken: 'p' } } });
const post = (session: Session, name: string) =>
  session.post({ jsonrpc: '2.0', id: session.client.nextId(), ...call(name) });

/** What is opened in turns; of these, `calls` are calls that run until something ends them. */
const SESSION_STREAMS: readonly ((session: Session) => Promise<Response>)[] = [
  (session) => session.get(),
  async (session) => {
    await session.request('resources/subscribe', { uri: WATCHED });
    return session.get();
  },
  (session) => post(session, 'stepping'),
  (session) => post(session, 'asking'),
  (session) => post(session, 'endless'),
];

const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

function changes({ server }: Client): void {
  server.notify.toolsChanged();
  server.notify.resourceUpdated(WATCHED);
}

test('sessions: two thousand that are left, and four hundred streams on them, leave nothing', async () => {
  const clock = manualClock();
  let aborted = 0;
  await serving(
    async (client) => {
      const before = clock.pending;
      await times(QUIET_SESSIONS, async (index) => {
        const session = await client.initialize();
        if (index % 2 === 0) await session.request('logging/setLevel', { level: 'error' });
        else await session.request('resources/subscribe', { uri: WATCHED });
      });
      const each = STREAMS / SESSION_STREAMS.length;
      const responses = await times(STREAMS, async (index) => {
        const session = await client.initialize(SESSIONS[0], { elicitation: {} });
        return SESSION_STREAMS[index % SESSION_STREAMS.length]?.(session) as Promise<Response>;
      });
      await clock.advance(1);
      const { sessions, streams, calls } = client.server.stats();
      assert.deepEqual(
        { sessions, streams, calls },
        { sessions: QUIET_SESSIONS + STREAMS, streams: STREAMS, calls: 3 * each },
      );

      await leaveAll(responses);
      changes(client);
      await clock.advance(STALLED_MS);
      assert.equal(client.server.stats().streams, 0, 'readers that stand still are cut');
      changes(client);
      await clock.advance(ANSWER_MS + SWEEP_MS);
      assert.equal(client.server.stats().calls, each, 'questions are given up; only what never ends goes on');
      assert.equal(client.server.stats().retained, 2 * each, 'what ended can be replayed');
      await clock.advance(REPLAY_MS + SWEEP_MS);
      assert.equal(client.server.stats().retained, 0, 'what ended is replayed no longer');
      const asked = QUIET_SESSIONS + 2 * each;
      assert.equal(client.server.stats().sessions, asked, 'what is left was asked for, by level, subscription or call');
      await clock.advance(IDLE_S * 1000);
      assert.equal(client.server.stats().sessions, each, 'idle sessions end; those in which a call runs do not');
      assert.equal(aborted, 0);
      await clock.advance(LIFETIME_S * 1000);
      assert.equal(aborted, each, 'with the session its calls end');
      client.holdsNothing();
      assert.equal(clock.pending, before, 'timers');
    },
    {
      clock,
      features: features(() => aborted++),
      env: { MCP_SESSION_TIMEOUT: IDLE_S, MCP_SESSION_LIFETIME: LIFETIME_S },
    },
  )();
});

const STATELESS_STREAMS: readonly ((client: Client) => Promise<Response>)[] = [
  (client) =>
    client.modern({
      method: 'subscriptions/listen',
      params: { notifications: { toolsListChanged: true, resourceSubscriptions: [WATCHED] } },
    }),
  (client) => client.modern(call('stepping'), { meta: { progressToken: 'p' } }),
  (client) => client.modern(call('endless'), { meta: { progressToken: 'p' } }),
  (client) => client.modern(call('brief'), { meta: { progressToken: 'p' } }),
];

test('2026-07-28: questions never answered and four hundred streams that are left leave nothing', async () => {
  const clock = manualClock();
  let aborted = 0;
  await serving(
    async (client) => {
      const before = clock.pending;
      await times(QUIET_SESSIONS, async () => {
        const asked = await client.tellModern(call('asking'), { capabilities: { elicitation: {} } });
        assert.equal(asked.result.resultType, 'input_required');
      });
      const each = STREAMS / STATELESS_STREAMS.length;
      const responses = await times(
        STREAMS,
        (index) => STATELESS_STREAMS[index % STATELESS_STREAMS.length]?.(client) as Promise<Response>,
      );
      await clock.advance(1);
      const { streams, listening, calls } = client.server.stats();
      assert.deepEqual({ streams, listening, calls }, { streams: STREAMS, listening: each, calls: 2 * each });

      await leaveAll(responses);
      changes(client);
      await clock.advance(STALLED_MS);
      assert.equal(aborted, each, 'hanging up, also by standing still, cancels');
      client.holdsNothing();
      assert.equal(clock.pending, before, 'timers');
    },
    { clock, features: features(() => aborted++) },
  )();
});

test('without sessions: four hundred streams that are left leave nothing once their calls are over', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const before = clock.pending;
      const responses = await times(STREAMS, (index) => {
        const body = { jsonrpc: '2.0', id: client.nextId(), ...call(index % 2 === 0 ? 'stepping' : 'brief') };
        return client.post(body, { 'mcp-protocol-version': SESSIONS[0] });
      });
      await clock.advance(1);
      const { streams, calls } = client.server.stats();
      assert.deepEqual({ streams, calls }, { streams: STREAMS, calls: STREAMS / 2 });
      await leaveAll(responses);
      await clock.advance(STALLED_MS + 6 * 20_000);
      client.holdsNothing();
      assert.equal(clock.pending, before, 'timers');
    },
    { clock, features: features(() => {}), env: { MCP_STATELESS: '1' } },
  )();
});

test('what a call waits for is called off at once when the call ends, in both eras', async () => {
  const clock = manualClock();
  let aborted = 0;
  await serving(
    async (client) => {
      const before = clock.pending;
      const sessions = await times(20, () => client.initialize(SESSIONS[0], { elicitation: {} }));
      await Promise.all(sessions.flatMap((session) => SESSION_STREAMS.map((open) => open(session))));
      const left = await times(20, (index) => {
        const open = STATELESS_STREAMS[index % STATELESS_STREAMS.length];
        return open?.(client) as Promise<Response>;
      });
      await clock.advance(1);
      assert.ok(clock.pending > before + 40, 'sleeps and questions');
      for (const session of sessions) assert.equal((await session.end()).status, 204);
      for (const { body } of left) await body?.cancel();
      // What is due later than this was called off, or is left behind.
      await clock.advance(1);
      assert.equal(aborted, 25);
      client.holdsNothing();
      assert.equal(clock.pending, before, 'timers');
    },
    { clock, features: features(() => aborted++) },
  )();
});

// ---- listeners at the signal of the request ------------------------------------------------------

/** The signal of a request, which counts who listens to it. A runtime keeps it as long as the connection, which serves many. */
class Watched {
  readonly #abort = new AbortController();
  readonly #listening = new Set<unknown>();

  get signal(): AbortSignal {
    const { signal } = this.#abort;
    const { addEventListener, removeEventListener } = signal;
    const own = {
      addEventListener: (type: 'abort', listener: () => void, options?: AddEventListenerOptions) => {
        this.#listening.add(listener);
        options?.signal?.addEventListener('abort', () => this.#listening.delete(listener), { once: true });
        addEventListener.call(signal, type, listener, options);
      },
      removeEventListener: (type: 'abort', listener: () => void) => {
        this.#listening.delete(listener);
        removeEventListener.call(signal, type, listener);
      },
    };
    return Object.assign(signal, own);
  }

  get listening(): number {
    return this.#listening.size;
  }

  abort(): void {
    this.#abort.abort();
  }
}

/** Gives every request of a client a signal that counts. */
function watched({ server }: Client): Watched[] {
  const all: Watched[] = [];
  const { fetch } = server;
  server.fetch = (request) => {
    const one = new Watched();
    all.push(one);
    return fetch(Object.defineProperty(request, 'signal', { value: one.signal }));
  };
  return all;
}

const listeners = (signals: readonly Watched[]) => signals.reduce((sum, { listening }) => sum + listening, 0);

/** Tools that last until the test has seen them last. */
function lasting() {
  const released = gate();
  const silent = tool('silent', { description: 'Answers when the test says so' }, async () => {
    await released.promise;
    return 'done';
  });
  const talking = tool('talking', { description: 'Reports, and answers when the test says so' }, async (_, context) => {
    await context.progress(1);
    await released.promise;
    return 'done';
  });
  return { features: everythingAnd(silent, talking), release: () => released.open() };
}

for (const revision of [SESSIONS[0], MODERN]) {
  const open = async (client: Client, name: string) => {
    if (revision === MODERN) return client.modern(call(name), { meta: { progressToken: 'p' } });
    return post(await client.initialize(), name);
  };

  for (const [how, name] of [
    ['as JSON', 'silent'],
    ['by a stream', 'talking'],
  ] as const) {
    test(`${revision}: calls that last and are answered ${how} leave no listener at the signal of the request`, async () => {
      const clock = manualClock();
      const { features, release } = lasting();
      await serving(
        async (client) => {
          const signals = watched(client);
          const answers = times(20, async () => read(await open(client, name)));
          await clock.advance(1);
          // Only there hanging up cancels, so only there somebody has to listen.
          assert.equal(listeners(signals), revision === MODERN ? 20 : 0);
          release();
          for (const { message } of await answers) assert.ok(message?.result);
          await clock.advance(1);
          assert.equal(listeners(signals), 0);
        },
        { clock, features },
      )();
    });
  }

  test(`${revision}: calls whose streams are left leave no listener at the signal of the request`, async () => {
    const clock = manualClock();
    const { features, release } = lasting();
    await serving(
      async (client) => {
        const signals = watched(client);
        const responses = await times(20, () => open(client, 'talking'));
        await clock.advance(1);
        await leaveAll(responses);
        await clock.advance(STALLED_MS);
        release();
        await clock.advance(1);
        assert.equal(listeners(signals), 0);
      },
      { clock, features },
    )();
  });
}

test(`${MODERN}: a client that hangs up before anything was said ends its call`, async () => {
  const clock = manualClock();
  const { features, release } = lasting();
  await serving(
    async (client) => {
      const signals = watched(client);
      const answer = client.modern(call('silent'));
      await clock.advance(1);
      assert.equal(client.server.stats().calls, 1);
      for (const signal of signals) signal.abort();
      assert.equal((await answer).status, 204);
      client.holdsNothing();
      release();
      await clock.advance(400);
      assert.equal(clock.pending, 0);
    },
    { clock, features },
  )();
});
