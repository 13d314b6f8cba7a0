/**
 * All that `npm test` runs, one step after the other, each with its own output; the last line adds up what passed and what failed.
 * A step that counts nothing (types, lint) is one test.
 *
 *     npm test [-- step ...]      only the steps named
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Step {
  name: string;
  command: string;
  args: string[];
  /** Test files appended to `args`. A step that has none fails: without any, a test runner looks for its own. */
  files?: string[];
  /** Programs of the system that it runs. In CI they must be there; elsewhere a step without them is named and left out. */
  needs?: string[];
}

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const UNIT_TESTS = ['server/*.test.ts', 'tools/*.test.ts'];
const END_TO_END_TESTS = ['harness/*.test.ts', 'harness/fixtures/*.test.ts', 'harness/runtimes/*.test.ts'];

const LOAD_TESTS = ['load/*.test.ts', 'load/*/*.test.ts', 'load/bench/streams/*.test.ts'];
const DEPLOYMENT_TESTS = ['harness/deployment/*.test.ts'];

const files = (patterns: string[]): string[] =>
  globSync(patterns, { cwd: ROOT })
    .sort()
    .map((file) => `./${file}`); // To Bun a name without a path is a filter.

const STEPS: Step[] = [
  { name: 'types', command: 'tsc', args: [] },
  { name: 'types-core', command: 'tsc', args: ['-p', '.ci/tsconfig.core.json'] },
  { name: 'lint', command: 'biome', args: ['check', '--error-on-warnings'] },
  { name: 'node', command: 'node', args: ['--test', '--test-reporter=spec'], files: files(UNIT_TESTS) },
  { name: 'bun', command: 'bun', args: ['test'], files: files(UNIT_TESTS) },
  { name: 'deno', command: 'deno', args: ['test', '-A', '--no-check'], files: files(UNIT_TESTS) },
  { name: 'harness', command: 'node', args: ['--test', '--test-reporter=spec'], files: files(END_TO_END_TESTS) },
  { name: 'load', command: 'node', args: ['--test', '--test-reporter=spec'], files: files(LOAD_TESTS) },
  {
    name: 'deployment',
    command: 'node',
    args: ['--test', '--test-reporter=spec'],
    files: files(DEPLOYMENT_TESTS),
    needs: ['nginx', 'prometheus', 'promtool'],
  },
  { name: 'referee', command: 'node', args: ['harness/referee.ts', '--all'] },
  {
    name: 'bench',
    command: 'node',
    args: ['load/bench/run.ts', '--short', '--out', join(tmpdir(), 'portable-mcp-bench.json')],
  },
  { name: 'folded', command: 'node', args: ['harness/referee.ts', '--folded'] },
];

/** How each tool says what it counted; the last match counts. */
const COUNTS = {
  passed: [/^ℹ pass (\d+)$/gm, /^\s*(\d+) pass$/gm, /\| (\d+) passed\b/gm, /^(\d+) passed, \d+ failed$/gm],
  failed: [/^ℹ fail (\d+)$/gm, /^\s*(\d+) fail$/gm, /\| (\d+) failed\b/gm, /^\d+ passed, (\d+) failed$/gm],
};

const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

function counted(output: string, patterns: RegExp[]): number {
  const numbers = patterns.flatMap((pattern) =>
    [...output.matchAll(pattern)].slice(-1).map(([, number]) => Number(number)),
  );
  return Math.max(0, ...numbers);
}

/** Runs one step with its output shown; resolves with what it counted. An exit code other than 0 is at least one failure. */
function run({ command, args, files }: Step): Promise<{ passed: number; failed: number }> {
  if (files?.length === 0) {
    console.log('no test files');
    return Promise.resolve({ passed: 0, failed: 1 });
  }
  return new Promise((done) => {
    const child = spawn(`${ROOT}node_modules/.bin/${command}`, [...args, ...(files ?? [])], {
      cwd: ROOT,
      env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      from.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        to.write(chunk);
      });
    }
    child.once('error', (error) => console.error(error.message));
    child.once('close', (code) => {
      const plain = output.replace(ANSI, '');
      const passed = counted(plain, COUNTS.passed);
      const failed = Math.max(counted(plain, COUNTS.failed), code === 0 ? 0 : 1);
      done({ passed: passed + failed === 0 ? 1 : passed, failed });
    });
  });
}

function onPath(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; there are ${STEPS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const versions: Record<string, string> = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')).devDependencies;
console.log(`bun ${versions.bun}, deno ${versions.deno}, node ${process.versions.node}, workerd ${versions.workerd}`);

const total = { passed: 0, failed: 0 };
const lines: string[] = [];
for (const step of STEPS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  console.log(`\n== ${step.name}`);
  const missing = (step.needs ?? []).filter((program) => !onPath(program));
  if (missing.length > 0 && process.env.CI === undefined) {
    lines.push(`not run  ${step.name}: it needs ${missing.join(', ')}`);
    continue;
  }
  const started = Date.now();
  const { passed, failed } = await run(step);
  total.passed += passed;
  total.failed += failed;
  lines.push(
    `${failed === 0 ? 'ok  ' : 'FAIL'} ${step.name.padEnd(10)} ${passed} passed, ${failed} failed, ${((Date.now() - started) / 1000).toFixed(1)} s`,
  );
}
console.log(`\n${lines.join('\n')}\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
