/** What the operator of a server in this process is told: lines of the log, metrics, spans of upstream requests. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from '../server.ts';
import { Client, type Json, MODERN, SESSIONS } from './client.fixture.ts';
import { manualClock } from './clock.ts';
import { type Feature, type Principal, ToolError, tool } from './tool.ts';

const features: Feature[] = [
  tool('fine', { description: 'Works' }, () => 'fine'),
  tool('wrong', { description: 'Fails' }, () => {
    throw new ToolError('no such city');
  }),
  tool('bug', { description: 'Has a bug' }, () => {
    throw new Error('oops with Bearer abc.def.ghi');
  }),
  tool('guarded', { description: 'Needs a scope', scopes: ['write'] }, () => 'done'),
  tool('local', { description: 'Fetches a private address' }, async (_input, { fetch }) => {
    await fetch('http://127.0.0.1:1/');
    return 'reached';
  }),
];

function verify(token: string): Principal | undefined {
  const [subject = '', ...scopes] = token.split('_');
  return subject === 'nobody' ? undefined : { subject, scopes, claims: {} };
}

/** A client whose server logs into `lines`. */
function logged(env: Json = {}) {
  const clock = manualClock();
  let text = '';
  const client = new Client({
    features,
    clock,
    verify,
    env: { MCP_PUBLIC_URL: 'http://localhost/mcp', MCP_LOG_FORMAT: 'json', ...env },
    log: (lines) => {
      text += lines;
    },
  });
  client.headers = { authorization: 'Bearer reader' };
  const lines = async (): Promise<Json[]> => {
    await clock.advance(10);
    const all = text.split('\n').filter(Boolean);
    text = '';
    return all.map((line) => JSON.parse(line) as Json);
  };
  return { client, lines };
}

const call = (name: string, more: Json = {}) => ({ id: 'c1', method: 'tools/call', params: { name, ...more } });

test('a call is one line: what was called, by whom, how it ended', async () => {
  const { client, lines } = logged();
  await client.tellModern(call('fine', { arguments: {} }));
  await client.tellModern(call('wrong'));
  const [fine, wrong] = await lines();
  const { time, duration_ms, ...rest } = fine ?? {};
  assert.ok(!Number.isNaN(Date.parse(String(time))));
  assert.equal(typeof duration_ms, 'number');
  assert.deepEqual(rest, {
    level: 'info',
    event: 'request',
    http: 'POST',
    path: '/mcp',
    status: 200,
    method: 'tools/call',
    name: 'fine',
    outcome: 'ok',
    id: 'c1',
    era: 'stateless',
    revision: MODERN,
    subject: 'reader',
    address: 'unknown',
  });
  assert.equal(wrong?.outcome, 'tool_error');
  await client.close();
});

test('a call in a session names the session by its key, not by its id', async () => {
  const { client, lines } = logged();
  const session = await client.initialize(SESSIONS[0]);
  await session.request('ping');
  await session.notify('notifications/initialized');
  const [initialize, ping, initialized] = await lines();
  assert.deepEqual([initialize?.method, initialize?.status], ['initialize', 200]);
  assert.deepEqual([ping?.method, ping?.era, ping?.revision], ['ping', 'stateful', SESSIONS[0]]);
  assert.match(String(ping?.session), /^reader [\w-]{20,}$/);
  assert.ok(!String(ping?.session).includes(session.id));
  assert.deepEqual([initialized?.method, initialized?.status], ['notifications/initialized', 202]);
  await client.close();
});

test('the id of a bug is in the error that the client sees and in the log; what looks like a token is in neither', async () => {
  const clock = manualClock();
  let text = '';
  const server = createServer({
    name: 'under-test',
    version: '1',
    features,
    clock,
    env: { MCP_LOG_FORMAT: 'json' },
    log: (lines) => {
      text += lines;
    },
  });
  const client = new Client({}, server);
  const { message } = await client.tellModern(call('bug'));
  await clock.advance(10);
  await client.close();
  const [, id = ''] = /^Internal error \(([\w-]{36})\)$/.exec(message?.error?.message ?? '') ?? [];
  const [unserved, error, request] = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Json);
  assert.ok(id !== '' && error && request);
  assert.match(String(unserved?.message), /^Not served, .*: tool "guarded"$/);
  assert.deepEqual([error.level, error.event, error.correlation], ['error', 'error', id]);
  assert.match(String(error.message), /^oops/);
  assert.deepEqual([request.level, request.outcome, request.code], ['error', 'error', -32603]);
  assert.doesNotMatch(text + JSON.stringify(message), /abc\.def/);
});

test('a refusal says what was asked, and one of a tool that needs scopes is audited as its calls are', async () => {
  const { client, lines } = logged();
  await client.tellModern(call('guarded'));
  const [refused, denied] = await lines();
  assert.deepEqual(
    [refused?.level, refused?.status, refused?.method, refused?.name, refused?.subject],
    ['warn', 403, 'tools/call', 'guarded', 'reader'],
  );
  assert.deepEqual(
    [denied?.event, denied?.tool, denied?.scopes, denied?.outcome],
    ['audit', 'guarded', ['write'], 'insufficient_scope'],
  );
  client.headers = { authorization: 'Bearer reader_write' };
  await client.tellModern(call('guarded'));
  const [served, done] = await lines();
  assert.equal(served?.outcome, 'ok');
  assert.deepEqual([done?.event, done?.subject, done?.tool, done?.outcome], ['audit', 'reader', 'guarded', 'ok']);
  client.headers = { authorization: 'Bearer nobody' };
  await client.tellModern(call('guarded'));
  const [unknown, ...more] = await lines();
  assert.deepEqual([unknown?.status, unknown?.subject, more.length], [401, undefined, 0]);
  await client.close();
});

test('probes are no lines, nor is what is below the level', async () => {
  const quiet = logged({ MCP_LOG_LEVEL: 'warn' });
  await quiet.client.tellModern(call('fine'));
  await quiet.client.server.fetch(new Request('http://localhost/nothing'));
  assert.deepEqual(await quiet.lines(), []);
  await quiet.client.close();
  const { client, lines } = logged();
  for (const path of ['/livez', '/readyz', '/health'])
    await client.server.fetch(new Request(`http://localhost${path}`));
  assert.deepEqual(await lines(), []);
  await client.server.fetch(new Request('http://localhost/nothing?token=hidden'));
  assert.deepEqual(
    (await lines()).map(({ path, status }) => [path, status]),
    [['/nothing', 404]],
  );
  await client.close();
});

test('arguments are logged only where they are asked for', async () => {
  for (const [env, logs] of [
    [{}, false],
    [{ MCP_LOG_ARGUMENTS: '1' }, true],
  ] as const) {
    const { client, lines } = logged(env);
    await client.tellModern(call('fine', { arguments: { place: 'harbour' } }));
    assert.equal(JSON.stringify(await lines()).includes('harbour'), logs);
    await client.close();
  }
});

test('metrics count calls by what they were and how they ended', async () => {
  const token = 'a token for the scrape';
  const { client } = logged({ MCP_METRICS_TOKEN: token });
  await client.tellModern(call('fine'));
  await client.tellModern(call('fine'));
  await client.tellModern(call('wrong'));
  await client.tellModern(call('no-such-tool'));
  await client.tellModern(call('guarded'));
  const scrape = () => new Request('http://localhost/metrics', { headers: { authorization: `Bearer ${token}` } });
  const text = await (await client.server.fetch(scrape())).text();
  for (const line of [
    'mcp_requests_total{era="stateless",method="tools/call",tool="fine",outcome="ok"} 2',
    'mcp_requests_total{era="stateless",method="tools/call",tool="wrong",outcome="tool_error"} 1',
    'mcp_requests_total{era="stateless",method="tools/call",tool="unknown",outcome="error"} 1',
    'mcp_http_responses_total{method="POST",status="403"} 1',
    'mcp_http_responses_total{method="POST",status="200"} 4',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
  }
  await client.close();
});

test('what a tool fetches goes by the pool: a private address is told to the model, and counted', async () => {
  const { client } = logged();
  const answer = await client.tellModern(call('local'));
  assert.equal(answer.result.isError, true);
  assert.match(answer.text, /127\.0\.0\.1.*private/);
  assert.equal(client.server.stats().upstream_refused, 1);
  await client.close();
});
