/**
 * Clients that go away without a word, many of them, and clients that stay and hear nothing for long.
 *
 *     ABANDONED=100000 QUIET_S=90 node --test harness/abandoned.test.ts
 *
 * is the full measure: a hundred thousand sessions, twenty thousand streams, a minute and a half of silence.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Arrivals } from './clients/arrivals.ts';
import { eventually, fate } from './clients/eventually.ts';
import { type Event, events, type Message, REVISION, Session, statusOf } from './clients/session.ts';
import { requestText, Wire } from './clients/wire.ts';
import { RUNTIMES, type RunningServer, type Runtime, startServer } from './runtimes/start.ts';
import { memory, openFiles } from './runtimes/usage.ts';

const ENTRY = 'harness/fixtures/flood.ts';
/** Sessions opened on each runtime, in all rounds together. */
const ABANDONED = Number(process.env.ABANDONED ?? 2000);
/** A client opens so many sessions before it opens its stream, as one that starts anew behind a proxy does. */
const SESSIONS_EACH = 5;
const ROUNDS = 6;
/** So many are for what a runtime takes once and keeps: the live heap of Node is level from the first, its allocator after these. */
const WARMING = 3;
const CLIENTS = Math.ceil(ABANDONED / SESSIONS_EACH / ROUNDS);
/** More at once would wait in the server's queue of connections. */
const AT_ONCE = 200;
/** How a server may grow in a round: by this for each client that left, and by what its garbage collector leaves lying. */
const LEFT_KB = 2;
const LYING_MB = 12;
/** Longer than the 10 s after which Bun ends a silent connection. */
const QUIET_S = Number(process.env.QUIET_S ?? 12);
/** MCP_HEARTBEAT, which no test here sets, and a little. */
const BEAT_S = 6.2;
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
/** Workers keep nothing of a client that could be counted from outside. */
const SERVED = RUNTIMES.filter((runtime) => runtime !== 'workerd');

const post = (message: object, headers: Record<string, string> = {}) =>
  requestText('POST', '/mcp', { ...JSON_HEADERS, ...headers }, JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }));
const inSession = (id: string) => ({ 'mcp-session-id': id, 'mcp-protocol-version': REVISION });

async function initialize(wire: Wire): Promise<string> {
  const clientInfo = { name: 'wire', version: '1' };
  const params = { protocolVersion: REVISION, capabilities: {}, clientInfo };
  const { status, headers } = await wire.ask(post({ method: 'initialize', params }));
  assert.equal(status, 200);
  const id = headers.get('mcp-session-id');
  assert.ok(id);
  return id;
}

/** What the server holds, as it says itself; over a socket that is closed again, so that none is counted later. */
async function counts({ port }: RunningServer): Promise<{ sessions: number; streams: number; kept: number }> {
  const wire = await Wire.open(port);
  try {
    const id = await initialize(wire);
    const { body } = await wire.ask(post({ method: 'tools/call', params: { name: 'counts' } }, inSession(id)));
    return JSON.parse((JSON.parse(body) as Message).result?.content?.[0]?.text ?? '');
  } finally {
    wire.cut();
  }
}

/** What a look tells once it tells the same for a second: sockets that were left are closed in the server's own time. */
async function steady(look: () => number): Promise<number> {
  let last = look();
  let since = Date.now();
  return eventually(
    () => {
      const seen = look();
      if (seen !== last) since = Date.now();
      last = seen;
      return seen;
    },
    () => Date.now() - since > 1000,
  );
}

/** A client with its sessions, and a stream on the last of them that has begun. */
async function settle({ port }: RunningServer): Promise<Wire> {
  const wire = await Wire.open(port);
  let id = '';
  for (let opened = 0; opened < SESSIONS_EACH; opened++) id = await initialize(wire);
  wire.send(requestText('GET', '/mcp', { accept: 'text/event-stream', ...inSession(id) }));
  const head = await wire.head();
  assert.equal(head.status, 200);
  for await (const piece of wire.body(head)) if (piece.length > 0) break;
  return wire;
}

async function settleAll(server: RunningServer, count: number): Promise<Wire[]> {
  const wires: Wire[] = [];
  while (wires.length < count) {
    const few = Math.min(AT_ONCE, count - wires.length);
    wires.push(...(await Promise.all(Array.from({ length: few }, () => settle(server)))));
  }
  return wires;
}

/** Half of them close their sockets, half vanish with a reset. */
function leave(wires: readonly Wire[]): void {
  for (const [index, wire] of wires.entries()) {
    if (index % 2 === 0) wire.cut();
    else wire.socket.resetAndDestroy();
  }
}

async function leavesNothing(runtime: Runtime, t: TestContext): Promise<void> {
  const env = { MCP_SESSION_TIMEOUT: '3', MCP_REPLAY_AGE: '1' };
  const server = await startServer({ runtime, entry: ENTRY, env });
  try {
    // What a runtime opens at its first stream, it keeps.
    leave(await settleAll(server, 2));
    await eventually(
      () => counts(server),
      ({ streams }) => streams === 0,
    );
    const before = await steady(() => openFiles(server));
    const after: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const began = performance.now();
      const wires = await settleAll(server, CLIENTS);
      const most = openFiles(server);
      assert.ok(most >= CLIENTS, `${most} descriptors for ${CLIENTS} streams`);
      assert.equal((await counts(server)).streams, CLIENTS);
      leave(wires);
      const open = await eventually(
        () => openFiles(server),
        (files) => files <= before,
      );
      await eventually(
        () => counts(server),
        ({ sessions, streams, kept }) => sessions + streams + kept === 0,
      );
      after.push(memory(server));
      t.diagnostic(
        `round ${round}: ${CLIENTS * SESSIONS_EACH} sessions, ${CLIENTS} streams; descriptors ${before}, ${most}, ${open}; ` +
          `${after.at(-1)?.toFixed(1)} MB; ${((performance.now() - began) / 1000).toFixed(1)} s`,
      );
    }
    const warm = after[WARMING - 1] ?? 0;
    const allowed = (ROUNDS - WARMING) * (LYING_MB + (LEFT_KB * CLIENTS) / 1024);
    // Garbage is collected when a runtime sees fit.
    const last = await eventually(
      () => memory(server),
      (resident) => resident - warm <= allowed,
    );
    t.diagnostic(
      `${(last - warm).toFixed(1)} MB more after round ${ROUNDS} than after round ${WARMING}, of ${allowed.toFixed(1)} allowed`,
    );
  } finally {
    await server.kill();
  }
}

async function staysOpen(runtime: Runtime, t: TestContext): Promise<void> {
  const server = await startServer({ runtime, entry: ENTRY });
  const hangUp = new AbortController();
  try {
    const session = await Session.open(server.url);
    const opened = Date.now();
    const beats: number[] = [];
    const heard = new Arrivals<Event>();
    const reading = (async () => {
      const response = await session.get(undefined, hangUp.signal);
      for await (const event of events(response, () => beats.push(Date.now() - opened))) heard.add(event);
    })();
    const quiet = await fate(reading, QUIET_S * 1000);
    assert.equal(quiet, 'open', `after ${Date.now() - opened} ms, with heartbeats at ${beats}`);
    assert.deepEqual(
      heard.all.filter(({ message }) => message),
      [],
      'it was quiet',
    );
    assert.ok(beats.length >= Math.floor(QUIET_S / BEAT_S), `heartbeats at ${beats}`);
    const change = { id: 1, method: 'tools/call', params: { name: 'test_trigger_tool_change' } };
    assert.equal(await statusOf(session.post(change)), 200);
    await heard.first(({ message }) => message?.method === 'notifications/tools/list_changed');
    t.diagnostic(`open for ${Date.now() - opened} ms, with ${beats.length} comments, then told of a change`);
    hangUp.abort();
    await reading.catch(() => {});
  } finally {
    hangUp.abort();
    await server.stop();
  }
}

describe('silence', { concurrency: SERVED.length }, () => {
  for (const runtime of SERVED) {
    test(`${runtime}: a stream on which nothing happens for ${QUIET_S} s is open, and then hears what does`, (t) =>
      staysOpen(runtime, t as TestContext));
  }
});

describe('departures', { concurrency: SERVED.length }, () => {
  for (const runtime of SERVED) {
    test(`${runtime}: ${ABANDONED} sessions and the streams on them, left without a word, leave nothing`, (t) =>
      leavesNothing(runtime, t as TestContext));
  }
});
