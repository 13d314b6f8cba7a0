import type { Checks } from './checks.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Options, Scenario } from './options.ts';
import type { Refusal } from './refusal.ts';

/** A scenario while it runs. */
export type Progress = {
  name: string;
  executor: Scenario['executor'];
  /** Unix time in milliseconds. */
  startTime: number;
  /** 0 to 1 of its planned time or iterations. */
  progress(): number;
  iterationsStarted: number;
  state: 'waiting' | 'running' | 'done';
};

/** What all VUs of one run share. */
export type Host = {
  readonly metrics: Metrics;
  readonly checks: Checks;
  readonly log: Log;
  /** Known once the script ran its init context for the first time. */
  options: Options | undefined;
  /** The options as the script wrote them. */
  exportedOptions: unknown;
  readonly progress: Map<string, Progress>;
  readonly counts: { completed: number; interrupted: number; active: number; initialized: number; dropped: number };
  /** `performance.now()` at the start of the run. */
  startedAt: number;
  /** Ends the run with the reason's exit code; what runs is cut. */
  stop(reason: Refusal): void;
  /** `exec.test.fail()`: the run goes on and ends with 110. */
  markFailed(message: string): void;
};

/** Thrown into a script that ended the run; nothing is logged for it. */
export class RunStopped extends Error {}

/** Ends the run because of something that the host does not have, wherever the script catches it. */
export function refuse(host: Host, reason: Refusal): never {
  host.stop(reason);
  throw reason;
}
