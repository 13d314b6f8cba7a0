/**
 * What an operator asks: is it alive, is it ready, how does it fare (`/livez`, `/readyz`, `/health`, `/metrics`).
 * Apart from the MCP endpoint: no session, no bearer token of a client, and for the first two not even a Host.
 */

import type { Clock } from './clock.ts';
import { CONTENT_TYPE, prefersOpenMetrics } from './metrics.ts';
import { CODE, JSON_INIT, type Platform, refuse, SECURITY_HEADERS } from './protocol.ts';
import { lag, type Vitals } from './vitals.ts';

/** Something without which the server cannot serve. Anybody may make it be looked at, so it costs little. */
export interface Check {
  /** Shown to anybody. */
  readonly name: string;
  /** A promise that rejects, or that takes longer than a second, is a no. */
  readonly ok: boolean | Promise<boolean>;
}

export interface OperationsOptions {
  readonly name: string;
  readonly version: string;
  readonly runtime: string;
  readonly clock: Clock;
  /** MCP_METRICS_TOKEN; empty: only loopback is told more than that the server runs. */
  readonly token: string;
  draining(): boolean;
  ready?: (() => readonly Check[]) | undefined;
  stats(): { readonly sessions: number; readonly streams: number; readonly calls: number };
  vitals(): Vitals;
  metrics(openMetrics: boolean): string | Promise<string>;
}

/**
 * Answers what an operator asks, undefined where the path is none of these.
 * @param path the path of the request's URL
 * @param hostAllowed whether the Host is one of this server: a page that was bound to loopback by its name is no operator
 */
export type Operations = (
  request: Request,
  path: string,
  platform: Platform,
  hostAllowed: boolean,
) => Response | Promise<Response> | undefined;

type Route = (request: Request, platform: Platform, hostAllowed: boolean) => Response | Promise<Response>;

const CHECK_MS = 1000;
const RETRY_S = 1;

export function operations(options: OperationsOptions): Operations {
  const { name, version, runtime, clock, draining, ready = () => [], stats, vitals, metrics } = options;
  const born = clock.now();
  const bearer = bearerToken(options.token);
  const knows = (request: Request, platform: Platform, hostAllowed: boolean) =>
    (hostAllowed && isLoopback(request.headers, platform)) || bearer(request.headers.get('authorization'));

  const routes = new Map<string, Route>([
    ['/livez', () => answer('ok\n', 'text/plain; charset=utf-8')],
    [
      '/readyz',
      async () => {
        if (draining()) return unready('draining', []);
        const checks = await Promise.all(ready().map((check) => judged(check, clock)));
        if (!checks.every(({ ok }) => ok)) return unready('unavailable', checks);
        return json({ status: 'ok', checks });
      },
    ],
    [
      '/health',
      async (request, platform, hostAllowed) => {
        const uptime_s = Math.floor((clock.now() - born) / 1000);
        const known = { status: draining() ? 'draining' : 'ok', name, version, uptime_s };
        if (!(await knows(request, platform, hostAllowed))) return json(known);
        const { sessions, streams, calls } = stats();
        const { memory_bytes, memory_percent, heap_bytes, cpu_percent } = vitals();
        return json({
          ...known,
          runtime,
          memory_percent: rounded(memory_percent),
          memory_bytes,
          heap_bytes,
          cpu_percent: rounded(cpu_percent),
          lag_ms: await lag(clock),
          active_sessions: sessions,
          open_streams: streams,
          running_calls: calls,
        });
      },
    ],
    [
      '/metrics',
      async (request, platform, hostAllowed) => {
        if (!(await knows(request, platform, hostAllowed))) return denied(request, options.token !== '');
        const openMetrics = prefersOpenMetrics(request.headers.get('accept'));
        return answer(await metrics(openMetrics), openMetrics ? CONTENT_TYPE.openMetrics : CONTENT_TYPE.text);
      },
    ],
  ]);

  return (request, path, platform, hostAllowed) => {
    const route = routes.get(path);
    if (!route) return undefined;
    const { method } = request;
    if (method === 'GET') return route(request, platform, hostAllowed);
    if (method === 'HEAD') return withoutBody(route(request, platform, hostAllowed));
    return refuse(405, CODE.invalidRequest, `Method ${method} is not allowed; expected GET or HEAD`, {
      headers: { allow: 'GET, HEAD' },
    });
  };
}

// ---- who asks ------------------------------------------------------------------------------------

/** With one of these a request has come from elsewhere through a proxy, also where the proxy is on this machine. */
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  // On Workers the address itself is read from this, and anybody could have written it where no Cloudflare is in front.
  'cf-connecting-ip',
];

function isLoopback(headers: Headers, platform: Platform): boolean {
  const { address } = platform;
  if (address === undefined || !/^(::1|(::ffff:)?127(\.\d{1,3}){3})$/i.test(address)) return false;
  return !FORWARDED.some((header) => headers.has(header));
}

const encoder = new TextEncoder();

/** Compares digests, all of them: the time it takes tells nothing of the token, nor of its length. */
function bearerToken(token: string): (authorization: string | null) => boolean | Promise<boolean> {
  const digest = async (text: string) => new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)));
  return (authorization) => {
    const [, given] = /^bearer +(.+)$/i.exec(authorization ?? '') ?? [];
    if (token === '' || given === undefined) return false;
    return Promise.all([digest(given), digest(token)]).then(
      ([one, other]) => one.reduce((differing, byte, at) => differing | (byte ^ (other[at] as number)), 0) === 0,
    );
  };
}

function denied(request: Request, hasToken: boolean): Response {
  if (!hasToken) {
    return refuse(
      403,
      CODE.invalidRequest,
      'Metrics are for loopback without a proxy, or for who has the token; none is set (MCP_METRICS_TOKEN)',
    );
  }
  const wrong = request.headers.has('authorization') ? ', error="invalid_token"' : '';
  return refuse(401, CODE.invalidRequest, 'Metrics need the bearer token of MCP_METRICS_TOKEN', {
    headers: { 'www-authenticate': `Bearer realm="metrics"${wrong}` },
  });
}

// ---- answers -------------------------------------------------------------------------------------

async function judged({ name, ok }: Check, clock: Clock): Promise<{ name: string; ok: boolean }> {
  if (typeof ok === 'boolean') return { name, ok };
  return new Promise((resolve) => {
    const callOff = clock.after(CHECK_MS, () => resolve({ name, ok: false }));
    const settle = (verdict: boolean) => {
      callOff();
      resolve({ name, ok: verdict });
    };
    ok.then(settle, () => settle(false));
  });
}

function unready(status: string, checks: readonly object[]): Response {
  return json({ status, checks }, { status: 503, headers: { ...JSON_INIT.headers, 'retry-after': String(RETRY_S) } });
}

function json(value: object, init: ResponseInit = JSON_INIT): Response {
  return new Response(JSON.stringify(value), init);
}

function answer(text: string, type: string): Response {
  return new Response(text, { headers: { 'content-type': type, ...SECURITY_HEADERS } });
}

async function withoutBody(answered: Response | Promise<Response>): Promise<Response> {
  const { status, headers } = await answered;
  return new Response(null, { status, headers });
}

function rounded(percent: number | undefined): number | undefined {
  return percent === undefined ? undefined : Math.round(percent * 10) / 10;
}
