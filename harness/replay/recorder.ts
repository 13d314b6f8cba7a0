/** A reverse proxy before one MCP server that passes everything through as it comes and keeps what was said. */

import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { Arrivals } from './arrivals.ts';
import { monotonic } from './clock.ts';

/** One exchange, as it went through. Times are ms, monotonic. */
export interface Recorded {
  readonly method: string;
  /** Names in lower case; repeated ones joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly at: number;
  body: Buffer;
  /** What came back; absent where nothing did. */
  arrivals?: Arrivals;
  answeredAt?: number;
  /** When the client went away before the answer was over. */
  leftAt?: number;
  /** Why there was no answer, or why it broke. */
  failed?: string;
  /** The answer is in an encoding that is not read. */
  encoded?: boolean;
}

export interface RecorderOptions {
  upstream: URL;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: a free one. */
  port?: number;
  /** Told of every request, and of every message that comes back. */
  onTraffic?: () => void;
}

export interface Recorder {
  /** What the client is to use in place of the server's URL. */
  readonly url: string;
  /** In the order in which they began. */
  readonly exchanges: readonly Recorded[];
  /** What went through and was not kept, and why; one line each. */
  readonly leftOut: readonly string[];
  /** Takes no more, breaks what is open, and resolves when everything is read. */
  close(): Promise<void>;
}

/** Headers that belong to one connection and not to what is said on it (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** The most bytes of bodies that are kept; what comes later only passes. */
const MOST_BYTES = 256 * 1024 * 1024;

/** @throws Error where the port cannot be had */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const recording = new Recording(options);
  await recording.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  return recording;
}

class Recording implements Recorder {
  readonly exchanges: Recorded[] = [];
  readonly leftOut: string[] = [];
  readonly #server: Server;
  readonly #upstream: URL;
  readonly #onTraffic: () => void;
  #host = '';
  #closing = false;
  #url: URL | undefined;
  #kept = 0;

  constructor({ upstream, onTraffic = () => {} }: RecorderOptions) {
    this.#upstream = upstream;
    this.#onTraffic = onTraffic;
    // A stream may stay open as long as its two ends like; it is theirs to end it.
    this.#server = createServer({ requestTimeout: 0, headersTimeout: 30_000 }, (incoming, outgoing) =>
      this.#pass(incoming, outgoing),
    );
  }

  get url(): string {
    return this.#url?.href ?? '';
  }

  listen(port: number, host: string): Promise<void> {
    this.#host = host;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const { address, port: taken, family } = this.#server.address() as AddressInfo;
        const name = family === 'IPv6' ? `[${address}]` : address;
        this.#url = new URL(this.#upstream.pathname, `http://${name}:${taken}`);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await Promise.all(this.exchanges.map(({ arrivals }) => arrivals?.over));
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (!this.#isForUs(incoming)) {
      // The server's own check of Host sees ours, so that what it keeps out must be kept out here.
      outgoing.writeHead(403, { 'content-type': 'text/plain' }).end('this proxy is for its own host only\n');
      return;
    }
    const { pathname, search } = new URL(incoming.url ?? '/', 'http://proxy');
    const kept = this.#keep(incoming, pathname);
    const target = new URL(this.#upstream);
    if (pathname !== this.#upstream.pathname) target.pathname = pathname;
    if (search !== '') target.search = search;
    const send = target.protocol === 'https:' ? requestHttps : requestHttp;
    // A connection of its own for each: one that the server has just closed would fail what the client sends next.
    const request = send(target, { method: incoming.method, agent: false });
    for (const [name, values] of headersOf(incoming, target)) request.setHeader(name, values);
    request.on('error', ({ message }) => {
      if (kept && kept.leftAt === undefined && !this.#closing) kept.failed = message;
      if (outgoing.headersSent) outgoing.destroy();
      else
        outgoing.writeHead(502, { 'content-type': 'text/plain' }).end('the server behind this proxy does not answer\n');
    });
    request.on('response', (answer) => this.#answer(answer, outgoing, kept));
    outgoing.on('close', () => {
      if (outgoing.writableFinished) return;
      if (kept && kept.failed === undefined && !this.#closing) kept.leftAt = monotonic.now();
      request.destroy();
    });
    incoming.on('data', (chunk: Buffer) => {
      if (kept && this.#hasRoom(chunk)) kept.body = Buffer.concat([kept.body, chunk]);
    });
    incoming.pipe(request);
  }

  #answer(answer: IncomingMessage, outgoing: ServerResponse, kept: Recorded | undefined): void {
    const status = answer.statusCode ?? 502;
    outgoing.writeHead(status, answer.statusMessage || STATUS_CODES[status], endToEnd(answer));
    // The head may be all that comes for a long time. Not by flushHeaders(), which would write its Latin-1 as UTF-8.
    outgoing.write(Buffer.alloc(0));
    answer.on('error', ({ message }) => {
      if (kept && kept.leftAt === undefined && !this.#closing) kept.failed = message;
      outgoing.destroy();
    });
    if (kept) this.#read(answer, status, kept);
    answer.pipe(outgoing);
  }

  #read(answer: IncomingMessage, status: number, kept: Recorded): void {
    const copy = new PassThrough({ highWaterMark: MOST_BYTES });
    answer.on('data', (chunk: Buffer) => {
      if (this.#hasRoom(chunk)) copy.write(chunk);
    });
    answer.on('end', () => copy.end());
    answer.on('error', (error) => copy.destroy(error));
    kept.answeredAt = monotonic.now();
    kept.encoded = !['identity', ''].includes(answer.headers['content-encoding'] ?? '');
    kept.arrivals = new Arrivals(
      { status, headers: told(answer), body: copy },
      // What is read here must break nothing there.
      new AbortController(),
      monotonic,
      { arrival: ({ kind }) => kind === 'event' && this.#onTraffic(), chunk: () => {} },
    );
  }

  #keep(incoming: IncomingMessage, pathname: string): Recorded | undefined {
    this.#onTraffic();
    const { method = 'GET' } = incoming;
    if (pathname !== this.#upstream.pathname) {
      this.leftOut.push(`${method} ${pathname}: another path`);
      return undefined;
    }
    const kept: Recorded = { method, headers: told(incoming), at: monotonic.now(), body: Buffer.alloc(0) };
    this.exchanges.push(kept);
    return kept;
  }

  #hasRoom({ length }: Buffer): boolean {
    if (this.#kept + length > MOST_BYTES) {
      if (this.#kept <= MOST_BYTES) this.leftOut.push(`what came after ${MOST_BYTES} bytes`);
      this.#kept = Number.POSITIVE_INFINITY;
      return false;
    }
    this.#kept += length;
    return true;
  }

  /** On a loopback address, only who named one may come in: not the page of another site whose name was bent to here. */
  #isForUs({ headers: { host = '' } }: IncomingMessage): boolean {
    if (!isLoopback(this.#host)) return true;
    return URL.canParse(`http://${host}`) && isLoopback(new URL(`http://${host}`).hostname);
  }
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i.test(host);
}

/** What goes on to the server: as it came, in its order, but for the connection, the host, and encodings that cannot be read here. */
function headersOf(incoming: IncomingMessage, target: URL): Map<string, string | string[]> {
  const headers = new Map<string, string | string[]>([['host', target.host]]);
  const names = new Map<string, string>();
  for (const [name, value] of pairsOf(endToEnd(incoming))) {
    const key = name.toLowerCase();
    if (key === 'host' || key === 'accept-encoding' || key === 'expect') continue;
    const first = names.get(key) ?? name;
    names.set(key, first);
    const known = headers.get(first);
    headers.set(first, known === undefined ? value : [known, value].flat());
  }
  headers.set('accept-encoding', 'identity');
  if (incoming.headers['transfer-encoding'] !== undefined) headers.set('transfer-encoding', 'chunked');
  return headers;
}

/** Names and values by turns, as they were sent. */
function endToEnd({ rawHeaders, headers: { connection = '' } }: IncomingMessage): string[] {
  const named = new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
  return pairsOf(rawHeaders)
    .filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
    .flat();
}

function pairsOf(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[index * 2] ?? '', raw[index * 2 + 1] ?? '']);
}

function told({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
