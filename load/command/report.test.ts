import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf, plot } from './plot.ts';
import { reportPage } from './report.ts';
import { resultWith } from './result.fixture.ts';
import { summaryText } from './summary.ts';

test('the summary names the engine, shows what failed first, and ends with the result', () => {
  const text = summaryText(resultWith());
  assert.match(text, /^engine: script host on Node 24\.0\.0/m);
  assert.match(text, /thresholds\n {2}✗ {2}mcp_events_lost +3 +count==0\n {2}✓/);
  assert.match(text, /0 dropped\n {2}event-loop lag: p99 4 ms, max 20 ms\n/);
  assert.match(text, /\nresult: exit 99: 1 of the thresholds failed\n$/);
});

test('the summary of a k6 run says that nobody measured the lag, and of one that fell behind that it did', () => {
  const { lag: _lag, ...rest } = resultWith({
    engine: { name: 'k6', version: 'v2.2.0' },
    iterations: { completed: 1, dropped: 7 },
  });
  const text = summaryText(rest);
  assert.match(text, /^engine: k6 v2\.2\.0/m);
  assert.match(text, /event-loop lag: not measured by k6/);
  assert.match(text, /The generator could not keep up: 7 iterations were dropped/);
});

test('the page holds all it shows: no script, nothing fetched, light and dark', () => {
  const page = reportPage(resultWith(), resultWith());
  assert.doesNotMatch(page, /<script|<link|<img|@import|url\(|src=/);
  assert.match(page, /color-scheme: light dark/);
  assert.match(page, /name="viewport" content="width=device-width/);
  assert.match(page, /Compared with 2026-11-27T12:00:00\.000Z/);
  // One of each metric with a series, and the generator's own.
  assert.equal(page.match(/<svg /g)?.length, 3);
});

test('what a target or a script says is text on the page', () => {
  const page = reportPage(resultWith({ said: '<b>&', target: { url: 'http://x/<i>' } }));
  assert.match(page, /<pre>&lt;b&gt;&amp;<\/pre>/);
  assert.match(page, /http:\/\/x\/&lt;i&gt;/);
});

test('what was zero all the time takes no plot', () => {
  const nothing = { t: 0, count: 1, sum: 0, min: 0, max: 0, last: 0 };
  const page = reportPage(resultWith({ series: { mcp_events_lost: [nothing, { ...nothing, t: 1 }] } }));
  assert.doesNotMatch(page, /<svg/);
  assert.match(page, /Zero all the time: mcp_events_lost</);
});

test("of a k6 run the page links to k6's own plots", () => {
  const page = reportPage(resultWith({ series: {} }), undefined, 'storm.k6.html');
  assert.match(page, /<a href="storm\.k6\.html">/);
});

test('a second without a count is a zero, and one without a time is none', () => {
  const { series } = resultWith();
  assert.deepEqual(linesOf('counter', series.mcp_events_lost ?? [], 3)[0]?.points, [
    [0, 2],
    [1, 0],
    [2, 4],
  ]);
  assert.deepEqual(
    linesOf('trend', series.mcp_call_ms ?? [], 3).map(({ label, points }) => [label, points]),
    [
      [
        'median',
        [
          [0, 2],
          [2, 8],
        ],
      ],
      [
        'p95',
        [
          [0, 3],
          [2, 9],
        ],
      ],
      [
        'max',
        [
          [0, 2],
          [2, 8],
        ],
      ],
    ],
  );
});

test('a plot rises where its values do, and fits its frame', () => {
  const svg = plot(
    'x',
    [
      {
        label: 'x',
        points: [
          [0, 0],
          [10, 80],
        ],
      },
    ],
    'ms',
    10,
  );
  assert.match(svg, />100 ms<\/text>/);
  const points = [...(/points="([^"]+)"/.exec(svg)?.[1] ?? '').matchAll(/([\d.]+),([\d.]+)/g)];
  const [first, last] = points.map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
  assert.ok(first && last && last.x > first.x && last.y < first.y && last.y > 0 && last.x <= 360);
});
