/**
 * An MCP server over Streamable HTTP on one page: knobs, wiring, gates, routes, choice of era, errors, close.
 *
 *   bun run server.ts · node server.ts · deno serve -A server.ts · workerd by the default export
 *
 * Importing it starts nothing and reads no environment: the default export makes its server at the first request.
 */

import { Router } from 'itty-router/Router';
import { application, platformOf, runtime, start } from './server/application.ts';
import type { Core } from './server/call.ts';
import { type Clock, systemClock } from './server/clock.ts';
import { type Config, type Environment, readConfig } from './server/config.ts';
import { sharedMethods } from './server/dispatch.ts';
import { settleWindow } from './server/exchange.ts';
import { gates } from './server/gates.ts';
import {
  CODE,
  eraOf,
  jsonAnswer,
  type Message,
  type Platform,
  readMessage,
  refuse,
  SECURITY_HEADERS,
} from './server/protocol.ts';
import { compile, type ServerInfo } from './server/registry.ts';
import { seal } from './server/seal.ts';
import { sessions } from './server/session.ts';
import { heartbeat, streamCounts } from './server/sse.ts';
import { sessionStates } from './server/state.ts';
import { stateful } from './server/stateful.ts';
import { stateless } from './server/stateless.ts';
import { memoryStore, type Store } from './server/store.ts';
import type { CachePolicy, Feature, Notify } from './server/tool.ts';

export { application, start } from './server/application.ts';
export { type ManualClock, manualClock, systemClock } from './server/clock.ts';
export { memoryStore } from './server/store.ts';
export * from './server/tool.ts';
export type { Clock, Config, Environment, ServerInfo, Store };

export interface ServerOptions extends ServerInfo {
  /** What the server offers: made by `tool`, `resource` and `prompt`. */
  features: readonly Feature[];
  /** For the client's model: how to use this server. */
  instructions?: string;
  /** How long lists may be kept by clients (2026-07-28); default 0 ms, private. */
  cache?: CachePolicy;
  /** Knobs by their names (`MCP_*`), as text or as values; default none: no environment is read. */
  env?: Environment;
  /** Ended sessions; default in memory. */
  store?: Store;
  /** Default the system's. */
  clock?: Clock;
  /** Told of bugs: what handlers throw beside the errors of `tool.ts`. Default: one line on the console. */
  onError?: (error: unknown, during: string, correlationId: string) => void;
}

/** What a server keeps and does now; all of it is bounded by the knobs. */
export interface Stats {
  /** Sessions for which something is kept. */
  sessions: number;
  /** Open event streams, and those of them that listen in 2026-07-28. */
  streams: number;
  listening: number;
  /** Ended streams kept for replay, and the characters kept in all streams. */
  retained: number;
  kept: number;
  /** Calls that outlived their turn and run now. */
  calls: number;
  /** Questions that clients have not answered (2025-11-25). */
  questions: number;
  /** Since the start: events dropped before a reader had them, slow readers cut, heartbeats sent. */
  lost: number;
  slow: number;
  beats: number;
}

export interface Server {
  /** Answers a request. What a runtime passes beside it (Bun's server, Deno's info, Workers' env and context) may follow. */
  fetch(request: Request, second?: unknown, third?: unknown): Promise<Response>;
  /** Notifies clients of changes, from anywhere. */
  readonly notify: Notify;
  readonly config: Config;
  stats(): Stats;
  /** Tells the operator of an error outside any request, as `onError` says. */
  report(error: unknown, during: string): void;
  /** Ends all streams: listen streams with their result, session streams so that their clients come back. */
  close(): void;
}

/** @throws Error naming the knob or the definition that cannot be served */
export function createServer(options: ServerOptions): Server {
  const { features, instructions, cache, env = {}, clock = systemClock, onError = logError, ...rest } = options;
  const { store: given, ...info } = rest;
  const config = readConfig(env);
  const kind = runtime();
  const shared = kind !== 'workers';
  const registry = compile({ info, instructions, features, cache, pageSize: config.MCP_PAGE_SIZE });
  const counts = streamCounts();
  const notify: Notify = {
    toolsChanged: () => everyEra((era) => era.notify.toolsChanged()),
    promptsChanged: () => everyEra((era) => era.notify.promptsChanged()),
    resourcesChanged: () => everyEra((era) => era.notify.resourcesChanged()),
    resourceUpdated: (uri) => everyEra((era) => era.notify.resourceUpdated(uri)),
  };
  const core: Core = {
    registry,
    config,
    clock,
    counts,
    notify,
    settle: settleWindow(clock, config.MCP_SETTLE, shared),
    heartbeat: heartbeat(clock, config.MCP_HEARTBEAT, config.MCP_STALL_TIMEOUT, shared),
    limits: {
      events: config.MCP_REPLAY_EVENTS,
      bytes: config.MCP_REPLAY_BYTES,
      total: config.MCP_REPLAY_TOTAL,
      ahead: Math.min(65_536, config.MCP_REPLAY_BYTES / 4),
    },
    calls: 0,
    questions: 0,
    report(error, during) {
      const id = crypto.randomUUID();
      onError(error, during, id);
      return id;
    },
  };
  const sealed = seal(config.MCP_SESSION_SECRET);
  // With a secret of its own this node is the only one that can open its sessions, so it knows when one is idle.
  const alone = config.MCP_SESSION_SECRET === '';
  const store = given ?? memoryStore(config.MCP_MAX_ENDED, clock.now);
  const known = sessions({
    seal: sealed,
    store,
    clock,
    lifetime: config.MCP_SESSION_LIFETIME * 1000,
    idle: alone ? config.MCP_SESSION_TIMEOUT * 1000 : undefined,
    remembered: config.MCP_SESSION_CACHE,
  });
  const states = sessionStates(core, known, alone, shared);
  const methods = sharedMethods(registry);
  const old = stateful(core, known, states, methods);
  const modern = stateless(core, sealed, methods);
  const everyEra = (tell: (era: { notify: Notify }) => void) => {
    tell(old);
    tell(modern);
  };
  const gate = gates(config);
  const limits = { body: config.MCP_MAX_BODY, depth: config.MCP_MAX_DEPTH };
  const born = clock.now();
  const { name, version } = info;

  /** Every method at the MCP endpoint but POST. */
  function verb(request: Request, platform: Platform): Response | Promise<Response> {
    if (request.method === 'GET') return old.open(request, platform, undefined);
    if (request.method === 'DELETE') return old.end(request, undefined);
    return refuse(405, CODE.invalidRequest, `Method ${request.method} is not allowed; expected POST, GET or DELETE`, {
      headers: { allow: 'POST, GET, DELETE, OPTIONS' },
    });
  }

  /** One message to the MCP endpoint. */
  function post(message: unknown, request: Request, platform: Platform): Response | Promise<Response> {
    if (message instanceof Response) return message;
    const version = request.headers.get('mcp-protocol-version');
    const era = eraOf(message as Message, version) === 'stateless' ? modern : old;
    return era.answer(message, version, request, platform, undefined);
  }

  const elsewhere = Router({
    catch: (error: unknown) => refuse(500, CODE.internal, `Internal error (${core.report(error, 'a route')})`),
  })
    .get('/health', () =>
      jsonAnswer(
        {},
        JSON.stringify({ status: 'ok', name, version, uptime_s: Math.floor((clock.now() - born) / 1000) }),
      ),
    )
    .head('/health', () => new Response(null, { headers: SECURITY_HEADERS }))
    .all('*', (request: Request) =>
      refuse(
        404,
        CODE.invalidRequest,
        `Nothing is here; the MCP endpoint is ${config.MCP_PATH}, and this was ${request.method} ${new URL(request.url).pathname}`,
      ),
    );

  return {
    notify,
    config,
    report: core.report,
    async fetch(request, second, third) {
      try {
        const { headers, url, method } = request;
        const origin = headers.get('origin');
        const target = gate.target(url);
        const refusal = gate.refusal(headers, target, origin);
        if (refusal) return refusal;
        if (method === 'OPTIONS' && origin !== null) return gate.preflight(request, origin);
        let answered: Response | Promise<Response>;
        if (!target.endpoint) answered = elsewhere.fetch(request);
        else {
          const platform = platformOf(kind, request, second, third);
          answered =
            method === 'POST' ? post(await readMessage(request, limits), request, platform) : verb(request, platform);
        }
        const response = answered instanceof Promise ? await answered : answered;
        return origin === null ? response : gate.share(response, origin);
      } catch (error) {
        return refuse(500, CODE.internal, `Internal error (${core.report(error, 'a request')})`);
      }
    },
    stats: () => ({
      sessions: states.size,
      streams: counts.open,
      listening: modern.listening,
      retained: states.retained,
      kept: counts.kept,
      calls: core.calls,
      questions: core.questions,
      lost: counts.lost,
      slow: counts.slow,
      beats: counts.beats,
    }),
    close() {
      modern.close();
      states.close();
    },
  };
}

function logError(error: unknown, during: string, correlationId: string): void {
  console.error(`error ${correlationId} during ${during}:`, error);
}

// ---- the default export: what each runtime looks for ----------------------------------------------

const app = application(async (env) => {
  const { features } = await import('./tools/mod.ts');
  return createServer({ name: 'portable-mcp', version: '0.1.0', features: features(readConfig(env)), env });
});

export default app;

if (import.meta.main && runtime() !== 'workers') await start(app);
