import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import { manualClock, systemClock } from './clock.ts';
import { lag, vitals } from './vitals.ts';

/** Keeps the processor busy. */
function busy(ms: number): void {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

test('a process tells its memory, its CPU time and its age', () => {
  const before = Date.now() / 1000;
  const read = vitals(systemClock);
  busy(120);
  const { memory_bytes, memory_percent, heap_bytes, cpu_percent, cpu_seconds, uptime_s, started_s } = read();
  assert.ok(memory_bytes && memory_bytes > 1_000_000 && memory_bytes < totalmem(), `${memory_bytes} bytes`);
  assert.ok(heap_bytes && heap_bytes > 10_000, `${heap_bytes} bytes of heap`);
  assert.ok(memory_percent && memory_percent >= (memory_bytes / totalmem()) * 99 && memory_percent < 100);
  assert.ok(cpu_seconds && cpu_seconds > 0.05, `${cpu_seconds} s`);
  assert.ok(cpu_percent && cpu_percent > 0, `${cpu_percent} %`);
  assert.ok(uptime_s >= 0.12 && uptime_s < 600, `${uptime_s} s`);
  assert.ok(started_s <= before + 0.01 && started_s > before - 600, `${started_s}`);
});

/** A process that tells what it is told to. */
function told(state: { cpu_s: number; limit?: number; total?: number; rss?: number }) {
  return {
    process: {
      uptime: () => 10,
      memoryUsage: () => ({ rss: state.rss ?? 100, heapUsed: 50 }),
      cpuUsage: () => ({ user: state.cpu_s * 5e5, system: state.cpu_s * 5e5 }),
      constrainedMemory: () => state.limit ?? 0,
      getBuiltinModule: () => ({ totalmem: () => state.total ?? 1000 }),
    },
  };
}

test('the CPU percentage is of one core: at first since the start, then since it was last asked', async () => {
  const clock = manualClock();
  const state = { cpu_s: 5 };
  const read = vitals(clock, told(state));
  assert.equal(read().cpu_percent, 50);
  await clock.advance(1000);
  state.cpu_s = 7;
  assert.equal(read().cpu_percent, 200);
  await clock.advance(50);
  state.cpu_s = 9;
  assert.equal(read().cpu_percent, 200, 'too soon to tell');
  await clock.advance(1950);
  assert.equal(read().cpu_percent, 100);
});

const LIMITS: [limit: number, total: number, percent: number][] = [
  [0, 1000, 10],
  [400, 1000, 25],
  [2 ** 63, 1000, 10],
];
for (const [limit, total, percent] of LIMITS) {
  test(`of ${total} bytes with a control group of ${limit}, 100 are ${percent} %`, () => {
    assert.equal(vitals(manualClock(), told({ cpu_s: 1, limit, total }))().memory_percent, percent);
  });
}

test('without a process, as on Workers, only time is told', async () => {
  const clock = manualClock();
  const read = vitals(clock, {});
  await clock.advance(2500);
  assert.deepEqual(
    Object.entries(read()).filter(([, value]) => value !== undefined),
    [
      ['uptime_s', 2.5],
      ['started_s', clock.now() / 1000 - 2.5],
    ],
  );
});

test('what a runtime refuses to tell, or tells as 0, is unknown', () => {
  const refuses = () => {
    throw new Error('needs permission');
  };
  const process = {
    memoryUsage: () => ({ rss: 100, heapUsed: 0 }),
    cpuUsage: refuses,
    constrainedMemory: refuses,
    getBuiltinModule: refuses,
    uptime: refuses,
  };
  const { memory_bytes, memory_percent, heap_bytes, cpu_percent, cpu_seconds } = vitals(manualClock(), { process })();
  assert.deepEqual([memory_bytes, memory_percent, heap_bytes, cpu_percent, cpu_seconds], [100, ...Array(4)]);
});

test('lag is how late a timer comes', async () => {
  const late = lag(systemClock);
  busy(60);
  const ms = await late;
  assert.ok(ms >= 50 && ms < 5000, `${ms} ms`);
  const clock = manualClock();
  const punctual = lag(clock);
  await clock.advance(1);
  assert.equal(await punctual, 0);
  assert.equal(clock.pending, 0);
});
