/** Thresholds: how they are put together. Pure. */

export type Thresholds = Record<
  string,
  (string | { threshold: string; abortOnFail: boolean; delayAbortEval: string })[]
>;

/** The thresholds of a plan that runs alone. */
export function alone(byScenario: Readonly<Record<string, Thresholds>>): Thresholds {
  return Object.assign({}, ...Object.values(byScenario));
}

/** The thresholds of plans that run beside each other: each holds for its scenario only. */
export function beside(byScenario: Readonly<Record<string, Thresholds>>): Thresholds {
  return Object.assign({}, ...Object.entries(byScenario).map(([scenario, own]) => scoped(own, scenario)));
}

/** `a{b:c}` becomes `a{b:c,scenario:NAME}`. */
function scoped(thresholds: Thresholds, scenario: string): Thresholds {
  return Object.fromEntries(
    Object.entries(thresholds).map(([metric, rules]) => [
      metric.endsWith('}') ? `${metric.slice(0, -1)},scenario:${scenario}}` : `${metric}{scenario:${scenario}}`,
      rules,
    ]),
  );
}

/** Ends a run whose target has gone: most requests of its first seconds failed. A cut that was meant is no failure. */
export const ALIVE: Thresholds = {
  http_req_failed: [{ threshold: 'rate<0.5', abortOnFail: true, delayAbortEval: '5s' }],
};

/** 0 lost, repeated, foreign or out of order; the count beside them tells that there was something to lose. */
export function nothingLost(events: number): Thresholds {
  return {
    mcp_events_lost: ['count==0'],
    mcp_events_duplicated: ['count==0'],
    mcp_events_foreign: ['count==0'],
    mcp_events_disordered: ['count==0'],
    mcp_events_seen: [`count>=${events}`],
  };
}

/**
 * What the target tells of itself after the run. The counters beside the gauges tell that it was read, and to the last: a
 * gauge that was never set passes.
 * @param read the target tells anything
 */
export function backToBefore(read: boolean): Thresholds {
  if (!read) return {};
  return {
    mcp_server_numbers_read: ['count>=2'],
    mcp_server_numbers_after: ['count>=1'],
    mcp_server_sessions_after: ['value<=0'],
    mcp_server_streams_after: ['value<=0'],
  };
}
