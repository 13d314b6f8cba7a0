/**
 * Matchers: what an answer must be like. Plain values match themselves, objects match any object that has at least their
 * members, arrays match arrays of the same length; an object whose members begin with `$` says more.
 */

import { filtered } from './filters.ts';
import { inRange } from './scenario.ts';

export type Vars = Map<string, unknown>;

/** The reasons why a value does not match; none when it does. */
export function mismatches(expected: unknown, actual: unknown, vars: Vars, path = ''): string[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [told(path, expected, actual)];
    if (actual.length !== expected.length)
      return [`${at(path)} has ${actual.length} entries, expected ${expected.length}: ${show(actual)}`];
    return expected.flatMap((one, index) => mismatches(one, actual[index], vars, `${path}[${index}]`));
  }
  if (!isRecord(expected)) return Object.is(expected, actual) ? [] : [told(path, expected, actual)];
  const rules = Object.keys(expected).filter((key) => key.startsWith('$'));
  const ranges = Object.keys(expected).filter((key) => /^[<>=]*\d{4}-\d{2}-\d{2}/.test(key));
  if (ranges.length > 0) {
    const revision = String(vars.get('rev'));
    const chosen = ranges.find((key) => inRange(revision, key));
    return chosen === undefined ? [] : mismatches(expected[chosen], actual, vars, path);
  }
  const wrong = rules.flatMap((rule) => broken(rule, expected[rule], actual, vars, path));
  const members = Object.keys(expected).filter((key) => !key.startsWith('$'));
  if (members.length === 0 && rules.length > 0) return wrong;
  if (!isRecord(actual)) return [...wrong, told(path, expected, actual)];
  return [
    ...wrong,
    ...members.flatMap((key) =>
      mismatches(expected[key], own(actual, key), vars, path === '' ? key : `${path}.${key}`),
    ),
  ];
}

function broken(rule: string, value: unknown, actual: unknown, vars: Vars, path: string): string[] {
  const fail = (what: string) => [`${at(path)} ${what}, got ${show(actual)}`];
  switch (rule) {
    case '$exact':
      return JSON.stringify(value) === JSON.stringify(actual) ? [] : fail(`must be exactly ${show(value)}`);
    case '$any':
      return actual === undefined ? fail('must be there') : [];
    case '$absent':
      return actual === undefined ? [] : fail('must be absent');
    case '$type':
      return typeOf(actual) === value || (value === 'number' && typeOf(actual) === 'integer')
        ? []
        : fail(`must be of type ${String(value)}`);
    case '$re':
      return typeof actual === 'string' && pattern(String(value)).test(actual)
        ? []
        : fail(`must match /${String(value)}/`);
    case '$gt':
      return typeof actual === 'number' && actual > Number(value) ? [] : fail(`must be more than ${show(value)}`);
    case '$lt':
      return typeof actual === 'number' && actual < Number(value) ? [] : fail(`must be less than ${show(value)}`);
    case '$len': {
      const length = typeof actual === 'string' || Array.isArray(actual) ? actual.length : undefined;
      return mismatches(value, length, vars, `the length of ${at(path)}`);
    }
    case '$oneOf':
      return (value as unknown[]).some((one) => mismatches(one, actual, vars, path).length === 0)
        ? []
        : fail(`must be one of ${show(value)}`);
    case '$not':
      return mismatches(value, actual, vars, path).length > 0 ? [] : fail(`must not be ${show(value)}`);
    case '$contains':
      if (typeof actual === 'string') return actual.includes(String(value)) ? [] : fail(`must contain ${show(value)}`);
      return Array.isArray(actual) && actual.some((one) => mismatches(value, one, vars).length === 0)
        ? []
        : fail(`must contain ${show(value)}`);
    case '$each':
      return Array.isArray(actual)
        ? actual.flatMap((one, index) => mismatches(value, one, vars, `${path}[${index}]`))
        : fail('must be a list');
    case '$values':
      return isRecord(actual) ? mismatches(value, Object.values(actual), vars, path) : fail('must be an object');
    case '$containsAll': {
      const missing = (value as unknown[]).filter((one) => !(actual as unknown[] | undefined)?.includes?.(one));
      return missing.length === 0 ? [] : fail(`must contain ${show(missing)} too`);
    }
    case '$challenge': {
      const challenge = challengeOf(actual);
      return challenge ? mismatches(value, challenge, vars, path) : fail('must be a challenge (RFC 6750, 3)');
    }
    case '$all':
      return (value as unknown[]).flatMap((one) => mismatches(one, actual, vars, path));
    case '$capture':
      vars.set(String(value), actual);
      return [];
    case '$collect': {
      const list = vars.get(String(value));
      if (Array.isArray(list)) list.push(actual);
      else vars.set(String(value), [actual]);
      return [];
    }
    default:
      throw new Error(`no matcher is named "${rule}"`);
  }
}

/** A challenge as `Bearer error="...", scope="a b"`: its scheme, its parameters, and its scopes as a list. */
function challengeOf(header: unknown): Record<string, unknown> | undefined {
  const [, scheme, rest = ''] = /^([\w-]+)(?: +(.*))?$/.exec(String(header ?? '')) ?? [];
  if (scheme === undefined) return undefined;
  const found = [...rest.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/g)];
  const params = found.map(([, name = '', quoted, bare]) => [name.toLowerCase(), quoted ?? bare]);
  const named = Object.fromEntries(params) as Record<string, string>;
  return { scheme, ...named, ...(named.scope !== undefined && { scopes: named.scope.split(' ') }) };
}

/**
 * Puts variables in: `${name}`, `${name.member}`, `${name|filter}` (filters.ts); `{$merge: [a, b]}` is one object with the
 * members of all. @throws Error naming a variable that is not there
 */
export function fill<T>(template: T, vars: Vars): T {
  if (typeof template === 'string') {
    const whole = /^\$\{([^}]+)\}$/.exec(template);
    if (whole) return look(whole[1] as string, vars) as T;
    return template.replaceAll(/\$\{([^}]+)\}/g, (_all, name: string) => String(look(name, vars))) as T;
  }
  if (Array.isArray(template)) return template.map((one) => fill(one, vars)) as T;
  if (!isRecord(template)) return template;
  if (Array.isArray(template.$merge)) return Object.assign({}, ...fill(template.$merge, vars)) as T;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [fill(key, vars), fill(value, vars)])) as T;
}

function look(name: string, vars: Vars): unknown {
  const [path = '', ...filters] = name.split('|');
  const [first = '', ...rest] = path.split('.');
  if (!vars.has(first)) throw new Error(`no variable is named "${first}"; there are ${[...vars.keys()].join(', ')}`);
  const value = rest.reduce<unknown>(memberOf, vars.get(first));
  return filters.reduce<unknown>((before, filter) => filtered(before, filter, vars), value);
}

function memberOf(value: unknown, member: string): unknown {
  if (Array.isArray(value)) return value[Number(member)];
  return isRecord(value) ? own(value, member) : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The value at a path of members, as `params.progress`. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>(memberOf, value);
}

/** A regular expression; `(?i)` at its beginning makes case mean nothing. */
function pattern(text: string): RegExp {
  return text.startsWith('(?i)') ? new RegExp(text.slice(4), 'iu') : new RegExp(text, 'u');
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function told(path: string, expected: unknown, actual: unknown): string {
  return `${at(path)} must be ${show(expected)}, got ${show(actual)}`;
}

function at(path: string): string {
  return path === '' ? 'it' : path;
}

export function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}
