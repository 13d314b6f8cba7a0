/**
 * How many calls a second a server answers right and in time: tools/call and some tools/list at a rate that rises by steps,
 * until it bends. Reports the knee, the highest step that held (and all below it).
 *
 * An open model. Revisions of both eras in turn by default; -e MCP_REVISION=2025-11-25 for one. Calls of revisions with
 * sessions go to a fixed few sessions, opened before and deleted after.
 *
 *     k6 run load/calls.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *     node load/host/run.ts run load/calls.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *
 * Knobs (-e NAME=value; -e PROFILE=NAME for a set of load/profiles; see load/lib/config.ts for the target's own):
 *   RATES             50,100,200,400,800,1600  calls/s, the steps
 *   STEP_S            10     s, length of a step
 *   MIN_RATE          50     calls/s that must hold: the run fails when a step up to it does not
 *   LIST_SHARE        0.2    share of tools/list among the calls
 *   SESSIONS          20     sessions that the calls go to
 *   BUDGET_MS         250    ms in which a call must be answered
 *   SHARE             0.99   share of a step's calls that must be right and within BUDGET_MS: 0.99 is p(99)
 *   VUS               400    VUs, a call at a time each; calls that find none free are not made
 *
 * Thresholds: for each step up to MIN_RATE mcp_call_within >= SHARE and its count of mcp_calls. The other steps are
 * reported, and fail nothing. Both are tagged with `rate`.
 */

import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { checkTarget, stop, type Target } from './lib/check.ts';
import { type Endpoint, isStateless, readEndpoint, readNumbers, readSteps } from './lib/config.ts';
import { type Peer, succeeded } from './lib/jsonrpc.ts';
import { kneeText, type Step } from './lib/knee.ts';
import { ask, callTool, endSession, openSession, statelessPeer } from './lib/mcp.ts';
import { callOk, calls as callsMade, callTime, callWithin } from './lib/metrics.ts';
import { uniqueId } from './lib/numbered.ts';
import { readAfter } from './lib/own-numbers.ts';
import { optionsOf, type Plan } from './lib/plan.ts';
import type { Thresholds } from './lib/thresholds.ts';

const DEFAULTS = { STEP_S: 10, MIN_RATE: 50, LIST_SHARE: 0.2, SESSIONS: 20, BUDGET_MS: 250, SHARE: 0.99, VUS: 400 };

/** The target with the peers that calls are made as, by revision. */
export interface Called extends Target {
  readonly peers: readonly (readonly Peer[])[];
}

/** What handleSummary is given of a metric. */
interface Summary {
  readonly metrics: Readonly<Record<string, { readonly values: Readonly<Record<string, number>> } | undefined>>;
}

interface CallsPlan extends Plan {
  flow(target: Called): Promise<void>;
  /** Opens the sessions. */
  prepare(target: Target): Promise<Called>;
  /** Deletes them. */
  finish(target: Called): Promise<void>;
  /** The table of steps and the knee. */
  report(summary: Summary): string;
}

export function plan(endpoint: Endpoint, profile: string): CallsPlan {
  const knobs = readNumbers('calls', DEFAULTS, __ENV, profile);
  const { STEP_S, MIN_RATE, LIST_SHARE, SESSIONS, BUDGET_MS, SHARE, VUS } = knobs;
  const rates = readSteps('RATES', '50,100,200,400,800,1600', __ENV, 'calls', profile);

  async function flow({ peers }: Called): Promise<void> {
    const at = Math.floor((Date.now() - exec.scenario.startTime) / (STEP_S * 1000));
    const tags = { rate: String(rates[Math.min(Math.max(at, 0), rates.length - 1)]) };
    const turn = exec.scenario.iterationInTest;
    const era = peers[turn % peers.length] ?? [];
    const peer = era[Math.floor(turn / peers.length) % era.length];
    if (!peer) return;
    const id = uniqueId();
    const { response, message } =
      Math.random() < LIST_SHARE
        ? await ask(endpoint, peer, 'tools/list', {}, id, { name: 'tools_list' })
        : await callTool(endpoint, peer, endpoint.call, id, { name: 'tools_call' });
    const ok = succeeded(message);
    callsMade.add(1, tags);
    callOk.add(ok, tags);
    callTime.add(response.timings.duration, tags);
    callWithin.add(ok && response.timings.duration < BUDGET_MS, tags);
  }

  async function prepare(target: Target): Promise<Called> {
    const peers: Peer[][] = [];
    for (const revision of endpoint.revisions) {
      if (isStateless(revision)) {
        peers.push([statelessPeer(revision)]);
        continue;
      }
      const opened: Peer[] = [];
      const wanted = Math.max(1, SESSIONS);
      for (let count = 0; count < wanted; count++) {
        const peer = await openSession(endpoint, revision);
        if (!peer) stop(`${endpoint.url} let ${count} of ${wanted} sessions begin; see SESSIONS`);
        opened.push(peer);
      }
      peers.push(opened);
    }
    return { ...target, peers };
  }

  async function finish({ peers, before }: Called): Promise<void> {
    for (const peer of peers.flat()) if (peer.session !== undefined) await endSession(endpoint, peer);
    await readAfter(endpoint, before);
  }

  function report({ metrics }: Summary): string {
    const measured = (metric: string, rate: number, value: string) =>
      metrics[`${metric}{rate:${rate}}`]?.values[value] ?? 0;
    const steps: Step[] = rates.map((rate) => ({
      rate,
      reached: measured('mcp_calls', rate, 'count') / STEP_S,
      within: measured('mcp_call_within', rate, 'rate'),
      p95_ms: measured('mcp_call_ms', rate, 'p(95)'),
      max_ms: measured('mcp_call_ms', rate, 'max'),
    }));
    return kneeText(steps, SHARE, BUDGET_MS);
  }

  const thresholds: Thresholds = { mcp_calls: ['count>0'] };
  for (const rate of rates) {
    const must = rate <= MIN_RATE;
    // k6 keeps apart what a threshold asks for: those that always hold are there to be reported.
    thresholds[`mcp_calls{rate:${rate}}`] = [must ? `count>=${Math.floor(rate * STEP_S * 0.9)}` : 'count>=0'];
    thresholds[`mcp_call_within{rate:${rate}}`] = [must ? `rate>=${SHARE}` : 'rate>=0'];
    thresholds[`mcp_call_ms{rate:${rate}}`] = ['max>=0'];
  }
  return {
    flow,
    prepare,
    finish,
    report,
    scenarios: {
      calls: {
        executor: 'ramping-arrival-rate',
        exec: 'calls',
        startRate: rates[0] ?? 1,
        timeUnit: '1s',
        stages: rates.flatMap((target) => [
          { target, duration: '0s' },
          { target, duration: `${STEP_S}s` },
        ]),
        preAllocatedVUs: VUS,
        maxVUs: VUS,
      },
    },
    thresholds: { calls: thresholds },
  };
}

const endpoint = readEndpoint(__ENV, '2025-11-25,2026-07-28');
const own = plan(endpoint, __ENV.PROFILE ? open(`./profiles/${__ENV.PROFILE}.json`) : '');

export const options: Options = optionsOf(own, endpoint.numbers !== undefined);
export const setup = async (): Promise<Called> => own.prepare(await checkTarget(endpoint, 'calls', { call: true }));
export const calls = own.flow;
export const teardown = own.finish;
export const handleSummary = (summary: Summary): Record<string, string> => ({ stdout: own.report(summary) });
export default calls;
