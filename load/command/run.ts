/**
 * `npm run load -- NAME`: runs a script of load/ and says how it went; `--help` lists the words.
 *
 * Without a URL it starts this project's server for it. It leaves a result (JSON), a report (HTML) and k6's exit code.
 */

import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interruption } from '../host/interruption.ts';
import { exitCodes } from '../host/refusal.ts';
import { type Arguments, readArguments, usage } from './arguments.ts';
import { baselineText, comparisonRows, incomparable } from './baseline.ts';
import { type Found, findEngine } from './engines.ts';
import { machine } from './machine.ts';
import { ProgressLine } from './progress.ts';
import { reportPage } from './report.ts';
import { type LoadResult, type Ran, readResult, storable, storableUrl } from './result.ts';
import { runOnHost } from './run-host.ts';
import { runOnK6 } from './run-k6.ts';
import { summaryText, table } from './summary.ts';
import { startTarget } from './target.ts';

const SCRIPTS = fileURLToPath(new URL('../', import.meta.url));
/** No run: the server did not start, or the result could not be written. */
const FAILED = 1;

type Known = Pick<LoadResult, 'name' | 'profile' | 'knobs' | 'machine' | 'engine'>;

async function main(args: readonly string[]): Promise<number> {
  const names = globSync('*.ts', { cwd: SCRIPTS })
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => basename(file, '.ts'))
    .sort();
  let given: Arguments | undefined;
  try {
    given = readArguments(args, names, process.env);
  } catch (error) {
    say(`${lineOf(error)}\n\n${usage(names)}`);
    return exitCodes.invalidConfig;
  }
  if (given === undefined) {
    process.stdout.write(usage(names));
    return 0;
  }
  let engine: Found;
  let before: LoadResult | undefined;
  let known: Known;
  try {
    engine = findEngine(given.engine, process.env.PATH ?? '');
    const { name, profile } = given;
    const { name: engineName, version } = engine;
    known = { name, profile, knobs: storable(given.pairs), machine: machine(), engine: { name: engineName, version } };
    // Before the run: it may take half an hour.
    before = given.baseline === undefined ? undefined : readBaseline(given.baseline, known);
  } catch (error) {
    say(lineOf(error));
    return exitCodes.invalidConfig;
  }
  return perform(given, engine, known, before);
}

function readBaseline(file: string, known: Known): LoadResult {
  const before = readResult(existsSync(file) ? readFileSync(file, 'utf8') : '', file);
  const reason = incomparable(before, known);
  if (reason !== undefined) throw new Error(reason);
  return before;
}

async function perform(given: Arguments, engine: Found, known: Known, before?: LoadResult): Promise<number> {
  const started = new Date();
  // With the runtime: servers on several are loaded beside each other, and begin in the same second.
  const what = given.url === undefined ? `${given.name}-${given.runtime}` : given.name;
  const stem = join(given.out, `${what}-${started.toISOString().slice(0, 19).replaceAll(':', '-')}Z`);
  try {
    mkdirSync(given.out, { recursive: true });
  } catch (error) {
    say(lineOf(error));
    return FAILED;
  }
  const interrupt = interruption();
  const own = await ownTarget(given, serverSettings(given.profile));
  if (own === 'failed') return FAILED;
  const url = own?.url ?? given.url ?? '';
  say(`${given.name}, profile ${given.profile}, ${engine.name}, against ${storableUrl(url)}`);
  let ran: Ran;
  try {
    ran = await run(
      given,
      engine,
      { ...(own?.env ?? strangers(given)), MCP_URL: url, PROFILE: given.profile },
      stem,
      interrupt,
    );
  } finally {
    const ended = await own?.stop();
    if (ended !== undefined) say(`error: ${ended}`);
  }
  // The run was refused before it measured anything: one line says why.
  if (ran.duration_ms === 0 || NOT_RUN.includes(ran.exit_code)) {
    say(`error: ${firstLine(ran.reason)}`);
    return ran.exit_code;
  }
  const result: LoadResult = {
    format: 1,
    ...known,
    started_at: started.toISOString(),
    target: { url: storableUrl(url), ...(own !== undefined && { runtime: given.runtime }) },
    ...ran,
  };
  process.stdout.write(summaryText(result));
  if (before !== undefined) {
    process.stdout.write(`\n${baselineText(before)}\n${table(comparisonRows(before, result)).join('\n')}\n`);
  }
  return writeResult(result, before, stem);
}

const NOT_RUN: readonly number[] = [exitCodes.invalidConfig, exitCodes.scriptException, exitCodes.abortedByScript];

function serverSettings(profile: string): Record<string, string> {
  const text = readFileSync(join(SCRIPTS, 'profiles', `${profile}.json`), 'utf8');
  return (JSON.parse(text) as { server: Record<string, string> }).server;
}

async function ownTarget({ url, name, runtime }: Arguments, settings: Record<string, string>) {
  if (url !== undefined) return undefined;
  try {
    return await startTarget(name, runtime, settings);
  } catch (error) {
    say(`error: ${error instanceof Error ? error.message : String(error)}`);
    return 'failed';
  }
}

/** Scripts that count heartbeats. */
const HEARING = ['heartbeats', 'listen', 'smoke', 'soak'];

/** Nobody knows when a target that runs already beats, or whether: no revision asks for heartbeats. */
function strangers({ name, pairs }: Arguments): Record<string, string> {
  if (!HEARING.includes(name) || (pairs.HEARTBEAT_MS ?? process.env.HEARTBEAT_MS) !== undefined) return {};
  say('Heartbeats are not counted: give -e HEARTBEAT_MS=... with the time between two of the target');
  return { HEARTBEAT_MS: '0' };
}

function run(
  { name, pairs }: Arguments,
  engine: Found,
  env: Record<string, string>,
  stem: string,
  signal: AbortSignal,
): Promise<Ran> {
  const script = join(SCRIPTS, `${name}.ts`);
  const chosen = Object.fromEntries(Object.entries(pairs).filter(([key]) => key !== 'MCP_URL' && key !== 'PROFILE'));
  if (engine.program !== undefined) {
    const { program, version } = engine;
    return runOnK6({ program, version, script, pairs: chosen, env, stem, signal });
  }
  const progress = new ProgressLine();
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return runOnHost({
    script,
    env: { ...inherited, ...env, ...chosen },
    signal,
    onProgress: progress.show,
    onLog: progress.say,
  }).finally(() => progress.end());
}

/** @returns the exit code */
function writeResult(result: LoadResult, before: LoadResult | undefined, stem: string): number {
  const dashboard = existsSync(`${stem}.k6.html`) ? basename(`${stem}.k6.html`) : undefined;
  try {
    writeFileSync(`${stem}.json`, `${JSON.stringify(result, null, 1)}\n`);
    writeFileSync(`${stem}.html`, reportPage(result, before, dashboard));
  } catch (error) {
    say(lineOf(error));
    return result.exit_code || FAILED;
  }
  process.stdout.write(`${stem}.json\n${stem}.html\n`);
  return result.exit_code;
}

function say(text: string): void {
  process.stderr.write(`${text.trimEnd()}\n`);
}

const firstLine = (text: string): string => text.replace(/^Error: /, '').split('\n')[0] ?? '';
const lineOf = (error: unknown): string => firstLine(error instanceof Error ? error.message : String(error));

process.exitCode = await main(process.argv.slice(2));
