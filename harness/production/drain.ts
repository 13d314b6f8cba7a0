/** How a server ends: told to by a signal, or by its own `close()`. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { tool } from '../../server/tool.ts';
import { createServer, manualClock } from '../../server.ts';
import { eventually, fate } from '../clients/eventually.ts';
import { requestText, Wire } from '../clients/wire.ts';
import type { RunningServer, Runtime } from '../runtimes/start.ts';
import { type Answer, answerOf, Caller, Reading, textOf } from './caller.ts';
import { Gate } from './gate.ts';
import { serving } from './serving.ts';

const ENTRY = 'harness/production/entry.ts';
/** Longer than any test lasts, ms. */
const NEVER = '600000';
const DRAINING = 'This server is shutting down; try again, another one serves';
/** So long after its last request a server is idle, ms; a little more than `server.ts` asks for. */
const IDLE_MS = 10_500;
/** A timer may come early by so much, ms. */
const EARLY_MS = 10;
/** What would be by itself is by then, and what is awaited. */
const SOON_MS = 20;
const LATE_MS = 10_000;

async function statusOf(server: RunningServer, path: string): Promise<number> {
  return (await answerOf(await fetch(server.origin + path))).status;
}

function refusesAsDraining({ status, headers, message }: Answer): void {
  assert.equal(status, 503);
  assert.equal(headers.get('retry-after'), '1');
  assert.equal(message.error?.message, DRAINING);
}

/** Callers of both eras, each with a call that runs until the gate opens. */
async function held(
  server: RunningServer,
  gate: Gate,
): Promise<{ classic: Reading; modern: Reading; session: Caller }> {
  const caller = new Caller(server.url);
  const session = await caller.open();
  const params = { name: 'hold', arguments: { url: gate.url } };
  const [classic, modern] = [session, caller].map((each) => each.send('tools/call', params));
  await gate.waits(2);
  return {
    session,
    classic: new Reading((await classic) as Response),
    modern: new Reading((await modern) as Response),
  };
}

function holdEnv(gate: Gate): Record<string, string> {
  return { MCP_UPSTREAM_HOSTS: new URL(gate.url).host, MCP_UPSTREAM_TIMEOUT: NEVER, MCP_UPSTREAM_WAIT: NEVER };
}

/** While MCP_DRAIN_DELAY runs the server says that it goes, and serves whom it knows. Then a second signal ends it at once. */
export async function servesOnWhileItGoes(runtime: Runtime): Promise<void> {
  await using gate = await Gate.start();
  const env = { ...holdEnv(gate), MCP_DRAIN_DELAY: NEVER, MCP_DRAIN_TIMEOUT: NEVER };
  await serving({ runtime, entry: ENTRY, env }, async (server) => {
    const { session, classic, modern } = await held(server, gate);
    const stream = new Reading(await session.get());
    await stream.heard(/^id: /m);
    assert.equal(await statusOf(server, '/readyz'), 200);

    process.kill(server.pid, 'SIGTERM');
    await eventually(
      () => statusOf(server, '/readyz'),
      (status) => status === 503,
    );
    const unready = await answerOf(await fetch(`${server.origin}/readyz`));
    assert.deepEqual(JSON.parse(unready.body), { status: 'draining', checks: [] });
    assert.equal(unready.headers.get('retry-after'), '1');
    assert.equal(await statusOf(server, '/livez'), 200);
    const health = (await (await fetch(`${server.origin}/health`)).json()) as { status: string };
    assert.equal(health.status, 'draining');

    const caller = new Caller(server.url);
    refusesAsDraining(await caller.initialize());
    assert.equal(textOf(await session.call('echo', { text: 'of a session' })), 'of a session');
    assert.equal(textOf(await caller.call('echo', { text: 'of none' })), 'of none');
    assert.deepEqual(stream.messages, []);

    process.kill(server.pid, 'SIGINT');
    assert.deepEqual(await server.exit, { code: 1, signal: null });
    await Promise.all([classic.over, modern.over, stream.over]);
  });
}

/** After the delay, streams of those who only listen end so that they can come back; calls finish whole; the exit is 0. */
export async function finishesItsCalls(runtime: Runtime): Promise<void> {
  const delay = 300;
  await using gate = await Gate.start();
  const env = { ...holdEnv(gate), MCP_DRAIN_DELAY: String(delay), MCP_DRAIN_TIMEOUT: NEVER };
  await serving({ runtime, entry: ENTRY, env }, async (server) => {
    const wire = await Wire.open(server.port);
    const caller = new Caller(server.url);
    const { session, classic, modern } = await held(server, gate);
    const counts = [session, caller].map((each) => each.call('countdown', { from: 20, every_ms: 100 }));
    const stream = new Reading(await session.get());
    const listening = new Reading(await caller.send('subscriptions/listen', { notifications: {} }));
    await Promise.all([stream.heard(/^id: /m), listening.heard(/acknowledged/)]);
    const ping = requestText('GET', '/readyz', {});
    assert.equal((await wire.ask(ping)).status, 200);

    const asked = performance.now();
    process.kill(server.pid, 'SIGTERM');
    assert.deepEqual(await Promise.all([listening.over, stream.over]), ['ended', 'ended']);
    const took = performance.now() - asked;
    assert.ok(took >= delay - EARLY_MS, `streams ended after ${took} ms, of a delay of ${delay} ms`);

    const [, end, ...more] = listening.messages;
    assert.deepEqual(more, []);
    assert.equal(end?.result?.resultType, 'complete');
    const { _meta } = end.result as { _meta: Record<string, unknown> };
    assert.equal(_meta['io.modelcontextprotocol/subscriptionId'], end.id);
    assert.match(stream.text, /^id: \S+\ndata: ?\n\n[\s\S]*retry: 1000\n\n$/m);

    // Where a runtime goes on to take connections, what comes on them is refused.
    const late = await caller.call('echo', { text: 'late' }).catch(() => undefined);
    if (late) refusesAsDraining(late);
    const kept = await wire.ask(ping).catch(() => undefined);
    if (kept) assert.equal(kept.status, 503);

    for (const call of [classic, modern]) assert.doesNotMatch(call.text, /"result"/);
    gate.open('what was waited for');
    for (const call of [classic, modern]) {
      assert.equal(await call.over, 'ended');
      assert.equal(textOf({ message: call.messages.at(-1) ?? {} }), 'what was waited for', call.text);
    }
    for (const count of await Promise.all(counts)) {
      assert.equal(textOf(count), 'Lift-off');
      assert.equal(count.body.match(/notifications\/progress/g)?.length, 20);
    }
    assert.deepEqual(await server.exit, { code: 0, signal: null });
  });
}

/** Calls that outlast MCP_DRAIN_TIMEOUT do not hold the process; a client of 2025-11-25 is told to come back for them. */
export async function cutsWhatLastsTooLong(runtime: Runtime): Promise<void> {
  const timeout = 300;
  await using gate = await Gate.start();
  const env = { ...holdEnv(gate), MCP_DRAIN_TIMEOUT: String(timeout) };
  await serving({ runtime, entry: ENTRY, env }, async (server) => {
    const { classic, modern } = await held(server, gate);
    await Promise.all([classic, modern].map((call) => call.heard(/notifications\/progress/)));
    const asked = performance.now();
    process.kill(server.pid, 'SIGINT');
    await Promise.all([classic.over, modern.over]);
    const took = performance.now() - asked;
    assert.ok(took >= timeout - EARLY_MS, `cut after ${took} ms, of ${timeout} ms`);
    assert.match(classic.text, /^id: \S+\n[\s\S]*retry: 1000\n\n$/m);
    for (const call of [classic, modern]) assert.doesNotMatch(call.text, /"result"/);
    assert.deepEqual(await server.exit, { code: 0, signal: null });
  });
}

/** Nobody has to be told that an idle server goes. */
export async function endsAtOnceWhenIdle(runtime: Runtime, signal: NodeJS.Signals): Promise<void> {
  await serving({ runtime, env: { MCP_DRAIN_DELAY: NEVER } }, async (server) => {
    await sleep(IDLE_MS);
    process.kill(server.pid, signal);
    assert.deepEqual(await server.exit, { code: 0, signal: null });
  });
}

// ---- as a library --------------------------------------------------------------------------------

/** A server in this process, and a call on it that ends when it is let go. */
async function withCall() {
  const started = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<string>();
  const wait = tool('wait', { description: 'Waits' }, () => {
    started.resolve();
    return waiting.promise;
  });
  // Its time stands still, so that no timeout ends anything.
  const server = createServer({ name: 'library', version: '1', features: [wait], clock: manualClock() });
  const send = (method: string, params: object = {}) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const headers = {
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...('name' in params && { 'mcp-name': String(params.name) }),
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } });
    return server.fetch(new Request('http://localhost/mcp', { method: 'POST', headers, body }));
  };
  const call = send('tools/call', { name: 'wait' }).then(answerOf);
  await started.promise;
  return { server, send, call, finish: waiting.resolve };
}

export async function closesAfterItsCalls(): Promise<void> {
  const { server, send, call, finish } = await withCall();
  const closed = server.close();
  assert.equal(await fate(closed, SOON_MS), 'open');
  refusesAsDraining(await answerOf(await send('tools/list')));
  finish('done');
  assert.equal(textOf(await call), 'done');
  assert.equal(await fate(closed, LATE_MS), 'ended');
  refusesAsDraining(await answerOf(await send('tools/list')));
}

export async function closesAtOnceWhenAskedAgain(): Promise<void> {
  const { server } = await withCall();
  const closed = server.close();
  assert.equal(await fate(closed, SOON_MS), 'open');
  for (const each of [server.close(), closed]) assert.equal(await fate(each, LATE_MS), 'ended');
}
