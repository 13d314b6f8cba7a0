/**
 * `mcp-replay bind <url>`: proposes a bind file, which says what the scenarios' fixtures are on a server.
 *
 *     --out bind.yaml                 default: the standard output; a file that is there is left alone
 *     --header "authorization: ..."   sent with every request; its value is in no output
 *     --probe                         also uses what is read-only: tools that say so, prompts, resources
 *
 * Asks for the lists at each revision that the server speaks. Calls no tool, but with --probe those with readOnlyHint.
 *
 * Exit codes: 0 done, 2 usage, 3 no server answers, 5 it speaks no revision that is known.
 */

import { existsSync, writeFileSync } from 'node:fs';
import { merged, proposals } from '../replay/bind.ts';
import { bindYaml } from '../replay/bind-yaml.ts';
import { type Facts, factsOf } from '../replay/facts.ts';
import { probe } from '../replay/probe.ts';
import { isStateless } from '../replay/protocol.ts';
import { remoteOf } from '../replay/remote.ts';
import { REVISIONS } from '../replay/scenario.ts';
import { parsedArgs, Usage } from '../replay/usage.ts';

const HELP = `mcp-replay bind <url>: proposes which of the server's own tools the scenarios' fixtures are

  --out bind.yaml                 where to write it; default: the standard output
  --header "authorization: ..."   sent with every request
  --probe                         also uses what is read-only: tools that say so, prompts, resources
`;

/** @param args as given on the command line @returns the exit code */
export async function bind(args: string[]): Promise<number> {
  const { values, positionals } = parsed(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [address] = positionals;
  if (address === undefined || positionals.length > 1)
    throw new Usage('the URL of one server is wanted, as in: mcp-replay bind http://127.0.0.1:3000/mcp');
  const { target } = remoteOf(address, values);
  const { out } = values;
  if (out !== undefined && existsSync(out)) throw new Usage(`${out} is there already: name another file, or remove it`);
  const { origin, pathname } = new URL(address);
  const server = origin + pathname;

  const spoken: Facts[] = [];
  for (const revision of REVISIONS) {
    try {
      const facts = await factsOf(target, revision);
      if (facts) spoken.push(facts);
    } catch (error) {
      console.error(`${server} does not answer: ${error instanceof Error ? error.message : String(error)}`);
      return 3;
    }
  }
  // The last with sessions, for there all of a call comes on one stream.
  const used = spoken.findLast(({ revision }) => !isStateless(revision)) ?? spoken.at(-1);
  if (!used) {
    console.error(`${server} speaks none of ${REVISIONS.join(', ')}`);
    return 5;
  }
  const probed = values.probe ? await probe(target, used, (what) => console.error(`uses ${what}`)) : undefined;
  const proposed = proposals({ ...merged(spoken), probed });
  const text = bindYaml(proposed, `${server} (${spoken.map(({ revision }) => revision).join(', ')})`);
  if (out === undefined) process.stdout.write(text);
  else writeFileSync(out, text);
  const bound = proposed.filter(({ guess }) => guess?.sure).length;
  const perhaps = proposed.filter(({ guess }) => guess && !guess.sure).length;
  console.error(
    `${server}: ${bound} of ${proposed.length} fixtures bound, ${perhaps} perhaps, ${proposed.length - bound - perhaps} not found`,
  );
  return 0;
}

function parsed(args: string[]) {
  return parsedArgs({
    args,
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      header: { type: 'string', multiple: true },
      probe: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
}
