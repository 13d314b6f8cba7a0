/**
 * A raw client of a server in this process: it sends what it is told, right or wrong, and shows what came back.
 * `serving` makes a test of it, and holds that no stream and no untold bug is left when the test is over.
 */

import assert from 'node:assert/strict';
import { createParser } from 'eventsource-parser';
import { features } from '../harness/everything.ts';
import { createServer, type Feature, type Server, type ServerOptions } from '../server.ts';

export const MODERN = '2026-07-28';
export const SESSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;
export const URL_OF_SERVER = 'http://localhost/mcp';
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
export const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
export const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

export type Json = { [key: string]: unknown };
/** Header values; `null` leaves a header out that would be sent otherwise. */
export type HeaderChanges = { [name: string]: string | null };

export interface Rpc {
  jsonrpc: '2.0';
  id?: string | number;
  method?: string;
  params?: Json & { _meta?: Json };
  result?: Json & { _meta?: Json };
  error?: { code: number; message: string; data?: unknown };
}

export interface Sent {
  id?: unknown;
  method: string;
  params?: Json | undefined;
}

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The JSON body, a batch taken apart, or the messages of the event stream. */
  readonly messages: Rpc[];
  /** The last of them: the response. */
  readonly message: Rpc | undefined;
  readonly result: NonNullable<Rpc['result']>;
}

export interface ModernOptions {
  headers?: HeaderChanges;
  capabilities?: unknown;
  /** Members of `_meta`; `undefined` leaves one out that would be sent otherwise. */
  meta?: Json;
}

/** One who sends requests, of either era. */
export interface Peer {
  readonly revision: string;
  /** Sends a request with an id of its own and reads the answer. */
  request(method: string, params?: Json, headers?: HeaderChanges): Promise<Answer>;
}

export class Client {
  readonly server: Server;
  /** What handlers threw by mistake; a test that expects some takes them out. */
  readonly bugs: { error: unknown; during: string; id: string }[] = [];
  /** Of every request, where it names no other. */
  headers: HeaderChanges = {};
  readonly #readers: Events[] = [];
  #ids = 0;

  /** @param server of another client, to share */
  constructor(options: Partial<ServerOptions> = {}, server?: Server) {
    this.server =
      server ??
      createServer({
        name: 'under-test',
        version: '1.2.3',
        features,
        onError: (error, during, id) => this.bugs.push({ error, during, id }),
        ...options,
      });
  }

  nextId(): number {
    return ++this.#ids;
  }

  /** Any request: a body that is no string, bytes or stream is sent as JSON. */
  send(method: string, body: unknown, headers: HeaderChanges, url = URL_OF_SERVER, signal?: AbortSignal) {
    const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
    const init: RequestInit & { duplex?: 'half' } = { method, headers: present({ ...this.headers, ...headers }) };
    if (body !== undefined) init.body = raw ? (body as BodyInit) : JSON.stringify(body);
    if (body instanceof ReadableStream) init.duplex = 'half';
    if (signal) init.signal = signal;
    return this.server.fetch(new Request(url, init));
  }

  post(body: unknown, headers: HeaderChanges = {}, signal?: AbortSignal): Promise<Response> {
    const all = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers };
    return this.send('POST', body, all, URL_OF_SERVER, signal);
  }

  /** Posts and reads the answer to its end. */
  async tell(body: unknown, headers: HeaderChanges = {}): Promise<Answer> {
    return read(await this.post(body, headers));
  }

  async initialize(
    revision: string = SESSIONS[0],
    capabilities: Json = {},
    clientInfo: Json = { name: 'fixture', version: '1' },
  ): Promise<Session> {
    const params = { protocolVersion: revision, capabilities, clientInfo };
    const answer = await this.tell({ jsonrpc: '2.0', id: this.nextId(), method: 'initialize', params });
    assert.equal(answer.status, 200, answer.text);
    const id = answer.headers.get('mcp-session-id');
    assert.ok(id, 'initialize answers a session id');
    return new Session(this, id, revision, answer.result);
  }

  /** A request of 2026-07-28, complete: `_meta`, version and routing headers. */
  modern(message: Sent, { headers = {}, capabilities = {}, meta = {} }: ModernOptions = {}, signal?: AbortSignal) {
    const { method, params } = message;
    const _meta = { [VERSION]: MODERN, [CAPABILITIES]: capabilities, ...meta };
    const whole = { jsonrpc: '2.0', id: this.nextId(), ...message, params: { ...params, _meta } };
    const name = method === 'resources/read' ? params?.uri : params?.name;
    const named = ['tools/call', 'prompts/get', 'resources/read'].includes(method) && typeof name === 'string';
    const routing = {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(named && { 'mcp-name': headerValue(name) }),
    };
    return this.post(whole, { ...routing, ...headers }, signal);
  }

  async tellModern(message: Sent, options: ModernOptions = {}): Promise<Answer> {
    return read(await this.modern(message, options));
  }

  /** One who speaks 2026-07-28 with these capabilities. */
  stateless(capabilities: Json = {}): Peer {
    return {
      revision: MODERN,
      request: (method, params, headers = {}) => this.tellModern({ method, params }, { headers, capabilities }),
    };
  }

  /** A client of the revision, whichever its era. */
  async peer(revision: string, capabilities: Json = {}): Promise<Peer> {
    return revision === MODERN ? this.stateless(capabilities) : this.initialize(revision, capabilities);
  }

  /** Reads a response as an event stream; what is open when the test ends is cut. */
  events(response: Response): Events {
    const events = new Events(response);
    this.#readers.push(events);
    return events;
  }

  /** Nothing may be kept for what was refused. */
  holdsNothing(): void {
    const { sessions, streams, listening, retained, kept, calls } = this.server.stats();
    const nothing = { sessions: 0, streams: 0, listening: 0, retained: 0, kept: 0, calls: 0 };
    assert.deepEqual({ sessions, streams, listening, retained, kept, calls }, nothing);
  }

  async close(): Promise<void> {
    for (const events of this.#readers) await events.cut();
    this.server.close();
  }
}

/** A session of a 2025 revision; the headers it owes go with every request. */
export class Session implements Peer {
  readonly client: Client;
  readonly id: string;
  readonly revision: string;
  /** What `initialize` answered. */
  readonly opened: Json;

  constructor(client: Client, id: string, revision: string, opened: Json) {
    this.client = client;
    this.id = id;
    this.revision = revision;
    this.opened = opened;
  }

  #headers(changes: HeaderChanges): HeaderChanges {
    const version = this.revision === '2025-03-26' ? null : this.revision;
    return { 'mcp-session-id': this.id, 'mcp-protocol-version': version, ...changes };
  }

  post(body: unknown, headers: HeaderChanges = {}): Promise<Response> {
    return this.client.post(body, this.#headers(headers));
  }

  async tell(body: unknown, headers: HeaderChanges = {}): Promise<Answer> {
    return read(await this.post(body, headers));
  }

  request(method: string, params?: Json, headers: HeaderChanges = {}): Promise<Answer> {
    return this.tell({ jsonrpc: '2.0', id: this.client.nextId(), method, params }, headers);
  }

  notify(method: string, params?: Json): Promise<Answer> {
    return this.tell({ jsonrpc: '2.0', method, params });
  }

  /** A POST of one request, its answer read as it comes. */
  async stream(message: Sent): Promise<Events> {
    const response = await this.post({ jsonrpc: '2.0', id: this.client.nextId(), ...message });
    return this.client.events(response);
  }

  get(headers: HeaderChanges = {}): Promise<Response> {
    return this.client.send('GET', undefined, this.#headers({ accept: 'text/event-stream', ...headers }));
  }

  async listen(lastEventId?: string): Promise<Events> {
    const response = await this.get(lastEventId === undefined ? {} : { 'last-event-id': lastEventId });
    assert.equal(response.status, 200);
    return this.client.events(response);
  }

  end(headers: HeaderChanges = {}): Promise<Response> {
    return this.client.send('DELETE', undefined, this.#headers(headers));
  }
}

export interface StreamEvent {
  readonly id: string | undefined;
  readonly data: string;
  readonly message: Rpc | undefined;
}

/** An event stream, read as fast as it comes. */
export class Events {
  readonly status: number;
  /** All that came so far, in order. */
  readonly received: StreamEvent[] = [];
  readonly comments: string[] = [];
  retry: number | undefined;
  /** Fulfilled when the server ended the stream or the client cut it. */
  readonly over: Promise<void>;
  ended = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #taken = 0;
  #wake: () => void = () => {};

  constructor(response: Response) {
    this.status = response.status;
    const type = response.headers.get('content-type');
    assert.equal(type, 'text/event-stream', `an event stream, not ${response.status} ${type}`);
    assert.ok(response.body);
    this.#reader = response.body.getReader();
    this.over = this.#pump();
  }

  async #pump(): Promise<void> {
    const parser = createParser({
      onEvent: ({ id, data }) => {
        this.received.push({ id, data, message: data === '' ? undefined : (JSON.parse(data) as Rpc) });
        this.#wake();
      },
      onComment: (comment) => void this.comments.push(comment),
      onRetry: (retry) => {
        this.retry = retry;
      },
    });
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      parser.feed(decoder.decode(value, { stream: true }));
    }
    this.ended = true;
    this.#wake();
  }

  /** The next event. @returns undefined at the end of the stream */
  async next(): Promise<StreamEvent | undefined> {
    while (this.#taken >= this.received.length) {
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.received[this.#taken++];
  }

  /** The next event that is a message; priming events are passed over. */
  async message(): Promise<Rpc> {
    for (;;) {
      const event = await this.next();
      assert.ok(event, 'the stream ended where a message was expected');
      if (event.message) return event.message;
    }
  }

  /** All messages up to the end. */
  async rest(): Promise<Rpc[]> {
    const messages: Rpc[] = [];
    for (let event = await this.next(); event; event = await this.next())
      if (event.message) messages.push(event.message);
    return messages;
  }

  /** Hangs up. */
  async cut(): Promise<void> {
    await this.#reader.cancel();
    await this.over;
  }
}

export async function read(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  const messages: Rpc[] = [];
  const type = headers.get('content-type');
  if (type === 'text/event-stream') {
    const parser = createParser({ onEvent: ({ data }) => data !== '' && messages.push(JSON.parse(data) as Rpc) });
    parser.feed(text);
  } else if (text !== '') {
    assert.equal(type, 'application/json');
    messages.push(...([JSON.parse(text)].flat() as Rpc[]));
  }
  const message = messages.at(-1);
  return {
    status,
    headers,
    text,
    messages,
    message,
    get result() {
      assert.ok(message?.result, `a result, not ${status} ${text}`);
      return message.result;
    },
  };
}

export interface Refusal {
  status: number;
  code: number;
  /** What the message says: the value, and what was expected. */
  says: RegExp;
  /** Absent: the error has no id. */
  id?: string | number;
  data?: unknown;
}

/** Holds that an answer is exactly this refusal. */
export function refused(answer: Answer, { status, code, says, id, data }: Refusal): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.messages.length, 1, answer.text);
  const { message = '', ...error } = answer.message?.error ?? {};
  const expected = {
    jsonrpc: '2.0',
    ...(id !== undefined && { id }),
    error: { code, ...(data !== undefined && { data }) },
  };
  assert.deepEqual({ ...answer.message, error }, expected, answer.text);
  assert.match(message, says);
}

/** The text of a tool result's first block. */
export function said(answer: Answer): string {
  const [block] = answer.result.content as { text?: string }[];
  return block?.text ?? '';
}

/** The body of a test: a server of its own, closed when the test is over. */
export function serving(run: (client: Client) => Promise<void>, options: Partial<ServerOptions> = {}) {
  return async (): Promise<void> => {
    const client = new Client(options);
    try {
      await run(client);
    } finally {
      await client.close();
    }
    assert.deepEqual(client.bugs, [], 'bugs that the test did not expect');
    assert.equal(client.server.stats().streams, 0, 'streams left open');
  };
}

/** Features of a test beside those of the everything server. */
export function everythingAnd(...more: Feature[]): Feature[] {
  return [...features, ...more];
}

/** A promise and what settles it. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** A text as a header value: as it is where it may be, else in base64 (2026-07-28, Value Encoding). */
export function headerValue(text: string): string {
  return /^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?base64?')
    ? text
    : base64Value(text);
}

export function base64Value(text: string): string {
  return `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}

function present(headers: HeaderChanges): [string, string][] {
  return Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null);
}
