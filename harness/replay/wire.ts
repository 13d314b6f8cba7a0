/**
 * The rules of every exchange, whatever a scenario is about: they are watched on all that goes over the wire, and each that
 * had something to look at is a check of its own.
 */

import { type Arrival, type Arrivals, messageOf, parsed } from './arrivals.ts';
import type { Clock } from './clock.ts';
import { isRecord, show, valueAt } from './match.ts';
import { isResponse, isStateless, LOG_LEVELS, metaOf, type Session } from './protocol.ts';
import type { Level, Revision } from './scenario.ts';
import { type Fault, faultsOf, type Spoken } from './shapes.ts';
import type { HttpAnswer, HttpRequest } from './target.ts';

/** All checks that are watched here. `requirement` holds rows of both eras: those of the revision that is tested count. */
export const WIRE_CHECKS = [
  rule('wire.utf8', 'MUST', 'everything that is sent is UTF-8', 'B-01.2'),
  rule('wire.content-type', 'MUST', 'a request is answered with JSON or an event stream', 'H-2025-05', 'H-2026-04'),
  rule('wire.json', 'MUST', 'what is called application/json is JSON', 'B-01.1', 'HTTP-23'),
  rule('wire.no-mark', 'SHOULD', 'JSON begins without a mark of byte order', 'B-01.2', 'HTTP-23'),
  rule(
    'wire.accepted',
    'MUST',
    'a notification or response that is accepted answers 202',
    'H-2025-03',
    'H-2026-03.1',
    'B-05.1',
  ),
  rule('wire.accepted-empty', 'MUST', 'a 202 has no body', 'H-2025-03', 'H-2026-03.1', 'B-05.1'),
  rule('wire.result-status', 'MUST', 'a result comes with status 200', 'H-2025-05', 'H-2026-04'),
  rule('wire.response-id', 'MUST', 'a response has the id of its request, of the same type', 'B-03.1'),
  rule('wire.no-array', 'MUST', 'no answer is a list of messages: batches are gone', 'H-2025-02.1', 'H-2026-02.1'),
  rule('wire.one-response', 'MUST', 'a request has one response', 'JSON-RPC-08'),
  rule('wire.after-response', 'SHOULD', 'nothing comes on a stream after the response', 'H-2025-08.2'),
  rule('wire.nothing-after', 'MUST', 'a stream brings nothing after the response', 'H-2026-05.1', 'MR-2026-02.2'),
  rule('wire.response-last', 'MUST', 'a stream ends with the response', 'H-2026-05.1'),
  rule('wire.stream-ends', 'SHOULD', 'the stream ends after the response', 'H-2025-08.2', 'H-2026-05.2'),
  rule('wire.response-comes', 'SHOULD', 'a stream without event ids ends with the response', 'H-2025-08.1'),
  rule('wire.no-response-on-get', 'MUST', 'no response comes on a stream that GET opened anew', 'G-2025-03'),
  rule('wire.event-type', 'MUST', 'messages are events of the type "message"', 'HTTP-03'),
  rule('wire.event-data', 'MUST', 'the data of each event is one JSON-RPC message', 'B-01.1'),
  rule('wire.event-ids', 'MUST', 'event ids are unique over all streams of a session', 'SSE-2025-05'),
  rule('wire.no-event-ids', 'MAY', 'streams of 2026-07-28 have no event ids', 'H-2026-08'),
  rule('wire.cacheable', 'MAY', 'an event stream says that nobody may keep it', 'HTTP-02'),
  rule('wire.not-public', 'SHOULD', 'no event stream says that caches may keep it', 'HTTP-24'),
  rule('wire.buffering', 'SHOULD', 'an event stream asks proxies not to hold it back', 'H-2026-07.1'),
  rule(
    'wire.progress-token',
    'MUST',
    'progress comes for a token of a request in progress',
    'U-2025-05.1',
    'U-2026-01.1',
  ),
  rule('wire.progress-rises', 'MUST', 'progress rises', 'U-2025-05.2', 'U-2026-01.2'),
  rule('wire.progress-stops', 'MUST', 'no progress after the response', 'U-2025-05.3', 'U-2026-01.3'),
  rule('wire.request-ids', 'MUST', 'the server never uses a request id twice in a session', 'L-2025-08'),
  rule('wire.session-id', 'MUST', 'a session id is of visible ASCII characters', 'S-2025-02.2'),
  rule('wire.session-new', 'MUST', 'each session has an id of its own', 'S-2025-08.2'),
  rule('wire.session-same', 'SHOULD', 'no later answer brings another session id', 'S-2025-01.2'),
  rule('wire.no-session', 'SHOULD', 'no session id in 2026-07-28', 'ERA-10.2'),
  rule(
    'wire.error-status',
    'MUST',
    'errors come with the status that goes with them',
    'H-2026-10.1',
    'H-2026-10.2',
    'H-2026-11',
    'H-2026-12.1',
    'M-2026-08',
    'D-2026-01',
  ),
  rule('wire.error-told', 'SHOULD', 'a refusal says why, as a JSON-RPC error', 'ERA-05'),
  rule('wire.not-gone', 'SHOULD', '404 says that the session is gone, not that a method is unknown', 'H-2025-06.1'),
  rule('wire.listen-first', 'MUST', 'the first message of a listen stream acknowledges it', 'SUB-2026-02.1'),
  rule('wire.listen-tag', 'MUST', 'notifications of a listen stream bear its id', 'SUB-2026-03'),
  rule(
    'wire.listen-asked',
    'MUST',
    'a listen stream brings only what was asked for',
    'SUB-2026-04.1',
    'SUB-2026-04.2',
    'U-2026-02.3',
  ),
  rule('wire.stream-own', 'MUST', 'a stream brings only what is about its request', 'H-2026-05.1', 'U-2026-04.1'),
  rule(
    'wire.log-asked',
    'MUST',
    'log messages come only to a request that asked, at its level',
    'U-2026-02.1',
    'U-2026-02.2',
  ),
  rule('wire.allow', 'SHOULD', '405 names the methods that are allowed', 'HTTP-01'),
] as const satisfies readonly WireCheck[];

export interface WireCheck {
  readonly check: string;
  readonly level: Level;
  readonly requirement: readonly string[];
  readonly title: string;
}

type Name = (typeof WIRE_CHECKS)[number]['check'];

function rule<const N extends string>(check: N, level: Level, title: string, ...requirement: string[]) {
  return { check, level, requirement, title };
}

const DATE = /^\d{4}-\d\d-\d\d$/;
/** How long after the response a stream may still be open. */
const ENDS_WITHIN_MS = 2000;

/** Which member of a listen request asks for which notification. */
const ASKED: Record<string, string> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
};

/** A request of the client that a server can read: what its response is judged by. */
export interface Asked {
  readonly id: string | number;
  readonly method: string;
  readonly params: unknown;
  /** When its response came. */
  answered?: number;
}

/** One exchange as the rules see it. */
export interface Exchange {
  readonly number: number;
  readonly verb: string;
  readonly session: Session | undefined;
  readonly request: HttpRequest;
  readonly asked: Asked[];
  /** It holds messages, and no request among them. */
  readonly onlyTells: boolean;
  /** The message names its revision itself, as 2026-07-28 has it. */
  readonly claims: boolean;
  /** It is a response, which only the older revisions have from clients. */
  readonly responds: boolean;
  /** A batch, some of which is no message: the errors for that have no id, or one that is no request's. */
  readonly isOdd: boolean;
  /** The id that it has, whatever it is. */
  readonly oddId: unknown;
  /** The id of the request that it cancels. */
  readonly cancels: unknown;
  /** Where a stream is read on from. */
  readonly lastEventId: string | undefined;
  arrivals?: Arrivals;
  /** What of its stream is judged already. */
  messages: number;
}

/** Reads out of a request what its answer will be judged by. */
export function exchangeOf(number: number, verb: string, session: Session | undefined, request: HttpRequest): Exchange {
  const body = verb === 'post' && request.body ? parsed(textOf(request.body)) : undefined;
  // A list of messages is only one where the revision knows batches.
  const isBatch = Array.isArray(body) && session?.negotiated === '2025-03-26';
  const messages = (isBatch ? body : [body]).filter(isRecord);
  const asked = messages.flatMap((one) =>
    one.jsonrpc === '2.0' &&
    typeof one.method === 'string' &&
    (typeof one.id === 'string' || Number.isInteger(one.id)) &&
    one.result === undefined &&
    one.error === undefined &&
    (one.params === undefined || isRecord(one.params))
      ? [{ id: one.id as string | number, method: one.method, params: one.params }]
      : [],
  );
  const tells = messages.filter(
    (one) =>
      one.jsonrpc === '2.0' &&
      (typeof one.method === 'string' ? one.id === undefined : one.result !== undefined || one.error !== undefined),
  );
  const onlyTells = messages.length > 0 && tells.length === messages.length;
  const isOdd = isBatch && body.length > asked.length + tells.length;
  const lastEventId = verb === 'get' ? headerOf(request, 'last-event-id') : undefined;
  const responds = onlyTells && isRecord(body) && body.method === undefined;
  const claimed = metaOf(valueAt(body, 'params'), 'protocolVersion');
  const claims = claimed !== undefined && !(DATE.test(String(claimed)) && !isStateless(String(claimed)));
  const cancels = valueAt(body, 'method') === 'notifications/cancelled' ? valueAt(body, 'params.requestId') : undefined;
  const what = { asked, onlyTells, claims, responds, isOdd, oddId: valueAt(body, 'id'), cancels, lastEventId };
  return { number, verb, session, request, ...what, messages: 0 };
}

/** What is known beyond a run: a session id must be new in all of them. */
export interface Known {
  readonly sessionIds: Set<string>;
  readonly server: Record<string, unknown> | undefined;
  readonly outputSchemas: ReadonlyMap<string, unknown>;
}

export class Wire {
  readonly #revision: Revision;
  readonly #clock: Clock;
  readonly #known: Known;
  readonly #faults = new Map<string, { fault: Omit<Fault, 'why'>; why: string[] }>();
  readonly #looked = new Set<Name>();
  readonly #exchanges: Exchange[] = [];
  /** Of a session, by the event's id: what it brought and where. */
  readonly #events = new Map<string, { data: string; exchange: number }>();
  /** Of a session, by the server's request id: the message. */
  readonly #requestIds = new Map<string, string>();
  readonly #progress = new Map<string, { asked: Asked; last: number | undefined }>();
  readonly #cancelled = new Set<unknown>();
  /** Clients of a server without session ids are told apart by what they know. */
  readonly #clients: Session[] = [];
  #sessionEnded = false;

  constructor(revision: Revision, clock: Clock, known: Known) {
    this.#revision = revision;
    this.#clock = clock;
    this.#known = known;
  }

  sent(exchange: Exchange): void {
    this.#exchanges.push(exchange);
    for (const asked of exchange.asked) {
      const token = valueAt(asked.params, '_meta.progressToken');
      if (typeof token === 'string' || typeof token === 'number')
        this.#progress.set(this.#progressKey(exchange, token), { asked, last: undefined });
    }
    if (exchange.cancels !== undefined) this.#cancelled.add(exchange.cancels);
    if (exchange.verb === 'delete') this.#sessionEnded = true;
  }

  /**
   * A message of the other era, which one endpoint may serve too, or what is said elsewhere than at the endpoint: the rules of
   * this revision are not about it.
   */
  #isForeign({ asked, onlyTells, claims, responds, request }: Exchange): boolean {
    if (request.to !== undefined && !request.to.startsWith('?')) return true;
    if (asked.length === 0 && !onlyTells) return false;
    const named = headerOf(request, 'mcp-protocol-version');
    const isModern = claims || (named !== undefined && DATE.test(named) && isStateless(named));
    if (!isStateless(this.#revision)) return isModern;
    // Where the header is missing, or of the other era, a server of both may go by it, whatever the message claims.
    const isElse = named === undefined || (DATE.test(named) && !isStateless(named));
    return responds || isElse || !isModern;
  }

  answered(exchange: Exchange, { status, headers }: HttpAnswer, arrivals: Arrivals): void {
    exchange.arrivals = arrivals;
    if (this.#isForeign(exchange)) return;
    const type = headers['content-type'] ?? '';
    const id = headers['mcp-session-id'];
    if (isStateless(this.#revision)) {
      if (exchange.asked.length > 0)
        this.#look('wire.no-session', id === undefined, () => `the answer names the session ${show(id)}`);
    } else if (id !== undefined) {
      // What only repeats the client's own header says nothing of the ids that the server gives.
      if (headerOf(exchange.request, 'mcp-session-id') !== id)
        this.#look('wire.session-id', /^[\x21-\x7e]+$/.test(id), () => `the session id is ${show(id)}`);
      if (exchange.asked.some(({ method }) => method === 'initialize') && exchange.session === undefined) {
        this.#look('wire.session-new', !this.#known.sessionIds.has(id), () => `the session id ${show(id)} came before`);
        this.#known.sessionIds.add(id);
      } else if (
        exchange.asked.every(({ method }) => method !== 'initialize') &&
        exchange.session?.id !== undefined &&
        headerOf(exchange.request, 'mcp-session-id') === exchange.session.id
      )
        this.#look(
          'wire.session-same',
          id === exchange.session.id,
          () => `the session ${show(exchange.session?.id)} was answered with the id ${show(id)}`,
        );
    }
    if (status === 405) this.#look('wire.allow', !!headers.allow, () => 'status 405 came without the header Allow');
    if (arrivals.isStream && status === 200) {
      const cache = headers['cache-control'] ?? '';
      this.#look('wire.cacheable', /no-(?:store|cache)/i.test(cache), () => `cache-control is ${show(cache)}`);
      this.#look(
        'wire.not-public',
        !/public|(?:max-age|s-maxage)=[1-9]/i.test(cache),
        () => `cache-control is ${show(cache)}`,
      );
      if (isStateless(this.#revision))
        this.#look('wire.buffering', headers['x-accel-buffering'] === 'no', () => 'X-Accel-Buffering is not "no"');
    }
    if (exchange.verb !== 'post') return;
    if (exchange.onlyTells) {
      this.#look(
        'wire.accepted',
        status === 202 || status >= 400,
        () => `a message without a response answered ${status}`,
      );
    } else if (exchange.asked.length > 0 && status >= 200 && status < 300) {
      const fits = /^(?:application\/json|text\/event-stream)\s*(?:;|$)/i.test(type);
      this.#look('wire.content-type', fits, () => `a request was answered with the content type ${show(type)}`);
    }
  }

  arrived(exchange: Exchange, arrival: Arrival): void {
    if (arrival.kind !== 'event' || this.#isForeign(exchange)) return;
    const { id, event, data, message } = arrival;
    if (id !== undefined && id !== '') this.#eventId(exchange, id, data);
    if (data === '') return;
    this.#look('wire.event-type', event === undefined || event === 'message', () => `the event is a ${show(event)}`);
    const fits = Array.isArray(message) ? message.every(isRecord) : isRecord(message);
    if (!this.#look('wire.event-data', fits, () => `the data of an event is ${show(data)}`)) return;
    this.#notArray(exchange, message);
    for (const one of [message].flat()) this.#message(exchange, one, arrival.at);
  }

  /** The body is over, or was cut. */
  over(exchange: Exchange, arrivals: Arrivals): void {
    const { answer, text } = arrivals;
    this.#look('wire.utf8', !arrivals.garbled, () => 'the answer holds bytes that are no UTF-8');
    if (exchange.verb !== 'post' || arrivals.wasCut || this.#isForeign(exchange)) return;
    if (arrivals.isStream) {
      this.#streamOver(exchange, arrivals);
      return;
    }
    if (answer.status === 202)
      this.#look('wire.accepted-empty', text === '', () => `202 came with the body ${show(text)}`);
    const isJson = /^application\/json\b/i.test(answer.headers['content-type'] ?? '');
    const body = parsed(text);
    if (isJson) this.#look('wire.no-mark', !arrivals.marked, () => 'the body begins with a mark of byte order');
    if (isJson && text !== '') this.#look('wire.json', body !== undefined, () => `the body is ${show(text)}`);
    if (exchange.asked.length > 0 && answer.status === 200)
      this.#look('wire.one-response', body !== undefined, () => `no response came: the body is ${show(text)}`);
    this.#notArray(exchange, body);
    if (body !== undefined) for (const one of [body].flat()) this.#message(exchange, one, this.#clock.now());
    const [asked] = exchange.asked;
    if (!asked || exchange.asked.length > 1) return;
    const isError = isRecord(body) && isRecord(body.error);
    if (isStateless(this.#revision)) {
      if (answer.status >= 400 && answer.status < 500 && ![401, 403, 429].includes(answer.status))
        this.#look('wire.error-told', isError, () => `status ${answer.status} came with ${show(text)}`);
    } else if (isError && valueAt(body, 'error.code') === -32601)
      this.#look('wire.not-gone', answer.status !== 404, () => `the unknown method ${asked.method} answered 404`);
    if (isRecord(body) && isRecord(body.result))
      this.#look('wire.result-status', answer.status === 200, () => `a result came with status ${answer.status}`);
    if (isError) this.#errorStatus(valueAt(body, 'error.code'), answer.status);
  }

  /** Waits for streams that have brought their response to end, and for nothing else. @returns every check */
  async close(): Promise<Fault[]> {
    for (const { arrivals, asked, messages } of this.#exchanges) {
      if (!arrivals?.isStream || asked.length === 0 || arrivals.wasCut || messages === 0) continue;
      if (asked.some((one) => one.answered === undefined)) continue;
      const last = Math.max(...asked.map((one) => one.answered ?? 0));
      while (!arrivals.ended) {
        const left = last + ENDS_WITHIN_MS - this.#clock.now();
        if (left <= 0 || !(await arrivals.next(left))) break;
      }
      this.#look('wire.stream-ends', arrivals.ended, () => `it was open ${ENDS_WITHIN_MS} ms after the response`);
    }
    return [...this.#faults.values()].flatMap(({ fault, why }) => why.map((one) => ({ ...fault, why: one })));
  }

  /** Checks that had something to look at and found nothing wrong. */
  get passed(): WireCheck[] {
    return WIRE_CHECKS.filter(({ check }) => this.#looked.has(check) && !this.#faults.has(check));
  }

  #look(check: Name, fits: boolean, why: () => string): boolean {
    this.#looked.add(check);
    if (fits) return true;
    const { level, requirement } = WIRE_CHECKS.find((one) => one.check === check) as WireCheck;
    this.#fault({ check, level, requirement: [...requirement], why: why() });
    return false;
  }

  #fault({ why, ...fault }: Fault): void {
    const known = this.#faults.get(fault.check);
    if (!known) this.#faults.set(fault.check, { fault, why: [why] });
    else if (known.why.length < 5 && !known.why.includes(why)) known.why.push(why);
  }

  #eventId(exchange: Exchange, id: string, data: string): void {
    if (isStateless(this.#revision)) {
      this.#look('wire.no-event-ids', false, () => `an event has the id ${show(id)}`);
      return;
    }
    const key = `${exchange.session?.id ?? ''}\n${id}`;
    const known = this.#events.get(key);
    if (!known) this.#events.set(key, { data, exchange: exchange.number });
    // What is replayed comes again, on another exchange, as it was.
    const replayed = known !== undefined && exchange.lastEventId !== undefined && known.exchange !== exchange.number;
    this.#look('wire.event-ids', !known || (replayed && known.data === data), () => `the id ${show(id)} came twice`);
  }

  #notArray({ asked }: Exchange, body: unknown): void {
    if (asked.length === 0 || this.#revision === '2025-03-26') return;
    this.#look('wire.no-array', !Array.isArray(body), () => `the answer is a list: ${show(body)}`);
  }

  #message(exchange: Exchange, message: unknown, at: number): void {
    const [only] = exchange.asked;
    const id = valueAt(message, 'id');
    const responds = isResponse(message);
    let answered: Asked | undefined;
    if (responds) answered = this.#response(exchange, message, id, at);
    else if (isRecord(message)) {
      exchange.messages++;
      this.#notice(exchange, message);
    }
    const request =
      answered ?? (responds && exchange.asked.length === 1 && !this.#unread(exchange, message) ? only : undefined);
    const spoken: Spoken = {
      revision: this.#revision,
      ...(request && { request }),
      client: this.#clientOf(exchange),
      ...(this.#known.server && { server: this.#known.server }),
      outputSchemas: this.#known.outputSchemas,
    };
    // An id that no server may take is still the right one to answer with.
    const echoed = responds && id !== undefined && id !== null && id === exchange.oddId;
    for (const fault of faultsOf(message, spoken))
      if (!echoed || fault.check !== 'wire.response-id-form') this.#fault(fault);
  }

  #clientOf({ session, asked }: Exchange): Record<string, unknown> {
    if (!isStateless(this.#revision)) return session?.capabilities ?? {};
    const declared = metaOf(asked[0]?.params, 'clientCapabilities');
    return isRecord(declared) ? declared : {};
  }

  /** @returns the request it answers */
  #response(exchange: Exchange, message: Record<string, unknown>, id: unknown, at: number): Asked | undefined {
    if (exchange.verb === 'get') {
      if (exchange.lastEventId === undefined)
        this.#look('wire.no-response-on-get', false, () => `the response ${show(message)} came on it`);
      const asked = this.#exchanges
        .filter(({ session }) => session === exchange.session)
        .flatMap((one) => one.asked)
        .findLast((one) => one.id === id);
      if (asked) asked.answered = at;
      return asked;
    }
    if (exchange.asked.length === 0 || this.#unread(exchange, message)) return undefined;
    const asked = exchange.asked.find((one) => one.id === id);
    const ids = exchange.asked.map((one) => show(one.id)).join(', ');
    this.#look(
      'wire.response-id',
      asked !== undefined,
      () => `the request has the id ${ids}, the response ${show(id)}`,
    );
    if (!asked) return undefined;
    this.#look('wire.one-response', asked.answered === undefined, () => `a second one came: ${show(message)}`);
    asked.answered ??= at;
    exchange.messages++;
    return asked;
  }

  /** A refusal that needs no look into the body, and so need not know the id of the request. */
  #unread({ arrivals, asked, isOdd }: Exchange, message: unknown): boolean {
    const isAsked = asked.some(({ id }) => id === valueAt(message, 'id'));
    if (isOdd && !isAsked && valueAt(message, 'error') !== undefined) return true;
    const status = arrivals?.answer.status ?? 200;
    if (status < 400 || (valueAt(message, 'id') ?? null) !== null) return false;
    if ([-32700, -32600].includes(Number(valueAt(message, 'error.code')))) return true;
    // 2026-07-28 fixes which errors 400 and 404 carry, and these are about what the body says.
    return !isStateless(this.#revision) || ![400, 404].includes(status);
  }

  /** A notification or request of the server. */
  #notice(exchange: Exchange, message: Record<string, unknown>): void {
    const method = String(message.method);
    const [asked] = exchange.asked;
    if (exchange.verb === 'post' && exchange.asked.length > 0) {
      const done = exchange.asked.every((one) => one.answered !== undefined);
      const name = isStateless(this.#revision) ? 'wire.nothing-after' : 'wire.after-response';
      this.#look(name, !done, () => `after the response came ${show(message)}`);
    }
    if (message.id !== undefined) {
      const key = `${exchange.session?.id ?? ''}\n${JSON.stringify(message.id)}`;
      const known = this.#requestIds.get(key);
      const text = JSON.stringify(message);
      if (known === undefined) this.#requestIds.set(key, text);
      const replayed = known === text && exchange.lastEventId !== undefined;
      this.#look(
        'wire.request-ids',
        known === undefined || replayed,
        () => `the request id ${show(message.id)} came twice`,
      );
    }
    if (method === 'notifications/progress') this.#progressed(exchange, message);
    if (!isStateless(this.#revision) || !asked) return;
    if (asked.method === 'subscriptions/listen') this.#heard(exchange, asked, method, message);
    else
      this.#look(
        'wire.stream-own',
        method === 'notifications/progress' || method === 'notifications/message',
        () => `the stream of ${asked.method} brought ${method}`,
      );
    if (method !== 'notifications/message' || asked.method === 'subscriptions/listen') return;
    const level = metaOf(asked.params, 'logLevel');
    const told = LOG_LEVELS.indexOf(String(valueAt(message, 'params.level')));
    const fits = level !== undefined && (told < 0 || told >= LOG_LEVELS.indexOf(String(level)));
    this.#look('wire.log-asked', fits, () =>
      level === undefined ? `nobody asked for ${show(message)}` : `asked from ${show(level)} on, got ${show(message)}`,
    );
  }

  /** A token belongs to a session; in 2026-07-28, where there are none, to a request. */
  #progressKey(exchange: Exchange, token: unknown): string {
    const { session, number } = exchange;
    if (session && !this.#clients.includes(session)) this.#clients.push(session);
    const client = session ? this.#clients.indexOf(session) : '';
    const scope = isStateless(this.#revision) ? number : (session?.id ?? `without an id ${client}`);
    return `${scope}\n${JSON.stringify(token)}`;
  }

  #progressed(exchange: Exchange, message: Record<string, unknown>): void {
    const token = valueAt(message, 'params.progressToken');
    const known = this.#progress.get(this.#progressKey(exchange, token));
    if (!this.#look('wire.progress-token', !!known, () => `no request in progress here has the token ${show(token)}`))
      return;
    if (!known) return;
    this.#look(
      'wire.progress-stops',
      known.asked.answered === undefined || exchange.lastEventId !== undefined,
      () => `after the response came ${show(message)}`,
    );
    const progress = valueAt(message, 'params.progress');
    if (typeof progress !== 'number') return;
    // What a resumed stream replays was seen before: scenarios of resumption look at that.
    if (exchange.lastEventId === undefined)
      this.#look(
        'wire.progress-rises',
        known.last === undefined || progress > known.last,
        () => `after ${known.last} came ${progress}`,
      );
    known.last = Math.max(progress, known.last ?? progress);
  }

  /** A notification on a listen stream. */
  #heard(exchange: Exchange, asked: Asked, method: string, message: Record<string, unknown>): void {
    const acknowledges = method === 'notifications/subscriptions/acknowledged';
    if (exchange.messages === 1)
      this.#look('wire.listen-first', acknowledges, () => `the first message is ${show(message)}`);
    const tag = metaOf(valueAt(message, 'params'), 'subscriptionId');
    this.#look('wire.listen-tag', tag === asked.id, () => `${method} has the subscription id ${show(tag)}`);
    const filter = valueAt(asked.params, 'notifications');
    const wanted = isRecord(filter) ? filter : {};
    let fits = acknowledges;
    if (method in ASKED) fits = wanted[ASKED[method] as string] === true;
    else if (method === 'notifications/resources/updated') {
      const uri = String(valueAt(message, 'params.uri'));
      const uris = Array.isArray(wanted.resourceSubscriptions) ? wanted.resourceSubscriptions.map(String) : [];
      // It may name a part of what is watched.
      fits = uris.some((one) => uri.startsWith(one));
    } else if (method === 'notifications/tasks') fits = Array.isArray(wanted.taskIds);
    this.#look('wire.listen-asked', fits, () => `nobody asked for ${show(message)}`);
  }

  #streamOver(exchange: Exchange, arrivals: Arrivals): void {
    const missing = exchange.asked.filter((one) => one.answered === undefined && !this.#cancelled.has(one.id));
    const listens = exchange.asked.some(({ method }) => method === 'subscriptions/listen');
    // Who closes its side of the connection may be taken to have hung up.
    const left = exchange.request.halfClose === true;
    if (exchange.asked.length === 0 || listens || left || this.#sessionEnded) return;
    const resumable = !isStateless(this.#revision) && arrivals.lastEventId !== undefined;
    this.#look(
      isStateless(this.#revision) ? 'wire.response-last' : 'wire.response-comes',
      missing.length === 0 || resumable,
      () => `the stream ended without a response to ${missing.map((one) => show(one.id)).join(', ')}`,
    );
    // Once something else went out the status is fixed.
    if (exchange.messages !== 1) return;
    for (const arrival of arrivals.all)
      this.#errorStatus(valueAt(messageOf(arrival), 'error.code'), arrivals.answer.status);
  }

  #errorStatus(code: unknown, status: number): void {
    if (!isStateless(this.#revision)) return;
    const expected = code === -32601 ? 404 : code === -32020 || code === -32021 || code === -32022 ? 400 : undefined;
    if (expected !== undefined)
      this.#look('wire.error-status', status === expected, () => `error ${code} came with ${status}, not ${expected}`);
  }
}

/** @returns an empty text where the bytes are no UTF-8: no server can read them */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return '';
  }
}

function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const found = Object.entries(headers).find(([one]) => one.toLowerCase() === name)?.[1];
  return found === undefined ? undefined : [found].flat().join(', ');
}
