/** The folded file: one file, within its budget, that serves both eras on every runtime with no package beside it. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fold } from '../.ci/fold.ts';
import { RUNTIMES, startServer } from './runtimes/start.ts';

/** By gzip, without the optional adapters. */
const BUDGET = 150_000;

const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-fold-'));
const file = join(folder, 'server.js');
let size = { bytes: 0, gzip: 0 };
before(async () => {
  size = await fold('server.ts', file);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test(`the folded file is at most ${BUDGET} bytes by gzip`, () => {
  assert.ok(size.gzip > 10_000 && size.gzip <= BUDGET, `${size.gzip} bytes`);
});

const echo = { name: 'echo', arguments: { text: 'folded' } };
const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

for (const runtime of RUNTIMES) {
  test(`the folded file serves both eras on ${runtime}`, async () => {
    const server = await startServer({ runtime, entry: file });
    try {
      const post = (message: object, headers: Record<string, string>) =>
        fetch(server.url, {
          method: 'POST',
          headers: { ...json, ...headers },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
        });
      const clientInfo = { name: 'fold', version: '1' };
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
      const opened = await post({ method: 'initialize', params }, {});
      await opened.text();
      const sessionId = opened.headers.get('mcp-session-id') ?? '';
      const old = await post({ method: 'tools/call', params: echo }, { 'mcp-session-id': sessionId });
      assert.match(await old.text(), /"text":"folded"/);
      const _meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      };
      const modern = await post(
        { method: 'tools/call', params: { ...echo, _meta } },
        { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
      );
      assert.match(await modern.text(), /"resultType":"complete".*"text":"folded"/);
    } finally {
      await server.kill();
    }
  });
}
