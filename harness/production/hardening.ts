/** What a server does with connections, headers and names that no client of good manners sends. */

import assert from 'node:assert/strict';
import { fate } from '../clients/eventually.ts';
import { type Answer as Raw, requestText, Wire } from '../clients/wire.ts';
import type { RunningServer, Runtime } from '../runtimes/start.ts';
import { answerOf, Caller, textOf } from './caller.ts';
import { serving } from './serving.ts';

const ENTRY = 'harness/production/entry.ts';
/** Longer than the 5 s after which Node by itself ends a quiet connection. */
const QUIET_MS = 6000;
const POST = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

async function withWire<T>({ port }: RunningServer, use: (wire: Wire) => Promise<T>): Promise<T> {
  const wire = await Wire.open(port);
  try {
    return await use(wire);
  } finally {
    wire.cut();
  }
}

const once = (server: RunningServer, text: string): Promise<Raw> => withWire(server, (wire) => wire.ask(text));

/** Names of software, which tell an attacker what to try. */
function hasNoBanner(headers: { has(name: string): boolean }, of: string): void {
  for (const name of ['server', 'x-powered-by']) assert.ok(!headers.has(name), `${of} has ${name}`);
}

// ---- Node's adapter ------------------------------------------------------------------------------

export async function cutsSlowRequests(): Promise<void> {
  await serving({ runtime: 'node', env: { MCP_READ_TIMEOUT: '500' } }, async (server) => {
    const beginnings = {
      nothing: '',
      'half a head': 'POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-slow: ',
      'half a body': requestText('POST', '/mcp', { ...POST, 'content-length': '1000' }, '{"jsonrpc"'),
      'half a chunk': requestText('POST', '/mcp', { ...POST, 'transfer-encoding': 'chunked' }, '8\r\n{"js'),
    };
    await Promise.all(
      Object.entries(beginnings).map(([name, text]) =>
        withWire(server, async (wire) => {
          wire.send(text);
          const { status, headers } = await wire.answer();
          assert.equal(status, 408, name);
          hasNoBanner(headers, '408');
          assert.equal(await wire.rest(), '');
        }),
      ),
    );
    // Slow is not idle: each byte is in time, the whole is not.
    await withWire(server, async (wire) => {
      wire.send('POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-slow: ');
      const drip = setInterval(() => wire.send('a'), 50);
      assert.equal((await wire.answer()).status, 408);
      clearInterval(drip);
    });
    assert.equal((await once(server, requestText('GET', '/livez', {}))).status, 200);
  });
}

export async function boundsHeaders(): Promise<void> {
  await serving({ runtime: 'node', env: { MCP_MAX_HEADERS: '4096' } }, async (server) => {
    const { status, headers } = await once(server, requestText('GET', '/livez', { 'x-large': 'x'.repeat(5000) }));
    assert.equal(status, 431);
    hasNoBanner(headers, '431');
    assert.equal((await once(server, requestText('GET', '/livez', { 'x-large': 'x'.repeat(3000) }))).status, 200);
  });
}

export async function keepsConnections(): Promise<void> {
  const live = requestText('GET', '/livez', {});
  await Promise.all([
    serving({ runtime: 'node', env: { MCP_KEEP_ALIVE: '500' } }, (server) =>
      withWire(server, async (wire) => {
        assert.equal((await wire.ask(live)).status, 200);
        assert.equal(await wire.rest(), '');
      }),
    ),
    serving({ runtime: 'node' }, (server) =>
      withWire(server, async (wire) => {
        assert.equal((await wire.ask(live)).headers.get('keep-alive'), 'timeout=75');
        assert.equal(await fate(wire.closed, QUIET_MS), 'open');
        assert.equal((await wire.ask(live)).status, 200);
      }),
    ),
  ]);
}

// ---- every runtime -------------------------------------------------------------------------------

/** @param note told what differs between runtimes */
export async function holds(runtime: Runtime, note: (text: string) => void): Promise<void> {
  await serving({ runtime, entry: ENTRY, env: { MCP_MAX_URL: '200' } }, async (server) => {
    for (const check of [boundsUrls, ignoresOverrides, namesNoSoftware, judgesHosts, isNotPolluted])
      await check(server);
    note(`a head of 40 kB is answered ${await largeHead(server)}, one of 1 MB ${await largeHead(server, 1_000_000)}`);
  });
}

/** The status for a large head: 0 where the connection just ends. */
async function largeHead(server: RunningServer, bytes = 40_000): Promise<number> {
  const text = requestText('GET', '/livez', { 'x-large': 'x'.repeat(bytes) });
  const status = await once(server, text).then(
    (answer) => answer.status,
    () => 0,
  );
  assert.equal((await once(server, requestText('GET', '/livez', {}))).status, 200);
  return status;
}

async function boundsUrls(server: RunningServer): Promise<void> {
  const long = `/mcp?${'a'.repeat(200)}`;
  for (const path of [long, `/livez${long}`, `/${'b'.repeat(3000)}`]) {
    const { status, body } = await once(server, requestText('POST', path, POST, PING));
    assert.equal(status, 414, path);
    assert.match(
      body,
      /^\{"jsonrpc":"2\.0","error":\{"code":-32600,"message":"The URL must have at most 200 characters/,
    );
  }
  const { url } = server;
  assert.equal(textOf(await new Caller(`${url}?${'a'.repeat(100)}`).call('echo', { text: 'short' })), 'short');
}

async function ignoresOverrides({ url }: RunningServer): Promise<void> {
  const session = await new Caller(url).open();
  const overrides = {
    'x-http-method-override': 'DELETE',
    'x-http-method': 'DELETE',
    'x-method-override': 'DELETE',
  };
  const overridden = new Caller(`${url}?_method=DELETE`, overrides, session.session);
  assert.deepEqual((await overridden.ask('ping')).message.result, {});
  assert.deepEqual((await session.ask('ping')).message.result, {}, 'the session lives');
  assert.equal((await session.end()).status, 204);
  assert.equal((await session.ask('ping')).status, 404);
}

async function namesNoSoftware(server: RunningServer): Promise<void> {
  const ask = (method: string, path: string, body?: string) =>
    once(server, requestText(method, path, body === undefined ? {} : POST, body));
  const answers = await Promise.all([
    ask('GET', '/livez'),
    ask('GET', '/metrics'),
    ask('GET', '/nowhere'),
    ask('PUT', '/mcp'),
    ask('POST', '/mcp', '{'),
    ask('POST', '/mcp', PING),
  ]);
  for (const { headers, status } of answers) {
    hasNoBanner(headers, String(status));
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('cache-control'), 'no-store');
  }
  hasNoBanner((await new Caller(server.url).call('countdown', { from: 1, every_ms: 0 })).headers, 'a stream');
}

async function judgesHosts(server: RunningServer): Promise<void> {
  const host = 'rebound.example';
  const { status, body } = await once(server, requestText('POST', '/mcp', { ...POST, host }, PING));
  assert.equal(status, 403);
  assert.match(body, /Host \\"rebound\.example\\" is not allowed/);
  for (const path of ['/livez', '/readyz']) {
    assert.equal((await once(server, requestText('GET', path, { host }))).status, 200, path);
  }
  const health = await once(server, requestText('GET', '/health', { host }));
  assert.deepEqual(Object.keys(JSON.parse(health.body)), ['status', 'name', 'version', 'uptime_s']);
  assert.equal((await once(server, requestText('GET', '/metrics', { host }))).status, 403);
  const origin = `http://${host}`;
  assert.equal((await once(server, requestText('GET', '/livez', { host, origin }))).status, 403);
}

/** Keys that name what all objects share, wherever a client may put keys. */
async function isNotPolluted({ url }: RunningServer): Promise<void> {
  const evil = JSON.parse(
    '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"prototype":{"polluted":"yes"}}',
  ) as object;
  const caller = new Caller(url);
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: evil,
    clientInfo: { name: 'a', version: '1', ...evil },
  };
  const opened = await caller.post({ id: 1, method: 'initialize', params });
  const session = new Caller(url, {}, opened.headers.get('mcp-session-id') ?? '');
  for (const each of [session, caller]) {
    // An object literal would lose `__proto__`, so it is written as text.
    const polluted = JSON.parse(
      `{"name":"echo","arguments":${JSON.stringify(evil).replace('{', '{"text":"whole",')},"_meta":${JSON.stringify(evil)}}`,
    ) as object;
    assert.equal(textOf(await each.ask('tools/call', polluted)), 'whole');
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      assert.equal((await each.call(name)).message.error?.code, -32602, name);
      assert.equal((await each.ask(name)).message.error?.code, -32601, name);
      assert.equal((await each.ask('prompts/get', { name })).message.error?.code, -32602, name);
    }
    assert.equal(textOf(await each.call('inherited')), '');
  }
  for (const path of ['/__proto__', '/constructor']) {
    assert.equal((await answerOf(await fetch(new URL(path, url)))).status, 404);
  }
}
