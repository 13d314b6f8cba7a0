/** The rows of the measures of streams as tables, for a screen and for the page alike. Pure. */
import { thousands } from '../table.ts';
import type { Beats, Held, Lag, Storm, StreamRow } from './row.ts';

export interface StreamTable {
  measure: StreamRow['measure'];
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

const WHO = ['runtime', 'target', 'era'];
const NOTES = ['client ms', ''];
const HEADS: Record<StreamRow['measure'], readonly string[]> = {
  held: ['streams', 'held', 'cut', 'opened in s', 'first byte p95 ms', 'open for s', 'CPU of a core', 'RSS kB each'],
  beats: ['streams', 'every ms', 'beats', 'off p50 ms', 'off p99 ms', 'worst ms', 'missing', 'short'],
  storm: ['streams', 'cut', 'back', 'half back ms', 'all back ms', 'events', 'lost', 'repeated', 'foreign'],
  lag: ['calls', 'events', 'mean ms', 'p50 ms', 'p99 ms', 'worst ms', 'lost', 'repeated', 'foreign'],
};

/** One table for each measure that there are rows of. */
export function streamTables(rows: readonly StreamRow[]): StreamTable[] {
  const measures = Object.keys(HEADS) as StreamRow['measure'][];
  return measures.flatMap((measure) => {
    const own = rows.filter((row) => row.measure === measure);
    const head = [...WHO, ...HEADS[measure], ...NOTES];
    return own.length === 0 ? [] : [{ measure, head, rows: own.map(cellsOf) }];
  });
}

function cellsOf(row: StreamRow): string[] {
  const figures = figuresOf(row) ?? HEADS[row.measure].map(() => '');
  return [row.runtime, row.target, row.era, ...figures, fixed(row.client_lag_p99_ms, 1), noteOf(row)];
}

function noteOf({ unable, wrong }: StreamRow): string {
  if (unable !== undefined) return `not measured: ${unable}`;
  return wrong ?? '';
}

function figuresOf(row: StreamRow): string[] | undefined {
  switch (row.measure) {
    case 'held':
      return row.figures && heldCells(row.figures);
    case 'beats':
      return row.figures && beatsCells(row.figures);
    case 'storm':
      return row.figures && stormCells(row.figures);
    case 'lag':
      return row.figures && lagCells(row.figures);
  }
}

function heldCells(held: Held): string[] {
  return [
    ...[held.streams, held.held, held.cut].map(thousands),
    fixed(held.opened_in_s, 1),
    fixed(held.first_byte_p95_ms, 0),
    fixed(held.seconds, 0),
    held.cpu_share === undefined ? '' : `${(held.cpu_share * 100).toFixed(1)} %`,
    fixed(held.rss_bytes_each === undefined ? undefined : held.rss_bytes_each / 1000, 1),
  ];
}

function beatsCells(beats: Beats): string[] {
  const off = [beats.off_p50_ms, beats.off_p99_ms, beats.off_max_ms].map((value) => value.toFixed(1));
  const { streams, period_ms, missing, short } = beats;
  return [...[streams, period_ms, beats.beats].map(thousands), ...off, ...[missing, short].map(thousands)];
}

function stormCells(storm: Storm): string[] {
  const { streams, cut, back, recovery_p50_ms, recovery_max_ms, events, lost, repeated, foreign } = storm;
  return [
    ...[streams, cut, back].map(thousands),
    fixed(recovery_p50_ms, 0),
    fixed(recovery_max_ms, 0),
    ...[events, lost, repeated, foreign].map(thousands),
  ];
}

function lagCells({ calls, events, mean_ms, p50_ms, p99_ms, max_ms, lost, repeated, foreign }: Lag): string[] {
  return [
    ...[calls, events].map(thousands),
    mean_ms.toFixed(2),
    ...[p50_ms, p99_ms, max_ms].map((value) => value.toFixed(0)),
    ...[lost, repeated, foreign].map(thousands),
  ];
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? '' : value.toFixed(digits);
}
