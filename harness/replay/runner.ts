/** Runs scenarios against a target, one run for each combination of a scenario's parameters. */

import { type Arrival, type Arrivals, heardIn, messageOf } from './arrivals.ts';
import { type Clock, type Lateness, monotonic, pause } from './clock.ts';
import { type Answered, Exchanges, NO_ANSWER, NoAnswer } from './exchanges.ts';
import { type Bind, type Facts, prevented } from './facts.ts';
import { masked } from './mask.ts';
import { fill, isRecord, mismatches, show, type Vars, valueAt } from './match.ts';
import { type Check, type Outcome, VERDICTS, type Verdict } from './outcome.ts';
import type { Answer, Frame, Invariant, Level, Request, Scenario, Step } from './scenario.ts';
import type { Target } from './target.ts';

export interface Options {
  bind: Bind;
  /** Windows of time are as many times longer. */
  slack: number;
  /** ms that an answer may take at most; default: as the scenario says, or 10,000. */
  timeout?: number;
  /** Values of headers and tokens, which must be in no outcome. */
  secrets?: readonly string[];
  /** How late this machine is; without it no verdict is doubted. */
  lateness?: Lateness;
  /** Session ids of all runs; default: of this scenario. */
  sessionIds?: Set<string>;
}

const TIMEOUT_MS = 10_000;
const VERBS = ['post', 'get', 'delete', 'options', 'put', 'patch', 'head'] as const;
/** How much of a window this machine may be late before what it saw in it is doubted. */
const DOUBTFUL = 0.25;
const MOST_PAGES = 100;
/** How long one of several streams is waited for at a time. */
const LOOK_MS = 250;
/** How long between two looks whether a stream was opened. */
const SHORT_LOOK_MS = 20;

/** Every run of a scenario; one outcome that says why where there is none. */
export async function runScenario(
  scenario: Scenario,
  target: Target,
  facts: Facts,
  options: Options,
): Promise<Outcome[]> {
  const { now } = target.clock ?? monotonic;
  const outcomes: Outcome[] = [];
  const [prevents, because] = prevented(scenario, target, facts, options.bind) ?? [];
  if (prevents) return [passedOver(scenario, facts, because, prevents)];
  for (const params of combinations(scenario.params ?? {})) {
    const lacking = rolesOf(scenario, params).find((role) => !target.tokens?.roles.has(role));
    if (lacking !== undefined) {
      outcomes.push(passedOver(scenario, facts, `no token is given for the role "${lacking}"`, 'untestable', params));
      continue;
    }
    const began = now();
    let run = await ran(scenario, target, facts, params, options);
    // What this machine's own lateness may have spoiled is looked at once more.
    if (run.checks.some((check) => check.verdict === 'inconclusive'))
      run = await ran(scenario, target, facts, params, options);
    const { checks, transcript } = run;
    const worst = VERDICTS.find((one) => checks.some((check) => check.verdict === one));
    // A run in which nothing was looked at has shown nothing.
    const shown = passedOver(scenario, facts, undefined, worst ?? 'skip', params);
    if (worst === undefined) shown.reason = 'no step of it applied';
    const secrets = [...(options.secrets ?? []), ...(await run.secrets())];
    outcomes.push(masked(secrets)({ ...shown, checks, transcript, ms: now() - began }));
  }
  return outcomes;
}

/** The outcome of a scenario that was not run, and why. */
export function passedOver(
  { id, title }: Scenario,
  { revision }: Facts,
  reason?: string,
  verdict: Verdict = 'skip',
  params: Record<string, unknown> = {},
): Outcome {
  const outcome: Outcome = { scenario: id, title, revision, case: params, verdict, checks: [], ms: 0, transcript: [] };
  if (reason !== undefined) outcome.reason = reason;
  return outcome;
}

/** The roles of the tokens that a run needs. */
function rolesOf({ requires }: Scenario, params: Record<string, unknown>): string[] {
  return fill(requires?.tokens ?? [], new Map(Object.entries(params)));
}

async function ran(
  scenario: Scenario,
  target: Target,
  facts: Facts,
  params: Record<string, unknown>,
  options: Options,
): Promise<Run> {
  const run = new Run(target, facts, params, options, scenario);
  await run.sign(rolesOf(scenario, params));
  await run.all(scenario.steps, '');
  await run.close();
  return run;
}

function combinations(params: Record<string, readonly unknown[]>): Record<string, unknown>[] {
  let all: Record<string, unknown>[] = [{}];
  for (const [name, values] of Object.entries(params))
    all = all.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  return all;
}

/** What a step found: nothing to look at, or what is wrong. */
type Found = readonly string[] | undefined;

class Run {
  readonly #checks = new Map<string, Check>();
  readonly #vars: Vars = new Map();
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #exchanges: Exchanges;
  readonly #options: Options;
  readonly #scenario: Scenario;
  readonly #streams = new Map<string, Arrivals>();
  /** Streams of probes that got no answer, and why. */
  readonly #unopened = new Map<string, string>();
  /** Frames of a stream before this index were expected already. */
  readonly #read = new Map<string, number>();
  /** Requests of the server that have their answer. */
  readonly #answered = new Set<Arrival>();
  /** Since when the window of time was open that was missed; undefined where time was not to blame. */
  #missed: { from: number; window_ms: number } | undefined;

  constructor(target: Target, facts: Facts, params: object, options: Options, scenario: Scenario) {
    this.#target = target;
    this.#clock = target.clock ?? monotonic;
    this.#options = options;
    this.#scenario = scenario;
    const known = {
      sessionIds: options.sessionIds ?? new Set<string>(),
      server: facts.capabilities,
      outputSchemas: new Map(facts.tools.map((tool) => [String(tool.name), tool.outputSchema])),
    };
    this.#exchanges = new Exchanges(target, facts.revision, this.#vars, known, this.#limit_ms);
    for (const [name, fixture] of Object.entries(options.bind)) this.#vars.set(name, fixture);
    this.#vars.set('uuid', crypto.randomUUID());
    const { host, url } = target;
    this.#vars.set('target', { host, url, path: new URL(url).pathname, origin: new URL(url).origin });
    this.#vars.set('terms', Object.fromEntries(target.terms ?? []));
    const { capabilities, tools, prompts, resources, templates } = facts;
    this.#vars.set('facts', { capabilities, tools, prompts, resources, templates });
    for (const [name, value] of Object.entries(params)) this.#vars.set(name, fill(value, this.#vars));
  }

  /** Has the tokens at hand that the steps name. */
  async sign(roles: readonly string[]): Promise<void> {
    const tokens = await Promise.all(roles.map(async (role) => [role, await this.#exchanges.token(role)] as const));
    this.#vars.set('tokens', Object.fromEntries(tokens));
  }

  secrets(): Promise<string[]> {
    return this.#exchanges.secrets();
  }

  get checks(): Check[] {
    return [...this.#checks.values()];
  }

  get transcript() {
    return this.#exchanges.transcript;
  }

  get #limit_ms(): number {
    const { timeout = Number.POSITIVE_INFINITY, slack } = this.#options;
    return Math.min(this.#scenario.timeout ?? TIMEOUT_MS, timeout) * slack;
  }

  async close(): Promise<void> {
    const faults = await this.#exchanges.wire.close();
    for (const { check, level, requirement, why } of faults) this.#note(check, level, requirement, [why]);
    for (const { check, level, requirement } of this.#exchanges.wire.passed)
      this.#note(check, level, [...requirement], []);
    await this.#exchanges.close();
  }

  /** Runs steps in order; what a step needs and has not got ends them. */
  async all(steps: readonly Step[], prefix: string): Promise<boolean> {
    for (const [index, step] of steps.entries()) {
      const place = `${prefix}${index + 1}`;
      try {
        if (this.#passedOver(step)) continue;
        this.#missed = undefined;
        const found = await this.#run(step, place);
        if (found && !step.probe) this.#check(step, place, found);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        // A connection that is closed at once is an answer too, and a probe may get any.
        if (step.probe && error instanceof NoAnswer && !message.startsWith(NO_ANSWER)) continue;
        // Who asks on another stream than that of the call may open that of the call only once there is an answer.
        if (step.probe && step.open && error instanceof NoAnswer) {
          this.#unopened.set(step.open.as, message);
          continue;
        }
        if (step.probe && [...this.#unopened.values()].includes(message)) continue;
        // After a failure what it would have given is missing: that is no fault of the scenario.
        const failed = this.checks.some(({ verdict }) => verdict !== 'pass');
        if (error instanceof NoAnswer) this.#check(step, place, [message]);
        else if (!failed) this.#note(this.#scenario.id, 'MUST', [], [`step ${place}: ${message}`], 'error');
        return false;
      }
    }
    return true;
  }

  #passedOver({ when }: Step): boolean {
    if (!isRecord(when)) return false;
    return Object.entries(when).some(
      ([name, matcher]) => mismatches(fill(matcher, this.#vars), this.#vars.get(name), this.#vars).length > 0,
    );
  }

  /** Steps without a name of their own make up the scenario's check together. */
  #check(step: Step, place: string, found: readonly string[]): void {
    const { id, level, requirement } = this.#scenario;
    const missed = this.#missed;
    const late = missed && found.length > 0 ? (this.#options.lateness?.since(missed.from) ?? 0) : 0;
    const doubtful = missed !== undefined && late > missed.window_ms * DOUBTFUL;
    const why = found.map((one) => (step.name === undefined ? `step ${place}: ${one}` : one));
    if (doubtful) why.push(`this machine itself was ${Math.round(late)} ms late`);
    this.#note(
      step.name === undefined ? id : `${id}#${step.name}`,
      step.level ?? level,
      step.requirement ?? requirement ?? [],
      why,
      doubtful ? 'inconclusive' : undefined,
    );
  }

  #note(id: string, level: Level, requirement: readonly string[], why: readonly string[], verdict?: Verdict): void {
    const soft: Verdict = level === 'MUST' ? 'fail' : level === 'SHOULD' ? 'warn' : 'note';
    const own = verdict ?? (why.length > 0 ? soft : 'pass');
    const known = this.#checks.get(id);
    if (!known) {
      this.#checks.set(id, { id, level, requirement: [...requirement], verdict: own, why: [...why] });
      return;
    }
    if (VERDICTS.indexOf(own) < VERDICTS.indexOf(known.verdict)) {
      known.verdict = own;
      known.level = level;
    }
    for (const one of why) if (!known.why.includes(one)) known.why.push(one);
    for (const one of requirement) if (!known.requirement.includes(one)) known.requirement.push(one);
  }

  async #run(step: Step, place: string): Promise<Found> {
    const { http, open, resume, expect } = step;
    if (step.use) {
      const declared = fill(step.capabilities, this.#vars);
      const token = fill(step.token, this.#vars);
      const wrong = await this.#exchanges.ready(step.as, isRecord(declared) ? declared : undefined, token);
      return wrong.length > 0 ? wrong : undefined;
    }
    if (http) {
      const answered = await this.#exchanges.exchange(...verbOf(http));
      return expect && this.#judge(expect, answered);
    }
    if (open) {
      const { as, sequence, paused } = open;
      const arrivals = await this.#exchanges.open(...verbOf(open), { sequence, paused });
      this.#name(as, arrivals);
      return expect && this.#judge(expect, { arrivals });
    }
    if (resume) {
      const { as, from, sequence, last_event_id, session, token, node } = fill(resume, this.#vars);
      const last = last_event_id ?? this.#stream(from).lastEventId;
      if (last === undefined) return [`the stream "${from}" brought no event id to resume from`];
      const request = { headers: { 'last-event-id': last }, session, token, node };
      const arrivals = await this.#exchanges.open('get', request, { sequence });
      this.#name(as, arrivals);
      return expect && this.#judge(expect, { arrivals });
    }
    if (step.read !== undefined) this.#stream(step.read).read();
    if (step.answer) return this.#answer(step.answer, expect);
    if (step.frames) return step.mode === 'interleaved' ? this.#interleaved(step) : this.#frames(step);
    if (step.quiet) return this.#quiet(step.quiet);
    if (step.cut) return this.#cut(step.cut);
    if (step.pages) return this.#pages(fill(step.pages, this.#vars));
    if (step.parallel) {
      const lists = step.parallel.map((list, index) => this.all(list, `${place}.${index + 1}.`));
      await Promise.all(lists);
    }
    if (step.repeat) {
      for (let round = 1; round <= step.repeat.times; round++) {
        this.#vars.set('round', round);
        if (!(await this.all(step.repeat.steps, `${place}.`))) break;
      }
    }
    if (step.each) {
      const { of, as, most = Number.POSITIVE_INFINITY, steps } = step.each;
      const list = fill(of, this.#vars) as unknown;
      if (!Array.isArray(list)) throw new Error(`"each" needs a list, got ${show(list)}`);
      for (const one of list.slice(0, most)) {
        this.#vars.set(as, one);
        if (!(await this.all(steps, `${place}.`))) break;
      }
    }
    if (step.wait !== undefined) await pause(this.#clock, Number(fill(step.wait, this.#vars)));
    if (step.hook !== undefined) await this.#target.hooks?.get(step.hook)?.();
    return step.check && this.#invariant(step.check);
  }

  #name(as: string, arrivals: Arrivals): void {
    this.#streams.set(as, arrivals);
    this.#read.delete(as);
  }

  #judge(expected: Answer, { arrivals, ...read }: Partial<Answered> & { arrivals: Arrivals }): string[] {
    const { status, headers } = arrivals.answer;
    const { rpc, messages, text: body, ms } = read;
    return mismatches(fill(expected, this.#vars), { status, headers, body, rpc, messages, ms }, this.#vars);
  }

  #stream(name: string): Arrivals {
    const stream = this.#streams.get(name);
    const unopened = this.#unopened.get(name);
    if (!stream && unopened !== undefined) throw new NoAnswer(unopened);
    if (!stream) throw new Error(`no stream is named "${name}"`);
    return stream;
  }

  /** The next arrival of a stream from an index on; undefined when it did not come in time. */
  async #arrival(stream: Arrivals, index: number, from: number, window_ms: number): Promise<Arrival | undefined> {
    for (;;) {
      const arrival = stream.all[index];
      if (arrival !== undefined) return arrival;
      const left = from + window_ms - this.#clock.now();
      if (left <= 0 || !(await stream.next(left))) {
        this.#missed = { from, window_ms };
        return undefined;
      }
    }
  }

  async #answer(
    { on, rpc, result, error, within, session, token, node }: NonNullable<Step['answer']>,
    expect: Answer = { status: 202 },
  ): Promise<Found> {
    const names = [on].flat();
    // Of several streams some may be opened meanwhile.
    const named = () =>
      names.flatMap((name) => (Array.isArray(on) ? (this.#streams.get(name) ?? []) : this.#stream(name)));
    const began = this.#clock.now();
    const limit = (within?.max ?? 5000) * this.#options.slack;
    for (;;) {
      const streams = named();
      for (const arrival of streams.flatMap((stream) => stream.all)) {
        const message = messageOf(arrival);
        if (!isRecord(message) || message.method === undefined || message.id === undefined) continue;
        if (this.#answered.has(arrival)) continue;
        if (rpc !== undefined && mismatches(fill(rpc, this.#vars), message, this.#vars).length > 0) continue;
        this.#answered.add(arrival);
        const response = { respond: message.id, ...(error === undefined ? { result: result ?? {} } : { error }) };
        return this.#judge(expect, await this.#exchanges.exchange('post', { rpc: response, session, token, node }));
      }
      const open = streams.filter((stream) => !stream.ended);
      // The first is that of the call: once it has ended nobody asks for it any more.
      const isOver = Array.isArray(on) && this.#streams.get(names[0] as string)?.ended;
      if (isOver || (open.length === 0 && streams.length === names.length))
        return [`"${names.join('", "')}" ended before a request like ${show(rpc ?? {})}`];
      const left = began + limit - this.#clock.now();
      if (left <= 0) {
        this.#missed = { from: began, window_ms: limit };
        return [`"${names.join('", "')}" brought no request like ${show(rpc ?? {})} within ${limit} ms`];
      }
      const look_ms = Math.min(left, LOOK_MS);
      if (streams.length < names.length) await pause(this.#clock, Math.min(left, SHORT_LOOK_MS));
      else await Promise.race(open.map((stream) => stream.next(look_ms)));
    }
  }

  async #frames(step: Step): Promise<string[]> {
    const name = step.on as string;
    const stream = this.#stream(name);
    const ignored = new Set<string>(step.ignore ?? ['comment', 'retry', 'priming']);
    const began = this.#clock.now();
    const slack = this.#options.slack;
    let index = this.#read.get(name) ?? 0;
    let before = began;
    const expected = expanded(step.frames as Frame[]);
    for (const [place, frame] of expected.entries()) {
      const limit = (frame.within?.max ?? step.within?.max ?? 5000) * slack;
      for (;;) {
        const arrival = await this.#arrival(stream, index, began, limit);
        if (!arrival)
          return [`frame ${place + 1} of ${expected.length} did not come within ${limit} ms: ${show(frame)}`];
        index++;
        this.#read.set(name, index);
        const why = this.#fits(frame, arrival);
        if (why.length === 0) {
          // What came before it was expected came at once.
          const late = this.#offBeat(frame, arrival.at - before, Math.max(0, arrival.at - began), place);
          before = arrival.at;
          // A body is a message and the end in one.
          if (arrival.kind === 'end' && frame.rpc !== undefined) this.#read.set(name, --index);
          if (late) return [late];
          break;
        }
        if (arrival.kind === 'end') return [`the stream ended before frame ${place + 1}: ${show(frame)}`];
        if (ignored.has(kindOf(arrival)) || step.mode === 'eventually') continue;
        return [`frame ${place + 1}: ${why.join('; ')}`];
      }
    }
    return [];
  }

  #offBeat({ gap, within }: Frame, since_before: number, since_began: number, place: number): string | undefined {
    const slack = this.#options.slack;
    for (const [window, ms, than] of [
      [gap, since_before, 'the one before'],
      [within, since_began, 'it was expected from'],
    ] as const) {
      if (!window) continue;
      const { min = 0, max = Number.POSITIVE_INFINITY } = window;
      if (ms >= min && ms <= max * slack) continue;
      this.#missed = { from: this.#clock.now() - ms, window_ms: ms < min ? min : max };
      return `frame ${place + 1} came ${Math.round(ms)} ms after ${than}, expected ${min} to ${max}`;
    }
    return undefined;
  }

  /** All frames must come, in whatever order. */
  async #interleaved(step: Step): Promise<string[]> {
    const name = step.on as string;
    const stream = this.#stream(name);
    const began = this.#clock.now();
    const limit = (step.within?.max ?? 5000) * this.#options.slack;
    const missing = expanded(step.frames as Frame[]);
    let index = this.#read.get(name) ?? 0;
    while (missing.length > 0) {
      const arrival = await this.#arrival(stream, index, began, limit);
      if (!arrival) return missing.map((frame) => `did not come within ${limit} ms: ${show(frame)}`);
      this.#read.set(name, ++index);
      const found = missing.findIndex((frame) => this.#fits(frame, arrival).length === 0);
      if (found >= 0) missing.splice(found, 1);
      else if (arrival.kind === 'end') return missing.map((frame) => `the stream ended before ${show(frame)}`);
    }
    return [];
  }

  #fits(frame: Frame, arrival: Arrival): string[] {
    const fits = (expected: unknown, actual: unknown) => mismatches(fill(expected, this.#vars), actual, this.#vars);
    if (frame.end) return arrival.kind === 'end' ? [] : [`the stream must end, got ${told(arrival)}`];
    if (frame.rpc !== undefined)
      return arrival.kind === 'end' && arrival.body === undefined
        ? ['the stream ended']
        : fits(frame.rpc, heardIn(arrival));
    if (frame.comment !== undefined)
      return arrival.kind === 'comment'
        ? fits(frame.comment, arrival.text)
        : [`a comment must come, got ${told(arrival)}`];
    if (frame.retry !== undefined)
      return arrival.kind === 'retry' ? fits(frame.retry, arrival.ms) : [`a retry must come, got ${told(arrival)}`];
    return arrival.kind === 'event' ? fits(frame.event, arrival) : [`an event must come, got ${told(arrival)}`];
  }

  async #quiet({ on, for: duration, allow = ['comment'], not }: NonNullable<Step['quiet']>): Promise<string[]> {
    const stream = this.#stream(on);
    const from = this.#read.get(on) ?? 0;
    const end = this.#clock.now() + duration;
    while (this.#clock.now() < end && !stream.ended) await stream.next(end - this.#clock.now());
    const heard = stream.all.slice(from).find((arrival) => {
      if (not !== undefined) {
        const message = heardIn(arrival);
        return message !== undefined && mismatches(fill(not, this.#vars), message, this.#vars).length === 0;
      }
      return !(allow as string[]).includes(kindOf(arrival));
    });
    this.#read.set(on, stream.all.length);
    return heard ? [`it must not come within ${duration} ms: ${told(heard)}`] : [];
  }

  async #cut({ stream: name, after_messages }: NonNullable<Step['cut']>): Promise<Found> {
    const stream = this.#stream(name);
    const wanted = Number(fill(after_messages, this.#vars) ?? 0);
    const read = () => stream.all.filter((one) => heardIn(one) !== undefined).length;
    const end = this.#clock.now() + this.#limit_ms;
    while (read() < wanted && !stream.ended) {
      const left = end - this.#clock.now();
      if (left <= 0 || !(await stream.next(left)))
        return [`"${name}" brought ${read()} messages within ${this.#limit_ms} ms, expected ${wanted}`];
    }
    stream.cut();
    await stream.over;
    return undefined;
  }

  async #pages({ method, list, as, most = MOST_PAGES }: NonNullable<Step['pages']>): Promise<string[]> {
    const entries: unknown[] = [];
    const cursors = new Set<unknown>();
    let cursor: unknown;
    for (let page = 1; page <= most; page++) {
      const params = cursor === undefined ? {} : { params: { cursor } };
      const { rpc } = await this.#exchanges.exchange('post', { rpc: { method, ...params } });
      const found = valueAt(rpc, `result.${list}`);
      if (!Array.isArray(found)) return [`page ${page} of ${method} has no "${list}": ${show(rpc)}`];
      entries.push(...found);
      cursor = valueAt(rpc, 'result.nextCursor');
      if (cursor === undefined) {
        this.#vars.set(as, entries);
        this.#vars.set('pages', page);
        return [];
      }
      if (cursors.has(cursor)) return [`page ${page} of ${method} leads back to the cursor ${show(cursor)}`];
      cursors.add(cursor);
    }
    return [`${method} has no last page: ${most} were read`];
  }

  #invariant(check: Invariant): string[] {
    const filled = fill(check, this.#vars);
    const {
      sequence,
      stream,
      brought,
      messages: wanted,
      unique,
      none,
      last,
      event_ids_unique,
      distinct,
      bits,
      spread,
      equal,
      that,
    } = filled;
    const names = sequence === undefined ? [] : [sequence].flat();
    const arrived = names
      .flatMap((name) => this.#exchanges.sequences.get(name) ?? [])
      .sort((one, other) => one.at - other.at);
    const messages = arrived.map(({ message }) => message);
    const wrong: string[] = [];
    // Who says what the messages are says also whether there must be any.
    if (sequence !== undefined && messages.length === 0 && wanted === undefined)
      wrong.push(`"${names.join('", "')}" brought no message`);
    if (stream !== undefined)
      wrong.push(...mismatches(brought, broughtBy(this.#stream(stream)), this.#vars, `"${stream}"`));
    if (unique) {
      const twice = firstTwice(messages.map((message) => JSON.stringify(message)));
      if (twice !== undefined) wrong.push(`came twice: ${twice}`);
    }
    if (wanted !== undefined) wrong.push(...mismatches(wanted, messages, this.#vars, `"${names.join('", "')}"`));
    if (none !== undefined) {
      const found = messages.find((message) => mismatches(none, message, this.#vars).length === 0);
      if (found !== undefined) wrong.push(`must not come: ${show(found)}`);
    }
    if (last !== undefined) wrong.push(...mismatches(last, messages.at(-1), this.#vars, 'the last message'));
    if (event_ids_unique) {
      const twice = firstTwice(this.#exchanges.eventIds);
      if (twice !== undefined) wrong.push(`the event id ${show(twice)} came twice`);
    }
    if (distinct) {
      const values = distinct.flatMap((name) => [this.#vars.get(name)].flat()).map((value) => JSON.stringify(value));
      const twice = firstTwice(values);
      if (twice !== undefined) wrong.push(`${distinct.join(', ')} must differ, got ${twice} twice`);
    }
    if (bits) {
      const texts = [this.#vars.get(bits.of)].flat().map(String);
      const held = bitsOf(texts);
      if (held < bits.min)
        wrong.push(
          `${bits.of} can be guessed: what differs holds about ${Math.floor(held)} bits, as in ${show(texts.slice(0, 3))}`,
        );
    }
    if (spread) {
      const ms = (arrived.at(-1)?.at ?? 0) - (arrived[0]?.at ?? 0);
      if (ms < spread.min)
        wrong.push(`all of "${sequence}" came within ${Math.round(ms)} ms, expected at least ${spread.min}`);
    }
    if (equal) {
      const [first, ...others] = equal.map((one) => JSON.stringify(one));
      const other = others.find((one) => one !== first);
      if (other !== undefined) wrong.push(`must be the same: ${show(equal)}`);
    }
    if (isRecord(that))
      for (const [name, matcher] of Object.entries(that))
        wrong.push(...mismatches(matcher, valueAt(Object.fromEntries(this.#vars), name), this.#vars, name));
    return wrong;
  }
}

function verbOf(exchange: { [V in (typeof VERBS)[number]]?: Request | undefined }): [string, Request] {
  for (const verb of VERBS) {
    const request = exchange[verb];
    if (request) return [verb, request];
  }
  throw new Error(`an exchange is one of ${VERBS.join(', ')}`);
}

function expanded(frames: readonly Frame[]): Frame[] {
  return frames.flatMap((frame) => Array.from({ length: frame.times ?? 1 }, () => frame));
}

function kindOf(arrival: Arrival): string {
  if (arrival.kind !== 'event') return arrival.kind;
  return arrival.data === '' ? 'priming' : 'rpc';
}

/** What a stream has brought so far, for matchers. */
function broughtBy({ all, ended }: Arrivals): Record<string, unknown> {
  const events = all.flatMap((one) => (one.kind === 'event' ? [{ id: one.id, event: one.event, data: one.data }] : []));
  const comments = all.flatMap((one) => (one.kind === 'comment' ? [one.text] : []));
  const retries = all.flatMap((one) => (one.kind === 'retry' ? [one.ms] : []));
  const messages = all.map(heardIn).filter((message) => message !== undefined);
  return { ended, events, comments, retries, messages };
}

/** An arrival in a sentence. */
function told(arrival: Arrival): string {
  const { at: _at, ...rest } = arrival;
  return show(messageOf(arrival) ?? rest);
}

function firstTwice(texts: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return texts.find((text) => seen.size === seen.add(text).size);
}

/** A low estimate of what is random in texts: for each place, how many different characters stand there. */
function bitsOf(texts: readonly string[]): number {
  const length = Math.min(...texts.map((text) => text.length));
  let bits = 0;
  for (let place = 0; place < length; place++) bits += Math.log2(new Set(texts.map((text) => text[place])).size);
  return bits;
}
