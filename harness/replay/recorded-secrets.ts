/** What of a recording must never be written: what headers carried in confidence, and what looks like a token anywhere else. */

import { isRecord } from './match.ts';
import type { Recorded } from './recorder.ts';

/** Headers whose values are secrets, whatever they are. */
const SECRET_HEADERS = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'];
/** Members whose values are secrets in any message; those of the protocol, as `progressToken` and `nextCursor`, are none of them. */
const SECRET_MEMBER =
  /^(?:(?:access|refresh|id|auth|bearer|api|session|csrf)[_-]?token|token|password|passwd|secret|(?:client|api|app)[_-]?secret|(?:x[_-])?api[_-]?key|private[_-]?key|authorization|cookie)$/i;
/** Tokens that tell by their look what they are: after `Bearer`, JWTs, and those that well-known services give. */
const TOKEN_LOOKS =
  /\bBearer\s+([\w.~+/-]{8,}=*)|\b(eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*)|\b((?:sk|pk|rk)[-_][\w-]{16,})|\b(gh[pousr]_\w{20,}|github_pat_\w{20,})|\b(xox[abeprs]-[\w-]{10,})|\b(AKIA[0-9A-Z]{16})\b|\b(AIza[\w-]{30,})|\b(glpat-[\w-]{16,})|\b(npm_\w{30,})/g;

/** @param names further headers that carry secrets, in any case @returns every secret that the exchanges hold */
export function secretsOf(exchanges: readonly Recorded[], names: readonly string[]): string[] {
  const secrets = new Set<string>();
  const headers = new Set([...SECRET_HEADERS, ...names.map((name) => name.toLowerCase())]);
  for (const { headers: sent, body, arrivals } of exchanges) {
    for (const [name, value] of Object.entries(sent))
      if (headers.has(name)) for (const one of partsOf(name, value)) secrets.add(one);
    const given = arrivals?.answer.headers['set-cookie'];
    if (given !== undefined) for (const one of cookiesOf(given)) secrets.add(one);
    const texts = [body.toString(), arrivals?.text ?? ''];
    for (const one of arrivals?.all ?? []) if (one.kind === 'event') texts.push(one.data);
    for (const text of texts) look(text, secrets);
  }
  return [...secrets];
}

function partsOf(name: string, value: string): string[] {
  return name === 'cookie' ? [value, ...cookiesOf(value)] : [value];
}

/** The values of cookies; short ones say nothing of anybody, and would be masked where they stand for something else. */
function cookiesOf(line: string): string[] {
  return [...line.matchAll(/[^=;,\s]+=([^;,\s]{8,})/g)].map(([, value]) => value ?? '');
}

function look(text: string, secrets: Set<string>): void {
  for (const [, ...found] of text.matchAll(TOKEN_LOOKS))
    for (const one of found) if (one !== undefined) secrets.add(one);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  const walk = (one: unknown, key: string) => {
    if (typeof one === 'string' && SECRET_MEMBER.test(key) && one !== '') secrets.add(one);
    if (Array.isArray(one)) for (const entry of one) walk(entry, key);
    else if (isRecord(one)) for (const [name, member] of Object.entries(one)) walk(member, name);
  };
  walk(value, '');
}
