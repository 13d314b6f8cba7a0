/**
 * One POST and its answer: plain JSON while it can be, an event stream once something must be said before the end,
 * or once the settle window is over.
 */

import type { Clock } from './clock.ts';
import { type Accepts, jsonAnswer, type Platform, SECURITY_HEADERS, streamAnswer } from './protocol.ts';
import type { EventStream } from './sse.ts';

/** What an era does for an exchange. */
export interface ExchangeHost {
  /** Makes the stream that the answer turns into; undefined when no further stream is allowed. */
  stream(exchange: Exchange): { stream: EventStream; opening: string | undefined } | undefined;
  /** The answer is a stream now, and somebody reads it. */
  connected?(stream: EventStream): void;
  /** The exchange is still open after the turn it began in: from now on it can be found, cancelled, counted. */
  lingers(exchange: Exchange): void;
  /** Everything was answered. */
  finished(exchange: Exchange): void;
}

const NOTHING = Promise.resolve();

export class Exchange {
  readonly response: Promise<Response>;
  readonly #host: ExchangeHost;
  readonly #platform: Platform;
  readonly #accepts: Accepts;
  readonly #batch: boolean;
  #resolve: (response: Response) => void = () => {};
  /** Requests of this POST not answered yet. */
  #left: number;
  /** Answers that wait for the rest of a batch. */
  #answers: string[] = [];
  stream: EventStream | undefined;
  /** Set once the exchange is registered by `linger`. */
  lingering = false;

  /** @param count requests in the POST; `batch` when they came as an array */
  constructor(host: ExchangeHost, platform: Platform, accepts: Accepts, count = 1, batch = false) {
    this.#host = host;
    this.#platform = platform;
    this.#accepts = accepts;
    this.#left = count;
    this.#batch = batch;
    this.response = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get open(): boolean {
    return this.#left > 0;
  }

  /** Registers the exchange: it is open after the turn it began in. */
  linger(): void {
    this.lingering = true;
    this.#host.lingers(this);
  }

  /** The final message of one request. `status` holds only while nothing was streamed. */
  answer(text: string, status = 200): void {
    if (!this.#accepts.json) this.upgrade();
    if (this.stream) this.stream.write(text);
    else if (this.#batch) this.#answers.push(text);
    else this.#resolve(jsonAnswer(this.#platform, text, status));
    if (--this.#left === 0) this.#finish();
  }

  /** A request that gets no answer: it was cancelled. */
  drop(): void {
    this.#left--;
    if (this.#left > 0) return;
    // A POST of a request is answered by JSON or by a stream; a stream may end without a response.
    if (this.#answers.length === 0 && !this.upgrade()) this.#resolve(empty());
    this.#finish();
  }

  /** Nobody is there any more: whatever is left of it goes. */
  abandon(): void {
    if (!this.open) return;
    this.#left = 0;
    this.stream?.discard();
    this.#resolve(empty());
    this.#host.finished(this);
  }

  /** Sends a message that is not an answer. Resolves when the reader keeps up; dropped where no stream can be. */
  emit(text: string): Promise<void> {
    if (!this.open || !this.upgrade()) return NOTHING;
    this.stream?.write(text);
    return this.stream?.drained() ?? NOTHING;
  }

  /** Turns the answer into a stream. @returns false when it cannot be one */
  upgrade(): boolean {
    if (this.stream) return true;
    if (!this.#accepts.sse) return false;
    const made = this.#host.stream(this);
    if (!made) return false;
    this.stream = made.stream;
    for (const text of this.#answers) made.stream.write(text);
    this.#answers = [];
    const body = made.stream.connect(undefined, made.opening);
    this.#host.connected?.(made.stream);
    this.#resolve(streamAnswer(this.#platform, body));
    return true;
  }

  #finish(): void {
    if (this.stream) this.stream.end();
    else if (this.#batch) this.#resolve(jsonAnswer(this.#platform, `[${this.#answers.join(',')}]`));
    this.#host.finished(this);
  }
}

/** The answer to a request that gets none. */
function empty(): Response {
  return new Response(null, { status: 204, headers: SECURITY_HEADERS });
}

/**
 * The settle window. A call that ends in the turn it began in never enters; one that is open after it is registered, and
 * becomes a stream when the window is over.
 */
export interface SettleWindow {
  enter(exchange: Exchange): void;
  /** Registers all that began in this turn now: a message about one of them may have come. */
  turn(): void;
}

/** @param shared false where a timer lives no longer than the request that set it (Workers) */
export function settleWindow(clock: Clock, window_ms: number, shared: boolean): SettleWindow {
  let fresh: Exchange[] = [];
  let waiting: { exchange: Exchange; due: number }[] = [];
  let turnDue = false;
  let sweepDue = false;

  const register = () => {
    if (fresh.length === 0) return;
    const began = fresh;
    fresh = [];
    const due = clock.now() + window_ms;
    for (const exchange of began) {
      // The calls of a batch share one exchange.
      if (!exchange.open || exchange.lingering) continue;
      exchange.linger();
      if (!exchange.stream) waiting.push({ exchange, due });
    }
    if (waiting.length > 0) arm();
  };
  const turn = () => {
    turnDue = false;
    register();
  };
  // Few looks, each at all that is due: streams begin up to a fifth of the window late.
  const arm = () => {
    if (sweepDue) return;
    sweepDue = true;
    const first = waiting[0]?.due ?? clock.now();
    clock.after(Math.max(first - clock.now(), Math.min(window_ms / 5, 50)), sweep);
  };
  const sweep = () => {
    sweepDue = false;
    const now = clock.now();
    const later: typeof waiting = [];
    for (const entry of waiting) {
      if (!entry.exchange.open || entry.exchange.stream) continue;
      if (entry.due <= now) entry.exchange.upgrade();
      else later.push(entry);
    }
    waiting = later;
    if (waiting.length > 0) arm();
  };

  if (!shared) {
    return {
      enter(exchange) {
        if (!exchange.open || exchange.lingering) return;
        exchange.linger();
        clock.after(window_ms, () => {
          if (exchange.open) exchange.upgrade();
        });
      },
      turn() {},
    };
  }
  return {
    enter(exchange) {
      fresh.push(exchange);
      if (turnDue) return;
      turnDue = true;
      clock.after(0, turn);
    },
    turn: register,
  };
}
