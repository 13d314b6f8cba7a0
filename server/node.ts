/**
 * node:http <-> Fetch. Knows nothing but a `fetch`.
 *
 * Node's own Request and Response cost more than all the rest of a call, so the handler gets a light Request that becomes
 * a real one only when somebody uses what it lacks, and is lent a light Response by the platform argument.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6, Server as Listener, type Socket } from 'node:net';
import type { BodyParts, Platform } from './protocol.ts';

export type FetchHandler = (request: Request, platform: Platform) => Response | Promise<Response>;

export interface Listening {
  /** `http://host:port`, the port that was really taken. */
  readonly url: string;
  readonly port: number;
  /** Ends each connection with its next answer. */
  part(): void;
  /** Takes no more connections; resolves when those there are have ended. */
  close(): Promise<void>;
}

/** How long a client may go on sending a body that nobody reads any more, so that it sees the refusal. */
const LINGER_MS = 500;
const NO_BYTES = new Uint8Array();

export interface ListenOptions {
  host: string;
  port: number;
  /** How long a quiet connection is kept, ms; default 75,000. */
  keepAlive?: number;
  /** A request must have come whole by then, ms; default 30,000. */
  read?: number;
  /** The largest header section, bytes; default 16,384. */
  headers?: number;
}

/** How often slow requests are looked for, ms. */
const LOOK_MS = 1000;

/** Listens. @throws Error when the address cannot be taken */
export function listen(fetch: FetchHandler, options: ListenOptions): Promise<Listening> {
  const { host, port, keepAlive = 75_000, read = 30_000, headers = 16_384 } = options;
  const settings = {
    // Repeated headers are joined, as Fetch does: a second value must not hide behind the first.
    joinDuplicateHeaders: true,
    keepAliveTimeout: keepAlive,
    headersTimeout: read,
    requestTimeout: read,
    connectionsCheckingInterval: Math.min(LOOK_MS, read),
    maxHeaderSize: headers,
  };
  const server = createServer(settings);
  let parting = false;
  afterConnections(server, (incoming, outgoing) => {
    if (outgoing.destroyed) return;
    // Who sent the next request on this connection would lose it when the process ends.
    if (parting) outgoing.shouldKeepAlive = false;
    void handle(fetch, incoming, outgoing);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const { port: taken } = server.address() as AddressInfo;
      resolve({
        url: `http://${isIPv6(host) ? `[${host}]` : host}:${taken}`,
        port: taken,
        part() {
          parting = true;
        },
        close() {
          parting = true;
          return closed(server);
        },
      });
    });
  });
}

/** As many connections as can wait to be taken in: Node's own backlog. */
const HELD = 511;

/**
 * Serves requests; those that come while several connections are taken in, when all that wait are in. Node takes in one each
 * turn of its event loop: were requests served in between, the other connections would wait for their work unseen, and a
 * server with too much to do would not know it. A connection that comes alone is served at once: Node ends one whose client
 * has said that it sends no more, so the answer must not come later than that.
 */
function afterConnections(server: Server, serve: (incoming: IncomingMessage, outgoing: ServerResponse) => void): void {
  let held: [IncomingMessage, ServerResponse][] = [];
  /** Connections whose request is held, or was a moment ago. */
  const due = new Set<Socket>();
  let turning = false;
  /** Connections taken in since none waited. */
  let together = 0;
  /** No connection came in the turn before: its request has come by now, and no other waits. */
  let quiet = false;
  const turn = () => {
    if (!quiet && held.length < HELD) {
      quiet = true;
      setImmediate(turn);
      return;
    }
    turning = false;
    together = 0;
    // Each in a callback of its own: the work of one is done before the next one is looked at.
    for (const [incoming, outgoing] of held) setImmediate(serve, incoming, outgoing);
    const served = held;
    setImmediate(() => setImmediate(() => served.forEach(([{ socket }]) => void due.delete(socket))));
    held = [];
  };
  // Read by Node when a client says that it sends no more: whether the answer that is due shall still be given.
  const halves = server as Server & { httpAllowHalfOpen: boolean };
  server.on('connection', (socket: Socket) => {
    // Before Node's own listener, and after it: a client whose request was held loses nothing by sending no more.
    socket.prependListener('end', () => {
      halves.httpAllowHalfOpen = due.has(socket);
    });
    socket.on('end', () => {
      halves.httpAllowHalfOpen = false;
    });
    quiet = false;
    together++;
    if (!turning) setImmediate(turn);
    turning = true;
  });
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (together > 1) {
      due.add(incoming.socket);
      held.push([incoming, outgoing]);
    } else serve(incoming, outgoing);
  });
}

/** How long a connection that was taken in last may need to bring its request, ms. */
const FIRST_WORD_MS = 100;

/** Stops listening once no connection waits to be taken in, for those would be reset. */
async function closed(server: Server): Promise<void> {
  let came = true;
  server.on('connection', () => {
    came = true;
  });
  for (let turns = 0; came && turns < HELD; turns++) {
    came = false;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return new Promise((resolve) => {
    // Not its own `close`, which cuts who has not sent a request yet.
    Listener.prototype.close.call(server, () => resolve());
    setTimeout(() => server.closeIdleConnections(), FIRST_WORD_MS);
  });
}

async function handle(fetch: FetchHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const request = new LightRequest(incoming, outgoing);
    const platform: Platform = {
      address: incoming.socket.remoteAddress,
      Response: LightResponse as unknown as typeof Response,
      joined,
    };
    const answered = fetch(request as unknown as Request, platform);
    const response = answered instanceof Promise ? await answered : answered;
    if (response instanceof LightResponse && response.text !== undefined)
      sendText(response, response.text, incoming, outgoing);
    else if (response instanceof LightResponse && response.parts !== undefined && !isUnread(incoming))
      sendParts(response, response.parts, outgoing);
    else await sendBody(response, incoming, outgoing);
  } catch {
    // The handler answers its own bugs; what arrives here is a connection that broke while it was answered.
    outgoing.destroy();
  }
}

// ---- answers -------------------------------------------------------------------------------------

/** Header lists by the init they came from: inits are made once and used again. */
const flattened = new WeakMap<object, string[]>();

function flatten(headers: HeadersInit | undefined): string[] {
  if (headers === undefined) return [];
  const known = flattened.get(headers);
  if (known) return known;
  const flat: string[] = [];
  for (const [name, value] of headers instanceof Headers || Array.isArray(headers)
    ? headers
    : Object.entries(headers)) {
    flat.push(name as string, value as string);
  }
  // A Headers object may change after it was looked at.
  if (!(headers instanceof Headers)) flattened.set(headers, flat);
  return flat;
}

function sendText(response: LightResponse, text: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const length = Buffer.byteLength(text);
  const headers = [...flatten(response.headerInit), 'content-length', String(length)];
  const unread = isUnread(incoming);
  if (unread) headers.push('connection', 'close');
  outgoing.writeHead(response.status, headers);
  // Text of as many bytes as characters is ASCII, and is written without being encoded.
  if (unread) endUnread(text, incoming, outgoing);
  else outgoing.end(text, length === text.length ? 'latin1' : 'utf8');
}

/** Parts go out in one write, each as it is. */
function sendParts(response: LightResponse, parts: BodyParts, outgoing: ServerResponse): void {
  let length = 0;
  for (const part of parts) length += typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  outgoing.writeHead(response.status, [...flatten(response.headerInit), 'content-length', String(length)]);
  outgoing.cork();
  for (const part of parts) outgoing.write(part);
  outgoing.end();
}

/** A body that was refused unread would have to be read to its end to use the connection again; it is closed instead. */
function isUnread(incoming: IncomingMessage): boolean {
  if (incoming.complete) return false;
  return incoming.headers['content-length'] !== undefined || incoming.headers['transfer-encoding'] !== undefined;
}

/** Ends an answer, but closes only when the client has sent all, or a while later: closed before, it may lose the answer. */
function endUnread(data: string | Uint8Array, incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (data.length > 0) outgoing.write(data);
  else outgoing.flushHeaders();
  const end = () => {
    clearTimeout(timer);
    outgoing.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  incoming.once('end', end).once('close', end).resume();
}

async function sendBody(
  response: Response | LightResponse,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const headers = [...flatten(response instanceof LightResponse ? response.headerInit : response.headers)];
  const body = response.body;
  const unread = isUnread(incoming);
  if (unread) headers.push('connection', 'close');
  const end = (data: Uint8Array) => (unread ? endUnread(data, incoming, outgoing) : outgoing.end(data));
  if (!body) {
    // The answer to HEAD has no body, whatever its length would be.
    if (response.status !== 204 && response.status !== 304 && incoming.method !== 'HEAD')
      headers.push('content-length', '0');
    outgoing.writeHead(response.status, headers);
    end(NO_BYTES);
    return;
  }
  const type = response instanceof LightResponse ? undefined : response.headers.get('content-type');
  if (type?.startsWith('application/json')) {
    const bytes = Buffer.from(await response.arrayBuffer());
    headers.push('content-length', String(bytes.length));
    outgoing.writeHead(response.status, headers);
    end(bytes);
    return;
  }
  outgoing.writeHead(response.status, headers);
  outgoing.flushHeaders();
  const reader = body.getReader();
  const gone = () => {
    void reader.cancel().catch(() => {});
  };
  if (outgoing.destroyed) return gone();
  outgoing.once('close', gone);
  for (;;) {
    const { done, value } = await reader.read();
    if (done || outgoing.destroyed) break;
    if (!outgoing.write(value)) await writable(outgoing);
  }
  outgoing.off('close', gone);
  end(NO_BYTES);
}

function writable(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      outgoing.off('drain', go);
      outgoing.off('close', go);
      resolve();
    };
    outgoing.on('drain', go);
    outgoing.on('close', go);
  });
}

function joined(parts: BodyParts, init: ResponseInit): Response {
  return new LightResponse(parts, init) as unknown as Response;
}

/** A Response that keeps what it was given; a real one is made only for members it has not itself. */
class LightResponse {
  readonly #body: BodyInit | BodyParts | null | undefined;
  readonly #init: ResponseInit | undefined;
  #headers: Headers | undefined;
  #real: Response | undefined;

  constructor(body?: BodyInit | BodyParts | null, init?: ResponseInit) {
    this.#body = body;
    this.#init = init;
  }

  get status(): number {
    return this.#init?.status ?? 200;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get headers(): Headers {
    this.#headers ??= new Headers(this.#init?.headers);
    return this.#headers;
  }

  /** The body when it is text that nobody has read. */
  get text(): string | undefined {
    return typeof this.#body === 'string' && !this.#real ? this.#body : undefined;
  }

  /** The body when it is in parts that nobody has read. */
  get parts(): BodyParts | undefined {
    return Array.isArray(this.#body) && !this.#real ? this.#body : undefined;
  }

  get headerInit(): HeadersInit | undefined {
    return this.#headers ?? this.#init?.headers;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#body instanceof ReadableStream) return this.#body as ReadableStream<Uint8Array>;
    return this.real.body as ReadableStream<Uint8Array> | null;
  }

  get real(): Response {
    const body = Array.isArray(this.#body) ? new Blob(this.#body) : this.#body;
    this.#real ??= new Response(body, { ...this.#init, headers: this.headers });
    return this.#real;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.real.arrayBuffer();
  }
}

// ---- requests ------------------------------------------------------------------------------------

/** Headers that read from what Node parsed; a real Headers is made for the rest. */
class LightHeaders {
  readonly #incoming: IncomingMessage;
  #real: Headers | undefined;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
  }

  get(name: string): string | null {
    const value = this.#incoming.headers[name] ?? this.#incoming.headers[name.toLowerCase()];
    return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  get real(): Headers {
    if (!this.#real) {
      this.#real = new Headers();
      const { rawHeaders } = this.#incoming;
      for (let at = 0; at + 1 < rawHeaders.length; at += 2)
        this.#real.append(rawHeaders[at] as string, rawHeaders[at + 1] as string);
    }
    return this.#real;
  }
}

/** A body as a stream. Who gives it up leaves the connection whole, for the refusal has to get through. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      let over = false;
      const end = (how: () => void) => {
        if (over) return;
        over = true;
        incoming.off('data', take);
        how();
      };
      const take = (chunk: Buffer) => {
        // Throws where the reader has given up.
        try {
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
        } catch {
          end(() => incoming.resume());
        }
      };
      incoming.on('data', take);
      incoming.on('end', () => end(() => controller.close()));
      incoming.on('close', () => end(() => controller.error(new Error('The body ended before it was complete'))));
      incoming.on('error', (error) => end(() => controller.error(error)));
      incoming.pause();
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      incoming.resume();
    },
  });
}

class LightRequest {
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  #headers: LightHeaders | undefined;
  #abort: AbortController | undefined;
  #real: Request | undefined;
  #used = false;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  get method(): string {
    return this.#incoming.method ?? 'GET';
  }

  get url(): string {
    const { url = '/', headers } = this.#incoming;
    // An absolute target names its own authority, which then wins over Host (RFC 9112, 3.2.2).
    return url.startsWith('/') ? `http://${headers.host ?? 'localhost'}${url}` : url;
  }

  get headers(): Headers {
    this.#headers ??= new LightHeaders(this.#incoming);
    return this.#headers as unknown as Headers;
  }

  /** Aborts when the client goes before it was answered. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController();
      const outgoing = this.#outgoing;
      const gone = () => {
        if (!outgoing.writableFinished) abort.abort(new DOMException('The client hung up', 'AbortError'));
      };
      if (outgoing.destroyed || outgoing.closed) gone();
      else outgoing.once('close', gone);
      this.#abort = abort;
    }
    return this.#abort.signal;
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#real?.bodyUsed ?? false);
  }

  get real(): Request {
    if (!this.#real) {
      const bodyless = this.method === 'GET' || this.method === 'HEAD' || this.#used;
      this.#real = new Request(this.url, {
        method: this.method,
        headers: (this.headers as unknown as LightHeaders).real,
        signal: this.signal,
        ...(!bodyless && { body: bodyOf(this.#incoming), duplex: 'half' }),
      });
    }
    return this.#real;
  }

  bytes(): Promise<Uint8Array> {
    if (this.#real) return this.#real.bytes();
    if (this.#used) return Promise.reject(new TypeError('The body was read already'));
    this.#used = true;
    const incoming = this.#incoming;
    return new Promise((resolve, reject) => {
      let first: Buffer | undefined;
      let rest: Buffer[] | undefined;
      incoming.on('data', (chunk: Buffer) => {
        if (first === undefined) first = chunk;
        else if (rest) rest.push(chunk);
        else rest = [first, chunk];
      });
      incoming.on('end', () => resolve(rest ? Buffer.concat(rest) : (first ?? Buffer.alloc(0))));
      incoming.on('error', reject);
      incoming.on('close', () => {
        if (!incoming.complete) reject(new Error('The body ended before it was complete'));
      });
    });
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
}

/** Gives a light class every member of the real one that it does not have itself, by way of its `real`. */
function complete(light: { prototype: object }, real: { prototype: object }): void {
  const own = light.prototype;
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(real.prototype))) {
    if (Object.hasOwn(own, name) || name === 'constructor') continue;
    const { get, value } = descriptor;
    if (typeof value === 'function') {
      Object.defineProperty(own, name, {
        configurable: true,
        value(this: { real: object }, ...args: unknown[]) {
          return value.apply(this.real, args);
        },
      });
    } else if (get) {
      Object.defineProperty(own, name, {
        configurable: true,
        get(this: { real: object }) {
          return get.call(this.real);
        },
      });
    }
  }
  for (const symbol of Object.getOwnPropertySymbols(real.prototype)) {
    const value = (real.prototype as Record<symbol, unknown>)[symbol];
    if (typeof value !== 'function') continue;
    Object.defineProperty(own, symbol, {
      configurable: true,
      value(this: { real: object }, ...args: unknown[]) {
        return value.apply(this.real, args);
      },
    });
  }
  Object.setPrototypeOf(own, real.prototype);
}

complete(LightHeaders, Headers);
complete(LightRequest, Request);
complete(LightResponse, Response);
