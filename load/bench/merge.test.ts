import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from './machine.ts';
import { merged, mustBeAlike } from './merge.ts';
import type { Results } from './run.ts';
import type { StreamRow } from './streams/row.ts';

const MACHINE: Machine = {
  cores: 2,
  cpu: 'some',
  memory_bytes: 8e9,
  kernel: '6.1',
  client: 'wrk 4.1',
  versions: { bun: '1.4.5', node: '24.21.0' },
  commit: 'aaaaaaa',
};

function results(date: string, commit: string, streams: StreamRow[], machine: Partial<Machine> = {}): Results {
  const pace = { rounds: 1, seconds: 1, together: 1, warm: 1 };
  return {
    date,
    machine: { ...MACHINE, commit, ...machine },
    connections: 32,
    pace,
    load: [],
    memory: [],
    start: [],
    streams,
  };
}

const row = (measure: 'lag' | 'storm', runtime: 'bun' | 'node', target: string): StreamRow => ({
  measure,
  runtime,
  target,
  era: 'sessions',
});
const seen = ({ streams = [] }: Results): string[] =>
  streams.map(({ measure, runtime, target }) => `${measure} ${runtime} ${target}`);

test('rows of the measures and runtimes that were measured again are replaced, all of them', () => {
  const stored = results('2026-01-01', 'aaaaaaa', [
    row('lag', 'bun', 'old'),
    row('lag', 'bun', 'gone'),
    row('storm', 'bun', 'old'),
    row('lag', 'node', 'old'),
  ]);
  const both = merged(stored, results('2026-01-02', 'bbbbbbb', [row('lag', 'bun', 'new')]));
  assert.deepEqual(seen(both).sort(), ['lag bun new', 'lag node old', 'storm bun old']);
  assert.deepEqual(both.later, [{ date: '2026-01-02', commit: 'bbbbbbb', rows: ['lag on bun'] }]);
  assert.equal(both.date, '2026-01-01');
  assert.equal(both.machine.commit, 'aaaaaaa');
});

test('rows stay in the order of the runtimes', () => {
  const stored = results('2026-01-01', 'aaaaaaa', [row('lag', 'bun', 'a'), row('lag', 'node', 'a')]);
  const both = merged(stored, results('2026-01-02', 'bbbbbbb', [row('lag', 'bun', 'b')]));
  assert.deepEqual(seen(both), ['lag bun b', 'lag node a']);
});

test('a run none of whose rows are left is told no more', () => {
  const stored = results('2026-01-01', 'aaaaaaa', [row('lag', 'bun', 'a')]);
  const second = merged(stored, results('2026-01-02', 'bbbbbbb', [row('lag', 'bun', 'b'), row('storm', 'bun', 'b')]));
  const third = merged(second, results('2026-01-03', 'ccccccc', [row('lag', 'bun', 'c')]));
  assert.deepEqual(third.later, [
    { date: '2026-01-02', commit: 'bbbbbbb', rows: ['storm on bun'] },
    { date: '2026-01-03', commit: 'ccccccc', rows: ['lag on bun'] },
  ]);
  const fourth = merged(third, results('2026-01-04', 'ddddddd', [row('storm', 'bun', 'd')]));
  assert.deepEqual(
    fourth.later?.map(({ commit }) => commit),
    ['ccccccc', 'ddddddd'],
  );
});

test('a result from before streams were measured takes them', () => {
  const { streams: _none, ...old } = results('2026-01-01', 'aaaaaaa', []);
  const both = merged(old, results('2026-01-02', 'bbbbbbb', [row('lag', 'node', 'new')]));
  assert.deepEqual(seen(both), ['lag node new']);
});

test('what is measured on another machine or runtime is refused', () => {
  const now = (change: Partial<Machine>) => () => mustBeAlike(MACHINE, { ...MACHINE, ...change });
  assert.throws(now({ cores: 4 }), /another processor/);
  assert.throws(now({ memory_bytes: 16e9 }), /another size of memory/);
  assert.throws(now({ versions: { bun: '1.5.0', node: '24.21.0' } }), /another bun/);
  assert.doesNotThrow(now({ commit: 'bbbbbbb' }));
});

test('a runtime that only one of them knows is kept, and no difference', () => {
  const versions = { ...MACHINE.versions, workerd: '1.2' };
  assert.doesNotThrow(() => mustBeAlike(MACHINE, { ...MACHINE, versions }));
  assert.doesNotThrow(() => mustBeAlike({ ...MACHINE, versions }, MACHINE));
  const stored = results('2026-01-01', 'aaaaaaa', []);
  const fresh = (machine: Partial<Machine>) => results('2026-01-02', 'bbbbbbb', [], machine);
  const more = merged(stored, fresh({ versions }));
  assert.equal(more.machine.versions.workerd, '1.2');
  const fewer = merged(more, fresh({}));
  assert.equal(fewer.machine.versions.workerd, '1.2');
});
