import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, fakeContext } from './context.fixture.ts';
import { countdown } from './countdown.ts';

test('countdown reports every step, waiting before each', async () => {
  const context = fakeContext();
  assert.equal(await call(countdown, { from: 3, every_ms: 20 }, context), 'Lift-off');
  assert.deepEqual(context.waits, [20, 20, 20]);
  assert.deepEqual(context.reports, [
    { progress: 1, total: 3, message: '2 to go' },
    { progress: 2, total: 3, message: '1 to go' },
    { progress: 3, total: 3, message: '0 to go' },
  ]);
});

test('countdown waits a second between steps unless told', async () => {
  const context = fakeContext();
  await call(countdown, { from: 1 }, context);
  assert.deepEqual(context.waits, [1000]);
});

test('countdown stops when the call is cancelled', async () => {
  const context = fakeContext();
  const reason = new Error('cancelled by the client');
  const progress: typeof context.progress = async (step, total, message) => {
    await context.progress(step, total, message);
    if (step === 2) context.cancel(reason);
  };
  const cancelled = call(countdown, { from: 10, every_ms: 0 }, { ...context, progress });
  await assert.rejects(cancelled, (error) => error === reason);
  assert.equal(context.reports.length, 2);
});

test('countdown refuses numbers out of bounds', async () => {
  for (const input of [
    { from: 0 },
    { from: 10_001 },
    { from: 1.5 },
    { from: 1, every_ms: -1 },
    { from: 1, every_ms: 60_001 },
  ]) {
    await assert.rejects(call(countdown, input, fakeContext()), { name: 'ZodError' }, JSON.stringify(input));
  }
});
