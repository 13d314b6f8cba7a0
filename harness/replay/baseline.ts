/**
 * What is known to fail on a server, and why: a list in YAML that a run is compared with.
 *
 *     - check: origin.foreign
 *       revision: "2025-11-25"
 *       case: { origin: "null" }
 *       verdict: fail
 *       why: a proxy in front of it looks at Origin
 *
 * What fails and is not listed is unexpected. An entry is stale once nothing that it lists fails any more: then it has to go, for
 * a list that grows only would hide the next fault.
 */

import { existsSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { z } from 'zod';
import { show } from './match.ts';
import { type Outcome, VERDICTS, type Verdict } from './outcome.ts';
import { read } from './read.ts';
import { REVISIONS } from './scenario.ts';

/** The verdicts that a list can expect; `inconclusive` and `error` tell nothing of the server. */
const EXPECTABLE = ['fail', 'warn', 'note', 'untestable', 'skip'] as const;

/** Before what a check said, where nobody has told the reason yet. */
const UNTOLD = 'not looked at yet: ';

const baselineSchema = z
  .array(
    z.strictObject({
      check: z.string().describe('the id of a check, or of a scenario for all of its own checks'),
      revision: z
        .union([z.enum(REVISIONS), z.array(z.enum(REVISIONS)).min(1)])
        .optional()
        .describe('default: every one'),
      case: z
        .union([z.record(z.string(), z.unknown()), z.array(z.record(z.string(), z.unknown())).min(1)])
        .optional()
        .describe('the parameters that are named have these values; of a list, any; default: every case'),
      verdict: z.enum(EXPECTABLE).optional().describe('default: any of them'),
      sometimes: z
        .boolean()
        .optional()
        .describe('may pass as well, as what the server gets wrong in a race; never stale'),
      why: z.string().min(1).describe('in own words'),
    }),
  )
  .nullable()
  .transform((list) => list ?? []);

export type Expectation = z.output<typeof baselineSchema>[number];

/** One check of one run, as a list names it. */
interface Finding {
  readonly scenario: string;
  readonly check: string;
  readonly revision: Outcome['revision'];
  readonly case: Outcome['case'];
  readonly verdict: Verdict;
  readonly why: string;
}

export interface Comparison {
  /** What does not pass and is not listed so, a line each. */
  readonly unexpected: readonly string[];
  /** Entries of which nothing fails any more, a line each. */
  readonly stale: readonly string[];
  /** Entries of which nothing was run, a line each: another choice of scenarios, or an id that is gone. */
  readonly absent: readonly string[];
}

/** @throws BadFile */
export function readBaseline(file: string): Expectation[] {
  return read(file, baselineSchema);
}

/** @param counted the verdicts that are unexpected where they are not listed */
export function compare(
  outcomes: readonly Outcome[],
  expectations: readonly Expectation[],
  counted: readonly Verdict[] = ['fail'],
): Comparison {
  const findings = outcomes.flatMap(findingsOf);
  const unexpected = findings.filter(
    (one) => counted.includes(one.verdict) && !expectations.some((entry) => lists(entry, one) && agrees(entry, one)),
  );
  const stale: string[] = [];
  const absent: string[] = [];
  for (const entry of expectations) {
    const listed = findings.filter((one) => lists(entry, one));
    if (listed.length === 0) absent.push(nameOf(entry));
    else if (!entry.sometimes && !listed.some((one) => agrees(entry, one) || one.verdict === 'inconclusive'))
      stale.push(`${nameOf(entry)}: expected ${entry.verdict ?? 'not to pass'}, got ${listed[0]?.verdict}`);
  }
  return { unexpected: unexpected.map((one) => `${nameOf(one)}: ${one.verdict}: ${one.why}`), stale, absent };
}

/**
 * What `--expected` makes of a run.
 *
 * @param counted the verdicts that are unexpected where they are not listed
 * @returns the exit code (0, 1 for something unexpected, 4 for stale entries) and what to print
 * @throws BadFile
 */
export function judge(
  outcomes: readonly Outcome[],
  file: string,
  counted?: readonly Verdict[],
): { code: 0 | 1 | 4; text: string } {
  const { unexpected, stale, absent } = compare(outcomes, readBaseline(file), counted);
  const told = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
  return {
    code: unexpected.length > 0 ? 1 : stale.length > 0 ? 4 : 0,
    text: [
      told(`not expected by ${file}:`, unexpected),
      told(`stale in ${file}, to be taken out:`, stale),
      told(`in ${file}, but not run:`, absent),
    ].join(''),
  };
}

/** What `--write-expected` does: lists all that did not pass. Reasons that the file already tells are kept. @throws BadFile */
export function writeBaseline(outcomes: readonly Outcome[], file: string): void {
  const before = existsSync(file) ? readBaseline(file) : [];
  const entries = expectationsOf(outcomes, before);
  writeFileSync(
    file,
    entries.length === 0 ? '[]\n' : stringify(entries, { lineWidth: 128, aliasDuplicateObjects: false }),
  );
}

/**
 * The shortest list that expects exactly these outcomes: an entry for each check and verdict, with the revisions and cases where
 * it is not all of them.
 *
 * @param before where the reasons come from; where nobody has told one, what the check said stands for it
 */
export function expectationsOf(outcomes: readonly Outcome[], before: readonly Expectation[] = []): Expectation[] {
  const findings = outcomes.flatMap(findingsOf);
  const told = before.filter(({ why }) => !why.startsWith(UNTOLD));
  const entries: Expectation[] = [];
  for (const check of new Set(findings.map((one) => one.check))) {
    const all = findings.filter((one) => one.check === check);
    for (const verdict of EXPECTABLE) {
      const some = all.filter((one) => one.verdict === verdict);
      for (const { revisions, cases } of blocks(some, all)) {
        const reason =
          told.find((entry) => entry.check === check && some.some((one) => lists(entry, one))) ??
          told.find((entry) => entry.check === check) ??
          told.find((entry) => some.some((one) => one.scenario === entry.check));
        entries.push({
          check,
          ...(revisions && { revision: revisions.length === 1 ? (revisions[0] as Finding['revision']) : revisions }),
          ...(cases && { case: cases.length === 1 ? (cases[0] as Finding['case']) : cases }),
          verdict,
          ...(before.some((entry) => entry.check === check && entry.sometimes) && { sometimes: true }),
          // Why something was passed over needs no telling.
          why: reason?.why ?? `${['untestable', 'skip'].includes(verdict) ? '' : UNTOLD}${some[0]?.why}`,
        });
      }
    }
  }
  // What fails only sometimes is no less known for having passed this time.
  const ran = (entry: Expectation) => findings.some((one) => lists(entry, one));
  const listed = (entry: Expectation) => entries.some(({ check, sometimes }) => sometimes && check === entry.check);
  entries.push(...before.filter((entry) => entry.sometimes && ran(entry) && !listed(entry)));
  return entries.sort((a, b) => (a.check < b.check ? -1 : a.check > b.check ? 1 : 0));
}

interface Block {
  revisions: Finding['revision'][] | undefined;
  cases: Finding['case'][] | undefined;
}

/** `some` of `all` as products of revisions and cases; undefined stands for every one. */
function blocks(some: readonly Finding[], all: readonly Finding[]): Block[] {
  // What is looked at in every scenario has their cases: which of them met the fault says little, and changes with them.
  const key = (one: Finding) => (isOfMessages(one) ? '' : JSON.stringify(one.case));
  const revisionsOf = (list: readonly Finding[]) => [...new Set(list.map((one) => one.revision))];
  // Cases that fail in the same revisions, and have the same revisions to fail in, share an entry.
  const groups = new Map<
    string,
    { revisions: Finding['revision'][]; of: number; cases: Map<string, Finding['case']> }
  >();
  for (const one of some) {
    const same = some.filter((other) => key(other) === key(one));
    const possible = revisionsOf(all.filter((other) => key(other) === key(one)));
    const revisions = revisionsOf(same);
    const name = JSON.stringify([revisions, possible]);
    const group = groups.get(name) ?? { revisions, of: possible.length, cases: new Map() };
    group.cases.set(key(one), one.case);
    groups.set(name, group);
  }
  return [...groups.values()].map(({ revisions, of, cases }) => {
    const everywhere = revisions.length === of;
    const others = new Set(all.filter((one) => everywhere || revisions.includes(one.revision)).map(key));
    return {
      revisions: everywhere ? undefined : revisions,
      cases: cases.size === others.size ? undefined : [...cases.values()],
    };
  });
}

/** What was passed over has no checks: it counts as one of the scenario's own name. */
function findingsOf({ scenario, revision, case: given, verdict, checks, reason }: Outcome): Finding[] {
  const all = checks.length > 0 ? checks : [{ id: scenario, verdict, why: [] }];
  // A check that is made several times in a run, as in a repetition, counts once, as the worst of them.
  const worst = new Map<string, Finding>();
  for (const one of all) {
    const known = worst.get(one.id);
    if (known && VERDICTS.indexOf(known.verdict) <= VERDICTS.indexOf(one.verdict)) continue;
    const why = one.why[0] ?? reason ?? '';
    worst.set(one.id, { scenario, check: one.id, revision, case: given, verdict: one.verdict, why });
  }
  return [...worst.values()];
}

function lists(entry: Expectation, one: Finding): boolean {
  if (entry.check !== one.check && (entry.check !== one.scenario || isOfMessages(one))) return false;
  if (entry.revision !== undefined && ![entry.revision].flat().includes(one.revision)) return false;
  const cases = entry.case === undefined ? [{}] : [entry.case].flat();
  return cases.some((wanted) =>
    Object.entries(wanted).every(([name, value]) => isDeepStrictEqual(value, one.case[name])),
  );
}

/** A rule of every message belongs to no scenario. */
function isOfMessages({ check }: Finding): boolean {
  return check.startsWith('wire.');
}

function agrees({ verdict }: Expectation, one: Finding): boolean {
  return verdict === undefined ? (EXPECTABLE as readonly Verdict[]).includes(one.verdict) : verdict === one.verdict;
}

function nameOf(one: { check: string; revision?: Expectation['revision']; case?: Expectation['case'] }): string {
  const parts = [one.revision, one.case].flat().filter((part) => part !== undefined);
  const told = parts.map((part) => (typeof part === 'string' ? part : show(part))).filter((text) => text !== '{}');
  return told.length === 0 ? one.check : `${one.check} (${told.join(', ')})`;
}
