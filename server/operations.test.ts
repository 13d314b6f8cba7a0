import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { manualClock } from './clock.ts';
import { type Readings, serverMetrics } from './metrics.ts';
import { type OperationsOptions, operations } from './operations.ts';
import type { Platform } from './protocol.ts';
import { vitals } from './vitals.ts';

const TOKEN = 'a token of operators';
const LOOPBACK: Platform = { address: '127.0.0.1' };
const REMOTE: Platform = { address: '192.0.2.7' };
const SECRETS = /runtime|memory|cpu|lag|sessions|streams|calls/;

function setUp(options: Partial<OperationsOptions> = {}) {
  const clock = manualClock();
  const told = serverMetrics({ name: 'test', version: '1', runtime: 'node', tools: [], read: () => ({ sessions: 3 }) });
  const answer = operations({
    name: 'test',
    version: '1.2.3',
    runtime: 'node',
    clock,
    token: TOKEN,
    draining: () => false,
    stats: () => ({ sessions: 3, streams: 2, calls: 1 }),
    vitals: vitals(clock, {
      process: {
        uptime: () => 100,
        memoryUsage: () => ({ rss: 1234, heapUsed: 500 }),
        cpuUsage: () => ({ user: 12_345_678, system: 0 }),
        constrainedMemory: () => 10_000,
      },
    }),
    metrics: told.text,
    ...options,
  });
  return {
    clock,
    ask(
      path: string,
      {
        method = 'GET',
        headers = {},
        from = REMOTE,
        hostAllowed = true,
      }: { method?: string; headers?: Record<string, string>; from?: Platform; hostAllowed?: boolean } = {},
    ) {
      const request = new Request(`http://127.0.0.1:3000${path}`, { method, headers });
      return answer(request, path, from, hostAllowed);
    },
  };
}

/** An answer that is there and safe, moving time on for what it waits for. */
async function given(
  { clock }: { clock: ReturnType<typeof manualClock> },
  answer: Response | Promise<Response> | undefined,
): Promise<Response> {
  assert.ok(answer, 'the path is not known');
  for (let moves = 0; moves < 3; moves++) await clock.advance(1);
  const response = await answer;
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(response.headers.get('x-frame-options'), 'DENY');
  return response;
}

/** Without a Host that is allowed, without an address, without a token: what anybody gets. */
const ANYBODY = { from: {}, hostAllowed: false };
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

test('/livez says ok to anybody, also while the server drains', async () => {
  const server = setUp({ draining: () => true, ready: () => [{ name: 'store', ok: false }] });
  const response = await given(server, server.ask('/livez', ANYBODY));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal((await response.text()).trim(), 'ok');
});

// ---- /readyz -------------------------------------------------------------------------------------

test('/readyz is 200 with its checks when all dependencies are there', async () => {
  const server = setUp({
    ready: () => [
      { name: 'store', ok: true },
      { name: 'queue', ok: Promise.resolve(true) },
    ],
  });
  const response = await given(server, server.ask('/readyz', ANYBODY));
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {
    status: 'ok',
    checks: [
      { name: 'store', ok: true },
      { name: 'queue', ok: true },
    ],
  });
  assert.equal(server.clock.pending, 0);
});

test('/readyz without dependencies is 200', async () => {
  const server = setUp();
  const response = await given(server, server.ask('/readyz', ANYBODY));
  assert.deepEqual([response.status, await response.json()], [200, { status: 'ok', checks: [] }]);
});

test('/readyz is 503 with Retry-After while the server drains', async () => {
  const server = setUp({ draining: () => true });
  const response = await given(server, server.ask('/readyz', ANYBODY));
  assert.equal(response.status, 503);
  assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
  assert.deepEqual(await response.json(), { status: 'draining', checks: [] });
});

const DOWN: [how: string, ok: () => boolean | Promise<boolean>][] = [
  ['is down', () => false],
  ['says no', () => Promise.resolve(false)],
  ['fails, and why is told to nobody', () => Promise.reject(new Error('redis://user:secret@host'))],
];
for (const [how, ok] of DOWN) {
  test(`/readyz is 503 with Retry-After when a dependency ${how}`, async () => {
    const server = setUp({
      ready: () => [
        { name: 'queue', ok: true },
        { name: 'store', ok: ok() },
      ],
    });
    const response = await given(server, server.ask('/readyz', ANYBODY));
    assert.equal(response.status, 503);
    assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
    assert.deepEqual(await response.json(), {
      status: 'unavailable',
      checks: [
        { name: 'queue', ok: true },
        { name: 'store', ok: false },
      ],
    });
    assert.equal(server.clock.pending, 0);
  });
}

test('/readyz waits a second for a dependency that does not answer, and no longer', async () => {
  const server = setUp({ ready: () => [{ name: 'store', ok: new Promise<boolean>(() => {}) }] });
  const answer = server.ask('/readyz', ANYBODY);
  let answered = false;
  Promise.resolve(answer).then(() => {
    answered = true;
  });
  await server.clock.advance(990);
  assert.equal(answered, false);
  await server.clock.advance(10);
  assert.equal((await given(server, answer)).status, 503);
});

// ---- /health -------------------------------------------------------------------------------------

test('/health tells anybody that the server runs, and nothing else', async () => {
  const server = setUp();
  await server.clock.advance(61_500);
  const response = await given(server, server.ask('/health', ANYBODY));
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.deepEqual(await response.json(), { status: 'ok', name: 'test', version: '1.2.3', uptime_s: 61 });
});

test('/health of a server that drains is 200 and says so', async () => {
  const server = setUp({ draining: () => true });
  const response = await given(server, server.ask('/health', ANYBODY));
  assert.equal(response.status, 200);
  assert.equal(((await response.json()) as { status: string }).status, 'draining');
});

test('/health tells an operator how the server fares', async () => {
  const server = setUp();
  const response = await given(server, server.ask('/health', { from: LOOPBACK }));
  assert.deepEqual(await response.json(), {
    status: 'ok',
    name: 'test',
    version: '1.2.3',
    uptime_s: 0,
    runtime: 'node',
    memory_percent: 12.3,
    memory_bytes: 1234,
    heap_bytes: 500,
    cpu_percent: 12.3,
    lag_ms: 0,
    active_sessions: 3,
    open_streams: 2,
    running_calls: 1,
  });
});

// ---- who is an operator --------------------------------------------------------------------------

type Asked = Parameters<ReturnType<typeof setUp>['ask']>[1] & object;
const OPERATORS: [who: string, asked: Asked][] = [
  ['127.0.0.1', { from: LOOPBACK }],
  ['another address of 127.0.0.0/8', { from: { address: '127.8.8.8' } }],
  ['::1', { from: { address: '::1' } }],
  ['::ffff:127.0.0.1', { from: { address: '::ffff:127.0.0.1' } }],
  ['loopback with a wrong token', { from: LOOPBACK, ...bearer('wrong') }],
  ['anywhere with the token', bearer(TOKEN)],
  ['anywhere with the token, scheme in lower case', { headers: { authorization: `bearer  ${TOKEN}` } }],
  ['an unknown address with the token', { from: {}, ...bearer(TOKEN) }],
  ['a Host that is not allowed, with the token', { hostAllowed: false, ...bearer(TOKEN) }],
  [
    'behind a proxy with the token',
    { from: LOOPBACK, headers: { ...bearer(TOKEN).headers, 'x-forwarded-for': '192.0.2.1' } },
  ],
];
for (const [who, asked] of OPERATORS) {
  test(`an operator asks from ${who}`, async () => {
    const server = setUp();
    assert.match(await (await given(server, server.ask('/health', asked))).text(), SECRETS);
    assert.equal((await given(server, server.ask('/metrics', asked))).status, 200);
  });
}

const forwarded = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'forwarded',
  'x-real-ip',
  'via',
  'cf-connecting-ip',
];
const OTHERS: [who: string, asked: Asked][] = [
  ['another machine', {}],
  ['an address that only begins like loopback', { from: { address: '127.0.0.1.example' } }],
  ['1127.0.0.1', { from: { address: '1127.0.0.1' } }],
  ['an unknown address', { from: {} }],
  ['loopback by a Host that is not allowed', { from: LOOPBACK, hostAllowed: false }],
  ...forwarded.map((header): [string, Asked] => [
    `loopback with ${header}`,
    { from: LOOPBACK, headers: { [header]: '127.0.0.1' } },
  ]),
  ['another machine with a wrong token', bearer(`${TOKEN.slice(0, -1)}x`)],
  ['another machine with half a token', bearer(TOKEN.slice(0, -1))],
  ['another machine with more than the token', bearer(`${TOKEN}x`)],
  ['another machine with the token in capitals', bearer(TOKEN.toUpperCase())],
  ['another machine with no token after Bearer', bearer('')],
  ['another machine with another scheme', { headers: { authorization: `Basic ${TOKEN}` } }],
  ['another machine with the token alone', { headers: { authorization: TOKEN } }],
];
for (const [who, asked] of OTHERS) {
  test(`nobody is an operator from ${who}`, async () => {
    const server = setUp();
    const health = await given(server, server.ask('/health', asked));
    assert.equal(health.status, 200);
    assert.doesNotMatch(await health.text(), SECRETS);
    const metrics = await given(server, server.ask('/metrics', asked));
    assert.equal(metrics.status, 401);
    assert.match(metrics.headers.get('www-authenticate') ?? '', /^Bearer realm="metrics"/);
    assert.doesNotMatch(await metrics.text(), new RegExp(`mcp_|${TOKEN}`));
  });
}

test('without a token set, no bearer token opens anything, and the answer names the knob', async () => {
  for (const asked of [{}, bearer(''), bearer(TOKEN)]) {
    const server = setUp({ token: '' });
    assert.doesNotMatch(await (await given(server, server.ask('/health', asked))).text(), SECRETS);
    const response = await given(server, server.ask('/metrics', asked));
    assert.equal(response.status, 403);
    assert.equal(response.headers.get('www-authenticate'), null);
    assert.match(await response.text(), /MCP_METRICS_TOKEN/);
  }
  const server = setUp({ token: '' });
  assert.equal((await given(server, server.ask('/metrics', { from: LOOPBACK }))).status, 200);
});

test('no digest that is only half the same opens anything', async () => {
  const server = setUp();
  for (let guess = 0; guess < 2000; guess++) {
    const response = await server.ask('/metrics', bearer(`guess ${guess}`));
    assert.equal(response?.status, 401);
  }
});

// ---- /metrics ------------------------------------------------------------------------------------

test('/metrics is text 0.0.4, and OpenMetrics for who asks for it', async () => {
  const server = setUp();
  const text = await given(server, server.ask('/metrics', bearer(TOKEN)));
  assert.equal(text.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(await text.text(), /\nmcp_sessions 3\n$/);
  const headers = { ...bearer(TOKEN).headers, accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' };
  const openMetrics = await given(server, server.ask('/metrics', { headers }));
  assert.equal(openMetrics.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.match(await openMetrics.text(), /\nmcp_sessions 3\n# EOF\n$/);
});

// ---- methods and paths ---------------------------------------------------------------------------

for (const path of ['/livez', '/readyz', '/health', '/metrics']) {
  test(`HEAD ${path} answers as GET, without a body`, async () => {
    const server = setUp({ ready: () => [{ name: 'store', ok: false }] });
    const get = await given(server, server.ask(path));
    const head = await given(server, server.ask(path, { method: 'HEAD' }));
    assert.equal(head.status, get.status);
    assert.deepEqual([...head.headers], [...get.headers]);
    assert.equal(await head.text(), '');
  });

  test(`other methods at ${path} are 405 with Allow`, async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const server = setUp();
      const response = await given(server, server.ask(path, { method, from: LOOPBACK }));
      assert.equal(response.status, 405);
      assert.equal(response.headers.get('allow'), 'GET, HEAD');
    }
  });
}

test('any other path is left to others', () => {
  const { ask } = setUp();
  for (const path of ['/', '/mcp', '/health/', '/Health', '/metricsx', '/livez/x', '/constructor', '/__proto__']) {
    assert.equal(ask(path), undefined, path);
  }
});

// ---- what lies beside ----------------------------------------------------------------------------

/** The names of all samples, from a server that has done everything once. */
async function served(): Promise<Set<string>> {
  const everything: { [K in keyof Required<Readings>]: NonNullable<Readings[K]> } = {
    sessions: 1,
    streams: 1,
    listening: 1,
    calls: 1,
    questions: 1,
    kept_bytes: 1,
    retained: 1,
    tokens: 1,
    callers: 1,
    upstream_running: 1,
    upstream_waiting: 1,
    lag_ms: 1,
    draining: false,
    memory_bytes: 1,
    heap_bytes: 1,
    cpu_seconds: 1,
    started_s: 1,
    beats: 1,
    stored: 1,
    replayed: 1,
    lost: 1,
    slow: 1,
    jwks_failures: 1,
    upstream_refused: 1,
    upstream_timeouts: 1,
    unauthorized: { expired: 1 },
  };
  const server = serverMetrics({ name: 'a', version: '1', runtime: 'node', tools: ['echo'], read: () => everything });
  server.call('stateful', '2025-11-25', 'tools/call', 'echo', 'ok', undefined, 0.1);
  server.response('POST', 200);
  server.sessionBegun();
  server.sessionEnded('deleted', '2025-11-25', 1);
  server.rateLimited('calls');
  server.shed('lag');
  const names = (await server.text(false)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Set(names.map((line) => /^\w+/.exec(line)?.[0] ?? ''));
}

/** The names of metrics in a query: words that are no function, keyword, label or text. */
function named(query: string): string[] {
  const bare = query
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w|\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => name !== 'sum' && name !== 'count');
}

const beside = (name: string) => readFileSync(new URL(`operations/${name}`, import.meta.url), 'utf8');

interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: { uid: string };
  targets?: { expr: string; datasource: { uid: string } }[];
}
const dashboard = JSON.parse(beside('grafana.json')) as {
  panels: Panel[];
  templating: { list: { name: string; type: string; definition?: string }[] };
};
const charts = dashboard.panels.filter(({ type }) => type !== 'row');

test('the names in a query are found', () => {
  const query = 'histogram_quantile(0.9, sum by (le) (rate(a_bucket{b="c_d"}[5m]))) / sum(b_total) > time() - c';
  assert.deepEqual(named(query), ['a_bucket', 'b_total', 'c']);
});

test('each query of the dashboard names metrics that are served, and no metric is left out', async () => {
  const names = await served();
  const used = new Set<string>();
  for (const { title, targets = [] } of charts) {
    assert.ok(targets.length > 0, `${title} shows nothing`);
    for (const { expr } of targets) {
      const found = named(expr);
      assert.ok(found.length > 0, `${title}: no metric in ${expr}`);
      for (const name of found) {
        assert.ok(names.has(name), `${title}: ${name} is not served`);
        used.add(name.replace(/_(bucket|count|sum)$/, ''));
      }
    }
  }
  for (const { definition } of dashboard.templating.list) {
    const [, metric] = /^label_values\((\w+)/.exec(definition ?? '') ?? [];
    if (definition !== undefined) assert.ok(names.has(metric ?? ''), definition);
  }
  const unused = [...names].filter((name) => !used.has(name.replace(/_(bucket|count|sum)$/, '')));
  assert.deepEqual(unused, []);
});

test('the dashboard can be imported anywhere: its data source is a variable, and each title says its unit', () => {
  assert.ok(dashboard.templating.list.some(({ name, type }) => name === 'datasource' && type === 'datasource'));
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  for (const { title, datasource, targets = [] } of charts) {
    assert.match(title, /\(.+\)$/);
    for (const source of [datasource, ...targets.map((target) => target.datasource)]) {
      assert.match(source?.uid ?? '', /^\$\{datasource\}$/, title);
    }
  }
});

test('each alert names metrics that are served', async () => {
  const names = (await served()).add('up');
  const { groups } = parse(beside('alerts.yml')) as { groups: { rules: { alert: string; expr: string }[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  assert.ok(rules.length > 0);
  for (const { alert, expr } of rules) {
    const found = named(expr);
    assert.ok(found.length > 0, alert);
    for (const name of found) assert.ok(names.has(name), `${alert}: ${name} is not served`);
  }
  const { rule_files } = parse(beside('prometheus.yml')) as { rule_files: string[] };
  assert.deepEqual(rule_files, ['alerts.yml']);
});
