/**
 * The rules that bind a server, one row each (`requirements/<revision>.json`), and which checks prove them.
 *
 * `2025-11-25.json` stands for all revisions with sessions, `2026-07-28.json` for those without.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { isStateless } from './protocol.ts';
import { BadFile } from './read.ts';
import { inRange, LEVELS, type Level, REVISIONS, type Revision, type Scenario, type Step } from './scenario.ts';

const requirementSchema = z.strictObject({
  id: z.string().regex(/^[A-Z]+(?:-[A-Z]+)*(?:-\d{4})?-\d{2}(?:\.\d+)?$/, {
    error: 'an id is like "S-2025-02" or, where a rule has parts, "S-2025-02.1"',
  }),
  level: z.enum(LEVELS),
  where: z.string().min(1).describe('page and section of the specification, or what else demands it'),
  text: z.string().min(1).describe('what a client can see'),
  checks: z.array(z.string()),
  reason: z.string().min(1).optional().describe('why no check can see it'),
});

export const requirementsSchema = z
  .strictObject({ revision: z.enum(REVISIONS), requirements: z.array(requirementSchema) })
  .superRefine(({ requirements }, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of requirements.entries()) {
      const [whole = id] = id.split('.');
      const taken = seen.has(id)
        ? `the id "${id}" is taken by a row above`
        : id !== whole && seen.has(whole)
          ? `"${whole}" is a row of its own, so it has no part "${id}"`
          : undefined;
      if (taken) context.addIssue({ code: 'custom', message: taken, path: ['requirements', index, 'id'] });
      seen.add(id);
    }
  });

export type Requirement = z.output<typeof requirementSchema>;
export type Requirements = z.output<typeof requirementsSchema>;

/** All files of a folder, oldest revision first. @throws BadFile */
export function readRequirements(folder: string): Requirements[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw new BadFile(`${folder}:1: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (names.length === 0) throw new BadFile(`${folder}:1: there is no file like 2025-11-25.json`);
  return names.sort().map((name) => readFile(join(folder, name)));
}

function readFile(file: string): Requirements {
  const lines = new LineCounter();
  // JSON is YAML, and the parser of YAML knows where it found what.
  const document = parseDocument(readFileSync(file, 'utf8'), { lineCounter: lines });
  const [problem] = document.errors;
  if (problem) throw new BadFile(`${file}:${problem.linePos?.[0].line ?? 1}: ${problem.message.split('\n')[0]}`);
  const parsed = requirementsSchema.safeParse(document.toJS());
  if (parsed.success && basename(file) === `${parsed.data.revision}.json`) return parsed.data;
  const [issue = { path: ['revision'], message: `the file of ${parsed.data?.revision} must have its name` }] =
    parsed.error?.issues ?? [];
  const path = issue.path as (string | number)[];
  // The nearest node that is there: a member that is missing has no line of its own.
  const nodes = path.map((_, index) => document.getIn(path.slice(0, path.length - index), true));
  const range = nodes.find((node) => isNode(node))?.range;
  const line = range ? lines.linePos(range[0]).line : 1;
  throw new BadFile(`${file}:${line}: ${path.join('.')}: ${issue.message}`);
}

/** The text of a file, in the form that the formatter of this project leaves alone. */
export function requirementsText(requirements: Requirements): string {
  return `${JSON.stringify(requirements, null, 2).replaceAll(/^( *)("checks": )(\[[^\]]+\])(,?)$/gm, (...found) => {
    const [whole = '', indent, name, list = '', comma] = found as unknown as string[];
    const line = `${indent}${name}[${(JSON.parse(list) as string[]).map((one) => JSON.stringify(one)).join(', ')}]${comma}`;
    return line.length <= LINE_WIDTH ? line : whole;
  })}\n`;
}

const LINE_WIDTH = 120;

/** What a check says it proves; known before anything is run. */
export interface Claim {
  readonly check: string;
  readonly level: Level;
  /** Ids of rows; those of another era than the one that is tested do not count there. */
  readonly requirement: readonly string[];
  /** Default: all. */
  readonly revisions?: readonly Revision[];
}

/** The checks of scenarios: of each as a whole, and of each step that has a name and looks at something. */
export function claimsOf(scenarios: readonly Scenario[]): Claim[] {
  return scenarios.flatMap((scenario) => {
    const revisions = REVISIONS.filter((revision) => inRange(revision, scenario.revisions));
    return stepsOf(scenario.steps).map((step) => ({
      check: step.name === undefined ? scenario.id : `${scenario.id}#${step.name}`,
      level: step.level ?? scenario.level,
      requirement: step.requirement ?? scenario.requirement ?? [],
      revisions,
    }));
  });
}

/** Steps that can find something wrong, those inside of others too. */
function stepsOf(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => {
    const { expect, answer, frames, quiet, pages, check, parallel, repeat, each } = step;
    const inner = [...(parallel ?? []), repeat?.steps ?? [], each?.steps ?? []];
    return [...(expect || answer || frames || quiet || pages || check ? [step] : []), ...inner.flatMap(stepsOf)];
  });
}

export interface Coverage {
  /** The rows with their checks. */
  files: Requirements[];
  /** Rows that must hold, and that neither a check of that level proves nor a reason excuses; by revision. */
  missing: Map<Revision, Requirement[]>;
  /** What is wrong with checks and rows, one line each. */
  faults: string[];
}

/**
 * Fills in which checks prove which row.
 *
 * A row counts as proven by a check of its own level or a stronger one: a MUST that only warns when broken is missing.
 */
export function covered(files: readonly Requirements[], claims: readonly Claim[]): Coverage {
  const faults = new Set<string>();
  const filled = files.map(({ revision, requirements }) => ({
    revision,
    requirements: requirements.map((row) => ({ ...row, checks: [] as string[] })),
  }));
  const strong = new Set<Requirement>();
  for (const claim of claims) {
    const { check, level, requirement, revisions = REVISIONS } = claim;
    if (requirement.length === 0) faults.add(`${check}: names no requirement`);
    const met = new Set<string>();
    for (const file of filled) {
      const runs = revisions.some((one) => isStateless(one) === isStateless(file.revision));
      const rows = file.requirements.filter(({ id }) => requirement.includes(id));
      if (!runs) continue;
      for (const row of rows) {
        met.add(row.id);
        if (!row.checks.includes(check)) row.checks.push(check);
        if (stronger(level, row.level) >= 0) strong.add(row);
      }
      if (rows.length > 0 && rows.every((row) => stronger(level, row.level) > 0))
        faults.add(
          `${check}: is a ${level}, but of ${file.revision} it names only ${rows.map(({ id, level: own }) => `${id} (${own})`).join(', ')}: a legal server would be blamed`,
        );
    }
    for (const id of requirement) {
      if (met.has(id)) continue;
      const of = filled.find(({ requirements }) => requirements.some((row) => row.id === id));
      faults.add(
        of
          ? `${check}: names ${id}, a rule of ${of.revision}, and does not run there`
          : `${check}: no requirement has the id "${id}"; the nearest are ${nearest(id, filled).join(', ')}`,
      );
    }
  }
  for (const { revision, requirements } of filled)
    for (const row of requirements) {
      row.checks.sort();
      if (row.reason !== undefined && row.checks.length > 0)
        faults.add(`${row.id} of ${revision}: has a reason why no check can see it, and ${row.checks.join(', ')} does`);
    }
  const isMissing = (row: Requirement) => row.level === 'MUST' && row.reason === undefined && !strong.has(row);
  const missing = new Map(filled.map(({ revision, requirements }) => [revision, requirements.filter(isMissing)]));
  return { files: filled, missing, faults: [...faults].sort() };
}

/** Above 0 where the first is the stronger one. */
function stronger(one: Level, other: Level): number {
  return LEVELS.indexOf(other) - LEVELS.indexOf(one);
}

/** The parts of a rule that was named as a whole; else the ids that begin alike. */
function nearest(id: string, files: readonly Requirements[]): string[] {
  const all = [...new Set(files.flatMap(({ requirements }) => requirements.map((row) => row.id)))];
  for (let length = id.length; length > 0; length--) {
    const found = all.filter((one) => one.startsWith(id.slice(0, length)));
    if (found.length > 0) return found.slice(0, 5);
  }
  return all.slice(0, 5);
}
