/** The harness itself: green on this server, in process and on running ones, and on every runtime. */

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { red, replayed } from './mutants/kills.ts';
import { fill, mismatches } from './replay/match.ts';
import { readBind, readScenarios } from './replay/read.ts';
import { inRange, REVISIONS } from './replay/scenario.ts';
import { SCHEMA_FILE, schemaText } from './replay/schema.ts';
import { RUNTIMES, startServer } from './runtimes/start.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SCENARIOS = readScenarios([join(HERE, 'scenarios')]);
const BIND = readBind(join(HERE, 'bind.yaml'));

test('this server breaks no rule, in every revision', async () => {
  const outcomes = await replayed(SCENARIOS, BIND, { wrap: (handler) => handler, revisions: REVISIONS });
  assert.deepEqual([...red(outcomes, ['fail', 'warn', 'note', 'error', 'inconclusive'])], []);
  assert.ok(outcomes.filter(({ verdict }) => verdict === 'pass').length > 2000);
});

/** The last line of a run in which all is well. */
const WELL = /: (?:\d+ (?:untestable|skip), )*\d{4} pass; \d{5} checks\n$/;

for (const runtime of RUNTIMES) {
  test(`${runtime}: a running server breaks no rule`, async () => {
    // However slow this machine is, no request is refused for having waited.
    const server = await startServer({ runtime, entry: 'harness/everything.ts', env: { MCP_MAX_LAG: '0' } });
    try {
      const { code, output } = await run('node', join(HERE, 'run.ts'), server.url, '--quiet');
      assert.equal(code, 0, output);
      assert.match(output, WELL);
    } finally {
      await server.stop();
    }
  });
}

for (const [runtime, ...args] of [['bun'], ['deno', 'run', '-A', '--no-check'], ['node']]) {
  test(`the harness itself runs on ${runtime}`, async () => {
    const { code, output } = await run(runtime as string, ...args, join(HERE, 'run.ts'), '--self', '--quiet');
    assert.equal(code, 0, output);
    assert.match(output, WELL);
  });
}

/** Runs a program of node_modules/.bin; not so that this process stands still, for it holds the servers. */
function run(program: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      join(HERE, '../node_modules/.bin', program),
      args,
      { timeout: 60_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, output: `${stdout}${stderr}` }),
    );
  });
}

test('matchers tell what is wrong, and where', () => {
  const vars = new Map<string, unknown>([['rev', '2025-11-25']]);
  const wrong = (expected: unknown, actual: unknown) => mismatches(expected, actual, vars);
  assert.deepEqual(wrong({ a: { b: 1 } }, { a: { b: 1, c: 2 } }), []);
  assert.deepEqual(wrong({ a: { b: 1 } }, { a: { b: '1' } }), ['a.b must be 1, got "1"']);
  assert.deepEqual(wrong({ $exact: { a: 1 } }, { a: 1, b: 2 }).length, 1);
  assert.deepEqual(wrong([1, 2], [1]).length, 1);
  assert.deepEqual(wrong({ a: { $absent: true } }, {}), []);
  assert.deepEqual(wrong({ a: { $absent: true } }, { a: null }).length, 1);
  assert.deepEqual(wrong({ toString: { $any: true } }, {}).length, 1, 'what an object inherits is not there');
  assert.deepEqual(wrong({ $len: { $gt: 2 } }, 'ab').length, 1);
  assert.deepEqual(wrong({ '<2025-11-25': 1, '>=2025-11-25': 2 }, 2), []);
  assert.deepEqual(wrong({ $each: { n: { $type: 'integer' } } }, [{ n: 1 }, { n: 1.5 }]).length, 1);
  assert.throws(() => wrong({ $unheard: 1 }, 1), /no matcher is named "\$unheard"/);
});

test('variables keep their type where they are all of a text', () => {
  const vars = new Map<string, unknown>([
    ['n', 7],
    ['o', { m: 'x' }],
  ]);
  const variable = (name: string) => ['$', '{', name, '}'].join('');
  assert.deepEqual(fill([variable('n'), `is ${variable('n')}`, variable('o.m')], vars), [7, 'is 7', 'x']);
  assert.throws(() => fill(variable('gone'), vars), /no variable is named "gone"; there are n, o/);
});

test('the schema for editors is the one that scenarios are read by', () => {
  assert.equal(readFileSync(SCHEMA_FILE, 'utf8'), schemaText(), 'run `npm run schema`');
});

test('ranges of revisions', () => {
  assert.equal(inRange('2025-11-25', '>=2025-06-18 <2026-07-28'), true);
  assert.equal(inRange('2026-07-28', '>=2025-06-18 <2026-07-28'), false);
  assert.equal(inRange('2025-11-25', '2025-11-25'), true);
});

test('a broken file ends with exit code 2, its name, its line and what was expected', () => {
  const folder = mkdtempSync(join(tmpdir(), 'replay-'));
  try {
    const broken = (name: string, text: string) => {
      const file = join(folder, name);
      writeFileSync(file, text);
      const { status, stderr } = spawnSync(process.execPath, [join(HERE, 'run.ts'), '--self', file], {
        encoding: 'utf8',
      });
      assert.equal(status, 2, stderr);
      return stderr.replaceAll(folder, '');
    };
    const head = 'id: a.b\ntitle: t\nlevel: MUST\nrevisions: "2025-11-25"\n';
    assert.match(broken('yaml.yaml', 'id: [a\nb: c'), /^\/yaml\.yaml:\d+: /);
    assert.match(broken('id.yaml', head.replace('a.b', 'A b')), /^\/id\.yaml:1: id: an id is like/);
    assert.match(broken('step.yaml', `${head}steps:\n  - htp: {}\n`), /^\/step\.yaml:6: steps\.0: .*htp/);
    assert.match(
      broken('range.yaml', head.replace('2025-11-25', 'new')),
      /^\/range\.yaml:4: revisions: a range of revisions/,
    );
    assert.match(broken('none.yaml', `${head}steps:\n  - name: nothing\n`), /a step is one of use, http/);
    assert.match(broken('control.yaml', `${head}controls: x.y\nsteps:\n  - wait: 1\n`), /"controls" names "x\.y"/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a target that does not answer ends with exit code 3, no URL with 2', () => {
  const started = (...args: string[]) =>
    spawnSync(process.execPath, [join(HERE, 'run.ts'), ...args], { encoding: 'utf8' });
  const { status, stderr } = started('http://127.0.0.1:9/mcp');
  assert.equal(status, 3);
  assert.match(stderr, /127\.0\.0\.1:9\/mcp is no MCP server that answers: .*ECONNREFUSED/);
  assert.equal(started().status, 2);
  assert.equal(started('not a url').status, 2);
});
