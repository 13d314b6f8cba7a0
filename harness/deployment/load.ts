/**
 * Calls a tool as many independent clients do: each call is sent at its time, whether or not those before it were
 * answered, and its latency counts from when it should have been sent, so that a server that is late shows it.
 *
 *     node harness/deployment/load.ts '{"url":"http://127.0.0.1:3000/mcp","tool":"echo","rate":100,"seconds":5}'
 *
 * prints a `Report`. `offer` runs it as a process of its own, which shares no event loop with who asks.
 */

import { execFile } from 'node:child_process';
import { Agent, request } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Load {
  /** The MCP endpoint. */
  url: string;
  /** A tool without arguments. */
  tool: string;
  /** Calls a second, at random times as of many clients (a Poisson process). Absent: as many as `clients` get answered. */
  rate?: number;
  /** So many that each wait for their answer before they call again; default 1. */
  clients?: number;
  seconds: number;
}

export interface Latency {
  p50_ms: number;
  p99_ms: number;
  most_ms: number;
}

export interface Report {
  sent: number;
  /** Answered 200, and how many of those a second. */
  served: number;
  rate: number;
  /** Of those answered 200; of those answered 429 or 503. */
  latency: Latency;
  shedding: Latency;
  /** Answers by status; what got none is told by its error. */
  answers: Record<string, number>;
  /** Answers 429 and 503 that say when to come again. */
  invited: number;
}

/** A call that has no answer after so long has none, ms. */
const GIVE_UP_MS = 10_000;
const SOCKETS = 1000;

const REVISION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientCapabilities': {},
};

interface Answered {
  status: string;
  latency_ms: number;
  retryAfter: string | undefined;
}

/** Calls once. @param due when the call should have been sent, ms of `performance.now()` */
function call(agent: Agent, url: string, tool: string, due: number): Promise<Answered> {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: tool, _meta: META },
  });
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': REVISION,
    'mcp-method': 'tools/call',
    'mcp-name': tool,
  };
  return new Promise((done) => {
    const over = (status: string, retryAfter?: string) =>
      done({ status, latency_ms: performance.now() - due, retryAfter });
    const sent = request(url, { method: 'POST', agent, headers, timeout: GIVE_UP_MS }, (response) => {
      response.resume();
      response.once('end', () => over(String(response.statusCode), response.headers['retry-after']));
      response.once('error', (error: Error & { code?: string }) => over(error.code ?? error.message));
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', (error: Error & { code?: string }) => over(error.code ?? error.message));
    sent.end(body);
  });
}

async function offered({ url, tool, rate, clients = 1, seconds }: Load): Promise<Report> {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  const began = performance.now();
  const end = began + seconds * 1000;
  const answered =
    rate === undefined
      ? (
          await Promise.all(
            Array.from({ length: clients }, async () => {
              const own: Answered[] = [];
              while (performance.now() < end) own.push(await call(agent, url, tool, performance.now()));
              return own;
            }),
          )
        ).flat()
      : await Promise.all(await arrivals(rate, began, end, (due) => call(agent, url, tool, due)));
  agent.destroy();
  return reportOf(answered, seconds);
}

/** Calls `send` at random times, `rate` a second. */
async function arrivals<T>(rate: number, began: number, end: number, send: (due: number) => T): Promise<T[]> {
  const sent: T[] = [];
  let due = began;
  for (;;) {
    // Times between independent events.
    due += (-Math.log(1 - Math.random()) * 1000) / rate;
    if (due >= end) return sent;
    const ahead = due - performance.now();
    if (ahead > 0.5) await sleep(ahead);
    sent.push(send(due));
  }
}

function reportOf(answered: readonly Answered[], seconds: number): Report {
  const answers: Record<string, number> = {};
  for (const { status } of answered) answers[status] = (answers[status] ?? 0) + 1;
  const served = answered.filter(({ status }) => status === '200');
  const shed = answered.filter(({ status }) => status === '429' || status === '503');
  return {
    sent: answered.length,
    served: served.length,
    rate: served.length / seconds,
    latency: latencyOf(served),
    shedding: latencyOf(shed),
    answers,
    invited: shed.filter(({ retryAfter }) => Number(retryAfter) > 0).length,
  };
}

function latencyOf(answered: readonly Answered[]): Latency {
  const sorted = answered.map(({ latency_ms }) => latency_ms).sort((one, other) => one - other);
  const at = (share: number) => Math.round(10 * (sorted[Math.ceil(share * sorted.length) - 1] ?? 0)) / 10;
  return { p50_ms: at(0.5), p99_ms: at(0.99), most_ms: at(1) };
}

/** Offers a load from a process of its own. */
export async function offer(load: Load): Promise<Report> {
  const file = fileURLToPath(import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(load)]);
  return JSON.parse(stdout) as Report;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await offered(JSON.parse(process.argv[2] ?? '{}') as Load)));
}
