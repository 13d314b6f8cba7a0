/** The line through samples: its slope, and how sure one can be of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineThrough } from './regression.ts';

/** The same noise each time, between -1 and 1 (Lehmer's generator). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state / 2_147_483_647) * 2 - 1;
  };
}

const points = (count: number, value: (at: number) => number) =>
  Array.from({ length: count }, (_, at) => ({ at, value: value(at) }));

test('points on a line give its slope without error', () => {
  const line = lineThrough(points(10, (at) => 5 + 3 * at));
  assert.ok(line);
  assert.ok(Math.abs(line.slope - 3) < 1e-9);
  assert.ok(line.error < 1e-9);
  assert.equal(line.samples, 10);
});

test('the error is the standard one where residuals do not follow each other', () => {
  // Residuals of an alternating sign: the correlation is negative, and widens nothing.
  const line = lineThrough([
    { at: 0, value: 1 },
    { at: 1, value: -1 },
    { at: 2, value: 1 },
    { at: 3, value: -1 },
  ]);
  assert.ok(line);
  assert.ok(Math.abs(line.slope - -0.4) < 1e-9);
  // Squares 3.2 over 2 degrees of freedom over a spread of 5.
  assert.ok(Math.abs(line.error - Math.sqrt(3.2 / 2 / 5)) < 1e-9);
});

test('samples that follow each other make the slope less sure', () => {
  const wave = lineThrough(points(100, (at) => Math.sin(at / 8)));
  const random = noise(7);
  const scattered = lineThrough(points(100, () => random()));
  assert.ok(wave && scattered);
  assert.ok(wave.error > 3 * scattered.error, `${wave.error} against ${scattered.error}`);
});

test('noise is no growth, and growth in noise is', () => {
  const random = noise(11);
  const flat = lineThrough(points(200, () => 1000 + 50 * random()));
  assert.ok(flat && flat.slope - 3 * flat.error <= 0);
  const growing = lineThrough(points(200, (at) => 1000 + at + 50 * random()));
  assert.ok(growing && growing.slope - 3 * growing.error > 0.5);
});

test('too few samples, or of one moment, give no line', () => {
  assert.equal(lineThrough(points(3, (at) => at)), undefined);
  assert.equal(lineThrough([1, 2, 3, 4].map((value) => ({ at: 5, value }))), undefined);
});
