/** The server that is loaded when no URL is given: this project's, with the settings that the profile is made for. */

import { randomBytes } from 'node:crypto';
import { startServer } from '../../harness/runtimes/start.ts';
import type { ServerRuntime } from './arguments.ts';
import { completeMetrics } from './outside.ts';

export interface OwnTarget {
  readonly url: string;
  /** What the scripts have to be told of it. */
  readonly env: Readonly<Record<string, string>>;
  /** @returns one line when it had ended by itself before */
  stop(): Promise<string | undefined>;
}

/** The everything server has the tools that change something or close their stream, which the standard one lacks. */
const CHANGE = { MCP_CHANGE_TOOL: 'test_trigger_tool_change' };
const CLOSE = { MCP_CLOSE_TOOL: 'test_reconnection' };
/** Scripts that call them. */
const NEEDS_EVERYTHING = ['listen', 'reconnection', 'smoke'];

/**
 * @param settings the section `server` of the profile
 * @throws Error with what the server wrote when it could not be started
 */
export async function startTarget(
  name: string,
  runtime: ServerRuntime,
  settings: Readonly<Record<string, string>>,
): Promise<OwnTarget> {
  const everything = NEEDS_EVERYTHING.includes(name);
  // On workerd the server does not know that a reader is on loopback.
  const token = randomBytes(16).toString('hex');
  const server = await startServer({
    runtime,
    entry: everything ? 'harness/everything.ts' : 'server.ts',
    env: { ...settings, MCP_METRICS_TOKEN: token },
  });
  const metrics = `${server.origin}/metrics`;
  const completed = await completeMetrics(metrics, server.pid);
  return {
    url: server.url,
    env: {
      MCP_METRICS_URL: completed?.url ?? metrics,
      MCP_METRICS_TOKEN: token,
      ...(runtime === 'workerd' && completed === undefined && { MCP_METRICS_MEMORY: 'none' }),
      ...(everything && { ...CLOSE, ...CHANGE }),
    },
    async stop() {
      completed?.close();
      const ended = await Promise.race([server.exit, undefined]);
      await server.stop();
      if (ended === undefined) return undefined;
      const last = server.stderr().trim().split('\n').at(-1) ?? '';
      return `The server on ${runtime} ended by itself (${ended.signal ?? `code ${ended.code}`})${last && `: ${last}`}`;
    },
  };
}
