/**
 * What stands in the way of a whole run is told before it, in one line, with exit code 108: each case is a real server that
 * is so, and a script on the script host. Nothing but the check was asked of it.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Result, runScript } from './host/engine.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

interface Message {
  id?: string;
  method: string;
  params: { name?: string; _meta?: { progressToken?: string } };
}

/** Answers a request itself, or leaves it (false) to the server that is right. */
type Answer = (message: Message, request: IncomingMessage, response: ServerResponse) => boolean;

const json = (response: ServerResponse, status: number, body: object, headers: object = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};
const result = (response: ServerResponse, { id }: Message, body: object, headers: object = {}) =>
  json(response, 200, { jsonrpc: '2.0', id, result: body }, headers);
const error = (
  response: ServerResponse,
  { id }: Message,
  status: number,
  code: number,
  message: string,
  data?: object,
) => json(response, status, { jsonrpc: '2.0', id, error: { code, message, data } });
const events = (response: ServerResponse, list: object[], ids = true) => {
  const text = list.map((one, at) => `${ids ? `id: e-${at}\n` : ''}data: ${JSON.stringify(one)}\n\n`).join('');
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
};
const progress = ({ params }: Message, number: number) => ({
  jsonrpc: '2.0',
  method: 'notifications/progress',
  params: { progressToken: params._meta?.progressToken, progress: number },
});
const done = ({ id }: Message) => ({ jsonrpc: '2.0', id, result: { content: [] } });
const numbered = (message: Message, count: number) => [
  ...Array.from({ length: count }, (_, at) => progress(message, at + 1)),
  done(message),
];

/** The least server that the check finds nothing wrong with, but for what a case does otherwise. */
const right: Answer = (message, request, response) => {
  if (request.method === 'DELETE') response.writeHead(204).end();
  else if (request.method === 'GET') response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
  else if (message.method === 'initialize') {
    result(response, message, { protocolVersion: '2025-11-25', capabilities: {} }, { 'Mcp-Session-Id': 's' });
  } else if (message.method === 'tools/list') {
    result(response, message, { tools: [{ name: 'echo' }, { name: 'countdown' }] });
  } else if (message.method === 'server/discover') {
    error(response, message, 400, -32600, 'Bad Request');
  } else if (message.id === undefined) response.writeHead(202).end();
  else result(response, message, { content: [] });
  return true;
};

/** Right in both eras: it numbers too, and its streams come while they are open. */
const rightInBoth: Answer = (message, request, response) => {
  if (message.method === 'server/discover') result(response, message, { supportedVersions: ['2026-07-28'] });
  else if (message.method === 'subscriptions/listen') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(':\n\n');
  } else if (calls('countdown', message)) {
    const list = numbered(message, 5);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    list.forEach((one, at) => {
      setTimeout(() => {
        response.write(`id: e-${at}\ndata: ${JSON.stringify(one)}\n\n`);
        if (at === list.length - 1) response.end();
      }, at * 50);
    });
  } else return right(message, request, response);
  return true;
};

const calls = (name: string, { method, params }: Message) => method === 'tools/call' && params.name === name;

interface Case {
  readonly script: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly answer: Answer;
  readonly line: RegExp;
}

const CASES: Readonly<Record<string, Case>> = {
  'HTML is no MCP': {
    script: 'sessions',
    answer: (_message, _request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>');
      return true;
    },
    line: /answers 200 with HTML, not MCP: is the path right\?/,
  },
  '401 needs a token': {
    script: 'sessions',
    answer: (_message, _request, response) => {
      response.writeHead(401).end();
      return true;
    },
    line: /answers 401: give a token with MCP_AUTHORIZATION/,
  },
  'an answer that does not end': {
    script: 'sessions',
    env: { MCP_TIMEOUT_MS: '300' },
    answer: (_message, _request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
      return true;
    },
    line: /begins an answer to the first request and does not end it within 300 ms: request timeout/,
  },
  'a numbered tool that is over before the storm': {
    script: 'storm',
    env: { MCP_SEQUENCE_ARGUMENTS: '{}', EVENTS: '5', EVERY_MS: '1000', OPEN_S: '3' },
    answer: rightInBoth,
    line: /The tool "countdown" is over after \d+ ms, and has to last 3000 ms; see MCP_SEQUENCE_ARGUMENTS/,
  },
  '404 is another path': {
    script: 'sessions',
    answer: (message, _request, response) => {
      error(response, message, 404, -32600, 'Nothing is here');
      return true;
    },
    line: /answers 404, Nothing is here \(-32600\): is the path right\?/,
  },
  'a server without sessions': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (message.method !== 'initialize') return false;
      result(response, message, { protocolVersion: '2025-11-25', capabilities: {} });
      return true;
    },
    line: /keeps no sessions: its answer to initialize has no Mcp-Session-Id/,
  },
  'a revision with sessions that it does not speak': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (message.method !== 'initialize') return false;
      result(response, message, { protocolVersion: '2025-06-18' }, { 'Mcp-Session-Id': 's' });
      return true;
    },
    line: /does not speak revision 2025-11-25: it offers 2025-06-18/,
  },
  'a revision without sessions that it does not know': {
    script: 'listen',
    answer: () => false,
    line: /does not speak revision 2026-07-28: 400 Bad Request \(-32600\)/,
  },
  'a revision without sessions that it does not speak': {
    script: 'listen',
    answer: (message, _request, response) => {
      error(response, message, 400, -32022, 'No', { supported: ['2027-01-01'] });
      return true;
    },
    line: /does not speak revision 2026-07-28: 400 No \(-32022\); it offers 2027-01-01/,
  },
  'a script whose revisions are others': {
    script: 'storm',
    env: { MCP_REVISION: '2026-07-28' },
    answer: () => false,
    line: /storm needs sessions, which revision 2026-07-28 has not; calls, listen, heartbeats and soak apply to it/,
  },
  'a tool that is not there': {
    script: 'calls',
    env: { MCP_REVISION: '2025-11-25', MCP_CALL_TOOL: 'weather' },
    answer: () => false,
    line: /has no tool "weather"; name one of its own with MCP_CALL_TOOL/,
  },
  'a tool that fails': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (!calls('echo', message)) return false;
      result(response, message, { isError: true, content: [{ type: 'text', text: 'Out of order' }] });
      return true;
    },
    line: /The tool "echo" fails: 200 Out of order; see MCP_CALL_ARGUMENTS/,
  },
  'no GET stream': {
    script: 'heartbeats',
    answer: (_message, request, response) => {
      if (request.method !== 'GET') return false;
      response.writeHead(405).end();
      return true;
    },
    line: /answers a GET for an event stream with 405/,
  },
  'a proxy that keeps a quiet stream to itself': {
    script: 'heartbeats',
    // Never answers: the first byte would come with the end.
    answer: (_message, request) => request.method === 'GET',
    line: /The first byte of a quiet stream did not come within 1000 ms: a proxy on the way to \S+ buffers/,
  },
  'a proxy that keeps the stream of a call to itself': {
    script: 'reconnection',
    answer: (message, _request, response) => {
      if (!calls('countdown', message)) return false;
      setTimeout(() => events(response, numbered(message, 5)), 500);
      return true;
    },
    line: /sends the first byte of a stream only when the call is over: a proxy on the way buffers/,
  },
  'a numbered tool that answers without a stream': {
    script: 'reconnection',
    answer: () => false,
    line: /The tool "countdown" is answered without a stream: 200 .*; sessions, calls and heartbeats apply to a server that has none/,
  },
  'a numbered tool that does not number': {
    script: 'reconnection',
    answer: (message, _request, response) => {
      if (!calls('countdown', message)) return false;
      events(response, numbered(message, 2));
      return true;
    },
    line: /The tool "countdown" reports progress 2 times instead of 5/,
  },
  'a numbered tool that fails': {
    script: 'reconnection',
    answer: (message, _request, response) => {
      if (!calls('countdown', message)) return false;
      const content = [{ type: 'text', text: 'from must be a number' }];
      events(response, [{ jsonrpc: '2.0', id: message.id, result: { isError: true, content } }]);
      return true;
    },
    line: /The tool "countdown" fails: from must be a number; see MCP_SEQUENCE_ARGUMENTS/,
  },
  'a Host that it does not allow': {
    script: 'sessions',
    answer: (_message, _request, response) => {
      response.writeHead(403, { 'content-type': 'text/plain' }).end('Forbidden: invalid Host header\n');
      return true;
    },
    line: /answers 403 \(Forbidden: invalid Host header\): it may want a token \(MCP_AUTHORIZATION\) or another Host or Origin \(MCP_HEADERS\)/,
  },
  'an answer of another kind that says why': {
    script: 'sessions',
    answer: (_message, _request, response) => {
      response.writeHead(421).end('Invalid Host header');
      return true;
    },
    line: /answers 421 without a type, not MCP \(Invalid Host header\): is the path right\?/,
  },
  'one era without streams of its own': {
    script: 'heartbeats',
    env: { MCP_REVISION: '2026-07-28,2025-11-25' },
    answer: (message, request, response) => {
      if (message.method !== 'subscriptions/listen') return rightInBoth(message, request, response);
      error(response, message, 404, -32601, 'Method not found');
      return true;
    },
    line: /answers subscriptions\/listen with 404 \(Method not found \(-32601\)\); MCP_REVISION=2025-11-25 leaves it out/,
  },
  'events without ids': {
    script: 'storm',
    answer: (message, _request, response) => {
      if (!calls('countdown', message)) return false;
      events(response, numbered(message, 5), false);
      return true;
    },
    line: /The events of \S+ have no ids: its streams cannot be resumed/,
  },
  'a script whose revisions come later': {
    script: 'listen',
    env: { MCP_REVISION: '2025-11-25' },
    answer: () => false,
    line: /listen needs revision 2026-07-28 or later, MCP_REVISION is 2025-11-25/,
  },
  'a server that is full': {
    script: 'sessions',
    answer: (message, _request, response) => {
      error(response, message, 503, -32000, 'Full');
      return true;
    },
    line: /answers 503: it has no room for more now/,
  },
  'an answer of another kind': {
    script: 'sessions',
    answer: (_message, _request, response) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end('Oh');
      return true;
    },
    line: /answers 500 text\/plain, not MCP \(Oh\)/,
  },
  'a handshake that is refused at its end': {
    script: 'sessions',
    answer: ({ method }, _request, response) => {
      if (method !== 'notifications/initialized') return false;
      response.writeHead(400).end();
      return true;
    },
    line: /refuses notifications\/initialized: 400 instead of 202/,
  },
  'a handshake that is refused at its end for a reason': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (message.method !== 'notifications/initialized') return false;
      error(response, message, 400, -32600, 'Who are you?');
      return true;
    },
    line: /refuses notifications\/initialized: 400 Who are you\? \(-32600\) instead of 202/,
  },
  'a redirect': {
    script: 'sessions',
    answer: (_message, { url }, response) => {
      if (url !== '/mcp') return false;
      response.writeHead(307, { location: '/mcp/' }).end();
      return true;
    },
    line: /answers 307, a redirect to \/mcp\/: give that as MCP_URL/,
  },
  'a list of tools that is none': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (message.method !== 'tools/list') return false;
      result(response, message, { tools: {} });
      return true;
    },
    line: /lists its tools as \{\}, not an array/,
  },
  'a list of tools with none in it': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (message.method !== 'tools/list') return false;
      result(response, message, { tools: [null] });
      return true;
    },
    line: /has no tool "echo"; name one of its own with MCP_CALL_TOOL/,
  },
  'revisions that are no list': {
    script: 'listen',
    answer: (message, _request, response) => {
      if (message.method !== 'server/discover') return false;
      result(response, message, { supportedVersions: '2025-11-25' });
      return true;
    },
    line: /does not speak revision 2026-07-28: it offers "2025-11-25"/,
  },
  'an initialize whose result is null': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (message.method !== 'initialize') return false;
      json(response, 200, { jsonrpc: '2.0', id: message.id, result: null });
      return true;
    },
    line: /answers 200 application\/json, not MCP: is the path right\?/,
  },
  'fewer sessions than are asked for': {
    script: 'calls',
    env: { MCP_REVISION: '2025-11-25', SESSIONS: '3' },
    answer: (() => {
      let begun = 0;
      const refuse: Answer = (message, _request, response) => {
        // One is the check's own.
        if (message.method !== 'initialize' || ++begun < 3) return false;
        error(response, message, 503, -32000, 'Full');
        return true;
      };
      return refuse;
    })(),
    line: /let 1 of 3 sessions begin; see SESSIONS/,
  },
  'a server that lists no tools': {
    script: 'sessions',
    answer: (message, _request, response) => {
      if (message.method !== 'tools/list') return false;
      error(response, message, 200, -32601, 'No tools here');
      return true;
    },
    line: /does not list its tools: 200 No tools here \(-32601\)/,
  },
  'a quiet stream that is none': {
    script: 'heartbeats',
    answer: (_message, request, response) => {
      if (request.method !== 'GET') return false;
      json(response, 200, { error: 'no' });
      return true;
    },
    line: /answers a GET for an event stream with application\/json/,
  },
  'numbers without memory': {
    script: 'soak',
    env: { MCP_METRICS_URL: 'http://127.0.0.1:PORT/metrics' },
    answer: (_message, request, response) => {
      if (request.url !== '/metrics') return false;
      response.writeHead(200, { 'content-type': 'text/plain' }).end('mcp_sessions 0\n');
      return true;
    },
    line: /tells no process_resident_memory_bytes; name its memory with MCP_METRICS_MEMORY/,
  },
  'numbers that are none': {
    script: 'sessions',
    env: { MCP_METRICS_URL: 'http://127.0.0.1:PORT/metrics' },
    answer: (message, request, response) => {
      if (request.url !== '/metrics') return false;
      result(response, message, {});
      return true;
    },
    line: /MCP_METRICS_URL \S+ does not answer with metrics/,
  },
};

async function listening(answer: Answer) {
  let asked = 0;
  const server = createServer(async (request, response) => {
    asked++;
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const message = (text === '' ? { params: {} } : JSON.parse(text)) as Message;
    if (!answer(message, request, response)) right(message, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    asked: () => asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function run(script: string, env: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, ['load/host/run.ts', 'run', `load/${script}.ts`], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, PROFILE: 'smoke', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

describe('the check before a run', { concurrency: 4 }, () => {
  for (const [name, { script, env = {}, answer, line }] of Object.entries(CASES)) {
    test(name, async () => {
      const server = await listening(answer);
      try {
        const given = Object.entries(env).map(([key, value]) => [key, value.replace('PORT', String(server.port))]);
        const target = { MCP_URL: `http://127.0.0.1:${server.port}/mcp`, ...Object.fromEntries(given) };
        const { code, output } = await run(script, target);
        assert.match(output, line);
        assert.equal(code, 108, output);
        assert.ok(server.asked() < 10, `${server.asked()} requests`);
      } finally {
        server.close();
      }
    });
  }

  test('a URL where nobody listens', async () => {
    const server = await listening(right);
    server.close();
    const { code, output } = await run('sessions', { MCP_URL: `http://127.0.0.1:${server.port}/mcp` });
    assert.match(output, /cannot be reached: \S+/);
    assert.equal(code, 108, output);
  });

  test('a soak that would judge nothing ends before anything is asked', async () => {
    const server = await listening(right);
    try {
      const env = { MCP_URL: `http://127.0.0.1:${server.port}/mcp`, DURATION_S: '60', WARMUP_S: '60' };
      const { code, output } = await run('soak', env);
      assert.match(output, /WARMUP_S must be less than DURATION_S, got 60 and 60/);
      assert.equal(code, 107, output);
      assert.equal(server.asked(), 0);
    } finally {
      server.close();
    }
  });

  test('a knob that is no number ends the run before anything is asked', async () => {
    const server = await listening(right);
    try {
      const { code, output } = await run('sessions', { MCP_URL: `http://127.0.0.1:${server.port}/mcp`, RATE: 'many' });
      assert.match(output, /RATE must be a number of at least 0, got "many"/);
      assert.equal(code, 107, output);
      assert.equal(server.asked(), 0);
    } finally {
      server.close();
    }
  });
});

/** The scripts' own revisions are 2025-11-25, 2026-07-28 for listen, and both for calls and smoke. */
const SCRIPTS = ['sessions', 'heartbeats', 'reconnection', 'storm', 'calls', 'listen', 'soak', 'smoke'];

/** What stands in the way of every script, and of some. */
const OBSTACLES: Readonly<Record<string, { readonly answer: Answer; readonly line: (script: string) => string }>> = {
  'answers HTML': {
    answer: (_message, _request, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>Welcome</html>');
      return true;
    },
    line: () => 'URL answers 200 with HTML, not MCP: is the path right?',
  },
  'wants a token': {
    answer: (_message, _request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return true;
    },
    line: () => 'URL answers 401: give a token with MCP_AUTHORIZATION',
  },
  'speaks another revision': {
    answer: (message, _request, response) => {
      if (message.method !== 'initialize') return false;
      result(response, message, { protocolVersion: '2025-06-18' }, { 'Mcp-Session-Id': 's' });
      return true;
    },
    line: (script) =>
      script === 'listen'
        ? 'URL does not speak revision 2026-07-28: 400 Bad Request (-32600)'
        : 'URL does not speak revision 2025-11-25: it offers 2025-06-18; say so with MCP_REVISION',
  },
};

/** The line without the engine's own words before it. */
const lineOf = ({ reason }: Result, url: string): string => reason.replace('test aborted: ', '').replaceAll(url, 'URL');

async function tried(script: string, url: string, env: Readonly<Record<string, string>> = {}) {
  const said: string[] = [];
  const result = await runScript(`${ROOT}load/${script}.ts`, {
    env: { PROFILE: 'smoke', MCP_URL: url, ...env },
    onLog: (_level, text) => said.push(text),
  });
  return { result, said, line: lineOf(result, url) };
}

/** Gives an answer on when it is whole, and a stream without an end never. */
async function behindBuffer(port: number) {
  const proxy = createServer((request, response) => {
    const { method = 'GET', url = '/', headers } = request;
    const asked = ask({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => response.writeHead(answer.statusCode ?? 502, answer.headers).end(Buffer.concat(parts)));
      answer.on('error', () => response.destroy());
    });
    asked.on('error', () => response.destroy());
    response.on('close', () => asked.destroy());
    request.pipe(asked);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`,
    close: () => {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

describe('every script', { concurrency: 4 }, () => {
  for (const script of SCRIPTS) {
    for (const [name, { answer, line }] of Object.entries(OBSTACLES)) {
      test(`${script} on a server that ${name}`, async () => {
        const server = await listening(answer);
        try {
          const found = await tried(script, `http://127.0.0.1:${server.port}/mcp`);
          assert.equal(found.line, line(script));
          assert.equal(found.result.exitCode, 108);
          // `listen` and `soak` say what they will not look at.
          assert.ok(found.said.length <= 1, found.said.join('\n'));
          assert.equal(server.asked(), 1);
        } finally {
          server.close();
        }
      });
    }

    test(`${script} on a server that is not there`, async () => {
      const server = await listening(right);
      server.close();
      const { line, result } = await tried(script, `http://127.0.0.1:${server.port}/mcp`);
      assert.equal(line, 'URL cannot be reached: dial: connection refused');
      assert.equal(result.exitCode, 108);
    });
  }

  for (const script of ['sessions', 'heartbeats', 'reconnection', 'storm', 'soak', 'smoke']) {
    test(`${script} on a server without sessions`, async () => {
      const server = await listening((message, request, response) => {
        if (message.method !== 'initialize') return rightInBoth(message, request, response);
        result(response, message, { protocolVersion: '2025-11-25', capabilities: {} });
        return true;
      });
      try {
        const found = await tried(script, `http://127.0.0.1:${server.port}/mcp`);
        assert.equal(
          found.line,
          'URL keeps no sessions: its answer to initialize has no Mcp-Session-Id; calls applies to it',
        );
        assert.equal(found.result.exitCode, 108);
        assert.equal(server.asked(), 1);
      } finally {
        server.close();
      }
    });
  }

  for (const script of ['heartbeats', 'listen', 'reconnection', 'storm', 'soak', 'smoke']) {
    test(`${script} through a proxy that buffers`, async () => {
      const server = await listening(rightInBoth);
      const proxy = await behindBuffer(server.port);
      try {
        const found = await tried(script, proxy.url);
        assert.equal(
          found.line,
          script === 'heartbeats' || script === 'listen'
            ? 'The first byte of a quiet stream did not come within 1000 ms: a proxy on the way to URL buffers'
            : 'URL sends the first byte of a stream only when the call is over: a proxy on the way buffers',
        );
        assert.equal(found.result.exitCode, 108);
      } finally {
        proxy.close();
        server.close();
      }
    });
  }

  test('calls need no sessions, and no stream', async () => {
    const server = await listening((message, request, response) => {
      if (message.method !== 'initialize') return rightInBoth(message, request, response);
      result(response, message, { protocolVersion: '2025-11-25', capabilities: {} });
      return true;
    });
    const proxy = await behindBuffer(server.port);
    try {
      const { result } = await tried('calls', proxy.url, { RATES: '10', STEP_S: '1', MIN_RATE: '10' });
      assert.equal(result.exitCode, 0, result.reason);
      assert.ok((result.metrics.mcp_calls?.values.count ?? 0) >= 9);
    } finally {
      proxy.close();
      server.close();
    }
  });
});

/** A call's stream: `write` is given the response when its head was sent. */
const streaming =
  (write: (response: ServerResponse, message: Message) => void): Answer =>
  (message, request, response) => {
    if (!calls('countdown', message)) return rightInBoth(message, request, response);
    response.writeHead(200, { 'Content-Type': 'Text/Event-Stream; charset=utf-8' });
    write(response, message);
    return true;
  };

describe('servers that are right, in their own way, are not refused', { concurrency: 4 }, () => {
  const few = { STREAMS: '1', VUS: '1', ITERATIONS: '1', CUTS: '0', EVENTS: '5', EVERY_MS: '50' };

  test('slashes are escaped, and the media type is written large', async () => {
    const server = await listening(
      streaming((response, message) => {
        numbered(message, 5).forEach((one, at, { length }) => {
          const data = JSON.stringify(one).replaceAll('/', '\\/');
          setTimeout(() => {
            response.write(`id: e-${at}\ndata: ${data}\n\n`);
            if (at === length - 1) response.end();
          }, at * 50);
        });
      }),
    );
    try {
      const { result } = await tried('reconnection', `http://127.0.0.1:${server.port}/mcp`, few);
      assert.equal(result.exitCode, 0, result.reason);
      assert.equal(result.metrics.mcp_events_seen?.values.count, 6);
    } finally {
      server.close();
    }
  });

  test('the stream of a call is closed after each event, for the client to come back', async () => {
    const owed = new Map<string, object[]>();
    const next = (response: ServerResponse, id: string) => {
      const [number = '0', token = ''] = id.split('.');
      const one = owed.get(token)?.[Number(number)];
      response.end(
        one === undefined ? '' : `id: ${Number(number) + 1}.${token}\nretry: 20\ndata: ${JSON.stringify(one)}\n\n`,
      );
    };
    const call = streaming((response, message) => {
      const token = String(message.params._meta?.progressToken);
      owed.set(token, numbered(message, 5));
      next(response, `0.${token}`);
    });
    const server = await listening((message, request, response) => {
      const last = request.headers['last-event-id'];
      if (request.method !== 'GET' || last === undefined) return call(message, request, response);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      next(response, String(last));
      return true;
    });
    try {
      const { result } = await tried('reconnection', `http://127.0.0.1:${server.port}/mcp`, { ...few, CUTS: '1' });
      assert.equal(result.exitCode, 0, result.reason);
      assert.equal(result.metrics.mcp_events_seen?.values.count, 6);
    } finally {
      server.close();
    }
  });
});

test('numbers that the target tells no more at the end are missed', async () => {
  let read = 0;
  const server = await listening((_message, request, response) => {
    if (request.url !== '/metrics') return false;
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.end(++read < 3 ? 'mcp_sessions 0\nmcp_streams_open 0\n' : 'mcp_sessions 0\n');
    return true;
  });
  try {
    const origin = `http://127.0.0.1:${server.port}`;
    const env = { MCP_METRICS_URL: `${origin}/metrics`, MCP_METRICS_MEMORY: 'none', STREAMS: '1', VUS: '1' };
    const { result, said } = await tried('heartbeats', `${origin}/mcp`, { ...env, HEARTBEAT_MS: '0', HOLD_MS: '2500' });
    assert.equal(result.exitCode, 99);
    assert.deepEqual(result.metrics.mcp_server_numbers_after?.thresholds, { 'count>=1': { ok: false } });
    assert.match(said.join('\n'), /does not tell its numbers any more, or not all that it told before/);
  } finally {
    server.close();
  }
});

test('a server that asks its clients is told of, and its requests are counted', async () => {
  const server = await listening((message, request, response) => {
    if (request.method !== 'GET') return right(message, request, response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"jsonrpc":"2.0","id":1,"method":"ping"}\n\n');
    // Nobody answers.
    setTimeout(() => response.end(), 400);
    return true;
  });
  try {
    const url = `http://127.0.0.1:${server.port}/mcp`;
    const { result, said } = await tried('heartbeats', url, {
      STREAMS: '1',
      VUS: '1',
      HEARTBEAT_MS: '0',
      HOLD_MS: '600',
    });
    assert.match(said.join('\n'), /asks its clients for ping, which nobody here can answer: it may end their sessions/);
    assert.equal(result.metrics.mcp_requests_unanswered?.values.count, 1);
    assert.equal(result.exitCode, 99);
  } finally {
    server.close();
  }
});

test('a server that has not heard of the cut yet lets the client in later', async () => {
  const owed = new Map<string, object[]>();
  let refused = 0;
  const server = await listening((message, request, response) => {
    if (request.method === 'GET' && request.headers['last-event-id'] !== undefined) {
      if (refused++ === 0) {
        response.writeHead(409).end();
        return true;
      }
      const [number = '', token = ''] = String(request.headers['last-event-id']).split('.');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      (owed.get(token) ?? []).forEach((one, at) => {
        if (at > Number(number)) response.write(`id: ${at}.${token}\ndata: ${JSON.stringify(one)}\n\n`);
      });
      response.end();
      return true;
    }
    const own = calls('countdown', message) && message.id !== 'sequence';
    if (!own) return rightInBoth(message, request, response);
    const token = String(message.params._meta?.progressToken);
    const [first] = owed.set(token, numbered(message, 5)).get(token) ?? [];
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`id: 0.${token}\ndata: ${JSON.stringify(first)}\n\n`);
    return true;
  });
  try {
    const { result } = await tried('reconnection', `http://127.0.0.1:${server.port}/mcp`, {
      STREAMS: '1',
      VUS: '1',
      ITERATIONS: '1',
      CUTS: '1',
      EVENTS: '5',
      EVERY_MS: '50',
    });
    assert.equal(refused, 2);
    assert.equal(result.exitCode, 0, result.reason);
  } finally {
    server.close();
  }
});

test('a stream that never begins is not held', async () => {
  let opened = 0;
  const server = await listening((message, request, response) => {
    // The first is the check's own.
    if (request.method === 'GET' && ++opened > 1) return true;
    return right(message, request, response);
  });
  try {
    const url = `http://127.0.0.1:${server.port}/mcp`;
    const { result } = await tried('heartbeats', url, { STREAMS: '1', VUS: '1', HEARTBEAT_MS: '0', HOLD_MS: '300' });
    assert.equal(result.exitCode, 99);
    assert.equal(result.metrics.mcp_stream_cut_early?.values.rate, 1);
    assert.equal(result.metrics.mcp_streams_held?.values.count ?? 0, 0);
  } finally {
    server.close();
  }
});

test('a stream that greets and says no more has no heartbeats, also where the server hears late that a client is gone', async () => {
  let sessions = 0;
  const busy = new Set<string>();
  const server = await listening((message, request, response) => {
    const id = String(request.headers['mcp-session-id']);
    if (message.method === 'initialize') {
      const headers = { 'Mcp-Session-Id': `s-${++sessions}` };
      result(response, message, { protocolVersion: '2025-11-25', capabilities: {} }, headers);
    } else if (request.method === 'GET' && busy.has(id)) {
      response.writeHead(409).end();
    } else if (request.method === 'GET') {
      busy.add(id);
      right(message, request, response);
    } else if (request.method === 'DELETE') {
      response.writeHead(204).end();
      streams.get(id)?.end();
    } else return right(message, request, response);
    if (request.method === 'GET') streams.set(id, response);
    return true;
  });
  const streams = new Map<string, ServerResponse>();
  try {
    const { metrics, exitCode } = await runScript(`${ROOT}load/heartbeats.ts`, {
      env: {
        MCP_URL: `http://127.0.0.1:${server.port}/mcp`,
        STREAMS: '4',
        VUS: '1',
        HEARTBEAT_MS: '1000',
        HOLD_MS: '1000',
      },
      onLog: () => {},
    });
    assert.equal(exitCode, 99);
    assert.equal(metrics.mcp_heartbeat_shortfall?.values.rate, 1);
    assert.equal(metrics.mcp_heartbeats?.values.count, 0);
    assert.equal(metrics.mcp_streams_held?.values.count, 4);
  } finally {
    server.close();
  }
});
