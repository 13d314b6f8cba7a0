/**
 * What stands before the protocol: Host and Origin, CORS. Each gate answers a refusal, or undefined to let pass.
 * (2025-11-25, transports, Security Warning; 2026-07-28, streamable-http, Security.)
 */

import type { Config } from './config.ts';
import { CODE, quote, refuse, SECURITY_HEADERS } from './protocol.ts';

/** What a request's URL says of it; judged once per URL. */
export interface Target {
  /** Host and port as the URL has them. */
  readonly host: string;
  /** Without query. */
  readonly path: string;
  readonly allowed: boolean;
  /** True for the MCP endpoint. */
  readonly endpoint: boolean;
}

export interface Gates {
  target(url: string): Target;
  /** 403 for a Host or an Origin that may not call. */
  refusal(headers: Headers, target: Target, origin: string | null): Response | undefined;
  /** The answer to a preflight of an allowed origin. */
  preflight(request: Request, origin: string): Response;
  /** Lets a browser of an allowed origin read the answer. */
  share(response: Response, origin: string): Response;
}

const ALLOWED_METHODS = 'POST, GET, DELETE, OPTIONS';
const ALLOWED_HEADERS = [
  'content-type',
  'accept',
  'authorization',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'last-event-id',
  'traceparent',
  'tracestate',
  'baggage',
];
const EXPOSED = 'mcp-session-id, mcp-protocol-version, www-authenticate, retry-after, ratelimit, ratelimit-policy';
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
/** Judged URLs and origins remembered; whoever sends others is judged anew. */
const REMEMBERED = 1000;

export function gates(config: Config): Gates {
  const loopback = [...LOOPBACK, '::1'].includes(config.MCP_HOST);
  const hosts = config.MCP_ALLOWED_HOSTS.length > 0 ? config.MCP_ALLOWED_HOSTS : loopback ? LOOPBACK : ['*'];
  const anyHost = hosts.includes('*');
  const anyOrigin = config.MCP_ALLOWED_ORIGINS.includes('*');
  const origins = new Set(config.MCP_ALLOWED_ORIGINS.map((origin) => origin.replace(/\/$/, '').toLowerCase()));
  const allowsHost = (host: string) => anyHost || hosts.includes(host.replace(/:\d*$/, '').toLowerCase());

  const hostAllowed = remember(
    (host: string) => /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d*)?$/i.test(host) && allowsHost(host),
  );
  const target = remember((url: string): Target => {
    const host = hostOf(url);
    const whole = url.slice(url.indexOf(host) + host.length);
    const end = whole.search(/[?#]/);
    const path = end < 0 ? whole : whole.slice(0, end);
    return { host, path, allowed: hostAllowed(host), endpoint: path === config.MCP_PATH };
  });
  const originAllowed = remember((origin: string) => {
    if (anyOrigin || origins.has(origin.toLowerCase())) return true;
    // Only what a browser would send: no user, no path, no other spelling of a host. Where any Host may be named, being
    // on the same host as the request proves nothing (DNS rebinding).
    if (anyHost || !URL.canParse(origin)) return false;
    const url = new URL(origin);
    return (url.protocol === 'http:' || url.protocol === 'https:') && url.origin === origin && allowsHost(url.host);
  });

  return {
    target,
    refusal(headers, { host, allowed }, origin) {
      // An absolute target names an authority of its own, so both are looked at.
      const named = headers.get('host');
      const wrong = named !== null && named !== host && !hostAllowed(named) ? named : allowed ? undefined : host;
      if (wrong !== undefined) {
        return refuse(
          403,
          CODE.invalidRequest,
          `Host ${quote(wrong)} is not allowed; expected ${hosts.join(', ')} (MCP_ALLOWED_HOSTS)`,
        );
      }
      if (origin !== null && !originAllowed(origin)) {
        return refuse(403, CODE.invalidRequest, `Origin ${quote(origin)} is not allowed (MCP_ALLOWED_ORIGINS)`);
      }
      return undefined;
    },
    preflight(request, origin) {
      // Headers of tool parameters are many; the browser names those it wants, and only these may be added.
      const wanted = (request.headers.get('access-control-request-headers') ?? '')
        .split(',')
        .map((name) => name.trim().toLowerCase());
      const extra = wanted.filter((name) => /^mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name));
      return new Response(null, {
        status: 204,
        headers: {
          ...SECURITY_HEADERS,
          'access-control-allow-origin': origin,
          'access-control-allow-methods': ALLOWED_METHODS,
          'access-control-allow-headers': [...ALLOWED_HEADERS, ...extra].join(', '),
          'access-control-max-age': '600',
          vary: 'Origin, Access-Control-Request-Headers',
        },
      });
    },
    share(response, origin) {
      const { headers } = response;
      headers.set('access-control-allow-origin', origin);
      headers.set('access-control-expose-headers', EXPOSED);
      headers.append('vary', 'Origin');
      return response;
    },
  };
}

function hostOf(url: string): string {
  const slashes = url.indexOf('//');
  if (slashes < 0) return '';
  const start = slashes + 2;
  const end = url.indexOf('/', start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

function remember<V>(judge: (text: string) => V): (text: string) => V {
  const known = new Map<string, V>();
  return (text) => {
    const verdict = known.get(text);
    if (verdict !== undefined) return verdict;
    if (known.size >= REMEMBERED) known.clear();
    const fresh = judge(text);
    known.set(text, fresh);
    return fresh;
  };
}
