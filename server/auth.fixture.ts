/** For tests of authorization: keys, tokens signed by them, and an issuer on a real socket that can be told to misbehave. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';
import { type Auth, type AuthOptions, auth } from './auth.ts';
import { type ManualClock, manualClock } from './clock.ts';
import { readConfig } from './config.ts';
import type { Principal } from './tool.ts';

export const SECRET = 'planted-secret-of-at-least-32-characters';
export const RESOURCE = 'https://mcp.example/mcp';

/** One key of an issuer: what signs, and what verifies as it is published. */
export interface Signer {
  readonly alg: string;
  readonly kid: string;
  readonly key: CryptoKey | Uint8Array;
  readonly jwk: JWK;
}

export async function signer(alg: string, kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** Of the shared secret. */
export const shared: Signer = { alg: 'HS256', kid: '', key: new TextEncoder().encode(SECRET), jwk: {} };

/** Claims of a good token; `undefined` leaves one out. */
export type Claims = { [claim: string]: unknown };

/** Signs a token that is good for 5 minutes from `now` (ms), but for what is changed. */
export function signed(
  by: Signer,
  now: number,
  changes: Claims = {},
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  const at = Math.floor(now / 1000);
  const claims: Claims = { sub: 'reader', aud: RESOURCE, iat: at, exp: at + 300, ...changes };
  for (const [claim, value] of Object.entries(claims)) if (value === undefined) delete claims[claim];
  return new SignJWT(claims)
    .setProtectedHeader({ alg: by.alg, ...(by.kid !== '' && { kid: by.kid }), ...header })
    .sign(by.key);
}

export function encoded(value: unknown): string {
  return btoa(typeof value === 'string' ? value : JSON.stringify(value))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** A request with this Authorization header, or none. */
export function request(authorization?: string, url = 'http://localhost/mcp'): Request {
  return new Request(url, { method: 'POST', headers: authorization === undefined ? {} : { authorization } });
}

export interface Guard {
  readonly auth: Auth;
  readonly clock: ManualClock;
  /** What the operator was told. */
  readonly reports: string[];
  /** All responses given, as text with headers: for what must never be in one. */
  readonly given: string[];
  /** Asks for the caller. @throws Error when it was refused */
  caller(authorization: string): Promise<Principal>;
  refusal(authorization?: string, url?: string): Promise<Refused>;
}

export interface Refused {
  status: number;
  challenge: string | null;
  retry: string | null;
  message: string;
}

export function guard(env: { [knob: string]: unknown }, options: Partial<AuthOptions> = {}): Guard {
  const clock = manualClock();
  const reports: string[] = [];
  const given: string[] = [];
  const made = auth({
    config: readConfig({ MCP_PUBLIC_URL: RESOURCE, ...env }),
    clock,
    name: 'test',
    shared: true,
    report: (error) => reports.push(error instanceof Error ? error.message : String(error)),
    ...options,
  });
  if (!made) throw new Error('This server asks for no authorization');
  return {
    auth: made,
    clock,
    reports,
    given,
    async caller(authorization) {
      const found = await made.principal(request(authorization));
      if (found instanceof Response) throw new Error(`refused: ${found.status} ${await found.text()}`);
      return found;
    },
    async refusal(authorization, url) {
      const found = await made.principal(request(authorization, url));
      if (!(found instanceof Response)) throw new Error(`taken, of ${found.subject}`);
      return read(found, given);
    },
  };
}

export async function read(response: Response, given: string[] = []): Promise<Refused> {
  const text = await response.text();
  given.push(`${text} ${JSON.stringify([...response.headers])}`);
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    retry: response.headers.get('retry-after'),
    message: (JSON.parse(text) as { error: { message: string } }).error.message,
  };
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** An authorization server's public side. Its paths answer what they are told to; others 404. */
export class Issuer {
  readonly url: string;
  readonly jwks: string;
  /** Paths asked for, in order. */
  readonly asked: string[] = [];
  readonly answers = new Map<string, Answer>();
  readonly #server: ReturnType<typeof createServer>;
  #waiting: (() => void)[] = [];

  private constructor(server: ReturnType<typeof createServer>, path: string) {
    this.#server = server;
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.url = `${origin}${path}`;
    this.jwks = `${origin}/jwks`;
    server.on('request', (request, response) => {
      const path = request.url ?? '';
      this.asked.push(path);
      for (const told of this.#waiting.splice(0)) told();
      const answer = this.answers.get(path);
      if (answer) answer(response, request);
      else response.writeHead(404).end('{}');
    });
  }

  /** @param path of its identifier, for an issuer that is not at the root */
  static async start(path = ''): Promise<Issuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Issuer(server, path);
  }

  /** Publishes these keys, and the metadata that leads to them. */
  publish(...signers: Signer[]): this {
    const path = new URL(this.url).pathname.replace(/\/$/, '');
    this.json(`/.well-known/oauth-authorization-server${path}`, { issuer: this.url, jwks_uri: this.jwks });
    return this.json('/jwks', { keys: signers.map(({ jwk }) => jwk) });
  }

  json(path: string, value: unknown): this {
    this.answers.set(path, (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    });
    return this;
  }

  /** How often a path was asked for. */
  count(path: string): number {
    return this.asked.filter((each) => each === path).length;
  }

  /** Resolves when the next request has come. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** A test with an issuer of its own, which is gone afterwards. */
export function issuing(body: (issuer: Issuer) => Promise<void>, path = ''): () => Promise<void> {
  return async () => {
    const issuer = await Issuer.start(path);
    try {
      await body(issuer);
    } finally {
      await issuer[Symbol.asyncDispose]();
    }
  };
}
