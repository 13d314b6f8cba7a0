/** What `${name|filter}` makes of a variable: forms of a value that a scenario needs and cannot write, for it learns the value in the run. */

import { type Vars, valueAt } from './match.ts';
import { mirroredOf } from './mirrored.ts';
import { claimsOf } from './tokens.ts';

const encoder = new TextEncoder();

const FILTERS: Record<string, (value: unknown, vars: Vars, word: string) => unknown> = {
  /** Base64 of its UTF-8. */
  base64: (value) => btoa(String.fromCharCode(...encoder.encode(String(value)))),
  /** The same text for whoever does not look at the case of letters. */
  swapcase: (value) =>
    String(value).replaceAll(/[a-z]+|[A-Z]+/g, (run) => (run > 'Z' ? run.toUpperCase() : run.toLowerCase())),
  lower: (value) => String(value).toLowerCase(),
  /** `${args|marked:here}`: an object, each text of which ends with a mark. */
  marked: (value, _vars, word) =>
    Object.fromEntries(
      Object.entries(value ?? {}).map(([key, one]) => [key, typeof one === 'string' ? `${one}-${word}` : one]),
    ),
  /** `${letter|times:3}`: so often, one behind the other. */
  times: (value, _vars, word) => String(value).repeat(Number(word)),
  /** The token of the role of this name. */
  token: (role, vars) => valueAt(vars.get('tokens'), String(role)),
  /** Whose a JWT is. */
  subject: (token) => claimsOf(String(token))?.sub,
  /** ms of so many seconds. */
  seconds: (value) => Number(value) * 1000,
  /** Without its last four characters. */
  shortened: (value) => String(value).slice(0, -4),
  /** With another character in the middle. */
  altered(value) {
    const text = String(value);
    const middle = Math.floor(text.length / 2);
    return `${text.slice(0, middle)}${text[middle] === 'A' ? 'B' : 'A'}${text.slice(middle + 1)}`;
  },
  /** The arguments of the tool of this name that are repeated in headers. */
  mirrored(name, vars) {
    const tools = valueAt(vars.get('facts'), 'tools');
    const tool = Array.isArray(tools) ? tools.find((one) => valueAt(one, 'name') === name) : undefined;
    return mirroredOf(valueAt(tool, 'inputSchema'));
  },
};

/** @throws Error naming a filter that is not there */
export function filtered(value: unknown, given: string, vars: Vars): unknown {
  const [name = '', word = ''] = given.split(':');
  const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (!filter) throw new Error(`no filter is named "${name}"; there are ${Object.keys(FILTERS).join(', ')}`);
  return filter(value, vars, word);
}
