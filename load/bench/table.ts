/** Results as text for a screen. */
import type { MemoryRow } from './measures/memory.ts';
import type { StartRow } from './measures/start.ts';
import type { Row } from './series.ts';

/** @param cells rows of cells; the first row is the head. Numbers stand at the right. */
export function table(cells: readonly (readonly string[])[]): string {
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  return cells
    .map((row, index) => {
      const line = row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column < 4 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd();
      return index === 0 ? `${line}\n${'-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2))}` : line;
    })
    .join('\n');
}

export function loadTable(rows: readonly Row[]): string {
  return table([
    [
      'runtime',
      'target',
      'era',
      'with',
      'req/s',
      '+-',
      'ratio',
      '+-',
      'cpu us',
      'cpu ratio',
      '+-',
      'p50 us',
      'p99 us',
      'RSS MB',
      'failed',
    ],
    ...rows.map((row) => [
      row.runtime,
      row.target,
      row.era,
      row.detail ?? '',
      thousands(row.requests_per_s),
      percent(row.spread),
      fixed(row.ratio, 2),
      percent(row.ratio_spread),
      fixed(row.cpu_us, 1),
      fixed(row.cpu_ratio, 2),
      percent(row.cpu_ratio_spread),
      thousands(row.p50_us),
      thousands(row.p99_us),
      fixed(row.rss_bytes === undefined ? undefined : row.rss_bytes / 1e6, 0),
      String(row.failed),
    ]),
  ]);
}

export function memoryTable(rows: readonly MemoryRow[]): string {
  return table([
    ['runtime', 'target', 'measure', '', 'opened', 'heap kB each', 'RSS kB each', 'cpu of a core', 'still open'],
    ...rows.map((row) => [
      row.runtime,
      row.target,
      row.measure,
      '',
      thousands(row.count),
      fixed(row.heap_bytes_each / 1000, 2),
      fixed(row.rss_bytes_each / 1000, 2),
      row.cpu_share === undefined ? '' : `${(row.cpu_share * 100).toFixed(1)} %`,
      row.open === undefined ? '' : thousands(row.open),
    ]),
  ]);
}

export function startTable(rows: readonly StartRow[]): string {
  return table([
    ['runtime', 'target', 'measure', '', 'first answer ms', '+-', 'ratio', 'cpu ms'],
    ...rows.map((row) => [
      row.runtime,
      row.target,
      row.measure,
      '',
      fixed(row.first_answer_ms, 0),
      percent(row.spread),
      fixed(row.ratio, 2),
      fixed(row.cpu_ms, 0),
    ]),
  ]);
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function percent(value: number | undefined): string {
  return value === undefined ? '' : `${(value * 100).toFixed(0)} %`;
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? '' : value.toFixed(digits);
}
