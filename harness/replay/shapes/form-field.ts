/** One field of a form: a text, a number, a boolean, or a choice of options. */

import { isRecord, show } from '../match.ts';
import type { Heard } from './heard.ts';
import { isIsoTime } from './uri.ts';

const FORMATS: readonly unknown[] = [undefined, 'email', 'uri', 'date', 'date-time'];
/** Keywords by which a field would be more than one value. */
const DEEP = ['properties', 'allOf', 'not', 'if', 'then', 'else', '$ref', 'patternProperties', 'prefixItems'];

type Field = Record<string, unknown>;

/** What of a field is wrong, as it is told. */
type Look = (fits: boolean, member: string, expected: string) => boolean;

export function checkField(heard: Heard, field: unknown, path: string): void {
  if (!isRecord(field)) {
    heard.tell('elicitation-field', path, `must be an object, got ${show(field)}`);
    return;
  }
  const look: Look = (fits, member, expected) => {
    if (!fits) heard.tell('elicitation-field', `${path}.${member}`, `must be ${expected}, got ${show(field[member])}`);
    return fits;
  };
  for (const keyword of DEEP)
    if (field[keyword] !== undefined) heard.tell('elicitation-keyword', path, `has ${keyword}`);
  look(isTextOrNone(field.title), 'title', 'a text');
  look(isTextOrNone(field.description), 'description', 'a text');
  const { type } = field;
  if (type === 'string') checkText(heard, field, path, look);
  else if (type === 'number' || type === 'integer') checkNumber(heard, field, path, look);
  else if (type === 'boolean')
    look(field.default === undefined || typeof field.default === 'boolean', 'default', 'a boolean');
  else if (type === 'array' && heard.revision >= '2025-11-25') checkChoices(heard, field, path, look);
  else look(false, 'type', `string, number, integer, boolean${heard.revision >= '2025-11-25' ? ' or array' : ''}`);
}

function checkText(heard: Heard, field: Field, path: string, look: Look): void {
  const { minLength, maxLength, format, oneOf } = field;
  const value = defaultOf(heard, field);
  look(isCountOrNone(minLength), 'minLength', 'an integer');
  look(isCountOrNone(maxLength), 'maxLength', 'an integer');
  look(FORMATS.includes(format), 'format', 'email, uri, date or date-time');
  checkRange(heard, path, minLength, maxLength);
  const isText = look(isTextOrNone(value), 'default', 'a text');
  const options = optionsOf(heard, field, 'enum', path, look) ?? titledOf(heard, oneOf, 'oneOf', path, look);
  if (!isText || typeof value !== 'string') return;
  const fits =
    (options?.includes(value) ?? true) &&
    [...value].length >= Number(minLength ?? 0) &&
    [...value].length <= Number(maxLength ?? Number.POSITIVE_INFINITY) &&
    hasFormat(value, format);
  checkDefault(heard, path, value, fits);
}

function checkNumber(heard: Heard, field: Field, path: string, look: Look): void {
  const { type, minimum, maximum } = field;
  const value = defaultOf(heard, field);
  look(isNumberOrNone(minimum), 'minimum', 'a number');
  look(isNumberOrNone(maximum), 'maximum', 'a number');
  checkRange(heard, path, minimum, maximum);
  if (!look(isNumberOrNone(value), 'default', 'a number') || typeof value !== 'number') return;
  const within =
    value >= Number(minimum ?? Number.NEGATIVE_INFINITY) && value <= Number(maximum ?? Number.POSITIVE_INFINITY);
  checkDefault(heard, path, value, within && (type === 'number' || Number.isInteger(value)));
}

/** Several of a list of options. */
function checkChoices(heard: Heard, field: Field, path: string, look: Look): void {
  const { items, minItems, maxItems, default: value } = field;
  look(isCountOrNone(minItems), 'minItems', 'an integer');
  look(isCountOrNone(maxItems), 'maxItems', 'an integer');
  checkRange(heard, path, minItems, maxItems);
  if (!look(isRecord(items) && (items.anyOf !== undefined || items.enum !== undefined), 'items', 'options of texts'))
    return;
  const choice = items as Field;
  const within: Look = (fits, member, expected) => {
    if (!fits)
      heard.tell('elicitation-field', `${path}.items.${member}`, `must be ${expected}, got ${show(choice[member])}`);
    return fits;
  };
  if (choice.enum !== undefined) within(choice.type === 'string', 'type', 'string');
  const options =
    optionsOf(heard, choice, 'enum', `${path}.items`, within) ??
    titledOf(heard, choice.anyOf, 'anyOf', `${path}.items`, within);
  const isList = value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'));
  if (!look(isList, 'default', 'a list of texts') || !Array.isArray(value)) return;
  const fits =
    value.every((one) => options?.includes(one) ?? true) &&
    value.length <= Number(maxItems ?? Number.POSITIVE_INFINITY) &&
    new Set(value).size === value.length;
  checkDefault(heard, path, value, fits);
}

/** @returns the options, or undefined where there are none */
function optionsOf(heard: Heard, field: Field, key: 'enum', path: string, look: Look): string[] | undefined {
  const options = field[key];
  if (options === undefined) return undefined;
  if (!look(Array.isArray(options) && options.every((one) => typeof one === 'string'), key, 'a list of texts'))
    return undefined;
  const texts = options as string[];
  checkOptions(heard, path, texts);
  const { enumNames } = field;
  if (enumNames === undefined) return texts;
  const areTexts = Array.isArray(enumNames) && enumNames.every((one) => typeof one === 'string');
  if (look(areTexts, 'enumNames', 'a list of texts') && (enumNames as string[]).length !== texts.length)
    heard.tell(
      'elicitation-options',
      `${path}.enumNames`,
      `names ${(enumNames as string[]).length} of ${texts.length}`,
    );
  return texts;
}

/** Options with titles, which came with 2025-11-25: before it they are keywords that nobody knows. */
function titledOf(
  heard: Heard,
  options: unknown,
  key: 'oneOf' | 'anyOf',
  path: string,
  look: Look,
): string[] | undefined {
  if (options === undefined || heard.revision < '2025-11-25') return undefined;
  const isTitled = (one: unknown) => isRecord(one) && typeof one.const === 'string' && typeof one.title === 'string';
  if (!look(Array.isArray(options) && options.every(isTitled), key, 'a list of {const, title}')) return undefined;
  const texts = (options as { const: string }[]).map((one) => one.const);
  checkOptions(heard, path, texts);
  return texts;
}

function checkOptions(heard: Heard, path: string, options: readonly string[]): void {
  if (options.length === 0) heard.tell('elicitation-options', path, 'has no options to choose from');
  if (new Set(options).size < options.length) heard.tell('elicitation-options', path, 'has an option twice');
}

function checkRange(heard: Heard, path: string, least: unknown, most: unknown): void {
  if (typeof least === 'number' && typeof most === 'number' && least > most)
    heard.tell('elicitation-options', path, `must be at least ${least} and at most ${most}, which nothing is`);
}

/** Before 2025-11-25 only booleans had a default: what others have so called is a keyword that nobody knows. */
function defaultOf({ revision }: Heard, field: Field): unknown {
  return revision < '2025-11-25' ? undefined : field.default;
}

function checkDefault(heard: Heard, path: string, value: unknown, fits: boolean): void {
  if (!fits) heard.tell('elicitation-default', `${path}.default`, `${show(value)} does not fit the field`);
}

function hasFormat(value: string, format: unknown): boolean {
  if (format === 'email') return /^\S+@\S+$/.test(value);
  if (format === 'uri') return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(value);
  if (format === 'date') return /^\d{4}-\d{2}-\d{2}$/.test(value) && isIsoTime(value);
  return format !== 'date-time' || (/[Tt]/.test(value) && isIsoTime(value));
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isNumberOrNone(value: unknown): boolean {
  return value === undefined || Number.isFinite(value);
}

function isCountOrNone(value: unknown): boolean {
  return value === undefined || (Number.isInteger(value) && Number(value) >= 0);
}
