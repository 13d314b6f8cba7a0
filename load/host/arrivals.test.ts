import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arrivals, declareArrivals } from './arrivals.ts';
import { Metrics } from './metrics.ts';

/** What a stream gives when it arrives in these pieces: number of heartbeat gaps, and the lags of events. */
function watched(pieces: string[]): { gaps: number; lags: number[] } {
  const metrics = new Metrics();
  declareArrivals(metrics);
  const found = { gaps: 0, lags: [] as number[] };
  metrics.onSample = ({ metric, value }) => {
    if (metric === 'mcp_heartbeat_gap_ms') found.gaps++;
    if (metric === 'mcp_event_lag_ms') found.lags.push(value);
  };
  const arrivals = new Arrivals(metrics, () => ({}));
  for (const piece of pieces) arrivals.chunk(Buffer.from(piece));
  return found;
}

const HOUR = 3_600_000;
/** An event sent an hour ago, the time being the end of its line. */
const stream = (newline: string): string =>
  [': a', '', 'id: 1', `data: "sentAt":${Date.now() - HOUR}`, '', ':', 'data: {}', '', ''].join(newline);

for (const [name, newline] of [
  ['line feeds', '\n'],
  ['carriage returns and line feeds', '\r\n'],
] as const) {
  for (const [how, cut] of [
    ['whole', (text: string) => [text]],
    ['byte by byte', (text: string) => [...text]],
  ] as const) {
    test(`comments and events are found between ${name}, arriving ${how}`, () => {
      const { gaps, lags } = watched(cut(stream(newline)));
      assert.equal(gaps, 2);
      assert.equal(lags.length, 1);
      assert.ok((lags[0] as number) >= HOUR && (lags[0] as number) < 2 * HOUR, String(lags[0]));
    });
  }
}

test('the time an event was sent is found in a text of its JSON too', () => {
  const message = JSON.stringify({ sentAt: Date.now() - HOUR });
  const notification = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1, message } };
  const { lags } = watched([`data: ${JSON.stringify(notification)}\n\n`]);
  assert.equal(lags.length, 1);
  assert.ok((lags[0] as number) >= HOUR && (lags[0] as number) < 2 * HOUR, String(lags[0]));
});

test('a line that is not finished is not counted', () => {
  assert.deepEqual(watched([': a', 'data: {"sentAt":1']), { gaps: 0, lags: [] });
});

test('a heartbeat gap is the time since the last comment, event or the headers, and says which', async (t) => {
  t.mock.method(performance, 'now', () => clock);
  let clock = 0;
  const metrics = new Metrics();
  declareArrivals(metrics);
  const gaps: [number, string | undefined][] = [];
  metrics.onSample = ({ metric, value, tags }) => {
    if (metric === 'mcp_heartbeat_gap_ms') gaps.push([value, tags.since]);
  };
  const arrivals = new Arrivals(metrics, () => ({}));
  for (const [at, text] of [
    [100, ':\n\n'],
    [250, 'data: x\r\n\r\n'],
    [300, ':\n\n'],
    [420, ':\n\n'],
  ] as const) {
    clock = at;
    arrivals.chunk(Buffer.from(text));
  }
  assert.deepEqual(gaps, [
    [100, 'headers'],
    [50, 'event'],
    [120, 'comment'],
  ]);
});

test('a stream counts as begun from its headers on', () => {
  const metrics = new Metrics();
  declareArrivals(metrics);
  const begun: (string | undefined)[] = [];
  metrics.onSample = ({ metric, tags }) => {
    if (metric === 'mcp_streams_begun') begun.push(tags.name);
  };
  const arrivals = new Arrivals(metrics, () => ({ name: 'stream' }));
  assert.deepEqual(begun, ['stream']);
  arrivals.chunk(Buffer.from(': a\n\ndata: x\n\n'));
  assert.deepEqual(begun, ['stream']);
});
