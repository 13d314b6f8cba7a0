/**
 * `node harness/mutants/referee.ts [--json <file>]`: how many mutants the official conformance suite notices, of those that the
 * scenarios are held against. A mutant counts as noticed when any scenario of its frozen requirement sets, scored or not, is not
 * as it is for the right server. Takes about five seconds a mutant.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { referee } from '../referee.ts';
import { startServer } from '../runtimes/start.ts';
import { MUTANTS } from './index.ts';
import { MUTANT_REVISIONS } from './kills.ts';

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const log = console.log;
/** What the suite says of each of hundreds of mutants is not of interest. */
console.log = () => {};
const noticed: Record<string, boolean> = {};
for (const { name } of MUTANTS) {
  let red = false;
  try {
    const server = await startServer({ runtime: 'node', entry: 'harness/mutants/serve.ts', env: { MUTANT: name } });
    try {
      for (const revision of MUTANT_REVISIONS) red ||= (await referee(server.url, revision)).failed > 0;
    } finally {
      await server.stop();
    }
  } catch (error) {
    log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  noticed[name] = red;
  log(`${red ? 'noticed' : 'missed '} ${name}`);
}
const count = Object.values(noticed).filter(Boolean).length;
log(`the official suite notices ${count} of ${MUTANTS.length} mutants`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(noticed, null, 1)}\n`);
