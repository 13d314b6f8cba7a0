/**
 * Who may have what served now: scopes, the budgets of callers, calls at once, and what is shed under load. Each question is
 * answered by a refusal, or undefined to let pass.
 */

import { type Auth, covers } from './auth.ts';
import type { Clock } from './clock.ts';
import { type Config, parseRate, type Rate } from './config.ts';
import type { Inbound } from './inbound.ts';
import { addressOf, limiter, overloaded, type TurnWatch, tooMany, UNKNOWN } from './limits.ts';
import { isObject, type Message, type Params, type RequestId } from './protocol.ts';
import type { Registry } from './registry.ts';
import type { Running } from './running.ts';
import type { Session, Sessions } from './session.ts';
import type { EventStream } from './sse.ts';
import type { Principal } from './tool.ts';

export interface Admission {
  readonly draining: boolean;
  /** Callers that are counted now. */
  readonly callers: number;
  /** Before a body is read: the load of the process, and the budget for requests of any kind. */
  door(inbound: Inbound): Response | undefined | Promise<Response | undefined>;
  /** Before a request is served. */
  serve(message: Message, inbound: Inbound, session: Session | undefined): Response | undefined;
  /** Before a batch is: all of it, or nothing. */
  batch(items: readonly unknown[], inbound: Inbound, session: Session | undefined): Response | undefined;
  /** Before a session's stream is opened. */
  stream(): Response | undefined;
  /** What is kept has met its bound. */
  full(what: 'streams' | 'sessions', id?: RequestId): Response;
  /** The address a request came from, behind trusted proxies. */
  addressOf(inbound: Inbound): string;
  /** Whose budgets a request uses: the subject of its token, else its session, else its address. */
  callerOf(inbound: Inbound, session: Session | undefined): string;
  /** Calls `over` when the token of a caller ends while a stream is still read. */
  limit(stream: EventStream, principal: Principal | undefined, over: () => void): void;
  /** From now on no session begins; with `shut` nothing does: only what runs is heard. */
  drain(shut: boolean): void;
}

export interface AdmissionOptions {
  config: Config;
  clock: Clock;
  registry: Registry;
  sessions: Sessions;
  running: Running;
  auth: Auth | undefined;
  turns: TurnWatch;
  /** Told of each refusal: the budget that is spent, or what is full. */
  refused(kind: 'limited' | 'shed', why: string): void;
}

/** How soon a refused client may come back, s. */
const SOON_S = 1;
/** Streams and sessions last longer than calls. */
const LATER_S = 5;
/** While this node goes the next one is there. */
const DRAINING = 'This server is shutting down; try again, another one serves';

export function admission(options: AdmissionOptions): Admission {
  const { config, clock, registry, sessions, running, auth, turns, refused } = options;
  const address = addressOf({ trusted: config.MCP_TRUSTED_PROXIES });
  const budget = (name: string, rate: Rate | undefined) =>
    rate && { name, rate, limiter: limiter(rate, clock, config.MCP_RATE_CALLERS) };
  const requests = budget('requests', config.MCP_RATE_LIMIT);
  const initializations = budget('initialize', config.MCP_RATE_LIMIT_INITIALIZE);
  const calls = budget('calls', config.MCP_RATE_LIMIT_CALLS);
  const byTool = new Map<string, NonNullable<typeof calls>>();
  for (const { name, rateLimit } of registry.tools.values()) {
    const own = rateLimit === undefined ? undefined : budget(name, parseRate(`rateLimit of tool "${name}"`, rateLimit));
    if (own) byTool.set(name, own);
  }
  let draining = false;
  let shut = false;

  const shed = (why: string, message: string, id: RequestId | undefined, retry_s = SOON_S) => {
    refused('shed', why);
    return overloaded(message, retry_s, id);
  };

  const spend = (from: typeof calls, kind: string, caller: string, id: Message['id']): Response | undefined => {
    if (!from) return undefined;
    const wait_ms = from.limiter.take(caller);
    if (wait_ms === 0) return undefined;
    refused('limited', kind);
    return tooMany(from.name, from.rate, wait_ms, id);
  };

  function callerOf({ principal, platform, request }: Inbound, session: Session | undefined): string {
    // As they are: what is put together anew is hashed anew, and where there are tokens all callers have one.
    return principal?.subject ?? session?.key ?? address(platform.address, request.headers);
  }

  function scopes(needed: readonly string[], { principal }: Inbound, id: Message['id']): Response | undefined {
    return covers(principal, needed) ? undefined : auth?.insufficient(needed, id);
  }

  function budgets(
    { method, params }: Message,
    id: Message['id'],
    inbound: Inbound,
    session: Session | undefined,
  ): Response | undefined {
    const most = config.MCP_MAX_CALLER_CALLS;
    if (running.count >= config.MCP_MAX_CALLS)
      return shed('calls', `All ${config.MCP_MAX_CALLS} calls are in use; try again later`, id);
    // No caller can have more than all have.
    if (running.count >= most) {
      const caller = callerOf(inbound, session);
      // Those whom nobody can tell apart are not one; a subject may be called so too.
      const isOne = caller !== UNKNOWN || inbound.principal !== undefined;
      if (isOne && running.of(caller) >= most)
        return shed('caller_calls', `${most} calls of this caller run already; wait for one to end`, id);
    }
    if (method === 'initialize') {
      if (draining) return shed('draining', DRAINING, id);
      return initializations && spend(initializations, 'initialize', callerOf(inbound, session), id);
    }
    if (method !== 'tools/call' || (!calls && byTool.size === 0)) return undefined;
    const payer = callerOf(inbound, session);
    const own = byTool.get(params?.name as string);
    return spend(own, 'tool', payer, id) ?? spend(calls, 'calls', payer, id);
  }

  /** The session that a request names, if it is genuine and its caller's: who only says so has no budget of its own. */
  function named({ request, principal }: Inbound): Session | undefined | Promise<Session | undefined> {
    const id = request.headers.get('mcp-session-id');
    return id === null || principal ? undefined : sessions.open(id, principal);
  }

  return {
    get draining() {
      return draining;
    },
    get callers() {
      return [requests, initializations, calls, ...byTool.values()].reduce(
        (most, each) => Math.max(most, each?.limiter.size ?? 0),
        0,
      );
    },
    addressOf: ({ platform, request }) => address(platform.address, request.headers),
    callerOf,
    door(inbound) {
      if (config.MCP_MAX_LAG > 0) {
        const late = turns.late();
        if (late > config.MCP_MAX_LAG)
          return shed('lag', `This request waited ${Math.round(late)} ms already; try again later`, undefined);
      }
      if (!requests) return undefined;
      const session = named(inbound);
      const pay = (known: Session | undefined) => spend(requests, 'requests', callerOf(inbound, known), undefined);
      return session instanceof Promise ? session.then(pay) : pay(session);
    },
    full(what, id) {
      const bound =
        what === 'streams' ? `${config.MCP_MAX_CONNECTIONS} streams` : `${config.MCP_MAX_SESSIONS} sessions with state`;
      return shed(what, `All ${bound} are in use; try again later`, id, LATER_S);
    },
    stream: () => (shut ? shed('draining', DRAINING, undefined) : undefined),
    serve(message, inbound, session) {
      if (shut) return shed('draining', DRAINING, message.id);
      const needed = registry.needed(message.method as string, message.params ?? NO_PARAMS);
      return scopes(needed, inbound, message.id) ?? budgets(message, message.id, inbound, session);
    },
    batch(items, inbound, session) {
      const messages = items.filter((item): item is Message => isObject(item) && item.method !== undefined);
      const needed = messages.flatMap(({ method, params }) => registry.needed(`${method}`, params ?? NO_PARAMS));
      const refusal = shut ? shed('draining', DRAINING, undefined) : scopes([...new Set(needed)], inbound, undefined);
      if (refusal) return refusal;
      for (const message of messages) {
        const full = budgets(message, undefined, inbound, session);
        if (full) return full;
      }
      return undefined;
    },
    limit(stream, principal, over) {
      if (principal?.expires === undefined) return;
      const left = principal.expires - clock.now();
      // What is admitted beyond its end, for clocks differ, has what they may differ by.
      stream.limit(left > 0 ? left : Math.max(0, left + config.MCP_AUTH_SKEW * 1000), over);
    },
    drain(all) {
      draining = true;
      shut ||= all;
    },
  };
}

const NO_PARAMS: Params = {};
