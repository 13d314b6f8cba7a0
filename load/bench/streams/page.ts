/** The measures of streams as sections of the page. */
import type { Bar } from '../chart.ts';
import { STREAM_RUNTIMES, type StreamRow } from './row.ts';
import { streamTables } from './table.ts';

export interface StreamSection {
  title: string;
  /** What was done, and what the columns mean. */
  text: string;
  /** Name of the files, by runtime; those without a bar are left out. */
  charts: readonly { name: string; title: string; bars: readonly Bar[] }[];
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

interface Described {
  title: string;
  text: string;
  /** What the chart shows. */
  chart: string;
}

const CLIENT = '*Client* is how late the timers of the client itself were at p99: below it nothing is known.';

const DESCRIBED: Record<StreamRow['measure'], Described> = {
  held: {
    title: 'Quiet streams',
    text: 'Each of a session of its own (GET), or a subscriptions/listen of 2026-07-28; opened by 20 clients, each one after the other, or 400/s. CPU and memory are those of the server while all were open, memory with the session and, but on workerd, after a collection. The raw handlers have no part in this and what follows: they have no sessions. By load/heartbeats.ts.',
    chart: 'resident memory of each',
  },
  beats: {
    title: 'Heartbeats',
    text: 'The same streams. *Off* is how far the time between two heartbeats of a stream is from the period; *missing* are those that were due between two others, *short* the streams that had fewer than their time needs.',
    chart: 'off the period at p99',
  },
  storm: {
    title: 'Storm',
    text: 'Calls that tell their progress, each in a session of its own, are all cut in one moment and come back at once with Last-Event-ID, until they were answered. Only with sessions: streams of 2026-07-28 cannot be resumed. By load/storm.ts.',
    chart: 'until all are back',
  },
  lag: {
    title: 'Events on their way',
    text: 'From the moment a tool reports progress until the client has the event, in whole ms, with many calls at once; the first call of each session is not counted. By load/bench/scripts/ticks.ts.',
    chart: 'p99',
  },
};

export function streamSections(rows: readonly StreamRow[]): StreamSection[] {
  return streamTables(rows).map(({ measure, head, rows: cells }) => {
    const own = rows.filter((row) => row.measure === measure);
    const { title, text, chart } = DESCRIBED[measure];
    const engines = [...new Set(own.flatMap(({ engine }) => engine ?? []))].join(', ');
    return {
      title,
      text: `${text} Engine: ${engines || 'none'}. ${CLIENT}`,
      charts: STREAM_RUNTIMES.map((runtime) => ({
        name: `${measure}-${runtime}`,
        title: `${title} on ${runtime}: ${chart}`,
        bars: own.filter((row) => row.runtime === runtime).flatMap(barOf),
      })),
      head,
      rows: cells,
    };
  });
}

function barOf(row: StreamRow): Bar[] {
  const shown = shownOf(row);
  if (!shown) return [];
  const [value, unit] = shown;
  return [
    { label: `${row.target}, ${row.era}`, value, told: `${value.toFixed(1)} ${unit}`, ours: row.target === 'ours' },
  ];
}

function shownOf(row: StreamRow): [value: number, unit: string] | undefined {
  switch (row.measure) {
    case 'held':
      return row.figures?.rss_bytes_each === undefined ? undefined : [row.figures.rss_bytes_each / 1000, 'kB'];
    case 'beats':
      return row.figures && [row.figures.off_p99_ms, 'ms'];
    case 'storm':
      return row.figures?.recovery_max_ms === undefined ? undefined : [row.figures.recovery_max_ms, 'ms'];
    case 'lag':
      return row.figures && [row.figures.p99_ms, 'ms'];
  }
}
