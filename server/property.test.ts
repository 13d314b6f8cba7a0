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

/** Bun would end a test after 5 s. */
const LONG = { timeout: 3_600_000 };

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
              fc.constantFrom(null, 0, -1, 1.5, 2 ** 53, '', '__proto__', 'constructor', [], {}, MODERN),
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

test('whatever is sent is answered by the rules, tells nothing of the inside, and leaves nothing', LONG, async () => {
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
  await fc.assert(property, runs(200));
});

// ---- a session and its model ------------------------------------------------------------------------

const SETTLE_MS = 250;
const PRIMING = 'priming';

/** Time that stands still until the test moves it; what is due now runs when it is told to. */
function stillClock(): Clock & { run(): void; advance(ms: number): void; readonly pending: number } {
  let now = 1_700_000_000_000;
  const timers = new Set<{ due: number; run: () => void; every: number | undefined }>();
  const set = (ms: number, run: () => void, every?: number) => {
    const timer = { due: now + ms, run, every };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  const run = () => {
    for (const timer of timers) {
      if (timer.due > now) continue;
      if (timer.every === undefined) timers.delete(timer);
      else timer.due = now + timer.every;
      timer.run();
    }
  };
  return {
    now: () => now,
    after: (ms, once) => set(ms, once),
    every: (ms, each) => set(ms, each, ms),
    run,
    advance(ms) {
      now += ms;
      run();
    },
    get pending() {
      return timers.size;
    },
  };
}

/** What a stream has brought or must bring. */
class Log {
  readonly what: string[] = [];
  /** Event ids, as soon as a reader saw them. */
  readonly ids: (string | undefined)[] = [];
  /** Requests of the server among the events: their ids. */
  readonly asked = new Map<number, string>();
  ended = false;
  /** The first event nobody was given. */
  untaken = 0;
  readonly bound: number;
  constructor(bound: number) {
    this.bound = bound;
  }
  get first(): number {
    return Math.max(0, this.what.length - this.bound);
  }
}

/** A connection: which part of a log it brings. */
interface Link {
  readonly log: Log;
  /** Index of the first event. */
  readonly from: number;
  /** Events before it that the log had dropped already. */
  readonly lost: number;
  /** Where it was closed, not at the end of the log; undefined while it is the stream's connection. */
  until: number | undefined;
  retry: number | undefined;
  /** Nothing was to come when it was opened: it closes by itself, and no other takes it over. */
  readonly spent: boolean;
  response: Response | undefined;
  /** Undefined while it is not read. */
  events: Events | undefined;
  readonly unread: boolean;
  cut: boolean;
}

interface ModelCall {
  readonly key: string;
  readonly id: number;
  readonly of: ModelSession;
  readonly unread: boolean;
  log: Log | undefined;
  link: Link | undefined;
  over: 'answered' | 'cancelled' | undefined;
  steps: number;
  question: { readonly at: number; readonly name: Promise<string> } | undefined;
  response: Response | undefined;
  json: Rpc | undefined;
}

interface ModelSession {
  readonly real: Session;
  readonly polls: boolean;
  readonly logs: Log[];
  standalone: Log | undefined;
  readonly waiting: Set<string>;
  watches: boolean;
  over: boolean;
}

const WATCHED = 'test://watched-resource';
const CHANGES = ['toolsChanged', 'promptsChanged', 'resourcesChanged', 'resourceUpdated'] as const;
const TOLD = {
  toolsChanged: 'notifications/tools/list_changed',
  promptsChanged: 'notifications/prompts/list_changed',
  resourcesChanged: 'notifications/resources/list_changed',
  resourceUpdated: `notifications/resources/updated ${WATCHED}`,
};

/** What is done, and how often beside the rest. */
const WEIGHTS = {
  initialize: 1,
  call: 4,
  step: 8,
  ask: 3,
  answer: 3,
  return: 3,
  cancel: 2,
  'hang up': 1,
  cut: 6,
  read: 2,
  resume: 7,
  'resume ahead': 1,
  'resume foreign': 1,
  get: 4,
  notify: 5,
  subscribe: 1,
  unsubscribe: 1,
  wait: 2,
  ping: 1,
  delete: 1,
  'delete at once with call': 1,
  'delete at once with get': 1,
};
type Kind = keyof typeof WEIGHTS;
const KINDS = Object.keys(WEIGHTS) as Kind[];

interface Action {
  do: Kind;
  /** Which of the sessions, calls, connections or events there are. */
  at: number;
  times: number;
  /** The stream that opens is not read. */
  unread: boolean;
  change: (typeof CHANGES)[number];
  revision: (typeof SESSIONS)[number];
}

/** Each run has its own inclination, some things not done at all, others all the time: that finds more than evenness. */
const actions = fc
  .tuple(...KINDS.map((kind) => fc.constantFrom(0, 1, 1, 8).map((inclination) => inclination * WEIGHTS[kind])))
  .chain((weights) => {
    const kinds = KINDS.map((kind, index) => ({ weight: weights[index] ?? 0, arbitrary: fc.constant(kind) }));
    const action: fc.Arbitrary<Action> = fc.record({
      do: fc.oneof({ weight: 1, arbitrary: fc.constant<Kind>('call') }, ...kinds),
      at: fc.nat(60),
      times: fc.integer({ min: 1, max: 5 }),
      unread: fc.boolean(),
      change: fc.oneof({ weight: 3, arbitrary: fc.constant(CHANGES[0]) }, fc.constantFrom(...CHANGES)),
      revision: fc.constantFrom(...SESSIONS),
    });
    return fc.array(action, { minLength: 5, maxLength: 80, size: 'max' });
  });

/** Does the same to a server and to a model of it, and holds that both agree after every step. */
class Twin {
  readonly clock = stillClock();
  readonly client: Client;
  readonly #held = new Map<string, { context: Context; finish: (text: string) => void }>();
  readonly #sessions: ModelSession[] = [];
  readonly #calls: ModelCall[] = [];
  readonly #links: Link[] = [];
  readonly #bound: number;
  #count = 0;

  /** @param bound events kept for a stream */
  constructor(bound: number) {
    this.#bound = bound;
    const stepping = tool(
      'stepping',
      { description: 'Steps when the test says so', inputSchema: z.object({ key: z.string() }) },
      ({ key }, context) => new Promise<string>((finish) => this.#held.set(key, { context, finish })),
    );
    this.client = new Client({
      clock: this.clock,
      features: everythingAnd(stepping),
      env: { MCP_REPLAY_EVENTS: String(bound), MCP_SETTLE: String(SETTLE_MS), MCP_STALL_TIMEOUT: '3600000' },
    });
  }

  /** With a small log what a reader does not take at once is lost to it; there every link is read. */
  #mayWait(unread: boolean): boolean {
    return unread && this.#bound > 1000;
  }

  async run(what: Action): Promise<void> {
    await this.#act(what);
    await this.#agree();
  }

  // ---- the steps ----

  async #act(what: Action): Promise<void> {
    const alive = this.#sessions.filter(({ over }) => !over);
    switch (what.do) {
      case 'initialize': {
        if (alive.length < 3) await this.initialize(what.revision);
        return;
      }
      case 'call': {
        const session = at(alive, what.at);
        if (session) this.#call(session, this.#mayWait(what.unread));
        return;
      }
      case 'step': {
        const call = at(this.#running(), what.at) ?? at(this.#calls, what.at);
        if (!call) return;
        // What is said for a call that is over is said to nobody.
        if (call.over) return void this.#held.get(call.key)?.context.progress(call.steps + 1);
        for (let time = 0; time < what.times; time++) {
          call.steps++;
          this.#stream(call).what.push(`${call.key} step ${call.steps}`);
          void this.#held.get(call.key)?.context.progress(call.steps);
          if (this.#bound < 1000) await this.#agree();
        }
        return;
      }
      case 'ask': {
        const call = at(this.#running(), what.at);
        if (!call || call.question) return;
        const log = this.#stream(call);
        log.what.push(`${call.key} asks`);
        const asking = this.#held.get(call.key)?.context.ask({
          who: elicit(call.key, z.object({ name: z.string() })),
        });
        const name = (asking ?? Promise.reject()).then(({ who }) => (who.action === 'accept' ? who.content.name : ''));
        name.catch(() => {});
        call.question = { at: log.what.length - 1, name };
        return;
      }
      case 'answer': {
        const call = at(
          this.#calls.filter(({ question, of }) => question && !of.over),
          what.at,
        );
        const id = call?.question && call.log?.asked.get(call.question.at);
        if (!call || id === undefined) return;
        const name = `answer ${++this.#count}`;
        const result = { action: 'accept', content: { name } };
        assert.equal((await call.of.real.tell({ jsonrpc: '2.0', id, result })).status, 202);
        assert.equal((await call.of.real.tell({ jsonrpc: '2.0', id, result: { action: 'decline' } })).status, 202);
        if (!call.over) assert.equal(await call.question?.name, name);
        call.question = undefined;
        return;
      }
      case 'return': {
        const call = at(this.#running(), what.at);
        if (!call) return;
        call.over = 'answered';
        this.#held.get(call.key)?.finish(`${call.key} done`);
        if (!call.log) return;
        call.log.what.push(`${call.key} answer`);
        call.log.ended = true;
        return;
      }
      case 'cancel': {
        const call = at(this.#calls, what.at);
        if (!call || call.of.over) return;
        const told = await call.of.real.notify('notifications/cancelled', { requestId: call.id });
        assert.equal(told.status, 202);
        if (!call.over) this.#cancelled(call);
        return;
      }
      case 'hang up': {
        const call = at(this.#running(), what.at);
        if (!call) return;
        this.#held.get(call.key)?.context.closeStream();
        if (!call.of.polls) return;
        const log = this.#stream(call);
        const link = this.#connected(log);
        if (!link) return;
        link.until = log.what.length;
        log.untaken = log.what.length;
        link.retry = 1000;
        return;
      }
      case 'cut': {
        const there = this.#links.filter(({ cut, response }) => !cut && response);
        const open = there.filter((link) => this.#open(link));
        const link = at(open.length > 0 ? open : there, what.at);
        if (!link) return;
        if (link.events) await link.events.cut();
        else await link.response?.body?.cancel();
        if (!link.events) link.until = link.from;
        else if (this.#open(link)) link.until = link.log.what.length;
        link.cut = true;
        return;
      }
      case 'read': {
        const link = at(
          this.#links.filter(({ cut, events, response }) => !cut && !events && response),
          what.at,
        );
        if (link?.response) link.events = this.client.events(link.response);
        return;
      }
      case 'resume':
      case 'resume ahead': {
        const session = at(alive, what.at % 3);
        // As a client does, after the last it saw of a stream; or after any other.
        const seen = (session?.logs ?? []).flatMap((log) => {
          const events = log.ids.flatMap((id, index) => (id ? [{ log, id, index }] : []));
          return what.times < 3 ? events.slice(-1) : events;
        });
        const event = at(seen, what.at);
        if (!session || !event) return;
        const { log, id, index } = event;
        if (what.do === 'resume ahead') {
          const ahead = id.replace(/-\d+$/, `-${log.what.length + (what.at % 2) * 1000}`);
          assert.equal((await session.real.get({ 'last-event-id': ahead })).status, 400);
          return;
        }
        const response = await session.real.get({ 'last-event-id': id });
        this.#replace(log);
        const from = Math.max(index + 1, log.first);
        this.#link(log, from, from - index - 1, response, this.#mayWait(what.unread));
        if (log === session.standalone) session.waiting.clear();
        return;
      }
      case 'resume foreign': {
        const session = at(alive, what.at % 3);
        const foreign = this.#sessions.filter((other) => other !== session).flatMap(({ logs }) => logs);
        const id = at(
          foreign.flatMap(({ ids }) => ids.filter((id) => id !== undefined)),
          what.at,
        );
        if (session && id) await this.#get(session, this.#mayWait(what.unread), { 'last-event-id': id });
        return;
      }
      case 'get': {
        const session = at(alive, what.at);
        if (session) await this.#get(session, this.#mayWait(what.unread));
        return;
      }
      case 'notify': {
        const text = TOLD[what.change];
        if (what.change === 'resourceUpdated') this.client.server.notify.resourceUpdated(WATCHED);
        else this.client.server.notify[what.change]();
        for (const session of alive) {
          const hears = what.change === 'resourceUpdated' ? session.watches : session.standalone || session.watches;
          if (!hears) continue;
          session.standalone ??= this.#newLog(session);
          if (!this.#connected(session.standalone)) {
            if (session.waiting.has(text)) continue;
            session.waiting.add(text);
          }
          session.standalone.what.push(text);
        }
        return;
      }
      case 'subscribe':
      case 'unsubscribe': {
        const session = at(alive, what.at);
        if (!session) return;
        session.watches = what.do === 'subscribe';
        const answer = await session.real.request(`resources/${what.do}`, { uri: WATCHED });
        assert.deepEqual(answer.result, {});
        return;
      }
      case 'wait': {
        await this.#agree();
        this.clock.advance(SETTLE_MS * 2);
        for (const call of this.#running()) this.#stream(call);
        return;
      }
      case 'ping': {
        const session = at(this.#sessions, what.at);
        if (!session) return;
        assert.equal((await session.real.request('ping')).status, session.over ? 404 : 200);
        if (session.over) assert.equal((await session.real.get()).status, 404);
        return;
      }
      case 'delete': {
        const session = at(alive, what.at);
        if (!session) return;
        assert.equal((await session.real.end()).status, 204);
        this.#ended(session);
        return;
      }
      case 'delete at once with call':
      case 'delete at once with get': {
        const session = at(alive, what.at);
        if (!session) return;
        const key = `late ${++this.#count}`;
        const params = { name: 'stepping', arguments: { key } };
        const late =
          what.do === 'delete at once with get'
            ? session.real.get()
            : session.real.post({ jsonrpc: '2.0', id: key, method: 'tools/call', params });
        const [response, gone] = await Promise.all([late, session.real.end()]);
        assert.equal(gone.status, 204);
        // Whichever came first; a stream that was opened ends, and nothing of either stays.
        assert.ok([200, 204, 404].includes(response.status), String(response.status));
        await response.text();
        if (what.do === 'delete at once with get' && response.status === 200 && session.standalone)
          this.#replace(session.standalone);
        this.#ended(session);
        return;
      }
    }
  }

  async initialize(revision: string): Promise<void> {
    const real = await this.client.initialize(revision, { elicitation: {} });
    this.#sessions.push({
      real,
      polls: revision === SESSIONS[0],
      logs: [],
      standalone: undefined,
      waiting: new Set(),
      watches: false,
      over: false,
    });
  }

  #call(session: ModelSession, unread: boolean): void {
    const id = this.client.nextId();
    const key = `call ${id}`;
    const params = { name: 'stepping', arguments: { key }, _meta: { progressToken: key } };
    const call: ModelCall = {
      key,
      id,
      of: session,
      unread,
      log: undefined,
      link: undefined,
      over: undefined,
      steps: 0,
      question: undefined,
      response: undefined,
      json: undefined,
    };
    this.#calls.push(call);
    void session.real.post({ jsonrpc: '2.0', id, method: 'tools/call', params }).then((response) => {
      call.response = response;
      if (call.link) call.link.response = response;
    });
  }

  async #get(session: ModelSession, unread: boolean, headers = {}): Promise<void> {
    const response = await session.real.get(headers);
    session.standalone ??= this.#newLog(session);
    const log = session.standalone;
    this.#replace(log);
    if (session.polls) log.what.push(PRIMING);
    session.waiting.clear();
    this.#link(log, Math.max(log.untaken, log.first), 0, response, unread);
  }

  #cancelled(call: ModelCall): void {
    call.over = 'cancelled';
    const log = this.#stream(call);
    if (call.question) log.what.push('withdraws');
    log.ended = true;
  }

  #ended(session: ModelSession): void {
    session.over = true;
    for (const call of this.#calls) {
      if (call.of !== session || call.over) continue;
      call.over = 'cancelled';
      if (call.question) call.log?.what.push('withdraws');
    }
    for (const log of session.logs) {
      log.ended = true;
      const link = this.#connected(log);
      if (link && !link.events) link.until = link.from;
    }
  }

  // ---- the model ----

  #running(): ModelCall[] {
    return this.#calls.filter(({ over }) => !over);
  }

  /** Whether there is something to keep for a session. */
  #keeps(session: ModelSession): boolean {
    const busy = this.#calls.some(({ of, over, question }) => of === session && (!over || question));
    return busy || session.watches || session.logs.length > 0;
  }

  #newLog(session: ModelSession): Log {
    const log = new Log(this.#bound);
    session.logs.push(log);
    return log;
  }

  /** The stream of a call, which begins when something is said for it. */
  #stream(call: ModelCall): Log {
    if (call.log) return call.log;
    call.log = this.#newLog(call.of);
    if (call.of.polls) call.log.what.push(PRIMING);
    call.link = this.#link(call.log, 0, 0, call.response, call.unread);
    return call.log;
  }

  #link(log: Log, from: number, lost: number, response: Response | undefined, unread: boolean): Link {
    const spent = log.ended && from >= log.what.length;
    const made: Link = {
      log,
      from,
      lost,
      until: undefined,
      retry: undefined,
      spent,
      response,
      unread,
      cut: false,
      events: undefined,
    };
    this.#links.push(made);
    return made;
  }

  #connected(log: Log): Link | undefined {
    return this.#links.find((link) => link.log === log && this.#open(link) && !link.spent);
  }

  #open(link: Link): boolean {
    return link.until === undefined && !link.cut && !(link.log.ended && link.events);
  }

  /** Another connection takes over. */
  #replace(log: Log): void {
    const link = this.#connected(log);
    if (!link) return;
    link.until = link.events ? log.what.length : link.from;
    link.retry = 1000;
  }

  // ---- do they agree ----

  #expected({ log, from, until }: Link): string[] {
    return log.what.slice(from, until ?? log.what.length);
  }

  /** What has not come yet. */
  #missing(): boolean {
    for (const call of this.#calls) {
      if (call.of.over) continue;
      if (!this.#held.has(call.key)) return true;
      if (call.over === 'answered' && !call.log && !call.json) return true;
    }
    for (const link of this.#links) {
      if (!link.response) return true;
      if (!link.events) continue;
      if (link.events.received.length < this.#expected(link).length) return true;
      if (!this.#open(link) && !link.events.ended) return true;
    }
    return false;
  }

  /** Waits for what must come; then nothing is missing, and nothing is there that must not. */
  async #agree(): Promise<void> {
    for (let turns = 0; turns < 500; turns++) {
      this.clock.run();
      for (const link of this.#links)
        if (link.response && !link.unread && !link.cut) link.events ??= this.client.events(link.response);
      for (const call of this.#calls) {
        if (call.over !== 'answered' || call.log || call.json || !call.response) continue;
        const { headers, message } = await read(call.response);
        assert.equal(headers.get('content-type'), 'application/json');
        call.json = message;
      }
      if (turns > 1 && !this.#missing()) break;
      await turn();
    }
    for (const call of this.#calls) {
      if (call.of.over || call.over !== 'answered' || call.log) continue;
      assert.deepEqual([call.json?.id, textIn(call.json)], [call.id, `${call.key} done`]);
    }
    for (const link of this.#links) this.#compare(link);
    this.#unique();
    const { sessions, streams, calls, retained, lost, slow } = this.client.server.stats();
    const alive = this.#sessions.filter(({ over }) => !over);
    assert.deepEqual(
      { sessions, streams, calls, retained, lost: this.#bound > 1000 ? lost : 0, slow },
      {
        sessions: alive.filter((session) => this.#keeps(session)).length,
        streams: this.#links.filter((link) => this.#open(link)).length,
        calls: this.#running().length,
        retained: alive.flatMap(({ logs }) => logs).filter(({ ended }) => ended).length,
        lost: 0,
        slow: 0,
      },
    );
  }

  #compare(link: Link): void {
    const { log, from, events } = link;
    if (!events) return;
    const came = events.received.map(described);
    assert.deepEqual(came, this.#expected(link));
    assert.equal(events.ended, !this.#open(link), 'whether the connection ended');
    if (!link.cut) assert.equal(events.retry, link.retry);
    const told = events.comments.filter((comment) => comment.includes('no longer kept'));
    assert.deepEqual(told, link.lost > 0 ? [`${link.lost} events before this one are no longer kept`] : []);
    for (const [index, { id, message }] of events.received.entries()) {
      assert.ok(id, 'an event id');
      log.ids[from + index] ??= id;
      assert.equal(id, log.ids[from + index], 'an event has one id');
      if (message?.method && message.id !== undefined) log.asked.set(from + index, String(message.id));
      if (message?.method !== 'notifications/cancelled') continue;
      const withdrawn = String(message.params?.requestId);
      if (from === 0)
        assert.ok([...log.asked.values()].includes(withdrawn), 'what is withdrawn was asked on this stream');
    }
    log.untaken = Math.max(log.untaken, from + events.received.length);
  }

  #unique(): void {
    for (const { logs } of this.#sessions) {
      const ids = logs.flatMap((log) => log.ids.filter((id) => id !== undefined));
      assert.equal(new Set(ids).size, ids.length, 'event ids are unique in the session');
    }
  }

  /** Ends everything; nothing may be left of it. */
  async close(): Promise<void> {
    for (const session of this.#sessions.filter(({ over }) => !over)) {
      assert.equal((await session.real.end()).status, 204);
      this.#ended(session);
    }
    await this.#agree();
    for (const { finish } of this.#held.values()) finish('too late');
    for (const link of this.#links) if (!link.events && !link.cut) await link.response?.body?.cancel();
    await turns(2);
    this.clock.advance(SETTLE_MS * 2);
    assert.deepEqual(this.client.bugs, []);
    this.client.holdsNothing();
    assert.equal(this.clock.pending, 0, 'timers left');
    await this.client.close();
  }
}

function at<T>(list: readonly T[], index: number): T | undefined {
  return list[index % Math.max(1, list.length)];
}

function textIn(message: Rpc | undefined): string | undefined {
  return (message?.result?.content as { text: string }[] | undefined)?.[0]?.text;
}

/** An event in the words of the model. */
function described({ data, message }: StreamEvent): string {
  if (!message) return data === '' ? PRIMING : `nothing known: ${data}`;
  const { id, method, params } = message;
  if (method === 'notifications/progress') return `${params?.progressToken} step ${params?.progress}`;
  if (method === 'elicitation/create' && id !== undefined) return `${params?.message} asks`;
  if (method === 'notifications/cancelled') return 'withdraws';
  if (method === 'notifications/resources/updated') return `${method} ${params?.uri}`;
  return method ?? `call ${id} answer`;
}

for (const [kept, bound] of [
  ['all events are', 10_000],
  ['six events are', 6],
] as const) {
  test(`in any order of doings each event comes once, on its stream, in order, where ${kept} kept`, LONG, async () => {
    const property = fc.asyncProperty(actions, async (all) => {
      const twin = new Twin(bound);
      await twin.initialize(SESSIONS[0]);
      for (const each of all) await twin.run(each);
      await twin.close();
    });
    await fc.assert(property, runs(200));
  });
}
