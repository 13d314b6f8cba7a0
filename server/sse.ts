/**
 * One event stream (WHATWG HTML, 9.2): a log of events and at most one connection that reads from it.
 *
 * Nothing is queued for a reader but the log itself: a connection is a cursor, moved by `pull`. So back-pressure, replay
 * and the bound on a slow reader are the same thing. Knows no MCP.
 */

import type { Clock } from './clock.ts';
import type { Config } from './config.ts';

const encoder = new TextEncoder();
const BEAT = encoder.encode(': \n\n');
/** Nothing is queued in the body: it asks when its reader does. */
const ON_DEMAND: QueuingStrategy = { highWaterMark: 0 };
/** Events that wait are sent together, up to about this many characters. */
const CHUNK = 32_768;

export interface StreamLimits {
  /** Events kept for a stream. */
  events: number;
  /** Characters kept for a stream, framing included; a character outside Latin-1 takes two bytes of memory. */
  bytes: number;
  /** Characters a writer may be ahead of its reader before `drained` makes it wait. */
  ahead: number;
  /** Characters kept in all streams together. */
  total: number;
}

/** What all streams of a server are counted in. */
export interface StreamCounts {
  /** Connections open now. */
  open: number;
  /** Characters kept in all logs now. */
  kept: number;
  /** Readers cut because they fell behind or stood still. */
  slow: number;
  /** Events stored, so that they can be asked for again, and those of them that were. */
  stored: number;
  replayed: number;
  /** Events dropped from logs before a reader had them. */
  lost: number;
  /** Heartbeats sent. */
  beats: number;
  /** Called when a connection has closed. */
  closed: () => void;
  /** Drops what can best be spared when all logs together keep too much. @returns false when there is nothing to drop */
  relieve: () => boolean;
}

/** @param config the knobs that bound a stream */
export function streamLimits(config: Config): StreamLimits {
  return {
    events: config.MCP_REPLAY_EVENTS,
    bytes: config.MCP_REPLAY_BYTES,
    total: config.MCP_REPLAY_TOTAL,
    ahead: Math.min(65_536, config.MCP_REPLAY_BYTES / 4),
  };
}

export function streamCounts(): StreamCounts {
  return { open: 0, kept: 0, stored: 0, replayed: 0, slow: 0, lost: 0, beats: 0, closed() {}, relieve: () => false };
}

/** What clients were told and have not taken. */
export interface Owed {
  readonly any: boolean;
  /** Resolves when there is nothing. */
  settled(): Promise<void>;
}

/** @param toFetch whether somebody is to come back for something: looked at whenever a connection has closed */
export function owed(counts: StreamCounts, toFetch: () => boolean): Owed {
  const any = () => counts.open > 0 || toFetch();
  return {
    get any() {
      return any();
    },
    settled: () =>
      new Promise((resolve) => {
        counts.closed = () => {
          if (!any()) resolve();
        };
        counts.closed();
      }),
  };
}

/** What all streams of a server share. */
export interface StreamShared {
  readonly clock: Clock;
  readonly limits: StreamLimits;
  readonly heartbeat: Heartbeat;
  readonly counts: StreamCounts;
}

/** Whose stream it is. */
export interface StreamOwner {
  /** Prefix of the event ids: the stream's events can be asked for again. Without it they are gone once read. */
  readonly id?: string | undefined;
  /** The reader went away (not: the stream ended, or another connection took over). */
  onHangup?(): void;
  /** A reader fell further behind than the log keeps; its connection is being closed. */
  onOverflow?(): void;
}

const NOBODY: StreamOwner = {};

export class EventStream {
  readonly shared: StreamShared;
  readonly owner: StreamOwner;
  /** Frames from sequence number `#first` on. */
  #frames: string[] = [];
  /** Frames before this index are dropped; the array is compacted when they are many. */
  #head = 0;
  #first = 0;
  #size = 0;
  #connection: Connection | undefined;
  /** The first event no connection has taken yet: where a reader that names no event starts. */
  #untaken = 0;
  #ended = false;
  #drain: { promise: Promise<void>; resolve: () => void } | undefined;

  constructor(shared: StreamShared, owner: StreamOwner = NOBODY) {
    this.shared = shared;
    this.owner = owner;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** The sequence number of the next event. */
  get next(): number {
    return this.#first + this.#frames.length - this.#head;
  }

  /** Characters kept. */
  get size(): number {
    return this.#size;
  }

  /** True when every event was taken by a reader. */
  get taken(): boolean {
    return this.#untaken === this.next;
  }

  /**
   * Appends an event. `data` is one line. After `end` nothing is appended.
   * Room is made before, so one event larger than all bounds still goes through: it may be the answer.
   */
  write(data: string): void {
    if (this.#ended) return;
    const { limits, counts } = this.shared;
    const { id } = this.owner;
    while (this.#frames.length > this.#head) {
      const full = this.#size > limits.bytes || this.next - this.#first >= limits.events;
      if (!full && (counts.kept <= limits.total || counts.relieve())) break;
      if (!this.#dropOldest()) return;
    }
    const frame = id === undefined ? `data: ${data}\n\n` : `id: ${id}-${this.next}\ndata: ${data}\n\n`;
    this.#frames.push(frame);
    this.#size += frame.length;
    counts.kept += frame.length;
    if (id !== undefined) counts.stored++;
    this.#connection?.wake();
  }

  /** No more events; the connection closes once its reader has them all. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection?.wake();
    this.#released();
  }

  /** Forgets everything kept and closes. */
  discard(): void {
    this.#ended = true;
    this.#connection?.close();
    this.#forget(this.#frames.length);
    this.#released();
  }

  /**
   * Resolves when the reader is less than `ahead` behind, or is gone.
   * @returns undefined when that is so now
   */
  drained(): Promise<void> | undefined {
    if (!this.#behind()) return undefined;
    if (!this.#drain) {
      let resolve = () => {};
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#drain = { promise, resolve };
    }
    return this.#drain.promise;
  }

  /**
   * Opens a connection; one that is open is closed first, with `retry_ms`, and keeps what it had taken.
   * @param after sequence number of the last event the reader has; absent: from the first that nobody took
   * @param opening comment to send at once when no event waits, so that the reader sees a first byte
   */
  connect(after?: number, opening?: string, retry_ms?: number): ReadableStream<Uint8Array> {
    this.disconnect(retry_ms);
    const connection = new Connection(this, after === undefined ? this.#untaken : after + 1, opening);
    if (after !== undefined) this.shared.counts.replayed += this.next - Math.max(connection.cursor, this.#first);
    if (!(this.#ended && connection.cursor >= this.next)) this.#connection = connection;
    return connection.body;
  }

  /** Closes the connection, not the stream. `retry_ms` tells the reader when to come back. */
  disconnect(retry_ms?: number): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    connection.close(retry_ms);
    this.#released();
  }

  /** Calls `over` should the connection that is open now still be open after `ms` milliseconds. */
  limit(ms: number, over: () => void): void {
    this.#connection?.limit(ms, over);
  }

  /** Closes the connection once its reader was given what waits: it must know an event id to come back with. */
  hangUp(retry_ms: number): void {
    this.#connection?.flush();
    this.disconnect(retry_ms);
  }

  /** @internal What a connection sends next: waiting events as one chunk, undefined when it has them all. */
  take(connection: Connection): Uint8Array | undefined {
    let text = '';
    if (connection.cursor < this.#first) {
      text = `: ${this.#first - connection.cursor} events before this one are no longer kept\n\n`;
      this.shared.counts.lost += this.#first - connection.cursor;
      connection.cursor = this.#first;
    }
    const next = this.next;
    if (connection.cursor >= next) return text === '' ? undefined : encoder.encode(text);
    while (connection.cursor < next && text.length < CHUNK) {
      text += this.#frames[this.#head + connection.cursor - this.#first];
      connection.cursor++;
    }
    if (connection.cursor > this.#untaken) this.#untaken = connection.cursor;
    if (this.owner.id === undefined) this.#forget(this.#head + connection.cursor - this.#first);
    // An event larger than the log stays only until it was read.
    while (this.#size > this.shared.limits.bytes && this.#first < connection.cursor) this.#forget(this.#head + 1);
    if (this.#drain && !this.#behind()) this.#released();
    return encoder.encode(text);
  }

  /** @internal A connection ended by itself: its reader left, or it has everything of an ended stream. */
  left(connection: Connection, hungUp: boolean): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#released();
    if (!hungUp) return;
    this.owner.onHangup?.();
    this.#unreachable();
  }

  /** @internal Cuts a reader that stood still too long. */
  stalled(): void {
    this.shared.counts.slow++;
    const connection = this.#connection;
    this.disconnect();
    if (connection && !this.#ended) this.owner.onHangup?.();
    this.#unreachable();
  }

  /** Nobody can come back to a stream without event ids: what is kept for it would be kept for ever. */
  #unreachable(): void {
    if (this.owner.id === undefined) this.discard();
  }

  #behind(): boolean {
    const connection = this.#connection;
    if (!connection) return false;
    const waiting = this.next - connection.cursor;
    // Exact while nothing taken is kept; with a log, the share of it that waits.
    return waiting > 0 && (this.#size * waiting) / (this.next - this.#first) > this.shared.limits.ahead;
  }

  #released(): void {
    const drain = this.#drain;
    this.#drain = undefined;
    drain?.resolve();
  }

  /** @returns false when the overflow closed the stream */
  #dropOldest(): boolean {
    const connection = this.#connection;
    if (connection && connection.cursor <= this.#first) {
      this.shared.counts.slow++;
      this.disconnect();
      this.owner.onOverflow?.();
      this.#unreachable();
      if (this.#ended) return false;
    }
    if (this.#untaken <= this.#first) {
      this.shared.counts.lost++;
      this.#untaken = this.#first + 1;
    }
    this.#forget(this.#head + 1);
    return true;
  }

  #forget(upTo: number): void {
    let freed = 0;
    for (let at = this.#head; at < upTo; at++) {
      freed += this.#frames[at]?.length ?? 0;
      this.#frames[at] = '';
    }
    this.#first += upTo - this.#head;
    this.#head = upTo;
    this.#size -= freed;
    this.shared.counts.kept -= freed;
    if (this.#head > 64 && this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    } else if (this.#head === this.#frames.length) {
      this.#frames = [];
      this.#head = 0;
    }
  }
}

/** One reader of a stream; the source of the body it reads. */
export class Connection implements UnderlyingDefaultSource<Uint8Array> {
  readonly #stream: EventStream;
  readonly body: ReadableStream<Uint8Array>;
  /** Sequence number of the next event to send. */
  cursor: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** The reader asked for more and there was nothing: the next event goes out at once. */
  #wanting = false;
  #closed = false;
  /** Sent at once when no event waits; gone after the first look. */
  #opening: string | undefined;
  /** Beats since the reader last took something. */
  #missed = 0;
  /** @internal Where the heartbeat keeps it. */
  beats: unknown;
  #unlimit: (() => void) | undefined;

  constructor(stream: EventStream, cursor: number, opening?: string) {
    this.#stream = stream;
    this.cursor = cursor;
    this.#opening = opening;
    const { counts, heartbeat } = stream.shared;
    counts.open++;
    this.body = new ReadableStream<Uint8Array>(this, ON_DEMAND);
    heartbeat.watch(this);
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  cancel(): void {
    if (this.#closed) return;
    this.#finish();
    this.#stream.left(this, true);
  }

  wake(): void {
    if (this.#wanting) this.pull();
  }

  /** @internal Called at every beat. */
  beat(missable: number): void {
    if (this.#closed) return;
    if (this.#wanting) {
      this.#missed = 0;
      this.#wanting = false;
      this.#stream.shared.counts.beats++;
      this.#enqueue(BEAT);
    } else if (++this.#missed > missable) {
      this.#stream.stalled();
    }
  }

  /** @internal See `EventStream.limit`. */
  limit(ms: number, over: () => void): void {
    // Longer than a timer can be is for ever.
    if (!this.#closed && ms < 2 ** 31) this.#unlimit = this.#stream.shared.clock.after(ms, over);
  }

  flush(): void {
    const chunk = this.#closed ? undefined : this.#stream.take(this);
    if (chunk) this.#enqueue(chunk);
  }

  close(retry_ms?: number): void {
    if (this.#closed) return;
    if (retry_ms !== undefined) this.#enqueue(encoder.encode(`retry: ${retry_ms}\n\n`));
    if (this.#closed) return;
    this.#finish();
    this.#controller?.close();
  }

  pull(): void {
    if (this.#closed) return;
    this.#missed = 0;
    this.#wanting = false;
    let chunk = this.#stream.take(this);
    if (chunk === undefined && this.#opening !== undefined) chunk = encoder.encode(this.#opening);
    this.#opening = undefined;
    if (chunk !== undefined && !this.#enqueue(chunk)) return;
    // The end goes with the last event: a reader that closes on it needs no further read.
    if (this.#stream.ended && this.cursor >= this.#stream.next) {
      this.#finish();
      this.#controller?.close();
      this.#stream.left(this, false);
    } else if (chunk === undefined) {
      this.#wanting = true;
    }
  }

  /** @returns false when the reader is found to be gone */
  #enqueue(chunk: Uint8Array): boolean {
    try {
      this.#controller?.enqueue(chunk);
      // Deno writes at once, and cancels from within where it cannot.
      return !this.#closed;
    } catch {
      // Workers tell that a reader left only when something is sent to it.
      if (!this.#closed) {
        this.#finish();
        this.#stream.left(this, true);
      }
      return false;
    }
  }

  #finish(): void {
    this.#closed = true;
    this.#unlimit?.();
    const { counts } = this.#stream.shared;
    counts.open--;
    counts.closed();
    this.#stream.shared.heartbeat.leave(this);
  }
}

/** Beats for all connections of a server. */
export interface Heartbeat {
  watch(connection: Connection): void;
  /** Ends the watch. */
  leave(connection: Connection): void;
}

/**
 * One wheel for all connections: a single timer, that runs only while there is one.
 * @param shared false where a timer lives no longer than the request that set it (Workers): a timer each
 * @param stall_ms how long a reader may take nothing before it is cut
 */
export function heartbeat(clock: Clock, interval_ms: number, stall_ms: number, shared: boolean): Heartbeat {
  const missable = Math.max(1, Math.ceil(stall_ms / interval_ms));
  if (!shared) {
    return {
      watch(connection) {
        let due = clock.now();
        // From the time that was due, not from now: workerd's intervals add up how late each was.
        const wait = () => {
          due = Math.max(due + interval_ms, clock.now());
          connection.beats = clock.after(due - clock.now(), () => {
            wait();
            connection.beat(missable);
          });
        };
        wait();
      },
      leave(connection) {
        (connection.beats as () => void)();
      },
    };
  }
  const tick_ms = Math.max(1, Math.min(100, Math.floor(interval_ms / 10)));
  const slots = Array.from({ length: Math.max(1, Math.round(interval_ms / tick_ms)) }, () => new Set<Connection>());
  let watched = 0;
  let at = 0;
  let passed = 0;
  let stop: (() => void) | undefined;
  const turn = () => {
    // As many slots as time has passed, so that a late timer does not slow the beat.
    const due = Math.floor(clock.now() / tick_ms);
    for (let behind = Math.min(due - passed, slots.length); behind > 0; behind--) {
      at = (at + 1) % slots.length;
      for (const connection of slots[at] ?? []) connection.beat(missable);
    }
    passed = due;
  };
  return {
    watch(connection) {
      if (watched++ === 0) {
        passed = Math.floor(clock.now() / tick_ms);
        stop = clock.every(tick_ms, turn);
      }
      connection.beats = slots[at]?.add(connection);
    },
    leave(connection) {
      if (!(connection.beats as Set<Connection> | undefined)?.delete(connection)) return;
      if (--watched === 0) stop?.();
    },
  };
}
