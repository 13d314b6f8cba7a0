/**
 * Looks at a deployment of an MCP server as an operator would, and says what is wrong and how to mend it.
 *
 *     npm run doctor                                   the configuration in this environment (MCP_*)
 *     npm run doctor -- https://mcp.test/mcp           a deployment, of any server, by its URL
 *     npm run doctor -- https://mcp.test/mcp --local   both
 *
 *     --header "authorization: ..."   sent to the deployment; its value is in no output. Several, a file of them (--headers), or
 *                                     the variable MCP_REPLAY_HEADERS
 *     --origin https://app.test       a browser's origin that shall be allowed; default: the deployment's own
 *     --wait 70                       watches idle streams for so many seconds; default: until the first heartbeat, at most 9
 *     --all                           also each thing that was found right
 *     --json                          a list of findings
 *
 * Takes less than 10 s without --wait. Begins sessions and ends them, calls no tool.
 *
 * Exit codes: 0 no error, 1 errors were found, 2 usage, 3 the deployment does not answer.
 */

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { examine } from './doctor/deployment.ts';
import { environmentFindings, type Knobs, secretsIn } from './doctor/environment.ts';
import type { Finding } from './doctor/finding.ts';
import { report, sorted } from './doctor/report.ts';
import { numberOf } from './replay/choice.ts';
import { masked } from './replay/mask.ts';
import { BadFile } from './replay/read.ts';
import { urlOf } from './replay/remote.ts';
import { parsedArgs, Usage } from './replay/usage.ts';

const HELP = `npm run doctor -- [url]: what is wrong with a deployment of an MCP server, or, without a URL, with the configuration in this environment

  --local                         both
  --header "authorization: ..."   sent to the deployment; --headers <file> for several, or the variable MCP_REPLAY_HEADERS
  --origin https://app.test       a browser's origin that shall be allowed; default: the deployment's own
  --wait 70                       watches idle streams for so many seconds
  --all                           also each thing that was found right
  --json                          a list of findings

Exit codes: 0 no error, 1 errors were found, 2 usage, 3 the deployment does not answer.
`;

/** @param args as given on the command line @returns the exit code @throws Usage, BadFile */
export async function doctor(args: string[]): Promise<number> {
  const { values, positionals } = parsed(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [address, more] = positionals;
  if (more !== undefined) throw new Usage('one URL is looked at, as in: npm run doctor -- http://127.0.0.1:3000/mcp');
  const wait = numberOf('wait', values.wait ?? '0', 0);
  const { origin } = values;
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).origin !== origin))
    throw new Usage(`--origin is like "https://app.test", got "${origin}"`);

  const findings: Finding[] = [];
  const secrets = secretsIn(process.env);
  let reachable = true;
  if (address !== undefined) {
    const { header, headers } = values;
    const examined = await examine(urlOf(address), { header, headers, origin, wait });
    findings.push(...examined.findings);
    secrets.push(...examined.secrets);
    reachable = examined.reachable;
  }
  if (address === undefined || values.local) {
    // Only here is the server needed: a deployment may be of any.
    const knobs: Knobs = await import('../server.ts');
    findings.push(...environmentFindings(process.env, knobs));
  }

  const shown = masked(secrets)(sorted(findings));
  const colour = process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  process.stdout.write(
    values.json ? `${JSON.stringify(shown, null, 1)}\n` : report(shown, { colour, all: values.all }),
  );
  if (!reachable) return 3;
  return shown.some(({ level }) => level === 'error') ? 1 : 0;
}

function parsed(args: string[]) {
  return parsedArgs({
    args,
    allowPositionals: true,
    options: {
      local: { type: 'boolean', default: false },
      header: { type: 'string', multiple: true },
      headers: { type: 'string' },
      origin: { type: 'string' },
      wait: { type: 'string' },
      all: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await doctor(process.argv.slice(2)).catch((error: unknown) => {
    if (error instanceof BadFile || error instanceof Usage) {
      console.error(error.message);
      return 2;
    }
    throw error;
  });
}
