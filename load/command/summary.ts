/** The end of a run for people, in a terminal. Pure. */

import {
  engineText,
  type Figure,
  judged,
  others,
  overwhelmed,
  passed,
  shown,
  summarized,
  targetText,
  verdict,
} from './figures.ts';
import { machineText } from './machine.ts';
import type { LoadResult } from './result.ts';

export function summaryText(result: LoadResult): string {
  const figures = judged(result);
  const red = figures.filter((figure) => !passed(figure));
  const slow = overwhelmed(result);
  const { completed, interrupted, dropped } = result.iterations;
  const cut = interrupted === undefined ? '' : `, ${interrupted} interrupted`;
  const { lag } = result;
  const rest = others(result);
  return [
    '',
    `${result.name}, profile ${result.profile}, against ${targetText(result.target)}`,
    `engine: ${engineText(result.engine)}, ${shown(result.duration_ms / 1000, '')} s on ${machineText(result.machine)}`,
    '',
    'thresholds',
    ...table(figures.map(row)),
    '',
    'besides',
    ...table(rest.map(([name, measured]) => [name, summarized(name, measured)])),
    '',
    'generator',
    `  iterations: ${completed} complete${cut}, ${dropped} dropped`,
    `  event-loop lag: ${lag ? `p99 ${shown(lag.p99_ms, 'ms')}, max ${shown(lag.max_ms, 'ms')}` : 'not measured by k6'}`,
    ...(slow === undefined ? [] : [`  ${slow}`]),
    '',
    ...(result.said === '' ? [] : [result.said.trimEnd(), '']),
    `result: ${verdict(result, red.length)}`,
    '',
  ].join('\n');
}

function row(figure: Figure): string[] {
  const mark = passed(figure) ? '✓' : '✗';
  const rules = figure.rules.map(({ expression }) => expression).join(', ');
  return [mark, figure.metric, shown(figure.value, figure.unit), rules];
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const cells of rows)
    for (const [at, cell] of cells.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows.map((cells) => `  ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd());
}
