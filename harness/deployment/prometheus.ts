/** A real Prometheus on loopback: the example configuration of the server with other targets, a temporary folder, a process. */

import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { type Child, exitText, startChild } from '../runtimes/child.ts';
import { freePort, listening } from '../runtimes/ports.ts';

/** What an operator of the server is given. */
export const OPERATIONS = fileURLToPath(new URL('../../server/operations/', import.meta.url));
const MISSING = 'Prometheus is not installed (prometheus and promtool); for example: apt-get install prometheus';
/** Targets are scraped and alerts judged so often. */
const INTERVAL = '1s';

/** One series, as the instant or range query found it. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Values over time; `NaN` where there is none. */
  readonly values: readonly number[];
}

export interface Prometheus {
  readonly url: string;
  /** What the HTTP API answers. @throws Error with what it says where it does not succeed */
  api<T>(path: string, parameters?: Record<string, string>): Promise<T>;
  /** The values of each second since the start. */
  range(query: string): Promise<Series[]>;
  stop(): Promise<void>;
}

interface Configuration {
  global: Record<string, string>;
  scrape_configs: { static_configs: { targets: string[] }[] }[];
}

/**
 * Starts Prometheus and resolves once it is ready.
 * @param targets `host:port` of the servers
 * @param token for their metrics
 * @throws Error saying what to install where it is missing, or what Prometheus says
 */
export async function startPrometheus(targets: readonly string[], token: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-prometheus-'));
  writeFileSync(join(folder, 'token'), token);
  copyFileSync(join(OPERATIONS, 'alerts.yml'), join(folder, 'alerts.yml'));
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, configuration(targets, join(folder, 'token')));
  const port = await freePort();
  const began = Date.now() / 1000;
  const paths = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  const child = startChild('prometheus', [...paths, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'], {
    folder,
  });
  await listening(port, endOf(child));
  const url = `http://127.0.0.1:${port}`;
  async function api<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  }
  return {
    url,
    api,
    async range(query) {
      const end = Date.now() / 1000;
      const parameters = { query, start: String(began), end: String(end), step: INTERVAL };
      const { result } = await api<{ result: { metric: Record<string, string>; values: [number, string][] }[] }>(
        'query_range',
        parameters,
      );
      return result.map(({ metric, values }) => ({ metric, values: values.map(([, value]) => Number(value)) }));
    },
    async stop() {
      await child.end('SIGTERM');
    },
  };
}

async function endOf(child: Child): Promise<never> {
  const how = await child.exit.catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Error(MISSING) : error;
  });
  throw new Error(`prometheus ended with ${exitText(how)}: ${child.stderr().trim()}`);
}

/** The example as an operator would change it: other targets, more often, with the lines for a token. */
function configuration(targets: readonly string[], tokenFile: string): string {
  const text = readFileSync(join(OPERATIONS, 'prometheus.yml'), 'utf8')
    .replace(/^( +)# (authorization:| {2}type:.*| {2}credentials_file:.*)$/gm, '$1$2')
    .replace(/credentials_file: .*/, `credentials_file: ${tokenFile}`);
  const { global, scrape_configs } = parse(text) as Configuration;
  const [job] = scrape_configs;
  return stringify({
    ...(parse(text) as object),
    global: { ...global, scrape_interval: INTERVAL, evaluation_interval: INTERVAL },
    scrape_configs: [{ ...job, static_configs: [{ targets }] }],
  });
}

/** Runs `promtool`. @returns what it said, and its exit code */
export function promtool(args: readonly string[], input = ''): Promise<{ code: number; said: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile('promtool', args, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') reject(new Error(MISSING));
      else resolve({ code: child.exitCode ?? 1, said: stdout + stderr });
    });
    child.stdin?.on('error', () => {}).end(input);
  });
}
