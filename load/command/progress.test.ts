import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunProgress } from '../host/engine.ts';
import { ProgressLine, progressText } from './progress.ts';

const at = (elapsedMs: number, dropped = 0): RunProgress => ({
  phase: 'running',
  elapsedMs,
  vusActive: 3,
  vusInitialized: 5,
  counts: { completed: 40, interrupted: 0, dropped },
  scenarios: [
    { name: 'sessions', executor: 'constant-arrival-rate', state: 'running', progress: 0.427 },
    { name: 'storm', executor: 'per-vu-iterations', state: 'done', progress: 1 },
  ],
  lag: { p99: 2, max: 9, mean: 1, series: [] },
});

function terminal(isTTY: boolean) {
  const written: string[] = [];
  return { written, to: { isTTY, columns: 30, write: (text: string) => written.push(text) } };
}

test('the line says how far each scenario is, and what was dropped', () => {
  assert.equal(progressText(at(4200)), 'running 4.2s, 3 VUs, 40 iterations, lag 2 ms, sessions 42 %, 1 of 2 done');
  assert.match(progressText(at(4200, 7)), /40 iterations, 7 dropped, lag/);
});

test('on a terminal it is written over and never wider than the terminal', () => {
  const { written, to } = terminal(true);
  const line = new ProgressLine(to);
  line.show(at(1000));
  line.say('warning', 'look');
  assert.deepEqual(written, ['\r\x1b[Krunning 1s, 3 VUs, 40 iterati', '\r\x1b[K', 'warning: look\n']);
});

test('elsewhere a line comes every ten seconds', () => {
  const { written, to } = terminal(false);
  const line = new ProgressLine(to);
  for (const second of [1, 9, 10, 11, 19, 20]) line.show(at(second * 1000));
  assert.deepEqual(
    written.map((text) => text.slice(0, 11)),
    ['running 10s', 'running 20s'],
  );
});
