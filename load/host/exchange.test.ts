// k6/http against a real server: each test is a fact about stock k6.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { run, runAgainst, valuesOf, withServer } from './fixture.ts';
import { cert, key } from './selfsigned.ts';

/** A script with one request; the response, with chosen fields, is its only log line. */
const one = (method: string, params = '{}', body = 'null'): string => `
import http from 'k6/http';
export default async function () {
  const r = await http.asyncRequest('${method}', __ENV.URL, ${body}, ${params});
  console.log(JSON.stringify({ status: r.status, body: r.body, headers: r.headers, error: r.error, error_code: r.error_code, timings: r.timings }));
}`;

const seen = (log: string[]) => JSON.parse((log.find((line) => line.startsWith('info: ')) as string).slice(6));

test('a response has its status, body and headers under canonical names', async () => {
  const { log } = await runAgainst((_request, response) => {
    response.setHeader('mcp-session-id', 's1');
    response.setHeader('X-many', ['a', 'b']);
    response.end('hello');
  }, one('GET'));
  const { status, body, headers, error, error_code } = seen(log);
  assert.deepEqual({ status, body, error, error_code }, { status: 200, body: 'hello', error: '', error_code: 0 });
  assert.equal(headers['Mcp-Session-Id'], 's1');
  assert.equal(headers['X-Many'], 'a, b');
});

test('method, headers and body arrive at the server', async () => {
  let arrived = {};
  await runAgainst(
    (request, response) => {
      let text = '';
      request.on('data', (chunk) => {
        text += chunk;
      });
      request.on('end', () => {
        arrived = { method: request.method, type: request.headers['content-type'], text };
        response.end();
      });
    },
    one('POST', `{ headers: { 'Content-Type': 'application/json' } }`, `'{"a":"ü"}'`),
  );
  assert.deepEqual(arrived, { method: 'POST', type: 'application/json', text: '{"a":"ü"}' });
});

test('a timeout gives the partial body, status 0, error_code 1050, no headers, and the time to the first byte', async () => {
  const { log, samples } = await runAgainst(
    (_request, response) => response.write('first part'),
    one('GET', `{ timeout: '1s' }`),
  );
  const { status, body, headers, error, error_code, timings } = seen(log);
  assert.deepEqual(
    { status, body, headers, error, error_code },
    { status: 0, body: 'first part', headers: {}, error: 'request timeout', error_code: 1050 },
  );
  assert.ok(
    timings.receiving > timings.waiting && timings.receiving + timings.waiting <= 1100,
    JSON.stringify(timings),
  );
  const failed = samples.find(({ metric }) => metric === 'http_req_failed');
  assert.deepEqual([failed?.value, failed?.tags.error_code, failed?.tags.status], [1, '1050', '0']);
});

test('a timeout before the first byte gives no body', async () => {
  const { log } = await runAgainst(() => {}, one('GET', '{ timeout: 50 }'));
  const { status, body, error_code, timings } = seen(log);
  assert.deepEqual(
    { status, body, error_code, receiving: timings.receiving },
    { status: 0, body: null, error_code: 1050, receiving: 0 },
  );
});

test('a torn connection gives the partial body, status 0, error_code 1000 and unexpected EOF', async () => {
  const tear = (_request: unknown, response: ServerResponse): void => {
    response.write('first part', () => response.socket?.destroy());
  };
  const { log } = await runAgainst(tear, one('GET'));
  const { status, body, headers, error, error_code } = seen(log);
  assert.deepEqual(
    { status, body, headers, error, error_code },
    { status: 0, body: 'first part', headers: {}, error: 'unexpected EOF', error_code: 1000 },
  );
});

test('a connection torn before the response gives error_code 1000, EOF and no body', async () => {
  const { log } = await runAgainst((request) => request.socket.destroy(), one('POST'));
  const { status, body, error, error_code } = seen(log);
  assert.deepEqual({ status, body, error, error_code }, { status: 0, body: null, error: 'EOF', error_code: 1000 });
});

test('a refused connection gives error_code 1212', async () => {
  const url = await withServer(
    () => {},
    async (address) => address,
  );
  const { log, exitCode } = await run(one('GET'), { env: { URL: url } });
  const { status, error_code } = seen(log);
  assert.deepEqual({ status, error_code, exitCode }, { status: 0, error_code: 1212, exitCode: 0 });
});

test('a name that does not exist gives error_code 1101 or 1100', async () => {
  const { log } = await run(one('GET'), { env: { URL: 'http://nowhere.invalid/' } });
  assert.match(String(seen(log).error_code), /^110[01]$/);
});

test('an invalid URL gives error_code 1020', async () => {
  const { log } = await run(one('GET'), { env: { URL: 'no url' } });
  assert.equal(seen(log).error_code, 1020);
});

test('a header that HTTP forbids gives error_code 1000, and no request', async () => {
  const { log, metrics } = await run(one('GET', `{ headers: { 'X-Split': 'a\\nb' } }`), {
    env: { URL: 'http://127.0.0.1:1/' },
  });
  const { status, error_code } = seen(log);
  assert.deepEqual([status, error_code], [0, 1000]);
  assert.equal(metrics.http_req_failed?.values.passes, 1);
});

test('user and password in a URL are basic credentials', async () => {
  const { log } = await withServer(
    (request, response) => response.end(request.headers.authorization),
    (url) => run(one('GET'), { env: { URL: url.replace('//', '//me:s%3At@') } }),
  );
  assert.equal(seen(log).body, `Basic ${Buffer.from('me:s:t').toString('base64')}`);
});

test('a status of 400 or more is an error code of 1000 more, without an error', async () => {
  const { log } = await runAgainst((_request, response) => response.writeHead(503).end(), one('GET'));
  const { status, error, error_code } = seen(log);
  assert.deepEqual({ status, error, error_code }, { status: 503, error: '', error_code: 1503 });
});

test("responseType 'none' gives a null body", async () => {
  const { log } = await runAgainst(
    (_request, response) => response.end('hello'),
    one('GET', `{ responseType: 'none' }`),
  );
  assert.equal(seen(log).body, null);
});

test("responseType 'none' gives a null body also when the connection is torn", async () => {
  const tear = (_request: unknown, response: ServerResponse): void => {
    response.write('first part', () => response.socket?.destroy());
  };
  const { log } = await runAgainst(tear, one('GET', `{ responseType: 'none' }`));
  const { body, error_code } = seen(log);
  assert.deepEqual({ body, error_code }, { body: null, error_code: 1000 });
});

test("responseType 'binary' gives an ArrayBuffer", async () => {
  const { log } = await runAgainst(
    (_request, response) => response.end(Buffer.from([0, 255])),
    `import http from 'k6/http';
     export default async function () {
       const r = await http.asyncRequest('GET', __ENV.URL, null, { responseType: 'binary' });
       console.log(r.body instanceof ArrayBuffer, new Uint8Array(r.body)[1]);
     }`,
  );
  assert.deepEqual(log, ['info: true 255']);
});

test('a compressed body is undone though none was asked for', async () => {
  const { log } = await runAgainst((request, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(`asked for ${request.headers['accept-encoding']}`));
  }, one('GET'));
  assert.equal(seen(log).body, 'asked for undefined');
});

test('a body larger than anybody can keep is cut, and so is one that becomes so when it is undone', async () => {
  const million = Buffer.alloc(2 ** 20, 'a');
  let sent = 0;
  const { log } = await runAgainst((_request, response) => {
    const pour = () => {
      while (!response.destroyed && sent < 1000) {
        sent++;
        if (!response.write(million)) break;
      }
    };
    response.on('drain', pour);
    pour();
  }, one('GET'));
  const { status, body, error, error_code } = seen(log);
  assert.deepEqual(
    { status, body, error, error_code },
    { status: 0, body: '', error: 'a body of more than 67108864 bytes', error_code: 1000 },
  );
  assert.ok(sent < 200, `${sent} MiB were sent`);

  const bomb = gzipSync(Buffer.alloc(65 * 2 ** 20));
  const undone = await runAgainst((_request, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(bomb);
  }, one('GET'));
  assert.equal(seen(undone.log).status, 0);
  assert.match(seen(undone.log).error, /^error decompressing response body/);
});

test('expectedStatuses decides http_req_failed and the tag expected_response', async () => {
  const { samples } = await runAgainst(
    (_request, response) => response.writeHead(404).end(),
    `import http from 'k6/http';
     export default async function () {
       for (const responseCallback of [undefined, http.expectedStatuses(200, { min: 400, max: 404 }), null]) {
         await http.asyncRequest('GET', __ENV.URL, null, responseCallback === undefined ? {} : { responseCallback });
       }
     }`,
  );
  const failed = samples.filter(({ metric }) => metric === 'http_req_failed');
  assert.deepEqual(
    failed.map(({ value, tags }) => [value, tags.expected_response]),
    [
      [1, 'false'],
      [0, 'true'],
    ],
  );
  assert.equal(samples.filter(({ metric }) => metric === 'http_reqs').length, 3);
});

test('expectedStatuses(200, 0) keeps a torn stream out of http_req_failed', async () => {
  const tear = (_request: unknown, response: ServerResponse): void => {
    response.write('x', () => response.socket?.destroy());
  };
  const { metrics } = await runAgainst(
    tear,
    `import http from 'k6/http';
     export default async function () {
       await http.asyncRequest('GET', __ENV.URL, null, { responseCallback: http.expectedStatuses(200, 0) });
     }`,
  );
  assert.equal(metrics.http_req_failed?.values.rate, 0);
});

test('setResponseCallback holds for the requests that follow', async () => {
  const { metrics } = await runAgainst(
    (_request, response) => response.writeHead(404).end(),
    `import http from 'k6/http'; http.setResponseCallback(http.expectedStatuses(404));
     export default async function () { await http.asyncRequest('GET', __ENV.URL); }`,
  );
  assert.equal(metrics.http_req_failed?.values.rate, 0);
});

test('samples carry name, method, status, url, scenario, group and the tags of options, scenario, VU and request', async () => {
  const { samples } = await runAgainst(
    (_request, response) => response.end(),
    `import http from 'k6/http'; import { group } from 'k6'; import exec from 'k6/execution';
     export const options = { tags: { a: 'test' }, scenarios: { s: { executor: 'per-vu-iterations', tags: { b: 'scenario' } } } };
     export default async function () {
       exec.vu.metrics.tags.c = 3;
       await group('outer', () => group('inner', () => http.asyncRequest('get', __ENV.URL, null, { tags: { name: 'n', d: 'request' } })));
     }`,
  );
  const request = samples.find(({ metric }) => metric === 'http_reqs');
  assert.deepEqual(request?.tags, {
    a: 'test',
    b: 'scenario',
    c: '3',
    d: 'request',
    scenario: 's',
    group: '::outer::inner',
    name: 'n',
    url: 'n',
    method: 'GET',
    status: '200',
    proto: 'HTTP/1.1',
    expected_response: 'true',
  });
});

test('every request gives each built-in metric one sample, and duration is sending, waiting and receiving', async () => {
  const observed = await runAgainst((_request, response) => response.end('x'), one('GET'));
  const [duration] = valuesOf(observed, 'http_req_duration');
  const parts = ['sending', 'waiting', 'receiving'].flatMap((phase) => valuesOf(observed, `http_req_${phase}`));
  assert.equal(parts.length, 3);
  assert.deepEqual(valuesOf(observed, 'http_req_tls_handshaking'), [0]);
  assert.ok((valuesOf(observed, 'http_req_connecting')[0] as number) > 0);
  assert.ok(Math.abs((duration as number) - parts.reduce((a, b) => a + b)) < 1e-6);
  for (const name of [
    'http_reqs',
    'http_req_blocked',
    'http_req_connecting',
    'http_req_tls_handshaking',
    'data_sent',
    'data_received',
  ]) {
    assert.equal(valuesOf(observed, name).length, 1, name);
  }
  assert.ok((valuesOf(observed, 'data_received')[0] as number) > 'HTTP/1.1 200 OK'.length);
});

test('a VU keeps its connections, and no other VU gets them', async () => {
  const ports = new Set<number | undefined>();
  await runAgainst(
    (request, response) => {
      ports.add(request.socket.remotePort);
      response.end();
    },
    `import http from 'k6/http';
     export const options = { scenarios: { s: { executor: 'per-vu-iterations', vus: 3, iterations: 4 } } };
     export default async function () { await http.asyncRequest('GET', __ENV.URL); }`,
  );
  assert.equal(ports.size, 3);
});

test('noConnectionReuse opens a connection for each request', async () => {
  const ports = new Set<number | undefined>();
  await runAgainst(
    (request, response) => {
      ports.add(request.socket.remotePort);
      response.end();
    },
    `import http from 'k6/http';
     export const options = { noConnectionReuse: true, iterations: 3, vus: 1 };
     export default async function () { await http.asyncRequest('GET', __ENV.URL); }`,
  );
  assert.equal(ports.size, 3);
});

test('a GET on a kept connection that the server closed meanwhile is sent again', async () => {
  const paths: (string | undefined)[] = [];
  const { log } = await runAgainst(
    (request, response) => {
      const again = paths.includes(request.url);
      paths.push(request.url);
      // The connection dies under the second request, as it does when the server's idle timeout and the request cross.
      if (request.url === '/second' && !again) request.socket.destroy();
      else response.end();
    },
    `import http from 'k6/http';
     export default async function () {
       await http.asyncRequest('GET', __ENV.URL + 'first');
       console.log((await http.asyncRequest('GET', __ENV.URL + 'second')).status);
     }`,
  );
  assert.deepEqual(paths, ['/first', '/second', '/second']);
  assert.deepEqual(log, ['info: 200']);
});

test('a redirect is followed, each hop is a sample, and url is the last one', async () => {
  const { log, metrics } = await runAgainst(
    (request, response) => {
      if (request.url === '/end') response.end(`${request.method}`);
      else response.writeHead(302, { location: '/end' }).end();
    },
    `import http from 'k6/http';
     export default async function () {
       const r = await http.asyncRequest('POST', __ENV.URL, 'x');
       console.log(r.url.slice(-4), r.body);
     }`,
  );
  assert.deepEqual(log, ['info: /end GET']);
  assert.equal(metrics.http_reqs?.values.count, 2);
});

test('ten redirects are followed and no more; redirects: 0 follows none', async () => {
  const { log } = await runAgainst(
    (request, response) => response.writeHead(307, { location: `${request.url}x` }).end(),
    `import http from 'k6/http';
     export default async function () {
       const many = await http.asyncRequest('GET', __ENV.URL);
       const none = await http.asyncRequest('GET', __ENV.URL, null, { redirects: 0 });
       console.log(many.status, many.url.slice(__ENV.URL.length), none.url === __ENV.URL);
     }`,
  );
  assert.equal(log.at(-1), 'info: 307 xxxxxxxxxx true');
});

test('asyncRequest does not block the VU: a DELETE ends the stream that is pending, and its body is whole', async () => {
  let stream: ServerResponse | undefined;
  const { log } = await runAgainst(
    (request, response) => {
      if (request.method === 'GET') {
        stream = response;
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: 1\n\n');
        return;
      }
      stream?.end('data: 2\n\n');
      response.writeHead(204).end();
    },
    `import http from 'k6/http'; import { setTimeout } from 'k6/timers';
     export default async function () {
       const pending = http.asyncRequest('GET', __ENV.URL);
       await new Promise((ok) => setTimeout(ok, 100));
       const ended = await http.asyncRequest('DELETE', __ENV.URL);
       const r = await pending;
       console.log(ended.status, r.status, r.headers['Content-Type'], JSON.stringify(r.body));
     }`,
  );
  assert.deepEqual(log, [String.raw`info: 204 200 text/event-stream "data: 1\n\ndata: 2\n\n"`]);
});

test('one VU holds hundreds of streams at once', async () => {
  const streams = new Set<ServerResponse>();
  let most = 0;
  const { metrics } = await runAgainst(
    (_request, response) => {
      streams.add(response);
      most = Math.max(most, streams.size);
      response.write(':\n\n');
      if (streams.size === 300) for (const stream of streams) stream.end();
    },
    `import http from 'k6/http'; import { check } from 'k6';
     export default async function () {
       const all = [];
       for (let i = 0; i < 300; i++) all.push(http.asyncRequest('GET', __ENV.URL));
       check(await Promise.all(all), { 'all 200': (rs) => rs.every((r) => r.status === 200) });
     }`,
  );
  assert.equal(most, 300);
  assert.equal(metrics.checks?.values.rate, 1);
});

test('the host times heartbeats and events of a stream as they arrive', async () => {
  const observed = await runAgainst(
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': beat\n\ndata: {"sentAt": ');
      // In two pieces, to be put together.
      setTimeout(() => response.end(`${Date.now()}}\n\n: beat\n\n`), 200);
    },
    one('GET', `{ tags: { name: 'stream' } }`),
  );
  const gaps = valuesOf(observed, 'mcp_heartbeat_gap_ms');
  assert.equal(gaps.length, 2);
  assert.equal(valuesOf(observed, 'mcp_event_lag_ms').length, 1);
  assert.equal(observed.samples.find(({ metric }) => metric === 'mcp_event_lag_ms')?.tags.name, 'stream');
});

test('over TLS an unknown authority gives error_code 1310, and insecureSkipTLSVerify accepts it', async () => {
  const server = https.createServer({ key, cert }, (_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const env = { URL: `https://127.0.0.1:${(server.address() as AddressInfo).port}/` };
    const strict = seen((await run(one('GET'), { env })).log);
    assert.deepEqual([strict.status, strict.error_code], [0, 1310]);
    const lax = await run(`export const options = { insecureSkipTLSVerify: true }; ${one('GET')}`, { env });
    const { status, body, timings } = seen(lax.log);
    assert.deepEqual([status, body], [200, 'hello']);
    assert.ok(timings.tls_handshaking > 0 && timings.connecting > 0, JSON.stringify(timings));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
