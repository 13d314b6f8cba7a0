/**
 * `npm run mutants`: every mutant against every scenario, as a matrix of mutants and the checks that notice them.
 *
 *     npm run mutants -- [--mutant <text in its name>] [--only <scenario id, * for any>] [--json <file>] [--checks]
 *
 * Prints each mutant with the checks that turned red, then what was noticed by none, which legal variations turned red, and
 * (--checks) the MUST checks that noticed nothing. Exit code 1 if there is any of these.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ownBind, ownScenarios } from '../replay/bundled.ts';
import { globOf } from '../replay/glob.ts';
import { MUTANTS } from './index.ts';
import { red, replayed } from './kills.ts';
import type { Mutant } from './mutate.ts';
import { VARIATIONS } from './variations.ts';

export interface Row {
  readonly name: string;
  readonly isVariation: boolean;
  /** The first reason, by check. */
  readonly red: Record<string, string>;
  /** Checks of the level MUST that had something to look at. */
  readonly must: readonly string[];
}

const RIGHT = 'the right server';
const ALL: readonly (Mutant & { isVariation: boolean })[] = [
  { name: RIGHT, wrap: (handler) => handler, isVariation: true },
  ...VARIATIONS.map((one) => ({ ...one, isVariation: true })),
  ...MUTANTS.map((one) => ({ ...one, isVariation: false })),
];

/** Runs the mutants whose names hold a text, one after the other: each has the processor, and its own time, for itself. */
export async function matrix(
  { named = '', only }: { named?: string | undefined; only?: string | undefined } = {},
  onRow: (row: Row) => void = () => {},
): Promise<Row[]> {
  const pattern = only === undefined ? undefined : globOf(only);
  const scenarios = ownScenarios().filter(({ id }) => pattern?.test(id) ?? true);
  const rows: Row[] = [];
  for (const one of ALL.filter(({ name }) => name.includes(named))) {
    const outcomes = await replayed(scenarios, ownBind(), one);
    const checks = outcomes.flatMap((outcome) => outcome.checks);
    const row = {
      name: one.name,
      isVariation: one.isVariation,
      // A note is no alarm.
      red: Object.fromEntries(red(outcomes, one.isVariation ? ['fail', 'warn', 'error', 'inconclusive'] : undefined)),
      must: [...new Set(checks.filter(({ level }) => level === 'MUST').map(({ id }) => id))],
    };
    rows.push(row);
    onRow(row);
  }
  return rows;
}

/** What is wrong with the harness itself, one line each. */
export function blamed(rows: readonly Row[]): string[] {
  return [
    ...rows.flatMap(({ name, isVariation, red }) =>
      isVariation
        ? Object.entries(red).map(([check, why]) => `false alarm at "${name}": ${check}: ${why}`)
        : Object.keys(red).length === 0
          ? [`nothing noticed "${name}"`]
          : [],
    ),
  ];
}

/** Checks of the level MUST that no mutant turned red. */
export function toothless(rows: readonly Row[]): string[] {
  const must = new Set(rows.flatMap((row) => row.must));
  for (const { red, isVariation } of rows) if (!isVariation) for (const check of Object.keys(red)) must.delete(check);
  return [...must].sort();
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      mutant: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      checks: { type: 'boolean', default: false },
    },
  });
  const rows = await matrix({ named: values.mutant, only: values.only }, ({ name, isVariation, red }) => {
    const checks = Object.keys(red);
    const mark = isVariation === (checks.length === 0) ? 'ok  ' : 'FAIL';
    console.log(`${mark} ${isVariation ? 'legal: ' : ''}${name}: ${checks.length === 0 ? 'green' : checks.join(', ')}`);
  });
  const faults = blamed(rows);
  if (values.checks) faults.push(...toothless(rows).map((check) => `no mutant turns ${check} red`));
  for (const fault of faults) console.log(fault);
  const mutants = rows.filter(({ isVariation }) => !isVariation);
  const killed = mutants.filter(({ red }) => Object.keys(red).length > 0);
  console.log(
    `${killed.length} of ${mutants.length} mutants noticed, ${rows.length - mutants.length} legal servers, ${faults.length} faults`,
  );
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
