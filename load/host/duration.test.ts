import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds, readable } from './duration.ts';

test('durations are read as k6 reads them', () => {
  const read = ['500ms', '1.5s', '1m30s', '1h', '2d', '0', '250', 42].map((value) => milliseconds(value, 'x'));
  assert.deepEqual(read, [500, 1500, 90_000, 3_600_000, 172_800_000, 0, 250, 42]);
});

for (const wrong of ['', '1m30', 'soon', '-1s', '5 s', null, Number.NaN, -1, {}]) {
  test(`${JSON.stringify(wrong)} is no duration`, () => {
    assert.throws(() => milliseconds(wrong, 'maxDuration'), /maxDuration must be a duration/);
  });
}

test('a duration that no timer can wait for is cut to one that it can', () => {
  assert.equal(milliseconds('1000h', 'x'), 2_147_483_647);
});

test('durations are written for people', () => {
  assert.deepEqual([250, 4200, 90_000, 3_661_000].map(readable), ['250ms', '4.2s', '1m30s', '1h01m01s']);
});
