/** A server at a URL, as the command line tells of it: its headers and tokens, its further nodes, what can be done to it. */

import { exec } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { BadFile } from './read.ts';
import { type Target, urlTarget } from './target.ts';
import { givenTokens, ROLES, signedTokens, type Tokens } from './tokens.ts';
import { Usage } from './usage.ts';

/** Options of every command that talks to a server, for `parseArgs`. */
export const REMOTE_OPTIONS = {
  header: { type: 'string', multiple: true },
  headers: { type: 'string' },
  node: { type: 'string', multiple: true },
  hook: { type: 'string', multiple: true },
  token: { type: 'string', multiple: true },
  'token-secret': { type: 'string' },
  'token-issuer': { type: 'string' },
  'token-scope': { type: 'string', multiple: true },
  term: { type: 'string', multiple: true },
} as const;

export interface RemoteValues {
  /** `name: value`, each sent with every request. */
  header?: string[] | undefined;
  /** A file of such lines. */
  headers?: string | undefined;
  /** `name=url` of a further node. */
  node?: string[] | undefined;
  /** `name=command`, run by the shell when a scenario asks for it. */
  hook?: string[] | undefined;
  /** `role=env:NAME` or `role=file:PATH`: a token by its role (tokens.ts). */
  token?: string[] | undefined;
  /** `env:NAME` or `file:PATH`: the secret by which tokens of every role are made. */
  'token-secret'?: string | undefined;
  'token-issuer'?: string | undefined;
  /** `base=...`, `fixtures=...` or `broad=...`, each with scopes. */
  'token-scope'?: string[] | undefined;
  /** `calls=30`: what the operator grants. */
  term?: string[] | undefined;
}

export interface Remote {
  readonly target: Target;
  /** What must be in no output. */
  readonly secrets: string[];
}

/** The environment variable that holds header lines too: tokens need not stand in any command line. */
const HEADERS_VARIABLE = 'MCP_REPLAY_HEADERS';
/** How long a hook may take; ms. */
const HOOK_MS = 60_000;

/** @throws Usage, BadFile */
export function remoteOf(address: string | undefined, values: RemoteValues): Remote {
  const headers = {
    ...headersOf(process.env[HEADERS_VARIABLE]?.split('\n') ?? [], HEADERS_VARIABLE),
    ...(values.headers !== undefined && fileHeaders(values.headers)),
    ...headersOf(values.header ?? [], '--header'),
  };
  const nodes = new Map(
    pairs(values.node ?? [], '--node', 'b=http://127.0.0.1:3001/mcp').map(([name, url]) => [
      name,
      urlTarget(urlOf(url), headers),
    ]),
  );
  const hooks = new Map(
    pairs(values.hook ?? [], '--hook', 'restart=systemctl restart mcp').map(([name, command]) => [
      name,
      async () => {
        await promisify(exec)(command, { timeout: HOOK_MS });
      },
    ]),
  );
  const { tokens, secrets } = tokensOf(urlOf(address), values);
  if (tokens && headers.authorization !== undefined)
    throw new Usage('a token comes by --token or by a header "authorization", not by both');
  const terms = new Map(pairs(values.term ?? [], '--term', 'calls=30').map(([name, count]) => [name, Number(count)]));
  const target = { ...urlTarget(urlOf(address), headers), nodes, hooks, terms, ...(tokens && { tokens }) };
  return { target, secrets: [...Object.values(headers), ...secrets] };
}

/** @throws Usage, BadFile */
function tokensOf(audience: string, values: RemoteValues): { tokens?: Tokens; secrets: string[] } {
  const given = pairs(values.token ?? [], '--token', 'user=env:TOKEN').map(([role, from]) => {
    if (!Object.hasOwn(ROLES, role))
      throw new Usage(`--token needs one of ${Object.keys(ROLES).join(', ')}, got "${role}"`);
    return [role, secretFrom('--token', from)] as const;
  });
  const secrets = given.map(([, token]) => token);
  if (values['token-secret'] === undefined)
    return given.length > 0 ? { tokens: givenTokens(new Map(given)), secrets } : { secrets };
  if (given.length > 0) throw new Usage('tokens come by --token or by --token-secret, not by both');
  const secret = secretFrom('--token-secret', values['token-secret']);
  const scopes = new Map(pairs(values['token-scope'] ?? [], '--token-scope', 'base=mcp'));
  const words = (name: string) => scopes.get(name)?.split(' ') ?? [];
  const signing = {
    secret,
    audience,
    issuer: values['token-issuer'] ?? '',
    scopes: { base: words('base'), fixtures: words('fixtures'), broad: scopes.get('broad') ?? '' },
  };
  return { tokens: signedTokens(signing), secrets: [secret] };
}

/** What no command line should hold. @throws Usage, BadFile */
function secretFrom(option: string, from: string): string {
  const [, kind, name = ''] = /^(env|file):(.+)$/.exec(from) ?? [];
  const text = kind === 'env' ? process.env[name] : kind === 'file' ? textOf(name) : undefined;
  const secret = text?.trim() ?? '';
  // What was given may be the secret itself, so it is not repeated.
  if (secret === '') throw new Usage(`${option} is read from env:NAME or file:PATH, and is not empty`);
  return secret;
}

/** @throws Usage */
export function urlOf(address: string | undefined): string {
  if (address === undefined)
    throw new Usage('the URL of a server is missing, as in: mcp-replay http://127.0.0.1:3000/mcp');
  if (!URL.canParse(address) || !/^https?:/.test(address)) throw new Usage(`"${address}" is not an http URL`);
  return address;
}

function fileHeaders(file: string): Record<string, string> {
  return headersOf(textOf(file).split('\n'), file);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BadFile(`${file}:1: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function headersOf(lines: readonly string[], from: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, value] = /^([^:\s]+):\s*(.+?)\s*$/.exec(line) ?? [];
    // The line itself may hold a secret, so it is not repeated.
    if (name === undefined || value === undefined) throw new Usage(`${from}:${index + 1}: expected "name: value"`);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function pairs(given: readonly string[], option: string, example: string): [string, string][] {
  return given.map((one) => {
    const [, name, value] = /^([\w-]+)=(.+)$/.exec(one) ?? [];
    if (name === undefined || value === undefined) throw new Usage(`${option} is like "${example}", got "${one}"`);
    return [name, value];
  });
}
