/** What is measured by load: calls, lists, growth with tools and with idle sessions, answers by events. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { ECHO, type Era, LIST, STEPS, send, shapeOf } from '../messages.ts';
import type { Contender } from '../series.ts';
import { type Runtime, start } from '../servers.ts';
import { launchOf, type Target, targetNamed } from '../targets.ts';

const ERAS: readonly Era[] = ['sessions', 'modern'];
const TOOLS = [1, 53, 700] as const;
const IDLE = [0, 1_000, 10_000] as const;

function shape(era: Era, [method, params]: readonly [string, Record<string, unknown>]): Contender['shape'] {
  return (sessions, version) => shapeOf(era, method, params, sessions, version);
}

/** `tools/call` of an echo tool, each beside the raw handler that gets the same request. */
export function calls(runtime: Runtime, targets: readonly Target[]): Contender[] {
  const contenders: Contender[] = [];
  for (const era of ERAS) {
    const make = (target: Target): Contender => ({ target, era, what: 'echo', shape: shape(era, ECHO) });
    const able = targets.filter(({ runtimes, eras }) => runtimes.includes(runtime) && eras.includes(era));
    const raw = able.find(({ name }) => name === 'raw');
    const base = raw && make(raw);
    if (base) contenders.push(base);
    for (const target of able) if (target !== raw) contenders.push({ ...make(target), ...(base && { base }) });
  }
  return contenders;
}

/** `tools/list` (its first page), each beside a raw handler that returns the same bytes whatever is asked. */
export async function lists(
  runtime: Runtime,
  targets: readonly Target[],
  sizes: readonly number[] = TOOLS,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  // A peer's page differs and is not compared with a raw handler's: ours stands for its era.
  const era: Era = 'modern';
  for (const size of sizes) {
    const env = { BENCH_TOOLS: String(size) };
    const detail = `${size} tools`;
    const make = (target: Target): Contender => ({ target, era, detail, env, what: 'list', shape: shape(era, LIST) });
    const file = await pageOf(runtime, env);
    const bytes: Contender = { ...make(fixed(runtime)), env: { BENCH_ANSWER: 'page', BENCH_PAGE: file } };
    contenders.push(bytes);
    for (const target of targets) {
      if (target.raw || !target.runtimes.includes(runtime)) continue;
      // What a peer does with 700 tools takes minutes to warm up and is no better with one.
      if (!isOurs(target) && size !== 53) continue;
      if (target.eras.includes(era)) contenders.push({ ...make(target), base: bytes });
      else contenders.push({ ...make(target), era: 'sessions', shape: shape('sessions', LIST), base: bytes });
    }
  }
  return contenders;
}

/** The raw handler that is fastest with a large answer. */
function fixed(runtime: Runtime): Target {
  return targetNamed(runtime === 'node' ? 'bare' : 'raw');
}

/** This server, or another checkout of it. */
export function isOurs({ name }: Pick<Target, 'name'>): boolean {
  return name === 'ours' || name === 'against';
}

let folder: string | undefined;

/** Writes the page that this server answers to a file. */
async function pageOf(runtime: Runtime, env: Record<string, string>): Promise<string> {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'bench-page-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  const server = await start(launchOf(targetNamed('ours'), runtime, env));
  try {
    const { text } = await send(server.url, shapeOf('modern', ...LIST), 987_654_321);
    const file = join(folder, `${env.BENCH_TOOLS}.json`);
    writeFileSync(file, text);
    return file;
  } finally {
    await server.stop();
  }
}

/** A call must not become dearer with the number of tools that are served. */
export function toolCounts(target: Target): Contender[] {
  const [first, ...more] = TOOLS.map(
    (size): Contender => ({
      target,
      era: 'sessions',
      detail: `${size} tools`,
      env: { BENCH_TOOLS: String(size) },
      what: 'echo',
      shape: shape('sessions', ECHO),
    }),
  ) as [Contender, ...Contender[]];
  return [first, ...more.map((contender) => ({ ...contender, base: first }))];
}

/** Nor with the number of sessions that are open and idle. */
export function idleSessions(target: Target): Contender[] {
  const [first, ...more] = IDLE.map(
    (idle): Contender => ({
      target,
      era: 'sessions',
      detail: `${idle} idle sessions`,
      idle,
      what: 'echo',
      shape: shape('sessions', ECHO),
    }),
  ) as [Contender, ...Contender[]];
  return [first, ...more.map((contender) => ({ ...contender, base: first }))];
}

const SECRET = 'a secret that only this bench knows, and nobody else';
const RESOURCE = 'http://localhost/mcp';

/** What authorization, rate limits and the bounds of callers cost: the same server without them is the base. */
export async function guarded(target: Target): Promise<Contender[]> {
  const token = await new SignJWT({ scope: 'bench' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('bench')
    .setAudience(RESOURCE)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
  const limits = { MCP_RATE_LIMIT: MANY, MCP_RATE_LIMIT_CALLS: MANY, MCP_RATE_LIMIT_INITIALIZE: MANY };
  return ERAS.flatMap((era) => {
    const open: Contender = { target, era, what: 'echo', shape: shape(era, ECHO) };
    const shut: Contender = {
      ...open,
      detail: 'tokens and rate limits',
      env: { MCP_AUTH_SECRET: SECRET, MCP_PUBLIC_URL: RESOURCE, ...limits },
      headers: { authorization: `Bearer ${token}` },
      base: open,
    };
    return [open, shut];
  });
}

/** Counted, and never reached. */
const MANY = '100000000/second';

/** A call that is answered by ten progress events and its result. */
export function events(runtime: Runtime, targets: readonly Target[]): Contender[] {
  const contenders: Contender[] = [];
  for (const era of ERAS) {
    const make = (target: Target): Contender => ({ target, era, what: 'steps', shape: shape(era, STEPS) });
    const base: Contender = { ...make(targetNamed('raw')), env: { BENCH_ANSWER: 'events' } };
    contenders.push(base);
    for (const target of targets) {
      if (isOurs(target) && target.runtimes.includes(runtime)) contenders.push({ ...make(target), base });
    }
  }
  return contenders;
}
