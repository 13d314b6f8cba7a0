/** For people at a terminal: what is wrong as soon as it is known, with the evidence, and at the end all of it in short. */

import type { Outcome, Verdict } from '../outcome.ts';
import { frameLine, withoutRepeats } from './frames.ts';
import { oneLine } from './printable.ts';
import type { Looks, Reporter } from './reporter.ts';
import { byReason, findingsOf, isFinding, many, nameOf, type Results, summary } from './results.ts';
import { titleOf } from './titles.ts';

const MARKS: Record<Verdict, string> = {
  error: 'ERROR',
  fail: 'FAIL',
  inconclusive: 'unsure',
  warn: 'warn',
  note: 'note',
  untestable: 'untestable',
  skip: 'skip',
  pass: 'ok',
};
/** SGR codes: the eight colours that every terminal has. */
const COLOURS: Record<Verdict, string> = {
  error: '35;1',
  fail: '31;1',
  inconclusive: '33',
  warn: '33',
  note: '36',
  untestable: '2',
  skip: '2',
  pass: '32',
};
/** So many of the last frames of a run are shown. */
const FRAMES = 12;
/** So many runs are named in the summary of a check. */
const NAMED = 3;

export function pretty({ colour, quiet }: Looks): Reporter {
  const paint = (code: string, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const mark = (verdict: Verdict, width = 0) => paint(COLOURS[verdict], MARKS[verdict].padEnd(width));
  const dim = (text: string) => paint('2', text);

  const outcome = (one: Outcome): string => {
    const { verdict, reason, checks, transcript } = one;
    if (quiet && !isFinding(verdict)) return '';
    const lines = [`${mark(verdict, 10)} ${nameOf(one)}${reason ? dim(`: ${oneLine(reason)}`) : ''}`];
    for (const check of checks.filter((each) => isFinding(each.verdict))) {
      const rules = check.requirement.length > 0 ? `, ${check.requirement.join(', ')}` : '';
      lines.push(`  ${mark(check.verdict)} ${check.id} (${check.level}${rules})`);
      lines.push(...check.why.map((why) => `    ${oneLine(why)}`));
    }
    if (isFinding(verdict) && verdict !== 'note') {
      const frames = withoutRepeats(transcript);
      const left = frames.length - FRAMES;
      lines.push(dim(left > 0 ? `  on the wire, after ${left} more:` : '  on the wire:'));
      lines.push(...frames.slice(-FRAMES).map((event) => dim(`    ${frameLine(event)}`)));
    }
    return `${lines.join('\n')}\n`;
  };

  const end = ({ target, outcomes, interrupted }: Results): string => {
    const lines: string[] = [];
    const findings = findingsOf(outcomes);
    if (findings.length > 0) lines.push('', `${many(findings.length, 'check was', 'checks were')} found wanting:`);
    for (const { check, runs } of findings) {
      const title = runs[0] ? titleOf(check.id, runs[0].outcome) : '';
      lines.push(
        `  ${mark(check.verdict, 6)} ${check.id} (${[check.level, ...check.requirement].join(', ')}): ${title}`,
      );
      const [first] = check.why;
      if (first !== undefined) lines.push(`         ${oneLine(first)}`);
      const names = runs.slice(0, NAMED).map((run) => nameOf(run.outcome));
      const more = runs.length - names.length;
      lines.push(dim(`         in ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`));
    }
    const untested = byReason(outcomes.filter(({ verdict }) => verdict === 'untestable'));
    if (untested.size > 0) lines.push('', 'Not tested:');
    for (const [reason, runs] of untested) lines.push(`  ${many(runs.length, 'run')}: ${oneLine(reason)}`);
    if (lines.length > 0) lines.push('');
    if (interrupted) lines.push('Ended before all was run.');
    return `${[...lines, `${target}: ${summary(outcomes)}`].join('\n')}\n`;
  };

  return { outcome, end };
}
