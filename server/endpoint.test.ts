import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client, type HeaderChanges, MODERN, read, refused, said, serving } from './client.fixture.ts';

const ENDPOINT = 'http://localhost/mcp';

async function send(client: Client, method: string, headers: HeaderChanges = {}, url = ENDPOINT, body?: unknown) {
  return read(await client.send(method, body, headers, url));
}

/** A `tools/call` of echo in 2026-07-28, sent anywhere. */
async function echo(client: Client, url: string, headers: HeaderChanges = {}) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const params = { name: 'echo', arguments: { text: 'hello' }, _meta };
  const routing = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
  const all = { 'content-type': 'application/json', ...routing, ...headers };
  return send(client, 'POST', all, url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params });
}

// ---- path and method -----------------------------------------------------------------------------

for (const path of ['/', '/mcp/', '/mcpx', '/mc', '/MCP', '/mcp/mcp', '//mcp', '/mcp%2F', '/x?/mcp', '/x#/mcp']) {
  test(
    `${path} is an unknown path: 404 and -32600`,
    serving(async (client) => {
      const says = new RegExp(`the MCP endpoint is /mcp, and this was POST ${path.replace(/[?#].*/, '')}$`);
      refused(await echo(client, `http://localhost${path}`), { status: 404, code: -32600, says });
    }),
  );
}

for (const [path, url] of [
  ['/mcp', 'http://localhost/mcp'],
  ['/mcp', 'http://localhost/mcp?a=/x'],
  ['/mcp', 'http://localhost/mcp#a'],
  ['/mcp', 'http://127.0.0.1:8080/mcp'],
  ['/', 'http://localhost/'],
  ['/', 'http://localhost?a'],
  ['/a/b', 'http://localhost/a/b'],
] as const) {
  test(
    `with MCP_PATH=${path}, ${url} is the endpoint`,
    serving(async (client) => assert.equal(said(await echo(client, url)), 'hello'), { env: { MCP_PATH: path } }),
  );
}

for (const method of ['PUT', 'PATCH', 'HEAD', 'OPTIONS', 'PROPFIND']) {
  test(
    `${method} answers 405 with Allow`,
    serving(async (client) => {
      const answer = await send(client, method, {}, ENDPOINT);
      assert.equal(answer.headers.get('allow'), 'POST, GET, DELETE, OPTIONS');
      refused(answer, {
        status: 405,
        code: -32600,
        says: new RegExp(`^Method ${method} is not allowed; expected POST, GET or DELETE$`),
      });
    }),
  );
}

for (const method of ['GET', 'DELETE']) {
  test(
    `${method} under ${MODERN} answers 405 with Allow, under 2025-11-25 it is served`,
    serving(async (client) => {
      const session = await client.initialize();
      const headers = { accept: 'text/event-stream', 'mcp-session-id': session.id };
      const answer = await send(client, method, { ...headers, 'mcp-protocol-version': MODERN });
      assert.equal(answer.headers.get('allow'), 'POST');
      refused(answer, {
        status: 405,
        code: -32600,
        says: new RegExp(`^${method} is not allowed: revision ${MODERN} has no sessions$`),
      });
      const served = await client.send(method, undefined, { ...headers, 'mcp-protocol-version': '2025-11-25' });
      assert.equal(served.status, method === 'GET' ? 200 : 204);
      await served.body?.cancel();
    }),
  );

  test(
    `${method} answers 405 with Allow where sessions are off`,
    serving(
      async (client) => {
        const answer = await send(client, method, { accept: 'text/event-stream' });
        assert.equal(answer.headers.get('allow'), 'POST');
        refused(answer, { status: 405, code: -32600, says: /not allowed: this server keeps no sessions$/ });
      },
      { env: { MCP_STATELESS: '1' } },
    ),
  );
}

test(
  '/health answers without the protocol',
  serving(async (client) => {
    const response = await client.send('GET', undefined, {}, 'http://localhost/health');
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { status: 'ok', name: 'under-test', version: '1.2.3', uptime_s: 0 });
  }),
);

// ---- Host and Origin -----------------------------------------------------------------------------

for (const host of [
  'evil.example.com',
  'localhost.evil.example',
  'localhost@evil.example',
  '127.0.0.1.nip.io',
  '[::2]',
  'localhost/x',
  '',
]) {
  test(
    `a request for the host ${JSON.stringify(host)} answers 403 without an id`,
    serving(async (client) => {
      const answer = await echo(client, ENDPOINT, { host });
      refused(answer, {
        status: 403,
        code: -32600,
        says: /^Host ".*" is not allowed; expected localhost, 127\.0\.0\.1, \[::1\]/,
      });
    }),
  );
}

for (const host of ['localhost', 'localhost:3000', 'LOCALHOST:80', '127.0.0.1', '[::1]:65535']) {
  test(
    `a request for the host ${host} is served`,
    serving(async (client) => assert.equal(said(await echo(client, ENDPOINT, { host })), 'hello')),
  );
}

const FOREIGN = [
  'https://evil.example.com',
  'null',
  'http://localhost.evil.example',
  'http://evil.example/localhost',
  'http://user@localhost',
  'file://',
  'localhost',
  'http://localhost, http://localhost',
  'ftp://localhost',
  '',
];
for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT']) {
  for (const origin of method === 'POST' ? FOREIGN : FOREIGN.slice(0, 2)) {
    test(
      `${method} from the origin ${JSON.stringify(origin)} answers 403 without an id, also elsewhere`,
      serving(async (client) => {
        for (const url of [ENDPOINT, 'http://localhost/health', 'http://localhost/none']) {
          const answer = await send(client, method, { origin, 'content-type': 'application/json' }, url);
          assert.equal(answer.headers.get('access-control-allow-origin'), null);
          refused(answer, { status: 403, code: -32600, says: /^Origin ".*" is not allowed \(MCP_ALLOWED_ORIGINS\)$/ });
        }
      }),
    );
  }
}

for (const origin of ['http://localhost', 'http://localhost:6274', 'https://127.0.0.1', 'http://[::1]']) {
  test(
    `a request from the origin ${origin} is served and shared with it`,
    serving(async (client) => {
      const answer = await echo(client, ENDPOINT, { origin });
      assert.equal(said(answer), 'hello');
      assert.equal(answer.headers.get('access-control-allow-origin'), origin);
      assert.match(answer.headers.get('access-control-expose-headers') ?? '', /mcp-session-id/);
      assert.match(answer.headers.get('vary') ?? '', /Origin/);
    }),
  );
}

test(
  'an origin of the list is served, refusals are shared with it, another is not',
  serving(
    async (client) => {
      const origin = 'https://app.example.com';
      assert.equal(said(await echo(client, ENDPOINT, { origin })), 'hello');
      const refusal = await echo(client, ENDPOINT, { origin, 'mcp-method': 'x' });
      assert.equal(refusal.status, 400);
      assert.equal(refusal.headers.get('access-control-allow-origin'), origin);
      assert.equal((await echo(client, ENDPOINT, { origin: 'https://app.example.com.evil.example' })).status, 403);
      assert.equal((await echo(client, ENDPOINT, { origin: 'http://app.example.com' })).status, 403);
    },
    { env: { MCP_ALLOWED_ORIGINS: 'https://app.example.com/, https://other.example' } },
  ),
);

test(
  'a preflight of an allowed origin names the methods and headers, those of tool parameters too',
  serving(async (client) => {
    const wanted = 'content-type, Mcp-Param-Region, x-other, mcp-param-a b';
    const headers = { origin: 'http://localhost:1', 'access-control-request-headers': wanted };
    const answer = await send(client, 'OPTIONS', headers);
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get('access-control-allow-origin'), 'http://localhost:1');
    assert.equal(answer.headers.get('access-control-allow-methods'), 'POST, GET, DELETE, OPTIONS');
    const allowed = answer.headers.get('access-control-allow-headers')?.split(', ') ?? [];
    for (const name of [
      'content-type',
      'mcp-session-id',
      'last-event-id',
      'mcp-method',
      'mcp-name',
      'mcp-param-region',
    ])
      assert.ok(allowed.includes(name), name);
    for (const name of ['x-other', '*', 'mcp-param-a b']) assert.ok(!allowed.includes(name), name);
  }),
);

test(
  'where any host may be named, the origin of the request proves nothing',
  serving(
    async (client) => {
      const url = 'http://mcp.example.com/mcp';
      assert.equal(said(await echo(client, url)), 'hello');
      assert.equal((await echo(client, url, { origin: 'http://mcp.example.com' })).status, 403);
    },
    { env: { MCP_HOST: '0.0.0.0' } },
  ),
);

// ---- bugs ----------------------------------------------------------------------------------------

test(
  'a fault of the store answers 500 and -32603 with a correlation id and no detail, and the next request is served',
  serving(
    async (client) => {
      const session = await client.initialize();
      const answer = await session.request('tools/call', { name: 'echo', arguments: { text: 'a' } });
      const [bug] = client.bugs.splice(0);
      assert.match(String(bug?.error), /redis:\/\/secret/);
      refused(answer, { status: 500, code: -32603, says: new RegExp(`^Internal error \\(${bug?.id}\\)$`) });
      assert.equal(said(await echo(client, ENDPOINT)), 'hello');
    },
    {
      store: {
        end() {},
        ended() {
          throw new Error('redis://secret@host is down');
        },
      },
    },
  ),
);

test(
  'every answer has the security headers',
  serving(async (client) => {
    const session = await client.initialize();
    const answers = [
      await echo(client, ENDPOINT),
      await echo(client, `${ENDPOINT}/none`),
      await echo(client, ENDPOINT, { origin: 'https://evil.example' }),
      await send(client, 'PUT'),
      await session.request('ping'),
      await session.notify('notifications/initialized'),
      await read(await session.end()),
      await send(client, 'GET', {}, 'http://localhost/health'),
    ];
    for (const { headers, status } of answers) {
      assert.equal(headers.get('x-content-type-options'), 'nosniff', String(status));
      assert.match(headers.get('cache-control') ?? '', /no-store/, String(status));
    }
  }),
);
