/** Thousands of quiet streams: whether any is cut, what they cost, and whether every heartbeat comes on time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ECHO, openSessions, send, shapeOf } from '../messages.ts';
import { ROOT, type Running } from '../servers.ts';
import { runBeside, type ScriptRun } from '../streams/client.ts';
import { environmentOf, type StreamContender, startContender } from '../streams/contender.ts';
import type { Beats, BeatsRow, Held, HeldRow, Told } from '../streams/row.ts';
import type { ScriptResult, Task } from '../streams/script.ts';
import { toldOf, whoOf } from '../streams/told.ts';
import { settled } from './memory.ts';

export interface HeldSize {
  streams: number;
  /** How long all are open at once. */
  seconds: number;
  heartbeat_ms: number;
}

/** Streams that are opened in a second at least; a contender that is slower has less time with all of them open. */
const OPENED_PER_S = 300;
/** From the last opening until the server is looked at, and again for reading its memory, ms. */
const settleOf = (streams: number): number => 500 + streams / 5;
/** Of the period, by which the last heartbeat of a stream may be late: to read the memory stops the server for a moment. */
const LATE = 1 / 4;
/** Each opens a session and its stream after the other; without a handshake one every 5 ms. */
const VUS = { sessions: '20', modern: '2' };
/** Requests before the first look, so that caches and code are in memory; no more than there are streams. */
const WARM = 500;
/** Of the script, for what is no figure of the bench: never reached. */
const NO_BUDGET_MS = 1e9;

/** @returns the row of the streams, and that of their heartbeats */
export async function held(contender: StreamContender, size: HeldSize): Promise<[HeldRow, BeatsRow]> {
  const { streams, heartbeat_ms } = size;
  const server = await startContender(contender, streams, heartbeat_ms);
  try {
    await warmUp(contender, server.url, Math.min(WARM, streams));
    const before = await rssOf(contender, server);
    const hold_ms = (streams / OPENED_PER_S + size.seconds) * 1000 + 2 * settleOf(streams);
    const run = runBeside(taskOf(contender, server.url, size, hold_ms), hold_ms + (streams / 50) * 1000 + 60_000);
    const costs = await look(contender, server, run, size, before);
    const result = await run.result;
    return rowsOf(contender, toldOf(contender, result, server), result, size, costs);
  } finally {
    await server.stop();
  }
}

function taskOf(contender: StreamContender, url: string, { streams, heartbeat_ms }: HeldSize, hold_ms: number): Task {
  const own_ms = beats(contender) ? heartbeat_ms : 0;
  return {
    script: `${ROOT}load/heartbeats.ts`,
    streams,
    heartbeat_ms: own_ms,
    env: {
      ...environmentOf(contender, url),
      STREAMS: String(streams),
      VUS: VUS[contender.era],
      HOLD_MS: String(hold_ms),
      HEARTBEAT_MS: String(own_ms),
      LATE_MS: String(heartbeat_ms * LATE),
      CALLS_PER_S: '0',
      P95_MS: String(NO_BUDGET_MS),
    },
  };
}

function rowsOf(
  contender: StreamContender,
  told: Told,
  result: ScriptResult,
  { streams, heartbeat_ms }: HeldSize,
  costs: Costs,
): [HeldRow, BeatsRow] {
  if (told.unable !== undefined)
    return [
      { measure: 'held', ...told },
      { measure: 'beats', ...told },
    ];
  const never = result.opened_in_s === undefined ? { wrong: 'the streams were never all open' } : {};
  const row: HeldRow = {
    measure: 'held',
    ...never,
    ...told,
    figures: { streams, ...costs, ...heldIn(result) },
  };
  if (!beats(contender)) return [row, { measure: 'beats', ...whoOf(contender), unable: 'it sends no heartbeats' }];
  const figures = result.off_ms.count > 0 ? { figures: beatsIn(result, streams, heartbeat_ms) } : {};
  return [row, { measure: 'beats', ...never, ...told, ...figures }];
}

function beats({ target }: StreamContender): boolean {
  return target.streams?.heartbeat === true;
}

async function warmUp({ era }: StreamContender, url: string, requests: number): Promise<void> {
  if (era === 'sessions') await openSessions(url, requests);
  else for (let id = 1; id <= requests; id++) await send(url, shapeOf('modern', ...ECHO), id);
}

type Costs = Pick<Held, 'seconds' | 'cpu_share' | 'rss_bytes_each'>;

/** What the server uses while all streams are open. */
async function look(
  contender: StreamContender,
  server: Running,
  run: ScriptRun,
  { streams, seconds }: HeldSize,
  before: number | undefined,
): Promise<Costs> {
  if (!(await run.open)) return { seconds: 0 };
  await sleep(settleOf(streams));
  // Before anything is timed: a collection may take long. A server that crashed tells nothing, and its end is told with the result.
  const after = await rssOf(contender, server).catch(() => undefined);
  run.watch();
  const from = performance.now();
  const cpu = server.cpu_us();
  await Promise.race([sleep(seconds * 1000), run.closing]);
  const used = server.cpu_us();
  const passed = (performance.now() - from) / 1000;
  return {
    seconds: passed,
    ...(cpu !== undefined && used !== undefined && { cpu_share: (used - cpu) / (passed * 1e6) }),
    ...(before !== undefined && after !== undefined && { rss_bytes_each: (after - before) / streams }),
  };
}

/** Resident memory, after a collection where the runtime can be asked for one. */
async function rssOf({ runtime }: StreamContender, server: Running): Promise<number | undefined> {
  return runtime === 'workerd' ? server.rss() : (await settled(server)).rss_bytes;
}

function heldIn({ metrics, opened_in_s }: ScriptResult): Omit<Held, 'streams' | 'seconds'> {
  const first_byte_p95_ms = metrics.mcp_stream_open_ms?.values['p(95)'];
  const held = metrics.mcp_streams_held?.values.count ?? 0;
  return {
    held,
    cut: metrics.mcp_stream_cut_early?.values.passes ?? 0,
    ...(opened_in_s !== undefined && { opened_in_s }),
    ...(held > 0 && first_byte_p95_ms !== undefined && { first_byte_p95_ms }),
  };
}

function beatsIn({ metrics, beats: count, missing, off_ms }: ScriptResult, streams: number, period_ms: number): Beats {
  return {
    streams,
    period_ms,
    beats: count,
    off_p50_ms: off_ms.p50,
    off_p99_ms: off_ms.p99,
    off_max_ms: off_ms.max,
    missing,
    short: metrics.mcp_heartbeat_shortfall?.values.passes ?? 0,
  };
}
