/**
 * One load script on the script host, in a process of its own, so that it has a core and descriptors for itself. Started by
 * `client.ts`, told its task in its arguments, and heard by messages: `open` when the streams that are awaited are all open,
 * `closing` when the first of them has ended, `result` at the end. The message `watch` begins the look at heartbeats, which
 * lasts until the first stream ends.
 */
import { runScript } from '../../host/engine.ts';
import { interruption } from '../../host/interruption.ts';
import type { MetricSummary } from '../../host/summary.ts';
import type { Distribution } from '../../host/trend.ts';
import { Observed } from './observed.ts';

export interface Task {
  /** Path of the script. */
  script: string;
  /** Its `__ENV`. */
  env: Record<string, string>;
  /** Streams to wait for, 0 for none. */
  streams: number;
  /** Between two heartbeats, 0 where there are none. */
  heartbeat_ms: number;
}

export interface Quantiles {
  count: number;
  mean: number;
  p50: number;
  p99: number;
  max: number;
}

export interface ScriptResult {
  engine: string;
  /** k6's, with the reason when it is not 0. */
  exit_code: number;
  reason: string;
  /** From the first of the awaited streams until all were open, s. */
  opened_in_s: number | undefined;
  client_lag_p99_ms: number;
  metrics: Readonly<Record<string, MetricSummary>>;
  beats: number;
  missing: number;
  off_ms: Quantiles;
  lag_ms: Quantiles;
}

export type Message = { says: 'open' } | { says: 'closing' } | { says: 'result'; result: ScriptResult };

/** A stream that is cut by plan is told as a warning. */
const SERIOUS = ['error'];

async function main(task: Task): Promise<void> {
  const observed = new Observed(task.heartbeat_ms);
  process.on('message', () => observed.watch(Date.now()));
  let first: number | undefined;
  let state: 'opening' | 'open' | 'closing' = 'opening';
  let opened_in_s: number | undefined;
  const result = await runScript(task.script, {
    env: task.env,
    signal: interruption(),
    onLog: (level, message) => {
      if (SERIOUS.includes(level)) process.stderr.write(`${message}\n`);
    },
    onSample: (sample) => {
      observed.take(sample);
      if (task.streams === 0 || observed.open === 0) return;
      first ??= performance.now();
      if (state === 'opening' && observed.open >= task.streams) {
        state = 'open';
        opened_in_s = (performance.now() - first) / 1000;
        say({ says: 'open' });
      } else if (state === 'open' && observed.open < task.streams) {
        state = 'closing';
        observed.rest(Date.now());
        say({ says: 'closing' });
      }
    },
  });
  say({
    says: 'result',
    result: {
      engine: `${result.engine}, Node ${process.versions.node}`,
      exit_code: result.exitCode,
      reason: result.reason,
      opened_in_s,
      client_lag_p99_ms: result.lag.p99,
      metrics: result.metrics,
      beats: observed.beats,
      missing: observed.missing,
      off_ms: quantiles(observed.off),
      lag_ms: quantiles(observed.lag),
    },
  });
}

function say(message: Message): void {
  process.send?.(message);
}

function quantiles(values: Distribution): Quantiles {
  const { count, mean, max } = values;
  return { count, mean, p50: values.quantile(0.5), p99: values.quantile(0.99), max };
}

if (import.meta.main) {
  // Whoever started it is gone.
  process.once('disconnect', () => process.exit(1));
  await main(JSON.parse(process.argv[2] ?? '') as Task);
  process.disconnect();
}
