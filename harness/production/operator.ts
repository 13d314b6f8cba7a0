/** What an operator is told, and who counts as one. */

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import type { RunningServer, Runtime } from '../runtimes/start.ts';
import { type Answer, answerOf, Caller } from './caller.ts';
import { serving } from './serving.ts';

const TOKEN = 'operators-token-of-the-test';
const ANYBODY = ['status', 'name', 'version', 'uptime_s'];
const FORWARDED = { 'x-forwarded-for': '203.0.113.7' };

async function ask({ origin }: RunningServer, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return answerOf(await fetch(origin + path, { headers }));
}

/** Who may see the details, where no token is set. */
export async function tellsLoopback(runtime: Runtime): Promise<void> {
  await serving({ runtime }, async (server) => {
    const through = await ask(server, '/health', FORWARDED);
    assert.deepEqual(Object.keys(JSON.parse(through.body)), ANYBODY);
    assert.equal((await ask(server, '/metrics', FORWARDED)).status, 403);
    const here = await ask(server, '/health');
    const metrics = await ask(server, '/metrics');
    // Workers know no address that they could trust.
    if (runtime === 'workerd') {
      assert.deepEqual(Object.keys(JSON.parse(here.body)), ANYBODY);
      assert.equal(metrics.status, 403);
      const claimed = await ask(server, '/health', { 'cf-connecting-ip': '127.0.0.1' });
      assert.deepEqual(Object.keys(JSON.parse(claimed.body)), ANYBODY);
      return;
    }
    isDetailed(here, runtime);
    assert.match(metrics.body, /^mcp_build_info\{.*\} 1$/m);
    await new Caller(server.url).call('countdown', { from: 20, every_ms: 10 });
    isDetailed(await ask(server, '/health'), runtime);
  });
}

function isDetailed({ status, body }: Answer, runtime: Runtime): void {
  assert.equal(status, 200);
  const { memory_percent, cpu_percent, memory_bytes, lag_ms, ...rest } = JSON.parse(body) as Record<string, unknown>;
  const isWithin = (value: unknown, most: number, name: string) =>
    assert.ok(typeof value === 'number' && value >= 0 && value <= most, `${name} is ${value}, of at most ${most}`);
  isWithin(memory_percent, 100, 'memory_percent');
  // Ticks of a short time are counted whole, so that a little more than all may come out.
  isWithin(cpu_percent, 100 * availableParallelism() + 20, 'cpu_percent');
  isWithin(memory_bytes, 2 ** 40, 'memory_bytes');
  isWithin(lag_ms, 600_000, 'lag_ms');
  assert.deepEqual(
    [rest.status, rest.runtime, rest.active_sessions, rest.open_streams, rest.running_calls],
    ['ok', runtime, 0, 0, 0],
  );
}

/** With a token one may ask from anywhere, and without it not from here. */
export async function tellsWhoHasTheToken(runtime: Runtime): Promise<void> {
  await serving({ runtime, env: { MCP_METRICS_TOKEN: TOKEN } }, async (server) => {
    const authorization = `Bearer ${TOKEN}`;
    const known = { ...FORWARDED, authorization };
    const health = JSON.parse((await ask(server, '/health', known)).body) as Record<string, unknown>;
    assert.equal(health.runtime, runtime === 'workerd' ? 'workers' : runtime);
    const metrics = await ask(server, '/metrics', known);
    assert.equal(metrics.status, 200);
    assert.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    for (const [wrong, challenge] of [
      [undefined, 'Bearer realm="metrics"'],
      [`${authorization}s`, 'Bearer realm="metrics", error="invalid_token"'],
      ['Bearer', 'Bearer realm="metrics", error="invalid_token"'],
    ]) {
      const refused = await ask(server, '/metrics', { ...FORWARDED, ...(wrong && { authorization: wrong }) });
      assert.equal(refused.status, 401);
      assert.equal(refused.headers.get('www-authenticate'), challenge);
      const plain = await ask(server, '/health', { ...FORWARDED, ...(wrong && { authorization: wrong }) });
      assert.deepEqual(Object.keys(JSON.parse(plain.body)), ANYBODY);
    }
  });
}
