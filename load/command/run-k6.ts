/** A run of k6: the operator's own program, with its own progress and summary on the terminal. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { K6_QUIET } from './engines.ts';
import type { Measured, Ran } from './result.ts';

export interface K6Run {
  readonly program: string;
  readonly version: string;
  readonly script: string;
  /** Given as `-e`. */
  readonly pairs: Readonly<Record<string, string>>;
  /** The environment, which is in `__ENV` too; a token belongs here, as arguments can be seen by others. */
  readonly env: Readonly<Record<string, string>>;
  /** Path of the result without its ending; the files of k6 lie beside it. */
  readonly stem: string;
  readonly signal: AbortSignal;
}

/** Lines of k6's log that are shown when it ended by itself. */
const LAST_LINES = 5;

/** The summary is read from `--summary-export`; the plots over time are those of k6's own dashboard, a file beside the result. */
export async function runOnK6({ program, version, script, pairs, env, stem, signal }: K6Run): Promise<Ran> {
  const summary = `${stem}.k6-summary.json`;
  const log = `${stem}.k6.log`;
  const given = Object.entries(pairs).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  // A cut stream is a warning of k6, and there are thousands by plan: they go to a file.
  const args = ['run', '--summary-export', summary, `--log-output=file=${log}`, ...given, script];
  const started = Date.now();
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env, ...dashboard(stem), ...K6_QUIET },
  });
  // Ctrl-C goes to k6 as well; a signal sent to this process alone does not.
  const forward = (): void => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  };
  signal.addEventListener('abort', forward);
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', forward);
  const exit_code = code ?? 105;
  const metrics = existsSync(summary) ? readExport(readFileSync(summary, 'utf8')) : {};
  return {
    engine: { name: 'k6', version },
    exit_code,
    reason: exit_code === 0 ? '' : why(exit_code, log),
    duration_ms: Date.now() - started,
    metrics,
    iterations: { completed: countOf(metrics.iterations), dropped: countOf(metrics.dropped_iterations) },
    series: {},
    said: '',
  };
}

function dashboard(stem: string): Record<string, string> {
  return {
    K6_WEB_DASHBOARD: 'true',
    // No port: only the file. With the standard period of 10 s a short run writes none.
    K6_WEB_DASHBOARD_PORT: '-1',
    K6_WEB_DASHBOARD_PERIOD: '1s',
    K6_WEB_DASHBOARD_EXPORT: `${stem}.k6.html`,
  };
}

const countOf = (metric: Measured | undefined): number => metric?.values.count ?? 0;

/** Of k6's exitcodes.go, those that say all. */
const CODES: Readonly<Record<number, string>> = { 99: 'thresholds failed', 105: 'interrupted by a signal' };

function why(exit_code: number, log: string): string {
  const known = CODES[exit_code];
  if (known !== undefined) return known;
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-LAST_LINES) : [];
  return lines.join('\n') || `k6 ended with ${exit_code}`;
}

interface Exported {
  readonly metrics: Readonly<Record<string, Record<string, number> & { thresholds?: Record<string, boolean> }>>;
}

/** k6's flat file: the type is told by the values there are, a rate is `value`, and a threshold is true when it failed. */
export function readExport(text: string): Record<string, Measured> {
  const { metrics } = JSON.parse(text) as Exported;
  const read: Record<string, Measured> = {};
  for (const [name, { thresholds, ...flat }] of Object.entries(metrics)) {
    const { value, ...rest } = flat as Record<string, number>;
    const type = typeOf(flat);
    const values = type === 'rate' ? { ...rest, rate: value ?? 0 } : flat;
    read[name] = {
      type,
      values: values as Record<string, number>,
      ...(thresholds && {
        thresholds: Object.fromEntries(Object.entries(thresholds).map(([rule, failed]) => [rule, { ok: !failed }])),
      }),
    };
  }
  return read;
}

function typeOf(values: object): Measured['type'] {
  if ('passes' in values) return 'rate';
  if ('value' in values) return 'gauge';
  return 'count' in values && 'rate' in values ? 'counter' : 'trend';
}
