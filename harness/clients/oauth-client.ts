/** The official clients with authorization: what they keep, and what they do when a server asks for a token. */

import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
  UnauthorizedError as UnauthorizedV2,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client';
import {
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  UnauthorizedError as UnauthorizedV1,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { Arrivals } from './arrivals.ts';

/** A request to the MCP server that was answered. */
export interface Exchange {
  readonly method: string;
  readonly status: number;
  /** The Authorization header. */
  readonly authorization: string | null;
  readonly challenge: string | null;
}

const REDIRECT = 'http://127.0.0.1/callback';

export const METADATA = {
  client_name: 'harness',
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  application_type: 'native',
};

/** All that a client application remembers of its authorization, in memory. */
export class OAuthClient implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT;
  readonly clientMetadata = METADATA;
  /** Where its metadata is, for a client that is known by its URL and registers nowhere. */
  readonly clientMetadataUrl?: string;
  readonly exchanges = new Arrivals<Exchange>();
  /** Where it has sent its user last. */
  request = new URL('about:blank');
  readonly #url: string;
  #information: OAuthClientInformationMixed | undefined;
  #tokens: OAuthTokens | undefined;
  #discovered: OAuthDiscoveryState | undefined;
  #verifier = '';
  #state = '';
  #steppingUp = false;

  /** @param url the MCP server's */
  constructor(url: string, clientMetadataUrl?: string) {
    this.#url = url;
    if (clientMetadataUrl !== undefined) this.clientMetadataUrl = clientMetadataUrl;
  }

  get id(): string {
    return this.#information?.client_id ?? '';
  }

  get accessToken(): string {
    return this.#tokens?.access_token ?? '';
  }

  get refreshToken(): string {
    return this.#tokens?.refresh_token ?? '';
  }

  /** What its user has come back with. @throws Error for an answer to another request */
  answer(back: URL): URLSearchParams {
    if (back.searchParams.get('state') !== this.#state) throw new Error(`${back} is no answer to ${this.request}`);
    return back.searchParams;
  }

  /** To be put under a transport. */
  readonly fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    if (String(url) === this.#url) {
      const challenge = response.headers.get('www-authenticate');
      const { method = 'GET', headers } = init ?? {};
      if (challenge?.includes('insufficient_scope')) this.#steppingUp = true;
      const authorization = new Headers(headers).get('authorization');
      this.exchanges.add({ method, status: response.status, authorization, challenge });
    }
    return response;
  };

  state(): string {
    this.#state = crypto.randomUUID();
    return this.#state;
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.#information;
  }

  saveClientInformation(information: OAuthClientInformationMixed): void {
    this.#information = information;
  }

  tokens(): OAuthTokens | undefined {
    if (!this.#tokens || !this.#steppingUp) return this.#tokens;
    // With a refresh token at hand SDK v1 would refresh, which gives no further scope, and then give up (typescript-sdk #2255).
    const { refresh_token: _, ...tokens } = this.#tokens;
    return tokens;
  }

  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens;
    this.#steppingUp = false;
  }

  redirectToAuthorization(url: URL): void {
    this.request = url;
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovered = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovered;
  }

  invalidateCredentials(what: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): void {
    if (what === 'all' || what === 'tokens') this.#tokens = undefined;
    if (what === 'all' || what === 'client') this.#information = undefined;
  }
}

/** A client that was made and may have no connection yet. */
export interface Dialled {
  /** @throws UnauthorizedError when its user has to sign in first; then another has to be dialled */
  connect(): Promise<void>;
  /** @param answer what the user came back with */
  finish(answer: URLSearchParams): Promise<void>;
  readonly revision: string;
  readonly sessionId: string | undefined;
  tools(): Promise<string[]>;
  /** @returns the text */
  call(name: string, input: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export interface OAuthKind {
  readonly name: string;
  dial(url: string, oauth: OAuthClient): Dialled;
}

export const isUnauthorized = (error: unknown): boolean =>
  error instanceof UnauthorizedV1 || error instanceof UnauthorizedV2;

export const OAUTH_V1: OAuthKind = { name: 'SDK v1', dial: dialV1 };
export const OAUTH_V2: OAuthKind = v2('SDK v2', { mode: 'auto' });
export const OAUTH_V2_LEGACY: OAuthKind = v2('SDK v2 legacy', { mode: 'legacy' });

function dialV1(url: string, oauth: OAuthClient): Dialled {
  const transport = new TransportV1(new URL(url), { authProvider: oauth, fetch: oauth.fetch });
  const client = new ClientV1({ name: 'sdk-v1', version: '1.0.0' });
  return {
    connect: () => client.connect(transport as Transport),
    finish: (answer) => transport.finishAuth(answer.get('code') ?? ''),
    get revision() {
      return transport.protocolVersion ?? '';
    },
    get sessionId() {
      return transport.sessionId;
    },
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input) => textOf(await client.callTool({ name, arguments: input })),
    close: () => client.close(),
  };
}

function v2(name: string, versionNegotiation: VersionNegotiationOptions): OAuthKind {
  return {
    name,
    dial(url, oauth) {
      const transport = new TransportV2(new URL(url), { authProvider: oauth, fetch: oauth.fetch });
      const client = new ClientV2({ name: 'sdk-v2', version: '1.0.0' }, { versionNegotiation });
      return {
        connect: () => client.connect(transport),
        finish: (answer) => transport.finishAuth(answer),
        get revision() {
          return client.getNegotiatedProtocolVersion() ?? '';
        },
        get sessionId() {
          return transport.sessionId;
        },
        tools: async () => (await client.listTools()).tools.map(({ name }) => name),
        call: async (name, input) => textOf(await client.callTool({ name, arguments: input })),
        close: () => client.close(),
      };
    },
  };
}

/** The text of the only part of a result. */
function textOf(result: object): string {
  const { content } = result as { content: [{ text: string }] };
  return content[0].text;
}
