/** Validation by the official schemas, without what they ask for beyond the specification. */

import { show } from '../match.ts';
import type { CheckName } from './checks.ts';
import type { Heard } from './heard.ts';

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What the schemas of `@modelcontextprotocol/core` have in common, whichever version of zod made them. */
export interface Official {
  safeParse(value: unknown): { success: boolean; error?: { issues: readonly Issue[] } | undefined };
}

/** @param own members that are judged elsewhere, or not at all since the revision does not know them */
export function fits(
  heard: Heard,
  schema: Official,
  value: unknown,
  check: CheckName,
  path: string,
  own: readonly string[] = [],
): boolean {
  const { error } = schema.safeParse(value);
  let valid = true;
  for (const issue of error?.issues ?? []) {
    if (isStricter(issue) || own.includes(String(issue.path[0]))) continue;
    valid = false;
    heard.tell(check, joined(path, issue.path), `${issue.message}, got ${show(at(value, issue.path))}`);
  }
  return valid;
}

/** Integers beyond 2^53 are integers, and base64 and times are judged by checks of their own. */
function isStricter({ code, path, message }: Issue): boolean {
  if (code === 'too_big' || code === 'too_small') return /\bint\b/.test(message);
  return message === 'Invalid Base64 string' || (code === 'invalid_format' && path.at(-1) === 'lastModified');
}

function joined(path: string, rest: readonly PropertyKey[]): string {
  return rest.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`),
    path,
  );
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (one, key) => (typeof one === 'object' && one !== null ? (one as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
}
