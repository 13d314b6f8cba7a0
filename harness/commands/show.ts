/**
 * `mcp-replay show <run.jsonl>`: what `--transcript` wrote, as a time line for people.
 *
 *     --scenario session.*       scenarios by their ids
 *     --revision 2025-11-25      of one revision
 *     --verdict fail,warn        of these verdicts
 *     --full                     long frames are not cut
 *
 * Exit codes: 0 something was shown, 1 nothing is like that, 2 usage or a bad file.
 */

import { globOf } from '../replay/glob.ts';
import { VERDICTS, type Verdict } from '../replay/outcome.ts';
import { frameLine } from '../replay/reports/frames.ts';
import { oneLine } from '../replay/reports/printable.ts';
import { isFinding, nameOf } from '../replay/reports/results.ts';
import { readTranscript } from '../replay/reports/transcript.ts';
import { parsedArgs, Usage } from '../replay/usage.ts';

const HELP = `mcp-replay show <run.jsonl>: what --transcript wrote, as a time line for people

  --scenario session.*       scenarios by their ids
  --revision 2025-11-25      of one revision
  --verdict fail,warn        of these verdicts
  --full                     long frames are not cut

Exit codes: 0 something was shown, 1 nothing is like that, 2 usage or a bad file.
`;

/** @param args as given on the command line @returns the exit code */
export async function show(args: string[]): Promise<number> {
  const { values, positionals } = parsed(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [file, more] = positionals;
  if (file === undefined || more !== undefined)
    throw new Usage('one transcript is shown, as in: mcp-replay show run.jsonl');
  const scenario = values.scenario === undefined ? undefined : globOf(values.scenario);
  const verdicts = values.verdict?.split(',').map(verdictOf);
  const { head, outcomes } = readTranscript(file);
  const shown = outcomes.filter(
    (one) =>
      (scenario?.test(one.scenario) ?? true) &&
      (values.revision === undefined || one.revision === values.revision) &&
      (verdicts?.includes(one.verdict) ?? true),
  );
  if (head) console.log(`${oneLine(head.target)}, ${head.revisions.join(', ')}, ${head.started}`);
  for (const outcome of shown) {
    console.log(`\n${nameOf(outcome)}: ${outcome.verdict}${outcome.reason ? `: ${oneLine(outcome.reason)}` : ''}`);
    for (const { id, verdict, level, requirement, why } of outcome.checks.filter((one) => isFinding(one.verdict)))
      console.log(
        [`  ${verdict} ${id} (${[level, ...requirement].join(', ')})`, ...why.map((one) => `    ${oneLine(one)}`)].join(
          '\n',
        ),
      );
    for (const event of outcome.transcript)
      console.log(frameLine(event, values.full ? Number.POSITIVE_INFINITY : undefined));
  }
  if (shown.length === 0) console.error(`none of ${outcomes.length} runs is like that`);
  return shown.length === 0 ? 1 : 0;
}

function parsed(args: string[]) {
  return parsedArgs({
    args,
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      scenario: { type: 'string' },
      revision: { type: 'string' },
      verdict: { type: 'string' },
      full: { type: 'boolean', default: false },
    },
  });
}

function verdictOf(name: string): Verdict {
  const found = VERDICTS.find((verdict) => verdict === name.trim());
  if (!found) throw new Usage(`--verdict must be any of ${VERDICTS.join(', ')}, got "${name}"`);
  return found;
}
