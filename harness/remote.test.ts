/** Headers, nodes and hooks of a server at a URL, as the command line and the environment tell of them. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BadFile } from './replay/read.ts';
import { remoteOf } from './replay/remote.ts';
import { Usage } from './replay/usage.ts';

const URL_OF_SERVER = 'http://127.0.0.1:3000/mcp';

async function withFolder(run: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'remote-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('headers of the environment, of a file and of the command line are sent, the nearer before the farther', async () => {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await withFolder(async (folder) => {
      const file = join(folder, 'headers');
      writeFileSync(file, '# of the test system\nx-tenant: from-file\n\nx-trace: from-file\n');
      process.env.MCP_REPLAY_HEADERS = 'authorization: Bearer from-environment\nx-tenant: from-environment';
      const { target, secrets } = remoteOf(`http://127.0.0.1:${port}/mcp`, {
        headers: file,
        header: ['X-Trace: from-line'],
        node: [`b=http://127.0.0.1:${port}/mcp`],
      });
      for (const one of [target, target.nodes?.get('b')]) {
        const answer = await one?.exchange({ method: 'GET', headers: {} }, new AbortController().signal);
        for await (const _chunk of answer?.body ?? []);
      }
      assert.deepEqual(secrets, ['Bearer from-environment', 'from-file', 'from-line']);
    });
  } finally {
    delete process.env.MCP_REPLAY_HEADERS;
    server.close();
  }
  assert.equal(seen.length, 2);
  for (const headers of seen) {
    assert.equal(headers.authorization, 'Bearer from-environment');
    assert.equal(headers['x-tenant'], 'from-file');
    assert.equal(headers['x-trace'], 'from-line');
  }
});

test('a hook is a command of the shell, run when it is asked for', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'ran');
    const { target } = remoteOf(URL_OF_SERVER, { hook: [`mark=echo done > ${file}`, 'fails=exit 3'] });
    assert.throws(() => readFileSync(file));
    await target.hooks?.get('mark')?.();
    assert.equal(readFileSync(file, 'utf8'), 'done\n');
    await assert.rejects(async () => target.hooks?.get('fails')?.());
  }));

test('what is wrong is told, and never the value of a header', () =>
  withFolder((folder) => {
    const file = join(folder, 'headers');
    writeFileSync(file, 'x: fine\nsecret-without-a-name\n');
    const told = (values: Parameters<typeof remoteOf>[1], url: string | undefined = URL_OF_SERVER) => {
      try {
        remoteOf(url, values);
      } catch (error) {
        assert.ok(error instanceof Usage || error instanceof BadFile);
        return error.message.replaceAll(folder, '');
      }
      return assert.fail('it was taken');
    };
    assert.equal(told({ headers: file }), '/headers:2: expected "name: value"');
    assert.match(told({ headers: join(folder, 'none') }), /^\/none:1: ENOENT/);
    assert.equal(told({ header: ['secret'] }), '--header:1: expected "name: value"');
    assert.match(told({ node: ['nowhere'] }), /^--node is like "b=http/);
    assert.match(told({ node: ['b=ftp://x'] }), /"ftp:\/\/x" is not an http URL/);
    assert.match(told({ hook: ['restart'] }), /^--hook is like/);
    assert.match(told({}, 'not a url'), /"not a url" is not an http URL/);
  }));
