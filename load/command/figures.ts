/** Numbers for people: a metric's figures, each with its unit and what it must keep to. Pure. */

import type { LoadResult, Measured, Ran } from './result.ts';

/** `bytes/min` is a slope. A share is kept as 0 to 1 and shown in percent. */
export type Unit = 'ms' | 'bytes' | 'bytes/min' | 'share' | 'per second' | '';

/** One aggregate of one metric that thresholds judge. */
export interface Figure {
  /** The metric, its selector included. */
  readonly metric: string;
  /** `count`, `rate`, `value`, `max`, `p(95)` and so on. */
  readonly aggregate: string;
  /** Undefined where nothing was measured. */
  readonly value: number | undefined;
  readonly unit: Unit;
  readonly rules: readonly { readonly expression: string; readonly ok: boolean }[];
}

/** All that thresholds judge: those that failed first, then by name. */
export function judged({ metrics }: Pick<Ran, 'metrics'>): Figure[] {
  const figures: Figure[] = [];
  for (const [metric, measured] of Object.entries(metrics)) {
    const byAggregate = Map.groupBy(Object.entries(measured.thresholds ?? {}), ([expression]) =>
      aggregateIn(expression),
    );
    for (const [aggregate, rules] of byAggregate) {
      figures.push({
        metric,
        aggregate,
        value: measuredValue(measured, aggregate),
        unit: unitOf(metric, measured, aggregate),
        rules: rules.map(([expression, { ok }]) => ({ expression, ok })),
      });
    }
  }
  return figures.sort((a, b) => Number(passed(a)) - Number(passed(b)) || compare(a.metric, b.metric));
}

export function passed({ rules }: Figure): boolean {
  return rules.every(({ ok }) => ok);
}

/** Undefined for a rate that nothing was added to. */
function measuredValue({ type, values }: Measured, aggregate: string): number | undefined {
  if (type === 'rate' && (values.passes ?? 0) + (values.fails ?? 0) === 0) return undefined;
  return values[aggregate];
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const aggregateIn = (expression: string): string => /^\s*([a-z]+(?:\([\d.]+\))?)/.exec(expression)?.[1] ?? '';

export function unitOf(metric: string, { type }: Pick<Measured, 'type'>, aggregate = ''): Unit {
  const name = metric.replace(/\{.*/, '');
  if (type === 'rate' || /_share$/.test(name)) return 'share';
  if (type === 'counter' && aggregate === 'rate') return 'per second';
  if (/_ms$|^http_req_|^(iteration|group)_duration$/.test(name)) return 'ms';
  if (/_memory_(slope|slope_error|growth)$/.test(name)) return 'bytes/min';
  return /^data_|_bytes$/.test(name) ? 'bytes' : '';
}

/** Three figures where it is fine, with the unit. */
export function shown(value: number | undefined, unit: Unit): string {
  if (value === undefined) return 'nothing';
  if (unit === 'share') return `${plain(100 * value)} %`;
  if (unit === 'per second') return `${plain(value)}/s`;
  if (unit === 'ms') return value >= 10_000 ? `${plain(value / 1000)} s` : `${plain(value)} ms`;
  if (unit !== '') return `${bytes(value)}${unit === 'bytes/min' ? '/min' : ''}`;
  return plain(value);
}

function bytes(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${plain(value / 1e9)} GB`;
  if (size >= 1e6) return `${plain(value / 1e6)} MB`;
  return size >= 1e3 ? `${plain(value / 1e3)} kB` : `${plain(value)} B`;
}

/** 12345.6 is 12,346, 12.34 is 12.3, and 0.01234 is 0.0123. */
function plain(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : 3;
  if (digits === 0) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(digits)));
}

/** The figures of a metric that has no threshold. */
export function summarized(metric: string, measured: Measured): string {
  const { type, values } = measured;
  const unit = unitOf(metric, measured);
  if (type === 'counter') return `${shown(values.count, unit)}, ${shown(values.rate, unit)}/s`;
  if (type === 'gauge') return shown(values.value, unit);
  if (type === 'rate') return `${shown(values.rate, unit)} of ${plain((values.passes ?? 0) + (values.fails ?? 0))}`;
  return ['med', 'p(95)', 'max']
    .filter((aggregate) => values[aggregate] !== undefined)
    .map((aggregate) => `${aggregate} ${shown(values[aggregate], unit)}`)
    .join(', ');
}

/** Metrics without a threshold, by name; parts of a metric are left out. */
export function others({ metrics }: Pick<Ran, 'metrics'>): [name: string, measured: Measured][] {
  return Object.entries(metrics)
    .filter(([name, { thresholds }]) => thresholds === undefined && !name.includes('{'))
    .sort(([a], [b]) => compare(a, b));
}

/** A generator whose timers are later than this (p99, ms) adds it to what it measures. */
const LATE_MS = 100;

/** Why the generator, not the target, may be to blame; undefined where it kept up. */
export function overwhelmed({
  iterations,
  lag,
  exit_code,
}: Pick<Ran, 'iterations' | 'lag' | 'exit_code'>): string | undefined {
  const reasons: string[] = [];
  // Of a run that was interrupted those that were due at its end are among them.
  if (iterations.dropped > 0 && exit_code !== 105) reasons.push(`${plain(iterations.dropped)} iterations were dropped`);
  if (lag !== undefined && lag.p99_ms > LATE_MS)
    reasons.push(`its event loop was late by ${shown(lag.p99_ms, 'ms')} (p99)`);
  if (reasons.length === 0) return undefined;
  return `The generator could not keep up: ${reasons.join(', and ')}. The figures say as much of it as of the target.`;
}

export function engineText({ name, version }: LoadResult['engine']): string {
  return name === 'k6' ? `k6 ${version}` : `script host on Node ${version}`;
}

export function verdict({ exit_code, reason }: Pick<Ran, 'exit_code' | 'reason'>, red: number): string {
  if (exit_code === 0) return 'passed';
  const failed = exit_code === 99 && red > 0 ? `${red} of the thresholds failed` : reason;
  return `exit ${exit_code}: ${failed}`;
}

export function targetText({ url, runtime }: LoadResult['target']): string {
  return runtime === undefined ? url : `this server on ${runtime}`;
}
