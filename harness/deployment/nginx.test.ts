/** nginx as it comes, told nothing but where to pass requests on: HTTP/1.0 to the server, buffering, 60 s for a silent answer. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Arrivals } from '../clients/arrivals.ts';
import { fate } from '../clients/eventually.ts';
import { type Event, events, type Message, Session } from '../clients/session.ts';
import { freePort } from '../runtimes/ports.ts';
import { RUNTIMES, type RunningServer, type Runtime, startServer } from '../runtimes/start.ts';
import { type Nginx, startNginx } from './nginx.ts';

/** Longer than the 60 s after which nginx cuts who says nothing. */
const LONG_MS = 65_000;
const REVISION = '2026-07-28';

type Place = Runtime | 'silent';

const servers: RunningServer[] = [];
/** By what is behind it: a URL of nginx. */
const urls = new Map<Place, string>();
let nginx: Nginx;

before(async () => {
  const places: Place[] = [...RUNTIMES, 'silent'];
  const blocks = await Promise.all(
    places.map(async (place) => {
      const entry = 'harness/everything.ts';
      const server =
        place === 'silent'
          ? await startServer({ runtime: 'node', entry, env: { MCP_HEARTBEAT: '600000' } })
          : await startServer({ runtime: place, entry });
      servers.push(server);
      const port = await freePort();
      urls.set(place, `http://127.0.0.1:${port}/mcp`);
      return { port, block: `server { listen 127.0.0.1:${port}; location / { proxy_pass ${server.origin}; } }` };
    }),
  );
  nginx = await startNginx(blocks.map(({ block }) => block).join('\n'), blocks[0]?.port ?? 0);
});

after(async () => {
  await nginx?.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

/** A stream that is being read. */
class Reading {
  readonly heard = new Arrivals<Event>();
  /** Comments: heartbeats, and a first byte. */
  comments = 0;
  /** Settles when the stream ends. */
  readonly over: Promise<void>;

  constructor(response: Response) {
    this.over = this.#read(response);
    this.over.catch(() => {}); // Told to whoever waits for it.
  }

  async #read(response: Response): Promise<void> {
    for await (const event of events(response, () => this.comments++)) this.heard.add(event);
  }

  /** The first message so called. */
  method(name: string): Promise<Event> {
    return this.heard.first(({ message }) => message?.method === name);
  }

  get results(): Message[] {
    return this.heard.all.flatMap(({ message }) => (message?.result ? [message] : []));
  }

  get steps(): number[] {
    return this.heard.all.flatMap(({ message }) => message?.params?.progress ?? []);
  }
}

/** A request of 2026-07-28. */
function modern(
  url: string,
  method: string,
  params: Record<string, unknown>,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientCapabilities': {},
    progressToken: 'steps',
  };
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': REVISION,
      'mcp-method': method,
      ...(typeof params.name === 'string' && { 'mcp-name': params.name }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
    signal: signal ?? null,
  });
}

const countdown = (from: number, every_ms: number) => ({ name: 'countdown', arguments: { from, every_ms } });

const inSession = (params: object): Message => ({
  id: crypto.randomUUID(),
  method: 'tools/call',
  params: { ...params, _meta: { progressToken: 'steps' } },
});

const CHANGED = 'notifications/tools/list_changed';
const trigger = inSession({ name: 'test_trigger_tool_change', arguments: {} });

describe('nginx with its default settings', { concurrency: true, timeout: LONG_MS + 60_000 }, () => {
  for (const runtime of RUNTIMES) {
    test(`${runtime}: heartbeats hold streams open, and events flow at once`, async () => {
      const url = urls.get(runtime) as string;
      const leave = new AbortController();
      const session = await Session.open(url);
      const notifications = { toolsListChanged: true };
      const [standing, listening, oldCall, newCall, many] = await Promise.all(
        [
          session.get(undefined, leave.signal),
          modern(url, 'subscriptions/listen', { notifications }, {}, leave.signal),
          session.post(inSession(countdown(2, LONG_MS / 2)), leave.signal),
          modern(url, 'tools/call', countdown(2, LONG_MS / 2), {}, leave.signal),
          modern(url, 'tools/call', countdown(10_000, 500), {}, leave.signal),
        ].map(async (response) => new Reading(await response)),
      );
      assert.ok(standing && listening && oldCall && newCall && many);
      try {
        // Of some hours of steps, and of changes that nothing follows but a few bytes: none can have waited for more.
        await many.heard.first(({ message }) => message?.params?.progress === 3);
        await listening.method('notifications/subscriptions/acknowledged');
        const changed = async (reading: Reading, times: number) => {
          const isChange = ({ message }: Event) => message?.method === CHANGED;
          await reading.heard.first((event) => reading.heard.all.filter(isChange).indexOf(event) === times - 1);
        };
        await (await session.post(trigger)).body?.cancel();
        await Promise.all([changed(standing, 1), changed(listening, 1)]);

        const quiet = await Promise.all([standing, listening].map(({ over }) => fate(over, LONG_MS)));
        assert.deepEqual(quiet, ['open', 'open']);
        await Promise.all([oldCall.over, newCall.over]);
        for (const call of [oldCall, newCall]) {
          assert.deepEqual(call.steps, [1, 2]);
          assert.equal(call.results[0]?.result?.content?.[0]?.text, 'Lift-off');
        }
        for (const { comments } of [standing, listening, oldCall, newCall])
          assert.ok(comments >= 3, `${comments} heartbeats`);
        await (await session.post(trigger)).body?.cancel();
        await Promise.all([changed(standing, 2), changed(listening, 2)]);
      } finally {
        leave.abort();
      }
    });

    test(`${runtime}: headers come through, and what was missed is fetched`, async () => {
      const url = urls.get(runtime) as string;
      const session = await Session.open(url);
      const cut = new AbortController();
      const call = new Reading(await session.post(inSession(countdown(6, 300)), cut.signal));
      const { id } = await call.method('notifications/progress');
      cut.abort();
      const missed = new Reading(await session.get(id));
      await missed.over;
      assert.deepEqual(missed.steps, [2, 3, 4, 5, 6]);
      assert.equal(missed.results.length, 1);

      const deploy = { name: 'test_x_mcp_header', arguments: { region: 'eu' } };
      assert.equal((await modern(url, 'tools/call', deploy, { 'mcp-param-region': 'eu' })).status, 200);
      const unrepeated = await modern(url, 'tools/call', deploy);
      const { error } = (await unrepeated.json()) as Message;
      assert.deepEqual([unrepeated.status, error?.code], [400, -32020]);
    });
  }

  test('without heartbeats nginx cuts the same streams', async () => {
    const url = urls.get('silent') as string;
    const session = await Session.open(url);
    const streams = [
      new Reading(await session.get()),
      new Reading(await modern(url, 'subscriptions/listen', { notifications: {} })),
    ];
    const fates = await Promise.all(streams.map(({ over }) => fate(over, LONG_MS + 15_000)));
    assert.ok(!fates.includes('open'), `${fates}`);
    assert.match(nginx.errors(), /upstream timed out .* while reading upstream/);
  });
});
