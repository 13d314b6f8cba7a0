/**
 * `npm run bench:report [-- <results.json>]`: RESULTS.md and its charts, made from results as they were measured.
 * Without a file the newest of load/bench/results is taken.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Aim, atLeast, atMost } from './aims.ts';
import { type Bar, barChart } from './chart.ts';
import type { Results } from './run.ts';
import { median, type Row } from './series.ts';
import { BENCH, RUNTIMES, type Runtime } from './servers.ts';
import { streamAims } from './streams/aims.ts';
import { streamSections } from './streams/page.ts';
import { thousands } from './table.ts';

const given = process.argv[2];
const file = given ? resolve(given) : newest();
const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
const { load, memory, start, machine, streams = [], later = [] } = results;
const charts = `${BENCH}results/`;
mkdirSync(charts, { recursive: true });

/** Aims by runtime: what is to be reached first, and then. Ratios of throughput to the raw handler. */
const CALLS: Record<Runtime, readonly [number, number]> = { bun: [0.8, 0.9], deno: [0.65, 0.75], node: [0.9, 1] };
const BARE: readonly [number, number] = [0.8, 0.88];
/** Times the throughput of a peer. */
const PEERS = { 'mcp-lite': 1.8, tmcp: 3, 'sdk-v1': 5, 'sdk-v2': 8 } as const;
const LIST = 0.8;
const IDLE_KB = 0.2;
const STREAM = 1.2;
const START = 1.3;
/** How far a call may move with the tools or the sessions that are there. */
const GROWTH = 0.9;

const aims: Aim[] = [];

for (const runtime of RUNTIMES) {
  for (const era of ['sessions', 'modern'] as const) {
    const ours = callOf(runtime, 'ours', era);
    if (!ours) continue;
    const [first, then] = CALLS[runtime];
    if (ours.ratio !== undefined) {
      aims.push(atLeast(`tools/call, ${era}, to raw`, runtime, ours.ratio, first, ours.cpu_ratio));
      aims.push(atLeast(`tools/call, ${era}, to raw: then`, runtime, ours.ratio, then, ours.cpu_ratio));
    }
    const bare = callOf(runtime, 'bare', era);
    if (bare)
      for (const aim of BARE)
        aims.push(
          atLeast(`tools/call, ${era}, to bare node:http`, runtime, timesOf(ours, bare), aim, cpuTimesOf(ours, bare)),
        );
    for (const [peer, aim] of Object.entries(PEERS)) {
      const other = callOf(runtime, peer, era);
      if (other)
        aims.push(
          atLeast(`tools/call, ${era}, to ${peer}`, runtime, timesOf(ours, other), aim, cpuTimesOf(ours, other)),
        );
    }
  }
  const list = load.find((row) => isOurs(row, runtime, 'lists') && row.detail === '53 tools');
  if (list?.ratio !== undefined)
    aims.push(atLeast('tools/list of 53 tools, to the same bytes', runtime, list.ratio, LIST, list.cpu_ratio));
  for (const measure of ['tools', 'idle']) {
    for (const row of load.filter((one) => isOurs(one, runtime, measure)))
      if (row.ratio !== undefined)
        aims.push(atLeast(`tools/call with ${row.detail}, to ${row.base}`, runtime, row.ratio, GROWTH, row.cpu_ratio));
  }
  const idle = memory.filter(
    (row) => row.measure === 'idle-sessions' && row.runtime === runtime && row.target === 'ours',
  );
  for (const row of idle) {
    const what = `heap of an idle session, of ${thousands(row.count)}${row === idle[0] ? '' : ' more'}`;
    aims.push(atMost(what, runtime, row.heap_bytes_each / 1000, IDLE_KB, 'kB'));
  }
  const streams = memory.filter((row) => row.measure === 'streams' && row.runtime === runtime);
  const bare = streams.find(({ target }) => target === 'raw');
  const stream = streams.find(({ target }) => target === 'ours');
  if (bare && stream)
    aims.push(
      atMost('RSS of an open stream, to a bare one', runtime, stream.rss_bytes_each / bare.rss_bytes_each, STREAM),
    );
  for (const row of start.filter((one) => one.runtime === runtime))
    if (row.ratio !== undefined)
      aims.push(atMost(`first answer of ${row.target}, to raw + zod`, runtime, row.ratio, START));
}
aims.push(...streamAims(streams.filter(({ target }) => target === 'ours')));

const page = [
  '# Measured',
  '',
  `Made by \`npm run bench:report\` from [\`${file.split('/').at(-1)}\`](results/${file.split('/').at(-1)}): change nothing here.`,
  '',
  `${results.date.slice(0, 10)}, commit ${machine.commit}; ${machine.cores} cores, ${machine.cpu}; Bun ${machine.versions.bun}, Deno ${machine.versions.deno}, Node ${machine.versions.node}${machine.versions.workerd ? `, workerd ${machine.versions.workerd}` : ''}; ` +
    `${machine.client}, ${results.connections} connections, ${results.pace.rounds} rounds of ${results.pace.seconds} s, the variants in turn, every request with an id of its own. ` +
    'Values are medians; +- is the distance from the least to the most over the median. *Ratio* is throughput to the raw handler of the same runtime (on Node by @hono/node-server), ' +
    '*cpu ratio* the same of CPU time per request, both under load at the same moment.',
  '',
  ...later.flatMap(({ date, commit, rows }) => [
    `Of a later run, ${date.slice(0, 10)}, commit ${commit}: ${rows.join(', ')}.`,
    '',
  ]),
  '## Aims',
  '',
  ...lines(
    ['', 'what', 'runtime', 'aim', 'measured', 'by CPU'],
    aims.map(({ what, runtime, aim, measured, by_cpu, reached }) => [
      reached ? 'reached' : '**missed**',
      what,
      runtime,
      aim,
      measured,
      by_cpu?.toFixed(2) ?? '',
    ]),
  ),
  '',
];

for (const [measure, title] of [
  ['calls', 'tools/call'],
  ['lists', 'tools/list'],
  ['events', 'A call answered by ten events'],
  ['tools', 'tools/call by number of tools'],
  ['idle', 'tools/call by number of idle sessions'],
] as const) {
  const rows = load.filter((row) => row.measure === measure);
  if (rows.length === 0) continue;
  page.push(`## ${title}`, '');
  for (const runtime of RUNTIMES) {
    const bars = rows
      .filter((row) => row.runtime === runtime)
      .map(
        (row): Bar => ({
          label: [row.target, row.detail ?? row.era].join(', '),
          value: row.requests_per_s,
          told: thousands(row.requests_per_s),
          ours: row.target === 'ours',
        }),
      );
    chart(`${measure}-${runtime}`, `${title} on ${runtime}, requests per second`, bars);
  }
  page.push(
    ...lines(
      ['runtime', 'target', 'era', 'with', 'req/s', '+-', 'ratio', 'cpu us', 'cpu ratio', 'p50 us', 'p99 us'],
      rows.map((row) => [
        row.runtime,
        row.target,
        row.era,
        row.detail ?? '',
        thousands(row.requests_per_s),
        `${Math.round(row.spread * 100)} %`,
        row.ratio?.toFixed(2) ?? '',
        row.cpu_us?.toFixed(1) ?? '',
        row.cpu_ratio?.toFixed(2) ?? '',
        thousands(row.p50_us),
        thousands(row.p99_us),
      ]),
    ),
    '',
  );
}
if (memory.length > 0) {
  page.push('## Memory', '', 'Growth for each session or stream; the live heap after a collection.', '');
  for (const runtime of RUNTIMES) {
    const bars = memory
      .filter((row) => row.measure === 'streams' && row.runtime === runtime)
      .map(
        (row): Bar => ({
          label: row.target,
          value: row.rss_bytes_each / 1000,
          told: `${(row.rss_bytes_each / 1000).toFixed(1)} kB`,
          ours: row.target === 'ours',
        }),
      );
    chart(`streams-${runtime}`, `Resident memory of an open stream on ${runtime}`, bars);
  }
  page.push(
    ...lines(
      ['runtime', 'target', 'measure', 'opened', 'heap kB', 'RSS kB', 'CPU of a core'],
      memory.map((row) => [
        row.runtime,
        row.target,
        row.measure,
        thousands(row.count),
        (row.heap_bytes_each / 1000).toFixed(2),
        (row.rss_bytes_each / 1000).toFixed(2),
        row.cpu_share === undefined ? '' : `${(row.cpu_share * 100).toFixed(1)} %`,
      ]),
    ),
    '',
  );
}
for (const { title, text, charts, head, rows } of streamSections(streams)) {
  page.push(`## ${title}`, '', text, '');
  for (const one of charts) chart(one.name, one.title, one.bars);
  page.push(...lines(head, rows), '');
}
if (start.length > 0) {
  page.push('## From start to first answer', '');
  page.push(
    ...lines(
      ['runtime', 'target', 'ms', '+-', 'ratio', 'CPU ms'],
      start.map((row) => [
        row.runtime,
        row.target,
        row.first_answer_ms.toFixed(0),
        `${Math.round(row.spread * 100)} %`,
        row.ratio?.toFixed(2) ?? '',
        row.cpu_ms?.toFixed(0) ?? '',
      ]),
    ),
    '',
  );
}
writeFileSync(`${BENCH}RESULTS.md`, page.join('\n'));
const missed = aims.filter(({ reached }) => !reached).length;
console.log(`${BENCH}RESULTS.md: ${aims.length - missed} of ${aims.length} aims reached`);

/** @param name of its file, without the extension */
function chart(name: string, title: string, bars: readonly Bar[]): void {
  if (bars.length === 0) return;
  writeFileSync(`${charts}${name}.svg`, barChart(title, bars));
  page.push(`![${title}](results/${name}.svg)`, '');
}

function newest(): string {
  const names = readdirSync(`${BENCH}results`).filter((name) => /^\d{4}-\d\d-\d\d.*\.json$/.test(name));
  const last = names.sort().at(-1);
  if (last === undefined) throw new Error('there are no results yet: npm run bench');
  return `${BENCH}results/${last}`;
}

function callOf(runtime: Runtime, target: string, era: Row['era']): Row | undefined {
  return load.find(
    (row) => row.measure === 'calls' && row.runtime === runtime && row.target === target && row.era === era,
  );
}

function isOurs(row: Row, runtime: Runtime, measure: string): boolean {
  return row.measure === measure && row.runtime === runtime && row.target === 'ours';
}

/** Median of the ratios of throughput, round by round. */
function timesOf(row: Row, base: Row): number {
  return median(
    row.samples.map(({ requests, seconds }, round) => {
      const other = base.samples[round];
      return other ? requests / seconds / (other.requests / other.seconds) : Number.NaN;
    }),
  );
}

/** The same by CPU time per request, each beside the raw handler. */
function cpuTimesOf(row: Row, base: Row): number | undefined {
  return row.cpu_ratio === undefined || base.cpu_ratio === undefined ? undefined : row.cpu_ratio / base.cpu_ratio;
}

function lines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
