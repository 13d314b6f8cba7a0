/** Everything the bench can measure: which module, on which runtimes, in which eras. */
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
}

const BOTH: readonly Era[] = ['sessions', 'modern'];

export const TARGETS: readonly Target[] = [
  { name: 'raw', runtimes: RUNTIMES, eras: BOTH, entry: 'targets/raw.fetch.ts', hono: true, raw: true },
  { name: 'bare', runtimes: ['node'], eras: BOTH, entry: 'targets/raw.node.ts', raw: true },
  { name: 'ours', runtimes: RUNTIMES, eras: BOTH, entry: 'targets/ours.ts' },
  { name: 'mcp-lite', runtimes: RUNTIMES, eras: ['sessions'], entry: 'peers/mcp-lite.ts', hono: true },
  { name: 'tmcp', runtimes: RUNTIMES, eras: BOTH, entry: 'peers/tmcp.ts', hono: true },
  { name: 'sdk-v1', runtimes: RUNTIMES, eras: ['sessions'], entry: 'peers/sdk-v1.ts', hono: true },
  { name: 'sdk-v2', runtimes: RUNTIMES, eras: ['modern'], entry: 'peers/sdk-v2.ts', hono: true },
];

/** Another checkout of this project beside this one: the same target, from there. */
export function against(folder: string): Target {
  return { name: 'against', runtimes: RUNTIMES, eras: BOTH, entry: `${folder}/load/bench/targets/ours.ts` };
}

export function targetNamed(name: string): Target {
  const found = TARGETS.find((target) => target.name === name);
  if (!found) throw new Error(`no target is named "${name}"`);
  return found;
}

export function launchOf(target: Target, runtime: Runtime, env: Record<string, string> = {}): Launch {
  const entry = target.entry.startsWith('/') ? target.entry : BENCH + target.entry;
  return { runtime, entry, env, hono: target.hono === true && runtime === 'node' };
}

export { ROOT };
