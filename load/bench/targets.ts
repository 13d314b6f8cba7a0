/** Everything the bench can measure: which module, on which runtimes, in which eras. */
import { resolve } from 'node:path';
import type { Era } from './messages.ts';
import { BENCH, type Launch, ROOT, RUNTIMES, type Runtime } from './servers.ts';

export interface Target {
  name: string;
  runtimes: readonly Runtime[];
  eras: readonly Era[];
  /** Path of the module, from load/bench. */
  entry: string;
  /** On Node by @hono/node-server. */
  hono?: boolean;
  /** Has no sessions to open: any request is answered. */
  raw?: boolean;
  /** For the measures of streams; undefined where it has no part in them. */
  streams?: Streaming;
}

/** What a target can be asked for when streams are measured (BENCH_STREAMS). */
export interface Streaming {
  eras: readonly Era[];
  /** The newest revision with sessions that it speaks. */
  revision?: string;
  /** A quiet stream has a comment each MCP_HEARTBEAT ms. */
  heartbeat: boolean;
  /** The module for workerd. */
  worker?: string;
}

const BOTH: readonly Era[] = ['sessions', 'modern'];

export const TARGETS: readonly Target[] = [
  { name: 'raw', runtimes: RUNTIMES, eras: BOTH, entry: 'targets/raw.fetch.ts', hono: true, raw: true },
  { name: 'bare', runtimes: ['node'], eras: BOTH, entry: 'targets/raw.node.ts', raw: true },
  {
    name: 'ours',
    runtimes: RUNTIMES,
    eras: BOTH,
    entry: 'targets/ours.ts',
    streams: { eras: BOTH, heartbeat: true, worker: 'targets/ours.workerd.ts' },
  },
  {
    name: 'mcp-lite',
    runtimes: RUNTIMES,
    eras: ['sessions'],
    entry: 'peers/mcp-lite.ts',
    hono: true,
    streams: { eras: ['sessions'], revision: '2025-06-18', heartbeat: false },
  },
  {
    name: 'tmcp',
    runtimes: RUNTIMES,
    eras: BOTH,
    entry: 'peers/tmcp.ts',
    hono: true,
    streams: { eras: BOTH, revision: '2025-06-18', heartbeat: false },
  },
  {
    name: 'sdk-v1',
    runtimes: RUNTIMES,
    eras: ['sessions'],
    entry: 'peers/sdk-v1.ts',
    hono: true,
    streams: { eras: ['sessions'], heartbeat: true },
  },
  {
    name: 'sdk-v2',
    runtimes: RUNTIMES,
    eras: ['modern'],
    entry: 'peers/sdk-v2.ts',
    hono: true,
    streams: { eras: BOTH, heartbeat: true },
  },
];

/** Another checkout of this project beside this one: the same target, from there. */
export function against(folder: string): Target {
  const targets = `${folder}/load/bench/targets`;
  return {
    name: 'against',
    runtimes: RUNTIMES,
    eras: BOTH,
    entry: `${targets}/ours.ts`,
    streams: { eras: BOTH, heartbeat: true, worker: `${targets}/ours.workerd.ts` },
  };
}

export function targetNamed(name: string): Target {
  const found = TARGETS.find((target) => target.name === name);
  if (!found) throw new Error(`no target is named "${name}"`);
  return found;
}

export function launchOf(target: Target, runtime: Runtime, env: Record<string, string> = {}): Launch {
  return { runtime, entry: moduleAt(target.entry), env, hono: target.hono === true && runtime === 'node' };
}

/** @param path from load/bench, or absolute */
export function moduleAt(path: string): string {
  return resolve(BENCH, path);
}

export { ROOT };
