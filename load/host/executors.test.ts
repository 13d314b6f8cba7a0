import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rampedStarts, rampSteps } from './executors.ts';
import { run, valuesOf } from './fixture.ts';

const pause = `import { setTimeout } from 'k6/timers'; const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));`;
const scenario = (name: string, options: string): string =>
  `export const options = { scenarios: { ${name}: ${options} } };`;

test('per-vu-iterations: every VU makes all its iterations', async () => {
  const { log } = await run(
    `${scenario('s', `{ executor: 'per-vu-iterations', vus: 2, iterations: 2 }`)} export default function () { console.log(__VU, __ITER); }`,
  );
  assert.deepEqual(log.sort(), ['info: 1 0', 'info: 1 1', 'info: 2 0', 'info: 2 1']);
});

test('shared-iterations: all VUs together make them', async () => {
  const observed = await run(
    `${pause} import exec from 'k6/execution'; import { Trend } from 'k6/metrics'; const n = new Trend('nn'), v = new Trend('vv');
     ${scenario('s', `{ executor: 'shared-iterations', vus: 3, iterations: 10 }`)}
     export default async function () { n.add(exec.scenario.iterationInTest); v.add(__VU); await pause(5); }`,
  );
  assert.deepEqual(
    valuesOf(observed, 'nn').sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.deepEqual(new Set(valuesOf(observed, 'vv')), new Set([1, 2, 3]));
});

for (const [executor, missed] of [
  ['shared-iterations', 4],
  ['per-vu-iterations', 9],
] as const) {
  test(`${executor}: what maxDuration left no time for is dropped`, async () => {
    const { counts, metrics } = await run(
      `${pause} ${scenario('s', `{ executor: '${executor}', vus: 1, iterations: ${missed + 1}, maxDuration: '100ms', gracefulStop: '0s' }`)}
       export default async function () { await pause(60000); }`,
    );
    assert.deepEqual(counts, { completed: 0, interrupted: 1, dropped: missed });
    assert.equal(metrics.dropped_iterations?.values.count, missed);
  });
}

test('constant-vus: all VUs iterate until the duration is over', async () => {
  const observed = await run(
    `${pause} import { Trend } from 'k6/metrics'; const v = new Trend('vv');
     ${scenario('s', `{ executor: 'constant-vus', vus: 3, duration: '300ms' }`)}
     export default async function () { v.add(__VU); await pause(20); }`,
  );
  assert.deepEqual(new Set(valuesOf(observed, 'vv')), new Set([1, 2, 3]));
  assert.ok(observed.counts.completed > 3 && observed.counts.interrupted === 0);
  assert.ok(observed.state.testRunDurationMs >= 300);
});

test('ramping-vus: the number of VUs follows the stages, and gracefulRampDown ends what is too long', async () => {
  const observed = await run(
    `${pause} import exec from 'k6/execution'; import { Trend } from 'k6/metrics'; const active = new Trend('active_vus');
     ${scenario(
       's',
       `{ executor: 'ramping-vus', startVUs: 1, gracefulRampDown: '50ms',
          stages: [{ duration: '0s', target: 3 }, { duration: '200ms', target: 3 }, { duration: '0s', target: 0 }, { duration: '500ms', target: 0 }] }`,
     )}
     export default async function () { active.add(exec.instance.vusActive); await pause(60000); }`,
  );
  assert.deepEqual(valuesOf(observed, 'active_vus'), [1, 2, 3]);
  // Not by gracefulStop, which is 30 s.
  assert.ok(observed.state.testRunDurationMs < 25_000);
  assert.deepEqual(observed.counts, { completed: 0, interrupted: 3, dropped: 0 });
});

test('ramping-vus: one VU at a time, evenly over a stage', () => {
  const steps = [
    ...rampSteps(1, [
      { durationMs: 100, target: 3 },
      { durationMs: 50, target: 3 },
      { durationMs: 30, target: 0 },
    ]),
  ];
  assert.deepEqual(
    steps.map(({ at, target }) => [at, target]),
    [
      [0, 1],
      [50, 2],
      [100, 3],
      [160, 2],
      [170, 1],
      [180, 0],
    ],
  );
});

test('constant-arrival-rate: each moment of the plan starts an iteration or is dropped', async () => {
  const { counts } = await run(
    `${scenario('s', `{ executor: 'constant-arrival-rate', rate: 100, timeUnit: '2s', duration: '1s', preAllocatedVUs: 5 }`)}
     export default function () {}`,
  );
  assert.equal(counts.completed + counts.dropped, 50);
  assert.ok(counts.completed > 0);
});

test('constant-arrival-rate: without a free VU the iteration is dropped, and VUs are added up to maxVUs', async () => {
  const { counts, metrics, log } = await run(
    `${pause} ${scenario('s', `{ executor: 'constant-arrival-rate', rate: 50, duration: '1s', preAllocatedVUs: 1, maxVUs: 3, gracefulStop: '0s' }`)}
     export default async function () { await pause(60000); }`,
  );
  assert.deepEqual(counts, { completed: 0, interrupted: 3, dropped: 47 });
  assert.equal(metrics.vus_max?.values.max, 3);
  assert.ok(log.some((line) => /Insufficient VUs, reached 3/.test(line)));
});

test('constant-arrival-rate: what the host was too slow to start in time is dropped', async () => {
  const { counts } = await run(
    `${scenario('s', `{ executor: 'constant-arrival-rate', rate: 10, duration: '500ms', preAllocatedVUs: 9 }`)}
     export default function () { const until = Date.now() + 600; while (Date.now() < until); }`,
  );
  assert.deepEqual(counts, { completed: 1, interrupted: 0, dropped: 4 });
});

test('ramping-arrival-rate: iterations start where the area under the rate reaches the next whole number', () => {
  // 0 to 10 a second in one second: area 5 t^2.
  const rising = [...rampedStarts(0, 1000, [{ durationMs: 1000, target: 10 }])];
  assert.deepEqual(
    rising.map(Math.round),
    [1, 2, 3, 4, 5].map((area) => Math.round(1000 * Math.sqrt(area / 5))),
  );
  // 10 a second, held, then down to 0: area 10 t - 5 t^2.
  const falling = [
    ...rampedStarts(10, 1000, [
      { durationMs: 200, target: 10 },
      { durationMs: 1000, target: 0 },
    ]),
  ];
  assert.deepEqual(falling.map(Math.round), [
    100,
    200,
    ...[1, 2, 3, 4, 5].map((area) => Math.round(200 + 1000 * (1 - Math.sqrt(1 - area / 5)))),
  ]);
  // A jump in no time.
  assert.deepEqual(
    [
      ...rampedStarts(0, 1000, [
        { durationMs: 0, target: 10 },
        { durationMs: 200, target: 10 },
      ]),
    ].map(Math.round),
    [100, 200],
  );
});

test('ramping-arrival-rate: a run makes them all', async () => {
  const { counts } = await run(
    `${scenario('s', `{ executor: 'ramping-arrival-rate', preAllocatedVUs: 5, stages: [{ duration: '500ms', target: 80 }, { duration: '0s', target: 20 }, { duration: '500ms', target: 20 }] }`)}
     export default function () {}`,
  );
  assert.ok(Math.abs(counts.completed + counts.dropped - 30) <= 1, JSON.stringify(counts));
});

test('startTime, exec, env and tags belong to the scenario; a VU serves one after the other', async () => {
  const { log, samples, metrics } = await run(
    `export const options = { scenarios: {
       late: { executor: 'per-vu-iterations', exec: 'second', startTime: '400ms', gracefulStop: '0s', env: { WHO: 'late' }, tags: { part: 'b' } },
       early: { executor: 'per-vu-iterations', exec: 'first', maxDuration: '300ms', gracefulStop: '0s', env: { WHO: 'early' }, tags: { part: 'a' } } } };
     export function first() { console.log('first', __ENV.WHO, __VU, __ITER); } export function second() { console.log('second', __ENV.WHO, __VU, __ITER); }`,
  );
  assert.deepEqual(log, ['info: first early 1 0', 'info: second late 1 1']);
  const iterations = samples.filter(({ metric }) => metric === 'iterations');
  assert.deepEqual(
    iterations.map(({ tags }) => [tags.scenario, tags.part]),
    [
      ['early', 'a'],
      ['late', 'b'],
    ],
  );
  assert.equal(metrics.vus_max?.values.max, 1);
});

test('scenarios run side by side on VUs of their own', async () => {
  const { log } = await run(
    `${pause} export const options = { scenarios: { a: { executor: 'per-vu-iterations' }, b: { executor: 'per-vu-iterations' } } };
     export default async function () { await pause(10); console.log(__VU); }`,
  );
  assert.deepEqual(log.sort(), ['info: 1', 'info: 2']);
});

test('only the chosen scenarios run; a name that is none ends with 104', async () => {
  const script = `import exec from 'k6/execution'; export const options = { scenarios: { a: { executor: 'per-vu-iterations' }, b: { executor: 'per-vu-iterations' } } };
    export default function () { console.log(exec.scenario.name); }`;
  assert.deepEqual((await run(script, { scenario: ['b'] })).log, ['info: b']);
  const { exitCode, reason } = await run(script, { scenario: ['c'] });
  assert.equal(exitCode, 104);
  assert.match(reason, /"c"; there are a, b/);
});

test('once: one VU and one iteration for each scenario', async () => {
  const { log } = await run(
    `import exec from 'k6/execution'; export const options = { scenarios: {
       a: { executor: 'constant-arrival-rate', rate: 100, duration: '10m', preAllocatedVUs: 10, startTime: '10m' },
       b: { executor: 'ramping-vus', stages: [{ duration: '10m', target: 10 }], exec: 'other' } } };
     export default function () { console.log(exec.scenario.name); } export function other() { console.log(exec.scenario.name); }`,
    { once: true },
  );
  assert.deepEqual(log.sort(), ['info: a', 'info: b']);
});

test('vus, iterations and duration at the top are one scenario called default', async () => {
  const iterations = await run(
    `import exec from 'k6/execution'; export const options = { vus: 2, iterations: 4 }; export default function () { console.log(exec.scenario.name, exec.scenario.executor); }`,
  );
  assert.deepEqual(new Set(iterations.log), new Set(['info: default shared-iterations']));
  assert.equal(iterations.log.length, 4);
  const plain = await run(`export default function () { console.log(1); }`);
  assert.equal(plain.log.length, 1);
});

for (const [executor, iterations] of [
  ['per-vu-iterations', 4],
  ['shared-iterations', 4],
] as const) {
  test(`${executor} is as far as the iterations that are done`, async () => {
    const { log } = await run(
      `import exec from 'k6/execution';
       export const options = { scenarios: { s: { executor: '${executor}', vus: 1, iterations: ${iterations} } } };
       export default function () { console.log(exec.scenario.progress); }`,
    );
    assert.deepEqual(log, ['info: 0', 'info: 0.25', 'info: 0.5', 'info: 0.75']);
  });
}
