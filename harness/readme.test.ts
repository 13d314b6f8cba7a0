/** README does what it says: its commands are run, its tool is added and called, its table is the code's. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withKnobs } from '../.ci/knobs.ts';
import { type RunningServer, startServer } from './runtimes/start.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const readme = readFileSync(`${ROOT}README.md`, 'utf8');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((found) => found[1] ?? '');
const inline = [...readme.matchAll(/`((?:npm|node|bun|deno) [^`]+)`/g)].map((found) => found[1] ?? '');
const commands = [...blocks('sh').flatMap((block) => block.trim().split('\n')), ...inline];

/** A copy of the project, as a clone would be, with the packages that are installed. */
const copy = mkdtempSync(join(tmpdir(), 'portable-mcp-readme-'));
const servers: RunningServer[] = [];
after(async () => {
  for (const server of servers) await server.kill();
  rmSync(copy, { recursive: true, force: true });
});

/** Starts as the command says, but on a free port, and answers once it serves. */
async function serve(command: string): Promise<RunningServer> {
  const runtime = /^(npm|node)/.test(command) ? 'node' : command.startsWith('bun') ? 'bun' : 'deno';
  const server = await startServer({ runtime, entry: 'server.ts' });
  servers.push(server);
  return server;
}

const echo = (origin: string): unknown => {
  const curl = commands.find((command) => command.startsWith('curl ')) ?? '';
  assert.match(curl, /127\.0\.0\.1:3000/);
  return JSON.parse(execFileSync('bash', ['-c', curl.replace('http://127.0.0.1:3000', origin)], { encoding: 'utf8' }));
};

test('the table of knobs is the one in server/config.ts', () => {
  assert.equal(withKnobs(readme), readme, 'run `npm run knobs`');
});

test('every command is known to this test, so that none goes unrun', () => {
  const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { scripts: Record<string, string> };
  const { tasks } = JSON.parse(readFileSync(`${ROOT}deno.json`, 'utf8')) as { tasks: Record<string, string> };
  for (const command of commands) {
    if (command.startsWith('curl ')) continue;
    const [program, verb, script] = command.split(' ');
    if (program === 'npm') assert.ok(scripts[(verb === 'run' ? script : verb) ?? ''], command);
    else if (command.startsWith('deno task')) assert.ok(tasks[script ?? ''], command);
    else assert.match(command, /^(bun run|node|deno serve -A( --host [\d.]+ --port \d+)?) server\.ts$/, command);
  }
  assert.equal(tasks.start, 'deno serve -A --host 127.0.0.1 --port 3000 server.ts');
  assert.equal(scripts.start, 'node server.ts');
  assert.equal(scripts.prestart, 'node .ci/ready.mjs');
});

for (const command of ['npm start', 'bun run server.ts', 'deno task start']) {
  test(`after \`${command}\` the curl of README is answered`, async () => {
    const server = await serve(command);
    const answer = echo(server.origin) as { result: { content: unknown } };
    assert.deepEqual(answer.result.content, [{ type: 'text', text: 'hello' }]);
  });
}

test('the harness of README finds no broken rule in this server', async () => {
  const command = commands.find((one) => one.startsWith('npm run harness ')) ?? '';
  const server = await serve('node server.ts');
  const output = execFileSync('bash', ['-c', command.replace('http://127.0.0.1:3000', server.origin)], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  assert.match(output, /: (?:\d+ (?:note|untestable|skip), )*\d{3,} pass; \d{4,} checks\n$/);
});

test('the load of README finds nothing wrong with this server', { timeout: 60_000 }, async () => {
  const command = commands.find((one) => one.startsWith('npm run load ')) ?? '';
  const server = await serve('node server.ts');
  const out = mkdtempSync(join(tmpdir(), 'portable-mcp-readme-load-'));
  const started = `${command.replace('http://127.0.0.1:3000', server.origin)} --out ${out}`;
  const output = execFileSync('bash', ['-c', started], { cwd: ROOT, encoding: 'utf8' });
  assert.match(output, /^result: passed$/m);
  assert.deepEqual(
    readdirSync(out).map((file) => file.replace(/^smoke-.*\./, '')),
    ['html', 'json'],
  );
  rmSync(out, { recursive: true });
});

test('the doctor of README finds nothing wrong with this server', async () => {
  const command = commands.find((one) => one.startsWith('npm run doctor -- ')) ?? '';
  const server = await serve('node server.ts');
  const output = execFileSync('bash', ['-c', command.replace('http://127.0.0.1:3000', server.origin)], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  assert.match(output, /^0 errors?, 0 warnings?, /m);
});

test('the guide for operators names files and knobs that are there, and each threat a test', () => {
  const guide = readFileSync(`${ROOT}server/operations/README.md`, 'utf8');
  for (const [, path = ''] of guide.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
    assert.ok(existsSync(join(ROOT, 'server/operations', path)), path);
  }
  for (const [, knob = ''] of guide.matchAll(/`(MCP_\w+)/g)) assert.ok(readme.includes(`\`${knob}\``), knob);
  const threats = guide.slice(guide.indexOf('## Threats')).split('\n').slice(4).filter(Boolean);
  assert.ok(threats.length > 10);
  for (const row of threats) {
    const [, , held = ''] = row.split('|').slice(1);
    for (const [, name = ''] of held.matchAll(/`([^`]+)`/g)) {
      const files = name.endsWith('.ts') ? [name] : globSync(`harness/scenarios/${name}yaml`, { cwd: ROOT });
      assert.ok(files.length > 0 && files.every((file) => existsSync(join(ROOT, file))), `${name} in ${row}`);
    }
    assert.match(held, /`/, row);
  }
});

test('the tool of README, added as README says, is listed and can be called', async () => {
  for (const entry of ['server.ts', 'server', 'tools', 'package.json', 'deno.json']) {
    cpSync(join(ROOT, entry), join(copy, entry), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const tool = blocks('ts').find((block) => block.startsWith('// tools/dice.ts')) ?? '';
  assert.ok(tool.trim().split('\n').length <= 14, 'about ten lines');
  writeFileSync(join(copy, 'tools/dice.ts'), tool);
  const mod = readFileSync(join(copy, 'tools/mod.ts'), 'utf8');
  const line = /one line `(import [^`]+)`/.exec(readme)?.[1] ?? '';
  writeFileSync(join(copy, 'tools/mod.ts'), `${line}\n${mod.replace('return [', 'return [dice, ')}`);

  const server = await startServer({ runtime: 'node', entry: join(copy, 'server.ts') });
  servers.push(server);
  const call = async (method: string, params: object) => {
    const name = (params as { name?: string }).name;
    const response = await fetch(server.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        ...(name !== undefined && { 'mcp-name': name }),
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method,
        params: {
          ...params,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    return ((await response.json()) as { result: Record<string, unknown> }).result;
  };
  const { tools } = await call('tools/list', {});
  assert.ok((tools as { name: string }[]).some(({ name }) => name === 'roll_dice'));
  const { content } = await call('tools/call', { name: 'roll_dice', arguments: { sides: 2 } });
  assert.match((content as { text: string }[])[0]?.text ?? '', /^It shows [12]$/);
});
