import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from '../server.ts';
import { KNOBS, type KnobName, namedHosts, readConfig } from './config.ts';

test('every knob has a default that is within its own bounds', () => {
  const config = readConfig({});
  assert.deepEqual(Object.keys(config), Object.keys(KNOBS));
  assert.deepEqual(
    [config.MCP_HOST, config.MCP_PORT, config.MCP_PATH, config.MCP_SESSION_TIMEOUT, config.MCP_MAX_CONNECTIONS],
    ['127.0.0.1', 3000, '/mcp', 3600, 10_000],
  );
  assert.equal(config.MCP_STATELESS, false);
  assert.deepEqual(config.MCP_ALLOWED_ORIGINS, []);
});

const GOOD: [KnobName, unknown, unknown][] = [
  ['MCP_PORT', '8080', 8080],
  ['MCP_PORT', 8080, 8080],
  ['MCP_PORT', ' 8080 ', 8080],
  ['MCP_PORT', '0', 0],
  ['MCP_PORT', '65535', 65_535],
  ['MCP_PORT', '', 3000],
  ['MCP_PORT', undefined, 3000],
  ['MCP_STATELESS', '1', true],
  ['MCP_STATELESS', 'true', true],
  ['MCP_STATELESS', true, true],
  ['MCP_STATELESS', '0', false],
  ['MCP_STATELESS', false, false],
  ['MCP_PATH', '/', '/'],
  ['MCP_PATH', '/a/b', '/a/b'],
  ['MCP_PATH', '/a/b/', '/a/b'],
  ['MCP_ALLOWED_HOSTS', 'a.example, b.example ,,', ['a.example', 'b.example']],
  ['MCP_ALLOWED_ORIGINS', '*', ['*']],
  ['MCP_SESSION_SECRET', 'x'.repeat(16), 'x'.repeat(16)],
  ['MCP_HEARTBEAT', '10', 10],
  ['MCP_RATE_LIMIT', '100/minute', { count: 100, window_ms: 60_000 }],
  ['MCP_RATE_LIMIT', '', undefined],
  ['MCP_RATE_LIMIT_CALLS', '1/second', { count: 1, window_ms: 1000 }],
  ['MCP_LOG_LEVEL', 'off', 'off'],
  ['MCP_PUBLIC_URL', 'https://mcp.example/mcp', 'https://mcp.example/mcp'],
];
for (const [name, given, value] of GOOD) {
  test(`${name}=${JSON.stringify(given)} is read as ${JSON.stringify(value)}`, () => {
    assert.deepEqual(readConfig({ [name]: given })[name], value);
  });
}

const RATE = 'must be a rate, for example 100/minute (second, minute, hour, day)';
const WEB_URL = 'must be an http or https URL without user and fragment';

const BAD: [KnobName, unknown, string][] = [
  ['MCP_RATE_LIMIT', '100', `MCP_RATE_LIMIT ${RATE}, got "100"`],
  ['MCP_RATE_LIMIT', '0/minute', `MCP_RATE_LIMIT ${RATE}, got "0/minute"`],
  ['MCP_RATE_LIMIT', '1/week', `MCP_RATE_LIMIT ${RATE}, got "1/week"`],
  ['MCP_RATE_LIMIT_CALLS', '-1/second', `MCP_RATE_LIMIT_CALLS ${RATE}, got "-1/second"`],
  ['MCP_LOG_LEVEL', 'loud', 'MCP_LOG_LEVEL must be one of off, error, warn, info, debug, got "loud"'],
  ['MCP_PUBLIC_URL', 'mcp.example', `MCP_PUBLIC_URL ${WEB_URL}, got "mcp.example"`],
  ['MCP_PUBLIC_URL', 'https://a@mcp.example/', `MCP_PUBLIC_URL ${WEB_URL}, got one with a user`],
  ['MCP_AUTH_SECRET', 'short', 'MCP_AUTH_SECRET must have at least 32 characters, got 5'],
  [
    'MCP_AUTH_ISSUER',
    'https://issuer.example',
    'MCP_AUTH_ISSUER needs MCP_PUBLIC_URL, the URL by which clients know this endpoint',
  ],
  [
    'MCP_AUTH_SCOPES',
    'read',
    'MCP_AUTH_SCOPES is set, but neither MCP_AUTH_SECRET nor MCP_AUTH_ISSUER is: nobody would be asked for a token',
  ],
  ['MCP_PORT', 'http', 'MCP_PORT must be a whole number from 0 to 65535 (port), got "http"'],
  ['MCP_PORT', '65536', 'MCP_PORT must be a whole number from 0 to 65535 (port), got "65536"'],
  ['MCP_PORT', '-1', 'MCP_PORT must be a whole number from 0 to 65535 (port), got "-1"'],
  ['MCP_PORT', '80.5', 'MCP_PORT must be a whole number from 0 to 65535 (port), got "80.5"'],
  ['MCP_PORT', '1e3', 'MCP_PORT must be a whole number from 0 to 65535 (port), got "1e3"'],
  ['MCP_PORT', '0x50', 'MCP_PORT must be a whole number from 0 to 65535 (port), got "0x50"'],
  ['MCP_PORT', ' ', 'MCP_PORT must be a whole number from 0 to 65535 (port), got ""'],
  ['MCP_SESSION_TIMEOUT', '0', 'MCP_SESSION_TIMEOUT must be a whole number of at least 1 (s), got "0"'],
  ['MCP_SESSION_TIMEOUT', '1h', 'MCP_SESSION_TIMEOUT must be a whole number of at least 1 (s), got "1h"'],
  ['MCP_HEARTBEAT', '9', 'MCP_HEARTBEAT must be a whole number of at least 10 (ms), got "9"'],
  [
    'MCP_MAX_BODY',
    '99999999999999999999',
    'MCP_MAX_BODY must be a whole number of at least 256 (bytes), got "99999999999999999999"',
  ],
  ['MCP_STATELESS', 'yes', 'MCP_STATELESS must be 1 or 0, got "yes"'],
  ['MCP_STATELESS', '2', 'MCP_STATELESS must be 1 or 0, got "2"'],
  ['MCP_PATH', 'mcp', 'MCP_PATH must be a path that starts with "/", got "mcp"'],
  ['MCP_PATH', '/a b', 'MCP_PATH must be a path that starts with "/", got "/a b"'],
  ['MCP_PATH', '/a?b', 'MCP_PATH must be a path that starts with "/", got "/a?b"'],
  ['MCP_SESSION_SECRET', 'too short', 'MCP_SESSION_SECRET must have at least 16 characters, got 9'],
];
for (const [name, given, message] of BAD) {
  test(`${name}=${JSON.stringify(given)} stops the start with one clear line`, () => {
    assert.throws(() => readConfig({ [name]: given }), { message });
    assert.throws(() => createServer({ name: 'a', version: '1', features: [], env: { [name]: given } }), { message });
    assert.ok(!message.includes('\n'));
  });
}

test('a short secret is not repeated in the message', () => {
  assert.throws(
    () => readConfig({ MCP_SESSION_SECRET: 'hunter2' }),
    (error: Error) => !error.message.includes('hunter2'),
  );
});

test('PORT is read where MCP_PORT is unset or empty', () => {
  assert.equal(readConfig({ PORT: '8080' }).MCP_PORT, 8080);
  assert.equal(readConfig({ PORT: '8080', MCP_PORT: '' }).MCP_PORT, 8080);
  assert.equal(readConfig({ PORT: '8080', MCP_PORT: '9090' }).MCP_PORT, 9090);
  assert.throws(() => readConfig({ PORT: 'x' }), /^Error: MCP_PORT must be a whole number/);
});

test('every knob says what it does, in its unit', () => {
  for (const [name, knob] of Object.entries(KNOBS)) {
    assert.match(name, /^MCP_[A-Z_]+$/);
    assert.ok(knob.says.length > 10, name);
    if (knob.kind === 'count') assert.ok(knob.unit, name);
  }
});

test('keys and a secret exclude each other', () => {
  const env = {
    MCP_PUBLIC_URL: 'https://mcp.example/mcp',
    MCP_AUTH_SECRET: 'x'.repeat(32),
    MCP_AUTH_JWKS: 'https://issuer.example/keys',
  };
  assert.throws(() => readConfig(env), {
    message: 'MCP_AUTH_JWKS and MCP_AUTH_SECRET exclude each other: tokens are signed by a secret or by keys',
  });
});

test('hosts of URLs in knobs are told, each with its port', () => {
  const hosts = namedHosts(readConfig({ MCP_FORECAST_URL: 'http://127.0.0.1:8080/a', MCP_GEOCODING_URL: '' }));
  assert.deepEqual(hosts, ['geocoding-api.open-meteo.com', '127.0.0.1:8080']);
});
