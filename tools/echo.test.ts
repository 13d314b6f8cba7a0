import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, fakeContext } from './context.fixture.ts';
import { echo } from './echo.ts';

test('echo returns its text unchanged', async () => {
  for (const text of ['hello', '', ' spaces\nand lines ', '漢字 🎈 \u0000']) {
    assert.equal(await call(echo, { text }, fakeContext()), text);
  }
});

test('echo without a text is refused', async () => {
  await assert.rejects(call(echo, {}, fakeContext()), { name: 'ZodError' });
  await assert.rejects(call(echo, { text: 7 }, fakeContext()), { name: 'ZodError' });
});
