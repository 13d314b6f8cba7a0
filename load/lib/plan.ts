/** What a script contributes to a run: alone, or beside others. */

import type { Scenario } from 'k6/options';
import type { Target } from './check.ts';
import { ALIVE, alone, backToBefore, type Thresholds } from './thresholds.ts';

export interface Plan {
  /** By the name of the exported function that each runs. */
  readonly scenarios: Record<string, Scenario>;
  /** By scenario: what it must keep to. */
  readonly thresholds: Record<string, Thresholds>;
}

/** What a scenario runs. */
export type Flow = (target: Target) => Promise<void>;

/**
 * The options of a script that runs alone.
 * @param read the target's own numbers are read
 */
export function optionsOf(
  { scenarios, thresholds }: Plan,
  read: boolean,
): { scenarios: Plan['scenarios']; thresholds: Thresholds } {
  return { scenarios, thresholds: { ...alone(thresholds), ...ALIVE, ...backToBefore(read) } };
}
