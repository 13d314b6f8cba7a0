/** What arrives for one request: frames of an event stream as they come, or the body of any other answer. */

import { createParser } from 'eventsource-parser';
import type { HttpAnswer } from './target.ts';

export type Arrival = { readonly at: number } & (
  | {
      readonly kind: 'event';
      readonly id: string | undefined;
      readonly event: string | undefined;
      readonly data: string;
    }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'retry'; readonly ms: number }
  | { readonly kind: 'end'; readonly error: string | undefined }
);

/** The most of one answer that is kept; a server that sends without end is cut there. */
const MOST_BYTES = 64 * 1024 * 1024;

export class Arrivals {
  readonly answer: HttpAnswer;
  readonly all: Arrival[] = [];
  /** The body, where the answer is no event stream. */
  text = '';
  ended = false;
  readonly isStream: boolean;
  /** Resolves when nothing more comes. */
  readonly over: Promise<void>;
  #waiting: (() => void)[] = [];
  readonly #abort: AbortController;

  constructor(answer: HttpAnswer, abort: AbortController, told: (arrival: Arrival) => void) {
    this.answer = answer;
    this.#abort = abort;
    this.isStream = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '');
    this.over = this.#read(told);
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
      const timer = setTimeout(() => resolve(false), within_ms);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  cut(): void {
    this.#abort.abort(new Error('cut by the scenario'));
  }

  async #read(told: (arrival: Arrival) => void): Promise<void> {
    const take = (arrival: Arrival) => {
      this.all.push(arrival);
      told(arrival);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    };
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ id, event, data }) => take({ at: performance.now(), kind: 'event', id, event, data }),
      onComment: (text) => take({ at: performance.now(), kind: 'comment', text }),
      onRetry: (ms) => take({ at: performance.now(), kind: 'retry', ms }),
    });
    let size = 0;
    let error: string | undefined;
    try {
      for await (const chunk of this.answer.body) {
        size += chunk.length;
        const text = decoder.decode(chunk, { stream: true });
        if (this.isStream) parser.feed(text);
        else this.text += text;
        if (size > MOST_BYTES) throw new Error(`the answer is longer than ${MOST_BYTES} bytes`);
      }
    } catch (problem) {
      error = problem instanceof Error ? problem.message : String(problem);
    }
    this.ended = true;
    take({ at: performance.now(), kind: 'end', error });
  }
}

/** The message in the data of an event; undefined where it is none. */
export function messageOf(arrival: Arrival): unknown {
  if (arrival.kind !== 'event' || arrival.data === '') return undefined;
  try {
    return JSON.parse(arrival.data);
  } catch {
    return undefined;
  }
}
