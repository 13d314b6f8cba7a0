/** What this server's streams are to reach. Pure. */
import { type Aim, atMost, notMeasured } from '../aims.ts';
import { thousands } from '../table.ts';
import type { BeatsRow, HeldRow, LagRow, StormRow, StreamRow } from './row.ts';

/** How far a heartbeat may be off at p99, ms. */
const OFF_MS = 100;
/** Of one core, for all quiet streams. */
const CPU = 0.1;
/** Until all are back after a storm, ms. */
const BACK_MS = 10_000;

/** @param rows of this server */
export function streamAims(rows: readonly StreamRow[]): Aim[] {
  return rows.flatMap(aimsOf);
}

function aimsOf(row: StreamRow): Aim[] {
  switch (row.measure) {
    case 'held':
      return heldAims(row);
    case 'beats':
      return beatsAims(row);
    case 'storm':
      return stormAims(row);
    case 'lag':
      return lagAims(row);
  }
}

function heldAims(row: HeldRow): Aim[] {
  const { runtime, era, figures } = row;
  if (!figures) return missing(row, 'quiet streams');
  const what = `${thousands(figures.streams)} quiet streams, ${era}`;
  return [
    atMost(`${what}: cut`, runtime, figures.cut, 0),
    ...(figures.cpu_share === undefined
      ? missing(row, `${what}: share of a core`)
      : [atMost(`${what}: share of a core`, runtime, figures.cpu_share, CPU)]),
  ];
}

function beatsAims(row: BeatsRow): Aim[] {
  const { runtime, era, figures } = row;
  if (!figures) return missing(row, 'heartbeats');
  const what = `${thousands(figures.streams)} quiet streams, ${era}`;
  return [
    atMost(`${what}: short of heartbeats`, runtime, figures.short, 0),
    atMost(`${what}: heartbeats off at p99`, runtime, figures.off_p99_ms, OFF_MS, 'ms'),
  ];
}

function stormAims(row: StormRow): Aim[] {
  const { runtime, figures } = row;
  if (!figures) return missing(row, 'storm');
  const { streams, back, recovery_max_ms, lost, repeated, foreign } = figures;
  const what = `storm of ${thousands(streams)}`;
  return [
    // One that could not be opened was in no storm.
    atMost(`${what}: not back`, runtime, streams - back, 0),
    ...(recovery_max_ms === undefined
      ? missing(row, `${what}: all back`)
      : [atMost(`${what}: all back`, runtime, recovery_max_ms / 1000, BACK_MS / 1000, 's')]),
    atMost(`${what}: lost, repeated or foreign events`, runtime, lost + repeated + foreign, 0),
  ];
}

function lagAims(row: LagRow): Aim[] {
  const { runtime, era, figures } = row;
  if (!figures) return missing(row, 'events of calls');
  const { calls, lost, repeated, foreign } = figures;
  const what = `${thousands(calls)} calls at once, ${era}: lost, repeated or foreign events`;
  return [atMost(what, runtime, lost + repeated + foreign, 0)];
}

function missing({ runtime, unable, wrong }: StreamRow, what: string): Aim[] {
  return [notMeasured(what, runtime, unable ?? wrong ?? 'nothing')];
}
