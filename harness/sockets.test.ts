/**
 * Sockets as no client of good manners uses them, on every runtime: byte by byte, half, pipelined, silent, slow, gone.
 * All the while another client calls `echo`, and each of its calls is answered in time.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { eventually } from './clients/eventually.ts';
import { events, type Message, REVISION, Session } from './clients/session.ts';
import { type Head, requestText, Wire } from './clients/wire.ts';
import { RUNTIMES, type RunningServer, type Runtime, startServer } from './runtimes/start.ts';
import { memory, openFiles } from './runtimes/usage.ts';

const ENTRY = 'harness/fixtures/flood.ts';
const MAX_BODY = 100_000;
/** The slowest answer another client may get, whatever the rest do. */
const PATIENCE_MS = 2000;
const LARGE = 3_000_000;
/** 100 MB, of which a stream keeps 1 MB. */
const FLOOD = { messages: 10_000, characters: 10_000 };
/** What a server may grow by for it: the bound, buffers of the sockets, and what its garbage collector leaves lying. */
const STUCK_MB = 60;
const STREAMS = 2000;
const ROUNDS = 3;
/** What a stream that was left may cost, until the garbage is collected. */
const LEFT_KB = 25;
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

const initialize = (id: number | string) => ({
  jsonrpc: '2.0',
  id,
  method: 'initialize',
  params: { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: 'wire', version: '1' } },
});
const call = (id: number, name: string, given: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: given, _meta: { progressToken: `call ${id}` } },
});
const post = (message: object, headers: Record<string, string> = {}) =>
  requestText('POST', '/mcp', { ...JSON_HEADERS, ...headers }, JSON.stringify(message));
const inSession = (id: string) => ({ 'mcp-session-id': id, 'mcp-protocol-version': REVISION });

function textOf(body: string): string | undefined {
  return (JSON.parse(body) as Message).result?.content?.[0]?.text;
}

/** A client that minds its own business: one echo after the other, each of them timed. */
class Neighbour {
  readonly #session: Session;
  #on = true;
  #slowest = 0;
  #count = 0;
  readonly #failures: unknown[] = [];
  readonly #over: Promise<void>;

  private constructor(session: Session) {
    this.#session = session;
    this.#over = this.#live();
  }

  static async move(url: string): Promise<Neighbour> {
    return new Neighbour(await Session.open(url));
  }

  async #live(): Promise<void> {
    while (this.#on) {
      const text = `echo ${++this.#count}`;
      const asked = performance.now();
      try {
        const response = await this.#session.post(call(this.#count, 'echo', { text }));
        assert.equal(textOf(await response.text()), text);
      } catch (failure) {
        this.#failures.push(failure);
      }
      this.#slowest = Math.max(this.#slowest, performance.now() - asked);
      await sleep(10);
    }
  }

  /** The text that a tool answers. */
  async ask(name: string): Promise<string | undefined> {
    return textOf(await (await this.#session.post(call(++this.#count, name))).text());
  }

  /** Follows a stream that says something every 20 ms. @returns its longest silence */
  async ticks(): Promise<{ slowest: number }> {
    let slowest = 0;
    let last = performance.now();
    const response = await this.#session.post(call(++this.#count, 'countdown', { from: 50, every_ms: 20 }));
    for await (const _event of events(response)) {
      slowest = Math.max(slowest, performance.now() - last);
      last = performance.now();
    }
    return { slowest };
  }

  /** Waits for some more answers. */
  async answers(count: number): Promise<void> {
    const enough = this.#count + count;
    await eventually(
      () => this.#count,
      (answered) => answered > enough,
    );
  }

  /** Holds that it had its answers since the last time it was asked. @returns the slowest, in ms */
  content(): number {
    const slowest = this.#slowest;
    this.#slowest = 0;
    assert.deepEqual(this.#failures.splice(0), []);
    assert.ok(slowest < PATIENCE_MS, `an echo took ${slowest.toFixed()} ms`);
    return slowest;
  }

  async leave(): Promise<void> {
    this.#on = false;
    await this.#over;
  }
}

interface Target extends RunningServer {
  readonly runtime: Runtime;
}

interface Scene {
  readonly server: Target;
  readonly neighbour: Neighbour;
  wire(): Promise<Wire>;
  /** A session over a socket of its own. */
  session(): Promise<{ wire: Wire; id: string }>;
}

/** How a connection ends that may be answered or not. @returns the status, 0 without an answer */
async function statusOrEnd(wire: Wire): Promise<number> {
  try {
    return (await wire.answer()).status;
  } catch {
    return 0;
  }
}

/** The wires of a round, to be left together. */
const left: Wire[] = [];

const closesDownTo = (server: RunningServer, before: number) =>
  eventually(
    () => openFiles(server),
    // One or two may belong to the neighbour.
    (open) => open <= before + 2,
  );

/** What the server holds, as it says itself; how often `flood` has spoken, and `talk_on` after its end. */
async function counts(
  neighbour: Neighbour,
): Promise<{ said: number; late: number; streams: number; sessions: number }> {
  return JSON.parse((await neighbour.ask('counts')) ?? '');
}

/** A large body is refused, and afterwards the connection can be used, or is closed. */
async function refusesLarge(server: Target, open: () => Promise<Wire>, send: (wire: Wire) => void): Promise<void> {
  const large = await open();
  send(large);
  const status = await statusOrEnd(large);
  // workerd closes with something unread in its socket, which may take the answer back.
  assert.ok(status === 413 || (status === 0 && server.runtime === 'workerd'), String(status));
  large.send(post(initialize(2)));
  const next = await statusOrEnd(large);
  assert.ok(next === 200 || next === 0, String(next));
}

/** The messages of an event stream that is over. */
function parsed(text: string): { messages: Message[]; lastId: string } {
  const messages: Message[] = [];
  let lastId = '';
  const parser = createParser({
    onEvent: ({ id, data }) => {
      lastId = id ?? lastId;
      if (data !== '') messages.push(JSON.parse(data) as Message);
    },
  });
  parser.feed(text);
  return { messages, lastId };
}

/** Reads the stream of a flood, as far as it is told to. */
class Reading {
  readonly #wire: Wire;
  #body: AsyncGenerator<Buffer> | undefined;
  readonly steps: number[] = [];
  answered = false;
  lost = 0;
  lastId = '';
  readonly #parser = createParser({
    onEvent: ({ id, data }) => {
      this.lastId = id ?? this.lastId;
      if (data === '') return;
      const { params, result } = JSON.parse(data) as Message;
      if (params?.progress !== undefined) this.steps.push(params.progress);
      if (result) this.answered = true;
    },
    onComment: (comment) => {
      this.lost += Number(/^(\d+) events before/.exec(comment)?.[1] ?? 0);
    },
  });
  constructor(wire: Wire) {
    this.#wire = wire;
  }

  async begin(): Promise<Head> {
    const head = await this.#wire.head();
    this.#body = this.#wire.body(head);
    return head;
  }

  /** Until there are some messages. */
  async some(): Promise<this> {
    while (this.steps.length < 3 && (await this.#piece()));
    return this;
  }

  /** To the end. */
  async readOn(): Promise<this> {
    while (await this.#piece());
    return this;
  }

  cut(): void {
    this.#wire.cut();
  }

  async #piece(): Promise<boolean> {
    const { done, value } = (await this.#body?.next()) ?? { done: true };
    if (value) this.#parser.feed(value.toString('utf8'));
    return !done;
  }
}

/** A client that lets a flood come and reads nothing of it, until the flood stands still; another stream goes on beside it. */
async function stuckReader({ server, neighbour, session }: Scene) {
  const { wire, id } = await session();
  const ticks = neighbour.ticks();
  const before = memory(server);
  const { said: start } = await counts(neighbour);
  wire.send(post(call(1, 'flood', FLOOD), inSession(id)));
  const reading = new Reading(wire);
  assert.equal((await reading.begin()).status, 200);
  let grown = 0;
  let last = -1;
  let same = 0;
  await eventually(
    async () => {
      await neighbour.answers(3);
      grown = Math.max(grown, memory(server) - before);
      const { said } = await counts(neighbour);
      same = said === last ? same + 1 : 0;
      last = said;
      return same;
    },
    (unchanged) => unchanged >= 5,
    30_000,
  );
  assert.ok(last - start < FLOOD.messages, 'the flood waits for its reader');
  return { wire: reading, id, start, grown, ticks: await ticks };
}

const scenes: Record<string, (scene: Scene) => Promise<void>> = {
  'a request that comes byte by byte is answered': async ({ wire }) => {
    const slow = await wire();
    for (const byte of post(initialize(1))) {
      slow.send(byte);
      await turn();
    }
    const { status, headers } = await slow.answer();
    assert.equal(status, 200);
    assert.ok(headers.get('mcp-session-id'));
  },

  'bodies that stop half-way hold nobody up, and nothing is left of them': async ({ server, neighbour, wire }) => {
    const before = openFiles(server);
    const wires = await Promise.all(Array.from({ length: 40 }, wire));
    for (const each of wires) each.send(post(initialize(1), { 'content-length': '5000' }));
    await neighbour.answers(10);
    for (const [index, each] of wires.entries()) {
      if (index % 2 === 0) each.cut();
      else {
        each.finish();
        const status = await statusOrEnd(each);
        assert.ok(status === 400 || status === 0, String(status));
        each.cut();
      }
    }
    await closesDownTo(server, before);
  },

  'a client that closes its half after its request is answered, or cut off': async ({ wire }) => {
    const half = await wire();
    half.send(post(initialize(1)));
    half.finish();
    const status = await statusOrEnd(half);
    // Who sent its last may be gone altogether; how long an answer is still tried is the runtime's choice.
    assert.ok(status === 200 || status === 0, String(status));
    await half.closed;
  },

  'requests written at once are answered in their order': async ({ server, session }) => {
    const { wire, id } = await session();
    const headers = inSession(id);
    wire.send(
      [
        post(call(1, 'countdown', { from: 3, every_ms: 20 }), headers),
        ...Array.from({ length: 10 }, (_, index) => post(call(index + 2, 'echo', { text: `${index + 2}` }), headers)),
      ].join(''),
    );
    // Bun closes a connection on which a request comes before the last is answered (oven-sh/bun#38128).
    if (server.runtime === 'bun') return void (await wire.rest());
    const first = await wire.answer();
    assert.match(first.body, /Lift-off/);
    for (let expected = 2; expected <= 11; expected++) {
      const { body } = await wire.answer();
      assert.equal((JSON.parse(body) as Message).id, expected);
      assert.equal(textOf(body), `${expected}`);
    }
  },

  'a body in many small chunks is read': async ({ wire }) => {
    const chunked = await wire();
    const body = JSON.stringify(initialize('chunked'));
    chunked.send(requestText('POST', '/mcp', { ...JSON_HEADERS, 'transfer-encoding': 'chunked' }, ''));
    for (let at = 0; at < body.length; at += 3) {
      const piece = body.slice(at, at + 3);
      chunked.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
      if (at % 30 === 0) await turn();
    }
    chunked.send('0\r\n\r\n');
    const answer = await chunked.answer();
    assert.equal(answer.status, 200);
    assert.equal((JSON.parse(answer.body) as Message).id, 'chunked');
  },

  'a body declared too large is refused before it comes': async ({ wire }) => {
    const waiting = await wire();
    waiting.send(requestText('POST', '/mcp', { ...JSON_HEADERS, 'content-length': String(MAX_BODY + 1) }, '['));
    const answer = await waiting.answer();
    assert.equal(answer.status, 413);
    assert.equal((JSON.parse(answer.body) as Message).error?.code, -32600);
  },

  'a body declared too large is refused to a client that sends it all': async ({ server, wire }) => {
    await refusesLarge(server, wire, (large) =>
      large.send(requestText('POST', '/mcp', JSON_HEADERS, `["${'x'.repeat(LARGE)}"]`)),
    );
  },

  'a body that grows too large is refused': async ({ server, wire }) => {
    await refusesLarge(server, wire, (large) => {
      large.send(requestText('POST', '/mcp', { ...JSON_HEADERS, 'transfer-encoding': 'chunked' }, ''));
      const piece = 'x'.repeat(10_000);
      for (let sent = 0; sent < LARGE; sent += piece.length) {
        large.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
      }
      large.send('0\r\n\r\n');
    });
  },

  'a thousand sessions opened at the same time are all opened': async ({ wire }) => {
    const wires = await Promise.all(Array.from({ length: 1000 }, wire));
    const answers = await Promise.all(wires.map((each, index) => each.ask(post(initialize(index)))));
    const ids = new Set<string | undefined>();
    for (const [index, { status, headers, body }] of answers.entries()) {
      assert.equal(status, 200);
      assert.equal((JSON.parse(body) as Message).id, index);
      ids.add(headers.get('mcp-session-id'));
    }
    assert.equal(ids.size, 1000);
  },

  'five hundred connections that say nothing hold nobody up': async ({ server, neighbour, wire }) => {
    const before = openFiles(server);
    const wires = await Promise.all(Array.from({ length: 500 }, wire));
    await neighbour.answers(30);
    for (const each of wires) each.cut();
    await closesDownTo(server, before);
  },

  'a reader that stops holds the writer up, and nobody else; it reads on to the end': async (scene) => {
    const { wire, grown, ticks } = await stuckReader(scene);
    assert.ok(grown < STUCK_MB, `${grown.toFixed(1)} MB more for a reader that stands still`);
    assert.ok(ticks.slowest < PATIENCE_MS, `another stream stood still for ${ticks.slowest.toFixed()} ms`);
    const { steps, answered, lost } = await wire.readOn();
    assert.deepEqual([answered, lost], [true, 0]);
    assert.equal(steps.length, FLOOD.messages);
    assert.ok(
      steps.every((step, index) => step === index + 1),
      'every message, in order',
    );
  },

  'a reader that stops and comes back later gets the rest, and learns what is lost': async (scene) => {
    const { wire, id, start } = await stuckReader(scene);
    const seen = await wire.some();
    wire.cut();
    await eventually(
      () => counts(scene.neighbour),
      ({ said }) => said === start + FLOOD.messages,
    );
    const back = await scene.wire();
    back.send(
      requestText('GET', '/mcp', { accept: 'text/event-stream', 'last-event-id': seen.lastId, ...inSession(id) }),
    );
    const reading = new Reading(back);
    assert.equal((await reading.begin()).status, 200);
    const { steps, answered, lost } = await reading.readOn();
    assert.equal(answered, true);
    assert.equal((seen.steps.at(-1) ?? 0) + lost + 1, steps[0], 'what is lost is counted');
    assert.equal(steps.at(-1), FLOOD.messages);
    assert.equal(steps.length, FLOOD.messages - (steps[0] ?? 0) + 1);
  },

  'a tool that blocks the event loop delays the others, no more': async ({ neighbour, session }) => {
    const { wire, id } = await session();
    const { body } = await wire.ask(post(call(1, 'block', { turns: 20_000_000 }), inSession(id)));
    assert.match(textOf(body) ?? '', /^Blocked/);
    await neighbour.answers(3);
  },

  'what a tool throws in a timer is told to the operator, and ends nothing': async ({ server, session }) => {
    const { wire, id } = await session();
    for (const [name, says] of [
      ['throw_aside', 'thrown in a timer'],
      ['reject_aside', 'rejected in a timer'],
    ] as const) {
      const { body } = await wire.ask(post(call(1, name), inSession(id)));
      assert.equal(textOf(body), 'Done all the same');
      // What workerd does with it is not the server's to say.
      if (server.runtime !== 'workerd') await eventually(server.stderr, (text) => text.includes(says));
    }
    assert.equal(textOf((await wire.ask(post(call(2, 'echo', { text: 'alive' }), inSession(id)))).body), 'alive');
  },

  'what a tool says after it returned is heard by nobody': async ({ server, neighbour, session, wire }) => {
    const { wire: first, id } = await session();
    const { late: before } = await counts(neighbour);
    const { body } = await first.ask(post(call(1, 'talk_on'), inSession(id)));
    const { messages, lastId } = parsed(body);
    assert.deepEqual(
      messages.map((message) => message.params?.progress ?? message.result?.content?.[0]?.text),
      [1, 'Returned'],
    );
    // On Workers the timers of a request end with it.
    if (server.runtime !== 'workerd')
      await eventually(
        () => counts(neighbour),
        ({ late }) => late > before,
      );
    const again = await wire();
    const replay = await again.ask(
      requestText('GET', '/mcp', { accept: 'text/event-stream', 'last-event-id': lastId, ...inSession(id) }),
    );
    assert.equal(replay.status, 200);
    assert.deepEqual(parsed(replay.body).messages, []);
  },

  'two thousand streams that are left without a word leave nothing': async ({ server, neighbour, session }) => {
    const before = openFiles(server);
    const after: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (let batch = 0; batch < STREAMS / 200; batch++) {
        await Promise.all(
          Array.from({ length: 200 }, async () => {
            const { wire, id } = await session();
            wire.send(requestText('GET', '/mcp', { accept: 'text/event-stream', ...inSession(id) }));
            const head = await wire.head();
            assert.equal(head.status, 200);
            for await (const piece of wire.body(head)) if (piece.length > 0) break;
            left.push(wire);
          }),
        );
      }
      assert.ok(openFiles(server) >= STREAMS);
      for (const wire of left.splice(0)) wire.cut();
      await closesDownTo(server, before);
      after.push(memory(server));
    }
    // On Workers nothing is swept but when something new is kept.
    await eventually(
      () => counts(neighbour),
      ({ streams, sessions }) => streams === 0 && (sessions === 0 || server.runtime === 'workerd'),
    );
    // The first round is for what a runtime takes once and keeps.
    const grown = memory(server) - (after[0] ?? 0);
    const most = (LEFT_KB * STREAMS * (ROUNDS - 1)) / 1024;
    assert.ok(grown < most, `after each round: ${after.map((each) => each.toFixed()).join(', ')} MB`);
  },
};

for (const runtime of RUNTIMES) {
  test(`${runtime}: sockets without manners`, async (t: TestContext) => {
    const env = { MCP_MAX_BODY: String(MAX_BODY), MCP_REPLAY_AGE: '3', MCP_HEARTBEAT: '2000' };
    const server = { runtime, ...(await startServer({ runtime, entry: ENTRY, env })) };
    const neighbour = await Neighbour.move(server.url);
    const wires: Wire[] = [];
    const wire = async () => {
      const opened = await Wire.open(server.port);
      wires.push(opened);
      return opened;
    };
    const session = async () => {
      const opened = await wire();
      const { headers } = await opened.ask(post(initialize('first')));
      return { wire: opened, id: headers.get('mcp-session-id') ?? '' };
    };
    for (const [name, play] of Object.entries(scenes)) {
      await t.test(`${runtime}: ${name}`, async (scene) => {
        try {
          await play({ server, neighbour, wire, session });
          await neighbour.answers(3);
        } finally {
          for (const opened of wires.splice(0)) opened.cut();
        }
        scene.diagnostic(`slowest echo ${neighbour.content().toFixed()} ms`);
      });
    }
    await neighbour.leave();

    await server.kill();
  });
}
