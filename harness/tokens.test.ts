/** Tokens by their roles: what the harness makes, what it is given, and where they go. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { jwtVerify } from 'jose';
import { filtered } from './replay/filters.ts';
import { mismatches } from './replay/match.ts';
import { remoteOf } from './replay/remote.ts';
import { claimsOf, givenTokens, ROLES, signedTokens } from './replay/tokens.ts';
import { Usage } from './replay/usage.ts';

const SECRET = 'a-secret-of-at-least-32-characters';
const URL_OF_SERVER = 'https://host.example/mcp';
const NOW = Date.UTC(2026, 0, 1);
const signing = {
  secret: SECRET,
  issuer: 'https://issuer.example',
  audience: URL_OF_SERVER,
  scopes: { base: ['mcp'], fixtures: ['read', 'write'], broad: 'admin' },
  now: () => NOW,
};

/** Whether a server that is strict would take it. */
async function isGood(token: string): Promise<boolean> {
  return jwtVerify(token, new TextEncoder().encode(SECRET), {
    algorithms: ['HS256'],
    issuer: signing.issuer,
    audience: URL_OF_SERVER,
    currentDate: new Date(NOW),
  }).then(
    () => true,
    () => false,
  );
}

describe('tokens that are made', () => {
  const tokens = signedTokens(signing);

  test('there is one for each role', () => {
    assert.deepEqual([...tokens.roles].sort(), Object.keys(ROLES).sort());
  });

  for (const role of ['user', 'other', 'refreshed', 'short', 'unscoped', 'broad'])
    test(`${role} is good`, async () => assert.ok(await isGood(await tokens.of(role, 'run'))));

  for (const role of ['expired', 'early', 'audience', 'issuer', 'forged', 'unsigned', 'truncated', 'huge'])
    test(`${role} is not`, async () => assert.ok(!(await isGood(await tokens.of(role, 'run')))));

  test('whose they are, and what they are good for', async () => {
    const claims = async (role: string, run = 'run') => claimsOf(await tokens.of(role, run)) ?? {};
    const user = await claims('user');
    assert.deepEqual([user.sub, user.scope], ['user-run', 'mcp read write']);
    for (const role of ['refreshed', 'short', 'unscoped']) assert.equal((await claims(role)).sub, user.sub, role);
    assert.notEqual((await claims('other')).sub, user.sub);
    assert.notEqual((await claims('user', 'another')).sub, user.sub);
    assert.notEqual(await tokens.of('refreshed', 'run'), await tokens.of('user', 'run'));
    assert.equal((await claims('unscoped')).scope, 'mcp');
    assert.equal((await claims('broad')).scope, 'mcp admin');
    assert.equal((await claims('short')).exp, NOW / 1000 + 2);
    assert.equal((await claims('canonical')).aud, 'HTTPS://HOST.EXAMPLE/mcp/');
  });
});

describe('tokens that are given', () => {
  test('what is of bad form is made of the good one, where that is a JWT', async () => {
    const good = await signedTokens(signing).of('user', 'run');
    const jwt = givenTokens(new Map([['user', good]]));
    assert.deepEqual([...jwt.roles].sort(), ['forged', 'huge', 'truncated', 'unsigned', 'user']);
    for (const role of ['forged', 'unsigned', 'truncated', 'huge']) {
      const token = await jwt.of(role, 'run');
      assert.ok(!(await isGood(token)), role);
    }
    const opaque = givenTokens(new Map([['user', 'opaque-token']]));
    assert.deepEqual([...opaque.roles].sort(), ['huge', 'truncated', 'user']);
    assert.equal(await opaque.of('truncated', 'run'), 'opaque-t');
    await assert.rejects(opaque.of('other', 'run'), /no token is given for the role "other"/);
  });

  test('they come from the environment or a file, and are secrets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
    const file = join(folder, 'other');
    writeFileSync(file, 'token-of-other\n');
    process.env.REPLAY_TEST_TOKEN = 'token-of-user';
    try {
      const { target, secrets } = remoteOf(URL_OF_SERVER, {
        token: ['user=env:REPLAY_TEST_TOKEN', `other=file:${file}`],
        term: ['calls=30'],
      });
      assert.equal(await target.tokens?.of('user', 'run'), 'token-of-user');
      assert.equal(await target.tokens?.of('other', 'run'), 'token-of-other');
      assert.deepEqual(secrets, ['token-of-user', 'token-of-other']);
      assert.equal(target.terms?.get('calls'), 30);
    } finally {
      delete process.env.REPLAY_TEST_TOKEN;
      rmSync(folder, { recursive: true });
    }
  });

  test('a secret makes them all', async () => {
    process.env.REPLAY_TEST_SECRET = SECRET;
    try {
      const { target, secrets } = remoteOf(URL_OF_SERVER, {
        'token-secret': 'env:REPLAY_TEST_SECRET',
        'token-issuer': signing.issuer,
        'token-scope': ['base=mcp', 'fixtures=read write', 'broad=admin'],
      });
      const claims = claimsOf((await target.tokens?.of('user', 'run')) ?? '');
      assert.deepEqual([claims?.iss, claims?.aud, claims?.scope], [signing.issuer, URL_OF_SERVER, 'mcp read write']);
      assert.deepEqual(secrets, [SECRET]);
    } finally {
      delete process.env.REPLAY_TEST_SECRET;
    }
  });

  test('what is wrong is told, and no secret with it', () => {
    const wrong: [Parameters<typeof remoteOf>[1], RegExp][] = [
      [{ token: ['user=my-secret-token'] }, /--token is read from env:NAME or file:PATH/],
      [{ token: ['user=env:REPLAY_TEST_NOT_THERE'] }, /--token is read from env:NAME/],
      [{ token: ['nobody=env:PATH'] }, /--token needs one of user, other, /],
      [{ 'token-secret': 'my-secret-token' }, /--token-secret is read from/],
      [{ token: ['user=env:PATH'], 'token-secret': 'env:PATH' }, /not by both/],
      [{ token: ['user=env:PATH'], header: ['authorization: Bearer my-secret-token'] }, /not by both/],
    ];
    for (const [values, message] of wrong)
      assert.throws(
        () => remoteOf(URL_OF_SERVER, values),
        (error) => error instanceof Usage && message.test(error.message) && !error.message.includes('my-secret-token'),
        String(message),
      );
  });
});

test('headers of the operator go to the endpoint and its neighbours, and to no other server', async () => {
  const heard: [string | undefined, string | undefined][] = [];
  const listen = async () => {
    const server = createServer((request: IncomingMessage, response) => {
      heard.push([request.url, request.headers['x-key'] as string | undefined]);
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  };
  const [own, foreign] = await Promise.all([listen(), listen()]);
  try {
    const { target } = remoteOf(`${own.origin}/mcp`, { header: ['x-key: secret'] });
    for (const to of [undefined, '?a=b', '/readyz', `${foreign.origin}/elsewhere`])
      await target.exchange({ method: 'GET', headers: {}, to }, AbortSignal.timeout(5000));
    assert.deepEqual(heard, [
      ['/mcp', 'secret'],
      ['/mcp?a=b', 'secret'],
      ['/readyz', 'secret'],
      ['/elsewhere', undefined],
    ]);
  } finally {
    own.server.close();
    foreign.server.close();
  }
});

test('challenges are read as RFC 6750 writes them', () => {
  const wrong = (expected: unknown, actual: unknown) => mismatches({ $challenge: expected }, actual, new Map());
  const challenge = 'Bearer error="insufficient_scope", scope="a b", resource_metadata="https://h/a, b=c"';
  assert.deepEqual(wrong({ scheme: 'Bearer', error: 'insufficient_scope', scopes: ['a', 'b'] }, challenge), []);
  assert.deepEqual(wrong({ resource_metadata: 'https://h/a, b=c', scopes: { $containsAll: ['b'] } }, challenge), []);
  assert.equal(wrong({ error: { $absent: true } }, challenge).length, 1);
  assert.match(wrong({ scopes: { $containsAll: ['b', 'c'] } }, challenge).join(), /must contain \["c"\] too/);
  assert.deepEqual(wrong({ scheme: 'Bearer', error: { $absent: true } }, 'Bearer'), []);
  assert.equal(wrong({ scheme: 'Bearer' }, undefined).length, 1);
  assert.equal(wrong({ scheme: 'Bearer' }, '"Bearer"').length, 1);
});

test('filters of tokens and times', () => {
  const token = `a.${btoa(JSON.stringify({ sub: 'someone' }))}.c`;
  const vars = new Map<string, unknown>([['tokens', { user: token }]]);
  assert.equal(filtered('user', 'token', vars), token);
  assert.equal(filtered(token, 'subject', vars), 'someone');
  assert.equal(filtered('3', 'seconds', vars), 3000);
});
