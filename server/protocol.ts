/**
 * The wire, pure: revisions, header names, JSON-RPC shapes, error codes, and the reading of one message.
 * Knows no session, no tool and no runtime.
 */

import type { Meta } from './content.ts';

// ---- revisions -----------------------------------------------------------------------------------

/** Revisions with the initialize handshake, newest first. */
export const STATEFUL_REVISIONS: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];
/** Revisions with per-request metadata, newest first. */
export const STATELESS_REVISIONS: readonly string[] = ['2026-07-28'];
/** The revision assumed where a client names none and nothing else tells it (2025-11-25, transports). */
export const ASSUMED_REVISION = '2025-03-26';

/** The era of a request: decided once, at the door. */
export type Era = 'stateful' | 'stateless';

export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const;

// ---- JSON-RPC ------------------------------------------------------------------------------------

export type RequestId = string | number;
export type Params = { [key: string]: unknown };

/** A message that passed `judge`: a request has `id` and `method`, a notification `method`, a response `id`. */
export interface Message {
  jsonrpc: '2.0';
  id?: RequestId;
  method?: string;
  params?: Params & { _meta?: Meta };
  result?: unknown;
  error?: unknown;
}

export const CODE = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** Up to 2025-11-25 only. */
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** The HTTP status of an error in 2026-07-28; in-band otherwise (200). */
export function statusOf(code: number): number {
  if (code === CODE.methodNotFound) return 404;
  return code <= CODE.headerMismatch && code >= CODE.unsupportedVersion ? 400 : 200;
}

export function resultText(id: RequestId, result: string): string {
  return `${resultHead(id)}${result}}`;
}

/** All of a response before its result; `}` ends it. */
function resultHead(id: RequestId): string {
  return `{"jsonrpc":"2.0","id":${typeof id === 'number' ? id : JSON.stringify(id)},"result":`;
}

const encoder = new TextEncoder();

/** A result that is given again and again, as a page of a list is: its JSON, encoded once. */
export class EncodedResult {
  readonly text: string;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  constructor(text: string) {
    this.text = text;
  }
  get bytes(): Uint8Array<ArrayBuffer> {
    this.#bytes ??= encoder.encode(this.text);
    return this.#bytes;
  }
}

/** An error response; `id` is absent, not null, where the request could not be read. */
export function errorText(id: RequestId | undefined, code: number, message: string, data?: unknown): string {
  return JSON.stringify({
    jsonrpc: '2.0',
    id,
    error: data === undefined ? { code, message } : { code, message, data },
  });
}

export function notificationText(method: string, params?: object): string {
  return JSON.stringify(params === undefined ? { jsonrpc: '2.0', method } : { jsonrpc: '2.0', method, params });
}

export function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isRequestId(value: unknown): value is RequestId {
  // A larger integer would come back as another one.
  return typeof value === 'string' || Number.isSafeInteger(value);
}

/** A value as a short piece of an error message. */
export function quote(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

/** Why a value is refused as a message. */
export interface Fault {
  code: number;
  message: string;
}

/**
 * Judges a parsed value as one JSON-RPC message.
 * @returns the reason why it is none, or undefined
 */
export function judge(value: unknown): Fault | undefined {
  const message = misshapen(value);
  if (message !== undefined) return { code: CODE.invalidRequest, message };
  const { params } = value as Message;
  if (params?._meta === undefined || isObject(params._meta)) return undefined;
  return { code: CODE.invalidParams, message: `"params._meta" must be an object, got ${quote(params._meta)}` };
}

function misshapen(value: unknown): string | undefined {
  if (!isObject(value)) return `A JSON-RPC message is an object, got ${quote(value)}`;
  if (value.jsonrpc !== '2.0') return `"jsonrpc" must be "2.0", got ${quote(value.jsonrpc)}`;
  if (value.id !== undefined && !isRequestId(value.id) && !(value.error !== undefined && value.id === null)) {
    return `"id" must be a string or an integer, got ${quote(value.id)}`;
  }
  if (value.method === undefined) {
    if (value.result === undefined && value.error === undefined) return '"method", "result" or "error" is missing';
    if (value.result !== undefined && value.error !== undefined) return 'A response has "result" or "error", not both';
    if (value.result !== undefined && value.id === undefined) return 'A response needs the "id" of its request';
    return undefined;
  }
  if (typeof value.method !== 'string') return `"method" must be a string, got ${quote(value.method)}`;
  if (value.params !== undefined && !isObject(value.params))
    return `"params" must be an object, got ${quote(value.params)}`;
  return undefined;
}

/** The id to echo for a message that was refused: absent unless it can be read, and for responses: it is not theirs. */
export function readableId(value: unknown): RequestId | undefined {
  if (!isObject(value) || !isRequestId(value.id)) return undefined;
  return value.method === undefined && (value.result ?? value.error) !== undefined ? undefined : value.id;
}

// ---- which era -----------------------------------------------------------------------------------

const DATE = /^\d{4}-\d{2}-\d{2}$/;

export function isStatelessRevision(revision: unknown): boolean {
  return typeof revision === 'string' && DATE.test(revision) && revision >= '2026-07-28';
}

/**
 * The era of a message: what its `_meta` claims, else what the version header names
 * (2026-07-28, basic/versioning, Backward Compatibility).
 */
export function eraOf(message: Message | null, versionHeader: string | null): Era {
  const claim = message?.params?._meta?.[META.protocolVersion];
  if (claim !== undefined) {
    // A 2025-era client may put anything into `_meta` of its handshake; only a modern claim makes it a modern request.
    return message?.method === 'initialize' && !isStatelessRevision(claim) ? 'stateful' : 'stateless';
  }
  if (versionHeader === null || STATEFUL_REVISIONS.includes(versionHeader)) return 'stateful';
  return isStatelessRevision(versionHeader) ? 'stateless' : 'stateful';
}

// ---- answers -------------------------------------------------------------------------------------

export type BodyParts = (string | Uint8Array<ArrayBuffer>)[];

/** What the runtime tells of a request beside the request itself. */
export interface Platform {
  /** The peer's address, without port. */
  address?: string | undefined;
  /** Cloudflare's request properties. */
  cf?: unknown;
  /** Keeps the request's work alive after its answer, where that ends it (Workers). */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Makes a JSON answer of status 200 in the way that costs the runtime least; it has the headers of `JSON_INIT`. */
  json?: (text: string) => Response;
  /** The same for a body in parts, where that costs less than to join them. */
  joined?: (parts: BodyParts, init: ResponseInit) => Response;
  /** Tells a runtime that cuts silent connections that this one will be silent for long (Bun). */
  lasting?: (() => void) | undefined;
  /** A cheaper Response that the adapter understands; the global one otherwise. */
  Response?: typeof Response;
}

/** Kept on every answer: nothing here may be sniffed, framed or cached. */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

export const JSON_INIT: { readonly status: number; readonly headers: Record<string, string> } = {
  status: 200,
  headers: { 'content-type': 'application/json', ...SECURITY_HEADERS },
};

/** `no-transform` and `X-Accel-Buffering` keep proxies from holding events back. */
const SSE_INIT: { readonly status: number; readonly headers: Record<string, string> } = {
  status: 200,
  headers: {
    'content-type': 'text/event-stream',
    ...SECURITY_HEADERS,
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  },
};

export function jsonAnswer(platform: Platform, text: string, status = 200): Response {
  if (status === 200 && platform.json) return platform.json(text);
  return new (platform.Response ?? Response)(text, status === 200 ? JSON_INIT : { ...JSON_INIT, status });
}

/** A response with a result that was encoded before. */
export function encodedAnswer(platform: Platform, id: RequestId, result: EncodedResult): Response {
  if (!platform.joined) return jsonAnswer(platform, resultText(id, result.text));
  return platform.joined([resultHead(id), result.bytes, '}'], JSON_INIT);
}

/** A whole answer as an event stream of one event, for a client that takes nothing else. Refusals stay what they are. */
export async function asStream(answer: Response | Promise<Response>): Promise<Response> {
  const response = await answer;
  const { status, headers } = response;
  if (status !== 200 || headers.get('content-type') !== 'application/json') return response;
  const text = await new Response(response.body).text();
  const stream = new Response(`data: ${text}\n\n`, SSE_INIT);
  const session = headers.get('mcp-session-id');
  if (session !== null) stream.headers.set('mcp-session-id', session);
  return stream;
}

export function streamAnswer(platform: Platform, body: ReadableStream<Uint8Array>): Response {
  platform.lasting?.();
  return new (platform.Response ?? Response)(body, SSE_INIT);
}

/** A refusal: an HTTP status with a JSON-RPC error, so that a client of either era can tell who answers. */
export function refuse(
  status: number,
  code: number,
  message: string,
  options: { id?: RequestId | undefined; data?: unknown; headers?: Record<string, string> } = {},
): Response {
  return new Response(errorText(options.id, code, message, options.data), {
    status,
    headers: { ...JSON_INIT.headers, ...options.headers },
  });
}

export function accepted(): Response {
  return new Response(null, { status: 202, headers: SECURITY_HEADERS });
}

// ---- media types ---------------------------------------------------------------------------------

/** Verdicts on header values, which repeat: a bounded memory of what was judged before. */
function remembered<V>(judgeValue: (text: string) => V): (text: string) => V {
  let known = new Map<string, V>();
  return (text) => {
    const verdict = known.get(text);
    if (verdict !== undefined) return verdict;
    if (known.size >= 256) known = new Map();
    const fresh = judgeValue(text);
    known.set(text, fresh);
    return fresh;
  };
}

export interface Accepts {
  readonly json: boolean;
  readonly sse: boolean;
}

const EVERYTHING: Accepts = { json: true, sse: true };

const parseAccept = remembered((text): Accepts => {
  let json = false;
  let sse = false;
  for (const part of text.split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) continue;
    if (type === '*/*' || type === 'application/*' || type === 'application/json') json = true;
    if (type === '*/*' || type === 'text/*' || type === 'text/event-stream') sse = true;
  }
  return { json, sse };
});

/** What the client can take; everything when it does not say (RFC 9110, 12.5.1). */
export function acceptsOf(header: string | null): Accepts {
  return header === null ? EVERYTHING : parseAccept(header);
}

const isJson = remembered((text) => {
  const [type = '', ...parameters] = text.split(';').map((piece) => piece.trim().toLowerCase());
  return (
    type === 'application/json' &&
    parameters.every((parameter) => !parameter.startsWith('charset=') || /^charset="?utf-?8"?$/.test(parameter))
  );
});

// ---- one body ------------------------------------------------------------------------------------

export interface BodyLimits {
  /** Bytes. */
  body: number;
  /** Levels of nested arrays and objects. */
  depth: number;
}

const lenient = new TextDecoder();
const strict = new TextDecoder('utf-8', { fatal: true });

/** Reads and parses a body, bounded in bytes and depth. @returns the JSON value, or the refusal */
export async function readMessage(request: Request, limits: BodyLimits): Promise<unknown | Response> {
  const headers = request.headers;
  const type = headers.get('content-type');
  if (type === null || !isJson(type)) {
    return refuse(
      415,
      CODE.invalidRequest,
      `Content-Type must be application/json in UTF-8, got ${quote(type ?? undefined)}`,
    );
  }
  const declared = headers.get('content-length');
  let bytes: Uint8Array | undefined;
  try {
    if (declared === null) bytes = await readBounded(request, limits.body);
    else if (Number(declared) <= limits.body) bytes = await request.bytes();
  } catch {
    return refuse(400, CODE.parse, 'The body ended before it was complete');
  }
  if (bytes === undefined || bytes.length > limits.body) {
    return refuse(413, CODE.invalidRequest, `The body must be at most ${limits.body} bytes, got ${declared ?? 'more'}`);
  }
  let text = lenient.decode(bytes);
  // A replacement character is legal in a message, so only bytes tell whether it was sent or put there by the decoder.
  if (text.includes('\uFFFD')) {
    try {
      text = strict.decode(bytes);
    } catch {
      return refuse(400, CODE.parse, 'The body is not valid UTF-8');
    }
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The engine quotes the body, line breaks and all; the message of an error is one line.
    const why = error instanceof SyntaxError ? error.message.replaceAll(/\s+/g, ' ') : 'it is nested too deeply';
    return refuse(400, CODE.parse, `The body is not valid JSON: ${why}`);
  }
  // A level needs two characters, so a short body needs no look.
  if (text.length > 2 * limits.depth && deeperThan(value, limits.depth)) {
    return refuse(400, CODE.invalidRequest, `The message must be nested at most ${limits.depth} levels deep`, {
      id: readableId(value),
    });
  }
  return value;
}

/** Counts while it reads, for bodies that do not declare their length. @returns undefined past the bound */
async function readBounded(request: Request, bound: number): Promise<Uint8Array | undefined> {
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > bound) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(value);
  }
  if (chunks.length === 1 && chunks[0]) return chunks[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function deeperThan(value: unknown, depth: number): boolean {
  let level: unknown[] = [value];
  for (let deep = 1; level.length > 0; deep++) {
    if (deep > depth) return true;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      for (const child of Array.isArray(item) ? item : Object.values(item)) {
        if (typeof child === 'object' && child !== null) next.push(child);
      }
    }
    level = next;
  }
  return false;
}
