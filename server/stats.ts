/** What a server keeps and does now; all of it is bounded by the knobs. */

import type { Admission } from './admission.ts';
import type { Auth } from './auth.ts';
import type { Core } from './call.ts';
import type { SessionStates } from './state.ts';
import type { Upstreams } from './upstream.ts';

/** Counts of now, and of what was since the start. */
export interface Stats {
  /** Sessions for which something is kept. */
  sessions: number;
  /** Open event streams, and those of them that listen in 2026-07-28. */
  streams: number;
  listening: number;
  /** Ended streams kept for replay, and the characters kept in all streams. */
  retained: number;
  kept: number;
  /** Calls that outlived their turn and run now. */
  calls: number;
  /** Questions that clients have not answered (2025-11-25). */
  questions: number;
  /** Verified tokens remembered. */
  tokens: number;
  /** Callers whose requests are counted against a rate. */
  callers: number;
  /** Requests of tools to upstreams that run, and that wait. */
  upstream_running: number;
  upstream_waiting: number;
  /** Since the start: events that were stored for replay, replayed, and dropped before a reader had them. */
  stored: number;
  replayed: number;
  lost: number;
  /** Since the start: slow readers cut, heartbeats sent. */
  slow: number;
  beats: number;
  /** Since the start: fetches of an issuer's keys that failed, requests of tools refused and out of time. */
  jwks_failures: number;
  upstream_refused: number;
  upstream_timeouts: number;
  /** Since the start: requests refused for their token, by reason; undefined where none is asked for. */
  unauthorized: Auth['counts']['refused'] | undefined;
}

export function statistics(of: {
  core: Core;
  states: SessionStates;
  listening: number;
  pool: Upstreams;
  door: Admission;
  tokens: Auth | undefined;
}): Stats {
  const { core, states, listening, pool, door, tokens } = of;
  const { open, kept, stored, replayed, lost, slow, beats } = core.counts;
  const upstream = pool.stats();
  return {
    sessions: states.size,
    streams: open,
    listening,
    retained: states.retained,
    kept,
    calls: core.running.count,
    questions: core.questions,
    tokens: tokens?.counts.remembered ?? 0,
    callers: door.callers,
    upstream_running: upstream.running,
    upstream_waiting: upstream.waiting,
    stored,
    replayed,
    lost,
    slow,
    beats,
    jwks_failures: tokens?.counts.failures ?? 0,
    upstream_refused: upstream.refused,
    upstream_timeouts: upstream.timedOut,
    unauthorized: tokens?.counts.refused,
  };
}
