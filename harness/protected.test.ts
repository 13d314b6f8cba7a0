/**
 * Authorization, limits and drain: this server with tokens and budgets breaks no rule, in process and on every runtime, and
 * serves whoever has a token all that the server without tokens serves.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from './clients/eventually.ts';
import { red } from './mutants/kills.ts';
import { LIMITED, needsProtection, ownTarget, protectedBy, protectedTarget, TERMS, tokensFor } from './own.ts';
import { runAll } from './replay/all.ts';
import { ownBind, ownScenarios } from './replay/bundled.ts';
import { type Facts, factsAt } from './replay/facts.ts';
import type { Outcome } from './replay/outcome.ts';
import { REVISIONS, type Revision, type Scenario } from './replay/scenario.ts';
import { type Target, urlTarget } from './replay/target.ts';
import { freePort } from './runtimes/ports.ts';
import { RUNTIMES, type RunningServer, startServer } from './runtimes/start.ts';

const SCENARIOS = ownScenarios();
const OWN = SCENARIOS.filter(needsProtection);
const BAD = ['fail', 'warn', 'note', 'error', 'inconclusive'];
/** Windows of time on running servers: these run beside other tests. */
const SLACK = 3;
/** How long /readyz fails before requests are refused; ms. */
const DRAIN_DELAY = 2500;

async function replayed(
  target: Target,
  scenarios: readonly Scenario[],
  { revisions = REVISIONS, slack = 1 }: { revisions?: readonly Revision[]; slack?: number } = {},
): Promise<Outcome[]> {
  const facts = await factsAt(target, revisions);
  assert.ok(!(facts instanceof Error), String(facts));
  const spoken = facts.filter((one): one is Facts => one !== undefined);
  assert.equal(spoken.length, revisions.length);
  return runAll(scenarios, target, spoken, { bind: ownBind(), slack });
}

function verdicts(outcomes: readonly Outcome[], verdict: Outcome['verdict']): string[] {
  return outcomes.filter((one) => one.verdict === verdict).map(({ scenario, reason }) => `${scenario}: ${reason}`);
}

describe('in process', () => {
  test('with a token all is served that is served where none is needed', async () => {
    const others = SCENARIOS.filter((one) => !needsProtection(one));
    const { target, stop } = protectedTarget();
    try {
      const outcomes = await replayed(target, others);
      assert.deepEqual([...red(outcomes, BAD)], []);
      assert.ok(verdicts(outcomes, 'pass').length > 2000);
    } finally {
      stop();
    }
  });

  test('nothing of it is blamed on a server without tokens', async () => {
    const { target, stop } = ownTarget();
    try {
      const outcomes = await replayed(target, OWN);
      assert.deepEqual(
        outcomes.filter(({ verdict }) => verdict !== 'untestable').map(({ scenario }) => scenario),
        [],
      );
    } finally {
      stop();
    }
  });

  test('no token and no secret is in any outcome', async () => {
    const { target, stop } = protectedTarget(undefined, LIMITED);
    const used: string[] = [];
    const tokens: NonNullable<Target['tokens']> = {
      roles: target.tokens?.roles ?? new Set(),
      async of(role, run) {
        const token = (await target.tokens?.of(role, run)) as string;
        used.push(token.slice(-40));
        return token;
      },
    };
    try {
      const outcomes = await replayed({ ...target, tokens }, OWN, { revisions: ['2025-11-25'] });
      const told = JSON.stringify(outcomes);
      assert.ok(used.length > 50);
      assert.deepEqual(
        used.filter((token) => told.includes(token)),
        [],
      );
    } finally {
      stop();
    }
  });
});

for (const runtime of RUNTIMES) {
  describe(runtime, () => {
    test('a running server with tokens and budgets breaks no rule', async () => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}/mcp`;
      const secret = crypto.randomUUID();
      const env = {
        ...protectedBy(url),
        ...LIMITED,
        MCP_SESSION_SECRET: secret,
        MCP_DRAIN_DELAY: `${DRAIN_DELAY}`,
        // However slow this machine is.
        MCP_MAX_LAG: '0',
        // Calls that last are known at once, and so is a client that has gone (on workerd by the next heartbeat alone).
        MCP_SETTLE: '20',
        MCP_HEARTBEAT: '500',
      };
      const entry = 'harness/everything.ts';
      const server = await startServer({ runtime, entry, env, port });
      const leavingPort = await freePort();
      let leaving: RunningServer | undefined;
      // On workerd no signal reaches what runs there.
      const hooks = new Map<string, () => Promise<void>>();
      if (runtime !== 'workerd') {
        hooks.set('start', async () => {
          await leaving?.kill();
          leaving = await startServer({ runtime, entry, env, port: leavingPort });
        });
        hooks.set('terminate', async () => {
          const { pid, origin } = leaving as RunningServer;
          process.kill(pid, 'SIGTERM');
          // The signal has arrived once that is seen.
          await eventually(
            async () => (await fetch(`${origin}/readyz`)).status,
            (status) => status === 503,
          );
        });
      }
      const target: Target = {
        ...urlTarget(server.url),
        tokens: tokensFor(url),
        terms: TERMS,
        nodes: new Map([['leaving', urlTarget(`http://127.0.0.1:${leavingPort}/mcp`)]]),
        hooks,
      };
      try {
        const lasting = OWN.filter(({ requires }) => requires?.hooks !== undefined);
        const quick = OWN.filter((one) => !lasting.includes(one));
        const outcomes = await replayed(target, quick, { slack: SLACK });
        // Each waits for a process to go: one revision of each era tells enough.
        const eras: readonly Revision[] = ['2025-11-25', '2026-07-28'];
        outcomes.push(...(await replayed(target, lasting, { revisions: eras, slack: SLACK })));
        assert.deepEqual([...red(outcomes, BAD)], []);
        const untested = [...verdicts(outcomes, 'untestable'), ...verdicts(outcomes, 'skip')];
        const noSignals = 'nothing is bound to the hook "start"';
        assert.deepEqual(
          untested.filter((one) => runtime !== 'workerd' || !one.endsWith(noSignals)),
          [],
        );
      } finally {
        await leaving?.kill();
        await server.stop();
      }
    });
  });
}
