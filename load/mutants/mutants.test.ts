/**
 * The thresholds bite: each server that is wrong in one thing turns those red that are there for it and no others, and one
 * that is right, behind the same proxy, none.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../harness/runtimes/start.ts';
import { type Result, runScript } from '../host/engine.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { type Mutation, startProxy } from './proxy.ts';

/** The smoke profile, with fewer streams: several runs go on beside each other. */
const FEWER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sessions: { DURATION_S: '3' },
  heartbeats: { STREAMS: '20', VUS: '2' },
  reconnection: { MCP_CLOSE_TOOL: 'test_reconnection' },
  storm: { STREAMS: '20', VUS: '2', BACK_MS: '5000' },
  listen: { MCP_CHANGE_TOOL: 'test_trigger_tool_change' },
};
/** Most of a run is waiting. */
const AT_ONCE = 4;

async function loaded(script: Mutant['script'], mutation: Mutation, looks: boolean): Promise<Result> {
  const server = await startServer({
    runtime: 'node',
    entry: 'harness/everything.ts',
    env: { MCP_HEARTBEAT: '500', MCP_RETRY: '100' },
  });
  const proxy = await startProxy(server.url, mutation);
  try {
    return await runScript(fileURLToPath(new URL(`../${script}.ts`, import.meta.url)), {
      env: {
        PROFILE: 'smoke',
        MCP_URL: proxy.url,
        ...(looks && { MCP_METRICS_URL: `${server.origin}/metrics` }),
        ...FEWER[script],
      },
      onLog: () => {},
    });
  } finally {
    await proxy.close();
    await server.stop();
  }
}

function red({ metrics }: Result): string[] {
  return Object.entries(metrics)
    .filter(([, { thresholds = {} }]) => Object.values(thresholds).some(({ ok }) => !ok))
    .map(([name]) => name)
    .sort();
}

/** Right, and a stranger to these scripts: it begins each stream with a comment. */
const greets: Mutation = {
  stream: ({ send }) => {
    send(': welcome');
    return send;
  },
};

describe('mutants', { concurrency: AT_ONCE }, () => {
  for (const { name, script, red: expected, near = [], mutation } of MUTANTS) {
    test(`${script}: a server that ${name}`, { timeout: 60_000 }, async () => {
      const result = await loaded(script, mutation(), expected.includes('mcp_server_sessions_after'));
      assert.deepEqual(
        red(result).filter((metric) => !near.includes(metric)),
        [...expected].sort(),
        result.reason,
      );
      assert.equal(result.exitCode, 99);
    });
  }
  for (const script of new Set(MUTANTS.map(({ script }) => script))) {
    test(`${script}: a server that is right`, { timeout: 60_000 }, async () => {
      const result = await loaded(script, greets, true);
      assert.deepEqual(red(result), [], result.reason);
      assert.equal(result.exitCode, 0, result.reason);
    });
  }
});
