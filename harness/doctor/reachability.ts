/** Whether a deployment is there: the first answer, TLS, redirects, what a connection is good for. */

import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { NoAnswer } from '../replay/exchanges.ts';
import type { HttpRequest } from '../replay/target.ts';
import { type Finding, finding } from './finding.ts';
import { isLoopback } from './loopback.ts';
import { type Answer, reasonOf, type Visit } from './visit.ts';

/** How long one connection may take; ms. */
const CONNECT_MS = 2500;
/** A certificate that ends sooner is told of; ms. */
const SOON_MS = 14 * 86_400_000;

/** What a request that got no answer says of the deployment. */
export function unreachable(url: URL, error: NoAnswer): Finding {
  const { code = '' } = (error.cause ?? {}) as { code?: string };
  const told = `${url.origin} does not answer: ${error.message}`;
  if (/CERT|SIGNATURE|ISSUER|ALTNAME/.test(code))
    return finding(
      'error',
      'reach.tls',
      told,
      'serve the whole chain of a certificate for this name; one of a private authority: NODE_EXTRA_CA_CERTS=<ca.pem>',
    );
  if (code === 'EPROTO')
    return finding('error', 'reach.tls', told, 'what listens there speaks no TLS: use http://, or end TLS there');
  const mend: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there: look at MCP_HOST and MCP_PORT, or at the upstream of the proxy',
    ENOTFOUND: 'the name is not in DNS',
    ECONNRESET: 'something in between closes the connection: look at the log of the proxy',
  };
  return finding('error', 'reach.answer', told, mend[code] ?? 'look at firewalls and at the upstream of the proxy');
}

/** @returns where a redirect of a POST leads, where clients would still find the same deployment */
export function redirected({ url }: Visit, { status, headers }: Answer): { found: Finding; to: URL | undefined } {
  const { location = '' } = headers;
  const to = URL.canParse(location, url) ? new URL(location, url) : undefined;
  const loses = status === 301 || status === 302 || status === 303;
  const found = finding(
    'error',
    'reach.redirect',
    `POST is redirected with ${status} to ${location || 'nowhere'}${loses ? ', where clients come with GET and without the body' : ''}`,
    `give clients ${to?.href ?? 'the final URL'}${loses ? '; nginx: return 308 instead of 301' : ''}`,
  );
  // Tokens go to no other host, and never from TLS to clear.
  const follows = to?.hostname === url.hostname && (to.protocol === 'https:' || to.protocol === url.protocol);
  return { found, to: follows ? to : undefined };
}

/** What is told of the transport below HTTP. */
export async function transport(visit: Visit): Promise<Finding[]> {
  const { url } = visit;
  const found = await Promise.all([
    url.protocol === 'https:' ? tls(url) : [plain(visit)],
    url.protocol === 'https:' && url.port === '' ? [await sibling(url)] : [],
    keepAlive(visit),
  ]);
  return found.flat();
}

function plain({ url, hasCredentials }: Visit): Finding {
  if (isLoopback(url.host)) return finding('ok', 'reach.tls', 'Plain http, on loopback');
  return finding(
    hasCredentials ? 'error' : 'warning',
    'reach.tls',
    `Plain http on ${url.host}: ${hasCredentials ? 'tokens' : 'sessions'} go over the network in clear`,
    'end TLS in front of it, and MCP_PUBLIC_URL=https://...',
  );
}

async function tls(url: URL): Promise<Finding[]> {
  const { hostname, port } = url;
  const host = hostname.replace(/^\[|\]$/g, '');
  const seen = await new Promise<{ version: string | null; alpn: string | false | null; ends: number } | string>(
    (resolve) => {
      const socket = connect({
        host,
        port: Number(port || 443),
        ALPNProtocols: ['h2', 'http/1.1'],
        timeout: CONNECT_MS,
        ...(isIP(host) === 0 && { servername: host }),
      });
      const done = (value: Parameters<typeof resolve>[0]) => {
        resolve(value);
        socket.destroy();
      };
      socket.once('error', (error) => done(reasonOf(error)));
      socket.once('timeout', () => done('no TLS handshake in time'));
      socket.once('secureConnect', () =>
        done({
          version: socket.getProtocol(),
          alpn: socket.alpnProtocol,
          ends: Date.parse(socket.getPeerCertificate().valid_to),
        }),
      );
    },
  );
  if (typeof seen === 'string') return [finding('info', 'reach.tls', `It could not be looked at: ${seen}`)];
  const { version, alpn, ends } = seen;
  const days = Math.floor((ends - Date.now()) / 86_400_000);
  const soon = ends - Date.now() < SOON_MS;
  return [
    finding(
      soon ? 'warning' : 'ok',
      'reach.tls',
      `${version}, a certificate for ${days} days more`,
      soon ? 'renew the certificate' : undefined,
    ),
    alpn === 'h2'
      ? finding('ok', 'reach.http', 'HTTP/2 is offered')
      : finding(
          'info',
          'reach.http',
          'Only HTTP/1.1 is offered: a browser has six connections to a host, and each open stream takes one',
          'nginx: http2 on;',
        ),
  ];
}

/** What http:// does where https:// is served. Nothing of the operator's goes there. */
async function sibling(url: URL): Promise<Finding> {
  const http = new URL(url);
  http.protocol = 'http:';
  const seen = await send(http, { method: 'POST', headers: { 'content-type': 'application/json' }, body: undefined });
  if (typeof seen === 'string') return finding('ok', 'reach.plain', 'Nothing answers on http://');
  const { status } = seen;
  if (status === 307 || status === 308)
    return finding('ok', 'reach.plain', `http:// is redirected with ${status}, which keeps the body`);
  if (status >= 300 && status < 400)
    return finding(
      'warning',
      'reach.plain',
      `http:// is redirected with ${status}: clients come with GET and without the body`,
      'nginx: return 308 https://$host$request_uri; and give clients the https URL',
    );
  if (status >= 400) return finding('ok', 'reach.plain', `http:// answers ${status}`);
  return finding(
    'error',
    'reach.plain',
    `http:// answers ${status}: the endpoint is served in clear too`,
    'close port 80, or redirect it with 308',
  );
}

/** Asked of a path that needs no token: a body that is refused unread ends its connection everywhere. */
async function keepAlive(visit: Visit): Promise<Finding> {
  const url = visit.beside('/livez');
  const probe = { method: 'GET', headers: {} };
  const agent = new (url.protocol === 'https:' ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 1 });
  try {
    const first = await send(url, probe, { agent });
    const second = typeof first === 'string' ? first : await send(url, probe, { agent });
    if (typeof second === 'string') return finding('info', 'reach.keep-alive', `It could not be looked at: ${second}`);
    if (second.reused) return finding('ok', 'reach.keep-alive', 'A connection is used again');
    return finding(
      'warning',
      'reach.keep-alive',
      'Each request needs a connection of its own',
      'MCP_KEEP_ALIVE above the 60 s of a balancer; nginx: keepalive_timeout 75s; and to the server proxy_http_version 1.1; proxy_set_header Connection "";',
    );
  } finally {
    agent.destroy();
  }
}

export interface Sent {
  readonly status: number;
  readonly text: string;
  /** The connection had carried a request before. */
  readonly reused: boolean;
}

/**
 * Sends a request with none of the operator's headers, with a Host or an agent of its own; TLS is checked against the URL's name.
 * @returns a text where there was no answer
 */
export function send(
  url: URL,
  { method, headers, body }: HttpRequest,
  options: { host?: string; agent?: HttpAgent | HttpsAgent } = {},
): Promise<Sent | string> {
  const secure = url.protocol === 'https:';
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const outgoing = (secure ? requestHttps : requestHttp)(url, {
      method,
      agent: options.agent ?? false,
      signal: AbortSignal.timeout(CONNECT_MS),
      ...(secure && isIP(name) === 0 && { servername: name }),
      headers: {
        ...headers,
        ...(options.host !== undefined && { host: options.host }),
        'content-length': String(body?.length ?? 0),
      },
    });
    outgoing.once('error', (error) => resolve(reasonOf(error)));
    outgoing.once('response', (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.once('error', (error) => resolve(reasonOf(error)));
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, text, reused: outgoing.reusedSocket }));
    });
    outgoing.end(body);
  });
}
