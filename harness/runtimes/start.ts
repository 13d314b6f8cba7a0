/**
 * Starts a server entry on one of the four runtimes, all of them from `node_modules`.
 *
 *     node harness/runtimes/start.ts bun [entry] [port]
 *
 * prints the URL and serves until SIGINT.
 */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, type Exit, exitText, startChild } from './child.ts';
import { assertFree, freePort } from './ports.ts';
import { prepareWorker } from './workerd.ts';

/** The runtimes in the order in which they are tried. */
export const RUNTIMES = ['bun', 'deno', 'node', 'workerd'] as const;

export type Runtime = (typeof RUNTIMES)[number];

export interface StartOptions {
  runtime: Runtime;
  /** A module whose default export has `fetch`; relative to the root of the repository. Default `server.ts`. */
  entry?: string;
  /** Environment variables for the server, which logs no requests and ends without delay unless told; on workerd those named `MCP_*` become bindings. */
  env?: Record<string, string>;
  /** The loopback port. Default: a free one. */
  port?: number;
}

export interface RunningServer {
  /** The MCP endpoint: `origin` and `MCP_PATH`. */
  url: string;
  /** `http://127.0.0.1:port`. */
  origin: string;
  port: number;
  /** Process id of the runtime itself, so that its memory and CPU time can be read. */
  pid: number;
  /** How the process ended, once it has. */
  readonly exit: Promise<Exit>;
  /** What the server has written to its standard output and error so far; the last 256 kB of each. */
  stdout(): string;
  stderr(): string;
  /** Asks the server to end (SIGTERM) and waits until it has; after 3 s it is killed. */
  stop(): Promise<void>;
  /** Ends the server at once, as a crash would, and waits until it is gone. */
  kill(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOST = '127.0.0.1';
const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 3_000;

/** Starts a server and resolves once `GET /health` answers 200; rejects with its output when it ends first or is not ready within 15 s. */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { runtime, entry = 'server.ts', env = {} } = options;
  const port = options.port ?? (await freePort());
  if (options.port !== undefined) await assertFree(port);
  const settings = { MCP_HOST: HOST, MCP_LOG_LEVEL: 'warn', MCP_DRAIN_DELAY: '0', ...env, MCP_PORT: String(port) };
  const { args, folder } = await commandLine(runtime, resolve(ROOT, entry), port, settings);
  const child = startChild(resolve(ROOT, 'node_modules/.bin', runtime), args, {
    cwd: ROOT,
    env: { ...inheritedEnvironment(), ...settings },
    folder,
  });
  const { pid, exit, stdout, stderr } = child;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await child.end(signal, STOP_WITHIN_MS).catch(() => {});
  };

  const origin = `http://${HOST}:${port}`;
  const failure = await readiness(origin, child);
  if (failure !== undefined) {
    await end('SIGKILL');
    throw new Error(`${entry} on ${runtime} ${failure}\n${stderr()}${stdout()}`.trimEnd());
  }
  return {
    url: origin + (env.MCP_PATH ?? '/mcp'),
    origin,
    port,
    pid,
    exit,
    stdout,
    stderr,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

async function commandLine(
  runtime: Runtime,
  entry: string,
  port: number,
  settings: Record<string, string>,
): Promise<{ args: string[]; folder?: string }> {
  switch (runtime) {
    case 'bun':
      return { args: ['run', entry] };
    case 'deno':
      return { args: ['serve', '-A', '--quiet', '--host', HOST, '--port', String(port), entry] };
    case 'node':
      return { args: [entry] };
    case 'workerd': {
      const bindings = Object.fromEntries(Object.entries(settings).filter(([name]) => name.startsWith('MCP_')));
      const { folder, config } = await prepareWorker(entry, port, bindings);
      return { args: ['serve', config], folder };
    }
  }
}

/** Our environment without what would change a server under test: settings of ours, and marks that a test runner leaves for its children. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(MCP_.*|PORT|DENO_SERVE_ADDRESS|NODE_OPTIONS|NODE_TEST_CONTEXT|NODE_V8_COVERAGE)$/;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(kept), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
}

/** Waits for the first 200 of `/health`. Returns why there will be none, or nothing. */
async function readiness(origin: string, child: Child): Promise<string | undefined> {
  const deadline = Date.now() + READY_WITHIN_MS;
  let over: string | undefined;
  child.exit.then(
    (how) => {
      over = `ended with ${exitText(how)} before it was ready`;
    },
    (error: Error) => {
      over = `could not be started: ${error.message}`;
    },
  );
  let last = 'nothing listens';
  while (Date.now() < deadline) {
    if (over !== undefined) return over;
    try {
      // The deadline of one attempt is short: a stuck answer must not hide that the process has ended.
      const response = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(2_000) });
      await response.body?.cancel();
      if (response.status === 200) return undefined;
      last = `GET /health answers ${response.status}`;
    } catch {
      // Not listening yet.
    }
    await sleep(25);
  }
  return `was not ready within ${READY_WITHIN_MS / 1000} s (${last})`;
}

function isRuntime(name: string | undefined): name is Runtime {
  return RUNTIMES.some((runtime) => runtime === name);
}

async function main([runtime, entry, port]: string[]): Promise<void> {
  if (!isRuntime(runtime)) {
    console.error(`usage: node harness/runtimes/start.ts ${RUNTIMES.join('|')} [entry] [port]`);
    process.exit(2);
  }
  const server = await startServer({
    runtime,
    ...(entry && { entry }),
    ...(port && { port: Number(port) }),
    env: ownSettings(),
  });
  console.log(server.url);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await server.stop();
      process.exit(0);
    });
  }
}

/** At the command line the settings of the shell are meant for the server. */
function ownSettings(): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('MCP_') && value !== undefined) settings[name] = value;
  }
  return settings;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  });
}
