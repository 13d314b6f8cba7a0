/** What a report is made from, and the figures in which all reports agree. */

import { type Check, type Outcome, VERDICTS, type Verdict } from '../outcome.ts';
import type { Requirements } from '../requirements.ts';
import type { Level } from '../scenario.ts';
import { printable } from './printable.ts';

/** A run of scenarios against one target. */
export interface Results {
  /** As it is named to the reader. */
  target: string;
  outcomes: readonly Outcome[];
  /** The rules of the protocol, for each revision that has them written down. */
  requirements?: readonly Requirements[];
  /** When it began, ISO 8601. */
  started?: string;
  /** Of the harness and what it ran on, by name. */
  versions?: Readonly<Record<string, string>>;
  /** The weakest level whose breach counts as a failure; default MUST. */
  failOn?: Level;
  /** It was ended before all was run. */
  interrupted?: boolean;
}

/** How many runs had which verdict. */
export function counted(outcomes: readonly Outcome[]): Record<Verdict, number> {
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const { verdict } of outcomes) counts[verdict]++;
  return counts;
}

/** One line, as `2 fail, 200 pass; 512 checks`. */
export function summary(outcomes: readonly Outcome[]): string {
  const counts = counted(outcomes);
  const told = VERDICTS.filter((verdict) => counts[verdict] > 0).map((verdict) => `${counts[verdict]} ${verdict}`);
  return `${told.join(', ')}; ${checksOf(outcomes)} checks`;
}

export function checksOf(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, { checks }) => sum + checks.length, 0);
}

/** Whether it is red, by the weakest level that counts. */
export function isFailure(verdict: Verdict, failOn: Level = 'MUST'): boolean {
  if (verdict === 'warn') return failOn !== 'MUST';
  if (verdict === 'note') return failOn === 'MAY';
  return verdict === 'fail' || verdict === 'error';
}

/** Whether there is something to say about it: neither passed nor passed over. */
export function isFinding(verdict: Verdict): boolean {
  return !['pass', 'skip', 'untestable'].includes(verdict);
}

/** @returns the worst of them; undefined of none */
export function worst(verdicts: Iterable<Verdict>): Verdict | undefined {
  const seen = new Set(verdicts);
  return VERDICTS.find((verdict) => seen.has(verdict));
}

/** The scenario, its revision and parameters, on one line. */
export function nameOf(outcome: Outcome): string {
  return [outcome.scenario, `(${outcome.revision})`, ...caseOf(outcome)].join(' ');
}

/** The parameters of a run, each as `name=value`, long values cut. */
export function caseOf({ case: given }: Outcome): string[] {
  return Object.entries(given).map(([name, value]) => `${name}=${brief(value)}`);
}

function brief(value: unknown): string {
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value)).replaceAll(/\s+/g, ' ');
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

/** A check that is no pass, and where it was seen. */
export interface Finding {
  /** The worst of its runs. */
  check: Check;
  runs: { outcome: Outcome; check: Check }[];
}

/** Every check that was found wanting at least once, worst first, then that which was found in most runs. */
export function findingsOf(outcomes: readonly Outcome[]): Finding[] {
  const found = new Map<string, Finding>();
  for (const outcome of outcomes) {
    for (const check of outcome.checks) {
      if (!isFinding(check.verdict)) continue;
      const known = found.get(check.id);
      if (!known) {
        found.set(check.id, { check, runs: [{ outcome, check }] });
        continue;
      }
      known.runs.push({ outcome, check });
      if (rank(check.verdict) < rank(known.check.verdict)) known.check = check;
    }
  }
  return [...found.values()].sort(
    (one, other) =>
      rank(one.check.verdict) - rank(other.check.verdict) ||
      other.runs.length - one.runs.length ||
      (one.check.id < other.check.id ? -1 : 1),
  );
}

function rank(verdict: Verdict): number {
  return VERDICTS.indexOf(verdict);
}

/** Runs that were passed over, by the reason for it, the most frequent first. */
export function byReason(outcomes: readonly Outcome[]): Map<string, Outcome[]> {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const reason = outcome.reason ?? outcome.verdict;
    const group = groups.get(reason);
    if (group) group.push(outcome);
    else groups.set(reason, [outcome]);
  }
  return new Map([...groups].sort(([, one], [, other]) => other.length - one.length));
}

/** `1 run`, `2 runs`. */
export function many(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}
