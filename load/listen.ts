/**
 * Whether every listener hears every change: streams of subscriptions/listen (2026-07-28) are held open while a tool is
 * called that changes something, and each stream must hear each change once, under its own subscription.
 *
 * Without MCP_CHANGE_TOOL nothing is changed: the streams are only held, and must hear nothing.
 * Revision 2026-07-28; before it, there is no such stream.
 *
 *     k6 run load/listen.ts -e MCP_URL=http://127.0.0.1:3000/mcp -e MCP_CHANGE_TOOL=test_trigger_tool_change
 *     node load/host/run.ts run load/listen.ts -e MCP_URL=... -e MCP_CHANGE_TOOL=test_trigger_tool_change
 *
 * k6 logs a warning for each stream, as this client ends it: --log-output=none spares them.
 *
 * Knobs (-e NAME=value; -e PROFILE=NAME for a set of load/profiles; see load/lib/config.ts for the target's own):
 *   STREAMS           500    streams, made a multiple of VUS
 *   VUS               10     VUs that share them
 *   OPEN_S            10     s to open them all in; then the changes begin
 *   CHANGES           20     changes; 0 without MCP_CHANGE_TOOL
 *   EVERY_MS          500    ms between two changes
 *   TAIL_MS           3000   ms that streams stay open after the last change; two heartbeats and more where it has any
 *   COALESCES         0      1: the server may tell several changes as one, so each stream must hear at least one
 *   HEARTBEAT_MS      6000   ms between two heartbeats of the target; 0 where it has none
 *   LATE_MS           250    ms that a heartbeat may be late
 *   OBSERVE_S         1      s between two readings of the target's numbers (MCP_METRICS_URL); 0 for none
 *   P95_MS            1000   ms, budget of the first byte of a stream
 *   MCP_CHANGE_TOOL          tool that changes something (MCP_CHANGE_ARGUMENTS for it); none by default
 *   MCP_CHANGE_NOTIFICATION  what is heard then; notifications/tools/list_changed by default
 *   MCP_LISTEN_NOTIFICATIONS what is listened to, JSON; {"toolsListChanged":true} by default
 *
 * Thresholds: mcp_events_lost, mcp_events_duplicated and mcp_events_foreign 0, mcp_stream_cut_early 0, mcp_streams_late 0
 * (else OPEN_S is too short), mcp_heartbeat_shortfall < 0.01, mcp_streams_silent 0, mcp_stream_open_ms p(95) within P95_MS;
 * beside them mcp_streams_held, mcp_changes_made, mcp_heartbeats and mcp_events_seen count. mcp_server_cpu_share,
 * mcp_server_memory_bytes and mcp_server_streams are reported.
 */

import exec from 'k6/execution';
import { beatsDue, heardOf, holdFor, meaninglessSigns } from './lib/accounting.ts';
import { checkTarget, type Target } from './lib/check.ts';
import { type Endpoint, readEndpoint, readNumbers } from './lib/config.ts';
import { succeeded } from './lib/jsonrpc.ts';
import { bodyOf, CUT, callTool, firstByteAfter, listen as openListen, statelessPeer, TIMED_OUT } from './lib/mcp.ts';
import {
  changesMade,
  eventsDuplicated,
  eventsForeign,
  eventsLost,
  eventsSeen,
  heartbeatShortfall,
  heartbeats,
  streamCutEarly,
  streamOpen,
  streamsHeld,
  streamsLate,
  streamsSilent,
} from './lib/metrics.ts';
import { uniqueId } from './lib/numbered.ts';
import { observe, readAfter } from './lib/own-numbers.ts';
import { type Flow, optionsOf, type Plan } from './lib/plan.ts';
import { say } from './lib/say.ts';
import { readStream } from './lib/sse.ts';
import { nothingLost } from './lib/thresholds.ts';
import { pause } from './lib/time.ts';

const DEFAULTS = {
  STREAMS: 500,
  VUS: 10,
  OPEN_S: 10,
  CHANGES: 20,
  EVERY_MS: 500,
  TAIL_MS: 3000,
  COALESCES: 0,
  HEARTBEAT_MS: 6000,
  LATE_MS: 250,
  OBSERVE_S: 1,
  P95_MS: 1000,
};

/** @param fixed what a script that runs this one beside others decides */
export function plan(
  endpoint: Endpoint,
  profile: string,
  fixed: Partial<typeof DEFAULTS> = {},
): Plan & { flow: Flow; change: Flow; beat_ms: number } {
  const knobs = readNumbers('listen', DEFAULTS, __ENV, profile, fixed);
  const { STREAMS, VUS, OPEN_S, EVERY_MS, TAIL_MS, COALESCES, HEARTBEAT_MS, LATE_MS, OBSERVE_S, P95_MS } = knobs;
  const changes = endpoint.change ? knobs.CHANGES : 0;
  const share = Math.ceil(STREAMS / VUS);
  const [revision = ''] = endpoint.revisions;
  const changing_ms = changes * EVERY_MS;
  // So long that each stream owes a heartbeat of its own.
  const tail_ms = HEARTBEAT_MS > 0 ? Math.max(TAIL_MS, holdFor(2 * HEARTBEAT_MS, HEARTBEAT_MS, LATE_MS)) : TAIL_MS;

  async function flow({ greetings }: Target): Promise<void> {
    const changesFrom = exec.scenario.startTime + OPEN_S * 1000;
    const until = changesFrom + changing_ms + tail_ms;
    // The acknowledgement is one of them, and no heartbeat.
    const greeting = Math.max(0, (greetings[revision] ?? 0) - 1);
    const streams: Promise<void>[] = [];
    const first = exec.scenario.iterationInTest === 0;
    const observing = first ? observe(endpoint, OBSERVE_S * 1000, () => Date.now() >= until) : undefined;
    for (let count = 0; count < share; count++) {
      streams.push(hear(changesFrom, until, greeting));
      // Half of the time to open is left to those that open slowly.
      await pause((OPEN_S * 500) / share);
    }
    await Promise.all(streams);
    await observing;
  }

  async function hear(changesFrom: number, until: number, greeting: number): Promise<void> {
    const id = uniqueId();
    const asked = Date.now();
    const options = { name: 'listen', timeout_ms: until - asked, expected: CUT };
    const response = await openListen(endpoint, statelessPeer(revision), id, options);
    const early = response.error_code !== TIMED_OUT;
    streamCutEarly.add(early);
    if (early) return;
    if (asked + firstByteAfter(response) > changesFrom) {
      streamsLate.add(1);
      return;
    }
    const stream = readStream(bodyOf(response));
    const said = stream.events.map(({ data }) => data);
    const heard = heardOf(id, said, endpoint.changeNotification, changes, COALESCES > 0);
    if (heard.acknowledged) streamsHeld.add(1);
    streamOpen.add(response.timings.waiting);
    eventsSeen.add(heard.seen);
    eventsLost.add(heard.lost);
    eventsDuplicated.add(heard.repeated);
    eventsForeign.add(heard.foreign);
    if (HEARTBEAT_MS === 0) return;
    const beats = Math.max(0, meaninglessSigns(stream) - greeting);
    heartbeats.add(beats);
    // A server may keep silent about its life while it says something.
    const quiet_ms = response.timings.receiving - changing_ms;
    const due = beatsDue(quiet_ms, HEARTBEAT_MS, LATE_MS) - 1;
    heartbeatShortfall.add(beats < due);
    streamsSilent.add(due > 0 && beats === 0 ? 1 : 0);
  }

  async function change(): Promise<void> {
    if (!endpoint.change) return;
    for (let count = 0; count < changes; count++) {
      const { message } = await callTool(endpoint, statelessPeer(revision), endpoint.change, uniqueId(), {
        name: 'change',
      });
      changesMade.add(succeeded(message) ? 1 : 0);
      await pause(EVERY_MS);
    }
  }

  const all = share * VUS;
  const length_s = Math.ceil(OPEN_S + (changing_ms + tail_ms) / 1000 + 30);
  const seen = all * (COALESCES > 0 ? Math.min(1, changes) : changes);
  return {
    flow,
    change,
    beat_ms: HEARTBEAT_MS,
    scenarios: {
      listen: { executor: 'per-vu-iterations', exec: 'listen', vus: VUS, iterations: 1, maxDuration: `${length_s}s` },
      ...(changes > 0 && {
        change: {
          executor: 'per-vu-iterations',
          exec: 'change',
          vus: 1,
          iterations: 1,
          startTime: `${OPEN_S * 1000}ms`,
          maxDuration: `${length_s}s`,
        },
      }),
    },
    thresholds: {
      listen: {
        ...nothingLost(seen),
        mcp_stream_cut_early: ['rate==0'],
        mcp_streams_late: ['count==0'],
        mcp_streams_held: [`count>=${all}`],
        mcp_stream_open_ms: [`p(95)<${P95_MS}`],
        ...(HEARTBEAT_MS > 0 && {
          mcp_heartbeat_shortfall: ['rate<0.01'],
          mcp_streams_silent: ['count==0'],
          mcp_heartbeats: [`count>=${all}`],
        }),
      },
      ...(changes > 0 && { change: { mcp_changes_made: [`count>=${changes}`] } }),
    },
  };
}

const endpoint = readEndpoint(__ENV, '2026-07-28');
const own = plan(endpoint, __ENV.PROFILE ? open(`./profiles/${__ENV.PROFILE}.json`) : '');

export const options = optionsOf(own, endpoint.numbers !== undefined);
export async function setup(): Promise<Target> {
  if (!endpoint.change) say('Without MCP_CHANGE_TOOL nothing is changed: the streams are only held');
  return checkTarget(endpoint, 'listen', { era: 'stateless', stream: true, change: true, beat_ms: own.beat_ms });
}
export const listen = own.flow;
export const change = own.change;
export const teardown = ({ before }: Target): Promise<void> => readAfter(endpoint, before);
export default listen;
