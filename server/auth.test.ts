import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, importJWK } from 'jose';
import {
  type Claims,
  encoded,
  type Guard,
  guard,
  Issuer,
  issuing,
  RESOURCE,
  read,
  request,
  SECRET,
  type Signer,
  shared,
  signed,
  signer,
} from './auth.fixture.ts';
import { type AuthOptions, auth, covers, type Refusal } from './auth.ts';
import { manualClock } from './clock.ts';
import { readConfig } from './config.ts';
import type { Principal } from './tool.ts';

const METADATA = 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"';
const NOW = manualClock().now();
const S = NOW / 1000;
const invalid = (says: string) => `Bearer error="invalid_token", error_description="${says}", ${METADATA}`;
const malformed = (says: string) => `Bearer error="invalid_request", error_description="${says}", ${METADATA}`;

const rsa = await signer('RS256', 'rsa');
const elliptic = await signer('ES256', 'elliptic');

function secret(env: { [knob: string]: unknown } = {}, options: Partial<AuthOptions> = {}): Guard {
  return guard({ MCP_AUTH_SECRET: SECRET, ...env }, options);
}

function counted(guarded: Guard, reason: Refusal, times: number): void {
  const { refused } = guarded.auth.counts;
  assert.equal(refused[reason], times, `${reason} of ${JSON.stringify(refused)}`);
}

// ---- whether and how it starts --------------------------------------------------------------------

const made = (env: { [knob: string]: unknown }, options: Partial<AuthOptions> = {}) =>
  auth({ config: readConfig(env), clock: manualClock(), name: 'test', shared: true, ...options });

test('without secret, issuer and check of its own, nobody is asked for a token', () => {
  assert.equal(made({}), undefined);
  assert.equal(made({ MCP_PUBLIC_URL: RESOURCE, MCP_AUTH_IMPLIES: 'a>b' }), undefined);
});

test('a check of its own needs the public URL', () => {
  assert.throws(() => made({}, { verify: () => undefined }), /^Error: Tokens need MCP_PUBLIC_URL, the URL by which/);
});

for (const pair of ['admin', 'admin>', '>read', 'a>b>c', 'a b>c', 'a>b"']) {
  test(`MCP_AUTH_IMPLIES=${pair} stops the start with one line`, () => {
    assert.throws(() => secret({ MCP_AUTH_IMPLIES: `x>y,${pair}` }), {
      message: `MCP_AUTH_IMPLIES must be pairs of scopes, for example admin>write,write>read, got "${pair}"`,
    });
  });
}

test('a scope that no challenge can name stops the start', () => {
  const says = 'must be of printable ASCII without spaces, quotes and backslashes, got "a\\"b"';
  assert.throws(() => secret({ MCP_AUTH_SCOPES: 'a"b' }), { message: `MCP_AUTH_SCOPES ${says}` });
});

// ---- good tokens ----------------------------------------------------------------------------------

test('a good token gives subject, scopes, end and claims, all frozen', async () => {
  const { caller } = secret();
  const token = await signed(shared, NOW, { scope: 'a b', realm: { roles: ['x'] } });
  const { claims, ...principal } = await caller(`Bearer ${token}`);
  assert.deepEqual(principal, { subject: 'reader', scopes: ['a', 'b'], expires: NOW + 300_000 });
  assert.deepEqual(claims.realm, { roles: ['x'] });
  assert.ok(Object.isFrozen(claims) && Object.isFrozen(claims.realm) && Object.isFrozen(principal.scopes));
});

const TAKEN: { [what: string]: [Claims, env?: { [knob: string]: unknown }] } = {
  'with scheme and host in upper case': [{ aud: 'HTTPS://MCP.Example/mcp' }],
  'with a slash at the end': [{ aud: `${RESOURCE}/` }],
  'with the default port': [{ aud: 'https://mcp.example:443/mcp' }],
  'with an audience among others': [{ aud: ['https://other.example', RESOURCE] }],
  'for a public URL with a slash at its end': [
    { aud: 'https://mcp.example' },
    { MCP_PUBLIC_URL: 'https://mcp.example/' },
  ],
  'for a configured audience': [{ aud: 'api://mcp' }, { MCP_AUTH_AUDIENCE: 'x,api://mcp' }],
  'of the expected issuer': [{ iss: 'https://as.example' }, { MCP_AUTH_ISSUER: 'https://as.example' }],
  'of any issuer where none is expected': [{ iss: 'https://anyone.example' }],
  'that expired within the skew': [{ exp: S - 29 }],
  'that begins within the skew': [{ nbf: S + 30, iat: S + 30 }],
  'without iat': [{ iat: undefined }],
};
for (const [what, [claims, env]] of Object.entries(TAKEN)) {
  test(`a token ${what} is taken`, async () => {
    const principal = await secret(env).caller(`Bearer ${await signed(shared, NOW, claims)}`);
    assert.equal(principal.subject, 'reader');
  });
}

for (const typ of ['JWT', 'at+jwt', 'AT+JWT', 'application/at+jwt']) {
  test(`a token of type ${typ} is taken`, async () => {
    await secret().caller(`Bearer ${await signed(shared, NOW, {}, { typ })}`);
  });
}

test('the scheme is read in any case', async () => {
  const token = await signed(shared, NOW);
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEARER ']) await secret().caller(`${scheme} ${token}`);
});

test('a token without sub belongs to its client_id', async () => {
  const { subject } = await secret().caller(
    `Bearer ${await signed(shared, NOW, { sub: undefined, client_id: 'batch' })}`,
  );
  assert.equal(subject, 'batch');
});

const SCOPES: [Claims, string[]][] = [
  [{}, []],
  [{ scope: '' }, []],
  [{ scope: ' a  b ' }, ['a', 'b']],
  [{ scp: 'a b' }, ['a', 'b']],
  [{ scp: ['a', 7, 'b'] }, ['a', 'b']],
  [{ scope: 7 }, []],
];
for (const [claims, scopes] of SCOPES) {
  test(`${JSON.stringify(claims)} gives the scopes ${JSON.stringify(scopes)}`, async () => {
    assert.deepEqual((await secret().caller(`Bearer ${await signed(shared, NOW, claims)}`)).scopes, scopes);
  });
}

test('implied scopes are those of the token, however many steps away and even in a circle', async () => {
  const guarded = secret({ MCP_AUTH_IMPLIES: 'admin > write, write>read, read>list, list>write, admin>audit' });
  const principal = await guarded.caller(`Bearer ${await signed(shared, NOW, { scope: 'admin' })}`);
  assert.deepEqual([...principal.scopes].sort(), ['admin', 'audit', 'list', 'read', 'write']);
  assert.ok(covers(principal, ['list', 'audit']));
  assert.ok(covers(principal, []));
  const reader = await guarded.caller(`Bearer ${await signed(shared, NOW, { scope: 'read' })}`);
  assert.ok(covers(reader, ['write']));
  assert.ok(!covers(reader, ['read', 'admin']));
});

test('a refreshed token is of the same subject', async () => {
  const guarded = secret();
  const first = await guarded.caller(`Bearer ${await signed(shared, NOW)}`);
  await guarded.clock.advance(200_000);
  const second = await guarded.caller(`Bearer ${await signed(shared, guarded.clock.now())}`);
  assert.equal(second.subject, first.subject);
  assert.equal(second.expires, (first.expires ?? 0) + 200_000);
});

// ---- refusals before any cryptography -------------------------------------------------------------

test('no credentials: a challenge without an error', async () => {
  const guarded = secret();
  for (const header of [undefined, '', 'Basic YTpi', 'DPoP abc', 'Bearerabc']) {
    const { status, challenge, message } = await guarded.refusal(header);
    assert.deepEqual([status, challenge], [401, `Bearer ${METADATA}`]);
    assert.equal(message, 'A bearer token is needed in the Authorization header');
  }
  counted(guarded, 'missing', 5);
});

test('challenges name the scopes that each request needs', async () => {
  const guarded = secret({ MCP_AUTH_SCOPES: 'mcp,tools,offline_access' });
  assert.equal((await guarded.refusal()).challenge, `Bearer ${METADATA}, scope="mcp tools"`);
  assert.equal(
    (await guarded.refusal('Bearer garbage')).challenge,
    `${invalid('the token is not a signed JWT')}, scope="mcp tools"`,
  );
});

test('a 401 and its body are safe to show: JSON-RPC without an id, never cached', async () => {
  const response = (await secret().auth.principal(request())) as Response;
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  assert.deepEqual(await response.json(), {
    jsonrpc: '2.0',
    error: { code: -32600, message: 'A bearer token is needed in the Authorization header' },
  });
});

const MALFORMED: { [header: string]: string } = {
  Bearer: 'the Authorization header has no token after Bearer',
  'Bearer a b': 'the Authorization header has more than a token after Bearer',
  'Bearer a, Bearer b': 'the request has more than one Authorization',
  'Basic YTpi, Bearer b': 'the request has more than one Authorization',
  'Bearer a,': 'the request has more than one Authorization',
};
for (const [header, says] of Object.entries(MALFORMED)) {
  test(`${JSON.stringify(header)} answers 400`, async () => {
    const guarded = secret();
    const { status, challenge } = await guarded.refusal(header);
    assert.deepEqual([status, challenge], [400, malformed(says)]);
    counted(guarded, 'request', 1);
  });
}

test('a header sent twice answers 400', async () => {
  const token = await signed(shared, NOW);
  const twice = request(`Bearer ${token}`);
  twice.headers.append('authorization', `Bearer ${token}`);
  assert.equal(((await secret().auth.principal(twice)) as Response).status, 400);
});

test('a token in the URL answers 400, also beside a good header', async () => {
  const guarded = secret();
  const token = await signed(shared, NOW);
  const says = 'a token is taken from the Authorization header alone, not from the URL';
  await guarded.caller(`Bearer ${token}`);
  for (const query of [`access_token=${token}`, `a=1&access_token=${token}`, 'access%5Ftoken=x', 'access_token']) {
    for (const header of [undefined, `Bearer ${token}`]) {
      const { status, challenge } = await guarded.refusal(header, `http://localhost/mcp?${query}`);
      assert.deepEqual([status, challenge], [400, malformed(says)], query);
    }
  }
  const other = await guarded.auth.principal(request(`Bearer ${token}`, 'http://localhost/mcp?my_access_token=x'));
  assert.equal((other as Principal).subject, 'reader');
});

const UNFIT: { [what: string]: [token: string, says: string] } = {
  'of strange characters': ['a$b', 'the token has characters that no token has'],
  'of umlauts': ['\u00fc.\u00fc.\u00fc', 'the token has characters that no token has'],
  'that is opaque': ['opaque', 'the token is not a signed JWT'],
  'of two parts': ['a.b', 'the token is not a signed JWT'],
  'of five parts, encrypted': ['a.b.c.d.e', 'the token is not a signed JWT'],
  'that is huge': ['a'.repeat(8193), 'the token is longer than 8192 bytes'],
  'without a signature': [
    `${encoded({ alg: 'none' })}.${encoded({ sub: 'reader' })}.`,
    'the token is not a signed JWT',
  ],
};
for (const [what, [token, says]] of Object.entries(UNFIT)) {
  test(`a token ${what} is refused`, async () => {
    const guarded = secret();
    const { status, challenge, message } = await guarded.refusal(`Bearer ${token}`);
    assert.deepEqual([status, challenge], [401, invalid(says)]);
    assert.equal(message, says.charAt(0).toUpperCase() + says.slice(1));
    counted(guarded, 'token', 1);
  });
}

test('a huge header is refused at once, whatever is in it', () => {
  const { auth } = secret({ MCP_AUTH_MAX_TOKEN: 256 });
  for (const header of [`Bearer ${'a'.repeat(257)}`, `Bearer ${' '.repeat(300)}${'a'.repeat(300)}`]) {
    const refused = auth.principal(request(header));
    assert.ok(refused instanceof Response, 'no promise: nothing was computed');
    assert.equal(refused.status, 401);
  }
});

// ---- refusals after it ----------------------------------------------------------------------------

const FORGED: { [what: string]: [make: (token: string) => string | Promise<string>, says: string] } = {
  'signed by another secret': [
    () => signed({ ...shared, key: new TextEncoder().encode('x'.repeat(32)) }, NOW),
    'the signature of the token is wrong',
  ],
  'with a cut signature': [(token) => token.slice(0, -8), 'the signature of the token is wrong'],
  'with other claims under its signature': [
    (token) => token.replace(/\.[^.]+\./, `.${encoded({ sub: 'root', aud: RESOURCE, exp: S + 300 })}.`),
    'the signature of the token is wrong',
  ],
  'of algorithm none with a signature': [
    (token) => token.replace(/^[^.]+/, encoded({ alg: 'none' })),
    'the algorithm of the token is not taken; expected HS256',
  ],
  'of algorithm NONE': [
    (token) => token.replace(/^[^.]+/, encoded({ alg: 'nOnE' })),
    'the algorithm of the token is not taken; expected HS256',
  ],
  'of an inherited algorithm': [
    (token) => token.replace(/^[^.]+/, encoded({ alg: '__proto__' })),
    'the algorithm of the token is not taken; expected HS256',
  ],
  'of no algorithm': [
    (token) => token.replace(/^[^.]+/, encoded({})),
    'the algorithm of the token is not taken; expected HS256',
  ],
  'signed by a key pair': [() => signed(rsa, NOW), 'the algorithm of the token is not taken; expected HS256'],
  'of HS512': [
    () => signed({ ...shared, alg: 'HS512', key: new TextEncoder().encode(SECRET.padEnd(64)) }, NOW),
    'the algorithm of the token is not taken; expected HS256',
  ],
  'whose header is no JSON': [(token) => token.replace(/^[^.]+/, 'AAAA'), 'the token is malformed'],
  'whose header is a list': [(token) => token.replace(/^[^.]+/, encoded([1])), 'the token is malformed'],
  'whose kid is a number': [
    (token) => token.replace(/^[^.]+/, encoded({ alg: 'HS256', kid: 1 })),
    'the token is malformed',
  ],
  'of another type': [
    () => signed(shared, NOW, {}, { typ: 'logout+jwt' }),
    'the token is a JWT of another type than an access token',
  ],
  'with a critical extension': [
    (token) => token.replace(/^[^.]+/, encoded({ alg: 'HS256', crit: ['x'], x: 1 })),
    'the token needs an extension that is not supported here',
  ],
};
for (const [what, [make, says]] of Object.entries(FORGED)) {
  test(`a token ${what} is refused`, async () => {
    const guarded = secret();
    const token = await make(await signed(shared, NOW));
    const { status, challenge } = await guarded.refusal(`Bearer ${token}`);
    assert.deepEqual([status, challenge], [401, invalid(says)]);
    assert.equal(guarded.auth.counts.remembered, 0);
  });
}

const ISSUED = { MCP_AUTH_ISSUER: 'https://as.example' };
const CLAIMS: { [what: string]: [claims: Claims, says: string, reason?: Refusal, env?: object] } = {
  'for another resource': [{ aud: 'https://other.example/mcp' }, 'the token is for another audience'],
  'for another path': [{ aud: 'https://mcp.example/mcp/admin' }, 'the token is for another audience'],
  'for the host alone': [{ aud: 'https://mcp.example' }, 'the token is for another audience'],
  'for the path in another case': [{ aud: 'https://mcp.example/MCP' }, 'the token is for another audience'],
  'for the path with two slashes at its end': [{ aud: `${RESOURCE}//` }, 'the token is for another audience'],
  'for another port': [{ aud: 'https://mcp.example:80/mcp' }, 'the token is for another audience'],
  'for the same over http': [{ aud: 'http://mcp.example/mcp' }, 'the token is for another audience'],
  'for a longer host': [{ aud: 'https://mcp.example.evil/mcp' }, 'the token is for another audience'],
  'with a query': [{ aud: `${RESOURCE}?a/` }, 'the token is for another audience'],
  'for nobody': [{ aud: undefined }, 'the token is for another audience'],
  'for an object': [{ aud: { [RESOURCE]: 1 } }, 'the token is for another audience'],
  'for the resource where another audience is configured': [
    {},
    'the token is for another audience',
    'claims',
    { MCP_AUTH_AUDIENCE: 'api://mcp' },
  ],
  'of another issuer': [{ iss: 'https://as.example/' }, 'the token is from another issuer', 'claims', ISSUED],
  'of no issuer': [{}, 'the token has no iss', 'claims', ISSUED],
  'that has expired': [{ exp: S - 30 }, 'the token has expired', 'expired'],
  'without an end': [{ exp: undefined }, 'the token has no exp'],
  'whose end is a text': [{ exp: '2099-01-01' }, 'the exp of the token is not a time'],
  'whose end is null': [{ exp: null }, 'the exp of the token is not a time'],
  'that is not valid yet': [{ nbf: S + 31 }, 'the token is not valid yet'],
  'issued in the future': [{ iat: S + 31 }, 'the token was issued in the future'],
  'without a subject': [{ sub: undefined }, 'the token has neither sub nor client_id'],
  'with an empty subject': [{ sub: '' }, 'the token has neither sub nor client_id'],
  'whose subject is a number': [{ sub: 7 }, 'the token has neither sub nor client_id'],
};
for (const [what, [claims, says, reason = 'claims', env]] of Object.entries(CLAIMS)) {
  test(`a token ${what} is refused`, async () => {
    const guarded = secret({ ...env });
    const { status, challenge } = await guarded.refusal(`Bearer ${await signed(shared, NOW, claims)}`);
    assert.deepEqual([status, challenge], [401, invalid(says)]);
    counted(guarded, reason, 1);
  });
}

test('an end beyond all numbers is no end', async () => {
  const key = await crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(SECRET),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const text = `${encoded({ alg: 'HS256' })}.${encoded(`{"sub":"reader","aud":"${RESOURCE}","exp":1e999}`)}`;
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text)));
  const { challenge } = await secret().refusal(`Bearer ${text}.${encoded(String.fromCharCode(...mac))}`);
  assert.equal(challenge, invalid('the exp of the token is not a time'));
});

// ---- scopes ---------------------------------------------------------------------------------------

test('a token without the scopes that each request needs answers 403, at once when it is remembered', async () => {
  const guarded = secret({ MCP_AUTH_SCOPES: 'mcp,tools', MCP_AUTH_IMPLIES: 'admin>mcp,admin>tools' });
  const says = 'the token does not have all scopes that this needs';
  const header = `Bearer ${await signed(shared, NOW, { scope: 'mcp' })}`;
  const { status, challenge, message } = await guarded.refusal(header);
  assert.equal(status, 403);
  assert.equal(
    challenge,
    `Bearer error="insufficient_scope", error_description="${says}", ${METADATA}, scope="mcp tools"`,
  );
  assert.equal(message, 'The token does not have all scopes that this needs: mcp tools');
  assert.ok(guarded.auth.principal(request(header)) instanceof Response);
  counted(guarded, 'scope', 2);
  await guarded.caller(`Bearer ${await signed(shared, NOW, { scope: 'admin' })}`);
});

test('a lack of scopes names all that the operation needs, once each, and echoes the id', async () => {
  const guarded = secret({ MCP_AUTH_SCOPES: 'mcp' });
  const response = guarded.auth.insufficient(['write', 'mcp', 'read', 'offline_access', 'write'], 7);
  assert.equal(response.status, 403);
  assert.match(response.headers.get('www-authenticate') ?? '', /, scope="mcp write read"$/);
  assert.deepEqual(await response.json(), {
    jsonrpc: '2.0',
    id: 7,
    error: { code: -32600, message: 'The token does not have all scopes that this needs: mcp write read' },
  });
});

// ---- what is remembered ---------------------------------------------------------------------------

test('a verified token is answered at once, with the same principal', async () => {
  const guarded = secret();
  const header = `Bearer ${await signed(shared, NOW)}`;
  const first = guarded.auth.principal(request(header));
  assert.ok(first instanceof Promise);
  assert.equal(guarded.auth.principal(request(header)) instanceof Promise, true, 'not verified yet');
  const principal = await first;
  assert.equal(guarded.auth.principal(request(header)), principal);
  assert.equal(guarded.auth.counts.remembered, 1);
});

test('requests that bring the same token at once get one principal', async () => {
  const guarded = secret();
  const header = `Bearer ${await signed(shared, NOW)}`;
  const [first, second] = await Promise.all([guarded.caller(header), guarded.caller(header)]);
  assert.equal(first, second);
});

test('a remembered token ends when it does', async () => {
  const guarded = secret();
  const header = `Bearer ${await signed(shared, NOW)}`;
  await guarded.caller(header);
  await guarded.clock.advance(330_000 - 1);
  assert.ok(!(guarded.auth.principal(request(header)) instanceof Promise));
  await guarded.clock.advance(1);
  assert.equal((await guarded.refusal(header)).challenge, invalid('the token has expired'));
  assert.equal(guarded.auth.counts.remembered, 0);
});

test('no more tokens are remembered than the knob says, and one in use stays', async () => {
  for (const bound of [1, 2, 8]) {
    const guarded = secret({ MCP_AUTH_CACHE: bound });
    const used = `Bearer ${await signed(shared, NOW)}`;
    await guarded.caller(used);
    for (let n = 0; n < 20; n++) {
      await guarded.caller(`Bearer ${await signed(shared, NOW, { sub: `user ${n}` })}`);
      assert.ok(guarded.auth.counts.remembered <= bound, `${guarded.auth.counts.remembered} of ${bound}`);
      if (bound > 2) assert.ok(!(guarded.auth.principal(request(used)) instanceof Promise), `gone after ${n}`);
    }
  }
});

test('a token that is used again is remembered once', async () => {
  const guarded = secret({ MCP_AUTH_CACHE: 4 });
  const headers = await Promise.all(['a', 'b', 'c'].map(async (sub) => `Bearer ${await signed(shared, NOW, { sub })}`));
  for (const header of [...headers, ...headers]) await guarded.caller(header);
  assert.equal(guarded.auth.counts.remembered, 3);
});

test('garbage and forgeries are not remembered, and push nothing out', async () => {
  const guarded = secret({ MCP_AUTH_CACHE: 2 });
  const token = await signed(shared, NOW);
  const principal = await guarded.caller(`Bearer ${token}`);
  for (let n = 0; n < 50; n++) {
    await guarded.refusal(`Bearer garbage${n}`);
    await guarded.refusal(`Bearer ${token.slice(0, -10)}${String(n).padStart(10, 'A')}`);
  }
  assert.equal(guarded.auth.counts.remembered, 1);
  assert.equal(guarded.auth.principal(request(`Bearer ${token}`)), principal);
  counted(guarded, 'token', 50);
  counted(guarded, 'signature', 50);
});

// ---- keys of an issuer ----------------------------------------------------------------------------

/** A server that takes tokens of this issuer. */
function of(issuer: Issuer, env: { [knob: string]: unknown } = {}, options: Partial<AuthOptions> = {}): Guard {
  return guard({ MCP_AUTH_ISSUER: issuer.url, ...env }, options);
}

async function bearer(issuer: Issuer, by: Signer, now = NOW, claims: Claims = {}, header = {}): Promise<string> {
  return `Bearer ${await signed(by, now, { iss: issuer.url, ...claims }, header)}`;
}

for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']) {
  test(
    `a token of ${alg} is taken by the issuer's key`,
    issuing(async (issuer) => {
      const own = await signer(alg, 'k1');
      issuer.publish(elliptic, own, rsa);
      const guarded = of(issuer);
      assert.equal((await guarded.caller(await bearer(issuer, own))).subject, 'reader');
      assert.deepEqual(issuer.asked, ['/.well-known/oauth-authorization-server', '/jwks']);
      const claims = { sub: 'writer' };
      assert.equal((await guarded.caller(await bearer(issuer, own, NOW, claims))).subject, 'writer');
      assert.equal(guarded.auth.counts.fetches, 1);
      assert.equal(guarded.clock.pending, 0);
    }),
  );
}

test(
  'public keys are no secrets: HS256 by one is refused',
  issuing(async (issuer) => {
    issuer.publish(rsa);
    const guarded = of(issuer);
    const spki = await exportSPKI((await importJWK(rsa.jwk, 'RS256', { extractable: true })) as CryptoKey);
    for (const text of [spki, spki.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n ?? '']) {
      const forged = { ...rsa, alg: 'HS256', key: new TextEncoder().encode(text) };
      const { status, challenge } = await guarded.refusal(await bearer(issuer, forged));
      const says = 'the algorithm of the token is not taken; expected RS256, PS256, ES256, EdDSA, Ed25519';
      assert.deepEqual([status, challenge], [401, invalid(says)]);
    }
    assert.equal(guarded.auth.counts.fetches, 0, 'no key was needed to know');
  }),
);

const CONFUSED: { [what: string]: () => Promise<[Signer, object]> } = {
  'a symmetric key in the set': async () => [shared, { kty: 'oct', k: encoded(SECRET), kid: 'x', alg: 'HS256' }],
  'a key of another kind under the same id': async () => [
    { ...elliptic, kid: 'x' },
    { ...rsa.jwk, kid: 'x' },
  ],
  'a key for encryption': async () => [
    { ...rsa, kid: 'x' },
    { ...rsa.jwk, kid: 'x', use: 'enc' },
  ],
  'a key that is to sign only': async () => [
    { ...rsa, kid: 'x' },
    { ...rsa.jwk, kid: 'x', key_ops: ['sign'] },
  ],
  'a key for another algorithm': async () => [
    { ...rsa, kid: 'x' },
    { ...rsa.jwk, kid: 'x', alg: 'PS256' },
  ],
  'a private key': async () => [
    { ...rsa, kid: 'x' },
    { ...(await exportJWK(rsa.key as CryptoKey)), kid: 'x' },
  ],
  'a key of 1024 bits': async () => [
    { ...rsa, kid: 'x' },
    { ...rsa.jwk, kid: 'x', n: 'x'.repeat(171) },
  ],
  'a key that is for nothing': async () => [
    { ...rsa, kid: 'x' },
    { ...rsa.jwk, kid: 'x', key_ops: [] },
  ],
  'a broken key': async () => [
    { ...rsa, kid: 'x' },
    { kty: 'RSA', kid: 'x', n: 7 },
  ],
};
for (const [what, make] of Object.entries(CONFUSED)) {
  test(
    `${what} verifies nothing, and the others still do`,
    issuing(async (issuer) => {
      const [by, jwk] = await make();
      issuer.publish(rsa).json('/jwks', { keys: [jwk, rsa.jwk] });
      const guarded = of(issuer);
      assert.equal((await guarded.refusal(await bearer(issuer, by))).status, 401);
      await guarded.caller(await bearer(issuer, rsa));
    }),
  );
}

test(
  'a token that names no key is tried by all that fit',
  issuing(async (issuer) => {
    const second = await signer('RS256', 'second');
    issuer.publish(rsa, elliptic, second);
    const guarded = of(issuer);
    await guarded.caller(await bearer(issuer, { ...second, kid: '' }));
    const late = await bearer(issuer, { ...rsa, kid: '' }, NOW, { exp: S - 30 });
    assert.equal((await guarded.refusal(late)).challenge, invalid('the token has expired'));
    const stranger = { ...(await signer('RS256', 'x')), kid: '' };
    const { challenge } = await guarded.refusal(await bearer(issuer, stranger));
    assert.equal(challenge, invalid('the signature of the token is wrong'));
  }),
);

test(
  'claims are checked as with a secret',
  issuing(async (issuer) => {
    issuer.publish(rsa);
    const guarded = of(issuer);
    const other = { iss: `${issuer.url}/` };
    assert.equal(
      (await guarded.refusal(await bearer(issuer, rsa, NOW, other))).challenge,
      invalid('the token is from another issuer'),
    );
    assert.equal((await guarded.refusal(await bearer(issuer, rsa, NOW, { exp: S - 30 }))).status, 401);
    assert.equal((await guarded.refusal(await bearer(issuer, rsa, NOW, { aud: issuer.url }))).status, 401);
  }),
);

const PLACES = [
  '/.well-known/oauth-authorization-server/tenant',
  '/.well-known/openid-configuration/tenant',
  '/tenant/.well-known/openid-configuration',
];
for (const [index, place] of PLACES.entries()) {
  test(
    `the keys are found by ${place}`,
    issuing(async (issuer) => {
      issuer.json(place, { issuer: issuer.url, jwks_uri: issuer.jwks }).json('/jwks', { keys: [rsa.jwk] });
      await of(issuer).caller(await bearer(issuer, rsa));
      assert.deepEqual(issuer.asked, [...PLACES.slice(0, index + 1), '/jwks']);
    }, '/tenant'),
  );
}

test(
  'keys are fetched where the knob says, without metadata',
  issuing(async (issuer) => {
    issuer.json('/keys', { keys: [rsa.jwk] });
    const guarded = of(issuer, { MCP_AUTH_JWKS: issuer.jwks.replace('/jwks', '/keys') });
    await guarded.caller(await bearer(issuer, rsa));
    assert.deepEqual(issuer.asked, ['/keys']);
  }),
);

// ---- an issuer that misbehaves --------------------------------------------------------------------

const OAUTH = '/.well-known/oauth-authorization-server';
const BAD: { [what: string]: [spoil: (issuer: Issuer) => void, report: RegExp] } = {
  'answers 500': [
    (issuer) => issuer.answers.set('/jwks', (response) => response.writeHead(500).end('oops')),
    /\/jwks answered 500, expected 200$/,
  ],
  'answers something that is not JSON': [
    (issuer) => issuer.answers.set('/jwks', (response) => response.end('<html>')),
    /\/jwks answered something that is not JSON$/,
  ],
  'answers JSON that is no set': [
    (issuer) => issuer.json('/jwks', { keys: 'none' }),
    /\/jwks answered something that is not a set of keys$/,
  ],
  'answers null': [(issuer) => issuer.json('/jwks', null), /not a set of keys$/],
  'answers keys that are none': [(issuer) => issuer.json('/jwks', { keys: [null] }), /not a set of keys$/],
  'answers without an end': [
    (issuer) =>
      issuer.answers.set('/jwks', (response) => {
        const more = () => {
          while (!response.destroyed && response.write(' '.repeat(16_384)));
        };
        response.on('drain', more);
        more();
      }),
    /\/jwks answered more than 262144 bytes$/,
  ],
  'answers thousands of keys': [
    (issuer) => issuer.json('/jwks', { keys: Array.from({ length: 101 }, () => ({ kty: 'RSA' })) }),
    /\/jwks answered more than 100 keys$/,
  ],
  'redirects to its keys': [
    (issuer) => {
      issuer.json('/elsewhere', { keys: [rsa.jwk] });
      issuer.answers.set('/jwks', (response) => response.writeHead(302, { location: '/elsewhere' }).end());
    },
    /\/jwks answered 302, expected 200$/,
  ],
  'cuts the connection': [(issuer) => issuer.answers.set('/jwks', (response) => void response.destroy()), /./],
  'has metadata of another issuer': [
    (issuer) => issuer.json(OAUTH, { issuer: `${issuer.url}/`, jwks_uri: issuer.jwks }),
    /oauth-authorization-server is of another issuer; .*openid-configuration answered 404, expected 200$/,
  ],
  'has metadata without keys': [(issuer) => issuer.json(OAUTH, { issuer: issuer.url }), /has no jwks_uri; /],
  'has its keys in a file': [
    (issuer) => issuer.json(OAUTH, { issuer: issuer.url, jwks_uri: 'file:///etc/passwd' }),
    /has a jwks_uri that is not https; /,
  ],
};
for (const [what, [spoil, report]] of Object.entries(BAD)) {
  test(
    `an issuer that ${what}: 503 without a word against the token, and all is well once it behaves`,
    issuing(async (issuer) => {
      spoil(issuer.publish(rsa));
      const guarded = of(issuer);
      const header = await bearer(issuer, rsa);
      const { status, challenge, retry, message } = await guarded.refusal(header);
      assert.deepEqual([status, challenge, retry], [503, null, '30']);
      assert.equal(message, 'The keys of the issuer cannot be fetched now; try again later');
      assert.equal(guarded.reports.length, 1);
      assert.match(guarded.reports[0] ?? '', report);
      assert.ok(!issuer.asked.includes('/elsewhere'));
      counted(guarded, 'unavailable', 1);

      const asked = issuer.asked.length;
      issuer.publish(rsa);
      await guarded.clock.advance(29_000);
      assert.equal((await guarded.refusal(header)).retry, '1');
      assert.equal(issuer.asked.length, asked, 'not asked again so soon');
      await guarded.clock.advance(1000);
      await guarded.caller(header);
      assert.deepEqual([guarded.auth.counts.fetches, guarded.auth.counts.failures], [2, 1]);
      const unknown = await bearer(issuer, { ...rsa, kid: 'unknown' });
      assert.equal((await guarded.refusal(unknown)).status, 401, 'the failure is forgotten');
    }),
  );
}

test('an issuer that is not there: 503', async () => {
  const issuer = await Issuer.start();
  await issuer[Symbol.asyncDispose]();
  const guarded = of(issuer);
  assert.equal((await guarded.refusal(await bearer(issuer, rsa))).status, 503);
});

for (const [what, begin] of [
  ['says nothing', () => {}],
  ['stops in the middle', (response) => void response.writeHead(200).write('{"keys":[')],
] as [string, (response: ServerResponse) => void][]) {
  test(
    `an issuer that ${what} is left after the time it has`,
    issuing(async (issuer) => {
      const hungUp = new Promise((resolve) => {
        issuer.publish(rsa).answers.set('/jwks', (response) => {
          response.once('close', resolve);
          begin(response);
        });
      });
      const guarded = of(issuer, { MCP_AUTH_TIMEOUT: 2000, MCP_AUTH_JWKS: issuer.jwks });
      const asked = issuer.next();
      const refusal = guarded.refusal(await bearer(issuer, rsa));
      await asked;
      await guarded.clock.advance(1999);
      assert.equal(guarded.auth.counts.failures, 0);
      await guarded.clock.advance(1);
      const { status, retry } = await refusal;
      assert.deepEqual([status, retry], [503, '30'], 'the cooldown begins when the fetch ends');
      await hungUp;
      assert.deepEqual(guarded.reports, ['No answer within 2000 ms']);
      assert.equal(guarded.clock.pending, 0);
    }),
  );
}

test(
  'an https issuer cannot send for its keys to http',
  issuing(async (issuer) => {
    const answer = { issuer: 'https://as.example', jwks_uri: issuer.jwks };
    const asked: string[] = [];
    const guarded = guard(
      { MCP_AUTH_ISSUER: 'https://as.example' },
      {
        fetch: async (url) => {
          asked.push(String(url));
          return Response.json(answer);
        },
      },
    );
    const token = await signed(rsa, NOW, { iss: 'https://as.example' });
    assert.equal((await guarded.refusal(`Bearer ${token}`)).status, 503);
    assert.deepEqual(asked, [`https://as.example${OAUTH}`, 'https://as.example/.well-known/openid-configuration']);
  }),
);

// ---- keys that change -----------------------------------------------------------------------------

test(
  'a new key is fetched when a token names it, after the cooldown',
  issuing(async (issuer) => {
    const guarded = of(issuer.publish(rsa));
    await guarded.caller(await bearer(issuer, rsa));
    const fresh = await signer('ES256', 'fresh');
    issuer.publish(fresh);
    const header = await bearer(issuer, fresh);
    assert.equal(
      (await guarded.refusal(header)).challenge,
      invalid('the token is signed by a key that is not known here'),
    );
    assert.equal(guarded.auth.counts.fetches, 1);
    await guarded.clock.advance(30_000);
    await guarded.caller(header);
    assert.equal(guarded.auth.counts.fetches, 2);
    const old = await bearer(issuer, rsa, NOW, { sub: 'writer' });
    assert.equal((await guarded.refusal(old)).status, 401, 'the old key is gone');
  }),
);

test(
  'a flood of tokens that name unknown keys makes one fetch in each cooldown',
  issuing(async (issuer) => {
    const guarded = of(issuer.publish(rsa));
    const flood = async () => {
      const tokens = await Promise.all(
        Array.from({ length: 20 }, (_, n) => bearer(issuer, { ...elliptic, kid: `forged ${n}` })),
      );
      for (const { status } of await Promise.all(tokens.map((token) => guarded.refusal(token))))
        assert.equal(status, 401);
    };
    await flood();
    await flood();
    assert.equal(issuer.count('/jwks'), 1);
    await guarded.clock.advance(30_000);
    await flood();
    assert.equal(issuer.count('/jwks'), 2);
    await guarded.caller(await bearer(issuer, rsa));
    assert.equal(issuer.count('/jwks'), 2);
  }),
);

test(
  'a flood while the issuer is down makes one fetch in each cooldown',
  issuing(async (issuer) => {
    const guarded = of(issuer, { MCP_AUTH_JWKS: issuer.jwks });
    const header = await bearer(issuer, rsa);
    for (let round = 1; round <= 3; round++) {
      await Promise.all(Array.from({ length: 10 }, () => guarded.refusal(header)));
      assert.equal(issuer.count('/jwks'), round);
      await guarded.clock.advance(30_000);
    }
  }),
);

test(
  'requests that need the keys at once share one fetch, but not where they cannot wait for each other',
  issuing(async (issuer) => {
    issuer.publish(rsa);
    const tokens = await Promise.all([1, 2, 3, 4].map((n) => bearer(issuer, rsa, NOW, { sub: `user ${n}` })));
    const sharing = of(issuer);
    await Promise.all(tokens.map(sharing.caller));
    assert.equal(sharing.auth.counts.fetches, 1);
    const alone = of(issuer, {}, { shared: false });
    await Promise.all(tokens.map(alone.caller));
    assert.equal(alone.auth.counts.fetches, 4);
    await alone.clock.advance(30_000);
    const forged = await bearer(issuer, { ...elliptic, kid: 'forged' });
    await Promise.all([1, 2, 3].map(() => alone.refusal(forged)));
    assert.equal(alone.auth.counts.fetches, 5, 'once there are keys, one fetch a cooldown');
    issuer.answers.clear();
    const down = of(issuer, {}, { shared: false });
    for (let n = 0; n < 3; n++) await down.refusal(forged);
    assert.equal(down.auth.counts.fetches, 1, 'likewise once it failed');
  }),
);

test(
  'old keys are fetched again, and are good for an hour when that fails',
  issuing(async (issuer) => {
    const guarded = of(issuer.publish(rsa), { MCP_AUTH_JWKS_AGE: 600 });
    const come = async (sub: string) =>
      guarded.caller(await bearer(issuer, rsa, guarded.clock.now(), { sub, exp: S + 90_000 }));
    await come('a');
    await guarded.clock.advance(599_000);
    await come('b');
    assert.equal(guarded.auth.counts.fetches, 1);
    await guarded.clock.advance(1000);
    await come('c');
    assert.deepEqual([guarded.auth.counts.fetches, guarded.auth.counts.failures], [2, 0]);

    issuer.answers.clear();
    await guarded.clock.advance(600_000);
    await come('d');
    await come('e');
    assert.deepEqual([guarded.auth.counts.fetches, guarded.auth.counts.failures], [3, 1], 'one try a cooldown');
    const unknown = await bearer(issuer, elliptic, guarded.clock.now());
    assert.equal((await guarded.refusal(unknown)).status, 503, 'it may be a new key');
    await guarded.clock.advance(3_599_000);
    await come('f');
    await guarded.clock.advance(1000);
    const header = await bearer(issuer, rsa, guarded.clock.now(), { sub: 'g', exp: S + 90_000 });
    assert.equal((await guarded.refusal(header)).status, 503);
    await guarded.clock.advance(30_000);
    issuer.publish(rsa);
    await guarded.caller(header);
  }),
);

test(
  'keys that are too old are not used, even where they may not be fetched again yet',
  issuing(async (issuer) => {
    const guarded = of(issuer.publish(rsa), { MCP_AUTH_JWKS_AGE: 600, MCP_AUTH_JWKS_COOLDOWN: 10_000 });
    await guarded.caller(await bearer(issuer, rsa));
    await guarded.clock.advance(4_200_000);
    const { status, retry } = await guarded.refusal(await bearer(issuer, rsa, guarded.clock.now()));
    assert.deepEqual([status, retry], [503, '5800']);
  }),
);

test(
  'while one request renews old keys, the others go on with them',
  issuing(async (issuer) => {
    const guarded = of(issuer.publish(rsa), { MCP_AUTH_JWKS: issuer.jwks });
    await guarded.caller(await bearer(issuer, rsa));
    await guarded.clock.advance(600_000);
    issuer.answers.set('/jwks', () => {});
    const asked = issuer.next();
    const claims = { exp: S + 9000 };
    const renewing = guarded.caller(await bearer(issuer, rsa, NOW, { ...claims, sub: 'renewing' }));
    await asked;
    assert.equal((await guarded.caller(await bearer(issuer, rsa, NOW, { ...claims, sub: 'other' }))).subject, 'other');
    await guarded.clock.advance(5000);
    assert.equal((await renewing).subject, 'renewing');
    assert.equal(guarded.auth.counts.failures, 1);
  }),
);

test(
  'a remembered token needs no keys, and lasts no longer than keys are kept',
  issuing(async (issuer) => {
    const guarded = of(issuer.publish(rsa));
    const header = await bearer(issuer, rsa, NOW, { exp: S + 90_000 });
    const principal = await guarded.caller(header);
    await guarded.clock.advance(599_000);
    assert.equal(guarded.auth.principal(request(header)), principal);
    issuer.publish(elliptic);
    await guarded.clock.advance(1000);
    assert.equal((await guarded.refusal(header)).status, 401);
  }),
);

// ---- a check of its own ---------------------------------------------------------------------------

test('an own check decides over opaque tokens, and is asked once for each while it lasts', async () => {
  const asked: string[] = [];
  const guarded = guard(
    { MCP_AUTH_IMPLIES: 'write>read' },
    {
      verify: (token) => {
        asked.push(token);
        const expires = token === 'ending' ? NOW + 10_000 : undefined;
        return token === 'bad' ? undefined : { subject: token, scopes: ['write'], expires, claims: { active: true } };
      },
    },
  );
  const principal = await guarded.caller('Bearer opaque');
  assert.deepEqual(principal, {
    subject: 'opaque',
    scopes: ['write', 'read'],
    expires: undefined,
    claims: { active: true },
  });
  await guarded.caller('Bearer ending');
  assert.equal((await guarded.refusal('Bearer bad')).challenge, invalid('the token is not valid'));
  await guarded.clock.advance(9999);
  assert.equal(guarded.auth.principal(request('Bearer opaque')), principal);
  await guarded.caller('Bearer ending');
  assert.deepEqual(asked, ['opaque', 'ending', 'bad']);
  await guarded.clock.advance(1);
  assert.equal((await guarded.refusal('Bearer ending')).challenge, invalid('the token has expired'));
  await guarded.clock.advance(49_999);
  await guarded.caller('Bearer opaque');
  assert.equal(asked.length, 4);
  await guarded.clock.advance(1);
  await guarded.caller('Bearer opaque');
  assert.deepEqual(
    asked,
    ['opaque', 'ending', 'bad', 'ending', 'opaque'],
    'one without an end is asked for after 60 s',
  );
});

test('what an own check gave is not frozen under its hands', async () => {
  const own = { subject: 'reader', scopes: ['a'], claims: { nested: { n: 1 } } };
  const { claims } = await guard({}, { verify: () => own }).caller('Bearer opaque');
  assert.ok(Object.isFrozen(claims.nested) && !Object.isFrozen(own.claims.nested) && !Object.isFrozen(own.scopes));
});

test('an own check that fails, names nobody, or is late: 503 without a word against the token', async () => {
  const verify = (token: string): Promise<Principal> => {
    if (token === 'late') return new Promise(() => {});
    if (token === 'nobody') return Promise.resolve({ subject: '', scopes: [], claims: {} });
    throw new Error('introspection is down');
  };
  const guarded = guard({}, { verify });
  const late = guarded.refusal('Bearer late');
  await guarded.clock.advance(5000);
  for (const refusal of [await late, await guarded.refusal('Bearer nobody'), await guarded.refusal('Bearer failing')]) {
    const { status, challenge, retry } = refusal;
    assert.deepEqual([status, challenge, retry], [503, null, '1']);
  }
  assert.deepEqual(guarded.reports, [
    'No answer within 5000 ms',
    'verify gave a principal whose subject is empty',
    'introspection is down',
  ]);
});

// ---- metadata -------------------------------------------------------------------------------------

const ROOT = '/.well-known/oauth-protected-resource';

test('the metadata is at both places, whole', async () => {
  const guarded = guard({ MCP_AUTH_ISSUER: 'https://as.example/tenant', MCP_AUTH_SCOPES: 'mcp,offline_access' });
  for (const path of [ROOT, `${ROOT}/mcp`, `${ROOT}/mcp/`]) {
    const response = guarded.auth.metadata(path, 'GET');
    assert.equal(response?.status, 200, path);
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.deepEqual(await response.json(), {
      resource: RESOURCE,
      authorization_servers: ['https://as.example/tenant'],
      scopes_supported: ['mcp'],
      bearer_methods_supported: ['header'],
      resource_name: 'test',
    });
  }
  for (const path of ['/', '/mcp', `${ROOT}/other`, `${ROOT}x`, `/mcp${ROOT}`]) {
    assert.equal(guarded.auth.metadata(path, 'GET'), undefined, path);
  }
});

test('without scopes for each request the metadata names none: more are asked for when they are needed', async () => {
  assert.deepEqual(await secret().auth.metadata(ROOT, 'GET')?.json(), {
    resource: RESOURCE,
    bearer_methods_supported: ['header'],
    resource_name: 'test',
  });
});

test('the metadata answers HEAD without a body and other methods with 405', async () => {
  const { auth } = secret();
  const head = auth.metadata(ROOT, 'HEAD');
  assert.equal(head?.status, 200);
  assert.equal(await head.text(), '');
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const response = auth.metadata(ROOT, method);
    assert.equal(response?.status, 405);
    assert.equal(response.headers.get('allow'), 'GET, HEAD');
  }
});

const LOCATIONS: [publicUrl: string, location: string, paths: string[]][] = [
  ['https://mcp.example', `https://mcp.example${ROOT}`, [ROOT, `${ROOT}/mcp`]],
  ['https://mcp.example/', `https://mcp.example${ROOT}`, [ROOT, `${ROOT}/mcp`]],
  ['https://mcp.example:8443/a/b', `https://mcp.example:8443${ROOT}/a/b`, [ROOT, `${ROOT}/a/b`, `${ROOT}/mcp`]],
  ['https://MCP.example:443/mcp', `https://mcp.example${ROOT}/mcp`, [ROOT, `${ROOT}/mcp`]],
];
for (const [publicUrl, location, paths] of LOCATIONS) {
  test(`for ${publicUrl} the challenge leads to ${location}`, async () => {
    const guarded = secret({ MCP_PUBLIC_URL: publicUrl });
    assert.equal((await guarded.refusal()).challenge, `Bearer resource_metadata="${location}"`);
    for (const path of paths) {
      const document = (await guarded.auth.metadata(path, 'GET')?.json()) as { resource: string };
      assert.equal(document.resource, publicUrl, path);
    }
  });
}

// ---- what must not be told ------------------------------------------------------------------------

test(
  'no answer and no report has the secret, the token, its claims or keys in it',
  issuing(async (issuer) => {
    const planted = 'planted-claim';
    const claims = { sub: planted, iss: planted, scope: planted };
    const guarded = secret({ MCP_AUTH_ISSUER: 'https://as.example', MCP_AUTH_SCOPES: 'mcp' });
    const tokens = [
      await signed(shared, NOW, claims),
      await signed(shared, NOW, { ...claims, iss: 'https://as.example' }),
      await signed(shared, NOW, { ...claims, exp: planted }),
      await signed({ ...shared, key: new TextEncoder().encode('x'.repeat(32)) }, NOW, claims),
      await signed(shared, NOW, claims, { typ: planted, kid: planted }),
      `${encoded({ alg: planted })}.${encoded(claims)}.${encoded(planted)}`,
      `${planted}.${SECRET}`,
    ];
    for (const token of tokens) {
      await guarded.refusal(`Bearer ${token}`);
      await guarded.refusal(`Bearer ${token}, Bearer ${token}`);
      await guarded.refusal(`Basic ${token}`);
      await guarded.refusal(undefined, `http://localhost/mcp?access_token=${token}`);
    }
    await read(guarded.auth.insufficient(['admin']), guarded.given);

    const { publicKey } = await generateKeyPair('RS256');
    issuer.publish(rsa).json('/jwks', { keys: [{ ...rsa.jwk, kid: planted, d: planted }, planted, String(publicKey)] });
    const keyed = of(issuer);
    await keyed.refusal(await bearer(issuer, { ...rsa, kid: planted }));
    assert.equal(guarded.given.length, 4 * tokens.length + 1);
    for (const text of [...guarded.given, ...keyed.given, ...guarded.reports, ...keyed.reports]) {
      assert.doesNotMatch(text, /planted/);
      for (const token of tokens) for (const part of token.split('.')) assert.ok(!text.includes(part), text);
    }
    assert.equal(keyed.reports.length, 1);
  }),
);
