/**
 * `npm run bench`: this server, raw handlers and the peers side by side, on every runtime, in one run.
 *
 *     npm run bench -- [--short] [--runtime bun,deno,node] [--variant raw,bare,ours,...] [--measure calls,lists,...]
 *                      [--rounds 5] [--seconds 3] [--against <another checkout>] [--out <file>]
 *
 * `--short` ends within a minute: few rounds, without the peers. Numbers of a machine that does something else besides
 * are worth little; the spreads tell.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CONNECTIONS, client } from './client.ts';
import { type Machine, machine } from './machine.ts';
import { type HeartbeatRow, heartbeats } from './measures/heartbeats.ts';
import { bareStreams, idleMemory, type MemoryRow, streamMemory } from './measures/memory.ts';
import { type StartRow, startTimes } from './measures/start.ts';
import { calls, events, guarded, idleSessions, isOurs, lists, toolCounts } from './measures/throughput.ts';
import { type Contender, type Pace, type Row, series } from './series.ts';
import { BENCH, RUNTIMES, type Runtime } from './servers.ts';
import { heartbeatTable, loadTable, memoryTable, startTable } from './table.ts';
import { against, TARGETS, type Target, targetNamed } from './targets.ts';

export interface Results {
  /** ISO 8601. */
  date: string;
  machine: Machine;
  connections: number;
  pace: Pace;
  load: Row[];
  memory: MemoryRow[];
  heartbeats: HeartbeatRow[];
  start: StartRow[];
}

const MEASURES = [
  'calls',
  'lists',
  'tools',
  'idle',
  'guarded',
  'events',
  'sessions-memory',
  'streams-memory',
  'heartbeats',
  'start',
] as const;
type Measure = (typeof MEASURES)[number];

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    runtime: { type: 'string' },
    variant: { type: 'string' },
    measure: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    against: { type: 'string' },
    out: { type: 'string' },
  },
});

const { short } = options;
const runtimes = chosen('runtime', options.runtime, RUNTIMES, RUNTIMES);
const measures = chosen<Measure>('measure', options.measure, MEASURES, short ? ['calls', 'lists'] : MEASURES);
const names = TARGETS.map(({ name }) => name);
const targets: Target[] = chosen('variant', options.variant, names, short ? ['raw', 'bare', 'ours'] : names).map(
  targetNamed,
);
if (options.against !== undefined) targets.push(against(resolve(options.against)));
const pace: Pace = {
  rounds: whole('rounds', options.rounds, short ? 1 : 5),
  seconds: whole('seconds', options.seconds, short ? 1 : 3),
  together: short ? 0 : whole('rounds', options.rounds, 5),
  warm: short ? 1 : 2,
};
const own = targets.filter(isOurs);

installPeers();
const results: Results = {
  date: new Date().toISOString(),
  machine: machine(),
  connections: CONNECTIONS,
  pace,
  load: [],
  memory: [],
  heartbeats: [],
  start: [],
};
const { cores, cpu, versions, commit } = results.machine;
console.log(
  `${cores} cores, ${cpu}; Bun ${versions.bun}, Deno ${versions.deno}, Node ${versions.node}; ${results.machine.client}; commit ${commit}`,
);
if (client !== 'wrk')
  console.log('wrk is not on the PATH: autocannon is slower than the faster targets, so ratios come out too high');
console.log(
  `${CONNECTIONS} connections, ${pace.rounds} rounds of ${pace.seconds} s, the variants in turn; cpu ratio: beside its base under load at the same time\n`,
);

for (const runtime of runtimes) {
  for (const measure of measures) {
    try {
      await run(measure, runtime);
    } catch (error) {
      progress('');
      console.error(`${measure} on ${runtime}: ${error instanceof Error ? error.message : error}\n`);
      process.exitCode = 1;
    }
  }
}

const out = resolve(options.out ?? `${BENCH}results/${short ? 'short' : results.date.slice(0, 10)}.json`);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(results, null, 1)}\n`);
console.log(`results: ${out}`);
if (results.load.some(({ failed }) => failed > 0)) {
  console.error('some requests failed: their numbers are not valid');
  process.exitCode = 1;
}

async function run(measure: Measure, runtime: Runtime): Promise<void> {
  switch (measure) {
    case 'calls':
      return loaded(measure, runtime, calls(runtime, targets));
    case 'lists':
      return loaded(measure, runtime, await lists(runtime, targets, short ? [53] : undefined));
    case 'tools':
      for (const target of own) await loaded(measure, runtime, toolCounts(target));
      return;
    case 'idle':
      for (const target of own) await loaded(measure, runtime, idleSessions(target));
      return;
    case 'guarded':
      for (const target of own) await loaded(measure, runtime, await guarded(target));
      return;
    case 'events':
      return loaded(measure, runtime, events(runtime, targets));
    case 'sessions-memory': {
      const rows: MemoryRow[] = [];
      for (const target of sessioned()) {
        progress(`${runtime} ${target.name}: idle sessions`);
        // Beyond its memory of verified ids an idle session of ours costs nothing; only a second look shows that.
        rows.push(
          ...(await idleMemory(runtime, target, short ? [2_000] : isOurs(target) ? [10_000, 20_000] : [10_000])),
        );
      }
      return remembered(rows);
    }
    case 'streams-memory': {
      const rows: MemoryRow[] = [];
      for (const target of [bareStreams(), ...sessioned()]) {
        progress(`${runtime} ${target.name}: streams`);
        try {
          rows.push(await streamMemory(runtime, target, 2_000, 16));
        } catch (error) {
          if (own.includes(target)) throw error;
          progress('');
          console.log(`streams on ${runtime}, ${target.name}: ${error instanceof Error ? error.message : error}`);
        }
      }
      return remembered(rows);
    }
    case 'heartbeats':
      for (const target of own) {
        progress(`${runtime} ${target.name}: heartbeats`);
        const row = await heartbeats(runtime, target, 10_000, 60);
        results.heartbeats.push(row);
        progress('');
        console.log(`${heartbeatTable([row])}\n`);
      }
      return;
    case 'start': {
      const rows = await startTimes(runtime, short ? 3 : 10, progress);
      results.start.push(...rows);
      progress('');
      console.log(`${startTable(rows)}\n`);
    }
  }
}

async function loaded(measure: Measure, runtime: Runtime, contenders: readonly Contender[]): Promise<void> {
  const rows = await series(measure, runtime, contenders, pace, progress);
  results.load.push(...rows);
  progress('');
  console.log(`${measure}\n${loadTable(rows)}\n`);
}

function remembered(rows: readonly MemoryRow[]): void {
  results.memory.push(...rows);
  progress('');
  console.log(`${memoryTable(rows)}\n`);
}

function sessioned(): Target[] {
  return targets.filter(({ raw, eras }) => !raw && eras.includes('sessions'));
}

/** The peers' packages are the bench's alone: they are installed when it first needs them. */
function installPeers(): void {
  const folder = `${BENCH}peers/`;
  const lock = readFileSync(`${folder}package-lock.json`, 'utf8');
  const mark = `${folder}node_modules/.installed`;
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return;
  console.log('installing what the bench compares with ...');
  const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`npm ci failed in ${folder}${error ? `: ${error.message}` : ''}`);
  writeFileSync(mark, lock);
}

function chosen<T extends string>(
  what: string,
  given: string | undefined,
  all: readonly T[],
  standard: readonly T[],
): T[] {
  if (given === undefined) return [...standard];
  return given.split(',').map((name) => {
    const found = all.find((one) => one === name.trim());
    if (!found) throw new Error(`--${what} is any of ${all.join(', ')}, got "${name}"`);
    return found;
  });
}

function whole(what: string, given: string | undefined, standard: number): number {
  const value = given === undefined ? standard : Number(given);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${what} must be a whole number of at least 1, got "${given}"`);
  return value;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
