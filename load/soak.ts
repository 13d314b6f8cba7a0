/**
 * Whether a server keeps what it should forget: sessions come and go, streams are held, cut and resumed for a long time,
 * while its own numbers are read. After the warm-up its memory must not grow, and in the end its sessions and streams must
 * be as many as before.
 *
 * Runs the sessions, heartbeats and reconnection scripts beside each other, with their knobs (the profile gives each a
 * section). With -e MCP_REVISION=2026-07-28 only listen streams with calls, as there is nothing else to hold.
 * Memory and descriptors are judged by how much each tenth of the samples adds to the one before: growth is the mean of that
 * less three standard errors (load/lib/drift.ts), so noise, saws and a step are no growth, and a leak, which adds to each, is.
 * What is less than the three standard errors is not seen: mcp_server_memory_slope_error tells.
 * The target's numbers are read from MCP_METRICS_URL; without it only what clients see is judged.
 *
 *     k6 run load/soak.ts -e MCP_URL=http://127.0.0.1:3000/mcp -e MCP_METRICS_URL=http://127.0.0.1:3000/metrics
 *     node load/host/run.ts run load/soak.ts -e MCP_URL=... -e MCP_METRICS_URL=...
 *
 * k6 logs a warning for each cut: --log-output=none spares them.
 *
 * Knobs (-e NAME=value; -e PROFILE=soak by default, or smoke or ci; see load/lib/config.ts for the target's own):
 *   DURATION_S        1800   s
 *   WARMUP_S          300    s that are not judged; what the target remembers of ended sessions must be full by then
 *   SAMPLE_S          5      s between two readings of the target's numbers
 *   GROWTH            0      bytes/minute of memory that may be lost
 *   DESCRIPTORS       0      descriptors/minute that may be lost
 *
 * Thresholds: mcp_server_memory_growth <= GROWTH, mcp_server_descriptors_growth <= DESCRIPTORS, mcp_server_sessions_after
 * and mcp_server_streams_after 0 or less (all only with MCP_METRICS_URL; mcp_server_memory_samples,
 * mcp_server_numbers_read and mcp_server_numbers_after count beside them), and those of the three scripts, each for its scenario.
 * mcp_server_memory_slope, its _error and mcp_server_descriptors_after (idle connections of this client are among them)
 * are reported, and mcp_server_cpu_share, mcp_server_memory_bytes, mcp_server_sessions and mcp_server_streams over time.
 */

import exec from 'k6/execution';
import type { Options, Scenario } from 'k6/options';
import { plan as planHeartbeats } from './heartbeats.ts';
import { checkTarget, type Target } from './lib/check.ts';
import { type Endpoint, isStateless, readEndpoint, readNumbers } from './lib/config.ts';
import { type Drift, driftOf, type Sample } from './lib/drift.ts';
import { descriptorsGrowth, memoryGrowth, memorySamples, memorySlope, memorySlopeError } from './lib/metrics.ts';
import { observe, readAfter } from './lib/own-numbers.ts';
import type { Flow, Plan } from './lib/plan.ts';
import { say } from './lib/say.ts';
import { ALIVE, backToBefore, beside, type Thresholds } from './lib/thresholds.ts';
import { plan as planReconnection } from './reconnection.ts';
import { plan as planSessions } from './sessions.ts';

const DEFAULTS = { DURATION_S: 1800, WARMUP_S: 300, SAMPLE_S: 5, GROWTH: 0, DESCRIPTORS: 0 };
/** Standard errors that a slope must be above its budget before it counts as growth. */
const CERTAIN = 3;

/** What a minute adds at least, as far as the samples tell. */
const leastGrowth = ({ slope, error }: Drift): number => slope - CERTAIN * error;

/** The reading of the target's numbers while others load it. */
export function plan(endpoint: Endpoint, profile: string): Plan & { flow: Flow; duration_s: number } {
  const { DURATION_S, WARMUP_S, SAMPLE_S, GROWTH, DESCRIPTORS } = readNumbers('soak', DEFAULTS, __ENV, profile);

  if (WARMUP_S >= DURATION_S) {
    throw new Error(`WARMUP_S must be less than DURATION_S, got ${WARMUP_S} and ${DURATION_S}`);
  }

  async function flow(): Promise<void> {
    const started = exec.scenario.startTime;
    // In minutes since the start.
    const used: Sample[] = [];
    const held: Sample[] = [];
    const over = () => Date.now() - started >= DURATION_S * 1000;
    await observe(endpoint, SAMPLE_S * 1000, over, ({ memory, descriptors }, asked) => {
      if (asked - started < WARMUP_S * 1000) return;
      const at = (asked - started) / 60_000;
      // At each sample, so that a run that is interrupted has its verdict too.
      if (descriptors !== undefined) held.push({ at, value: descriptors });
      const opened = driftOf(held);
      if (opened) descriptorsGrowth.add(leastGrowth(opened));
      if (memory === undefined) return;
      used.push({ at, value: memory });
      memorySamples.add(1);
      const taken = driftOf(used);
      if (!taken) return;
      memorySlope.add(taken.slope);
      memorySlopeError.add(taken.error);
      memoryGrowth.add(leastGrowth(taken));
    });
  }

  const looks = endpoint.numbers?.memory !== undefined;
  return {
    flow,
    duration_s: DURATION_S,
    scenarios: looks
      ? {
          sample: {
            executor: 'per-vu-iterations',
            exec: 'sample',
            vus: 1,
            iterations: 1,
            maxDuration: `${DURATION_S + 60}s`,
          },
        }
      : {},
    thresholds: looks
      ? {
          sample: {
            mcp_server_memory_growth: [`value<=${GROWTH}`],
            // Where they are not told this gauge is never set, and passes.
            mcp_server_descriptors_growth: [`value<=${DESCRIPTORS}`],
            mcp_server_memory_samples: [`count>=${Math.floor(((DURATION_S - WARMUP_S) / SAMPLE_S) * 0.5)}`],
          },
        }
      : {},
  };
}

const profile = open(`./profiles/${__ENV.PROFILE || 'soak'}.json`);
const endpoint = readEndpoint(__ENV, '2025-11-25');
const stateless = endpoint.revisions.some(isStateless);
const own = plan(endpoint, profile);
const churn = planSessions(endpoint, profile, { DURATION_S: own.duration_s });
// The target's numbers are read once, by the scenario that judges them.
const held = planHeartbeats(endpoint, profile, { OBSERVE_S: 0 });
const resumed = planReconnection(endpoint, profile);

/** The same load over and over; what has begun in time is finished. */
function repeated(scenario: Scenario | undefined, exec: string): Scenario {
  const { vus = 1, maxDuration = '10m' } = (scenario ?? {}) as { vus?: number; maxDuration?: string };
  return { executor: 'constant-vus', exec, vus, duration: `${own.duration_s}s`, gracefulStop: maxDuration };
}

const thresholds: Record<string, Thresholds> = {
  ...own.thresholds,
  ...held.thresholds,
  ...(!stateless && { ...churn.thresholds, ...resumed.thresholds }),
};

export const options: Options = {
  scenarios: {
    ...own.scenarios,
    heartbeats: repeated(held.scenarios.heartbeats, 'heartbeats'),
    ...(!stateless && {
      ...churn.scenarios,
      reconnection: repeated(resumed.scenarios.reconnection, 'reconnection'),
    }),
  },
  thresholds: { ...beside(thresholds), ...ALIVE, ...backToBefore(endpoint.numbers !== undefined) },
};

export async function setup(): Promise<Target> {
  if (!endpoint.numbers)
    say('Without MCP_METRICS_URL the memory, sessions and streams of the target are not looked at');
  const needs = { sessions: true, call: true, stream: true, sequence: !stateless, memory: true, beat_ms: held.beat_ms };
  return checkTarget(endpoint, 'soak', needs, resumed.events);
}
export const sample = own.flow;
export const sessions = churn.flow;
export const heartbeats = held.flow;
export const reconnection = resumed.flow;
export const teardown = ({ before }: Target): Promise<void> => readAfter(endpoint, before);
export default sessions;
