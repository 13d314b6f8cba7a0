/**
 * What of a server's words holds again at the next time. What a client gives back becomes a variable, what time and chance
 * made becomes a pattern, and the rest stays as it was said.
 */

import { isRecord } from './match.ts';
import { REVISIONS } from './scenario.ts';

/** One thing that was said, in the order of time: by the client, or by the server at a place where it can be caught again. */
export interface Said {
  readonly at: number;
  readonly by: 'client' | 'server';
  readonly value: unknown;
  /** Of the server's: the exchange and message, as a `matcherOf` of it will name it. */
  readonly place: string;
  /** Of the server's: the method that is answered, or that it sends. */
  readonly method?: string | undefined;
}

/** Members whose values are words of the protocol or of a schema: a client that says them learnt them elsewhere. */
const WORDS = new Set([
  'type',
  'role',
  'mimeType',
  'method',
  'jsonrpc',
  'resultType',
  'protocolVersion',
  'level',
  'action',
  'cacheScope',
]);
/** Below these stands a JSON Schema. */
const SCHEMAS = new Set(['inputSchema', 'outputSchema', 'requestedSchema']);
/** What these answer is made by the server's author: names and descriptions do not change from one run to the next. */
const AUTHORED = new Set([
  'initialize',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'completion/complete',
]);
/** Names of variables that a run has itself, or that are too short to be told from others. */
const TAKEN = ['rev', 'uuid', 'target', 'facts', 'session', 'round', 'pages'];
const NAMES: Record<string, string> = { nextCursor: 'cursor', requestState: 'state' };
const LONGEST = 2000;
const MOST_ALIASES = 80;

export class Values {
  /** What is put in wherever the client says the value. */
  readonly #variables = new Map<unknown, { name: string; at: number }>();
  /** What is caught, by where it stands. */
  readonly #places = new Map<string, { name: string; value: unknown }>();
  readonly #taken = new Set(TAKEN);
  readonly #hide: (text: string) => string;
  readonly #host: string;
  readonly #remarks = new Set<string>();

  /**
   * @param said everything, in the order of time
   * @param host of the server, which the next server has not
   * @param hide masks secrets in a text
   */
  constructor(said: readonly Said[], { host, hide }: { host: string; hide: (text: string) => string }) {
    this.#hide = hide;
    this.#host = host;
    const heard = new Map<unknown, { place: string; key: string; at: number }>();
    const own = new Set<unknown>();
    for (const { at, by, value, place, method } of said) {
      walk(value, place, '', (one, where, key) => {
        if (by === 'client') {
          const origin = heard.get(one);
          if (origin && !this.#variables.has(one))
            this.#variables.set(one, { name: this.catch(one, origin.key, origin.place), at: origin.at });
          else if (!origin) {
            own.add(one);
            this.#lookInside(one, heard);
          }
        } else if (!own.has(one) && !heard.has(one) && canReturn(one, key, method))
          heard.set(one, { place: where, key, at });
      });
    }
  }

  /** What a reader of the file should know. */
  get remarks(): string[] {
    return [...this.#remarks];
  }

  /** Makes a variable of what stands at a place, which only who asks for it by that place puts in. @returns its name */
  catch(value: unknown, key: string, place: string): string {
    const known = this.#places.get(place);
    if (known) return known.name;
    const base = (NAMES[key] ?? key).replaceAll(/\W/g, '') || 'value';
    let name = base;
    for (let count = 2; this.#taken.has(name); count++) name = `${base}${count}`;
    this.#taken.add(name);
    this.#places.set(place, { name, value });
    return name;
  }

  /** The name of what is caught at a place. */
  at(place: string): string | undefined {
    return this.#places.get(place)?.name;
  }

  /** The values of all variables as they were: for a look at what a request will be. */
  get concrete(): Map<string, unknown> {
    return new Map([...this.#places.values()].map(({ name, value }) => [name, value]));
  }

  /** What a client said, with variables for what it had heard by then. */
  written(value: unknown, at: number): unknown {
    if (Array.isArray(value)) return value.map((one) => this.written(one, at));
    if (isRecord(value))
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.written(one, at)]));
    const known = this.#variables.get(value);
    if (known && known.at < at) return variable(known.name);
    if (typeof value !== 'string') return value;
    let text = value;
    for (const [heard, { name, at: since }] of this.#variables)
      if (typeof heard === 'string' && heard.length >= 8 && since < at) text = text.replaceAll(heard, variable(name));
    return this.#masked(text);
  }

  /**
   * The matcher of what a server said.
   *
   * @param method that is answered, or that the server sends
   * @param before variables caught before this time are known at this place
   */
  matcherOf(
    value: unknown,
    place: string,
    { method, before }: { method?: string | undefined; before: number },
    key = '',
  ): unknown {
    const captured = this.#places.get(place);
    if (captured) return { $type: typeof value === 'number' ? 'number' : 'string', $capture: captured.name };
    if (typeof value === 'string') return this.#textMatcher(value, key, method, before);
    if (typeof value === 'number') return this.#numberMatcher(value, key, before);
    if (Array.isArray(value))
      return value.map((one, index) => this.matcherOf(one, `${place}/${index}`, { method, before }, key));
    if (!isRecord(value)) return value;
    const members = Object.entries(value).filter(([name]) => !isRule(name));
    // What else it tells of itself changes with each release.
    if (/(?:^|\/)serverInfo$/.test(key)) return { name: value.name, version: { $type: 'string' } };
    return Object.fromEntries(
      members.map(([name, one]) => [
        name,
        this.matcherOf(one, `${place}/${name}`, { method: SCHEMAS.has(name) ? 'tools/list' : method, before }, name),
      ]),
    );
  }

  #textMatcher(text: string, key: string, method: string | undefined, before: number): unknown {
    const known = this.#variables.get(text);
    if (known) return known.at < before ? variable(known.name) : { $type: 'string' };
    if (text.length > LONGEST) return { $len: text.length };
    if (key !== 'data' && key !== 'blob' && isOpaque(text)) return { $type: 'string' };
    const hidden = this.#hide(text);
    const parts = hidden === text ? [text] : hidden.split('***');
    const sources = parts.map((part) => patternOf(part, AUTHORED.has(method ?? '')));
    const isPlain = parts.length === 1 && !sources[0]?.volatile && !text.includes('${');
    if (isPlain)
      return this.#host !== '' && text.includes(this.#host)
        ? text.replaceAll(this.#host, variable('target.host'))
        : text;
    return { $re: `^${sources.map(({ source }) => source).join('[\\s\\S]*')}$` };
  }

  #numberMatcher(value: number, key: string, before: number): unknown {
    const known = this.#variables.get(value);
    if (known) return known.at < before ? variable(known.name) : { $type: 'number' };
    return isOfTime(value, key) ? { $type: 'number' } : value;
  }

  #masked(text: string): string {
    const hidden = this.#hide(text);
    if (hidden !== text)
      this.#remarks.add('*** stands for a secret that the client sent in a message: put your own in its place');
    return hidden;
  }

  /** A client may have taken what it says out of a longer text; that cannot be caught, so that it stays as it was. */
  #lookInside(value: unknown, heard: ReadonlyMap<unknown, unknown>): void {
    if (typeof value !== 'string' || value.length < 8 || !patternOf(value, false).volatile) return;
    for (const text of heard.keys())
      if (typeof text === 'string' && text !== value && text.includes(value))
        this.#remarks.add(`"${this.#hide(value)}" was part of a text of the server: it is said again as it was`);
  }
}

function walk(
  value: unknown,
  place: string,
  key: string,
  visit: (value: unknown, place: string, key: string) => void,
): void {
  if (Array.isArray(value)) for (const [index, one] of value.entries()) walk(one, `${place}/${index}`, key, visit);
  else if (isRecord(value))
    for (const [name, one] of Object.entries(value)) {
      if (!isRule(name) && !SCHEMAS.has(name)) walk(one, `${place}/${name}`, name, visit);
    }
  else if (typeof value === 'string' || typeof value === 'number') visit(value, place, key);
}

/** Whether a client that says the same later is likely to have it from here. */
function canReturn(value: unknown, key: string, method: string | undefined): boolean {
  if (WORDS.has(key)) return false;
  if (typeof value === 'number') return value >= 1_000_000;
  if (typeof value !== 'string' || value === '') return false;
  if (/(?:id|cursor|token|state|handle)$/i.test(key)) return true;
  if (AUTHORED.has(method ?? '')) return patternOf(value, true).volatile;
  return value.length >= 3 && !/^[A-Za-z]{1,12}$/.test(value);
}

/** A member that a matcher would read as a rule or as a range of revisions. */
function isRule(name: string): boolean {
  return name.startsWith('$') || name.includes('${') || /^[<>=]*\d{4}-\d{2}-\d{2}/.test(name);
}

/** Made at random: no blank, and letters of both cases and digits all mixed. */
function isOpaque(text: string): boolean {
  return /^[\w+/=.~-]{20,}$/.test(text) && /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);
}

function isOfTime(value: number, key: string): boolean {
  if (/^(?:timestamp|time|duration|elapsed|uptime|took)(?:_?(?:ms|s|seconds|millis))?$/i.test(key)) return true;
  return Number.isInteger(value) && ((value > 1.5e9 && value < 2.5e9) || (value > 1.5e12 && value < 2.5e12));
}

/** What time and chance make in a text, and how it looks the next time. Durations only where no author wrote the text. */
const CHANCE: readonly [RegExp, string][] = [
  [
    /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i,
    '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
  ],
  [
    /\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?/,
    '\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:\\d{2}(?::\\d{2}(?:[.,]\\d+)?)?(?:Z|[+\\-]\\d{2}:?\\d{2})?',
  ],
  [
    /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT/,
    '\\w{3}, \\d{2} \\w{3} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT',
  ],
  [/\b\d{4}-\d{2}-\d{2}\b/, '\\d{4}-\\d{2}-\\d{2}'],
  [/\b\d{1,2}:\d{2}:\d{2}(?:\.\d+)?\b/, '\\d{1,2}:\\d{2}:\\d{2}(?:\\.\\d+)?'],
  [/\b\d{9,}\b/, '\\d+'],
  [/\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,}\b/, '[0-9a-f]+'],
];
const DURATION: readonly [RegExp, string] = [
  /\b\d+(?:\.\d+)?(?= ?(?:ms|µs|s|sec|secs|seconds?|milliseconds?|minutes?)\b)/,
  '\\d+(?:\\.\\d+)?',
];

/** A pattern for a text; not volatile where the text itself would do. */
function patternOf(text: string, isAuthored: boolean): { source: string; volatile: boolean } {
  if (text.length > LONGEST) return { source: literal(text), volatile: false };
  const kinds = isAuthored ? CHANCE : [...CHANCE, DURATION];
  let source = '';
  let volatile = false;
  let rest = text;
  while (rest !== '') {
    let first: { index: number; length: number; as: string } | undefined;
    for (const [look, as] of kinds) {
      const found = [...rest.matchAll(new RegExp(look, `${look.flags}g`))].find(([one]) => !isRevision(one));
      if (!found || (first && first.index <= found.index)) continue;
      first = { index: found.index, length: found[0].length, as };
    }
    if (!first) break;
    source += literal(rest.slice(0, first.index)) + first.as;
    rest = rest.slice(first.index + first.length);
    volatile = true;
  }
  return { source: source + literal(rest), volatile };
}

/** The dates that name revisions are no dates of anything that happened. */
function isRevision(text: string): boolean {
  return text === '2024-11-05' || REVISIONS.some((revision) => revision === text);
}

/** A text as a pattern with the flag `u` has it; without the beginning of a variable. */
function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** A variable as a scenario writes it. */
export function variable(name: string): string {
  return `\${${name}}`;
}

/** The same object each time for what is the same, so that a file says it once; anew now and then, for readers bound the uses of one. */
export class Shared {
  readonly #known = new Map<string, { value: unknown; uses: number }>();

  one<T>(value: T): T {
    const text = JSON.stringify(value);
    const known = this.#known.get(text);
    if (known && known.uses++ < MOST_ALIASES) return known.value as T;
    this.#known.set(text, { value, uses: 1 });
    return value;
  }
}
