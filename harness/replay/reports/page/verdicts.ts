/** What a run says of each check and each rule of the protocol. */

import type { Check, Outcome } from '../../outcome.ts';
import type { Requirement } from '../../requirements.ts';
import { type Results, worst } from '../results.ts';
import { titleOf } from '../titles.ts';
import type { Shown } from './badge.ts';

/** A check, with all that was seen of it. */
export interface Seen {
  id: string;
  verdict: Shown;
  runs: { outcome: Outcome; check: Check }[];
  /** Why it was passed over, or what its scenario is about. */
  told: string;
}

/** A rule, with the checks that prove it. */
export interface Rule {
  row: Requirement;
  /** Those of the files that have it. */
  revisions: string[];
  verdict: Shown;
  checks: Seen[];
}

export interface Verdicts {
  rules: Rule[];
  /** Checks that prove no rule that is known. */
  others: Seen[];
}

export function verdictsOf({ outcomes, requirements = [] }: Results): Verdicts {
  const files = requirements.map(({ revision }) => revision).sort();
  // An older revision is judged by the rules of the next that has them written down.
  const fileOf = (revision: string) => files.find((file) => file >= revision) ?? files.at(-1);
  const ran = new Set(outcomes.map(({ revision }) => fileOf(revision)));

  const rules = new Map<string, Rule>();
  for (const { revision, requirements: rows } of requirements) {
    if (!ran.has(revision)) continue;
    for (const row of rows) {
      const known = rules.get(row.id);
      if (known) {
        known.revisions.push(revision);
        known.row = { ...known.row, checks: [...new Set([...known.row.checks, ...row.checks])] };
      } else rules.set(row.id, { row, revisions: [revision], verdict: 'unseen', checks: [] });
    }
  }

  const all = seenOf(outcomes);
  const used = new Set<string>();
  for (const rule of rules.values()) {
    const counts = ({ revision }: Outcome) => rule.revisions.includes(fileOf(revision) ?? '');
    const named = all.filter(
      ({ id, runs }) =>
        rule.row.checks.includes(id) || runs.some(({ check }) => check.requirement.includes(rule.row.id)),
    );
    for (const { id } of named) used.add(id);
    const seen = named
      .map((one) => judged({ ...one, runs: one.runs.filter(({ outcome }) => counts(outcome)) }))
      .filter(({ runs }) => runs.length > 0);
    const missing = rule.row.checks
      .filter((name) => !seen.some(({ id }) => id === name))
      .map((name) => unseen(name, outcomes.filter(counts)));
    rule.checks = [...seen, ...missing];
    rule.verdict = ruleVerdict(rule.checks);
  }
  return { rules: [...rules.values()], others: all.filter(({ id }) => !used.has(id)) };
}

function seenOf(outcomes: readonly Outcome[]): Seen[] {
  const seen = new Map<string, Seen>();
  for (const outcome of outcomes)
    for (const check of outcome.checks) {
      const known: Seen = seen.get(check.id) ?? {
        id: check.id,
        verdict: 'unseen',
        runs: [],
        told: titleOf(check.id, outcome),
      };
      known.runs.push({ outcome, check });
      seen.set(check.id, known);
    }
  return [...seen.values()].map(judged);
}

function judged(seen: Seen): Seen {
  return { ...seen, verdict: worst(seen.runs.map(({ check }) => check.verdict)) ?? 'unseen' };
}

/** A check that left no trace: its scenario was passed over, ended before it, or was not run. */
function unseen(id: string, outcomes: readonly Outcome[]): Seen {
  const scenario = id.split('#')[0];
  const own = outcomes.filter((outcome) => outcome.scenario === scenario);
  const [over] = own.filter(({ verdict }) => verdict === 'untestable' || verdict === 'skip');
  if (over) return { id, verdict: over.verdict, runs: [], told: over.reason ?? over.title };
  return { id, verdict: 'unseen', runs: [], told: own.length > 0 ? 'its scenario did not come to it' : 'was not run' };
}

/** What passed somewhere is no less a pass where something else was passed over. */
function ruleVerdict(checks: readonly Seen[]): Shown {
  const verdicts = checks.flatMap(({ verdict }) => (verdict === 'unseen' ? [] : [verdict]));
  const found = worst(verdicts.filter((one) => one !== 'skip' && one !== 'untestable'));
  return found ?? worst(verdicts) ?? 'unseen';
}
