/** JUnit XML: one test case for each run of a scenario. */

import type { Outcome } from '../outcome.ts';
import { frameLine, withoutRepeats } from './frames.ts';
import type { Reporter } from './reporter.ts';
import { isFailure, isFinding, nameOf, type Results } from './results.ts';

export function junit(): Reporter {
  return {
    end(results) {
      const { outcomes, failOn, started } = results;
      const errors = outcomes.filter(({ verdict }) => verdict === 'error').length;
      const failures = outcomes.filter(({ verdict }) => isFailure(verdict, failOn)).length - errors;
      const skipped = outcomes.filter(isPassedOver).length;
      const counts = `tests="${outcomes.length}" failures="${failures}" errors="${errors}" skipped="${skipped}"`;
      const when = started === undefined ? '' : ` timestamp="${xml(started)}"`;
      return [
        '<?xml version="1.0" encoding="UTF-8"?>',
        `<testsuite name="mcp-replay" ${counts}${when}>`,
        ...outcomes.map((outcome) => testcase(outcome, results)),
        '</testsuite>',
        '',
      ].join('\n');
    },
  };
}

function testcase(outcome: Outcome, { target, failOn }: Results): string {
  const { verdict, reason, ms, revision } = outcome;
  const head = `<testcase classname="${xml(`${target} ${revision}`)}" name="${xml(nameOf(outcome))}" time="${(ms / 1000).toFixed(3)}"`;
  if (isPassedOver(outcome)) {
    const said =
      verdict === 'inconclusive' ? `inconclusive: ${wrong(outcome)[0] ?? reason ?? ''}` : (reason ?? verdict);
    return `${head}><skipped message="${xml(said)}"/></testcase>`;
  }
  const why = wrong(outcome);
  if (!isFailure(verdict, failOn))
    return why.length === 0 ? `${head}/>` : `${head}><system-out>${xml(why.join('\n'))}</system-out></testcase>`;
  const kind = verdict === 'error' ? 'error' : 'failure';
  const wire = withoutRepeats(outcome.transcript).map((event) => frameLine(event));
  return `${head}><${kind} message="${xml(why[0] ?? verdict)}" type="${verdict}">${xml(why.join('\n'))}</${kind}><system-out>${xml(wire.join('\n'))}</system-out></testcase>`;
}

function wrong({ checks }: Outcome): string[] {
  return checks
    .filter((check) => isFinding(check.verdict))
    .flatMap(({ id, level, requirement, verdict, why }) => {
      const named = `${verdict} ${id} (${[level, ...requirement].join(', ')})`;
      return why.length === 0 ? [named] : why.map((one) => `${named}: ${one}`);
    });
}

/** To JUnit, what told nothing is skipped. */
function isPassedOver({ verdict }: Outcome): boolean {
  return verdict === 'skip' || verdict === 'untestable' || verdict === 'inconclusive';
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u0020-\uFFFD]/g, '\uFFFD');
}
