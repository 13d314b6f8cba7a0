/**
 * Which of a server's own tools, prompts and resources the scenarios' fixtures could be: told by the official suite's names,
 * by what the lists say of each, and by what a probe has seen.
 *
 * A proposal is sure where running it does no harm and it will do what the scenarios need; everything else is a hint for
 * whoever writes the bind file.
 */

import { ownBind } from './bundled.ts';
import { exampleOf, exampleUri, required } from './examples.ts';
import type { Bind, Fixture } from './facts.ts';
import { isRecord } from './match.ts';
import type { Probed } from './probe.ts';

type Entry = Readonly<Record<string, unknown>>;

/** The entries of a server's lists, as they came; `Facts` is one. */
export interface Listing {
  readonly tools: readonly Entry[];
  readonly prompts: readonly Entry[];
  readonly resources: readonly Entry[];
  readonly templates: readonly Entry[];
  /** What its read-only parts did when they were used. */
  readonly probed?: Probed | undefined;
}

export interface Proposal {
  /** The fixture's name. */
  readonly name: string;
  /** What a fixture of this name has to do. */
  readonly does: string;
  /** Absent where nothing of the server's looks like it. */
  readonly guess?: Guess;
}

export interface Guess {
  readonly fixture: Fixture;
  readonly why: string;
  /** Whether it goes into a bind file without anybody having looked at it. */
  readonly sure: boolean;
}

interface Wanted {
  readonly does: string;
  find?(server: Server): Guess | undefined;
}

/** What a bind file can name, and how it is recognized where it has no official name. */
const WANTED: Readonly<Record<string, Wanted>> = {
  text: { does: 'a tool that answers with a text', find: findText },
  echo: { does: 'a tool whose answer contains the text that it is given', find: findEcho },
  arguments: { does: 'a tool that cannot do without an argument', find: findArguments },
  structured: { does: 'a tool with an outputSchema', find: findStructured },
  'param-header': { does: 'a tool with an argument that a header repeats (x-mcp-header)', find: findParamHeader },
  image: { does: 'a tool that answers with an image', find: findContent('image', /\bimages?\b/) },
  audio: { does: 'a tool that answers with a sound', find: findContent('audio', /\b(audio|sounds?)\b/) },
  embedded: {
    does: 'a tool that answers with an embedded resource',
    find: findContent('resource', /\bembedded resources?\b/),
  },
  mixed: { does: 'a tool that answers with a text, an image and an embedded resource', find: findMixed },
  failing: { does: 'a tool that fails, every time', find: findFailing },
  progress: {
    does: 'a tool that reports progress three times, about 50 ms apart, then answers',
    find: findTalking('progress', 3, 3, /\b(progress|countdown|count down|long running)\b/),
  },
  logging: {
    does: 'a tool that logs three messages while it works',
    find: findTalking('logs', 3, 3, /\b(logging|logs?)\b/),
  },
  'logging-once': { does: 'a tool that logs one message', find: findTalking('logs', 1, 1, /\b(logging|logs?)\b/) },
  reconnection: { does: 'a tool that closes its stream, and answers about 100 ms later to whoever comes back' },
  slow: {
    does: 'a tool that works for a second or more, unless it is cancelled',
    find: findSlow,
  },
  flood: { does: 'a tool that says 200 messages of 20,000 characters as progress, as fast as they are taken' },
  sampling: { does: "a tool that puts a prompt to the client's model", find: findNamed(/\b(sampl\w+|llm)\b/) },
  elicitation: { does: 'a tool that asks the user', find: findNamed(/\belicit\w*\b/) },
  'elicitation-defaults': { does: 'a tool that asks the user, with a default for each type of field' },
  'elicitation-enums': { does: 'a tool that asks the user, with each form of enum' },
  'elicitation-url': { does: 'a tool that asks the user to open a URL' },
  'missing-capability': { does: 'a tool that serves only clients that declare sampling' },
  'tool-change': { does: 'a tool that announces that the list of tools changed' },
  'prompt-change': { does: 'a tool that announces that the list of prompts changed' },
  'ask-elicitation': { does: 'a tool that asks the user by input_required (2026-07-28)' },
  'ask-sampling': { does: "a tool that asks the client's model by input_required (2026-07-28)" },
  'ask-roots': { does: 'a tool that asks for the roots by input_required (2026-07-28)' },
  'ask-state': { does: 'a tool whose input_required comes with requestState (2026-07-28)' },
  'ask-several': { does: 'a tool that asks several things in one round (2026-07-28)' },
  'ask-rounds': { does: 'a tool that asks in two rounds (2026-07-28)' },
  'ask-tampered': { does: 'a tool that refuses requestState that was changed (2026-07-28)' },
  'ask-capabilities': { does: 'a tool that asks only what the client declared (2026-07-28)' },
  'text-resource': { does: 'a resource of text', find: findResource('text', /^(text\/|application\/(json|xml|yaml))/) },
  'binary-resource': {
    does: 'a resource of bytes',
    find: findResource('blob', /^(image|audio|video|font)\/(?!svg)|^application\/(octet-stream|pdf|zip|gzip)/),
  },
  'watched-resource': { does: 'a resource that can be subscribed to and changes every few seconds' },
  template: { does: 'a template of resources, with the URI of one', find: findTemplate },
  prompt: { does: 'a prompt', find: findPrompt },
  'echo-prompt': { does: 'a prompt whose messages contain its arguments', find: findEchoPrompt },
  'embedded-prompt': { does: 'a prompt with an embedded resource' },
  'image-prompt': { does: 'a prompt with an image' },
  'ask-prompt': { does: 'a prompt that asks the user by input_required (2026-07-28)' },
  keywords: { does: "the official suite's tool whose input schema has the keywords of JSON Schema 2020-12" },
  scoped: { does: 'a tool that needs scopes, two if it can be, and answers who called it' },
  'scoped-question': { does: 'a tool that needs scopes, and asks the user' },
  'scoped-resource': { does: 'a resource that needs a scope' },
  'scoped-template': { does: 'a template of resources that needs a scope' },
  'scoped-prompt': { does: 'a prompt that needs a scope' },
  limited: { does: 'a tool with a rate of its own (--term tool=3, in a minute)' },
  holding: { does: 'a tool that works for half a minute, unless it is cancelled' },
  lasting: { does: 'a tool that works for three seconds' },
  'official-text': { does: "the official suite's tool of this kind, by its exact text" },
  'official-template': { does: "the official suite's template, by its exact texts" },
  'official-prompt': { does: "the official suite's prompt with arguments, by its exact text" },
};

/** The fixtures that a server surely has: a bind file for a server about which nobody has said anything. */
export function propose(listing: Listing): Bind {
  const sure = proposals(listing).flatMap(({ name, guess }) => (guess?.sure ? [[name, guess.fixture] as const] : []));
  return Object.fromEntries(sure);
}

/**
 * What each fixture could be on a server; one proposal for each fixture that there is.
 *
 * @param official the names of the official suite's example server
 */
export function proposals(listing: Listing, official: Bind = ownBind()): Proposal[] {
  const server = serverOf(listing);
  const names = new Set([...Object.keys(WANTED), ...Object.keys(official)]);
  return [...names].map((name) => {
    const { does = 'as its name says', find } = WANTED[name] ?? {};
    const guess = named(official[name], listing) ?? find?.(server);
    return { name, does, ...(guess && { guess }) };
  });
}

/** The lists of a server at several revisions as one; what a later one says of an entry counts. */
export function merged(listings: readonly Listing[]): Listing {
  const all = (list: 'tools' | 'prompts' | 'resources' | 'templates', member: string): Entry[] => {
    const entries = new Map<unknown, Entry>();
    for (const listing of listings) for (const entry of listing[list]) entries.set(entry[member], entry);
    return [...entries.values()];
  };
  return {
    tools: all('tools', 'name'),
    prompts: all('prompts', 'name'),
    resources: all('resources', 'uri'),
    templates: all('templates', 'uriTemplate'),
  };
}

/** The official fixture, where the server has it and takes the arguments that it is used with. */
function named(fixture: Fixture | undefined, { tools, prompts, resources, templates }: Listing): Guess | undefined {
  if (!fixture) return undefined;
  const found: Guess = { fixture, why: "this is its name in the official suite's server", sure: true };
  // Without arguments it may be meant to be refused; with some it must be the one that takes them.
  const suits = (args: Entry, wanted: readonly string[]) =>
    Object.keys(args).length === 0 || wanted.every((name) => name in args);
  if ('tool' in fixture) {
    const tool = tools.find(({ name }) => name === fixture.tool);
    return tool && suits(fixture.args, required(tool.inputSchema)) ? found : undefined;
  }
  if ('prompt' in fixture) {
    const prompt = prompts.find(({ name }) => name === fixture.prompt);
    return prompt && suits(fixture.args, needed(prompt)) ? found : undefined;
  }
  if ('resource' in fixture) return resources.some(({ uri }) => uri === fixture.resource) ? found : undefined;
  return templates.some(({ uriTemplate }) => uriTemplate === fixture.template) ? found : undefined;
}

// ---- tools --------------------------------------------------------------------------------------

interface Tool {
  readonly name: string;
  /** Its name, title and description, in words of small letters. */
  readonly words: string;
  /** It says that it is read-only, or its name is echo: then it hardly is anything else. */
  readonly isHarmless: boolean;
  readonly required: readonly string[];
  /** A header has to repeat an argument of it in 2026-07-28: only for the scenarios about that. */
  readonly hasHeader: boolean;
  readonly entry: Entry;
}

interface Server extends Listing {
  readonly tool: readonly Tool[];
}

function serverOf(listing: Listing): Server {
  const tool = listing.tools.flatMap((entry): Tool[] => {
    const { name, title, description, annotations, inputSchema } = entry;
    if (typeof name !== 'string') return [];
    const words = [name, title, description].filter((one) => typeof one === 'string').join(' ');
    return [
      {
        name,
        words: wordsOf(words),
        isHarmless: (isRecord(annotations) && annotations.readOnlyHint === true) || name.toLowerCase() === 'echo',
        required: required(inputSchema),
        hasHeader: hasHeader(inputSchema),
        entry,
      },
    ];
  });
  return { ...listing, tool };
}

/** A guess at a tool, with arguments made from its schema; undefined where none can be made. */
function guessed(tool: Tool, why: string, sure: boolean): Guess | undefined {
  const args = exampleOf(tool.entry.inputSchema ?? {});
  if (!isRecord(args)) return undefined;
  const hint = tool.isHarmless ? why : `${why}; it does not say that it is read-only`;
  return { fixture: { tool: tool.name, args }, why: hint, sure: sure && tool.isHarmless };
}

/** The first guess that is sure, else the first. */
function best(guesses: readonly (Guess | undefined)[]): Guess | undefined {
  const made = guesses.filter((one) => one !== undefined);
  return made.find(({ sure }) => sure) ?? made[0];
}

/** What may tell what is nobody's business: reports show what a tool answers. */
const SENSITIVE = /\b(env|environment|secrets?|tokens?|passwords?|credentials?)\b/;

function findText(server: Server): Guess | undefined {
  // Whoever quotes a text answers with one.
  const echo = findEcho(server);
  if (echo?.sure) return { ...echo, why: `${echo.why}: so it answers with a text` };
  const { tool, probed } = server;
  const free = tool.filter(({ required, hasHeader }) => required.length === 0 && !hasHeader);
  const guess = (one: Tool, why: string) =>
    SENSITIVE.test(one.words) ? guessed(one, `${why}; but it may tell secrets`, false) : guessed(one, why, true);
  const seen = free.filter(({ name }) => {
    const { types, isError } = probed?.tools.get(name) ?? {};
    return types?.[0] === 'text' && !isError;
  });
  const unseen = free.filter(({ name }) => !probed?.tools.has(name));
  const plain = unseen.filter(({ entry }) => entry.outputSchema === undefined);
  return best([
    ...seen.map((one) => guess(one, 'it answered the probe with a text')),
    ...[...plain, ...unseen].map((one) => guess(one, 'it needs no argument')),
    echo,
  ]);
}

function findEcho({ tool, probed }: Server): Guess | undefined {
  const takers = tool.filter(
    ({ required, hasHeader, entry }) => required.length === 1 && !hasHeader && isText(property(entry, required[0])),
  );
  const seen = takers.find(({ name }) => probed?.tools.get(name)?.quotes);
  if (seen) return guessed(seen, 'its answer to the probe contained its argument', true);
  const unseen = takers.filter(({ name }) => !probed?.tools.has(name));
  const echo = unseen.find(({ name }) => name.toLowerCase() === 'echo');
  if (echo) return guessed(echo, 'its name is echo, and it takes one text', true);
  const called = unseen.find(({ words }) => /\becho(es)?\b/.test(words));
  if (called) return guessed(called, 'it takes one text, and is said to echo', true);
  return best(unseen.map((one) => guessed(one, 'it takes one text, and may answer with it', false)));
}

function findArguments({ tool }: Server): Guess | undefined {
  const demanding = tool.filter(({ required, hasHeader }) => required.length > 0 && !hasHeader);
  return best(demanding.map((one) => guessed(one, `it requires ${one.required.join(', ')}`, true)));
}

function findStructured({ tool, probed }: Server): Guess | undefined {
  const structured = tool.filter(({ entry }) => isRecord(entry.outputSchema));
  const seen = structured.find(({ name }) => probed?.tools.get(name)?.isStructured);
  if (seen) return guessed(seen, 'it has an outputSchema, and answered the probe with structured content', true);
  // Made arguments may name what is not there, and an error is not structured.
  return best(
    structured
      .filter(({ name }) => !probed?.tools.has(name))
      .map((one) => guessed(one, 'it has an outputSchema', one.required.length === 0)),
  );
}

function findParamHeader({ tool }: Server): Guess | undefined {
  const marked = tool.filter((one) => one.hasHeader);
  return best(marked.map((one) => guessed(one, 'an argument of it has x-mcp-header', true)));
}

function findContent(type: string, words: RegExp) {
  return ({ tool, probed }: Server): Guess | undefined => {
    const having = tool.filter(({ name }) => probed?.tools.get(name)?.types.includes(type));
    const seen = having.find(({ name }) => new Set(probed?.tools.get(name)?.types).size === 1) ?? having[0];
    if (seen) return guessed(seen, `its answer to the probe had content of the type ${type}`, true);
    return called({ tool, probed }, words);
  };
}

function findMixed({ tool, probed }: Server): Guess | undefined {
  const types = ['text', 'image', 'resource'];
  const seen = tool.find(({ name }) => types.every((type) => probed?.tools.get(name)?.types.includes(type)));
  return seen && guessed(seen, 'its answer to the probe had content of all these types', true);
}

function findFailing({ tool, probed }: Server): Guess | undefined {
  const words = /\b(fail\w*|errors?|throws?)\b/;
  const seen = tool.find(({ name, words: said }) => probed?.tools.get(name)?.isError && words.test(said));
  if (seen) return guessed(seen, 'it failed when it was probed, as its description says', true);
  return called({ tool, probed }, words);
}

function findTalking(what: 'progress' | 'logs', least: number, most: number, words: RegExp) {
  return ({ tool, probed }: Server): Guess | undefined => {
    const count = (name: string) => probed?.tools.get(name)?.[what] ?? 0;
    const seen = tool.find(({ name }) => count(name) >= least && count(name) <= most);
    const told = what === 'progress' ? 'reported progress' : 'logged';
    const times = (number: number) => (number === 1 ? 'once' : `${number} times`);
    if (seen) return guessed(seen, `it ${told} ${times(count(seen.name))} when it was probed`, true);
    const other = tool.find(({ name }) => count(name) > 0);
    if (other) return guessed(other, `it ${told} ${times(count(other.name))} when it was probed`, false);
    return called({ tool, probed }, words);
  };
}

function findSlow({ tool, probed }: Server): Guess | undefined {
  const late = tool.find(({ name }) => probed?.late.has(name));
  if (late) return guessed(late, 'it had not answered the probe in time', false);
  return called({ tool, probed }, /\b(slow|sleep|delay|wait|long running)\b/);
}

function findNamed(words: RegExp) {
  return (server: Server): Guess | undefined => called(server, words);
}

/** A tool whose name, or else whose description, speaks of it, and that was not seen to do something else. */
function called({ tool, probed }: Pick<Server, 'tool' | 'probed'>, words: RegExp): Guess | undefined {
  const unseen = tool.filter(({ name }) => !probed?.tools.has(name));
  return best([
    ...unseen.filter(({ name }) => words.test(wordsOf(name))).map((one) => guessed(one, 'its name says so', false)),
    ...unseen.filter((one) => words.test(one.words)).map((one) => guessed(one, 'its description speaks of it', false)),
  ]);
}

function wordsOf(text: string): string {
  return text
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll(/[^A-Za-z0-9]+/g, ' ')
    .toLowerCase();
}

function property(entry: Entry, name: string | undefined): unknown {
  const { inputSchema } = entry;
  if (!isRecord(inputSchema) || !isRecord(inputSchema.properties) || name === undefined) return undefined;
  return Object.hasOwn(inputSchema.properties, name) ? inputSchema.properties[name] : undefined;
}

/** Any text will do. */
function isText(schema: unknown): boolean {
  if (!isRecord(schema) || schema.type !== 'string') return false;
  return !['enum', 'const', 'format', 'pattern', 'maxLength'].some((keyword) => keyword in schema);
}

function hasHeader(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(hasHeader);
  if (!isRecord(schema)) return false;
  return 'x-mcp-header' in schema || Object.values(schema).some(hasHeader);
}

// ---- resources ----------------------------------------------------------------------------------

function findResource(kind: 'text' | 'blob', types: RegExp) {
  return ({ resources, probed }: Server): Guess | undefined => {
    const guess = (entry: Entry | undefined, why: string, sure: boolean): Guess | undefined =>
      typeof entry?.uri === 'string' ? { fixture: { resource: entry.uri }, why, sure } : undefined;
    const seen = resources.find(({ uri }) => probed?.resources.get(String(uri)) === kind);
    if (seen) return guess(seen, `reading it gave ${kind === 'text' ? 'text' : 'bytes'}`, true);
    const unseen = resources.filter(({ uri }) => !probed?.resources.has(String(uri)));
    const typed = unseen.find(({ mimeType }) => typeof mimeType === 'string' && types.test(mimeType));
    if (typed) return guess(typed, `its mimeType is ${String(typed.mimeType)}`, true);
    return guess(
      unseen.find(({ mimeType }) => mimeType === undefined),
      'it does not say what it is',
      false,
    );
  };
}

function findTemplate({ templates, resources, probed }: Server): Guess | undefined {
  const uris = resources.flatMap(({ uri }) => (typeof uri === 'string' ? [uri] : []));
  return best(
    templates.flatMap(({ uriTemplate }): Guess[] => {
      if (typeof uriTemplate !== 'string') return [];
      const of = (uri: string, why: string, sure: boolean): Guess[] => [
        { fixture: { template: uriTemplate, uri }, why, sure },
      ];
      const read = probed?.templates.get(uriTemplate);
      if (read !== undefined) return of(read, 'it could be read', true);
      const listed = uris.find((uri) => exampleUri(uriTemplate, uri) !== undefined);
      if (listed !== undefined) return of(listed, 'a listed resource is of this template', true);
      const made = exampleUri(uriTemplate);
      return made === undefined ? [] : of(made, 'whether this one exists is not known', false);
    }),
  );
}

// ---- prompts ------------------------------------------------------------------------------------

function argumentsOf(prompt: Entry): Entry[] {
  return Array.isArray(prompt.arguments) ? prompt.arguments.filter(isRecord) : [];
}

function needed(prompt: Entry): string[] {
  return argumentsOf(prompt).flatMap(({ name, required }) =>
    required === true && typeof name === 'string' ? [name] : [],
  );
}

function promptWith(prompt: Entry, names: readonly string[], why: string, sure: boolean): Guess | undefined {
  const { name } = prompt;
  if (typeof name !== 'string') return undefined;
  const args = Object.fromEntries(names.map((one) => [one, `test-${one}`]));
  return { fixture: { prompt: name, args }, why, sure };
}

function findPrompt({ prompts, probed }: Server): Guess | undefined {
  const unspoilt = prompts.filter(({ name }) => probed?.prompts.get(String(name)) !== 'failed');
  return best([
    ...unspoilt
      .filter((one) => needed(one).length === 0)
      .map((one) => promptWith(one, [], 'it needs no argument', true)),
    ...unspoilt.map((one) => promptWith(one, needed(one), 'these arguments are made up', false)),
  ]);
}

function findEchoPrompt({ prompts, probed }: Server): Guess | undefined {
  const taking = prompts.filter((one) => argumentsOf(one).length > 0);
  const wanted = (one: Entry) => {
    const must = needed(one);
    return must.length > 0 ? must : argumentsOf(one).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  };
  const seen = taking.find(({ name }) => probed?.prompts.get(String(name)) === 'quotes');
  if (seen) return promptWith(seen, wanted(seen), 'its answer to the probe contained its arguments', true);
  const unseen = taking.filter(({ name }) => !probed?.prompts.has(String(name)));
  return best(unseen.map((one) => promptWith(one, wanted(one), 'it takes arguments, and may contain them', false)));
}
