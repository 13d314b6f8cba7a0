/** One visit to a deployment: every request is bounded in time, and every session that it was given is ended. */

import { Arrivals, parsed } from '../replay/arrivals.ts';
import { monotonic } from '../replay/clock.ts';
import { NoAnswer } from '../replay/exchanges.ts';
import { valueAt } from '../replay/match.ts';
import { isResponse, requestOf, type Session } from '../replay/protocol.ts';
import { type RemoteValues, remoteOf } from '../replay/remote.ts';
import { type HttpRequest, type Target, urlTarget } from '../replay/target.ts';
import { type Finding, finding } from './finding.ts';

/** The newest revision with sessions, and the one without. */
export const STATEFUL = '2025-11-25';
export const STATELESS = '2026-07-28';

/** An answer read to its end; of an event stream, to the first response. */
export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The response, or any other JSON of a body; undefined where there is none. */
  readonly message: unknown;
  /** From the request to the head of the answer. */
  readonly ms: number;
  /** The wall clock when the head came. */
  readonly at: number;
}

export interface Ask {
  /** Default: the endpoint. */
  readonly url?: URL;
  /** Without any header of the operator's. Elsewhere than on the endpoint's origin always so: tokens are for it alone. */
  readonly anonymous?: boolean;
  /** Default 4000 ms. */
  readonly within?: number;
  /** Called for each piece of a body. */
  readonly heard?: () => void;
}

/** How long an answer may take; ms. */
const ANSWER_MS = 4000;
/** How long the end of a session may take; ms. */
const FAREWELL_MS = 1500;

export class Visit {
  readonly url: URL;
  /** What must be in no output. */
  readonly secrets: readonly string[];
  readonly #values: RemoteValues;
  readonly #signal: AbortSignal;
  /** Session ids that were given out, each with its revision. */
  readonly #left = new Map<string, string>();
  readonly #open = new Set<Arrivals>();
  #ids = 0;

  /** @param signal ends the visit: whatever waits then has no answer @throws Usage, BadFile */
  constructor(address: string, values: RemoteValues, signal: AbortSignal) {
    this.secrets = remoteOf(address, values).secrets;
    this.url = new URL(address);
    this.url.hash = '';
    this.#values = values;
    this.#signal = signal;
  }

  /** The operator gave headers to send, as a token is. */
  get hasCredentials(): boolean {
    return this.secrets.length > 0;
  }

  /** A path of the deployment beside its endpoint. */
  beside(path: string): URL {
    return new URL(path, this.url.origin);
  }

  /** A message to the endpoint, with all that its revision demands. */
  message(
    method: string,
    options: { revision: string; params?: Record<string, unknown>; session?: Session | undefined; notify?: boolean },
  ): HttpRequest {
    const { revision, params, session, notify = false } = options;
    const rpc = { ...(notify ? { notify: method } : { method }), ...(params && { params }) };
    return requestOf('post', { rpc }, new Map<string, unknown>([['rev', revision]]), session, () => ++this.#ids);
  }

  /** Sends a request and reads its answer. @throws NoAnswer where there is none, or one that says to come later */
  async ask(request: HttpRequest, options: Ask = {}): Promise<Answer> {
    const { within = ANSWER_MS } = options;
    const began = monotonic.now();
    const arrivals = await this.open(request, options);
    const ms = monotonic.now() - began;
    const at = Date.now();
    const { status, headers } = arrivals.answer;
    while (!arrivals.ended && arrivals.responses === 0) {
      const left = began + within - monotonic.now();
      if (left <= 0 || !(await arrivals.next(left))) break;
    }
    const whole = arrivals.ended || arrivals.responses > 0;
    arrivals.cut();
    this.#open.delete(arrivals);
    if (!whole) throw new NoAnswer(`the answer had not ended after ${seconds(within)}`);
    if (status === 429) throw new NoAnswer(`it was refused with 429, Retry-After ${headers['retry-after'] ?? 'none'}`);
    const events = arrivals.all.flatMap((one) => (one.kind === 'event' ? [one] : []));
    const text = arrivals.isStream ? events.map(({ data }) => data).join('\n') : arrivals.text;
    const message = arrivals.isStream ? events.findLast((one) => isResponse(one.message))?.message : parsed(text);
    const negotiated = valueAt(message, 'result.protocolVersion');
    const id = headers['mcp-session-id'];
    if (id !== undefined && this.#left.has(id) && typeof negotiated === 'string') this.#left.set(id, negotiated);
    return { status, headers, text, message, ms, at };
  }

  /** Sends a request and resolves with the head of what answers it; its body goes on arriving. @throws NoAnswer */
  async open(
    request: HttpRequest,
    { url = this.url, anonymous = false, within = ANSWER_MS, heard }: Ask = {},
  ): Promise<Arrivals> {
    const abort = new AbortController();
    const over = () => abort.abort(new NoAnswer('there was no time left'));
    if (this.#signal.aborted) over();
    this.#signal.addEventListener('abort', over, { once: true });
    const late = setTimeout(() => abort.abort(new NoAnswer(`no answer came within ${seconds(within)}`)), within);
    try {
      const answer = await this.#target(url, anonymous).exchange(request, abort.signal);
      const id = answer.headers['mcp-session-id'];
      if (id !== undefined && request.headers['mcp-session-id'] === undefined && url.origin === this.url.origin)
        this.#left.set(id, STATEFUL);
      const told = { arrival: () => {}, chunk: () => heard?.() };
      const arrivals = new Arrivals(answer, abort, monotonic, told);
      this.#open.add(arrivals);
      void arrivals.over.then(() => this.#signal.removeEventListener('abort', over));
      return arrivals;
    } catch (error) {
      if (abort.signal.aborted) throw abort.signal.reason;
      throw new NoAnswer(reasonOf(error), { cause: error });
    } finally {
      clearTimeout(late);
    }
  }

  /** Cuts what is open and ends every session. @returns how the last of them was ended; undefined where there was none */
  async close(): Promise<number | undefined> {
    for (const arrivals of this.#open) arrivals.cut();
    const statuses = await Promise.all(
      [...this.#left].map(async ([id, revision]) => {
        try {
          const headers = { 'mcp-session-id': id, 'mcp-protocol-version': revision };
          const signal = AbortSignal.timeout(FAREWELL_MS);
          const { status, body } = await this.#target(this.url, false).exchange({ method: 'DELETE', headers }, signal);
          for await (const _chunk of body);
          return status;
        } catch {
          return undefined;
        }
      }),
    );
    return statuses.find((status) => status !== undefined);
  }

  #target(url: URL, anonymous: boolean): Target {
    if (anonymous || url.origin !== this.url.origin) return urlTarget(url.href);
    return remoteOf(url.href, this.#values).target;
  }
}

/** What broke a connection, by the code that the system has for it where there is one. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  const [first] = Array.isArray(errors) ? errors : [];
  // Of several addresses each has its own error, and the whole has no message.
  const message = error.message || (first instanceof Error ? first.message : '');
  return typeof code === 'string' && !message.includes(code) ? `${message} (${code})` : message;
}

/** Makes a finding of what could not be looked at, so that one check without an answer does not end the others. */
export async function looked(id: string, look: () => Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await look()].flat();
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return [finding('info', id, `It could not be looked at: ${error.message}`)];
  }
}

/** `1.2 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
