/**
 * Properties. Whatever is sent, a server answers by the rules, tells nothing of its inside and keeps nothing. And whatever
 * a client does in whatever order, a session brings each event once, on its own stream, in order: a model agrees exactly.
 *
 * `FC_RUNS=5000 node --test server/property.test.ts` runs longer. A failure prints its seed and path; `FC_SEED` and
 * `FC_PATH` repeat it.
 */

import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { z } from 'zod';
import {
  Client,
  type Events,
  everythingAnd,
  type Json,
  MODERN,
  type Rpc,
  read,
  SESSIONS,
  type Session,
  type StreamEvent,
} from './client.fixture.ts';
import type { Clock } from './clock.ts';
import { type Context, elicit, tool } from './tool.ts';

const { FC_RUNS, FC_SEED, FC_PATH } = process.env;

/** As many runs as asked for, else as many as fit into a few seconds. */
function runs<T>(usual: number): fc.Parameters<T> {
  return {
    numRuns: Number(FC_RUNS ?? usual),
    ...(FC_SEED && { seed: Number(FC_SEED) }),
    ...(FC_PATH && { path: FC_PATH }),
  };
}

// ---- anything at all --------------------------------------------------------------------------------

const names = (kind: string) => everythingAnd().flatMap((feature) => (feature.kind === kind ? [feature.name] : []));

const VALID: Json[] = [
  ...SESSIONS.map((protocolVersion) => ({
    id: 'open',
    method: 'initialize',
    params: { protocolVersion, capabilities: { roots: {} }, clientInfo: { name: 'property', version: '1' } },
  })),
  { id: 1, method: 'ping' },
  { id: 2, method: 'server/discover', params: {} },
  ...['tools', 'prompts', 'resources', 'resources/templates'].map((what) => ({ id: 3, method: `${what}/list` })),
  ...names('tool').map((name, index) => ({
    id: 100 + index,
    method: 'tools/call',
    params: {
      name,
      arguments: { text: 'said', from: 3, every_ms: 1, prompt: 'p', message: 'm' },
      _meta: { progressToken: name },
    },
  })),
  ...names('prompt').map((name) => ({ id: 5, method: 'prompts/get', params: { name, arguments: { arg1: 'a' } } })),
  ...['read', 'subscribe', 'unsubscribe'].map((verb) => ({
    id: 6,
    method: `resources/${verb}`,
    params: { uri: 'test://static-text' },
  })),
  {
    id: 7,
    method: 'completion/complete',
    params: { ref: { type: 'ref/resource', uri: 'test://template/{id}/data' }, argument: { name: 'id', value: '1' } },
  },
  { id: 8, method: 'logging/setLevel', params: { level: 'debug' } },
  { id: 9, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } },
  { method: 'notifications/initialized' },
  { method: 'notifications/cancelled', params: { requestId: 100, reason: 'no more' } },
  { id: 'answer', result: { action: 'accept', content: {} } },
  { id: 'answer', error: { code: -1, message: 'no' } },
].map((message) => ({ jsonrpc: '2.0', ...message }));

interface Change {
  at: number;
  how: 'drop' | 'put' | 'add' | 'wrap';
  value: unknown;
}

/** Changes a copy of a JSON value at places picked by number. */
function mutate(original: unknown, changes: readonly Change[]): unknown {
  let root: unknown = structuredClone(original);
  for (const { at, how, value } of changes) {
    const places: [Json, string][] = [];
    const visit = (node: unknown) => {
      if (typeof node !== 'object' || node === null) return;
      for (const key of Object.keys(node)) {
        places.push([node as Json, key]);
        visit((node as Json)[key]);
      }
    };
    visit(root);
    const place = places[at % Math.max(1, places.length)];
    if (!place) root = value;
    else if (how === 'drop') delete place[0][place[1]];
    else if (how === 'wrap') root = [root, value];
    else {
      const key = how === 'put' ? place[1] : String(value);
      // `__proto__` as a member of its own, as JSON may hold it.
      Object.defineProperty(place[0], key, { value, enumerable: true, configurable: true, writable: true });
    }
  }
  return root;
}

const character = (from: number, to: number) =>
  fc.integer({ min: from, max: to }).map((code) => String.fromCharCode(code));
/** What a header may hold: no control characters but the tab. */
const headerText = fc.string({
  unit: fc.oneof({ weight: 8, arbitrary: character(0x20, 0x7e) }, character(0x80, 0xff), fc.constant('\t')),
  maxLength: 30,
});
const header = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      ...['accept', 'content-type', 'content-length', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id'],
      ...['mcp-method', 'mcp-name', 'mcp-param-region', 'origin', 'host', 'access-control-request-headers'],
    ),
    fc.oneof(
      headerText,
      fc.constantFrom('', '*/*', 'application/json', 'text/event-stream', 'text/*;q=0', '0', '17', '-1', '1e9', '9'),
      fc.constantFrom(
        ...SESSIONS,
        MODERN,
        '2099-01-01',
        'http://localhost',
        'http://evil.example',
        'null',
        'localhost',
      ),
      fc.constantFrom('abcdefghijk-0', 'abcdefghijk-999999999999999', '=?base64?AA==?=', '=?base64?%?=', 'tools/call'),
    ),
  ),
  fc.tuple(fc.stringMatching(/^x-[a-z0-9!#$&^_|~.-]{1,12}$/), headerText),
);

const shot = fc.record({
  method: fc.oneof(
    { weight: 12, arbitrary: fc.constant('POST') },
    { weight: 2, arbitrary: fc.constant('GET') },
    fc.constantFrom('DELETE', 'PUT', 'HEAD', 'OPTIONS', 'PATCH', 'post', 'QUERY', 'x!'),
  ),
  path: fc.oneof(
    { weight: 15, arbitrary: fc.constant('/mcp') },
    fc.webPath().map((path) => `/mcp${path}`),
    fc.webQueryParameters().map((query) => `/mcp?${query}`),
    fc.webPath(),
  ),
  /** The session it names: 0 to 2 are there, the rest are ids changed in a place. */
  session: fc.oneof({ weight: 12, arbitrary: fc.nat(2) }, fc.integer({ min: 3, max: 300 }), fc.constant(undefined)),
  modern: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, fc.constant(true)),
  body: fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({
        message: fc.constantFrom(...VALID),
        changes: fc.array(
          fc.record({
            at: fc.nat(40),
            how: fc.constantFrom('drop', 'put', 'put', 'add', 'wrap'),
            value: fc.oneof(
              fc.jsonValue({ maxDepth: 2 }),
              fc.constantFrom(null, 0, -1, 1.5, 2 ** 53, 1e999, '', '__proto__', 'constructor', [], {}, MODERN),
            ),
          }),
          { maxLength: 3, size: 'xsmall' },
        ),
        damage: fc.option(fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 })), { freq: 6 }),
      }),
    },
    fc.uint8Array({ maxLength: 200 }),
    fc.json(),
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.integer({ min: 1, max: 400 }).map((deep) => '['.repeat(deep) + ']'.repeat(deep)),
    fc.integer({ min: 4000, max: 9000 }).map((size) => JSON.stringify('x'.repeat(size))),
    fc.constant(undefined),
  ),
  headers: fc.array(header, { maxLength: 2, size: 'xsmall' }),
  /** Sent before the one before it was answered. */
  atOnce: fc.boolean(),
  streamed: fc.boolean(),
});
type Shot = typeof shot extends fc.Arbitrary<infer T> ? T : never;

interface Built {
  method: string;
  url: string;
  headers: Record<string, string>;
  bytes: Uint8Array | undefined;
  streamed: boolean;
}

function build({ method, path, session, modern, body, headers, streamed }: Shot, ids: readonly string[]): Built {
  let message: unknown;
  let bytes: Uint8Array | undefined;
  if (body instanceof Uint8Array) bytes = body;
  else if (typeof body === 'string') bytes = new TextEncoder().encode(body);
  else if (body) {
    message = body.message;
    if (modern) {
      const _meta = {
        'io.modelcontextprotocol/protocolVersion': MODERN,
        'io.modelcontextprotocol/clientCapabilities': {},
      };
      const params = (body.message.params ?? {}) as Json;
      message = { ...body.message, params: { ...params, _meta: { ...(params._meta as Json), ..._meta } } };
    }
    message = mutate(message, body.changes);
    bytes = new TextEncoder().encode(JSON.stringify(message));
    if (body.damage) bytes[body.damage[0] % Math.max(1, bytes.length)] = body.damage[1];
  }
  const all: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  if (session !== undefined) {
    const id = ids[session % 3] ?? '';
    const at = session % id.length;
    all['mcp-session-id'] = session < 3 ? id : `${id.slice(0, at)}${id[at] === 'A' ? 'B' : 'A'}${id.slice(at + 1)}`;
  }
  if (modern && body && typeof body === 'object' && 'message' in body) {
    const { method, params } = body.message as { method?: string; params?: { name?: string; uri?: string } };
    all['mcp-protocol-version'] = MODERN;
    if (method) all['mcp-method'] = method;
    const named = params?.name ?? params?.uri;
    if (named) all['mcp-name'] = named;
  }
  for (const [name, value] of headers) all[name] = value;
  if (/^(get|head)$/i.test(method)) bytes = undefined;
  return { method, url: `http://localhost${path}`, headers: all, bytes, streamed };
}

const STATUSES = [200, 202, 204, 400, 403, 404, 405, 406, 413, 415];
/** A stack, a path, a line of a source: what no answer may tell. */
const INSIDE = /(\n|\\n)\s*at |file:\/\/|node_modules|\.ts:\d/;

function holdsRpc(message: Rpc, text: string, id: unknown): void {
  assert.equal(message.jsonrpc, '2.0', text);
  if (message.method !== undefined) {
    assert.equal(typeof message.method, 'string', text);
    return;
  }
  assert.ok((message.result === undefined) !== (message.error === undefined), text);
  if (message.id !== undefined && id !== undefined) assert.deepEqual(message.id, id, text);
  if (message.error === undefined) {
    assert.equal(typeof message.result, 'object', text);
    assert.notEqual(message.id, undefined, text);
    return;
  }
  assert.ok(Number.isInteger(message.error.code), text);
  assert.ok(typeof message.error.message === 'string' && message.error.message.length > 0, text);
}

/** What was sent as the one message, if it was one with an id that can be echoed. */
function sentId(bytes: Uint8Array | undefined): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const { id, method } = value as Rpc;
    return method !== undefined && (typeof id === 'string' || Number.isSafeInteger(id)) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Reads what comes by itself: the rest of a stream may take until its session ends. */
async function textOf(response: Response): Promise<string> {
  if (response.headers.get('content-type') !== 'text/event-stream') return response.text();
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const chunk = await Promise.race([reader?.read(), turns(4)]);
    if (!chunk || chunk.done) break;
    text += decoder.decode(chunk.value, { stream: true });
  }
  await reader?.cancel();
  return text;
}

async function turns(count: number): Promise<undefined> {
  for (let each = 0; each < count; each++) await turn();
  return undefined;
}

async function holdsAnswer(response: Response, { method, url, bytes }: Built): Promise<void> {
  const { status, headers } = response;
  const text = await textOf(response);
  const shown = `${status} ${text}`;
  assert.ok(STATUSES.includes(status), shown);
  assert.equal(headers.get('x-content-type-options'), 'nosniff', shown);
  assert.equal(headers.get('x-frame-options'), 'DENY', shown);
  assert.match(headers.get('cache-control') ?? '', /^no-store/, shown);
  assert.doesNotMatch(text, INSIDE);
  const type = headers.get('content-type');
  if (type === 'text/event-stream') {
    assert.equal(status, 200, shown);
    for (const [, data] of text.matchAll(/^data: (.+)\n\n/gm)) {
      // The comment after the last event may be cut, an event never is.
      holdsRpc(JSON.parse(data ?? '') as Rpc, shown, sentId(bytes));
    }
  } else if (type === 'application/json') {
    if (method === 'HEAD' || new URL(url).pathname === '/health') return;
    const messages = [JSON.parse(text)].flat() as Rpc[];
    assert.notEqual(messages.length, 0, shown);
    for (const message of messages)
      holdsRpc(message, shown, Array.isArray(JSON.parse(text)) ? undefined : sentId(bytes));
    if (status !== 200) assert.ok(messages[0]?.error, shown);
  } else {
    assert.equal(type, null, shown);
    assert.equal(text, '', shown);
    assert.ok(status === 202 || status === 204, shown);
  }
}

test('whatever is sent is answered by the rules, tells nothing of the inside, and leaves nothing', async () => {
  const property = fc.asyncProperty(fc.array(shot, { minLength: 1, maxLength: 12 }), async (shots) => {
    const client = new Client({ env: { MCP_SETTLE: '1', MCP_MAX_BODY: '4096', MCP_MAX_DEPTH: '8' } });
    const sessions = await Promise.all(SESSIONS.map((revision) => client.initialize(revision, { elicitation: {} })));
    const ids = sessions.map(({ id }) => id);
    const over = new AbortController();
    const late: Promise<void>[] = [];
    for (const one of shots) {
      const built = build(one, ids);
      const { method, url, headers, bytes } = built;
      const body = built.streamed && bytes ? new Blob([bytes as Uint8Array<ArrayBuffer>]).stream() : bytes;
      const held = client.send(method, body, headers, url, over.signal).then((response) => {
        const minted = response.headers.get('mcp-session-id');
        if (minted !== null) ids.push(minted);
        return holdsAnswer(response, built);
      });
      // A call whose client takes JSON alone is answered when it is done, or when its session is.
      held.catch(() => {});
      if (one.atOnce || (await Promise.race([held.then(() => true), turns(30)])) === undefined) late.push(held);
    }
    over.abort();
    for (const id of ids) await client.send('DELETE', undefined, { 'mcp-session-id': id });
    await Promise.all(late);
    await turns(4);
    assert.deepEqual(client.bugs, []);
    client.holdsNothing();
    await client.close();
  });
  await fc.assert(property, runs(150));
});
