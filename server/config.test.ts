import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from '../server.ts';
import { KNOBS, type KnobName, readConfig } from './config.ts';

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
];
for (const [name, given, value] of GOOD) {
  test(`${name}=${JSON.stringify(given)} is read as ${JSON.stringify(value)}`, () => {
    assert.deepEqual(readConfig({ [name]: given })[name], value);
  });
}

const BAD: [KnobName, unknown, string][] = [
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
