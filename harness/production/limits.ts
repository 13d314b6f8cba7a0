/** How much one caller may ask: told apart by subject, by session, by address. */

import assert from 'node:assert/strict';
import { RESOURCE, SECRET, shared, signed } from '../../server/auth.fixture.ts';
import type { Runtime } from '../runtimes/start.ts';
import { type Answer, Caller } from './caller.ts';
import { serving } from './serving.ts';

const COUNT = 3;
/** Long enough that no budget fills by one while a test runs. */
const RATE = `${COUNT}/day`;
const WINDOW_S = 86_400;

/** 429 with all that a client needs to come back in time. */
function isLimited({ status, headers, message }: Answer, limit: string): void {
  assert.equal(status, 429);
  const wait = Number(headers.get('retry-after'));
  assert.ok(wait > WINDOW_S / COUNT - 3600 && wait <= WINDOW_S / COUNT, String(wait));
  assert.equal(headers.get('ratelimit-policy'), `"${limit}";q=${COUNT};w=${WINDOW_S}`);
  assert.equal(headers.get('ratelimit'), `"${limit}";r=0;t=${wait}`);
  assert.equal(message.error?.code, -32603);
  assert.equal(
    message.error?.message,
    `Too many: the limit of "${limit}" is ${COUNT} in ${WINDOW_S} s; try again in ${wait} s`,
  );
}

/** Uses up a budget by as many requests as it has, and one. */
async function spends(limit: string, ask: () => Promise<Answer>): Promise<void> {
  for (let used = 0; used < COUNT; used++) assert.equal((await ask()).status, 200, `${used} of ${COUNT}`);
  isLimited(await ask(), limit);
}

export async function limitsByAddress(runtime: Runtime): Promise<void> {
  const env = { MCP_RATE_LIMIT: RATE, MCP_TRUSTED_PROXIES: 'loopback' };
  await serving({ runtime, env }, async (server) => {
    // On Workers the address is what Cloudflare says.
    const header = runtime === 'workerd' ? 'cf-connecting-ip' : 'x-forwarded-for';
    const from = (address: string) => new Caller(server.url, { [header]: address });
    const echo = (address: string) => from(address).call('echo', { text: 'a' });
    await spends('requests', () => echo('203.0.113.7'));
    assert.equal((await echo('203.0.113.8')).status, 200, 'another has its own');
    if (runtime !== 'workerd') {
      isLimited(await echo('198.51.100.1, 203.0.113.7'), 'requests');
      assert.equal((await echo('203.0.113.7, 203.0.113.9')).status, 200, 'the last is who the proxy saw');
    }
    await spends('requests', () => echo('2001:db8:0:7::1'));
    isLimited(await echo('2001:db8:0:7:ffff::2'), 'requests');
    assert.equal((await fetch(`${server.origin}/livez`, { headers: { [header]: '203.0.113.7' } })).status, 200);
  });
}

export async function limitsBySession(runtime: Runtime): Promise<void> {
  await serving({ runtime, env: { MCP_RATE_LIMIT_CALLS: RATE } }, async (server) => {
    const caller = new Caller(server.url);
    const [one, other] = await Promise.all([caller.open(), caller.open()]);
    await spends('calls', () => one.call('echo', { text: 'a' }));
    assert.equal((await one.ask('ping')).status, 200, 'only calls are counted');
    await spends('calls', () => other.call('echo', { text: 'a' }));
  });
}

export async function limitsInitialize(runtime: Runtime): Promise<void> {
  await serving({ runtime, env: { MCP_RATE_LIMIT_INITIALIZE: RATE } }, async (server) => {
    const caller = new Caller(server.url);
    const session = await caller.open();
    for (let used = 1; used < COUNT; used++) assert.equal((await caller.initialize()).status, 200);
    isLimited(await caller.initialize(), 'initialize');
    assert.equal((await session.ask('ping')).status, 200);
  });
}

export async function limitsBySubject(runtime: Runtime): Promise<void> {
  const env = { MCP_RATE_LIMIT_CALLS: RATE, MCP_AUTH_SECRET: SECRET, MCP_PUBLIC_URL: RESOURCE };
  await serving({ runtime, env }, async (server) => {
    const of = async (sub: string, jti: string) => {
      const token = await signed(shared, Date.now(), { sub, jti });
      return new Caller(server.url, { authorization: `Bearer ${token}` });
    };
    const callers = [await of('one', 'first'), await (await of('one', 'first')).open(), await of('one', 'second')];
    let turn = 0;
    // Another token, another session, another era: it is the same caller.
    await spends('calls', () => (callers[turn++ % callers.length] as Caller).call('echo', { text: 'a' }));
    assert.equal((await (await of('two', 'first')).call('echo', { text: 'a' })).status, 200);
  });
}
