/** All scenarios on a server of others, and what is expected of it. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { needsProtection } from '../own.ts';
import { runAll } from '../replay/all.ts';
import { ownBind, ownScenarios } from '../replay/bundled.ts';
import { factsOf } from '../replay/facts.ts';
import type { Outcome, Verdict } from '../replay/outcome.ts';
import { readBind } from '../replay/read.ts';
import { REVISIONS } from '../replay/scenario.ts';
import { urlTarget } from '../replay/target.ts';
import { type Foreign, startForeign } from './start.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** Windows are longer and fewer scenarios run at a time than on this server: these run beside other tests, on small machines too. */
const SLACK = 3;
const AT_ONCE = 4;
/** There the answer of one session is taken for the question of another, so what runs beside a scenario changes it. */
const ALONE: readonly Foreign[] = ['tmcp'];
/** ms before SLACK, where a scenario does not say how long it takes: some of these servers leave many a request without an end. */
const TIMEOUT_MS = 3000;

/** All that is not "pass" is expected by name, so that nothing goes untested unseen. */
export const COUNTED: readonly Verdict[] = ['error', 'fail', 'warn', 'note', 'untestable', 'skip'];

/** The file that tells what a server is expected to fail. */
export function expectedFile(name: Foreign): string {
  return `${HERE}expected/${name}.yaml`;
}

/** Starts a server, replays every scenario at every revision that it speaks, and ends it. @throws Error when it does not start */
export async function replayForeign(name: Foreign): Promise<Outcome[]> {
  const own = `${HERE}bind/${name}.yaml`;
  const bind = existsSync(own) ? readBind(own) : ownBind();
  // None of them asks for tokens or keeps to limits.
  const plain = ownScenarios().filter((one) => !needsProtection(one));
  const scenarios = plain.map((one) => ({ timeout: TIMEOUT_MS, ...one }));
  const server = await startForeign(name);
  try {
    const target = urlTarget(server.url);
    const facts = await Promise.all(REVISIONS.map((revision) => factsOf(target, revision)));
    const spoken = facts.filter((one) => one !== undefined);
    return await runAll(scenarios, target, spoken, { bind, slack: SLACK, atOnce: ALONE.includes(name) ? 1 : AT_ONCE });
  } finally {
    await server.stop();
  }
}
