/**
 * What comes with the harness: its scenarios, its bind file, the rules of each revision. Here these are files, read when
 * they are asked for; `mcp-replay` as a package has them compiled in, and needs no file system for them.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBind, readScenarios } from './read.ts';
import type { Scenario } from './scenario.ts';

/** All that a package has to bring; plain data. */
export interface Bundled {
  scenarios: Scenario[];
  bind: ReturnType<typeof readBind>;
  /** What is written in `requirements/<revision>.json`, by revision. */
  requirements: Record<string, unknown>;
}

const HARNESS = fileURLToPath(new URL('../', import.meta.url));

/** Those of `harness/scenarios`. */
export function ownScenarios(): Bundled['scenarios'] {
  return readScenarios([join(HARNESS, 'scenarios')]);
}

/** The names of the official suite's example server. */
export function ownBind(): Bundled['bind'] {
  return readBind(join(HARNESS, 'bind.yaml'));
}

export function ownRequirements(): Bundled['requirements'] {
  const folder = join(HARNESS, 'requirements');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(
    files.map((name) => [name.slice(0, -'.json'.length), JSON.parse(readFileSync(join(folder, name), 'utf8'))]),
  );
}
