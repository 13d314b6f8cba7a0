import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamAims } from './aims.ts';
import type { Beats, BeatsRow, Held, HeldRow, Storm, StormRow } from './row.ts';

const who = { runtime: 'node', target: 'ours', era: 'sessions' } as const;
const held = (change: Partial<Held> = {}): HeldRow => ({
  measure: 'held',
  ...who,
  figures: { streams: 5000, seconds: 30, held: 5000, cut: 0, cpu_share: 0.02, ...change },
});
const beats = (change: Partial<Beats> = {}): BeatsRow => ({
  measure: 'beats',
  ...who,
  figures: {
    streams: 5000,
    period_ms: 6000,
    beats: 25_000,
    off_p50_ms: 2,
    off_p99_ms: 99,
    off_max_ms: 130,
    missing: 0,
    short: 0,
    ...change,
  },
});
const storm = (change: Partial<Storm> = {}): StormRow => ({
  measure: 'storm',
  ...who,
  figures: {
    streams: 2000,
    cut: 2000,
    back: 2000,
    recovery_p50_ms: 400,
    recovery_max_ms: 900,
    events: 42_000,
    lost: 0,
    repeated: 0,
    foreign: 0,
    ...change,
  },
});

const missed = (rows: Parameters<typeof streamAims>[0]): string[] =>
  streamAims(rows)
    .filter(({ reached }) => !reached)
    .map(({ what }) => what);

test('all is reached when nothing is cut, late or lost', () => {
  assert.deepEqual(missed([held(), beats(), storm()]), []);
  assert.equal(streamAims([held(), beats(), storm()]).length, 7);
});

test('each shortcoming misses its own aim', () => {
  assert.deepEqual(missed([held({ cut: 1 })]), ['5,000 quiet streams, sessions: cut']);
  assert.deepEqual(missed([beats({ short: 1, off_p99_ms: 101 })]), [
    '5,000 quiet streams, sessions: short of heartbeats',
    '5,000 quiet streams, sessions: heartbeats off at p99',
  ]);
  assert.deepEqual(missed([storm({ repeated: 1, recovery_max_ms: 10_001 })]), [
    'storm of 2,000: all back',
    'storm of 2,000: lost, repeated or foreign events',
  ]);
});

test('a stream that did not come back, or was not there to be cut, is not back', () => {
  assert.deepEqual(missed([storm({ cut: 1990, back: 1990 })]), ['storm of 2,000: not back']);
  assert.deepEqual(missed([storm({ back: 1999 })]), ['storm of 2,000: not back']);
});

test('what was not measured is not reached, and says why', () => {
  const [aim] = streamAims([{ measure: 'storm', ...who, wrong: 'the server: it ended (SIGKILL)' }]);
  assert.deepEqual([aim?.reached, aim?.measured], [false, 'the server: it ended (SIGKILL)']);
  const figures = { streams: 5000, seconds: 0, held: 0, cut: 0 };
  assert.deepEqual(missed([{ measure: 'held', ...who, figures }]), ['5,000 quiet streams, sessions: share of a core']);
});
