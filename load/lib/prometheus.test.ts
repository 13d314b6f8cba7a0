/** Numbers out of Prometheus' text. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumOf } from './prometheus.ts';

const text = `# HELP mcp_sessions Sessions
# TYPE mcp_sessions gauge
mcp_sessions 3
mcp_sessions_begun_total 70
mcp_sessions2 9
mcp_streams_open{kind="call"} 2
mcp_streams_open{kind="a } b"} 5 1700000000000
process_resident_memory_bytes 1.5e+08
strange NaN
`;

test('a value is that of the metric of just this name', () => {
  assert.equal(sumOf('mcp_sessions', text), 3);
  assert.equal(sumOf('process_resident_memory_bytes', text), 150_000_000);
});

test('series of one metric are added up, timestamps left alone', () => {
  assert.equal(sumOf('mcp_streams_open', text), 7);
});

test('any blanks stand between the parts of a line', () => {
  assert.equal(sumOf('a', 'a\t3\n'), 3);
  assert.equal(sumOf('a', 'a {b="c"}  4 \t 1700000000000\n'), 4);
  assert.equal(sumOf('a', 'a{b="c"}5\n'), 5);
});

test('what is not told is undefined, not 0', () => {
  assert.equal(sumOf('mcp_session', text), undefined);
  assert.equal(sumOf('strange', text), undefined);
  assert.equal(sumOf('mcp_sessions', ''), undefined);
});
