/**
 * All scripts at once, small and short: does everything work, in seconds.
 *
 * Both eras; -e MCP_REVISION=2025-11-25 or 2026-07-28 for a target that speaks one of them. Each threshold holds for the
 * scenario of its script. Numbers of the target are read where MCP_METRICS_URL is given.
 *
 *     k6 run load/smoke.ts -e MCP_URL=http://127.0.0.1:3000/mcp -e HEARTBEAT_MS=500
 *     node load/host/run.ts run load/smoke.ts -e MCP_URL=http://127.0.0.1:3000/mcp -e HEARTBEAT_MS=500
 *
 * k6 logs a warning for each cut: --log-output=none spares them.
 *
 * Knobs (-e NAME=value; -e PROFILE=smoke by default, or ci): those of the other scripts. The profiles are made for a target
 * that beats each 500 ms (MCP_HEARTBEAT=500 for this project's server): give HEARTBEAT_MS for another.
 *
 * Thresholds: those of the other scripts.
 */

import type { Options } from 'k6/options';
import { type Called, plan as planCalls } from './calls.ts';
import { plan as planHeartbeats } from './heartbeats.ts';
import { checkTarget } from './lib/check.ts';
import { eraOf, readEndpoint } from './lib/config.ts';
import type { Plan } from './lib/plan.ts';
import { ALIVE, backToBefore, beside } from './lib/thresholds.ts';
import { plan as planListen } from './listen.ts';
import { plan as planReconnection } from './reconnection.ts';
import { plan as planSessions } from './sessions.ts';
import { plan as planSoak } from './soak.ts';
import { plan as planStorm } from './storm.ts';

const profile = open(`./profiles/${__ENV.PROFILE || 'smoke'}.json`);
const endpoint = readEndpoint(__ENV, '2025-11-25,2026-07-28');
const stateful = eraOf(endpoint, false);
const stateless = eraOf(endpoint, true);

const ofBoth = { calls: planCalls(endpoint, profile), soak: planSoak(endpoint, profile) };
const ofStateful = {
  sessions: planSessions(stateful, profile),
  heartbeats: planHeartbeats(stateful, profile, { OBSERVE_S: 0 }),
  reconnection: planReconnection(stateful, profile),
  storm: planStorm(stateful, profile, { OBSERVE_S: 0 }),
};
const ofStateless = { listen: planListen(stateless, profile, { OBSERVE_S: 0 }) };

const plans: Plan[] = [
  ...Object.values(ofBoth),
  ...(stateful.revisions.length > 0 ? Object.values(ofStateful) : []),
  ...(stateless.revisions.length > 0 ? Object.values(ofStateless) : []),
];

export const options: Options = {
  scenarios: Object.assign({}, ...plans.map(({ scenarios }) => scenarios)),
  thresholds: {
    ...Object.assign({}, ...plans.map(({ thresholds }) => beside(thresholds))),
    ...ALIVE,
    ...backToBefore(endpoint.numbers !== undefined),
  },
};

export async function setup(): Promise<Called> {
  const needs = {
    sessions: true,
    call: true,
    stream: true,
    sequence: stateful.revisions.length > 0,
    change: true,
    lasts_ms: ofStateful.storm.lasts_ms,
    beat_ms: ofStateful.heartbeats.beat_ms,
  };
  return ofBoth.calls.prepare(await checkTarget(endpoint, 'smoke', needs, ofStateful.reconnection.events));
}
export const { flow: calls, finish: teardown } = ofBoth.calls;
export const { flow: sample } = ofBoth.soak;
export const { flow: sessions } = ofStateful.sessions;
export const { flow: heartbeats } = ofStateful.heartbeats;
export const { flow: reconnection } = ofStateful.reconnection;
export const { flow: storm } = ofStateful.storm;
export const { flow: listen, change } = ofStateless.listen;
export default calls;
