import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tick } from './ticker.ts';

test('the ticker waits before each step and tells when it was made', async () => {
  const did: string[] = [];
  const sentAt: number[] = [];
  const before = Date.now();
  const text = await tick(
    { from: 2, every_ms: 5 },
    async (ms) => did.push(`wait ${ms}`),
    (progress, total, message) => {
      did.push(`${progress} of ${total}`);
      sentAt.push((JSON.parse(message) as { sentAt: number }).sentAt);
    },
  );
  assert.equal(text, 'done');
  assert.deepEqual(did, ['wait 5', '1 of 2', 'wait 5', '2 of 2']);
  for (const at of sentAt) assert.ok(at >= before && at <= Date.now(), String(at));
});
