/** What goes out in each era, and what is read out of an answer. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Message, peerHeaders, post, responseIn, saidIn, succeeded, unknownId } from './jsonrpc.ts';

const META = 'io.modelcontextprotocol/protocolVersion';

test('the handshake names no session and no revision in its headers', () => {
  const { headers } = post({ revision: '2025-11-25' }, 'initialize', {}, 'i');
  assert.equal(headers['Mcp-Session-Id'], undefined);
  assert.equal(headers['MCP-Protocol-Version'], undefined);
});

test('a request in a session names both, and carries no metadata', () => {
  const { headers, body } = post({ revision: '2025-11-25', session: 's' }, 'tools/call', { name: 'echo' }, 'i');
  assert.equal(headers['Mcp-Session-Id'], 's');
  assert.equal(headers['MCP-Protocol-Version'], '2025-11-25');
  assert.equal(headers['Mcp-Method'], undefined);
  assert.deepEqual(JSON.parse(body), { jsonrpc: '2.0', id: 'i', method: 'tools/call', params: { name: 'echo' } });
});

test('a request without sessions says who it is of in its headers and in its metadata, and keeps its own', () => {
  const { headers, body } = post(
    { revision: '2026-07-28' },
    'tools/call',
    { name: 'echo', _meta: { progressToken: 't' } },
    'i',
  );
  assert.equal(headers['Mcp-Method'], 'tools/call');
  assert.equal(headers['Mcp-Name'], 'echo');
  assert.equal(headers['MCP-Protocol-Version'], '2026-07-28');
  const { _meta } = JSON.parse(body).params;
  assert.equal(_meta[META], '2026-07-28');
  assert.deepEqual(_meta['io.modelcontextprotocol/clientCapabilities'], {});
  assert.equal(_meta.progressToken, 't');
});

test('only requests that have a name repeat it', () => {
  assert.equal(post({ revision: '2026-07-28' }, 'tools/list', {}, 'i').headers['Mcp-Name'], undefined);
  assert.equal(post({ revision: '2026-07-28' }, 'resources/read', { uri: 'a:b' }, 'i').headers['Mcp-Name'], 'a:b');
});

test('a notification has no id', () => {
  assert.equal(
    JSON.parse(post({ revision: '2025-11-25', session: 's' }, 'notifications/initialized', {}).body).id,
    undefined,
  );
});

test('a peer without a session has only its revision, in either era', () => {
  for (const revision of ['2025-11-25', '2026-07-28']) {
    assert.deepEqual(peerHeaders({ revision }), { 'MCP-Protocol-Version': revision });
  }
});

test('a response is found in JSON and in an event stream, by its id', () => {
  const text = '{"jsonrpc":"2.0","id":"i","result":{}}';
  assert.deepEqual(responseIn(text, 'application/json', 'i')?.result, {});
  const stream = `: \n\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\n\nid: 1\ndata: ${text}\n\n`;
  assert.deepEqual(responseIn(stream, 'text/event-stream; charset=utf-8', 'i')?.result, {});
  assert.equal(responseIn(text, 'application/json', 'j'), undefined);
  assert.equal(responseIn(stream.slice(0, -1), 'text/event-stream', 'i'), undefined);
});

test('a request that is answered twice has no answer', () => {
  const text = '{"jsonrpc":"2.0","id":"i","result":{}}';
  assert.equal(responseIn(`data: ${text}\n\ndata: ${text}\n\n`, 'text/event-stream', 'i'), undefined);
});

test('a session id that nobody has is of the same form, unless it may be somebody else', () => {
  assert.equal(unknownId('0123456789abcdef'), 'fedcba9876543210');
  for (const session of ['12', '7', 'abcdefghhgfedcba']) {
    assert.notEqual(unknownId(session), session);
    assert.ok(unknownId(session).endsWith('-nobody'));
  }
});

test('what is no message is none', () => {
  for (const body of ['', '<html>', '[]', 'null', '7'])
    assert.equal(responseIn(body, 'text/html', 'i'), undefined, body);
});

test('a result that says isError is no success, nor is an error', () => {
  assert.equal(succeeded({ id: 'i', result: {} }), true);
  assert.equal(succeeded({ id: 'i', result: { isError: true } }), false);
  assert.equal(succeeded({ id: 'i', error: { code: 1 } }), false);
  assert.equal(succeeded({ id: 'i', result: {}, error: { code: 1 } }), false);
  for (const result of [null, 7, 'done']) assert.equal(succeeded({ id: 'i', result } as unknown as Message), false);
  assert.equal(succeeded(undefined), false);
});

test('an error is told by its message and code, a failed tool by its text', () => {
  assert.equal(saidIn({ error: { code: -32601, message: 'No such method' } }), 'No such method (-32601)');
  assert.equal(saidIn({ result: { isError: true, content: [{ type: 'text', text: 'Bad city' }] } }), 'Bad city');
  assert.equal(saidIn(undefined), 'nothing that can be read');
});
