/**
 * `mcp-replay html <results.json ...>`: pages from what `--reporter json` wrote. `name=results.json` gives a target another name.
 *
 *     --out <file>               default: the standard output
 *
 * Of one file it is the report on that target, of several a matrix of checks by targets. Exit codes: 0, or 2 for usage or a bad
 * file.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { BadFile } from '../replay/read.ts';
import { resultsSchema } from '../replay/reports/json.ts';
import { matrix } from '../replay/reports/page/matrix.ts';
import { page } from '../replay/reports/page/page.ts';
import { knownRequirements } from '../replay/reports/requirements.ts';
import type { Results } from '../replay/reports/results.ts';
import { parsedArgs, Usage } from '../replay/usage.ts';

const HELP = `mcp-replay html <results.json ...>: pages from what --reporter json wrote

  --out <file>               default: the standard output

name=results.json gives a target another name. Of one file it is the report on that target, of several a matrix of checks by
targets.
`;

/** @param args as given on the command line @returns the exit code */
export async function html(args: string[]): Promise<number> {
  const { values, positionals } = parsed(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [first, ...more] = positionals.map(read);
  if (!first) throw new Usage('the results are missing, as in: mcp-replay html results.json --out report.html');
  const text = more.length === 0 ? page({ ...first, requirements: knownRequirements() }) : matrix([first, ...more]);
  if (values.out === undefined) process.stdout.write(text);
  else writeFileSync(values.out, text);
  return 0;
}

function parsed(args: string[]) {
  return parsedArgs({
    args,
    allowPositionals: true,
    options: { out: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
}

/** `name=file`, unless that is a file itself. */
function read(given: string): Results {
  const [, name, path] = (!existsSync(given) && /^([^=]+)=(.+)$/.exec(given)) || [];
  const results = readFile(path ?? given);
  return name === undefined ? results : { ...results, target: name };
}

function readFile(file: string): Results {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BadFile(`${file}:1: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { data, error } = resultsSchema.safeParse(value);
  if (data) return data as Results;
  const [issue] = error.issues;
  throw new BadFile(`${file}:1: what --reporter json writes was expected: ${issue?.path.join('.')}: ${issue?.message}`);
}
