/**
 * The metrics of a server that cannot see its own process (workerd), completed by what Linux tells of it: memory, CPU time
 * and descriptors, under the names that the other runtimes give them.
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
 * Serves the metrics at `url` with those of process `pid` behind them; the header Authorization is handed on.
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
      response.end(answer.ok ? `${text.trimEnd()}\n${processMetrics(pid)}` : text);
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

function processMetrics(pid: number): string {
  return [
    `process_resident_memory_bytes ${Math.round(memory({ pid }) * 1024 * 1024)}`,
    `process_cpu_seconds_total ${cpuTime({ pid })}`,
    `process_open_fds ${openFiles({ pid })}`,
    '',
  ].join('\n');
}
