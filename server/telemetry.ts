/**
 * Spans for OpenTelemetry, by its semantic conventions for MCP servers
 * (open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md). Where no SDK is registered there are none, and its API
 * is not even loaded.
 */

import type { Context, Link, Span, TextMapGetter, TextMapSetter, Tracer } from '@opentelemetry/api';
import type { Meta } from './content.ts';
import { redact } from './log.ts';

type Api = typeof import('@opentelemetry/api');

/** What is known of a request when its work begins. */
export interface Operation {
  /** A method that is served: it names the span, so there must be few. */
  readonly method: string;
  /** A tool or a prompt that is served, likewise. */
  readonly tool?: string | undefined;
  readonly prompt?: string | undefined;
  /** The URI of the resource that is read or watched. */
  readonly uri?: string | undefined;
  /** Absent for a notification. */
  readonly id?: string | number | undefined;
  readonly revision?: string | undefined;
  /** The session's key, never its id: that would open the session. */
  readonly session?: string | undefined;
  /** `params._meta`: its trace context wins over that of `headers`. */
  readonly meta?: Meta | undefined;
  readonly headers: Headers;
  /** The client's, behind all trusted proxies. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}

/** The span of one request. */
export interface RequestSpan {
  /** 32 hex digits, for the log. */
  readonly traceId: string;
  /** Runs the handler with the span active, so that spans begun in it are its children. */
  run<T>(handler: () => T): T;
  /**
   * Adds the trace context for a request that the handler makes. Headers that name a trace stay as they are, and nothing is
   * added where `fetch` does it by itself: with two `traceparent` the trace would be lost.
   */
  inject(headers: Headers): void;
  /**
   * Ends the span; what follows is ignored.
   * @param outcome `ok`, `input_required` and `cancelled` are no errors; any other names the kind of error
   * @param code of the JSON-RPC error that was answered; codes by which the client is to blame are no errors of a server
   * @param message of that error
   */
  end(outcome: string, code?: number, message?: string): void;
}

export interface TelemetryOptions {
  /** Of the server: they name its spans' scope. */
  readonly name: string;
  readonly version: string;
  /** Told once where an SDK is registered and the API cannot be loaded. */
  readonly report?: (error: unknown, during: string) => void;
  /** Whether something instruments `fetch`, so that it adds trace context by itself; default: no. Deno's own is known. */
  readonly tracedFetch?: () => boolean;
}

export interface Telemetry {
  /** An SDK is there: otherwise nothing need be told to `begin`. */
  readonly registered: boolean;
  /** @returns undefined where no SDK is registered, and while the API is being loaded */
  begin(operation: Operation): RequestSpan | undefined;
  /** Resolves when the API is loaded, if an SDK is registered: awaited at the start, so that no call goes without its span. */
  loaded(): Promise<void>;
}

/** Where the API keeps what an SDK registers with it (`global-utils` of @opentelemetry/api 1). */
const REGISTRY = Symbol.for('opentelemetry.js.api.1');
const registry = globalThis as { [REGISTRY]?: { readonly version?: string; readonly trace?: unknown } };
/** What Deno's built-in OpenTelemetry calls itself; its `fetch` adds trace context (seen with Deno 2.9.6). */
const DENO = '1.999.999';

/** Codes that say the client is to blame (conventions, `rpc.response.status_code` of servers). */
const CLIENT_FAULTS: readonly number[] = [-32700, -32600, -32601, -32602, -32002];
const NO_ERRORS: readonly string[] = ['ok', 'input_required', 'cancelled'];
/** Characters of an attribute that a client chooses. */
const LONGEST = 256;

export function telemetry(options: TelemetryOptions): Telemetry {
  const { name, version, report, tracedFetch = () => registry[REGISTRY]?.version === DENO } = options;
  let api: Api | undefined;
  let missing = false;
  let provider: unknown;
  let tracer: Tracer;

  // The promise is not kept: on Workers that of a request that has ended never settles for another.
  const load = async () => {
    try {
      api = await import('@opentelemetry/api');
    } catch (error) {
      if (!missing) report?.(error, 'loading @opentelemetry/api');
      missing = true;
    }
  };
  const loaded = async () => {
    if (registry[REGISTRY]?.trace !== undefined && !api && !missing) await load();
  };
  void loaded();

  return {
    loaded,
    get registered() {
      return registry[REGISTRY]?.trace !== undefined;
    },
    begin(operation) {
      const registered = registry[REGISTRY]?.trace;
      if (registered === undefined) return undefined;
      if (!api) {
        void loaded();
        return undefined;
      }
      if (provider !== registered) {
        provider = registered;
        tracer = api.trace.getTracer(name, version);
      }
      const { parent, links } = parentOf(api, operation);
      const init = { kind: api.SpanKind.SERVER, attributes: attributesOf(operation), links };
      return new OpenSpan(api, tracer.startSpan(nameOf(operation), init, parent), parent, tracedFetch);
    },
  };
}

function nameOf({ method, tool, prompt }: Operation): string {
  const target = tool ?? prompt;
  return target === undefined ? method : `${method} ${target}`;
}

/**
 * The client's span is the parent: what `_meta` tells, else an ambient span (one of the HTTP server, made from the same
 * headers), else what the headers tell. An ambient span that is not the parent is linked (conventions, Context propagation).
 */
function parentOf(api: Api, { meta, headers }: Operation): { parent: Context; links: Link[] } {
  const { trace, propagation } = api;
  const ambient = api.context.active();
  const around = trace.getSpanContext(ambient);
  const told = meta ? propagation.extract(ambient, meta, META_GETTER) : ambient;
  if (trace.getSpanContext(told) !== around) return { parent: told, links: around ? [{ context: around }] : [] };
  if (around) return { parent: told, links: [] };
  const parent = propagation.extract(told, headers, HEADERS_GETTER);
  const baggage = propagation.getBaggage(told);
  return { parent: baggage ? propagation.setBaggage(parent, baggage) : parent, links: [] };
}

const META_GETTER: TextMapGetter<Meta> = {
  keys: (meta) => Object.keys(meta),
  get(meta, key) {
    const value = meta[key];
    return typeof value === 'string' ? value : undefined;
  },
};
const HEADERS_GETTER: TextMapGetter<Headers> = {
  keys: (headers) => [...headers.keys()],
  get: (headers, key) => headers.get(key) ?? undefined,
};
const HEADERS_SETTER: TextMapSetter<Headers> = { set: (headers, key, value) => headers.set(key, value) };

function attributesOf(operation: Operation): Record<string, string | number | undefined> {
  const { method, tool, prompt, uri, id, revision, session, address, port } = operation;
  return {
    'mcp.method.name': method,
    'mcp.protocol.version': revision,
    'mcp.session.id': session,
    'mcp.resource.uri': uri === undefined ? undefined : redact(uri, LONGEST),
    'jsonrpc.request.id': id === undefined ? undefined : redact(String(id), LONGEST),
    'gen_ai.operation.name': tool === undefined ? undefined : 'execute_tool',
    'gen_ai.tool.name': tool,
    'gen_ai.prompt.name': prompt,
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
    'client.address': address,
    'client.port': port,
  };
}

class OpenSpan implements RequestSpan {
  readonly #api: Api;
  readonly #span: Span;
  readonly #context: Context;
  readonly #tracedFetch: () => boolean;

  constructor(api: Api, span: Span, parent: Context, tracedFetch: () => boolean) {
    this.#api = api;
    this.#span = span;
    this.#tracedFetch = tracedFetch;
    this.#context = api.trace.setSpan(parent, span).setValue(OWNER, this);
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  run<T>(handler: () => T): T {
    return this.#api.context.with(this.#context, handler);
  }

  inject(headers: Headers): void {
    if (headers.has('traceparent') || this.#tracedFetch()) return;
    // A span that the handler began is nearer than its own; another request's is not.
    const active = this.#api.context.active();
    const context = active.getValue(OWNER) === this ? active : this.#context;
    this.#api.propagation.inject(context, headers, HEADERS_SETTER);
  }

  end(outcome: string, code?: number, message?: string): void {
    const span = this.#span;
    if (code !== undefined) span.setAttribute('rpc.response.status_code', String(code));
    if (outcome === 'cancelled') span.addEvent('cancelled');
    if (isError(outcome, code)) {
      span.setAttribute('error.type', code === undefined ? outcome : String(code));
      const status = { code: this.#api.SpanStatusCode.ERROR };
      span.setStatus(message === undefined ? status : { ...status, message: redact(message, LONGEST) });
    }
    span.end();
  }
}

/** Tells a context made within a request's span from any other. */
const OWNER = Symbol('the request span of a context');

function isError(outcome: string, code: number | undefined): boolean {
  return code === undefined ? !NO_ERRORS.includes(outcome) : !CLIENT_FAULTS.includes(code);
}
