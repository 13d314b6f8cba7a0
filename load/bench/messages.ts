/** The requests that are measured, and the check that a target answers them. */

export type Era = 'sessions' | 'modern';

/** One kind of request: everything but its id and its session. */
export interface Shape {
  /** HTTP headers, without `content-length`. */
  headers: Record<string, string>;
  /** The body before and after the id, which is a number of `ID_DIGITS` digits. */
  before: string;
  after: string;
  /** Ids of open sessions, taken in turn. */
  sessions: readonly string[];
}

export const ID_DIGITS = 9;
export const TEXT = 'The quick brown fox jumps over the lazy dog';
const MODERN = '2026-07-28';
const META = 'io.modelcontextprotocol/';
const BASE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

type Params = Record<string, unknown>;

/** @param version what the session negotiated; unused in the modern era */
export function shapeOf(
  era: Era,
  method: string,
  params: Params,
  sessions: readonly string[] = [],
  version = '2025-11-25',
): Shape {
  const whole =
    era === 'sessions'
      ? params
      : {
          ...params,
          _meta: {
            [`${META}protocolVersion`]: MODERN,
            [`${META}clientInfo`]: { name: 'bench', version: '1' },
            [`${META}clientCapabilities`]: {},
            ...(params._meta as Params | undefined),
          },
        };
  const name = typeof params.name === 'string' ? { 'mcp-name': params.name } : {};
  const headers =
    era === 'sessions'
      ? { ...BASE, 'mcp-protocol-version': version }
      : { ...BASE, 'mcp-protocol-version': MODERN, 'mcp-method': method, ...name };
  return {
    headers,
    sessions,
    before: '{"jsonrpc":"2.0","id":',
    after: `,"method":${JSON.stringify(method)},"params":${JSON.stringify(whole)}}`,
  };
}

export const ECHO: readonly [string, Params] = ['tools/call', { name: 'echo', arguments: { text: TEXT } }];
export const LIST: readonly [string, Params] = ['tools/list', {}];
export const STEPS: readonly [string, Params] = [
  'tools/call',
  { name: 'steps', arguments: {}, _meta: { progressToken: 1 } },
];

export interface Answer {
  status: number;
  text: string;
  /** The last JSON-RPC message, and how many there were. */
  message: { id?: unknown; result?: Record<string, unknown>; error?: unknown };
  messages: number;
}

export async function send(url: string, shape: Shape, id: number): Promise<Answer> {
  const session = shape.sessions[0];
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...shape.headers, ...(session !== undefined && { 'mcp-session-id': session }) },
    body: `${shape.before}${id}${shape.after}`,
  });
  const text = await response.text();
  const events = response.headers.get('content-type')?.startsWith('text/event-stream');
  const messages = events
    ? text
        .split('\n')
        .filter((line) => line.startsWith('data:') && line.length > 6)
        .map((line) => line.slice(5))
    : [text];
  let message: Answer['message'] = {};
  try {
    message = JSON.parse(messages.at(-1) ?? '');
  } catch {
    // Told by the check: no result.
  }
  return { status: response.status, text, message, messages: messages.length };
}

/** Opens a session by the handshake. @param more headers, as authorization @returns its id and the revision it negotiated */
export async function openSession(
  url: string,
  more: Record<string, string> = {},
): Promise<{ id: string; version: string }> {
  const initialize = shapeOf('sessions', 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  });
  const { 'mcp-protocol-version': _unknown, ...headers } = { ...initialize.headers, ...more };
  const response = await fetch(url, { method: 'POST', headers, body: `${initialize.before}1${initialize.after}` });
  const text = await response.text();
  const id = response.headers.get('mcp-session-id');
  if (!response.ok || id === null) throw new Error(`initialize answers ${response.status}: ${text.slice(0, 300)}`);
  const version = /"protocolVersion":"([\d-]+)"/.exec(text)?.[1] ?? '2025-11-25';
  const initialized = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'mcp-session-id': id, 'mcp-protocol-version': version },
    body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  });
  await initialized.body?.cancel();
  return { id, version };
}

export async function openSessions(
  url: string,
  count: number,
  more?: Record<string, string>,
): Promise<{ ids: string[]; version: string }> {
  const ids: string[] = [];
  let version = '';
  await Promise.all(
    Array.from({ length: Math.min(32, count) }, async () => {
      while (ids.length < count) {
        const at = ids.push('') - 1;
        const opened = await openSession(url, more);
        ids[at] = opened.id;
        version = opened.version;
      }
    }),
  );
  return { ids, version };
}

/** @throws Error telling what is wrong with the answer to an echo, a list or a call that tells steps */
export async function check(url: string, shape: Shape, what: 'echo' | 'list' | 'steps'): Promise<Answer> {
  const id = 987_654_321;
  const answer = await send(url, shape, id);
  const { message, status, messages } = answer;
  const wrong = (why: string) => new Error(`${why}; status ${status}, answer ${answer.text.slice(0, 300)}`);
  if (status !== 200) throw wrong('not 200');
  if (message.id !== id) throw wrong(`id ${JSON.stringify(message.id)} is not ${id}`);
  const content = message.result?.content as { text?: string }[] | undefined;
  if (what === 'echo' && content?.[0]?.text !== TEXT) throw wrong('the text does not come back');
  if (what === 'list' && !Array.isArray(message.result?.tools)) throw wrong('there are no tools');
  if (what === 'steps' && messages < 11) throw wrong(`${messages} messages, expected ten steps and a result`);
  return answer;
}
