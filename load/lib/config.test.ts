/** Knobs: the environment wins, then the profile, then the default; what is wrong is said in one line. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eraOf, isStateless, readEndpoint, readNumbers, readSteps, withNumbers } from './config.ts';

const DEFAULTS = { RATE: 50, DURATION_S: 30 };
const profile = JSON.stringify({ sessions: { RATE: 20 }, calls: { RATES: '1,2', STEP_S: 3 } });

test('the environment wins over the profile, and the profile over the default', () => {
  assert.deepEqual(readNumbers('sessions', DEFAULTS, {}, ''), DEFAULTS);
  assert.deepEqual(readNumbers('sessions', DEFAULTS, {}, profile), { RATE: 20, DURATION_S: 30 });
  assert.deepEqual(readNumbers('sessions', DEFAULTS, { RATE: '7' }, profile), { RATE: 7, DURATION_S: 30 });
});

test('what the caller has fixed wins over all', () => {
  assert.equal(readNumbers('sessions', DEFAULTS, { RATE: '7' }, profile, { RATE: 1 }).RATE, 1);
});

test('an empty value is none, and 0 is one', () => {
  assert.equal(readNumbers('sessions', DEFAULTS, { RATE: ' ' }, '').RATE, 50);
  assert.equal(readNumbers('sessions', DEFAULTS, { RATE: '0' }, '').RATE, 0);
});

test('what is no number is said with its name', () => {
  assert.throws(() => readNumbers('sessions', DEFAULTS, { RATE: 'many' }, ''), /RATE must be a number.*"many"/);
  assert.throws(() => readNumbers('sessions', DEFAULTS, { RATE: '-1' }, ''), /RATE/);
});

test('a profile cannot give a script what it does not have', () => {
  const wrong = JSON.stringify({ sessions: { RAET: 1 } });
  assert.throws(() => readNumbers('sessions', DEFAULTS, {}, wrong), /sessions.*RAET/);
});

test('steps rise', () => {
  assert.deepEqual(readSteps('RATES', '50,100', {}, 'calls', ''), [50, 100]);
  assert.deepEqual(readSteps('RATES', '50,100', {}, 'calls', profile), [1, 2]);
  assert.deepEqual(readSteps('RATES', '50,100', { RATES: '3, 9' }, 'calls', profile), [3, 9]);
  for (const wrong of ['9,3', '0,1', '1,x', '1.5']) {
    assert.throws(() => readSteps('RATES', '1', { RATES: wrong }, 'calls', ''), /RATES must be rising/, wrong);
  }
  assert.deepEqual(readNumbers('calls', { STEP_S: 10 }, {}, profile), { STEP_S: 3 });
});

test('the endpoint has defaults that fit this project', () => {
  const endpoint = readEndpoint({}, '2025-11-25');
  assert.equal(endpoint.url, 'http://127.0.0.1:3000/mcp');
  assert.deepEqual(endpoint.revisions, ['2025-11-25']);
  assert.deepEqual(endpoint.headers, {});
  assert.equal(endpoint.numbers, undefined);
  assert.equal(endpoint.change, undefined);
});

test('headers are those given, with the authorization', () => {
  const { headers } = readEndpoint({ MCP_AUTHORIZATION: 'Bearer t', MCP_HEADERS: '{"X-Tenant":"a"}' }, '2025-11-25');
  assert.deepEqual(headers, { 'X-Tenant': 'a', Authorization: 'Bearer t' });
});

test('what is wrong with the endpoint is said with the variable', () => {
  const wrong: Record<string, string>[] = [
    { MCP_URL: 'localhost:3000' },
    { MCP_REVISION: 'latest' },
    { MCP_HEADERS: '[]' },
    { MCP_HEADERS: '{"a":1}' },
    { MCP_CALL_ARGUMENTS: 'text' },
    { MCP_TIMEOUT_MS: '0' },
  ];
  for (const env of wrong) {
    const [name = ''] = Object.keys(env);
    assert.throws(() => readEndpoint(env, '2025-11-25'), new RegExp(name), JSON.stringify(env));
  }
});

test('numbers stand where the arguments ask for them', () => {
  const tool = { name: 'count', arguments: { n: '$EVENTS', deep: [{ ms: '$EVERY_MS' }], text: 'EVENTS', other: '$X' } };
  assert.deepEqual(withNumbers(tool, { EVENTS: 3, EVERY_MS: 50 }), {
    name: 'count',
    arguments: { n: 3, deep: [{ ms: 50 }], text: 'EVENTS', other: '$X' },
  });
});

test('a target without memory says "none"', () => {
  const numbers = (more: object) =>
    readEndpoint({ MCP_METRICS_URL: 'http://h/metrics', ...more }, '2025-11-25').numbers;
  assert.equal(numbers({})?.memory, 'process_resident_memory_bytes');
  assert.equal(numbers({ MCP_METRICS_MEMORY: 'none' })?.memory, undefined);
});

test('an endpoint is of one era or the other', () => {
  const both = readEndpoint({}, '2025-11-25,2026-07-28');
  assert.deepEqual(eraOf(both, true).revisions, ['2026-07-28']);
  assert.deepEqual(eraOf(both, false).revisions, ['2025-11-25']);
  assert.deepEqual(['2025-03-26', '2025-11-25', '2026-07-28', '2027-01-01'].map(isStateless), [
    false,
    false,
    true,
    true,
  ]);
});
