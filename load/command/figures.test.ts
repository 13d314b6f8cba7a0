import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judged, overwhelmed, shown, summarized, verdict } from './figures.ts';
import { resultWith } from './result.fixture.ts';

test('thresholds that failed come first, then by name, each with the value it judges', () => {
  const figures = judged(resultWith()).map(({ metric, value, unit }) => [metric, shown(value, unit)]);
  assert.deepEqual(figures, [
    ['mcp_events_lost', '3'],
    ['mcp_call_ms', '12.3 ms'],
    ['mcp_heartbeat_shortfall', 'nothing'],
    ['mcp_stream_cut_early', '0.5 %'],
  ]);
});

test('two aggregates of a metric are two figures, two rules on one are one', () => {
  const thresholds = { 'p(95)<9': { ok: true }, 'p(95)>1': { ok: false }, 'max<9': { ok: true } };
  const metrics = { a_ms: { type: 'trend', values: { max: 8, 'p(95)': 7 }, thresholds } } as const;
  assert.deepEqual(
    judged({ metrics }).map(({ aggregate, value, rules }) => [aggregate, value, rules.length]),
    [
      ['p(95)', 7, 2],
      ['max', 8, 1],
    ],
  );
});

test('every number has its unit', () => {
  assert.equal(shown(0.01234, 'ms'), '0.0123 ms');
  assert.equal(shown(1234.5, 'ms'), '1,235 ms');
  assert.equal(shown(61_000, 'ms'), '61 s');
  assert.equal(shown(0.999, 'share'), '99.9 %');
  assert.equal(shown(-2_500_000, 'bytes/min'), '-2.5 MB/min');
  assert.equal(shown(12.5, 'per second'), '12.5/s');
  assert.equal(summarized('data_received', { type: 'counter', values: { count: 1500, rate: 10 } }), '1.5 kB, 10 B/s');
  const cpu = { type: 'trend', values: { med: 0.25, 'p(95)': 1, max: 1.5 } } as const;
  assert.equal(summarized('mcp_server_cpu_share', cpu), 'med 25 %, p(95) 100 %, max 150 %');
  const memory = { type: 'trend', values: { med: 1_234_567, max: 2e9 } } as const;
  assert.equal(summarized('mcp_server_memory_bytes', memory), 'med 1.23 MB, max 2 GB');
  assert.equal(summarized('x_ok', { type: 'rate', values: { rate: 1, passes: 3, fails: 0 } }), '100 % of 3');
});

test('a generator that dropped iterations or was late says so; one that kept up says nothing', () => {
  const iterations = { completed: 5, dropped: 0 };
  const exit_code = 0;
  assert.equal(overwhelmed({ exit_code, iterations, lag: { p99_ms: 4, max_ms: 900 } }), undefined);
  assert.match(
    overwhelmed({ exit_code, iterations, lag: { p99_ms: 300, max_ms: 900 } }) ?? '',
    /could not keep up.*late by 300 ms/,
  );
  assert.equal(overwhelmed({ exit_code: 105, iterations: { completed: 5, dropped: 12 } }), undefined);
  assert.match(
    overwhelmed({ exit_code, iterations: { completed: 5, dropped: 12 } }) ?? '',
    /could not keep up: 12 iterations were dropped/,
  );
});

test('the verdict counts what failed, or says why the run ended', () => {
  assert.equal(verdict({ exit_code: 0, reason: '' }, 0), 'passed');
  assert.equal(verdict({ exit_code: 99, reason: 'x' }, 2), 'exit 99: 2 of the thresholds failed');
  assert.equal(verdict({ exit_code: 105, reason: 'interrupted by a signal' }, 2), 'exit 105: interrupted by a signal');
});
