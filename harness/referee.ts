/**
 * Runs the official conformance suite and says what it found, one line per scenario that is not clean.
 *
 *     npm run referee -- <url> [--requirements 2025-11-25|2026-07-28]
 *     npm run referee -- --all          our fixtures on each of the four runtimes (also without a URL)
 *     npm run referee -- --folded       the same, folded into one file
 *
 * The exit code is 1 when a scored scenario fails, when an unscored one fails or warns, or when nothing was checked.
 * Scenarios of the tasks extension are counted and left out of the verdict: this server does not offer it.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fold } from '../.ci/fold.ts';
import { RUNTIMES, startServer } from './runtimes/start.ts';

/** The revisions whose frozen requirement sets are run. */
export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;

interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
  errorMessage?: string;
}

interface Scenario {
  name: string;
  /** Why the suite does not score it (`extension`, `added-after-release`, `pending`); absent for a scored one. */
  unscored?: string;
  checks: Check[];
}

/** How many scenarios were clean and how many were not, those of the tasks extension left out. */
export interface Verdict {
  passed: number;
  failed: number;
}

const ROOT = fileURLToPath(new URL('../', import.meta.url));
// The suite needs Node 24; the process that calls us may be older.
const NODE = join(ROOT, 'node_modules/.bin/node');
const SUITE = join(ROOT, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');

/** Runs the suite against `url` at one revision and prints its lines. */
export async function referee(url: string, revision: string): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-referee-'));
  try {
    const output = await suite(['server', '--url', url, '--requirements', revision, '-o', folder]);
    const scenarios = readScenarios(output, folder);
    if (!scenarios.some(({ checks }) => checks.length > 0)) {
      console.log(`${revision}: nothing was checked\n${output.trim().split('\n').slice(-5).join('\n')}`);
      return { passed: 0, failed: 1 };
    }
    return report(revision, scenarios);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves with all that the suite printed. Its exit code says less than its files and is left unread. */
function suite(args: string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(NODE, [SUITE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    const orphaned = (): boolean => child.kill('SIGKILL');
    process.on('exit', orphaned);
    child.once('error', fail).once('close', () => {
      process.off('exit', orphaned);
      done(output);
    });
  });
}

/** The summary names every scenario that ran, `checks.json` holds the evidence; one without a file stays without checks. */
function readScenarios(output: string, folder: string): Scenario[] {
  const summary = output.slice(output.lastIndexOf('=== SUMMARY ==='));
  const reasons = new Map([...summary.matchAll(/^ {2}[✓✗] (\S+) \(([\w-]+)\)$/gm)].map(([, name, why]) => [name, why]));
  const files = new Map(
    readdirSync(folder)
      .map(
        (entry) =>
          [/^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(entry)?.[1], join(folder, entry, 'checks.json')] as const,
      )
      .filter(([, file]) => existsSync(file)),
  );
  return [...summary.matchAll(/^[✓✗] (\S+): /gm)].map(([, name = '']) => {
    const file = files.get(name);
    const checks: Check[] = file ? JSON.parse(readFileSync(file, 'utf8')) : [];
    const unscored = reasons.get(name);
    return { name, checks, ...(unscored !== undefined && { unscored }) };
  });
}

function report(revision: string, all: Scenario[]): Verdict {
  const judged = all.filter(({ name, unscored }) => unscored === undefined || !name.startsWith('tasks-'));
  const clean = new Set<Scenario>();
  for (const scenario of judged) {
    const findings = scenario.checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
    const worst = scenario.unscored === undefined ? findings.filter(({ status }) => status === 'FAILURE') : findings;
    // The schema check passes where nothing was sent, so it alone proves nothing.
    const vacuous = !scenario.checks.some(({ id, status }) => status === 'SUCCESS' && id !== 'wire-schema-valid');
    if (worst.length === 0 && !vacuous) clean.add(scenario);
    if (findings.length === 0 && !vacuous) continue;
    const marks = findings.map(({ id, status, errorMessage }) => `${status} ${id}: ${oneLine(errorMessage)}`);
    const label = scenario.unscored === undefined ? scenario.name : `${scenario.name} (${scenario.unscored})`;
    console.log(`  ${label}: ${marks.join(' | ') || 'not one check passed'}`);
  }
  const share = (part: Scenario[]): string => `${part.filter((one) => clean.has(one)).length}/${part.length}`;
  const count = (wanted: Check['status']): number =>
    judged.flatMap(({ checks }) => checks).filter(({ status }) => status === wanted).length;
  const excluded = all.length - judged.length;
  console.log(
    `${revision}: scored ${share(judged.filter(({ unscored }) => unscored === undefined))}` +
      `, unscored ${share(judged.filter(({ unscored }) => unscored !== undefined))}` +
      `${excluded > 0 ? ` (tasks excluded ${excluded})` : ''}, checks ${count('SUCCESS')}/${count('FAILURE')}`,
  );
  return { passed: clean.size, failed: judged.length - clean.size };
}

function oneLine(message = 'no message'): string {
  const flat = message.replace(/\s+/g, ' ').trim();
  return flat.length > 300 ? `${flat.slice(0, 300)}…` : flat;
}

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      folded: { type: 'boolean', default: false },
      requirements: { type: 'string' },
    },
  });
  const revisions = values.requirements === undefined ? REVISIONS : [values.requirements];
  const url = positionals[0];
  const total: Verdict = { passed: 0, failed: 0 };
  const judge = async (target: string): Promise<void> => {
    for (const revision of revisions) {
      const { passed, failed } = await referee(target, revision);
      total.passed += passed;
      total.failed += failed;
    }
  };
  if (url !== undefined && !values.all) await judge(url);
  else {
    const entry = values.folded
      ? join(mkdtempSync(join(tmpdir(), 'portable-mcp-folded-')), 'everything.js')
      : 'harness/everything.ts';
    if (values.folded) await fold('harness/everything.ts', entry);
    for (const runtime of RUNTIMES) {
      console.log(`${runtime}${values.folded ? ', folded' : ''}:`);
      try {
        const server = await startServer({ runtime, entry });
        await judge(server.url).finally(server.stop);
      } catch (error) {
        console.log(error instanceof Error ? error.message : error);
        total.failed += 1;
      }
    }
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0;
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
