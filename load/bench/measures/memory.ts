/** What idle sessions and open streams cost in memory, and open streams in CPU time. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSessions } from '../messages.ts';
import { HOST, type Running, type Runtime, start } from '../servers.ts';
import { launchOf, type Target, targetNamed } from '../targets.ts';

export interface MemoryRow {
  measure: 'idle-sessions' | 'streams';
  runtime: Runtime;
  target: string;
  /** Sessions or streams that were opened. */
  count: number;
  /** Growth of the live heap and of resident memory for each. */
  heap_bytes_each: number;
  rss_bytes_each: number;
  /** Streams: CPU time of heartbeats and the like, as a share of one core; the streams still open at the end. */
  cpu_share?: number;
  open?: number;
}

/** Opened before the first look, so that caches and code are in memory already. */
const WARM = 500;
const OPENED_AT_ONCE = 200;

/** Sessions opened by the handshake and left alone. */
export async function idleMemory(runtime: Runtime, target: Target, counts: readonly number[]): Promise<MemoryRow[]> {
  const server = await start(launchOf(target, runtime));
  try {
    await openSessions(server.url, WARM);
    const rows: MemoryRow[] = [];
    for (const count of counts) {
      const before = await settled(server);
      await openSessions(server.url, count);
      const after = await settled(server);
      rows.push({
        measure: 'idle-sessions',
        runtime,
        target: target.name,
        count,
        heap_bytes_each: (after.heap_bytes - before.heap_bytes) / count,
        rss_bytes_each: (after.rss_bytes - before.rss_bytes) / count,
      });
    }
    return rows;
  } finally {
    await server.stop();
  }
}

/** GET streams, each of a session of its own; of the raw handler bare streams that stay open. */
export async function streamMemory(
  runtime: Runtime,
  target: Target,
  count: number,
  seconds: number,
): Promise<MemoryRow> {
  const server = await start(launchOf(target, runtime));
  const sockets: Socket[] = [];
  try {
    const ids = target.raw ? [] : (await openSessions(server.url, count + WARM)).ids;
    const warm = await openStreams(server, ids.slice(count), WARM);
    const before = await settled(server);
    sockets.push(...warm);
    sockets.push(...(await openStreams(server, ids.slice(0, count), count)));
    const after = await settled(server);
    const cpu = server.cpu_us();
    await sleep(seconds * 1000);
    const used = server.cpu_us();
    return {
      measure: 'streams',
      runtime,
      target: target.name,
      count,
      heap_bytes_each: (after.heap_bytes - before.heap_bytes) / count,
      rss_bytes_each: (after.rss_bytes - before.rss_bytes) / count,
      ...(cpu !== undefined && used !== undefined && { cpu_share: (used - cpu) / (seconds * 1e6) }),
      open: sockets.filter((socket) => !socket.closed).length - WARM,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
}

async function openStreams(server: Running, ids: readonly string[], count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - sockets.length) }, (_, index) =>
      openStream(server.port, ids[sockets.length + index]),
    );
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Resolves once the head of the answer is there. No revision is named: not every peer takes on GET the one it negotiated. */
function openStream(port: number, id: string | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port });
    const session = id === undefined ? '' : `mcp-session-id: ${id}\r\n`;
    socket.write(`GET /mcp HTTP/1.1\r\nhost: ${HOST}:${port}\r\naccept: text/event-stream\r\n${session}\r\n`);
    socket.once('data', (head: Buffer) => {
      const line = head.toString('latin1').split('\r\n', 1)[0] ?? '';
      socket.resume();
      if (line.includes(' 200')) resolve(socket);
      else reject(new Error(`a stream is answered "${line}"`));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('a stream was closed before its answer')));
  });
}

/** Memory once what the load left behind is gone. */
export async function settled(server: Running): Promise<{ heap_bytes: number; rss_bytes: number }> {
  await server.memory();
  await sleep(500);
  return server.memory();
}

/** What streams are compared with: a ReadableStream that is left open, answered by the raw Fetch handler of the runtime. */
export function bareStreams(): Target {
  return targetNamed('raw');
}
