/**
 * Two processes behind nginx, restarted one after the other while official clients of both eras work: the example for
 * operators, `server/operations/nginx.conf`, as it stands.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ElicitRequestSchema,
  type RequestId,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { eventually } from '../clients/eventually.ts';
import { events, Session, statusOf } from '../clients/session.ts';
import { freePort } from '../runtimes/ports.ts';
import { type Nginx, startNginx } from './nginx.ts';
import { Replica, type ReplicaRuntime } from './replica.ts';

const EXAMPLE = readFileSync(new URL('../../server/operations/nginx.conf', import.meta.url), 'utf8');
const ENTRY = 'harness/deployment/served.ts';
/** Those that have signals. */
const RUNTIMES = ['node', 'bun', 'deno'] as const;
const RESTARTS = 20;
const STEPS = 12;
/** What is not answered by then is lost. */
const PATIENCE_MS = 15_000;
/** Tools of `served.ts`. */
const KINDS = ['note', 'count', 'ask', 'fill'];
const REVISION = '2026-07-28';
const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': REVISION,
  'mcp-method': 'server/discover',
};
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientCapabilities': {},
};
const SETTINGS = {
  MCP_SESSION_SECRET: 'known to both processes',
  MCP_DRAIN_DELAY: '200',
  MCP_RETRY: '200',
};

/** What all clients of a test saw. */
class Tally {
  calls = 0;
  steps = 0;
  /** Clients that connected. */
  connected = 0;
  /** Streams of sessions and listen streams that were opened again. */
  reopened = 0;
  /** Whatever failed, lost or repeated something. */
  readonly wrong: string[] = [];
}

interface Member {
  call(name: string, input: Record<string, unknown>, onStep?: (step: number) => void): Promise<string>;
  /** Its stream for changes is open. */
  readonly hearing: boolean;
  /** Changes of the list of tools that it was told of. */
  readonly told: number;
  close(): Promise<void>;
}

/** A `fetch` that knows whether the GET stream of its client is open. */
class Watched {
  open = 0;
  opened = 0;
  readonly fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    if ((init?.method ?? 'GET') !== 'GET' || !response.ok || !response.body) return response;
    this.open++;
    this.opened++;
    const over = () => {
      this.open--;
    };
    const body = response.body.pipeThrough(new TransformStream());
    const [seen, given] = body.tee();
    void seen.pipeTo(new WritableStream()).then(over, over);
    return new Response(given, response);
  };
}

const capabilities = { elicitation: { form: {} } };

/** What the user says, after a while. */
async function decide() {
  await sleep(100);
  return { action: 'accept' as const, content: { sure: true } };
}

const textOf = (result: object): string => {
  const { content = [], isError } = result as { content?: { text?: string }[]; isError?: boolean };
  if (isError) throw new Error(`the tool failed: ${content[0]?.text}`);
  return content[0]?.text ?? '';
};

async function joinV1(url: string, tally: Tally): Promise<Member> {
  const client = new ClientV1({ name: 'sdk-v1', version: '1.0.0' }, { capabilities });
  const watched = new Watched();
  const transport = new TransportV1(new URL(url), { fetch: watched.fetch });
  let told = 0;
  client.setRequestHandler(ElicitRequestSchema, decide);
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told++);
  await client.connect(transport as Transport);
  tally.connected++;
  return {
    async call(name, input, onStep) {
      const options = {
        timeout: PATIENCE_MS,
        ...(onStep && { onprogress: ({ progress }: { progress: number }) => onStep(progress) }),
      };
      return textOf(await client.callTool({ name, arguments: input }, undefined, options));
    },
    get hearing() {
      return watched.open === 1;
    },
    get told() {
      return told;
    },
    async close() {
      tally.reopened += Math.max(0, watched.opened - 1);
      await transport.terminateSession();
      await client.close();
    },
  };
}

async function joinV2(url: string, tally: Tally): Promise<Member> {
  const client = new ClientV2(
    { name: 'sdk-v2', version: '1.0.0' },
    { capabilities, versionNegotiation: { mode: 'auto' } },
  );
  let told = 0;
  let hearing = false;
  let leaving = false;
  client.setRequestHandler('elicitation/create', decide);
  client.setNotificationHandler('notifications/tools/list_changed', () => void told++);
  await client.connect(new TransportV2(new URL(url)));
  assert.equal(client.getNegotiatedProtocolVersion(), REVISION);
  tally.connected++;
  const listening = (async () => {
    for (let opened = 0; !leaving; opened++) {
      const subscription = await client.listen({ toolsListChanged: true });
      if (opened > 0) tally.reopened++;
      hearing = true;
      const end = await subscription.closed;
      hearing = false;
      // An end with a result is told; without one events may have been missed.
      if (!leaving && end !== 'graceful') tally.wrong.push(`a listen stream ended: ${end}`);
    }
  })().catch((error: unknown) => {
    if (!leaving) tally.wrong.push(`listen: ${error}`);
  });
  return {
    async call(name, input, onStep) {
      const options = {
        timeout: PATIENCE_MS,
        ...(onStep && { onprogress: ({ progress }: { progress: number }) => onStep(progress) }),
      };
      return textOf(await client.callTool({ name, arguments: input }, options));
    },
    get hearing() {
      return hearing;
    },
    get told() {
      return told;
    },
    async close() {
      leaving = true;
      await client.close();
      await listening;
    },
  };
}

type Join = (url: string, tally: Tally) => Promise<Member>;
const JOIN: Record<string, Join> = { 'SDK v1': joinV1, 'SDK v2': joinV2 };

/** A call of each kind, in turn: its answer is whole, and so are the events before it. */
async function call(kind: string, member: Member, tally: Tally): Promise<void> {
  const id = `call ${++tally.calls}`;
  const steps: number[] = [];
  const input = kind === 'count' ? { id, steps: STEPS } : { id };
  const onStep = kind === 'count' ? (step: number) => steps.push(step) : undefined;
  const text = await member.call(kind, input, onStep);
  assert.equal(text, kind === 'fill' ? id.padEnd(1_000_000, '.') : id);
  assert.deepEqual(steps, kind === 'count' ? upTo(STEPS) : []);
  tally.steps += steps.length;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Does something again and again; what goes wrong is written down. */
async function repeat(who: string, tally: Tally, over: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!over.aborted) {
    await work().catch((error: unknown) => tally.wrong.push(`${who}: ${error}`));
    await sleep(10);
  }
}

/** A client that connects, calls and leaves. */
async function visit(join: Join, url: string, tally: Tally): Promise<void> {
  const member = await join(url, tally);
  await call('count', member, tally);
  await member.close();
}

/** Each process tells those it serves of a change, once all can hear: each member is told once. */
async function announce(members: readonly Member[], replicas: readonly Replica[], time: number): Promise<void> {
  await eventually(
    () => members.map(({ hearing }) => hearing),
    (all) => all.every(Boolean),
  );
  for (const { url } of replicas) {
    const session = await Session.open(url);
    const change = { id: 1, method: 'tools/call', params: { name: 'change', arguments: {} } };
    assert.equal(await statusOf(session.post(change)), 200);
  }
  const told = await eventually(
    () => members.map((member) => member.told),
    (all) => all.every((count) => count >= time),
  );
  assert.deepEqual(new Set(told), new Set([time]), 'each change once');
}

async function start(runtime: ReplicaRuntime): Promise<Replica> {
  // Who comes back has time, however slow the machine.
  const env = { ...SETTINGS, MCP_DRAIN_DELAY: '0', MCP_RETRY: '30000' };
  const replica = new Replica({ runtime, entry: ENTRY, port: await freePort(), env });
  cleanups.push(() => replica.stop('SIGKILL'));
  await replica.start();
  return replica;
}

/** Resolves when it takes no new requests. */
async function refuses({ url }: Replica): Promise<void> {
  const ping = { jsonrpc: '2.0', id: 1, method: 'server/discover', params: { _meta: META } };
  await eventually(
    () => statusOf(fetch(url, { method: 'POST', headers: HEADERS, body: JSON.stringify(ping) })),
    (status) => status === 503,
  );
}

const cleanups: (() => Promise<unknown>)[] = [];
after(() => Promise.all(cleanups.map((cleanUp) => cleanUp())));

async function deploy(runtime: ReplicaRuntime): Promise<{ url: string; replicas: Replica[]; nginx: Nginx }> {
  const ports = [await freePort(), await freePort()] as const;
  const port = await freePort();
  const replicas = ports.map((each) => new Replica({ runtime, entry: ENTRY, port: each, env: SETTINGS }));
  for (const replica of replicas) cleanups.push(() => replica.stop('SIGKILL'));
  await Promise.all(replicas.map((replica) => replica.start()));
  const changed = [
    ['server 127.0.0.1:3000 ', `server 127.0.0.1:${ports[0]} `],
    ['server 127.0.0.1:3001 ', `server 127.0.0.1:${ports[1]} `],
    ['listen 80;', `listen 127.0.0.1:${port};`],
  ] as const;
  let http = EXAMPLE;
  for (const [example, here] of changed) {
    assert.ok(http.includes(example), example);
    http = http.replace(example, here);
  }
  const nginx = await startNginx(http, port);
  cleanups.push(nginx.stop);
  return { url: `http://127.0.0.1:${port}/mcp`, replicas, nginx };
}

/** How requests came to be answered by the second process that was asked. */
function passedOn(nginx: Nginx): string {
  const first = nginx.requests().flatMap(({ asked }) => (asked.length > 1 ? asked.slice(0, 1) : []));
  const refused = first.filter(({ status, sent }) => status === 502 && sent === 0).length;
  const reset = first.filter(({ status, sent }) => status === 502 && sent > 0).length;
  const told = first.filter(({ status }) => status === 503).length;
  return `asked of the other process after a 503: ${told}, after no connection: ${refused}, after a reset one: ${reset}`;
}

describe('rolling restarts', { concurrency: true, timeout: 300_000 }, () => {
  for (const runtime of RUNTIMES) {
    test(`${runtime}: ${RESTARTS} restarts of two processes behind nginx: no call fails, no event is lost`, async (t) => {
      const { url, replicas, nginx } = await deploy(runtime);
      const tally = new Tally();
      const over = new AbortController();
      const members: Member[] = [];
      const working: Promise<void>[] = [];
      try {
        for (const [era, join] of Object.entries(JOIN)) {
          for (const kind of KINDS) {
            const member = await join(url, tally);
            members.push(member);
            working.push(repeat(`${era}, ${kind}`, tally, over.signal, () => call(kind, member, tally)));
          }
          working.push(repeat(`${era} anew`, tally, over.signal, () => visit(join, url, tally)));
        }
        await announce(members, replicas, 1);
        for (let restart = 1; restart <= RESTARTS; restart++) {
          const replica = replicas[restart % 2] as Replica;
          assert.equal(await replica.stop(), 0, `exit code at restart ${restart}`);
          await replica.start();
          await announce(members, replicas, restart + 1);
        }
      } finally {
        over.abort();
        await Promise.all(working);
        await Promise.all(members.map((member) => member.close()));
        const { calls, steps, connected, reopened } = tally;
        t.diagnostic(`${calls} calls, ${steps} events of progress, ${connected} clients, ${reopened} streams reopened`);
        t.diagnostic(passedOn(nginx));
        for (const wrong of [...tally.wrong, ...replicas.flatMap(({ faults }) => faults)].slice(0, 9))
          t.diagnostic(wrong);
      }
      assert.deepEqual(tally.wrong, []);
      assert.ok(tally.reopened >= (RESTARTS * members.length) / 2, `${tally.reopened} streams were opened again`);
      const ran = replicas.flatMap(({ lines }) => lines).filter((line) => line.startsWith('call '));
      assert.equal(ran.length, tally.calls, 'each call ran');
      assert.equal(new Set(ran).size, ran.length, 'and none ran twice');
      assert.deepEqual(
        replicas.flatMap(({ faults }) => faults),
        [],
        'no process had a bug',
      );
    });
  }
});

describe('after SIGTERM', { concurrency: true, timeout: 60_000 }, () => {
  for (const runtime of RUNTIMES) {
    test(`${runtime}: what a call asks is still answered`, async () => {
      const replica = await start(runtime);
      const asked = Promise.withResolvers<void>();
      const decided = Promise.withResolvers<void>();
      const client = new ClientV1({ name: 'sdk-v1', version: '1.0.0' }, { capabilities });
      client.setRequestHandler(ElicitRequestSchema, async () => {
        asked.resolve();
        await decided.promise;
        return decide();
      });
      await client.connect(new TransportV1(new URL(replica.url)) as Transport);
      const answered = client.callTool({ name: 'ask', arguments: { id: 'asked' } });
      await asked.promise;
      const ended = replica.stop();
      await refuses(replica);
      decided.resolve();
      assert.equal(textOf(await answered), 'asked');
      assert.equal(await ended, 0);
      await client.close();
    });

    test(`${runtime}: an answer is still fetched`, async () => {
      const replica = await start(runtime);
      const session = await Session.open(replica.url);
      const params = { name: 'leave', arguments: { id: 'left' } };
      let last: string | undefined;
      for await (const { id } of events(await session.post({ id: 1, method: 'tools/call', params }))) last = id;
      const ended = replica.stop();
      await refuses(replica);
      const fetched = [];
      for await (const { message } of events(await session.get(last)))
        fetched.push(message?.result?.content?.[0]?.text);
      assert.deepEqual(fetched, ['left']);
      assert.equal(await ended, 0);
    });
  }

  test('an answer to what another process asked is refused, so that nginx asks that one', async () => {
    const [asking, other] = await Promise.all([start('node'), start('node')]);
    const asked = Promise.withResolvers<RequestId>();
    const decided = Promise.withResolvers<void>();
    const client = new ClientV1({ name: 'sdk-v1', version: '1.0.0' }, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, async (_request, { requestId }) => {
      asked.resolve(requestId);
      await decided.promise;
      return decide();
    });
    const transport = new TransportV1(new URL(asking.url));
    await client.connect(transport as Transport);
    const answered = client.callTool({ name: 'ask', arguments: { id: 'asked' } });
    const id = await asked.promise;
    const elsewhere = new Session(other.url, transport.sessionId ?? '');
    assert.equal(await statusOf(elsewhere.post({ id, result: { action: 'decline' } })), 503);
    assert.equal(await statusOf(elsewhere.post({ id: 'never asked by anybody', result: {} })), 202);
    decided.resolve();
    assert.equal(textOf(await answered), 'asked');
    await client.close();
  });
});
