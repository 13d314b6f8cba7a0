/** One of several processes of a server, which is restarted in its place. */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, exitText, startChild } from '../runtimes/child.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOST = '127.0.0.1';

const PATIENCE_MS = 30_000;

/** How each runtime that has signals is told to serve a module. */
const ARGUMENTS = {
  node: (entry: string) => [entry],
  bun: (entry: string) => ['run', entry],
  deno: (entry: string, port: number) => ['serve', '-A', '--quiet', '--host', HOST, '--port', String(port), entry],
};

export type ReplicaRuntime = keyof typeof ARGUMENTS;

export interface ReplicaOptions {
  readonly runtime: ReplicaRuntime;
  /** A module, relative to the root of the repository. */
  readonly entry: string;
  readonly port: number;
  readonly env: Record<string, string>;
}

export class Replica {
  readonly url: string;
  readonly #origin: string;
  readonly #options: ReplicaOptions;
  readonly #children: Child[] = [];

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#origin = `http://${HOST}:${options.port}`;
    this.url = `${this.#origin}/mcp`;
  }

  /** Lines that its processes have written to their standard output, all of them. */
  get lines(): string[] {
    return this.#children.flatMap((child) => child.stdout().split('\n'));
  }

  /** What its processes reported as their own fault. */
  get faults(): string[] {
    return this.#children.flatMap((child) => child.stderr().match(/^error .*/gm) ?? []);
  }

  /** Resolves when `/readyz` says so. @throws Error with what it wrote when it ends instead */
  async start(): Promise<void> {
    const { runtime, entry, port, env } = this.#options;
    const settings = { ...env, MCP_HOST: HOST, MCP_PORT: String(port), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
    const child = startChild(`${ROOT}node_modules/.bin/${runtime}`, ARGUMENTS[runtime](`${ROOT}${entry}`, port), {
      env: settings,
      kept: Number.POSITIVE_INFINITY,
    });
    this.#children.push(child);
    const over = child.exit.then((how) => {
      throw new Error(`${runtime} on ${port} ended with ${exitText(how)}: ${child.stderr()}`);
    });
    while (!(await Promise.race([this.#ready(), over]))) await sleep(25);
    over.catch(() => {});
  }

  /** Asks it to end; what does not in half a minute is killed. @returns its exit code; null when it was killed */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const how = await this.#children.at(-1)?.end(signal, PATIENCE_MS);
    return how?.code ?? null;
  }

  async #ready(): Promise<boolean> {
    try {
      const response = await fetch(`${this.#origin}/readyz`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      await response.body?.cancel();
      return response.status === 200;
    } catch {
      return false;
    }
  }
}
