/**
 * What the server counts: counters, gauges and histograms, told as Prometheus text or OpenMetrics, and the table of the
 * server's own. A series is looked up once and kept by its caller, so that counting costs some nanoseconds.
 */

import { type Era, STATEFUL_REVISIONS, STATELESS_REVISIONS } from './protocol.ts';

// ---- the engine ----------------------------------------------------------------------------------

/** One series of a counter. */
export class Counter {
  value = 0;
  inc(by = 1): void {
    this.value += by;
  }
}

/** One series of a histogram. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Observations in each bucket alone, the last one without bound; kept apart from the sum, so that nothing is allocated. */
  readonly counts: Float64Array;
  readonly #sum = new Float64Array(1);
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }
  get sum(): number {
    return this.#sum[0] as number;
  }
  observe(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    (counts[at] as number)++;
    (this.#sum[0] as number) += value;
  }
}

/** All series of one metric. */
export interface Family<Names extends readonly string[], Series> {
  /** The series of these label values, to be kept; past the bound one series whose values are all `other`. */
  labels(...values: { readonly [I in keyof Names]: string }): Series;
}

export type Labels = Readonly<Record<string, string>>;
/** A value read when the metrics are asked for; undefined where there is none now. */
export type Reading = number | undefined | Iterable<readonly [labels: Labels, value: number]>;

export interface Metrics {
  /** @param name ends in `_total` */
  counter<const Names extends readonly string[]>(name: string, help: string, labels: Names): Family<Names, Counter>;
  /** @param buckets upper bounds, rising, without +Inf */
  histogram<const Names extends readonly string[]>(
    name: string,
    help: string,
    labels: Names,
    buckets: readonly number[],
  ): Family<Names, Histogram>;
  gauge(name: string, help: string, read: () => Reading): void;
  /** A counter kept elsewhere, which never falls. */
  observableCounter(name: string, help: string, read: () => Reading): void;
  /** What does not change while the process runs. @param name ends in `_info` */
  info(name: string, help: string, labels: Labels): void;
  /** Everything, as `CONTENT_TYPE` names it. */
  text(openMetrics: boolean): string;
}

export const CONTENT_TYPE = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openMetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;

const SERIES = 1000;

/**
 * @param bound series of one metric, default 1000
 * @throws Error from its methods where a name is none, or is taken
 */
export function metrics(bound = SERIES): Metrics {
  const families = new Map<string, (openMetrics: boolean) => string>();
  const define = (
    kind: 'counter' | 'gauge' | 'histogram' | 'info',
    name: string,
    help: string,
    samples: (openMetrics: boolean) => string,
  ) => {
    const suffix = { counter: '_total', info: '_info', gauge: '', histogram: '' }[kind];
    if (!/^[a-zA-Z_:][\w:]*$/.test(name) || !name.endsWith(suffix)) {
      throw new Error(`"${name}" is no name of a metric of kind ${kind}; expected one that ends in "${suffix}"`);
    }
    if (families.has(name)) throw new Error(`The metric ${name} is there already`);
    families.set(name, (openMetrics) => {
      const lines = samples(openMetrics);
      return lines === '' ? '' : heading(kind, name, suffix, help, openMetrics) + lines;
    });
  };
  const read = (kind: 'counter' | 'gauge', name: string, help: string, reading: () => Reading) => {
    define(kind, name, help, () => {
      const value = reading();
      if (value === undefined || typeof value === 'number') return value === undefined ? '' : sample(name, '', value);
      let lines = '';
      let left = bound;
      for (const [labels, one] of value) if (left-- > 0) lines += sample(name, labelText(Object.entries(labels)), one);
      return lines;
    });
  };
  return {
    counter(name, help, labels) {
      const { series, ...family } = labelled(name, labels, bound, () => new Counter());
      define('counter', name, help, () => {
        let lines = '';
        for (const [inner, { value }] of series) lines += sample(name, inner, value);
        return lines;
      });
      return family;
    },
    histogram(name, help, labels, buckets) {
      if (!buckets.every((bucket, at) => bucket > (buckets[at - 1] ?? Number.NEGATIVE_INFINITY))) {
        throw new Error(`The buckets of ${name} must rise, got ${buckets.join(', ')}`);
      }
      const { series, ...family } = labelled(name, labels, bound, () => new Histogram(buckets));
      define('histogram', name, help, (openMetrics) => {
        let lines = '';
        for (const [inner, one] of series) lines += histogramText(name, inner, one, openMetrics);
        return lines;
      });
      return family;
    },
    gauge: (name, help, reading) => read('gauge', name, help, reading),
    observableCounter: (name, help, reading) => read('counter', name, help, reading),
    info: (name, help, labels) => define('info', name, help, () => sample(name, labelText(Object.entries(labels)), 1)),
    text(openMetrics) {
      let text = '';
      for (const family of families.values()) text += family(openMetrics);
      return openMetrics ? `${text}# EOF\n` : text;
    },
  };
}

/** The series of one metric by the text of their labels, and how one is found. */
function labelled<const Names extends readonly string[], Series>(
  metric: string,
  names: Names,
  bound: number,
  make: () => Series,
): Family<Names, Series> & { readonly series: ReadonlyMap<string, Series> } {
  for (const name of names) {
    if (!/^[a-zA-Z_]\w*$/.test(name) || name === 'le') throw new Error(`"${name}" of ${metric} is no name of a label`);
  }
  const series = new Map<string, Series>();
  const text = (values: readonly string[]) => labelText(names.map((name, at) => [name, values[at] ?? '']));
  const other = text(names.map(() => 'other'));
  return {
    series,
    labels(...values) {
      const wanted = text(values);
      const key = series.has(wanted) || series.size < bound ? wanted : other;
      const known = series.get(key) ?? make();
      series.set(key, known);
      return known;
    },
  };
}

// ---- the text ------------------------------------------------------------------------------------

/** What OpenMetrics calls the unit of a metric whose name ends so. */
const UNIT = /_(seconds|bytes)$/;

/** In OpenMetrics a suffix belongs to the samples, not to the metric (OpenMetrics 1.0, Suffixes). */
function heading(kind: string, name: string, suffix: string, help: string, openMetrics: boolean): string {
  if (!openMetrics) {
    const type = kind === 'info' ? 'gauge' : kind;
    return `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}\n`;
  }
  const family = name.slice(0, name.length - suffix.length);
  const unit = UNIT.exec(family)?.[1];
  return (
    `# HELP ${family} ${help.replace(/[\\\n"]/g, escaped)}\n# TYPE ${family} ${kind}\n` +
    (unit === undefined ? '' : `# UNIT ${family} ${unit}\n`)
  );
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

/** Between the braces. What is no text in UTF-8 would make two series one after it is sent. */
function labelText(labels: readonly (readonly [name: string, value: string])[]): string {
  return labels.map(([name, value]) => `${name}="${value.toWellFormed().replace(/[\\\n"]/g, escaped)}"`).join(',');
}

function sample(name: string, inner: string, value: number): string {
  return `${inner === '' ? name : `${name}{${inner}}`} ${numeral(value)}\n`;
}

function numeral(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function histogramText(name: string, inner: string, { bounds, counts, sum }: Histogram, openMetrics: boolean): string {
  let lines = '';
  let upTo = 0;
  counts.forEach((count, at) => {
    upTo += count;
    const bound = bounds[at] ?? Number.POSITIVE_INFINITY;
    // OpenMetrics 1.0, Numbers in "le": always with a point, so that a bound is one text everywhere.
    const le = openMetrics && Number.isInteger(bound) ? `${bound}.0` : numeral(bound);
    lines += sample(`${name}_bucket`, `${inner === '' ? '' : `${inner},`}le="${le}"`, upTo);
  });
  return `${lines}${sample(`${name}_sum`, inner, sum)}${sample(`${name}_count`, inner, upTo)}`;
}

/** Whether a reader takes OpenMetrics at least as gladly as text: only when it names it, for a browser takes anything. */
export function prefersOpenMetrics(accept: string | null): boolean {
  const weights = new Map<string, number>();
  for (const part of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const value = (name: string) => parameters.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    if (type === 'application/openmetrics-text' && (value('version') ?? '1.0.0') !== '1.0.0') continue;
    const weight = Number(value('q') ?? 1);
    weights.set(type, Math.max(weights.get(type) ?? 0, Number.isNaN(weight) ? 0 : weight));
  }
  const wanted = weights.get('application/openmetrics-text') ?? 0;
  return wanted > 0 && wanted >= (weights.get('text/plain') ?? weights.get('text/*') ?? weights.get('*/*') ?? 0);
}

// ---- this server's -------------------------------------------------------------------------------

/** How a request ended. */
export type Ending = 'ok' | 'tool_error' | 'input_required' | 'error' | 'cancelled';

/** Why a session ended: its client said so, it was quiet for too long, its id expired, another needed the room, the server closed. */
export type SessionEnd = 'deleted' | 'idle' | 'expired' | 'evicted' | 'closed';

/** What is read when the metrics are asked for; what is absent is not told. Counters are since the start. */
export interface Readings {
  /** Sessions for which something is kept. */
  sessions?: number | undefined;
  /** Open event streams. */
  streams?: number | undefined;
  listening?: number | undefined;
  calls?: number | undefined;
  questions?: number | undefined;
  /** Kept in the logs of all streams. */
  kept_bytes?: number | undefined;
  /** Ended streams kept for replay. */
  retained?: number | undefined;
  /** Verified tokens remembered. */
  tokens?: number | undefined;
  /** Callers whose requests are counted against a rate. */
  callers?: number | undefined;
  upstream_running?: number | undefined;
  upstream_waiting?: number | undefined;
  /** How late a timer comes. */
  lag_ms?: number | undefined;
  draining?: boolean | undefined;
  memory_bytes?: number | undefined;
  heap_bytes?: number | undefined;
  cpu_seconds?: number | undefined;
  /** Seconds since the epoch. */
  started_s?: number | undefined;
  beats?: number | undefined;
  stored?: number | undefined;
  replayed?: number | undefined;
  lost?: number | undefined;
  slow?: number | undefined;
  jwks_failures?: number | undefined;
  upstream_refused?: number | undefined;
  upstream_timeouts?: number | undefined;
  /** Requests refused for their token, by reason. */
  unauthorized?: Readonly<Record<string, number>> | undefined;
}

/** @param label what is told apart, where the reading is a record */
type Row = readonly [kind: 'gauge' | 'counter', name: string, key: keyof Readings, help: string, label?: string];
const READ: readonly Row[] = [
  ['gauge', 'mcp_sessions', 'sessions', 'Sessions for which something is kept'],
  ['gauge', 'mcp_streams_open', 'streams', 'Open event streams'],
  ['gauge', 'mcp_listen_streams', 'listening', 'Open subscriptions/listen streams (2026-07-28)'],
  ['gauge', 'mcp_calls_running', 'calls', 'Calls that outlived their turn and run now'],
  ['gauge', 'mcp_questions_open', 'questions', 'Questions to clients that are not answered (2025-11-25)'],
  ['gauge', 'mcp_events_kept_bytes', 'kept_bytes', 'Events kept in the logs of all streams'],
  ['gauge', 'mcp_streams_retained', 'retained', 'Ended streams kept for replay'],
  ['gauge', 'mcp_tokens_remembered', 'tokens', 'Verified bearer tokens remembered'],
  ['gauge', 'mcp_rate_limit_callers', 'callers', 'Callers whose requests are counted against a rate'],
  ['gauge', 'mcp_upstream_running', 'upstream_running', 'Requests from tools to upstreams that run now'],
  ['gauge', 'mcp_upstream_waiting', 'upstream_waiting', 'Requests from tools that wait for their upstream'],
  ['gauge', 'mcp_event_loop_lag_seconds', 'lag_ms', 'The longest turn of the event loop since this was read before'],
  ['gauge', 'mcp_draining', 'draining', '1 while the server drains'],
  ['counter', 'mcp_heartbeats_total', 'beats', 'Heartbeats sent'],
  ['counter', 'mcp_events_stored_total', 'stored', 'Events stored for replay'],
  ['counter', 'mcp_events_replayed_total', 'replayed', 'Events sent again to readers that came back'],
  ['counter', 'mcp_events_dropped_total', 'lost', 'Events dropped before a reader had them'],
  ['counter', 'mcp_slow_readers_closed_total', 'slow', 'Readers cut because they fell behind or stood still'],
  ['counter', 'mcp_jwks_fetch_failures_total', 'jwks_failures', 'Fetches of the keys of the issuer that failed'],
  ['counter', 'mcp_upstream_refused_total', 'upstream_refused', 'Requests from tools refused because too many waited'],
  [
    'counter',
    'mcp_upstream_timeouts_total',
    'upstream_timeouts',
    'Requests from tools that an upstream did not answer in time',
  ],
  [
    'counter',
    'mcp_auth_failures_total',
    'unauthorized',
    'Requests refused for their token: 401, or 403 without a scope',
    'reason',
  ],
  ['gauge', 'process_resident_memory_bytes', 'memory_bytes', 'Resident memory size in bytes'],
  ['gauge', 'process_heap_bytes', 'heap_bytes', 'Process heap size in bytes'],
  ['counter', 'process_cpu_seconds_total', 'cpu_seconds', 'Total user and system CPU time spent in seconds'],
  ['gauge', 'process_start_time_seconds', 'started_s', 'Start time of the process since unix epoch in seconds'],
];

/** Bounds in seconds, of both durations (OpenTelemetry semantic conventions for MCP, Metrics). */
const DURATIONS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** What can be refused or end, and why: told as 0 from the start, so that the first one is seen as a rise. */
const BUDGETS = ['requests', 'initialize', 'calls', 'tool'];
const SHED = ['calls', 'caller_calls', 'lag', 'streams', 'sessions', 'draining'];
const SESSION_ENDS: readonly SessionEnd[] = ['deleted', 'idle', 'expired', 'evicted', 'closed'];

/** Methods told by their names; any other is `other`. */
const METHODS = [
  'initialize',
  'ping',
  'server/discover',
  'subscriptions/listen',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
  'logging/setLevel',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
];
const HTTP_METHODS = ['POST', 'GET', 'DELETE', 'OPTIONS', 'HEAD', 'PUT', 'PATCH'];
/** Kinds of error told by their names; any other is `_OTHER`, as the conventions say. */
const ERROR_TYPES = 50;
/** Ways to end that are found at once, for each tool and method; others are looked up by their labels. */
const KNOWN_ENDS = 32;

/** One way in which a request of one method, for `tools/call` of one tool, ended, with its series. */
interface End {
  readonly era: Era;
  readonly revision: string;
  readonly method: string;
  readonly outcome: Ending;
  readonly errorType: string | undefined;
  readonly requests: Counter;
  readonly duration: Histogram;
}

export interface ServerMetrics {
  /**
   * A request or notification has ended.
   * @param tool as the client named it; empty for none
   * @param errorType the JSON-RPC code, `tool_error`, or undefined where nothing failed
   */
  call(
    era: Era,
    revision: string,
    method: string,
    tool: string,
    outcome: Ending,
    errorType: string | undefined,
    seconds: number,
  ): void;
  /** An HTTP request was answered. */
  response(method: string, status: number): void;
  sessionBegun(): void;
  sessionEnded(reason: SessionEnd, revision: string, seconds: number): void;
  /** A request was answered 429. @param budget the rate that was used up, for example `calls` */
  rateLimited(budget: string): void;
  /** A request was answered 503. @param reason the bound that was met, for example `streams`, `lag`, `draining` */
  shed(reason: string): void;
  text(openMetrics: boolean): Promise<string>;
}

export function serverMetrics(options: {
  readonly name: string;
  readonly version: string;
  readonly runtime: string;
  /** Names of the tools that are served; calls of any other are told as `unknown`. */
  readonly tools: Iterable<string>;
  /** Asked once for each text. */
  read(): Readings | Promise<Readings>;
}): ServerMetrics {
  const { name, version, runtime, read } = options;
  const tools = new Set(options.tools);
  const methods = new Set(METHODS);
  const revisions = new Set([...STATEFUL_REVISIONS, ...STATELESS_REVISIONS, '']);
  const errorTypes = new Set<string>();
  // Room for each tool to end in some ways.
  const all = metrics(Math.max(SERIES, 4 * tools.size));
  let readings: Readings = {};

  all.info('mcp_build_info', 'What runs here', { name, version, runtime });
  const requests = all.counter('mcp_requests_total', 'MCP requests and notifications that have ended', [
    'era',
    'method',
    'tool',
    'outcome',
  ]);
  const operations = all.histogram(
    'mcp_server_operation_duration_seconds',
    'Duration of MCP requests and notifications, from received to answered',
    ['mcp_method_name', 'gen_ai_tool_name', 'error_type', 'mcp_protocol_version'],
    DURATIONS,
  );
  const lives = all.histogram(
    'mcp_server_session_duration_seconds',
    'Duration of MCP sessions that have ended, to a second',
    ['mcp_protocol_version'],
    DURATIONS,
  );
  const responses = all.counter('mcp_http_responses_total', 'HTTP responses', ['method', 'status']);
  const begun = all.counter('mcp_sessions_begun_total', 'Sessions begun', []).labels();
  const ended = all.counter(
    'mcp_sessions_ended_total',
    'Sessions seen to end: one for which nothing is kept is seen only where its client ends it',
    ['reason'],
  );
  const limited = all.counter('mcp_rate_limited_total', 'Requests answered 429', ['budget']);
  const shed = all.counter('mcp_shed_total', 'Requests answered 503', ['reason']);
  for (const budget of BUDGETS) limited.labels(budget);
  for (const reason of SHED) shed.labels(reason);
  for (const reason of SESSION_ENDS) ended.labels(reason);
  for (const [kind, metric, key, help, label = ''] of READ) {
    const one = (): Reading => reading(key, readings[key], label);
    if (kind === 'gauge') all.gauge(metric, help, one);
    else all.observableCounter(metric, help, one);
  }

  // Every name there may be has its list from the start, so that no other name is ever remembered.
  const ends = new Map<string, End[]>();
  for (const subject of [...METHODS, ...tools]) ends.set(subject, []);

  /** Finds the series by their labels, where each is one of a few, and keeps them for the next time. */
  function learn(
    era: Era,
    revision: string,
    method: string,
    tool: string,
    outcome: Ending,
    errorType: string | undefined,
  ): End {
    if (errorType !== undefined && errorTypes.size < ERROR_TYPES) errorTypes.add(errorType);
    const label = {
      revision: revisions.has(revision) ? revision : 'other',
      method: methods.has(method) ? method : 'other',
      tool: tool === '' || tools.has(tool) ? tool : 'unknown',
      error: errorType === undefined || errorTypes.has(errorType) ? (errorType ?? '') : '_OTHER',
    };
    const end: End = {
      era,
      revision,
      method,
      outcome,
      errorType,
      requests: requests.labels(era, label.method, label.tool, outcome),
      duration: operations.labels(label.method, label.tool, label.error, label.revision),
    };
    const list = ends.get(tool === '' ? method : tool);
    const named = label.revision === revision && label.method === method && label.error === (errorType ?? '');
    if (list && named && list.length < KNOWN_ENDS) list.push(end);
    return end;
  }

  const answered = new Map(HTTP_METHODS.map((method) => [method, new Map<number, Counter>()]));
  const elsewise = new Map<number, Counter>();

  return {
    call(era, revision, method, tool, outcome, errorType, seconds) {
      let end: End | undefined;
      for (const one of ends.get(tool === '' ? method : tool) ?? []) {
        if (
          one.outcome === outcome &&
          one.errorType === errorType &&
          one.era === era &&
          one.revision === revision &&
          one.method === method
        ) {
          end = one;
          break;
        }
      }
      end ??= learn(era, revision, method, tool, outcome, errorType);
      end.requests.inc();
      // A clock that was set back must not make the sum fall.
      end.duration.observe(Math.max(0, seconds));
    },
    response(method, status) {
      const row = answered.get(method) ?? elsewise;
      let counter = row.get(status);
      if (!counter) {
        counter = responses.labels(row === elsewise ? 'other' : method, String(status));
        row.set(status, counter);
      }
      counter.inc();
    },
    sessionBegun: () => begun.inc(),
    sessionEnded(reason, revision, seconds) {
      ended.labels(reason).inc();
      lives.labels(revisions.has(revision) ? revision : 'other').observe(Math.max(0, seconds));
    },
    rateLimited: (budget) => limited.labels(budget).inc(),
    shed: (reason) => shed.labels(reason).inc(),
    async text(openMetrics) {
      readings = await read();
      return all.text(openMetrics);
    },
  };
}

function reading(key: keyof Readings, value: Readings[keyof Readings], label: string): Reading {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'object')
    return Object.entries(value).map(([each, count]) => [{ [label]: each }, count] as const);
  return key === 'lag_ms' && value !== undefined ? value / 1000 : value;
}
