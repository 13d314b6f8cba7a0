/** Everything that goes over the wire in one run: requests are completed, sent, written down and watched. */

import { type Arrival, Arrivals, heardIn, messageOf, parsed } from './arrivals.ts';
import { type Clock, monotonic } from './clock.ts';
import { fill, show, type Vars, valueAt } from './match.ts';
import type { Event } from './outcome.ts';
import { CLIENT, capabilitiesOf, isResponse, isStateless, requestOf, type Session } from './protocol.ts';
import type { Request, Revision } from './scenario.ts';
import type { Target } from './target.ts';
import { exchangeOf, type Known, Wire } from './wire.ts';

/** The target is at fault: it did not answer, or not in time. */
export class NoAnswer extends Error {}

/** How the reason begins where a limit of time ran out. */
export const NO_ANSWER = 'no end of the answer within';

/** The most text of bodies that one run writes down. */
const MOST_TEXT = 4 * 1024 * 1024;
/** How long a session's end may take when nothing is tested any more; ms. */
const FAREWELL_MS = 2000;

/** What one exchange brought, read to its end. */
export interface Answered {
  readonly arrivals: Arrivals;
  /** The message that answers. */
  readonly rpc: unknown;
  readonly messages: readonly unknown[];
  readonly text: string;
  readonly ms: number;
}

export class Exchanges {
  readonly vars: Vars;
  readonly transcript: Event[] = [];
  readonly wire: Wire;
  readonly clock: Clock;
  /** Every id that an event had, in order. */
  readonly eventIds: string[] = [];
  /** What all streams of a name brought, in order. */
  readonly sequences = new Map<string, { message: unknown; at: number }[]>();
  readonly sessions = new Map<string, Session>();
  readonly #target: Target;
  readonly #limit_ms: number;
  readonly #began: number;
  readonly #open = new Set<Arrivals>();
  /** Session ids that the target gave out and was not asked to end, each with its revision and with whose it is. */
  readonly #left = new Map<string, { revision: string; owner: string }>();
  /** By role. */
  readonly #tokens = new Map<string, Promise<string>>();
  /** Whose the tokens are. */
  readonly #run = crypto.randomUUID();
  #written = 0;
  #exchanges = 0;
  #ids = 0;

  /** @param limit_ms how long an answer may take */
  constructor(target: Target, revision: Revision, vars: Vars, known: Known, limit_ms: number) {
    this.#target = target;
    this.clock = target.clock ?? monotonic;
    this.vars = vars;
    this.wire = new Wire(revision, this.clock, known);
    this.#limit_ms = limit_ms;
    this.#began = this.clock.now();
    vars.set('rev', revision);
  }

  get revision(): Revision {
    return this.vars.get('rev') as Revision;
  }

  /** Sends a request and resolves with the head of what answers it. @throws NoAnswer */
  async open(
    verb: string,
    given: Request,
    {
      sequence,
      paused,
      anew,
    }: { sequence?: string | undefined; paused?: boolean | undefined; anew?: boolean | undefined } = {},
  ): Promise<Arrivals> {
    const session = anew ? undefined : this.#sessionOf(given);
    const target = this.#node(given.node);
    const role = this.#roleOf(given, session);
    const bearer = role === undefined ? undefined : await this.token(role);
    const request = requestOf(verb, given, this.vars, session, () => ++this.#ids, bearer);
    const exchange = exchangeOf(++this.#exchanges, verb, session, request);
    const { number } = exchange;
    const body = request.body && this.#text(new TextDecoder().decode(request.body));
    this.#tell(number, {
      what: 'request',
      method: request.method,
      ...(request.to !== undefined && { to: request.to }),
      headers: request.headers,
      ...(body !== undefined && { body }),
      ...(given.node !== undefined && { node: given.node }),
    });
    this.wire.sent(exchange);
    const named = request.headers['mcp-session-id'];
    const abort = new AbortController();
    const late = this.clock.after(this.#limit_ms, () => abort.abort(new NoAnswer(`${NO_ANSWER} ${this.#limit_ms} ms`)));
    try {
      const answer = await target.exchange(request, abort.signal);
      this.#tell(number, { what: 'answer', status: answer.status, headers: answer.headers });
      const fresh = answer.headers['mcp-session-id'];
      if (fresh !== undefined && verb === 'post' && named === undefined)
        this.#left.set(fresh, { revision: this.revision, owner: role === 'other' ? 'other' : 'user' });
      if (verb === 'delete' && typeof named === 'string' && answer.status < 300) this.#left.delete(named);
      const arrivals: Arrivals = new Arrivals(
        answer,
        abort,
        this.clock,
        {
          arrival: (arrival) => {
            this.#arrived(number, arrival, sequence);
            if (arrival.kind === 'end') this.wire.over(exchange, arrivals);
            else this.wire.arrived(exchange, arrival);
          },
          chunk: (text) => this.#tell(number, { what: 'chunk', text: this.#text(text) }),
        },
        paused,
      );
      this.#open.add(arrivals);
      this.wire.answered(exchange, answer, arrivals);
      return arrivals;
    } catch (error) {
      if (abort.signal.aborted) throw abort.signal.reason;
      throw new NoAnswer(`the request got no answer: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      late();
    }
  }

  /** Sends a request and reads the answer to its end; of an event stream, to the response. @throws NoAnswer */
  async exchange(verb: string, given: Request, options: { anew?: boolean } = {}): Promise<Answered> {
    const began = this.clock.now();
    const arrivals = await this.open(verb, given, options);
    const end = began + this.#limit_ms;
    const wanted = given.batch?.filter(({ method }) => method !== undefined).length ?? 1;
    const isOver = () => arrivals.ended || (arrivals.isStream && verb === 'post' && arrivals.responses >= wanted);
    while (!isOver()) {
      const left = end - this.clock.now();
      if (left <= 0 || !(await arrivals.next(left))) {
        arrivals.cut();
        throw new NoAnswer(`${NO_ANSWER} ${this.#limit_ms} ms`);
      }
    }
    const body = arrivals.isStream ? arrivals.all.map(messageOf) : [parsed(arrivals.text)];
    // A batch may be answered as one, too.
    const messages = (given.batch ? body.flat() : body).filter((message) => message !== undefined);
    const rpc = arrivals.isStream ? messages.findLast(isResponse) : messages[0];
    return { arrivals, rpc, messages, text: arrivals.text, ms: this.clock.now() - began };
  }

  /** A new session where the revision has them. @returns what is wrong with it */
  async ready(
    name = '',
    capabilities: Record<string, unknown> = capabilitiesOf(this.revision),
    token?: string,
  ): Promise<string[]> {
    const revision = this.revision;
    if (isStateless(revision)) return [];
    this.sessions.delete(name);
    const params = { protocolVersion: revision, capabilities, clientInfo: CLIENT };
    // It belongs to no session, whichever there are already.
    const { rpc, arrivals } = await this.exchange(
      'post',
      { rpc: { method: 'initialize', id: 'handshake', params }, token },
      { anew: true },
    );
    if (valueAt(rpc, 'result.protocolVersion') !== revision)
      return [`initialize must be answered with ${revision}, got ${show(rpc)}`];
    const id = arrivals.answer.headers['mcp-session-id'];
    this.sessions.set(name, { id, negotiated: revision, capabilities, token });
    this.vars.set(name === '' ? 'session' : `session_${name}`, id);
    await this.exchange('post', { rpc: { notify: 'notifications/initialized' }, session: name });
    return [];
  }

  /** Takes a session that a scenario began by itself. */
  begin(name: string, id: string | undefined, capabilities: Record<string, unknown>): void {
    this.sessions.set(name, { id, negotiated: this.revision, capabilities });
  }

  /** Cuts what is open and ends the sessions: nothing is left behind on the target. */
  async close(): Promise<void> {
    for (const arrivals of this.#open) arrivals.cut();
    await Promise.all(
      [...this.#left].map(async ([id, { revision, owner }]) => {
        const abort = new AbortController();
        const late = this.clock.after(Math.min(FAREWELL_MS, this.#limit_ms), () => abort.abort(new Error('late')));
        try {
          const headers = {
            'mcp-session-id': id,
            ...(revision >= '2025-06-18' && { 'mcp-protocol-version': revision }),
            ...(this.#target.tokens && { authorization: `Bearer ${await this.token(owner)}` }),
          };
          const { body } = await this.#target.exchange({ method: 'DELETE', headers }, abort.signal);
          for await (const _chunk of body);
        } catch {
          // It may have ended it by itself, or have none to end.
        } finally {
          late();
        }
      }),
    );
  }

  /** The token of a role, the same one in all of the run. */
  token(role: string): Promise<string> {
    const known = this.#tokens.get(role);
    if (known) return known;
    const made = this.#target.tokens?.of(role, this.#run);
    if (made === undefined) throw new Error(`the target has no token for the role "${role}"`);
    const token = this.clock.during?.(made) ?? made;
    this.#tokens.set(role, token);
    return token;
  }

  /** Every token that was used, so that it can be masked. */
  secrets(): Promise<string[]> {
    return Promise.all(this.#tokens.values());
  }

  /** Whose token goes with a request; undefined for none. */
  #roleOf({ token, to }: Request, session: Session | undefined): string | undefined {
    const usual = this.#target.tokens && to === undefined ? (session?.token ?? 'user') : 'none';
    const role = token === undefined ? usual : fill(token, this.vars);
    return role === 'none' ? undefined : role;
  }

  #sessionOf({ session }: Request): Session | undefined {
    if (session === undefined || session === '') return this.sessions.get('');
    const found = this.sessions.get(session);
    if (!found && !isStateless(this.revision)) throw new Error(`no session is named "${session}"`);
    return found;
  }

  #node(name: string | undefined): Target {
    if (name === undefined) return this.#target;
    const node = this.#target.nodes?.get(name);
    if (!node) throw new Error(`the target has no node "${name}"`);
    return node;
  }

  #arrived(exchange: number, arrival: Arrival, sequence: string | undefined): void {
    const message = heardIn(arrival);
    if (sequence !== undefined && message !== undefined) {
      const known = this.sequences.get(sequence);
      if (known) known.push({ message, at: arrival.at });
      else this.sequences.set(sequence, [{ message, at: arrival.at }]);
    }
    if (arrival.kind === 'event') {
      const { id, event, data } = arrival;
      this.#tell(exchange, { what: 'event', id, event, data: this.#text(data) });
      if (id) this.eventIds.push(id);
    } else if (arrival.kind === 'comment') this.#tell(exchange, { what: 'comment', text: arrival.text });
    else if (arrival.kind === 'retry') this.#tell(exchange, { what: 'retry', ms: arrival.ms });
    else this.#tell(exchange, { what: 'end', error: arrival.error });
  }

  #tell(exchange: number, event: DistributiveOmit<Event, 't' | 'exchange'>): void {
    const t = Math.round((this.clock.now() - this.#began) * 1000) / 1000;
    this.transcript.push({ t, exchange, ...event } as Event);
  }

  /** A text as it is written down: what goes beyond the bound is only counted. */
  #text(text: string): string {
    const room = Math.max(0, MOST_TEXT - this.#written);
    this.#written += text.length;
    return text.length <= room ? text : `${text.slice(0, room)}… ${text.length - room} more`;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
