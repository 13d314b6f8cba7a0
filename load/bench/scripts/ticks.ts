/**
 * How long an event is on its way: many calls at once, each of a session of its own, whose progress tells when it was sent.
 *
 * The calls of a round begin evenly spread over its time, and so do the events that are due: else a server that takes in all
 * calls sooner has all their events due in one moment, and is the slower for it.
 * When an event came only the script host can see: it feeds mcp_event_lag_ms (load/host/arrivals.ts). Client and server must
 * share a clock. A first call of each session, whose requests are called `warm-up`, is not counted. Revisions up to
 * 2025-11-25, or 2026-07-28 with -e MCP_REVISION=2026-07-28.
 *
 *     node load/host/run.ts run load/bench/scripts/ticks.ts -e MCP_URL=... -e MCP_SEQUENCE_TOOL=ticker
 *
 * Knobs (-e NAME=value):
 *   CALLS             200    calls at once, made a multiple of VUS
 *   VUS               10     VUs that share them
 *   ROUNDS            5      calls of each session, one after the other, after the first
 *   EVENTS            20     progress notifications of a call
 *   EVERY_MS          50     ms between two of them
 *   GIVE_UP_MS        30000  ms that an answer may be late; then what has not come is lost
 *
 * Thresholds: mcp_events_lost, mcp_events_duplicated, mcp_events_foreign and mcp_events_disordered 0; beside them mcp_events_seen counts.
 */

import exec from 'k6/execution';
import { checkTarget, type Target } from '../../lib/check.ts';
import { isStateless, readEndpoint, readNumbers, withNumbers } from '../../lib/config.ts';
import type { Peer } from '../../lib/jsonrpc.ts';
import { ask, endSession, openSession, statelessPeer } from '../../lib/mcp.ts';
import { NumberedCall, uniqueId } from '../../lib/numbered.ts';
import { optionsOf } from '../../lib/plan.ts';
import { nothingLost } from '../../lib/thresholds.ts';
import { pause } from '../../lib/time.ts';

const DEFAULTS = { CALLS: 200, VUS: 10, ROUNDS: 5, EVENTS: 20, EVERY_MS: 50, GIVE_UP_MS: 30_000 };

const endpoint = readEndpoint(__ENV, '2025-11-25');
const { CALLS, VUS, ROUNDS, EVENTS, EVERY_MS, GIVE_UP_MS } = readNumbers('ticks', DEFAULTS, __ENV, '');
const [revision = ''] = endpoint.revisions;
const tool = withNumbers(endpoint.sequence, { EVENTS, EVERY_MS });
const share = Math.ceil(CALLS / VUS);
/** Two steps longer than a call takes when nothing is late. */
const ROUND_MS = (EVENTS + 2) * EVERY_MS;
const call_ms = EVENTS * EVERY_MS + GIVE_UP_MS;

export const options = optionsOf(
  {
    scenarios: {
      ticks: {
        executor: 'per-vu-iterations',
        exec: 'ticks',
        vus: VUS,
        iterations: 1,
        maxDuration: `${Math.ceil(((ROUNDS + 1) * call_ms) / 1000 + 30)}s`,
      },
    },
    thresholds: { ticks: nothingLost(share * VUS * ROUNDS * (EVENTS + 1)) },
  },
  false,
);

export const setup = (): Promise<Target> => checkTarget(endpoint, 'ticks', {});

export async function ticks(): Promise<void> {
  const peers: Peer[] = [];
  for (let count = 0; count < share; count++) {
    const peer = isStateless(revision) ? statelessPeer(revision) : await openSession(endpoint, revision);
    if (peer) peers.push(peer);
  }
  await Promise.all(peers.map((peer, at) => listen(peer, at + share * (exec.vu.idInTest - 1))));
}

/** @param index of the call among all of them */
async function listen(peer: Peer, index: number): Promise<void> {
  await warmUp(peer);
  for (let round = 0; round < ROUNDS; round++) {
    await turnOf(index);
    const call = new NumberedCall(endpoint, peer, tool, EVENTS);
    await call.start(call_ms);
    call.finish();
  }
  if (!isStateless(revision)) await endSession(endpoint, peer);
}

/** The next moment that is this call's own, of all moments of a round. */
function turnOf(index: number): Promise<void> {
  const turn = (index * ROUND_MS) / (share * VUS);
  return pause(ROUND_MS - ((Date.now() - turn) % ROUND_MS));
}

async function warmUp(peer: Peer): Promise<void> {
  const id = uniqueId();
  const params = { name: tool.name, arguments: tool.arguments, _meta: { progressToken: id } };
  await ask(endpoint, peer, 'tools/call', params, id, { name: 'warm-up', timeout_ms: call_ms });
}

export default ticks;
