/** URIs (RFC 3986), their templates (RFC 6570), MIME types and base64: texts that have a grammar of their own. */

import { show } from '../match.ts';
import type { CheckName } from './checks.ts';
import type { Heard } from './heard.ts';

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;
/** Searched for, not matched to the end: a data: URI may be many megabytes long. */
const FOREIGN = /[^A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]|%(?![0-9A-Fa-f]{2})/;

/** What is no text is told by the schema of what holds it. */
export function checkUri(heard: Heard, value: unknown, path: string): void {
  if (typeof value !== 'string') return;
  if (!SCHEME.test(value)) heard.tell('uri', path, `must be a URI with a scheme, got ${show(value)}`);
  else if (FOREIGN.test(value) || value.indexOf('#') !== value.lastIndexOf('#'))
    heard.tell('uri-form', path, `has characters that a URI has only percent-encoded: ${show(value)}`);
}

/** What is longer than any template ought to be is not judged. */
const LONG = 10_000;
const VARIABLE = /^(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})+(?:\.(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})+)*(?:\*|:[1-9]\d{0,3})?$/;

export function checkTemplate(heard: Heard, value: unknown, path: string): void {
  if (typeof value !== 'string' || value.length > LONG) return;
  const why = brokenTemplate(value);
  if (why) heard.tell('uri-template', path, `${why}: ${show(value)}`);
}

function brokenTemplate(template: string): string | undefined {
  const [first = '', ...rest] = template.split('{');
  if (first.includes('}')) return 'has a brace that closes nothing';
  for (const part of rest) {
    const end = part.indexOf('}');
    if (end < 0) return 'has a brace that is not closed';
    if (part.includes('}', end + 1)) return 'has a brace that closes nothing';
    const variables = part.slice(0, end).replace(/^[+#./;?&]/, '');
    for (const variable of variables.split(','))
      if (!VARIABLE.test(variable)) return `has the expression {${part.slice(0, end)}}, which is none of RFC 6570`;
  }
  return undefined;
}

const MIME_TYPE = /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+(?:\s*;.*)?$/;

export function checkMimeType(heard: Heard, value: unknown, path: string, check: CheckName = 'mime-type-form'): void {
  if (typeof value === 'string' && !MIME_TYPE.test(value))
    heard.tell(check, path, `must be a MIME type, as text/plain, got ${show(value)}`);
}

/** Never backtracks, for what it looks at may be many megabytes long. */
export function checkBase64(heard: Heard, value: unknown, path: string): void {
  if (typeof value !== 'string') return;
  const body = value.replace(/={1,2}$/, '');
  if (value.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(body)) return;
  const dense = value.replaceAll(/\s/g, '');
  const bare = dense.replace(/={1,2}$/, '');
  const isShort = bare.length % 4 === 1 || (bare !== dense && dense.length % 4 !== 0);
  if (/[^A-Za-z0-9+/]/.test(bare) || isShort) heard.tell('base64', path, `must be base64, got ${show(value)}`);
  else heard.tell('base64-form', path, `must be base64 with its padding and without white space, got ${show(value)}`);
}

const DATE = String.raw`\d{4}(?:-?(?:0[1-9]|1[0-2])(?:-?(?:0[1-9]|[12]\d|3[01]))?)?`;
const TIME = String.raw`(?:[01]\d|2[0-4])(?::?[0-5]\d(?::?(?:[0-5]\d|60)(?:[.,]\d+)?)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?`;
const ISO_8601 = new RegExp(`^${DATE}(?:[Tt ]${TIME})?$`, 'i');

/** Whether a text is a date of ISO 8601, with a time or without. */
export function isIsoTime(value: string): boolean {
  return ISO_8601.test(value);
}
