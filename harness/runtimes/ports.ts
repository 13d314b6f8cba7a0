/** Loopback ports for servers that are started here. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const HOST = '127.0.0.1';
const given = new Set<number>();

/**
 * A loopback port that is free and stays so while its server is away: below those that systems give to clients
 * (Linux from 32768), for a connection of anybody could hold one of these when the server comes back.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    // 10080 is one of the ports that `fetch` refuses (WHATWG Fetch, 2.9).
    const port = 10_081 + Math.floor(Math.random() * 22_000);
    if (given.has(port)) continue;
    given.add(port);
    try {
      await assertFree(port);
      return port;
    } catch {}
  }
}

/** @throws Error when something listens on `port` already */
export async function assertFree(port: number): Promise<void> {
  const probe = createServer().listen(port, HOST);
  try {
    await once(probe, 'listening');
  } catch (cause) {
    throw new Error(`port ${port} is not free`, { cause });
  }
  probe.close();
  await once(probe, 'close');
}

/**
 * Resolves when something listens.
 * @param over rejects when nothing will any more
 * @param every_ms between two looks
 */
export async function listening(port: number, over: Promise<never>, every_ms = 25): Promise<void> {
  while (!(await Promise.race([accepts(port), over]))) await sleep(every_ms);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
