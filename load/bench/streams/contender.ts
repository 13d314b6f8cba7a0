/** Who takes part in the measures of streams, and how each is started for them. */
import { startServer } from '../../../harness/runtimes/start.ts';
import type { Era } from '../messages.ts';
import { cpuOf, endingOf, RUNTIMES, type Running, rssOf, start } from '../servers.ts';
import { launchOf, moduleAt, type Target } from '../targets.ts';
import type { StreamRuntime } from './row.ts';

export interface StreamContender {
  runtime: StreamRuntime;
  target: Target;
  era: Era;
}

export function streamContenders(runtime: StreamRuntime, targets: readonly Target[]): StreamContender[] {
  return targets.flatMap((target) => {
    const { eras = [], worker } = target.streams ?? {};
    const able = runtime === 'workerd' ? worker !== undefined : target.runtimes.includes(runtime);
    return able ? eras.map((era) => ({ runtime, target, era })) : [];
  });
}

/** What the load scripts are told of a contender. */
export function environmentOf({ target, era }: StreamContender, url: string): Record<string, string> {
  const revision = era === 'modern' ? '2026-07-28' : (target.streams?.revision ?? '2025-11-25');
  return { MCP_URL: url, MCP_REVISION: revision, MCP_SEQUENCE_TOOL: 'ticker' };
}

/** @param streams that it must have room for @param heartbeat_ms between two heartbeats of a quiet stream */
export function startContender(
  { runtime, target }: StreamContender,
  streams: number,
  heartbeat_ms: number,
): Promise<Running> {
  const room = String(streams + 1000);
  const env = {
    BENCH_STREAMS: '1',
    MCP_HEARTBEAT: String(heartbeat_ms),
    MCP_MAX_CONNECTIONS: room,
    MCP_MAX_SESSIONS: room,
    MCP_MAX_CALLS: room,
    MCP_MAX_CALLER_CALLS: room,
  };
  const known = RUNTIMES.find((one) => one === runtime);
  return known ? start(launchOf(target, known, env)) : startWorker(target.streams?.worker ?? target.entry, env);
}

/** On workerd there is no signal to ask for the heap by: only what the system tells of the process is known. */
async function startWorker(entry: string, env: Record<string, string>): Promise<Running> {
  const server = await startServer({ runtime: 'workerd', entry: moduleAt(entry), env });
  const { pid, port, url, stop } = server;
  return {
    pid,
    port,
    url,
    cpu_us: () => cpuOf(pid),
    rss: () => rssOf(pid),
    memory: () => Promise.reject(new Error('workerd tells nothing of its heap')),
    ended: endingOf(server),
    stop,
  };
}
