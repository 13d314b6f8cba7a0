/**
 * `npm run mutants`: every mutant against every scenario, as a matrix of mutants and the checks that notice them.
 *
 *     npm run mutants -- [--mutant <text in its name>] [--only <scenario id, * for any>] [--json <file>] [--checks] [--full]
 *
 * Prints each mutant with the checks that turned red, then what was noticed by none, which legal variations turned red, and
 * (--checks) the MUST checks that noticed nothing. Exit code 1 if there is any of these. A mutant is run against the first case
 * of each scenario that is about what it breaks, then against all cases of these, then against everything, until it is noticed;
 * with --full against everything at once.
 */

import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ownBind } from '../replay/bundled.ts';
import { scenariosOf } from '../replay/choice.ts';
import { globOf } from '../replay/glob.ts';
import type { Outcome } from '../replay/outcome.ts';
import { SHAPE_CHECKS } from '../replay/shapes.ts';
import { AREAS, MUTANTS } from './index.ts';
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
const ALL: readonly (Mutant & { isVariation: boolean; area: string })[] = [
  { name: RIGHT, wrap: (handler) => handler, isVariation: true, area: '*' },
  ...VARIATIONS.map((one) => ({ ...one, isVariation: true, area: '*' })),
  ...AREAS.flatMap(({ mutants, scenarios }) => mutants.map((one) => ({ ...one, isVariation: false, area: scenarios }))),
];

interface Asked {
  /** Only mutants whose names hold this text. */
  named?: string | undefined;
  /** Only these scenarios; `*` for any text. */
  only?: string | undefined;
  /** Every case of every scenario, also where the first cases have noticed the mutant. */
  full?: boolean | undefined;
  onRow?: (row: Row) => void;
}

/** The whole matrix, worked out by as many processes as there are cores. */
export async function matrix(asked: Asked = {}): Promise<Row[]> {
  const shards = availableParallelism();
  const rows = await Promise.all(Array.from({ length: shards }, (_, shard) => forked(asked, shard, shards)));
  const order = new Map(ALL.map(({ name }, index) => [name, index]));
  return rows.flat().sort((one, other) => (order.get(one.name) ?? 0) - (order.get(other.name) ?? 0));
}

function forked({ named, only, full, onRow }: Asked, shard: number, shards: number): Promise<Row[]> {
  const args = ['--shard', `${shard}/${shards}`];
  if (named !== undefined) args.push('--mutant', named);
  if (only !== undefined) args.push('--only', only);
  if (full) args.push('--full');
  const child = fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const rows: Row[] = [];
  child.on('message', (row: Row) => {
    rows.push(row);
    onRow?.(row);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(rows) : reject(new Error(`a part of the matrix ended with ${code}`)),
    );
  });
}

/** Mutants that are run side by side in a process: most of a run is waiting. */
const AT_ONCE = 3;

/** One part of the matrix, in this process. */
async function part(
  { named = '', only, full = false }: Asked,
  shard: number,
  shards: number,
  told: (row: Row) => void,
) {
  const scenarios = scenariosOf([], only);
  const bind = ownBind();
  const waiting = ALL.filter(({ name }) => name.includes(named)).filter((_one, index) => index % shards === shard);
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const near = globOf(one.area);
      const first = scenarios.filter(({ id }) => near.test(id));
      // A legal server has to be green in every case of every scenario.
      const rounds =
        one.isVariation || full ? [] : [() => replayed(first, bind, one, true), () => replayed(first, bind, one)];
      rounds.push(() => replayed(scenarios, bind, one));
      let row: Row | undefined;
      for (const round of rounds) {
        row = rowOf(one, await round());
        if (Object.keys(row.red).length > 0) break;
      }
      told(row as Row);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function rowOf({ name, isVariation }: (typeof ALL)[number], outcomes: readonly Outcome[]): Row {
  const checks = outcomes.flatMap((outcome) => outcome.checks);
  return {
    name,
    isVariation,
    // A note is no alarm.
    red: Object.fromEntries(red(outcomes, isVariation ? ['fail', 'warn', 'error', 'inconclusive'] : undefined)),
    must: [...new Set(checks.filter(({ level }) => level === 'MUST').map(({ id }) => id))],
  };
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

/**
 * Checks of messages that no mutant can turn red: a list of messages is taken apart, and one answer to a notification passed
 * over, before its form is judged (`wire.no-array` and `wire.accepted` tell them); and no scenario cancels a task of 2025-11-25.
 */
const UNSEEN = ['wire.batch', 'wire.batch-empty', 'wire.response-to-notification', 'wire.task-cancelled'];

/** Checks of the level MUST that no mutant turned red; those of messages among them where all mutants were run. */
export function toothless(rows: readonly Row[]): string[] {
  const must = new Set(rows.flatMap((row) => row.must));
  const names = new Set(rows.map(({ name }) => name));
  if (MUTANTS.every(({ name }) => names.has(name)))
    for (const { check, level } of SHAPE_CHECKS) if (level === 'MUST' && !UNSEEN.includes(check)) must.add(check);
  for (const { red, isVariation } of rows) if (!isVariation) for (const check of Object.keys(red)) must.delete(check);
  return [...must].sort();
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      mutant: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      full: { type: 'boolean', default: false },
      checks: { type: 'boolean', default: false },
      shard: { type: 'string' },
    },
  });
  const asked = { named: values.mutant, only: values.only, full: values.full };
  if (values.shard === undefined) await printed(asked, values);
  else {
    const [shard = 0, shards = 1] = values.shard.split('/').map(Number);
    await part(asked, shard, shards, (row) => process.send?.(row));
    process.disconnect?.();
  }
}

async function printed(asked: Asked, { checks, json }: { checks: boolean; json?: string | undefined }): Promise<void> {
  const rows = await matrix({
    ...asked,
    onRow({ name, isVariation, red }) {
      const noticed = Object.keys(red);
      const mark = isVariation === (noticed.length === 0) ? 'ok  ' : 'FAIL';
      console.log(
        `${mark} ${isVariation ? 'legal: ' : ''}${name}: ${noticed.length === 0 ? 'green' : noticed.join(', ')}`,
      );
    },
  });
  const faults = blamed(rows);
  if (checks) faults.push(...toothless(rows).map((check) => `no mutant turns ${check} red`));
  for (const fault of faults) console.log(fault);
  const mutants = rows.filter(({ isVariation }) => !isVariation);
  const killed = mutants.filter(({ red }) => Object.keys(red).length > 0);
  console.log(
    `${killed.length} of ${mutants.length} mutants noticed, ${rows.length - mutants.length} legal servers, ${faults.length} faults`,
  );
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, null, 1)}\n`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
