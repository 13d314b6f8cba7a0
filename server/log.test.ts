import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from './clock.ts';
import { type Logger, type LogOptions, logger, type RequestRecord, redact, severityOf } from './log.ts';
import { seal } from './seal.ts';
import { sessions } from './session.ts';
import { memoryStore } from './store.ts';

interface Logging {
  log: Logger;
  clock: ReturnType<typeof manualClock>;
  /** What each call of `write` was given. */
  writes: string[];
  /** All that was written, after a flush. */
  text(): string;
  /** The same, each line parsed. */
  lines(): Record<string, unknown>[];
}

function logging(options: Partial<LogOptions> = {}): Logging {
  const clock = manualClock(Date.parse('2026-11-27T10:20:30.045Z'));
  const writes: string[] = [];
  const log = logger({ level: 'info', format: 'json', clock, write: (text) => void writes.push(text), ...options });
  const text = () => {
    log.flush();
    return writes.join('');
  };
  const lines = () => {
    const whole = text().split('\n');
    assert.equal(whole.pop(), '', 'the last line has its line break');
    return whole.map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { log, clock, writes, text, lines };
}

const OK: RequestRecord = { http: 'POST', path: '/mcp', status: 200, duration_ms: 1.23456 };
const FULL: RequestRecord = {
  ...OK,
  method: 'tools/call',
  name: 'echo',
  outcome: 'ok',
  id: 7,
  era: 'stateful',
  revision: '2025-11-25',
  session: 'nonce',
  subject: 'user-1',
  address: '::1',
  bytes: 300,
};

// ---- lines -----------------------------------------------------------------------------------------

test('a request is one JSON object on one line, its members in one order', () => {
  const { log, text } = logging();
  log.request(FULL);
  assert.equal(
    text(),
    '{"time":"2026-11-27T10:20:30.045Z","level":"info","event":"request","http":"POST","path":"/mcp","status":200,' +
      '"duration_ms":1.235,"method":"tools/call","name":"echo","outcome":"ok","id":7,"era":"stateful",' +
      '"revision":"2025-11-25","session":"nonce","subject":"user-1","address":"::1","bytes":300}\n',
  );
});

test('what is not known is left out of the line, and the order of a record does not matter', () => {
  const { log, lines } = logging();
  log.request({ duration_ms: 0, status: 202, id: undefined, path: '/mcp', http: 'POST' });
  assert.deepEqual(Object.keys(lines()[0] ?? {}), ['time', 'level', 'event', 'http', 'path', 'status', 'duration_ms']);
});

test('the time is that of the line, to the millisecond', async () => {
  const { log, clock, lines } = logging();
  for (const ms of [0, 954, 1, 1000, 60_000]) {
    await clock.advance(ms);
    log.request(OK);
  }
  assert.deepEqual(
    lines().map(({ time }) => String(time).slice(11)),
    ['10:20:30.045Z', '10:20:30.999Z', '10:20:31.000Z', '10:20:32.000Z', '10:21:32.000Z'],
  );
});

test('an error says what, where and by which id the client knows it; the stack only at debug', () => {
  const error = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  for (const level of ['error', 'debug'] as const) {
    const { log, lines } = logging({ level });
    log.error(error, 'tools/call "echo"', 'c-1');
    const [line = {}] = lines();
    assert.deepEqual(
      [line.level, line.event, line.correlation, line.during, line.error, line.message],
      ['error', 'error', 'c-1', 'tools/call "echo"', 'TypeError', 'fetch failed: connect ECONNREFUSED'],
    );
    const place = level === 'debug' ? line.stack : line.at;
    assert.match(String(place), /log\.test\.ts:\d+/);
    assert.equal(level === 'debug' ? line.at : line.stack, undefined);
  }
});

test('whatever is thrown can be logged', () => {
  const { log, lines } = logging();
  const hostile = Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('no message for you');
    },
  });
  for (const thrown of ['text', undefined, null, 7n, Symbol('s'), { a: 1 }, Object.create(null), hostile]) {
    log.error(thrown, 'a request', 'c');
  }
  assert.deepEqual(
    lines().map(({ error }) => error),
    ['string', 'undefined', 'object', 'bigint', 'symbol', 'object', 'unknown', 'unknown'],
  );
});

test('an audit line says who used what by which scopes, and is written at every level but off', () => {
  for (const level of ['error', 'warn', 'info', 'debug', 'off'] as const) {
    const { log, lines } = logging({ level });
    log.audit({ subject: 'user-1', tool: 'transfer', scopes: ['write', 'pay'], outcome: 'ok', id: 'a', session: 'n' });
    const [line] = lines();
    if (level === 'off') assert.equal(line, undefined);
    else {
      assert.deepEqual(
        { ...line, time: 0 },
        {
          time: 0,
          level: 'info',
          event: 'audit',
          subject: 'user-1',
          tool: 'transfer',
          outcome: 'ok',
          id: 'a',
          session: 'n',
          scopes: ['write', 'pay'],
        },
      );
    }
  }
});

test('a notice has a message and details', () => {
  const { log, lines } = logging();
  log.notice('info', 'listening', { url: 'http://127.0.0.1:3000/mcp', features: 12 });
  log.notice('debug', 'not at info');
  log.notice('warn', 'drain');
  assert.deepEqual(
    lines().map(({ level, event, message, details }) => ({ level, event, message, details })),
    [
      {
        level: 'info',
        event: 'notice',
        message: 'listening',
        details: { url: 'http://127.0.0.1:3000/mcp', features: 12 },
      },
      { level: 'warn', event: 'notice', message: 'drain', details: undefined },
    ],
  );
});

test('text lines are columns, then what has a name', () => {
  const { log, text } = logging({ format: 'text' });
  log.request(FULL);
  log.request({ ...OK, http: 'GET', path: '/a b', status: 404, duration_ms: 1234.56 });
  log.notice('warn', 'draining', { calls: 2 });
  assert.deepEqual(text().split('\n'), [
    '10:20:30.045 info  request 200     1.2ms POST   /mcp tools/call echo ok id=7 era=stateful revision=2025-11-25 session=nonce subject=user-1 address=::1 bytes=300',
    '10:20:30.045 info  request 404  1234.6ms GET    "/a b"',
    '10:20:30.045 warn  notice  draining details={"calls":2}',
    '',
  ]);
});

test('colour is there only where it was asked for', () => {
  const plain = logging({ format: 'text' });
  const painted = logging({ format: 'text', colour: true });
  for (const { log } of [plain, painted]) log.request({ ...FULL, status: 500 });
  const start = `${character(27)}[`;
  assert.ok(!plain.text().includes(start));
  assert.ok(painted.text().includes(`${start}31merror${start}0m`));
  assert.equal(painted.text().replaceAll(new RegExp(`${character(27)}\\[\\d+m`, 'g'), ''), plain.text());
});

// ---- levels ----------------------------------------------------------------------------------------

test('what the server failed at is an error, a refusal by authorization or limits a warning, else info', () => {
  const expected: [number, number | undefined, string][] = [
    [200, undefined, 'info'],
    [200, -32602, 'info'],
    [200, -32603, 'error'],
    [400, -32600, 'info'],
    [401, undefined, 'warn'],
    [403, undefined, 'warn'],
    [404, undefined, 'info'],
    [413, undefined, 'warn'],
    [414, undefined, 'warn'],
    [429, undefined, 'warn'],
    [500, -32603, 'error'],
    [503, undefined, 'warn'],
  ];
  for (const [status, code, severity] of expected)
    assert.equal(severityOf(status, code), severity, `${status} ${code}`);
});

test('a level lets pass what is as severe, and nothing else', () => {
  const passed = { off: 0, error: 1, warn: 2, info: 3, debug: 3 };
  for (const [level, count] of Object.entries(passed)) {
    const { log, lines } = logging({ level: level as keyof typeof passed });
    for (const status of [200, 429, 500]) log.request({ ...OK, status });
    assert.equal(lines().length, count, level);
    assert.equal(log.enabled('error'), level !== 'off');
    assert.equal(log.enabled('debug'), level === 'debug');
  }
});

// ---- writing ---------------------------------------------------------------------------------------

test('lines of one turn are written at once, and no timer is left', async () => {
  const { log, clock, writes } = logging();
  for (let i = 0; i < 5; i++) log.request(OK);
  assert.equal(writes.length, 0);
  await clock.advance(1);
  assert.equal(writes.length, 1);
  assert.equal(writes[0]?.split('\n').length, 6);
  assert.equal(clock.pending, 0);
  log.request(OK);
  log.flush();
  assert.equal(writes.length, 2);
  assert.equal(clock.pending, 0);
  log.flush();
  assert.equal(writes.length, 2, 'nothing to write is not written');
});

test('each line is written at once where timers end with a request', () => {
  const { log, clock, writes } = logging({ shared: false });
  log.request(OK);
  log.request(OK);
  assert.equal(writes.length, 2);
  assert.equal(clock.pending, 0);
});

test('past the bound lines are dropped, and how many is said', async () => {
  const { log, clock, writes, lines } = logging();
  for (let i = 0; i < 10_003; i++) log.request(OK);
  await clock.advance(1);
  assert.equal(writes.length, 1);
  log.request(OK);
  const all = lines();
  assert.equal(all.length, 10_002);
  assert.deepEqual(
    all.filter(({ event }) => event === 'dropped').map(({ level, lines: dropped }) => [level, dropped]),
    [['warn', 3]],
  );
});

test('the bound is one of characters too', () => {
  const { log, text } = logging();
  for (let i = 0; i < 9000; i++) log.error('x'.repeat(3000), 'a request', 'c');
  assert.ok(text().length < 4_200_000, `${text().length}`);
  assert.match(text(), /"event":"dropped","lines":\d{4}/);
});

test('while a write is pending lines wait, and follow in one write', async () => {
  const writes: string[] = [];
  let finish = () => {};
  const write = (text: string) => {
    writes.push(text);
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  };
  const { log, clock } = logging({ write });
  log.request(OK);
  await clock.advance(1);
  log.request(OK);
  log.request(OK);
  await clock.advance(10);
  assert.equal(writes.length, 1);
  assert.equal(clock.pending, 0);
  finish();
  await clock.advance(1);
  assert.deepEqual(
    writes.map((text) => text.split('\n').length - 1),
    [1, 2],
  );
  log.request(OK);
  log.flush();
  assert.equal(writes.length, 3, 'a flush waits for nothing');
});

test('a write that fails loses its lines and nothing else', async () => {
  for (const fails of [
    () => {
      throw new Error('EPIPE');
    },
    () => Promise.reject(new Error('EPIPE')),
  ]) {
    const writes: string[] = [];
    let broken = true;
    const { log, clock } = logging({ write: (text) => (broken ? fails() : writes.push(text)) });
    log.request(OK);
    log.request(OK);
    await clock.advance(1);
    broken = false;
    log.request(OK);
    await clock.advance(1);
    assert.match(writes.join(''), /"event":"request".*\n.*"event":"dropped","lines":2\}\n$/);
  }
});

// ---- foreign text ----------------------------------------------------------------------------------

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const character = String.fromCodePoint;
const HOSTILE = [
  'a\n{"time":"x","level":"info","event":"request"}',
  'a\r\n10:20:30.045 error forged',
  `${character(27)}[2J${character(27)}]0;title${character(7)}`,
  `${character(0x9b)}31m`,
  `${character(0x202e)}gnp.exe`,
  `a${character(0x2028)}b${character(0x2029)}c${character(0xfeff)}${character(0x200b)}`,
  `tag ${character(0xe0001)}`,
  `nul ${character(0)} del ${character(127)}`,
  '"quote" \\ back',
];

test('no text of a client begins a line, steers a terminal or turns text around, in either format', () => {
  for (const format of ['json', 'text'] as const) {
    for (const evil of HOSTILE) {
      const { log, text } = logging({ format, level: 'debug', showArguments: true });
      const record = { ...FULL, http: evil, path: evil, method: evil, name: evil, id: evil, session: evil };
      log.request({ ...record, subject: evil, address: evil, arguments: { [evil]: [evil] } });
      log.audit({ subject: evil, tool: evil, scopes: [evil], outcome: evil });
      log.notice('info', evil, { evil });
      const written = text().split('\n');
      assert.equal(written.pop(), '');
      assert.equal(written.length, 3, JSON.stringify(written));
      for (const line of written) assert.doesNotMatch(line, CONTROL);
      if (format === 'json') for (const line of written) JSON.parse(line);
    }
  }
});

test('a stack is shown on lines of its own that cannot pass for others', () => {
  const { log, text } = logging({ format: 'text', level: 'debug' });
  const error = new Error('x');
  error.stack = `Error: x\n${character(27)}[2J\n10:20:30.045 info  request forged\n    at place (file.ts:1:2)`;
  log.error(error, 'a request', 'c-1');
  assert.deepEqual(text().split('\n'), [
    '10:20:30.045 error error   Error x correlation=c-1 during="a request"',
    '    Error: x',
    '    \\u001b[2J',
    '    10:20:30.045 info  request forged',
    '    at place (file.ts:1:2)',
    '',
  ]);
});

test('values are cut', () => {
  const { log, text, lines } = logging({ level: 'debug', showArguments: true });
  const long = 'x y'.repeat(100_000);
  log.request({ ...FULL, path: `/${long}`, method: long, name: long, id: long, session: long, subject: long });
  log.request({ ...FULL, arguments: { long, list: Array(100_000).fill(long) } });
  log.error(Object.assign(new Error(long), { stack: long }), long, long);
  log.notice('info', long, { long, more: long });
  assert.ok(text().length < 20_000, `${text().length}`);
  const [, call] = lines();
  assert.ok(JSON.stringify(call?.arguments).length < 1100, JSON.stringify(call?.arguments));
});

test('arguments are logged where it is asked for, as JSON whatever they are', () => {
  const silent = logging();
  silent.log.request({ ...FULL, arguments: { city: 'Graz' } });
  assert.ok(!silent.text().includes('Graz'));

  const cycle: { [key: string]: unknown } = { city: 'Graz', n: 1.5, none: null, yes: true, big: 1n, gone: undefined };
  cycle.self = cycle;
  const hostile = {
    get value() {
      throw new Error('no');
    },
  };
  const { log, lines } = logging({ showArguments: true });
  for (const value of [cycle, hostile, 'text', [1, [2]], JSON.parse('{"__proto__":{"a":1}}')]) {
    log.request({ ...FULL, arguments: value });
  }
  const shown = lines().map((line) => line.arguments);
  assert.deepEqual((shown[0] as { city: string; big: string }).big, '[bigint]');
  assert.match(JSON.stringify(shown[0]), /"self":"\[deep\]"/);
  assert.equal(shown[1], '[unreadable]');
  assert.deepEqual(shown.slice(2, 4), ['text', [1, [2]]]);
  assert.equal(JSON.stringify(shown[4]), '{"__proto__":{"a":1}}');
});

// ---- credentials -----------------------------------------------------------------------------------

const base64url = (text: string) => btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

async function sealedId(): Promise<string> {
  const clock = manualClock();
  const known = sessions({
    seal: seal(''),
    store: memoryStore(10, clock.now),
    clock,
    lifetime: 1000,
    idle: undefined,
    remembered: 10,
  });
  const client = { name: 'c', version: '1' };
  return (await known.mint('2025-11-25', client, {}, undefined)).id;
}

const JWT = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url('{"sub":"user-1","scope":"read"}')}.${'sIg-_'.repeat(9)}`;

const UNSIGNED = `${base64url('{"alg":"none"}')}.${base64url('{"sub":"a"}')}.`;
/** As short as a sealed id could be. */
const SHORTEST = `${'p'.repeat(16)}.${'m'.repeat(43)}`;

test('no credential leaves, wherever it stands', async () => {
  const id = await sealedId();
  // A secret, and how it stands in text.
  const planted: [secret: string, text: string][] = [
    [JWT, JWT],
    [JWT.split('.')[1] ?? '', `token is ${JWT}, said the client`],
    [UNSIGNED, UNSIGNED],
    [id, id],
    [SHORTEST, SHORTEST],
    [id, `no session ${id}!`],
    ['0paque-Token.value', 'Bearer 0paque-Token.value'],
    ['0paque', 'authorization: bearer  0paque'],
    ['dXNlcjpwYXNz', 'Basic dXNlcjpwYXNz'],
    ['dXNlcjpwYXNz', '{"authorization":"Basic dXNlcjpwYXNz"}'],
    ['hunter2', 'https://api.example/v1?q=1&access_token=hunter2&lang=de'],
    ['hunter2', 'GET /callback?code=hunter2&state=1'],
    ['hunter2', '/mcp?token=hunter2'],
    ['hunter2', 'Cookie: a=b; sid=hunter2'],
    ['hunter2', 'set-cookie: sid=hunter2; HttpOnly'],
    ['hunter2', '{"password":"hunter2"}'],
    ['horse battery', '{"client_secret": "horse battery"}'],
    ['battery', '{\\"refresh_token\\":\\"horse battery\\"}'],
    ['battery', "{ apiKey: 'horse battery' }"],
    ['hunter2', 'X-Api-Key: hunter2'],
    ['hunter2', 'connect redis://user:hunter2@cache:6379 failed'],
    ['hunter2', 'API_KEY=hunter2'],
  ];
  for (const format of ['json', 'text'] as const) {
    for (const [secret, text] of planted) {
      const { log, text: written } = logging({ format, level: 'debug', showArguments: true });
      const error = new Error(text, { cause: new Error(text) });
      const record = { ...FULL, http: text, path: text, method: text, name: text, id: text, session: text };
      for (let again = 0; again < 2; again++) {
        log.request({ ...record, subject: text, address: text, arguments: { text, deep: [{ text }], [text]: 1 } });
      }
      log.audit({ subject: text, tool: text, scopes: [text], outcome: text, id: text, correlation: text });
      log.error(error, text, 'c-1');
      log.error(text, text, 'c-1');
      log.notice('warn', text, { text, headers: { 'x-text': text } });
      const out = written();
      assert.ok(out.length > 500);
      assert.ok(!out.includes(secret), `${secret} of ${text} in\n${out}`);
    }
  }
});

test('members with the name of a credential are not shown, whatever their value', () => {
  const { log, text } = logging({ showArguments: true });
  const names = [
    'authorization',
    'Cookie',
    'set-cookie',
    'access_token',
    'client_secret',
    'password',
    'api_key',
    'apiKey',
  ];
  for (const name of names) {
    log.request({ ...FULL, arguments: { deep: { [name]: 'plain' } } });
    log.notice('info', 'headers', { [name]: ['plain', { a: 'plain' }] });
  }
  assert.ok(!text().includes('plain'), text());
  assert.equal(text().match(/"\[redacted\]"/g)?.length, 2 * names.length);
});

test('the query of a path is not logged', () => {
  const { log, lines } = logging();
  log.request({ ...OK, path: '/mcp?key=hunter2#part' });
  assert.equal(lines()[0]?.path, '/mcp');
});

test('a credential that is cut stays hidden', () => {
  for (const at of [0, 150, 195, 199, 200, 250]) {
    const text = `${'word '.repeat(at).slice(0, at)} ${JWT}`;
    assert.ok(!redact(text, 200).includes(JWT.slice(0, 12)), `${at}`);
  }
  // Half of an id stands where the text was first cut, and what stood before it has shrunk.
  const id = `${'p'.repeat(60)}.${'m'.repeat(43)}`;
  const text = `Bearer ${'t'.repeat(2100)} ${id}`;
  assert.ok(!redact(text, 200).includes('pppp'));
});

test('prose stays readable', () => {
  for (const text of [
    'Bearer token is missing',
    'Bearer realm="mcp", error="invalid_token", scope="read write"',
    'Bearer authentication failed',
    'Basic validation failed',
    'Tool "echo" not found; expected one of a, b',
    'exit code=1',
    'connect ECONNREFUSED 127.0.0.1:6379',
    'http://127.0.0.1:3000/mcp',
    'file:///srv/app/tools/token.ts:12:7',
    crypto.randomUUID(),
    'The cookie jar of tokens and secrets',
  ]) {
    assert.equal(redact(text), text);
  }
});

test('hostile text is searched for credentials in time that grows with its length', () => {
  const pieces = [
    'a',
    'eyJ',
    'token=\\',
    'authorization ',
    'bearer ',
    'bearer  ',
    '//',
    '//a:',
    'a.',
    'basic a',
    'token ',
  ];
  pieces.push('cookie="', 'secret\\', 'secret="\\"', `${'a'.repeat(16)}.`, 'code=', '?code', "token='\\'", 'basic aB');
  for (const piece of pieces) {
    const text = piece.repeat(Math.ceil(10_000 / piece.length));
    const begun = performance.now();
    redact(text, 8000);
    const took = performance.now() - begun;
    assert.ok(took < 100, `${JSON.stringify(piece)}: ${took} ms`);
  }
});
