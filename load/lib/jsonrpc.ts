/** JSON-RPC as MCP sends it over HTTP in both eras: what goes out, and what an answer says. Pure. */

import { isStateless } from './config.ts';
import { readStream, type StreamEvent } from './sse.ts';

export interface Message {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code?: number; readonly message?: string; readonly data?: unknown };
}

/** Whom a request is sent as: a revision, and the session where the server keeps one. */
export interface Peer {
  readonly revision: string;
  readonly session?: string;
}

const META = 'io.modelcontextprotocol/';
/** The member of `params` that the header `Mcp-Name` repeats (2026-07-28). */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

export const CLIENT = { name: 'mcp-load', version: '1' };

/** @returns undefined when the text is no JSON object */
export function parseMessage(text: string): Message | undefined {
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Message) : undefined;
  } catch {
    return undefined;
  }
}

/** What the events of a stream say; undefined for one that is no message. */
export function messagesIn(events: readonly StreamEvent[]): (Message | undefined)[] {
  return events.map(({ data }) => parseMessage(data));
}

/** Headers and body of a POST. Without `id` it is a notification. */
export function post(
  peer: Peer,
  method: string,
  params: Readonly<Record<string, unknown>>,
  id?: string,
): { headers: Record<string, string>; body: string } {
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    // The handshake names no revision in its headers: it is about to be agreed.
    ...(method !== 'initialize' && peerHeaders(peer)),
  };
  const message = { jsonrpc: '2.0', ...(id !== undefined && { id }), method };
  if (!isStateless(peer.revision)) return { headers, body: JSON.stringify({ ...message, params }) };
  headers['Mcp-Method'] = method;
  const named = NAMED[method];
  if (named !== undefined) headers['Mcp-Name'] = String(params[named]);
  const _meta = {
    ...(params._meta as object | undefined),
    [`${META}protocolVersion`]: peer.revision,
    [`${META}clientInfo`]: CLIENT,
    [`${META}clientCapabilities`]: {},
  };
  return { headers, body: JSON.stringify({ ...message, params: { ...params, _meta } }) };
}

/** Headers that say who asks. */
export function peerHeaders({ revision, session }: Peer): Record<string, string> {
  return { 'MCP-Protocol-Version': revision, ...(session !== undefined && { 'Mcp-Session-Id': session }) };
}

/** Session ids shorter than this may be counted: then any of them may be somebody's. */
const LONG = 16;

/** A session id that nobody has, of the same form as `session` where that can be: turned round. */
export function unknownId(session: string): string {
  const turned = session.split('').reverse().join('');
  return session.length >= LONG && turned !== session ? turned : `${turned}-nobody`;
}

/**
 * The response to request `id` in a body that is JSON or an event stream.
 * @param contentType in lower case
 * @returns undefined when there is none, or more than one: a request is answered once
 */
export function responseIn(body: string, contentType: string, id: string): Message | undefined {
  const messages = contentType.includes('text/event-stream')
    ? messagesIn(readStream(body).events)
    : [parseMessage(body)];
  const own = messages.filter((message) => message?.method === undefined && message?.id === id);
  return own.length === 1 ? own[0] : undefined;
}

/** @returns undefined unless the message has a result, an object, and no error beside it */
export function resultOf(message: Message | undefined): Message['result'] {
  const { result, error } = message ?? {};
  return typeof result === 'object' && result !== null && error === undefined ? result : undefined;
}

/** Requests of the server on a stream: it waits for answers. */
export function requestsIn(events: readonly StreamEvent[]): Message[] {
  return messagesIn(events).filter((message) => message?.method !== undefined && message.id !== undefined) as Message[];
}

/** A response that has a result, and not one that says the tool failed. */
export function succeeded(message: Message | undefined): boolean {
  const result = resultOf(message);
  return result !== undefined && result.isError !== true;
}

/** An error as a piece of a line. */
export function saidIn(message: Message | undefined): string {
  if (message?.error) return `${message.error.message ?? 'error'} (${message.error.code ?? 'no code'})`;
  const content = resultOf(message)?.content;
  const [first] = Array.isArray(content) ? (content as ({ text?: string } | null)[]) : [];
  return first?.text ?? 'nothing that can be read';
}
