/**
 * `mcp-replay diff <url> <url> [file or folder ...]`: runs the same scenarios on two servers and shows where they differ.
 *
 *     --revision 2025-11-25,2026-07-28   default: all that either speaks
 *     --only session.*                   scenarios by their ids
 *     --bind <file>                      which of the servers' tools the scenarios' fixtures are; one file for both
 *     --header "authorization: ..."      sent with every request to both; its value is in no output
 *     --slack 3                          windows of time as many times longer
 *     --reporter pretty|json             default pretty; --out <file> for where
 *
 * A check differs when its verdicts do; what only one of them was looked at for, and was found right, does not.
 *
 * Exit codes: 0 the same, 1 they differ, 2 usage or a bad file, 3 one of them does not answer, 5 nothing was really tested,
 * 6 where they differ this machine was too late to tell, 7 an error of a scenario or of the harness.
 */

import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { runAll } from '../replay/all.ts';
import { ownBind } from '../replay/bundled.ts';
import { numberOf, revisionsOf, scenariosOf } from '../replay/choice.ts';
import { type Facts, factsAt } from '../replay/facts.ts';
import { show } from '../replay/match.ts';
import type { Outcome, Verdict } from '../replay/outcome.ts';
import { readBind } from '../replay/read.ts';
import { remoteOf } from '../replay/remote.ts';
import { oneLine } from '../replay/reports/printable.ts';
import { worst } from '../replay/reports/results.ts';
import type { Revision } from '../replay/scenario.ts';
import { parsedArgs, Usage } from '../replay/usage.ts';

const HELP = `mcp-replay diff <url> <url> [file or folder ...]: runs the same scenarios on two servers and shows where they differ

  --revision 2025-11-25,2026-07-28   default: all that either speaks
  --only session.*                   scenarios by their ids
  --bind <file>                      which of the servers' tools the scenarios' fixtures are
  --header "authorization: ..."      sent with every request to both
  --slack 3                          windows of time as many times longer
  --reporter pretty|json             default pretty; --out <file> for where
`;

/** The most parameters of runs that are told of one difference. */
const MOST_CASES = 8;

/** What one server showed; of a check that had nothing to look at, only that. */
export interface Side {
  readonly verdict: Verdict | 'none';
  /** The first reason. */
  readonly why?: string;
}

export interface Difference {
  readonly revision: Revision;
  readonly scenario: string;
  /** The parameters of the run. */
  readonly case: Readonly<Record<string, unknown>>;
  /** Of a check; the scenario's own where all of it was passed over. */
  readonly check: string;
  readonly a: Side;
  readonly b: Side;
}

/**
 * @returns where the verdicts of two runs of the same scenarios are not the same, and how many are; of what only one of them
 * has run, as when it was interrupted, nothing
 */
export function differences(a: readonly Outcome[], b: readonly Outcome[]): { differ: Difference[]; same: number } {
  const runs = [byScenario(a), byScenario(b)] as const;
  const differ: Difference[] = [];
  let same = 0;
  for (const [key, ofA] of runs[0]) {
    const ofB = runs[1].get(key);
    if (!ofB) continue;
    // Where one has passed it over, the other's whole verdict is what there is to compare.
    const whole = isPassedOver(ofA) !== isPassedOver(ofB);
    const sides = [ofA, ofB].map((outcomes) => (whole ? wholeOf(outcomes) : checksOf(outcomes)));
    for (const check of new Set(sides.flatMap((side) => [...side.keys()]))) {
      const [one, other] = sides.map((side) => side.get(check));
      const verdicts = [one?.side.verdict ?? 'none', other?.side.verdict ?? 'none'];
      const of = one?.of ?? other?.of;
      if (!of || verdicts[0] === verdicts[1] || isDeepStrictEqual(verdicts.toSorted(), ['none', 'pass'])) same++;
      else differ.push({ ...of, a: one?.side ?? NONE, b: other?.side ?? NONE });
    }
  }
  return { differ, same };
}

const NONE: Side = { verdict: 'none' };

type Sides = Map<string, { of: Omit<Difference, 'a' | 'b'>; side: Side }>;

function byScenario(outcomes: readonly Outcome[]): Map<string, Outcome[]> {
  return Map.groupBy(outcomes, ({ revision, scenario }) => `${revision} ${scenario}`);
}

function isPassedOver(outcomes: readonly Outcome[]): boolean {
  return outcomes.every(({ checks }) => checks.length === 0);
}

function checksOf(outcomes: readonly Outcome[]): Sides {
  const sides: Sides = new Map();
  for (const { scenario, revision, case: given, checks, verdict, reason } of outcomes) {
    const shown = checks.map((check) => ({ id: check.id, verdict: check.verdict, why: check.why[0] }));
    for (const { id, verdict: own, why } of shown.length > 0 ? shown : [{ id: scenario, verdict, why: reason }]) {
      const side = { verdict: own, ...(why !== undefined && { why }) };
      sides.set(JSON.stringify([given, id]), { of: { revision, scenario, case: given, check: id }, side });
    }
  }
  return sides;
}

function wholeOf(outcomes: readonly Outcome[]): Sides {
  const verdict = worst(outcomes.map((one) => one.verdict));
  const told = outcomes.find((one) => one.verdict === verdict);
  if (!told || verdict === undefined) return new Map();
  const { scenario, revision, checks, reason } = told;
  const why = reason ?? checks.find((check) => check.verdict === verdict)?.why[0];
  const side = { verdict, ...(why !== undefined && { why }) };
  return new Map([['', { of: { revision, scenario, case: {}, check: scenario }, side }]]);
}

/** @param args as given on the command line @returns the exit code */
export async function diff(args: string[]): Promise<number> {
  const { values, positionals } = parsed(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [first, second, ...paths] = positionals;
  if (first === undefined || second === undefined)
    throw new Usage('two URLs are wanted, as in: mcp-replay diff http://127.0.0.1:3000/mcp http://127.0.0.1:3001/mcp');
  const { reporter = 'pretty', header = [] } = values;
  if (reporter !== 'pretty' && reporter !== 'json')
    throw new Usage(`--reporter must be pretty or json, got "${reporter}"`);
  const slack = numberOf('slack', values.slack ?? '1', 1);
  const scenarios = scenariosOf(paths, values.only);
  const bind = values.bind === undefined ? ownBind() : readBind(values.bind);
  const revisions = revisionsOf(values.revision);
  const remotes = [remoteOf(first, { header }), remoteOf(second, { header })] as const;
  const targets = remotes.map(({ target }) => target);
  const secrets = remotes.flatMap((remote) => remote.secrets);

  const spoken: (Facts | undefined)[][] = [];
  for (const target of targets) {
    const facts = await factsAt(target, revisions);
    if (facts instanceof Error) {
      console.error(`${target.name} does not answer: ${facts.message}`);
      return 3;
    }
    spoken.push(facts);
  }
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const runs: Outcome[][] = [];
  for (const [index, target] of targets.entries()) {
    // One after the other: two servers on this machine would be late because of each other.
    const facts = (spoken[index] as (Facts | undefined)[]).filter((one) => one !== undefined);
    runs.push(
      await runAll(scenarios, target, facts, {
        bind,
        slack,
        secrets,
        signal: interrupted.signal,
        onOutcomes(_ended, done, of) {
          if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${'AB'[index]}: ${done} of ${of}`);
        },
      }),
    );
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');

  const [a = [], b = []] = runs;
  const [atA = [], atB = []] = spoken;
  const both = revisions.filter((_, index) => atA[index] && atB[index]);
  // A revision that only one speaks is one difference, not as many as there are scenarios.
  const onlyA = revisions.filter((_, index) => atA[index] && !atB[index]);
  const onlyB = revisions.filter((_, index) => !atA[index] && atB[index]);
  const shared = (outcomes: readonly Outcome[]) => outcomes.filter(({ revision }) => both.includes(revision));
  const found = differences(shared(a), shared(b));
  const names = targets.map(({ name }) => name);
  const told = { a: names[0] ?? '', b: names[1] ?? '', onlyA, onlyB, ...found };
  const text = reporter === 'json' ? `${JSON.stringify(told, null, 1)}\n` : pretty(told);
  if (values.out === undefined) process.stdout.write(text);
  else writeFileSync(values.out, text);

  const isCertain = ({ a: one, b: other }: Difference) =>
    ![one, other].some(({ verdict }) => verdict === 'inconclusive');
  if (onlyA.length + onlyB.length > 0 || found.differ.some(isCertain)) return 1;
  if (found.differ.length > 0) return 6;
  if ([...a, ...b].some(({ verdict }) => verdict === 'error')) return 7;
  return [...a, ...b].every(({ verdict }) => verdict === 'skip' || verdict === 'untestable') ? 5 : 0;
}

interface Told {
  readonly a: string;
  readonly b: string;
  readonly onlyA: readonly Revision[];
  readonly onlyB: readonly Revision[];
  readonly differ: readonly Difference[];
  readonly same: number;
}

function pretty({ a, b, onlyA, onlyB, differ, same }: Told): string {
  const lines = [`A  ${a}`, `B  ${b}`];
  for (const revision of onlyA) lines.push(`${revision} is spoken by A only`);
  for (const revision of onlyB) lines.push(`${revision} is spoken by B only`);
  // What differs in the same way in many runs is told once.
  const kinds = Map.groupBy(differ, ({ check, a: one, b: other }) => JSON.stringify([check, one, other]));
  for (const alike of kinds.values()) {
    const [{ check, a: one, b: other }] = alike as [Difference, ...Difference[]];
    const revisions = new Set(alike.map(({ revision }) => revision));
    const cases = new Set(
      alike.flatMap((run) => Object.entries(run.case).map(([name, value]) => `${name}=${show(value)}`)),
    );
    lines.push('', check, `  A ${sideOf(one)}`, `  B ${sideOf(other)}`);
    lines.push(`  in ${[...revisions].join(', ')}${cases.size > 0 ? `; ${few([...cases])}` : ''}`);
  }
  lines.push(
    '',
    `${differ.length} ${differ.length === 1 ? 'check differs' : 'checks differ'}, ${same} are the same`,
    '',
  );
  return lines.map(oneLine).join('\n');
}

function few(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST_CASES).join(', ');
  return texts.length > MOST_CASES ? `${shown} and ${texts.length - MOST_CASES} more` : shown;
}

function sideOf({ verdict, why }: Side): string {
  return `${verdict === 'none' ? 'had nothing to look at' : verdict}${why === undefined ? '' : `: ${why}`}`;
}

function parsed(args: string[]) {
  return parsedArgs({
    args,
    allowPositionals: true,
    options: {
      revision: { type: 'string' },
      only: { type: 'string' },
      bind: { type: 'string' },
      header: { type: 'string', multiple: true },
      slack: { type: 'string' },
      reporter: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
}
