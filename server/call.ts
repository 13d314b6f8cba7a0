/**
 * One request being served: what its handler may use (`Context`), and how its outcome becomes a message.
 * What differs between the eras is abstract here and stands in `stateful.ts` and `stateless.ts`.
 */

import type { Admission } from './admission.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { LogLevel, Meta } from './content.ts';
import type { Exchange, SettleWindow } from './exchange.ts';
import type { Inbound } from './inbound.ts';
import type { Ending, SessionEnd } from './metrics.ts';
import {
  CODE,
  EncodedResult,
  type Era,
  encodedAnswer,
  errorText,
  isRequestId,
  jsonAnswer,
  type Message,
  notificationText,
  type Params,
  type Platform,
  type RequestId,
  resultText,
} from './protocol.ts';
import type { Registry } from './registry.ts';
import type { Running } from './running.ts';
import type { Session } from './session.ts';
import type { Heartbeat, StreamCounts, StreamLimits } from './sse.ts';
import type { RequestSpan } from './telemetry.ts';
import {
  type Answers,
  type Context,
  type Notify,
  type Principal,
  ProtocolError,
  type Questions,
  ResourceNotFound,
  ToolError,
} from './tool.ts';
import type { Upstreams } from './upstream.ts';

/** Who watches requests for the operator. */
export interface Observer {
  /** A request is about to be served. @returns its span where requests are traced */
  begin(call: Call): RequestSpan | undefined;
  /** It ended, once. @param error the JSON-RPC error code, where it was one */
  ended(call: Call, ending: Ending, error: number | undefined): void;
  /**
   * A message was answered that is not served as a call: a notification, `initialize`, `subscriptions/listen`, a method
   * that does not exist. @param error the JSON-RPC error code, where it was one
   */
  answered(inbound: Inbound, era: Era, revision: string, method: string, error?: number): void;
  sessionBegun(): void;
  sessionEnded(end: SessionEnd, revision: string, lasted_ms: number): void;
}

/** The response to a call. */
export interface Answer {
  text: string;
  status: number;
  ending: Ending;
  error?: number;
}

/** What all calls of a server share. */
export interface Core {
  readonly registry: Registry;
  readonly config: Config;
  readonly clock: Clock;
  readonly settle: SettleWindow;
  readonly heartbeat: Heartbeat;
  readonly limits: StreamLimits;
  readonly counts: StreamCounts;
  readonly notify: Notify;
  readonly running: Running;
  readonly admission: Admission;
  readonly observer: Observer;
  readonly upstreams: Upstreams;
  /** Questions to clients (2025-11-25) that are not answered. */
  questions: number;
  /** Tells the operator of a bug. @returns the correlation id that the client sees */
  report(error: unknown, during: string): string;
}

/** A result: an object that the era completes, or text that is complete already. */
export type Outcome = object | string | EncodedResult;
export type Method = (params: Params, call: Call) => Outcome | Promise<Outcome>;

export const LEVELS: readonly LogLevel[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];
const NOTHING = Promise.resolve();
const TRACE = ['traceparent', 'tracestate', 'baggage'];
const NO_META: Meta = Object.freeze({});
const EXPIRED = new ProtocolError(CODE.invalidRequest, 'The token that this call was made with has expired');

export abstract class Call implements Context {
  abstract readonly era: Era;
  readonly core: Core;
  readonly inbound: Inbound;
  readonly http: Request;
  readonly platform: Platform;
  readonly id: RequestId;
  readonly method: string;
  readonly params: Params & { _meta?: Meta };
  readonly revision: string;
  readonly principal: Principal | undefined;
  /** Answered or cancelled: nothing more may be said for it. */
  done = false;
  /** Names its bug, if it had one, to the operator and the client. */
  correlation: string | undefined;
  /** Its span, where requests are traced. */
  span: RequestSpan | undefined;
  /** Whose it is, while it runs. */
  #caller: string | undefined;
  #exchange: Exchange | undefined;
  #abort: AbortController | undefined;
  #reason: unknown;
  #cancelled = false;
  /** The last progress reported: the next must be larger. */
  #progress = Number.NEGATIVE_INFINITY;

  constructor(core: Core, inbound: Inbound, message: Message, revision: string, exchange?: Exchange) {
    inbound.calls++;
    this.core = core;
    this.inbound = inbound;
    this.http = inbound.request;
    this.platform = inbound.platform;
    this.id = message.id as RequestId;
    this.method = message.method as string;
    this.params = message.params ?? {};
    this.revision = revision;
    this.principal = inbound.principal;
    this.#exchange = exchange;
  }

  // ---- what an era decides ----

  /** The session of the 2025 era. */
  abstract readonly sealed: Session | undefined;
  abstract readonly client: Context['client'];
  /** The least severe level to send; undefined for none. */
  abstract readonly logLevel: LogLevel | undefined;
  protected abstract makeExchange(): Exchange;
  /** Completes a result object to the JSON of this era. `body` is the JSON of an object. */
  abstract complete(body: string): string;
  abstract encode(outcome: object): string;
  abstract put<Q extends Questions>(questions: Q): Promise<Answers<Q>>;
  abstract keep<T>(key: string, make: () => T | Promise<T>): Promise<T>;
  /** The error response for what a handler threw; undefined for an outcome that is no error. */
  protected abstract failure(error: unknown): Answer;
  protected abstract closeConnection(retry_ms: number | undefined): void;
  /** An outcome that takes precedence over what the handler made of it: it asked, and the asking ends the call. */
  protected override(): Promise<Outcome> | undefined {
    return undefined;
  }

  // ---- what the handler uses; getters, so that members can be taken out of the context ----

  get session(): Context['session'] {
    return this.sealed && { key: this.sealed.key };
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#cancelled) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  get sleep(): Context['sleep'] {
    return (ms) =>
      new Promise((resolve, reject) => {
        const signal = this.signal;
        if (signal.aborted) return reject(signal.reason);
        const wake = () => {
          stop();
          reject(signal.reason);
        };
        const stop = this.core.clock.after(ms, () => {
          signal.removeEventListener('abort', wake);
          resolve();
        });
        signal.addEventListener('abort', wake, { once: true });
      });
  }

  get fetch(): Context['fetch'] {
    return (input, init) => {
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
      if (this.span) this.span.inject(headers);
      else {
        for (const name of TRACE) {
          const value = this.params._meta?.[name] ?? this.http.headers.get(name);
          if (typeof value === 'string' && !headers.has(name)) headers.set(name, value);
        }
      }
      const signal = init?.signal ? AbortSignal.any([this.signal, init.signal]) : this.signal;
      return this.core.upstreams.fetch(input, { ...init, headers }, signal);
    };
  }

  get progress(): Context['progress'] {
    return (progress, total, message) => {
      const progressToken = this.params._meta?.progressToken;
      if (this.done || !isRequestId(progressToken) || !(progress > this.#progress)) return NOTHING;
      this.#progress = progress;
      return this.emit(notificationText('notifications/progress', { progressToken, progress, total, message }));
    };
  }

  get log(): Context['log'] {
    return (level, data, logger) => {
      const least = this.logLevel;
      if (this.done || least === undefined || LEVELS.indexOf(level) < LEVELS.indexOf(least)) return NOTHING;
      return this.emit(
        notificationText('notifications/message', { level, logger, data: data === undefined ? null : data }),
      );
    };
  }

  get ask(): Context['ask'] {
    return (questions) => this.put(questions);
  }

  get once(): Context['once'] {
    return (key, make) => this.keep(key, make);
  }

  get notify(): Notify {
    return this.core.notify;
  }

  get request(): Context['request'] {
    return {
      era: this.era,
      revision: this.revision,
      id: this.id,
      headers: this.http.headers,
      address: this.platform.address,
      meta: this.params._meta ?? NO_META,
      cf: this.platform.cf,
    };
  }

  get closeStream(): Context['closeStream'] {
    return (retry_ms) => this.closeConnection(retry_ms);
  }

  // ---- its life ----

  get exchange(): Exchange {
    this.#exchange ??= this.makeExchange();
    return this.#exchange;
  }

  /** Sends a message that belongs to this call, before its answer. One that no log could hold is reported, not sent. */
  emit(text: string): Promise<void> {
    const most = this.core.limits.bytes;
    if (text.length > most) {
      const error = new RangeError(`A message of ${text.length} characters is larger than MCP_REPLAY_BYTES (${most})`);
      this.core.report(error, `${this.method} ${JSON.stringify(this.params.name ?? '')}`);
      return NOTHING;
    }
    return this.exchange.emit(text);
  }

  /** Runs the method to its response: at once where nothing is awaited, else by way of the exchange. */
  run(method: Method): Response | Promise<Response> {
    let outcome: Outcome | Promise<Outcome>;
    const { core } = this;
    this.span = core.observer.begin(this);
    try {
      outcome = this.span ? this.span.run(() => method(this.params, this)) : method(this.params, this);
    } catch (error) {
      return this.#finish(this.failure(error));
    }
    if (outcome instanceof Promise) {
      const exchange = this.exchange;
      const caller = core.admission.callerOf(this.inbound, this.sealed);
      this.#caller = caller;
      core.running.enter(caller);
      core.settle.enter(exchange);
      this.#follow(outcome);
      this.platform.waitUntil?.(outcome.catch(() => {}));
      return exchange.response;
    }
    if (outcome instanceof EncodedResult && !this.#exchange) {
      this.#over('ok', undefined);
      return encodedAnswer(this.platform, this.id, outcome);
    }
    return this.#finish(this.#result(outcome));
  }

  /** Ends the call with an error: it streams, cannot be resumed, and the token that it was made with has ended. */
  expire(): void {
    if (this.done) return;
    this.#stop(EXPIRED);
    this.#finish(this.errorAnswer(EXPIRED));
  }

  /** Ends the call without an answer. */
  cancel(reason: unknown): void {
    if (this.done) return;
    this.#over('cancelled', undefined);
    this.#stop(reason);
    this.exchange.drop();
  }

  /** Ends the call because nobody can hear the answer any more. */
  abandon(reason: unknown): void {
    if (this.done) return;
    this.#over('cancelled', undefined);
    this.#stop(reason);
    this.exchange.abandon();
  }

  #stop(reason: unknown): void {
    this.#cancelled = true;
    this.#reason = reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError');
    this.#abort?.abort(this.#reason);
  }

  #follow(outcome: Promise<Outcome>): void {
    outcome.then(
      (result) => this.#settle(() => this.#result(result)),
      (error) => this.#settle(() => this.failure(error)),
    );
  }

  #settle(answer: () => Answer): void {
    // What a handler makes of a call that is over, the error of its signal above all, is nobody's.
    if (this.done) return;
    const instead = this.override();
    if (instead) this.#follow(instead);
    else this.#finish(answer());
  }

  #result(outcome: Outcome): Answer {
    if (outcome instanceof EncodedResult) return { text: resultText(this.id, outcome.text), status: 200, ending: 'ok' };
    if (typeof outcome === 'string') return { text: resultText(this.id, outcome), status: 200, ending: 'ok' };
    try {
      return { text: resultText(this.id, this.encode(outcome)), status: 200, ending: endingOf(outcome) };
    } catch (error) {
      // Nothing of the result can be sent: it has a cycle, a BigInt, or a toJSON that throws.
      return { ...this.failure(error), status: 200 };
    }
  }

  /** @returns the response; of no use where the exchange has one already */
  #finish({ text, status, ending, error }: Answer): Response | Promise<Response> {
    this.#over(ending, error);
    if (this.#exchange) {
      this.#exchange.answer(text, status);
      return this.#exchange.response;
    }
    return jsonAnswer(this.platform, text, status);
  }

  #over(ending: Ending, error: number | undefined): void {
    this.done = true;
    if (this.#caller !== undefined) this.core.running.leave(this.#caller);
    this.core.observer.ended(this, ending, error);
  }

  /** The errors both eras tell alike. */
  protected errorOf(error: unknown, notFound: number): { code: number; message: string; data?: unknown } {
    if (error instanceof ProtocolError) return error;
    if (error instanceof ToolError) return { code: CODE.internal, message: error.message };
    if (error instanceof ResourceNotFound) return { code: notFound, message: error.message, data: { uri: error.uri } };
    const during = `${this.method} ${JSON.stringify(this.params.name ?? this.params.uri ?? '')}`;
    this.correlation = this.core.report(error, during);
    return { code: CODE.internal, message: `Internal error (${this.correlation})` };
  }

  protected errorAnswer(error: { code: number; message: string; data?: unknown }, status = 200): Answer {
    const { code, message, data } = error;
    return { text: errorText(this.id, code, message, data), status, ending: 'error', error: code };
  }
}

function endingOf(outcome: object): Ending {
  const { isError, resultType } = outcome as { isError?: unknown; resultType?: unknown };
  return isError === true ? 'tool_error' : resultType === 'input_required' ? 'input_required' : 'ok';
}
