/**
 * `mcp-replay` as a library: what the command does with a URL, for any handler or address, on any runtime.
 *
 * Imports nothing of a runtime. What needs one (`urlTarget`, `readScenarios`, `readBind`) asks for it when it is called.
 */

import { ownBind, ownRequirements, ownScenarios } from '../replay/bundled.ts';
import type { Bind } from '../replay/facts.ts';
import type { Scenario } from '../replay/scenario.ts';

export { type AllOptions, runAll } from '../replay/all.ts';
export { propose } from '../replay/bind.ts';
export type { Clock } from '../replay/clock.ts';
export { type Bind, type Facts, type Fixture, factsOf } from '../replay/facts.ts';
export type { Check, Event, Outcome, Verdict } from '../replay/outcome.ts';
export { BadFile, readBind, readScenarios } from '../replay/read.ts';
export { type Options, runScenario } from '../replay/runner.ts';
export {
  defineScenario,
  inRange,
  LEVELS,
  type Level,
  REVISIONS,
  type Revision,
  type Scenario,
} from '../replay/scenario.ts';
export {
  type Ability,
  fetchTarget,
  type HttpAnswer,
  type HttpRequest,
  type Target,
  urlTarget,
} from '../replay/target.ts';

/** The scenarios that come with the harness. */
export const scenarios: readonly Scenario[] = ownScenarios();

/** The bind file that comes with the harness: the names of the official suite's example server. */
export const bind: Bind = ownBind();

/** The rules of the protocol and the checks that prove them, by revision. */
export const requirements: Readonly<Record<string, unknown>> = ownRequirements();
