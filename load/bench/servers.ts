/** Starts targets on free loopback ports, reads what they use from /proc, and ends them by their process ids. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, exitText, startChild } from '../../harness/runtimes/child.ts';
import { freePort, listening } from '../../harness/runtimes/ports.ts';
import { cpuTime } from '../../harness/runtimes/usage.ts';

export const RUNTIMES = ['bun', 'deno', 'node'] as const;
export type Runtime = (typeof RUNTIMES)[number];

export const HOST = '127.0.0.1';
export const BENCH: string = fileURLToPath(new URL('.', import.meta.url));
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 3_000;
const MEMORY_WITHIN_MS = 20_000;
const PAGE_BYTES = 4096;

export interface Launch {
  runtime: Runtime;
  /** Absolute path of the module to run. */
  entry: string;
  /** By @hono/node-server: the entry has a `fetch` and does not listen by itself. */
  hono?: boolean;
  env?: Record<string, string>;
}

export interface Running {
  readonly pid: number;
  readonly port: number;
  /** The MCP endpoint. */
  readonly url: string;
  /** CPU time used since the start by all threads, in us; undefined where there is no /proc. */
  cpu_us(): number | undefined;
  /** Resident memory in bytes. */
  rss(): number | undefined;
  /** Live heap and resident memory in bytes, after a collection. */
  memory(): Promise<{ heap_bytes: number; rss_bytes: number }>;
  /** How it ended, with the end of what it wrote; undefined while it runs. */
  ended(): string | undefined;
  stop(): Promise<void>;
}

/** Resolves once the port takes connections. @throws Error with the output of a target that ended before */
export async function start(launch: Launch): Promise<Running> {
  const port = await freePort();
  const child = startChild(`${ROOT}node_modules/.bin/${launch.runtime}`, commandLine(launch, port), {
    cwd: ROOT,
    env: { ...inherited(), ...launch.env, MCP_HOST: HOST, MCP_PORT: String(port) },
  });
  const stop = async () => {
    await child.end('SIGTERM', STOP_WITHIN_MS).catch(() => {});
  };
  try {
    await listening(port, unready(child), 1);
  } catch (cause) {
    await stop();
    const output = `${child.stdout()}${child.stderr()}`.trimEnd();
    throw new Error(`${launch.entry} on ${launch.runtime} did not start:\n${output}`, { cause });
  }
  const { pid } = child;
  return {
    pid,
    port,
    url: `http://${HOST}:${port}/mcp`,
    cpu_us: () => cpuOf(pid),
    rss: () => rssOf(pid),
    memory: async () => {
      const told = child.line(/^memory (\{.*\})$/, MEMORY_WITHIN_MS);
      child.signal('SIGUSR2');
      return JSON.parse((await told)[1] as string);
    },
    ended: endingOf(child),
    stop,
  };
}

/** Rejects when the target will not listen any more. */
async function unready({ exit }: Child): Promise<never> {
  const late = sleep(READY_WITHIN_MS, undefined, { ref: false }).then(
    () => `nothing listens after ${READY_WITHIN_MS / 1000} s`,
  );
  throw new Error(await Promise.race([exit.then(exitText), late]));
}

/** @returns what tells how a process ended, with the end of what it wrote; undefined while it runs */
export function endingOf({
  exit,
  stdout,
  stderr,
}: Pick<Child, 'exit' | 'stdout' | 'stderr'>): () => string | undefined {
  let ended: string | undefined;
  exit.then(
    (how) => {
      const last = `${stdout()}${stderr()}`.trim().split('\n').slice(-3).join(' ');
      ended = `it ended (${exitText(how)})${last === '' ? '' : `: ${last.slice(-300)}`}`;
    },
    () => {},
  );
  return () => ended;
}

function commandLine({ runtime, entry, hono }: Launch, port: number): string[] {
  switch (runtime) {
    case 'bun':
      return ['run', entry];
    case 'deno':
      return ['serve', '-A', '--quiet', '--v8-flags=--expose-gc', '--host', HOST, '--port', String(port), entry];
    case 'node':
      return ['--expose-gc', ...(hono ? [`${BENCH}peers/on-node.ts`, entry] : [entry])];
  }
}

/** Our environment without what would change a target. */
function inherited(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(MCP_|BENCH_|PORT$|NODE_OPTIONS$|DENO_)/.test(name));
  // Nobody balances the load: a server may end at once.
  return { ...Object.fromEntries(kept), MCP_DRAIN_DELAY: '0', DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
}

/** Resident memory of a process in bytes. */
export function rssOf(pid: number): number | undefined {
  const path = `/proc/${pid}/statm`;
  return existsSync(path) ? Number(readFileSync(path, 'utf8').split(' ')[1]) * PAGE_BYTES : undefined;
}

/** CPU time of a process so far, in us. */
export function cpuOf(pid: number): number | undefined {
  return existsSync(`/proc/${pid}/stat`) ? Math.round(cpuTime({ pid }) * 1e6) : undefined;
}
