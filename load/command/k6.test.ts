/** How k6 would be called: a stand-in on the PATH writes down its words and answers as told. No k6 runs here. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findEngine } from './engines.ts';
import type { LoadResult } from './result.ts';
import { readExport } from './run-k6.ts';

const COMMAND = fileURLToPath(new URL('run.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'load-k6-'));
after(() => rmSync(folder, { recursive: true }));

const EXPORT = {
  metrics: {
    mcp_session_ok: { passes: 9, fails: 1, value: 0.9, thresholds: { 'rate>0.999': true } },
    http_req_duration: { avg: 2, min: 1, med: 2, max: 9, 'p(90)': 4, 'p(95)': 5 },
    iterations: { count: 10, rate: 5 },
    dropped_iterations: { count: 2, rate: 1, thresholds: { 'count<5': false } },
    vus: { value: 1, min: 1, max: 4 },
  },
};

function standIn(script: string): string {
  const path = mkdtempSync(join(folder, 'bin-'));
  writeFileSync(join(path, 'k6'), `#!/bin/sh\n${script}`);
  chmodSync(join(path, 'k6'), 0o755);
  return path;
}

test('k6 is taken where it is on the PATH, and the script host where it is not', () => {
  const path = standIn('echo "k6 v2.9.9 (stand-in)"');
  assert.deepEqual(findEngine(undefined, `/nowhere:${path}`), {
    name: 'k6',
    version: 'v2.9.9',
    program: join(path, 'k6'),
  });
  assert.equal(findEngine('host', path).name, 'script host');
  assert.equal(findEngine(undefined, '/nowhere').name, 'script host');
  assert.throws(() => findEngine('k6', '/nowhere'), /k6 is not on the PATH; --engine host/);
  assert.throws(() => findEngine(undefined, standIn('exit 1')), /does not tell its version/);
});

test('k6 is called with the script, the knobs and a place for its summary, and its exit code is handed on', () => {
  const told = join(folder, 'told');
  writeFileSync(join(folder, 'export.json'), JSON.stringify(EXPORT));
  const path = standIn(`
if [ "$1" = version ]; then echo "k6 v2.9.9 (stand-in)"; exit 0; fi
printf '%s\\n' "$@" > ${told}
env | grep -E '^(K6_|MCP_|PROFILE)' >> ${told}
while [ $# -gt 1 ]; do [ "$1" = --summary-export ] && cp ${folder}/export.json "$2"; shift; done
exit 99
`);
  const out = join(folder, 'results');
  const args = [COMMAND, 'sessions', '--url', 'http://user:secret@127.0.0.1:1/mcp?key=1', '--out', out, '-e', 'RATE=7'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, PATH: `${path}:${process.env.PATH}`, MCP_AUTHORIZATION: 'Bearer t' },
  });
  assert.equal(status, 99, stderr);
  assert.match(stdout, /^engine: k6 v2\.9\.9/m);
  assert.match(stdout, /✗ {2}mcp_session_ok +90 % +rate>0\.999/);
  assert.match(stdout, /could not keep up: 2 iterations were dropped/);

  const words = readFileSync(told, 'utf8').trim().split('\n');
  assert.equal(words[0], 'run');
  assert.ok(words.some((word) => word.endsWith('/load/sessions.ts')));
  assert.equal(words[words.indexOf('-e') + 1], 'RATE=7');
  for (const variable of [
    'K6_NO_USAGE_REPORT=true',
    'K6_AUTO_EXTENSION_RESOLUTION=false',
    'MCP_URL=http://user:secret@127.0.0.1:1/mcp?key=1',
    'MCP_AUTHORIZATION=Bearer t',
    'PROFILE=ci',
  ])
    assert.ok(words.includes(variable), variable);

  const stored = readdirSync(out).filter((file) => /Z\.json$/.test(file));
  const text = readFileSync(join(out, stored[0] ?? ''), 'utf8');
  assert.doesNotMatch(text, /secret|key=1|Bearer/);
  const result = JSON.parse(text) as LoadResult;
  assert.deepEqual(result.engine, { name: 'k6', version: 'v2.9.9' });
  assert.deepEqual(result.iterations, { completed: 10, dropped: 2 });
  assert.equal(result.lag, undefined);
  assert.ok(readdirSync(out).some((file) => /Z\.html$/.test(file)));
});

test("k6's flat export becomes metrics with a type", () => {
  const metrics = readExport(JSON.stringify(EXPORT));
  assert.deepEqual(metrics.mcp_session_ok, {
    type: 'rate',
    values: { passes: 9, fails: 1, rate: 0.9 },
    thresholds: { 'rate>0.999': { ok: false } },
  });
  assert.deepEqual(metrics.dropped_iterations?.thresholds, { 'count<5': { ok: true } });
  assert.deepEqual(
    Object.entries(metrics).map(([name, { type }]) => [name, type]),
    [
      ['mcp_session_ok', 'rate'],
      ['http_req_duration', 'trend'],
      ['iterations', 'counter'],
      ['dropped_iterations', 'counter'],
      ['vus', 'gauge'],
    ],
  );
});
