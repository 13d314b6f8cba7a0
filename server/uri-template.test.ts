import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uriTemplate } from './uri-template.ts';

const MATCHES: [string, string, Record<string, string>][] = [
  ['test://{id}', 'test://a', { id: 'a' }],
  ['test://template/{id}/data', 'test://template/123/data', { id: '123' }],
  ['test://{id}', 'test://a%20b', { id: 'a b' }],
  ['test://{id}', 'test://z%C3%BCrich', { id: 'zürich' }],
  ['test://{id}', 'test://zürich', { id: 'zürich' }],
  ['test://{id}', 'test://a.b-c_d~e', { id: 'a.b-c_d~e' }],
  ['my-app://some-place/{id}', 'my-app://some-place/a', { id: 'a' }],
  ['test://a.b/(c)/[d]/{id}', 'test://a.b/(c)/[d]/e', { id: 'e' }],
  ['test://{a}/{b}', 'test://1/2', { a: '1', b: '2' }],
  ['test://{a,b}', 'test://1,2', { a: '1', b: '2' }],
  ['test://{a}-{b}', 'test://1-2', { a: '1', b: '2' }],
  ['test://{+path}', 'test://a/b/c', { path: 'a/b/c' }],
  ['test://files/{+path}/raw', 'test://files/a/b/raw', { path: 'a/b' }],
  ['test://doc{#part}', 'test://doc#top/1', { part: 'top/1' }],
  ['test://file{.ext}', 'test://file.txt', { ext: 'txt' }],
  ['test://file{.a,b}', 'test://file.tar.gz', { a: 'tar', b: 'gz' }],
  ['test://root{/a,b}', 'test://root/x/y', { a: 'x', b: 'y' }],
  ['test://root{/path*}', 'test://root/x/y/z', { path: 'x/y/z' }],
  ['test://x{;a}', 'test://x;a=1', { a: '1' }],
  ['test://x{;a,b}', 'test://x;a=1;b=', { a: '1', b: '' }],
  ['test://x{?q,lang}', 'test://x?q=a%20b&lang=de', { q: 'a b', lang: 'de' }],
  ['test://x{?q,lang}', 'test://x?lang=de&q=1', { q: '1', lang: 'de' }],
  ['test://x{?q}', 'test://x', { q: '' }],
  ['test://x{?q}', 'test://x?other=1', { q: '' }],
  ['test://x?fixed=1{&q}', 'test://x?fixed=1&q=2', { q: '2' }],
  ['test://{id:3}', 'test://abc', { id: 'abc' }],
  ['test://{under_score}/{dot.ted}', 'test://1/2', { under_score: '1', 'dot.ted': '2' }],
  ['test://{__proto__}', 'test://x', JSON.parse('{"__proto__":"x"}') as Record<string, string>],
];
for (const [template, uri, variables] of MATCHES) {
  test(`${template} reads ${uri}`, () => {
    const matched = uriTemplate(template).match(uri);
    assert.deepEqual({ ...matched }, { ...variables });
  });
}

const DIFFERS: [string, string][] = [
  ['test://{id}', 'test://'],
  ['test://{id}', 'test://a/b'],
  ['test://{id}', 'test://a?b'],
  ['test://{id}', 'test://a#b'],
  ['test://{id}', 'TEST://a'],
  ['test://{id}', 'xtest://a'],
  ['test://{id}/data', 'test://a/data/more'],
  ['test://{id}/data', 'test:///data'],
  ['test://{id}', 'test://a%2Fb'],
  ['test://{id}', 'test://..%2f..%2fetc%2fpasswd'],
  ['test://file{.ext}', 'test://file.a%2Fb'],
  ['test://root{/a}', 'test://root/..%2Fetc'],
  ['test://x{;a}', 'test://x;a=b%2Fc'],
  ['test://{id}', 'test://%E0%A4%A'],
  ['test://{id}', 'test://%'],
  ['test://{id}', 'test://%FF'],
  ['test://a.b/{id}', 'test://axb/1'],
  ['test://{a,b}', 'test://1'],
];
for (const [template, uri] of DIFFERS) {
  test(`${template} does not read ${uri}`, () => assert.equal(uriTemplate(template).match(uri), undefined));
}

test('a slash within a variable is read only where the template allows it', () => {
  assert.equal(uriTemplate('test://{+path}').match('test://a%2Fb')?.path, 'a/b');
  assert.equal(uriTemplate('test://x{/path*}').match('test://x/a%2Fb/c')?.path, 'a/b/c');
  assert.equal(uriTemplate('test://x{?path}').match('test://x?path=a%2Fb')?.path, 'a/b');
});

const ILLEGAL: [string, RegExp][] = [
  ['test://{}', /has the expression "\{\}", which RFC 6570 does not allow$/],
  ['test://{ }', /has the expression/],
  ['test://{a b}', /has the expression "\{a b\}"/],
  ['test://{a,}', /has the expression "\{a,\}"/],
  ['test://{=a}', /has the expression "\{=a\}"/],
  ['test://{!a}', /has the expression/],
  ['test://{|a}', /has the expression/],
  ['test://{a:}', /has the expression/],
  ['test://{a:12345}', /has the expression/],
  ['test://{a**}', /has the expression/],
  ['test://{a-b}', /has the expression/],
  ['test://{a', /has an unmatched brace$/],
  ['test://a}', /has an unmatched brace$/],
  ['test://{a}}', /has an unmatched brace$/],
  ['test://{{a}', /has an unmatched brace$/],
  ['test://}{a}', /has an unmatched brace$/],
  ['test://{a}/{a}', /has the variable "a" twice$/],
  ['test://{a,a}', /has the variable "a" twice$/],
];
for (const [template, says] of ILLEGAL) {
  test(`${template} is refused`, () => {
    assert.throws(
      () => uriTemplate(template),
      (error: Error) => {
        assert.ok(error.message.startsWith(`URI template ${JSON.stringify(template)} `), error.message);
        assert.match(error.message, says);
        return true;
      },
    );
  });
}

test('a template knows its variables in order', () => {
  assert.deepEqual(uriTemplate('test://{b}/{a,c}{?d*,e:3}').variables, ['b', 'a', 'c', 'd', 'e']);
});
