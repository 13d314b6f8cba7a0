/** What a revision demands of a client's request, so that scenarios need to say only what they test. */

import { fill, isRecord, show, type Vars } from './match.ts';
import type { Request } from './scenario.ts';
import type { HttpRequest } from './target.ts';

const META = 'io.modelcontextprotocol/';
export const CLIENT = { name: 'mcp-replay', version: '1' };
/** Everything a client can declare, so that no server holds back. */
export const CAPABILITIES = { roots: { listChanged: true }, sampling: {}, elicitation: {} };
/** Which member of `params` the header Mcp-Name repeats in 2026-07-28. */
const NAMED: Record<string, string> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };

export function isStateless(revision: string): boolean {
  return revision >= '2026-07-28';
}

const encoder = new TextEncoder();

/** @param nextId gives the ids of messages that name none */
export function requestOf(
  verb: string,
  given: Request,
  vars: Vars,
  nextId: () => number,
): HttpRequest & { id?: unknown } {
  const request = fill(given, vars);
  const revision = String(vars.get('rev'));
  const headers: Record<string, string> = {};
  let body: string | Uint8Array<ArrayBuffer> | undefined;
  let id: unknown;
  if (verb === 'post') {
    headers['content-type'] = 'application/json';
    headers.accept = 'application/json, text/event-stream';
  } else if (verb === 'get') headers.accept = 'text/event-stream';
  const session = vars.get('session');
  if (!isStateless(revision)) {
    if (typeof session === 'string') headers['mcp-session-id'] = session;
    if (vars.get('negotiated') !== undefined && revision >= '2025-06-18') headers['mcp-protocol-version'] = revision;
  }
  if (request.rpc) {
    const { message, named } = completed(request.rpc, request, revision, nextId);
    id = message.id;
    Object.assign(headers, named);
    body = JSON.stringify(message);
  } else if (request.batch)
    body = JSON.stringify(request.batch.map((one) => completed(one, request, revision, nextId).message));
  else if (request.raw !== undefined) body = request.raw;
  else if (request.base64 !== undefined) body = Uint8Array.from(atob(request.base64), (char) => char.charCodeAt(0));
  const own = request.headers ?? {};
  if (!isRecord(own)) throw new Error(`"headers" must be an object, got ${show(own)}`);
  for (const [name, value] of Object.entries(own)) headers[name.toLowerCase()] = String(value);
  for (const name of request.without ?? []) delete headers[name.toLowerCase()];
  return {
    method: verb.toUpperCase(),
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? encoder.encode(body) : body }),
    ...(id !== undefined && { id }),
  };
}

function completed(
  rpc: NonNullable<Request['rpc']>,
  { bare }: Request,
  revision: string,
  nextId: () => number,
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
    if (typeof name === 'string') named['mcp-name'] = name;
    if (!bare) {
      const own = isRecord(params._meta) ? params._meta : {};
      message.params = {
        ...params,
        _meta: {
          [`${META}protocolVersion`]: revision,
          [`${META}clientInfo`]: CLIENT,
          [`${META}clientCapabilities`]: CAPABILITIES,
          ...own,
        },
      };
    }
  }
  return { message, named };
}
