/** Bearer tokens, end to end: by a shared secret, and by the keys of an issuer. */

import assert from 'node:assert/strict';
import { encoded, Issuer, RESOURCE, SECRET, type Signer, shared, signed, signer } from '../../server/auth.fixture.ts';
import { eventually } from '../clients/eventually.ts';
import { requestText, Wire } from '../clients/wire.ts';
import type { RunningServer, Runtime } from '../runtimes/start.ts';
import { type Answer, answerOf, Caller, textOf } from './caller.ts';
import { serving } from './serving.ts';

const SCOPES = { MCP_AUTH_SCOPES: 'mcp:use', MCP_AUTH_IMPLIES: 'account:admin>account:write,account:write>mcp:use' };
const METADATA = 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"';

/** A challenge as it has to be, word for word. */
function challenge(error: string, description: string, scope = 'mcp:use'): string {
  return `Bearer error="${error}", error_description="${description}", ${METADATA}, scope="${scope}"`;
}

interface Refusal {
  readonly status: number;
  readonly challenge: string;
}

const invalid = (description: string): Refusal => ({ status: 401, challenge: challenge('invalid_token', description) });
const malformed = (description: string): Refusal => ({
  status: 400,
  challenge: challenge('invalid_request', description),
});
const MISSING: Refusal = { status: 401, challenge: `Bearer ${METADATA}, scope="mcp:use"` };
const LACKING = 'the token does not have all scopes that this needs';
const lacking = (scope: string): Refusal => ({
  status: 403,
  challenge: challenge('insufficient_scope', LACKING, scope),
});

function isRefusal(
  { status, headers, body }: Pick<Answer, 'status' | 'headers' | 'body'>,
  wanted: Refusal,
  why: string,
) {
  assert.deepEqual({ status, challenge: headers.get('www-authenticate') }, wanted, why);
  assert.equal((JSON.parse(body) as { jsonrpc: string }).jsonrpc, '2.0');
  assert.equal(headers.get('mcp-session-id'), null);
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const token = (scope: string, claims: object = {}) => signed(shared, Date.now(), { scope, ...claims });

/** Who may call, by HS256. */
export async function knowsItsCallers(runtime: Runtime): Promise<void> {
  const env = { MCP_AUTH_SECRET: SECRET, MCP_PUBLIC_URL: RESOURCE, ...SCOPES };
  await serving({ runtime, env }, async (server) => {
    await challenges(server);
    await servesByScope(server);
    await keepsCallersApart(server);
    await publishesMetadata(server);
    await takesOneHeader(server);
  });
}

async function challenges({ url }: RunningServer): Promise<void> {
  const now = Date.now();
  const good = await token('mcp:use');
  const [head = '', claims = '', mac = ''] = good.split('.');
  const none = encoded({ alg: 'none' });
  const stranger: Signer = { ...shared, key: new TextEncoder().encode('another secret, of 32 characters or more') };
  const rsa = await signer('RS256', 'a');
  const algorithm = invalid('the algorithm of the token is not taken; expected HS256');
  const notJwt = invalid('the token is not a signed JWT');
  const forged = invalid('the signature of the token is wrong');
  const cases: [why: string, authorization: string | undefined, Refusal][] = [
    ['none', undefined, MISSING],
    ['another scheme', 'Basic dXNlcjpwYXNzd29yZA==', MISSING],
    ['expired', `Bearer ${await signed(shared, now - 3_600_000)}`, invalid('the token has expired')],
    ['not yet valid', `Bearer ${await token('', { nbf: now / 1000 + 3600 })}`, invalid('the token is not valid yet')],
    [
      'for another audience',
      `Bearer ${await token('', { aud: 'https://other.example' })}`,
      invalid('the token is for another audience'),
    ],
    ['without an end', `Bearer ${await token('', { exp: undefined })}`, invalid('the token has no exp')],
    ['alg none, unsigned', `Bearer ${none}.${claims}.`, notJwt],
    ['alg none, signed', `Bearer ${none}.${claims}.${mac}`, algorithm],
    ['of another algorithm', `Bearer ${await signed(rsa, now)}`, algorithm],
    ['of another secret', `Bearer ${await signed(stranger, now)}`, forged],
    [
      'with claims of another',
      `Bearer ${head}.${encoded({ sub: 'operator', aud: RESOURCE, exp: 9e9 })}.${mac}`,
      forged,
    ],
    ['truncated', `Bearer ${head}.${claims}`, notJwt],
    ['huge', `Bearer ${'x'.repeat(9000)}`, invalid('the token is longer than 8192 bytes')],
    ['no token', 'Bearer a b', malformed('the Authorization header has more than a token after Bearer')],
    ['two tokens', `Bearer ${good}, Bearer ${good}`, malformed('the request has more than one Authorization')],
    ['without scopes', `Bearer ${await token('')}`, lacking('mcp:use')],
  ];
  for (const [why, authorization, wanted] of cases) {
    const caller = new Caller(url, authorization === undefined ? {} : { authorization });
    isRefusal(await caller.initialize(), wanted, why);
    isRefusal(await caller.call('echo', { text: 'a' }), wanted, why);
    isRefusal(await caller.end(), wanted, why);
    isRefusal(await answerOf(await caller.get()), wanted, why);
  }
  const inUrl = new Caller(`${url}?access_token=${good}`);
  const notInUrl = malformed('a token is taken from the Authorization header alone, not from the URL');
  isRefusal(await inUrl.initialize(), notInUrl, 'in the URL');
  isRefusal(await inUrl.with(bearer(good)).initialize(), notInUrl, 'in the URL too');
}

async function servesByScope({ url }: RunningServer): Promise<void> {
  const claims = { sub: 'user-1', username: 'operator' };
  for (const era of ['classic', 'modern']) {
    const caller = async (scope: string) => {
      const each = new Caller(url, bearer(await token(scope, claims)));
      return era === 'classic' ? each.open() : each;
    };
    const names = async (each: Caller) => {
      const { message } = await each.ask('tools/list');
      if (era === 'modern') assert.equal(message.result?.cacheScope, 'private');
      return message.result?.tools?.map(({ name }) => name) ?? [];
    };
    const plain = await caller('mcp:use');
    assert.ok((await names(plain)).includes('echo'));
    assert.ok(!(await names(plain)).includes('sensitive_operation'));
    const operation = (each: Caller) => each.call('sensitive_operation', { data: 'a' });
    isRefusal(await operation(plain), lacking('mcp:use account:write'), era);
    for (const scope of ['account:write', 'account:admin', 'mcp:use account:write']) {
      const writer = await caller(scope);
      assert.ok((await names(writer)).includes('sensitive_operation'), scope);
      assert.equal(textOf(await operation(writer)), 'Operation performed by operator');
    }
  }
}

async function keepsCallersApart({ url }: RunningServer): Promise<void> {
  const of = async (sub: string, jti: string) => new Caller(url, bearer(await token('mcp:use', { sub, jti })));
  const owner = await (await of('owner', 'first')).open();
  const other = await of('other', 'first');
  for (const stolen of [
    other.with({ 'mcp-session-id': owner.session ?? '' }),
    (await other.open()).with({ 'mcp-session-id': owner.session ?? '' }),
  ]) {
    const answers = [
      await stolen.post({ id: 1, method: 'ping' }),
      await stolen.post({ id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'a' } } }),
      await answerOf(await stolen.get()),
      await stolen.end(),
    ];
    for (const { status, message } of answers) {
      assert.equal(status, 404);
      assert.match(message.error?.message ?? '', /^Session not found/);
    }
  }
  const refreshed = owner.with(bearer(await token('mcp:use', { sub: 'owner', jti: 'second' })));
  assert.deepEqual((await refreshed.ask('ping')).message.result, {});
}

async function publishesMetadata({ origin }: RunningServer): Promise<void> {
  for (const path of ['', '/mcp']) {
    const { status, body } = await answerOf(await fetch(`${origin}/.well-known/oauth-protected-resource${path}`));
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), {
      resource: RESOURCE,
      scopes_supported: ['mcp:use'],
      bearer_methods_supported: ['header'],
      resource_name: 'portable-mcp',
    });
  }
}

/** A second header must not hide behind the first, nor the first behind the second. */
async function takesOneHeader({ port }: RunningServer): Promise<void> {
  const good = await token('mcp:use');
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
  for (const [first, second] of [
    [good, good],
    [good, 'forged'],
    ['forged', good],
  ]) {
    const wire = await Wire.open(port);
    const text = requestText('POST', '/mcp', { 'content-type': 'application/json', accept: '*/*' }, body);
    const twice = `authorization: Bearer ${first}\r\nAuthorization: Bearer ${second}\r\n`;
    const { status, headers } = await wire.ask(text.replace('\r\n', `\r\n${twice}`));
    const wanted = malformed('the request has more than one Authorization');
    assert.deepEqual({ status, challenge: headers.get('www-authenticate') }, wanted);
    wire.cut();
  }
}

// ---- an issuer -----------------------------------------------------------------------------------

/** Tokens by keys that an issuer publishes, changes, and does not always give. */
export async function asksTheIssuer(runtime: Runtime): Promise<void> {
  await using issuer = await Issuer.start();
  const env = { MCP_AUTH_ISSUER: issuer.url, MCP_PUBLIC_URL: RESOURCE, MCP_AUTH_JWKS_COOLDOWN: '1' };
  await serving({ runtime, env }, async (server) => {
    const keys = await Promise.all(['RS256', 'ES256', 'EdDSA'].map((alg) => signer(alg, `first ${alg}`)));
    const call = async (by: Signer, claims: object = {}) => {
      // Each token is another one: what was verified once is remembered.
      const own = { iss: issuer.url, sub: `of ${by.kid}`, scope: 'account:write', jti: crypto.randomUUID() };
      const text = await signed(by, Date.now(), { ...own, ...claims });
      return new Caller(server.url, bearer(text)).call('sensitive_operation', { data: 'a' });
    };
    const isServed = (answer: Answer, { kid }: Signer) =>
      assert.equal(textOf(answer), `Operation performed by of ${kid}`, answer.body);
    const [first] = keys as [Signer];

    const places = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
    for (const place of places) issuer.answers.set(place, (response) => void response.socket?.destroy());
    const down = await call(first);
    assert.equal(down.status, 503, down.body);
    assert.equal(down.headers.get('retry-after'), '1');
    assert.equal(down.headers.get('www-authenticate'), null, 'the token may be good');
    assert.equal(down.message.error?.message, 'The keys of the issuer cannot be fetched now; try again later');

    issuer.publish(...keys);
    await eventually(
      async () => (await call(first)).status,
      (status) => status === 200,
    );
    for (const key of keys) isServed(await call(key), key);

    const unknown = invalidByIssuer('the token is signed by a key that is not known here');
    const rotated = await signer('ES256', 'second');
    issuer.publish(rotated);
    await eventually(
      async () => (await call(rotated)).status,
      (status) => status === 200,
    );
    isRefusal(await call(first), unknown, 'a key that was withdrawn');
    isRefusal(
      await call(rotated, { iss: 'https://other.example' }),
      invalidByIssuer('the token is from another issuer'),
      'iss',
    );
    isRefusal(
      await call({ ...shared, key: new TextEncoder().encode(JSON.stringify(rotated.jwk)), kid: 'second' }),
      invalidByIssuer('the algorithm of the token is not taken; expected RS256, PS256, ES256, EdDSA, Ed25519'),
      'a public key as a secret',
    );

    // Known keys go on while the issuer is away.
    issuer.answers.clear();
    isServed(await call(rotated), rotated);
  });
}

function invalidByIssuer(description: string): Refusal {
  return { status: 401, challenge: `Bearer error="invalid_token", error_description="${description}", ${METADATA}` };
}
