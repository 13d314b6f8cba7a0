/**
 * A real authorization server on loopback: `oidc-provider`, which issues JWT access tokens (RFC 9068) for the resources that
 * it knows (RFC 8707), to clients that register themselves (RFC 7591) or are known by a document (Client ID Metadata Document).
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { type Adapter, type AdapterPayload, type Configuration, errors, type JWKS, Provider } from 'oidc-provider';

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const;
/** What access tokens can be signed with. */
export type Algorithm = (typeof ALGORITHMS)[number];

/** A request that the server has answered. */
export interface Asked {
  /** As `oidc-provider` calls it: `discovery`, `jwks`, `registration`, `authorization`, `token` and so on. */
  readonly route: string;
  readonly status: number;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Tells at the sign-in page who sits there, as a single sign-on in front of it would. */
export const USER_HEADER = 'remote-user';
const SIGN_IN = '/sign-in/';
const DAY_S = 86_400;

export class AuthorizationServer {
  readonly issuer: string;
  /** Scopes of each resource that tokens can be for. */
  readonly resources = new Map<string, readonly string[]>();
  /** Documents of clients by their URLs, which stand for web sites with certificates. */
  readonly documents = new Map<string, object>();
  /** In the order of the answers. */
  readonly asked: Asked[] = [];
  /** Of access tokens issued from now on. */
  algorithm: Algorithm = 'RS256';
  /** Likewise, s. */
  lifetime_s = 300;
  readonly #server: Server;
  readonly #memory = new Memory();
  readonly #cookieKey = randomUUID();
  #provider: Provider;

  private constructor(server: Server, jwks: JWKS) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#provider = this.#provide(jwks);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (!request.url?.startsWith(SIGN_IN)) void this.#provider.callback()(request, response);
      else this.#signIn(request, response).catch((error: Error) => response.writeHead(400).end(error.message));
    });
  }

  static async start(): Promise<AuthorizationServer> {
    const server = createServer().listen(0, '127.0.0.1');
    const [jwks] = await Promise.all([newKeys(), once(server, 'listening')]);
    return new AuthorizationServer(server, jwks);
  }

  /** From now on it has other keys and no more of the old ones; what it remembers stays. */
  async rotate(): Promise<void> {
    this.#provider = this.#provide(await newKeys());
  }

  async stop(): Promise<void> {
    this.#server.close().closeAllConnections();
    await once(this.#server, 'close');
  }

  #provide(jwks: JWKS): Provider {
    const provider = new Provider(this.issuer, this.#configuration(jwks));
    provider.use(async (context, next) => {
      await next();
      const { route, params = {} } = context.oidc ?? {};
      if (route !== undefined) this.asked.push({ route, status: context.status, params: { ...params } });
    });
    return provider;
  }

  #configuration(jwks: JWKS): Configuration {
    return {
      jwks,
      adapter: this.#memory.of,
      cookies: { keys: [this.#cookieKey] },
      interactions: { url: (_context, { uid }) => SIGN_IN + uid },
      findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
      // Also without offline_access, for which not all clients ask.
      issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
      fetch: async (url) => {
        const found = this.documents.get(String(url));
        return found ? Response.json(found) : new Response(null, { status: 404 });
      },
      extraClientMetadata: {
        properties: ['scope'],
        // Official clients register with the scopes of the first challenge, which would keep them from any further one.
        validator: (_context, _key, _value, metadata) => {
          delete metadata.scope;
        },
      },
      ttl: {
        AccessToken: () => this.lifetime_s,
        AuthorizationCode: 60,
        Grant: DAY_S,
        IdToken: 300,
        Interaction: 60,
        RefreshToken: DAY_S,
        Session: DAY_S,
      },
      features: {
        devInteractions: { enabled: false },
        registration: { enabled: true },
        revocation: { enabled: true, allowedPolicy: (_context, client, token) => token.clientId === client.clientId },
        clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_context, resource) => {
            const scopes = this.resources.get(resource);
            if (!scopes) throw new errors.InvalidTarget();
            return {
              scope: scopes.join(' '),
              audience: resource,
              accessTokenFormat: 'jwt',
              jwt: { sign: { alg: this.algorithm } },
            };
          },
        },
      },
    };
  }

  /** Signs the user in and allows the client all that it asks for. */
  async #signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { params } = await this.#provider.interactionDetails(request, response);
    const { client_id, scope, resource } = params as { client_id: string; scope: string; resource: string };
    const accountId = request.headers[USER_HEADER];
    if (typeof accountId !== 'string') throw new Error('nobody sits here');
    const grant = new this.#provider.Grant({ accountId, clientId: client_id });
    grant.addOIDCScope(scope);
    grant.addResourceScope(resource, scope);
    const result = { login: { accountId }, consent: { grantId: await grant.save() } };
    await this.#provider.interactionFinished(request, response, result);
  }
}

/** A key for each algorithm. */
async function newKeys(): Promise<JWKS> {
  const keys = ALGORITHMS.map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: randomUUID() };
  });
  return { keys: await Promise.all(keys) } as JWKS;
}

/** What the server remembers, by kind and id. That it is over, `oidc-provider` sees by itself. */
class Memory {
  readonly #kept = new Map<string, AdapterPayload>();

  readonly of = (kind: string): Adapter => {
    const kept = this.#kept;
    const key = (id: string) => `${kind} ${id}`;
    const first = (wanted: (payload: AdapterPayload) => boolean) =>
      [...kept].find(([each, payload]) => each.startsWith(key('')) && wanted(payload))?.[1];
    return {
      upsert: async (id, payload) => void kept.set(key(id), payload),
      find: async (id) => kept.get(key(id)),
      findByUid: async (uid) => first((payload) => payload.uid === uid),
      findByUserCode: async (userCode) => first((payload) => payload.userCode === userCode),
      async consume(id) {
        const payload = kept.get(key(id));
        if (payload) payload.consumed = Math.floor(Date.now() / 1000);
      },
      destroy: async (id) => void kept.delete(key(id)),
      async revokeByGrantId(grantId) {
        for (const [each, payload] of kept) if (payload.grantId === grantId) kept.delete(each);
      },
    };
  };
}
