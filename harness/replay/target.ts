/** What is tested: a server at a URL, or a Fetch handler in this process. */

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface HttpRequest {
  method: string;
  headers: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | undefined;
}

export interface HttpAnswer {
  status: number;
  /** Names in lower case; repeated ones joined by ", ". */
  headers: Record<string, string>;
  body: AsyncIterable<Uint8Array>;
}

/** What a client can do beyond Fetch. */
export type Ability = 'host-header';

export interface Target {
  /** As reports name it. */
  readonly name: string;
  readonly host: string;
  readonly can: ReadonlySet<Ability>;
  /** Resolves with the head of the answer. Aborting cuts the connection. @throws Error where there is no answer */
  exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

/** @param headers sent with every request, as a token of the operator's */
export function urlTarget(address: string, headers: Record<string, string> = {}): Target {
  const url = new URL(address);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return {
    name: url.href,
    host: url.host,
    can: new Set(['host-header']),
    exchange: (request, signal) =>
      new Promise((resolve, reject) => {
        // A connection of its own for each: what is cut must not be another's.
        const outgoing = send(url, {
          method: request.method,
          agent: false,
          signal,
          headers: {
            ...headers,
            ...request.headers,
            ...(request.body && { 'content-length': String(request.body.length) }),
          },
        });
        outgoing.once('error', reject);
        outgoing.once('response', (incoming) => {
          const told: Record<string, string> = {};
          for (const [name, value] of Object.entries(incoming.headers))
            if (value !== undefined) told[name] = Array.isArray(value) ? value.join(', ') : value;
          resolve({ status: incoming.statusCode ?? 0, headers: told, body: incoming });
        });
        outgoing.end(request.body);
      }),
  };
}

/** A Fetch handler, as the default export of a server is. */
export function fetchTarget(
  fetch: (request: Request) => Response | Promise<Response>,
  origin = 'http://127.0.0.1:3000',
  path = '/mcp',
): Target {
  const url = new URL(path, origin);
  return {
    name: 'in process',
    host: url.host,
    can: new Set(),
    async exchange({ method, headers, body }, signal) {
      const request = new Request(url, {
        method,
        headers: { ...headers, ...(body && { 'content-length': String(body.length) }) },
        signal,
        ...(body && { body }),
      });
      const response = await fetch(request);
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: bodyOf(response, signal),
      };
    },
  };
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
