/** `x-mcp-header`: marks on parameters that clients repeat as headers. A tool that has a wrong one is dropped by clients. */

import { isRecord, show } from '../match.ts';
import type { Heard } from './heard.ts';

const MARK = 'x-mcp-header';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TYPES: readonly unknown[] = ['string', 'integer', 'boolean'];
/** Keywords that hold one schema, a list of schemas, or schemas by name. */
const ONE = [
  'items',
  'additionalItems',
  'contains',
  'additionalProperties',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
  'not',
  'if',
  'then',
  'else',
  'contentSchema',
];
const MANY = ['prefixItems', 'allOf', 'anyOf', 'oneOf', 'items'];
const NAMED = ['patternProperties', 'dependentSchemas', '$defs', 'definitions', 'dependencies'];

export function checkHeaderMarks(heard: Heard, schema: Record<string, unknown>, path: string): void {
  const seen = new Set<string>();
  /** @param reachable from the root by properties alone @param isRoot what is no property cannot be marked */
  const look = (part: unknown, at: string, reachable: boolean, isRoot = false): void => {
    if (!isRecord(part)) return;
    if (Object.hasOwn(part, MARK)) {
      const name = part[MARK];
      if (!reachable || isRoot) heard.tell('header-place', at, `has ${MARK} where properties alone do not lead to`);
      if (!TYPES.includes(part.type))
        heard.tell('header-type', at, `has ${MARK} and the type ${show(part.type)}, not string, integer or boolean`);
      if (typeof name !== 'string' || !TOKEN.test(name))
        heard.tell('header-name', `${at}.${MARK}`, `must be a token, got ${show(name)}`);
      else if (seen.has(name.toLowerCase())) heard.tell('header-name', `${at}.${MARK}`, `${show(name)} came before`);
      seen.add(String(name).toLowerCase());
    }
    if (isRecord(part.properties))
      for (const [name, one] of Object.entries(part.properties)) look(one, `${at}.properties.${name}`, reachable);
    for (const keyword of ONE) look(part[keyword], `${at}.${keyword}`, false);
    for (const keyword of MANY)
      if (Array.isArray(part[keyword]))
        for (const [index, one] of part[keyword].entries()) look(one, `${at}.${keyword}[${index}]`, false);
    for (const keyword of NAMED)
      if (isRecord(part[keyword]))
        for (const [name, one] of Object.entries(part[keyword])) look(one, `${at}.${keyword}.${name}`, false);
  };
  look(schema, path, true, true);
}
