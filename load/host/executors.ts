// The six executors: when a scenario starts iterations, on which VUs, and when it stops.

import type { Scenario, Stage } from './options.ts';
import { plannedMs } from './options.ts';
import { Period } from './period.ts';
import type { VirtualUser } from './vu.ts';

/** What an executor needs from the run. */
export type Crew = {
  /** VUs that were made before the scenario began, or are made now. */
  take(count: number): Promise<VirtualUser[]>;
  give(vus: VirtualUser[]): void;
  /** Runs one iteration to its end, however it ends. */
  iterate(vu: VirtualUser): Promise<void>;
  dropped(count: number): void;
  warn(message: string): void;
  /** How far the scenario is, 0 to 1. */
  report(progress: () => number): void;
  readonly stopped: AbortSignal;
};

type Of<E extends Scenario['executor']> = Extract<Scenario, { executor: E }>;

/** Iteration starts in a row after which the event loop gets its turn. */
const BURST = 32;

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs a scenario from its first iteration to the end of its last. */
export async function execute(scenario: Scenario, crew: Crew): Promise<void> {
  const vus = await crew.take(
    'vus' in scenario ? scenario.vus : 'preAllocatedVUs' in scenario ? scenario.preAllocatedVUs : peak(scenario),
  );
  const period = new Period(plannedMs(scenario), scenario.gracefulStopMs, crew.stopped, () => {
    for (const vu of vus) vu.cut();
  });
  crew.report(() => Math.min(1, period.elapsedMs / plannedMs(scenario)));
  try {
    if (scenario.executor === 'per-vu-iterations') await perVu(scenario, vus, period, crew);
    else if (scenario.executor === 'shared-iterations') await shared(scenario, vus, period, crew);
    else if (scenario.executor === 'constant-vus') await Promise.all(vus.map((vu) => loop(vu, period, crew)));
    else if (scenario.executor === 'ramping-vus') await ramping(scenario, vus, period, crew);
    else await arriving(starts(scenario), scenario, vus, period, crew);
  } finally {
    period.close();
    crew.give(vus);
  }
}

const peak = ({ startVUs, stages }: Of<'ramping-vus'>): number =>
  Math.max(startVUs, ...stages.map(({ target }) => target));

/** @param next asked before each iteration @param over told after each */
async function loop(
  vu: VirtualUser,
  period: Period,
  crew: Crew,
  next: () => boolean = () => true,
  over: () => void = () => {},
): Promise<void> {
  while (!period.ended && next()) {
    await crew.iterate(vu);
    over();
  }
}

async function perVu(
  { iterations }: Of<'per-vu-iterations'>,
  vus: VirtualUser[],
  period: Period,
  crew: Crew,
): Promise<void> {
  let started = 0;
  let done = 0;
  crew.report(() => done / (iterations * vus.length));
  await Promise.all(
    vus.map(async (vu) => {
      let left = iterations;
      const next = () => {
        if (left > 0) started++;
        return left-- > 0;
      };
      await loop(vu, period, crew, next, () => done++);
    }),
  );
  const missed = iterations * vus.length - started;
  if (missed > 0) crew.dropped(missed);
}

async function shared(
  { iterations }: Of<'shared-iterations'>,
  vus: VirtualUser[],
  period: Period,
  crew: Crew,
): Promise<void> {
  let left = iterations;
  let done = 0;
  crew.report(() => done / iterations);
  const next = (): boolean => {
    if (left === 0) return false;
    left--;
    return true;
  };
  await Promise.all(vus.map((vu) => loop(vu, period, crew, next, () => done++)));
  if (left > 0) crew.dropped(left);
}

/** A VU of a ramp: wanted or not, and finishing its iteration in between. */
type Rung = { vu: VirtualUser; wanted: boolean; running: boolean; cut?: ReturnType<typeof setTimeout> | undefined };

async function ramping(scenario: Of<'ramping-vus'>, vus: VirtualUser[], period: Period, crew: Crew): Promise<void> {
  const rungs: Rung[] = vus.map((vu) => ({ vu, wanted: false, running: false }));
  const loops: Promise<void>[] = [];
  const start = (rung: Rung): void => {
    rung.wanted = true;
    clearTimeout(rung.cut);
    if (rung.running) return;
    rung.running = true;
    loops.push(
      loop(rung.vu, period, crew, () => rung.wanted).then(() => {
        rung.running = false;
        clearTimeout(rung.cut);
      }),
    );
  };
  const stop = (rung: Rung): void => {
    rung.wanted = false;
    if (rung.running) rung.cut = setTimeout(() => rung.vu.cut(), scenario.gracefulRampDownMs);
  };
  let count = 0;
  for (const { at, target } of rampSteps(scenario.startVUs, scenario.stages)) {
    await period.until(at);
    if (period.ended) break;
    for (; count < target; count++) start(rungs[count] as Rung);
    for (; count > target; count--) stop(rungs[count - 1] as Rung);
  }
  await period.until(plannedMs(scenario));
  await Promise.all(loops);
}

/** The moments, in milliseconds, at which the number of VUs changes, one VU at a time. */
export function* rampSteps(from: number, stages: Stage[]): Generator<{ at: number; target: number }> {
  yield { at: 0, target: from };
  let begin = 0;
  let count = from;
  for (const { durationMs, target } of stages) {
    const change = Math.abs(target - count);
    const direction = Math.sign(target - count);
    if (durationMs === 0) yield { at: begin, target };
    else
      for (let step = 1; step <= change; step++)
        yield { at: begin + (durationMs * step) / change, target: count + direction * step };
    begin += durationMs;
    count = target;
  }
}

type Arrivals = Of<'constant-arrival-rate'> | Of<'ramping-arrival-rate'>;

const starts = (scenario: Arrivals): Generator<number> =>
  scenario.executor === 'constant-arrival-rate'
    ? constantStarts(scenario.rate, scenario.timeUnitMs)
    : rampedStarts(scenario.startRate, scenario.timeUnitMs, scenario.stages);

function* constantStarts(rate: number, timeUnitMs: number): Generator<number> {
  for (let index = 0; ; index++) yield (index * timeUnitMs) / rate;
}

/** The moments at which the area under the rate, which is linear within a stage, reaches 1, 2, 3, ... */
export function* rampedStarts(startRate: number, timeUnitMs: number, stages: Stage[]): Generator<number> {
  let begin = 0;
  let area = 0;
  let next = 1;
  let from = startRate / timeUnitMs;
  for (const { durationMs, target } of stages) {
    const to = target / timeUnitMs;
    const slope = durationMs > 0 ? (to - from) / durationMs : 0;
    const end = area + ((from + to) / 2) * durationMs;
    for (; next <= end; next++) {
      const rest = next - area;
      // The root of slope/2 t^2 + from t = rest, in the form that also holds for a slope of zero.
      const root = Math.sqrt(Math.max(0, from * from + 2 * slope * rest));
      yield begin + (2 * rest) / (from + root);
    }
    area = end;
    begin += durationMs;
    from = to;
  }
}

async function arriving(
  moments: Generator<number>,
  scenario: Arrivals,
  vus: VirtualUser[],
  period: Period,
  crew: Crew,
): Promise<void> {
  const free = [...vus];
  const running = new Set<Promise<void>>();
  let allocated = vus.length;
  let burst = 0;
  let warned = false;
  const planned = plannedMs(scenario);
  let late = 0;
  for (const moment of moments) {
    if (moment >= planned || period.wasCut) break;
    // The plan is over and this moment was in it: the host was too slow, and says so.
    if (period.ended) {
      late++;
      continue;
    }
    const wait = period.until(moment);
    if (wait !== undefined) {
      await wait;
      burst = 0;
    } else if (++burst % BURST === 0) {
      await breathe();
    }
    if (period.ended) {
      late++;
      continue;
    }
    const vu = free.shift();
    if (vu !== undefined) {
      const iteration = crew.iterate(vu).then(() => {
        free.push(vu);
        running.delete(iteration);
      });
      running.add(iteration);
      continue;
    }
    // As in k6: this iteration is lost, and one more VU is made for the next, up to maxVUs.
    crew.dropped(1);
    if (allocated < scenario.maxVUs) {
      allocated++;
      void crew.take(1).then((more) => {
        vus.push(...more);
        free.push(...more);
      });
    } else if (!warned) {
      warned = true;
      crew.warn(
        `Insufficient VUs, reached ${allocated} active VUs and cannot initialize more (scenario ${scenario.name})`,
      );
    }
  }
  if (late > 0) crew.dropped(late);
  await period.until(planned);
  await Promise.all(running);
}
