// The end of a run: the data that handleSummary gets, the file of --summary-export, the text for people.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CheckResult, Group } from './checks.ts';
import { readable } from './duration.ts';
import type { Lag } from './lag.ts';
import type { Contains, Metrics, MetricType, Sink } from './metrics.ts';
import { aggregateOf, type Threshold } from './thresholds.ts';

export const ENGINE = 'script host';

export type MetricSummary = {
  type: MetricType;
  contains: Contains;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
};

/** What handleSummary gets: k6's keys, and `engine`. */
export type SummaryData = {
  engine: typeof ENGINE;
  root_group: Group;
  options: { summaryTrendStats: string[]; summaryTimeUnit: string; noColor: boolean };
  state: { isStdOutTTY: boolean; isStdErrTTY: boolean; testRunDurationMs: number; engine: typeof ENGINE };
  metrics: Record<string, MetricSummary>;
  setup_data?: unknown;
};

/** All metrics with samples or thresholds, in k6's v1 shape, sub-metrics under their selector. */
export function metricsSummary(
  metrics: Metrics,
  thresholds: Threshold[],
  stats: string[],
  elapsedMs: number,
): Record<string, MetricSummary> {
  const all: Record<string, MetricSummary> = {};
  for (const { name, metric, sink } of metrics.sinks()) {
    const judged = thresholds.filter((threshold) => threshold.name === name);
    if (sink.count === 0 && judged.length === 0) continue;
    const summary: MetricSummary = {
      type: metric.type,
      contains: metric.contains,
      values: values(sink, stats, elapsedMs),
    };
    if (judged.length > 0)
      summary.thresholds = Object.fromEntries(judged.map(({ expression, ok }) => [expression, { ok }]));
    all[name] = summary;
  }
  return all;
}

function values(sink: Sink, stats: string[], elapsedMs: number): Record<string, number> {
  if (sink.type === 'counter') return { count: sink.sum, rate: aggregateOf(sink, 'rate', elapsedMs) ?? 0 };
  if (sink.type === 'gauge') return { value: sink.last, min: sink.min, max: sink.max };
  if (sink.type === 'rate') {
    return { rate: sink.count === 0 ? 0 : sink.sum / sink.count, passes: sink.sum, fails: sink.count - sink.sum };
  }
  return Object.fromEntries(
    stats.map((stat) => [stat, stat === 'count' ? sink.count : (aggregateOf(sink, stat, elapsedMs) ?? 0)]),
  );
}

/** The file of `--summary-export`: k6's flat shape (a threshold is true when it failed, a rate is `value`), and `engine`. */
export function exported(data: SummaryData): object {
  const metrics = Object.entries(data.metrics).map(([name, { type, values, thresholds }]) => {
    const { rate, ...rest } = values;
    const flat = type === 'rate' ? { ...rest, value: rate } : values;
    if (thresholds === undefined) return [name, flat];
    const failed = Object.fromEntries(Object.entries(thresholds).map(([expression, { ok }]) => [expression, !ok]));
    return [name, { ...flat, thresholds: failed }];
  });
  const { engine, root_group, setup_data } = data;
  return {
    engine,
    root_group: flatGroup(root_group),
    metrics: Object.fromEntries(metrics),
    ...(setup_data === undefined ? {} : { setup_data }),
  };
}

function flatGroup(group: Group): object {
  const byName = <T extends { name: string }>(list: T[], each: (one: T) => object): object =>
    Object.fromEntries(list.map((one) => [one.name, each(one)]));
  return { ...group, groups: byName(group.groups, flatGroup), checks: byName(group.checks, (check) => check) };
}

/** Writes what handleSummary returned: `stdout` and `stderr` to those, everything else to a file of that name. */
export function writeOutputs(
  outputs: Record<string, string>,
  streams = { stdout: process.stdout, stderr: process.stderr },
): void {
  for (const [target, content] of Object.entries(outputs)) {
    if (target === 'stdout' || target === 'stderr') streams[target].write(content);
    else {
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content);
    }
  }
}

/** The readable summary: thresholds, checks, custom metrics, built-in metrics. Marks are ✓ and ✗. */
export function summaryText(data: SummaryData): string {
  const lines: string[] = [];
  const judged = Object.entries(data.metrics).filter(([, { thresholds }]) => thresholds !== undefined);
  if (judged.length > 0) lines.push('', '  thresholds');
  for (const [name, metric] of judged) {
    for (const [expression, { ok }] of Object.entries(metric.thresholds ?? {})) {
      lines.push(`    ${ok ? '✓' : '✗'} ${name}: ${expression}  (${shown(metric)})`);
    }
  }
  const checks = [...checksOf(data.root_group)];
  if (checks.length > 0) lines.push('', '  checks');
  for (const { path, passes, fails } of checks) {
    const name = path.slice(2).replaceAll('::', ' > ');
    lines.push(`    ${fails === 0 ? '✓' : '✗'} ${name}${fails === 0 ? '' : `  ${passes} passed, ${fails} failed`}`);
  }
  const width = Math.max(0, ...Object.keys(data.metrics).map(({ length }) => length));
  lines.push('', '  metrics');
  for (const [name, metric] of Object.entries(data.metrics).sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`    ${name.padEnd(width, '.')}: ${shown(metric)}`);
  }
  return `${lines.join('\n')}\n`;
}

function* checksOf(group: Group): Generator<CheckResult> {
  yield* group.checks;
  for (const inner of group.groups) yield* checksOf(inner);
}

function shown({ type, contains, values }: MetricSummary): string {
  const unit = (value: number): string => {
    if (contains === 'time') return duration(value);
    if (contains === 'data') return bytes(value);
    return String(Number(value.toFixed(2)));
  };
  if (type === 'counter') return `${unit(values.count ?? 0)}  ${unit(values.rate ?? 0)}/s`;
  if (type === 'gauge') return `${unit(values.value ?? 0)}  min=${unit(values.min ?? 0)} max=${unit(values.max ?? 0)}`;
  if (type === 'rate') {
    return `${Number((100 * (values.rate ?? 0)).toFixed(2))}%  ${values.passes} of ${(values.passes ?? 0) + (values.fails ?? 0)}`;
  }
  return Object.entries(values)
    .map(([stat, value]) => `${stat}=${stat === 'count' ? value : unit(value)}`)
    .join(' ');
}

function duration(ms: number): string {
  if (ms >= 1000) return readable(ms);
  return ms >= 1 || ms === 0 ? `${Number(ms.toFixed(2))}ms` : `${Number((ms * 1000).toFixed(1))}µs`;
}

function bytes(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} MB`;
  return count >= 1e3 ? `${(count / 1e3).toFixed(1)} kB` : `${Math.round(count)} B`;
}

/** The last lines, always shown: who ran, for how long, and whether the generator itself kept up. */
export function verdictText(result: {
  state: SummaryData['state'];
  lag: Lag;
  counts: Counts;
  exitCode: number;
  reason: string;
}): string {
  const { state, lag, counts, exitCode, reason } = result;
  const ended = exitCode === 0 ? 'passed' : `exit ${exitCode}: ${reason}`;
  return `
  engine............: ${ENGINE}
  duration..........: ${readable(state.testRunDurationMs)}
  iterations........: ${counts.completed} complete, ${counts.interrupted} interrupted, ${counts.dropped} dropped
  event-loop lag....: p99=${duration(lag.p99)} max=${duration(lag.max)}
  result............: ${ended}
`;
}

/** Iterations of the run. */
export type Counts = { completed: number; interrupted: number; dropped: number };
