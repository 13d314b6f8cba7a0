import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ManualClock, manualClock } from './clock.ts';
import { readConfig } from './config.ts';
import { ToolError } from './tool.ts';
import { type Upstreams, upstreams } from './upstream.ts';

/** What an upstream was asked. */
interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

interface Upstream {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly seen: readonly Seen[];
  /** Answers that were begun and not ended. */
  readonly open: readonly ServerResponse[];
  /** Resolves when so many were asked for. */
  asked(count: number): Promise<void>;
}

/** A real upstream. `/echo` answers with what it saw, `/hang` never, `/drip` begins and goes no further, `/to?status&url` redirects. */
async function serve(after: (fn: () => void) => void): Promise<Upstream> {
  const seen: Seen[] = [];
  const open: ServerResponse[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method = '', url = '', headers } = request;
    seen.push({ method, path: url, headers, body });
    const { pathname, searchParams } = new URL(url, 'http://upstream');
    if (pathname === '/hang') open.push(response);
    else if (pathname === '/drip') {
      open.push(response);
      response.write('first');
    } else if (pathname === '/cut') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('first', () => response.destroy());
    } else if (pathname === '/big') response.end('x'.repeat(1_000_000));
    else if (pathname === '/gzip') {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync('hello'));
    } else if (pathname === '/to') {
      response.writeHead(Number(searchParams.get('status') ?? 302), { location: searchParams.get('url') ?? '' });
      response.end('gone');
    } else if (pathname === '/status') {
      response.writeHead(Number(searchParams.get('status')));
      response.end();
    } else {
      response.writeHead(200, { 'content-type': 'application/json', 'x-upstream': 'yes' });
      response.end(JSON.stringify({ method, url, headers, body }));
    }
    for (const wake of waiting.splice(0)) wake();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    for (const response of open) response.destroy();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    seen,
    open,
    async asked(count) {
      while (seen.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

interface Stage {
  upstream: Upstream;
  other: Upstream;
  clock: ManualClock;
  pool: Upstreams;
  /** Fetches a path of `upstream`, or a URL, with a signal that never aborts. */
  get(path: string, init?: RequestInit, signal?: AbortSignal): Promise<Response>;
}

const never = new AbortController().signal;
const SMALL = { MCP_UPSTREAM_CALLS: 2, MCP_UPSTREAM_QUEUE: 1, MCP_UPSTREAM_WAIT: 1000, MCP_UPSTREAM_TIMEOUT: 5000 };

/** A test with two upstreams, both trusted, after which nothing may run, wait or be set to. */
function scene(name: string, run: (stage: Stage) => Promise<void>): void {
  test(name, async () => {
    const ends: (() => void)[] = [];
    const after = (fn: () => void) => void ends.push(fn);
    try {
      const [upstream, other] = [await serve(after), await serve(after)];
      const clock = manualClock();
      const pool = upstreams({ config: readConfig(SMALL), clock, trusted: [upstream.host, other.host] });
      const get = (path: string, init?: RequestInit, signal = never) =>
        pool.fetch(path.startsWith('/') ? `http://${upstream.host}${path}` : path, init, signal);
      await run({ upstream, other, clock, pool, get });
      await clock.advance(0);
      const { running, waiting, upstreams: busy } = pool.stats();
      assert.deepEqual(
        { running, waiting, busy, timers: clock.pending },
        { running: 0, waiting: 0, busy: 0, timers: 0 },
      );
    } finally {
      for (const end of ends) end();
    }
  });
}

const says = (message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof ToolError, String(error));
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

// ---- an answer -----------------------------------------------------------------------------------

scene('an answer comes as the upstream gave it', async ({ upstream, get }) => {
  const answer = await get('/echo?a=1', { method: 'PUT', body: 'hello', headers: { 'x-tool': 'yes' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.url, `http://${upstream.host}/echo?a=1`);
  assert.equal(answer.redirected, false);
  assert.equal(answer.headers.get('x-upstream'), 'yes');
  const { method, body, headers } = (await answer.json()) as Seen;
  assert.deepEqual([method, body, headers['x-tool']], ['PUT', 'hello', 'yes']);
  assert.equal(headers.authorization, undefined);
});

scene('a Request is fetched as it is', async ({ upstream, pool }) => {
  const request = new Request(`http://${upstream.host}/echo`, { method: 'POST', body: 'hello', headers: { a: 'b' } });
  const { method, body, headers } = (await (await pool.fetch(request, undefined, never)).json()) as Seen;
  assert.deepEqual([method, body, headers.a], ['POST', 'hello', 'b']);
});

scene('a large answer comes whole', async ({ get, pool }) => {
  const answer = await get('/big');
  assert.equal(pool.stats().running, 1);
  assert.equal((await answer.text()).length, 1_000_000);
});

scene('a compressed answer is read as it was before', async ({ get }) => {
  assert.equal(await (await get('/gzip')).text(), 'hello');
});

for (const status of [204, 205, 304, 404, 500]) {
  scene(`an answer ${status} without a body keeps no place`, async ({ get }) => {
    const answer = await get(`/status?status=${status}`);
    assert.equal(answer.status, status);
    assert.equal(await answer.text(), '');
  });
}

scene('a HEAD keeps no place', async ({ get }) => {
  const answer = await get('/echo', { method: 'HEAD' });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), '');
});

scene('a small answer that nobody reads gives its place back', async ({ get, pool }) => {
  await get('/echo');
  while (pool.stats().running > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});

scene('an answer that is cancelled gives its place back', async ({ get, pool }) => {
  const answer = await get('/big');
  assert.equal(pool.stats().running, 1);
  await answer.body?.cancel();
  assert.equal(pool.stats().running, 0);
});

// ---- bounds --------------------------------------------------------------------------------------

scene('so many at once, so many waiting, one more fails; who waits goes in order', async ({ upstream, get, pool }) => {
  const running = [get('/hang'), get('/hang')];
  await upstream.asked(2);
  const waiting = get('/echo');
  await assert.rejects(
    get('/echo'),
    says(
      `Upstream ${upstream.host} is busy: 2 requests run and 1 wait (MCP_UPSTREAM_CALLS, MCP_UPSTREAM_QUEUE); try again later`,
    ),
  );
  assert.deepEqual(pool.stats(), { running: 2, waiting: 1, refused: 1, timedOut: 0, failed: 0, upstreams: 1 });
  assert.equal(upstream.seen.length, 2);
  upstream.open[0]?.end();
  assert.equal((await waiting).status, 200);
  upstream.open[1]?.end();
  for (const answer of await Promise.all([waiting, ...running])) await answer.text();
});

scene('who comes while a place is handed over does not take it', async ({ upstream, get }) => {
  const running = [await get('/drip'), await get('/drip')];
  const first = get('/echo?first');
  const cancelled = running[0]?.body?.cancel();
  const second = get('/echo?second');
  await cancelled;
  await (await first).text();
  await (await second).text();
  await running[1]?.body?.cancel();
  assert.deepEqual(
    upstream.seen.slice(2).map(({ path }) => path),
    ['/echo?first', '/echo?second'],
  );
});

scene('each upstream has places of its own', async ({ upstream, other, get, pool }) => {
  const hanging = [get('/drip'), get('/drip')];
  await upstream.asked(2);
  const { url } = await get(`http://${other.host}/echo`);
  assert.equal(url, `http://${other.host}/echo`);
  for (const answer of await Promise.all(hanging)) await answer.body?.cancel();
  while (pool.stats().running > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});

scene('the longest wait', async ({ upstream, clock, get, pool }) => {
  const running = await Promise.all([get('/drip'), get('/drip')]);
  const waiting = assert.rejects(
    get('/echo'),
    says(`Upstream ${upstream.host} is busy: no place within 1000 ms (MCP_UPSTREAM_WAIT); try again later`),
  );
  await clock.advance(999);
  assert.equal(pool.stats().waiting, 1);
  await clock.advance(1);
  await waiting;
  assert.deepEqual([pool.stats().waiting, pool.stats().timedOut], [0, 1]);
  for (const answer of running) await answer.body?.cancel();
  assert.equal(upstream.seen.length, 2);
});

const late = ({ host }: Upstream) => `Upstream ${host} did not answer within 5000 ms (MCP_UPSTREAM_TIMEOUT)`;

scene('the longest time to an answer', async ({ upstream, clock, get, pool }) => {
  const answer = assert.rejects(get('/hang'), says(late(upstream)));
  await upstream.asked(1);
  await clock.advance(4999);
  assert.equal(pool.stats().running, 1);
  await clock.advance(1);
  await answer;
  assert.equal(pool.stats().timedOut, 1);
});

scene('a body that stalls ends in the same time, read or not', async ({ upstream, clock, get, pool }) => {
  const read = await get('/drip');
  const unread = await get('/drip');
  const text = assert.rejects(read.text(), says(late(upstream)));
  await clock.advance(5000);
  await text;
  assert.deepEqual([pool.stats().running, pool.stats().timedOut], [0, 2]);
  await assert.rejects(unread.text(), says(late(upstream)));
});

scene('a large answer that nobody reads holds its place no longer than that', async ({ clock, get, pool }) => {
  await get('/big');
  await clock.advance(4999);
  assert.equal(pool.stats().running, 1);
  await clock.advance(1);
});

scene('a network that fails is said with the host', async ({ upstream, get, pool }) => {
  await assert.rejects(
    (async () => (await get('/cut')).text())(),
    says(new RegExp(`^Upstream ${upstream.host} (broke its answer off|could not be reached)( \\(\\w+\\))?$`)),
  );
  assert.equal(pool.stats().failed, 1);
});

test('an upstream that is not there is said with its host', async () => {
  const config = readConfig({ MCP_UPSTREAM_HOSTS: '127.0.0.1' });
  const pool = upstreams({ config, clock: manualClock(), trusted: [] });
  await assert.rejects(
    pool.fetch('http://127.0.0.1:9/', undefined, never),
    says(/^Upstream 127\.0\.0\.1:9 could not be reached( \(\w+\))?$/),
  );
  assert.deepEqual(pool.stats(), { running: 0, waiting: 0, refused: 0, timedOut: 0, failed: 1, upstreams: 0 });
});

scene('the signal of the call ends it with its reason: before, while it waits, fetches and reads', async (stage) => {
  const { upstream, get, pool } = stage;
  const reason = new Error('cancelled by the client');
  const same = (error: unknown) => error === reason;
  await assert.rejects(get('/echo', {}, AbortSignal.abort(reason)), same);
  assert.equal(upstream.seen.length, 0);

  const call = new AbortController();
  const fetching = assert.rejects(get('/hang', {}, call.signal), same);
  const drip = await get('/drip', {}, call.signal);
  await upstream.asked(2);
  const reading = assert.rejects(drip.text(), same);
  const waiting = assert.rejects(get('/echo', {}, call.signal), same);
  while (pool.stats().waiting === 0) await Promise.resolve();
  call.abort(reason);
  await Promise.all([fetching, reading, waiting]);
  const { running, refused, timedOut, failed } = pool.stats();
  assert.deepEqual({ running, refused, timedOut, failed }, { running: 0, refused: 0, timedOut: 0, failed: 0 });
});

scene('who is cancelled while others keep all places is told at once, and leaves its place to wait', async (stage) => {
  const { get, pool } = stage;
  const running = [await get('/drip'), await get('/drip')];
  const reason = new Error('cancelled by the client');
  const same = (error: unknown) => error === reason;
  for (let again = 0; again < 3; again++) {
    const call = new AbortController();
    const waiting = assert.rejects(get('/echo', {}, call.signal), same);
    while (pool.stats().waiting === 0) await Promise.resolve();
    call.abort(reason);
    await waiting;
    assert.equal(pool.stats().waiting, 0);
  }
  await assert.rejects(get('/echo', {}, AbortSignal.abort(reason)), same);
  assert.equal(pool.stats().running, 2);
  for (const answer of running) await answer.body?.cancel();
});

scene('the signal of the request does so too, that of a Request likewise', async ({ upstream, get, pool }) => {
  const reason = new Error('the deadline of the tool');
  const own = new AbortController();
  const byInit = assert.rejects(get('/hang', { signal: own.signal }), (error) => error === reason);
  const request = new Request(`http://${upstream.host}/hang`, { signal: own.signal });
  const byRequest = assert.rejects(pool.fetch(request, undefined, never), (error) => error === reason);
  await upstream.asked(2);
  own.abort(reason);
  await Promise.all([byInit, byRequest]);
});

// ---- redirects -----------------------------------------------------------------------------------

const to = (url: string, status = 302) => `/to?status=${status}&url=${encodeURIComponent(url)}`;

const RULES: [status: number, method: string, after: string, body: string][] = [
  [301, 'POST', 'GET', ''],
  [302, 'POST', 'GET', ''],
  [303, 'POST', 'GET', ''],
  [303, 'PUT', 'GET', ''],
  [301, 'PUT', 'PUT', 'hello'],
  [302, 'PUT', 'PUT', 'hello'],
  [307, 'POST', 'POST', 'hello'],
  [308, 'POST', 'POST', 'hello'],
];
for (const [status, method, after, body] of RULES) {
  for (const as of ['init', 'Request']) {
    scene(`a ${method} (${as}) that is sent on by ${status} is a ${after}`, async ({ upstream, pool }) => {
      const url = `http://${upstream.host}${to('/echo', status)}`;
      const init = { method, body: 'hello', headers: { 'content-type': 'text/plain' } };
      const answer = await (as === 'init'
        ? pool.fetch(url, init, never)
        : pool.fetch(new Request(url, init), undefined, never));
      assert.equal(answer.redirected, true);
      assert.equal(answer.url, `http://${upstream.host}/echo`);
      const seen = (await answer.json()) as Seen;
      assert.deepEqual([seen.method, seen.body], [after, body]);
      assert.equal(seen.headers['content-type'], body === '' ? undefined : 'text/plain');
    });
  }
}

scene('credentials stay with their origin', async ({ upstream, other, get }) => {
  const headers = { authorization: 'Bearer upstream', cookie: 'a=b', 'x-other': 'stays' };
  const near = (await (await get(to('/echo'), { headers })).json()) as Seen;
  assert.deepEqual([near.headers.authorization, near.headers.cookie], ['Bearer upstream', 'a=b']);
  const far = (await (await get(to(`http://${other.host}/echo`), { headers })).json()) as Seen;
  assert.deepEqual(
    [far.headers.authorization, far.headers.cookie, far.headers['x-other']],
    [undefined, undefined, 'stays'],
  );
  // Nor do they come back with a redirect that does.
  const back = `http://${other.host}${to(`http://${upstream.host}/echo`)}`;
  const returned = (await (await get(to(back), { headers })).json()) as Seen;
  assert.equal(returned.headers.authorization, undefined);
});

scene('a redirect is judged as the first URL was', async ({ upstream, get, pool }) => {
  const targets = [
    'http://169.254.169.254/latest/meta-data/',
    'http://localhost/',
    'file:///etc/passwd',
    'http://[::]/',
  ];
  for (const target of targets) await assert.rejects(get(to(target)), says(/private|Only http/));
  assert.equal(pool.stats().refused, targets.length);
  assert.equal(upstream.seen.length, targets.length);
});

scene('five redirects are followed, no more', async ({ upstream, get }) => {
  const chain = (length: number): string => (length === 0 ? '/echo' : to(chain(length - 1)));
  assert.equal((await get(chain(5))).status, 200);
  await assert.rejects(get(chain(6)), says(`Upstream ${upstream.host} redirects more than 5 times`));
});

scene('a redirect is handed to who wants to see it, and is an error for who wants none', async ({ upstream, get }) => {
  const answer = await get(to('/echo'), { redirect: 'manual' });
  assert.deepEqual([answer.status, answer.headers.get('location'), answer.redirected], [302, '/echo', false]);
  await answer.text();
  await assert.rejects(
    get(to('/echo'), { redirect: 'error' }),
    says(`Upstream ${upstream.host} redirects, which this request does not allow`),
  );
  assert.equal(upstream.seen.length, 2);
});

scene('a redirect to what is no URL is an error', async ({ upstream, get }) => {
  await assert.rejects(get(to('http://[')), says(`Upstream ${upstream.host} redirects to "http://[", which is no URL`));
});

scene('a body that is a stream is not sent twice', async ({ upstream, get }) => {
  const init = () => ({ method: 'POST', body: new Blob(['hello']).stream(), duplex: 'half' }) as RequestInit;
  const message = `Upstream ${upstream.host} redirects a request whose body is a stream, which cannot be sent again`;
  await assert.rejects(get(to('/echo', 307), init()), says(message));
  assert.equal(((await (await get(to('/echo', 303), init())).json()) as Seen).method, 'GET');
});

// ---- where requests may go -----------------------------------------------------------------------

/** Says whether a URL may be fetched, with a network that answers everything. */
async function reaches(url: string, hosts: string, trusted: readonly string[] = []): Promise<boolean> {
  let reached = 0;
  const pool = upstreams({
    config: readConfig({ MCP_UPSTREAM_HOSTS: hosts }),
    clock: manualClock(),
    trusted,
    fetch: async () => {
      reached++;
      return new Response(null, { status: 204 });
    },
  });
  try {
    await pool.fetch(url, undefined, never);
  } catch (error) {
    assert.ok(error instanceof ToolError);
    assert.equal(reached, 0);
    assert.equal(pool.stats().refused, 1);
    return false;
  }
  return true;
}

const PRIVATE = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://127.0.0.1./',
  'http://１２７.0.0.1/',
  'http://0.0.0.0/',
  'http://10.0.0.1/',
  'http://172.16.0.1/',
  'http://192.168.1.1/',
  'http://169.254.169.254/',
  'http://0xA9FEA9FE/',
  'http://100.64.0.1/',
  'http://100.100.100.200/',
  'http://192.0.0.192/',
  'http://168.63.129.16/',
  'http://198.18.0.1/',
  'http://224.0.0.1/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::127.0.0.1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[::ffff:0:127.0.0.1]/',
  'http://[64:ff9b::10.0.0.1]/',
  'http://[64:ff9b:1::1]/',
  'http://[2002:7f00:1::]/',
  'http://[2001::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://[fec0::1]/',
  'http://[ff02::1]/',
  'http://localhost/',
  'http://LOCALHOST./',
  'http://localhost%2e/',
  'http://a.localhost/',
  'http://metadata.google.internal/',
  'http://printer.local/',
  'http://nas.home.arpa/',
  'http://intranet/',
  'http://redis:6379/',
];
for (const url of PRIVATE) {
  test(`${url} is private: refused unless it is named`, async () => {
    assert.equal(await reaches(url, '*'), false);
    assert.equal(await reaches(url, 'example.com'), false);
    const { hostname, host } = new URL(url);
    const named = hostname.replace(/\.$/, '');
    assert.equal(await reaches(url, named), true);
    assert.equal(await reaches(url, '*', [host.replace(/\.$/, '')]), true);
  });
}

const PUBLIC = [
  'https://example.com/',
  'https://EXAMPLE.com./',
  'http://8.8.8.8/',
  'http://[2606:4700::1111]/',
  'http://[::ffff:8.8.8.8]/',
  'https://local.example.com/',
  'https://internal.example:8443/',
];
for (const url of PUBLIC) {
  test(`${url} is public: allowed by * or by name`, async () => {
    assert.equal(await reaches(url, '*'), true);
    assert.equal(await reaches(url, 'another.example'), false);
    assert.equal(await reaches(url, new URL(url).hostname.replace(/\.$/, '')), true);
  });
}

const NAMES: [hosts: string, url: string, allowed: boolean][] = [
  ['api.example.com', 'https://api.example.com:8443/', true],
  ['api.example.com', 'https://x.api.example.com/', false],
  ['api.example.com', 'https://example.com/', false],
  ['*.example.com', 'https://api.example.com/', true],
  ['*.example.com', 'https://a.b.example.com/', true],
  ['*.example.com', 'https://example.com/', false],
  ['*.example.com', 'https://badexample.com/', false],
  ['*.example.com', 'https://example.com.evil.org/', false],
  ['*.svc.internal', 'http://api.svc.internal/', true],
  ['localhost:8080', 'http://localhost:8080/', true],
  ['localhost:8080', 'http://localhost:8081/', false],
  ['localhost:80', 'http://localhost/', true],
  ['localhost:443', 'https://localhost/', true],
  ['localhost:443', 'http://localhost/', false],
  ['::1', 'http://[::1]:3000/', true],
  ['[::1]:3000', 'http://[::1]:3001/', false],
  ['API.Example.com', 'https://api.example.com/', true],
  ['bücher.example', 'https://xn--bcher-kva.example/', true],
  ['a.example,*', 'https://b.example/', true],
  ['a.example,*', 'http://10.0.0.1/', false],
];
for (const [hosts, url, allowed] of NAMES) {
  test(`MCP_UPSTREAM_HOSTS=${hosts} ${allowed ? 'allows' : 'refuses'} ${url}`, async () => {
    assert.equal(await reaches(url, hosts), allowed);
  });
}

test('a host of a knob is trusted with its port alone', async () => {
  assert.equal(await reaches('http://localhost:9000/x', '*', ['localhost:9000']), true);
  assert.equal(await reaches('http://localhost:9001/x', '*', ['localhost:9000']), false);
});

for (const url of ['ftp://example.com/', 'file:///etc/passwd', 'data:text/plain,x', 'https://a:b@example.com/']) {
  test(`${url} is not fetched`, async () => assert.equal(await reaches(url, '*'), false));
}

test('what is no absolute URL is not fetched', async () => {
  const pool = upstreams({ config: readConfig({}), clock: manualClock(), trusted: [] });
  for (const text of ['', '/path', 'example.com', 'http://[']) {
    await assert.rejects(
      pool.fetch(text, undefined, never),
      says(`A URL to fetch must be absolute, http or https, got ${JSON.stringify(text)}`),
    );
  }
});

for (const bad of [
  'https://example.com',
  'example.com/path',
  '*.example.com:443',
  'a b',
  '*example.com',
  '[::1',
  'x:99999',
]) {
  test(`MCP_UPSTREAM_HOSTS=${bad} stops the start`, () => {
    assert.throws(
      () => upstreams({ config: readConfig({ MCP_UPSTREAM_HOSTS: bad }), clock: manualClock(), trusted: [] }),
      {
        message: `MCP_UPSTREAM_HOSTS must be *, or host names such as api.example.com, *.example.com or 10.0.0.5:8080, got "${bad}"`,
      },
    );
  });
}

test('busy upstreams are bounded, quiet ones are not kept', async () => {
  const release: (() => void)[] = [];
  const pool = upstreams({
    config: readConfig({}),
    clock: manualClock(),
    trusted: [],
    fetch: async () => {
      await new Promise<void>((resolve) => release.push(resolve));
      return new Response(null, { status: 204 });
    },
  });
  const many = Array.from({ length: 1000 }, (_, i) => pool.fetch(`https://host-${i}.example/`, undefined, never));
  await assert.rejects(
    pool.fetch('https://one-more.example/', undefined, never),
    says('Cannot fetch from one-more.example: 1000 upstreams are busy'),
  );
  assert.equal(pool.stats().upstreams, 1000);
  for (const go of release) go();
  await Promise.all(many);
  assert.equal(pool.stats().upstreams, 0);
});
