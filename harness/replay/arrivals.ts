/** What arrives for one request: frames of an event stream as they come, or the body of any other answer. */

import { createParser } from 'eventsource-parser';
import type { Clock } from './clock.ts';
import { isResponse } from './protocol.ts';
import type { HttpAnswer } from './target.ts';

export type Arrival = { readonly at: number } & (
  | {
      readonly kind: 'event';
      readonly id: string | undefined;
      readonly event: string | undefined;
      readonly data: string;
      /** What the data holds as JSON; undefined where it is none. */
      readonly message: unknown;
    }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'retry'; readonly ms: number }
  | {
      readonly kind: 'end';
      readonly error: string | undefined;
      /** Of an answer that is no stream: what its body holds as JSON. */
      readonly body?: unknown;
    }
);

/** The most of one answer that is kept; a server that sends without end is cut there. */
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_FRAMES = 200_000;

export class Arrivals {
  readonly answer: HttpAnswer;
  readonly all: Arrival[] = [];
  /** The body, where the answer is no event stream. */
  text = '';
  ended = false;
  /** How many responses have come as events, those of lists too. */
  responses = 0;
  /** The client ended it. */
  wasCut = false;
  /** Some of it was no UTF-8. */
  garbled = false;
  /** It began with a mark of byte order. */
  marked = false;
  readonly isStream: boolean;
  /** Resolves when nothing more comes. */
  readonly over: Promise<void>;
  readonly #clock: Clock;
  readonly #abort: AbortController;
  #waiting: (() => void)[] = [];
  #start: () => void = () => {};

  /** @param paused nothing of the body is taken before `read` */
  constructor(
    answer: HttpAnswer,
    abort: AbortController,
    clock: Clock,
    told: { arrival(arrival: Arrival): void; chunk(text: string): void },
    paused = false,
  ) {
    this.answer = answer;
    this.#abort = abort;
    this.#clock = clock;
    this.isStream = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '');
    const started = paused ? new Promise<void>((resolve) => (this.#start = resolve)) : undefined;
    this.over = this.#read(told, started);
  }

  /** The id a client would come back with. */
  get lastEventId(): string | undefined {
    let last: string | undefined;
    for (const one of this.all) if (one.kind === 'event' && one.id) last = one.id;
    return last;
  }

  /** Resolves at the next arrival, or after so many ms. @returns false when the time was over first */
  next(within_ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const off = this.#clock.after(within_ms, () => resolve(false));
      this.#waiting.push(() => {
        off();
        resolve(true);
      });
    });
  }

  read(): void {
    this.#start();
  }

  cut(): void {
    if (!this.ended) this.wasCut = true;
    this.#start();
    this.#abort.abort(new Error('cut by the client'));
  }

  async #read(
    told: { arrival(arrival: Arrival): void; chunk(text: string): void },
    started: Promise<void> | undefined,
  ): Promise<void> {
    await started;
    const take = (arrival: Arrival) => {
      this.all.push(arrival);
      this.responses += [messageOf(arrival)].flat().filter(isResponse).length;
      told.arrival(arrival);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    };
    const now = () => this.#clock.now();
    const decoder = new TextDecoder();
    const strict = new TextDecoder('utf-8', { fatal: true });
    const judge = (chunk?: Uint8Array) => {
      if (this.garbled) return;
      try {
        strict.decode(chunk, { stream: chunk !== undefined });
      } catch {
        this.garbled = true;
      }
    };
    const parser = createParser({
      onEvent: ({ id, event, data }) => take({ at: now(), kind: 'event', id, event, data, message: parsed(data) }),
      onComment: (text) => take({ at: now(), kind: 'comment', text }),
      onRetry: (ms) => take({ at: now(), kind: 'retry', ms }),
    });
    let size = 0;
    let error: string | undefined;
    try {
      for await (const chunk of this.answer.body) {
        if (size === 0) this.marked = chunk[0] === 0xef && (chunk.length < 2 || chunk[1] === 0xbb);
        size += chunk.length;
        const text = decoder.decode(chunk, { stream: true });
        judge(chunk);
        told.chunk(text);
        if (this.isStream) parser.feed(text);
        else this.text += text;
        if (size > MOST_BYTES) throw new Error(`the answer is longer than ${MOST_BYTES} bytes`);
        if (this.all.length > MOST_FRAMES) throw new Error(`the stream has more than ${MOST_FRAMES} frames`);
      }
      judge();
    } catch (problem) {
      error = problem instanceof Error ? problem.message : String(problem);
      this.#abort.abort(problem);
    }
    this.ended = true;
    const body = this.isStream ? undefined : parsed(this.text);
    take({ at: now(), kind: 'end', error, ...(body !== undefined && { body }) });
  }
}

/** The message in the data of an event; undefined where it is none. */
export function messageOf(arrival: Arrival): unknown {
  return arrival.kind === 'event' ? arrival.message : undefined;
}

/** The message that came with an arrival, on a stream or as the body of another answer; undefined where there is none. */
export function heardIn(arrival: Arrival): unknown {
  return arrival.kind === 'end' ? arrival.body : messageOf(arrival);
}

/** JSON, or undefined. */
export function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
