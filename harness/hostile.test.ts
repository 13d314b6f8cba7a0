/** Targets that are no MCP servers, or bad ones: each gets a verdict within a bound, and none ends or hangs the harness. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const NODE = join(HERE, '../node_modules/.bin/node');

interface Ended {
  code: number | null;
  output: string;
}

async function against(server: Server, ...args: string[]): Promise<Ended> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await replayed(`http://127.0.0.1:${port}/mcp`, args).ended;
  } finally {
    server.close();
    (server as Partial<{ closeAllConnections(): void }>).closeAllConnections?.();
  }
}

function replayed(url: string, args: string[]) {
  const child = spawn(NODE, [join(HERE, 'run.ts'), url, '--timeout', '300', ...args]);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, output })));
  return { child, ended };
}

const http = (listener: RequestListener) => createServer(listener);

test('no answer at all: exit code 3', async () => {
  const { code, output } = await against(http(() => {}));
  assert.equal(code, 3, output);
  assert.match(output, /is no MCP server that answers: no end of the answer within 300 ms/);
});

test('connections that are closed at once: exit code 3', async () => {
  const { code, output } = await against(createSocketServer((socket) => socket.destroy()));
  assert.equal(code, 3, output);
});

test('a redirect: exit code 3, and where to', async () => {
  const { code, output } = await against(
    http((_request, response) => response.writeHead(301, { location: 'https://elsewhere.example/mcp' }).end()),
  );
  assert.equal(code, 3, output);
  assert.match(output, /it redirects to https:\/\/elsewhere\.example\/mcp/);
});

test('a page of HTML: exit code 3', async () => {
  const { code, output } = await against(
    http((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>')),
  );
  assert.equal(code, 3, output);
  assert.match(output, /it answered 200 with a page of HTML/);
});

test('no HTTP at all: exit code 3', async () => {
  const { code, output } = await against(
    createSocketServer((socket) => socket.on('error', () => {}).end('SSH-2.0-x\r\n')),
  );
  assert.equal(code, 3, output);
});

test('an empty answer to everything: exit code 5, for nothing speaks MCP', async () => {
  const { code, output } = await against(http((_request, response) => response.writeHead(404).end()));
  assert.equal(code, 5, output);
});

for (const [name, type, endless] of [
  ['comments', 'text/event-stream', ': still here\n\n'],
  ['events that are no messages', 'text/event-stream', 'data: hello\n\n'],
  ['a stream that is no event stream', 'text/event-stream', '\u0000\u0001\u0002binary'],
  ['one line that never ends', 'text/event-stream', `data: ${'x'.repeat(1000)}`],
  ['JSON that never ends', 'application/json', '[[[[[[[['],
] as const) {
  test(`endless ${name}: red within the bound`, { timeout: 120_000 }, async () => {
    const { code, output } = await against(
      http((_request, response) => {
        response.writeHead(200, { 'content-type': type });
        const timer = setInterval(() => response.write(endless), 20);
        response.once('close', () => clearInterval(timer));
      }),
      '--revision',
      '2025-11-25',
      '--quiet',
    );
    assert.ok(code === 1 || code === 3, `${code}: ${output.slice(-2000)}`);
  });
}

test('bytes as fast as they are taken: red within the bound', { timeout: 120_000 }, async () => {
  const flood = Buffer.alloc(65_536, 'data: x\n\n');
  const { code, output } = await against(
    http((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const pour = () => {
        while (!response.destroyed && response.write(flood));
        response.once('drain', pour);
      };
      pour();
    }),
    '--revision',
    '2025-11-25',
    '--quiet',
  );
  assert.ok(code === 1 || code === 3, `${code}: ${output.slice(-2000)}`);
});

test('a server that hangs after the handshake: red, with an end', { timeout: 120_000 }, async () => {
  const { code, output } = await against(
    http((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.once('end', () => {
        if (body.includes('"initialize"'))
          response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': crypto.randomUUID() }).end(
            JSON.stringify({
              jsonrpc: '2.0',
              id: JSON.parse(body).id,
              result: {
                protocolVersion: '2025-11-25',
                capabilities: {},
                serverInfo: { name: 'hanging', version: '1' },
              },
            }),
          );
        else if (body.includes('notifications/')) response.writeHead(202).end();
      });
    }),
    '--revision',
    '2025-11-25',
    '--quiet',
  );
  assert.equal(code, 1, output.slice(-2000));
});

test('Ctrl-C prints what is known so far', { timeout: 60_000 }, async () => {
  // Answers a few requests and then no more, so that the run cannot end by itself before it is interrupted.
  const stuck = Promise.withResolvers<void>();
  let asked = 0;
  const server = http((_request, response) => {
    if (++asked > 30) stuck.resolve();
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { child, ended } = replayed(`http://127.0.0.1:${port}/mcp`, [
    '--at-once',
    '1',
    '--reporter',
    'tap',
    // It is the signal that ends the run, not a request that took long.
    '--timeout',
    '30000',
  ]);
  try {
    await Promise.race([stuck.promise, ended]);
    child.kill('SIGINT');
    const { code, output } = await ended;
    assert.match(output, /^TAP version 14\n1\.\.\d+\n(?:ok|not ok) 1 - /);
    assert.match(output, /^not ok /m);
    assert.equal(code, 1);
  } finally {
    child.kill('SIGKILL');
    server.close();
    server.closeAllConnections();
  }
});
