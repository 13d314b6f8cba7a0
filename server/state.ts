/**
 * What is kept for a session, and only where there is something to keep: its streams, subscriptions, log level,
 * questions to the client, calls that run. All of it bounded, all of it gone with the session or its idle time.
 */

import type { Call, Core } from './call.ts';
import type { Clock } from './clock.ts';
import type { LogLevel } from './content.ts';
import type { SessionEnd } from './metrics.ts';
import type { RequestId } from './protocol.ts';
import type { Session, Sessions } from './session.ts';
import { EventStream, type StreamOwner } from './sse.ts';

/** A question the client has not answered. */
export interface Pending {
  settle(result: unknown, error: unknown): void;
}

/** Most sessions keep one quiet stream and nothing else, so each collection is made when it is first used. */
export class SessionState implements StreamOwner {
  readonly session: Session;
  readonly #clock: Clock;
  level: LogLevel | undefined;
  /** The one stream for messages that belong to no request; every GET without Last-Event-ID reads on from it. */
  standalone: EventStream | undefined;
  /** The id of that stream. */
  id: string | undefined;
  /** When that stream lost its reader, ms since the epoch. */
  unread = 0;
  #subscriptions: Set<string> | undefined;
  #streams: Map<string, EventStream> | undefined;
  #waiting: Set<string> | undefined;
  #pending: Map<string, Pending> | undefined;
  #calls: Map<RequestId, Call> | undefined;

  constructor(session: Session, clock: Clock) {
    this.session = session;
    this.#clock = clock;
  }

  get subscriptions(): Set<string> {
    this.#subscriptions ??= new Set();
    return this.#subscriptions;
  }

  /** Streams of POSTs by id, oldest first; those that ended stay a while for replay. */
  get streams(): Map<string, EventStream> {
    this.#streams ??= new Map();
    return this.#streams;
  }

  /** Notifications that wait in the standalone stream, to be told once. */
  get waiting(): Set<string> {
    this.#waiting ??= new Set();
    return this.#waiting;
  }

  get pending(): Map<string, Pending> {
    this.#pending ??= new Map();
    return this.#pending;
  }

  get calls(): Map<RequestId, Call> {
    this.#calls ??= new Map();
    return this.#calls;
  }

  /** Watches any resource. */
  get watching(): boolean {
    return (this.#subscriptions?.size ?? 0) > 0;
  }

  /** Nothing is kept for the session any more. */
  get empty(): boolean {
    if (this.level !== undefined || this.standalone || this.watching) return false;
    return (this.#streams?.size ?? 0) + (this.#pending?.size ?? 0) + (this.#calls?.size ?? 0) === 0;
  }

  /** Something runs or is read. */
  get busy(): boolean {
    if ((this.#calls?.size ?? 0) > 0 || this.standalone?.connected) return true;
    for (const stream of this.#streams?.values() ?? []) if (stream.connected) return true;
    return false;
  }

  /** What waited in the standalone stream has a reader. */
  told(): void {
    this.#waiting = undefined;
  }

  /** The standalone stream lost its reader. */
  onHangup(): void {
    this.unread = this.#clock.now();
  }
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
  /** Unique in the session, also across nodes. */
  questionId(): string;
  readonly size: number;
  readonly retained: number;
  /** A call ended whose client has not fetched the answer yet. */
  readonly owes: boolean;
  /** Whether an id is of a question that another node asked. */
  foreign(id: string): boolean;
  values(): Iterable<SessionState>;
  /** Sends the readers of streams that no call writes to away, to come back: another node serves them. */
  hangUp(): void;
  close(): void;
}

/** The id of a question: ten characters for the node that asked, then a count. Nobody else makes such ids. */
const ASKED = /^ask\.[a-z0-9]{11,18}$/;
/** How many idle sessions are compared when one must go. */
const COMPARED = 64;

/** @param idleEnds whether a session that was idle here was idle everywhere */
export function sessionStates(core: Core, sessions: Sessions, idleEnds: boolean, shared: boolean): SessionStates {
  const { config, clock, counts } = core;
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

  const release = (stream: EventStream) => {
    const kept = retained.get(stream);
    if (!kept) return false;
    retained.delete(stream);
    const { id } = stream.owner;
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
    state.standalone?.discard();
    state.standalone = undefined;
    states.delete(state.session.key);
    if (states.size === 0) {
      stopSweeping?.();
      stopSweeping = undefined;
    }
  };

  const tellEnd = ({ revision, expires }: Session, end: SessionEnd) => {
    core.observer.sessionEnded(end, revision, clock.now() - (expires - config.MCP_SESSION_LIFETIME * 1000));
  };

  const tidy = (state: SessionState) => {
    if (state.empty && states.get(state.session.key) === state) forget(state, '');
  };

  const sweep = () => {
    const now = clock.now();
    swept = now;
    for (const [stream, { due }] of retained) {
      if (due > now) break;
      release(stream);
    }
    for (const state of states.values()) {
      if (state.standalone && !state.standalone.connected && now - state.unread >= age_ms) {
        state.standalone.discard();
        state.standalone = undefined;
        state.told();
        tidy(state);
      }
      const expired = now >= state.session.expires;
      if (expired || (now - state.session.seen >= idle_ms && !state.busy)) {
        if (idleEnds) void sessions.end(state.session);
        if (idleEnds || expired) tellEnd(state.session, expired ? 'expired' : 'idle');
        forget(state, 'The session was idle for too long');
      }
    }
  };

  const makeRoom = (): boolean => {
    let longest: SessionState | undefined;
    let compared = 0;
    for (const state of states.values()) {
      if (state.busy) continue;
      if (!longest || state.session.seen < longest.session.seen) longest = state;
      if (++compared >= COMPARED) break;
    }
    if (!longest) return false;
    // What it was promised can no longer be kept, so it must learn to begin anew.
    void sessions.end(longest.session);
    tellEnd(longest.session, 'evicted');
    forget(longest, 'Too many sessions');
    return true;
  };

  const uniqueId = () => {
    origin ??= Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => byte.toString(36).padStart(2, '0')).join(
      '',
    );
    return `${origin}${(count++).toString(36)}`;
  };

  const make = (session: Session) => {
    const known = states.get(session.key);
    if (known) return known;
    if (!shared && clock.now() - swept > sweep_ms) sweep();
    if (states.size >= config.MCP_MAX_SESSIONS && !makeRoom()) return undefined;
    const state = new SessionState(session, clock);
    states.set(session.key, state);
    if (shared) stopSweeping ??= clock.every(sweep_ms, sweep);
    return state;
  };

  return {
    find: (session) => (states.size === 0 ? undefined : states.get(session.key)),
    make,
    tidy,
    end(session) {
      const state = states.get(session.key);
      if (state) forget(state, 'The session was ended');
      tellEnd(session, 'deleted');
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
      const stream = new EventStream(core, { id });
      state.streams.set(id, stream);
      return stream;
    },
    streamOf(state, streamId) {
      return state.standalone && state.id === streamId ? state.standalone : state.streams.get(streamId);
    },
    standalone(state) {
      if (!state.standalone) {
        state.id = uniqueId();
        state.unread = clock.now();
        state.standalone = new EventStream(core, state);
      }
      return state.standalone;
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
    get owes() {
      for (const stream of retained.keys()) if (!stream.taken) return true;
      return false;
    },
    questionId: () => `ask.${uniqueId()}`,
    foreign: (id) => ASKED.test(id) && (origin === undefined || !id.startsWith(`ask.${origin}`)),
    values: () => states.values(),
    hangUp() {
      for (const { standalone } of states.values()) standalone?.hangUp(config.MCP_RETRY);
    },
    close() {
      for (const state of [...states.values()]) {
        state.standalone?.hangUp(config.MCP_RETRY);
        for (const stream of state.streams.values()) stream.hangUp(config.MCP_RETRY);
        if (idleEnds) tellEnd(state.session, 'closed');
        forget(state, 'The server is closing');
      }
      stopSweeping?.();
    },
  };
}
