import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Distribution } from './trend.ts';

function filled(values: number[], limit?: number): Distribution {
  const distribution = new Distribution(limit);
  for (const value of values) distribution.add(value);
  return distribution;
}

test('quantiles are interpolated between neighbours', () => {
  const distribution = filled([4, 1, 3, 2]);
  assert.deepEqual(
    [0, 0.5, 0.9, 1].map((fraction) => distribution.quantile(fraction)),
    [1, 2.5, 3.7, 4],
  );
});

test('values after a quantile was read count too', () => {
  const distribution = filled([1, 3]);
  assert.equal(distribution.quantile(0.5), 2);
  distribution.add(0);
  assert.equal(distribution.quantile(0.5), 1);
});

test('nothing has the quantile 0', () => {
  assert.equal(filled([]).quantile(0.5), 0);
});

test('above the limit quantiles are within 0.1 %, and count, sum, least and greatest stay exact', () => {
  const values = Array.from({ length: 10_000 }, (_, index) => 1.001 ** index * 0.01 * (index % 7 === 0 ? -1 : 1));
  const exact = filled(values);
  const sketch = filled(values, 1000);
  const sorted = [...values].sort((a, b) => a - b);
  assert.ok(exact.exact && !sketch.exact);
  for (const fraction of [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.95, 0.99, 1]) {
    const near = sketch.quantile(fraction);
    const added = sorted[Math.floor(fraction * (values.length - 1))] as number;
    assert.ok(Math.abs(near - added) <= Math.abs(added) * 0.001, `${fraction}: ${near}, not ${added}`);
  }
  assert.deepEqual([sketch.count, sketch.sum, sketch.min, sketch.max], [exact.count, exact.sum, exact.min, exact.max]);
});

test('zero has a place in the sketch', () => {
  const distribution = filled([0, 0, 0, 5], 2);
  assert.equal(distribution.quantile(0.5), 0);
});
