import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Principal, ToolError } from '../server/tool.ts';
import { createServer } from '../server.ts';
import { account } from './account.ts';
import { fakeContext } from './context.fixture.ts';

function perform(principal: Principal | undefined): unknown {
  return account.handler({ data: 'a' } as never, { ...fakeContext(), principal });
}

test('the operation answers who performed it', () => {
  const caller = (claims: Record<string, unknown>) => ({ subject: 'user-1', scopes: ['account:write'], claims });
  assert.equal(perform(caller({})), 'Operation performed by user-1');
  assert.equal(perform(caller({ username: 'operator' })), 'Operation performed by operator');
  assert.equal(perform(caller({ preferred_username: 'reader', username: 7 })), 'Operation performed by reader');
});

test('nobody performs it', () => {
  assert.throws(() => perform(undefined), ToolError);
});

test('a server that asks for no tokens does not serve it', async () => {
  const server = createServer({ name: 'test', version: '1', features: [account] });
  const answer = await server.fetch(
    new Request('http://localhost:3000/mcp', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'sensitive_operation',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name: 'sensitive_operation',
          arguments: { data: 'a' },
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    }),
  );
  assert.equal(answer.status, 404);
});
