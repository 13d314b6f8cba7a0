/**
 * Everything served, compiled once: checked definitions, validators, JSON Schemas, encoded pages of every list for both
 * eras. A definition that cannot be served stops the start with a message that names it.
 */

import { z } from 'zod';
import { covers } from './auth.ts';
import { type ParamHeader, paramHeaders } from './param-headers.ts';
import { EncodedResult, isObject, META, type Params, quote } from './protocol.ts';
import type {
  CachePolicy,
  ClientInfo,
  Complete,
  Feature,
  InputSchema,
  Principal,
  Prompt,
  Resource,
  Tool,
} from './tool.ts';
import { ProtocolError } from './tool.ts';
import { type UriTemplate, uriTemplate } from './uri-template.ts';

/** A validator: the value as the handler gets it, or what is wrong in one line. */
export type Validate = (value: unknown) => { value: unknown } | { wrong: string };

export interface CompiledTool {
  readonly name: string;
  readonly handler: Tool['handler'];
  readonly input: Validate;
  readonly output: Validate | undefined;
  readonly headers: readonly ParamHeader[];
  readonly scopes: readonly string[];
  readonly rateLimit: string | undefined;
}

export interface CompiledResource {
  readonly resource: Resource;
  readonly scopes: readonly string[];
  /** Undefined for a fixed URI. */
  readonly template: UriTemplate | undefined;
  readonly cache: Required<CachePolicy>;
}

export interface CompiledPrompt {
  readonly prompt: Prompt;
  readonly scopes: readonly string[];
  readonly args: Validate;
  readonly names: readonly string[];
}

/** Pages of one list, as whole results, by era: what the scopes of a caller let it use. */
export interface Pages {
  stateful(cursor: unknown, principal: Principal | undefined): EncodedResult;
  stateless(cursor: unknown, principal: Principal | undefined): EncodedResult;
}

export interface ServerInfo extends ClientInfo {
  title?: string;
  description?: string;
  websiteUrl?: string;
  icons?: { src: string; mimeType?: string; sizes?: string[]; theme?: 'light' | 'dark' }[];
}

export interface Registry {
  readonly info: ServerInfo;
  readonly instructions: string | undefined;
  readonly capabilities: Record<string, object>;
  readonly cache: Required<CachePolicy>;
  /** What every complete result of 2026-07-28 begins with, up to its own members. */
  readonly statelessPrefix: string;
  /** Names of features that are not served because nobody is authorized here. */
  readonly withheld: readonly string[];
  readonly tools: ReadonlyMap<string, CompiledTool>;
  readonly prompts: ReadonlyMap<string, CompiledPrompt>;
  /** Keyed `tools`, `prompts`, `resources`, `resourceTemplates`; absent where nothing of the kind is served. */
  readonly pages: ReadonlyMap<string, Pages>;
  /** The resource that a URI names, with its variables. */
  find(uri: string): { compiled: CompiledResource; variables: Record<string, string> } | undefined;
  /** Every scope that the operation needs; none for what is unknown, which is refused for that reason. */
  needed(method: string, params: Params): readonly string[];
  /** What completes an argument. @throws ProtocolError when the reference or the argument is unknown */
  completer(ref: unknown, argument: string): Complete | undefined;
}

export interface RegistryOptions {
  info: ServerInfo;
  instructions?: string | undefined;
  features: readonly Feature[];
  cache?: CachePolicy | undefined;
  pageSize: number;
  /** Callers are authorized, so that features that need scopes can be served. Default false. */
  authorized?: boolean;
}

/** Characters of a URI that a template is tried on; RFC 9110 asks for 8,000 of HTTP's own. */
const LONGEST_URI = 8000;
const TOOL_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/** @throws TypeError naming the definition that cannot be served, and why */
export function compile(options: RegistryOptions): Registry {
  const { info, features, pageSize } = options;
  const cache = policy(options.cache);
  const tools = new Map<string, CompiledTool>();
  const prompts = new Map<string, CompiledPrompt>();
  const fixed = new Map<string, CompiledResource>();
  const templates: CompiledResource[] = [];
  const names = new Set<string>();
  const lists: Record<string, Entry[]> = { tools: [], prompts: [], resources: [], resourceTemplates: [] };
  let scoped = false;
  const withheld: string[] = [];
  let completions = false;

  for (const feature of features) {
    if (!isObject(feature) || !['tool', 'resource', 'prompt'].includes(feature.kind)) {
      throw new TypeError(`A feature must be made by tool(), resource() or prompt(), got ${quote(feature)}`);
    }
    const kind = `${feature.kind} ${JSON.stringify(feature.name)}`;
    if (names.has(kind)) throw new TypeError(`Cannot register ${kind}: the name is taken`);
    names.add(kind);
    try {
      const needsScopes = scopesOf(feature).length > 0;
      if (needsScopes && !options.authorized) {
        withheld.push(kind);
        continue;
      }
      scoped ||= needsScopes;
      if (feature.kind === 'tool') addTool(feature);
      else if (feature.kind === 'prompt') addPrompt(feature);
      else addResource(feature);
    } catch (error) {
      throw new TypeError(`Cannot register ${kind}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  const capabilities: Record<string, object> = { logging: {} };
  if (tools.size > 0) capabilities.tools = { listChanged: true };
  if (prompts.size > 0) capabilities.prompts = { listChanged: true };
  if (fixed.size + templates.length > 0) capabilities.resources = { subscribe: true, listChanged: true };
  if (completions) capabilities.completions = {};

  const statelessPrefix = `{"resultType":"complete","_meta":${JSON.stringify({ [META.serverInfo]: info })},`;
  const pages = new Map<string, Pages>();
  for (const [list, entries] of Object.entries(lists)) {
    const capability = list === 'resourceTemplates' ? 'resources' : list;
    if (!capabilities[capability]) continue;
    // What differs by caller is private (2026-07-28, caching).
    const scope = entries.some((entry) => entry.scopes.length > 0) ? 'private' : cache.cacheScope;
    const cached = `${statelessPrefix}"ttlMs":${cache.ttlMs},"cacheScope":"${scope}",`;
    const views = viewsOf(entries, (visible) => ({
      stateful: paginate(list, visible, 'stateful', pageSize, '{'),
      stateless: paginate(list, visible, 'stateless', pageSize, cached),
    }));
    pages.set(list, {
      stateful: (cursor, principal) => views(principal).stateful(cursor),
      stateless: (cursor, principal) => views(principal).stateless(cursor),
    });
  }

  return {
    info,
    instructions: options.instructions,
    capabilities,
    cache,
    statelessPrefix,
    withheld,
    tools,
    prompts,
    pages,
    find,
    needed,
    completer(ref, argument) {
      const target = completed(ref);
      if (!target.names.includes(argument)) {
        throw new ProtocolError(
          -32602,
          `${target.what} has no argument ${quote(argument)}; it has ${target.names.map((name) => `"${name}"`).join(', ') || 'none'}`,
        );
      }
      return target.complete?.[argument];
    },
  };

  function find(uri: string): { compiled: CompiledResource; variables: Record<string, string> } | undefined {
    const exact = fixed.get(uri);
    if (exact) return { compiled: exact, variables: {} };
    // Some templates take time by the square or cube of a URI's length to find that it is none of theirs.
    if (uri.length > LONGEST_URI) return undefined;
    for (const compiled of templates) {
      const variables = compiled.template?.match(uri);
      if (variables) return { compiled, variables };
    }
    return undefined;
  }

  function needed(method: string, params: Params): readonly string[] {
    if (!scoped) return NO_SCOPES;
    switch (method) {
      case 'tools/call':
        return tools.get(params.name as string)?.scopes ?? NO_SCOPES;
      case 'prompts/get':
        return prompts.get(params.name as string)?.scopes ?? NO_SCOPES;
      case 'resources/read':
      case 'resources/subscribe':
        return ofResource(params.uri);
      case 'completion/complete':
        return ofReference(params.ref);
      case 'subscriptions/listen': {
        const uris = isObject(params.notifications) ? params.notifications.resourceSubscriptions : undefined;
        return Array.isArray(uris) ? [...new Set(uris.flatMap(ofResource))] : NO_SCOPES;
      }
      default:
        return NO_SCOPES;
    }
  }

  function ofResource(uri: unknown): readonly string[] {
    return (typeof uri === 'string' && find(uri)?.compiled.scopes) || NO_SCOPES;
  }

  function ofReference(ref: unknown): readonly string[] {
    if (!isObject(ref)) return NO_SCOPES;
    if (ref.type === 'ref/prompt') return prompts.get(ref.name as string)?.scopes ?? NO_SCOPES;
    return templates.find(({ template }) => template?.template === ref.uri)?.scopes ?? ofResource(ref.uri);
  }

  function addTool(tool: Tool): void {
    const { name, config } = tool;
    if (typeof name !== 'string' || !TOOL_NAME.test(name))
      throw new Error('a tool name is 1 to 128 of A-Z a-z 0-9 _ . -');
    if (typeof config.description !== 'string' || config.description === '') throw new Error('it needs a description');
    const schema = config.inputSchema === undefined ? z.strictObject({}) : asObject(config.inputSchema);
    const inputSchema = jsonSchema(schema, 'input', 'inputSchema');
    if (inputSchema.type !== 'object')
      throw new Error(`its inputSchema must be of type object, is ${quote(inputSchema.type)}`);
    const output = config.outputSchema === undefined ? undefined : asType(config.outputSchema);
    const outputSchema = output && jsonSchema(output, 'output', 'outputSchema');
    tools.set(name, {
      name,
      handler: tool.handler,
      input: validator(schema),
      output: output && validator(output),
      headers: paramHeaders(inputSchema),
      scopes: scopesOf(tool),
      rateLimit: config.rateLimit,
    });
    const { title, description, annotations, icons, _meta } = config;
    const shown = { name, title, description, inputSchema, annotations, icons, _meta };
    lists.tools?.push({
      scopes: scopesOf(tool),
      stateless: JSON.stringify({ ...shown, outputSchema }),
      stateful: JSON.stringify({
        ...shown,
        outputSchema: outputSchema?.type === 'object' ? outputSchema : undefined,
      }),
    });
  }

  function addPrompt(prompt: Prompt): void {
    const { name, config } = prompt;
    if (name === '') throw new Error('it needs a name');
    const schema = config.argsSchema === undefined ? z.object({}) : asObject(config.argsSchema);
    const fields = Object.entries(schema.shape) as [string, z.ZodType][];
    const args = fields.map(([field, type]) => {
      const { description, title } = type.meta() ?? {};
      return { name: field, title, description, required: !type.safeParse(undefined).success };
    });
    prompts.set(name, {
      prompt,
      scopes: scopesOf(prompt),
      args: validator(schema),
      names: fields.map(([field]) => field),
    });
    checkCompleted(
      config.complete,
      fields.map(([field]) => field),
    );
    const { title, description, icons, _meta } = config;
    const shown = JSON.stringify({ name, title, description, arguments: args, icons, _meta });
    lists.prompts?.push({ scopes: scopesOf(prompt), stateful: shown, stateless: shown });
  }

  function addResource(resource: Resource): void {
    const { name, uri, config } = resource;
    const { title, description, mimeType, annotations, icons, size, _meta } = config;
    const shown = { name, title, description, mimeType, annotations, icons, _meta };
    const template = uri.includes('{') ? uriTemplate(uri) : undefined;
    const own = scopesOf(resource);
    const cached = policy(config.cache);
    // What only some may read is private, whatever its author says (2026-07-28, caching).
    if (own.length > 0) cached.cacheScope = 'private';
    const compiled = { resource, template, scopes: own, cache: cached };
    if (template) {
      if (templates.some((other) => other.resource.uri === uri)) throw new Error(`its template ${quote(uri)} is taken`);
      checkCompleted(config.complete, template.variables);
      templates.push(compiled);
    } else {
      if (!URL.canParse(uri)) throw new Error(`${quote(uri)} is not a URI`);
      if (fixed.has(uri)) throw new Error(`its URI ${quote(uri)} is taken`);
      checkCompleted(config.complete, []);
      fixed.set(uri, compiled);
    }
    const entry = JSON.stringify(template ? { uriTemplate: uri, ...shown } : { uri, ...shown, size });
    lists[template ? 'resourceTemplates' : 'resources']?.push({ scopes: own, stateful: entry, stateless: entry });
  }

  function checkCompleted(complete: object | undefined, known: readonly string[]): void {
    for (const name of Object.keys(complete ?? {})) {
      if (!known.includes(name)) throw new Error(`it completes ${quote(name)}, which is not one of its arguments`);
      completions = true;
    }
  }

  function completed(ref: unknown): {
    what: string;
    names: readonly string[];
    complete: Record<string, Complete | undefined> | undefined;
  } {
    if (isObject(ref) && ref.type === 'ref/prompt' && typeof ref.name === 'string') {
      const found = prompts.get(ref.name);
      if (!found) throw new ProtocolError(-32602, `Unknown prompt ${quote(ref.name)}`);
      return { what: `Prompt ${quote(ref.name)}`, names: found.names, complete: found.prompt.config.complete };
    }
    if (isObject(ref) && ref.type === 'ref/resource' && typeof ref.uri === 'string') {
      const uri = ref.uri;
      const found =
        templates.find(({ template }) => template?.template === uri) ??
        templates.find(({ template }) => template?.match(uri));
      if (!found) throw new ProtocolError(-32602, `Unknown resource template ${quote(uri)}`);
      return {
        what: `Template ${quote(uri)}`,
        names: found.template?.variables ?? [],
        complete: found.resource.config.complete,
      };
    }
    throw new ProtocolError(
      -32602,
      `"ref" must be {type: "ref/prompt", name} or {type: "ref/resource", uri}, got ${quote(ref)}`,
    );
  }
}

/** What stands in a list for one feature, as JSON, by era. */
interface Entry {
  readonly scopes: readonly string[];
  readonly stateful: string;
  readonly stateless: string;
}

const NO_SCOPES: readonly string[] = Object.freeze([]);
/** RFC 6749, 3.3: a scope token. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** The scopes that a feature names. @throws Error when one is none */
function scopesOf(feature: Feature): readonly string[] {
  const { scopes } = feature.config;
  if (scopes === undefined || scopes.length === 0) return NO_SCOPES;
  for (const scope of scopes) {
    if (typeof scope !== 'string' || !SCOPE.test(scope))
      throw new Error(`${quote(scope)} is not a scope (RFC 6749, 3.3)`);
  }
  return scopes;
}

/** Views of one list kept: one for each set of scopes that makes a difference. */
const MOST_VIEWS = 64;

/** Makes a view of a list for each caller that sees another part of it, once. */
function viewsOf<V>(
  entries: readonly Entry[],
  make: (visible: readonly Entry[]) => V,
): (principal: Principal | undefined) => V {
  if (entries.every(({ scopes }) => scopes.length === 0)) {
    const whole = make(entries);
    return () => whole;
  }
  const byCaller = new WeakMap<Principal, V>();
  const views = new Map<string, V>();
  const view = (principal: Principal | undefined): V => {
    const visible = entries.filter(({ scopes }) => covers(principal, scopes));
    const key = visible.map((entry) => entries.indexOf(entry)).join(' ');
    const known = views.get(key);
    if (known) return known;
    if (views.size >= MOST_VIEWS) views.clear();
    const made = make(visible);
    views.set(key, made);
    return made;
  };
  return (principal) => {
    const known = principal && byCaller.get(principal);
    if (known) return known;
    const found = view(principal);
    if (principal) byCaller.set(principal, found);
    return found;
  };
}

function policy({ ttlMs = 0, cacheScope = 'private' }: CachePolicy = {}): Required<CachePolicy> {
  if (!Number.isInteger(ttlMs) || ttlMs < 0)
    throw new TypeError(`cache.ttlMs must be a whole number of at least 0, got ${quote(ttlMs)}`);
  if (cacheScope !== 'public' && cacheScope !== 'private')
    throw new TypeError(`cache.cacheScope must be "public" or "private", got ${quote(cacheScope)}`);
  return { ttlMs, cacheScope };
}

/** Pages are encoded once; a cursor is the opaque name of a page. */
function paginate(
  list: string,
  items: readonly Entry[],
  era: 'stateful' | 'stateless',
  size: number,
  prefix: string,
): (cursor: unknown) => EncodedResult {
  const name = (page: number) => btoa(`${list}:${page}`).replaceAll('=', '');
  const byCursor = new Map<string, EncodedResult>();
  let first = new EncodedResult('');
  const count = Math.max(1, Math.ceil(items.length / size));
  for (let page = 0; page < count; page++) {
    const slice = items
      .slice(page * size, (page + 1) * size)
      .map((item) => item[era])
      .join(',');
    const next = page + 1 < count ? `,"nextCursor":"${name(page + 1)}"` : '';
    const result = new EncodedResult(`${prefix}"${list}":[${slice}]${next}}`);
    if (page === 0) first = result;
    else byCursor.set(name(page), result);
  }
  return (cursor) => {
    // Clients in languages without absent strings send an empty one for the first page.
    if (cursor === undefined || cursor === '') return first;
    const page = typeof cursor === 'string' ? byCursor.get(cursor) : undefined;
    if (page === undefined)
      throw new ProtocolError(-32602, `Invalid cursor ${quote(cursor)}; expected a nextCursor of this list`);
    return page;
  };
}

function asObject(schema: NonNullable<InputSchema>): z.ZodObject {
  return '_zod' in schema ? (schema as z.ZodObject) : z.object(schema as z.ZodRawShape);
}

function asType(schema: z.ZodType | z.ZodRawShape): z.ZodType {
  return '_zod' in schema ? (schema as z.ZodType) : z.object(schema as z.ZodRawShape);
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output', what: string): Record<string, unknown> {
  try {
    const { $schema, ...rest } = z.toJSONSchema(schema, {
      io,
      override({ jsonSchema: made }) {
        // Bounds that zod adds to every integer by itself; they double the size of a small tool and say nothing.
        if (made.minimum === Number.MIN_SAFE_INTEGER) delete made.minimum;
        if (made.maximum === Number.MAX_SAFE_INTEGER) delete made.maximum;
      },
    });
    // 2020-12 is MCP's default dialect: it is named only where the author named it.
    return schema.meta()?.$schema === undefined ? rest : { $schema, ...rest };
  } catch (error) {
    throw new Error(
      `its ${what} cannot be expressed as JSON Schema: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function validator(schema: z.ZodType): Validate {
  // Compiled when it is first used: hundreds of tools start as fast as one. Where code may not be made at run time
  // (Workers), and for what cannot be compiled, the ordinary parser serves.
  let parser: z.ZodType | undefined;
  return (value) => {
    parser ??= compiled(schema);
    const parsed = parser.safeParse(value);
    return parsed.success ? { value: parsed.data } : { wrong: issues(parsed.error.issues, value) };
  };
}

function compiled(schema: z.ZodType): z.ZodType {
  try {
    return z.compile(schema);
  } catch {
    return schema;
  }
}

function issues(found: readonly z.core.$ZodIssue[], root: unknown): string {
  return found
    .slice(0, 5)
    .map((issue) => {
      let value: unknown = root;
      for (const key of issue.path)
        value = isObject(value) || Array.isArray(value) ? (value as Params)[String(key)] : undefined;
      return `${issue.path.length > 0 ? `"${issue.path.join('.')}": ` : ''}${issue.message}, got ${quote(value)}`;
    })
    .join('; ');
}
