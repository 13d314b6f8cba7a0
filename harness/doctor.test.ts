/** What the doctor finds: nothing on a server that is right, and each thing on one that is wrong in it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import { KNOBS, readConfig } from '../server.ts';
import { differences } from './doctor/authorization.ts';
import { type DeploymentOptions, examine } from './doctor/deployment.ts';
import { distance, environmentFindings, secretsIn } from './doctor/environment.ts';
import type { Finding } from './doctor/finding.ts';
import { isLoopback } from './doctor/loopback.ts';
import { differingBits } from './doctor/negotiation.ts';
import { report } from './doctor/report.ts';
import { limitNear } from './doctor/streams.ts';
import { weaknessOf } from './doctor/weakness.ts';
import { freePort } from './runtimes/ports.ts';
import { RUNTIMES, type RunningServer, startServer } from './runtimes/start.ts';

// ---- servers ---------------------------------------------------------------------------------------

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

const ends: (() => unknown)[] = [];
after(() => Promise.all(ends.map((end) => end())));

/** A server of node:http on a free port. @returns its origin */
async function serving(handler: Handler, port = 0): Promise<string> {
  const server = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Between {
  /** Changes what goes to the server. */
  readonly request?: (headers: IncomingHttpHeaders, url: string) => IncomingHttpHeaders;
  /** Changes what comes from it. */
  readonly response?: (headers: IncomingHttpHeaders, url: string) => IncomingHttpHeaders;
  /** Passes on the path alone. */
  readonly dropsQuery?: boolean;
  /** Keeps everything until the server has ended. */
  readonly buffers?: boolean;
  /** Keeps the body of a stream, but not its head. */
  readonly holds?: boolean;
  /** Cuts a stream after so many ms. */
  readonly cuts?: number;
  /** Answers these itself. */
  readonly own?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const isStream = (headers: IncomingHttpHeaders) => /event-stream/.test(headers['content-type'] ?? '');

/** A reverse proxy as somebody could have set it up. @returns its origin */
function proxied(
  to: string,
  { request: out, response: back, dropsQuery, buffers, holds, cuts, own }: Between,
): Promise<string> {
  return serving((incoming, response) => {
    if (own?.(incoming, response)) return;
    const { method, url = '/' } = incoming;
    const headers = out?.(incoming.headers, url) ?? incoming.headers;
    const upstream = requestHttp(
      new URL(dropsQuery ? url.replace(/\?.*/, '') : url, to),
      { method, headers: headers as Record<string, string> },
      (answer) => {
        const told = back?.(answer.headers, url) ?? answer.headers;
        const head = () => response.writeHead(answer.statusCode ?? 502, told);
        if (!buffers) {
          head();
          response.flushHeaders();
        }
        const kept: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => {
          if (buffers || (holds && isStream(answer.headers))) kept.push(chunk);
          else response.write(chunk);
        });
        answer.on('end', () => {
          if (buffers) head();
          response.end(Buffer.concat(kept));
        });
        answer.on('error', () => response.destroy());
        if (cuts !== undefined && isStream(answer.headers)) setTimeout(() => response.destroy(), cuts);
      },
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
}

/** Later than a stream is held to have begun; ms. */
const BEAT_MS = 1300;

interface Habits {
  readonly headers?: Record<string, string>;
  readonly sessionId?: (nth: number) => string | undefined;
  /** What a body that is no JSON is answered with. */
  readonly broken?: string;
  /** Paths that are answered beside the endpoint. */
  readonly paths?: Record<string, [status: number, type: string, body: string]>;
  /** Its streams send nothing at all; else a comment after BEAT_MS. */
  readonly silent?: boolean;
  /** It answers at any path. */
  readonly anywhere?: boolean;
}

/** A small server of 2025 that looks at neither Origin nor Host. @returns its origin, and the sessions that are open */
async function careless({ headers = {}, sessionId, broken, paths = {}, silent, anywhere }: Habits = {}) {
  const sessions = new Set<string>();
  let count = 0;
  const origin = await serving(async (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = (status: number, body: unknown, more: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers, ...more }).end(JSON.stringify(body));
    const own = paths[path];
    if (own) return response.writeHead(own[0], { 'content-type': own[1] }).end(own[2]);
    if (path !== '/mcp' && !anywhere) return answer(404, {});
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      if (!silent) setTimeout(() => response.write(': \n\n'), BEAT_MS);
      return;
    }
    if (request.method === 'DELETE') {
      sessions.delete(String(request.headers['mcp-session-id']));
      return answer(200, {});
    }
    let text = '';
    for await (const chunk of request) text += chunk;
    let message: { id?: unknown; method?: unknown };
    try {
      message = JSON.parse(text);
    } catch {
      return response.writeHead(400, { 'content-type': 'text/plain' }).end(broken ?? 'no JSON');
    }
    const { id = null, method } = message;
    if (method === 'initialize') {
      const session = (sessionId ?? (() => crypto.randomUUID()))(++count);
      if (session !== undefined) sessions.add(session);
      const result = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        serverInfo: { name: 'careless', version: '1' },
      };
      return answer(200, { jsonrpc: '2.0', id, result }, session === undefined ? {} : { 'mcp-session-id': session });
    }
    if (method === 'ping') return answer(200, { jsonrpc: '2.0', id, result: {} });
    if (id === null) return response.writeHead(202, headers).end();
    return answer(400, { jsonrpc: '2.0', id, error: { code: -32601, message: 'no such method' } });
  });
  return { url: `${origin}/mcp`, origin, sessions };
}

// ---- findings --------------------------------------------------------------------------------------

async function found(url: string, options: DeploymentOptions = {}): Promise<Finding[]> {
  return (await examine(url, options)).findings;
}

/** The levels of all findings of an id, without repeats. */
function levels(findings: readonly Finding[], id: string): string {
  return [...new Set(findings.filter((one) => one.id === id).map(({ level }) => level))].join(', ');
}

/** The one finding of this id and level; its sentence and its mend. */
function text(findings: readonly Finding[], id: string, level: string): string {
  const one = findings.find((each) => each.id === id && each.level === level);
  assert.ok(one, `${level} ${id} is not among ${JSON.stringify(findings, null, 1)}`);
  return `${one.seen} | ${one.mend ?? ''}`;
}

let ours: RunningServer;
before(async () => {
  ours = await startServer({ runtime: 'node', env: { MCP_HEARTBEAT: '200' } });
  ends.push(() => ours.stop());
});

for (const runtime of RUNTIMES) {
  test(`nothing is wrong with this server on ${runtime}, and nothing is left behind`, async () => {
    const server = await startServer({ runtime, env: { MCP_HEARTBEAT: '200' } });
    try {
      const began = performance.now();
      const findings = await found(server.url);
      assert.ok(performance.now() - began < 9000);
      assert.deepEqual(
        findings.filter(({ level, id }) => level !== 'ok' && !(runtime === 'workerd' && id === 'answer.clock')),
        [],
      );
      for (const id of ['stream.heartbeat', 'origin.host', 'origin.preflight', 'speak.session-id', 'answer.big-body'])
        assert.equal(levels(findings, id), 'ok', id);
      if (runtime === 'workerd') return; // It sends no Date, and knows no address whose questions it would answer.
      const health = (await (await fetch(`${server.origin}/health`)).json()) as {
        active_sessions: number;
        open_streams: number;
      };
      assert.deepEqual([health.active_sessions, health.open_streams], [0, 0]);
    } finally {
      await server.stop();
    }
  });
}

test('a visit ends by itself, and ends its sessions, where no heartbeat comes', async () => {
  const { url, sessions } = await careless({ silent: true });
  const began = performance.now();
  const findings = await found(url, { limit: 1500 });
  const took = performance.now() - began;
  assert.ok(took > 1200 && took < 30_000, `${took} ms`);
  assert.match(
    text(findings, 'stream.heartbeat', 'info'),
    /no sign of life in 1\.\d s, and the stream is open; --wait/,
  );
  assert.equal(sessions.size, 0);
});

// ---- reachability ----------------------------------------------------------------------------------

test('a deployment that does not answer is told with the reason', async () => {
  const origin = await serving(() => {});
  const refused = await examine('http://127.0.0.1:1/mcp');
  assert.equal(refused.reachable, false);
  assert.match(text(refused.findings, 'reach.answer', 'error'), /ECONNREFUSED.*MCP_HOST/);
  const plain = await careless();
  const secure = await examine(plain.url.replace('http:', 'https:'));
  assert.equal(secure.reachable, false);
  assert.match(text(secure.findings, 'reach.tls', 'error'), /no TLS/);
  const silent = await examine(`${origin}/mcp`, { limit: 300 });
  assert.match(text(silent.findings, 'reach.answer', 'error'), /no time left/);
});

/** A certificate that signs itself, for `localhost`. */
function certificate(days: number): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = (tag: number, ...parts: Uint8Array[]) => {
    const body = Buffer.concat(parts);
    const { length } = body;
    const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
    return Buffer.concat([Buffer.from([tag, ...size]), body]);
  };
  const hex = (text: string) => Buffer.from(text, 'hex');
  const time = (ms: number) => {
    const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14);
    return der(0x17, Buffer.from(`${digits}Z`));
  };
  const ecdsa = der(0x30, der(0x06, hex('2a8648ce3d040302')));
  const name = der(0x30, der(0x31, der(0x30, der(0x06, hex('550403')), der(0x0c, Buffer.from('localhost')))));
  const names = der(0x30, der(0x82, Buffer.from('localhost')));
  const extension = der(0x30, der(0x06, hex('551d11')), der(0x04, names));
  const signed = der(
    0x30,
    der(0xa0, der(0x02, hex('02'))),
    der(0x02, hex('01')),
    ecdsa,
    name,
    der(0x30, time(Date.now() - 86_400_000), time(Date.now() + days * 86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, extension)),
  );
  const whole = der(0x30, signed, ecdsa, der(0x03, hex('00'), sign('sha256', signed, privateKey)));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${whole.toString('base64')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

test('a certificate that nobody knows, one that is known, and one that soon ends', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  for (const [days, level] of [
    [90, 'ok'],
    [5, 'warning'],
  ] as const) {
    const pair = certificate(days);
    const file = join(folder, 'ca.pem');
    writeFileSync(file, pair.cert);
    const server = createTlsServer(pair, (socket) => {
      const upstream = connect(ours.port, '127.0.0.1');
      socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
      upstream.on('error', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    ends.push(() => server.close());
    const url = `https://localhost:${(server.address() as AddressInfo).port}/mcp`;
    const unknown = await examine(url);
    assert.equal(unknown.reachable, false);
    assert.match(text(unknown.findings, 'reach.tls', 'error'), /self-signed.*NODE_EXTRA_CA_CERTS/);
    const known = await command([url, '--json'], { NODE_EXTRA_CA_CERTS: file });
    const findings = JSON.parse(known.out) as Finding[];
    assert.match(text(findings, 'reach.tls', level), new RegExp(`TLSv1\\.3, a certificate for ${days - 1} days more`));
    assert.match(text(findings, 'reach.http', 'info'), /Only HTTP\/1\.1/);
    assert.equal(levels(findings, 'origin.host'), 'ok', 'a foreign Host, and the name of the certificate');
  }
});

test('a redirect of POST is an error, and what is behind it is looked at where it is the same host', async () => {
  const origin = await proxied(ours.origin, {
    own(request, response) {
      if (request.url !== '/old') return false;
      response.writeHead(301, { location: '/mcp' }).end();
      return true;
    },
  });
  const findings = await found(`${origin}/old`);
  assert.match(
    text(findings, 'reach.redirect', 'error'),
    /301 to \/mcp, where clients come with GET.*give clients http.*\/mcp/,
  );
  assert.equal(levels(findings, 'speak.stateful'), 'ok');
  assert.equal(levels(await found(`${origin}/mcp`), 'reach.redirect'), '');

  const seen: (string | undefined)[] = [];
  const other = await serving((request, response) => {
    seen.push(request.headers.authorization);
    response.end();
  });
  const away = await serving((_request, response) =>
    response.writeHead(308, { location: other.replace('127.0.0.1', 'localhost') }).end(),
  );
  const left = await found(`${away}/mcp`, { header: ['authorization: Bearer planted-token'] });
  assert.match(text(left, 'reach.redirect', 'error'), /^POST is redirected with 308 to http:\/\/localhost:\d+ \|/);
  assert.deepEqual([left.length, seen], [1, []]);
});

test('what is no MCP server, or refuses every request, is told with what to look at', async () => {
  const page = await serving((_request, response) =>
    response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>no'),
  );
  assert.match(text(await found(`${page}/mcp`), 'speak.stateful', 'error'), /404, text\/html, "<h1>no".*MCP_PATH/);
  const elsewhere = await found(`${ours.origin}/elsewhere`);
  assert.match(text(elsewhere, 'speak.stateful', 'error'), /the MCP endpoint is \/mcp/);
  const hosted = await proxied(ours.origin, { request: (headers) => ({ ...headers, host: 'mcp.test' }) });
  assert.match(
    text(await found(`${hosted}/mcp`), 'speak.stateful', 'error'),
    /mcp\.test\\" is not allowed.*\| MCP_ALLOWED_HOSTS/,
  );
});

test('a connection that is closed after each answer', async () => {
  const origin = await proxied(ours.origin, { response: (headers) => ({ ...headers, connection: 'close' }) });
  assert.match(text(await found(`${origin}/mcp`), 'reach.keep-alive', 'warning'), /MCP_KEEP_ALIVE/);
  assert.equal(levels(await found(ours.url), 'reach.keep-alive'), 'ok');
});

test('requests that are refused with 429 prove nothing', async () => {
  const server = await startServer({ runtime: 'node', env: { MCP_HEARTBEAT: '200', MCP_RATE_LIMIT: '8/minute' } });
  try {
    const findings = await found(server.url);
    assert.ok(findings.some(({ level, seen }) => level === 'info' && /could not be looked at.*429/.test(seen)));
    assert.deepEqual(
      findings.filter(({ level }) => level === 'error' || level === 'warning'),
      [],
    );
  } finally {
    await server.stop();
  }
});

// ---- streams ---------------------------------------------------------------------------------------

test('a proxy that keeps streams until they end', async () => {
  const origin = await proxied(ours.origin, { buffers: true });
  const findings = await found(`${origin}/mcp`, { limit: 5000 });
  assert.equal(levels(findings, 'stream.first-byte'), 'error');
  assert.match(text(findings, 'stream.first-byte', 'error'), /GET: no head of the stream.*proxy_buffering off/);
  const holding = await proxied(ours.origin, { holds: true });
  const held = await found(`${holding}/mcp`, { limit: 3000 });
  assert.match(
    text(held, 'stream.first-byte', 'error'),
    /listen: no event within 1000 ms, something holds the stream back/,
  );
});

test('a proxy that compresses, or takes X-Accel-Buffering', async () => {
  const origin = await proxied(ours.origin, {
    response: (headers) => (isStream(headers) ? { ...headers, 'content-encoding': 'gzip' } : headers),
  });
  assert.equal(levels(await found(`${origin}/mcp`), 'stream.compressed'), 'error');
  const taking = await proxied(ours.origin, {
    response: ({ 'x-accel-buffering': _taken, ...headers }) => headers,
  });
  const findings = await found(`${taking}/mcp`);
  assert.equal(levels(findings, 'stream.buffering'), 'info');
  assert.equal(levels(findings, 'stream.compressed'), 'ok');
  const nginx = await proxied(ours.origin, {
    response: ({ 'x-accel-buffering': _taken, ...headers }) => ({ ...headers, server: 'nginx' }),
  });
  assert.equal(levels(await found(`${nginx}/mcp`), 'stream.buffering'), 'ok');
});

test('a stream that is cut is told with the silence before it', async () => {
  const origin = await proxied(ours.origin, { cuts: 700 });
  const silent = await startServer({ runtime: 'node', env: { MCP_HEARTBEAT: '60000' } });
  const quiet = await proxied(silent.origin, { cuts: 700 });
  try {
    const findings = await found(`${quiet}/mcp`);
    assert.match(
      text(findings, 'stream.heartbeat', 'error'),
      /the stream was (cut|closed) after 0\.\d s, 0\.\d s of it silent \| MCP_HEARTBEAT below/,
    );
    // A sign of life comes before the cut; who waits sees both.
    assert.equal(levels(await found(`${origin}/mcp`), 'stream.heartbeat'), 'ok');
    assert.equal(levels(await found(`${origin}/mcp`, { wait: 1.5 }), 'stream.heartbeat'), 'error');
  } finally {
    await silent.stop();
  }
});

test('who usually cuts after how long', () => {
  const near = (seconds: number) => limitNear(seconds) ?? '';
  assert.match(near(10.4), /Bun/);
  assert.match(near(60.1), /nginx/);
  assert.match(near(100), /Cloudflare/);
  assert.match(near(300.6), /undici/);
  assert.match(near(29), /API Gateway/);
  assert.equal(near(40), '');
});

test('a stream of another type', async () => {
  const origin = await proxied(ours.origin, {
    response: (headers) => (isStream(headers) ? { ...headers, 'content-type': 'text/plain' } : headers),
  });
  assert.match(text(await found(`${origin}/mcp`), 'stream.type', 'error'), /200 with text\/plain/);
  assert.equal(levels(await found(ours.url), 'stream.type'), '');
});

// ---- who may call ----------------------------------------------------------------------------------

test('a proxy that hides Origin and Host lets any page call', async () => {
  const origin = await proxied(ours.origin, {
    request: ({ origin: _hidden, ...headers }) => ({ ...headers, host: new URL(ours.origin).host }),
  });
  const findings = await found(`${origin}/mcp`);
  assert.match(text(findings, 'origin.foreign', 'error'), /answered with 200: any web page.*MCP_ALLOWED_ORIGINS/);
  assert.match(text(findings, 'origin.host', 'error'), /answered with 200: a name bound to 127\.0\.0\.1/);
});

test('an origin that shall be allowed', async () => {
  const app = 'https://app.test';
  const server = await startServer({ runtime: 'node', env: { MCP_HEARTBEAT: '200', MCP_ALLOWED_ORIGINS: app } });
  try {
    const right = await found(server.url, { origin: app });
    for (const id of ['origin.allowed', 'origin.preflight', 'origin.exposed'])
      assert.equal(levels(right, id), 'ok', id);
    assert.match(
      text(await found(ours.url, { origin: app }), 'origin.allowed', 'error'),
      /MCP_ALLOWED_ORIGINS=https:\/\/app\.test/,
    );

    const stripping = await proxied(server.origin, {
      response: ({ 'access-control-expose-headers': _taken, ...headers }) => headers,
    });
    assert.match(
      text(await found(`${stripping}/mcp`, { origin: app }), 'origin.exposed', 'error'),
      /do not let pages read mcp-session-id, www-authenticate: .* is absent/,
    );
    const narrow = await proxied(server.origin, {
      response: (headers) => ({ ...headers, 'access-control-allow-headers': '*, content-type' }),
    });
    assert.match(
      text(await found(`${narrow}/mcp`, { origin: app }), 'origin.preflight', 'error'),
      /does not allow authorization \|/,
    );
    const closed = await proxied(server.origin, {
      own(request, response) {
        if (request.method !== 'OPTIONS') return false;
        response.writeHead(401).end();
        return true;
      },
    });
    assert.match(text(await found(`${closed}/mcp`, { origin: app }), 'origin.preflight', 'error'), /answered with 401/);
  } finally {
    await server.stop();
  }
});

// ---- authorization ---------------------------------------------------------------------------------

const SECRET = 'planted-secret-of-at-least-32-characters';

/** An authorization server, as far as clients find it. @returns its issuer */
async function issuing(changes: Record<string, unknown> = {}): Promise<string> {
  const issuer: string = await serving((request, response) => {
    if (request.url !== '/.well-known/oauth-authorization-server') return response.writeHead(404).end();
    const document = {
      issuer,
      code_challenge_methods_supported: ['S256'],
      registration_endpoint: `${issuer}/register`,
      ...changes,
    };
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  });
  return issuer;
}

/** Our server with tokens. @param known as clients know it; default its own URL */
async function guarded(issuer: string, known?: (url: string) => string) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/mcp`;
  const audience = known?.(url) ?? url;
  const server = await startServer({
    runtime: 'node',
    port,
    env: { MCP_HEARTBEAT: '200', MCP_AUTH_SECRET: SECRET, MCP_AUTH_ISSUER: issuer, MCP_PUBLIC_URL: audience },
  });
  ends.push(() => server.stop());
  const token = await new SignJWT({ sub: 'reader', aud: audience, iss: issuer })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(SECRET));
  return { server, url, origin: server.origin, header: [`authorization: Bearer ${token}`] };
}

test('a deployment with tokens is right, with one and without', async () => {
  const { url, header } = await guarded(await issuing());
  const findings = await found(url, { header });
  assert.deepEqual(
    findings.filter(({ level }) => level !== 'ok'),
    [],
  );
  for (const id of [
    'auth.needed',
    'auth.challenge',
    'auth.metadata',
    'auth.resource',
    'auth.servers',
    'auth.bad-token',
    'auth.query',
  ])
    assert.equal(levels(findings, id), 'ok', id);
  const without = await found(url);
  assert.equal(levels(without, 'auth.token'), 'info');
  assert.equal(levels(without, 'auth.resource'), 'ok');
  assert.equal(levels(without, 'stream.heartbeat'), '');
  const wrong = await found(url, { header: ['authorization: Bearer planted-and-wrong'] });
  assert.match(text(wrong, 'auth.token', 'error'), /refused with 401/);
});

test('a resource that is another URL is told with the part that differs', async () => {
  const issuer = await issuing();
  const { url, header } = await guarded(issuer, (own) => own.replace('http:', 'https:'));
  assert.match(
    text(await found(url, { header }), 'auth.resource', 'error'),
    /the scheme differs \(https, http\) \| MCP_PUBLIC_URL=http:/,
  );
  const differ = (one: string, other: string) => differences(new URL(one), new URL(other)).join('; ');
  assert.equal(differ('https://mcp.test/mcp/', 'https://mcp.test/mcp'), 'the slash at the end differs');
  assert.equal(differ('https://mcp.test:8443/mcp', 'https://mcp.test/mcp'), 'the port differs (8443, 443)');
  assert.equal(differ('http://mcp.test/mcp', 'https://mcp.test/mcp'), 'the scheme differs (http, https)');
  assert.equal(
    differ('http://mcp.test:3000/mcp', 'https://mcp.test/api/mcp'),
    'the scheme differs (http, https); the port differs (3000, 443); the path differs (/mcp, /api/mcp)',
  );
  assert.equal(differ('https://10.0.0.1/mcp', 'https://mcp.test/mcp'), 'the host differs (10.0.0.1, mcp.test)');
});

test('a proxy between clients and the metadata', async () => {
  const issuer = await issuing();
  const { origin, header } = await guarded(issuer);
  const keepsHost = (headers: IncomingHttpHeaders) => headers;
  const mute = await proxied(origin, {
    request: keepsHost,
    response: ({ 'www-authenticate': _taken, ...headers }) => headers,
  });
  assert.match(text(await found(`${mute}/mcp`, { header }), 'auth.challenge', 'error'), /401 has no WWW-Authenticate/);
  const bare = await proxied(origin, {
    response: (headers) => ({ ...headers, ...(headers['www-authenticate'] && { 'www-authenticate': 'Bearer' }) }),
  });
  const unnamed = await found(`${bare}/mcp`, { header });
  assert.match(text(unnamed, 'auth.challenge', 'warning'), /no resource_metadata: Bearer/);
  assert.match(text(unnamed, 'auth.resource', 'error'), /the port differs/);
  const blocked = await proxied(origin, {
    response: (headers) => ({ ...headers, ...(headers['www-authenticate'] && { 'www-authenticate': 'Bearer' }) }),
    own(request, response) {
      if (!request.url?.startsWith('/.well-known/')) return false;
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>app');
      return true;
    },
  });
  assert.match(text(await found(`${blocked}/mcp`, { header }), 'auth.metadata', 'error'), /answers 200, text\/html/);
});

test('tokens in the query, and tokens that nobody verifies', async () => {
  const { origin, header } = await guarded(await issuing());
  const lenient = await proxied(origin, {
    dropsQuery: true,
    request(headers, url) {
      const token = new URL(url, origin).searchParams.get('access_token');
      return token === null ? headers : { ...headers, authorization: `Bearer ${token}` };
    },
  });
  assert.match(text(await found(`${lenient}/mcp`, { header }), 'auth.query', 'error'), /access_token= is looked at/);
  const [, token] = /: (.+)$/.exec(header[0] ?? '') ?? [];
  const credulous = await proxied(origin, {
    request: (headers) => ({ ...headers, ...(headers.authorization !== undefined && { authorization: token }) }),
  });
  assert.match(text(await found(`${credulous}/mcp`, { header }), 'auth.bad-token', 'error'), /tokens are not verified/);
});

test('an authorization server that clients cannot use', async () => {
  const look = async (changes: Record<string, unknown>) => {
    const { url } = await guarded(await issuing(changes));
    return found(url);
  };
  assert.match(
    text(await look({ code_challenge_methods_supported: ['plain'] }), 'auth.servers', 'error'),
    /\["plain"\]: clients must refuse/,
  );
  assert.match(
    text(await look({ registration_endpoint: undefined }), 'auth.servers', 'warning'),
    /neither client_id_metadata_document_supported/,
  );
  assert.equal(
    levels(
      await look({ registration_endpoint: undefined, client_id_metadata_document_supported: true }),
      'auth.servers',
    ),
    'ok',
  );
  assert.match(
    text(await look({ issuer: 'https://other.test' }), 'auth.servers', 'error'),
    /calls itself "https:\/\/other\.test"/,
  );
  const insecure = await guarded('http://issuer.test');
  assert.match(text(await found(insecure.url), 'auth.servers', 'error'), /is not https/);
});

// ---- answers ---------------------------------------------------------------------------------------

test('a careless server', async () => {
  const date = new Date(Date.now() - 20_000).toUTCString();
  const { url } = await careless({
    headers: { 'x-powered-by': 'Express', server: 'thing/1.2', date },
    sessionId: (nth) => `session-${nth}`,
    broken: 'SyntaxError: Unexpected end\n    at JSON.parse (<anonymous>)\n    at /app/node_modules/body/index.js:12:3',
    anywhere: true,
    paths: { '/readyz': [503, 'text/plain', 'no database'] },
  });
  const findings = await found(url);
  assert.match(text(findings, 'speak.session-id', 'error'), /differ in 3 bits/);
  assert.match(text(findings, 'speak.stateless', 'info'), /400/);
  assert.match(text(findings, 'answer.headers', 'warning'), /absent.*nosniff/);
  assert.match(text(findings, 'answer.cache', 'warning'), /no-store/);
  assert.match(text(findings, 'answer.banner', 'warning'), /server: thing\/1\.2, x-powered-by: Express/);
  assert.match(text(findings, 'answer.clock', 'warning'), /\d\d\.\d s behind/);
  assert.match(text(findings, 'answer.leak', 'error'), /stack trace/);
  assert.match(text(findings, 'answer.elsewhere', 'warning'), /like the endpoint/);
  assert.match(text(findings, 'answer.big-body', 'info'), /202, not 413/);
  assert.match(text(findings, 'operator.readyz', 'warning'), /503: no database/);
  assert.match(text(findings, 'stream.first-byte', 'info'), /no event with it/);
  assert.match(text(findings, 'origin.cors', 'info'), /No CORS/);
});

test('what differs between two session ids', () => {
  assert.ok(differingBits(crypto.randomUUID(), crypto.randomUUID()) > 64);
  assert.ok(differingBits('0000000000000000000000000000000000001', '0000000000000000000000000000000000002') < 4);
  assert.equal(differingBits('same', 'same'), 0);
  // Version 1 counts time: only its first characters go on.
  assert.ok(differingBits('6ba7b810-9dad-11d1-80b4-00c04fd430c8', '6ba7b811-9dad-11d1-80b4-00c04fd430c8') < 8);
});

test('what the operator alone should see, on an address that is not loopback', async () => {
  const metrics = '# HELP up Up\n# TYPE up gauge\nup 1\n';
  const open = await careless({
    paths: {
      '/metrics': [200, 'text/plain', metrics],
      '/health': [200, 'application/json', '{"status":"ok","heap_bytes":1,"active_sessions":3}'],
    },
  });
  // This machine, by an address that says nothing of it.
  const outside = await found(open.url.replace('127.0.0.1', '0.0.0.0'));
  assert.match(text(outside, 'operator.metrics', 'error'), /anybody 1?\d lines of metrics.*MCP_METRICS_TOKEN/);
  assert.match(text(outside, 'operator.health', 'error'), /anybody heap_bytes, active_sessions/);
  assert.match(text(outside, 'auth.needed', 'warning'), /anybody may call/);
  assert.match(text(outside, 'reach.tls', 'warning'), /Plain http on 0\.0\.0\.0/);
  const tokens = await found(open.url.replace('127.0.0.1', '0.0.0.0'), {
    header: ['authorization: Bearer planted-token'],
  });
  assert.match(text(tokens, 'reach.tls', 'error'), /tokens go over the network in clear/);
  const local = await found(open.url);
  assert.equal(levels(local, 'operator.metrics'), 'info');
  const app = await careless({
    paths: {
      '/metrics': [200, 'text/html', '<html>\nup 1\n</html>'],
      '/health': [200, 'application/json', '{"status":"ok","uptime_s":3}'],
    },
  });
  const closed = await found(app.url.replace('127.0.0.1', '0.0.0.0'));
  assert.equal(levels(closed, 'operator.metrics'), 'ok');
  assert.equal(levels(closed, 'operator.health'), 'ok');
});

test('which hosts are loopback', () => {
  for (const host of ['localhost', 'localhost:3000', '127.0.0.1', '127.3.2.1:80', '[::1]', '[::1]:3000', '::1'])
    assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', 'localhost.test', '10.0.0.1', '[::2]', '::', '127.0.0.1.test', '::1:2'])
    assert.ok(!isLoopback(host), host);
});

// ---- the environment -------------------------------------------------------------------------------

/** Findings of an environment that are not ok, as `level id`. */
function local(env: Record<string, string>, options = {}): string[] {
  const findings = environmentFindings(env, { KNOBS, readConfig }, { bun: false, ...options });
  return findings.filter(({ level }) => level !== 'ok').map(({ level, id }) => `${level} ${id}`);
}

const RANDOM = 'kR7vQ2mX9tLbW4zYc8NfJ6sHpD3gAuE1';
const OTHER = 'Vn5hTqC0wGxZ8yKj2PdRbM7uLsF4aEi9';
/** All that a server on the network wants. */
const GOOD = {
  MCP_HOST: '0.0.0.0',
  MCP_SESSION_SECRET: RANDOM,
  MCP_AUTH_ISSUER: 'https://issuer.test',
  MCP_PUBLIC_URL: 'https://mcp.test/mcp',
  MCP_ALLOWED_HOSTS: 'mcp.test',
  MCP_RATE_LIMIT: '100/minute',
  MCP_METRICS_TOKEN: OTHER,
};

test('an environment that is right, of a laptop and of a server', () => {
  assert.deepEqual(local({ PATH: '/bin', HOME: '/', MCP_REPLAY_HEADERS: 'x: y' }), ['info local.session-secret']);
  assert.deepEqual(local(GOOD), []);
});

const WRONG: [what: string, change: Record<string, string | undefined>, expected: string[]][] = [
  [
    'a knob that cannot be read, and one more',
    { MCP_PORT: 'abc', MCP_MAX_BODY: '1' },
    ['error local.knobs', 'error local.knobs'],
  ],
  ['the port by its other name', { PORT: 'abc' }, ['error local.knobs']],
  ['tokens without a URL', { MCP_PUBLIC_URL: undefined }, ['error local.knobs']],
  ['a name that nothing reads', { MCP_RATELIMIT: '1/second' }, ['warning local.unknown']],
  ['no session secret', { MCP_SESSION_SECRET: undefined }, ['warning local.session-secret']],
  ['a secret too short', { MCP_SESSION_SECRET: 'short' }, ['error local.knobs', 'warning local.session-secret']],
  ['a secret of one letter', { MCP_SESSION_SECRET: 'a'.repeat(40) }, ['error local.secret']],
  ['a secret twice', { MCP_METRICS_TOKEN: RANDOM }, ['error local.secret']],
  ['a placeholder', { MCP_SESSION_SECRET: '<your secret goes here>' }, ['error local.secret']],
  [
    'a placeholder of another knob',
    { MCP_PUBLIC_URL: 'https://example.com/mcp', MCP_ALLOWED_HOSTS: 'mcp.test,example.com' },
    ['error local.placeholder', 'error local.placeholder'],
  ],
  ['no limit', { MCP_RATE_LIMIT: undefined }, ['warning local.rate-limit']],
  ['no token', { MCP_AUTH_ISSUER: undefined }, ['warning local.auth']],
  ['no host', { MCP_ALLOWED_HOSTS: undefined }, ['warning local.hosts']],
  ['any host', { MCP_ALLOWED_HOSTS: '*' }, ['warning local.hosts']],
  ['another host than the public one', { MCP_ALLOWED_HOSTS: 'other.test' }, ['warning local.hosts']],
  ['any origin with tokens', { MCP_ALLOWED_ORIGINS: '*' }, ['warning local.origins']],
  [
    'any origin without',
    { MCP_ALLOWED_ORIGINS: '*', MCP_AUTH_ISSUER: undefined },
    ['error local.origins', 'warning local.auth'],
  ],
  ['an origin with a path', { MCP_ALLOWED_ORIGINS: 'https://app.test/page' }, ['warning local.origins']],
  ['a public URL in clear', { MCP_PUBLIC_URL: 'http://mcp.test/mcp' }, ['error local.public-url']],
  ['a public URL on loopback in clear', { MCP_PUBLIC_URL: 'http://127.0.0.1/mcp', MCP_ALLOWED_HOSTS: '127.0.0.1' }, []],
  ['another path', { MCP_PUBLIC_URL: 'https://mcp.test/api' }, ['info local.path']],
  ['a rare heartbeat', { MCP_HEARTBEAT: '56000' }, ['warning local.heartbeat']],
  ['a heartbeat that Bun does not wait for', { MCP_HEARTBEAT: '9000' }, ['info local.heartbeat']],
  ['a short keep-alive', { MCP_KEEP_ALIVE: '60000' }, ['warning local.keep-alive']],
  ['no delay', { MCP_DRAIN_DELAY: '0' }, ['warning local.drain']],
  ['no metrics', { MCP_METRICS_TOKEN: undefined }, ['info local.metrics']],
  ['behind a proxy on this machine', { MCP_HOST: '127.0.0.1' }, ['info local.proxies']],
  ['a proxy that is trusted', { MCP_HOST: '127.0.0.1', MCP_TRUSTED_PROXIES: 'loopback' }, []],
  ['everybody is trusted', { MCP_TRUSTED_PROXIES: '0.0.0.0/0' }, ['error local.proxies']],
  ['arguments in the log', { MCP_LOG_ARGUMENTS: '1' }, ['warning local.log']],
];

for (const [what, change, expected] of WRONG) {
  test(`an environment with ${what}`, () => {
    const env = Object.fromEntries(
      Object.entries({ ...GOOD, ...change }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    assert.deepEqual(local(env).toSorted(), expected.toSorted());
  });
}

test('the clock, and Bun', () => {
  assert.deepEqual(local(GOOD, { now: Date.parse('1970-01-02') }), ['error local.clock']);
  assert.deepEqual(local({ ...GOOD, MCP_HEARTBEAT: '9000' }, { bun: true }), ['warning local.heartbeat']);
});

test('what is said of a knob names it, the nearest name, and no secret', () => {
  const env = {
    ...GOOD,
    MCP_SESION_SECRET: 'planted-and-misspelled',
    MCP_PUBLIC_URL: 'https://me:planted-word@mcp.test/mcp',
  };
  const findings = environmentFindings(env, { KNOBS, readConfig });
  assert.match(text(findings, 'local.unknown', 'warning'), /MCP_SESION_SECRET is set.*MCP_SESSION_SECRET, if/);
  assert.match(text(findings, 'local.knobs', 'error'), /^MCP_PUBLIC_URL must be .*, got one with a user/);
  assert.doesNotMatch(JSON.stringify(findings), /planted|kR7vQ2/);
  assert.deepEqual(secretsIn(env), [RANDOM, OTHER, 'planted-and-misspelled']);
  assert.deepEqual(
    [distance('abc', 'abc'), distance('abc', 'abd'), distance('', 'ab'), distance('kitten', 'sitting')],
    [0, 1, 2, 3],
  );
});

test('which secrets are weak', () => {
  for (const [secret, why] of [
    ['changeme-changeme-changeme', /placeholder/],
    ['$' + '{SESSION_SECRET}', /placeholder/],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', /bits/],
    ['0123456789abcdefghijklmnopqrstuvwxyz', /bits/],
    ['abcabcabcabcabcabcabcabcabcabcabc', /bits/],
    ['my-development-server-on-the-network', /well-known word/],
    ['correct-password-of-the-server-q81', /well-known word/],
  ] as const)
    assert.match(weaknessOf(secret) ?? 'nothing', why, secret);
  for (let round = 0; round < 200; round++) {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    for (const secret of [hex, crypto.randomUUID()])
      assert.doesNotMatch(weaknessOf(secret) ?? '', /bits|placeholder/, secret);
  }
  assert.equal(weaknessOf(RANDOM), undefined);
});

// ---- the command -----------------------------------------------------------------------------------

function command(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const kept = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(MCP_.*|PORT|NODE_OPTIONS|NODE_TEST_CONTEXT)$/.test(name)),
  );
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./doctor.ts', import.meta.url)), ...args], {
      env: { ...kept, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk;
    });
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

test('the command: exit codes and both kinds of output', async () => {
  const right = await command([ours.url]);
  assert.equal(right.code, 0, right.out + right.err);
  assert.match(right.out, /^Reachability\n {2}ok {7}answer, tls, keep-alive\n/);
  assert.match(right.out, /\n0 error, 0 warning, 0 info, \d+ ok\n$/);
  const both = await command([ours.url, '--local', '--json'], { MCP_HEARTBEAT: '1' });
  assert.equal(both.code, 1, both.err);
  const list = JSON.parse(both.out) as Finding[];
  assert.equal(list[0]?.id, 'local.knobs');
  assert.ok(list.some(({ id }) => id === 'reach.answer'));
  assert.deepEqual(Object.keys(list[0] ?? {}), ['id', 'level', 'seen', 'mend']);
  const alone = await command([], { MCP_HOST: '0.0.0.0' });
  assert.equal(alone.code, 0, 'warnings are no errors');
  assert.match(alone.out, /^Configuration\n {2}warning {2}/);
  for (const args of [
    ['ftp://x'],
    [ours.url, ours.url],
    ['--wait', 'x'],
    ['--nothing'],
    [ours.url, '--origin', 'app.test/x'],
  ]) {
    const { code, err } = await command(args);
    assert.equal(code, 2, args.join(' '));
    assert.notEqual(err, '');
  }
  const gone = await command(['http://127.0.0.1:1/mcp', '--json']);
  assert.equal(gone.code, 3);
  assert.equal((JSON.parse(gone.out) as Finding[])[0]?.id, 'reach.answer');
});

test('no token is in any output, even where a server says it back', async () => {
  const echo = await serving((request, response) =>
    response.writeHead(400, { 'content-type': 'text/plain' }).end(`no: ${request.headers.authorization}`),
  );
  for (const output of ['--json', '--all']) {
    const { code, out, err } = await command([`${echo}/mcp`, output], {
      MCP_REPLAY_HEADERS: 'authorization: Bearer planted-token-of-mine',
    });
    assert.equal(code, 1, err);
    assert.match(out, /no: (Bearer )?\*\*\*/);
    assert.doesNotMatch(out + err, /planted/);
  }
});

test('a report is grouped, and shows no control characters of a server', () => {
  const findings: Finding[] = [
    { id: 'answer.banner', level: 'warning', seen: 'server: \x1b[2Jx', mend: 'off' },
    { id: 'reach.answer', level: 'ok', seen: 'it answers' },
  ];
  assert.equal(
    report(findings, { colour: false, all: false }),
    'Reachability\n  ok       answer\n\nAnswers\n  warning  server: \\u001b[2Jx [answer.banner]\n           mend: off\n\n0 error, 1 warning, 0 info, 1 ok\n',
  );
  const knob: Finding = { id: 'stream.heartbeat', level: 'error', seen: 'cut', mend: 'MCP_HEARTBEAT' };
  assert.match(report([knob], { colour: false, all: false }), /\n\nMCP_\* are knobs of this server/);
  assert.ok(report(findings, { colour: true, all: true }).includes('\x1b[32mok     \x1b[0m  it answers'));
});
