/** Thousands of quiet streams on one process: none cut, every beat on time, at what cost. */
import type { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSessions } from '../messages.ts';
import { type Runtime, start } from '../servers.ts';
import { launchOf, type Target } from '../targets.ts';
import { openStreams } from './memory.ts';

export interface HeartbeatRow {
  runtime: Runtime;
  target: string;
  streams: number;
  seconds: number;
  /** Streams that the server or the network ended. */
  cut: number;
  beats: number;
  /** How far intervals between beats are off the period, in ms: half of them, all but one in a hundred, the worst. */
  off_p50_ms: number;
  off_p99_ms: number;
  off_max_ms: number;
  /** Share of one core that the server used. */
  cpu_share: number;
  rss_bytes_each: number;
  /** The client's own event-loop delay at p99, in ms: below it nothing is known. */
  client_delay_p99_ms: number;
}

const PERIOD_MS = 8000;

export async function heartbeats(
  runtime: Runtime,
  target: Target,
  streams: number,
  seconds: number,
): Promise<HeartbeatRow> {
  const launch = launchOf(target, runtime);
  const server = await start({
    ...launch,
    env: { ...launch.env, MCP_HEARTBEAT: String(PERIOD_MS), MCP_MAX_CONNECTIONS: String(streams + 10) },
  });
  let sockets: Socket[] = [];
  try {
    const { ids } = await openSessions(server.url, streams);
    const before = await server.memory();
    sockets = await openStreams(server, ids, streams);
    await sleep(1000);
    const after = await server.memory();
    let cut = 0;
    let beats = 0;
    const off: number[] = [];
    for (const socket of sockets) {
      let last: number | undefined;
      socket.on('data', (bytes: Buffer) => {
        if (!bytes.includes(':')) return;
        const now = performance.now();
        if (last !== undefined) off.push(Math.abs(now - last - PERIOD_MS));
        last = now;
        beats++;
      });
      socket.once('close', () => cut++);
    }
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const cpu = server.cpu_us() ?? 0;
    await sleep(seconds * 1000);
    const used = (server.cpu_us() ?? 0) - cpu;
    off.sort((one, other) => one - other);
    const at = (share: number) => off[Math.min(off.length - 1, Math.floor(off.length * share))] ?? Number.NaN;
    return {
      runtime,
      target: target.name,
      streams,
      seconds,
      cut,
      beats,
      off_p50_ms: at(0.5),
      off_p99_ms: at(0.99),
      off_max_ms: at(1),
      cpu_share: used / (seconds * 1e6),
      rss_bytes_each: (after.rss_bytes - before.rss_bytes) / streams,
      client_delay_p99_ms: delay.percentile(99) / 1e6,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
}
