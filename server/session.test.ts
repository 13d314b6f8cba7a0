import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from '../server.ts';
import {
  type Client,
  Client as FixtureClient,
  MODERN,
  read,
  refused,
  type Session,
  said,
  serving,
} from './client.fixture.ts';
import { seal } from './seal.ts';
import { sessions } from './session.ts';
import { memoryStore } from './store.ts';
import type { Principal } from './tool.ts';

const SECRET = 'a secret that all nodes share';
const HOUR = 3_600_000;
const echo = { name: 'echo', arguments: { text: 'hello' } };

/** What each method answers for an id: the same for all ids that are none of a live session. */
async function gone(client: Client, id: string, version = '2025-11-25'): Promise<void> {
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': version };
  const says = /^Session not found; send initialize to begin a new one$/;
  const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: echo };
  refused(await client.tell(call, headers), { status: 404, code: -32600, id: 7, says });
  const quiet = [
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    { jsonrpc: '2.0', id: 7, result: {} },
    { jsonrpc: '2.0', id: 7, error: { code: 1, message: 'no' } },
  ];
  for (const message of quiet) refused(await client.tell(message, headers), { status: 404, code: -32600, says });
  for (const method of ['GET', 'DELETE']) {
    const answer = await read(await client.send(method, undefined, { accept: 'text/event-stream', ...headers }));
    refused(answer, { status: 404, code: -32600, says });
  }
  client.holdsNothing();
}

async function lives(session: Session): Promise<void> {
  assert.equal(said(await session.request('tools/call', echo)), 'hello');
}

// ---- ids that open nothing -----------------------------------------------------------------------

/** Ids made from a good one. */
const FORGED: { [what: string]: (id: string) => string } = {
  empty: () => '',
  'of another server': () => crypto.randomUUID(),
  'without its seal': (id) => id.split('.')[0] ?? '',
  'with an empty seal': (id) => `${id.split('.')[0]}.`,
  'with half a seal': (id) => id.slice(0, -20),
  'with a changed seal': (id) => flip(id, id.length - 5),
  'with the spare bits of its seal changed': (id) => respell(id),
  'with a changed payload': (id) => flip(id, 3),
  'with another payload under its seal': (id) =>
    `${btoa('[0,255,"a","1",9999999999,"n"]').replaceAll('=', '')}.${id.split('.')[1]}`,
  'twice, as two headers are joined': (id) => `${id}, ${id}`,
  'followed by a text': (id) => `${id}.x`,
  'in upper case': (id) => id.toUpperCase(),
  'of 100,000 characters': (id) => id.padStart(100_000, 'A'),
  'of a prototype member': () => '__proto__.constructor',
};

function flip(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
}

/** 32 bytes take 43 characters, the last of which has two bits to spare. */
function respell(id: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return id.slice(0, -1) + alphabet[alphabet.indexOf(id.at(-1) ?? '') ^ 1];
}

for (const [what, forge] of Object.entries(FORGED)) {
  test(
    `a session id ${what} answers 404`,
    serving(async (client) => {
      const session = await client.initialize();
      await gone(client, forge(session.id));
      await lives(session);
    }),
  );
}

test(
  'a session id of a server with another secret answers 404',
  serving(
    async (client) => {
      const other = new FixtureClient({ env: { MCP_SESSION_SECRET: 'the secret of another' } });
      const { id } = await other.initialize();
      await gone(client, id);
      const again = new FixtureClient({ env: { MCP_SESSION_SECRET: 'the secret of another' } });
      assert.equal((await again.tell({ jsonrpc: '2.0', id: 1, method: 'ping' }, { 'mcp-session-id': id })).status, 200);
    },
    { env: { MCP_SESSION_SECRET: SECRET } },
  ),
);

test(
  'a session id of a server that drew its secret at start opens nowhere else',
  serving(async (client) => gone(client, (await new FixtureClient().initialize()).id)),
);

for (const method of ['POST', 'GET', 'DELETE']) {
  test(
    `${method} without a session id answers 400`,
    serving(async (client) => {
      const body = method === 'POST' ? { jsonrpc: '2.0', id: 3, method: 'tools/list' } : undefined;
      const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
      const answer = await read(await client.send(method, body, headers));
      refused(answer, {
        status: 400,
        code: -32600,
        says: /^Mcp-Session-Id is missing/,
        ...(method === 'POST' && { id: 3 }),
      });
      client.holdsNothing();
    }),
  );
}

test(
  'POST of a notification or a response without a session id answers 400 without an id',
  serving(async (client) => {
    for (const message of [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 1, result: {} },
      [{ jsonrpc: '2.0', id: 1, method: 'ping' }],
    ])
      refused(await client.tell(message), { status: 400, code: -32600, says: /^Mcp-Session-Id is missing/ });
  }),
);

// ---- the version header --------------------------------------------------------------------------

for (const version of ['2024-11-05', '2099-01-01x', 'v999', '', '2025-11-25, 2025-11-25', '2025-11-25, 2025-06-18']) {
  test(
    `MCP-Protocol-Version ${JSON.stringify(version)} answers 400 on POST, GET and DELETE`,
    serving(async (client) => {
      const session = await client.initialize();
      const says = /^MCP-Protocol-Version ".*" is not supported; expected one of 2025-11-25, 2025-06-18, 2025-03-26$/;
      const headers = { 'mcp-protocol-version': version };
      refused(await session.request('ping', undefined, headers), { status: 400, code: -32600, says, id: 2 });
      refused(await read(await session.get(headers)), { status: 400, code: -32600, says });
      refused(await read(await session.end(headers)), { status: 400, code: -32600, says });
      client.holdsNothing();
      await lives(session);
    }),
  );
}

test(
  'another supported version than the negotiated one answers 400, no version at all is served',
  serving(async (client) => {
    const session = await client.initialize('2025-06-18');
    const says = /^MCP-Protocol-Version "2025-11-25" is not the 2025-06-18 that this session negotiated$/;
    const headers = { 'mcp-protocol-version': '2025-11-25' };
    refused(await session.request('ping', {}, headers), { status: 400, code: -32600, says, id: 2 });
    refused(await read(await session.get(headers)), { status: 400, code: -32600, says });
    refused(await read(await session.end(headers)), { status: 400, code: -32600, says });
    assert.deepEqual((await session.request('ping', {}, { 'mcp-protocol-version': null })).result, {});
  }),
);

// ---- how a session ends --------------------------------------------------------------------------

test(
  'DELETE answers 204, and from then on the id answers 404',
  serving(async (client) => {
    const session = await client.initialize();
    const other = await client.initialize();
    await lives(session);
    const answer = await session.end();
    assert.equal(answer.status, 204);
    assert.equal(await answer.text(), '');
    await gone(client, session.id);
    await lives(other);
  }),
);

test('an id expires after its lifetime, also while it is used', async () => {
  const clock = manualClock();
  const env = { MCP_SESSION_SECRET: SECRET, MCP_SESSION_LIFETIME: 2 * 3600 };
  await serving(
    async (client) => {
      const session = await client.initialize();
      await clock.advance(2 * HOUR - 1000);
      await lives(session);
      await clock.advance(1000);
      await gone(client, session.id);
      await lives(await client.initialize());
    },
    { clock, env },
  )();
});

test('a session without a request for its timeout ends, one with a request lives on', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const [idle, used] = [await client.initialize(), await client.initialize()];
      await clock.advance(HOUR - 1);
      await lives(used);
      await clock.advance(1);
      await gone(client, idle.id);
      await lives(used);
    },
    { clock, env: { MCP_SESSION_TIMEOUT: 3600 } },
  )();
});

test('another node with the same secret opens the session, and what one ends is ended on both', async () => {
  const clock = manualClock();
  const store = memoryStore(100, clock.now);
  const node = { env: { MCP_SESSION_SECRET: SECRET }, clock, store };
  const other = new FixtureClient(node);
  await serving(async (client) => {
    const session = await client.initialize('2025-06-18', { roots: { listChanged: true } });
    const headers = { 'mcp-session-id': session.id, 'mcp-protocol-version': '2025-06-18' };
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: echo };
    assert.equal(said(await other.tell(call, headers)), 'hello');
    const version = await other.tell(call, { ...headers, 'mcp-protocol-version': '2025-11-25' });
    assert.equal(version.status, 400, 'the revision came with the id');
    assert.equal((await other.send('DELETE', undefined, headers)).status, 204);
    await gone(client, session.id, '2025-06-18');
    await gone(other, session.id, '2025-06-18');
  }, node)();
});

test('at the bound of ended sessions the oldest is forgotten, and no more is kept', () => {
  const clock = manualClock();
  const store = memoryStore(2, clock.now);
  for (const key of ['a', 'b', 'c']) store.end(key, clock.now() + HOUR);
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => store.ended(key)),
    [false, true, true],
  );
  assert.equal(store.size, 2);
});

test('ended sessions are forgotten once their ids would have expired', async () => {
  const clock = manualClock();
  const store = memoryStore(100, clock.now);
  store.end('a', clock.now() + HOUR);
  store.end('b', clock.now() + 2 * HOUR);
  await clock.advance(HOUR);
  store.end('c', clock.now() + HOUR);
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => store.ended(key)),
    [false, true, true],
  );
});

// ---- initialize ----------------------------------------------------------------------------------

const handshake = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };

test(
  'initialize in a live session answers 400, with an unknown id 404, and mints nothing',
  serving(async (client) => {
    const session = await client.initialize();
    const again = await session.request('initialize', handshake);
    refused(again, { status: 400, code: -32600, id: 2, says: /^This session is initialized already$/ });
    const message = { jsonrpc: '2.0', id: 9, method: 'initialize', params: handshake };
    const unknown = await client.tell(message, { 'mcp-session-id': 'unknown' });
    refused(unknown, {
      status: 404,
      code: -32600,
      id: 9,
      says: /^Session not found; send initialize without Mcp-Session-Id$/,
    });
    for (const { headers } of [again, unknown]) assert.equal(headers.get('mcp-session-id'), null);
    await lives(session);
  }),
);

const INCOMPLETE: [string, object | undefined, RegExp][] = [
  ['without params', undefined, /^"protocolVersion" must be a string, got nothing$/],
  [
    'with a version that is no string',
    { ...handshake, protocolVersion: 20251125 },
    /^"protocolVersion" must be a string, got 20251125$/,
  ],
  [
    'without capabilities',
    { ...handshake, capabilities: undefined },
    /^"capabilities" must be an object, got nothing$/,
  ],
  [
    'with capabilities in a list',
    { ...handshake, capabilities: ['roots'] },
    /^"capabilities" must be an object, got \["roots"\]$/,
  ],
  [
    'without clientInfo',
    { ...handshake, clientInfo: undefined },
    /^"clientInfo" must be \{name, version\} of strings, got nothing$/,
  ],
  [
    'with clientInfo without a version',
    { ...handshake, clientInfo: { name: 'a' } },
    /^"clientInfo" must be .*, got \{"name":"a"\}$/,
  ],
  ['with a name that is no string', { ...handshake, clientInfo: { name: 1, version: '1' } }, /^"clientInfo" must be /],
];

for (const [what, params, says] of INCOMPLETE) {
  test(
    `initialize ${what} answers -32602 and mints no session`,
    serving(async (client) => {
      const answer = await client.tell({ jsonrpc: '2.0', id: 'i', method: 'initialize', params });
      refused(answer, { status: 200, code: -32602, id: 'i', says });
      assert.equal(answer.headers.get('mcp-session-id'), null);
      await lives(await client.initialize());
    }),
  );
}

test(
  'initialize as a notification answers 400',
  serving(async (client) => {
    const answer = await client.tell({ jsonrpc: '2.0', method: 'initialize', params: handshake });
    refused(answer, { status: 400, code: -32600, says: /^initialize is a request and needs an "id"$/ });
  }),
);

test(
  'what a server is made with is no part of what it says of itself',
  serving(
    async (client) => {
      const answer = await client.tell({ jsonrpc: '2.0', id: 0, method: 'initialize', params: handshake });
      assert.deepEqual(answer.result.serverInfo, { name: 'under-test', version: '1.2.3' });
    },
    { store: memoryStore(10, Date.now) },
  ),
);

for (const [asked, answered] of [
  ['2025-11-25', '2025-11-25'],
  ['2025-06-18', '2025-06-18'],
  ['2025-03-26', '2025-03-26'],
  ['2024-11-05', '2025-11-25'],
  [MODERN, '2025-11-25'],
  ['v999', '2025-11-25'],
  ['', '2025-11-25'],
] as const) {
  test(
    `initialize that asks for ${JSON.stringify(asked)} is answered ${answered}, with an id of visible ASCII`,
    serving(async (client) => {
      const message = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { ...handshake, protocolVersion: asked } };
      const answer = await client.tell(message);
      const { protocolVersion, capabilities, serverInfo } = answer.result;
      assert.equal(protocolVersion, answered);
      assert.deepEqual(serverInfo, { name: 'under-test', version: '1.2.3' });
      assert.deepEqual(capabilities, {
        logging: {},
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        completions: {},
      });
      assert.equal(answer.result.resultType, undefined);
      assert.equal(answer.result._meta, undefined);
      assert.match(answer.headers.get('mcp-session-id') ?? '', /^[\x21-\x7e]+$/);
      client.holdsNothing();
    }),
  );
}

// ---- the sealed id by itself ---------------------------------------------------------------------

function node(clock = manualClock(), secret = SECRET) {
  const store = memoryStore(100, clock.now);
  return sessions({ seal: seal(secret), store, clock, lifetime: HOUR, idle: undefined, remembered: 4000 });
}
const client = { name: 'client', version: '1' };
const principal = (subject: string): Principal => ({ subject, scopes: [], claims: {} });

test('an id carries the client, its capabilities and its revision to every node', async () => {
  const clock = manualClock();
  const capabilities = {
    roots: { listChanged: true },
    sampling: { tools: {} },
    elicitation: { form: {}, url: {} },
    experimental: { x: {} },
  };
  const { id, session } = await node(clock).mint(
    '2025-06-18',
    { name: 'käse 🧀', version: '2' },
    capabilities,
    undefined,
  );
  const opened = await node(clock).open(id, undefined);
  assert.deepEqual(opened, session);
  assert.deepEqual(opened?.client, { name: 'käse 🧀', version: '2' });
  assert.deepEqual(opened?.capabilities, {
    roots: { listChanged: true },
    sampling: { tools: {} },
    elicitation: { form: {}, url: {} },
  });
  assert.equal(opened?.revision, '2025-06-18');
});

test('an id is short, whatever the client calls itself', async () => {
  const clock = manualClock();
  for (const name of ['\u0000'.repeat(10_000), '\ud800'.repeat(100), '🧀'.repeat(1000), '"'.repeat(64)]) {
    const minting = node(clock);
    const { id } = await minting.mint('2025-11-25', { name, version: name }, {}, undefined);
    assert.ok(id.length < 1024, `${id.length} characters`);
    assert.match(id, /^[\x21-\x7e]+$/);
    assert.ok(await node(clock).open(id, undefined));
  }
});

test('no two ids are alike', async () => {
  const minting = node();
  const ids = new Set<string>();
  for (let count = 0; count < 200; count++) ids.add((await minting.mint('2025-11-25', client, {}, undefined)).id);
  assert.equal(ids.size, 200);
});

test('an id opens for the principal it was made for and for nobody else', async () => {
  const clock = manualClock();
  const minting = node(clock);
  const { id } = await minting.mint('2025-11-25', client, {}, principal('owner'));
  for (const opening of [minting, node(clock)]) {
    assert.equal(await opening.open(id, principal('stranger')), undefined);
    assert.equal(await opening.open(id, undefined), undefined);
    assert.equal(await opening.open(id, principal('')), undefined);
    assert.equal((await opening.open(id, principal('owner')))?.subject, 'owner');
  }
});

test('a principal with a space in its name cannot pass for another', async () => {
  const clock = manualClock();
  const { id } = await node(clock).mint('2025-11-25', client, {}, principal('owner admin'));
  const [payload, mac] = id.split('.');
  assert.equal(await node(clock).open(`${payload} owner.${mac}`, principal('admin')), undefined);
});
