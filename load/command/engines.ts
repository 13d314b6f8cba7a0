/** Which engine runs a script: the operator's k6 where it is on the PATH, else the script host of this project. */

import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Engine } from './result.ts';

/** k6 talks to nobody but the target: no report of its use, no extension fetched. */
export const K6_QUIET = { K6_NO_USAGE_REPORT: 'true', K6_AUTO_EXTENSION_RESOLUTION: 'false' } as const;

export type Found = Engine & { /** The program; the script host has none. */ readonly program?: string };

/** @throws Error with one line when k6 is asked for and is not there, or is no k6 */
export function findEngine(wanted: 'k6' | 'host' | undefined, path: string): Found {
  const host: Found = { name: 'script host', version: process.versions.node };
  if (wanted === 'host') return host;
  const program = onPath('k6', path);
  if (program === undefined) {
    if (wanted === undefined) return host;
    throw new Error('k6 is not on the PATH; --engine host runs the same script without it');
  }
  const { stdout } = spawnSync(program, ['version'], {
    encoding: 'utf8',
    timeout: 10_000,
    env: { ...process.env, ...K6_QUIET },
  });
  const version = /\bv\d+\.\d+\.\d+\S*/.exec(stdout ?? '')?.[0];
  if (version === undefined) throw new Error(`${program} does not tell its version; --engine host runs without it`);
  return { name: 'k6', version, program };
}

function onPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(executable);
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
