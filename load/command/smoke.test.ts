/**
 * The whole command on the script host: every script at once against this project's server, on each of its runtimes, and
 * what it says when there is nothing to load.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SERVERS } from './arguments.ts';
import { judged, passed } from './figures.ts';
import { readResult } from './result.ts';

const COMMAND = fileURLToPath(new URL('run.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'load-smoke-'));
after(() => rmSync(folder, { recursive: true }));

async function load(...args: string[]) {
  const out = mkdtempSync(join(folder, 'out-'));
  const child = spawn(process.execPath, [COMMAND, ...args, '--engine', 'host', '--out', out], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  const files = readdirSync(out).map((file) => join(out, file));
  return { status: status as number, stdout, stderr, file: files.find((file) => file.endsWith('.json')), files };
}

for (const runtime of SERVERS) {
  test(`smoke on ${runtime} passes, and leaves a result and a page`, { timeout: 90_000 }, async () => {
    const { status, stdout, stderr, file = '', files } = await load('smoke', '--runtime', runtime);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^engine: script host/m);
    assert.match(stdout, /^result: passed$/m);
    const result = readResult(readFileSync(file, 'utf8'), file);
    assert.equal(result.target.runtime, runtime);
    const figures = judged(result);
    assert.ok(figures.every(passed));
    for (const scenario of ['sessions', 'heartbeats', 'reconnection', 'storm', 'calls', 'listen'])
      assert.ok(
        figures.some(({ metric }) => metric.includes(`scenario:${scenario}`)),
        scenario,
      );
    assert.ok(result.series.mcp_events_seen && result.series.lag);
    for (const metric of ['memory_bytes', 'cpu_share', 'sessions', 'streams'])
      assert.ok((result.metrics[`mcp_server_${metric}`]?.values.max ?? 0) > 0, metric);
    assert.ok(files.some((name) => name.endsWith('.html')));
  });
}

test('listen on workerd hears every change', { timeout: 90_000 }, async () => {
  const { status, stdout, stderr, file = '' } = await load('listen', '--profile', 'smoke', '--runtime', 'workerd');
  assert.equal(status, 0, stdout + stderr);
  const { metrics } = readResult(readFileSync(file, 'utf8'), file);
  assert.equal(metrics.mcp_changes_made?.values.count, 8);
  assert.equal(metrics.mcp_events_seen?.values.count, 160);
});

test('a run is compared with a stored one, and one of another machine is refused before it starts', async () => {
  const args = ['sessions', '--profile', 'smoke', '-e', 'DURATION_S=1'];
  const { file = '', status, stderr } = await load(...args);
  assert.equal(status, 0, stderr);
  const again = await load(...args, '--baseline', file);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /^compared with .*, this server on node, script host/m);
  assert.match(again.stdout, /^ +mcp_session_ok rate +100 % +100 % +same$/m);

  const before = readResult(readFileSync(file, 'utf8'), file);
  writeFileSync(file, JSON.stringify({ ...before, machine: { ...before.machine, cores: 99 } }));
  const refused = await load(...args, '--baseline', file);
  assert.equal(refused.status, 104);
  assert.match(refused.stderr, /^The baseline cannot be compared: its machine is .*\n$/);
  assert.deepEqual(refused.files, []);
});

test('a target that is no MCP server is one line and exit code 108', async () => {
  const server = createServer((_request, response) => response.writeHead(401).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const { status, stdout, stderr, files } = await load('sessions', '--url', url);
  server.close();
  assert.equal(status, 108);
  assert.equal(stdout, '');
  assert.match(stderr, /^error: .*answers 401: give a token with MCP_AUTHORIZATION/m);
  assert.deepEqual(files, []);
});

test('a wrong word is one line, the usage, and exit code 104', async () => {
  const { status, stderr } = await load('nope');
  assert.equal(status, 104);
  assert.match(stderr, /^There is no script "nope"\n\nUsage: /);
  assert.match(stderr, /NAME is one of calls, heartbeats, listen, reconnection, sessions, smoke, soak, storm\./);
});
