import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { type Clock, manualClock, systemClock } from './clock.ts';
import { addressOf, type Limiter, limiter, overloaded, tooMany, turnWatch } from './limits.ts';
import { CODE } from './protocol.ts';

const MINUTE = 60_000;

// ---- rates ---------------------------------------------------------------------------------------

/** How many `key` gets at once. */
function taken(limits: Limiter, key: string): number {
  for (let count = 0; ; count++) if (limits.take(key) > 0) return count;
}

for (const [count, window_ms] of [
  [1, 1000],
  [7, 1000],
  [100, MINUTE],
  [999, 86_400_000],
  [100_000, MINUTE],
] as const) {
  test(`${count} in ${window_ms} ms are ${count} at once, then one after each ${window_ms / count} ms`, async () => {
    const clock = manualClock();
    const limits = limiter({ count, window_ms }, clock, 10);
    for (let windows = 0; windows < 2; windows++) {
      assert.equal(limits.remaining('a'), count);
      assert.equal(taken(limits, 'a'), count);
      assert.equal(limits.remaining('a'), 0);
      const wait_ms = limits.take('a');
      assert.ok(wait_ms >= window_ms / count - 0.001 && wait_ms < window_ms / count + 1, `${wait_ms}`);
      await clock.advance(window_ms);
    }
    assert.equal(clock.pending, 0);
  });
}

test('what a limiter says to wait is enough, and 1 ms less is not', async () => {
  const clock = manualClock();
  const limits = limiter({ count: 3, window_ms: 1000 }, clock, 10);
  taken(limits, 'a');
  for (let i = 0; i < 20; i++) {
    await clock.advance(limits.take('a') - 1);
    assert.equal(limits.take('a'), 1);
    await clock.advance(1);
    assert.equal(limits.take('a'), 0);
  }
});

test('over any long time a caller gets the rate and one burst, however it asks', async () => {
  const clock = manualClock();
  const limits = limiter({ count: 10, window_ms: 1000 }, clock, 10);
  let got = 0;
  for (let ms = 0; ms < 10_000; ms += 37) {
    for (let i = 0; i < 3; i++) if (limits.take('a') === 0) got++;
    await clock.advance(37);
  }
  assert.ok(got >= 108 && got <= 111, `${got}`);
});

test('callers have budgets of their own', () => {
  const limits = limiter({ count: 5, window_ms: MINUTE }, manualClock(), 10);
  assert.equal(taken(limits, 'a'), 5);
  assert.equal(limits.remaining('b'), 5);
  assert.equal(taken(limits, 'b'), 5);
  assert.equal(limits.size, 2);
});

test('a clock that is set back makes nobody wait longer than a window', () => {
  let now = 1_700_000_000_000;
  const limits = limiter({ count: 1, window_ms: 1000 }, { ...manualClock(), now: () => now }, 10);
  assert.equal(limits.take('a'), 0);
  now -= 3_600_000;
  assert.equal(limits.take('a'), 1000);
});

test('callers whose budget is whole are forgotten, so what is kept follows those that are there', async () => {
  const clock = manualClock();
  const limits = limiter({ count: 2, window_ms: 1000 }, clock, 100_000);
  for (let caller = 0; caller < 50_000; caller++) {
    assert.equal(limits.take(`${caller}`), 0);
    if (caller % 500 === 499) await clock.advance(1000);
  }
  assert.ok(limits.size <= 1024, `${limits.size}`);
});

test('who is limited has no new budget by making keys until its own is forgotten', async () => {
  const clock = manualClock();
  const most = 1000;
  const limits = limiter({ count: 10, window_ms: MINUTE }, clock, most);
  assert.equal(taken(limits, 'attacker'), 10);
  let more = 0;
  for (let key = 0; key < 100 * most; key++) {
    limits.take(`made ${key}`);
    if (limits.take('attacker') === 0) more++;
    assert.ok(limits.size <= most);
  }
  assert.equal(more, 0);
  await clock.advance(MINUTE);
  assert.equal(limits.remaining('newcomer'), 10);
});

test('more keys than are counted share what is left: together they get no more than those that are, and one budget', () => {
  const most = 100;
  const limits = limiter({ count: 3, window_ms: MINUTE }, manualClock(), most);
  let got = 0;
  for (let round = 0; round < 50; round++) {
    for (let key = 0; key < 3 * most; key++) if (limits.take(`${key}`) === 0) got++;
  }
  // Without a memory of what was forgotten all of them would get all they ask: 15,000. Each has 3 by right.
  assert.ok(got <= 3 * 3 * most, `${got}`);
});

test('callers that owe most keep their budgets when others are forgotten', () => {
  const most = 100;
  const limits = limiter({ count: 10, window_ms: MINUTE }, manualClock(), most);
  for (let busy = 0; busy < 40; busy++) taken(limits, `busy ${busy}`);
  for (let key = 0; key < 3 * most; key++) limits.take(`quiet ${key}`);
  // Newcomers start with the debt of quiet ones, not with that of busy ones.
  assert.ok(limits.remaining('newcomer') > 0, `${limits.remaining('newcomer')}`);
  for (let busy = 0; busy < 40; busy++) assert.equal(limits.remaining(`busy ${busy}`), 0);
});

test('a limiter of one key works', () => {
  const limits = limiter({ count: 2, window_ms: MINUTE }, manualClock(), 1);
  assert.deepEqual([limits.take('a'), limits.take('b'), limits.size], [0, 0, 1]);
  assert.ok(limits.take('c') > 0);
});

// ---- addresses -----------------------------------------------------------------------------------

const forwarded = (value?: string) => new Headers(value === undefined ? {} : { 'x-forwarded-for': value });

const KEYS: [peer: string | undefined, key: string][] = [
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::ffff:cb00:7107', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8::/64'],
  ['[2001:db8::1]', '2001:db8::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
  [undefined, 'unknown'],
  ['', 'unknown'],
  ['/run/mcp.sock', 'unknown'],
];
for (const [peer, key] of KEYS) {
  test(`a caller at ${JSON.stringify(peer)} is counted as ${key}, whatever it says of itself`, () => {
    const address = addressOf({ trusted: [] });
    for (const headers of [forwarded(), forwarded('198.51.100.1')]) assert.equal(address(peer, headers), key);
    assert.equal(address(peer, forwarded()), key);
  });
}

const TRUSTED = ['loopback', 'private', '192.0.2.1', '198.51.100.0/24', '2001:db8:ffff::/48'];
const CHAINS: [what: string, peer: string, chain: string | undefined, key: string][] = [
  ['no header', '127.0.0.1', undefined, '127.0.0.1'],
  ['an empty header', '127.0.0.1', '', '127.0.0.1'],
  ['one address', '127.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['a peer that is not trusted', '203.0.113.9', '203.0.113.7', '203.0.113.9'],
  ['a forged address left of the real one', '127.0.0.1', '9.9.9.9, 203.0.113.7', '203.0.113.7'],
  ['a chain of trusted proxies', '10.1.2.3', '203.0.113.7, 198.51.100.8, 192.0.2.1', '203.0.113.7'],
  ['a chain of nothing but trusted ones', '10.1.2.3', '10.0.0.9,10.0.0.8', '10.0.0.9'],
  ['a forged trusted address', '10.1.2.3', '10.0.0.9, 203.0.113.7, 10.0.0.8', '203.0.113.7'],
  ['ports', '10.1.2.3', '203.0.113.7:4711, 192.0.2.1:80', '203.0.113.7'],
  ['brackets', '::1', '[2001:db8:1::7], [2001:db8:ffff::1]:443', '2001:db8:1::/64'],
  ['no brackets', '::1', '2001:db8:1::7,2001:db8:ffff::1', '2001:db8:1::/64'],
  ['IPv4-mapped addresses', '::ffff:10.1.2.3', '::ffff:203.0.113.7, ::ffff:192.0.2.1', '203.0.113.7'],
  ['a zone', 'fe80::1%2', '203.0.113.7, fe80::2%eth0', '203.0.113.7'],
  ['spaces and tabs', '127.0.0.1', ' 203.0.113.7\t,\t192.0.2.1 ', '203.0.113.7'],
  [
    'the networks that private stands for',
    '172.31.0.1',
    '203.0.113.7, 192.168.1.1, fd12::1, 169.254.1.1',
    '203.0.113.7',
  ],
  ['what private does not stand for', '172.31.0.1', '203.0.113.7, 172.32.0.1', '172.32.0.1'],
  ['a word', '127.0.0.1', '203.0.113.7, unknown', '127.0.0.1'],
  ['a word behind a trusted proxy', '127.0.0.1', 'unknown, 192.0.2.1', '192.0.2.1'],
  ['an empty entry', '127.0.0.1', '203.0.113.7, , 192.0.2.1', '192.0.2.1'],
  ['a comma at the end', '127.0.0.1', '203.0.113.7,', '127.0.0.1'],
  ['a comma at the start', '127.0.0.1', ',203.0.113.7', '203.0.113.7'],
  ['octal', '127.0.0.1', '010.0.0.1', '127.0.0.1'],
  ['a number', '127.0.0.1', '3405803783', '127.0.0.1'],
  ['brackets around IPv4', '127.0.0.1', '[203.0.113.7]', '127.0.0.1'],
  ['an octet too many', '127.0.0.1', '203.0.113.7.1', '127.0.0.1'],
  ['a long text', '127.0.0.1', '1'.repeat(8000), '127.0.0.1'],
];
for (const [what, peer, chain, key] of CHAINS) {
  test(`X-Forwarded-For with ${what}: the caller is ${key}`, () => {
    const address = addressOf({ trusted: TRUSTED });
    for (let again = 0; again < 2; again++) assert.equal(address(peer, forwarded(chain)), key);
  });
}

test('several X-Forwarded-For headers are one chain', () => {
  const headers = new Headers([
    ['x-forwarded-for', '9.9.9.9, 203.0.113.7'],
    ['x-forwarded-for', '192.0.2.1'],
  ]);
  assert.equal(addressOf({ trusted: TRUSTED })('127.0.0.1', headers), '203.0.113.7');
});

test('any number of addresses is told apart', () => {
  const address = addressOf({ trusted: ['loopback'] });
  for (let i = 0; i < 20_000; i++) {
    const client = `203.0.${i >> 8}.${i & 255}`;
    assert.equal(address('127.0.0.1', forwarded(client)), client);
  }
});

for (const good of ['10.0.0.1', '10.0.0.1/8', '0.0.0.0/0', '::/0', '2001:db8::/32', '::ffff:10.0.0.0/104', '::1']) {
  test(`${good} can be trusted`, () => assert.doesNotThrow(() => addressOf({ trusted: [good] })));
}

test('an IPv4-mapped network is the IPv4 network', () => {
  const address = addressOf({ trusted: ['::ffff:10.0.0.0/104'] });
  assert.equal(address('10.9.9.9', forwarded('203.0.113.7')), '203.0.113.7');
  assert.equal(address('11.9.9.9', forwarded('203.0.113.7')), '11.9.9.9');
});

for (const bad of [
  '*',
  'proxy.example',
  '10/8',
  '10.0.0.0/33',
  '10.0.0.0/',
  '::1/129',
  '::ffff:10.0.0.0/8',
  '010.0.0.1',
  '10.0.0.1:80',
  'fe80::1%eth0',
  'constructor',
]) {
  test(`${bad} cannot be trusted`, () => {
    assert.throws(() => addressOf({ trusted: ['loopback', bad] }), {
      message: `MCP_TRUSTED_PROXIES must be addresses, networks such as 10.0.0.0/8, loopback or private, got "${bad}"`,
    });
  });
}

// ---- answers -------------------------------------------------------------------------------------

test('too many is 429 with Retry-After, the RateLimit headers and a JSON-RPC error that says the same', async () => {
  const answer = tooMany('requests', { count: 100, window_ms: MINUTE }, 1001, 7);
  assert.equal(answer.status, 429);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.headers.get('retry-after'), '2');
  assert.equal(answer.headers.get('ratelimit-policy'), '"requests";q=100;w=60');
  assert.equal(answer.headers.get('ratelimit'), '"requests";r=0;t=2');
  assert.deepEqual(await answer.json(), {
    jsonrpc: '2.0',
    id: 7,
    error: {
      code: CODE.internal,
      message: 'Too many: the limit of "requests" is 100 in 60 s; try again in 2 s',
      data: { limit: 'requests', retryAfter_s: 2 },
    },
  });
});

test('a client is never told to come back at once', () => {
  assert.equal(tooMany('calls', { count: 1000, window_ms: 1000 }, 1).headers.get('retry-after'), '1');
  assert.equal(overloaded('Busy', 0).headers.get('retry-after'), '1');
});

test('overloaded is 503 with Retry-After, and no id where there is none', async () => {
  const answer = overloaded('All calls are in use', 4.2);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '5');
  assert.deepEqual(await answer.json(), {
    jsonrpc: '2.0',
    error: { code: CODE.internal, message: 'All calls are in use', data: { retryAfter_s: 5 } },
  });
});

// ---- lag -----------------------------------------------------------------------------------------

test('a request knows how long its turn has run; one timer a turn, none when idle', async () => {
  const clock = manualClock();
  let now = 1000;
  const watch = turnWatch(clock, () => now);
  assert.equal(clock.pending, 0);
  assert.equal(watch.late(), 0);
  now += 5;
  assert.equal(watch.late(), 5);
  now += 30;
  assert.equal(watch.late(), 35);
  assert.equal(clock.pending, 1);
  assert.equal(watch.worst(), 0);
  await clock.advance(1);
  assert.equal(clock.pending, 0);
  now += 10_000;
  assert.equal(watch.late(), 0, 'a new turn');
  now += 2;
  await clock.advance(1);
  assert.equal(watch.worst(), 35, 'the longest since it was asked last');
  assert.equal(watch.worst(), 0);
});

test('a request of a turn that follows at once has waited for half of the one before', async () => {
  const clock = manualClock();
  let now = 1000;
  const watch = turnWatch(clock, () => now);
  watch.late();
  now += 40;
  await clock.advance(1);
  assert.equal(watch.late(), 20);
  now += 6;
  assert.equal(watch.late(), 26);
  await clock.advance(1);
  assert.equal(watch.late(), 3, 'of the one before alone');
  await clock.advance(1);
  now += 2;
  assert.equal(watch.late(), 0, 'the loop had rested');
});

/** Past the timer that ends a turn. */
const turnOver = () => new Promise((resolve) => setTimeout(resolve, 5));

test('requests that a busy turn keeps waiting know it, and the next turn begins at 0', async () => {
  const BUSY_MS = 30;
  const REQUESTS = 4;
  let armed = 0;
  const clock: Clock = {
    ...systemClock,
    after(ms, run) {
      armed++;
      return systemClock.after(ms, run);
    },
  };
  const watch = turnWatch(clock);
  let late: number[] = [];
  let busy_ms = 0;
  const server = createServer((_request, response) => {
    late.push(watch.late());
    for (const end = performance.now() + busy_ms; performance.now() < end; );
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets = Array.from({ length: REQUESTS }, () => connect(port, '127.0.0.1'));
  const wave = async () => {
    late = [];
    const answered = Promise.all(sockets.map((socket) => once(socket, 'data')));
    // All in one turn, so that all are there when the server looks.
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await answered;
  };
  try {
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await wave(); // Node takes new connections in one by one, each in a turn of its own.
    await turnOver();
    busy_ms = BUSY_MS;
    watch.worst();
    armed = 0;
    await wave();
    await turnOver();
    assert.equal(late.length, REQUESTS);
    assert.ok(armed < REQUESTS, 'one timer for each turn');
    assert.ok(Math.max(...late) >= BUSY_MS, `${late}`);
    assert.ok(watch.worst() >= 2 * BUSY_MS);
    assert.equal(watch.late(), 0);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
