/** One caller by plain `fetch`: in a session of 2025-11-25 or without one (2026-07-28), with headers of its choice. */

import { createParser } from 'eventsource-parser';
import { Arrivals } from '../clients/arrivals.ts';
import { type Message, REVISION } from '../clients/session.ts';

const STATELESS = '2026-07-28';
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
/** Which member of `params` Mcp-Name repeats. */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

type Headers_ = Readonly<Record<string, string>>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** The JSON-RPC response: the last message of a stream. Empty where there is none. */
  readonly message: Message;
}

export class Caller {
  readonly url: string;
  readonly headers: Headers_;
  /** Undefined for a caller of 2026-07-28. */
  readonly session: string | undefined;
  #id = 0;

  constructor(url: string, headers: Headers_ = {}, session?: string) {
    this.url = url;
    this.headers = headers;
    this.session = session;
  }

  /** The same caller with other headers, in the same session. */
  with(headers: Headers_): Caller {
    return new Caller(this.url, { ...this.headers, ...headers }, this.session);
  }

  /** Sends `initialize` alone. */
  initialize(): Promise<Answer> {
    const params = { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: 'caller', version: '1' } };
    return this.post({ id: 0, method: 'initialize', params });
  }

  /** The same caller in a session. @throws Error when none was begun */
  async open(): Promise<Caller> {
    const { status, headers, body } = await this.initialize();
    const id = headers.get('mcp-session-id');
    if (id === null) throw new Error(`initialize answered ${status} without a session id: ${body}`);
    return new Caller(this.url, this.headers, id);
  }

  /** Sends a request, in the words of the caller's era. */
  send(method: string, params: object = {}): Promise<Response> {
    const id = ++this.#id;
    if (this.session !== undefined) {
      const _meta = { progressToken: id };
      return this.#fetch({ id, method, params: { _meta, ...params } }, this.#inSession());
    }
    const _meta = {
      progressToken: id,
      'io.modelcontextprotocol/protocolVersion': STATELESS,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const name = (params as Record<string, unknown>)[NAMED[method] ?? ''];
    return this.#fetch(
      { id, method, params: { ...params, _meta: { ..._meta, ...(params as { _meta?: object })._meta } } },
      {
        'mcp-protocol-version': STATELESS,
        'mcp-method': method,
        ...(typeof name === 'string' && { 'mcp-name': name }),
      },
    );
  }

  async ask(method: string, params?: object): Promise<Answer> {
    return answerOf(await this.send(method, params));
  }

  call(name: string, given: object = {}): Promise<Answer> {
    return this.ask('tools/call', { name, arguments: given });
  }

  /** Sends a message as it is, in the session if there is one. */
  async post(message: object): Promise<Answer> {
    return answerOf(await this.#fetch(message, this.#inSession()));
  }

  /** The stream of the session. */
  get(headers: Headers_ = {}): Promise<Response> {
    return fetch(this.url, {
      headers: { accept: 'text/event-stream', ...this.#inSession(), ...this.headers, ...headers },
    });
  }

  async end(): Promise<Answer> {
    return answerOf(await fetch(this.url, { method: 'DELETE', headers: { ...this.#inSession(), ...this.headers } }));
  }

  #inSession(): Headers_ {
    return this.session === undefined ? {} : { 'mcp-session-id': this.session, 'mcp-protocol-version': REVISION };
  }

  #fetch(message: object, headers: Headers_): Promise<Response> {
    return fetch(this.url, {
      method: 'POST',
      headers: { ...JSON_HEADERS, ...headers, ...this.headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  }
}

export async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const body = await response.text();
  const streams = headers.get('content-type') === 'text/event-stream';
  const message = streams ? messagesOf(body).at(-1) : body.startsWith('{') ? (JSON.parse(body) as Message) : undefined;
  return { status, headers, body, message: message ?? {} };
}

/** What a tool answered. */
export function textOf({ message }: { message: Message }): string | undefined {
  return message.result?.content?.[0]?.text;
}

/** The messages of an event stream. */
export function messagesOf(stream: string): Message[] {
  const messages: Message[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data !== '') messages.push(JSON.parse(data) as Message);
    },
  });
  parser.feed(stream);
  return messages;
}

/** An answer that is read as it comes. */
export class Reading {
  /** All that came. */
  text = '';
  /** How it came to its end: in good order, or by the connection. */
  readonly over: Promise<'ended' | 'broken'>;
  readonly #chunks = new Arrivals<string>();

  constructor(response: Response) {
    if (response.status !== 200 || response.body === null) throw new Error(`${response.status} is no stream`);
    this.over = this.#read(response.body).then(
      () => 'ended',
      () => 'broken',
    );
  }

  get messages(): Message[] {
    return messagesOf(this.text);
  }

  /** Resolves when so much has come that `pattern` is found. */
  async heard(pattern: RegExp): Promise<void> {
    await this.#chunks.first(() => pattern.test(this.text));
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      this.text += decoder.decode(chunk, { stream: true });
      this.#chunks.add(this.text);
    }
  }
}
