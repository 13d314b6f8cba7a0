/**
 * A server's metrics, completed by what Linux tells of its process: the standard ones of memory, CPU time and descriptors,
 * where it does not tell them itself. No server sees its descriptors by web standards alone, and workerd sees nothing.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpuTime, memory, openFiles } from '../../harness/runtimes/usage.ts';

export interface Completed {
  readonly url: string;
  close(): void;
}

/**
 * Serves the metrics at `url`, and behind them those of process `pid` that they lack; the header Authorization is handed on.
 * @returns undefined where the system has no /proc
 */
export async function completeMetrics(url: string, pid: number): Promise<Completed | undefined> {
  if (process.platform !== 'linux') return undefined;
  const server = createServer(async (request, response) => {
    try {
      const { authorization = '' } = request.headers;
      const answer = await fetch(url, { headers: { authorization } });
      const text = await answer.text();
      response.writeHead(answer.status, { 'content-type': 'text/plain; version=0.0.4' });
      response.end(answer.ok ? `${text.trimEnd()}\n${missing(text, pid)}` : text);
    } catch (error) {
      response.writeHead(502).end(String(error));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/metrics`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function missing(text: string, pid: number): string {
  const process = { pid };
  const found: [name: string, value: number][] = [
    ['process_resident_memory_bytes', Math.round(memory(process) * 1024 * 1024)],
    ['process_cpu_seconds_total', cpuTime(process)],
    ['process_open_fds', openFiles(process)],
  ];
  return found
    .filter(([name]) => !text.includes(`\n${name} `))
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}
