import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LagRow, StreamRow } from './row.ts';
import { streamTables } from './table.ts';

const lag: LagRow = {
  measure: 'lag',
  runtime: 'bun',
  target: 'ours',
  era: 'modern',
  client_lag_p99_ms: 3.21,
  figures: {
    calls: 200,
    events: 20_000,
    mean_ms: 1.234,
    p50_ms: 1,
    p99_ms: 9,
    max_ms: 40,
    lost: 0,
    repeated: 0,
    foreign: 0,
  },
};

test('a row has a cell for each column, also when nothing was measured', () => {
  const measures = ['held', 'beats', 'storm', 'lag'] as const;
  const rows: StreamRow[] = measures.map((measure) => ({
    measure,
    runtime: 'deno',
    target: 'tmcp',
    era: 'sessions',
    unable: 'it cannot',
  }));
  const tables = streamTables([...rows, lag]);
  assert.deepEqual(
    tables.map(({ measure }) => measure),
    measures,
  );
  for (const { head, rows: cells } of tables) for (const row of cells) assert.equal(row.length, head.length);
});

test('the last cell says why there is nothing, or what went wrong', () => {
  const [{ rows } = { rows: [] }] = streamTables([
    lag,
    { ...lag, wrong: 'mcp_events_lost 3 (count==0)' },
    { measure: 'lag', runtime: 'bun', target: 'tmcp', era: 'sessions', unable: 'it cannot' },
  ]);
  assert.deepEqual(
    rows.map((row) => row.at(-1)),
    ['', 'mcp_events_lost 3 (count==0)', 'not measured: it cannot'],
  );
});

test('figures stand in the order of the head', () => {
  const [{ head, rows } = { head: [], rows: [] }] = streamTables([lag]);
  const row = Object.fromEntries(head.map((name, at) => [name, rows[0]?.[at]]));
  assert.equal(row.calls, '200');
  assert.equal(row.events, '20,000');
  assert.equal(row['mean ms'], '1.23');
  assert.equal(row['p99 ms'], '9');
  assert.equal(row['worst ms'], '40');
  assert.equal(row['client ms'], '3.2');
});

test('without rows there is no table', () => {
  assert.deepEqual(streamTables([]), []);
});
