/** For GitHub Actions: one annotation for each check that was found wanting, and a table for the summary of the job. */

import { VERDICTS, type Verdict } from '../outcome.ts';
import { oneLine, printable } from './printable.ts';
import type { Reporter } from './reporter.ts';
import { checksOf, counted, type Finding, findingsOf, isFailure, many, nameOf, type Results } from './results.ts';

/** So many runs are named in one annotation. */
const NAMED = 5;
/** Rows of the table; the summary of a job may hold 1 MiB. */
const MOST_ROWS = 200;

/** Workflow commands; GitHub shows ten of each kind for a step, so a check is told once, with the runs that it failed in. */
export function github(): Reporter {
  return {
    end({ outcomes, failOn }) {
      return findingsOf(outcomes)
        .map((finding) => `${annotation(finding, failOn)}\n`)
        .join('');
    },
  };
}

function annotation({ check, runs }: Finding, failOn: Results['failOn']): string {
  const { id, level, requirement, verdict, why } = check;
  const title = `${id} (${[level, ...requirement].join(', ')})`;
  const names = runs.slice(0, NAMED).map(({ outcome }) => `- ${nameOf(outcome)}`);
  const more = runs.length - names.length;
  const text = [...why, `in ${many(runs.length, 'run')}:`, ...names, ...(more > 0 ? [`and ${more} more`] : [])];
  return `::${commandOf(verdict, failOn)} title=${property(printable(title))}::${data(text.map(printable).join('\n'))}`;
}

function commandOf(verdict: Verdict, failOn: Results['failOn']): 'error' | 'warning' | 'notice' {
  if (isFailure(verdict, failOn)) return 'error';
  return verdict === 'note' ? 'notice' : 'warning';
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** Markdown for `$GITHUB_STEP_SUMMARY`. */
export function stepSummary({ target, outcomes, interrupted }: Results): string {
  const counts = counted(outcomes);
  const told = VERDICTS.filter((verdict) => counts[verdict] > 0);
  const findings = findingsOf(outcomes);
  const lines = [
    `## mcp-replay: ${cell(target)}`,
    '',
    `${many(outcomes.length, 'run')}, ${many(checksOf(outcomes), 'check')}${interrupted ? '; ended before all was run' : ''}`,
    '',
    ...table(
      ['verdict', 'runs'],
      told.map((verdict) => [verdict, String(counts[verdict])]),
    ),
  ];
  if (findings.length > 0) {
    const rows = findings
      .slice(0, MOST_ROWS)
      .map(({ check, runs }) => [
        check.verdict,
        cell(check.id),
        check.level,
        cell(check.requirement.join(', ')),
        cell([...new Set(runs.map(({ outcome }) => outcome.revision))].sort().join(', ')),
        String(runs.length),
        check.why.map(cell).join('<br>'),
      ]);
    lines.push('', ...table(['verdict', 'check', 'level', 'requirement', 'revisions', 'runs', 'why'], rows));
    if (findings.length > MOST_ROWS) lines.push('', `and ${findings.length - MOST_ROWS} more`);
  }
  return `${lines.join('\n')}\n`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
}

/** Text that is neither markup nor the end of a cell. */
function cell(text: string): string {
  return oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/[\\`*_{}[\]()#!|~@]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
