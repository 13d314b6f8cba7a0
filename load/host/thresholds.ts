import { milliseconds } from './duration.ts';
import type { Metric, Metrics, MetricType, Sink } from './metrics.ts';
import { invalidConfig } from './refusal.ts';

/** One expression on one metric or sub-metric. */
export type Threshold = {
  metric: Metric;
  /** The key under `options.thresholds`, selector included. */
  name: string;
  sink: Sink;
  expression: string;
  aggregate: string;
  operator: string;
  bound: number;
  abortOnFail: boolean;
  /** Milliseconds of the run before `abortOnFail` may act. */
  delayMs: number;
  /** The last verdict. */
  ok: boolean;
};

const shape =
  /^\s*(count|rate|value|avg|min|max|med|p\(\s*\d+(?:\.\d+)?\s*\))\s*(<=|>=|===|==|!==|!=|<|>)\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*$/i;
const allowed: Record<MetricType, RegExp> = {
  counter: /^(count|rate)$/,
  gauge: /^value$/,
  rate: /^rate$/,
  trend: /^(avg|min|max|med|p\(.*\))$/,
};

/** Reads `options.thresholds` and makes the sub-metrics they select. Throws a refusal for what k6 refuses too. */
export function readThresholds(thresholds: Record<string, unknown>, metrics: Metrics): Threshold[] {
  return Object.entries(thresholds).flatMap(([name, expressions]) => {
    const { metric, sink } = selected(name, metrics);
    if (!Array.isArray(expressions)) throw invalidConfig(`thresholds.${name} must be an array of expressions`);
    return expressions.map((one) => readOne(one, name, metric, sink));
  });
}

function selected(name: string, metrics: Metrics): { metric: Metric; sink: Sink } {
  const [, base = '', selector] = /^([^{]*)(?:\{(.*)\})?$/.exec(name) ?? [];
  const metric = metrics.all.get(base);
  if (metric === undefined) throw invalidConfig(`thresholds: no metric name "${base}" found`);
  if (selector === undefined) return { metric, sink: metric.sink };
  const pairs = selector.split(',').map((pair): [string, string] => {
    const colon = pair.indexOf(':');
    if (colon < 1) throw invalidConfig(`thresholds: "${pair}" in "${name}" must be tag:value`);
    return [unquoted(pair.slice(0, colon)), unquoted(pair.slice(colon + 1))];
  });
  return { metric, sink: metrics.select(metric, name, pairs) };
}

const unquoted = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/, '$2');

function readOne(one: unknown, name: string, metric: Metric, sink: Sink): Threshold {
  const given: Record<string, unknown> =
    typeof one === 'string' ? { threshold: one } : ((one ?? {}) as Record<string, unknown>);
  const { threshold: expression, abortOnFail = false, delayAbortEval, ...unknown } = given;
  for (const key of Object.keys(unknown))
    throw invalidConfig(`thresholds.${name}: the script host does not have ${key}`);
  const [, written = '', operator = '', bound = ''] = shape.exec(String(expression)) ?? [];
  const aggregate = written.replaceAll(/\s/g, '');
  if (aggregate === '') throw invalidConfig(`thresholds.${name}: cannot read "${String(expression)}"`);
  if (!allowed[metric.type].test(aggregate)) {
    throw invalidConfig(`thresholds.${name}: a ${metric.type} has no ${aggregate} ("${String(expression)}")`);
  }
  return {
    metric,
    name,
    sink,
    expression: String(expression),
    aggregate,
    operator,
    bound: Number(bound),
    abortOnFail: abortOnFail === true,
    delayMs: delayAbortEval === undefined ? 0 : milliseconds(delayAbortEval, `thresholds.${name}.delayAbortEval`),
    ok: true,
  };
}

/** The value on the left of an expression; undefined where there is none to judge (the rate of nothing). */
export function aggregateOf(sink: Sink, aggregate: string, elapsedMs: number): number | undefined {
  if (aggregate === 'count') return sink.sum;
  if (aggregate === 'value') return sink.last;
  if (aggregate === 'rate') {
    if (sink.type === 'counter') return elapsedMs > 0 ? sink.sum / (elapsedMs / 1000) : 0;
    return sink.count === 0 ? undefined : sink.sum / sink.count;
  }
  const distribution = sink.distribution;
  if (distribution === undefined) return undefined;
  if (aggregate === 'avg') return distribution.mean;
  if (aggregate === 'min') return distribution.min;
  if (aggregate === 'max') return distribution.max;
  if (aggregate === 'med') return distribution.quantile(0.5);
  return distribution.quantile(Number(aggregate.slice(2, -1)) / 100);
}

/**
 * Judges all thresholds, stores the verdicts, and returns those that fail.
 *
 * On a metric without samples k6 judges the count of a Counter (0) and the quantiles of a Trend (0), while the rate of a Rate
 * passes [ran]. While the run goes on (`final` false) metrics without samples are left alone.
 */
export function judge(thresholds: Threshold[], elapsedMs: number, final: boolean): Threshold[] {
  for (const threshold of thresholds) {
    if (!final && threshold.sink.count === 0) continue;
    const value = aggregateOf(threshold.sink, threshold.aggregate, elapsedMs);
    threshold.ok = value === undefined || compare(value, threshold.operator, threshold.bound);
  }
  return thresholds.filter(({ ok }) => !ok);
}

function compare(value: number, operator: string, bound: number): boolean {
  if (operator === '<') return value < bound;
  if (operator === '<=') return value <= bound;
  if (operator === '>') return value > bound;
  if (operator === '>=') return value >= bound;
  return operator.startsWith('!') ? value !== bound : value === bound;
}
