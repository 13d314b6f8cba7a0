/**
 * How many mutants the official conformance suite notices, of those that the scenarios are held against.
 *
 *     npm run mutants:official -- [--every 3] [--at-once 4] [--json <file>]
 *
 * A mutant counts as noticed when any scenario of the suite's frozen requirement sets, scored or not, is not as it is for the
 * right server. With `--every 3` only each third mutant is run. Takes some five seconds a mutant.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { REVISIONS, referee } from '../referee.ts';
import { startServer } from '../runtimes/start.ts';
import { AUTHORIZATION } from './authorization.ts';
import { MUTANTS } from './index.ts';
import { MUTANT_REVISIONS } from './kills.ts';
import { LIMITS } from './limits.ts';
import type { Mutant } from './mutate.ts';

const { values } = parseArgs({
  options: { every: { type: 'string' }, 'at-once': { type: 'string' }, json: { type: 'string' } },
});
const every = Number(values.every ?? 1);
const log = console.log;
/** What the suite says of each of hundreds of mutants is not of interest. */
console.log = () => {};

/** Whether the suite notices it; undefined where the suite knows none of its revisions. */
async function noticed({ name, revisions = MUTANT_REVISIONS }: Mutant): Promise<boolean | undefined> {
  const known = REVISIONS.filter((revision) => revisions.includes(revision));
  if (known.length === 0) return undefined;
  const server = await startServer({ runtime: 'node', entry: 'harness/mutants/serve.ts', env: { MUTANT: name } });
  try {
    for (const revision of known) if ((await referee(server.url, revision)).failed > 0) return true;
    return false;
  } finally {
    await server.stop();
  }
}

const results: Record<string, boolean> = {};
// The suite brings no tokens, and limits are this server's own.
const plain = MUTANTS.filter((one) => !AUTHORIZATION.includes(one) && !LIMITS.includes(one));
const waiting = plain.filter((_one, index) => index % every === 0);
const work = async () => {
  for (let one = waiting.shift(); one; one = waiting.shift()) {
    const red = await noticed(one).catch((error: unknown) => {
      log(`${one?.name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    });
    if (red === undefined) continue;
    results[one.name] = red;
    log(`${red ? 'noticed' : 'missed '} ${one.name}`);
  }
};
await Promise.all(Array.from({ length: Number(values['at-once'] ?? 4) }, work));
const count = Object.values(results).filter(Boolean).length;
log(`the official suite notices ${count} of ${Object.keys(results).length} mutants`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
