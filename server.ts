/**
 * An MCP server over Streamable HTTP on one page: knobs, wiring, gates, routes, choice of era, errors, close.
 *
 *   bun run server.ts · node server.ts · deno serve -A server.ts · workerd by the default export
 *
 * Importing it starts nothing and reads no environment: the default export makes its server at the first request.
 */

import { Router } from 'itty-router/Router';
import { type Admission, admission } from './server/admission.ts';
import { application, logOptions, platformOf, runtime, start } from './server/application.ts';
import { auth } from './server/auth.ts';
import type { Core } from './server/call.ts';
import { systemClock } from './server/clock.ts';
import { closing } from './server/closing.ts';
import { namedHosts, readConfig } from './server/config.ts';
import { sharedMethods } from './server/dispatch.ts';
import { settleWindow } from './server/exchange.ts';
import { gates, type Target } from './server/gates.ts';
import { Inbound } from './server/inbound.ts';
import { turnWatch } from './server/limits.ts';
import { logger } from './server/log.ts';
import { operatorView } from './server/operator.ts';
import type { Server, ServerOptions } from './server/options.ts';
import { CODE, eraOf, type Message, readMessage, refuse } from './server/protocol.ts';
import { compile } from './server/registry.ts';
import { running } from './server/running.ts';
import { seal } from './server/seal.ts';
import { sessions } from './server/session.ts';
import { heartbeat, owed, streamCounts, streamLimits } from './server/sse.ts';
import { sessionStates } from './server/state.ts';
import { stateful } from './server/stateful.ts';
import { stateless } from './server/stateless.ts';
import { statistics } from './server/stats.ts';
import { memoryStore } from './server/store.ts';
import type { Notify, Principal } from './server/tool.ts';
import { upstreams } from './server/upstream.ts';

export { application, start } from './server/application.ts';
export { type ManualClock, manualClock, systemClock } from './server/clock.ts';
export { KNOBS, readConfig } from './server/config.ts';
export type * from './server/options.ts';
export { memoryStore } from './server/store.ts';
export * from './server/tool.ts';

/** A server that was asked something within this time is not idle, ms. */
const RECENTLY_MS = 10_000;

/** How much later than `retry:` says a client may come back before a server that closes waits for it no longer, ms. */
const RETURN_MS = 1000;

/** @throws Error naming the knob or the definition that cannot be served */
export function createServer(options: ServerOptions): Server {
  const { features, instructions, cache, env = {}, clock = systemClock, log, onError, verify, ...rest } = options;
  const { store: given, dependencies, ...info } = rest;
  const config = readConfig(env, verify !== undefined);
  const kind = runtime();
  const shared = kind !== 'workers';
  const journal = log && logger({ ...logOptions(config), write: log, clock, shared });
  const tellOf = onError ?? journal?.error ?? logError;
  const report = (error: unknown, during: string) => {
    const id = crypto.randomUUID();
    tellOf(error, during, id);
    return id;
  };
  const tokens = auth({ config, clock, name: info.name, shared, verify, report });
  const authorized = tokens !== undefined;
  const registry = compile({ info, instructions, features, cache, pageSize: config.MCP_PAGE_SIZE, authorized });
  const unserved = registry.withheld.join(', ');
  if (unserved !== '')
    journal?.notice('info', `Not served, for it needs scopes and no tokens are asked for: ${unserved}`);
  const calls = running();
  const counts = streamCounts();
  // How long real work takes, whatever time the server goes by.
  const turns = turnWatch(systemClock);
  const sealed = seal(config.MCP_SESSION_SECRET);
  // With a secret of its own this node is the only one that can open its sessions, so it knows when one is idle.
  const alone = config.MCP_SESSION_SECRET === '';
  const known = sessions({
    seal: sealed,
    store: given ?? memoryStore(config.MCP_MAX_ENDED, clock.now),
    clock,
    lifetime: config.MCP_SESSION_LIFETIME * 1000,
    idle: alone ? config.MCP_SESSION_TIMEOUT * 1000 : undefined,
    remembered: config.MCP_SESSION_CACHE,
  });
  const pool = upstreams({ config, clock, trusted: namedHosts(config) });
  const stats = () => statistics({ core, states, listening: modern.listening, pool, door, tokens });
  const refused = (kind: 'limited' | 'shed', why: string) => view.refused(kind, why);
  const base = { config, clock, registry, turns };
  const door: Admission = admission({ ...base, sessions: known, running: calls, auth: tokens, refused });
  const view = operatorView({ ...base, info, runtime: kind, log: journal, door, dependencies, report, stats });
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
    report,
    running: calls,
    admission: door,
    observer: view.observer,
    upstreams: pool,
    settle: settleWindow(clock, config.MCP_SETTLE, shared),
    heartbeat: heartbeat(clock, config.MCP_HEARTBEAT, config.MCP_STALL_TIMEOUT, shared),
    limits: streamLimits(config),
    questions: 0,
  };
  const states = sessionStates(core, known, alone, shared);
  const methods = sharedMethods(registry);
  const old = stateful(core, known, states, methods);
  const modern = stateless(core, sealed, methods);
  const everyEra = (inform: (era: { notify: Notify }) => void) => {
    inform(old);
    inform(modern);
  };
  const gate = gates(config);
  const tooLong = (length: number) =>
    refuse(414, CODE.invalidRequest, `The URL must have at most ${config.MCP_MAX_URL} characters, got ${length}`);
  const limits = { body: config.MCP_MAX_BODY, depth: config.MCP_MAX_DEPTH };

  /** Every method at the MCP endpoint but POST. */
  function verb(inbound: Inbound): Response | Promise<Response> {
    const { method } = inbound.request;
    if (method === 'GET') return old.open(inbound);
    if (method === 'DELETE') return old.end(inbound);
    return refuse(405, CODE.invalidRequest, `Method ${method} is not allowed; expected POST, GET or DELETE`, {
      headers: { allow: 'POST, GET, DELETE, OPTIONS' },
    });
  }

  /** One message to the MCP endpoint. */
  function post(message: unknown, inbound: Inbound): Response | Promise<Response> {
    if (message instanceof Response) return message;
    inbound.message = message as Message;
    const version = inbound.request.headers.get('mcp-protocol-version');
    const era = eraOf(message as Message, version) === 'stateless' ? modern : old;
    return era.answer(message, version, inbound);
  }

  const elsewhere = Router()
    .all('/.well-known/oauth-protected-resource*', ({ method }: Request, { path }: Target) =>
      tokens?.metadata(path, method),
    )
    .all('*', ({ method }: Request, { path }: Target) =>
      refuse(
        404,
        CODE.invalidRequest,
        `Nothing is here; the MCP endpoint is ${config.MCP_PATH}, and this was ${method} ${path}`,
      ),
    );

  /** All that stands before the MCP endpoint. @returns the answer to what goes no further */
  function enter(inbound: Inbound): Response | undefined | Promise<Response | undefined> {
    const { request, platform } = inbound;
    const { headers, url, method } = request;
    if (url.length > config.MCP_MAX_URL) return tooLong(url.length);
    const origin = headers.get('origin');
    const target = gate.target(url);
    inbound.path = target.path;
    const refusal = gate.refusal(headers, target, origin);
    if (!refusal && origin !== null) {
      inbound.origin = origin;
      if (method === 'OPTIONS') return gate.preflight(request, origin);
    }
    if (!target.endpoint) {
      // Probes come by address, not by name, and tell nothing; the rest is told to the operator alone.
      const asked = refusal && origin !== null ? undefined : view.operate(request, target.path, platform, !refusal);
      inbound.probe = asked !== undefined;
      return asked ?? refusal ?? elsewhere.fetch(request, target);
    }
    if (refusal || !tokens) return refusal ?? door.door(inbound);
    const caller = tokens.principal(request);
    return caller instanceof Promise ? caller.then((known) => identify(inbound, known)) : identify(inbound, caller);
  }

  function identify(inbound: Inbound, caller: Principal | Response): ReturnType<typeof enter> {
    if (caller instanceof Response) return caller;
    inbound.principal = caller;
    return door.door(inbound);
  }

  return {
    notify,
    config,
    report,
    stats,
    async fetch(request, second, third) {
      const inbound = new Inbound(request, platformOf(kind, request, second, third));
      let response: Response;
      try {
        let answered = enter(inbound);
        if (answered instanceof Promise) answered = await answered;
        // Into the era, and out of it.
        if (!answered) {
          const served = request.method === 'POST' ? post(await readMessage(request, limits), inbound) : verb(inbound);
          answered = served instanceof Promise ? await served : served;
        }
        response = inbound.origin === null ? answered : gate.share(answered, inbound.origin);
      } catch (error) {
        response = refuse(500, CODE.internal, `Internal error (${report(error, 'a request')})`);
      }
      view.observer.responded(inbound, response);
      return response;
    },
    notice: (text) => journal?.notice('info', text),
    get idle() {
      return counts.open + calls.count === 0 && view.observer.quiet_ms > RECENTLY_MS;
    },
    drain: () => door.drain(false),
    close: closing({
      begin() {
        door.drain(true);
        modern.close();
        states.hangUp();
      },
      running: calls,
      owed: owed(counts, () => states.owes),
      clock,
      timeout_ms: config.MCP_DRAIN_TIMEOUT,
      linger_ms: config.MCP_RETRY + RETURN_MS,
      end() {
        states.close();
        journal?.flush();
      },
    }),
  };
}

function logError(error: unknown, during: string, correlationId: string): void {
  console.error(`error ${correlationId} during ${during}:`, error);
}

// ---- the default export: what each runtime looks for ----------------------------------------------

const app = application(async (env) => {
  const { features } = await import('./tools/mod.ts');
  const log = (lines: string) => console.log(lines.trimEnd());
  return createServer({ name: 'portable-mcp', version: '0.1.0', features: features(readConfig(env)), env, log });
});

export default app;

if (import.meta.main && runtime() !== 'workers') await start(app);
