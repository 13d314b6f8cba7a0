/** Thresholds alone and beside each other. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alone, backToBefore, beside, nothingLost } from './thresholds.ts';

const both = {
  sessions: { mcp_session_ok: ['rate>0.9'], 'http_req_duration{name:delete}': ['p(95)<5'] },
  storm: { mcp_events_lost: ['count==0'] },
};

test('alone they are as they stand', () => {
  assert.deepEqual(alone(both), { ...both.sessions, ...both.storm });
});

test('beside each other each holds for its scenario', () => {
  assert.deepEqual(beside(both), {
    'mcp_session_ok{scenario:sessions}': ['rate>0.9'],
    'http_req_duration{name:delete,scenario:sessions}': ['p(95)<5'],
    'mcp_events_lost{scenario:storm}': ['count==0'],
  });
});

test('nothing lost is exact, and tells how many there were to lose', () => {
  assert.deepEqual(nothingLost(12), {
    mcp_events_lost: ['count==0'],
    mcp_events_duplicated: ['count==0'],
    mcp_events_foreign: ['count==0'],
    mcp_events_disordered: ['count==0'],
    mcp_events_seen: ['count>=12'],
  });
});

test('what the target tells is judged only where it tells it', () => {
  assert.deepEqual(backToBefore(false), {});
  assert.ok('mcp_server_numbers_read' in backToBefore(true));
  assert.ok('mcp_server_numbers_after' in backToBefore(true));
});
