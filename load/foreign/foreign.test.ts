/** Servers of others under load: each script says of each of them what is true of it, and nothing else. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  FOREIGN,
  type Foreign,
  type ForeignServer,
  installForeign,
  startForeign,
} from '../../harness/foreign/start.ts';
import { type Result, runScript } from '../host/engine.ts';
import { EXPECTED, SCRIPTS, type Script, type Tried } from './expected.ts';

/** Most of a run is waiting. */
const AT_ONCE = 9;
/** More requests than any check makes, fewer than any run. */
const CHECKED = 15;

interface Run extends Omit<Tried, 'verdicts'> {
  readonly script: Script;
  readonly expected: Tried['verdicts'][Script];
}

const RUNS: readonly Run[] = EXPECTED.flatMap(({ verdicts, ...tried }) =>
  Object.entries(verdicts).map(([script, expected]) => ({ ...tried, script: script as Script, expected })),
);

/** Those that take longest are first. */
const held_ms = ({ script, env = {} }: Run): number => (script === 'heartbeats' ? Number(env.HEARTBEAT_MS ?? 0) : 0);
const ORDERED = RUNS.toSorted((one, other) => held_ms(other) - held_ms(one));

const shared = new Map<Foreign, Promise<ForeignServer>>();
const started: ForeignServer[] = [];

/** One of each is enough, but where changes are made: who listens hears those of all. */
async function serverOf({ server, env = {} }: Run): Promise<ForeignServer> {
  let starting = env.MCP_CHANGE_TOOL === undefined ? shared.get(server) : undefined;
  if (starting === undefined) {
    starting = startForeign(server);
    if (env.MCP_CHANGE_TOOL === undefined) shared.set(server, starting);
    started.push(await starting);
  }
  return starting;
}

function red({ metrics }: Result): string[] {
  return Object.entries(metrics)
    .filter(([, { thresholds = {} }]) => Object.values(thresholds).some(({ ok }) => !ok))
    .map(([name]) => name)
    .sort();
}

function failedChecks({ root_group }: Result): string[] {
  return root_group.checks
    .filter(({ fails }) => fails > 0)
    .map(({ name }) => name)
    .sort();
}

before(installForeign);
after(() => Promise.all(started.map((server) => server.stop())));

test('every script is tried on every server', () => {
  const tried = RUNS.map(({ server, script }) => `${server} ${script}`);
  for (const server of FOREIGN) for (const script of SCRIPTS) assert.ok(tried.includes(`${server} ${script}`));
});

describe('servers of others under load', { concurrency: AT_ONCE }, () => {
  for (const run of ORDERED) {
    const { server, revision, script, env, expected } = run;
    const which = [server, revision ?? 'the revisions of the script', script, env?.HEARTBEAT_MS && 'with heartbeats'];
    test(which.filter(Boolean).join(', '), { timeout: 90_000 }, async () => {
      const { url } = await serverOf(run);
      const said: string[] = [];
      const result = await runScript(fileURLToPath(new URL(`../${script}.ts`, import.meta.url)), {
        env: {
          PROFILE: '../foreign/profile',
          MCP_URL: url,
          ...(revision !== undefined && { MCP_REVISION: revision }),
          ...env,
        },
        onLog: (_level, line) => said.push(line),
      });
      if (expected === 'pass' || expected === undefined) {
        assert.deepEqual(red(result), [], result.reason);
        assert.deepEqual(failedChecks(result), []);
        assert.equal(result.exitCode, 0, result.reason);
      } else if ('red' in expected) {
        assert.deepEqual(red(result), expected.red.toSorted(), result.reason);
        if (expected.checks) assert.deepEqual(failedChecks(result), expected.checks.toSorted());
        assert.equal(result.exitCode, 99, result.reason);
      } else {
        assert.equal(result.reason, `test aborted: ${expected.refused.replaceAll('URL', url)}`);
        assert.equal(result.exitCode, 108);
        assert.ok((result.metrics.http_reqs?.values.count ?? 0) < CHECKED);
        assert.ok(said.length <= 1, said.join('\n'));
      }
    });
  }
});
