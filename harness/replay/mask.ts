/** Secrets are in no output: what a run was given in confidence is replaced wherever it turns up, as a server may echo it. */

import { isRecord } from './match.ts';

const MASK = '***';
/** A shorter one is masked only where it is the whole text: it is in too many others by chance. */
const SHORTEST = 4;

/**
 * @param secrets values of headers and tokens. Of one with a scheme, as `Bearer abc`, its token is a secret too; of `Basic`, what it encodes.
 * @returns a function that gives a copy of any value of texts, arrays and plain objects (their keys too) with every secret as
 * `***`: as it is, as JSON and URLs write it, in base64 at any place of the encoded text, at the end of a text that was cut with
 * `...`, and over the limits of the chunks of a transcript. With no secret it gives back the value itself.
 */
export function masked(secrets: readonly string[]): <T>(value: T) => T {
  const values = [...new Set(secrets.map((secret) => secret.trim()).flatMap(partsOf))].filter((one) => one !== '');
  if (values.length === 0) return (value) => value;
  const short = new Set(values.filter(({ length }) => length < SHORTEST));
  const forms = [...new Set(values.filter(({ length }) => length >= SHORTEST).flatMap(formsOf))].sort(
    (one, other) => other.length - one.length,
  );
  const anywhere = forms.length > 0 ? new RegExp(forms.map(literal).join('|'), 'g') : undefined;

  const text = (given: string): string => {
    if (short.has(given)) return MASK;
    return withoutCutEnd(anywhere ? given.replace(anywhere, MASK) : given, forms);
  };
  const all = (given: unknown): unknown => {
    if (typeof given === 'string') return text(given);
    if (Array.isArray(given)) return (anywhere ? joined(given, anywhere) : given).map(all);
    if (!isRecord(given) || ArrayBuffer.isView(given)) return given;
    return Object.fromEntries(Object.entries(given).map(([key, value]) => [text(key), all(value)]));
  };
  return <T>(value: T) => all(value) as T;
}

function partsOf(secret: string): string[] {
  const [, scheme, token] = /^([A-Za-z][\w-]*)\s+(\S{4,})$/.exec(secret) ?? [];
  if (scheme === undefined || token === undefined) return [secret];
  if (scheme.toLowerCase() !== 'basic') return [secret, token];
  const pair = Buffer.from(token, 'base64').toString();
  const password = pair.slice(pair.indexOf(':') + 1);
  return [secret, token, pair, password];
}

function formsOf(secret: string): string[] {
  const percent = encodeURIComponent(secret.toWellFormed());
  const lower = percent.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    percent,
    lower,
    percent.replaceAll('%20', '+'),
    lower.replaceAll('%20', '+'),
    ...base64Of(secret),
  ];
}

/** Base64 encodes three bytes at a time, so a text has three looks, by where it begins; only what it alone decides is taken. */
function base64Of(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor(((before + bytes.length) * 8) / 6);
    const looks = [encoded.slice(from, to), ...(before === 0 ? [encoded] : [])];
    return looks.flatMap((look) => [look, look.replaceAll('+', '-').replaceAll('/', '_')]);
  });
}

/** What was cut in the middle of a secret still tells its beginning. */
function withoutCutEnd(text: string, forms: readonly string[]): string {
  const cut = /(?:\.\.\.|\u2026)"?$/.exec(text);
  if (!cut) return text;
  const kept = text.slice(0, cut.index);
  for (const form of forms)
    for (let length = form.length - 1; length >= SHORTEST; length--)
      if (kept.endsWith(form.slice(0, length))) return `${kept.slice(0, -length)}${MASK}${cut[0]}`;
  return text;
}

interface Chunk {
  what: 'chunk';
  exchange: number;
  text: string;
}

function isChunk(value: unknown): value is Chunk {
  return (
    isRecord(value) && value.what === 'chunk' && typeof value.exchange === 'number' && typeof value.text === 'string'
  );
}

/** The chunks of one answer are one text: a secret that begins in one and ends in another is masked where it begins. */
function joined(list: readonly unknown[], secret: RegExp): readonly unknown[] {
  const chunks = list.filter(isChunk);
  if (chunks.length < 2) return list;
  const replaced = new Map<unknown, Chunk>();
  for (const exchange of new Set(chunks.map((one) => one.exchange))) {
    const own = chunks.filter((one) => one.exchange === exchange);
    const whole = own.map(({ text }) => text).join('');
    const found = [...whole.matchAll(secret)].map((match) => ({
      from: match.index,
      to: match.index + match[0].length,
    }));
    if (found.length === 0) continue;
    let begin = 0;
    for (const chunk of own) {
      const end = begin + chunk.text.length;
      let text = '';
      let at = begin;
      for (const { from, to } of found) {
        if (to <= at || from >= end) continue;
        if (from >= at) text += whole.slice(at, from) + MASK;
        at = Math.min(to, end);
      }
      replaced.set(chunk, { ...chunk, text: text + whole.slice(at, end) });
      begin = end;
    }
  }
  return list.map((one) => replaced.get(one) ?? one);
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
