/** Findings for people at a terminal: by area, the worst first, what was found right in one line. */

import { oneLine } from '../replay/reports/printable.ts';
import { areaOf, type Finding, LEVELS, type Level } from './finding.ts';

const AREAS: Readonly<Record<string, string>> = {
  reach: 'Reachability',
  speak: 'Protocol',
  stream: 'Streams',
  auth: 'Authorization',
  origin: 'Origin, Host, CORS',
  answer: 'Answers',
  operator: 'Operator',
  local: 'Configuration',
};
/** SGR codes: the eight colours that every terminal has. */
const COLOURS: Readonly<Record<Level, string>> = { error: '31;1', warning: '33', info: '36', ok: '32' };
const WIDTH = Math.max(...LEVELS.map(({ length }) => length));

/** @param all also what was found right, each in a line of its own */
export function report(findings: readonly Finding[], { colour, all }: { colour: boolean; all: boolean }): string {
  const paint = (code: string, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const lines: string[] = [];
  for (const [area, title] of Object.entries(AREAS)) {
    const own = sorted(findings.filter((one) => areaOf(one) === area));
    if (own.length === 0) continue;
    lines.push('', paint('1', title));
    const shown = all ? own : own.filter(({ level }) => level !== 'ok');
    for (const { level, id, seen, mend } of shown) {
      lines.push(`  ${paint(COLOURS[level], level.padEnd(WIDTH))}  ${oneLine(seen)} ${paint('2', `[${id}]`)}`);
      if (mend !== undefined) lines.push(`  ${' '.repeat(WIDTH)}  ${paint('2', `mend: ${oneLine(mend)}`)}`);
    }
    const right = new Set(own.filter(({ level }) => level === 'ok').map(({ id }) => id.slice(area.length + 1)));
    if (!all && right.size > 0) lines.push(`  ${paint(COLOURS.ok, 'ok'.padEnd(WIDTH))}  ${[...right].join(', ')}`);
  }
  const names = findings.some((one) => areaOf(one) !== 'local' && one.mend?.includes('MCP_'));
  if (names) lines.push('', paint('2', 'MCP_* are knobs of this server; another has its own for the same.'));
  const counts = LEVELS.map((level) => `${findings.filter((one) => one.level === level).length} ${level}`);
  return `${[...lines, '', counts.join(', ')].join('\n').trimStart()}\n`;
}

/** The worst first, else in the order in which they came. */
export function sorted(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
}
