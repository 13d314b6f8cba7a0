/** What every way of reporting has in common: it turns what was found into text, at once or at the end. */

import type { Outcome } from '../outcome.ts';
import type { Results } from './results.ts';

export interface Reporter {
  /** What is written as soon as a run of a scenario has ended, in the order in which they end. */
  outcome?(outcome: Outcome): string;
  /** What is written when all is over. */
  end(results: Results): string;
}

export interface Looks {
  /** ANSI colours. */
  colour: boolean;
  /** Says nothing of what passed. */
  quiet: boolean;
}

/** Has no state of its own but that of the run that it is made for. */
export type MakeReporter = (looks: Looks) => Reporter;
