/** Sessions of real clients are recorded and replayed on every runtime; what the proxy passes on, and what two servers differ in. */

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { Arrivals } from './clients/arrivals.ts';
import { eventually } from './clients/eventually.ts';
import { type Peer, type PeerKind, SDK_V1, SDK_V2 } from './clients/peers.ts';
import { differences } from './commands/diff.ts';
import type { Outcome, Verdict } from './replay/outcome.ts';
import { readScenarios } from './replay/read.ts';
import { variable } from './replay/recorded-values.ts';
import { yamlOf } from './replay/recorded-yaml.ts';
import { type Recorder, startRecorder } from './replay/recorder.ts';
import { type Recording, recordingOf } from './replay/recording.ts';
import { defineScenario, type Step } from './replay/scenario.ts';
import { RUNTIMES, type RunningServer, type Runtime, startServer } from './runtimes/start.ts';

const HARNESS = fileURLToPath(new URL('.', import.meta.url));
const NODE = join(HARNESS, '../node_modules/.bin/node');
const folder = mkdtempSync(join(tmpdir(), 'recorded-'));
const servers = new Map<Runtime, RunningServer>();
const listening: Server[] = [];

before(async () => {
  await Promise.all(
    RUNTIMES.map(async (runtime) => {
      servers.set(runtime, await startServer({ runtime, entry: 'harness/everything.ts', env: { MCP_RETRY: '50' } }));
    }),
  );
});

after(async () => {
  for (const server of listening) {
    server.closeAllConnections();
    server.close();
  }
  await Promise.all([...servers.values()].map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

function server(runtime: Runtime): RunningServer {
  const found = servers.get(runtime);
  assert.ok(found, `${runtime} was started`);
  return found;
}

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function harness(...args: string[]): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(NODE, [join(HARNESS, 'run.ts'), ...args], { timeout: 50_000 }, (_error, out, err) =>
      done({ code: child.exitCode, out, err }),
    );
  });
}

/** Runs a session through a recorder. */
async function recorded(upstream: string, id: string, use: (url: string) => Promise<void>): Promise<Recording> {
  const recorder = await startRecorder({ upstream: new URL(upstream) });
  try {
    await use(recorder.url);
  } finally {
    await recorder.close();
  }
  const recording = recordingOf(recorder.exchanges, { id, host: new URL(upstream).host });
  assert.ok(recording, 'something was said');
  return recording;
}

function fileOf({ scenario }: Recording): string {
  const file = join(folder, `${scenario.id}.yaml`);
  writeFileSync(file, yamlOf(scenario));
  assert.deepEqual(readScenarios([file]), [scenario], 'the file says all of it');
  return file;
}

async function withPeer(kind: PeerKind, url: string, use: (peer: Peer) => Promise<void>): Promise<void> {
  const peer = await kind.connect(url);
  try {
    await use(peer);
  } finally {
    await peer.close();
  }
}

/** Every step, also those within others. */
function flat(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => [step, ...(step.parallel ?? []).flatMap(flat)]);
}

/** What most clients do most of the time. */
async function everyday(peer: Peer): Promise<void> {
  const seen: number[] = [];
  await peer.tools();
  await peer.call('test_tool_with_progress', {}, { onProgress: (step) => seen.push(step) });
  assert.deepEqual(seen, [0, 50, 100]);
  assert.match((await peer.call('test_elicitation', { message: 'Who are you?' })).text, /action=accept/);
  await peer.read('test://static-text');
  await peer.prompt('test_prompt_with_arguments', { arg1: 'a', arg2: 'b' });
  await peer.complete('test://template/{id}/data', 'id', '12');
  await assert.rejects(peer.read('test://not-there'));
  await Promise.all([peer.call('echo', { text: 'one' }), peer.call('echo', { text: 'two' })]);
}

describe('sessions of real clients replay on every runtime', () => {
  const files: string[] = [];

  test('SDK v1: the steps are those that it took', async () => {
    const recording = await recorded(server('node').url, 'recorded.sdk-v1', (url) =>
      withPeer(SDK_V1, url, async (peer) => {
        await everyday(peer);
        assert.match((await peer.call('test_reconnection')).text, /completed/);
      }),
    );
    files.push(fileOf(recording));
    const { revisions, steps } = recording.scenario;
    const all = flat(steps);
    assert.equal(revisions, '2025-11-25');
    assert.deepEqual(recording.remarks, []);
    const said = all.flatMap(({ http, open }) => (http ?? open)?.post?.rpc?.method ?? []);
    const methods = ['tools/list', 'resources/read', 'prompts/get', 'completion/complete', 'resources/read'];
    assert.deepEqual(
      said.filter((method) => method !== 'tools/call'),
      methods,
    );
    assert.equal(all.filter(({ http }) => http?.delete).length, 1);
    assert.equal(all.filter(({ open }) => open?.get).length, 1);
    const answers = all.flatMap(({ answer }) => answer ?? []);
    assert.deepEqual(
      answers.map(({ rpc, result }) => ({ rpc, result })),
      [
        {
          rpc: { method: 'elicitation/create' },
          result: { action: 'accept', content: { username: 'ada', email: 'ada@example.com' } },
        },
      ],
    );
    const [resume] = all.flatMap((step) => step.resume ?? []);
    const reconnected = all.find(({ open }) => JSON.stringify(open ?? {}).includes('test_reconnection'));
    assert.equal(resume?.from, reconnected?.open?.as);
    const progress = all.find(({ frames }) => JSON.stringify(frames ?? []).includes('progress'));
    assert.equal(progress?.frames?.length, 5);
    assert.ok((progress?.within?.max ?? 0) >= 1000);
  });

  test('SDK v2: what the server asks goes back with its state', async () => {
    const recording = await recorded(server('node').url, 'recorded.sdk-v2', (url) => withPeer(SDK_V2, url, everyday));
    files.push(fileOf(recording));
    const { revisions, steps } = recording.scenario;
    assert.equal(revisions, '2026-07-28');
    const text = JSON.stringify(flat(steps));
    assert.match(text, /"requestState":\{"\$type":"string","\$capture":"state"\}/);
    assert.match(text, /"requestState":"\$\{state\}"/);
    assert.match(text, /"method":"server\/discover"/);
    assert.doesNotMatch(text, /mcp-method|mcp-name|mcp-protocol-version/, 'a run completes the headers');
  });

  test('SDK v1: streams that broke under the client', async () => {
    const recording = await recorded(server('node').url, 'recorded.cut', (url) =>
      withPeer(SDK_V1, url, async (peer) => {
        const seen: number[] = [];
        const { exchanges } = peer.tap;
        const onProgress = (step: number) => {
          seen.push(step);
          if (step === 5) exchanges.all.find(({ called }) => called === 'tools/call')?.cut();
          if (step === 10) exchanges.all.findLast(({ lastEventId }) => lastEventId !== null)?.cut();
        };
        await peer.call('countdown', { from: 15, every_ms: 20 }, { onProgress });
        assert.deepEqual(
          seen,
          Array.from({ length: 15 }, (_, index) => index + 1),
        );
      }),
    );
    files.push(fileOf(recording));
    const all = flat(recording.scenario.steps);
    const cuts = all.flatMap(({ cut }) => cut?.stream ?? []);
    const resumed = all.flatMap(({ resume }) => resume ?? []);
    assert.deepEqual(
      resumed.map(({ from }) => from),
      cuts.slice(0, 2),
    );
    // The client had read as far as that, whatever else was on its way.
    for (const { last_event_id } of resumed) assert.match(last_event_id ?? '', /^\$\{eventId\d*\}$/);
  });

  test('two clients at the same time, each in its session', async () => {
    const recording = await recorded(server('node').url, 'recorded.two', async (url) => {
      const peers = await Promise.all([SDK_V1.connect(url), SDK_V1.connect(url)]);
      await Promise.all(peers.map((peer) => peer.call('test_elicitation', { message: 'Who are you?' })));
      for (const peer of peers) await peer.close();
    });
    files.push(fileOf(recording));
    const all = flat(recording.scenario.steps);
    assert.deepEqual(all.flatMap(({ use, as }) => (use ? [as] : [])).sort(), ['session1', 'session2']);
    assert.deepEqual(all.flatMap(({ answer }) => answer?.session ?? []).sort(), ['session1', 'session2']);
    assert.ok(all.some(({ parallel }) => parallel));
  });

  for (const runtime of RUNTIMES) {
    test(`${runtime}: all of them are green`, async () => {
      const { code, out, err } = await harness('run', ...files, '--url', server(runtime).url);
      assert.equal(code, 0, `${out}${err}`);
      for (const id of ['sdk-v1', 'sdk-v2', 'cut', 'two']) assert.match(out, new RegExp(`^ok +recorded\\.${id} `, 'm'));
    });
  }

  test('a server that says something else is found out', async () => {
    const [file = ''] = files;
    const changed = join(folder, 'changed.yaml');
    const text = readFileSync(file, 'utf8');
    for (const [from, to] of [
      ['progress: 50,', 'progress: 51,'],
      ['isError: { $not: true }', 'isError: true'],
      ['This is the content of the static', 'This was the content of the static'],
      ['email: ada@example.com', 'email: somebody@example.com'],
    ] as const) {
      assert.ok(text.includes(from), from);
      writeFileSync(changed, text.replace(from, to));
      const { code, out } = await harness('run', changed, '--url', server('node').url);
      assert.equal(code, 1, `${from}: ${out}`);
    }
  });
});

// ---- the command -----------------------------------------------------------------------------------

/** The command, once it records. */
interface Started {
  child: ChildProcess;
  url: string;
  ended: Promise<Ended>;
}

function started(...args: string[]): Promise<Started> {
  return startedIn(HARNESS, ...args);
}

async function startedIn(cwd: string, ...args: string[]): Promise<Started> {
  const child = spawn(NODE, [join(HARNESS, 'run.ts'), 'record', ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  const lines = new Arrivals<string>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    lines.add(text);
  });
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, out, err })));
  const line = await lines.first((text) => text.includes(' records what goes to '));
  return { child, url: line.split(' ')[0] ?? '', ended };
}

test('record writes at SIGTERM what was said, and no secret', async () => {
  const token = 'tok-5f2e9a71c4d8';
  const key = 'key-of-a-tenant-77';
  const out = join(folder, 'session.scenario.yaml');
  const { child, url, ended } = await started(
    '--upstream',
    server('node').url,
    '--out',
    out,
    '--secret',
    'X-Tenant-Key',
  );
  const client = new Client({ name: 'client', version: '1.0.0' });
  const headers = {
    authorization: `Bearer ${token}`,
    'x-tenant-key': key,
    'x-api-key': `api-${token}`,
    cookie: `sid=cookie-${token}`,
  };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }) as Transport);
  // Neither where the client says it, nor where the server says it again.
  const text = `${key} and ${token} and Bearer 0123456789abcdef and eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl`;
  await client.callTool({ name: 'echo', arguments: { text } });
  // The client's stream is still open.
  child.kill('SIGTERM');
  const { code, err } = await ended;
  await client.close();
  assert.equal(code, 0, err);
  const written = readFileSync(out, 'utf8');
  for (const secret of [token, key, '0123456789abcdef', 'eyJhbGciOi']) assert.ok(!written.includes(secret), secret);
  assert.match(written, /text: .*\*\*\*/);
  assert.match(err, /\*\*\* stands for a secret/);
  assert.match(written, /^# \*\*\* stands for a secret/m);
  assert.doesNotMatch(written, /\$schema/, 'the file is far from the schema');
  const replayed = await harness('run', out, '--url', server('node').url);
  assert.equal(replayed.code, 0, `${replayed.out}${replayed.err}`);
});

test('record ends when nothing is said any more, and writes to standard output', async () => {
  const { url, ended } = await started('--upstream', server('node').url, '--id', 'a.session', '--until-idle', '300');
  await withPeer(SDK_V2, url, async (peer) => void (await peer.tools()));
  const { code, out, err } = await ended;
  assert.equal(code, 0, err);
  assert.match(out, /^id: a\.session\ntitle: as sdk-v2 1\.0\.0 said it\nrevisions: 2026-07-28\n/);
  assert.match(err, /2 exchanges in 2 steps\n$/);
});

test('the file names the schema where both are in the folder that is worked in', async () => {
  const out = join(folder, 'beside.yaml');
  const { child, url, ended } = await startedIn('/', '--upstream', server('node').url, '--out', out);
  await withPeer(SDK_V2, url, async (peer) => void (await peer.tools()));
  child.kill('SIGINT');
  assert.equal((await ended).code, 0);
  const [, path = ''] = /^# yaml-language-server: \$schema=(.+)\n/.exec(readFileSync(out, 'utf8')) ?? [];
  assert.equal(resolve(folder, path), join(HARNESS, 'scenario.schema.json'));
});

test('record says what is wrong with its arguments, and that nothing was said', async () => {
  const upstream = server('node').url;
  for (const [args, told] of [
    [[], /--upstream is missing/],
    [['--upstream', 'ftp://127.0.0.1'], /must be an http URL/],
    [['--upstream', upstream, '--port', '70000'], /--port must be 0 to 65535/],
    [['--upstream', upstream, '--port', String(server('bun').port)], /--port \d+ of 127\.0\.0\.1 cannot be had/],
    [['--upstream', upstream, '--id', 'A b'], /--id: an id is like/],
    [['--upstream', upstream, '--until-idle', 'soon'], /--until-idle must be a number/],
    [['--upstream', upstream, '--out', join(folder, 'none', 'x.yaml')], /there is no folder/],
    [['--upstream', upstream, '--loud'], /--loud/],
  ] as const) {
    const { code, err } = await harness('record', ...args);
    assert.equal(code, 2, err);
    assert.match(err, told);
  }
  const { child, ended } = await started('--upstream', upstream);
  child.kill('SIGINT');
  const { code, err } = await ended;
  assert.equal(code, 5);
  assert.match(err, /nothing was said that can be replayed/);
});

// ---- the proxy ---------------------------------------------------------------------------------------

async function listen(handle: RequestListener, port = 0): Promise<URL> {
  const server = createServer(handle);
  listening.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
}

async function proxied(upstream: URL, use: (url: string, recorder: Recorder) => Promise<void>): Promise<void> {
  const recorder = await startRecorder({ upstream });
  try {
    await use(recorder.url, recorder);
  } finally {
    await recorder.close();
  }
}

function opened(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(url, { headers, agent: false }, resolve).once('error', reject));
}

/** Everything of an answer but what belongs to the connection. */
async function all(url: string, method: string, headers: Record<string, string>, body?: Buffer) {
  const answer = await new Promise<IncomingMessage>((resolve, reject) =>
    request(url, { method, headers, agent: false }, resolve).once('error', reject).end(body),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  const { rawHeaders, statusCode, statusMessage } = answer;
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  const kept = names.flatMap((name, index) =>
    /^(?:date|connection|keep-alive|transfer-encoding)$/i.test(name) ? [] : [[name, rawHeaders[index * 2 + 1]]],
  );
  return { statusCode, statusMessage, headers: kept, body: Buffer.concat(chunks).toString('hex') };
}

describe('the proxy', () => {
  test('passes on every byte and header, in both directions', async () => {
    const upstream = await listen(async (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      outgoing.writeHead(299, 'Very Fine', [
        ...['Content-Type', 'text/event-stream', 'X-Twice', 'a', 'X-Twice', 'b', 'X-Host', incoming.headers.host ?? ''],
        ...['X-Seen', JSON.stringify([incoming.method, incoming.url, incoming.headers['x-said'], incoming.headers.te])],
        ...['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
      ]);
      outgoing.write(Buffer.from('efbbbf646174613a20c3', 'hex'));
      outgoing.write(Buffer.concat([Buffer.from('a40d0dff00', 'hex'), ...chunks]));
      outgoing.end(': comment\r\r\n');
    });
    await proxied(upstream, async (url) => {
      for (const [method, body] of [
        ['POST', Buffer.from('7b22ff0d0a', 'hex')],
        ['DELETE', undefined],
        ['GET', undefined],
      ] as const) {
        const headers = { 'X-Said': 'é as it is', TE: 'trailers' };
        const direct = await all(`${upstream}?q=1`, method, headers, body);
        const through = await all(`${url}?q=1`, method, headers, body);
        const { te: _te, ...seen } = Object.fromEntries(direct.headers.map(([name, value]) => [name, value]));
        assert.equal(seen['X-Host'], upstream.host);
        // The one thing that is not passed on belongs to the connection.
        const expected = JSON.parse(JSON.stringify(direct).replace(',\\"trailers\\"]', ',null]'));
        assert.deepEqual(through, expected);
      }
    });
  });

  test('holds nothing back: not the head, not a piece of a stream, not that the client left', async () => {
    const left = Promise.withResolvers<void>();
    const piece = Promise.withResolvers<void>();
    const head = Promise.withResolvers<void>();
    const upstream = await listen(async (_incoming, outgoing) => {
      outgoing.on('close', left.resolve);
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      await head.promise;
      outgoing.write('data: 1\n\n');
      await piece.promise;
      outgoing.write('data: 2\n\n');
    });
    await proxied(upstream, async (url, recorder) => {
      const answer = await opened(url);
      const seen: string[] = [];
      const got = new Arrivals<string>();
      answer.setEncoding('utf8').on('data', (text: string) => got.add(text));
      answer.on('error', () => {});
      head.resolve();
      seen.push(await got.first((text) => text.includes('1')));
      piece.resolve();
      seen.push(await got.first((text) => text.includes('2')));
      assert.deepEqual(seen, ['data: 1\n\n', 'data: 2\n\n']);
      answer.destroy();
      await left.promise;
      const [exchange] = recorder.exchanges;
      assert.ok(exchange?.leftAt !== undefined);
    });
  });

  test('a client that does not read slows the server down', async () => {
    const piece = Buffer.alloc(64 * 1024, 'x');
    let sent = 0;
    let stalled = false;
    const upstream = await listen((_incoming, outgoing) => {
      const write = () => {
        while (sent < 256 * 1024 * 1024) {
          sent += piece.length;
          if (outgoing.write(piece)) continue;
          stalled = true;
          outgoing.once('drain', () => {
            stalled = false;
            write();
          });
          return;
        }
      };
      write();
    });
    await proxied(upstream, async (url) => {
      const answer = await opened(url);
      answer.pause();
      let before = -1;
      await eventually(
        () => {
          const standsStill = stalled && sent === before;
          before = sent;
          return standsStill;
        },
        (still) => still,
      );
      assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken in`);
      answer.on('error', () => {});
      answer.destroy();
    });
  });

  test('a server that is not there is a 502, and one that breaks off is broken off; the proxy stays', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const upstream = new URL(`http://127.0.0.1:${port}/mcp`);
    await proxied(upstream, async (url, recorder) => {
      assert.equal((await fetch(url, { method: 'POST', body: '{}' })).status, 502);
      await listen((incoming, outgoing) => {
        if (incoming.method === 'DELETE') outgoing.end('here');
        else outgoing.write('half', () => outgoing.destroy());
      }, port);
      await assert.rejects(fetch(url).then((response) => response.text()));
      assert.equal(await (await fetch(url, { method: 'DELETE' })).text(), 'here');
      const recording = recordingOf(recorder.exchanges);
      assert.match(recording?.remarks.join() ?? '', /^left out: POST: the server did not answer: .*ECONNREFUSED/);
    });
  });

  test('is for its own host, and its own path is what is recorded', async () => {
    const upstream = await listen((incoming, outgoing) => outgoing.end(incoming.url));
    await proxied(upstream, async (url, recorder) => {
      const { port } = new URL(url);
      for (const [host, status] of [
        [`127.0.0.1:${port}`, 200],
        [`localhost:${port}`, 200],
        ['evil.example', 403],
        [`127.0.0.1.evil.example:${port}`, 403],
      ] as const) {
        const { statusCode } = await all(url, 'GET', { host });
        assert.equal(statusCode, status, host);
      }
      const elsewhere = await fetch(new URL('/.well-known/oauth-protected-resource', url));
      assert.equal(await elsewhere.text(), '/.well-known/oauth-protected-resource');
      assert.equal(recorder.exchanges.length, 2);
      assert.deepEqual(recorder.leftOut, ['GET /.well-known/oauth-protected-resource: another path']);
    });
  });
});

// ---- values that are new each time -------------------------------------------------------------------

/** A server whose words are new in each session. */
function changing(): RequestListener {
  const jobs = new Map<string, number>();
  return async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    if (incoming.method !== 'POST') return void outgoing.writeHead(405, { allow: 'POST' }).end();
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString());
    if (id === undefined) return void outgoing.writeHead(202).end();
    const given = params?.arguments?.job ?? params?.cursor;
    let result: unknown;
    if (method === 'initialize')
      result = {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'changing', version: String(Date.now()) },
      };
    else if (method === 'tools/list') {
      const known = given === undefined || jobs.has(given);
      const nextCursor = `page-${crypto.randomUUID()}`;
      jobs.set(nextCursor, 0);
      const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' };
      if (known)
        result = {
          tools: [
            {
              name: given === undefined ? 'start' : 'look',
              description: `it is ${variable('so')}`,
              inputSchema: schema,
            },
          ],
          ...(given === undefined && { nextCursor }),
        };
    } else if (params.name === 'start') {
      const job = String(Math.random()).slice(2);
      jobs.set(job, Date.now());
      const text = `Job ${crypto.randomUUID()} began at ${new Date().toISOString()}, after ${Math.random()} ms`;
      result = { content: [{ type: 'text', text }], structuredContent: { job, timestamp: Date.now() } };
    } else if (jobs.has(given)) {
      const done = Date.now() - (jobs.get(given) ?? 0) > 150;
      result = { content: [{ type: 'text', text: done ? 'done' : 'working' }], structuredContent: { job: given } };
    }
    const answer = result === undefined ? { error: { code: -32602, message: 'not known' } } : { result };
    outgoing
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  };
}

test('what a server makes anew each time is caught, or matched by its look', async () => {
  const upstream = await listen(changing());
  const recording = await recorded(upstream.href, 'recorded.changing', async (url) => {
    const client = new Client({ name: 'client', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
    const { nextCursor } = await client.listTools();
    assert.ok(nextCursor);
    await client.listTools({ cursor: nextCursor });
    const { structuredContent } = await client.callTool({ name: 'start', arguments: {} });
    const { job } = structuredContent as { job: string };
    await eventually(
      async () => JSON.stringify(await client.callTool({ name: 'look', arguments: { job } })),
      (text) => text.includes('done'),
    );
    await client.close();
  });
  const file = fileOf(recording);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /nextCursor: \{ \$type: string, \$capture: cursor \}/);
  assert.match(text, /cursor: "\$\{cursor\}"/);
  assert.match(text, /job: \{ \$type: string, \$capture: job \}/);
  assert.match(text, /arguments: \{ job: "\$\{job\}" \}/);
  assert.match(text, /wait: \d+/, 'the client waited for the job');
  assert.match(
    text,
    /\$oneOf:\s+- \{ content: \[ \{ type: text, text: working \} \].*\s+- .*text: done/,
    'it may be faster',
  );
  assert.match(text, /timestamp: \{ \$type: number \}/);
  const replayed = await harness('run', file, '--url', upstream.href);
  assert.equal(replayed.code, 0, `${replayed.out}${replayed.err}`);
});

// ---- diff --------------------------------------------------------------------------------------------

describe('diff', () => {
  test('two runtimes of this server are the same', async () => {
    const { code, out, err } = await harness(
      'diff',
      server('node').url,
      server('bun').url,
      '--only',
      'session.*,tools.*',
    );
    assert.equal(code, 0, `${out}${err}`);
    assert.match(out, /\n0 checks differ, \d{3,} are the same\n$/);
  });

  test('a server that breaks a rule is told apart, check by check', async () => {
    const right = server('node').url;
    // What is not found is called a bad request.
    const wrong = await listen(async (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const { host: _host, connection: _connection, ...headers } = incoming.headers as Record<string, string>;
      const asked = request(right, { method: incoming.method, headers, agent: false }, (answer) => {
        const gone = answer.statusCode === 404;
        outgoing.writeHead(gone ? 400 : (answer.statusCode ?? 500), answer.headers);
        answer.pipe(outgoing);
        outgoing.on('close', () => answer.destroy());
      });
      asked.end(body);
    });
    const file = join(folder, 'unknown.yaml');
    writeFileSync(
      file,
      yamlOf(
        defineScenario({
          id: 'session.unknown',
          title: 'a session that the server does not know',
          revisions: '>=2025-03-26 <2026-07-28',
          level: 'MUST',
          params: { id: ['x', 'y'] },
          steps: [
            { http: { get: { headers: { 'mcp-session-id': variable('id') } } }, expect: { status: 404 } },
            { name: 'initialize', use: 'ready' },
            { name: 'ping', http: { post: { rpc: { method: 'ping' } } }, expect: { status: 200 } },
          ],
        }),
      ),
    );
    const args = ['diff', right, wrong.href, file, '--header', 'x-key: very secret'];
    const pretty = await harness(...args);
    assert.equal(pretty.code, 1, pretty.err);
    assert.match(
      pretty.out,
      /\nsession\.unknown\n {2}A pass\n {2}B fail: step 1: status must be 404, got 400\n {2}in 2025-03-26, 2025-06-18, 2025-11-25; id="x", id="y"\n/,
    );
    assert.match(pretty.out, /\n6 checks differ, \d+ are the same\n$/);
    assert.doesNotMatch(pretty.out, /#ping/);
    const json = await harness(...args, '--reporter', 'json');
    assert.equal(json.code, 1);
    assert.doesNotMatch(json.out, /very secret/);
    const { differ, same }: { differ: { check: string; a: object; b: { verdict: string } }[]; same: number } =
      JSON.parse(json.out);
    assert.equal(differ.length, 6);
    assert.ok(same > 0);
    assert.deepEqual(differ[0]?.a, { verdict: 'pass' });
    assert.equal(differ[0]?.b.verdict, 'fail');
  });

  test('what one of them passes over is compared as a whole; what only one was looked at for is no difference', () => {
    const outcome = (verdict: Verdict, checks: [string, Verdict][], reason?: string): Outcome => ({
      scenario: 'a.b',
      title: '',
      revision: '2025-11-25',
      case: checks.length > 0 ? { n: 1 } : {},
      verdict,
      checks: checks.map(([id, own]) => ({
        id,
        level: 'MUST',
        requirement: [],
        verdict: own,
        why: own === 'pass' ? [] : ['so'],
      })),
      ...(reason !== undefined && { reason }),
      ms: 1,
      transcript: [],
    });
    const passing = [
      outcome('pass', [
        ['a.b', 'pass'],
        ['wire.json', 'pass'],
      ]),
    ];
    const skipped = [outcome('skip', [], 'has none')];
    assert.deepEqual(differences(passing, skipped), {
      differ: [
        {
          revision: '2025-11-25',
          scenario: 'a.b',
          case: {},
          check: 'a.b',
          a: { verdict: 'pass' },
          b: { verdict: 'skip', why: 'has none' },
        },
      ],
      same: 0,
    });
    assert.deepEqual(differences(passing, [outcome('pass', [['a.b', 'pass']])]), { differ: [], same: 2 });
    const failing = [
      outcome('fail', [
        ['a.b', 'pass'],
        ['wire.json', 'fail'],
      ]),
    ];
    const { differ, same } = differences(passing, failing);
    assert.deepEqual(
      differ.map(({ check, a, b }) => [check, a, b]),
      [['wire.json', { verdict: 'pass' }, { verdict: 'fail', why: 'so' }]],
    );
    assert.equal(same, 1);
    assert.deepEqual(differences(skipped, skipped), { differ: [], same: 1 });
  });

  test('says what is wrong with its arguments, and who does not answer', async () => {
    const { url } = server('node');
    const silent = await harness('diff', url, 'http://127.0.0.1:9/mcp', '--only', 'tools.list');
    assert.equal(silent.code, 3);
    assert.match(silent.err, /127\.0\.0\.1:9\/mcp does not answer/);
    assert.equal((await harness('diff', url)).code, 2);
    assert.equal((await harness('diff', url, 'not a url')).code, 2);
    assert.equal((await harness('diff', url, url, '--reporter', 'junit')).code, 2);
    assert.equal((await harness('diff', url, url, '--only', 'no.such')).code, 5);
  });
});
