/** What the scenarios notice of a mutant: run in this process, in virtual time. */

import { ownParts } from '../own.ts';
import { runAll } from '../replay/all.ts';
import type { Bind, Facts } from '../replay/facts.ts';
import { factsOf, nothingOf } from '../replay/facts.ts';
import type { Outcome } from '../replay/outcome.ts';
import type { Revision, Scenario } from '../replay/scenario.ts';
import type { Mutant } from './mutate.ts';

export const MUTANT_REVISIONS: readonly Revision[] = ['2025-11-25', '2026-07-28'];
/** No mutant may take longer than a right server by much: what never comes is waited for so long; ms. */
const TIMEOUT_MS = 3000;

/** @param briefly only the first case of each scenario */
export async function replayed(
  scenarios: readonly Scenario[],
  bind: Bind,
  { wrap, revisions = MUTANT_REVISIONS, env }: Pick<Mutant, 'wrap' | 'revisions' | 'env'>,
  briefly = false,
): Promise<Outcome[]> {
  const quick = scenarios.map((scenario) => ({
    ...scenario,
    ...(briefly && { params: firstOf(scenario.params) }),
    timeout: Math.min(scenario.timeout ?? TIMEOUT_MS, TIMEOUT_MS),
  }));
  const outcomes: Outcome[] = [];
  for (const { target, serves, stop } of ownParts(wrap, env)) {
    const chosen = quick.filter(serves);
    try {
      const spoken: Facts[] = [];
      for (const revision of chosen.length > 0 ? revisions : []) {
        const facts = await factsOf(target, revision).catch(() => nothingOf(revision));
        if (facts) spoken.push(facts);
      }
      outcomes.push(...(await runAll(chosen, target, spoken, { bind, slack: 1 })));
    } finally {
      stop();
    }
  }
  return outcomes;
}

function firstOf(params: Scenario['params'] = {}): Record<string, unknown[]> {
  return Object.fromEntries(Object.entries(params).map(([name, values]) => [name, values.slice(0, 1)]));
}

/** The checks that are not well, with the first reason of each. */
export function red(
  outcomes: readonly Outcome[],
  verdicts: readonly string[] = ['fail', 'warn', 'note'],
): Map<string, string> {
  const found = new Map<string, string>();
  for (const { checks, revision } of outcomes)
    for (const { id, verdict, why } of checks)
      if (verdicts.includes(verdict) && !found.has(id)) found.set(id, `${revision}: ${why[0]}`);
  return found;
}
