/** Starts targets on free loopback ports, reads what they use from /proc, and ends them by their process ids. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuTime } from '../../harness/runtimes/usage.ts';

export const RUNTIMES = ['bun', 'deno', 'node'] as const;
export type Runtime = (typeof RUNTIMES)[number];

export const HOST = '127.0.0.1';
export const BENCH: string = fileURLToPath(new URL('.', import.meta.url));
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 3_000;
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

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** Resolves once the port takes connections. @throws Error with the output of a target that ended before */
export async function start(launch: Launch): Promise<Running> {
  const port = await freePort();
  const child = spawn(`${ROOT}node_modules/.bin/${launch.runtime}`, commandLine(launch, port), {
    cwd: ROOT,
    env: { ...inherited(), ...launch.env, MCP_HOST: HOST, MCP_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  let told: ((line: string) => void) | undefined;
  const hear = (text: string) => {
    output = (output + text).slice(-16_384);
    const line = /^memory (\{.*\})\n/m.exec(output);
    if (!line) return;
    output = output.replace(line[0], '');
    told?.(line[1] as string);
  };
  child.stdout?.setEncoding('utf8').on('data', hear);
  child.stderr?.setEncoding('utf8').on('data', hear);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      output += error.message;
      resolve();
    });
  });
  void ended.then(() => running.delete(child));
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  };
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await listens(port))) {
    if (!running.has(child) || Date.now() > deadline) {
      await stop();
      throw new Error(`${launch.entry} on ${launch.runtime} did not start:\n${output.trimEnd()}`);
    }
    await sleep(1);
  }
  const pid = child.pid as number;
  return {
    pid,
    port,
    url: `http://${HOST}:${port}/mcp`,
    cpu_us: () => cpuOf(pid),
    rss: () => rssOf(pid),
    memory: () =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${launch.entry} tells nothing of its memory`)), 20_000);
        void ended.then(() => {
          clearTimeout(timer);
          reject(new Error(`${launch.entry} has ended`));
        });
        told = (line) => {
          clearTimeout(timer);
          resolve(JSON.parse(line));
        };
        child.kill('SIGUSR2');
      }),
    ended: () => (running.has(child) ? undefined : endOf(child.signalCode ?? child.exitCode, output)),
    stop,
  };
}

/** @param how a signal or an exit code @param output of the process */
export function endOf(how: string | number | null, output: string): string {
  const last = output.trim().split('\n').slice(-3).join(' ');
  return `it ended (${how ?? 'no code'})${last === '' ? '' : `: ${last.slice(-300)}`}`;
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
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
