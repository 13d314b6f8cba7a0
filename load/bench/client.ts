/** The load: wrk where it is on the PATH, else autocannon. One thread, every request with an id of its own. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ID_DIGITS, type Shape } from './messages.ts';
import { BENCH, HOST, type Running } from './servers.ts';

export const CONNECTIONS = 32;

/** One round of load on one target. */
export interface Sample {
  requests: number;
  seconds: number;
  /** Answers that are not 2xx, and requests that got none. */
  failed: number;
  p50_us: number;
  p99_us: number;
  /** Server CPU time per request. */
  cpu_us: number | undefined;
}

type Result = Omit<Sample, 'cpu_us'>;

export const client: 'wrk' | 'autocannon' = spawnSync('wrk', ['--version']).error === undefined ? 'wrk' : 'autocannon';

let folder: string | undefined;
let rounds = 0;
/** Ids of one round do not come again in another. */
const ROUND_IDS = 5_000_000;
const FIRST_ID = 10 ** (ID_DIGITS - 1);

export async function load(server: Running, shape: Shape, seconds: number, connections = CONNECTIONS): Promise<Sample> {
  const first = FIRST_ID + ((rounds++ * ROUND_IDS) % (8 * FIRST_ID));
  const before = server.cpu_us();
  const result =
    client === 'wrk'
      ? await wrk(server, shape, seconds, first, connections)
      : await autocannon(server, shape, seconds, first, connections);
  const after = server.cpu_us();
  const cpu_us = before === undefined || after === undefined ? undefined : (after - before) / result.requests;
  return { ...result, cpu_us };
}

async function wrk(
  server: Running,
  shape: Shape,
  seconds: number,
  first: number,
  connections: number,
): Promise<Result> {
  folder ??= scratch();
  const script = join(folder, `${server.port}.lua`);
  writeFileSync(script, lua(server.port, shape, first));
  const output = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, server.url], seconds);
  return JSON.parse(/^RESULT (.*)$/m.exec(output)?.[1] ?? 'null') ?? fail(output);
}

/** The request is cut in three: all that is constant before the session, between it and the id, and after it. */
function lua(port: number, { headers, before, after, sessions }: Shape, first: number): string {
  const length = Buffer.byteLength(before + after) + ID_DIGITS;
  const lines = Object.entries({ host: `${HOST}:${port}`, ...headers, 'content-length': String(length) });
  const head = `POST /mcp HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
  const session = sessions.length === 0 ? '' : 'mcp-session-id: ';
  return `
local ids = {${sessions.map((id) => JSON.stringify(id)).join(',')}}
local head = ${long(head + session)}
local middle = ${long(`${sessions.length === 0 ? '' : '\r\n'}\r\n${before}`)}
local tail = ${long(after)}
local next = ${first}
function request()
  next = next + 1
  return head .. (ids[next % ${Math.max(1, sessions.length)} + 1] or "") .. middle .. next .. tail
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests":%d,"seconds":%f,"failed":%d,"p50_us":%d,"p99_us":%d}\\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}

/** A Lua string of any text. */
function long(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\r', '\\r').replaceAll('\n', '\\n')}"`;
}

async function autocannon(
  server: Running,
  shape: Shape,
  seconds: number,
  first: number,
  connections: number,
): Promise<Result> {
  const task = JSON.stringify({ url: server.url, shape, seconds, first, connections });
  const output = await run(process.execPath, [`${BENCH}peers/autocannon.ts`, task], seconds);
  return JSON.parse(/^RESULT (.*)$/m.exec(output)?.[1] ?? 'null') ?? fail(output);
}

function run(command: string, args: readonly string[], seconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: (seconds + 15) * 1000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} failed: ${error.message}\n${stderr}${stdout}`));
      else resolve(stdout);
    });
  });
}

function scratch(): string {
  const made = mkdtempSync(join(tmpdir(), 'bench-'));
  process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  return made;
}

function fail(output: string): never {
  throw new Error(`the client told no result:\n${output}`);
}
