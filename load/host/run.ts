// The script host's command line: `node load/host/run.ts run SCRIPT [flags]`, with k6's flags and exit codes.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readable } from './duration.ts';
import { type RunProgress, type RunSettings, runScript } from './engine.ts';
import { interruption } from './interruption.ts';
import { exitCodes } from './refusal.ts';
import { exported, type SummaryData, verdictText, writeOutputs } from './summary.ts';

const usage = `Usage: run.ts run SCRIPT [flags]

  -e, --env K=V            a variable of __ENV; may be repeated
      --scenario A,B       only these scenarios
      --once               one VU and one iteration for each scenario
  -u, --vus N              with -i or -d: instead of the script's scenarios
  -i, --iterations N       iterations shared by all VUs
  -d, --duration D         such as 30s
      --summary-export F   the summary as JSON
  -q, --quiet              no progress
  -h, --help
`;

/** Milliseconds between two lines of progress where they are not overwritten. */
const LINE_EVERY_MS = 10_000;

async function main(args: string[]): Promise<number> {
  let parsed: ReturnType<typeof read>;
  try {
    parsed = read(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    return exitCodes.invalidConfig;
  }
  const { flags, script } = parsed;
  if (flags.help === true || script === undefined) {
    process.stderr.write(usage);
    return flags.help === true ? 0 : exitCodes.invalidConfig;
  }
  const settings: RunSettings = { ...parsed.settings, signal: interruption() };
  if (flags.quiet !== true) settings.onProgress = progressWriter();
  // A log line takes the place of the line of progress, which comes again within a second.
  const clear = process.stderr.isTTY ? '\r\x1b[K' : '';
  settings.onLog = (level, message) => {
    process.stderr.write(`${clear}${level}: ${message}\n`);
  };
  const result = await runScript(script, settings);
  if (process.stderr.isTTY && flags.quiet !== true) process.stderr.write('\r\x1b[K');
  writeOutputs(result.outputs);
  const exportTo = flags['summary-export'];
  if (exportTo !== undefined && result.state.testRunDurationMs > 0) {
    const data: SummaryData = { ...result, options: { summaryTrendStats: [], summaryTimeUnit: '', noColor: true } };
    const { lag, counts } = result;
    const host = { event_loop_lag_ms: { p99: lag.p99, max: lag.max }, iterations: counts, exit_code: result.exitCode };
    writeFileSync(exportTo, `${JSON.stringify({ ...exported(data), host }, null, 2)}\n`);
  }
  if (result.state.testRunDurationMs > 0) process.stdout.write(verdictText(result));
  else process.stderr.write(`error: ${result.reason}\n`);
  return result.exitCode;
}

function read(args: string[]) {
  const { values: flags, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      env: { type: 'string', short: 'e', multiple: true },
      scenario: { type: 'string', multiple: true },
      once: { type: 'boolean' },
      vus: { type: 'string', short: 'u' },
      iterations: { type: 'string', short: 'i' },
      duration: { type: 'string', short: 'd' },
      'summary-export': { type: 'string' },
      quiet: { type: 'boolean', short: 'q' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, script, ...rest] = positionals;
  if (flags.help !== true && (command !== 'run' || script === undefined || rest.length > 0))
    throw new Error('run what?');
  const settings: RunSettings = { env: environment(flags.env ?? []) };
  if (flags.scenario !== undefined) settings.scenario = flags.scenario.flatMap((names) => names.split(','));
  if (flags.once === true) settings.once = true;
  const overrides: NonNullable<RunSettings['overrides']> = {};
  if (flags.vus !== undefined) overrides.vus = Number(flags.vus);
  if (flags.iterations !== undefined) overrides.iterations = Number(flags.iterations);
  if (flags.duration !== undefined) overrides.duration = flags.duration;
  if (Object.keys(overrides).length > 0) settings.overrides = overrides;
  return { flags, script, settings };
}

/** As in k6 the process's own environment is in `__ENV` too. */
function environment(pairs: string[]): Record<string, string> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new Error(`-e takes NAME=VALUE, not "${pair}"`);
    env[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return env;
}

/** One line, overwritten every second; where that is not possible a new one every ten seconds. */
function progressWriter(): (progress: RunProgress) => void {
  const terminal = process.stderr.isTTY === true;
  let written = 0;
  return (progress) => {
    const line = progressLine(progress);
    if (terminal) process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    else if (progress.elapsedMs - written >= LINE_EVERY_MS) {
      written = progress.elapsedMs;
      process.stderr.write(`${line}\n`);
    }
  };
}

function progressLine({ phase, elapsedMs, vusActive, vusInitialized, counts, scenarios, lag }: RunProgress): string {
  const { completed, interrupted, dropped } = counts;
  const shown = scenarios.map(
    ({ name, state, progress }) => `${name} ${state === 'running' ? `${Math.floor(100 * progress)}%` : state}`,
  );
  const lost = dropped > 0 ? `, ${dropped} dropped` : '';
  return `${phase} ${readable(elapsedMs)}, ${vusActive}/${vusInitialized} VUs, ${completed} complete and ${interrupted} interrupted iterations${lost}, lag p99 ${Math.round(lag.p99)}ms, ${shown.join(', ')}`;
}

process.exitCode = await main(process.argv.slice(2));
