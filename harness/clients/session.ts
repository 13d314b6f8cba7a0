/** Requests by plain `fetch`, for what no client can be made to do: a 2025-11-25 session, a quiet listen stream. */

import { EventSourceParserStream } from 'eventsource-parser/stream';

export const REVISION = '2025-11-25';
const BOTH = 'application/json, text/event-stream';

export interface Message {
  id?: number | string;
  method?: string;
  params?: { progress?: number; uri?: string; [name: string]: unknown };
  result?: { content?: { text?: string }[]; tools?: { name: string }[]; [name: string]: unknown };
  error?: { code: number; message: string };
}

export interface Event {
  id: string | undefined;
  /** Undefined for an event without data, which only brings its id. */
  message: Message | undefined;
}

export class Session {
  readonly url: string;
  readonly id: string;

  constructor(url: string, id: string) {
    this.url = url;
    this.id = id;
  }

  static async open(url: string): Promise<Session> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: BOTH },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'first',
        method: 'initialize',
        params: { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: 'plain fetch', version: '1' } },
      }),
    });
    await response.body?.cancel();
    const id = response.headers.get('mcp-session-id');
    if (id === null) throw new Error(`initialize answered ${response.status} without a session id`);
    const session = new Session(url, id);
    await (await session.post({ method: 'notifications/initialized' })).body?.cancel();
    return session;
  }

  /** The same session on another node. */
  at(url: string): Session {
    return new Session(url, this.id);
  }

  post(message: Message, signal?: AbortSignal): Promise<Response> {
    return fetch(this.url, {
      method: 'POST',
      headers: { ...this.#headers(), 'content-type': 'application/json', accept: BOTH },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      signal: signal ?? null,
    });
  }

  /** @param lastEventId what to resume after; without it, the stream of the session */
  get(lastEventId?: string, signal?: AbortSignal): Promise<Response> {
    return fetch(this.url, {
      headers: {
        ...this.#headers(),
        accept: 'text/event-stream',
        ...(lastEventId && { 'last-event-id': lastEventId }),
      },
      signal: signal ?? null,
    });
  }

  end(): Promise<Response> {
    return fetch(this.url, { method: 'DELETE', headers: this.#headers() });
  }

  #headers() {
    return { 'mcp-session-id': this.id, 'mcp-protocol-version': REVISION };
  }
}

/** Opens a listen stream of 2026-07-28 that nothing will come on. */
export function listen(url: string, signal: AbortSignal): Promise<Response> {
  const revision = '2026-07-28';
  const method = 'subscriptions/listen';
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': revision,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: BOTH,
      'mcp-protocol-version': revision,
      'mcp-method': method,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta, notifications: {} } }),
    signal,
  });
}

/** The events of an answer, as they come. */
export async function* events(response: Response, onComment?: (comment: string) => void): AsyncGenerator<Event> {
  const type = response.headers.get('content-type');
  if (!response.body || type !== 'text/event-stream') throw new Error(`${response.status} ${type} is no event stream`);
  const parsed = response.body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .pipeThrough(new EventSourceParserStream(onComment && { onComment }));
  for await (const { id, data } of parsed) yield { id, message: data === '' ? undefined : JSON.parse(data) };
}

/** Status of an answer whose body does not matter. */
export async function statusOf(answer: Promise<Response>): Promise<number> {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
}
