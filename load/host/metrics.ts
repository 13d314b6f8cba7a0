// Metrics of a run: what was counted, in total and second by second, and the sub-metrics that thresholds ask for.

import { type Point, Series } from './series.ts';
import { Distribution } from './trend.ts';

export type MetricType = 'counter' | 'gauge' | 'rate' | 'trend';
/** What the numbers mean: plain numbers, milliseconds or bytes. */
export type Contains = 'default' | 'time' | 'data';
export type Tags = Readonly<Record<string, string>>;

/** One value as it was added. `time` is Unix time in milliseconds. */
export type Sample = { metric: string; type: MetricType; value: number; tags: Tags; time: number };

/** The values of one metric, or of the part of it whose tags match a selector. */
export class Sink {
  readonly type: MetricType;
  count = 0;
  sum = 0;
  min = 0;
  max = 0;
  last = 0;
  readonly distribution: Distribution | undefined;
  readonly series: Series;

  constructor(type: MetricType) {
    this.type = type;
    this.distribution = type === 'trend' ? new Distribution() : undefined;
    this.series = new Series(type === 'trend');
  }

  add(value: number, second: number): void {
    if (this.count === 0) this.min = this.max = value;
    else if (value < this.min) this.min = value;
    else if (value > this.max) this.max = value;
    this.count++;
    this.sum += value;
    this.last = value;
    this.distribution?.add(value);
    this.series.add(value, second);
  }
}

type Selected = { name: string; selector: [tag: string, value: string][]; sink: Sink };

/** A metric, its type and unit, and its sub-metrics. Added to through {@link Metrics.add}. */
export class Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly contains: Contains;
  readonly sink: Sink;
  readonly selected: Selected[] = [];

  constructor(name: string, type: MetricType, contains: Contains) {
    this.name = name;
    this.type = type;
    this.contains = contains;
    this.sink = new Sink(type);
  }
}

const builtIn: [name: string, type: MetricType, contains: Contains][] = [
  ['vus', 'gauge', 'default'],
  ['vus_max', 'gauge', 'default'],
  ['iterations', 'counter', 'default'],
  ['iteration_duration', 'trend', 'time'],
  ['dropped_iterations', 'counter', 'default'],
  ['checks', 'rate', 'default'],
  ['group_duration', 'trend', 'time'],
  ['http_reqs', 'counter', 'default'],
  ['http_req_failed', 'rate', 'default'],
  ['http_req_duration', 'trend', 'time'],
  ['http_req_blocked', 'trend', 'time'],
  ['http_req_connecting', 'trend', 'time'],
  ['http_req_tls_handshaking', 'trend', 'time'],
  ['http_req_sending', 'trend', 'time'],
  ['http_req_waiting', 'trend', 'time'],
  ['http_req_receiving', 'trend', 'time'],
  ['data_sent', 'counter', 'data'],
  ['data_received', 'counter', 'data'],
];

/** k6 refuses a name of one letter [ran]. */
const metricName = /^[a-zA-Z][a-zA-Z0-9_]{1,127}$/;

/** All metrics of one run. */
export class Metrics {
  readonly all = new Map<string, Metric>();
  /** Unix time in milliseconds at which the seconds of the series start to count. */
  startedAt = Date.now();
  onSample: ((sample: Sample) => void) | undefined;

  constructor() {
    for (const [name, type, contains] of builtIn) this.all.set(name, new Metric(name, type, contains));
  }

  /** A metric by name, made when it is new. Throws when the name is not allowed, or taken by another type or unit. */
  declare(name: string, type: MetricType, contains: Contains): Metric {
    const known = this.all.get(name);
    if (known !== undefined) {
      if (known.type === type && known.contains === contains) return known;
      throw new Error(`metric '${name}' already exists with type ${known.type} (${known.contains})`);
    }
    if (!metricName.test(name)) {
      throw new Error(`Invalid metric name: '${name}': 2 to 128 ASCII letters, digits and underscores, a letter first`);
    }
    const metric = new Metric(name, type, contains);
    this.all.set(name, metric);
    return metric;
  }

  get(name: string): Metric {
    const metric = this.all.get(name);
    if (metric === undefined) throw new Error(`no metric ${name}`);
    return metric;
  }

  /** The sub-metric of a threshold: samples whose tags hold every pair of the selector. */
  select(metric: Metric, name: string, selector: [string, string][]): Sink {
    const known = metric.selected.find((one) => one.name === name);
    if (known !== undefined) return known.sink;
    const sink = new Sink(metric.type);
    metric.selected.push({ name, selector, sink });
    return sink;
  }

  add(metric: Metric, value: number, tags: Tags): void {
    const time = Date.now();
    const second = Math.max(0, Math.floor((time - this.startedAt) / 1000));
    metric.sink.add(value, second);
    for (const { selector, sink } of metric.selected) {
      if (matches(selector, tags)) sink.add(value, second);
    }
    this.onSample?.({ metric: metric.name, type: metric.type, value, tags, time });
  }

  /** Every metric and sub-metric that has samples or a sub-metric's threshold, with its series. */
  *sinks(): Generator<{ name: string; metric: Metric; sink: Sink }> {
    for (const metric of this.all.values()) {
      yield { name: metric.name, metric, sink: metric.sink };
      for (const { name, sink } of metric.selected) yield { name, metric, sink };
    }
  }

  /** The series of all metrics that have samples, by name. */
  series(): Record<string, Point[]> {
    const found: Record<string, Point[]> = {};
    for (const { name, sink } of this.sinks()) if (sink.count > 0) found[name] = sink.series.points();
    return found;
  }
}

/** An empty value in a selector also matches a tag that is absent. */
function matches(selector: [string, string][], tags: Tags): boolean {
  for (const [tag, value] of selector) if ((tags[tag] ?? '') !== value) return false;
  return true;
}
