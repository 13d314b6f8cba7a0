/** Lines of the log, as a collector reads them from the process. */

import assert from 'node:assert/strict';
import { RESOURCE, SECRET, shared, signed } from '../../server/auth.fixture.ts';
import type { Runtime } from '../runtimes/start.ts';
import { type Answer, Caller, textOf } from './caller.ts';
import { serving } from './serving.ts';

const ENTRY = 'harness/production/entry.ts';
/** What Bun and Node say when they listen. */
const LISTENS = /^(Started (development )?server|MCP endpoint): http:\/\/127\.0\.0\.1:\d+(\/mcp)?$/;
/** In an argument, which is nobody's business. */
const PRIVATE = 'a private matter';

type Line = Readonly<Record<string, unknown>>;

/** Starts a server, lets `use` ask it, ends it. @returns the lines it wrote */
async function linesOf(
  runtime: Runtime,
  env: Record<string, string>,
  use: (url: string) => Promise<void>,
): Promise<Line[]> {
  return serving(
    {
      runtime,
      entry: ENTRY,
      env: { MCP_LOG_LEVEL: 'info', MCP_LOG_FORMAT: 'json', ...env },
    },
    async (server) => {
      await use(server.url);
      await server.stop();
      // Deno's own word on what it calls legacy, once.
      assert.match(server.stderr(), /^(Deno\.serve: request\.signal .*\n)?$/);
      const lines = server.stdout().trimEnd().split('\n');
      return lines.filter((line) => !LISTENS.test(line)).map((line) => JSON.parse(line) as Line);
    },
  );
}

export async function tellsOfEachRequest(runtime: Runtime): Promise<void> {
  const bearer = async (scope: string) => {
    const token = await signed(shared, Date.now(), { sub: 'user-1', scope });
    return { authorization: `Bearer ${token}` };
  };
  const env = { MCP_AUTH_SECRET: SECRET, MCP_PUBLIC_URL: RESOURCE };
  const bugs: Answer[] = [];
  const lines = await linesOf(runtime, env, async (url) => {
    const caller = new Caller(url, await bearer('account:write'));
    const session = await caller.open();
    for (const each of [session, caller]) {
      assert.equal(textOf(await each.call('echo', { text: PRIVATE })), PRIVATE);
      await each.call('countdown', { from: 2, every_ms: 1 });
      bugs.push(await each.call('fail', { message: 'this tool is broken' }));
      await each.call('sensitive_operation', { data: PRIVATE });
    }
    const refused = new Caller(url, await bearer('account:read'));
    assert.equal((await refused.call('sensitive_operation', { data: PRIVATE })).status, 403);
    assert.equal((await new Caller(`${url}?from=${PRIVATE}`).initialize()).status, 401);
  });

  assert.ok(!JSON.stringify(lines).includes(PRIVATE), 'arguments are not logged');
  for (const { time, level, event } of lines) {
    assert.match(`${time}`, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.match(`${level} ${event}`, /^(info|warn|error) (request|audit|error|notice)$/);
  }
  const requests = lines.filter(({ event }) => event === 'request');
  const told = requests.map(({ era, method, name, status, outcome }) => [era, method, name, status, outcome]);
  const calls = ['stateful', 'stateless'].flatMap((era) => [
    [era, 'tools/call', 'echo', 200, 'ok'],
    [era, 'tools/call', 'countdown', 200, 'ok'],
    [era, 'tools/call', 'fail', 200, 'error'],
    [era, 'tools/call', 'sensitive_operation', 200, 'ok'],
  ]);
  const none = undefined;
  assert.deepEqual(told, [
    [none, 'initialize', none, 200, none],
    ...calls,
    [none, 'tools/call', 'sensitive_operation', 403, none],
    [none, none, none, 401, none],
  ]);
  for (const { duration_ms, http, path, subject, status } of requests) {
    assert.equal(`${http} ${path}`, 'POST /mcp');
    assert.ok(typeof duration_ms === 'number' && duration_ms >= 0);
    assert.equal(subject, status === 401 ? undefined : 'user-1');
  }

  const audits = lines.filter(({ event }) => event === 'audit');
  const audited = audits.map(({ subject, tool, outcome, scopes }) => ({ subject, tool, outcome, scopes }));
  const audit = { subject: 'user-1', tool: 'sensitive_operation', outcome: 'ok', scopes: ['account:write'] };
  assert.deepEqual(audited, [audit, audit, { ...audit, outcome: 'insufficient_scope' }]);

  const errors = lines.filter(({ event }) => event === 'error');
  assert.equal(errors.length, 2);
  for (const [index, { message }] of bugs.entries()) {
    const { correlation, message: why, during, stack } = errors[index] as Line;
    assert.deepEqual(message.error, { code: -32603, message: `Internal error (${correlation})` });
    assert.match(`${why}`, /^this tool is broken /);
    assert.equal(during, 'tools/call "fail"');
    assert.equal(stack, undefined, 'a stack is for debug');
  }
}

export async function tellsArgumentsWhenAsked(runtime: Runtime): Promise<void> {
  const lines = await linesOf(runtime, { MCP_LOG_ARGUMENTS: '1' }, async (url) => {
    await new Caller(url).call('echo', { text: PRIVATE });
  });
  const call = lines.find(({ method }) => method === 'tools/call');
  assert.deepEqual(call?.arguments, { text: PRIVATE });
}
