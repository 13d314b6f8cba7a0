import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CookieJar } from './cookies.ts';
import { runAgainst } from './fixture.ts';

function kept(setCookie: string, to: string, from = 'https://api.example.com/a/b'): string | undefined {
  const jar = new CookieJar();
  jar.store(new URL(from), [setCookie]);
  return jar.header(new URL(to));
}

test('a cookie goes back to its host and path', () => {
  assert.equal(kept('a=1', 'https://api.example.com/a/x'), 'a=1');
  assert.equal(kept('a=1', 'https://api.example.com/b'), undefined);
  assert.equal(kept('a=1; Path=/', 'https://api.example.com/b'), 'a=1');
  assert.equal(kept('a=1; Path=/b', 'https://api.example.com/bc'), undefined);
  assert.equal(kept('a=1', 'https://other.example.com/a/x'), undefined);
});

test('a domain widens it, a foreign domain loses it', () => {
  assert.equal(kept('a=1; Domain=.example.com; Path=/', 'https://other.example.com/'), 'a=1');
  assert.equal(kept('a=1; Domain=example.org; Path=/', 'https://example.org/'), undefined);
});

test('a secure cookie is not sent in the clear', () => {
  assert.equal(kept('a=1; Path=/; Secure', 'http://api.example.com/'), undefined);
});

test('a cookie ends by its age or date; the age wins', () => {
  const later = new Date(Date.now() + 60_000).toUTCString();
  assert.equal(kept('a=1; Path=/; Max-Age=60', 'https://api.example.com/'), 'a=1');
  assert.equal(kept(`a=1; Path=/; Max-Age=0; Expires=${later}`, 'https://api.example.com/'), undefined);
  assert.equal(kept('a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'https://api.example.com/'), undefined);
});

test('a VU sends its cookies back, keeps them apart from other VUs, and forgets them when the iteration ends', async () => {
  const arrived: string[] = [];
  await runAgainst(
    (request, response) => {
      arrived.push(`${request.url} ${request.headers.cookie ?? 'none'}`);
      response.setHeader('set-cookie', [`node=${request.url?.slice(1)}`, 'b=2']);
      response.end();
    },
    `import http from 'k6/http';
     export const options = { scenarios: { s: { executor: 'per-vu-iterations', vus: 2, iterations: 2 } } };
     export default async function () {
       await http.asyncRequest('GET', __ENV.URL + __VU);
       await http.asyncRequest('GET', __ENV.URL + __VU, null, { headers: { cookie: 'own=1' } });
     }`,
  );
  const one = ['/1 none', '/1 own=1; node=1; b=2'];
  const two = ['/2 none', '/2 own=1; node=2; b=2'];
  assert.deepEqual(arrived.sort(), [...one, ...one, ...two, ...two].sort());
});
