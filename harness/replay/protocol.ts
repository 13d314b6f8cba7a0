/** What a revision demands of a client's request, so that scenarios need to say only what they test. */

import { fill, isRecord, show, type Vars, valueAt } from './match.ts';
import { paramHeaders } from './mirrored.ts';
import type { Request, Revision } from './scenario.ts';
import type { HttpRequest } from './target.ts';

/** The prefix of the protocol's own keys of `_meta`. */
export const META = 'io.modelcontextprotocol/';
/** The levels of log messages, the least first (RFC 5424). */
export const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
export const CLIENT = { name: 'mcp-replay', version: '1' };
/** Which member of `params` the header Mcp-Name repeats in 2026-07-28. */
const NAMED: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** One of the protocol's own keys of `params._meta`. */
export function metaOf(params: unknown, key: string): unknown {
  const meta = valueAt(params, '_meta');
  return isRecord(meta) ? meta[`${META}${key}`] : undefined;
}

/** A result or an error. */
export function isResponse(message: unknown): message is Record<string, unknown> {
  return isRecord(message) && !('method' in message);
}

export function isStateless(revision: string): boolean {
  return revision >= '2026-07-28';
}

/** Everything a client can declare at a revision, so that no server holds back. */
export function capabilitiesOf(revision: string): Record<string, unknown> {
  if (revision < '2025-06-18') return { roots: { listChanged: true }, sampling: {} };
  if (revision < '2025-11-25') return { roots: { listChanged: true }, sampling: {}, elicitation: {} };
  if (!isStateless(revision))
    return { roots: { listChanged: true }, sampling: { tools: {}, context: {} }, elicitation: { form: {}, url: {} } };
  return { roots: {}, sampling: { tools: {}, context: {} }, elicitation: { form: {}, url: {} } };
}

/** What a client knows of the session that a request belongs to. */
export interface Session {
  /** Absent where the server gave none. */
  id?: string | undefined;
  negotiated: Revision;
  /** What the client declared. */
  capabilities: Record<string, unknown>;
  /** The role of the token that it was begun with. */
  token?: string | undefined;
}

const encoder = new TextEncoder();

/**
 * @param nextId gives the ids of messages that name none
 * @param bearer the token, where one goes with it
 */
export function requestOf(
  verb: string,
  given: Request,
  vars: Vars,
  session: Session | undefined,
  nextId: () => number,
  bearer?: string,
): HttpRequest {
  const { session: _session, node: _node, token: _token, ...request } = fill(given, vars);
  const revision = String(vars.get('rev'));
  const headers: HttpRequest['headers'] = {};
  let body: string | Uint8Array<ArrayBuffer> | undefined;
  if (verb === 'post') {
    headers['content-type'] = 'application/json';
    headers.accept = 'application/json, text/event-stream';
  } else if (verb === 'get') headers.accept = 'text/event-stream';
  if (!isStateless(revision) && session) {
    if (session.id !== undefined) headers['mcp-session-id'] = session.id;
    if (session.negotiated >= '2025-06-18') headers['mcp-protocol-version'] = session.negotiated;
  }
  if (request.rpc) {
    const { message, named } = completed(request.rpc, request, revision, nextId, vars);
    Object.assign(headers, named);
    body = JSON.stringify(message);
  } else if (request.batch)
    body = JSON.stringify(request.batch.map((one) => completed(one, request, revision, nextId, vars).message));
  else if (typeof request.raw === 'string') body = request.raw;
  else if (request.raw) {
    const { before = '', repeat, times, close = '', after = '' } = request.raw;
    body = before + repeat.repeat(times) + close.repeat(times) + after;
  } else if (request.base64 !== undefined) body = Uint8Array.from(atob(request.base64), (char) => char.charCodeAt(0));
  if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`;
  const own = request.headers ?? {};
  if (!isRecord(own)) throw new Error(`"headers" must be an object, got ${show(own)}`);
  const without = request.without ?? [];
  if (!Array.isArray(without)) throw new Error(`"without" must be a list, got ${show(without)}`);
  // The case of a name is kept as it is given: some scenarios are about it.
  const dropped = new Set([...without, ...Object.keys(own)].map((name) => String(name).toLowerCase()));
  for (const name of Object.keys(headers)) if (dropped.has(name)) delete headers[name];
  for (const [name, value] of Object.entries(own))
    headers[name] = Array.isArray(value) ? value.map(inBytes) : inBytes(value);
  return {
    method: verb.toUpperCase(),
    ...(request.to !== undefined && { to: request.to }),
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? encoder.encode(body) : body }),
    chunked: request.chunked,
    trickle: request.trickle,
    halfClose: request.half_close,
  };
}

function completed(
  rpc: NonNullable<Request['rpc']>,
  { bare }: { bare?: boolean | undefined },
  revision: string,
  nextId: () => number,
  vars: Vars,
): { message: Record<string, unknown>; named: Record<string, string> } {
  if (rpc.respond !== undefined) {
    const { respond: id, result, error } = rpc;
    return { message: { jsonrpc: '2.0', id, ...(error === undefined ? { result } : { error }) }, named: {} };
  }
  const method = rpc.method ?? rpc.notify;
  const message: Record<string, unknown> = { jsonrpc: '2.0', method };
  if (rpc.method !== undefined) message.id = rpc.id === undefined ? nextId() : rpc.id;
  if (rpc.params !== undefined) message.params = rpc.params;
  const named: Record<string, string> = {};
  if (isStateless(revision)) {
    named['mcp-protocol-version'] = revision;
    named['mcp-method'] = String(method);
    const params = isRecord(rpc.params) ? rpc.params : {};
    const name = params[NAMED[String(method)] ?? ''];
    if (typeof name === 'string') named['mcp-name'] = headerValue(name);
    if (method === 'tools/call') {
      const tools = valueAt(vars.get('facts'), 'tools');
      const tool = Array.isArray(tools) ? tools.find((one) => valueAt(one, 'name') === name) : undefined;
      const mirrored = paramHeaders(valueAt(tool, 'inputSchema'), params.arguments);
      for (const [header, text] of Object.entries(mirrored)) named[header] = headerValue(text);
    }
    if (!bare) {
      const own = isRecord(params._meta) ? params._meta : {};
      message.params = {
        ...params,
        _meta: {
          [`${META}protocolVersion`]: revision,
          [`${META}clientInfo`]: CLIENT,
          [`${META}clientCapabilities`]: capabilitiesOf(revision),
          ...own,
        },
      };
    }
  }
  return { message, named };
}

/** The bytes of a text in UTF-8, as so many characters: what HTTP sends of them. */
function inBytes(value: unknown): string {
  return Array.from(encoder.encode(String(value)), (byte) => String.fromCharCode(byte)).join('');
}

/** A value as a header can carry it: as it is, or in base64 where it holds what a header may not (2026-07-28, Value Encoding). */
export function headerValue(text: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?base64?')) return text;
  return `=?base64?${btoa(String.fromCharCode(...encoder.encode(text)))}?=`;
}
