import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { Arrivals } from '../arrivals.ts';
import type { CookieJar } from '../cookies.ts';
import { milliseconds } from '../duration.ts';
import {
  BODY_LIMIT,
  type Connections,
  canonicalName,
  type Exchanged,
  exchange,
  neverSent,
  type Timings,
} from '../exchange.ts';
import { badUrl } from '../failure.ts';
import { type Host, refuse } from '../host.ts';
import type { Tags } from '../metrics.ts';
import { missing } from '../refusal.ts';
import { textTags, type VirtualUser } from '../vu.ts';

/** k6's default for a whole exchange. */
const TIMEOUT_MS = 60_000;
const paramNames = new Set(['headers', 'tags', 'timeout', 'responseCallback', 'responseType', 'redirects']);

/** Made by `expectedStatuses`; a plain object with the same fields is refused, as in k6. */
class ExpectedStatuses {
  readonly #ranges: { min: number; max: number }[];

  constructor(ranges: { min: number; max: number }[]) {
    this.#ranges = ranges;
  }

  allows(status: number): boolean {
    return this.#ranges.some(({ min, max }) => min <= status && status <= max);
  }
}

type ResponseType = 'text' | 'binary' | 'none';
type Params = {
  headers: Record<string, string>;
  tags: Record<string, string>;
  timeoutMs: number;
  /** null: neither judged nor counted. */
  callback: ExpectedStatuses | null;
  responseType: ResponseType;
  redirects: number;
};

type Call = { method: string; url: URL; body: string | Uint8Array | undefined; params: Params; hops: number };

/** The module `k6/http` of one VU. `connections` is asked for late: the options are known after the init context. */
export function httpModule(host: Host, vu: VirtualUser, connections: () => Connections, jar: CookieJar) {
  let fallback: ExpectedStatuses | null = new ExpectedStatuses([{ min: 200, max: 399 }]);

  const readParams = (given: unknown): Params => {
    const raw = (given ?? {}) as Record<string, unknown>;
    for (const name of Object.keys(raw))
      if (!paramNames.has(name)) refuse(host, missing(`the http parameter "${name}"`));
    const responseType = raw.responseType ?? (host.options?.discardResponseBodies ? 'none' : 'text');
    if (responseType !== 'text' && responseType !== 'binary' && responseType !== 'none') {
      throw new TypeError(`invalid responseType "${String(responseType)}"`);
    }
    const callback = raw.responseCallback === undefined ? fallback : raw.responseCallback;
    if (callback !== null && !(callback instanceof ExpectedStatuses))
      throw new TypeError('unsupported responseCallback');
    return {
      headers: textTags((raw.headers ?? {}) as object),
      tags: textTags((raw.tags ?? {}) as object),
      timeoutMs: raw.timeout === undefined ? TIMEOUT_MS : milliseconds(raw.timeout, 'timeout'),
      callback,
      responseType,
      redirects: typeof raw.redirects === 'number' ? raw.redirects : (host.options?.maxRedirects ?? 10),
    };
  };

  const readBody = (body: unknown): string | Uint8Array | undefined => {
    if (body === undefined || body === null) return undefined;
    if (typeof body === 'string') return body;
    if (body instanceof ArrayBuffer) return new Uint8Array(body);
    if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
    return refuse(host, missing('a request body of this type', 'send a string or an ArrayBuffer'));
  };

  const send = (call: Call, settle: (response: HttpResponse | Error) => void): void => {
    const { method, url, params, body } = call;
    const headers: Record<string, string> = { 'User-Agent': host.options?.userAgent ?? '' };
    for (const [name, value] of Object.entries(params.headers)) headers[canonicalName(name)] = value;
    const cookies = jar.header(url);
    if (cookies !== undefined)
      headers.Cookie = headers.Cookie === undefined ? cookies : `${headers.Cookie}; ${cookies}`;
    const name = params.tags.name ?? url.href;
    const tags: Tags = { ...vu.tags, ...params.tags, method, name, url: name };
    let cut = (): void => {};
    const release = vu.hold(() => cut());
    const finish = (result: Exchanged): void => {
      // The call of this request is over: nobody waits, nothing is counted.
      if (!release()) return;
      const decoded = result.failure === undefined ? decode(result) : result;
      jar.store(url, decoded.setCookies);
      record(host, tags, decoded, params.callback);
      const next = redirected(call, decoded, host);
      if (next !== undefined) {
        send(next, settle);
        return;
      }
      if (decoded.failure !== undefined) {
        const { message, code } = decoded.failure;
        host.log.limited(
          'warning',
          `${method} ${name}: ${message}`,
          `Request Failed: ${method} ${url.href}: ${message} (error_code ${code})`,
        );
        if (host.options?.throws) {
          settle(new Error(message));
          return;
        }
      }
      settle(
        new HttpResponse(host, url.href, decoded, bodyAs(params.responseType, decoded.body), {
          method,
          url: url.href,
          headers,
          body: typeof body === 'string' ? body : '',
        }),
      );
    };
    let watch: Arrivals | undefined;
    try {
      cut = exchange(
        {
          method,
          url,
          headers,
          body,
          timeoutMs: params.timeoutMs,
          keepBody: params.responseType !== 'none',
          onHeaders: (received) => {
            if (received['content-type']?.toLowerCase().startsWith('text/event-stream'))
              watch = new Arrivals(host.metrics, () => tags);
          },
          onChunk: (chunk) => watch?.chunk(chunk),
        },
        connections(),
        finish,
      );
    } catch (error) {
      // Node refuses header names and values with forbidden characters before it sends anything.
      finish(neverSent({ code: 1000, message: (error as Error).message }));
    }
  };

  return {
    asyncRequest(method: string, address: unknown, body?: unknown, given?: unknown): Promise<HttpResponse> {
      if (vu.initializing) throw new Error('Making http requests in the init context is not supported');
      const params = readParams(given);
      const content = readBody(body);
      // A script whose call is over goes on to its next await and gets no further.
      if (!vu.live) return new Promise(() => {});
      const url = parsed(String(address));
      if (url === undefined) {
        const failure = badUrl(String(address));
        if (host.options?.throws) return Promise.reject(new Error(failure.message));
        host.log.limited('warning', failure.message, `Request Failed: ${failure.message}`);
        const sent = { method, url: String(address), headers: {}, body: '' };
        return Promise.resolve(new HttpResponse(host, sent.url, neverSent(failure), null, sent));
      }
      return new Promise((resolve, reject) => {
        send({ method: method.toUpperCase(), url, body: content, params, hops: 0 }, (response) =>
          response instanceof Error ? reject(response) : resolve(response),
        );
      });
    },
    expectedStatuses(...statuses: unknown[]): ExpectedStatuses {
      if (statuses.length === 0) throw new TypeError('no arguments');
      return new ExpectedStatuses(statuses.map(readRange));
    },
    setResponseCallback(callback: unknown): void {
      if (callback !== null && !(callback instanceof ExpectedStatuses)) throw new TypeError('unsupported argument');
      fallback = callback;
    },
  };
}

function readRange(status: unknown): { min: number; max: number } {
  if (typeof status === 'number' && Number.isInteger(status)) return { min: status, max: status };
  const { min, max } = (status ?? {}) as { min?: unknown; max?: unknown };
  if (typeof min === 'number' && typeof max === 'number') return { min, max };
  throw new TypeError(`expectedStatuses takes whole numbers and {min, max}, not ${JSON.stringify(status)}`);
}

function parsed(address: string): URL | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}

/** The built-in metrics of one exchange, all with the same tags. */
function record(host: Host, base: Tags, result: Exchanged, callback: ExpectedStatuses | null): void {
  const { metrics } = host;
  const code = errorCode(result);
  const tags: Record<string, string> = {
    ...base,
    status: String(result.status),
    proto: result.status === 0 ? '' : 'HTTP/1.1',
  };
  if (code !== 0) tags.error_code = String(code);
  if (result.failure !== undefined) tags.error = result.failure.message;
  const expected = callback?.allows(result.status);
  if (expected !== undefined) {
    tags.expected_response = String(expected);
    metrics.add(metrics.get('http_req_failed'), expected ? 0 : 1, tags);
  }
  metrics.add(metrics.get('http_reqs'), 1, tags);
  for (const phase of phases) metrics.add(metrics.get(`http_req_${phase}`), result.timings[phase], tags);
  metrics.add(metrics.get('data_sent'), result.sent, base);
  metrics.add(metrics.get('data_received'), result.received, base);
}

const phases = ['duration', 'blocked', 'connecting', 'tls_handshaking', 'sending', 'waiting', 'receiving'] as const;

const errorCode = ({ failure, status }: Exchanged): number => failure?.code ?? (status >= 400 ? 1000 + status : 0);

/** The request that follows a redirect; undefined when there is none to follow. */
function redirected(call: Call, result: Exchanged, host: Host): Call | undefined {
  const location = result.headers.Location;
  if (location === undefined || ![301, 302, 303, 307, 308].includes(result.status)) return undefined;
  if (call.hops >= call.params.redirects) {
    if (call.params.redirects > 0)
      host.log.limited('warning', 'too many redirects', `Stopped after ${call.hops} redirects: ${call.url.href}`);
    return undefined;
  }
  const url = URL.canParse(location, call.url.href) ? new URL(location, call.url.href) : undefined;
  if (url === undefined) return undefined;
  const keepsMethod = result.status >= 307 || call.method === 'GET' || call.method === 'HEAD';
  const headers = { ...call.params.headers };
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase();
    // Credentials stay with the host they were meant for.
    if (url.host !== call.url.host && ['authorization', 'cookie', 'www-authenticate'].includes(lower))
      delete headers[name];
    if (!keepsMethod && lower === 'content-type') delete headers[name];
  }
  return {
    method: keepsMethod ? call.method : 'GET',
    url,
    body: keepsMethod ? call.body : undefined,
    params: { ...call.params, headers },
    hops: call.hops + 1,
  };
}

const decoders: Record<string, (body: Buffer, options: { maxOutputLength: number }) => Buffer> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** k6 asks for no compression, and undoes what comes compressed all the same. */
function decode(result: Exchanged): Exchanged {
  const encoding = result.headers['Content-Encoding']?.toLowerCase();
  const decoder = encoding === undefined ? undefined : decoders[encoding];
  if (decoder === undefined || result.body === undefined || result.body.length === 0) return result;
  try {
    return { ...result, body: decoder(result.body, { maxOutputLength: BODY_LIMIT }) };
  } catch (error) {
    return {
      ...result,
      status: 0,
      headers: {},
      failure: { code: 1701, message: `error decompressing response body (${String(error)})` },
    };
  }
}

function bodyAs(type: ResponseType, body: Buffer | undefined): string | ArrayBuffer | null {
  if (type === 'none' || body === undefined) return null;
  return type === 'text' ? body.toString('utf8') : new Uint8Array(body).buffer;
}

type Sent = { method: string; url: string; headers: Record<string, string>; body: string };

/** k6's Response, without its view of cookies, HTML and forms. */
class HttpResponse {
  readonly url: string;
  readonly status: number;
  readonly status_text: string;
  readonly headers: Record<string, string>;
  readonly body: string | ArrayBuffer | null;
  readonly error: string;
  readonly error_code: number;
  readonly timings: Timings;
  readonly remote_ip: string;
  readonly remote_port: number;
  readonly proto: string;
  readonly request: { method: string; url: string; headers: Record<string, string[]>; body: string };
  readonly #host: Host;

  constructor(host: Host, url: string, result: Exchanged, body: string | ArrayBuffer | null, sent: Sent) {
    this.#host = host;
    this.url = url;
    this.status = result.status;
    this.status_text = result.status === 0 ? '' : `${result.status} ${result.statusText}`;
    this.headers = result.headers;
    this.body = body;
    this.error = result.failure?.message ?? '';
    this.error_code = errorCode(result);
    this.timings = result.timings;
    this.remote_ip = result.remoteIp;
    this.remote_port = result.remotePort;
    this.proto = result.status === 0 ? '' : 'HTTP/1.1';
    const headers = Object.fromEntries(Object.entries(sent.headers).map(([name, value]) => [name, [value]]));
    this.request = { ...sent, headers };
  }

  json(selector?: string): unknown {
    if (selector !== undefined) refuse(this.#host, missing('a selector for Response.json()'));
    return JSON.parse(this.body instanceof ArrayBuffer ? Buffer.from(this.body).toString('utf8') : (this.body ?? ''));
  }

  get cookies(): never {
    return refuse(this.#host, missing('Response.cookies'));
  }

  html(): never {
    return refuse(this.#host, missing('Response.html()'));
  }

  submitForm(): never {
    return refuse(this.#host, missing('Response.submitForm()'));
  }

  clickLink(): never {
    return refuse(this.#host, missing('Response.clickLink()'));
  }
}
