/** What is tested: a server at a URL, or a Fetch handler in this process; or several nodes of one. */

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type Clock, monotonic } from './clock.ts';
import type { Tokens } from './tokens.ts';

export interface HttpRequest {
  method: string;
  /** Where to, seen from the endpoint; default: the endpoint. */
  to?: string | undefined;
  /** A list is sent as so many header lines. */
  headers: Record<string, string | readonly string[]>;
  body?: Uint8Array<ArrayBuffer> | undefined;
  /** Without a declared length. */
  chunked?: boolean | undefined;
  /** The body in so many pieces, one every so many ms. */
  trickle?: { pieces: number; every: number } | undefined;
  /** The client's side of the connection is closed after the request; needs the ability `sockets`. */
  halfClose?: boolean | undefined;
}

export interface HttpAnswer {
  status: number;
  /** Names in lower case; repeated ones joined by ", ". */
  headers: Record<string, string>;
  body: AsyncIterable<Uint8Array>;
}

/** What a client can do beyond Fetch. */
export type Ability = 'host-header' | 'sockets' | 'repeated-headers';

export interface Target {
  /** As reports name it. */
  readonly name: string;
  readonly host: string;
  /** Of the endpoint. */
  readonly url: string;
  readonly can: ReadonlySet<Ability>;
  /** What all waiting goes by. Default: this machine's. */
  readonly clock?: Clock;
  /** Further nodes of the same server, by name. */
  readonly nodes?: ReadonlyMap<string, Target>;
  /** What scenarios can have done to the target, by name. */
  readonly hooks?: ReadonlyMap<string, () => Promise<void>>;
  /** Where callers need bearer tokens. */
  readonly tokens?: Tokens;
  /** What the operator grants, by name: how many of what. */
  readonly terms?: ReadonlyMap<string, number>;
  /** Resolves with the head of the answer. Aborting cuts the connection. @throws Error where there is no answer */
  exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

/** @param headers sent with every request, as a token of the operator's */
export function urlTarget(address: string, headers: Record<string, string> = {}): Target {
  const url = new URL(address);
  return {
    name: url.href,
    host: url.host,
    url: address,
    can: new Set(['host-header', 'sockets', 'repeated-headers']),
    exchange: (request, signal) =>
      new Promise((resolve, reject) => {
        const { to, body, chunked, trickle, halfClose } = request;
        const at = to === undefined ? url : new URL(to, url);
        // A connection of its own for each: what is cut must not be another's.
        const outgoing = senderOf(at)(at, {
          method: request.method,
          agent: false,
          signal,
          headers: {
            ...(at.origin === url.origin && headers),
            ...request.headers,
            ...(body && !chunked && { 'content-length': String(body.length) }),
          },
        });
        outgoing.once('error', reject);
        outgoing.once('response', (incoming) => {
          const told: Record<string, string> = {};
          for (const [name, value] of Object.entries(incoming.headers))
            if (value !== undefined) told[name] = Array.isArray(value) ? value.join(', ') : value;
          // A body that breaks after its last reader is gone has nobody to tell.
          incoming.on('error', () => {});
          resolve({ status: incoming.statusCode ?? 0, headers: told, body: incoming });
        });
        if (halfClose) outgoing.once('finish', () => outgoing.socket?.end());
        if (trickle && body) void trickled(outgoing, body, trickle, signal);
        else outgoing.end(body);
      }),
  };
}

function senderOf({ protocol }: URL): typeof requestHttp {
  return protocol === 'https:' ? requestHttps : requestHttp;
}

async function trickled(
  outgoing: { write(piece: Uint8Array): unknown; end(): unknown; destroyed: boolean },
  body: Uint8Array,
  { pieces, every }: { pieces: number; every: number },
  signal: AbortSignal,
): Promise<void> {
  const size = Math.ceil(body.length / pieces);
  for (let from = 0; from < body.length; from += size) {
    if (signal.aborted || outgoing.destroyed) return;
    outgoing.write(body.subarray(from, from + size));
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  outgoing.end();
}

/** A Fetch handler, as the default export of a server is. */
export function fetchTarget(
  fetch: (request: Request) => Response | Promise<Response>,
  options: { origin?: string; path?: string } & Pick<Target, 'clock' | 'nodes' | 'hooks' | 'tokens' | 'terms'> = {},
): Target {
  const { origin = 'http://127.0.0.1:3000', path = '/mcp', clock = monotonic, ...more } = options;
  const url = new URL(path, origin);
  return {
    name: 'in process',
    host: url.host,
    url: url.href,
    can: new Set(['host-header'] as const),
    clock,
    ...more,
    async exchange({ method, to, headers: given, body, chunked, trickle }, signal) {
      const headers = new Headers();
      for (const [name, value] of Object.entries(given))
        for (const one of [value].flat()) headers.append(name, one as string);
      if (body && !chunked) headers.set('content-length', String(body.length));
      // Fetch tells the host by the URL.
      const host = Object.entries(given).find(([name]) => name.toLowerCase() === 'host')?.[1];
      const at = to === undefined ? url : new URL(to, url);
      const named = host === undefined ? at : new URL(at.pathname + at.search, `${at.protocol}//${host}`);
      const request = new Request(named, {
        method,
        headers,
        signal,
        ...(body && { body: trickle || chunked ? piecewise(body, trickle, clock) : body }),
        ...(body && (trickle || chunked) && { duplex: 'half' }),
      });
      const answered = Promise.race([fetch(request), aborted(signal)]);
      const response = await (clock.during?.(answered) ?? answered);
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: bodyOf(response, signal),
      };
    },
  };
}

/** Rejects once the signal is aborted: a handler need not mind it. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function piecewise(
  body: Uint8Array<ArrayBuffer>,
  { pieces, every } = { pieces: 1, every: 0 },
  clock: Clock,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const size = Math.ceil(body.length / pieces);
  let from = 0;
  return new ReadableStream({
    async pull(controller) {
      if (from > 0) await new Promise<void>((resolve) => void clock.after(every, resolve));
      controller.enqueue(body.slice(from, from + size));
      from += size;
      if (from >= body.length) controller.close();
    },
  });
}

async function* bodyOf({ body }: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  const cut = () => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', cut, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', cut);
  }
  if (signal.aborted) throw signal.reason;
}
