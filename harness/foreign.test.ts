/** Servers of others, started from their npm packages: what the harness finds there is what is written down, and nothing else. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COUNTED, expectedFile, replayForeign } from './foreign/replay.ts';
import { FOREIGN, installForeign } from './foreign/start.ts';
import { compare, readBaseline } from './replay/baseline.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

before(installForeign);

test('the servers use their packages as these are typed', async () => {
  const tsc = `${ROOT}node_modules/.bin/tsc`;
  await promisify(execFile)(tsc, ['-p', `${ROOT}harness/foreign/servers/tsconfig.json`]);
});

/** Most of a replay is waiting. */
describe('servers of others', { concurrency: 3 }, () => {
  for (const name of FOREIGN) {
    test(`${name}: fails what it is expected to fail`, async () => {
      const outcomes = await replayForeign(name);
      const differences = compare(outcomes, readBaseline(expectedFile(name)), COUNTED);
      for (const [kind, lines] of Object.entries(differences))
        assert.equal(
          lines.length,
          0,
          [kind, ...lines, `once looked at: node harness/foreign/expect.ts ${name}`].join('\n'),
        );
      assert.ok(outcomes.filter(({ verdict }) => verdict === 'pass').length > 50, 'little was tested');
    });
  }
});
