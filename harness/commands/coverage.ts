/**
 * `mcp-replay coverage`: the rules that bind a server, and the checks that prove them.
 *
 *     --revision 2025-11-25      one file only; default: all
 *     --missing                  only rows with neither a check nor a reason
 *     --json                     as JSON
 *     --write                    puts the checks into the files
 *     --scenarios <folder>       default: those that come with the harness
 *     --requirements <folder>    default: those that come with the harness
 *
 * Exit codes: 0 all is well; 1 a MUST has neither a check of its level nor a reason, a check names no row or one that does not
 * exist, or a check is stronger than the rules it names; 2 usage or a bad file.
 */

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownRequirements, ownScenarios } from '../replay/bundled.ts';
import { readScenarios } from '../replay/read.ts';
import {
  type Claim,
  type Coverage,
  claimsOf,
  covered,
  readRequirements,
  requirementsSchema,
  requirementsText,
} from '../replay/requirements.ts';
import { LEVELS, type Revision } from '../replay/scenario.ts';
import * as shapes from '../replay/shapes.ts';
import { parsedArgs, Usage } from '../replay/usage.ts';
import { WIRE_CHECKS } from '../replay/wire.ts';

/** Is not there in the package, which has them compiled in. */
const FOLDER = fileURLToPath(new URL('../requirements', import.meta.url));
const { SHAPE_CHECKS = [] } = shapes as { SHAPE_CHECKS?: readonly Claim[] };
/** Columns of the table. */
const ID = 14;
const LEVEL = 7;

/** @param args as given on the command line @returns the exit code @throws Usage @throws BadFile */
export async function coverage(args: string[]): Promise<number> {
  const values = parsed(args);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const folder = values.requirements ?? (existsSync(FOLDER) ? FOLDER : undefined);
  const files =
    folder === undefined
      ? Object.values(ownRequirements()).map((one) => requirementsSchema.parse(one))
      : readRequirements(folder);
  const scenarios = values.scenarios === undefined ? ownScenarios() : readScenarios([values.scenarios]);
  const all = covered(files, [...claimsOf(scenarios), ...SHAPE_CHECKS, ...WIRE_CHECKS]);
  if (values.write) {
    if (folder === undefined)
      throw new Usage('coverage --write needs --requirements <folder>: the files are compiled in');
    for (const file of all.files) writeFileSync(join(folder, `${file.revision}.json`), requirementsText(file));
  }
  const { revision } = values;
  const shown = all.files.filter((file) => revision === undefined || file.revision === revision);
  if (shown.length === 0)
    throw new Usage(`--revision must be one of ${files.map((one) => one.revision).join(', ')}, got "${revision}"`);
  const report = { ...all, files: shown };
  console.log(values.json ? asJson(report) : asTable(report, values.missing));
  return all.faults.length > 0 || [...all.missing.values()].some((rows) => rows.length > 0) ? 1 : 0;
}

const USAGE = `mcp-replay coverage [--revision <revision>] [--missing] [--json] [--write]
                    [--scenarios <folder>] [--requirements <folder>]

The rules that bind a server, and the checks that prove them.`;

function parsed(args: string[]) {
  return parsedArgs({
    args,
    options: {
      help: { type: 'boolean', default: false },
      revision: { type: 'string' },
      missing: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      scenarios: { type: 'string' },
      requirements: { type: 'string' },
    },
  }).values;
}

function asTable({ files, missing, faults }: Coverage, onlyMissing: boolean): string {
  const lines: string[] = [];
  for (const { revision, requirements } of files) {
    lines.push(`${revision}`);
    for (const { id, level, where, text, checks, reason } of requirements) {
      if (onlyMissing && (checks.length > 0 || reason !== undefined)) {
        if (!missing.get(revision)?.some((row) => row.id === id)) continue;
      }
      lines.push(`  ${id.padEnd(ID)} ${level.padEnd(LEVEL)} ${where}`);
      const indent = ' '.repeat(ID + LEVEL + 4);
      lines.push(`${indent}${text}`);
      if (checks.length > 0) lines.push(`${indent}-> ${checks.join(', ')}`);
      else lines.push(`${indent}-- ${reason ?? 'neither a check nor a reason'}`);
    }
  }
  for (const { revision, ...counts } of summaries({ files, missing, faults }))
    for (const level of LEVELS) {
      const { rows, checked, excused, neither } = counts[level];
      lines.push(
        `${revision} ${level.padEnd(LEVEL)} ${rows} rows: ${checked} with a check, ${excused} with a reason, ${neither} with neither`,
      );
    }
  return [...lines, ...faults.map((fault) => `wrong: ${fault}`)].join('\n');
}

function asJson(report: Coverage): string {
  const { files, faults } = report;
  const missing = files.flatMap(
    ({ revision }) => report.missing.get(revision)?.map(({ id }) => ({ revision, id })) ?? [],
  );
  return JSON.stringify({ files, summary: summaries(report), missing, faults }, null, 1);
}

interface Counts {
  rows: number;
  checked: number;
  excused: number;
  neither: number;
}

function summaries({ files, missing }: Coverage): ({ revision: Revision } & Record<(typeof LEVELS)[number], Counts>)[] {
  return files.map(({ revision, requirements }) => {
    const count = (level: (typeof LEVELS)[number]): Counts => {
      const rows = requirements.filter((row) => row.level === level);
      const excused = rows.filter(({ reason }) => reason !== undefined).length;
      const neither =
        level === 'MUST'
          ? (missing.get(revision)?.length ?? 0)
          : rows.filter(({ checks, reason }) => checks.length === 0 && reason === undefined).length;
      return { rows: rows.length, checked: rows.length - excused - neither, excused, neither };
    };
    return { revision, MUST: count('MUST'), SHOULD: count('SHOULD'), MAY: count('MAY') };
  });
}
