/** A run on the script host, in this process. */

import { type Result, type RunProgress, runScript } from '../host/engine.ts';
import { summaryText } from '../host/summary.ts';
import type { Ran } from './result.ts';

export interface HostRun {
  readonly script: string;
  /** `__ENV`. */
  readonly env: Record<string, string>;
  /** Ends the run, with what there is so far. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
  readonly onLog: (level: string, message: string) => void;
}

/** A stream that this client cuts by plan is one of these; the others are counted as failed requests. */
const CUT_BY_PLAN = /: request timeout\b/;

export async function runOnHost({ script, onLog, ...settings }: HostRun): Promise<Ran> {
  const result = await runScript(script, {
    ...settings,
    onLog: (level, message) => {
      if (level !== 'warning' || !CUT_BY_PLAN.test(message)) onLog(level, message);
    },
  });
  const { lag, counts, state } = result;
  return {
    engine: { name: 'script host', version: process.versions.node },
    exit_code: result.exitCode,
    reason: result.reason,
    duration_ms: Math.round(state.testRunDurationMs),
    metrics: result.metrics,
    iterations: counts,
    lag: { p99_ms: lag.p99, max_ms: lag.max },
    series: { ...result.series, lag: lag.series },
    said: ownWords(result),
  };
}

/** What the script's handleSummary says; the host's standard text stands for none. */
function ownWords({ outputs, metrics, root_group, engine, state }: Result): string {
  const standard = summaryText({
    metrics,
    root_group,
    engine,
    state,
    options: { summaryTrendStats: [], summaryTimeUnit: '', noColor: true },
  });
  return outputs.stdout === undefined || outputs.stdout === standard ? '' : outputs.stdout;
}
