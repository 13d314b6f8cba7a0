/** Starts servers of others from their npm packages, each on a loopback port of its own. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startChild } from '../runtimes/child.ts';

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
  const child = startChild(process.execPath, [`${HERE}servers/${name}.ts`], {
    // One of the servers shows its environment to everybody who asks: it gets nothing else of ours.
    env: { MCP_PORT: String(port), NODE_ENV: 'production' },
  });
  const stop = async () => {
    await child.end('SIGTERM', STOP_WITHIN_MS).catch(() => {});
  };
  try {
    const [url] = await child.line(/^http:\/\/127\.0\.0\.1:\d+\/.*/, READY_WITHIN_MS);
    return { url, stop };
  } catch (cause) {
    await stop();
    throw new Error(`${name} did not tell its URL:\n${child.stderr()}${child.stdout()}`, { cause });
  }
}
