/** A result as a run leaves it, for the tests of what reads one. */

import type { LoadResult } from './result.ts';

const point = (t: number, value: number) => ({ t, count: 2, sum: 2 * value, min: value, max: value, last: value });

export function resultWith(changes: Partial<LoadResult> = {}): LoadResult {
  return {
    format: 1,
    name: 'storm',
    profile: 'ci',
    knobs: {},
    started_at: '2026-11-27T12:00:00.000Z',
    target: { url: 'http://127.0.0.1:3000/mcp', runtime: 'bun' },
    machine: { cpu: 'Test CPU', cores: 2, memory_bytes: 8 * 2 ** 30, system: 'linux x64' },
    engine: { name: 'script host', version: '24.0.0' },
    exit_code: 99,
    reason: 'thresholds on mcp_events_lost failed',
    duration_ms: 3000,
    metrics: {
      mcp_call_ms: {
        type: 'trend',
        values: { avg: 3, med: 2, max: 40, 'p(95)': 12.345 },
        thresholds: { 'p(95)<250': { ok: true } },
      },
      mcp_events_lost: { type: 'counter', values: { count: 3, rate: 1 }, thresholds: { 'count==0': { ok: false } } },
      mcp_stream_cut_early: {
        type: 'rate',
        values: { rate: 0.005, passes: 1, fails: 199 },
        thresholds: { 'rate<0.01': { ok: true } },
      },
      mcp_heartbeat_shortfall: {
        type: 'rate',
        values: { rate: 0, passes: 0, fails: 0 },
        thresholds: { 'rate<0.01': { ok: true } },
      },
      data_received: { type: 'counter', values: { count: 1_500_000, rate: 500_000 } },
    },
    iterations: { completed: 100, interrupted: 0, dropped: 0 },
    lag: { p99_ms: 4, max_ms: 20 },
    series: {
      mcp_call_ms: [
        { ...point(0, 2), p50: 2, p95: 3, p99: 3 },
        { ...point(2, 8), p50: 8, p95: 9, p99: 9 },
      ],
      mcp_events_lost: [point(0, 1), point(2, 2)],
      lag: [point(0, 1), point(1, 2)],
    },
    said: '',
    ...changes,
  };
}
