// The options of a script: read, checked, filled with k6's defaults. What the host does not know is refused by name.

import { milliseconds } from './duration.ts';
import { invalidConfig } from './refusal.ts';

export type Stage = { durationMs: number; target: number };

type Common = {
  name: string;
  /** The exported function that is one iteration. */
  exec: string;
  startMs: number;
  gracefulStopMs: number;
  env: Record<string, string>;
  tags: Record<string, string>;
};

export type Scenario = Common &
  (
    | { executor: 'shared-iterations'; vus: number; iterations: number; maxDurationMs: number }
    | { executor: 'per-vu-iterations'; vus: number; iterations: number; maxDurationMs: number }
    | { executor: 'constant-vus'; vus: number; durationMs: number }
    | { executor: 'ramping-vus'; startVUs: number; stages: Stage[]; gracefulRampDownMs: number }
    | {
        executor: 'constant-arrival-rate';
        rate: number;
        timeUnitMs: number;
        durationMs: number;
        preAllocatedVUs: number;
        maxVUs: number;
      }
    | {
        executor: 'ramping-arrival-rate';
        startRate: number;
        timeUnitMs: number;
        stages: Stage[];
        preAllocatedVUs: number;
        maxVUs: number;
      }
  );

export type Executor = Scenario['executor'];

export type Options = {
  scenarios: Scenario[];
  thresholds: Record<string, unknown>;
  tags: Record<string, string>;
  userAgent: string;
  insecureSkipTLSVerify: boolean;
  noConnectionReuse: boolean;
  noVUConnectionReuse: boolean;
  discardResponseBodies: boolean;
  throws: boolean;
  maxRedirects: number;
  setupTimeoutMs: number;
  teardownTimeoutMs: number;
  minIterationMs: number;
  summaryTrendStats: string[];
};

type Raw = Record<string, unknown>;

/** What the command line may say instead of the script. */
export type Overrides = { vus?: number; iterations?: number; duration?: string };

const known = new Set([
  'scenarios',
  'thresholds',
  'vus',
  'iterations',
  'duration',
  'stages',
  'tags',
  'userAgent',
  'insecureSkipTLSVerify',
  'noConnectionReuse',
  'noVUConnectionReuse',
  'discardResponseBodies',
  'throw',
  'maxRedirects',
  'setupTimeout',
  'teardownTimeout',
  'minIterationDuration',
  'summaryTrendStats',
  // Nothing to do for it: the host reports to nobody.
  'noUsageReport',
]);

const trendStat = /^(avg|min|med|max|count|p\(\d+(\.\d+)?\))$/;

/** Reads what a script exports as `options`. Throws a refusal (104) for anything unknown or out of range. */
export function readOptions(exported: unknown, overrides: Overrides = {}): Options {
  const raw = record(exported ?? {}, 'options');
  for (const key of Object.keys(raw)) {
    if (!known.has(key) && raw[key] !== undefined)
      throw invalidConfig(`the script host does not have the option "${key}"`);
  }
  const shorthand = Object.keys(overrides).length > 0;
  const scenarios = shorthand ? shortcut(overrides as Raw) : readScenarios(raw);
  const stats = raw.summaryTrendStats ?? ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'];
  if (!Array.isArray(stats) || !stats.every((stat) => typeof stat === 'string' && trendStat.test(stat))) {
    throw invalidConfig('summaryTrendStats may hold avg, min, med, max, count and p(N)');
  }
  return {
    scenarios,
    thresholds: record(raw.thresholds ?? {}, 'thresholds'),
    tags: strings(raw.tags, 'tags'),
    userAgent: text(raw.userAgent ?? 'portable-mcp-script-host', 'userAgent'),
    insecureSkipTLSVerify: flag(raw, 'insecureSkipTLSVerify'),
    noConnectionReuse: flag(raw, 'noConnectionReuse'),
    noVUConnectionReuse: flag(raw, 'noVUConnectionReuse'),
    discardResponseBodies: flag(raw, 'discardResponseBodies'),
    throws: flag(raw, 'throw'),
    maxRedirects: whole(raw.maxRedirects ?? 10, 'maxRedirects', 0),
    setupTimeoutMs: milliseconds(raw.setupTimeout ?? '60s', 'setupTimeout'),
    teardownTimeoutMs: milliseconds(raw.teardownTimeout ?? '60s', 'teardownTimeout'),
    minIterationMs: milliseconds(raw.minIterationDuration ?? 0, 'minIterationDuration'),
    summaryTrendStats: stats,
  };
}

function readScenarios(raw: Raw): Scenario[] {
  if (raw.scenarios === undefined) return shortcut(raw);
  for (const key of ['vus', 'iterations', 'duration', 'stages']) {
    if (raw[key] !== undefined) throw invalidConfig(`options.${key} and options.scenarios exclude each other`);
  }
  const entries = Object.entries(record(raw.scenarios, 'scenarios'));
  if (entries.length === 0) throw invalidConfig('scenarios must name at least one');
  return entries.map(([name, scenario]) => readScenario(name, record(scenario, `scenarios.${name}`)));
}

/** `vus`, `iterations`, `duration` and `stages` at the top are one scenario called `default`. */
function shortcut({ vus, iterations, duration, stages }: Raw): Scenario[] {
  if (iterations !== undefined) {
    const limit = duration === undefined ? {} : { maxDuration: duration };
    return [readScenario('default', { executor: 'shared-iterations', vus: vus ?? 1, iterations, ...limit })];
  }
  if (duration !== undefined) return [readScenario('default', { executor: 'constant-vus', vus: vus ?? 1, duration })];
  if (stages !== undefined) return [readScenario('default', { executor: 'ramping-vus', startVUs: vus ?? 1, stages })];
  return [readScenario('default', { executor: 'per-vu-iterations', vus: vus ?? 1, iterations: 1 })];
}

const common = ['executor', 'exec', 'startTime', 'gracefulStop', 'env', 'tags'];
const own: Record<Executor, string[]> = {
  'shared-iterations': ['vus', 'iterations', 'maxDuration'],
  'per-vu-iterations': ['vus', 'iterations', 'maxDuration'],
  'constant-vus': ['vus', 'duration'],
  'ramping-vus': ['startVUs', 'stages', 'gracefulRampDown'],
  'constant-arrival-rate': ['rate', 'timeUnit', 'duration', 'preAllocatedVUs', 'maxVUs'],
  'ramping-arrival-rate': ['startRate', 'timeUnit', 'stages', 'preAllocatedVUs', 'maxVUs'],
};

function readScenario(name: string, raw: Raw): Scenario {
  const at = `scenarios.${name}`;
  const executor = raw.executor as Executor;
  if (!Object.hasOwn(own, String(executor))) {
    throw invalidConfig(
      `${at}.executor must be one of ${Object.keys(own).join(', ')}, not ${JSON.stringify(raw.executor)}`,
    );
  }
  for (const key of Object.keys(raw)) {
    if (raw[key] !== undefined && !common.includes(key) && !own[executor].includes(key)) {
      throw invalidConfig(`${at}: the script host does not have "${key}" for ${executor}`);
    }
  }
  const shared: Common = {
    name,
    exec: text(raw.exec ?? 'default', `${at}.exec`),
    startMs: milliseconds(raw.startTime ?? 0, `${at}.startTime`),
    gracefulStopMs: milliseconds(raw.gracefulStop ?? '30s', `${at}.gracefulStop`),
    env: strings(raw.env, `${at}.env`),
    tags: strings(raw.tags, `${at}.tags`),
  };
  if (executor === 'shared-iterations' || executor === 'per-vu-iterations') {
    const vus = whole(raw.vus ?? 1, `${at}.vus`, 1);
    const iterations = whole(raw.iterations ?? 1, `${at}.iterations`, 1);
    if (executor === 'shared-iterations' && iterations < vus) {
      throw invalidConfig(
        `${at}: the number of iterations (${iterations}) cannot be less than the number of VUs (${vus})`,
      );
    }
    return {
      ...shared,
      executor,
      vus,
      iterations,
      maxDurationMs: positive(raw.maxDuration ?? '10m', `${at}.maxDuration`),
    };
  }
  if (executor === 'constant-vus') {
    return {
      ...shared,
      executor,
      vus: whole(raw.vus ?? 1, `${at}.vus`, 1),
      durationMs: positive(raw.duration, `${at}.duration`),
    };
  }
  if (executor === 'ramping-vus') {
    return {
      ...shared,
      executor,
      startVUs: whole(raw.startVUs ?? 1, `${at}.startVUs`, 0),
      stages: readStages(raw.stages, at),
      gracefulRampDownMs: milliseconds(raw.gracefulRampDown ?? '30s', `${at}.gracefulRampDown`),
    };
  }
  const timeUnitMs = positive(raw.timeUnit ?? '1s', `${at}.timeUnit`);
  const preAllocatedVUs = whole(raw.preAllocatedVUs, `${at}.preAllocatedVUs`, 0);
  const maxVUs = whole(raw.maxVUs ?? preAllocatedVUs, `${at}.maxVUs`, 1);
  if (maxVUs < preAllocatedVUs) throw invalidConfig(`${at}.maxVUs is below preAllocatedVUs`);
  if (executor === 'constant-arrival-rate') {
    return {
      ...shared,
      executor,
      rate: whole(raw.rate, `${at}.rate`, 1),
      timeUnitMs,
      durationMs: positive(raw.duration, `${at}.duration`),
      preAllocatedVUs,
      maxVUs,
    };
  }
  return {
    ...shared,
    executor,
    startRate: whole(raw.startRate ?? 0, `${at}.startRate`, 0),
    timeUnitMs,
    stages: readStages(raw.stages, at),
    preAllocatedVUs,
    maxVUs,
  };
}

function readStages(raw: unknown, at: string): Stage[] {
  if (!Array.isArray(raw) || raw.length === 0) throw invalidConfig(`${at}.stages must be a non-empty array`);
  return raw.map((stage: unknown, index) => {
    const { duration, target, ...unknown } = record(stage, `${at}.stages[${index}]`);
    for (const key of Object.keys(unknown))
      throw invalidConfig(`${at}.stages[${index}]: the script host does not have "${key}"`);
    return {
      durationMs: milliseconds(duration, `${at}.stages[${index}].duration`),
      target: whole(target, `${at}.stages[${index}].target`, 0),
    };
  });
}

/** Milliseconds from the start of the scenario to the end of its plan, gracefulStop excluded. */
export function plannedMs(scenario: Scenario): number {
  if ('maxDurationMs' in scenario) return scenario.maxDurationMs;
  if ('durationMs' in scenario) return scenario.durationMs;
  return scenario.stages.reduce((total, { durationMs }) => total + durationMs, 0);
}

/** VUs that must exist before the scenario starts. */
export function plannedVUs(scenario: Scenario): number {
  if ('vus' in scenario) return scenario.vus;
  if ('preAllocatedVUs' in scenario) return scenario.preAllocatedVUs;
  return Math.max(scenario.startVUs, ...scenario.stages.map(({ target }) => target));
}

/** VUs that all scenarios together need at the same time. A VU serves several scenarios, one after the other. */
export function vusNeeded(scenarios: Scenario[]): number {
  const end = (one: Scenario): number => one.startMs + plannedMs(one) + one.gracefulStopMs;
  return Math.max(
    0,
    ...scenarios.map(({ startMs }) =>
      scenarios
        .filter((one) => one.startMs <= startMs && startMs < end(one))
        .reduce((total, one) => total + plannedVUs(one), 0),
    ),
  );
}

/** Only the named scenarios, in their order in the script. */
export function chosen(scenarios: Scenario[], names: string[]): Scenario[] {
  for (const name of names) {
    if (!scenarios.some((one) => one.name === name)) {
      throw invalidConfig(`no scenario "${name}"; there are ${scenarios.map((one) => one.name).join(', ')}`);
    }
  }
  return scenarios.filter(({ name }) => names.includes(name));
}

/** Each scenario with one VU and one iteration, at once; exec, env and tags stay. */
export function once(scenarios: Scenario[]): Scenario[] {
  return scenarios.map(({ name, exec, gracefulStopMs, env, tags }) => ({
    name,
    exec,
    startMs: 0,
    gracefulStopMs,
    env,
    tags,
    executor: 'per-vu-iterations',
    vus: 1,
    iterations: 1,
    maxDurationMs: 600_000,
  }));
}

function record(value: unknown, what: string): Raw {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidConfig(`${what} must be an object`);
  return value as Raw;
}

function strings(value: unknown, what: string): Record<string, string> {
  return Object.fromEntries(Object.entries(record(value ?? {}, what)).map(([key, one]) => [key, String(one)]));
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw invalidConfig(`${what} must be a string`);
  return value;
}

function flag(raw: Raw, name: string): boolean {
  const value = raw[name] ?? false;
  if (typeof value !== 'boolean') throw invalidConfig(`${name} must be true or false`);
  return value;
}

function whole(value: unknown, what: string, least: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least) {
    throw invalidConfig(`${what} must be a whole number of at least ${least}, not ${JSON.stringify(value)}`);
  }
  return value;
}

function positive(value: unknown, what: string): number {
  const ms = milliseconds(value, what);
  if (ms <= 0) throw invalidConfig(`${what} must be more than 0`);
  return ms;
}
