/** Reading event streams: what is whole counts, what a cut left does not. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStream } from './sse.ts';

test('events have their id, type and data', () => {
  const { events, lastId } = readStream('id: a-1\nevent: note\ndata: one\ndata:two\n\ndata: three\n\n');
  assert.deepEqual(events, [
    { id: 'a-1', type: 'note', data: 'one\ntwo' },
    { id: 'a-1', type: 'message', data: 'three' },
  ]);
  assert.equal(lastId, 'a-1');
});

test('all three line ends are line ends, and a byte order mark is none of the stream', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const { events } = readStream(`\uFEFFid: 1${end}data: x${end}${end}`);
    assert.deepEqual(events, [{ id: '1', type: 'message', data: 'x' }], JSON.stringify(end));
  }
});

test('an event that is cut at any place is not counted, and its id is not taken', () => {
  const first = 'id: 1\ndata: one\n\n';
  const second = 'id: 2\ndata: two\n\n';
  for (let length = 0; length < second.length; length++) {
    const { events, lastId } = readStream(first + second.slice(0, length));
    assert.equal(events.length, 1, `cut after ${length}`);
    assert.equal(lastId, '1', `cut after ${length}`);
  }
  assert.equal(readStream(first + second).lastId, '2');
});

test('comments count when their line is whole', () => {
  assert.equal(readStream(':\n\n: beat\n\ndata: x\n: within\n\n: cu').comments, 3);
});

test('retry is the time to wait, when it is a number', () => {
  assert.equal(readStream('retry: 1500\n\n').retry_ms, 1500);
  assert.equal(readStream('retry: soon\n\n').retry_ms, undefined);
  assert.equal(readStream('data: x\n\n').retry_ms, undefined);
});

test('a priming event gives an id and says nothing', () => {
  const { events, lastId } = readStream('id: p-0\ndata: \n\n');
  assert.deepEqual(events, [{ id: 'p-0', type: 'message', data: '' }]);
  assert.equal(lastId, 'p-0');
});

test('the id of before stays until another comes', () => {
  assert.equal(readStream(': beat\n\n', 'a-7').lastId, 'a-7');
  assert.equal(readStream('data: x\n\n', 'a-7').lastId, 'a-7');
  assert.equal(readStream('', 'a-7').lastId, 'a-7');
});

test('an id with a NUL is none', () => {
  assert.equal(readStream('id: a\0b\ndata: x\n\n', 'a-7').lastId, 'a-7');
});
