/** What came of a numbered stream, and what a quiet stream should have had. Pure. */

import { type Message, parseMessage, succeeded } from './jsonrpc.ts';
import type { StreamBody } from './sse.ts';

/** Counts of one stream's events, the answer of its call included. */
export interface Account {
  /** Different events that came; an answer that is an error is not the one that was due. */
  readonly seen: number;
  readonly lost: number;
  /** Came again after they had come. */
  readonly repeated: number;
  /** Belong to another stream, or have a number that this one does not have. */
  readonly foreign: number;
}

/** With what only numbers tell. */
export interface NumberedAccount extends Account {
  /** Came for the first time after one that follows them. */
  readonly disordered: number;
}

/**
 * The ledger of one call that reports progress 1, 2, 3 ... up to `expected` and then answers; with 0 only the answer counts.
 * Whose an event is shows its progress token, which is the id of its call; where it stands shows its number. Event ids are
 * opaque and tell neither.
 */
export class Ledger {
  /** The id of the request and its progress token; no other stream of the run has it. */
  readonly id: string;
  readonly expected: number;
  readonly #numbers = new Set<number>();
  #answered = false;
  #succeeded = false;
  #highest = 0;
  #repeated = 0;
  #foreign = 0;
  #disordered = 0;

  constructor(id: string, expected: number) {
    this.id = id;
    this.expected = expected;
  }

  /** The answer came: nothing more will. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Something of this call came. */
  get begun(): boolean {
    return this.#answered || this.#numbers.size > 0;
  }

  /** @param data of one whole event */
  take(data: string): void {
    const message = parseMessage(data);
    if (message?.method === 'notifications/progress') this.#progress(message);
    else if (message !== undefined && message.method === undefined) this.#answer(message);
  }

  account(): NumberedAccount {
    const seen = this.#numbers.size + (this.#succeeded ? 1 : 0);
    return {
      seen,
      lost: this.expected + 1 - seen,
      repeated: this.#repeated,
      foreign: this.#foreign,
      disordered: this.#disordered,
    };
  }

  #progress({ params }: Message): void {
    const { progress, progressToken } = params ?? {};
    const number = Number(progress);
    const known = Number.isInteger(number) && number >= 1 && number <= this.expected;
    if (progressToken !== this.id) this.#foreign++;
    else if (this.expected === 0) return;
    else if (!known) this.#foreign++;
    else if (this.#numbers.has(number)) this.#repeated++;
    else {
      this.#numbers.add(number);
      if (number < this.#highest || this.#answered) this.#disordered++;
      else this.#highest = number;
    }
  }

  #answer(message: Message): void {
    if (message.id !== this.id) this.#foreign++;
    else if (this.#answered) this.#repeated++;
    else {
      this.#answered = true;
      this.#succeeded = succeeded(message);
    }
  }
}

/**
 * Heartbeats that a stream open for `life_ms` must have had at least, when each comes every `period_ms` and none is later
 * than `late_ms`: at whatever moment of the period the stream was opened.
 */
export function beatsDue(life_ms: number, period_ms: number, late_ms: number): number {
  return period_ms <= 0 ? 0 : Math.max(0, Math.floor((life_ms - late_ms) / period_ms));
}

/**
 * Heartbeats of a quiet stream: its comments, and its events that say something, as a server may let the next heartbeat go
 * after one; less its greeting.
 */
export function beatsIn(body: StreamBody, greeting: number): number {
  return Math.max(0, signsOfLife(body) - greeting);
}

export function signsOfLife({ comments, events }: StreamBody): number {
  return comments + events.filter(({ data }) => data !== '').length;
}

/** Those that say nothing of MCP: comments, and events that are no message. */
export function meaninglessSigns({ comments, events }: StreamBody): number {
  return comments + events.filter(({ data }) => data !== '' && parseMessage(data)?.method === undefined).length;
}

/**
 * How long to hold a stream so that one missing heartbeat shows: whole periods, and a little more than the lateness that is
 * forgiven. In the middle of a period it could hide.
 */
export function holdFor(least_ms: number, period_ms: number, late_ms: number): number {
  return period_ms <= 0 ? least_ms : Math.ceil(least_ms / period_ms) * period_ms + late_ms * 1.25;
}

/** What a listener heard of changes. */
export interface Heard extends Account {
  readonly acknowledged: boolean;
}

/**
 * Counts the notifications of one listen stream (2026-07-28): they carry no numbers, so their count tells.
 * @param id of the listen request, which is the subscription's
 * @param changes that were made while it listened
 * @param coalesces the server may tell several changes as one
 */
export function heardOf(
  id: string,
  events: readonly string[],
  notification: string,
  changes: number,
  coalesces: boolean,
): Heard {
  let acknowledged = false;
  let count = 0;
  let foreign = 0;
  for (const data of events) {
    const message = parseMessage(data);
    if (message?.method === undefined) continue;
    const { _meta } = (message.params ?? {}) as { _meta?: Record<string, unknown> | null };
    const own = _meta?.['io.modelcontextprotocol/subscriptionId'] === id;
    if (!own) foreign++;
    else if (message.method === 'notifications/subscriptions/acknowledged') acknowledged = true;
    else if (message.method === notification) count++;
  }
  const least = coalesces ? Math.min(1, changes) : changes;
  return {
    acknowledged,
    seen: Math.min(count, changes),
    lost: Math.max(0, least - count),
    repeated: Math.max(0, count - changes),
    foreign,
  };
}
