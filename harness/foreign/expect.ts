/**
 * Writes anew what is expected of the servers of others: `node harness/foreign/expect.ts [server ...]`.
 *
 * The reasons that the files already tell are kept; where there is none, what the check said stands for it until somebody has
 * looked. `--start` only starts one server and tells its URL, to look at it by hand.
 */

import { writeBaseline } from '../replay/baseline.ts';
import { summary } from '../replay/reports/results.ts';
import { expectedFile, replayForeign } from './replay.ts';
import { FOREIGN, type Foreign, installForeign, startForeign } from './start.ts';

const [first, ...rest] = process.argv.slice(2);
const starting = first === '--start';
const given = starting ? rest : process.argv.slice(2);
const names = given.map((name): Foreign => {
  const found = FOREIGN.find((one) => one === name);
  if (!found) throw new Error(`a server is one of ${FOREIGN.join(', ')}; got "${name}"`);
  return found;
});

installForeign();
if (starting) {
  const server = await startForeign(names[0] ?? 'sdk-v1');
  console.log(server.url);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.stop());
} else {
  for (const name of names.length > 0 ? names : FOREIGN) {
    const began = performance.now();
    const outcomes = await replayForeign(name);
    writeBaseline(outcomes, expectedFile(name));
    console.log(`${name}: ${summary(outcomes)}; ${Math.round((performance.now() - began) / 1000)} s`);
  }
}
