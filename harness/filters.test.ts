/** What scenarios make of variables, and the headers that repeat arguments. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fill, mismatches } from './replay/match.ts';
import { mirroredOf } from './replay/mirrored.ts';
import { requestOf } from './replay/protocol.ts';

const inputSchema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    owner: { type: 'object', properties: { team: { type: 'string', 'x-mcp-header': 'Owner-Team' } } },
    level: { type: 'integer' },
    shards: { type: 'integer', 'x-mcp-header': 'Shards' },
  },
};
const vars = new Map<string, unknown>([
  ['rev', '2026-07-28'],
  ['name', 'zürich'],
  ['mixed', 'aBc-1'],
  ['state', 'abcdefghij'],
  ['tool', 'place'],
  ['facts', { tools: [{ name: 'place', inputSchema }] }],
]);
const variable = (text: string) => ['$', '{', text, '}'].join('');
const filled = (text: string): unknown => fill(variable(text), vars);

test('filters give the forms of a value', () => {
  assert.equal(filled('name|base64'), 'esO8cmljaA==');
  assert.equal(filled('mixed|swapcase'), 'AbC-1');
  assert.equal(filled('state|shortened'), 'abcdef');
  assert.equal(filled('state|altered'), 'abcdeAghij');
  assert.equal(filled('state|shortened|swapcase'), 'ABCDEF');
  assert.equal(filled('mixed|lower'), 'abc-1');
  assert.equal(filled('name|times:2'), 'zürichzürich');
  assert.deepEqual(fill(variable('args|marked:here'), new Map([['args', { a: 'x', n: 1 }]])), { a: 'x-here', n: 1 });
  assert.throws(() => filled('state|unheard'), /no filter is named "unheard"; there are base64/);
});

test('objects are merged, and their values matched as a list', () => {
  assert.deepEqual(fill({ $merge: [{ a: 1, b: 1 }, { b: variable('mixed') }] }, vars), { a: 1, b: 'aBc-1' });
  assert.deepEqual(mismatches({ $values: { $each: { n: 1 } } }, { a: { n: 1 }, b: { n: 1 } }, vars), []);
  assert.equal(mismatches({ $values: { $each: { n: 1 } } }, { a: { n: 1 }, b: { n: 2 } }, vars).length, 1);
  assert.equal(mismatches({ $values: { $len: 0 } }, [], vars).length, 1, 'a list is no object');
});

test('arguments that a schema marks are found, inside of others too', () => {
  assert.deepEqual(
    mirroredOf(inputSchema).map(({ header, path, argument, type }) => [header, path.join('.'), argument, type]),
    [
      ['mcp-param-region', 'region', 'region', 'string'],
      ['mcp-param-owner-team', 'owner.team', 'owner', 'string'],
      ['mcp-param-shards', 'shards', 'shards', 'integer'],
    ],
  );
  assert.deepEqual(filled('tool|mirrored'), mirroredOf(inputSchema));
});

test('a call repeats them in headers, in base64 where it must', () => {
  const headers = (args: object) => {
    const rpc = { method: 'tools/call', params: { name: 'place', arguments: args } };
    return Object.entries(requestOf('post', { rpc }, vars, undefined, () => 1).headers).filter(([name]) =>
      name.startsWith('mcp-param'),
    );
  };
  assert.deepEqual(headers({ region: 'zürich', owner: { team: 'a' }, level: 3 }), [
    ['mcp-param-region', '=?base64?esO8cmljaA==?='],
    ['mcp-param-owner-team', 'a'],
  ]);
  assert.deepEqual(headers({ region: null, shards: 0 }), [['mcp-param-shards', '0']]);
});
