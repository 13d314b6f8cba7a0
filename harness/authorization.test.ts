/**
 * A real authorization server, the official clients, and the shipped server on each of the four runtimes: from the first
 * refusal by way of metadata, registration and sign-in to a call, then step-up, refresh and what else comes in a token's life.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type Algorithm, type Asked, AuthorizationServer } from './clients/authorization-server.ts';
import { eventually } from './clients/eventually.ts';
import {
  type Dialled,
  isUnauthorized,
  METADATA,
  OAUTH_V1,
  OAUTH_V2,
  OAUTH_V2_LEGACY,
  OAuthClient,
  type OAuthKind,
} from './clients/oauth-client.ts';
import { UserAgent } from './clients/user-agent.ts';
import { freePort } from './runtimes/ports.ts';
import { RUNTIMES, type RunningServer, type Runtime, startServer } from './runtimes/start.ts';

const READ = 'account:read';
const WRITE = 'account:write';
/** Known to the authorization server as well, and nothing to the server under test. */
const ELSEWHERE = 'https://elsewhere.example/mcp';
const CLIENT_DOCUMENT = 'https://client.example/metadata.json';
/** The shortest that there is: such a token may be over before it is used, so no test depends on that. Seconds. */
const SHORT_S = 1;

interface Flow {
  readonly kind: OAuthKind;
  readonly revision: string;
  readonly algorithm: Algorithm;
  /** Scopes beside those that the server names. */
  readonly extra: readonly string[];
  readonly clientMetadataUrl?: string;
}

const FLOWS: readonly Flow[] = [
  { kind: OAUTH_V1, revision: '2025-11-25', algorithm: 'RS256', extra: [] },
  { kind: OAUTH_V2_LEGACY, revision: '2025-11-25', algorithm: 'ES256', extra: ['offline_access'] },
  {
    kind: OAUTH_V2,
    revision: '2026-07-28',
    algorithm: 'EdDSA',
    extra: ['offline_access'],
    clientMetadataUrl: CLIENT_DOCUMENT,
  },
];

/** One client application with its user. */
interface Application {
  readonly oauth: OAuthClient;
  readonly browser: UserAgent;
}

function application(url: string, user: string, clientMetadataUrl?: string): Application {
  return { oauth: new OAuthClient(url, clientMetadataUrl), browser: new UserAgent(user) };
}

/** Lets the user sign in where the client has sent them, and hands the code to the client. */
async function signIn({ oauth, browser }: Application, dialled: Dialled): Promise<void> {
  await dialled.finish(oauth.answer(await browser.authorize(oauth.request)));
}

/** Signs in without connecting: the access token that comes of it was not seen by the server yet. */
async function newToken(url: string, user: string, kind = OAUTH_V1): Promise<Application> {
  const one = application(url, user);
  const dialled = kind.dial(url, one.oauth);
  await assert.rejects(dialled.connect(), isUnauthorized);
  await signIn(one, dialled);
  return one;
}

async function connected(url: string, { oauth }: Application, kind = OAUTH_V1): Promise<Dialled> {
  const dialled = kind.dial(url, oauth);
  await dialled.connect();
  return dialled;
}

/** Waits until a token is over, which no event tells. */
async function expiry(token: string): Promise<void> {
  const { exp = 0 } = decodeJwt(token);
  await sleep(Math.max(0, exp * 1000 - Date.now()) + 50);
}

const scopesOf = (params: Asked['params']): string[] => `${params.scope}`.split(' ').sort();
const sorted = (...scopes: string[]): string[] => scopes.sort();

interface Answer {
  status: number;
  challenge: string;
  text: string;
}

/** A request without a client, for what no client does. */
async function ask(url: string, token: string, session?: string, method = 'POST'): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      ...(session !== undefined && { 'mcp-session-id': session }),
    },
    ...(method === 'POST' && { body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) }),
  });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? '',
    text: await response.text(),
  };
}

/** Starts the server under test, whose tokens `issuer` issues. */
async function start(runtime: Runtime, issuer: AuthorizationServer): Promise<RunningServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/mcp`;
  issuer.resources.set(url, [READ, WRITE]).set(ELSEWHERE, [READ, WRITE]);
  issuer.documents.set(CLIENT_DOCUMENT, { client_id: CLIENT_DOCUMENT, ...METADATA });
  const env = {
    MCP_PUBLIC_URL: url,
    MCP_AUTH_ISSUER: issuer.issuer,
    MCP_AUTH_SCOPES: READ,
    MCP_AUTH_SKEW: '0',
    MCP_AUTH_JWKS_COOLDOWN: '1',
    MCP_RETRY: '50',
  };
  return startServer({ runtime, port, env });
}

describe('authorization', { concurrency: 2, timeout: 120_000 }, () => {
  for (const runtime of RUNTIMES) {
    // One after the other, for the authorization server is told what to issue.
    describe(runtime, { concurrency: 1 }, () => {
      let issuer: AuthorizationServer;
      let server: RunningServer | undefined;
      let url: string;

      before(async () => {
        issuer = await AuthorizationServer.start();
        server = await start(runtime, issuer);
        url = server.url;
      });
      after(() => Promise.all([server?.stop(), issuer.stop()]));

      /** Access tokens issued meanwhile are soon over. */
      const shortLived = async <T>(issue: () => Promise<T>): Promise<T> => {
        const { lifetime_s } = issuer;
        issuer.lifetime_s = SHORT_S;
        try {
          return await issue();
        } finally {
          issuer.lifetime_s = lifetime_s;
        }
      };

      /** What the authorization server was asked by one client, of one kind. */
      const asked = ({ oauth }: Application, route: string, grantType?: string): Asked['params'][] =>
        issuer.asked
          .filter((each) => each.route === route && each.params.client_id === oauth.id)
          .filter(({ params }) => grantType === undefined || params.grant_type === grantType)
          .map(({ params }) => params);

      for (const { kind, revision, algorithm, extra, clientMetadataUrl } of FLOWS) {
        test(`${kind.name} finds who issues tokens (${algorithm}), connects, steps up, and refreshes once`, async () => {
          issuer.algorithm = algorithm;
          const registered = issuer.asked.filter(({ route }) => route === 'registration').length;
          const app = application(url, 'operator', clientMetadataUrl);
          const { oauth } = app;

          // The first refusal leads to the sign-in.
          const first = kind.dial(url, oauth);
          await assert.rejects(first.connect(), isUnauthorized);
          assert.deepEqual(
            oauth.exchanges.all.map(({ status, challenge }) => ({ status, challenge })),
            [
              {
                status: 401,
                challenge: `Bearer resource_metadata="${new URL(url).origin}/.well-known/oauth-protected-resource/mcp", scope="${READ}"`,
              },
            ],
          );
          const registrations = issuer.asked.filter(({ route }) => route === 'registration').length - registered;
          assert.equal(registrations, clientMetadataUrl === undefined ? 1 : 0);
          await signIn(app, first);

          const dialled = await connected(url, app, kind);
          assert.equal(dialled.revision, revision);
          const token = oauth.accessToken;
          const { alg, typ } = decodeProtectedHeader(token);
          assert.deepEqual({ alg, typ }, { alg: algorithm, typ: 'at+jwt' });
          const { iss, aud, sub } = decodeJwt(token);
          assert.deepEqual({ iss, aud, sub }, { iss: issuer.issuer, aud: url, sub: 'operator' });
          const before = await dialled.tools();
          assert.ok(before.includes('echo') && !before.includes('sensitive_operation'), `${before}`);
          const { sessionId } = dialled;
          assert.equal(sessionId !== undefined, revision === '2025-11-25');

          // A call that needs more leads to another, which asks for all that the first had and what the call needs.
          const call = () => dialled.call('sensitive_operation', { data: 'a' });
          await assert.rejects(call(), isUnauthorized);
          const refused = oauth.exchanges.all.at(-1);
          assert.equal(refused?.status, 403);
          assert.match(refused?.challenge ?? '', /^Bearer error="insufficient_scope", /);
          assert.match(refused?.challenge ?? '', new RegExp(` scope="${READ} ${WRITE}"$`));
          await shortLived(() => signIn(app, dialled));
          const steppedUp = oauth.accessToken;
          assert.equal(await call(), 'Operation performed by operator');
          assert.ok((await dialled.tools()).includes('sensitive_operation'));

          // Without a word of its user it goes on when the token is over.
          await expiry(steppedUp);
          assert.equal(await call(), 'Operation performed by operator');
          assert.notEqual(oauth.accessToken, steppedUp);
          assert.equal(dialled.sessionId, sessionId);
          assert.equal(oauth.exchanges.all.filter(({ status }) => status === 401).length, 2);

          const authorizations = asked(app, 'authorization');
          assert.deepEqual(
            authorizations.map((params) => [params.code_challenge_method, params.resource, scopesOf(params)]),
            [
              ['S256', url, sorted(READ, ...extra)],
              ['S256', url, sorted(READ, WRITE, ...extra)],
            ],
          );
          assert.deepEqual(
            asked(app, 'token').map((params) => [params.grant_type, params.resource]),
            [
              ['authorization_code', url],
              ['authorization_code', url],
              ['refresh_token', url],
            ],
          );
          await dialled.close();
        });
      }

      for (const kind of [OAUTH_V1, OAUTH_V2_LEGACY]) {
        test(`${kind.name}: a stream ends with its token, and the client is back by itself in the same session`, async () => {
          const app = await shortLived(() => newToken(url, 'operator', kind));
          const old = `Bearer ${app.oauth.accessToken}`;
          const dialled = await connected(url, app, kind);
          const { sessionId } = dialled;
          await app.oauth.exchanges.first(
            ({ method, status, authorization }) => method === 'GET' && status === 200 && authorization !== old,
          );
          assert.equal(asked(app, 'token', 'refresh_token').length, 1);
          assert.equal(await dialled.call('echo', { text: 'still here' }), 'still here');
          assert.equal(dialled.sessionId, sessionId);
          await dialled.close();
        });
      }

      test('a refresh token that was revoked leads to another sign-in', async () => {
        const app = await shortLived(() => newToken(url, 'operator'));
        const { oauth } = app;
        const revoked = await fetch(`${issuer.issuer}/token/revocation`, {
          method: 'POST',
          body: new URLSearchParams({ token: oauth.refreshToken, client_id: oauth.id }),
        });
        assert.equal(revoked.status, 200);
        await expiry(oauth.accessToken);
        const dialled = OAUTH_V1.dial(url, oauth);
        await assert.rejects(dialled.connect(), isUnauthorized);
        assert.equal(asked(app, 'token', 'refresh_token').length, 1);
        assert.match(
          oauth.exchanges.all.at(-1)?.challenge ?? '',
          /error="invalid_token", error_description="the token has expired"/,
        );
        await signIn(app, dialled);
        const again = await connected(url, app);
        assert.equal(await again.call('echo', { text: 'again' }), 'again');
        await again.close();
      });

      test('the session of one user is not there for another', async () => {
        const [operator, reader] = [await newToken(url, 'operator'), await newToken(url, 'reader')];
        const dialled = await connected(url, operator);
        const { sessionId = '' } = dialled;
        assert.equal((await ask(url, operator.oauth.accessToken, sessionId)).status, 200);
        for (const method of ['POST', 'GET', 'DELETE']) {
          const foreign = await ask(url, reader.oauth.accessToken, sessionId, method);
          const unknown = await ask(url, reader.oauth.accessToken, 'no-session-of-this-server', method);
          assert.equal(foreign.status, 404, method);
          assert.deepEqual(foreign, unknown, `${method} answers as if it had never been`);
        }
        assert.equal(await dialled.call('echo', { text: 'untouched' }), 'untouched');
        await dialled.close();
      });

      test('a token for another resource is none for this one', async () => {
        const app = application(url, 'operator');
        const elsewhere = Object.assign(app.oauth, { validateResourceURL: async () => new URL(ELSEWHERE) });
        const dialled = OAUTH_V1.dial(url, elsewhere);
        await assert.rejects(dialled.connect(), isUnauthorized);
        await signIn(app, dialled);
        assert.equal(decodeJwt(elsewhere.accessToken).aud, ELSEWHERE);
        const { status, challenge } = await ask(url, elsewhere.accessToken);
        assert.equal(status, 401);
        assert.match(
          challenge,
          /^Bearer error="invalid_token", error_description="the token is for another audience", /,
        );
      });

      test('keys are rotated: tokens of a new key are good as soon as keys may be fetched again, those of a key that is gone are not', async () => {
        const [used, unused] = [await newToken(url, 'operator'), await newToken(url, 'operator')];
        const dialled = await connected(url, used);
        await issuer.rotate();
        const fetches = () => issuer.asked.filter(({ route }) => route === 'jwks').length;
        const before = fetches();
        const { oauth } = await newToken(url, 'operator');
        await eventually(
          () => ask(url, oauth.accessToken, dialled.sessionId),
          ({ status }) => status === 200,
        );
        assert.equal(fetches(), before + 1);
        assert.equal(await dialled.call('echo', { text: 'goes on' }), 'goes on');
        const { status, challenge } = await ask(url, unused.oauth.accessToken);
        assert.equal(status, 401);
        assert.match(
          challenge,
          /error="invalid_token", error_description="the token is signed by a key that is not known here"/,
        );
        await dialled.close();
      });
    });
  }
});
