/** What is known to fail: read, compared with a run, written from one. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compare, type Expectation, expectationsOf, judge, readBaseline, writeBaseline } from './replay/baseline.ts';
import type { Check, Outcome, Verdict } from './replay/outcome.ts';
import { BadFile } from './replay/read.ts';

const folder = mkdtempSync(join(tmpdir(), 'baseline-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Told {
  revision?: Outcome['revision'];
  given?: Outcome['case'];
  checks?: Record<string, Verdict>;
}

/** An outcome of a scenario; without checks it was passed over. */
function outcome(
  scenario: string,
  verdict: Verdict,
  { revision = '2025-11-25', given = {}, checks }: Told = {},
): Outcome {
  const all = Object.entries(checks ?? (verdict === 'skip' || verdict === 'untestable' ? {} : { [scenario]: verdict }));
  return {
    scenario,
    title: scenario,
    revision,
    case: given,
    verdict,
    checks: all.map(
      ([id, one]): Check => ({
        id,
        level: 'MUST',
        requirement: [],
        verdict: one,
        why: one === 'pass' ? [] : ['wrong'],
      }),
    ),
    ...(all.length === 0 && { reason: 'not for this server' }),
    ms: 1,
    transcript: [],
  };
}

const why = 'a proxy does it';

test('what fails and is not listed is unexpected', () => {
  const { unexpected, stale } = compare([outcome('a.b', 'fail'), outcome('a.c', 'fail')], [{ check: 'a.b', why }]);
  assert.deepEqual(unexpected, ['a.c (2025-11-25): fail: wrong']);
  assert.deepEqual(stale, []);
});

test('what is listed and passes is stale, and what is listed and was not run is neither', () => {
  const list = [
    { check: 'a.b', why },
    { check: 'a.gone', why },
  ];
  const { unexpected, stale, absent } = compare([outcome('a.b', 'pass')], list);
  assert.deepEqual(unexpected, []);
  assert.deepEqual(stale, ['a.b: expected not to pass, got pass']);
  assert.deepEqual(absent, ['a.gone']);
});

test('an entry is stale only when nothing that it lists fails any more', () => {
  const outcomes = [
    outcome('a.b', 'fail', { revision: '2025-06-18' }),
    outcome('a.b', 'pass', { revision: '2025-11-25' }),
  ];
  assert.deepEqual(compare(outcomes, [{ check: 'a.b', why }]).stale, []);
  assert.equal(compare(outcomes, [{ check: 'a.b', revision: '2025-11-25', why }]).stale.length, 1);
});

test('an entry of a verdict expects no other', () => {
  const list: Expectation[] = [{ check: 'a.b', verdict: 'warn', why }];
  const { unexpected, stale } = compare([outcome('a.b', 'fail')], list);
  assert.deepEqual(unexpected, ['a.b (2025-11-25): fail: wrong']);
  assert.deepEqual(stale, ['a.b: expected warn, got fail']);
});

test('an entry of revisions and cases expects nothing of the others', () => {
  const outcomes = [
    outcome('a.b', 'fail', { given: { n: 1, deep: { x: [1] } } }),
    outcome('a.b', 'fail', { given: { n: 2, deep: { x: [1] } } }),
  ];
  const of = (entry: Partial<Expectation>) => compare(outcomes, [{ check: 'a.b', why, ...entry }]).unexpected.length;
  assert.equal(of({ case: { n: 1 } }), 1);
  assert.equal(of({ case: { deep: { x: [1] } } }), 0);
  assert.equal(of({ case: [{ n: 1 }, { n: 2 }] }), 0);
  assert.equal(of({ case: { n: 3 } }), 2);
  assert.equal(of({ revision: ['2025-03-26', '2025-11-25'] }), 0);
  assert.equal(of({ revision: '2025-03-26' }), 2);
});

test('the name of a scenario stands for its checks, the name of a check for that one', () => {
  const outcomes = [outcome('a.b', 'fail', { checks: { 'a.b#one': 'fail', 'a.b#two': 'fail', 'a.b#three': 'pass' } })];
  assert.deepEqual(compare(outcomes, [{ check: 'a.b', why }]).unexpected, []);
  assert.equal(compare(outcomes, [{ check: 'a.b#one', why }]).unexpected.length, 1);
  const ofMessages = [outcome('a.b', 'fail', { checks: { 'a.b': 'pass', 'wire.rule': 'fail' } })];
  const { unexpected, stale } = compare(ofMessages, [{ check: 'a.b', why }]);
  assert.deepEqual([unexpected.length, stale.length], [1, 1]);
});

test('what may pass as well is never stale, and an inconclusive run makes nothing stale', () => {
  assert.deepEqual(compare([outcome('a.b', 'pass')], [{ check: 'a.b', sometimes: true, why }]).stale, []);
  assert.deepEqual(compare([outcome('a.b', 'inconclusive')], [{ check: 'a.b', why }]).stale, []);
});

test('only the verdicts that count are unexpected', () => {
  const outcomes = [outcome('a.b', 'warn'), outcome('a.c', 'skip')];
  assert.deepEqual(compare(outcomes, []).unexpected, []);
  assert.equal(compare(outcomes, [], ['fail', 'warn']).unexpected.length, 1);
  assert.deepEqual(compare(outcomes, [], ['skip']).unexpected, ['a.c (2025-11-25): skip: not for this server']);
});

test('a list that was written expects exactly the run that it was written from', () => {
  const outcomes = (['2025-03-26', '2025-06-18', '2025-11-25'] as const).flatMap((revision) => [
    outcome('a.all', 'fail', { revision, given: { n: 1 } }),
    outcome('a.all', 'fail', { revision, given: { n: 2 } }),
    outcome('a.case', 'fail', { revision, given: { n: 1 } }),
    outcome('a.case', 'pass', { revision, given: { n: 2 } }),
    outcome('a.revision', revision === '2025-03-26' ? 'pass' : 'warn', { revision }),
    outcome('a.both', revision === '2025-03-26' ? 'fail' : 'pass', { revision, given: { n: 1 } }),
    outcome('a.both', 'note', { revision, given: { n: 2 } }),
    outcome('a.skipped', 'skip', { revision }),
    outcome('a.fine', 'pass', { revision }),
  ]);
  const path = file('written.yaml', '[]');
  writeBaseline(outcomes, path);
  const list = readBaseline(path);
  assert.deepEqual(
    list.map(({ why: _why, ...entry }) => entry),
    [
      { check: 'a.all', verdict: 'fail' },
      { check: 'a.both', revision: '2025-03-26', case: { n: 1 }, verdict: 'fail' },
      { check: 'a.both', case: { n: 2 }, verdict: 'note' },
      { check: 'a.case', case: { n: 1 }, verdict: 'fail' },
      { check: 'a.revision', revision: ['2025-06-18', '2025-11-25'], verdict: 'warn' },
      { check: 'a.skipped', verdict: 'skip' },
    ],
  );
  const all: Verdict[] = ['fail', 'warn', 'note', 'untestable', 'skip'];
  assert.deepEqual(compare(outcomes, list, all), { unexpected: [], stale: [], absent: [] });
  for (const one of outcomes) {
    const changed = outcomes.map((other) =>
      other === one
        ? outcome(one.scenario, one.verdict === 'fail' ? 'warn' : 'fail', { revision: one.revision, given: one.case })
        : other,
    );
    assert.equal(compare(changed, list, all).unexpected.length, 1, `${one.scenario} ${one.revision}`);
  }
});

test('a rule of every message has one entry, however many scenarios meet it', () => {
  const met = (scenario: string, verdict: Verdict) =>
    outcome(scenario, verdict, { given: { n: scenario }, checks: { [scenario]: 'pass', 'wire.rule': verdict } });
  const list = expectationsOf([met('a.b', 'fail'), met('a.c', 'pass'), met('a.d', 'fail')]);
  assert.deepEqual(list, [{ check: 'wire.rule', verdict: 'fail', why: 'not looked at yet: wrong' }]);
});

test('reasons are kept when a list is written anew', () => {
  const path = file('kept.yaml', '- { check: a.b, verdict: fail, why: a proxy does it }\n- { check: a.c, why: old }\n');
  writeBaseline([outcome('a.b', 'warn'), outcome('a.d', 'fail')], path);
  assert.deepEqual(readBaseline(path), [
    { check: 'a.b', verdict: 'warn', why },
    { check: 'a.d', verdict: 'fail', why: 'not looked at yet: wrong' },
  ]);
  // What nobody has told is no reason to be kept.
  writeBaseline([outcome('a.d', 'skip')], path);
  assert.deepEqual(readBaseline(path), [{ check: 'a.d', verdict: 'skip', why: 'not for this server' }]);
  writeBaseline([outcome('a.b', 'pass')], path);
  assert.equal(readFileSync(path, 'utf8'), '[]\n');
});

test('what fails only sometimes stays on a list that is written anew, as long as it is run', () => {
  const race: Expectation = { check: 'a.b', verdict: 'fail', sometimes: true, why: 'a race' };
  assert.deepEqual(expectationsOf([outcome('a.b', 'pass')], [race]), [race]);
  assert.deepEqual(expectationsOf([outcome('a.b', 'fail')], [race]), [race]);
  assert.deepEqual(expectationsOf([outcome('a.c', 'pass')], [race]), []);
});

test('the exit code tells the unexpected from the stale', () => {
  const path = file('judged.yaml', '- { check: a.b, why: old }\n');
  assert.equal(judge([outcome('a.b', 'fail')], path).code, 0);
  const both = judge([outcome('a.b', 'pass'), outcome('a.c', 'fail')], path);
  assert.equal(both.code, 1);
  assert.match(both.text, /not expected by .*judged\.yaml:\n {2}a\.c .*\nstale in .*:\n {2}a\.b/);
  assert.equal(judge([outcome('a.b', 'pass')], path).code, 4);
});

test('a broken list is told with its file and line', () => {
  const broken = (name: string, text: string, told: RegExp) =>
    assert.throws(
      () => readBaseline(file(name, text)),
      (error) => error instanceof BadFile && told.test(error.message),
    );
  broken('why.yaml', '- check: a.b\n- check: a.c\n  why: x\n', /why\.yaml:1: 0\.why: /);
  broken('verdict.yaml', '- check: a.b\n  why: x\n  verdict: pass\n', /verdict\.yaml:3: 0\.verdict: /);
  broken('member.yaml', '- { check: a.b, why: x, reason: y }\n', /member\.yaml:1: 0: .*"reason"/);
  assert.deepEqual(readBaseline(file('empty.yaml', '# nothing\n')), []);
});
