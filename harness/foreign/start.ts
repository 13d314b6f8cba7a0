/** Starts servers of others from their npm packages, each on a loopback port of its own. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The one that takes longest is first. */
export const FOREIGN = ['tmcp', 'sdk-v1', 'sdk-v2', 'mcp-lite', 'server-everything'] as const;

export type Foreign = (typeof FOREIGN)[number];

export interface ForeignServer {
  /** The MCP endpoint. */
  readonly url: string;
  /** Asks the server to end (SIGTERM) and waits until it has; after 3 s it is killed. */
  stop(): Promise<void>;
}

const HERE = fileURLToPath(new URL('.', import.meta.url));
const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 3_000;
const KEPT_OUTPUT = 64 * 1024;

/** The packages are these servers' alone: they are installed when they are first needed. @throws Error when npm fails */
export function installForeign(): void {
  const lock = readFileSync(`${HERE}package-lock.json`, 'utf8');
  const mark = `${HERE}node_modules/.installed`;
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return;
  const { status, error, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], {
    cwd: HERE,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`npm ci failed in ${HERE}: ${error?.message ?? stderr}`);
  writeFileSync(mark, lock);
}

/**
 * Resolves once the server has told its URL, which it does when it listens.
 *
 * @param port default: a free one
 * @throws Error with what the server wrote, when it ends first or tells nothing within 30 s
 */
export async function startForeign(name: Foreign, port = 0): Promise<ForeignServer> {
  const child = spawn(process.execPath, [`${HERE}servers/${name}.ts`], {
    // One of the servers shows its environment to everybody who asks.
    env: { MCP_PORT: String(port), PATH: process.env.PATH, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  ended.catch(() => {});
  const orphaned = () => child.kill('SIGKILL');
  process.once('exit', orphaned);
  void ended.finally(() => process.off('exit', orphaned)).catch(() => {});

  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  };

  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-KEPT_OUTPUT);
  });
  const url = await new Promise<string | undefined>((resolve) => {
    const late = setTimeout(() => resolve(undefined), READY_WITHIN_MS);
    const told = (address?: string) => {
      clearTimeout(late);
      resolve(address);
    };
    createInterface(child.stdout).on('line', (line) => {
      output = `${output}${line}\n`.slice(-KEPT_OUTPUT);
      if (/^http:\/\/127\.0\.0\.1:\d+\//.test(line)) told(line);
    });
    ended.then(
      () => told(),
      (error: unknown) => {
        output += String(error);
        told();
      },
    );
  });
  if (url === undefined) {
    await stop();
    throw new Error(`${name} did not tell its URL within ${READY_WITHIN_MS / 1000} s:\n${output}`);
  }
  return { url, stop };
}
