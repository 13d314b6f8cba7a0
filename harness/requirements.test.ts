/** The rules that bind a server: their files are well-formed, true to the checks that there are, and leave no MUST open. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { coverage } from './commands/coverage.ts';
import { BadFile } from './replay/read.ts';
import {
  type Claim,
  claimsOf,
  covered,
  type Requirement,
  type Requirements,
  readRequirements,
  requirementsText,
} from './replay/requirements.ts';
import { defineScenario, LEVELS, type Revision } from './replay/scenario.ts';
import { Usage } from './replay/usage.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = join(ROOT, 'harness/requirements');
const scratch = mkdtempSync(join(tmpdir(), 'requirements-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const folderOf = () => mkdtempSync(join(scratch, 'files-'));

/** What a command prints, and its exit code. */
async function said(...args: string[]): Promise<{ code: number; text: string }> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    return { code: await coverage(args), text: lines.join('\n') };
  } finally {
    console.log = log;
  }
}

describe('the committed files', () => {
  const files = readRequirements(FOLDER);

  test('are of both eras, and every row says its level, where it stands and what can be seen', () => {
    assert.deepEqual(
      files.map(({ revision }) => revision),
      ['2025-11-25', '2026-07-28'],
    );
    for (const { revision, requirements } of files) {
      assert.ok(requirements.length > 300, revision);
      assert.equal(new Set(requirements.map(({ id }) => id)).size, requirements.length, 'ids are unique');
      for (const { id, level, text } of requirements) {
        assert.ok(LEVELS.includes(level), id);
        assert.match(text, /\.$/, `${id} is a sentence`);
      }
      for (const level of LEVELS) assert.ok(requirements.some((row) => row.level === level));
    }
  });

  test('a rule that binds both eras has the same level in both', () => {
    const [old, now] = files.map(({ requirements }) => new Map(requirements.map(({ id, level }) => [id, level])));
    const both = [...(old ?? [])].filter(([id]) => now?.has(id) && !id.startsWith('ERA-'));
    assert.ok(both.length > 80);
    for (const [id, level] of both) assert.equal(now?.get(id), level, id);
  });

  test('hold the checks that there are: `npm run harness -- coverage --write` changes nothing', async () => {
    const folder = folderOf();
    cpSync(FOLDER, folder, { recursive: true });
    await said('--write', '--requirements', folder);
    for (const { revision } of files) {
      const name = `${revision}.json`;
      const isSame = readFileSync(join(FOLDER, name), 'utf8') === readFileSync(join(folder, name), 'utf8');
      assert.ok(isSame, `${name}: run \`npm run harness -- coverage --write\``);
    }
  });

  test('every MUST has a check or a reason, and every check names rows that exist', async () => {
    const { code, text } = await said('--json');
    const { missing, faults } = JSON.parse(text) as { missing: { revision: string; id: string }[]; faults: string[] };
    const open = missing.map(({ revision, id }) => `${id} of ${revision}`);
    assert.deepEqual({ code, open, faults }, { code: 0, open: [], faults: [] });
  });
});

describe('files that cannot be used are told with their line', () => {
  const row = { id: 'B-01', level: 'MUST', where: 'basic', text: 'It is so.', checks: [] };
  const file = (...rows: object[]) => JSON.stringify({ revision: '2025-11-25', requirements: rows }, null, 1);
  const bad: [name: string, text: string, line: number, message: RegExp][] = [
    ['no JSON', '{\n "revision": "2025-11-25",\n "requirements": [,\n', 3, /./],
    ['no level of ours', file(row, { ...row, id: 'B-02', level: 'MUST-NOT' }), 13, /requirements\.1\.level: .*"MUST"/],
    ['an id of another form', file({ ...row, id: 'session.used' }), 5, /an id is like "S-2025-02"/],
    ['an id twice', file(row, { ...row, id: 'B-02' }, row), 19, /the id "B-01" is taken/],
    ['a rule and a part of it', file(row, { ...row, id: 'B-01.1' }), 12, /"B-01" is a row of its own/],
    ['no text', file({ ...row, text: undefined }), 4, /requirements\.0\.text: /],
    ['a member that is unknown', file({ ...row, test: 'x' }), 4, /Unrecognized key: "test"/],
    ['a revision that is not that of its name', '{\n "revision": "2026-07-28",\n "requirements": []\n}', 2, /its name/],
    ['no revision at all', '{\n "requirements": []\n}', 1, /revision/],
  ];
  for (const [name, text, line, message] of bad)
    test(name, () => {
      const folder = folderOf();
      const path = join(folder, '2025-11-25.json');
      writeFileSync(path, text);
      assert.throws(
        () => readRequirements(folder),
        (error) => {
          assert.ok(error instanceof BadFile, String(error));
          assert.ok(error.message.startsWith(`${path}:${line}: `), error.message);
          assert.match(error.message, message);
          return true;
        },
      );
    });

  test('a folder that is not there, or has no files', () => {
    assert.throws(() => readRequirements(join(scratch, 'nowhere')), BadFile);
    assert.throws(() => readRequirements(folderOf()), { message: /there is no file like 2025-11-25\.json/ });
  });
});

const row = (id: string, level: Requirement['level'], more: Partial<Requirement> = {}): Requirement => ({
  id,
  level,
  where: 'basic',
  text: 'It is so.',
  checks: [],
  ...more,
});
const files: Requirements[] = [
  {
    revision: '2025-11-25',
    requirements: [
      row('B-01', 'MUST'),
      row('S-2025-02.1', 'SHOULD'),
      row('S-2025-02.2', 'MUST'),
      row('S-2025-03', 'MUST', { reason: 'an internal matter' }),
    ],
  },
  { revision: '2026-07-28', requirements: [row('B-01', 'MUST'), row('H-2026-08', 'MAY')] },
];
const claim = (check: string, level: Claim['level'], requirement: string[], revisions?: Revision[]): Claim => ({
  check,
  level,
  requirement,
  ...(revisions && { revisions }),
});
const proven = (...claims: Claim[]) => {
  const { files: filled, missing, faults } = covered(files, claims);
  const checks = filled.map(({ requirements }) =>
    Object.fromEntries(requirements.filter((one) => one.checks.length > 0).map((one) => [one.id, one.checks])),
  );
  return { checks, missing: [...missing].map(([, rows]) => rows.map(({ id }) => id)), faults };
};

describe('which checks prove which rule', () => {
  test('a rule of both eras is proven in those that the check runs in', () => {
    const { checks, missing, faults } = proven(
      claim('b.both', 'MUST', ['B-01']),
      claim('a.old', 'MUST', ['B-01', 'S-2025-02.2'], ['2025-03-26', '2025-11-25']),
    );
    assert.deepEqual(checks, [{ 'B-01': ['a.old', 'b.both'], 'S-2025-02.2': ['a.old'] }, { 'B-01': ['b.both'] }]);
    assert.deepEqual(missing, [[], []]);
    assert.deepEqual(faults, []);
  });

  test('a MUST with neither a check nor a reason is missing', () => {
    assert.deepEqual(proven().missing, [['B-01', 'S-2025-02.2'], ['B-01']]);
  });

  test('a MUST that is only warned about is missing', () => {
    const { missing, faults } = proven(claim('a.soft', 'SHOULD', ['B-01']));
    assert.deepEqual(missing, [['B-01', 'S-2025-02.2'], ['B-01']]);
    assert.deepEqual(faults, []);
  });

  test('a check that is stronger than all the rules it names would blame a legal server', () => {
    const { faults } = proven(claim('a.hard', 'MUST', ['S-2025-02.1']));
    assert.match(faults.join(), /^a\.hard: is a MUST, but of 2025-11-25 it names only S-2025-02\.1 \(SHOULD\)/);
    assert.deepEqual(proven(claim('a.hard', 'MUST', ['S-2025-02.1', 'S-2025-02.2'])).faults, []);
  });

  test('a rule that has parts is not named as a whole', () => {
    const { checks, faults } = proven(claim('a.whole', 'MUST', ['S-2025-02']));
    assert.deepEqual(faults, [
      'a.whole: no requirement has the id "S-2025-02"; the nearest are S-2025-02.1, S-2025-02.2',
    ]);
    assert.deepEqual(checks, [{}, {}]);
  });

  test('a rule of the other era, no rule at all, and a rule that no check can see', () => {
    assert.deepEqual(proven(claim('a.other', 'MAY', ['H-2026-08'], ['2025-11-25'])).faults, [
      'a.other: names H-2026-08, a rule of 2026-07-28, and does not run there',
    ]);
    assert.deepEqual(proven(claim('a.none', 'MUST', [])).faults, ['a.none: names no requirement']);
    assert.deepEqual(proven(claim('a.seen', 'MUST', ['S-2025-03'])).faults, [
      'S-2025-03 of 2025-11-25: has a reason why no check can see it, and a.seen does',
    ]);
  });

  test('a scenario claims for itself and for its named steps, inside of others too, and not where nothing is looked at', () => {
    const claims = claimsOf([
      defineScenario({
        id: 'session.example',
        title: 'an example',
        revisions: '>=2025-11-25',
        level: 'MUST',
        requirement: 'B-01',
        steps: [
          { use: 'ready', name: 'not-a-check' },
          { http: { post: { rpc: { method: 'ping' } } }, expect: { status: 200 } },
          {
            repeat: {
              times: 2,
              steps: [
                {
                  name: 'inner',
                  level: 'MAY',
                  requirement: ['B-02', 'B-03'],
                  http: { get: {} },
                  expect: { status: 405 },
                },
                { name: 'silent', http: { get: {} } },
              ],
            },
          },
        ],
      }),
    ]);
    const revisions = ['2025-11-25', '2026-07-28'];
    assert.deepEqual(claims, [
      { check: 'session.example', level: 'MUST', requirement: ['B-01'], revisions },
      { check: 'session.example#inner', level: 'MAY', requirement: ['B-02', 'B-03'], revisions },
    ]);
  });
});

test('what is written is read again, and the formatter leaves it alone', () => {
  const long = Array.from({ length: 30 }, (_, index) => `a-scenario.of-some-length#${index}`);
  const widths = Array.from({ length: 12 }, (_, index) => [`a.${'x'.repeat(40 + index)}`, `b.${'y'.repeat(40)}`]);
  const requirements = [long, [], ['one'], ...widths].map((checks, index) => ({
    ...row(`B-${String(index).padStart(2, '0')}`, 'MUST', { text: 'Says "checks": [] of itself.' }),
    checks,
    ...(index % 2 === 0 && { reason: 'none, this is a test' }),
  }));
  const folder = folderOf();
  const text = requirementsText({ revision: '2025-11-25', requirements });
  writeFileSync(join(folder, '2025-11-25.json'), text);
  assert.deepEqual(readRequirements(folder), [{ revision: '2025-11-25', requirements }]);
  const formatted = execFileSync('biome', ['format', '--stdin-file-path=harness/requirements/2025-11-25.json'], {
    cwd: ROOT,
    input: text,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}` },
  });
  assert.equal(text, formatted);
});

describe('mcp-replay coverage', () => {
  const small = (level: Requirement['level'], more?: Partial<Requirement>) => {
    const folder = folderOf();
    const text = requirementsText({ revision: '2025-11-25', requirements: [row('B-01.1', level, more)] });
    writeFileSync(join(folder, '2025-11-25.json'), text);
    return folder;
  };
  const scenario = (text: string) => {
    const folder = folderOf();
    writeFileSync(
      join(folder, 'a.yaml'),
      `id: an.example\ntitle: t\nrevisions: "2025-11-25"\n${text}\nsteps:\n  - http: { post: { rpc: { method: ping } } }\n    expect: { status: 200 }\n`,
    );
    return folder;
  };

  test('prints each row with its checks, its reason or that it has neither, and adds up', async () => {
    const scenarios = scenario('level: MUST\nrequirement: B-01.1');
    const { text } = await said('--requirements', small('MUST'), '--scenarios', scenarios);
    assert.match(text, /^ {2}B-01\.1 +MUST +basic\n +It is so\.\n +-> an\.example/m);
    assert.match(text, /^2025-11-25 MUST +1 rows: 1 with a check, 0 with a reason, 0 with neither$/m);
    const excused = await said('--requirements', small('MUST', { id: 'L-2025-05', reason: 'an internal matter' }));
    assert.match(excused.text, /-- an internal matter/);
    assert.match(excused.text, /1 rows: 0 with a check, 1 with a reason, 0 with neither/);
  });

  test('exits with 1 where a MUST is open or a check names nothing, and says which', async () => {
    const open = await said('--requirements', small('MUST', { id: 'L-2025-05' }), '--missing');
    assert.equal(open.code, 1);
    assert.match(open.text, /^ {2}L-2025-05 +MUST[^-]+-- neither a check nor a reason/m);
    const nameless = await said('--scenarios', scenario('level: MUST'));
    assert.equal(nameless.code, 1);
    assert.match(nameless.text, /^wrong: an\.example: names no requirement$/m);
  });

  test('--json is JSON, of one revision where that is asked', async () => {
    const { text } = await said('--json', '--revision', '2026-07-28');
    const { files, summary } = JSON.parse(text) as { files: Requirements[]; summary: { revision: string }[] };
    assert.deepEqual(
      [...files, ...summary].map(({ revision }) => revision),
      ['2026-07-28', '2026-07-28'],
    );
  });

  test('--write puts the checks into the files', async () => {
    const folder = small('MUST');
    await said('--write', '--requirements', folder, '--scenarios', scenario('level: MUST\nrequirement: B-01.1'));
    const [written] = readRequirements(folder);
    assert.ok(written?.requirements[0]?.checks.includes('an.example'));
  });

  test('a wrong command line is told', async () => {
    await assert.rejects(coverage(['--revision', '2024-11-05']), Usage);
    await assert.rejects(coverage(['--nonsense']), Usage);
    await assert.rejects(coverage(['--requirements', join(scratch, 'nowhere')]), BadFile);
  });
});
