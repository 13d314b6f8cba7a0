/** Values made from schemas and templates, for those who only need one that is taken. */

import { isRecord } from './match.ts';

/** What stands for any text; nothing that a server would say by itself. */
export const TEXT = 'hello from mcp-replay';

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  time: '00:00:00Z',
  duration: 'PT1S',
  email: 'user@example.com',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  hostname: 'example.com',
  ipv4: '127.0.0.1',
  ipv6: '::1',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/** The names that an object must have. */
export function required(schema: unknown): string[] {
  const names = isRecord(schema) ? schema.required : undefined;
  return Array.isArray(names) ? names.filter((one) => typeof one === 'string') : [];
}

/**
 * A value that a JSON Schema admits, the smallest that comes to mind: of an object only what is required.
 *
 * @returns undefined where it is not plain from the schema, as with a pattern, `allOf` or a reference
 */
export function exampleOf(schema: unknown): unknown {
  if (!isRecord(schema)) return undefined;
  if ('const' in schema) return schema.const;
  if ('default' in schema) return schema.default;
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0];
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (['$ref', 'allOf', 'if', 'not', 'dependentRequired'].some((keyword) => keyword in schema)) return undefined;
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return choices.map(exampleOf).find((one) => one !== undefined);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number':
      return numberOf(schema, type === 'integer');
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'array':
      return listOf(schema);
    default:
      return type === 'object' || type === undefined ? objectOf(schema) : undefined;
  }
}

function textOf({ format, pattern, minLength, maxLength }: Record<string, unknown>): string | undefined {
  const text = typeof format === 'string' ? FORMATS[format] : TEXT;
  if (pattern !== undefined || text === undefined) return undefined;
  const padded = text.padEnd(typeof minLength === 'number' && format === undefined ? minLength : 0, '.');
  return typeof maxLength === 'number' ? padded.slice(0, maxLength) : padded;
}

function numberOf(schema: Record<string, unknown>, isInteger: boolean): number | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const step = isInteger ? 1 : 0.5;
  const least =
    typeof minimum === 'number' ? minimum : typeof exclusiveMinimum === 'number' ? exclusiveMinimum + step : undefined;
  const most =
    typeof maximum === 'number' ? maximum : typeof exclusiveMaximum === 'number' ? exclusiveMaximum - step : undefined;
  const unit = typeof multipleOf === 'number' ? multipleOf : isInteger ? 1 : undefined;
  const wanted = Math.min(Math.max(1, least ?? 1), most ?? Number.POSITIVE_INFINITY);
  const value = unit === undefined ? wanted : Math.ceil(wanted / unit) * unit;
  return (least ?? value) <= value && value <= (most ?? value) ? value : undefined;
}

function listOf({ minItems, items, uniqueItems }: Record<string, unknown>): unknown[] | undefined {
  const length = typeof minItems === 'number' ? minItems : 0;
  if (length === 0) return [];
  const one = exampleOf(items ?? {});
  return one === undefined || (uniqueItems === true && length > 1) ? undefined : Array.from({ length }, () => one);
}

function objectOf(schema: Record<string, unknown>): Record<string, unknown> | undefined {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const made = required(schema).map((name) => [name, exampleOf(properties[name])] as const);
  return made.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(made);
}

/** Names of the variables of a URI template. */
export function variablesOf(template: string): string[] {
  return [...template.matchAll(/\{([^}]*)\}/g)].map(([, name = '']) => name);
}

/**
 * A URI of a template: `known`, where it is one; else one in which each variable stands for itself.
 *
 * @param values of variables
 * @returns undefined where there is none, or the template says more than `{name}` and `{+name}`
 */
export function exampleUri(
  template: string,
  known?: string,
  values: Readonly<Record<string, string>> = {},
): string | undefined {
  const variables = variablesOf(template);
  if (!variables.every((name) => /^\+?\w+$/.test(name))) return undefined;
  if (known === undefined)
    return template.replaceAll(/\{\+?(\w+)\}/g, (_all, name: string) => encodeURIComponent(values[name] ?? '1'));
  const parts = template.split(/\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = parts.reduce(
    (all, part, index) => all + (variables[index - 1]?.[0] === '+' ? '.+' : '[^/?#]+') + part,
  );
  return new RegExp(`^${pattern}$`).test(known) ? known : undefined;
}
