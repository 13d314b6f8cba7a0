/** The words of the command line. */

import { parseArgs } from 'node:util';

export const PROFILES = ['smoke', 'ci', 'capacity', 'soak'] as const;
export const SERVERS = ['node', 'bun', 'deno', 'workerd'] as const;

export type Profile = (typeof PROFILES)[number];
export type ServerRuntime = (typeof SERVERS)[number];

export interface Arguments {
  readonly name: string;
  /** The MCP endpoint to load; undefined: a server is started. */
  readonly url: string | undefined;
  readonly profile: Profile;
  /** Undefined: k6 where it is on the PATH, else the script host. */
  readonly engine: 'k6' | 'host' | undefined;
  /** What the server that is started runs on. */
  readonly runtime: ServerRuntime;
  /** A result of before, to compare with. */
  readonly baseline: string | undefined;
  /** Where the result and its report go. */
  readonly out: string;
  /** What `-e` gave. */
  readonly pairs: Readonly<Record<string, string>>;
}

export const usage = (names: readonly string[]): string => `Usage: npm run load -- NAME [options]

NAME is one of ${names.join(', ')}.

      --url URL                        the MCP endpoint to load (or MCP_URL); without one a server is started
      --runtime ${SERVERS.join('|')}  of the server that is started; node by default
      --profile ${PROFILES.join('|')}          a set of knobs; that of the script, else ci
      --engine k6|host                 k6 where it is on the PATH, else the script host
      --baseline FILE                  a result of the same machine, engine and profile to compare with
      --out DIR                        for the result NAME-RUNTIME-TIME.json and its report (.html); load/results by default
  -e, --env NAME=VALUE                 a knob of the script or a setting of the target; may be repeated
  -h, --help

Exit codes are those of k6: 0 passed, 99 a threshold failed, 104 a wrong argument, 105 interrupted, 107 the script
threw, 108 the target cannot be loaded. 1 means that no server could be started or no result written.
`;

/**
 * @param names of the scripts that there are
 * @param environment names the target too (MCP_URL)
 * @returns undefined when help was asked for
 * @throws Error with one line
 */
export function readArguments(
  args: readonly string[],
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Arguments | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      runtime: { type: 'string' },
      profile: { type: 'string' },
      engine: { type: 'string' },
      baseline: { type: 'string' },
      out: { type: 'string' },
      env: { type: 'string', short: 'e', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const [name, ...rest] = positionals;
  if (name === undefined) throw new Error('Which script?');
  if (!names.includes(name)) throw new Error(`There is no script "${name}"`);
  if (rest.length > 0) throw new Error(`One script at a time, not also "${rest.join(' ')}"`);
  const pairs = readPairs(values.env ?? []);
  const url = values.url ?? pairs.MCP_URL ?? (environment.MCP_URL || undefined);
  if (url !== undefined && !/^https?:\/\/\S+$/.test(url)) throw new Error(`--url must be http or https, got "${url}"`);
  if (url !== undefined && values.runtime !== undefined)
    throw new Error('--runtime is for a server that is started, and --url names one that runs');
  return {
    name,
    url,
    profile: oneOf('--profile', values.profile ?? pairs.PROFILE, PROFILES) ?? ownProfile(name),
    engine: oneOf('--engine', values.engine, ['k6', 'host'] as const),
    runtime: oneOf('--runtime', values.runtime, SERVERS) ?? 'node',
    baseline: values.baseline,
    out: values.out ?? 'load/results',
    pairs,
  };
}

/** Two scripts are called as the profile that they are made for. */
function ownProfile(name: string): Profile {
  return PROFILES.find((profile) => profile === name) ?? 'ci';
}

function oneOf<T extends string>(flag: string, given: string | undefined, allowed: readonly T[]): T | undefined {
  if (given === undefined) return undefined;
  const found = allowed.find((one) => one === given);
  if (found === undefined) throw new Error(`${flag} must be ${allowed.join(', ')}, got "${given}"`);
  return found;
}

function readPairs(pairs: readonly string[]): Record<string, string> {
  const read: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new Error(`-e takes NAME=VALUE, got "${pair}"`);
    read[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return read;
}
