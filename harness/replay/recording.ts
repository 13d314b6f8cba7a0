/**
 * What a client and a server said, as a scenario: the client's part in its order, the server's as what is expected before
 * the client goes on. What went on at the same time does so again.
 */

import { isDeepStrictEqual } from 'node:util';
import { type Arrival, messageOf } from './arrivals.ts';
import { masked } from './mask.ts';
import { isRecord, valueAt } from './match.ts';
import { isStateless, META, metaOf, requestOf, type Session } from './protocol.ts';
import {
  type Act,
  actsOf,
  type Handshake,
  handshakesOf,
  isKnown,
  revisionOf,
  type Told,
  toldOf,
} from './recorded-acts.ts';
import { areApart, chainsOf, goesOnAt, overlapping } from './recorded-order.ts';
import { keyOf, Methods, placeOf, saidOf } from './recorded-said.ts';
import { secretsOf } from './recorded-secrets.ts';
import { Shared, Values, variable } from './recorded-values.ts';
import type { Recorded } from './recorder.ts';
import {
  type Answer,
  type Frame,
  type Request,
  type Revision,
  type Scenario,
  type Step,
  scenarioSchema,
} from './scenario.ts';

export interface RecordingOptions {
  /** Of the scenario; default `recorded.session`. */
  id?: string | undefined;
  /** The server's host and port, which the next server has not. */
  host?: string | undefined;
  /** Further headers whose values are secrets. */
  secretHeaders?: readonly string[] | undefined;
}

export interface Recording {
  readonly scenario: Scenario;
  /** What a reader should know: what is not in it, and what to look after. */
  readonly remarks: readonly string[];
  /** Masks every secret of the recording. */
  readonly hide: <T>(value: T) => T;
}

/** Headers that say something to an MCP server; all others are the client's own business. */
const SAYS = /^(?:accept|content-type|last-event-id|origin|mcp-.+)$/;
/** How many times as long as it took something may take. */
const PATIENCE = 3;
const LEAST_WINDOW_MS = 1000;
/** Of what comes unasked: no act of the client tells when. */
const LEAST_UNASKED_MS = 5000;
const TIMEOUT_MS = 10_000;
/** A client that asks the same again waited for a change; so long at most is waited in its place. */
const LONGEST_WAIT_MS = 5000;
const SHORTEST_WAIT_MS = 10;

/** @returns undefined where nothing was said that can be replayed */
export function recordingOf(exchanges: readonly Recorded[], options: RecordingOptions = {}): Recording | undefined {
  const { told, leftOut } = toldOf(exchanges);
  if (told.length === 0) return undefined;
  const { id = 'recorded.session', host = '', secretHeaders = [] } = options;
  const hide = masked(secretsOf(exchanges, secretHeaders));
  const acts = actsOf(told);
  const revision = revisionOf(told);
  const values = new Values(saidOf(told), { host, hide });
  const story = new Story(acts, isKnown(revision) ? revision : '2025-11-25', values, hide);
  const remarks = [...leftOut.map((line) => `left out: ${line}`)];
  if (!isKnown(revision)) remarks.push(`it was spoken in ${revision}, which no run speaks`);
  const longest = Math.max(...told.map(({ at, doneAt }) => doneAt - at));
  const timeout = windowOf(longest);
  const scenario = scenarioSchema.parse({
    id,
    title: hide(titleOf(told)),
    revisions: revision,
    level: 'MUST',
    ...(timeout > TIMEOUT_MS && { timeout }),
    steps: story.told(),
  });
  // A secret at a place that nobody thought of is masked all the same. A copy has lost what its parts share.
  const masks = hide(scenario);
  return {
    scenario: isDeepStrictEqual(masks, scenario) ? scenario : masks,
    remarks: [...remarks, ...values.remarks].map(hide),
    hide,
  };
}

/** Longer than it took, in round figures; ms. */
function windowOf(took: number, least = LEAST_WINDOW_MS): number {
  return Math.max(least, Math.ceil((took * PATIENCE) / 100) * 100);
}

function titleOf(told: readonly Told[]): string {
  for (const { json } of told) {
    const client = valueAt(json, 'params.clientInfo') ?? metaOf(valueAt(json, 'params'), 'clientInfo');
    if (isRecord(client)) return `as ${String(client.name)} ${String(client.version ?? '')}`.trim().concat(' said it');
  }
  return 'as a client said it';
}

/** Streams that a list of steps may read, besides those that another reads at the same time. */
type Scope = Set<Told>;

/** A request as a scenario says it. */
interface Written {
  readonly request: Request;
  /** It is just what a run sends by itself. */
  readonly isPlain: boolean;
}

/** A request of the server. */
interface Asked {
  readonly stream: Told;
  readonly arrival: Arrival;
  readonly id: unknown;
  readonly method: unknown;
}

class Story {
  readonly #acts: Act[];
  readonly #revision: Revision;
  readonly #values: Values;
  readonly #hide: <T>(value: T) => T;
  readonly #handshakes: readonly Handshake[];
  readonly #methods: Methods;
  readonly #names = new Map<Told, string>();
  readonly #shared = new Shared();
  readonly #asked: Asked[] = [];
  #answered = new Set<Asked>();
  /** Variables of the ids of those that a run does not find by itself. */
  readonly #askedIds = new Map<Asked, string>();
  /** Variables of event ids, by the place of the event. */
  readonly #eventIds = new Map<string, string>();
  readonly #sessionIds = new Map<string, string>();
  /** What of a stream is expected already. */
  #next = new Map<Told, number>();
  /** When the client did the last thing. */
  #since = 0;
  readonly #tools: unknown[];
  readonly #same: ReadonlyMap<string, readonly Told[]>;

  constructor(acts: readonly Act[], revision: Revision, values: Values, hide: <T>(value: T) => T) {
    this.#revision = revision;
    this.#values = values;
    this.#hide = hide;
    this.#handshakes = handshakesOf(acts, revision);
    const told = acts.filter(({ isCut }) => !isCut).map((act) => act.told);
    this.#methods = new Methods(told);
    // The handshake of a session is one step.
    const within = new Set(this.#handshakes.map(({ initialized }) => initialized));
    this.#acts = acts.filter((act) => !within.has(act.told));
    this.#tools = told.flatMap(({ method, answer }) =>
      method === 'tools/list' ? (valueAt(answer, 'result.tools') ?? []) : [],
    );
    this.#same = Map.groupBy(
      told.filter(({ method, tells }) => method !== undefined && !tells),
      askedBy,
    );
    for (const one of told) this.#name(one);
    for (const one of told) this.#nameIds(one);
  }

  told(): Step[] {
    this.#since = this.#acts[0]?.at ?? 0;
    const scope: Scope = new Set();
    const steps = this.#steps(this.#acts, scope);
    return [...steps, ...this.#frames(Number.POSITIVE_INFINITY, scope)];
  }

  #name(told: Told): void {
    if (told.isOpen) this.#names.set(told, this.#nameOf(told));
    for (const arrival of told.arrivals) {
      const message = messageOf(arrival);
      if (!isRecord(message) || message.method === undefined || message.id === undefined) continue;
      this.#asked.push({ stream: told, arrival, id: message.id, method: message.method });
    }
    const session = this.#handshakes.find(({ initialize }) => initialize === told);
    if (session?.id === undefined) return;
    // A run that begins a session by itself names its id so.
    const own = session.name === '' ? 'session' : `session_${session.name}`;
    const name = session.initialized
      ? own
      : this.#values.catch(session.id, 'sessionId', `${placeOf(told.index)}/session`);
    this.#sessionIds.set(session.id, name);
  }

  /** Names ids that the client gives back where no step does it by itself. They must be caught before the first step is written. */
  #nameIds(told: Told): void {
    const { isPlain } = this.#written(told);
    if (told.resumes && !(isPlain && this.#isFromTheEnd(told))) {
      const { from, index } = told.resumes;
      const arrival = from.arrivals[index];
      const place = placeOf(from.index, index);
      if (arrival?.kind === 'event')
        this.#eventIds.set(place, this.#values.catch(arrival.id, 'eventId', `${place}/event`));
    }
    if (isPlain && isRecord(told.json)) return;
    for (const message of [told.json].flat()) {
      if (!isResponse(message)) continue;
      const asked = this.#askedBy(told, message.id);
      if (!asked) continue;
      const place = placeOf(asked.stream.index, asked.stream.arrivals.indexOf(asked.arrival));
      this.#askedIds.set(asked, this.#values.catch(asked.id, 'asked', `${place}/id`));
    }
  }

  /** A run resumes after the last event by itself, and with the headers of its session. */
  #isFromTheEnd(told: Told): boolean {
    if (!told.resumes) return false;
    const { from, index } = told.resumes;
    const last = from.arrivals.findLastIndex((one) => one.kind === 'event' && one.id !== undefined && one.id !== '');
    return last === index && from.arrivals.at(-1)?.kind === 'end';
  }

  /** The variable of the event id that a stream goes on from, where a run does not know it by itself. */
  #eventIdOf({ resumes }: Told): string | undefined {
    return resumes && this.#eventIds.get(placeOf(resumes.from.index, resumes.index));
  }

  #nameOf({ verb, method }: Told): string {
    const base = verb === 'get' ? 'get' : (method?.split('/').at(-1)?.replaceAll(/\W/g, '') ?? verb);
    const taken = new Set(this.#names.values());
    let name = base;
    for (let count = 2; taken.has(name); count++) name = `${base}${count}`;
    return name;
  }

  // ---- the order of things -----------------------------------------------------------------------

  #steps(acts: readonly Act[], scope: Scope): Step[] {
    const steps: Step[] = [];
    for (let rest = [...acts]; rest.length > 0; ) {
      const [act, ...later] = rest as [Act, ...Act[]];
      steps.push(...this.#frames(act.at, scope));
      const beside = act.isCut || act.told.tells ? [] : overlapping(act, later);
      const parallel = beside.length > 0 ? this.#together([act, ...beside], scope) : undefined;
      if (parallel) {
        steps.push({ parallel });
        rest = later.slice(beside.length);
        this.#since = Math.max(...[act, ...beside].map(goesOnAt));
      } else {
        const wait = this.#pause(act);
        if (wait !== undefined) steps.push({ wait });
        this.#since = act.at;
        steps.push(...this.#step(act, scope));
        rest = later;
      }
    }
    return steps;
  }

  /**
   * Lists of steps that run side by side.
   * @returns undefined where what overlapped cannot be taken apart: then it is said one after the other
   */
  #together(group: readonly Act[], scope: Scope): Step[][] | undefined {
    const before = { next: new Map(this.#next), since: this.#since, answered: new Set(this.#answered) };
    const [first, ...rest] = group as [Act, ...Act[]];
    const spans = rest.every((act) => goesOnAt(act) <= first.told.doneAt);
    const opened: Scope = new Set();
    const branches = (spans ? [[first], rest] : chainsOf(group)).map((acts) => {
      this.#since = first.at;
      const own: Scope = new Set(scope);
      const steps = this.#steps(acts, own);
      for (const stream of own) opened.add(stream);
      const gap = Math.round((acts[0]?.at ?? first.at) - first.at);
      const waits = steps[0]?.frames !== undefined || steps[0]?.answer !== undefined || steps[0]?.wait !== undefined;
      return gap >= SHORTEST_WAIT_MS && !waits ? [{ wait: gap }, ...steps] : steps;
    });
    if (areApart(branches)) {
      for (const stream of opened) scope.add(stream);
      return branches;
    }
    this.#next = before.next;
    this.#since = before.since;
    this.#answered = before.answered;
    return undefined;
  }

  /** How long the client waited for something to change: it asks what it asked before, or comes back to a stream. */
  #pause({ at, told, isCut }: Act): number | undefined {
    if (isCut || told.tells) return undefined;
    const gap = Math.round(at - this.#quietSince(at));
    if (gap < SHORTEST_WAIT_MS) return undefined;
    const same = this.#sameAs(told);
    const before = same[same.indexOf(told) - 1];
    if (!before || !same[0]) return told.resumes ? Math.min(LONGEST_WAIT_MS, gap) : undefined;
    // What has changed by then may take as long again.
    const grace = isDeepStrictEqual(resultOf(before), resultOf(told)) ? 0 : Math.round(at - same[0].at);
    return Math.min(LONGEST_WAIT_MS, gap + grace);
  }

  /** Every exchange that asked the same, in order. */
  #sameAs(told: Told): readonly Told[] {
    return this.#same.get(askedBy(told)) ?? [];
  }

  /** When the last thing happened before a time. */
  #quietSince(at: number): number {
    let last = this.#since;
    for (const { told } of this.#acts) {
      for (const one of [told.at, told.doneAt, told.recorded.leftAt ?? 0]) if (one < at) last = Math.max(last, one);
      for (const arrival of told.arrivals) if (arrival.at < at) last = Math.max(last, arrival.at);
    }
    return last;
  }

  #step({ told, isCut }: Act, scope: Scope): Step[] {
    if (isCut) return [{ cut: { stream: this.#nameFor(told) } }];
    const session = this.#handshakes.find(({ initialize }) => initialize === told);
    if (session?.initialized) return this.#handshake(session);
    const answer = this.#answerStep(told);
    if (answer) return [answer];
    const expect = this.#expected(told);
    const { request, isPlain } = this.#written(told);
    if (!told.isOpen) return [{ http: { [told.verb]: request }, expect }];
    scope.add(told);
    const as = this.#nameFor(told);
    if (told.resumes && isPlain) {
      const from = this.#nameFor(told.resumes.from);
      const id = this.#eventIdOf(told);
      const named = request.session === undefined ? {} : { session: request.session };
      return [{ resume: { as, from, ...(id !== undefined && { last_event_id: variable(id) }), ...named }, expect }];
    }
    return [{ open: { as, [told.verb]: request }, expect }];
  }

  #nameFor(told: Told): string {
    return this.#names.get(told) ?? '';
  }

  /** The two exchanges by which a run begins a session, and what the server declared in them. */
  #handshake({ name, capabilities, initialize }: Handshake): Step[] {
    const declared = valueAt(initialize.answer, 'result.capabilities');
    const matcher = this.#values.matcherOf(declared, '', { method: 'initialize', before: 0 });
    return [
      { use: 'ready', ...(name !== '' && { as: name }), capabilities },
      ...(initialize === this.#handshakes[0]?.initialize && isRecord(declared)
        ? [{ check: { that: { 'facts.capabilities': matcher } } }]
        : []),
    ];
  }

  // ---- what the client says ------------------------------------------------------------------------

  /** The session that a run takes a request to be of. */
  #sessionOf({ recorded, at }: Told): { name: string; session: Session } | undefined {
    if (isStateless(this.#revision)) return undefined;
    const begun = this.#handshakes.filter(({ initialized, initialize }) => initialized && initialize.at < at);
    const id = recorded.headers['mcp-session-id'];
    const found = begun.find((one) => one.id === id) ?? begun.find(({ name }) => name === '');
    return (
      found && {
        name: found.name,
        session: { id: found.id, negotiated: this.#revision, capabilities: found.capabilities },
      }
    );
  }

  #written(told: Told): Written {
    const known = this.#sessionOf(told);
    const base: Request = known && known.name !== '' ? { session: known.name } : {};
    const content = this.#content(told);
    const [request = {}, sent = undefined] = this.#fitting(told, known?.session, content, base) ?? [];
    const defaults = sent?.headers ?? {};
    const headers: Record<string, string> = {};
    const resumes = told.resumes !== undefined;
    for (const [name, value] of Object.entries(told.recorded.headers)) {
      // What is sent where nothing is to be accepted says nothing.
      const isIdle = name === 'accept' && defaults.accept === undefined;
      if (!SAYS.test(name) || defaults[name] === value || isIdle) continue;
      const id =
        name === 'mcp-session-id'
          ? this.#sessionIds.get(value)
          : name === 'last-event-id'
            ? this.#eventIdOf(told)
            : undefined;
      headers[name] = id === undefined ? String(this.#values.written(value, told.at)) : variable(id);
    }
    const without = Object.keys(defaults).filter((name) => !(name in told.recorded.headers));
    const { 'last-event-id': _event, ...others } = headers;
    const isPlain = without.length === 0 && Object.keys(resumes ? others : headers).length === 0;
    return {
      request: {
        ...request,
        ...(Object.keys(headers).length > 0 && { headers: this.#shared.one(headers) }),
        ...(without.length > 0 && { without }),
      },
      isPlain,
    };
  }

  /** The first way to say a body that makes a run send the same. */
  #fitting(
    { verb, json, recorded: { body } }: Told,
    session: Session | undefined,
    ways: readonly Request[],
    base: Request,
  ): [Request, ReturnType<typeof requestOf>] | undefined {
    const vars = this.#vars;
    for (const way of ways) {
      const request = { ...base, ...way };
      try {
        const sent = requestOf(verb, request, vars, session, () => Number.NaN);
        const text = sent.body ? new TextDecoder().decode(sent.body) : '';
        const isSame =
          way.raw !== undefined || way.base64 !== undefined
            ? text === this.#hide(body.toString())
            : isDeepStrictEqual(parsedOr(text), this.#hide(json));
        if (isSame || way === ways.at(-1)) return [request, sent];
      } catch {
        // It holds what looks like a variable and is none: another way does not fill it in.
      }
    }
    return undefined;
  }

  /** What a run will know when it makes a request. */
  get #vars(): Map<string, unknown> {
    return new Map<string, unknown>([
      ...this.#values.concrete,
      ['rev', this.#revision],
      ['facts', { tools: this.#tools }],
    ]);
  }

  /** Ways to say the body of a request, the best first. */
  #content(told: Told): Request[] {
    const {
      json,
      recorded: { body },
    } = told;
    if (body.length === 0) return [{}];
    const text = this.#hide(body.toString());
    const isText = Buffer.from(body.toString()).equals(body);
    const literal: Request[] = [
      ...(isText && !text.includes('${') ? [{ raw: text }] : []),
      { base64: Buffer.from(isText ? text : body).toString('base64') },
    ];
    const rpc = this.#rpc(json, told);
    if (rpc) return [{ rpc: this.#shortened(rpc) }, { rpc, bare: true }, ...literal];
    if (!Array.isArray(json)) return literal;
    const batch = json.map((one) => this.#rpc(one, told));
    return batch.every((one) => one !== undefined)
      ? [{ batch: batch as NonNullable<Request['batch']> }, ...literal]
      : literal;
  }

  #rpc(message: unknown, told: Told): NonNullable<Request['rpc']> | undefined {
    if (!isRecord(message)) return undefined;
    const { method, id, params, result, error } = this.#values.written(message, told.at) as Record<string, unknown>;
    const given = { ...(params !== undefined && { params: this.#withShared(params) }) };
    if (typeof method === 'string') return id === undefined ? { notify: method, ...given } : { method, id, ...given };
    if (id === undefined) return undefined;
    const asked = this.#askedBy(told, message.id);
    const variableName = asked && this.#askedIds.get(asked);
    const respond = variableName === undefined ? id : variable(variableName);
    return { respond, ...(error === undefined ? { result } : { error }) };
  }

  /** Without what a run says by itself of the revision. */
  #shortened(rpc: NonNullable<Request['rpc']>): NonNullable<Request['rpc']> {
    if (!isStateless(this.#revision) || !isRecord(rpc.params) || !isRecord(rpc.params._meta)) return rpc;
    const { [`${META}protocolVersion`]: version, ...meta } = rpc.params._meta;
    return version === this.#revision ? { ...rpc, params: { ...rpc.params, _meta: meta } } : rpc;
  }

  /** What every request of a client repeats is written once. */
  #withShared(params: unknown): unknown {
    if (!isRecord(params) || !isRecord(params._meta)) return params;
    const meta = Object.fromEntries(
      Object.entries(params._meta).map(([name, value]) => [name, isRecord(value) ? this.#shared.one(value) : value]),
    );
    return { ...params, _meta: meta };
  }

  /** The client's answer to a request of the server, where a run can find that request by itself. */
  #answerStep(told: Told): Step | undefined {
    const { json, status } = told;
    if (!isResponse(json)) return undefined;
    const asked = this.#askedBy(told, json.id);
    if (!asked) return undefined;
    const open = this.#asked.filter((one) => !this.#answered.has(one) && one.arrival.at < told.at);
    this.#answered.add(asked);
    const { request, isPlain } = this.#written(told);
    if (!isPlain || !request.rpc) return undefined;
    // Its kind tells which it is, unless another of its kind is waiting before it.
    const earlier = open.find(({ stream, method }) => stream === asked.stream && method === asked.method);
    const message = messageOf(asked.arrival);
    const params = this.#values.matcherOf(valueAt(message, 'params'), '', { method: String(asked.method), before: 0 });
    const { result, error } = request.rpc;
    return {
      answer: {
        on: this.#nameFor(asked.stream),
        rpc: { method: asked.method, ...(earlier !== asked && { params }) },
        ...(error === undefined ? { result } : { error }),
        within: { max: windowOf(told.at - this.#since) },
        ...(request.session !== undefined && { session: request.session }),
      },
      ...(status !== 202 && { expect: { status } }),
    };
  }

  /** The request of the server that a response of the client answers. */
  #askedBy(told: Told, id: unknown): Asked | undefined {
    return this.#asked.findLast((one) => one.arrival.at < told.at && keyOf(one.stream, one.id) === keyOf(told, id));
  }

  // ---- what the server says ------------------------------------------------------------------------

  #expected(told: Told): Answer {
    const { status, answer, isOpen, recorded, index, at } = told;
    const { arrivals, encoded } = recorded;
    const session = this.#values.at(`${placeOf(index)}/session`);
    const type = isOpen && arrivals?.isStream ? { 'content-type': { $re: '^text/event-stream' } } : {};
    const headers = { ...type, ...(session !== undefined && { 'mcp-session-id': { $capture: session } }) };
    const expected: Answer = { status, ...(Object.keys(headers).length > 0 && { headers }) };
    if (isOpen || encoded) return expected;
    if (answer !== undefined) return { ...expected, rpc: this.#message(answer, told, placeOf(index)) };
    const text = arrivals?.text ?? '';
    return text === ''
      ? expected
      : { ...expected, body: this.#values.matcherOf(text, `${index}/body`, { before: at }) };
  }

  /** What came on streams until a time, and is expected before the client goes on. */
  #frames(until: number, scope: Scope): Step[] {
    const steps: Step[] = [];
    for (const stream of scope) {
      const frames: Frame[] = [];
      let last = this.#since;
      let index = this.#next.get(stream) ?? 0;
      for (; index < stream.arrivals.length; index++) {
        const arrival = stream.arrivals[index] as Arrival;
        if (arrival.at >= until) break;
        const frame = this.#frame(stream, arrival, index);
        if (!frame) continue;
        frames.push(frame);
        last = arrival.at;
      }
      this.#next.set(stream, index);
      if (frames.length === 0) continue;
      const unasked = isUnasked(stream);
      steps.push({
        on: this.#nameFor(stream),
        // Nobody asked for what comes there: another run may hear more of it.
        ...(unasked && { mode: 'eventually' as const }),
        within: { max: windowOf(last - this.#since, unasked ? LEAST_UNASKED_MS : undefined) },
        frames,
      });
    }
    return steps;
  }

  #frame(stream: Told, arrival: Arrival, index: number): Frame | undefined {
    if (arrival.kind === 'end') return { end: true };
    if (arrival.kind !== 'event') return undefined;
    const place = placeOf(stream.index, index);
    const id = this.#eventIds.get(place);
    const message = messageOf(arrival);
    const rpc = message === undefined ? undefined : this.#message(message, stream, place);
    if (id !== undefined) {
      const said = rpc === undefined ? { data: arrival.data } : { message: rpc };
      return { event: { id: { $type: 'string', $capture: id }, ...said } };
    }
    if (rpc !== undefined) return { rpc };
    if (arrival.data === '') return undefined;
    return { event: { data: this.#values.matcherOf(arrival.data, `${place}/data`, { before: stream.at }) } };
  }

  /** What the protocol fixes exactly, the content as it was. */
  #message(message: unknown, told: Told, place: string): unknown {
    if (Array.isArray(message)) return message.map((one, index) => this.#message(one, told, `${place}/${index}`));
    if (!isRecord(message)) return this.#values.matcherOf(message, place, { before: told.at });
    const method = this.#methods.of(told, message);
    const matcher = (member: string) =>
      this.#values.matcherOf(message[member], `${place}/${member}`, { method, before: told.at });
    if (typeof message.method === 'string') {
      const id = this.#values.at(`${place}/id`);
      return {
        method: message.method,
        ...(message.id !== undefined && { id: id === undefined ? { $any: true } : { $capture: id } }),
        ...(message.params !== undefined && { params: ofServer(message.method, matcher('params')) }),
      };
    }
    const id = 'id' in message ? { id: message.id } : {};
    if (message.error !== undefined) return { ...id, error: matcher('error') };
    if (message.result === undefined) return this.#values.matcherOf(message, place, { before: told.at });
    const result = this.#result(message.result, method, told, `${place}/result`);
    if (told.isOpen) return { ...id, result };
    // The client asked until it had changed: it may have changed sooner.
    const same = this.#sameAs(told);
    const later = same.slice(same.indexOf(told) + 1).map(resultOf);
    const others = new Map<string, unknown>();
    for (const one of [message.result, ...later]) {
      if (one === undefined) continue;
      const matcher = this.#result(one, method, told, '');
      if (!others.has(JSON.stringify(matcher)))
        others.set(JSON.stringify(matcher), others.size === 0 ? result : matcher);
    }
    return { ...id, result: others.size > 1 ? { $oneOf: [...others.values()] } : result };
  }

  #result(value: unknown, method: string | undefined, told: Told, place: string): unknown {
    const result = this.#values.matcherOf(value, place, { method, before: told.at });
    const isToolResult = method === 'tools/call' && isRecord(value) && Array.isArray(value.content);
    return isToolResult && value.isError === undefined && isRecord(result)
      ? { ...result, isError: { $not: true } }
      : result;
  }
}

/** Nobody asked for what comes on the stream. */
function isUnasked({ resumes, verb, method }: Told): boolean {
  return resumes ? isUnasked(resumes.from) : verb === 'get' || method === 'subscriptions/listen';
}

function isResponse(message: unknown): message is Record<string, unknown> {
  return isRecord(message) && message.method === undefined && message.id !== undefined;
}

/** The ids of its own requests are new each time. */
function ofServer(method: string, params: unknown): unknown {
  return method === 'notifications/cancelled' && isRecord(params) ? { ...params, requestId: { $any: true } } : params;
}

/** What is asked, in which session. */
function askedBy(told: Told): string {
  return keyOf(told, [told.method, withoutMeta(valueAt(told.json, 'params'))]);
}

function resultOf({ answer }: Told): unknown {
  return valueAt(answer, 'result');
}

function withoutMeta(params: unknown): unknown {
  if (!isRecord(params)) return params;
  const { _meta, ...rest } = params;
  return rest;
}

function parsedOr(text: string): unknown {
  return text === '' ? undefined : JSON.parse(text);
}
