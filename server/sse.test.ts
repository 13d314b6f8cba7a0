import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, manualClock } from './clock.ts';
import { EventStream, heartbeat, type StreamLimits, type StreamOwner, streamCounts } from './sse.ts';

const LIMITS = { events: 1000, bytes: 100_000, ahead: 1000, total: 1_000_000 };

function setUp({ limits, ...owner }: StreamOwner & { limits?: Partial<StreamLimits> } = {}) {
  const clock = manualClock();
  const counts = streamCounts();
  const shared = { clock, heartbeat: heartbeat(clock, 8000, 60_000, true), counts, limits: { ...LIMITS, ...limits } };
  const make = (more: StreamOwner = {}) => new EventStream(shared, { id: 's', ...owner, ...more });
  return { clock, counts, make, stream: make() };
}

/** A reader that takes one chunk at a time. */
function reading(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  return {
    async next(): Promise<string | undefined> {
      const { done, value } = await reader.read();
      return done ? undefined : decoder.decode(value);
    },
    async all(): Promise<string> {
      let text = '';
      for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) text += chunk;
      return text;
    },
    cancel: () => reader.cancel(),
  };
}

const data = (text: string) => [...text.matchAll(/^data: (.*)$/gm)].map((found) => found[1]);
const ids = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].map((found) => found[1]);

test('events arrive in order, each with an id that names the stream, and the connection ends with the stream', async () => {
  const { stream, counts } = setUp();
  const reader = reading(stream.connect());
  stream.write('1');
  stream.write('2');
  const text = reader.all();
  stream.write('3');
  stream.end();
  assert.deepEqual(data(await text), ['1', '2', '3']);
  assert.deepEqual(ids(await text), ['s-0', 's-1', 's-2']);
  assert.equal(counts.open, 0);
});

test('a connection without waiting events sends its opening at once', async () => {
  const { stream } = setUp();
  assert.equal(await reading(stream.connect(undefined, ':\n\n')).next(), ':\n\n');
});

test('a reader that comes back with the last event it has gets exactly what followed it', async () => {
  const { stream } = setUp();
  const first = reading(stream.connect());
  for (const event of ['0', '1', '2']) stream.write(event);
  assert.deepEqual(data((await first.next()) ?? ''), ['0', '1', '2']);
  await first.cancel();
  stream.write('3');
  stream.end();
  assert.deepEqual(data(await reading(stream.connect(0)).all()), ['1', '2', '3']);
  assert.deepEqual(data(await reading(stream.connect(2)).all()), ['3'], 'a second time as well');
  assert.deepEqual(data(await reading(stream.connect(3)).all()), [], 'and nothing when it has everything');
});

test('the newest connection wins: the older one is told when to come back, and loses nothing it had not taken', async () => {
  const { stream } = setUp();
  const old = reading(stream.connect());
  stream.write('taken');
  assert.deepEqual(data((await old.next()) ?? ''), ['taken']);
  stream.write('waits');
  const fresh = reading(stream.connect(undefined, undefined, 500));
  assert.equal(await old.all(), 'retry: 500\n\n');
  assert.deepEqual(data((await fresh.next()) ?? ''), ['waits']);
});

test('hangUp hands over what waits, so that the reader knows an id to come back with', async () => {
  const { stream } = setUp();
  const reader = reading(stream.connect());
  stream.write('');
  stream.hangUp(250);
  const text = await reader.all();
  assert.deepEqual(ids(text), ['s-0']);
  assert.match(text, /retry: 250\n\n$/);
});

test('a log keeps no more events and characters than its bounds, and says how many are missing', async () => {
  for (const limits of [{ events: 10 }, { bytes: 220 }]) {
    const { stream, counts } = setUp({ limits });
    for (let event = 0; event < 100; event++) stream.write(String(event));
    assert.ok(stream.size <= 260, String(stream.size));
    assert.equal(counts.kept, stream.size);
    stream.end();
    const text = await reading(stream.connect(-1)).all();
    assert.match(text, /^: \d\d events before this one are no longer kept\n\n/);
    const kept = data(text).length;
    assert.deepEqual(
      data(text),
      Array.from({ length: kept }, (_, at) => String(100 - kept + at)),
    );
  }
});

test('an event larger than every bound still goes through', async () => {
  const { stream } = setUp({ limits: { bytes: 100 } });
  stream.write('small');
  stream.write('x'.repeat(5000));
  stream.end();
  assert.deepEqual(
    data(await reading(stream.connect()).all()).map((text) => text?.length),
    [5, 5000],
  );
});

test('a reader that stops taking is cut when the log must drop what it has not got; the log stays bounded', async () => {
  let overflowed = 0;
  const { stream, counts } = setUp({ limits: { bytes: 10_000 }, onOverflow: () => overflowed++ });
  const reader = reading(stream.connect());
  stream.write('first');
  assert.ok(await reader.next());
  for (let event = 0; event < 1000; event++) stream.write('x'.repeat(1000));
  assert.equal(overflowed, 1);
  assert.equal(counts.slow, 1);
  assert.ok(counts.kept < 12_000, String(counts.kept));
  stream.end();
  assert.match(await reading(stream.connect(0)).all(), /^: 9\d\d events before this one are no longer kept/);
});

test('without an id nothing stays once it was taken', async () => {
  const { make, counts } = setUp();
  const stream = make({ id: undefined });
  const reader = reading(stream.connect());
  stream.write('1');
  assert.equal(await reader.next(), 'data: 1\n\n');
  assert.equal(counts.kept, 0);
});

test('drained waits for the reader to catch up, and for nobody when there is no reader', async () => {
  const { stream } = setUp({ limits: { ahead: 100 } });
  for (let event = 0; event < 100; event++) stream.write('x'.repeat(50));
  assert.equal(stream.drained(), undefined);
  const reader = reading(stream.connect());
  const drained = stream.drained();
  assert.ok(drained);
  await reader.next();
  await drained;
  for (let event = 0; event < 100; event++) stream.write('x'.repeat(50));
  const cut = stream.drained();
  await reader.cancel();
  await cut;
});

test('a cancelled reader is told as a hang-up, an ended or replaced one is not', async () => {
  let hangUps = 0;
  const { make } = setUp({ onHangup: () => hangUps++ });
  const ended = make();
  const all = reading(ended.connect()).all();
  ended.end();
  await all;
  const replaced = make();
  replaced.connect();
  const last = reading(replaced.connect());
  assert.equal(hangUps, 0);
  await last.cancel();
  assert.equal(hangUps, 1);
});

test('quiet connections get a beat in every interval from one timer, which ends with the last of them', async () => {
  const { clock, make, counts } = setUp();
  const readers = Array.from({ length: 100 }, () => reading(make().connect()));
  assert.equal(clock.pending, 1);
  const beats = readers.map(async (reader) => [await reader.next(), await reader.next()]);
  await clock.advance(16_100);
  for (const beat of await Promise.all(beats)) assert.deepEqual(beat, [': \n\n', ': \n\n']);
  assert.equal(counts.beats, 200);
  for (const reader of readers) await reader.cancel();
  assert.equal(clock.pending, 0);
  assert.equal(counts.open, 0);
});

test('where each connection has a timer of its own, timers that are late do not slow the beat', async () => {
  const clock = manualClock();
  const LATE_MS = 200;
  const late: Clock = {
    ...clock,
    after: (ms, run) => clock.after(ms + LATE_MS, run),
    every(ms, run) {
      let stop = clock.after(ms + LATE_MS, function again() {
        stop = clock.after(ms + LATE_MS, again);
        run();
      });
      return () => stop();
    },
  };
  const counts = streamCounts();
  const shared = { clock: late, heartbeat: heartbeat(late, 6000, 60_000, false), counts, limits: LIMITS };
  const reader = reading(new EventStream(shared, { id: 's' }).connect());
  const text = reader.all();
  await clock.advance(60_000 + LATE_MS);
  assert.equal(counts.beats, 10);
  await reader.cancel();
  assert.equal((await text).length, 10 * ': \n\n'.length);
  assert.equal(clock.pending, 0);
});

test('a reader that takes nothing for the stall time is cut', async () => {
  let hangUps = 0;
  const { clock, stream, counts } = setUp({ onHangup: () => hangUps++ });
  stream.connect();
  stream.write('never taken');
  await clock.advance(59_000);
  assert.equal(counts.open, 1);
  await clock.advance(20_000);
  assert.equal(counts.open, 0);
  assert.equal(hangUps, 1);
  assert.equal(counts.slow, 1);
});

test('where logs together keep too much, what can be spared goes first', () => {
  const { make, counts } = setUp({ limits: { total: 1000 } });
  const spare = make();
  for (let event = 0; event < 20; event++) spare.write('x'.repeat(40));
  let relieved = 0;
  counts.relieve = () => {
    relieved++;
    spare.discard();
    return relieved === 1;
  };
  const stream = make();
  for (let event = 0; event < 100; event++) stream.write('x'.repeat(40));
  assert.ok(relieved >= 1);
  assert.ok(counts.kept <= 1100, String(counts.kept));
});
