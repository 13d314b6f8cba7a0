import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { RUNTIMES, startServer } from './start.ts';

// The least that is laid out like server.ts: a default export with `fetch`, and an adapter that only Node imports.
const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-start-'));
const entry = join(folder, 'entry.mjs');
const broken = join(folder, 'broken.mjs');
mkdirSync(join(folder, 'server'));
writeFileSync(broken, "throw new Error('broken on purpose');");
writeFileSync(
  join(folder, 'server/node.ts'),
  `import { createServer } from 'node:http';
import process from 'node:process';
export function listen(fetch) {
  createServer(async (request, response) => {
    const answer = await fetch(new Request('http://127.0.0.1' + request.url), process.env);
    response.writeHead(answer.status).end(await answer.text());
  }).listen(Number(process.env.MCP_PORT), '127.0.0.1');
}`,
);
writeFileSync(
  entry,
  `const settings = globalThis.process?.env ?? {};
function fetch(request, env) {
  const { pathname } = new URL(request.url);
  const greeting = settings.MCP_GREETING ?? env?.MCP_GREETING;
  return pathname === '/health' ? new Response('ok') : new Response(greeting);
}
export default { port: Number(settings.MCP_PORT), hostname: '127.0.0.1', fetch };
if (navigator.userAgent.startsWith('Node.js')) (await import('./server/node.ts')).listen(fetch);`,
);
after(() => rmSync(folder, { recursive: true, force: true }));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const runtime of RUNTIMES) {
  test(`${runtime}: a started server answers with its settings and is gone after stop`, async () => {
    const greeting = 'say "hello" \\ é';
    const server = await startServer({ runtime, entry, env: { MCP_GREETING: greeting } });
    assert.equal(server.url, `http://127.0.0.1:${server.port}/mcp`);
    assert.equal(await (await fetch(server.url)).text(), greeting);
    assert.ok(isAlive(server.pid));
    await server.stop();
    assert.ok(!isAlive(server.pid));
  });

  test(`${runtime}: an entry that throws rejects with what it printed`, async () => {
    await assert.rejects(startServer({ runtime, entry: broken }), /before it was ready[\s\S]*broken on purpose/);
  });
}

test('a port in use is refused', async () => {
  const first = await startServer({ runtime: 'bun', entry });
  await assert.rejects(startServer({ runtime: 'bun', entry, port: first.port }), /is not free/);
  await first.kill();
});
