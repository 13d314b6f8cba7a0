/** The knee: the highest step that held, and what stopped the next. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kneeOf, kneeText } from './knee.ts';

const step = (rate: number, more: object = {}) => ({ rate, reached: rate, within: 1, p95_ms: 5, max_ms: 9, ...more });

test('when all steps hold the knee is above the last', () => {
  assert.deepEqual(kneeOf([step(50), step(100)], 0.99), { rate: 100, limit: undefined });
});

test('the first step that is wrong or late ends it, whatever comes after', () => {
  const { rate, limit } = kneeOf([step(50), step(100, { within: 0.98 }), step(200)], 0.99);
  assert.equal(rate, 50);
  assert.match(limit ?? '', /100\/s.*98\.00%/);
});

test('a generator that did not keep up is named as the limit', () => {
  const { rate, limit } = kneeOf([step(50), step(100, { reached: 60 })], 0.99);
  assert.equal(rate, 50);
  assert.match(limit ?? '', /generator made 60\/s/);
});

test('nothing held is 0', () => {
  assert.equal(kneeOf([step(50, { within: 0 })], 0.99).rate, 0);
});

test('the table has a line for each step and the verdict', () => {
  const lines = kneeText([step(50), step(100, { within: 0.5 })], 0.99, 250)
    .trimEnd()
    .split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[0] ?? '', /<250 ms/);
  assert.match(lines[3] ?? '', /knee is at 50 calls\/s/);
});

test('without calls there is nothing to tell', () => {
  assert.match(kneeText([step(50, { reached: 0, within: 0 })], 0.99, 250), /^No call was made/);
});
