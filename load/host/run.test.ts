// The command line, as a process.

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withFiles } from './fixture.ts';

const command = fileURLToPath(new URL('run.ts', import.meta.url));

type Child = ChildProcessByStdio<null, Readable, Readable>;
type Ended = { code: number | null; out: string; err: string };

const start = (cwd: string, args: string[]): Child =>
  spawn(process.execPath, [command, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });

async function ended(child: Child): Promise<Ended> {
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, out, err };
}

const cli = (script: string, ...args: string[]): Promise<Ended> =>
  withFiles(script, (directory) => ended(start(directory, ['run', 'script.ts', ...args])));

test('a run that passes exits 0 and ends with the engine, its lag and the dropped iterations', async () => {
  const { code, out, err } = await cli(
    `export default function () { console.log(__ENV.A, __ENV.B); }`,
    '-e',
    'A=1',
    '--env',
    'B=x=y',
    '-q',
  );
  assert.equal(code, 0, err);
  assert.equal(err, 'info: 1 x=y\n');
  assert.match(out, /engine\.*: script host/);
  assert.match(out, /event-loop lag\.*: p99=.* max=/);
  assert.match(out, /iterations\.*: 1 complete, 0 interrupted, 0 dropped/);
});

test('the exit code is that of the run', async () => {
  const failing = `export const options = { thresholds: { iterations: ['count>5'] } }; export default function () {}`;
  const [thresholds, unknown, option] = await Promise.all([
    cli(failing),
    cli(`import 'k6/nope'; export default function () {}`),
    cli(`export const options = { nope: 1 }; export default function () {}`),
  ]);
  assert.equal(thresholds.code, 99);
  assert.match(thresholds.out, /exit 99: thresholds on iterations failed/);
  assert.equal(unknown.code, 107);
  assert.match(unknown.err, /^error: .*"k6\/nope"/);
  assert.equal(option.code, 104);
});

test('a wrong flag ends with 104 and the usage', async () => {
  const { code, err } = await cli('export default function () {}', '--nope');
  assert.equal(code, 104);
  assert.match(err, /--nope[\s\S]*Usage/);
});

test('--summary-export, --scenario, --once, and the files of handleSummary', () =>
  withFiles(
    `import exec from 'k6/execution';
     export const options = { scenarios: { a: { executor: 'constant-vus', vus: 5, duration: '10m' }, b: { executor: 'constant-vus', vus: 5, duration: '10m' } } };
     export default function () { console.log(exec.scenario.name); }
     export function handleSummary(data) { return { 'own.json': JSON.stringify(data.metrics.iterations), stdout: 'own text' }; }`,
    async (directory) => {
      const flags = ['--once', '--scenario', 'b', '--summary-export', 'summary.json', '-q'];
      const { code, out, err } = await ended(start(directory, ['run', 'script.ts', ...flags]));
      assert.equal(code, 0, err);
      assert.equal(err, 'info: b\n');
      assert.match(out, /^own text[\s\S]*script host/);
      const summary = JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8'));
      assert.equal(summary.engine, 'script host');
      assert.equal(summary.metrics.iterations.count, 1);
      assert.equal(summary.host.iterations.dropped, 0);
      assert.equal(JSON.parse(readFileSync(join(directory, 'own.json'), 'utf8')).values.count, 1);
    },
  ));

test('-u, -i and -d take the place of the scenarios', async () => {
  const { out } = await cli(
    `export const options = { scenarios: { a: { executor: 'constant-vus', duration: '10m' } } }; export default function () {}`,
    '-u',
    '2',
    '-i',
    '6',
  );
  assert.match(out, /iterations\.*: 6 complete/);
});

test('SIGINT ends with 105, teardown and the summary so far', () =>
  withFiles(
    `import { setTimeout } from 'k6/timers';
     export default async function () { console.log('started'); await new Promise((ok) => setTimeout(ok, 600000)); }
     export function teardown() { console.log('teardown'); }`,
    async (directory) => {
      const child = start(directory, ['run', 'script.ts']);
      const end = ended(child);
      await once(child.stderr, 'data');
      child.kill('SIGINT');
      const { code, out, err } = await end;
      assert.equal(code, 105, err);
      assert.match(err, /started[\s\S]*teardown/);
      assert.match(out, /0 complete, 1 interrupted[\s\S]*exit 105/);
    },
  ));

test('a promise that is rejected and never handled is logged, and ends neither the process nor its iteration', async () => {
  const { code, out, err } = await cli(`export default function () { Promise.reject(new Error('nobody asked')); }`);
  assert.equal(code, 0, err);
  assert.match(err, /Uncaught \(in promise\) Error: nobody asked/);
  assert.match(out, /1 complete/);
});
