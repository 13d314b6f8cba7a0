/**
 * What is kept for a session, and only where there is something to keep: its streams, subscriptions, log level,
 * questions to the client, calls that run. All of it bounded, all of it gone with the session or its idle time.
 */

import type { Call, Core } from './call.ts';
import type { LogLevel } from './content.ts';
import type { RequestId } from './protocol.ts';
import type { Session, Sessions } from './session.ts';
import { EventStream } from './sse.ts';

/** A question the client has not answered. */
export interface Pending {
  settle(result: unknown, error: unknown): void;
}

export interface SessionState {
  readonly session: Session;
  level: LogLevel | undefined;
  readonly subscriptions: Set<string>;
  /** Streams of POSTs by id, oldest first; those that ended stay a while for replay. */
  readonly streams: Map<string, EventStream>;
  /** The one stream for messages that belong to no request; every GET without Last-Event-ID reads on from it. */
  standalone: { readonly id: string; readonly stream: EventStream } | undefined;
  /** When the standalone stream lost its reader, ms since the epoch. */
  unread: number;
  /** Notifications that wait in the standalone stream, to be told once. */
  readonly waiting: Set<string>;
  readonly pending: Map<string, Pending>;
  readonly calls: Map<RequestId, Call>;
}

export interface SessionStates {
  find(session: Session): SessionState | undefined;
  /** @returns undefined at the bound, when no session is idle */
  make(session: Session): SessionState | undefined;
  /** Forgets a state in which nothing is kept any more. */
  tidy(state: SessionState): void;
  /** Ends the session: its calls, streams and questions. */
  end(session: Session): void | Promise<void>;
  /** A new stream for a POST; undefined at a bound. */
  postStream(session: Session): EventStream | undefined;
  /** The stream of an event id; undefined when it is kept no longer. */
  streamOf(state: SessionState, streamId: string): EventStream | undefined;
  standalone(state: SessionState): EventStream;
  /** An ended stream stays for replay, then goes. */
  retain(state: SessionState, stream: EventStream): void;
  /** A stream id, or the id of a question: unique in the session, also across nodes. */
  uniqueId(): string;
  readonly size: number;
  readonly retained: number;
  values(): Iterable<SessionState>;
  close(): void;
}

/** How many idle sessions are compared when one must go. */
const COMPARED = 64;

/** @param idleEnds whether a session that was idle here was idle everywhere */
export function sessionStates(core: Core, sessions: Sessions, idleEnds: boolean, shared: boolean): SessionStates {
  const { config, clock, counts, limits, heartbeat } = core;
  const states = new Map<string, SessionState>();
  /** Ended streams, the longest ended first. */
  const retained = new Map<EventStream, { state: SessionState; due: number }>();
  let origin: string | undefined;
  let count = 0;
  let stopSweeping: (() => void) | undefined;
  let swept = clock.now();
  const idle_ms = config.MCP_SESSION_TIMEOUT * 1000;
  const age_ms = config.MCP_REPLAY_AGE * 1000;
  const sweep_ms = Math.max(50, Math.min(idle_ms / 4, age_ms / 4, 10_000));

  const busy = (state: SessionState) =>
    state.calls.size > 0 ||
    state.standalone?.stream.connected === true ||
    [...state.streams.values()].some((stream) => stream.connected);

  const release = (stream: EventStream) => {
    const kept = retained.get(stream);
    if (!kept) return false;
    retained.delete(stream);
    const id = stream.options.id;
    if (id !== undefined) kept.state.streams.delete(id);
    stream.discard();
    tidy(kept.state);
    return true;
  };
  counts.relieve = () => {
    for (const stream of retained.keys()) return release(stream);
    return false;
  };

  const forget = (state: SessionState, reason: string) => {
    // While it is still known: a cancelled call may take a stream for its last words, which then goes with the rest.
    for (const call of state.calls.values()) call.cancel(reason);
    state.calls.clear();
    for (const pending of state.pending.values()) pending.settle(undefined, new Error(reason));
    state.pending.clear();
    for (const stream of state.streams.values()) {
      retained.delete(stream);
      stream.discard();
    }
    state.streams.clear();
    state.standalone?.stream.discard();
    state.standalone = undefined;
    states.delete(state.session.key);
    if (states.size === 0) {
      stopSweeping?.();
      stopSweeping = undefined;
    }
  };

  const tidy = (state: SessionState) => {
    if (
      state.level !== undefined ||
      state.standalone ||
      state.subscriptions.size + state.streams.size + state.pending.size + state.calls.size > 0
    )
      return;
    if (states.get(state.session.key) === state) forget(state, '');
  };

  const sweep = () => {
    const now = clock.now();
    swept = now;
    for (const [stream, { due }] of retained) {
      if (due > now) break;
      release(stream);
    }
    for (const state of states.values()) {
      if (state.standalone && !state.standalone.stream.connected && now - state.unread >= age_ms) {
        state.standalone.stream.discard();
        state.standalone = undefined;
        state.waiting.clear();
        tidy(state);
      }
      if (now >= state.session.expires || (now - state.session.seen >= idle_ms && !busy(state))) {
        if (idleEnds) void sessions.end(state.session);
        forget(state, 'The session was idle for too long');
      }
    }
  };

  const makeRoom = (): boolean => {
    let longest: SessionState | undefined;
    let compared = 0;
    for (const state of states.values()) {
      if (busy(state)) continue;
      if (!longest || state.session.seen < longest.session.seen) longest = state;
      if (++compared >= COMPARED) break;
    }
    if (!longest) return false;
    // What it was promised can no longer be kept, so it must learn to begin anew.
    void sessions.end(longest.session);
    forget(longest, 'Too many sessions');
    return true;
  };

  const uniqueId = () => {
    origin ??= Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => byte.toString(36).padStart(2, '0')).join(
      '',
    );
    return `${origin}${(count++).toString(36)}`;
  };

  const create = (id: string, onHangup?: () => void) =>
    new EventStream({
      id,
      limits,
      counts,
      heartbeat,
      ...(onHangup && { onHangup }),
    });

  const make = (session: Session) => {
    const known = states.get(session.key);
    if (known) return known;
    if (!shared && clock.now() - swept > sweep_ms) sweep();
    if (states.size >= config.MCP_MAX_SESSIONS && !makeRoom()) return undefined;
    const state: SessionState = {
      session,
      level: undefined,
      subscriptions: new Set(),
      streams: new Map(),
      standalone: undefined,
      unread: 0,
      waiting: new Set(),
      pending: new Map(),
      calls: new Map(),
    };
    states.set(session.key, state);
    if (shared) stopSweeping ??= clock.every(sweep_ms, sweep);
    return state;
  };

  return {
    find: (session) => (states.size === 0 ? undefined : states.get(session.key)),
    make,
    tidy,
    uniqueId,
    end(session) {
      const state = states.get(session.key);
      if (state) forget(state, 'The session was ended');
      return sessions.end(session);
    },
    postStream(session) {
      if (counts.open >= config.MCP_MAX_CONNECTIONS) return undefined;
      const state = make(session);
      if (!state) return undefined;
      if (state.streams.size >= config.MCP_MAX_SESSION_STREAMS) {
        const oldest = [...state.streams.values()].find((stream) => stream.ended);
        if (!oldest || !release(oldest)) return undefined;
        // Releasing may have forgotten a state in which nothing else was kept.
        if (!states.has(session.key)) states.set(session.key, state);
      }
      const id = uniqueId();
      const stream = create(id);
      state.streams.set(id, stream);
      return stream;
    },
    streamOf(state, streamId) {
      return state.standalone?.id === streamId ? state.standalone.stream : state.streams.get(streamId);
    },
    standalone(state) {
      if (!state.standalone) {
        const id = uniqueId();
        state.unread = clock.now();
        const stream = create(id, () => {
          state.unread = clock.now();
        });
        state.standalone = { id, stream };
      }
      return state.standalone.stream;
    },
    retain(state, stream) {
      retained.set(stream, { state, due: clock.now() + age_ms });
    },
    get size() {
      return states.size;
    },
    get retained() {
      return retained.size;
    },
    values: () => states.values(),
    close() {
      for (const state of [...states.values()]) {
        state.standalone?.stream.hangUp(config.MCP_RETRY);
        for (const stream of state.streams.values()) stream.hangUp(config.MCP_RETRY);
        forget(state, 'The server is closing');
      }
      stopSweeping?.();
    },
  };
}
