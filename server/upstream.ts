/**
 * What tools fetch: bounded for each upstream in requests at once, in those that wait and in time, and only from where
 * the operator lets them.
 *
 * The guard judges the URL, and again that of each redirect: names, and addresses in every spelling that a URL has for
 * one. It cannot see what a public name resolves to. Where tools fetch URLs that callers choose, name the hosts in
 * MCP_UPSTREAM_HOSTS, or keep the network of the server away from what must not be reached.
 */

import ipaddr from 'ipaddr.js';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { quote } from './protocol.ts';
import { ToolError } from './tool.ts';

export interface UpstreamStats {
  /** Requests that have a place, and those that wait for one. */
  readonly running: number;
  readonly waiting: number;
  /** Since the start: those that found no place to wait or may not go where they want. */
  readonly refused: number;
  /** Those that waited too long for a place or for the answer. */
  readonly timedOut: number;
  /** Those that the network failed. */
  readonly failed: number;
  /** Origins that are busy; a quiet one is not kept. */
  readonly upstreams: number;
}

export interface Upstreams {
  /**
   * `fetch` within bounds. It adds no headers: what an upstream shall see of a caller the tool puts there itself, and
   * `Authorization` and `Cookie` go no further than the origin they were meant for.
   *
   * A request has its place until its answer was read to the end, cancelled, or timed out.
   *
   * @param signal the call's: its reason is thrown where it aborts, as that of `init.signal` is
   * @throws ToolError naming the host and the bound, also while the body is read
   */
  fetch(input: string | URL | Request, init: RequestInit | undefined, signal: AbortSignal): Promise<Response>;
  stats(): UpstreamStats;
}

export interface UpstreamOptions {
  config: Pick<
    Config,
    'MCP_UPSTREAM_CALLS' | 'MCP_UPSTREAM_QUEUE' | 'MCP_UPSTREAM_WAIT' | 'MCP_UPSTREAM_TIMEOUT' | 'MCP_UPSTREAM_HOSTS'
  >;
  clock: Clock;
  /** Hosts that may always be fetched from: those of URLs in knobs. With a port (`URL.host`) only that one, else any. */
  trusted: readonly string[];
  fetch?: (url: URL, init: RequestInit) => Promise<Response>;
}

/** Busy origins at once; one more is refused. */
const MOST_UPSTREAMS = 1000;
const MOST_REDIRECTS = 5;
/** An answer is read ahead so far, so that a small one gives its place back though nobody reads it. Bytes. */
const READ_AHEAD = 65_536;

/**
 * The places of one origin. cockatiel's bulkhead (4.0.0) would not do: in its queue one who gave up keeps its place and is
 * not told, and a newcomer can take the turn of one that waits, which may then be refused.
 */
interface Pool {
  running: number;
  /** Gives a place to each, oldest first. */
  readonly waiting: Set<() => void>;
}

/** @throws Error naming MCP_UPSTREAM_HOSTS for an entry that is no host */
export function upstreams(options: UpstreamOptions): Upstreams {
  const { config, clock, fetch = (url, init) => globalThis.fetch(url, init) } = options;
  const { MCP_UPSTREAM_CALLS, MCP_UPSTREAM_QUEUE, MCP_UPSTREAM_WAIT, MCP_UPSTREAM_TIMEOUT } = config;
  const forbidden = hostGuard(config.MCP_UPSTREAM_HOSTS, options.trusted);
  const pools = new Map<string, Pool>();
  let refused = 0;
  let timedOut = 0;
  let failed = 0;

  function refusal(message: string): ToolError {
    refused++;
    return new ToolError(message);
  }

  function failure(message: string, error: unknown): ToolError {
    failed++;
    return new ToolError(message, { cause: error });
  }

  /** Waits for a place with an upstream. @returns what gives it back, once */
  async function place({ origin, host }: URL, signals: readonly AbortSignal[]): Promise<() => void> {
    for (const signal of signals) signal.throwIfAborted();
    let pool = pools.get(origin);
    if (pool === undefined) {
      if (pools.size >= MOST_UPSTREAMS)
        throw refusal(`Cannot fetch from ${host}: ${MOST_UPSTREAMS} upstreams are busy`);
      pool = { running: 0, waiting: new Set() };
      pools.set(origin, pool);
    }
    if (pool.running < MCP_UPSTREAM_CALLS) pool.running++;
    else if (pool.waiting.size < MCP_UPSTREAM_QUEUE) await turn(pool.waiting, host, signals);
    else {
      throw refusal(
        `Upstream ${host} is busy: ${MCP_UPSTREAM_CALLS} requests run and ${MCP_UPSTREAM_QUEUE} wait (MCP_UPSTREAM_CALLS, MCP_UPSTREAM_QUEUE); try again later`,
      );
    }
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = pool.waiting;
      // The place is handed over, so that nobody who comes meanwhile can take it.
      if (next) next();
      else if (--pool.running === 0) pools.delete(origin);
    };
  }

  function turn(waiting: Pool['waiting'], host: string, signals: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiting.delete(mine);
        cancel();
        unlisten();
      };
      const mine = () => {
        leave();
        resolve();
      };
      const giveUp = (reason: unknown) => {
        leave();
        reject(reason);
      };
      waiting.add(mine);
      const unlisten = onAbort(signals, giveUp);
      const cancel = clock.after(MCP_UPSTREAM_WAIT, () => {
        timedOut++;
        giveUp(
          new ToolError(
            `Upstream ${host} is busy: no place within ${MCP_UPSTREAM_WAIT} ms (MCP_UPSTREAM_WAIT); try again later`,
          ),
        );
      });
    });
  }

  /** One request, with a place of its own, and its answer as it comes. */
  async function exchange(url: URL, init: RequestInit, signals: readonly AbortSignal[]): Promise<Response> {
    const { host } = url;
    const release = await place(url, signals);
    const control = new AbortController();
    const end = () => {
      cancel();
      unlisten();
      release();
    };
    const stop = (reason: unknown) => {
      end();
      control.abort(reason);
    };
    const unlisten = onAbort(signals, stop);
    const cancel = clock.after(MCP_UPSTREAM_TIMEOUT, () => {
      timedOut++;
      stop(new ToolError(`Upstream ${host} did not answer within ${MCP_UPSTREAM_TIMEOUT} ms (MCP_UPSTREAM_TIMEOUT)`));
    });
    try {
      // A signal may have aborted between the place and its listener.
      for (const signal of signals) signal.throwIfAborted();
      const response = await fetch(url, { ...init, redirect: 'manual', signal: control.signal });
      const { body } = response;
      if (body === null) end();
      const answer = new Response(body && bounded(body, host, control.signal, end), response);
      Object.defineProperty(answer, 'url', { value: response.url || url.href });
      return answer;
    } catch (error) {
      end();
      control.signal.throwIfAborted();
      control.abort(error);
      for (const signal of signals) signal.throwIfAborted();
      throw failure(`Upstream ${host} could not be reached${codeOf(error)}`, error);
    }
  }

  /** The body of an answer, which ends the exchange when it ends, in whatever way. */
  function bounded(
    body: ReadableStream<Uint8Array>,
    host: string,
    signal: AbortSignal,
    end: () => void,
  ): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    return new ReadableStream<Uint8Array>(
      {
        start(controller) {
          signal.addEventListener('abort', () => controller.error(signal.reason), { once: true });
        },
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (signal.aborted) return;
            if (!done) return controller.enqueue(value);
            end();
            controller.close();
          } catch (error) {
            if (signal.aborted) return;
            end();
            controller.error(failure(`Upstream ${host} broke its answer off${codeOf(error)}`, error));
          }
        },
        cancel(reason) {
          end();
          return reader.cancel(reason);
        },
      },
      { highWaterMark: READ_AHEAD, size: (chunk) => chunk.byteLength },
    );
  }

  return {
    async fetch(input, init, signal) {
      const request = await read(input, init);
      const signals = [signal, ...request.signals];
      for (let hops = 0; ; hops++) {
        const why = forbidden(request.url);
        if (why !== undefined) throw refusal(why);
        const response = await exchange(request.url, request.init, signals);
        const location = REDIRECTS.includes(response.status) ? response.headers.get('location') : null;
        if (location === null || request.mode === 'manual') {
          if (hops > 0) Object.defineProperty(response, 'redirected', { value: true });
          return response;
        }
        await response.body?.cancel();
        const { host } = request.url;
        if (request.mode === 'error')
          throw new ToolError(`Upstream ${host} redirects, which this request does not allow`);
        if (hops === MOST_REDIRECTS)
          throw new ToolError(`Upstream ${host} redirects more than ${MOST_REDIRECTS} times`);
        redirect(request, response.status, location);
      }
    },
    stats() {
      let running = 0;
      let waiting = 0;
      for (const pool of pools.values()) {
        running += pool.running;
        waiting += pool.waiting.size;
      }
      return { running, waiting, refused, timedOut, failed, upstreams: pools.size };
    },
  };
}

/** Calls `run` with the reason of the first signal that aborts. @returns what ends the listening */
function onAbort(signals: readonly AbortSignal[], run: (reason: unknown) => void): () => void {
  const listening = signals.map((signal) => {
    const listener = () => run(signal.reason);
    signal.addEventListener('abort', listener, { once: true });
    return () => signal.removeEventListener('abort', listener);
  });
  return () => {
    for (const end of listening) end();
  };
}

/** What the runtime calls the fault: `ECONNREFUSED` on Node, `ConnectionRefused` on Bun; Deno has words alone. */
function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const name = cause?.code ?? code;
  return typeof name === 'string' ? ` (${name})` : '';
}

// ---- a request and its redirects -------------------------------------------------------------------

interface Outgoing {
  url: URL;
  init: RequestInit & { method: string; headers: Headers };
  readonly mode: RequestRedirect;
  readonly signals: readonly AbortSignal[];
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** What says how a body is to be read goes with the body (Fetch, request-body-header name). */
const OF_BODY = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length'];
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization'];

/** The body of a Request is read whole: a redirect may want it again. */
async function read(input: string | URL | Request, init: RequestInit = {}): Promise<Outgoing> {
  if (!(input instanceof Request)) {
    const method = init.method ?? 'GET';
    return {
      url: absolute(input),
      init: { ...init, method, headers: new Headers(init.headers) },
      mode: init.redirect ?? 'follow',
      signals: init.signal ? [init.signal] : [],
    };
  }
  const request = new Request(input, init);
  const body = request.body === null ? null : await request.bytes();
  return {
    url: absolute(request.url),
    init: { ...init, method: request.method, headers: new Headers(request.headers), body },
    mode: request.redirect,
    signals: [request.signal],
  };
}

function absolute(input: string | URL): URL {
  if (URL.canParse(String(input))) return new URL(input);
  throw new ToolError(`A URL to fetch must be absolute, http or https, got ${quote(String(input))}`);
}

/** Points `request` to where it was sent on, as the Fetch standard has it (HTTP-redirect fetch). */
function redirect(request: Outgoing, status: number, location: string): void {
  const { url, init } = request;
  if (!URL.canParse(location, url.href)) {
    throw new ToolError(`Upstream ${url.host} redirects to ${quote(location)}, which is no URL`);
  }
  const target = new URL(location, url);
  const { method, headers, body } = init;
  const reads = method === 'GET' || method === 'HEAD';
  if ((status === 303 && !reads) || (status <= 302 && method.toUpperCase() === 'POST')) {
    init.method = 'GET';
    init.body = null;
    for (const name of OF_BODY) headers.delete(name);
  } else if (body instanceof ReadableStream) {
    throw new ToolError(`Upstream ${url.host} redirects a request whose body is a stream, which cannot be sent again`);
  }
  if (target.origin !== url.origin) for (const name of CREDENTIALS) headers.delete(name);
  request.url = target;
}

// ---- where requests may go -------------------------------------------------------------------------

/** Names that are never those of a public host (RFC 6761, 6762, 8375; ICANN's .internal). */
const PRIVATE_NAMES = ['localhost', 'local', 'internal', 'home.arpa'];
/** Azure's metadata and DNS: in no private range, and reached from within only. */
const AZURE = '168.63.129.16';

/** @returns why a URL must not be fetched, or undefined */
function hostGuard(named: readonly string[], trusted: readonly string[]): (url: URL) => string | undefined {
  const anyPublic = named.includes('*');
  const listed = named.filter((entry) => entry !== '*').map((entry) => hostOf(entry));
  const exact = new Set([...listed, ...trusted.map((entry) => entry.toLowerCase())]);
  const suffixes = listed.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  return (url) => {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      return `Only http and https can be fetched, got ${quote(url.href)}`;
    }
    if (url.username !== '' || url.password !== '') return `A URL to fetch must have no user, got one for ${url.host}`;
    const name = url.hostname.replace(/\.+$/, '');
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    if (exact.has(name) || exact.has(`${name}:${port}`) || suffixes.some((suffix) => name.endsWith(suffix)))
      return undefined;
    if (isPrivate(name)) return `Upstream ${url.host} is private and not named in MCP_UPSTREAM_HOSTS`;
    return anyPublic ? undefined : `Upstream ${url.host} is not named in MCP_UPSTREAM_HOSTS`;
  };
}

/** An entry of MCP_UPSTREAM_HOSTS as a URL spells it: a name, `*.` and a name, or an address; with a port or without. */
function hostOf(entry: string): string {
  const text = ipaddr.IPv6.isValid(entry) ? `[${entry}]` : entry;
  const url = URL.canParse(`http://${text}`) ? new URL(`http://${text}`) : undefined;
  const plain = /^(\*\.)?[^*/?#@\\\s]+$/.test(text);
  const [, port = ''] = /:(\d+)$/.exec(text) ?? [];
  if (url === undefined || !plain || (port !== '' && text.startsWith('*.'))) {
    throw new Error(
      `MCP_UPSTREAM_HOSTS must be *, or host names such as api.example.com, *.example.com or 10.0.0.5:8080, got ${quote(entry)}`,
    );
  }
  return port === '' ? url.hostname : `${url.hostname}:${port}`;
}

function isPrivate(name: string): boolean {
  if (name.startsWith('[')) return isPrivateAddress(name.slice(1, -1));
  if (ipaddr.IPv4.isValidFourPartDecimal(name)) return isPrivateAddress(name);
  return !name.includes('.') || PRIVATE_NAMES.some((last) => name === last || name.endsWith(`.${last}`));
}

/** All that is not global unicast: also what is reserved, and what carries an IPv4 address through a translator. */
function isPrivateAddress(text: string): boolean {
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast' || address.toString() === AZURE) return true;
  return 'parts' in address && ((address.parts[0] as number) & 0xe000) !== 0x2000;
}
