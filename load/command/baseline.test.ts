import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeText, comparisonRows, incomparable } from './baseline.ts';
import { resultWith } from './result.fixture.ts';

const now = resultWith();

test('runs of one machine, engine, profile and knobs can be compared, on whatever runtime', () => {
  assert.equal(incomparable(resultWith({ target: { url: 'http://x/mcp', runtime: 'deno' } }), now), undefined);
});

for (const [what, changes] of Object.entries({
  script: { name: 'calls' },
  profile: { profile: 'soak' as const },
  engine: { engine: { name: 'k6' as const, version: 'v2.2.0' } },
  machine: { machine: { ...now.machine, cores: 8 } },
  'set of knobs': { knobs: { STREAMS: '9' } },
})) {
  test(`another ${what} is refused in one line`, () => {
    const line = incomparable(resultWith(changes), now) ?? '';
    assert.match(line, new RegExp(`^The baseline cannot be compared: its ${what} is .+, and of this run .+$`));
  });
}

test('the figures stand beside each other with their change', () => {
  const before = resultWith({
    metrics: {
      ...now.metrics,
      mcp_call_ms: { type: 'trend', values: { 'p(95)': 10 }, thresholds: { 'p(95)<250': { ok: true } } },
    },
  });
  const rows = comparisonRows(before, now);
  assert.deepEqual(
    rows.find(([figure]) => figure === 'mcp_call_ms p(95)'),
    ['mcp_call_ms p(95)', '10 ms', '12.3 ms', '+23.5 %'],
  );
  assert.deepEqual(rows.find(([figure]) => figure === 'mcp_events_lost count')?.at(-1), 'same');
  assert.ok(rows.some(([figure]) => figure === 'generator lag p(99)'));
});

test('a change from nothing has no percentage, and one of a share is in points', () => {
  const figure = 'x';
  assert.equal(changeText({ figure, before: 0, now: 3, unit: '' }), '+3');
  assert.equal(changeText({ figure, before: 1, now: 0.98, unit: 'share' }), '-2 points');
  assert.equal(changeText({ figure, before: undefined, now: 1, unit: '' }), 'only in one');
});
