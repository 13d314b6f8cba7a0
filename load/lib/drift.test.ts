/** Growth that lasts is told from steps, saws and noise. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driftOf } from './drift.ts';

/** The same noise each time, between -1 and 1 (Lehmer's generator). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state / 2_147_483_647) * 2 - 1;
  };
}

/** Fills up and is emptied, after a while that is not the same each time. */
function saw(period: number, random: () => number): () => number {
  let level = 0;
  return () => {
    level = level > period * (1 + 0.3 * random()) ? 0 : level + 1;
    return level;
  };
}

const samples = (count: number, value: (at: number) => number) =>
  Array.from({ length: count }, (_, at) => ({ at, value: value(at) }));

/** Slope in standard errors. */
function sureness(value: (at: number) => number, count = 300): number {
  const drift = driftOf(samples(count, value));
  assert.ok(drift);
  return drift.slope / drift.error;
}

test('what grows evenly gives its slope without error, what is level none', () => {
  const drift = driftOf(samples(40, (at) => 5 + 3 * at));
  assert.ok(drift);
  assert.ok(Math.abs(drift.slope - 3) < 1e-9);
  assert.ok(drift.error < 1e-9);
  assert.deepEqual(driftOf(samples(40, () => 7)), { slope: 0, error: 0 });
});

test('the error is that of the mean of the steps', () => {
  // Ten parts of one sample each: nine steps, of 1 and 3 in turn.
  const values = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17];
  const drift = driftOf(values.map((value, at) => ({ at, value })));
  assert.ok(drift);
  assert.ok(Math.abs(drift.slope - 17 / 9) < 1e-9);
  const squares = 5 * (1 - 17 / 9) ** 2 + 4 * (3 - 17 / 9) ** 2;
  assert.ok(Math.abs(drift.error - Math.sqrt(squares / 8 / 9)) < 1e-9);
});

test('one step is no growth, wherever it comes, nor is a level that is reached late', () => {
  for (let step = 10; step < 300; step += 7) {
    const random = noise(step);
    assert.ok(Math.abs(sureness((at) => (at < step ? 100 : 112) + random())) < 3, `step at ${step}`);
  }
  const random = noise(3);
  assert.ok(sureness((at) => 100 - 40 * Math.exp(-at / 40) + random()) < 3);
});

test('saws and noise are no growth', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = noise(seed * 7919);
    assert.ok(Math.abs(sureness(() => 100 + 5 * random())) < 3, `noise ${seed}`);
    const teeth = saw(10 + seed, random);
    assert.ok(Math.abs(sureness(() => 100 + teeth() + random())) < 3, `saw ${seed}`);
  }
});

test('growth is seen in noise, in saws and beside a step', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = noise(seed * 104_729);
    assert.ok(sureness((at) => 100 + 0.1 * at + 2 * random()) > 3, `in noise ${seed}`);
    const teeth = saw(13, random);
    assert.ok(sureness((at) => 100 + 0.2 * at + teeth() + random()) > 3, `in a saw ${seed}`);
    assert.ok(sureness((at) => 100 + 0.5 * at + (at < 150 ? 0 : 12) + random()) > 3, `beside a step ${seed}`);
  }
});

test('too few samples, or of one moment, tell nothing', () => {
  assert.equal(driftOf(samples(9, (at) => at)), undefined);
  assert.equal(driftOf(Array.from({ length: 20 }, (_, value) => ({ at: 5, value }))), undefined);
});
