/**
 * What a reconnection loses: calls whose progress is numbered 1, 2, 3 ... are cut again and again and resumed with
 * Last-Event-ID until their answer came. Each number must have come once, and none of another call.
 *
 * Who cuts: this client, at moments by chance (a request's timeout); the server, with a tool that closes its stream before
 * it answers (MCP_CLOSE_TOOL; `retry:` is waited for); and what tears the connection, a proxy for example: TEAR_HEADER
 * names a header that asks it to. An event cut in half is not counted, and is asked for again.
 * Revisions up to 2025-11-25; streams of 2026-07-28 cannot be resumed.
 *
 *     k6 run load/reconnection.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *     node load/host/run.ts run load/reconnection.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *
 * k6 logs a warning for each cut: --log-output=none spares them.
 *
 * Knobs (-e NAME=value; -e PROFILE=NAME for a set of load/profiles; see load/lib/config.ts for the target's own):
 *   VUS               50     VUs, each a session at a time
 *   ITERATIONS        2      sessions of each VU, one after the other
 *   STREAMS           4      calls at once in a session
 *   EVENTS            60     progress notifications of a call
 *   EVERY_MS          50     ms between two of them
 *   CUTS              4      cuts of a call, or fewer when it is over
 *   CUT_MIN_MS        300    ms, least time from request to cut
 *   CUT_MAX_MS        900    ms, most
 *   WAIT_MS           50     ms to wait before coming back where the stream gave no `retry:`
 *   GIVE_UP_MS        30000  ms that an answer may be late; then what has not come is lost
 *   P95_MS            1000   ms, budget of the first byte of a resumed stream
 *   MCP_CLOSE_TOOL           tool that closes its stream (MCP_CLOSE_ARGUMENTS for it); none by default
 *   TEAR_HEADER              header, `name: value`, sent with every other request that is to be cut; none by default
 *
 * Thresholds: mcp_events_lost, mcp_events_duplicated, mcp_events_foreign and mcp_events_disordered 0, mcp_reconnect_ok 1,
 * mcp_resume_ms p(95) within P95_MS; beside them mcp_events_seen and mcp_reconnects count, and mcp_streams_cut by who cut
 * (`how`). mcp_streams_unclosed is reported: streams that stayed open after the answer, which a server should not let them.
 * A conflict (409) at resume is asked again and not judged: a server may hear late of a cut.
 */

import { checkTarget, type Target } from './lib/check.ts';
import { type Endpoint, readEndpoint, readNumbers, type Tool, withNumbers } from './lib/config.ts';
import type { Peer } from './lib/jsonrpc.ts';
import { endSession, openSession } from './lib/mcp.ts';
import { reconnectOk } from './lib/metrics.ts';
import { NumberedCall } from './lib/numbered.ts';
import { readAfter } from './lib/own-numbers.ts';
import { type Flow, optionsOf, type Plan } from './lib/plan.ts';
import { nothingLost } from './lib/thresholds.ts';
import { pause } from './lib/time.ts';

const DEFAULTS = {
  VUS: 50,
  ITERATIONS: 2,
  STREAMS: 4,
  EVENTS: 60,
  EVERY_MS: 50,
  CUTS: 4,
  CUT_MIN_MS: 300,
  CUT_MAX_MS: 900,
  WAIT_MS: 50,
  GIVE_UP_MS: 30_000,
  P95_MS: 1000,
};
/** A call whose stream was cut before it began is made anew so often. */
const ATTEMPTS = 20;

/** @param fixed what a script that runs this one beside others decides */
export function plan(
  endpoint: Endpoint,
  profile: string,
  fixed: Partial<typeof DEFAULTS> = {},
): Plan & { flow: Flow; events: number } {
  const knobs = readNumbers('reconnection', DEFAULTS, __ENV, profile, fixed);
  const { VUS, ITERATIONS, STREAMS, EVENTS, EVERY_MS, CUTS, CUT_MIN_MS, CUT_MAX_MS, WAIT_MS, GIVE_UP_MS, P95_MS } =
    knobs;
  const [revision = ''] = endpoint.revisions;
  const sequence = withNumbers(endpoint.sequence, { EVENTS, EVERY_MS });
  const tear = headerOf(__ENV.TEAR_HEADER);
  const patience_ms = EVENTS * EVERY_MS + GIVE_UP_MS;

  async function flow(): Promise<void> {
    const peer = await openSession(endpoint, revision);
    if (!peer) {
      reconnectOk.add(false);
      return;
    }
    const all = [];
    for (let count = 0; count < STREAMS; count++) all.push(follow(peer, sequence, EVENTS, CUTS));
    if (endpoint.close) all.push(follow(peer, endpoint.close, 0, 0));
    await Promise.all(all);
    await endSession(endpoint, peer);
  }

  /** One call, cut `cuts` times and followed to its answer. */
  async function follow(peer: Peer, tool: Tool, events: number, cuts: number): Promise<void> {
    const call = new NumberedCall(endpoint, peer, tool, events);
    const until = Date.now() + patience_ms;
    const last_ms = () => Math.max(1, until - Date.now());
    let cut = 0;
    for (let attempt = 0; attempt < ATTEMPTS && !call.resumable && !call.answered; attempt++) {
      const timeout_ms = cut < cuts ? cutAfter() : last_ms();
      await call.start(timeout_ms, cut < cuts ? tearing() : {});
      // Events without an id can never be asked for again.
      if (call.begun) break;
    }
    cut++;
    while (call.resumable && !call.answered && Date.now() < until) {
      await pause(Math.min(call.retry_ms ?? WAIT_MS, last_ms()));
      const meant = cut < cuts;
      await call.resume(meant ? cutAfter() : last_ms(), meant ? tearing() : {});
      cut++;
    }
    call.finish();
  }

  const cutAfter = () => CUT_MIN_MS + Math.random() * Math.max(0, CUT_MAX_MS - CUT_MIN_MS);
  const tearing = () => (Math.random() < 0.5 ? tear : {});

  const followed = VUS * ITERATIONS * STREAMS;
  const closed = endpoint.close ? VUS * ITERATIONS : 0;
  return {
    flow,
    events: EVENTS,
    scenarios: {
      reconnection: {
        executor: 'per-vu-iterations',
        exec: 'reconnection',
        vus: VUS,
        iterations: ITERATIONS,
        maxDuration: `${Math.ceil((ITERATIONS * (patience_ms + 10_000)) / 1000)}s`,
      },
    },
    thresholds: {
      reconnection: {
        // Each number and each answer.
        ...nothingLost(followed * (EVENTS + 1) + closed),
        mcp_reconnect_ok: ['rate==1'],
        mcp_reconnects: [`count>=${CUTS > 0 ? followed + closed : closed}`],
        mcp_resume_ms: [`p(95)<${P95_MS}`],
      },
    },
  };
}

/** @throws Error when it is no `name: value` */
function headerOf(text: string | undefined): Record<string, string> {
  if (text === undefined || text === '') return {};
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error(`TEAR_HEADER must be "name: value", got "${text}"`);
  return { [text.slice(0, colon).trim()]: text.slice(colon + 1).trim() };
}

const endpoint = readEndpoint(__ENV, '2025-11-25');
const own = plan(endpoint, __ENV.PROFILE ? open(`./profiles/${__ENV.PROFILE}.json`) : '');

export const options = optionsOf(own, endpoint.numbers !== undefined);
export const setup = (): Promise<Target> =>
  checkTarget(endpoint, 'reconnection', { era: 'stateful', sessions: true, sequence: true }, own.events);
export const reconnection = own.flow;
export const teardown = ({ before }: Target): Promise<void> => readAfter(endpoint, before);
export default reconnection;
