/**
 * How many quiet streams a server holds, whether any is cut, and whether every heartbeat comes, while calls go on.
 *
 * Each stream is a session's GET (up to 2025-11-25), ended by DELETE where the server lets clients do that, or a
 * subscriptions/listen (2026-07-28), ended by this client. A stream must still be open when its time is over, and have
 * the heartbeats that its life (`timings.receiving`) needs. When each came nobody can see in k6; the script host can.
 * Revisions up to 2025-11-25, or 2026-07-28 with -e MCP_REVISION=2026-07-28.
 *
 *     k6 run load/heartbeats.ts -e MCP_URL=http://127.0.0.1:3000/mcp -e HEARTBEAT_MS=6000
 *     node load/host/run.ts run load/heartbeats.ts -e MCP_URL=http://127.0.0.1:3000/mcp -e HEARTBEAT_MS=6000
 *
 * k6 logs a warning for each stream that this client ends (2026-07-28): --log-output=none spares them.
 *
 * Knobs (-e NAME=value; -e PROFILE=NAME for a set of load/profiles; see load/lib/config.ts for the target's own):
 *   STREAMS           1000   streams, made a multiple of VUS
 *   VUS               20     VUs that share them; each opens its streams one after the other
 *   HOLD_MS           60000  ms, rounded up to whole heartbeats and a little more: then one that misses shows
 *   HEARTBEAT_MS      6000   ms between two heartbeats of the target; 0 where it has none
 *   LATE_MS           250    ms that a heartbeat may be late, and that the target's timer may drift in HOLD_MS
 *   CALLS_PER_S       20     calls/s in the sessions of the streams meanwhile; 0 for none
 *   OBSERVE_S         1      s between two readings of the target's numbers (MCP_METRICS_URL); 0 for none
 *   P95_MS            1000   ms, budget of the first byte of a stream and of calls
 *
 * Thresholds: mcp_stream_cut_early 0, mcp_heartbeat_shortfall < 0.01, mcp_streams_silent 0 (without any heartbeat),
 * mcp_streams_unclosed 0, mcp_stream_open_ms and mcp_call_ms p(95) within P95_MS, mcp_call_ok > 0.999; beside them
 * mcp_streams_held, mcp_heartbeats and mcp_calls count.
 * mcp_server_cpu_share, mcp_server_memory_bytes, mcp_server_sessions and mcp_server_streams are reported, and
 * mcp_requests_unanswered: a target that pings its clients ends sessions, for nobody here can answer.
 */

import exec from 'k6/execution';
import { beatsDue, beatsIn, holdFor } from './lib/accounting.ts';
import { checkTarget, type Target } from './lib/check.ts';
import { type Endpoint, isStateless, readEndpoint, readNumbers } from './lib/config.ts';
import { type Peer, requestsIn, succeeded } from './lib/jsonrpc.ts';
import {
  bodyOf,
  CUT,
  callTool,
  endSession,
  gaveStream,
  listen,
  openSession,
  openStream,
  type Response,
  statelessPeer,
  TIMED_OUT,
} from './lib/mcp.ts';
import {
  callOk,
  calls,
  callTime,
  heartbeatPeriod,
  heartbeatShortfall,
  heartbeats as heartbeatsSeen,
  requestsUnanswered,
  streamCutEarly,
  streamOpen,
  streamsHeld,
  streamsSilent,
  streamsUnclosed,
} from './lib/metrics.ts';
import { uniqueId } from './lib/numbered.ts';
import { observe, readAfter } from './lib/own-numbers.ts';
import { type Flow, optionsOf, type Plan } from './lib/plan.ts';
import { readStream } from './lib/sse.ts';
import { pause } from './lib/time.ts';

const DEFAULTS = {
  STREAMS: 1000,
  VUS: 20,
  HOLD_MS: 60_000,
  HEARTBEAT_MS: 6000,
  LATE_MS: 250,
  CALLS_PER_S: 20,
  OBSERVE_S: 1,
  P95_MS: 1000,
};
/** How long a server has to close the stream of a session that was deleted, ms. */
const CLOSE_MS = 10_000;

/** A stream that is open, and the call that runs in its session. */
interface Held {
  readonly peer: Peer;
  calling: Promise<void> | undefined;
}

/** @param fixed what a script that runs this one beside others decides */
export function plan(
  endpoint: Endpoint,
  profile: string,
  fixed: Partial<typeof DEFAULTS> = {},
): Plan & { flow: Flow; beat_ms: number } {
  const knobs = readNumbers('heartbeats', DEFAULTS, __ENV, profile, fixed);
  const { STREAMS, VUS, HOLD_MS, HEARTBEAT_MS, LATE_MS, CALLS_PER_S, OBSERVE_S, P95_MS } = knobs;
  const [revision = ''] = endpoint.revisions;
  const stateless = isStateless(revision);
  const share = Math.ceil(STREAMS / VUS);
  const hold_ms = holdFor(HOLD_MS, HEARTBEAT_MS, LATE_MS);

  async function flow(target: Target): Promise<void> {
    const open = new Set<Held>();
    const streams: Promise<void>[] = [];
    const progress = { over: false };
    const calling = CALLS_PER_S > 0 ? callMeanwhile(open, progress) : undefined;
    const first = exec.scenario.iterationInTest === 0;
    const observing = first ? observe(endpoint, OBSERVE_S * 1000, () => progress.over) : undefined;
    for (let count = 0; count < share; count++) {
      const peer = stateless ? statelessPeer(revision) : await openSession(endpoint, revision);
      if (peer) streams.push(hold({ peer, calling: undefined }, open, target));
      else streamCutEarly.add(true);
      // Without a handshake nothing spreads the openings.
      if (stateless) await pause(5);
    }
    await Promise.all(streams);
    progress.over = true;
    await calling;
    await observing;
  }

  async function hold(held: Held, open: Set<Held>, { deletes, greetings }: Target): Promise<void> {
    const ends = deletes && !stateless;
    const end = { asked: false };
    let early = false;
    const timeout_ms = ends ? hold_ms + CLOSE_MS : hold_ms;
    const stream = openOne(held.peer, timeout_ms).then((response) => {
      // What never began was not held either.
      early = (ends ? !end.asked : response.error_code !== TIMED_OUT) || !gaveStream(response);
      return response;
    });
    open.add(held);
    if (ends) {
      await Promise.race([stream, pause(hold_ms)]);
      open.delete(held);
      await held.calling;
      end.asked = true;
      await endSession(endpoint, held.peer);
    }
    const response = await stream;
    open.delete(held);
    if (!ends && !stateless) await endSession(endpoint, held.peer);
    judge(response, early, ends, greetings[revision] ?? 0);
  }

  function openOne(peer: Peer, timeout_ms: number): Promise<Response> {
    const options = { name: stateless ? 'listen' : 'stream', timeout_ms, expected: CUT };
    return stateless ? listen(endpoint, peer, uniqueId(), options) : openStream(endpoint, peer, '', options);
  }

  function judge(response: Response, early: boolean, ended: boolean, greeting: number): void {
    const stream = readStream(bodyOf(response));
    requestsUnanswered.add(requestsIn(stream.events).length);
    streamCutEarly.add(early);
    if (early) return;
    streamsHeld.add(1);
    streamOpen.add(response.timings.waiting);
    streamsUnclosed.add(ended && response.error_code === TIMED_OUT ? 1 : 0);
    if (HEARTBEAT_MS === 0) return;
    const life_ms = response.timings.receiving;
    const beats = beatsIn(stream, greeting);
    heartbeatsSeen.add(beats);
    const due = beatsDue(life_ms, HEARTBEAT_MS, LATE_MS);
    heartbeatShortfall.add(beats < due);
    streamsSilent.add(due > 0 && beats === 0 ? 1 : 0);
    if (beats > 0) heartbeatPeriod.add(life_ms / beats);
  }

  /** Calls in the sessions of the streams in turn; each VU makes its share of CALLS_PER_S. */
  async function callMeanwhile(open: Set<Held>, progress: { over: boolean }): Promise<void> {
    const every_ms = (1000 * VUS) / CALLS_PER_S;
    while (!progress.over) {
      const [first] = open;
      if (first && first.calling === undefined) {
        // To the end of the row.
        open.delete(first);
        open.add(first);
        first.calling = callIn(first);
      }
      await pause(every_ms);
    }
  }

  async function callIn(held: Held): Promise<void> {
    const { response, message } = await callTool(endpoint, held.peer, endpoint.call, uniqueId(), {
      name: 'tools_call',
    });
    calls.add(1);
    callOk.add(succeeded(message));
    callTime.add(response.timings.duration);
    held.calling = undefined;
  }

  return {
    flow,
    beat_ms: HEARTBEAT_MS,
    scenarios: {
      heartbeats: {
        executor: 'per-vu-iterations',
        exec: 'heartbeats',
        vus: VUS,
        iterations: 1,
        // To open them all may take a while.
        maxDuration: `${Math.ceil(hold_ms / 1000 + STREAMS / 50 + 60)}s`,
      },
    },
    thresholds: {
      heartbeats: {
        mcp_stream_cut_early: ['rate==0'],
        mcp_streams_held: [`count>=${share * VUS}`],
        mcp_streams_unclosed: ['count==0'],
        mcp_stream_open_ms: [`p(95)<${P95_MS}`],
        ...(HEARTBEAT_MS > 0 && {
          mcp_heartbeat_shortfall: ['rate<0.01'],
          mcp_streams_silent: ['count==0'],
          mcp_heartbeats: [`count>=${Math.floor(share * VUS * beatsDue(hold_ms, HEARTBEAT_MS, LATE_MS) * 0.9)}`],
        }),
        ...(CALLS_PER_S > 0 && {
          mcp_call_ok: ['rate>0.999'],
          mcp_call_ms: [`p(95)<${P95_MS}`],
          mcp_calls: ['count>0'],
        }),
      },
    },
  };
}

const endpoint = readEndpoint(__ENV, '2025-11-25');
const own = plan(endpoint, __ENV.PROFILE ? open(`./profiles/${__ENV.PROFILE}.json`) : '');

export const options = optionsOf(own, endpoint.numbers !== undefined);
export const setup = (): Promise<Target> =>
  checkTarget(endpoint, 'heartbeats', { sessions: true, stream: true, call: true, beat_ms: own.beat_ms });
export const heartbeats = own.flow;
export const teardown = ({ before }: Target): Promise<void> => readAfter(endpoint, before);
export default heartbeats;
