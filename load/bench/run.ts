/**
 * `npm run bench`: this server, raw handlers and the peers side by side, on every runtime, in one run.
 *
 *     npm run bench -- [--short] [--runtime bun,deno,node,workerd] [--variant raw,bare,ours,...]
 *                      [--measure calls,lists,...,streams,storm,lag] [--rounds 5] [--seconds 3]
 *                      [--streams 5000] [--hold 30] [--heartbeat 6000] [--storm 2000] [--calls 200]
 *                      [--against <another checkout>] [--out <file>] [--merge <result>]
 *
 * `--short` ends within a minute: few rounds, without the peers. Numbers of a machine that does something else besides
 * are worth little; the spreads tell. On workerd only streams are measured. `--streams` are held for `--hold` s with a
 * heartbeat each `--heartbeat` ms, `--storm` are cut in one moment, `--calls` are made at once.
 *
 * `--merge` puts what is measured in the place of the same measures and runtimes of a stored result, which tells so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CONNECTIONS, client } from './client.ts';
import { type Machine, machine } from './machine.ts';
import { bareStreams, idleMemory, type MemoryRow, streamMemory } from './measures/memory.ts';
import { type StartRow, startTimes } from './measures/start.ts';
import { calls, events, guarded, idleSessions, isOurs, lists, toolCounts } from './measures/throughput.ts';
import { type Later, merged, mustBeAlike } from './merge.ts';
import { type Contender, type Pace, type Row, series } from './series.ts';
import { BENCH, RUNTIMES, type Runtime } from './servers.ts';
import { measureStreams, STREAM_MEASURES } from './streams/measures.ts';
import { STREAM_RUNTIMES, type StreamRow } from './streams/row.ts';
import { streamTables } from './streams/table.ts';
import { loadTable, memoryTable, startTable, table } from './table.ts';
import { against, TARGETS, type Target, targetNamed } from './targets.ts';

export interface Results {
  /** ISO 8601. */
  date: string;
  machine: Machine;
  connections: number;
  pace: Pace;
  load: Row[];
  memory: MemoryRow[];
  start: StartRow[];
  /** Absent in results from before they were measured. */
  streams?: StreamRow[];
  /** Runs whose rows took the place of earlier ones. */
  later?: Later[];
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
  'start',
] as const;
type Measure = (typeof MEASURES)[number];
const ALL_MEASURES = [...MEASURES, ...STREAM_MEASURES] as const;

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    runtime: { type: 'string' },
    variant: { type: 'string' },
    measure: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    streams: { type: 'string' },
    hold: { type: 'string' },
    heartbeat: { type: 'string' },
    storm: { type: 'string' },
    calls: { type: 'string' },
    against: { type: 'string' },
    out: { type: 'string' },
    merge: { type: 'string' },
  },
});

const { short } = options;
const streamRuntimes = chosen('runtime', options.runtime, STREAM_RUNTIMES, STREAM_RUNTIMES);
const runtimes = RUNTIMES.filter((runtime) => streamRuntimes.includes(runtime));
const standard = short ? (['calls', 'lists', ...STREAM_MEASURES] as const) : ALL_MEASURES;
const wanted = chosen('measure', options.measure, ALL_MEASURES, standard);
const measures = MEASURES.filter((measure) => wanted.includes(measure));
const names = TARGETS.map(({ name }) => name);
const targets: Target[] = chosen('variant', options.variant, names, short ? ['raw', 'bare', 'ours'] : names).map(
  targetNamed,
);
if (options.against !== undefined) targets.push(against(resolve(options.against)));
const pace: Pace = {
  rounds: whole('rounds', options.rounds, short ? 1 : 5),
  seconds: whole('seconds', options.seconds, short ? 1 : 3),
  together: short ? 0 : whole('rounds', options.rounds, 5),
  warm: short ? 0 : 2,
};
const own = targets.filter(isOurs);
// Rows are compared with each other: some of them alone have no place among those of another run.
if (options.merge !== undefined && (options.variant !== undefined || short))
  throw new Error('--merge replaces whole measures: give neither --variant nor --short with it');
const stored =
  options.merge === undefined ? undefined : (JSON.parse(readFileSync(resolve(options.merge), 'utf8')) as Results);

installPeers();
const results: Results = {
  date: new Date().toISOString(),
  machine: machine(),
  connections: CONNECTIONS,
  pace,
  load: [],
  memory: [],
  start: [],
  streams: [],
};
if (stored) mustBeAlike(stored.machine, results.machine);
const { cores, cpu, versions, commit } = results.machine;
console.log(
  `${cores} cores, ${cpu}; Bun ${versions.bun}, Deno ${versions.deno}, Node ${versions.node}, workerd ${versions.workerd}; ${results.machine.client}; commit ${commit}`,
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

results.streams = await measureStreams(
  {
    runtimes: streamRuntimes,
    targets: short ? own : targets,
    measures: STREAM_MEASURES.filter((measure) => wanted.includes(measure)),
    held: {
      streams: whole('streams', options.streams, short ? 100 : 5_000),
      seconds: whole('hold', options.hold, short ? 4 : 30),
      heartbeat_ms: whole('heartbeat', options.heartbeat, short ? 1_000 : 6_000),
    },
    storm: whole('storm', options.storm, short ? 60 : 2_000),
    lag: { calls: whole('calls', options.calls, short ? 20 : 200), rounds: short ? 1 : 5 },
    short,
  },
  shown,
  progress,
);

const out = resolve(
  options.out ?? options.merge ?? `${BENCH}results/${short ? 'short' : results.date.slice(0, 10)}.json`,
);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(stored ? merged(stored, results) : results, null, 1)}\n`);
console.log(`results: ${out}`);
for (const { measure, runtime, era, unable, wrong } of results.streams.filter(({ target }) =>
  isOurs({ name: target }),
)) {
  const why = unable ?? wrong;
  if (why === undefined) continue;
  console.error(`${measure} on ${runtime}, ${era}: ${why}`);
  process.exitCode = 1;
}
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

function shown(rows: readonly StreamRow[]): void {
  progress('');
  for (const { measure, head, rows: cells } of streamTables(rows))
    console.log(`${measure}\n${table([head, ...cells])}\n`);
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
