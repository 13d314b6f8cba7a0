import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Observed } from './observed.ts';

const PERIOD_MS = 1000;

/** @param time Unix time at which each of them ended, ms */
function gaps(observed: Observed, values: readonly number[], since: string, time = 100_000): void {
  for (const value of values)
    observed.take({ metric: 'mcp_heartbeat_gap_ms', value, tags: { name: 'stream', since }, time });
}

function watching(period_ms = PERIOD_MS): Observed {
  const observed = new Observed(period_ms);
  observed.watch(0);
  return observed;
}

test('only the time between two heartbeats is off a period, early or late', () => {
  const observed = watching();
  gaps(observed, [300], 'headers');
  gaps(observed, [700], 'event');
  assert.equal(observed.off.count, 0);
  gaps(observed, [990, 1030], 'comment');
  assert.deepEqual([observed.off.min, observed.off.max, observed.off.count], [10, 30, 2]);
  assert.equal(observed.beats, 4);
});

test('a heartbeat that did not come is missing, one that is late is not', () => {
  const observed = watching();
  gaps(observed, [1400, 600], 'comment');
  assert.equal(observed.missing, 0);
  gaps(observed, [1990, 3100], 'comment');
  assert.equal(observed.missing, 3);
  gaps(observed, [2010], 'headers');
  assert.equal(observed.missing, 4);
});

test('heartbeats count only while they are looked at', () => {
  const observed = new Observed(PERIOD_MS);
  gaps(observed, [1001], 'comment', 10_000);
  observed.watch(10_500);
  gaps(observed, [1002], 'comment', 11_000);
  assert.equal(observed.beats, 0);
  gaps(observed, [1003], 'comment', 12_000);
  observed.rest(12_500);
  gaps(observed, [1004], 'comment', 13_000);
  assert.deepEqual([observed.beats, observed.off.max], [1, 3]);
});

test('without a period comments are no heartbeats', () => {
  const observed = watching(0);
  gaps(observed, [3, 900], 'headers');
  assert.deepEqual([observed.beats, observed.missing, observed.off.count], [0, 0, 0]);
});

test('a stream is open from its headers to its end, a refused one never', () => {
  const observed = new Observed(PERIOD_MS);
  const tell = (metric: string, value: number, name: string) =>
    observed.take({ metric, value, tags: { name }, time: 0 });
  tell('mcp_streams_begun', 1, 'check');
  assert.equal(observed.open, 0);
  tell('mcp_streams_begun', 1, 'stream');
  tell('mcp_streams_begun', 1, 'listen');
  assert.equal(observed.open, 2);
  tell('http_req_receiving', 0, 'stream');
  assert.equal(observed.open, 2);
  tell('http_req_receiving', 30_000, 'stream');
  tell('http_req_receiving', 5, 'initialize');
  assert.equal(observed.open, 1);
});

test('the lag of events is that of measured streams', () => {
  const observed = new Observed(PERIOD_MS);
  observed.take({ metric: 'mcp_event_lag_ms', value: 70, tags: { name: 'warm-up' }, time: 0 });
  observed.take({ metric: 'mcp_event_lag_ms', value: 4, tags: { name: 'stream' }, time: 0 });
  assert.deepEqual([observed.lag.count, observed.lag.max], [1, 4]);
});
