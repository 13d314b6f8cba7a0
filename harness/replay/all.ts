/** Many scenarios on one target, side by side. */

import { Lateness, monotonic } from './clock.ts';
import { NO_ANSWER } from './exchanges.ts';
import type { Bind, Facts } from './facts.ts';
import type { Outcome } from './outcome.ts';
import { type Options, passedOver, runScenario } from './runner.ts';
import type { Scenario } from './scenario.ts';
import type { Target } from './target.ts';

/** A server that left so many scenarios in a row without an answer is asked no more: there is an end to every run. */
const HUNG = 24;

export interface AllOptions extends Omit<Options, 'bind'> {
  /** What the fixtures are; or says it for each revision. */
  bind: Bind | ((facts: Facts) => Bind);
  /** Scenarios at the same time, each with sessions of its own; default 8. */
  atOnce?: number;
  /** No further scenario is begun once it is aborted. */
  signal?: AbortSignal;
  /** Told of each as it ends; `done` counts scenarios. */
  onOutcomes?: (outcomes: readonly Outcome[], done: number, of: number) => void;
}

/**
 * Every scenario at every revision that the target speaks. What is no scenario for a revision is left out.
 * @returns outcomes in the order of the revisions and scenarios
 */
export async function runAll(
  scenarios: readonly Scenario[],
  target: Target,
  spoken: readonly Facts[],
  { bind, atOnce = 8, signal, onOutcomes, ...options }: AllOptions,
): Promise<Outcome[]> {
  const work = spoken.flatMap((facts) => scenarios.map((scenario) => ({ scenario, facts })));
  const bound = new Map(spoken.map((facts) => [facts, typeof bind === 'function' ? bind(facts) : bind]));
  const results = new Map<(typeof work)[number], Outcome[]>();
  const clock = target.clock ?? monotonic;
  const lateness = clock === monotonic ? new Lateness(clock) : undefined;
  const sessionIds = new Set<string>();
  let done = 0;
  let hung = 0;
  const worker = async (waiting: typeof work) => {
    for (let one = waiting.shift(); one && !signal?.aborted; one = waiting.shift()) {
      const { scenario, facts } = one;
      if (hung >= HUNG) {
        results.set(one, [
          passedOver(scenario, facts, `the server did not answer in ${HUNG} scenarios one after the other`),
        ]);
        continue;
      }
      const ran = await runScenario(scenario, target, facts, {
        ...options,
        bind: bound.get(facts) ?? {},
        sessionIds,
        ...(lateness && { lateness }),
      });
      const outcomes = ran.filter(({ verdict, reason }) => verdict !== 'skip' || !reason?.startsWith('is for'));
      results.set(one, outcomes);
      const told = outcomes.flatMap(({ checks }) => checks);
      if (told.length > 0) hung = told.some(({ why }) => why.some((text) => text.includes(NO_ANSWER))) ? hung + 1 : 0;
      onOutcomes?.(outcomes, ++done, work.length);
    }
  };
  try {
    const shared = work.filter(({ scenario }) => !scenario.isolated);
    await Promise.all(Array.from({ length: atOnce }, () => worker(shared)));
    await worker(work.filter(({ scenario }) => scenario.isolated));
  } finally {
    lateness?.stop();
  }
  return work.flatMap((one) => results.get(one) ?? []);
}
