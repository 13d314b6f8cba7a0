/** How long an event is on its way from the tool that reports to the client, with many calls at once. */
import { BENCH } from '../servers.ts';
import { runBeside } from '../streams/client.ts';
import { environmentOf, type StreamContender, startContender } from '../streams/contender.ts';
import type { Lag, LagRow } from '../streams/row.ts';
import type { ScriptResult } from '../streams/script.ts';
import { toldOf } from '../streams/told.ts';

export interface LagSize {
  /** Calls at once, and how often each is made. */
  calls: number;
  rounds: number;
}

const EVENTS = 20;
const EVERY_MS = 50;
const GIVE_UP_MS = 15_000;
const HEARTBEAT_MS = 6000;

export async function lag(contender: StreamContender, { calls, rounds }: LagSize): Promise<LagRow> {
  const server = await startContender(contender, calls, HEARTBEAT_MS);
  try {
    const env = {
      ...environmentOf(contender, server.url),
      CALLS: String(calls),
      ROUNDS: String(rounds),
      EVENTS: String(EVENTS),
      EVERY_MS: String(EVERY_MS),
      GIVE_UP_MS: String(GIVE_UP_MS),
    };
    const within_ms = (rounds + 1) * (EVENTS * EVERY_MS + GIVE_UP_MS) + 60_000;
    const run = runBeside({ script: `${BENCH}scripts/ticks.ts`, env, streams: 0, heartbeat_ms: 0 }, within_ms);
    const result = await run.result;
    const told = toldOf(contender, result, server);
    return {
      measure: 'lag',
      ...told,
      ...(told.unable === undefined && { figures: { calls, ...figuresIn(result) } }),
    };
  } finally {
    await server.stop();
  }
}

function figuresIn({ metrics, lag_ms }: ScriptResult): Omit<Lag, 'calls'> {
  const count = (name: string) => metrics[name]?.values.count ?? 0;
  return {
    events: lag_ms.count,
    mean_ms: lag_ms.mean,
    p50_ms: lag_ms.p50,
    p99_ms: lag_ms.p99,
    max_ms: lag_ms.max,
    lost: count('mcp_events_lost'),
    repeated: count('mcp_events_duplicated'),
    foreign: count('mcp_events_foreign'),
  };
}
