/** MCP's requests over k6/http. Every request carries a `name` of a fixed few, never an id. */

import http, { type RefinedResponse } from 'k6/http';
import { type Endpoint, isStateless, type Tool } from './config.ts';
import { CLIENT, type Message, type Peer, peerHeaders, post, responseIn, resultOf } from './jsonrpc.ts';

export type Response = RefinedResponse<'text'>;

export interface Options {
  /** The tag `name`. */
  readonly name: string;
  /** For the whole exchange, ms; a stream that takes longer is cut by this client. */
  readonly timeout_ms?: number;
  /** Statuses that are no failure; 0 is an exchange without one: cut, torn, refused. */
  readonly expected?: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly response: Response;
  /** The JSON-RPC response, when there was one. */
  readonly message: Message | undefined;
}

/** k6's code for a request that took longer than its timeout. */
export const TIMED_OUT = 1050;

/** Cut by the client, by plan. */
export const CUT = [200, 0];

/** Refused for now: a client is to come again. */
export const LATER = [429, 503];

/** Sends a request and reads its response. @param id unique within the session */
export async function ask(
  target: Endpoint,
  peer: Peer,
  method: string,
  params: Record<string, unknown>,
  id: string,
  options: Options,
): Promise<Answer> {
  const { headers, body } = post(peer, method, params, id);
  const response = await send(target, 'POST', body, headers, options);
  return { response, message: responseIn(bodyOf(response), contentTypeOf(response), id) };
}

export function callTool(target: Endpoint, peer: Peer, tool: Tool, id: string, options: Options): Promise<Answer> {
  return ask(target, peer, 'tools/call', { name: tool.name, arguments: tool.arguments }, id, options);
}

/** The handshake. The answer's peer is undefined when it failed, and has no session where the server keeps none. */
export async function initialize(
  target: Endpoint,
  revision: string,
  name = 'initialize',
): Promise<Answer & { peer: Peer | undefined }> {
  const params = { protocolVersion: revision, capabilities: {}, clientInfo: CLIENT };
  const answer = await ask(target, { revision }, 'initialize', params, 'initialize', { name });
  if (resultOf(answer.message) === undefined) return { ...answer, peer: undefined };
  const session = answer.response.headers['Mcp-Session-Id'];
  const peer = session === undefined ? { revision } : { revision, session };
  return { ...answer, peer };
}

/** Tells the server that the handshake is over. */
export function initialized(target: Endpoint, peer: Peer, name = 'initialized'): Promise<Response> {
  return notify(target, peer, 'notifications/initialized', { name, expected: [202, 200, 204] });
}

export function notify(target: Endpoint, peer: Peer, method: string, options: Options): Promise<Response> {
  const { headers, body } = post(peer, method, {});
  return send(target, 'POST', body, headers, options);
}

/** The server took a notification. */
export function accepted({ status }: Response): boolean {
  return status >= 200 && status < 300;
}

/** Both steps. @returns undefined when either failed */
export async function openSession(target: Endpoint, revision: string): Promise<Peer | undefined> {
  const { peer } = await initialize(target, revision);
  return peer && accepted(await initialized(target, peer)) ? peer : undefined;
}

/** Ends a session: 405 is a server that lets no client end one. */
export function endSession(target: Endpoint, peer: Peer, name = 'delete'): Promise<Response> {
  return send(target, 'DELETE', null, peerHeaders(peer), { name, expected: [200, 202, 204, 404, 405] });
}

/** GET: the session's own stream, or with `lastId` the one that event was of. */
export function openStream(target: Endpoint, peer: Peer, lastId: string, options: Options): Promise<Response> {
  const headers = {
    Accept: 'text/event-stream',
    ...peerHeaders(peer),
    ...(lastId !== '' && { 'Last-Event-ID': lastId }),
  };
  return send(target, 'GET', null, headers, options);
}

/** A stream of change notifications (2026-07-28). */
export function listen(target: Endpoint, peer: Peer, id: string, options: Options): Promise<Response> {
  const { headers, body } = post(peer, 'subscriptions/listen', { notifications: target.listenTo }, id);
  return send(target, 'POST', body, headers, options);
}

/** The peer of a revision without sessions. */
export function statelessPeer(revision: string): Peer {
  if (!isStateless(revision)) throw new Error(`Revision ${revision} has sessions`);
  return { revision };
}

export function send(
  target: Endpoint,
  method: 'GET' | 'POST' | 'DELETE',
  body: string | null,
  headers: Record<string, string>,
  { name, timeout_ms = target.timeout_ms, expected = [200], headers: more = {} }: Options,
): Promise<Response> {
  return http.asyncRequest(method, target.url, body, {
    // Without the first any coding would be acceptable (RFC 9110, 12.5.3), and a stream that is cut cannot be decoded.
    headers: { 'Accept-Encoding': 'identity', ...target.headers, ...headers, ...more },
    // What is measured is the target, not the way to it: the check says where it is.
    redirects: 0,
    tags: { name },
    timeout: `${Math.max(1, Math.round(timeout_ms))}ms`,
    responseType: 'text',
    responseCallback: http.expectedStatuses(...expected),
  });
}

export function bodyOf(response: Response): string {
  return response.body ?? '';
}

/** In lower case: media types have none (RFC 9110, 8.3.1). */
export function contentTypeOf(response: Response): string {
  return (response.headers['Content-Type'] ?? '').toLowerCase();
}

/** The response began, though nothing but its first bytes may have come. */
export function began(response: Response): boolean {
  return response.status > 0 || response.timings.receiving > 0;
}

/** It began as a stream, whether or not it came to its end. */
export function gaveStream(response: Response): boolean {
  return response.status === 200 || (response.status === 0 && began(response));
}

/** From the moment a request was made until the first byte of its answer, ms. */
export function firstByteAfter({ timings }: Response): number {
  const { blocked, connecting, tls_handshaking: handshake = 0, duration, receiving } = timings;
  return blocked + connecting + handshake + duration - receiving;
}
