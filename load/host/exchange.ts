// One request and its response on the wire: node:http with a pool of connections of its own for each VU, timed as k6 times.

import { lookup as systemLookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { type Failure, failureOf, timedOut, tooLarge } from './failure.ts';

/** Milliseconds of each phase; `duration` is sending + waiting + receiving. */
export type Timings = {
  blocked: number;
  connecting: number;
  tls_handshaking: number;
  sending: number;
  waiting: number;
  receiving: number;
  duration: number;
};

/** What came back, whole or in part. Status 0 and no headers when `failure` is set; `body` then holds what had arrived. */
export type Exchanged = {
  status: number;
  statusText: string;
  headers: Record<string, string>;
  setCookies: readonly string[];
  /** undefined when no response began, or when the body was not to be kept. */
  body: Buffer | undefined;
  failure: Failure | undefined;
  timings: Timings;
  remoteIp: string;
  remotePort: number;
  /** Bytes on the wire since the connection's last exchange. */
  sent: number;
  received: number;
};

/** The result of a request that could not even be sent. */
export const neverSent = (failure: Failure): Exchanged => ({
  status: 0,
  statusText: '',
  headers: {},
  setCookies: [],
  body: undefined,
  failure,
  timings: { blocked: 0, connecting: 0, tls_handshaking: 0, sending: 0, waiting: 0, receiving: 0, duration: 0 },
  remoteIp: '',
  remotePort: 0,
  sent: 0,
  received: 0,
});

export type ExchangeRequest = {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
  timeoutMs: number;
  keepBody: boolean;
  /** Called with the headers of the response. */
  onHeaders?: (headers: http.IncomingHttpHeaders, status: number) => void;
  /** Called with each piece of the body as it arrives. */
  onChunk?: (chunk: Buffer) => void;
};

/** k6's `batchPerHost`: idle connections a VU keeps for a host. */
const IDLE_CONNECTIONS = 6;
/** Bytes kept of one body; an exchange with more is cut, for nobody's memory is without end. k6 has no such limit. */
export const BODY_LIMIT: number = 64 * 1024 * 1024;
/** k6's `dns.ttl`. */
const DNS_TTL_MS = 300_000;
/** Methods that are sent again when a kept connection turns out to be closed, as Go's transport does. */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** The connections of one VU. */
export class Connections {
  readonly #options: https.AgentOptions;
  #plain: http.Agent | undefined;
  #secure: https.Agent | undefined;

  constructor(options: { noConnectionReuse: boolean; insecureSkipTLSVerify: boolean }) {
    this.#options = {
      keepAlive: !options.noConnectionReuse,
      maxFreeSockets: IDLE_CONNECTIONS,
      rejectUnauthorized: !options.insecureSkipTLSVerify,
      lookup: cachedLookup,
      autoSelectFamily: false,
    };
  }

  agent(url: URL): http.Agent {
    if (url.protocol === 'https:') {
      this.#secure ??= new https.Agent(this.#options);
      return this.#secure;
    }
    this.#plain ??= new http.Agent(this.#options);
    return this.#plain;
  }

  close(): void {
    this.#plain?.destroy();
    this.#secure?.destroy();
    this.#plain = undefined;
    this.#secure = undefined;
  }
}

const names = new Map<string, { until: number; address: string; family: number }>();

/** Looks a name up once in five minutes: a thousand VUs would else queue for the resolver's few threads. */
const cachedLookup: LookupFunction = (host, _options, done) => {
  const known = names.get(host);
  if (known !== undefined && known.until > Date.now()) {
    process.nextTick(() => done(null, known.address, known.family));
    return;
  }
  systemLookup(host, { order: 'ipv4first' }, (error, address, family) => {
    if (error === null) names.set(host, { until: Date.now() + DNS_TTL_MS, address, family });
    done(error, address, family);
  });
};

const counted = new WeakMap<Socket, { sent: number; received: number }>();

/**
 * Sends a request; `done` is called once with what came back. Returns a function that cuts the exchange: then `done` is not
 * called at all.
 */
export function exchange(
  request: ExchangeRequest,
  connections: Connections,
  done: (result: Exchanged) => void,
): () => void {
  const { url, method } = request;
  const send = url.protocol === 'https:' ? https.request : http.request;
  const startedAt = performance.now();
  const marks = { got: 0, connectStart: 0, connected: 0, secured: 0, wrote: 0, firstByte: 0 };
  const chunks: Buffer[] = [];
  let kept = 0;
  let response: http.IncomingMessage | undefined;
  let socket: Socket | undefined;
  let over = false;

  const finish = (failure: Failure | undefined): void => {
    if (over) return;
    over = true;
    clearTimeout(deadline);
    const traffic = socket === undefined ? { sent: 0, received: 0 } : trafficOf(socket);
    const began = response !== undefined;
    done({
      status: failure === undefined ? (response?.statusCode ?? 0) : 0,
      statusText: failure === undefined ? (response?.statusMessage ?? '') : '',
      headers: failure === undefined && response !== undefined ? canonicalHeaders(response.rawHeaders) : {},
      setCookies: response?.headers['set-cookie'] ?? [],
      body: began && request.keepBody ? (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)) : undefined,
      failure,
      timings: timed(startedAt, marks, performance.now()),
      remoteIp: socket?.remoteAddress ?? '',
      remotePort: socket?.remotePort ?? 0,
      ...traffic,
    });
  };

  const sent = send({
    method,
    host: bare(url.hostname),
    port: url.port,
    path: url.pathname + url.search,
    headers: request.headers,
    ...(url.username === '' ? {} : { auth: decodeURIComponent(`${url.username}:${url.password}`) }),
    agent: connections.agent(url),
  });
  const deadline = setTimeout(() => {
    finish(timedOut);
    sent.destroy();
  }, request.timeoutMs);

  sent.on('socket', (assigned: Socket) => {
    socket = assigned;
    if (!assigned.connecting) {
      marks.got = performance.now();
      return;
    }
    marks.connectStart = performance.now();
    assigned.once('connect', () => {
      marks.connected = performance.now();
      marks.got = marks.connected;
    });
    if (url.protocol !== 'https:') return;
    assigned.once('secureConnect', () => {
      marks.secured = performance.now();
      marks.got = marks.secured;
    });
  });
  sent.on('finish', () => {
    marks.wrote = performance.now();
  });
  sent.on('response', (incoming) => {
    response = incoming;
    marks.firstByte = performance.now();
    request.onHeaders?.(incoming.headers, incoming.statusCode ?? 0);
    incoming.on('data', (chunk: Buffer) => {
      if (request.keepBody) {
        kept += chunk.length;
        if (kept > BODY_LIMIT) {
          chunks.length = 0;
          finish(tooLarge(BODY_LIMIT));
          sent.destroy();
          return;
        }
        chunks.push(chunk);
      }
      request.onChunk?.(chunk);
    });
    incoming.on('end', () => finish(incoming.complete ? undefined : { code: 1000, message: 'unexpected EOF' }));
    incoming.on('error', (error) => finish(failureOf(error, true)));
  });
  let cutAgain: (() => void) | undefined;
  sent.on('error', (error) => {
    if (over) return;
    if (
      sent.reusedSocket &&
      response === undefined &&
      repeatable.has(method) &&
      'code' in error &&
      error.code === 'ECONNRESET'
    ) {
      over = true;
      clearTimeout(deadline);
      cutAgain = exchange(request, connections, done);
      return;
    }
    finish(failureOf(error, response !== undefined));
  });
  sent.end(request.body);

  return () => {
    if (cutAgain !== undefined) return cutAgain();
    over = true;
    clearTimeout(deadline);
    sent.destroy();
  };
}

/** An IPv6 literal without its brackets. */
const bare = (hostname: string): string => (isIP(hostname.slice(1, -1)) === 6 ? hostname.slice(1, -1) : hostname);

type Marks = {
  got: number;
  connectStart: number;
  connected: number;
  secured: number;
  wrote: number;
  firstByte: number;
};

function timed(startedAt: number, marks: Marks, endedAt: number): Timings {
  const connecting = marks.connected > 0 ? marks.connected - marks.connectStart : 0;
  const securing = marks.secured > 0 ? marks.secured - marks.connected : 0;
  const blocked = marks.got > 0 ? Math.max(0, marks.got - startedAt - connecting - securing) : 0;
  // The request can be written before the socket reports that it is connected.
  const wrote = marks.wrote > 0 && marks.got > 0 ? Math.max(marks.wrote, marks.got) : 0;
  const sending = wrote > 0 ? wrote - marks.got : 0;
  const waiting = wrote === 0 ? 0 : Math.max(0, (marks.firstByte > 0 ? marks.firstByte : endedAt) - wrote);
  const receiving = marks.firstByte > 0 ? Math.max(0, endedAt - marks.firstByte) : 0;
  return {
    blocked,
    connecting,
    tls_handshaking: securing,
    sending,
    waiting,
    receiving,
    duration: sending + waiting + receiving,
  };
}

function trafficOf(socket: Socket): { sent: number; received: number } {
  const before = counted.get(socket) ?? { sent: 0, received: 0 };
  // Both are undefined on a runtime whose sockets do not count.
  const now = { sent: socket.bytesWritten ?? 0, received: socket.bytesRead ?? 0 };
  counted.set(socket, now);
  return { sent: now.sent - before.sent, received: now.received - before.received };
}

/** Header names as Go writes them (`Mcp-Session-Id`), repeated headers joined. */
function canonicalHeaders(raw: string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = canonicalName(raw[index] as string);
    const value = raw[index + 1] as string;
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}

const canonical = new Map<string, string>();

export function canonicalName(name: string): string {
  let written = canonical.get(name);
  if (written === undefined) {
    written = name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase());
    if (canonical.size < 1000) canonical.set(name, written);
  }
  return written;
}
