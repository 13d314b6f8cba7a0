/** Where a run is reported, as `--reporter`, `--out`, `--transcript` and `--quiet` ask. */

import { appendFileSync, writeFileSync } from 'node:fs';
import type { Outcome } from '../outcome.ts';
import { Usage } from '../usage.ts';
import { github, stepSummary } from './github.ts';
import { json } from './json.ts';
import { junit } from './junit.ts';
import { page } from './page/page.ts';
import { pretty } from './pretty.ts';
import type { MakeReporter, Reporter } from './reporter.ts';
import { type Results, summary } from './results.ts';
import { tap } from './tap.ts';
import { type Head, headLine, outcomeLines } from './transcript.ts';

export const REPORTERS: Readonly<Record<string, MakeReporter>> = {
  pretty,
  tap,
  junit,
  json,
  github,
  html: () => ({ end: page }),
};

export interface Wanted {
  /** `pretty,junit=out.xml,github`: names of reporters, each with the file it writes; default `pretty`. */
  reporter?: string | undefined;
  /** The file of the one reporter that names none. */
  out?: string | undefined;
  /** The file for all that goes over the wire. */
  transcript?: string | undefined;
  /** Nothing is said of what passed. */
  quiet?: boolean | undefined;
}

export interface Output {
  /** Called once, before any outcome. */
  begin(head: Head): void;
  /** A run of a scenario has ended. */
  outcome(outcome: Outcome): void;
  /** All is over. */
  end(results: Results): void;
}

interface Sink {
  name: string;
  reporter: Reporter;
  write: (text: string) => void;
}

/** Opens every file at once, so that a path that cannot be written is told before anything is run. @throws Usage */
export function outputOf({ reporter, out, transcript, quiet = false }: Wanted): Output {
  const chosen = reportersOf(reporter ?? 'pretty', out);
  const colour = process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  const taken = chosen.some(({ name, file }) => file === undefined && name !== 'github');
  const sinks = chosen.map(({ name, file }): Sink => {
    const looks = { colour: colour && file === undefined, quiet };
    const made = (REPORTERS[name] as MakeReporter)(looks);
    if (file !== undefined) return { name, reporter: made, write: fileOf(file) };
    return { name, reporter: made, write: name === 'github' && taken ? toErrors : toOutput };
  });
  const wire = transcript === undefined ? undefined : fileOf(transcript);
  process.stdout.on('error', whenClosed);
  return {
    begin(head) {
      wire?.(headLine(head));
    },
    outcome(outcome) {
      wire?.(outcomeLines(outcome));
      for (const sink of sinks) {
        const text = sink.reporter.outcome?.(outcome);
        if (text) sink.write(text);
      }
    },
    end(results) {
      for (const sink of sinks) sink.write(sink.reporter.end(results));
      const summaryFile = process.env.GITHUB_STEP_SUMMARY;
      if (summaryFile && sinks.some(({ name }) => name === 'github')) appendFileSync(summaryFile, stepSummary(results));
      if (!taken) toOutput(`${results.target}: ${summary(results.outcomes)}\n`);
    },
  };
}

/** The reporters that `--reporter` names, in that order, `out` given to the one that has no file. @throws Usage */
export function reportersOf(text: string, out?: string): { name: string; file: string | undefined }[] {
  const chosen = text.split(',').map((part) => {
    const [, name = '', file] = /^\s*([^=]*?)\s*(?:=(.*))?$/.exec(part) ?? [];
    if (!Object.hasOwn(REPORTERS, name))
      throw new Usage(`--reporter must be any of ${Object.keys(REPORTERS).join(', ')}, got "${name}"`);
    if (file === '') throw new Usage(`--reporter ${name}= must name a file, as in ${name}=report.txt`);
    return { name, file };
  });
  const open = chosen.filter(({ name, file }) => file === undefined && name !== 'github');
  // GitHub reads commands from the standard error too.
  const whole = open.length === 0 ? chosen.filter(({ file }) => file === undefined) : open;
  const [first, second] = whole;
  if (first && second)
    throw new Usage(
      `only one reporter can write to the standard output: give "${second.name}" a file, as in ${second.name}=report.txt`,
    );
  if (out !== undefined) {
    if (!first) throw new Usage('--out is for a reporter that names no file, and each of them does');
    first.file = out;
  }
  const files = chosen.flatMap(({ file }) => file ?? []);
  const twice = files.find((file, index) => files.indexOf(file) !== index);
  if (twice !== undefined) throw new Usage(`two reporters cannot both write "${twice}"`);
  return chosen;
}

function fileOf(path: string): (text: string) => void {
  try {
    writeFileSync(path, '');
  } catch (error) {
    throw new Usage(`"${path}" cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
  return (text) => appendFileSync(path, text);
}

function toOutput(text: string): void {
  // The line of progress is not finished; what is written stands in its place.
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stdout.write(text);
}

/** Who reads the output may have enough of it, as `head` has: the run goes on, for its files and its exit code. */
function whenClosed(error: Error): void {
  if (!('code' in error) || error.code !== 'EPIPE') throw error;
}

function toErrors(text: string): void {
  process.stderr.write(text);
}
