/**
 * How fast a server begins and ends sessions, and whether each step of a session's life is right.
 *
 * An open model: sessions arrive at a rate, whatever the server manages. Each is initialize, initialized, some calls, a
 * message under an id that nobody was given and that must be refused (a request, in each other session a notification),
 * DELETE, and a last request that must be answered 404 (a POST, in each other session a GET, which may be answered 405 too;
 * left out where the server answers DELETE with 405).
 * Revisions up to 2025-11-25; 2026-07-28 has no sessions.
 *
 *     k6 run load/sessions.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *     node load/host/run.ts run load/sessions.ts -e MCP_URL=http://127.0.0.1:3000/mcp
 *
 * Knobs (-e NAME=value; -e PROFILE=NAME for a set of load/profiles; see load/lib/config.ts for the target's own):
 *   RATE              50     sessions/s
 *   DURATION_S        30     s
 *   CALLS             2      calls in each session
 *   VUS               200    VUs, a session at a time each; sessions that find none free are dropped
 *   P95_MS            500    ms, budget of initialize, of calls and of DELETE
 *
 * A check for each step tells which one failed.
 * Thresholds: mcp_session_ok > 0.999, mcp_sessions_opened as many as arrived, http_req_duration p(95) of initialize,
 * tools_call and delete within P95_MS, dropped_iterations 0 (else the generator was too small).
 */

import { check } from 'k6';
import exec from 'k6/execution';
import { checkTarget, type Target } from './lib/check.ts';
import { type Endpoint, readEndpoint, readNumbers } from './lib/config.ts';
import { type Peer, succeeded, unknownId } from './lib/jsonrpc.ts';
import { accepted, ask, callTool, endSession, initialize, initialized, notify, openStream } from './lib/mcp.ts';
import { callOk, calls, sessionOk, sessionSetup, sessionsOpened } from './lib/metrics.ts';
import { uniqueId } from './lib/numbered.ts';
import { readAfter } from './lib/own-numbers.ts';
import { type Flow, optionsOf, type Plan } from './lib/plan.ts';

/** A stream that is not refused within this time is open, ms. */
const OPENED_MS = 5000;

const DEFAULTS = { RATE: 50, DURATION_S: 30, CALLS: 2, VUS: 200, P95_MS: 500 };

/** @param fixed what a script that runs this one beside others decides */
export function plan(endpoint: Endpoint, profile: string, fixed: Partial<typeof DEFAULTS> = {}): Plan & { flow: Flow } {
  const { RATE, DURATION_S, CALLS, VUS, P95_MS } = readNumbers('sessions', DEFAULTS, __ENV, profile, fixed);
  const [revision = ''] = endpoint.revisions;

  async function flow({ deletes }: Target): Promise<void> {
    const started = Date.now();
    const { peer } = await initialize(endpoint, revision);
    const begun = peer?.session !== undefined;
    const steps: Record<string, boolean> = { 'initialize gives a session': begun };
    if (peer && begun) {
      sessionsOpened.add(1);
      steps['initialized is accepted'] = accepted(await initialized(endpoint, peer));
      sessionSetup.add(Date.now() - started);
      let answered = true;
      for (let call = 0; call < CALLS; call++) answered = (await callOnce(peer)) && answered;
      steps['calls are answered'] = answered;
      const odd = exec.scenario.iterationInTest % 2 === 1;
      steps['a session that nobody began is refused'] = await isRefused(peer, odd);
      const { status } = await endSession(endpoint, peer);
      if (deletes) {
        steps['DELETE is accepted'] = status >= 200 && status < 300;
        steps['a deleted session is gone'] = await isGone(peer, odd);
      }
    }
    const checks = Object.entries(steps).map(([name, ok]) => [name, () => ok] as const);
    sessionOk.add(check(null, Object.fromEntries(checks)));
  }

  async function callOnce(peer: Peer): Promise<boolean> {
    const { message } = await callTool(endpoint, peer, endpoint.call, uniqueId(), { name: 'tools_call' });
    const ok = succeeded(message);
    calls.add(1);
    callOk.add(ok);
    return ok;
  }

  async function isRefused({ revision, session = '' }: Peer, asNotification: boolean): Promise<boolean> {
    const nobody = { revision, session: unknownId(session) };
    const options = { name: 'nobody', expected: [400, 401, 403, 404] };
    const { status } = asNotification
      ? await notify(endpoint, nobody, 'notifications/initialized', options)
      : (await ask(endpoint, nobody, 'ping', {}, uniqueId(), options)).response;
    return status >= 400 && status < 500;
  }

  async function isGone(peer: Peer, asStream: boolean): Promise<boolean> {
    if (!asStream) {
      const { response } = await ask(endpoint, peer, 'ping', {}, uniqueId(), { name: 'gone', expected: [404] });
      return response.status === 404;
    }
    const options = { name: 'gone', timeout_ms: OPENED_MS, expected: [404, 405] };
    const { status } = await openStream(endpoint, peer, '', options);
    return status === 404 || status === 405;
  }

  return {
    flow,
    scenarios: {
      sessions: {
        executor: 'constant-arrival-rate',
        exec: 'sessions',
        rate: RATE,
        timeUnit: '1s',
        duration: `${DURATION_S}s`,
        preAllocatedVUs: VUS,
        maxVUs: VUS,
      },
    },
    thresholds: {
      sessions: {
        mcp_session_ok: ['rate>0.999'],
        // The first and the last arrival may fall beyond the edges.
        mcp_sessions_opened: [`count>=${Math.floor(RATE * DURATION_S * 0.98) - 1}`],
        'http_req_duration{name:initialize}': [`p(95)<${P95_MS}`],
        'http_req_duration{name:tools_call}': [`p(95)<${P95_MS}`],
        'http_req_duration{name:delete}': [`p(95)<${P95_MS}`],
        dropped_iterations: ['count==0'],
      },
    },
  };
}

const endpoint = readEndpoint(__ENV, '2025-11-25');
const own = plan(endpoint, __ENV.PROFILE ? open(`./profiles/${__ENV.PROFILE}.json`) : '');

export const options = optionsOf(own, endpoint.numbers !== undefined);
export const setup = (): Promise<Target> =>
  checkTarget(endpoint, 'sessions', { era: 'stateful', sessions: true, call: true });
export const sessions = own.flow;
export const teardown = ({ before }: Target): Promise<void> => readAfter(endpoint, before);
export default sessions;
