import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verdictOf } from './verdict.ts';

const SERVER = 'http://127.0.0.1:4000/mcp';
const count = (value: number, ok: boolean) => ({
  type: 'counter' as const,
  contains: 'default' as const,
  values: { count: value, rate: 1 },
  thresholds: { 'count==0': { ok } },
});

test('a run that passed says nothing', () => {
  assert.deepEqual(verdictOf({ exit_code: 0, reason: '', metrics: { lost: count(0, true) } }, SERVER, undefined), {});
});

test('a target that cannot be loaded has no part, and its port is not told', () => {
  const reason = `test aborted: The events of ${SERVER} have no ids`;
  assert.deepEqual(verdictOf({ exit_code: 108, reason, metrics: {} }, SERVER, undefined), {
    unable: 'The events of the server have no ids',
  });
});

test('no proxy is blamed', () => {
  const reason = `test aborted: The first byte of a quiet stream did not come within 1000 ms: a proxy on the way to ${SERVER} buffers`;
  assert.deepEqual(verdictOf({ exit_code: 108, reason, metrics: {} }, SERVER, undefined), {
    unable: 'The first byte of a quiet stream did not come within 1000 ms',
  });
});

test('thresholds that failed are told with what was measured', () => {
  const metrics = { mcp_events_lost: count(7, false), mcp_events_foreign: count(0, true) };
  assert.deepEqual(verdictOf({ exit_code: 99, reason: 'thresholds failed', metrics }, SERVER, undefined), {
    wrong: 'mcp_events_lost 7 (count==0)',
  });
});

test('a server that ended is what went wrong, whatever the script says of it', () => {
  const said = { exit_code: 108, reason: `${SERVER} cannot be reached`, metrics: {} };
  assert.deepEqual(verdictOf(said, SERVER, 'it ended (SIGSEGV)'), { wrong: 'the server: it ended (SIGSEGV)' });
});

test('a script that was stopped is told by its reason', () => {
  assert.deepEqual(verdictOf({ exit_code: 105, reason: 'interrupted by a signal', metrics: {} }, SERVER, undefined), {
    wrong: 'interrupted by a signal',
  });
});
