import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from './clock.ts';
import { closing } from './closing.ts';
import { running } from './running.ts';
import { EventStream, heartbeat, owed, streamCounts } from './sse.ts';

const TIMEOUT_MS = 3000;
const LINGER_MS = 2000;

/** A server that is about to close, with one stream; `toFetch` is what somebody has to come back for. */
function setUp() {
  const clock = manualClock();
  const counts = streamCounts();
  const limits = { events: 100, bytes: 10_000, ahead: 10_000, total: 10_000 };
  const stream = new EventStream({ clock, counts, limits, heartbeat: heartbeat(clock, 60_000, 60_000, true) });
  const calls = running();
  const steps: string[] = [];
  const left = { toFetch: false };
  const close = closing({
    begin: () => void steps.push('begin'),
    running: calls,
    owed: owed(counts, () => left.toFetch),
    clock,
    timeout_ms: TIMEOUT_MS,
    linger_ms: LINGER_MS,
    end: () => void steps.push('end'),
  });
  return { clock, stream, calls, steps, left, close };
}

test('where nothing runs and nobody is owed anything it is over at once', () => {
  const { steps, close } = setUp();
  void close();
  assert.deepEqual(steps, ['begin', 'end']);
});

test('calls end first, then clients take what they were told', async () => {
  const { clock, stream, calls, steps, close } = setUp();
  const reader = stream.connect().getReader();
  calls.enter('somebody');
  const closed = close();
  stream.write('last words');
  stream.end();
  await clock.advance(TIMEOUT_MS - 1);
  assert.deepEqual(steps, ['begin'], 'a call runs');
  calls.leave('somebody');
  await clock.advance(LINGER_MS - 1);
  assert.deepEqual(steps, ['begin'], 'nobody has read the stream');
  await reader.read();
  await closed;
  assert.deepEqual(steps, ['begin', 'end']);
  assert.equal(clock.pending, 0);
});

test('an answer that is to be fetched is waited for, as long as its client may take to come back', async () => {
  const { clock, stream, steps, left, close } = setUp();
  left.toFetch = true;
  const closed = close();
  await clock.advance(LINGER_MS - 1);
  assert.deepEqual(steps, ['begin']);
  const reader = stream.connect().getReader();
  stream.write('the answer');
  stream.end();
  left.toFetch = false;
  await reader.read();
  await closed;
  assert.deepEqual(steps, ['begin', 'end']);
});

test('who does not come back is not waited for', async () => {
  const { clock, steps, left, close } = setUp();
  left.toFetch = true;
  const closed = close();
  await clock.advance(LINGER_MS);
  await closed;
  assert.deepEqual(steps, ['begin', 'end']);
});

test('when calls did not end in time nobody is waited for any more', async () => {
  const { clock, calls, steps, left, close } = setUp();
  left.toFetch = true;
  calls.enter('somebody');
  const closed = close();
  await clock.advance(TIMEOUT_MS);
  await closed;
  assert.deepEqual(steps, ['begin', 'end']);
});

test('asked again, it waits for nothing', async () => {
  for (const runs of [true, false]) {
    const { clock, calls, steps, left, close } = setUp();
    left.toFetch = true;
    if (runs) calls.enter('somebody');
    const closed = close();
    await clock.advance(1);
    assert.equal(close(), closed);
    await closed;
    assert.deepEqual(steps, ['begin', 'end']);
    assert.equal(clock.pending, 0);
  }
});
