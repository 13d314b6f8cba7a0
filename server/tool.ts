/**
 * All that an author of tools, resources and prompts imports.
 *
 * A definition is written once and served on both eras: `tool()`, `resource()` and `prompt()` only
 * describe; the registry checks and compiles them at start.
 */

import { z } from 'zod';
import type {
  Annotations,
  ContentBlock,
  Icon,
  LogLevel,
  Meta,
  PromptMessage,
  PromptResult,
  ReadResult,
  Root,
  SamplingParams,
  SamplingResult,
  ToolResult,
} from './content.ts';

export type * from './content.ts';

// ---- what a handler gets -------------------------------------------------------------------------

/** Who calls, when the server asks for authorization. */
export interface Principal {
  /** The `sub` of the token. */
  subject: string;
  /** Those of the token, and those that they imply. */
  scopes: readonly string[];
  /** When the token ends, ms since the epoch; undefined for one that does not. */
  expires?: number | undefined;
  claims: Readonly<Record<string, unknown>>;
}

/** The capabilities a client may declare, the union of both revisions. Unknown members are kept in 2026-07-28. */
export interface ClientCapabilities {
  roots?: { listChanged?: boolean };
  sampling?: { context?: object; tools?: object };
  elicitation?: { form?: object; url?: object };
  extensions?: Record<string, object>;
  experimental?: Record<string, object>;
  [key: string]: unknown;
}

export interface ClientInfo {
  name: string;
  version: string;
}

/** Change notifications; each goes to the clients that may hear it: sessions with state, and matching listen streams. */
export interface Notify {
  toolsChanged(): void;
  promptsChanged(): void;
  resourcesChanged(): void;
  /** To those subscribed to `uri`, or to a URI it is a sub-resource of (a prefix that ends at `/`). */
  resourceUpdated(uri: string): void;
}

/** What one call may use. Each member is made when it is first touched, so an unused one costs nothing. */
export interface Context {
  /** Aborts when the call is cancelled; in 2026-07-28 also when the client hangs up. */
  readonly signal: AbortSignal;
  /** Waits `ms` milliseconds; rejects with the signal's reason when the call is cancelled. */
  sleep(ms: number): Promise<void>;
  /**
   * `fetch` that ends with the call and passes its trace context (`traceparent`, `tracestate`, `baggage`) on. Bounded for
   * each upstream in requests at once, in those that wait, and in time (`MCP_UPSTREAM_*`); private addresses are refused
   * unless the operator named them, also as the target of a redirect.
   *
   * @throws ToolError saying what the bound was, or that the address is private
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /**
   * Reports progress to a client that sent a progress token; otherwise nothing. Each `progress` must be larger than the
   * one before (spec: utilities/progress): one that is not is dropped. Resolves when the reader has taken what is queued
   * for it, so awaiting it makes a loop as fast as its reader and no faster.
   */
  progress(progress: number, total?: number, message?: string): Promise<void>;
  /** Sends a log message to a client that wants this level. Nothing secret belongs here. Resolves as `progress` does. */
  log(level: LogLevel, data: unknown, logger?: string): Promise<void>;
  /**
   * Asks the client's user, model or file system, in one round trip.
   *
   * In 2025-11-25 each question is a request on the call's stream and the handler waits. In 2026-07-28 the call ends as
   * `input_required`, and on the retry the handler **runs again from its start**: every `ask` answered so far returns at
   * once. So what stands before an `ask` must be safe to run twice, or be wrapped in `once`.
   *
   * @throws MissingCapability when the client cannot be asked and the question is not optional
   */
  ask<Q extends Questions>(questions: Q): Promise<Answers<Q>>;
  /**
   * Runs `make` once per call, also when an `ask` makes the handler run again: the result (small, JSON) travels, sealed,
   * with the client's retry.
   */
  once<T>(key: string, make: () => T | Promise<T>): Promise<T>;
  readonly notify: Notify;
  /** Undefined where the server asks for no authorization. */
  readonly principal: Principal | undefined;
  /** The 2025-era session; undefined in 2026-07-28 and when sessions are off. `key` is safe to log, unlike the id. */
  readonly session: { readonly key: string } | undefined;
  readonly client: { readonly info: ClientInfo | undefined; readonly capabilities: ClientCapabilities };
  readonly request: {
    readonly era: 'stateful' | 'stateless';
    /** The revision in force, for example `2025-11-25`. */
    readonly revision: string;
    /** The JSON-RPC id. */
    readonly id: string | number;
    readonly headers: Headers;
    /** The peer's address where the runtime tells it. */
    readonly address: string | undefined;
    /** `params._meta` as it came. */
    readonly meta: Meta;
    /** Cloudflare's request properties, on Workers. */
    readonly cf: unknown;
  };
  /**
   * Closes this call's connection, not the call: the client comes back after `retry_ms` (default 1,000) with
   * Last-Event-ID and finds what was sent meanwhile (SEP-1699). Only sessions at 2025-11-25 can come back; elsewhere
   * nothing happens.
   */
  closeStream(retry_ms?: number): void;
}

// ---- questions to the client ---------------------------------------------------------------------

/** A question that `ask` puts to the client; made by `elicit`, `elicitUrl`, `sample` and `roots`. */
export interface Question<A> {
  readonly method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list';
  readonly params: Record<string, unknown>;
  /** What the client must have declared. */
  readonly needs: ClientCapabilities;
  readonly optional: boolean;
  /** Turns the client's result into the answer. @throws Error saying what does not fit */
  read(result: unknown): A;
}

export type Questions = { readonly [key: string]: Question<unknown> };
export type Answers<Q extends Questions> = { [K in keyof Q]: Q[K] extends Question<infer A> ? A : never };

export type Elicited<T> = { action: 'accept'; content: T } | { action: 'decline' } | { action: 'cancel' };

interface Optional {
  /** Leave the question out, and answer it `undefined`, where the client cannot be asked. */
  optional: true;
}

const elicitResult = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).optional(),
});
const samplingResult = z.looseObject({
  role: z.enum(['user', 'assistant']),
  content: z.union([z.looseObject({ type: z.string() }), z.array(z.looseObject({ type: z.string() }))]),
  model: z.string(),
});
const rootsResult = z.looseObject({ roots: z.array(z.looseObject({ uri: z.string() })) });

/**
 * Asks the user to fill in a form (spec: client/elicitation, form mode).
 * `schema` is a flat object of strings, numbers, booleans and enums (`titled` for shown names). Never for secrets.
 */
export function elicit<S extends z.ZodObject>(message: string, schema: S): Question<Elicited<z.output<S>>>;
export function elicit<S extends z.ZodObject>(
  message: string,
  schema: S,
  options: Optional,
): Question<Elicited<z.output<S>> | undefined>;
export function elicit<S extends z.ZodObject>(
  message: string,
  schema: S,
  options?: Optional,
): Question<Elicited<z.output<S>>> {
  return {
    method: 'elicitation/create',
    params: { mode: 'form', message, requestedSchema: formSchema(schema) },
    needs: { elicitation: { form: {} } },
    optional: options?.optional === true,
    read(result) {
      const { action, content } = elicitResult.parse(result);
      return action === 'accept' ? { action, content: schema.parse(content ?? {}) } : { action };
    },
  };
}

/**
 * Asks the user to open a page, for what must not pass through the client (spec: client/elicitation, URL mode).
 * `accept` only says that the user agreed to open it.
 */
export function elicitUrl(message: string, url: string | URL): Question<{ action: 'accept' | 'decline' | 'cancel' }>;
export function elicitUrl(
  message: string,
  url: string | URL,
  options: Optional,
): Question<{ action: 'accept' | 'decline' | 'cancel' } | undefined>;
export function elicitUrl(
  message: string,
  url: string | URL,
  options?: Optional,
): Question<{ action: 'accept' | 'decline' | 'cancel' }> {
  return {
    method: 'elicitation/create',
    params: { mode: 'url', message, url: new URL(url).href },
    needs: { elicitation: { url: {} } },
    optional: options?.optional === true,
    read: (result) => ({ action: elicitResult.parse(result).action }),
  };
}

/** Asks the client's model for a completion (spec: client/sampling). `tools` need the client capability `sampling.tools`. */
export function sample(params: SamplingParams): Question<SamplingResult>;
export function sample(params: SamplingParams, options: Optional): Question<SamplingResult | undefined>;
export function sample(params: SamplingParams, options?: Optional): Question<SamplingResult> {
  const tooled = params.tools !== undefined || params.toolChoice !== undefined;
  return {
    method: 'sampling/createMessage',
    params: { ...params },
    needs: { sampling: tooled ? { tools: {} } : {} },
    optional: options?.optional === true,
    read: (result) => samplingResult.parse(result) as unknown as SamplingResult,
  };
}

/** Asks which folders the client works in (spec: client/roots). */
export function roots(): Question<Root[]>;
export function roots(options: Optional): Question<Root[] | undefined>;
export function roots(options?: Optional): Question<Root[]> {
  return {
    method: 'roots/list',
    params: {},
    needs: { roots: {} },
    optional: options?.optional === true,
    read: (result) => rootsResult.parse(result).roots as Root[],
  };
}

/**
 * A string enum whose values are shown by name: `titled({ eur: 'Euro', usd: 'US dollar' })`.
 * Within `z.array()` it is a choice of several.
 */
export function titled<const T extends Record<string, string>>(names: T): z.ZodEnum<{ [K in keyof T & string]: K }> {
  const options = Object.entries(names).map(([value, title]) => ({ const: value, title }));
  const values = Object.fromEntries(Object.keys(names).map((value) => [value, value]));
  return z.enum(values).meta({ oneOf: options }) as unknown as z.ZodEnum<{ [K in keyof T & string]: K }>;
}

const forms = new WeakMap<z.ZodObject, Record<string, unknown>>();

/** The requested schema of a form: flat, primitives only, refused otherwise when the question is made. */
function formSchema(schema: z.ZodObject): Record<string, unknown> {
  const known = forms.get(schema);
  if (known) return known;
  const {
    $schema: _dialect,
    additionalProperties: _closed,
    ...form
  } = z.toJSONSchema(schema, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.oneOf) delete jsonSchema.enum;
      const items = jsonSchema.items;
      if (jsonSchema.type === 'array' && typeof items === 'object' && 'oneOf' in items) {
        jsonSchema.items = { anyOf: items.oneOf } as typeof items;
      }
      // Safe-integer bounds that zod adds by itself say nothing to the person who fills in the form.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      // The form schema has `format` and no `pattern` (schema.ts, StringSchema).
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  for (const [name, property] of Object.entries(form.properties ?? {})) {
    const { type, items } = property as { type?: string; items?: { enum?: unknown; anyOf?: unknown } };
    const choice = type === 'array' && (items?.enum !== undefined || items?.anyOf !== undefined);
    if (!choice && type !== 'string' && type !== 'number' && type !== 'integer' && type !== 'boolean') {
      throw new TypeError(
        `Cannot ask for field ${JSON.stringify(name)} in a form: it is ${type ?? 'of no single type'}, and a form has strings, numbers, booleans and enums only`,
      );
    }
  }
  forms.set(schema, form);
  return form;
}

// ---- errors that handlers throw ------------------------------------------------------------------

/** The tool failed in a way the model should read: the call answers `isError: true` with this message. */
export class ToolError extends Error {
  override name = 'ToolError';
}

/** The call cannot be served; answered as a JSON-RPC error with this code, message and data. */
export class ProtocolError extends Error {
  override name = 'ProtocolError';
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** There is no such resource: -32002 up to 2025-11-25, -32602 from 2026-07-28. Returning `undefined` from a read says the same. */
export class ResourceNotFound extends Error {
  override name = 'ResourceNotFound';
  readonly uri: string;
  constructor(uri: string) {
    super(`Resource ${JSON.stringify(uri)} does not exist`);
    this.uri = uri;
  }
}

/** The client did not declare what an `ask` needs: -32021 in 2026-07-28, a tool error before. */
export class MissingCapability extends Error {
  override name = 'MissingCapability';
  readonly required: ClientCapabilities;
  constructor(required: ClientCapabilities) {
    super(`Cannot ask the client: it did not declare the capability ${JSON.stringify(required)}`);
    this.required = required;
  }
}

// ---- tools ---------------------------------------------------------------------------------------

/** Hints about a tool's behaviour (spec: server/tools, ToolAnnotations). Never a guarantee. */
export interface ToolAnnotations {
  title?: string;
  readOnlyHint?: boolean;
  destructiveHint?: boolean;
  idempotentHint?: boolean;
  openWorldHint?: boolean;
}

/** A zod object, or the shape of one as the official SDK takes it. */
export type InputSchema = z.ZodObject | z.ZodRawShape;
export type InputOf<S> = S extends z.ZodObject
  ? z.output<S>
  : S extends z.ZodRawShape
    ? z.output<z.ZodObject<S>>
    : Record<string, never>;
export type OutputOf<S> = S extends z.ZodType ? z.input<S> : S extends z.ZodRawShape ? z.input<z.ZodObject<S>> : never;

export interface ToolConfig<I, O> {
  title?: string;
  description: string;
  /** Absent: the tool takes no arguments. `.meta({ 'x-mcp-header': 'Region' })` on a field mirrors it into a header. */
  inputSchema?: I;
  /** Every result is checked against it; a result that breaks it is a bug of the tool (-32603). */
  outputSchema?: O;
  annotations?: ToolAnnotations;
  /**
   * The scopes that a caller needs, all of them: without, the tool is in no list, and a call answers 403 with the challenge
   * (authorization, Runtime Insufficient Scope Errors). Not served at all where the server asks for no authorization.
   */
  scopes?: readonly string[];
  /** Calls of one caller, for example `10/minute`, beside what the knobs allow. */
  rateLimit?: string;
  icons?: Icon[];
  _meta?: Meta;
}

type Structured<O> = O extends z.ZodType | z.ZodRawShape ? OutputOf<O> : { [key: string]: unknown };

/**
 * What a tool returns: a string, content blocks, a plain value (structured content: checked against `outputSchema`, its
 * JSON also as text), or a whole result, told by its `content` array. Nothing is an empty result.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is one way to answer
export type ToolReturn<O> = Structured<O> | ToolResult | (O extends undefined ? string | ContentBlock[] | void : never);

/** A tool, its types erased: what the registry takes. */
export interface Tool {
  readonly kind: 'tool';
  readonly name: string;
  readonly config: ToolConfig<InputSchema | undefined, z.ZodType | z.ZodRawShape | undefined>;
  readonly handler: (input: never, context: Context) => unknown;
}

/**
 * Defines a tool.
 * @param name 1 to 128 of `A-Za-z0-9_.-`, unique in the server
 */
export function tool<
  I extends InputSchema | undefined = undefined,
  O extends z.ZodType | z.ZodRawShape | undefined = undefined,
>(
  name: string,
  config: ToolConfig<I, O>,
  handler: (input: InputOf<I>, context: Context) => ToolReturn<O> | Promise<ToolReturn<O>>,
): Tool {
  return { kind: 'tool', name, config: config as Tool['config'], handler };
}

// ---- resources -----------------------------------------------------------------------------------

/** The variables of a URI template, read off its type: `weather://forecast/{city}` gives `{ city: string }`. */
export type Variables<T extends string> = string extends T
  ? Record<string, string>
  : T extends `${string}{${infer Expression}}${infer Rest}`
    ? { [K in Names<Expression>]: string } & Variables<Rest>
    : unknown;
type Names<E extends string> = E extends `${infer Operator}${infer Tail}`
  ? Operator extends '+' | '#' | '.' | '/' | ';' | '?' | '&'
    ? List<Tail>
    : List<E>
  : never;
type List<E extends string> = E extends `${infer Head},${infer Tail}` ? Bare<Head> | List<Tail> : Bare<E>;
type Bare<E extends string> = E extends `${infer Name}*` ? Name : E extends `${infer Name}:${string}` ? Name : E;

/** Suggests values for an argument; the first 100 are sent. `given` are the other arguments so far. */
export type Complete = (
  value: string,
  given: Readonly<Record<string, string>>,
) => readonly string[] | Promise<readonly string[]>;

/** How long, and by whom, a result may be kept (2026-07-28, server/utilities/caching). */
export interface CachePolicy {
  /** Milliseconds, default 0. */
  ttlMs?: number;
  /** `public` only for what is the same for everybody; default `private`. */
  cacheScope?: 'public' | 'private';
}

export interface ResourceConfig<T extends string> {
  title?: string;
  description?: string;
  mimeType?: string;
  annotations?: Annotations;
  icons?: Icon[];
  /** Bytes, when known. Not for templates. */
  size?: number;
  cache?: CachePolicy;
  /** The scopes that a reader needs, as a tool's. */
  scopes?: readonly string[];
  /** For a template: suggestions per variable. */
  complete?: { [K in keyof Variables<T>]?: Complete };
  _meta?: Meta;
}

/** What a read returns: text, bytes, a plain value (as JSON), whole contents, or `undefined` for "no such resource". */
export type ReadReturn = string | Uint8Array | ReadResult | { [key: string]: unknown } | undefined;

export interface Resource {
  readonly kind: 'resource';
  readonly name: string;
  /** A URI, or a template of RFC 6570 when it has a `{`. */
  readonly uri: string;
  readonly config: ResourceConfig<string>;
  readonly read: (uri: URL, variables: never, context: Context) => ReadReturn | Promise<ReadReturn>;
}

/**
 * Defines a resource (`test://static`) or a resource template (`weather://forecast/{city}`, RFC 6570).
 * Variables are decoded; a path variable never holds a `/` unless the template says `{+name}` or `{/name*}`.
 */
export function resource<const T extends string>(
  name: string,
  uri: T,
  config: ResourceConfig<T>,
  read: (uri: URL, variables: Variables<T>, context: Context) => ReadReturn | Promise<ReadReturn>,
): Resource {
  return { kind: 'resource', name, uri, config: config as ResourceConfig<string>, read };
}

// ---- prompts -------------------------------------------------------------------------------------

export interface PromptConfig<A> {
  title?: string;
  description?: string;
  /** Strings only (spec: prompts/get). Fields that are not optional are required. */
  argsSchema?: A;
  /** The scopes that a caller needs, as a tool's. */
  scopes?: readonly string[];
  icons?: Icon[];
  complete?: { [K in A extends z.ZodObject<infer S> ? keyof S : keyof A]?: Complete };
  _meta?: Meta;
}

/** What a prompt returns: the text of one user message, messages, or a whole result. */
export type PromptReturn = string | PromptMessage[] | PromptResult;

export interface Prompt {
  readonly kind: 'prompt';
  readonly name: string;
  readonly config: PromptConfig<InputSchema | undefined>;
  readonly handler: (args: never, context: Context) => PromptReturn | Promise<PromptReturn>;
}

export function prompt<A extends InputSchema | undefined = undefined>(
  name: string,
  config: PromptConfig<A>,
  handler: (args: InputOf<A>, context: Context) => PromptReturn | Promise<PromptReturn>,
): Prompt {
  return { kind: 'prompt', name, config: config as unknown as Prompt['config'], handler };
}

/** What a server serves (spec: server features). */
export type Feature = Tool | Resource | Prompt;
