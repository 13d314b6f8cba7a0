import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './fixture.ts';

/** A script that adds 1, 2, 3, 4 to each kind of metric, `rr` getting three true of four. */
const counted = (thresholds: string, body = 'fill();'): string => `
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
const c = new Counter('cc'), g = new Gauge('gg'), r = new Rate('rr'), t = new Trend('tt', true);
export const options = { thresholds: ${thresholds} };
function fill() { for (const v of [4, 1, 3, 2]) { c.add(v); g.add(v); t.add(v, { kind: v < 3 ? 'small' : 'big' }); r.add(v > 1); } }
export default function () { ${body} }`;

const cases: [metric: string, expression: string, ok: boolean][] = [
  ['cc', 'count==10', true],
  ['cc', 'count>10', false],
  ['cc', 'rate>0', true],
  ['gg', 'value==2', true],
  ['gg', 'value!=2', false],
  ['rr', 'rate==0.75', true],
  ['rr', 'rate>=0.76', false],
  ['tt', 'avg===2.5', true],
  ['tt', 'min<1', false],
  ['tt', 'min<=1', true],
  ['tt', 'max<4', false],
  ['tt', 'med==2.5', true],
  ['tt', 'p(50) == 2.5', true],
  ['tt', 'p(99.9)>3.99', true],
  ['tt', 'p(100)<4', false],
];

for (const [metric, expression, ok] of cases) {
  test(`${metric}: ${expression} ${ok ? 'passes and exits 0' : 'fails and exits 99'}`, async () => {
    const { exitCode, metrics, reason } = await run(counted(`{ ${metric}: ['${expression}'] }`));
    assert.equal(exitCode, ok ? 0 : 99, reason);
    assert.deepEqual(metrics[metric]?.thresholds, { [expression]: { ok } });
  });
}

test('without samples the count of a Counter is 0, the rate of a Rate passes, and a quantile of a Trend is 0', async () => {
  const judge = async (thresholds: string) => (await run(counted(thresholds, ''))).exitCode;
  assert.equal(await judge(`{ cc: ['count>0'] }`), 99);
  assert.equal(await judge(`{ tt: ['p(95)<10'] }`), 0);
  assert.equal(await judge(`{ rr: ['rate>0.99'] }`), 0);
  assert.equal(await judge(`{ cc: ['count==0'], gg: ['value==0'] }`), 0);
});

test('a selector takes the samples whose tags have its values, and is a metric of its own', async () => {
  const { metrics, exitCode } = await run(
    counted(`{ 'tt{kind:small}': ['max<3'], 'tt{kind:big}': ['min>=3'], 'tt{kind:none}': ['max==0'] }`),
  );
  assert.equal(exitCode, 0);
  assert.equal(metrics['tt{kind:small}']?.values.avg, 1.5);
  assert.equal(metrics['tt{kind:big}']?.values.avg, 3.5);
  assert.equal(metrics.tt?.values.avg, 2.5);
});

test('a selector with several tags needs them all', async () => {
  const { metrics } = await run(
    counted(`{ 'tt{kind:small,scenario:default}': ['max<3'], 'tt{kind:small,scenario:other}': ['max==0'] }`),
  );
  assert.equal(metrics['tt{kind:small,scenario:default}']?.values.max, 2);
  assert.equal(metrics['tt{kind:small,scenario:other}']?.values.max, 0);
});

test('accounting that finds a lost event turns the run red', async () => {
  const { exitCode, reason } = await run(counted(`{ cc: ['count==0'] }`, 'c.add(1);'));
  assert.equal(exitCode, 99);
  assert.equal(reason, 'thresholds on cc failed');
});

const endless = (rest: string): string => `
import { Counter } from 'k6/metrics'; import { setTimeout } from 'k6/timers'; const c = new Counter('cc');
export const options = { thresholds: { cc: [{ threshold: 'count<1', abortOnFail: true, ${rest} }] } };
export default async function () { c.add(1); await new Promise((ok) => setTimeout(ok, 1500)); }`;

test('abortOnFail ends the run with 99 while it goes on', async () => {
  const { exitCode, counts } = await run(endless(''), { judgeEveryMs: 20 });
  assert.equal(exitCode, 99);
  assert.deepEqual(counts, { completed: 0, interrupted: 1, dropped: 0 });
});

test('delayAbortEval leaves the run its time', async () => {
  const { exitCode, counts } = await run(endless(`delayAbortEval: '1h'`), { judgeEveryMs: 20 });
  assert.equal(exitCode, 99);
  assert.deepEqual(counts, { completed: 1, interrupted: 0, dropped: 0 });
});
