/** The measures of streams, contender by contender. */
import { type HeldSize, held } from '../measures/held.ts';
import { type LagSize, lag } from '../measures/lag.ts';
import { storm } from '../measures/storm.ts';
import type { Target } from '../targets.ts';
import { type StreamContender, streamContenders } from './contender.ts';
import type { StreamRow, StreamRuntime } from './row.ts';
import { whoOf } from './told.ts';

export const STREAM_MEASURES = ['streams', 'storm', 'lag'] as const;
export type StreamMeasure = (typeof STREAM_MEASURES)[number];

export interface StreamPlan {
  runtimes: readonly StreamRuntime[];
  targets: readonly Target[];
  measures: readonly StreamMeasure[];
  held: HeldSize;
  /** Streams that are cut in one moment. */
  storm: number;
  lag: LagSize;
  /** A look whether all is well, and not how fast: the runtimes are measured beside each other, each measure in one era. */
  short: boolean;
}

/** @param tell is given the rows of each measure as they come @returns all rows, by runtime */
export async function measureStreams(
  plan: StreamPlan,
  tell: (rows: readonly StreamRow[]) => void,
  progress: (text: string) => void,
): Promise<StreamRow[]> {
  const measured: Promise<StreamRow[]>[] = [];
  for (const runtime of plan.runtimes) {
    const rows = measureOn(runtime, plan, tell, progress);
    measured.push(rows);
    if (!plan.short) await rows;
  }
  return (await Promise.all(measured)).flat();
}

async function measureOn(
  runtime: StreamRuntime,
  plan: StreamPlan,
  tell: (rows: readonly StreamRow[]) => void,
  progress: (text: string) => void,
): Promise<StreamRow[]> {
  const all: StreamRow[] = [];
  for (const measure of plan.measures) {
    const rows: StreamRow[] = [];
    for (const contender of streamContenders(runtime, plan.targets)) {
      if (!takesPart(measure, contender, plan)) continue;
      progress(`${runtime} ${contender.target.name} ${contender.era}: ${measure}`);
      rows.push(...(await measureOne(measure, contender, plan)));
    }
    tell(rows);
    all.push(...rows);
  }
  return all;
}

function takesPart(measure: StreamMeasure, { era }: StreamContender, { short }: StreamPlan): boolean {
  // Streams of 2026-07-28 cannot be resumed.
  if (measure === 'storm') return era === 'sessions';
  return !short || era === (measure === 'lag' ? 'modern' : 'sessions');
}

/** A contender that cannot be started, or whose script tells nothing, has a row that says so. */
async function measureOne(
  measure: StreamMeasure,
  contender: StreamContender,
  plan: StreamPlan,
): Promise<readonly StreamRow[]> {
  try {
    switch (measure) {
      case 'streams':
        return await held(contender, plan.held);
      case 'storm':
        return [await storm(contender, plan.storm)];
      case 'lag':
        return [await lag(contender, plan.lag)];
    }
  } catch (error) {
    const wrong = error instanceof Error ? error.message : String(error);
    const who = { ...whoOf(contender), wrong };
    if (measure !== 'streams') return [{ measure, ...who }];
    return [
      { measure: 'held', ...who },
      { measure: 'beats', ...who },
    ];
  }
}
