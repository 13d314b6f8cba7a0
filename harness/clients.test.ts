/** Real clients and plain sockets against the everything server and the shipped one, on each of the four runtimes. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolResultSchema, ProgressNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { type OpenMeteoServer, serveOpenMeteo } from '../tools/open-meteo.fixture.ts';
import { Arrivals } from './clients/arrivals.ts';
import { fate } from './clients/eventually.ts';
import {
  NEGOTIATIONS,
  type Peer,
  type PeerKind,
  type PeerOptions,
  SDK_V1,
  SDK_V2,
  SDK_V2_LEGACY,
} from './clients/peers.ts';
import { type Event, events, listen, Session, statusOf } from './clients/session.ts';
import { statusOfRaw } from './clients/socket.ts';
import { Tap } from './clients/tap.ts';
import { RUNTIMES, type RunningServer, type Runtime, startServer } from './runtimes/start.ts';

const SECRET = 'known to every node of these tests';
const PEERS = [SDK_V1, SDK_V2, SDK_V2_LEGACY];
const WATCHED = 'test://watched-resource';
/** How long a stream is left alone under a bare Bun.serve, which ends a silent connection after 10 s, at the latest after 12. */
const QUIET_S = Number(process.env.QUIET_S ?? 25);

/** The two servers of a runtime. */
interface Place {
  everything: RunningServer;
  shipped: RunningServer;
}

const places = new Map<Runtime, Place>();
let meteo: OpenMeteoServer;
/** For the Inspector, which keeps files there. */
const home = mkdtempSync(join(tmpdir(), 'portable-mcp-clients-'));

const place = (runtime: Runtime): Place => {
  const found = places.get(runtime);
  assert.ok(found, `${runtime} was started`);
  return found;
};

/** Where a session can move to. */
const neighbour = (runtime: Runtime): Runtime => RUNTIMES[(RUNTIMES.indexOf(runtime) + 1) % RUNTIMES.length] ?? runtime;

before(async () => {
  meteo = await serveOpenMeteo();
  await Promise.all(
    RUNTIMES.map(async (runtime) => {
      const env = { MCP_SESSION_SECRET: SECRET, MCP_RETRY: '50' };
      const everything = await startServer({ runtime, entry: 'harness/everything.ts', env });
      const weather = { ...env, MCP_GEOCODING_URL: meteo.url, MCP_FORECAST_URL: meteo.url };
      places.set(runtime, { everything, shipped: await startServer({ runtime, env: weather }) });
    }),
  );
});

after(async () => {
  await Promise.all([...places.values()].flatMap(({ everything, shipped }) => [everything.stop(), shipped.stop()]));
  await meteo.stop();
  rmSync(home, { recursive: true, force: true });
});

/** What a server reported as its own fault: nothing that clients do may bring it there. */
const faults = (server: RunningServer): string[] => server.stderr().match(/^error .*(?:\n[ \t].*)*/gm) ?? [];

/** Runs `use` with a connected client and closes it. */
async function withPeer(
  kind: PeerKind,
  url: string,
  use: (peer: Peer) => Promise<void>,
  options?: PeerOptions,
): Promise<void> {
  const peer = await kind.connect(url, options);
  try {
    await use(peer);
  } finally {
    await peer.close();
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

const echo = (text: string) => ({ id: text, method: 'tools/call', params: { name: 'echo', arguments: { text } } });

const countdown = (id: string, from: number, every_ms: number) => ({
  id,
  method: 'tools/call',
  params: { name: 'countdown', arguments: { from, every_ms }, _meta: { progressToken: id } },
});

const steps = (seen: readonly Event[]): number[] =>
  seen.flatMap(({ message }) =>
    message?.method === 'notifications/progress' ? [message.params?.progress ?? NaN] : [],
  );

describe('clients', { concurrency: 6, timeout: 90_000 + QUIET_S * 1000 }, () => {
  test('bun: a server mounted under a bare Bun.serve keeps quiet streams open', async () => {
    const server = await startServer({ runtime: 'bun', entry: 'harness/clients/bare-bun.ts' });
    const leave = new AbortController();
    try {
      const session = await Session.open(server.url);
      const opened = Date.now();
      const beats: number[] = [];
      const heard = new Arrivals<Event>();
      const reading = (async () => {
        const response = await session.get(undefined, leave.signal);
        for await (const event of events(response, () => beats.push(Date.now() - opened))) heard.add(event);
      })();
      await withPeer(SDK_V2, server.url, async (peer) => {
        await peer.listen([]);
        const quiet = await fate(reading, QUIET_S * 1000);
        assert.equal(quiet, 'open', `after ${Date.now() - opened} ms, with heartbeats at ${beats}`);
        assert.equal(await statusOf(session.post({ ...echo('x'), params: { name: 'test_trigger_tool_change' } })), 200);
        await heard.first(({ message }) => message?.method === 'notifications/tools/list_changed');
        await peer.changes.first((changed) => changed === 'tools');
      });
      assert.ok(beats.length >= Math.floor(QUIET_S / 6.2), `a heartbeat every 6 s, got ${beats}`);
      leave.abort();
      await reading.catch(() => {});
    } finally {
      leave.abort();
      await server.stop();
    }
  });

  for (const runtime of RUNTIMES) {
    describe(runtime, { concurrency: 3 }, () => {
      for (const kind of [...PEERS, ...NEGOTIATIONS]) weatherTest(runtime, kind);
      for (const kind of PEERS) peerTests(runtime, kind);
      changesTest(runtime);
      inspectorTests(runtime);
      resumeTests(runtime);
      quietTest(runtime);
      cancelTests(runtime);
      sessionTests(runtime);
      hostTests(runtime);
    });
  }
});

test('no server reported a fault of its own', () => {
  for (const runtime of RUNTIMES) {
    const { everything, shipped } = place(runtime);
    assert.deepEqual([...faults(everything), ...faults(shipped)], [], runtime);
  }
});

// ---- each official client ------------------------------------------------------------------------

function weatherTest(runtime: Runtime, kind: PeerKind): void {
  test(`${runtime}, ${kind.name}: negotiates ${kind.revision} and uses the weather`, async () => {
    await withPeer(kind, place(runtime).shipped.url, async (peer) => {
      assert.equal(peer.revision, kind.revision);
      const tools = await peer.tools();
      for (const name of ['get_weather', 'countdown', 'echo']) assert.ok(tools.includes(name), name);

      const { structured, text } = await peer.call('get_weather', { city: 'Paris' });
      const weather = structured as { city: string; temperature: number; condition: string };
      assert.deepEqual([weather.city, weather.temperature, weather.condition], ['Paris', 11.4, 'overcast']);
      assert.deepEqual(JSON.parse(text), structured);
      const nowhere = await peer.call('get_weather', { city: 'Nowhere at all' });
      assert.ok(nowhere.isError);

      const forecast: { city: string; days: object[] } = JSON.parse(await peer.read('weather://forecast/Paris'));
      assert.deepEqual([forecast.city, forecast.days.length], ['Paris', 7]);
      await assert.rejects(peer.read('weather://forecast/Nowhere'), /not/i);

      const suggested = await peer.complete('weather://forecast/{city}', 'city', 'Ber');
      assert.deepEqual(suggested.slice(0, 1), ['Berlin']);
      assert.ok(suggested.includes('Bergen'), `${suggested}`);
      assert.match(await peer.prompt('plan_day', { city: 'Bern' }), /^Plan my day in Bern\./);
    });
  });
}

function peerTests(runtime: Runtime, kind: PeerKind): void {
  const stateless = kind.revision === '2026-07-28';

  test(`${runtime}, ${kind.name}: sees each step of a countdown`, async () => {
    await withPeer(kind, place(runtime).shipped.url, async (peer) => {
      const seen: number[] = [];
      const { text } = await peer.call(
        'countdown',
        { from: 5, every_ms: 20 },
        { onProgress: (step) => seen.push(step) },
      );
      assert.equal(text, 'Lift-off');
      assert.deepEqual(seen, [1, 2, 3, 4, 5]);
    });
  });

  test(`${runtime}, ${kind.name}: answers what the server asks`, async () => {
    await withPeer(kind, place(runtime).everything.url, async (peer) => {
      const { text } = await peer.call('test_elicitation', { message: 'Who are you?' });
      assert.equal(text, 'User response: action=accept, content={"username":"ada","email":"ada@example.com"}');
      assert.equal((await peer.call('test_sampling', { prompt: 'Capital?' })).text, 'LLM response: Paris');
      const expected = {
        list_roots: 'Roots: file:///srv/project',
        multiple_inputs: 'Hello, Ada! Paris Roots: file:///srv/project',
        multi_round: 'Ada likes green',
        capabilities: 'Hello, Ada! LLM response: Paris',
      };
      for (const [name, answer] of Object.entries(expected)) {
        assert.equal((await peer.call(`test_input_required_result_${name}`)).text, answer);
      }
      const state = await peer.call('test_input_required_result_request_state');
      assert.equal(state.text, 'state-ok: action=accept, content={"ok":true}');
      assert.equal(await peer.prompt('test_input_required_result_prompt'), 'Use this context: rain');
      const seen: number[] = [];
      const mixed = await peer.call('test_streaming_elicitation', {}, { onProgress: (step) => seen.push(step) });
      assert.equal(mixed.text, 'Hello, Ada!');
      assert.deepEqual([...new Set(seen)], [1, 2]);
    });
  });

  test(`${runtime}, ${kind.name}: a client that cannot be asked is told so`, async () => {
    const run = async (peer: Peer) => {
      const asked = peer.call('test_elicitation', { message: 'Who are you?' });
      if (stateless) await assert.rejects(asked, { code: -32021 });
      else assert.ok((await asked).isError);
      const optional = await peer.call('test_input_required_result_capabilities');
      assert.equal(optional.text, 'The client cannot be asked');
    };
    await withPeer(kind, place(runtime).everything.url, run, { mute: true });
  });

  test(`${runtime}, ${kind.name}: gets the logs it asked for and no others`, async () => {
    await withPeer(kind, place(runtime).everything.url, async (peer) => {
      const expected = ['Tool execution started', 'Tool processing data', 'Tool execution completed'];
      if (stateless) {
        await peer.call('test_tool_with_logging');
        await peer.call('test_tool_with_logging', {}, { logLevel: 'error' });
        assert.deepEqual(peer.logs.all, []);
        await peer.call('test_tool_with_logging', {}, { logLevel: 'info' });
      } else {
        await peer.logLevel('error');
        await peer.call('test_tool_with_logging');
        assert.deepEqual(peer.logs.all, []);
        await peer.logLevel('info');
        await peer.call('test_tool_with_logging');
      }
      assert.deepEqual(peer.logs.all, expected);
    });
  });

  if (!stateless) {
    test(`${runtime}, ${kind.name}: comes back to a call whose stream the server closed`, async () => {
      await withPeer(kind, place(runtime).everything.url, async (peer) => {
        const { text } = await peer.call('test_reconnection');
        assert.match(text, /^Reconnection test completed/);
        assert.ok(peer.tap.exchanges.all.some(({ lastEventId }) => lastEventId !== null));
      });
    });
  }
}

// ---- changes: one test for all clients, for what changes is the server's ---------------------------

function changesTest(runtime: Runtime): void {
  test(`${runtime}: every client that listens hears each change once, and updates of what it watches`, async () => {
    const { url } = place(runtime).everything;
    const peers = await Promise.all(PEERS.map(({ connect }) => connect(url)));
    try {
      await Promise.all(peers.map((peer) => peer.listen([WATCHED])));
      const session = await Session.open(url);
      const trigger = (what: string) =>
        statusOf(session.post({ id: what, method: 'tools/call', params: { name: `test_trigger_${what}_change` } }));
      assert.equal(await trigger('tool'), 200);
      assert.equal(await trigger('prompt'), 200);
      for (const [index, { changes, updates }] of peers.entries()) {
        await changes.first((changed) => changed === 'prompts');
        assert.deepEqual(changes.all, ['tools', 'prompts'], PEERS[index]?.name);
        assert.equal(await updates.first(() => true), WATCHED);
      }
    } finally {
      await Promise.all(peers.map((peer) => peer.close()));
    }
  });
}

// ---- Inspector -----------------------------------------------------------------------------------

interface Ran {
  code: number;
  output: string;
  errors: string;
}

function inspect(url: string, era: string, ...args: string[]): Promise<Ran> {
  const root = fileURLToPath(new URL('../', import.meta.url));
  const bin = (name: string) => join(root, 'node_modules/.bin', name);
  const all = [bin('mcp-inspector'), '--cli', url, '--transport', 'http', '--protocol-era', era, '--format', 'json'];
  return new Promise((resolve) => {
    // Its first line looks for `node` on the PATH, and it needs Node 24.
    const env = { PATH: process.env.PATH, HOME: home };
    execFile(bin('node'), [...all, ...args], { env, timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), output: stdout, errors: stderr }),
    );
  });
}

function inspectorTests(runtime: Runtime): void {
  const result = ({ code, output, errors }: Ran): Record<string, unknown> => {
    assert.equal(code, 0, errors);
    const printed: { result: Record<string, unknown> } = JSON.parse(output);
    return printed.result;
  };

  test(`${runtime}, Inspector, legacy: lists portable tools and reads a forecast`, async () => {
    const { url } = place(runtime).shipped;
    const { tools } = result(await inspect(url, 'legacy', '--method', 'tools/list', '--strict'));
    assert.ok((tools as { name: string }[]).some(({ name }) => name === 'get_weather'));
    const read = await inspect(url, 'legacy', '--method', 'resources/read', '--uri', 'weather://forecast/Paris');
    const { contents } = result(read);
    assert.match((contents as { text: string }[])[0]?.text ?? '', /"city":"Paris"/);
  });

  test(`${runtime}, Inspector, modern: calls tools`, async () => {
    const call = ['--method', 'tools/call', '--tool-name'];
    const { url } = place(runtime).shipped;
    const weather = result(await inspect(url, 'modern', ...call, 'get_weather', '--tool-arg', 'city=Paris'));
    assert.equal((weather.structuredContent as { city: string }).city, 'Paris');
    const failing = await inspect(place(runtime).everything.url, 'auto', ...call, 'test_error_handling');
    assert.equal(failing.code, 5, failing.errors);
  });
}

// ---- streams that are cut ------------------------------------------------------------------------

function resumeTests(runtime: Runtime): void {
  for (const kind of [SDK_V1, SDK_V2_LEGACY]) {
    test(`${runtime}, ${kind.name}: a countdown cut twice arrives whole, each step once`, async () => {
      await withPeer(kind, place(runtime).shipped.url, async (peer) => {
        const seen: number[] = [];
        const { exchanges } = peer.tap;
        const onProgress = (step: number) => {
          seen.push(step);
          if (step === 10) exchanges.all.find(({ called }) => called === 'tools/call')?.cut();
          if (step === 20) exchanges.all.findLast(({ lastEventId }) => lastEventId !== null)?.cut();
        };
        const { text } = await peer.call('countdown', { from: 30, every_ms: 20 }, { onProgress });
        assert.equal(text, 'Lift-off');
        assert.deepEqual(seen, upTo(30));
        assert.equal(exchanges.all.filter(({ lastEventId }) => lastEventId !== null).length, 2);
      });
    });
  }

  test(`${runtime}, SDK v1: another client takes a call over by its resumption token`, async () => {
    const { url } = place(runtime).shipped;
    const request = { method: 'tools/call' as const, params: countdown('count', 20, 20).params };
    const seen = new Arrivals<number>();
    const connect = async (tap: Tap, sessionId?: string) => {
      const client = new Client({ name: 'sdk-v1', version: '1.0.0' });
      client.setNotificationHandler(ProgressNotificationSchema, ({ params }) => seen.add(params.progress));
      const transport = new StreamableHTTPClientTransport(new URL(url), {
        fetch: tap.fetch,
        ...(sessionId !== undefined && { sessionId }),
      });
      await client.connect(transport as Transport);
      return client;
    };
    let token = '';
    const tap = new Tap();
    const first = await connect(tap);
    const lost = first.request(request, CallToolResultSchema, {
      onresumptiontoken: (newest) => {
        token = newest;
      },
    });
    const rejected = assert.rejects(lost);
    await seen.first((step) => step === 7);
    await first.close();
    await rejected;
    const taken = seen.all.length;
    assert.ok(taken < 20);

    const second = await connect(new Tap(), tap.sessionId);
    const { content } = await second.request(request, CallToolResultSchema, { resumptionToken: token });
    assert.deepEqual(content, [{ type: 'text', text: 'Lift-off' }]);
    assert.deepEqual(seen.all, upTo(20));
    await second.close();
  });

  test(`${runtime}: a cut stream is resumed from the last event, from an earlier one, and after its end`, async () => {
    const session = await Session.open(place(runtime).shipped.url);
    const seen: Event[] = [];
    const cut = new AbortController();
    for await (const event of events(await session.post(countdown('cut', 12, 20), cut.signal))) {
      seen.push(event);
      if (steps(seen).at(-1) === 4) break;
    }
    cut.abort();
    assert.equal(seen[0]?.message, undefined, 'the stream is primed');
    for await (const event of events(await session.get(seen.at(-1)?.id))) seen.push(event);
    assert.deepEqual(steps(seen), upTo(12));
    assert.equal(seen.at(-1)?.message?.result?.content?.[0]?.text, 'Lift-off');
    assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length, 'ids are unique');

    const again: Event[] = [];
    for await (const event of events(await session.get(seen[2]?.id))) again.push(event);
    assert.deepEqual(again, seen.slice(3));
    const rest: Event[] = [];
    for await (const event of events(await session.get(seen.at(-1)?.id))) rest.push(event);
    assert.deepEqual(rest, []);
    assert.equal(await statusOf(session.end()), 204);
  });
}

// ---- streams on which nothing happens ------------------------------------------------------------

function quietTest(runtime: Runtime): void {
  test(`${runtime}: quiet streams of every kind carry heartbeats`, async () => {
    const server = await startServer({ runtime, env: { MCP_HEARTBEAT: '50' } });
    const leave = new AbortController();
    try {
      const session = await Session.open(server.url);
      const streams = await Promise.all([
        session.get(undefined, leave.signal),
        session.post(countdown('slow', 1, 60_000), leave.signal),
        listen(server.url, leave.signal),
      ]);
      for (const response of streams) {
        const beats = new Arrivals<number>();
        const reading = (async () => {
          for await (const _event of events(response, () => beats.add(beats.all.length + 1)));
        })();
        await beats.first((beat) => beat === 5);
        reading.catch(() => {});
      }
    } finally {
      leave.abort();
      await server.stop();
    }
  });
}

// ---- calls that are cancelled --------------------------------------------------------------------

function cancelTests(runtime: Runtime): void {
  test(`${runtime}: a cancelled call stops; a cut one only in 2026-07-28`, async () => {
    // With room for one call, another one tells whether it still runs.
    // The local workerd learns that a client left only when it writes to it.
    const settle: Record<string, string> = { MCP_SETTLE: runtime === 'workerd' ? '50' : '60000', MCP_HEARTBEAT: '50' };
    const server = await startServer({ runtime, env: { MCP_MAX_CALLS: '1', ...settle } });
    const session = await Session.open(server.url);
    const attempt = () => statusOf(session.post(echo('probe')));
    const reaches = async (status: number) => {
      for (const end = Date.now() + 5000; Date.now() < end; ) if ((await attempt()) === status) return true;
      return false;
    };
    try {
      for (const kind of PEERS) {
        await withPeer(kind, server.url, async (peer) => {
          const cancel = new AbortController();
          const seen = new Arrivals<number>();
          const call = peer.call(
            'countdown',
            { from: 10_000, every_ms: 20 },
            { signal: cancel.signal, onProgress: (step) => seen.add(step) },
          );
          const rejected = assert.rejects(call);
          await seen.first((step) => step === 3);
          assert.equal(await attempt(), 503, `${kind.name}: the call runs`);
          cancel.abort();
          await rejected;
          assert.ok(await reaches(200), `${kind.name}: the cancelled call goes on`);
        });
      }

      const cut = new AbortController();
      const seen: Event[] = [];
      for await (const event of events(await session.post(countdown('long', 10_000, 20), cut.signal))) {
        seen.push(event);
        if (steps(seen).at(-1) === 3) break;
      }
      cut.abort();
      let cancelled: Promise<number> | undefined;
      for await (const event of events(await session.get(seen.at(-1)?.id))) {
        seen.push(event);
        if (cancelled || steps(seen).length < 8) continue;
        assert.equal(await attempt(), 503, 'a cut does not cancel in 2025-11-25');
        cancelled = statusOf(session.post({ method: 'notifications/cancelled', params: { requestId: 'long' } }));
      }
      assert.equal(await cancelled, 202);
      assert.deepEqual(steps(seen), upTo(steps(seen).length));
      assert.ok(await reaches(200), 'the cancelled call goes on');

      await withPeer(SDK_V2, server.url, async (peer) => {
        const leave = new AbortController();
        const seen = new Arrivals<number>();
        const call = peer.call(
          'countdown',
          { from: 10_000, every_ms: 20 },
          { signal: leave.signal, onProgress: (step) => seen.add(step) },
        );
        const rejected = assert.rejects(call);
        await seen.first((step) => step === 3);
        assert.equal(await attempt(), 503);
        peer.tap.exchanges.all.find(({ called }) => called === 'tools/call')?.cut();
        assert.ok(await reaches(200), 'the cut call goes on in 2026-07-28');
        leave.abort();
        await rejected;
      });

      await withPeer(SDK_V2, server.url, async (peer) => {
        const leave = new AbortController();
        const rejected = assert.rejects(
          peer.call('countdown', { from: 1, every_ms: 60_000 }, { signal: leave.signal }),
        );
        assert.ok(await reaches(503));
        leave.abort();
        await rejected;
        assert.ok(await reaches(200), 'the call goes on though its client left before any answer');
      });
      assert.deepEqual(faults(server), [], 'a cancelled call is no fault');
    } finally {
      await server.stop();
    }
  });
}

// ---- sessions over processes ---------------------------------------------------------------------

function sessionTests(runtime: Runtime): void {
  test(`${runtime}, SDK v1: a terminated session is gone`, async () => {
    const { url } = place(runtime).shipped;
    const client = new Client({ name: 'sdk-v1', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL(url));
    await client.connect(transport as Transport);
    const { sessionId = '' } = transport;
    await client.ping();
    await transport.terminateSession();
    await client.close();

    const session = new Session(url, sessionId);
    assert.equal(await statusOf(session.post(echo('late'))), 404);
    assert.equal(await statusOf(session.get()), 404);
    assert.equal(await statusOf(session.end()), 404);
    const late = new Client({ name: 'sdk-v1', version: '1.0.0' });
    await late.connect(new StreamableHTTPClientTransport(new URL(url), { sessionId }) as Transport);
    await assert.rejects(late.listTools(), { code: 404 });
    await late.close();
  });

  test(`${runtime}: ending a session ends its streams and its calls`, async () => {
    const session = await Session.open(place(runtime).shipped.url);
    const drain = async (answer: Promise<Response>) => {
      const seen: Event[] = [];
      for await (const event of events(await answer)) seen.push(event);
      return seen;
    };
    const opened = await session.get();
    const running = await session.post(countdown('long', 10_000, 20));
    const both = Promise.all([drain(Promise.resolve(opened)), drain(Promise.resolve(running))]);
    assert.equal(await statusOf(session.end()), 204);
    const [quiet, counted] = await both;
    assert.deepEqual(steps(quiet), []);
    assert.equal(counted.at(-1)?.message?.result, undefined);
  });

  test(`${runtime}: a session moves to ${neighbour(runtime)} and survives a restart`, async () => {
    const { url } = place(neighbour(runtime)).shipped;
    const env = { MCP_SESSION_SECRET: SECRET };
    const old = await startServer({ runtime, env });
    const session = await Session.open(old.url);
    const answers = async (at: string) => {
      const response = await session.at(at).post(echo(`at ${at}`));
      assert.equal(response.status, 200, at);
      const { result }: { result: { content: { text: string }[] } } = JSON.parse(await response.text());
      assert.equal(result.content[0]?.text, `at ${at}`);
    };
    await answers(old.url);
    await answers(url);
    const seen: Event[] = [];
    for await (const event of events(await session.at(url).post(countdown('elsewhere', 3, 20)))) seen.push(event);
    assert.deepEqual(steps(seen), [1, 2, 3], `streams on ${neighbour(runtime)}`);
    await old.kill();
    const renewed = await startServer({ runtime, env, port: old.port });
    try {
      await answers(renewed.url);
      assert.equal(await statusOf(session.end()), 204);
      assert.equal(await statusOf(session.post(echo('late'))), 404);
    } finally {
      await renewed.stop();
    }
  });

  test(`${runtime}, SDK v2: questions and answers spread over it and ${neighbour(runtime)}`, async () => {
    const others = [place(neighbour(runtime)).everything.url];
    const run = async (peer: Peer) => {
      assert.equal((await peer.call('test_input_required_result_multi_round')).text, 'Ada likes green');
      assert.equal((await peer.call('test_input_required_result_multi_round')).text, 'Ada likes green');
    };
    await withPeer(SDK_V2, place(runtime).everything.url, run, { others });
  });

  test(`${runtime}: a session sealed with another secret, forged or changed is not found`, async () => {
    const { everything, shipped } = place(runtime);
    const other = await startServer({ runtime, env: { MCP_SESSION_SECRET: 'another secret, just as long' } });
    try {
      const session = await Session.open(shipped.url);
      assert.equal(await statusOf(session.at(everything.url).post(echo('shared'))), 200);
      assert.equal(await statusOf(session.at(other.url).post(echo('foreign'))), 404);
      assert.equal(await statusOf((await Session.open(other.url)).at(shipped.url).post(echo('foreign'))), 404);
      const changed = session.id.replace(/^./, (letter) => (letter === 'W' ? 'X' : 'W'));
      for (const id of [changed, `${session.id}x`, session.id.slice(0, -2), session.id.split('.')[0] ?? '', '.', 'x']) {
        assert.equal(await statusOf(new Session(shipped.url, id).post(echo('forged'))), 404, id);
      }
    } finally {
      await other.stop();
    }
  });
}

// ---- whom a request is sent to -------------------------------------------------------------------

function hostTests(runtime: Runtime): void {
  const initialize = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'socket', version: '1' } },
  });

  test(`${runtime}: a request for another host is refused, however it says so`, async () => {
    const { port } = place(runtime).shipped;
    const own = `127.0.0.1:${port}`;
    const send = (target: string, ...hosts: string[]) =>
      statusOfRaw(port, [`POST ${target} HTTP/1.1`, ...hosts.map((host) => `Host: ${host}`)], initialize);

    for (const host of [own, `localhost:${port}`, 'localhost', 'LOCALHOST', `[::1]:${port}`]) {
      assert.equal(await send('/mcp', host), 200, `Host: ${host}`);
    }
    assert.equal(await send(`http://${own}/mcp`, own), 200, 'absolute-form of its own');

    const refused: Record<string, number> = {};
    const foreign = ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example'];
    for (const host of foreign) {
      assert.equal(await send('/mcp', host), 403, `Host: ${host}`);
      assert.equal(await send(`http://${host}/mcp`, host), 403, `absolute-form: ${host}`);
      refused[`${host} as Host of our own URL`] = await send(`http://${own}/mcp`, host);
      refused[`${host} without Host`] = await send(`http://${host}/mcp`);
      // Bun and workerd drop the authority of the target and show the Host alone, which here is ours.
      if (['deno', 'node'].includes(runtime)) refused[`${host} with our Host`] = await send(`http://${host}/mcp`, own);
    }
    const odd = [
      'user@localhost',
      'localhost@evil.example',
      'localhost, evil.example',
      'localhost evil.example',
      'localhost/evil.example',
      'localhost#.evil.example',
      'evil.example#localhost',
      'localhost\\evil.example',
      'localhost:80:80',
      'localhost:80.evil.example',
      'localhost%00.evil.example',
      '[::1].evil.example',
      'localhost..',
      '2130706433.evil.example',
    ];
    for (const host of odd) refused[host] = await send('/mcp', host);
    for (const hosts of [['localhost', 'evil.example'], ['evil.example', 'localhost'], ['']]) {
      refused[hosts.join(' and ')] = await send('/mcp', ...hosts);
    }
    for (const [what, status] of Object.entries(refused)) {
      assert.ok([0, 400, 403].includes(status), `${what}: ${status}`);
    }
    // No other host in these, and no crash either.
    for (const [target, host] of [
      ['/mcp', 'localhost:99999'],
      ['/mcp', 'localhost:'],
      ['*', own],
      ['//evil.example/mcp', own],
    ] as const) {
      const status = await send(target, host);
      assert.ok(status < 500, `${target}, Host: ${host}: ${status}`);
    }
    assert.equal(await send('/mcp', own), 200, 'it still serves');
  });
}
