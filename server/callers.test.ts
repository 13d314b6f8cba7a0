/** Callers with tokens, scopes and budgets at a server in this process: what each may see, call, and how much of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { Client, type Events, gate, type Json, MODERN, type Peer, refused, SESSIONS, said } from './client.fixture.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { type Feature, type Principal, prompt, resource, tool } from './tool.ts';

const RESOURCE = 'https://mcp.example/mcp';
const METADATA = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';

const features: Feature[] = [
  tool('open', { description: 'For all' }, (_input, { principal }) => `open to ${principal?.subject}`),
  tool('write', { description: 'Writes', scopes: ['write'] }, (_input, { principal }) => `${principal?.subject} wrote`),
  tool('both', { description: 'Needs two', scopes: ['read', 'write'] }, () => 'both'),
  tool('rare', { description: 'Twice a minute', rateLimit: '2/minute' }, () => 'rare'),
  resource('plain', 'test://plain', {}, () => 'plain'),
  resource('secret', 'test://secret', { scopes: ['read'], cache: { ttlMs: 9, cacheScope: 'public' } }, () => 'secret'),
  resource(
    'row',
    'test://rows/{id}',
    { scopes: ['read'], complete: { id: () => ['1'] } },
    (_uri, { id }) => `row ${id}`,
  ),
  prompt(
    'greet',
    { scopes: ['read'], argsSchema: z.object({ who: z.string() }), complete: { who: () => ['you'] } },
    ({ who }) => who,
  ),
];

/** A token is the subject, then scopes, then when it ends: `reader_read_write_until-9000`. */
function verify(token: string): Principal | undefined {
  const [subject = '', ...rest] = token.split('_');
  if (subject === 'nobody') return undefined;
  const until = rest.find((part) => part.startsWith('until-'));
  const expires = until === undefined ? undefined : Number(until.slice('until-'.length));
  return { subject, scopes: rest.filter((part) => !part.startsWith('until-')), claims: {}, expires };
}

interface Setting {
  env?: Json;
  more?: Feature[];
  clock?: ManualClock;
}

/** Callers of one server, by their tokens; `run` is a test's body, after which nothing may be left. */
async function withCallers(
  run: (as: (token: string) => Client, clock: ManualClock) => Promise<void>,
  { env = {}, more = [], clock = manualClock() }: Setting = {},
): Promise<void> {
  const made: Client[] = [];
  const first = new Client({
    features: [...features, ...more],
    env: { MCP_PUBLIC_URL: RESOURCE, MCP_ALLOWED_HOSTS: '*', ...env },
    verify,
    clock,
  });
  const as = (token: string) => {
    const caller = new Client({}, first.server);
    caller.headers = { authorization: `Bearer ${token}` };
    made.push(caller);
    return caller;
  };
  try {
    await run(as, clock);
  } finally {
    for (const caller of made) await caller.close();
    await first.close();
  }
  assert.deepEqual(first.bugs, []);
  assert.equal(first.server.stats().streams, 0);
}

function insufficient(scope: string): string {
  return `Bearer error="insufficient_scope", error_description="the token does not have all scopes that this needs", resource_metadata="${METADATA}", scope="${scope}"`;
}

const ERAS = [...SESSIONS, MODERN];

for (const revision of ERAS) {
  test(`${revision}: lists show what the scopes of the caller let it use`, () =>
    withCallers(async (as) => {
      const names = async (peer: Peer, method: string, list: string) =>
        ((await peer.request(method)).result[list] as { name: string }[]).map(({ name }) => name);
      const none = await as('reader').peer(revision);
      assert.deepEqual(await names(none, 'tools/list', 'tools'), ['open', 'rare']);
      assert.deepEqual(await names(none, 'resources/list', 'resources'), ['plain']);
      assert.deepEqual(await names(none, 'resources/templates/list', 'resourceTemplates'), []);
      assert.deepEqual(await names(none, 'prompts/list', 'prompts'), []);
      const some = await as('reader_write').peer(revision);
      assert.deepEqual(await names(some, 'tools/list', 'tools'), ['open', 'write', 'rare']);
      const all = await as('writer_write_read').peer(revision);
      assert.deepEqual(await names(all, 'tools/list', 'tools'), ['open', 'write', 'both', 'rare']);
      assert.deepEqual(await names(all, 'resources/list', 'resources'), ['plain', 'secret']);
      assert.deepEqual(await names(all, 'resources/templates/list', 'resourceTemplates'), ['row']);
      assert.deepEqual(await names(all, 'prompts/list', 'prompts'), ['greet']);
    }));

  test(`${revision}: without its scopes nothing is served, and the challenge names all of them`, () =>
    withCallers(async (as) => {
      const peer = await as('reader').peer(revision);
      const denied: [string, Json, string][] = [
        ['tools/call', { name: 'write' }, 'write'],
        ['tools/call', { name: 'both' }, 'read write'],
        ['resources/read', { uri: 'test://secret' }, 'read'],
        ['resources/read', { uri: 'test://rows/7' }, 'read'],
        ['prompts/get', { name: 'greet', arguments: { who: 'x' } }, 'read'],
        [
          'completion/complete',
          { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: '' } },
          'read',
        ],
        [
          'completion/complete',
          { ref: { type: 'ref/resource', uri: 'test://rows/{id}' }, argument: { name: 'id', value: '' } },
          'read',
        ],
      ];
      if (revision !== MODERN) denied.push(['resources/subscribe', { uri: 'test://secret' }, 'read']);
      for (const [method, params, scope] of denied) {
        const answer = await peer.request(method, params);
        assert.equal(answer.status, 403, `${method} ${answer.text}`);
        assert.equal(answer.headers.get('www-authenticate'), insufficient(scope));
        assert.equal(answer.message?.error?.code, -32600);
        assert.equal(typeof answer.message?.id, 'number');
      }
      const able = await as('reader_read_write').peer(revision);
      assert.equal(said(await able.request('tools/call', { name: 'write' })), 'reader wrote');
      assert.equal(said(await able.request('tools/call', { name: 'both' })), 'both');
      assert.equal((await able.request('resources/read', { uri: 'test://rows/7' })).status, 200);
      assert.equal((await able.request('prompts/get', { name: 'greet', arguments: { who: 'x' } })).status, 200);
    }));
}

test('2026-07-28: what differs by caller is private, and so is what only some may read', () =>
  withCallers(async (as) => {
    const peer = await as('reader_read').peer(MODERN);
    assert.equal((await peer.request('tools/list')).result.cacheScope, 'private');
    assert.equal((await peer.request('resources/read', { uri: 'test://secret' })).result.cacheScope, 'private');
  }));

test('2026-07-28: listening to a resource needs its scopes', () =>
  withCallers(async (as) => {
    const params = { notifications: { resourceSubscriptions: ['test://plain', 'test://secret'] } };
    const answer = await as('reader').tellModern({ method: 'subscriptions/listen', params });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('www-authenticate'), insufficient('read'));
    const heard = as('reader_read');
    const events = heard.events(await heard.modern({ method: 'subscriptions/listen', params }));
    assert.equal((await events.message()).method, 'notifications/subscriptions/acknowledged');
  }));

test('2025-03-26: a batch is refused as a whole, with the scopes of all of it', () =>
  withCallers(async (as) => {
    const session = await as('reader').initialize('2025-03-26');
    const call = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
    const answer = await session.tell([call(1, 'open'), call(2, 'write'), call(3, 'both')]);
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('www-authenticate'), insufficient('write read'));
  }));

test('a scope that is implied is enough', () =>
  withCallers(
    async (as) => {
      const peer = await as('reader_admin').peer(MODERN);
      assert.equal(said(await peer.request('tools/call', { name: 'both' })), 'both');
    },
    { env: { MCP_AUTH_IMPLIES: 'admin>write,write>read' } },
  ));

// ---- what belongs to a caller ----------------------------------------------------------------------

test('a session is its subject\u2019s on every verb; a refreshed token goes on', () =>
  withCallers(async (as) => {
    const owner = await as('reader_write').initialize();
    await owner.listen();
    for (const stranger of [as('writer'), as('writer_write')]) {
      const headers = { 'mcp-session-id': owner.id, 'mcp-protocol-version': owner.revision };
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      refused(await stranger.tell(ping, headers), { status: 404, code: -32600, id: 1, says: /^Session not found/ });
      for (const method of ['GET', 'DELETE']) {
        const all = { accept: 'text/event-stream', 'last-event-id': 'abcdefghijk-0', ...headers };
        assert.equal((await stranger.send(method, undefined, all)).status, 404);
      }
    }
    const refreshed = as('reader_read');
    const headers = { 'mcp-session-id': owner.id, 'mcp-protocol-version': owner.revision };
    assert.equal((await refreshed.tell({ jsonrpc: '2.0', id: 2, method: 'ping' }, headers)).status, 200);
  }));

const until = (clock: ManualClock, ms: number) => `until-${clock.now() + ms}`;

test('2025-11-25: streams end with the token, to be resumed with the next one; the call goes on', () => {
  const { promise, open } = gate<string>();
  const slow = tool('slow', { description: 'Waits' }, async (_input, { progress }) => {
    await progress(1);
    return promise;
  });
  return withCallers(
    async (as, clock) => {
      const owner = await as(`reader_${until(clock, 5000)}`).initialize();
      const standing = await owner.listen();
      const params = { name: 'slow', _meta: { progressToken: 'p' } };
      const running = await owner.stream({ method: 'tools/call', params });
      assert.equal((await running.message()).method, 'notifications/progress');
      await clock.advance(4999);
      assert.deepEqual([standing.ended, running.ended], [false, false]);
      await clock.advance(1);
      await Promise.all([standing.over, running.over]);
      assert.deepEqual([standing.retry, running.retry], [1000, 1000]);
      open('done');
      const next = as('reader');
      const headers = { 'mcp-session-id': owner.id, 'mcp-protocol-version': owner.revision };
      const last = { 'last-event-id': running.received.at(-1)?.id ?? '', accept: 'text/event-stream' };
      const resumed: Events = next.events(await next.send('GET', undefined, { ...headers, ...last }));
      const { result } = await resumed.message();
      assert.deepEqual(result?.content, [{ type: 'text', text: 'done' }]);
    },
    { more: [slow] },
  );
});

test('2026-07-28: listening ends with the token, by its result; a call that streams ends with an error', () => {
  let aborted: unknown;
  const slow = tool('slow', { description: 'Waits' }, async (_input, { progress, signal }) => {
    await progress(1);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted = signal.reason;
  });
  return withCallers(
    async (as, clock) => {
      const caller = as(`reader_${until(clock, 5000)}`);
      const params = { notifications: { toolsListChanged: true } };
      const listening = caller.events(await caller.modern({ id: 'l', method: 'subscriptions/listen', params }));
      const call = { id: 'c', method: 'tools/call', params: { name: 'slow' } };
      const running = caller.events(await caller.modern(call, { meta: { progressToken: 'p' } }));
      await clock.advance(4999);
      assert.deepEqual([listening.ended, running.ended], [false, false]);
      await clock.advance(1);
      await Promise.all([listening.over, running.over]);
      assert.equal(listening.received.at(-1)?.message?.result?.resultType, 'complete');
      assert.deepEqual(running.received.at(-1)?.message?.error, {
        code: -32600,
        message: 'The token that this call was made with has expired',
      });
      assert.match(String(aborted), /has expired/);
      assert.equal(caller.server.stats().calls, 0);
      const before = clock.pending;
      const short = caller.events(await as('reader').modern({ id: 'm', method: 'subscriptions/listen', params }));
      await short.cut();
      assert.equal(clock.pending, before, 'no timer is left of a stream that ended');
    },
    { more: [slow] },
  );
});

// ---- how much --------------------------------------------------------------------------------------

test('the budget for requests is each subject\u2019s own, and fills again', () =>
  withCallers(
    async (as, clock) => {
      const [reader, again, writer] = [as('reader'), as('reader_write'), as('writer')];
      assert.equal((await reader.tellModern({ method: 'tools/list' })).status, 200);
      assert.equal((await again.tellModern({ method: 'tools/list' })).status, 200);
      const answer = await reader.tellModern({ method: 'tools/list' });
      refused(answer, {
        status: 429,
        code: -32603,
        says: /^Too many: the limit of "requests" is 2 in 60 s; try again in 30 s$/,
        data: { limit: 'requests', retryAfter_s: 30 },
      });
      assert.equal(answer.headers.get('retry-after'), '30');
      assert.equal(answer.headers.get('ratelimit'), '"requests";r=0;t=30');
      assert.equal(answer.headers.get('ratelimit-policy'), '"requests";q=2;w=60');
      assert.equal((await writer.tellModern({ method: 'tools/list' })).status, 200);
      await clock.advance(30_000);
      assert.equal((await reader.tellModern({ method: 'tools/list' })).status, 200);
    },
    { env: { MCP_RATE_LIMIT: '2/minute' } },
  ));

test('tool calls, a tool and sessions begun have budgets of their own', () =>
  withCallers(
    async (as) => {
      const caller = as('reader');
      const call = (name: string) => caller.tellModern({ method: 'tools/call', params: { name } });
      assert.deepEqual([(await call('rare')).status, (await call('rare')).status], [200, 200]);
      refused(await call('rare'), {
        status: 429,
        code: -32603,
        id: 3,
        says: /^Too many: the limit of "rare"/,
        data: { limit: 'rare', retryAfter_s: 30 },
      });
      assert.equal((await call('open')).status, 200);
      refused(await call('open'), {
        status: 429,
        code: -32603,
        id: 5,
        says: /^Too many: the limit of "calls"/,
        data: { limit: 'calls', retryAfter_s: 20 },
      });
      assert.equal((await caller.tellModern({ method: 'tools/list' })).status, 200);
      await caller.initialize();
      const params = { protocolVersion: SESSIONS[0], capabilities: {}, clientInfo: { name: 'a', version: '1' } };
      const second = await caller.tell({ jsonrpc: '2.0', id: 9, method: 'initialize', params });
      assert.equal(second.status, 429);
      assert.equal(second.headers.get('mcp-session-id'), null);
    },
    { env: { MCP_RATE_LIMIT_CALLS: '3/minute', MCP_RATE_LIMIT_INITIALIZE: '1/minute' } },
  ));

for (const subject of ['reader', 'unknown'])
  test(`one caller, ${subject}, cannot have all calls`, () => {
    const { promise, open } = gate();
    const slow = tool('slow', { description: 'Waits' }, async () => promise);
    return withCallers(
      async (as) => {
        const call = { method: 'tools/call', params: { name: 'slow' } };
        const running = [as(subject).tellModern(call), as(subject).tellModern(call)];
        await new Promise((resolve) => setTimeout(resolve, 5));
        const refusal = await as(subject).tellModern(call);
        refused(refusal, {
          status: 503,
          code: -32603,
          id: 1,
          says: /^2 calls of this caller run already/,
          data: { retryAfter_s: 1 },
        });
        assert.equal(refusal.headers.get('retry-after'), '1');
        running.push(as('writer').tellModern(call));
        open();
        assert.deepEqual(
          (await Promise.all(running)).map(({ status }) => status),
          [200, 200, 200],
        );
        assert.equal((await as(subject).tellModern(call)).status, 200);
      },
      { more: [slow], env: { MCP_MAX_CALLER_CALLS: 2 } },
    );
  });

// ---- ending ----------------------------------------------------------------------------------------

test('draining begins no session; closing takes nothing more, lets calls end, and sends listeners away', async () => {
  const { promise, open } = gate();
  const slow = tool('slow', { description: 'Waits' }, async () => {
    await promise;
    return 'done';
  });
  await withCallers(
    async (as) => {
      const owner = await as('reader').initialize();
      const standing = await owner.listen();
      const listener = as('reader');
      const params = { notifications: { toolsListChanged: true } };
      const listening = listener.events(await listener.modern({ method: 'subscriptions/listen', params }));
      const { server } = listener;
      const answered = owner.request('tools/call', { name: 'slow' });
      const probe = () => server.fetch(new Request('http://10.0.0.1/readyz'));
      assert.equal((await probe()).status, 200);

      server.drain();
      assert.equal((await probe()).status, 503);
      const start = {
        jsonrpc: '2.0',
        id: 7,
        method: 'initialize',
        params: { protocolVersion: SESSIONS[0], capabilities: {}, clientInfo: { name: 'a', version: '1' } },
      };
      const late = await as('writer').tell(start);
      assert.deepEqual([late.status, late.headers.get('retry-after')], [503, '1']);
      assert.equal((await owner.request('ping')).status, 200);

      let over = false;
      const closed = server.close().then(() => {
        over = true;
      });
      await Promise.all([standing.over, listening.over]);
      assert.equal(standing.retry, 1000);
      assert.equal(listening.received.at(-1)?.message?.result?.resultType, 'complete');
      assert.equal((await owner.request('ping')).status, 503);
      assert.equal((await owner.get()).status, 503);
      assert.equal(over, false, 'a call runs');
      open();
      assert.equal(said(await answered), 'done');
      await closed;
    },
    { more: [slow] },
  );
});

test('calls that do not end are cut when their time is over, or when it is asked again', async () => {
  for (const hurry of [false, true]) {
    let aborted = false;
    const endless = tool('endless', { description: 'Waits' }, async (_input, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted = true;
    });
    await withCallers(
      async (as, clock) => {
        const owner = await as('reader').initialize();
        const answered = owner.request('tools/call', { name: 'endless' });
        await clock.advance(1);
        const closed = owner.client.server.close();
        await clock.advance(hurry ? 1 : 2999);
        assert.equal(aborted, false);
        if (hurry) void owner.client.server.close();
        else await clock.advance(1);
        await closed;
        assert.equal((await answered).messages.length, 0);
        await clock.advance(0);
        assert.equal(aborted, true);
      },
      { more: [endless], env: { MCP_DRAIN_TIMEOUT: 3000 } },
    );
  }
});
