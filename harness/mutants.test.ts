/** The scenarios themselves are tested: red on every mutant, green on every legal server, and no MUST check without teeth. */

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { MUTANTS } from './mutants/index.ts';
import { blamed, matrix, type Row, toothless } from './mutants/matrix.ts';
import { VARIATIONS } from './mutants/variations.ts';

describe('mutants', () => {
  let rows: Row[];
  before(async () => {
    rows = await matrix();
  });

  test('every mutant is noticed, and no legal server is', () => {
    assert.deepEqual(blamed(rows), []);
  });

  test('every check of the level MUST notices a mutant', () => {
    assert.deepEqual(toothless(rows), []);
  });

  test('there are at least 120 mutants and 20 legal servers, each with a name of its own', () => {
    assert.ok(MUTANTS.length >= 120, `${MUTANTS.length} mutants`);
    assert.ok(VARIATIONS.length >= 20, `${VARIATIONS.length} legal servers`);
    const names = [...MUTANTS, ...VARIATIONS].map(({ name }) => name);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
  });
});
