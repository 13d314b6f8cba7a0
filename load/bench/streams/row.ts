/** What the measures of streams tell: one row for each contender and measure. */
import type { Era } from '../messages.ts';
import { RUNTIMES } from '../servers.ts';

/** The runtimes of the other measures, and the one that has no memory to ask for by a signal. */
export const STREAM_RUNTIMES = [...RUNTIMES, 'workerd'] as const;
export type StreamRuntime = (typeof STREAM_RUNTIMES)[number];

/** What every row tells. */
export interface Told {
  runtime: StreamRuntime;
  target: string;
  era: Era;
  /** What ran the load script, with its version. */
  engine?: string;
  /** How late the engine's own timers were at p99, ms: below it nothing is known. */
  client_lag_p99_ms?: number;
  /** Why it has no part in the measure. */
  unable?: string;
  /** What went wrong; absent when all went well. */
  wrong?: string;
}

export interface Held {
  streams: number;
  /** From the first until all were open, s; absent when they never were. */
  opened_in_s?: number;
  /** How long all were open at once while the server was looked at, s. */
  seconds: number;
  /** Streams that were open for their whole time, and those that were refused or ended before. */
  held: number;
  cut: number;
  first_byte_p95_ms?: number;
  /** Of one core, and memory for each stream with its session: while all were open. */
  cpu_share?: number;
  rss_bytes_each?: number;
}

export interface Beats {
  streams: number;
  period_ms: number;
  beats: number;
  /** How far the time between two heartbeats is off the period. */
  off_p50_ms: number;
  off_p99_ms: number;
  off_max_ms: number;
  /** Heartbeats that were due between two others and did not come. */
  missing: number;
  /** Streams that had fewer than their time needs. */
  short: number;
}

export interface Storm {
  streams: number;
  /** Streams that were open when all were cut, and those of them that came back. */
  cut: number;
  back: number;
  recovery_p50_ms?: number;
  /** When the last one was back. */
  recovery_max_ms?: number;
  /** Events, and answers of calls. */
  events: number;
  lost: number;
  repeated: number;
  foreign: number;
}

export interface Lag {
  /** Calls at once. */
  calls: number;
  events: number;
  mean_ms: number;
  p50_ms: number;
  p99_ms: number;
  max_ms: number;
  lost: number;
  repeated: number;
  foreign: number;
}

export interface HeldRow extends Told {
  measure: 'held';
  figures?: Held;
}
export interface BeatsRow extends Told {
  measure: 'beats';
  figures?: Beats;
}
export interface StormRow extends Told {
  measure: 'storm';
  figures?: Storm;
}
export interface LagRow extends Told {
  measure: 'lag';
  figures?: Lag;
}

export type StreamRow = HeldRow | BeatsRow | StormRow | LagRow;
