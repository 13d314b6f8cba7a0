/** Streams over real sockets, on every runtime: cut at random bytes and resumed, nothing is lost, repeated or foreign. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createParser } from 'eventsource-parser';
import { RUNTIMES, type RunningServer, startServer } from './runtimes/start.ts';

/** How often streams are cut on each runtime; `CUTS` says otherwise. */
const CUTS = Number(process.env.CUTS ?? 1000);
const STEPS = 20;
const AT_ONCE = 8;

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

interface Counted {
  lost: number;
  repeated: number;
  foreign: number;
  cuts: number;
}

/** A small generator of numbers, so that a failure can be seen again: its seed is printed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

async function openSession(url: string): Promise<Record<string, string>> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'cuts', version: '1' } };
  const response = await fetch(url, {
    method: 'POST',
    headers: JSON_HEADERS,
    body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
  });
  await response.text();
  return { 'mcp-session-id': response.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' };
}

interface Taken {
  /** Data of the complete events, in order. */
  data: string[];
  lastId: string | undefined;
  /** The server ended the stream. */
  ended: boolean;
}

/** Reads up to `bytes` bytes of a stream, then cuts it. */
async function take(response: Response, cut: AbortController, bytes: number): Promise<Taken> {
  const taken: Taken = { data: [], lastId: undefined, ended: false };
  const parser = createParser({
    onEvent: ({ id, data }) => {
      if (id !== undefined) taken.lastId = id;
      if (data !== '') taken.data.push(data);
    },
  });
  const decoder = new TextDecoder();
  let left = bytes;
  assert.ok(response.body);
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { ...taken, ended: true };
    // A stream that is cut before its first event id is complete cannot be asked for again by anybody, so it is read on.
    let fed = 0;
    while (fed < value.length && (left > 0 || taken.lastId === undefined)) {
      const piece = value.subarray(fed, fed + Math.max(1, left));
      parser.feed(decoder.decode(piece, { stream: true }));
      fed += piece.length;
      left -= piece.length;
    }
    if (left <= 0 && taken.lastId !== undefined) {
      cut.abort();
      return taken;
    }
  }
}

/** Calls `countdown` and cuts its stream again and again, until the result is there. */
async function cutUp(url: string, session: Record<string, string>, id: number, next: () => number, counted: Counted) {
  const progressToken = `call-${id}`;
  const params = { name: 'countdown', arguments: { from: STEPS, every_ms: 1 }, _meta: { progressToken } };
  let cut = new AbortController();
  let response = await fetch(url, {
    method: 'POST',
    headers: { ...JSON_HEADERS, ...session },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
    signal: cut.signal,
  });
  const steps: number[] = [];
  let answers = 0;
  for (let round = 0; answers === 0; round++) {
    assert.equal(response.status, 200);
    assert.ok(round < 200, 'the result never came');
    const { data, lastId, ended } = await take(response, cut, Math.floor(next() * 1500));
    for (const text of data) {
      const message = JSON.parse(text) as { id?: number; params?: { progressToken: string; progress: number } };
      if (message.params) {
        if (message.params.progressToken === progressToken) steps.push(message.params.progress);
        else counted.foreign++;
      } else if (message.id === id) answers++;
      else counted.foreign++;
    }
    if (answers > 0) break;
    if (!ended) counted.cuts++;
    cut = new AbortController();
    assert.ok(lastId, 'an event id to come back with');
    response = await fetch(url, {
      headers: { accept: 'text/event-stream', 'last-event-id': lastId, ...session },
      signal: cut.signal,
    });
  }
  cut.abort();
  const seen = new Set(steps);
  counted.repeated += steps.length - seen.size;
  for (let step = 1; step <= STEPS; step++) if (!seen.has(step)) counted.lost++;
  assert.deepEqual(
    steps,
    [...steps].sort((one, other) => one - other),
    'in order',
  );
}

const servers: RunningServer[] = [];
after(() => Promise.all(servers.map((server) => server.kill())));

for (const runtime of RUNTIMES) {
  test(`${runtime}: ${CUTS} cuts at random bytes, other streams of the session live: 0 lost, 0 repeated, 0 foreign`, async () => {
    const server = await startServer({
      runtime,
      entry: 'harness/everything.ts',
      env: { MCP_MAX_SESSION_STREAMS: '10000' },
    });
    servers.push(server);
    const session = await openSession(server.url);
    const seed = Date.now() >>> 0;
    const next = random(seed);
    const counted: Counted = { lost: 0, repeated: 0, foreign: 0, cuts: 0 };
    let id = 1;
    const worker = async () => {
      while (counted.cuts < CUTS) await cutUp(server.url, session, id++, next, counted);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const { cuts, ...wrong } = counted;
    assert.deepEqual(wrong, { lost: 0, repeated: 0, foreign: 0 }, `seed ${seed}, ${cuts} cuts, ${server.stderr()}`);
    assert.ok(cuts >= CUTS);
    await server.kill();
  });
}
