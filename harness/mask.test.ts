/** No secret leaves the harness, in whatever look a server gives it back. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { masked } from './replay/mask.ts';

const SECRET = 'tok/en+with "signs" 7f3a';

test('a secret is masked in texts, arrays, objects and keys, and nothing else is touched', () => {
  const mask = masked([SECRET]);
  assert.deepEqual(
    mask({ why: [`got ${SECRET}, twice ${SECRET}`], [SECRET]: 1, n: 7, no: null, yes: true, gone: undefined }),
    { why: ['got ***, twice ***'], '***': 1, n: 7, no: null, yes: true, gone: undefined },
  );
  assert.equal(mask('tok/en+with'), 'tok/en+with');
  const value = { any: 'thing' };
  assert.equal(masked([])(value), value);
  assert.equal(masked([' '])(value), value);
});

test('every encoding of a secret is masked', () => {
  const mask = masked([SECRET]);
  assert.equal(mask(JSON.stringify({ echo: SECRET })), '{"echo":"***"}');
  assert.equal(mask(`/x?token=${encodeURIComponent(SECRET)}&y`), '/x?token=***&y');
  assert.equal(mask(`/x?${new URLSearchParams({ token: SECRET })}`), '/x?token=***');
  assert.equal(mask(encodeURIComponent(SECRET).replaceAll(/%../g, (code) => code.toLowerCase())), '***');
  assert.equal(mask(Buffer.from(SECRET).toString('base64')), '***');
  assert.equal(mask(Buffer.from(SECRET).toString('base64url')), '***');
});

test('base64 is masked wherever in the encoded text the secret begins', () => {
  const mask = masked([SECRET]);
  for (const before of ['', 'u', 'us', 'use', 'user:'])
    for (const alphabet of ['base64', 'base64url'] as const) {
      const text = mask(Buffer.from(`${before}${SECRET}!`).toString(alphabet));
      assert.match(text, /\*\*\*/);
      const left = Buffer.from(text.replace('***', ''), alphabet).toString('latin1');
      assert.ok(!/oken|with|signs|7f3/.test(left), `${before}: ${left}`);
    }
});

test('of a value with a scheme the token is a secret, of Basic what it encodes', () => {
  assert.equal(masked(['Bearer abcdef123'])('the token abcdef123 (Bearer abcdef123)'), 'the token *** (***)');
  const basic = `Basic ${Buffer.from('user:pass word').toString('base64')}`;
  assert.equal(masked([basic])(`${basic} / user:pass word / pass word`), '*** / *** / ***');
});

test('a short secret is masked only where it is the whole text', () => {
  assert.deepEqual(masked(['abc'])(['abc', 'abcd', { abc: 'x' }]), ['***', 'abcd', { '***': 'x' }]);
});

test('the beginning of a secret at the end of a cut text is masked', () => {
  const mask = masked(['abcdefghij']);
  assert.equal(mask('got "abcdefg...'), 'got "***...');
  assert.equal(mask('got "abcdefg..."'), 'got "***..."');
  assert.equal(mask('got abcdefg'), 'got abcdefg');
});

test('a secret that comes in several chunks is masked, and every other byte is kept', () => {
  const mask = masked(['abcdefghij']);
  const chunks = (texts: string[], exchange = 1) => texts.map((text) => ({ t: 1, exchange, what: 'chunk', text }));
  assert.deepEqual(mask(chunks(['x abc', 'def', 'ghij y', ' z'])), chunks(['x ***', '', ' y', ' z']));
  assert.deepEqual(mask(chunks([...'-abcdefghij-'])), chunks(['-', '***', '', '', '', '', '', '', '', '', '', '-']));
  assert.deepEqual(mask(chunks(['abcdefghijabcde', 'fghij'])), chunks(['******', '']));
  const mixed = [...chunks(['abcde'], 1), ...chunks(['fghij'], 2)];
  assert.deepEqual(mask(mixed), mixed, 'two answers are not one text');
});
