// What the contract tests share: a script in a directory of its own, and a real server for it to load.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Result, type RunSettings, runScript } from './engine.ts';
import type { Sample } from './metrics.ts';

/** A run with everything that it said and counted. */
export type Observed = Result & { log: string[]; samples: Sample[] };

/** Writes files, the script being `script.ts`, and calls `use` with their directory, which goes afterwards. */
export async function withFiles<T>(
  files: string | Record<string, string>,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'script-host-'));
  try {
    for (const [name, content] of Object.entries(typeof files === 'string' ? { 'script.ts': files } : files)) {
      writeFileSync(join(directory, name), content);
    }
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs a script in the host. */
export function run(files: string | Record<string, string>, settings: RunSettings = {}): Promise<Observed> {
  return withFiles(files, async (directory) => {
    const log: string[] = [];
    const samples: Sample[] = [];
    const result = await runScript(join(directory, 'script.ts'), {
      onLog: (level, message) => log.push(`${level}: ${message}`),
      onSample: (sample) => samples.push(sample),
      ...settings,
    });
    return { ...result, log, samples };
  });
}

/** Calls `use` with the address of a server on loopback; all its connections end with it. */
export async function withServer<T>(
  listener: http.RequestListener,
  use: (url: string, server: http.Server) => Promise<T>,
): Promise<T> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Runs a script against a server; `__ENV.URL` is its address. */
export function runAgainst(
  listener: http.RequestListener,
  files: string | Record<string, string>,
  settings: RunSettings = {},
): Promise<Observed> {
  return withServer(listener, (url) => run(files, { ...settings, env: { URL: url, ...settings.env } }));
}

/** Values that a script handed to a Trend or Counter of this name, in order. */
export const valuesOf = ({ samples }: Observed, metric: string): number[] =>
  samples.filter((sample) => sample.metric === metric).map(({ value }) => value);
