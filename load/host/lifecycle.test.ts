// What happens from the init context to the exit code: each test is a fact about stock k6.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runScript } from './engine.ts';
import { type Observed, run, runAgainst, valuesOf, withFiles, withServer } from './fixture.ts';
import { exported, type SummaryData, writeOutputs } from './summary.ts';

const dataOf = (result: Observed): SummaryData => ({
  ...result,
  options: { summaryTrendStats: [], summaryTimeUnit: '', noColor: true },
});

test('a TypeScript file runs as it is, with its imports', async () => {
  const { log, exitCode } = await run({
    'script.ts': `import { twice } from './lib.ts'; interface Named { name: string }
      export default function (): void { const one: Named = { name: twice('a') }; console.log(one); }`,
    'lib.ts': `export const twice = (text: string): string => text + text;`,
  });
  assert.deepEqual(log, ['info: {"name":"aa"}']);
  assert.equal(exitCode, 0);
});

test('every VU has its own instances of all modules', async () => {
  const observed = await run({
    'script.ts': `import { next } from './lib.ts'; import { Trend } from 'k6/metrics'; const seen = new Trend('seen_value');
      export const options = { scenarios: { s: { executor: 'per-vu-iterations', vus: 3, iterations: 2 } } };
      export default function () { seen.add(next()); }`,
    'lib.ts': `let count = 0; export const next = () => ++count;`,
  });
  assert.deepEqual(valuesOf(observed, 'seen_value').sort(), [1, 1, 1, 2, 2, 2]);
});

test('__VU, __ITER and __ENV', async () => {
  const { log } = await run(
    `export const options = { scenarios: { s: { executor: 'per-vu-iterations', vus: 1, iterations: 2, env: { B: 'scenario' } } } };
     export default function () { console.log(__VU, __ITER, __ENV.A, __ENV.B); }`,
    { env: { A: 'a', B: 'b' } },
  );
  assert.deepEqual(log, ['info: 1 0 a scenario', 'info: 1 1 a scenario']);
});

test('setTimeout is a global at run time, besides k6/timers', async () => {
  const { log } = await run(
    `export default async function () { await new Promise((ok) => setTimeout(ok, 1)); console.log('later'); }`,
  );
  assert.deepEqual(log, ['info: later']);
});

test('an iteration goes on until its timers and requests are done, awaited or not', async () => {
  const { log, metrics } = await runAgainst(
    (_request, response) => response.end(),
    `import http from 'k6/http'; import { setTimeout } from 'k6/timers';
     export default function () {
       setTimeout(() => { http.asyncRequest('GET', __ENV.URL).then((r) => console.log(r.status)); }, 5);
     }`,
  );
  assert.deepEqual(log, ['info: 200']);
  assert.equal(metrics.iterations?.values.count, 1);
});

test('an iteration that waits for what can never come is over', async () => {
  const { metrics, exitCode } = await run(`export default async function () { await new Promise(() => {}); }`);
  assert.equal(metrics.iterations?.values.count, 1);
  assert.equal(exitCode, 0);
});

test('a cleared timer does not fire, and keeps nothing going', async () => {
  const { log, state } = await run(
    `import { clearInterval, clearTimeout, setInterval, setTimeout } from 'k6/timers';
     export default function () {
       clearTimeout(setTimeout(() => console.log('never'), 60000));
       let ticks = 0;
       const id = setInterval(() => { if (++ticks === 3) { clearInterval(id); console.log('three'); } }, 1);
     }`,
  );
  assert.deepEqual(log, ['info: three']);
  assert.ok(state.testRunDurationMs < 30_000);
});

test('an exception inside an iteration is counted and logged, and exits 0', async () => {
  const { exitCode, metrics, log } = await run(
    `export const options = { iterations: 3, vus: 1 }; export default function () { throw new Error('broken'); }`,
  );
  assert.equal(exitCode, 0);
  assert.equal(metrics.iterations?.values.count, 3);
  assert.equal(log.filter((line) => /^error: .*broken/.test(line)).length, 3);
});

test('an exception in a timer of an iteration, or in its promise, is counted and exits 0', async () => {
  const { exitCode, metrics, log } = await run(
    `import { setTimeout } from 'k6/timers'; import { fail } from 'k6';
     export const options = { iterations: 2, vus: 1 };
     export default async function () {
       if (__ITER === 0) setTimeout(() => { throw new Error('in a timer'); }, 1);
       else fail('in a promise');
     }`,
  );
  assert.equal(exitCode, 0);
  assert.equal(metrics.iterations?.values.count, 2);
  assert.ok(log.some((line) => line.includes('in a timer')) && log.some((line) => line.includes('in a promise')));
});

test('the same failure a hundred times is five lines and a number', async () => {
  const { log } = await run(
    `export const options = { iterations: 100, vus: 1 }; export default function () { throw new Error('broken'); }`,
  );
  assert.equal(log.filter((line) => line.includes('iteration in')).length, 5);
  assert.ok(log.includes('error: 100 times: Error: broken'));
});

test('failed checks do not fail a run', async () => {
  const { exitCode, metrics, root_group, samples } = await run(
    `import { check, group } from 'k6';
     export default function () {
       group('g', () => { check(1, { 'is two': (x) => x === 2, 'is one': (x) => x === 1 }, { extra: 'tag' }); });
     }`,
  );
  assert.equal(exitCode, 0);
  assert.deepEqual(metrics.checks?.values, { rate: 0.5, passes: 1, fails: 1 });
  const [group] = root_group.groups;
  assert.deepEqual(
    group?.checks.map(({ path, passes, fails }) => [path, passes, fails]),
    [
      ['::g::is two', 0, 1],
      ['::g::is one', 1, 0],
    ],
  );
  const check = samples.find(({ metric }) => metric === 'checks');
  assert.deepEqual([check?.tags.check, check?.tags.group, check?.tags.extra], ['is two', '::g', 'tag']);
});

test('check() tells whether all passed', async () => {
  const { log } = await run(
    `import { check } from 'k6'; export default function () { console.log(check(1, { a: () => true }), check(1, { a: () => true, b: () => false }), check(1, { a: () => false, b: () => true })); }`,
  );
  assert.deepEqual(log, ['info: true false false']);
});

test('setup hands a copy of its data to every VU and to teardown, as JSON', async () => {
  const { log, setup_data } = await run(
    `export const options = { vus: 2, iterations: 2 };
     export function setup() { return { list: [1], lost: undefined }; }
     export default function (data) { data.list.push(__VU); console.log(JSON.stringify(data)); }
     export function teardown(data) { console.log('teardown', JSON.stringify(data)); }`,
  );
  assert.deepEqual(log.sort(), ['info: teardown {"list":[1]}', 'info: {"list":[1,1]}', 'info: {"list":[1,2]}'].sort());
  assert.deepEqual(setup_data, { list: [1] });
});

test('an exception in setup ends with 107, without iterations and teardown', async () => {
  const { exitCode, reason, log } = await run(
    `export async function setup() { throw new Error('not ready'); }
     export default function () { console.log('iteration'); } export function teardown() { console.log('teardown'); }`,
  );
  assert.equal(exitCode, 107);
  assert.match(reason, /setup\(\): .*not ready/s);
  assert.deepEqual(log, []);
});

test('a setup that takes too long ends with 100, a teardown with 101', async () => {
  const slow = (
    stage: string,
  ) => `import { setTimeout } from 'k6/timers'; export const options = { ${stage}Timeout: '20ms' };
    export async function ${stage}() { await new Promise((ok) => setTimeout(ok, 60000)); } export default function () {}`;
  assert.equal((await run(slow('setup'))).exitCode, 100);
  assert.equal((await run(slow('teardown'))).exitCode, 101);
});

test('test.abort() ends with 108, cuts all iterations, and teardown still runs', async () => {
  const { exitCode, reason, log, counts } = await run(
    `import exec from 'k6/execution'; import { setTimeout } from 'k6/timers';
     export const options = { vus: 2, iterations: 2 };
     export default async function () {
       if (__VU === 1) await new Promise((ok) => setTimeout(ok, 60000));
       exec.test.abort('enough'); console.log('never');
     }
     export function teardown() { console.log('teardown'); }`,
  );
  assert.equal(exitCode, 108);
  assert.match(reason, /enough/);
  assert.deepEqual(log, ['info: teardown']);
  assert.deepEqual(counts, { completed: 0, interrupted: 2, dropped: 0 });
});

test('test.abort() in the init context and in setup ends with 108', async () => {
  const abort = `import exec from 'k6/execution';`;
  assert.equal((await run(`${abort} exec.test.abort(); export default function () {}`)).exitCode, 108);
  assert.equal(
    (await run(`${abort} export function setup() { exec.test.abort(); } export default function () {}`)).exitCode,
    108,
  );
});

test('test.fail() ends with 110 and lets all iterations finish', async () => {
  const { exitCode, metrics } = await run(
    `import exec from 'k6/execution'; export const options = { iterations: 5, vus: 1 }; export default function () { exec.test.fail('bad'); }`,
  );
  assert.equal(exitCode, 110);
  assert.equal(metrics.iterations?.values.count, 5);
});

test('an aborted signal ends with 105, the summary so far, and teardown', async () => {
  const interrupt = new AbortController();
  const { exitCode, log, counts, metrics } = await run(
    `import { setTimeout } from 'k6/timers';
     export default async function () { console.log('started'); await new Promise((ok) => setTimeout(ok, 60000)); }
     export function teardown() { console.log('teardown'); }`,
    {
      signal: interrupt.signal,
      onSample: ({ metric }) => {
        // The first second has passed, so the iteration runs.
        if (metric === 'vus') interrupt.abort();
      },
    },
  );
  assert.equal(exitCode, 105);
  assert.deepEqual(log, ['info: started', 'info: teardown']);
  assert.equal(counts.interrupted, 1);
  assert.ok(metrics.vus_max !== undefined);
});

test('a stream that is open when the scenario ends is cut and gives no samples', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const observed = await withServer(
    (_request, response) => {
      response.write(':\n\n');
      response.on('close', resolve);
    },
    async (url) => {
      const result = await run(
        `import http from 'k6/http'; import { Counter } from 'k6/metrics'; const held = new Counter('held_count');
         export const options = { scenarios: { s: { executor: 'per-vu-iterations', maxDuration: '200ms', gracefulStop: '100ms' } } };
         export default async function () { await http.asyncRequest('GET', __ENV.URL); held.add(1); }`,
        { env: { URL: url } },
      );
      await closed;
      return result;
    },
  );
  assert.deepEqual(valuesOf(observed, 'http_reqs'), []);
  assert.deepEqual(valuesOf(observed, 'held_count'), []);
  assert.equal(observed.metrics.iterations, undefined);
  assert.deepEqual(observed.counts, { completed: 0, interrupted: 1, dropped: 0 });
  assert.equal(observed.exitCode, 0);
});

test('an iteration that ends within gracefulStop is whole', async () => {
  const { counts } = await run(
    `import { setTimeout } from 'k6/timers';
     export const options = { scenarios: { s: { executor: 'constant-vus', vus: 1, duration: '50ms', gracefulStop: '60s' } } };
     export default async function () { await new Promise((ok) => setTimeout(ok, 200)); }`,
  );
  assert.deepEqual(counts, { completed: 1, interrupted: 0, dropped: 0 });
});

test('a metric cannot be made outside the init context', async () => {
  const { log } = await run(
    `import { Counter } from 'k6/metrics'; export default function () { new Counter('late_one'); }`,
  );
  assert.match(log[0] as string, /init context/);
});

test('a value that is no number is logged and not added', async () => {
  const observed = await run(
    `import { Trend } from 'k6/metrics'; const t = new Trend('tt');
     export default function () { t.add(NaN); t.add(undefined as never); t.add(true); t.add(2); }`,
  );
  assert.deepEqual(valuesOf(observed, 'tt'), [1, 2]);
  assert.ok(observed.log.some((line) => line.includes("'NaN' is an invalid value for metric 'tt'")));
});

test('open() reads a file beside the script, as text or bytes, in the init context only', async () => {
  const { log } = await run({
    'script.ts': `const text = open('./data.txt'); const bytes = open('data.txt', 'b');
      export const options = { vus: 2, iterations: 2 };
      export default function () { console.log(text, bytes.byteLength); open('./data.txt'); }`,
    'data.txt': 'ü',
  });
  assert.equal(log[0], 'info: ü 2');
  assert.match(log.find((line) => line.startsWith('error')) as string, /only available in the init stage/);
});

test('handleSummary gets root_group, options, state, metrics and setup_data, and the engine', async () => {
  const result = await run(
    `import { Trend, Counter, Gauge, Rate } from 'k6/metrics';
     const t = new Trend('tt', true), c = new Counter('cc'), g = new Gauge('gg'), r = new Rate('rr');
     export const options = { thresholds: { tt: ['p(95)<1', 'max>1'] } };
     export function setup() { return 7; }
     export default function () { for (const v of [1, 2, 3, 4]) { t.add(v); c.add(v); g.add(v); } r.add(true); r.add(0); }
     export function handleSummary(data) { return { 'out.json': JSON.stringify(data), stdout: 'own text' }; }`,
  );
  const data = JSON.parse(result.outputs['out.json'] as string);
  assert.equal(result.outputs.stdout, 'own text');
  assert.deepEqual(Object.keys(data).sort(), ['engine', 'metrics', 'options', 'root_group', 'setup_data', 'state']);
  assert.equal(data.engine, 'script host');
  assert.equal(data.setup_data, 7);
  assert.deepEqual(data.metrics.tt, {
    type: 'trend',
    contains: 'time',
    values: { avg: 2.5, min: 1, med: 2.5, max: 4, 'p(90)': 3.7, 'p(95)': 3.8499999999999996 },
    thresholds: { 'p(95)<1': { ok: false }, 'max>1': { ok: true } },
  });
  assert.equal(data.metrics.cc.values.count, 10);
  assert.deepEqual(data.metrics.gg.values, { value: 4, min: 1, max: 4 });
  assert.deepEqual(data.metrics.rr.values, { rate: 0.5, passes: 1, fails: 1 });
});

test('without handleSummary the text names thresholds, checks and metrics', async () => {
  const { outputs } = await run(
    `import { check } from 'k6'; export const options = { thresholds: { checks: ['rate>0.9'] } };
     export default function () { check(1, { fine: () => true }); }`,
  );
  assert.match(outputs.stdout as string, /✓ checks: rate>0\.9/);
  assert.match(outputs.stdout as string, /✓ fine/);
});

test('a handleSummary that throws leaves the ordinary text and the exit code', async () => {
  const { outputs, exitCode, log } = await run(
    `export default function () {} export function handleSummary() { throw new Error('broken'); }`,
  );
  assert.match(outputs.stdout as string, /iterations/);
  assert.equal(exitCode, 0);
  assert.match(log[0] as string, /handleSummary\(\): .*broken/);
});

test('what handleSummary returns is written to files', () =>
  withFiles({}, async (directory) => {
    writeOutputs({ [join(directory, 'made', 'out.txt')]: 'content' });
    assert.equal(readFileSync(join(directory, 'made', 'out.txt'), 'utf8'), 'content');
  }));

test('the summary export has the flat shape: a rate is value, a threshold is true when it failed', async () => {
  const result = await run(
    `import { check, group } from 'k6'; export const options = { thresholds: { checks: ['rate>0.9'] } };
     export default function () { group('g', () => { check(1, { a: () => true, b: () => false }); }); }`,
  );
  const flat = JSON.parse(JSON.stringify(exported(dataOf(result))));
  assert.equal(flat.engine, 'script host');
  assert.deepEqual(flat.metrics.checks, { passes: 1, fails: 1, value: 0.5, thresholds: { 'rate>0.9': true } });
  assert.equal(flat.root_group.groups.g.checks.a.passes, 1);
});

test('series hold every metric second by second', async () => {
  const { series, metrics } = await run(
    `import { Trend } from 'k6/metrics'; import { setTimeout } from 'k6/timers'; const t = new Trend('tt');
     export default async function () { for (let i = 0; i < 3; i++) { t.add(i); await new Promise((ok) => setTimeout(ok, 1300)); } }`,
  );
  assert.deepEqual(
    series.tt?.map(({ count, sum }) => [count, sum]),
    [
      [1, 0],
      [1, 1],
      [1, 2],
    ],
  );
  assert.equal(series.tt?.[2]?.p95, 2);
  assert.ok((series.tt?.[2]?.t as number) >= 2 && (series.vus?.length as number) >= 3);
  assert.equal(metrics.vus?.values.max, 1);
});

test('a script that does not exist is a result, not a throw', async () => {
  const result = await runScript('/nowhere/script.ts');
  assert.equal(result.exitCode, 107);
  assert.match(result.reason, /nowhere/);
  assert.equal(existsSync('/nowhere'), false);
});
