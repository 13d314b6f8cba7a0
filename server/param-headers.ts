/**
 * `x-mcp-header`: tool arguments mirrored into `Mcp-Param-*` headers
 * (2026-07-28, basic/transports/streamable-http, Custom Headers).
 */

import { isObject, quote } from './protocol.ts';

export interface ParamHeader {
  /** The header's name, lower case. */
  readonly header: string;
  readonly path: readonly string[];
  readonly type: 'string' | 'integer' | 'boolean';
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const MAPS = ['patternProperties', '$defs', 'definitions', 'dependentSchemas'];
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const SINGLES = [
  'items',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
];

/** Finds the mirrored arguments of a tool. @throws Error naming the first annotation that is not allowed */
export function paramHeaders(inputSchema: Record<string, unknown>): ParamHeader[] {
  const found: ParamHeader[] = [];
  walk(inputSchema, [], true);
  return found;

  function walk(schema: unknown, path: readonly string[], reachable: boolean): void {
    if (!isObject(schema)) return;
    if (Object.hasOwn(schema, 'x-mcp-header')) {
      const name = schema['x-mcp-header'];
      const where = path.length === 0 ? 'the schema itself' : `"${path.join('.')}"`;
      if (!reachable || path.length === 0) {
        throw new Error(
          `x-mcp-header ${quote(name)} stands at ${where}, and may stand only on properties reached through "properties"`,
        );
      }
      if (typeof name !== 'string' || !TOKEN.test(name)) {
        throw new Error(`x-mcp-header of ${where} must be an HTTP token, got ${quote(name)}`);
      }
      const type = schema.type;
      if (type !== 'string' && type !== 'integer' && type !== 'boolean') {
        throw new Error(`x-mcp-header "${name}" of ${where} needs type string, integer or boolean, got ${quote(type)}`);
      }
      const header = `mcp-param-${name.toLowerCase()}`;
      if (found.some((other) => other.header === header))
        throw new Error(`x-mcp-header "${name}" stands twice, names are compared without case`);
      found.push({ header, path, type });
    }
    if (isObject(schema.properties)) {
      for (const [name, child] of Object.entries(schema.properties)) walk(child, [...path, name], reachable);
    }
    for (const key of MAPS) {
      const map = schema[key];
      if (isObject(map)) for (const child of Object.values(map)) walk(child, path, false);
    }
    for (const key of LISTS) {
      const list = schema[key];
      if (Array.isArray(list)) for (const child of list) walk(child, path, false);
    }
    for (const key of SINGLES) walk(schema[key], path, false);
  }
}

/** Compares arguments and headers. @returns what does not agree, or undefined */
export function paramMismatch(wanted: readonly ParamHeader[], args: unknown, headers: Headers): string | undefined {
  for (const { header, path, type } of wanted) {
    let value: unknown = args;
    for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    const given = headers.get(header);
    if (value === undefined || value === null) {
      if (given !== null) return `Header ${header} is ${quote(given)}, but the argument "${path.join('.')}" is absent`;
      continue;
    }
    if (given === null) return `Header ${header} is missing, the argument "${path.join('.')}" is ${quote(value)}`;
    const text = headerText(given);
    if (text === undefined) return `Header ${header} is ${NOT_VALID}, got ${quote(given)}`;
    const same =
      type === 'integer' && typeof value === 'number'
        ? /^[+-]?\d+(\.0*)?$/.test(text) && Number(text) === value
        : text === String(value);
    if (!same) return `Header ${header} is ${quote(text)}, but the argument "${path.join('.')}" is ${quote(value)}`;
  }
  return undefined;
}

/** What a header value may be (Value Encoding). */
export const NOT_VALID = 'not valid; expected visible ASCII or =?base64?...?= of UTF-8';
const PLAIN = /^[\t\x20-\x7e]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a header value that may be `=?base64?...?=`. Strict, for a gateway may have decided on the header.
 * @returns undefined when it has other characters than a header may have, or the base64 cannot be decoded
 */
export function headerText(value: string): string | undefined {
  if (!PLAIN.test(value)) return undefined;
  if (!value.startsWith('=?base64?') || !value.endsWith('?=') || value.length < 11) return value;
  const body = value.slice(9, -2);
  try {
    const bytes = atob(body);
    // `atob` forgives spaces, missing padding and spare bits; what is encoded again must be what came.
    if (btoa(bytes) !== body) return undefined;
    return utf8.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
