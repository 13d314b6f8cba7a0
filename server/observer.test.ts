/** What a server counts of what it was sent, as its own `/metrics` tells it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from '../server.ts';
import { type Client, MODERN, read, SESSIONS, serving } from './client.fixture.ts';

const METRICS_TOKEN = 'a token of the operator';
const operated = (env: Record<string, unknown> = {}) => ({ env: { MCP_METRICS_TOKEN: METRICS_TOKEN, ...env } });

/** The series of metrics, without help, by their name and labels. */
async function series(client: Client): Promise<Map<string, number>> {
  const url = 'http://localhost/metrics';
  const answer = await client.send('GET', undefined, { authorization: `Bearer ${METRICS_TOKEN}` }, url);
  assert.equal(answer.status, 200);
  const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(line.split(' ').at(-1))]));
}

/** How often requests of a method ended how. */
async function requests(client: Client, method: string): Promise<Record<string, number>> {
  const ofMethod = new RegExp(`^mcp_requests_total{era="(\\w+)",method="${method}",.*outcome="(\\w+)"`);
  const found: Record<string, number> = {};
  for (const [name, value] of await series(client)) {
    const [, era, outcome] = ofMethod.exec(name) ?? [];
    if (era !== undefined) found[`${era} ${outcome}`] = value;
  }
  return found;
}

test(
  'initialize and notifications are counted, and methods that do not exist by one name',
  serving(async (client) => {
    const session = await client.initialize();
    await session.notify('notifications/initialized');
    await session.notify('notifications/made_up');
    await session.request('made/up');
    const params = { protocolVersion: SESSIONS[0], capabilities: 'none', clientInfo: { name: 'a', version: '1' } };
    await client.tell({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    await client.tell({ jsonrpc: '2.0', method: 'notifications/cancelled' }, { 'mcp-protocol-version': MODERN });
    assert.deepEqual(await requests(client, 'initialize'), { 'stateful ok': 1, 'stateful error': 1 });
    assert.deepEqual(await requests(client, 'notifications/initialized'), { 'stateful ok': 1 });
    assert.deepEqual(await requests(client, 'notifications/cancelled'), { 'stateless ok': 1 });
    assert.deepEqual(await requests(client, 'other'), { 'stateful ok': 1, 'stateful error': 1 });
  }, operated()),
);

test(
  'messages of a batch are counted one by one',
  serving(async (client) => {
    const session = await client.initialize('2025-03-26');
    await session.tell([
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'ping' },
      { jsonrpc: '2.0', id: 3, method: 'made/up' },
    ]);
    assert.deepEqual(await requests(client, 'notifications/initialized'), { 'stateful ok': 1 });
    assert.deepEqual(await requests(client, 'ping'), { 'stateful ok': 2 });
    assert.deepEqual(await requests(client, 'other'), { 'stateful error': 1 });
  }, operated()),
);

test(
  'a listen stream is counted when it opens',
  serving(async (client) => {
    const response = await client.modern({ method: 'subscriptions/listen', params: { notifications: {} } });
    await client.events(response).next();
    assert.deepEqual(await requests(client, 'subscriptions/listen'), { 'stateless ok': 1 });
  }, operated()),
);

test(
  'what was refused before it was served is counted by its status alone',
  serving(async (client) => {
    assert.equal((await client.tellModern({ method: 'made/up' })).status, 404);
    assert.equal((await client.tell({ jsonrpc: '2.0', id: 1, method: 'ping' })).status, 400);
    const all = await series(client);
    assert.deepEqual(
      [...all.keys()].filter((name) => name.startsWith('mcp_requests_total')),
      [],
    );
    assert.equal(all.get('mcp_http_responses_total{method="POST",status="404"}'), 1);
    assert.equal(all.get('mcp_http_responses_total{method="POST",status="400"}'), 1);
  }, operated()),
);

test('sessions are counted when they begin, and when they are seen to end by why and after how long', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const open = async () => {
        const session = await client.initialize();
        await session.request('logging/setLevel', { level: 'error' });
        return session;
      };
      const deleted = await open();
      await clock.advance(45_000);
      assert.equal((await deleted.end()).status, 204);
      assert.equal((await deleted.end()).status, 404);
      await open();
      await clock.advance(1000);
      await open(); // Two is the bound.
      await open();
      await clock.advance(60_000 + 15_000);
      const all = await series(client);
      const ended = (reason: string) => all.get(`mcp_sessions_ended_total{reason="${reason}"}`);
      assert.equal(all.get('mcp_sessions_begun_total'), 4);
      assert.deepEqual([ended('deleted'), ended('evicted'), ended('idle'), ended('expired')], [1, 1, 2, 0]);
      const lasted = (upTo: string) =>
        all.get(`mcp_server_session_duration_seconds_bucket{mcp_protocol_version="${SESSIONS[0]}",le="${upTo}"}`);
      assert.deepEqual([lasted('0.5'), lasted('2'), lasted('30'), lasted('60'), lasted('120')], [0, 1, 1, 2, 4]);
    },
    { clock, ...operated({ MCP_MAX_SESSIONS: '2', MCP_SESSION_TIMEOUT: '60' }) },
  )();
});

test('a session whose id has expired has ended; one that ends with the server is told as closed', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const session = await client.initialize();
      await (await session.listen()).next();
      await clock.advance(75_000);
      assert.equal((await series(client)).get('mcp_sessions_ended_total{reason="expired"}'), 1);
      const last = await client.initialize();
      await last.request('logging/setLevel', { level: 'error' });
      await client.server.close();
      assert.equal((await series(client)).get('mcp_sessions_ended_total{reason="closed"}'), 1);
    },
    { clock, ...operated({ MCP_SESSION_LIFETIME: '60' }) },
  )();
});

test('a session that other nodes may serve has not ended because it is quiet here', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const session = await client.initialize();
      await session.request('logging/setLevel', { level: 'error' });
      await clock.advance(75_000);
      assert.equal(client.server.stats().sessions, 0);
      assert.equal((await series(client)).get('mcp_sessions_ended_total{reason="idle"}'), 0);
    },
    { clock, ...operated({ MCP_SESSION_SECRET: 'the same on every node', MCP_SESSION_TIMEOUT: '60' }) },
  )();
});

test(
  'failures of authorization are counted by reason, from 0',
  serving(
    async (client) => {
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      assert.equal((await client.tell(ping)).status, 401);
      assert.equal((await client.tell(ping, { authorization: 'Bearer of.no.good' })).status, 401);
      assert.equal((await client.tell(ping, { authorization: 'Bearer of.no.good' })).status, 401);
      const all = await series(client);
      const failures = (reason: string) => all.get(`mcp_auth_failures_total{reason="${reason}"}`);
      assert.deepEqual([failures('missing'), failures('token'), failures('expired')], [1, 2, 0]);
    },
    operated({ MCP_AUTH_SECRET: 'x'.repeat(32), MCP_PUBLIC_URL: 'http://localhost/mcp' }),
  ),
);

test(
  'what nobody asks a token for has no failures of authorization',
  serving(async (client) => {
    await read(await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    assert.ok([...(await series(client)).keys()].every((name) => !name.startsWith('mcp_auth_failures_total')));
  }, operated()),
);
