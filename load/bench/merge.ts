/** A later run of some measures put in the place of their rows in a stored result. Pure. */
import type { Machine } from './machine.ts';
import type { Results } from './run.ts';
import { STREAM_RUNTIMES } from './streams/row.ts';

/** A run whose rows took the place of others. */
export interface Later {
  /** ISO 8601. */
  date: string;
  commit: string;
  /** What was measured, as `measure on runtime`. */
  rows: readonly string[];
}

/** Rows of one measure and runtime belong together: they are compared with each other, so all of them are replaced. */
export function merged(stored: Results, fresh: Results): Results {
  const { date, machine, load, memory, start, streams = [] } = fresh;
  const rows = [...new Set([...load, ...memory, ...start, ...streams].map(nameOf))];
  const later = stored.later?.map((one) => ({ ...one, rows: one.rows.filter((row) => !rows.includes(row)) })) ?? [];
  return {
    ...stored,
    machine: { ...stored.machine, versions: { ...stored.machine.versions, ...machine.versions } },
    load: replaced(stored.load, load),
    memory: replaced(stored.memory, memory),
    start: replaced(stored.start, start),
    streams: replaced(stored.streams ?? [], streams),
    later: [...later.filter((one) => one.rows.length > 0), { date, commit: machine.commit, rows }],
  };
}

type Named = { measure: string; runtime: (typeof STREAM_RUNTIMES)[number] };

const nameOf = ({ measure, runtime }: Named): string => `${measure} on ${runtime}`;

function replaced<R extends Named>(before: readonly R[], now: readonly R[]): R[] {
  const names = new Set(now.map(nameOf));
  const order = ({ runtime }: Named) => STREAM_RUNTIMES.indexOf(runtime);
  return [...before.filter((row) => !names.has(nameOf(row))), ...now].sort((one, other) => order(one) - order(other));
}

/** @throws Error when what is measured now has no place in a stored result: machine or runtimes differ */
export function mustBeAlike(stored: Machine, now: Machine): void {
  const differs = differenceOf(stored, now);
  if (differs !== undefined) throw new Error(`The stored result is of another ${differs}: rows of both tell nothing`);
}

/** What two machines differ in; a runtime that only one of them knows is no difference. */
function differenceOf(one: Machine, other: Machine): string | undefined {
  if (one.cpu !== other.cpu || one.cores !== other.cores) return 'processor';
  if (one.memory_bytes !== other.memory_bytes) return 'size of memory';
  return Object.keys(one.versions).find(
    (runtime) => other.versions[runtime] !== undefined && one.versions[runtime] !== other.versions[runtime],
  );
}
