/** What came of a script: whether the target could be measured at all, and what went wrong. Pure. */
import { exitCodes } from '../../host/refusal.ts';
import type { ScriptResult } from './script.ts';

type Said = Pick<ScriptResult, 'exit_code' | 'reason' | 'metrics'>;

/**
 * The part of a row that no measure makes for itself.
 * @param url of the target, whose port says nothing in a table
 * @param ended how the server ended, should it have
 */
export function verdictOf(result: Said, url: string, ended: string | undefined): { unable?: string; wrong?: string } {
  const reason = result.reason
    .replace(/^test aborted: /, '')
    // The check of the scripts takes what comes late for the work of a proxy; between these two there is none.
    .replace(/: a proxy on the way\b.*/, '')
    .replaceAll(url, 'the server');
  if (ended !== undefined) return { wrong: `the server: ${ended.replaceAll(url, 'its URL')}` };
  if (result.exit_code === exitCodes.abortedByScript) return { unable: reason };
  if (result.exit_code === exitCodes.thresholdsFailed) return { wrong: failed(result.metrics) || reason };
  return result.exit_code === 0 ? {} : { wrong: reason };
}

/** The thresholds that failed, each with what was measured. */
function failed(metrics: Said['metrics']): string {
  return Object.entries(metrics)
    .flatMap(([name, { thresholds = {}, values }]) =>
      Object.entries(thresholds)
        .filter(([, { ok }]) => !ok)
        .map(([expression]) => `${name} ${measured(values, expression)} (${expression})`),
    )
    .join(', ');
}

function measured(values: Readonly<Record<string, number>>, expression: string): string {
  const aggregate = /^[a-z]+(\([\d.]+\))?/.exec(expression)?.[0] ?? '';
  return String(Number((values[aggregate] ?? Number.NaN).toFixed(4)));
}
