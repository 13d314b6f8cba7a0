/** What a run of a scenario has shown, with the evidence. */

import type { Level, Revision } from './scenario.ts';

/**
 * `fail` breaks a MUST, `warn` a SHOULD, `note` a MAY; `skip` is not for this server, `untestable` lacks a fixture, a hook or an
 * ability of the client; `inconclusive` was spoiled by this machine's own lateness; `error` is a fault of the scenario or of
 * the harness.
 */
export type Verdict = 'pass' | 'fail' | 'warn' | 'note' | 'skip' | 'untestable' | 'inconclusive' | 'error';

/** Worst first. */
export const VERDICTS: readonly Verdict[] = [
  'error',
  'fail',
  'inconclusive',
  'warn',
  'note',
  'untestable',
  'skip',
  'pass',
];

export interface Check {
  /** Stable: the scenario's id, with `#name` for a step that has a name of its own; or `wire.…` for a rule of every message. */
  id: string;
  level: Level;
  /** The rows of `requirements/` that it proves. */
  requirement: string[];
  verdict: Verdict;
  /** What is wrong, one line each. */
  why: string[];
}

/** One thing that went over the wire. */
export type Event = {
  /** ms since the run began, monotonic. */
  readonly t: number;
  /** Counts the exchanges of the run, from 1. */
  readonly exchange: number;
} & (
  | {
      readonly what: 'request';
      readonly method: string;
      /** Where to, if not to the endpoint. */
      readonly to?: string;
      readonly headers: Record<string, string | readonly string[]>;
      readonly body?: string;
      readonly node?: string;
    }
  | { readonly what: 'answer'; readonly status: number; readonly headers: Record<string, string> }
  /** Bytes of the body as they came, as text (invalid UTF-8 as U+FFFD). */
  | { readonly what: 'chunk'; readonly text: string }
  /** A frame of an event stream, parsed. */
  | {
      readonly what: 'event';
      readonly id: string | undefined;
      readonly event: string | undefined;
      readonly data: string;
    }
  | { readonly what: 'comment'; readonly text: string }
  | { readonly what: 'retry'; readonly ms: number }
  /** The body is over; `error` where the connection broke or was cut. */
  | { readonly what: 'end'; readonly error: string | undefined }
);

export interface Outcome {
  scenario: string;
  title: string;
  revision: Revision;
  /** The parameters of this run. */
  case: Record<string, unknown>;
  /** The worst of its checks. */
  verdict: Verdict;
  checks: Check[];
  /** Why it was passed over. */
  reason?: string;
  ms: number;
  transcript: Event[];
}
