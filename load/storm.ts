/**
 * All streams are cut in one moment, as when a proxy restarts, and all come back: how long until every one is back, and
 * what was lost.
 *
 * Each stream is a call whose progress is numbered, in a session of its own. One that the server closes before (polling) is
 * asked for again. All are cut OPEN_S after the start and come back at once (after `retry:` where the stream gave one) with
 * Last-Event-ID, again and again until they are let in, and are followed to the answer. Revisions up to 2025-11-25; streams
 * of 2026-07-28 cannot be resumed.
 *
 *     k6 run load/storm.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *     node load/host/run.ts run load/storm.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *
 * k6 logs a warning for each cut: --log-output=none spares them.
 *
 * Knobs (-e NAME=value; -e PROFILE=NAME for a set of load/profiles; see load/lib/config.ts for the target's own):
 *   STREAMS           1000   streams, made a multiple of VUS
 *   VUS               20     VUs that share them; each opens its streams one after the other
 *   OPEN_S            10     s to open them all in; then they are cut
 *   EVENTS            20     progress notifications of a call
 *   EVERY_MS          1000   ms between two of them; EVENTS x EVERY_MS must outlast OPEN_S
 *   AGAIN_MS          500    ms to wait before trying again where the server refused
 *   BACK_MS           10000  ms, budget until all are back
 *   OBSERVE_S         1      s between two readings of the target's numbers (MCP_METRICS_URL); 0 for none
 *   GIVE_UP_MS        30000  ms that an answer may be late; then what has not come is lost
 *
 * Thresholds: mcp_storm_recovery_ms max within BACK_MS (it is when all were back), mcp_events_lost,
 * mcp_events_duplicated, mcp_events_foreign and mcp_events_disordered 0; beside them mcp_streams_held (cut in the storm),
 * mcp_streams_back and mcp_events_seen count. mcp_server_cpu_share, mcp_server_memory_bytes, mcp_server_sessions and
 * mcp_server_streams are reported.
 */

import exec from 'k6/execution';
import { checkTarget, type Target } from './lib/check.ts';
import { type Endpoint, readEndpoint, readNumbers, withNumbers } from './lib/config.ts';
import { endSession, firstByteAfter, gaveStream, openSession } from './lib/mcp.ts';
import { stormRecovery, streamsBack, streamsHeld } from './lib/metrics.ts';
import { NumberedCall } from './lib/numbered.ts';
import { observe, readAfter } from './lib/own-numbers.ts';
import { type Flow, optionsOf, type Plan } from './lib/plan.ts';
import { nothingLost } from './lib/thresholds.ts';
import { pause } from './lib/time.ts';

const DEFAULTS = {
  STREAMS: 1000,
  VUS: 20,
  OPEN_S: 10,
  EVENTS: 20,
  EVERY_MS: 1000,
  AGAIN_MS: 500,
  BACK_MS: 10_000,
  OBSERVE_S: 1,
  GIVE_UP_MS: 30_000,
};

/** @param fixed what a script that runs this one beside others decides */
export function plan(
  endpoint: Endpoint,
  profile: string,
  fixed: Partial<typeof DEFAULTS> = {},
): Plan & { flow: Flow; events: number; lasts_ms: number } {
  const knobs = readNumbers('storm', DEFAULTS, __ENV, profile, fixed);
  const { STREAMS, VUS, OPEN_S, EVENTS, EVERY_MS, AGAIN_MS, BACK_MS, OBSERVE_S, GIVE_UP_MS } = knobs;
  if (EVENTS * EVERY_MS <= OPEN_S * 1000) {
    throw new Error(`EVENTS x EVERY_MS must outlast OPEN_S, got ${EVENTS} x ${EVERY_MS} ms and ${OPEN_S} s`);
  }
  const [revision = ''] = endpoint.revisions;
  const sequence = withNumbers(endpoint.sequence, { EVENTS, EVERY_MS });
  const share = Math.ceil(STREAMS / VUS);

  async function flow(): Promise<void> {
    const cutAt = exec.scenario.startTime + OPEN_S * 1000;
    const streams: Promise<void>[] = [];
    const progress = { over: false };
    const first = exec.scenario.iterationInTest === 0;
    const observing = first ? observe(endpoint, OBSERVE_S * 1000, () => progress.over) : undefined;
    for (let count = 0; count < share; count++) {
      const peer = await openSession(endpoint, revision);
      if (!peer) continue;
      const call = new NumberedCall(endpoint, peer, sequence, EVENTS);
      streams.push(
        weather(call, cutAt)
          .then(() => endSession(endpoint, peer))
          .then(() => {}),
      );
    }
    await Promise.all(streams);
    progress.over = true;
    await observing;
  }

  async function weather(call: NumberedCall, cutAt: number): Promise<void> {
    await call.start(cutAt - Date.now());
    while (call.resumable && !call.answered && Date.now() < cutAt) {
      await pause(Math.min(call.retry_ms ?? AGAIN_MS, cutAt - Date.now()));
      if (Date.now() < cutAt) await call.resume(cutAt - Date.now());
    }
    // Who could not be opened in time was not in the storm: the count of those held tells.
    if (call.resumable && !call.answered) {
      streamsHeld.add(1);
      await comeBack(call, cutAt);
    }
    call.finish();
  }

  async function comeBack(call: NumberedCall, cutAt: number): Promise<void> {
    const until = cutAt + EVENTS * EVERY_MS + GIVE_UP_MS;
    await pause(Math.min(call.retry_ms ?? 0, until - Date.now()));
    let back = false;
    while (!call.answered && Date.now() < until) {
      const asked = Date.now();
      const response = await call.resume(until - asked);
      const ok = gaveStream(response);
      if (ok && !back) {
        back = true;
        streamsBack.add(1);
        stormRecovery.add(asked - cutAt + firstByteAfter(response));
      }
      const again_ms = ok ? (call.retry_ms ?? AGAIN_MS) : AGAIN_MS;
      if (!call.answered) await pause(Math.min(again_ms, until - Date.now()));
    }
  }

  const all = share * VUS;
  return {
    flow,
    events: EVENTS,
    lasts_ms: OPEN_S * 1000,
    scenarios: {
      storm: {
        executor: 'per-vu-iterations',
        exec: 'storm',
        vus: VUS,
        iterations: 1,
        maxDuration: `${Math.ceil(OPEN_S + (EVENTS * EVERY_MS + GIVE_UP_MS) / 1000 + 30)}s`,
      },
    },
    thresholds: {
      storm: {
        ...nothingLost(all * (EVENTS + 1)),
        mcp_streams_held: [`count>=${all}`],
        mcp_streams_back: [`count>=${all}`],
        mcp_storm_recovery_ms: [`max<${BACK_MS}`],
      },
    },
  };
}

const endpoint = readEndpoint(__ENV, '2025-11-25');
const own = plan(endpoint, __ENV.PROFILE ? open(`./profiles/${__ENV.PROFILE}.json`) : '');

export const options = optionsOf(own, endpoint.numbers !== undefined);
export const setup = (): Promise<Target> =>
  checkTarget(
    endpoint,
    'storm',
    { era: 'stateful', sessions: true, sequence: true, lasts_ms: own.lasts_ms },
    own.events,
  );
export const storm = own.flow;
export const teardown = ({ before }: Target): Promise<void> => readAfter(endpoint, before);
export default storm;
