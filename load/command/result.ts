/** What a run leaves: the JSON file that reports and later runs read. */

import type { Point } from '../host/series.ts';
import type { Profile, ServerRuntime } from './arguments.ts';
import type { Machine } from './machine.ts';

/** A metric in total. `values` have k6's names: count, rate, passes, fails, value, avg, min, med, max, p(90), p(95). */
export interface Measured {
  readonly type: 'counter' | 'gauge' | 'rate' | 'trend';
  readonly values: Readonly<Record<string, number>>;
  /** By expression. */
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

/** What an engine tells of a run. */
export interface Ran {
  readonly engine: Engine;
  /** k6's. */
  readonly exit_code: number;
  /** Why it is not 0; empty when it is. */
  readonly reason: string;
  readonly duration_ms: number;
  /** Sub-metrics of thresholds are called `metric{tag:value}`. */
  readonly metrics: Readonly<Record<string, Measured>>;
  /** `interrupted` only from the script host. */
  readonly iterations: { readonly completed: number; readonly interrupted?: number; readonly dropped: number };
  /** How late the generator's own timers were, ms; only from the script host. */
  readonly lag?: { readonly p99_ms: number; readonly max_ms: number };
  /** By metric and second; only from the script host. `lag` is the generator's, ms. */
  readonly series: Readonly<Record<string, readonly Point[]>>;
  /** What the script itself says at the end. */
  readonly said: string;
}

export interface Engine {
  readonly name: 'k6' | 'script host';
  /** Of k6, or of the Node that the script host ran on. */
  readonly version: string;
}

export interface LoadResult extends Ran {
  readonly format: 1;
  /** Of the script. */
  readonly name: string;
  readonly profile: Profile;
  /** What `-e` gave; secrets only by name. */
  readonly knobs: Readonly<Record<string, string>>;
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly target: {
    readonly url: string /** Of a server that was started for it. */;
    readonly runtime?: ServerRuntime;
  };
  readonly machine: Machine;
}

const SECRETS = /AUTHORIZATION|HEADER|TOKEN|SECRET|PASSWORD|MCP_URL|METRICS_URL/;

/** Knobs as they may be stored. */
export function storable(pairs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(pairs)
      .filter(([name]) => name !== 'MCP_URL' && name !== 'PROFILE')
      .map(([name, value]) => [name, SECRETS.test(name) ? '(not stored)' : value]),
  );
}

/** A URL as it may be stored: without user, password, query and fragment. */
export function storableUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** @throws Error with one line when `text` is no result */
export function readResult(text: string, file: string): LoadResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isResult(value)) throw new Error(`${file} is no result of this command`);
  return value;
}

function isResult(value: unknown): value is LoadResult {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === 1 && 'metrics' in value;
}
