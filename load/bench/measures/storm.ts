/** All streams are cut in one moment: how long until all are back, and what was lost. */
import { ROOT } from '../servers.ts';
import { runBeside } from '../streams/client.ts';
import { environmentOf, type StreamContender, startContender } from '../streams/contender.ts';
import type { Storm, StormRow } from '../streams/row.ts';
import type { ScriptResult } from '../streams/script.ts';
import { toldOf } from '../streams/told.ts';

/** Streams that are opened in a second at least. */
const OPENED_PER_S = 150;
const EVENTS = 20;
/** Of a call, by the time to open all: what is left when the streams are cut. */
const OUTLASTS = 2;
const GIVE_UP_MS = 15_000;
/** The quiet of a stream is no matter here. */
const HEARTBEAT_MS = 6000;
/** The time until all are back is an aim of the report, no threshold of the script. */
const NO_BUDGET_MS = 1e9;

export async function storm(contender: StreamContender, streams: number): Promise<StormRow> {
  const open_s = Math.max(2, Math.ceil(streams / OPENED_PER_S));
  const every_ms = (open_s * 1000 * OUTLASTS) / EVENTS;
  const server = await startContender(contender, streams, HEARTBEAT_MS);
  try {
    const env = {
      ...environmentOf(contender, server.url),
      STREAMS: String(streams),
      OPEN_S: String(open_s),
      EVENTS: String(EVENTS),
      EVERY_MS: String(every_ms),
      GIVE_UP_MS: String(GIVE_UP_MS),
      BACK_MS: String(NO_BUDGET_MS),
    };
    const within_ms = open_s * 1000 + EVENTS * every_ms + GIVE_UP_MS + 60_000;
    const run = runBeside({ script: `${ROOT}load/storm.ts`, env, streams: 0, heartbeat_ms: 0 }, within_ms);
    const result = await run.result;
    const told = toldOf(contender, result, server);
    return {
      measure: 'storm',
      ...told,
      ...(told.unable === undefined && { figures: { streams, ...figuresIn(result) } }),
    };
  } finally {
    await server.stop();
  }
}

function figuresIn({ metrics }: ScriptResult): Omit<Storm, 'streams'> {
  const count = (name: string) => metrics[name]?.values.count ?? 0;
  const { med, max } = metrics.mcp_storm_recovery_ms?.values ?? {};
  const back = count('mcp_streams_back');
  return {
    cut: count('mcp_streams_held'),
    back,
    ...(back > 0 && med !== undefined && max !== undefined && { recovery_p50_ms: med, recovery_max_ms: max }),
    events: count('mcp_events_seen'),
    lost: count('mcp_events_lost'),
    repeated: count('mcp_events_duplicated'),
    foreign: count('mcp_events_foreign'),
  };
}
