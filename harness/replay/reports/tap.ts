/** TAP 14: one test point for each run of a scenario, with its findings as YAML. */

import type { Outcome } from '../outcome.ts';
import { oneLine } from './printable.ts';
import type { Reporter } from './reporter.ts';
import { isFailure, isFinding, nameOf } from './results.ts';

export function tap(): Reporter {
  return {
    end({ outcomes, failOn, interrupted }) {
      const points = outcomes.flatMap((outcome, index) => {
        const said = isFailure(outcome.verdict, failOn) ? 'not ok' : 'ok';
        return [`${said} ${index + 1} - ${escaped(nameOf(outcome))}${directive(outcome)}`, ...diagnostic(outcome)];
      });
      const bail = interrupted ? ['Bail out! ended before all was run'] : [];
      return `${['TAP version 14', `1..${outcomes.length}`, ...points, ...bail].join('\n')}\n`;
    },
  };
}

function directive({ verdict, reason, checks }: Outcome): string {
  if (verdict === 'inconclusive') return ` # SKIP inconclusive: ${escaped(reason ?? checks[0]?.why[0] ?? '')}`;
  if (verdict !== 'skip' && verdict !== 'untestable') return '';
  return ` # SKIP ${escaped(reason ?? verdict)}`;
}

/** A text in JSON is the same text in YAML. */
function diagnostic({ verdict, checks }: Outcome): string[] {
  const findings = checks.filter((check) => isFinding(check.verdict));
  if (findings.length === 0) return [];
  return [
    '  ---',
    `  verdict: ${verdict}`,
    '  checks:',
    ...findings.flatMap(({ id, level, requirement, verdict: found, why }) => [
      `    - id: ${JSON.stringify(id)}`,
      `      level: ${level}`,
      `      verdict: ${found}`,
      `      requirement: ${JSON.stringify(requirement)}`,
      `      why: ${JSON.stringify(why)}`,
    ]),
    '  ...',
  ];
}

function escaped(text: string): string {
  return oneLine(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');
}
