/** Runs scenarios against a target, one run for each combination of a scenario's parameters. */

import { type Arrival, Arrivals, messageOf } from './arrivals.ts';
import { fill, isRecord, mismatches, show, type Vars, valueAt } from './match.ts';
import { CAPABILITIES, CLIENT, isStateless, requestOf } from './protocol.ts';
import {
  type Answer,
  type Frame,
  type Invariant,
  inRange,
  type Level,
  REVISIONS,
  type Request,
  type Revision,
  type Scenario,
  type Step,
  stepSchema,
} from './scenario.ts';
import type { Target } from './target.ts';

/** `fail` breaks a MUST, `warn` a SHOULD, `note` a MAY; `error` is a fault of the scenario or of the harness. */
export type Verdict = 'pass' | 'fail' | 'warn' | 'note' | 'skip' | 'untestable' | 'error';

export interface Check {
  /** Stable: the scenario's id and the step. */
  id: string;
  level: Level;
  requirement?: string;
  verdict: Verdict;
  /** What is wrong, one line each. */
  why: string[];
}

export interface Outcome {
  scenario: string;
  title: string;
  revision: Revision;
  /** The parameters of this run. */
  case: Record<string, unknown>;
  verdict: Verdict;
  checks: Check[];
  /** Why it was passed over. */
  reason?: string;
  ms: number;
  transcript: Event[];
}

/** One thing that went over the wire. */
export interface Event {
  /** ms since the run began. */
  t: number;
  what: 'request' | 'answer' | 'arrival';
  exchange: number;
  detail: unknown;
}

/** What a target is found to be, asked once. */
export interface Facts {
  revision: Revision;
  /** It gives sessions. */
  session: boolean;
  /** Its streams have event ids. */
  resumption: boolean;
  capabilities: Record<string, unknown>;
  tools: readonly string[];
}

/** Fixtures of scenarios by the names of the target's own tools. */
export type Bind = Readonly<
  Record<string, { readonly tool: string; readonly args: Readonly<Record<string, unknown>> }>
>;

export interface Options {
  bind: Bind;
  /** Windows of time are as many times longer. */
  slack: number;
}

const TIMEOUT_MS = 10_000;
const VERBS = ['post', 'get', 'delete', 'options', 'put'] as const;
const WORST: readonly Verdict[] = ['error', 'fail', 'warn', 'note', 'untestable', 'skip', 'pass'];

/** Asks what the target offers at a revision. @returns undefined when it does not speak it @throws Error when it does not answer */
export async function factsOf(target: Target, revision: Revision): Promise<Facts | undefined> {
  const run = new Run(target, revision, {}, { bind: {}, slack: 1 });
  const discovery: Request = isStateless(revision) ? { rpc: { method: 'server/discover' } } : { rpc: run.initialize() };
  const { rpc, answer } = await run.exchange('post', discovery);
  const result = isRecord(rpc) && isRecord(rpc.result) ? rpc.result : undefined;
  if (!result) return undefined;
  const { capabilities, supportedVersions, protocolVersion } = result;
  const spoken = isStateless(revision)
    ? Array.isArray(supportedVersions) && supportedVersions.includes(revision)
    : // One that does not exist is no other revision but a fault, for the scenarios to find.
      protocolVersion === revision || !REVISIONS.some((known) => known === protocolVersion);
  if (!spoken) return undefined;
  const session = answer.headers['mcp-session-id'];
  if (!isStateless(revision)) {
    run.vars.set('session', session);
    run.vars.set('negotiated', revision);
    await run.exchange('post', { rpc: { notify: 'notifications/initialized' } });
  }
  const listed = await run.exchange('post', { rpc: { method: 'tools/list' } });
  const tools = valueAt(listed.rpc, 'result.tools');
  let resumption = false;
  if (session !== undefined) {
    const opened = await run.open('get', {});
    if (opened.isStream) {
      await opened.next(1000);
      resumption = opened.lastEventId !== undefined;
    }
    opened.cut();
    await run.exchange('delete', {}).catch(() => undefined);
  }
  run.close();
  return {
    revision,
    session: session !== undefined,
    resumption,
    capabilities: isRecord(capabilities) ? capabilities : {},
    tools: Array.isArray(tools) ? tools.map((tool) => String(valueAt(tool, 'name'))) : [],
  };
}

/** Every run of a scenario; one outcome that says why where there is none. */
export async function runScenario(
  scenario: Scenario,
  target: Target,
  facts: Facts,
  options: Options,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const params of combinations(scenario.params ?? {})) {
    const began = performance.now();
    const outcome = (verdict: Verdict, more: Partial<Outcome>): Outcome => ({
      scenario: scenario.id,
      title: scenario.title,
      revision: facts.revision,
      case: params,
      verdict,
      checks: [],
      transcript: [],
      ms: performance.now() - began,
      ...more,
    });
    const [verdict, reason] = prevented(scenario, target, facts, options.bind) ?? [];
    if (verdict) {
      outcomes.push(outcome(verdict, { ...(reason !== undefined && { reason }) }));
      continue;
    }
    const run = new Run(target, facts.revision, params, options, scenario);
    await run.all(scenario.steps, '');
    run.close();
    const { checks, transcript } = run;
    const verdicts = checks.map((check) => check.verdict);
    const worst = WORST.find((one) => verdicts.includes(one));
    // A run in which nothing was looked at has shown nothing.
    outcomes.push(
      outcome(worst ?? 'skip', { checks, transcript, ...(worst === undefined && { reason: 'no step of it applied' }) }),
    );
  }
  return outcomes;
}

/** Why a scenario cannot be run on a target, if it cannot. */
function prevented({ requires = {}, revisions }: Scenario, target: Target, facts: Facts, bind: Bind) {
  const { session, resumption, capabilities = [], fixtures = [], target: abilities = [] } = requires;
  const no = (verdict: Verdict, reason: string): [Verdict, string] => [verdict, reason];
  if (!inRange(facts.revision, revisions)) return no('skip', `is for revisions ${revisions}`);
  if (session && !facts.session) return no('skip', 'the server gives no session ids');
  if (resumption && !facts.resumption) return no('skip', 'the server gives no event ids');
  const lacking = capabilities.find((name) => facts.capabilities[name] === undefined);
  if (lacking) return no('skip', `the server does not declare "${lacking}"`);
  const unbound = fixtures.find((name) => !facts.tools.includes(bind[name]?.tool ?? ''));
  if (unbound) return no('untestable', `no tool is bound to "${unbound}"`);
  const unable = abilities.find((one) => !(target.can as ReadonlySet<string>).has(one));
  return unable ? no('untestable', `this kind of target cannot do "${unable}"`) : undefined;
}

function combinations(params: Record<string, readonly unknown[]>): Record<string, unknown>[] {
  let all: Record<string, unknown>[] = [{}];
  for (const [name, values] of Object.entries(params))
    all = all.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  return all;
}

class Run {
  readonly vars: Vars = new Map();
  readonly checks: Check[] = [];
  readonly transcript: Event[] = [];
  readonly #target: Target;
  readonly #options: Options;
  readonly #scenario: Scenario | undefined;
  readonly #began = performance.now();
  readonly #streams = new Map<string, Arrivals>();
  /** Frames of a stream before this index were expected already. */
  readonly #read = new Map<string, number>();
  readonly #sequences = new Map<string, unknown[]>();
  readonly #eventIds: string[] = [];
  readonly #open = new Set<Arrivals>();
  #exchanges = 0;
  #ids = 0;

  constructor(target: Target, revision: Revision, params: object, options: Options, scenario?: Scenario) {
    this.#target = target;
    this.#options = options;
    this.#scenario = scenario;
    for (const [name, fixture] of Object.entries(options.bind)) this.vars.set(name, fixture);
    this.vars.set('rev', revision);
    this.vars.set('uuid', crypto.randomUUID());
    this.vars.set('target', { host: target.host });
    for (const [name, value] of Object.entries(params)) this.vars.set(name, fill(value, this.vars));
  }

  initialize() {
    const protocolVersion = String(this.vars.get('rev'));
    return { method: 'initialize', params: { protocolVersion, capabilities: CAPABILITIES, clientInfo: CLIENT } };
  }

  close(): void {
    for (const arrivals of this.#open) arrivals.cut();
  }

  /** Runs steps in order; what a step needs and has not got ends them. */
  async all(steps: readonly Step[], prefix: string): Promise<void> {
    for (const [index, step] of steps.entries()) {
      const name = `${prefix}${step.name ?? index + 1}`;
      try {
        if (this.#passedOver(step)) continue;
        const why = await this.#run(step, name);
        if (why) this.#check(step, name, why.length === 0 ? 'pass' : 'fail', why);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        // After a failure what it would have given is missing: that is no fault of the scenario.
        const failed = this.checks.some(({ verdict }) => verdict !== 'pass');
        if (!failed) this.#check(step, name, error instanceof NoAnswer ? 'fail' : 'error', [message]);
        return;
      }
    }
  }

  #passedOver({ when }: Step): boolean {
    if (!isRecord(when)) return false;
    return Object.entries(when).some(
      ([name, matcher]) => mismatches(fill(matcher, this.vars), this.vars.get(name), this.vars).length > 0,
    );
  }

  #check(step: Step, name: string, verdict: 'pass' | 'fail' | 'error', why: string[]): void {
    const level = step.level ?? this.#scenario?.level ?? 'MUST';
    const requirement = step.requirement ?? this.#scenario?.requirement;
    const soft: Verdict = level === 'MUST' ? 'fail' : level === 'SHOULD' ? 'warn' : 'note';
    this.checks.push({
      id: `${this.#scenario?.id ?? 'probe'}#${name}`,
      level,
      ...(requirement !== undefined && { requirement }),
      verdict: verdict === 'fail' ? soft : verdict,
      why,
    });
  }

  /** @returns what is wrong, or undefined for a step that looks at nothing */
  async #run(step: Step, name: string): Promise<string[] | undefined> {
    if (step.use) return this.#ready();
    if (step.http) {
      const [verb, request] = verbOf(step.http);
      const { answer, rpc, messages, text } = await this.exchange(verb, request);
      if (step.expect === undefined) return undefined;
      return this.#judge(step.expect, { ...answer, body: text, rpc, messages });
    }
    if (step.open) {
      const [verb, request] = verbOf(step.open);
      const arrivals = await this.open(verb, request, step.open.sequence);
      this.#streams.set(step.open.as, arrivals);
      return step.expect === undefined ? undefined : this.#judge(step.expect, arrivals.answer);
    }
    if (step.resume) {
      const { as, from, sequence, last_event_id } = fill(step.resume, this.vars);
      const last = last_event_id ?? this.#stream(from).lastEventId;
      if (last === undefined) return [`the stream "${from}" brought no event id to resume from`];
      const arrivals = await this.open('get', { headers: { 'last-event-id': last } }, sequence);
      this.#streams.set(as, arrivals);
      return step.expect === undefined ? undefined : this.#judge(step.expect, arrivals.answer);
    }
    if (step.frames) return this.#frames(step);
    if (step.quiet) return this.#quiet(step.quiet);
    if (step.cut) return this.#cut(step.cut);
    if (step.parallel) {
      const lists = step.parallel.map((list) => list.map((one) => stepSchema.parse(one)));
      await Promise.all(lists.map((list, index) => this.all(list, `${name}.${index + 1}.`)));
    }
    if (step.repeat) {
      const steps = step.repeat.steps.map((one) => stepSchema.parse(one));
      for (let round = 1; round <= step.repeat.times; round++) await this.all(steps, `${name}.`);
    }
    if (step.wait !== undefined) await pause(Number(fill(step.wait, this.vars)));
    return step.check ? this.#invariant(step.check) : undefined;
  }

  /** A session where the revision has them. */
  async #ready(): Promise<string[] | undefined> {
    const revision = String(this.vars.get('rev'));
    if (isStateless(revision)) return undefined;
    // Another session may have been used before: this is a new one.
    this.vars.delete('session');
    this.vars.delete('negotiated');
    const { rpc, answer } = await this.exchange('post', { rpc: this.initialize() });
    if (valueAt(rpc, 'result.protocolVersion') !== revision)
      return [`initialize must be answered with ${revision}, got ${show(rpc)}`];
    this.vars.set('session', answer.headers['mcp-session-id']);
    this.vars.set('negotiated', revision);
    await this.exchange('post', { rpc: { notify: 'notifications/initialized' } });
    return undefined;
  }

  /** Sends a request and resolves with the head of what answers it. */
  async open(verb: string, given: Request, sequence?: string): Promise<Arrivals> {
    const exchange = ++this.#exchanges;
    const { id: _id, body, ...request } = requestOf(verb, given, this.vars, () => ++this.#ids);
    this.#tell('request', exchange, { ...request, ...(body && { body: new TextDecoder().decode(body) }) });
    const abort = new AbortController();
    const limit = this.#scenario?.timeout ?? TIMEOUT_MS;
    const late = setTimeout(() => abort.abort(new NoAnswer(`no answer within ${limit} ms`)), limit);
    try {
      const answer = await this.#target.exchange({ ...request, ...(body && { body }) }, abort.signal);
      this.#tell('answer', exchange, { status: answer.status, headers: answer.headers });
      const arrivals = new Arrivals(answer, abort, (arrival) => this.#arrived(exchange, arrival, sequence));
      this.#open.add(arrivals);
      return arrivals;
    } catch (error) {
      if (abort.signal.aborted) throw abort.signal.reason;
      throw new NoAnswer(`the request got no answer: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearTimeout(late);
    }
  }

  /** Sends a request and reads the answer to its end; of an event stream, to the response. */
  async exchange(verb: string, given: Request) {
    const arrivals = await this.open(verb, given);
    const limit = this.#scenario?.timeout ?? TIMEOUT_MS;
    const end = performance.now() + limit;
    const isOver = () => arrivals.ended || (arrivals.isStream && verb === 'post' && arrivals.all.some(isResponse));
    while (!isOver()) {
      const left = end - performance.now();
      if (left <= 0 || !(await arrivals.next(left))) {
        arrivals.cut();
        throw new NoAnswer(`the answer did not end within ${limit} ms`);
      }
    }
    const messages = arrivals.isStream
      ? arrivals.all.map(messageOf).filter((message) => message !== undefined)
      : [parsed(arrivals.text)].filter((message) => message !== undefined);
    const rpc = arrivals.isStream ? messages.findLast((one) => isRecord(one) && !('method' in one)) : messages[0];
    return { answer: arrivals.answer, rpc, messages, text: arrivals.text };
  }

  #arrived(exchange: number, arrival: Arrival, sequence: string | undefined): void {
    const { at: _at, ...detail } = arrival;
    this.#tell('arrival', exchange, detail);
    if (arrival.kind === 'event' && arrival.id) this.#eventIds.push(arrival.id);
    const message = messageOf(arrival);
    if (sequence === undefined || message === undefined) return;
    const known = this.#sequences.get(sequence);
    if (known) known.push(message);
    else this.#sequences.set(sequence, [message]);
  }

  #tell(what: Event['what'], exchange: number, detail: unknown): void {
    this.transcript.push({ t: Math.round((performance.now() - this.#began) * 1000) / 1000, what, exchange, detail });
  }

  #judge(expected: Answer, actual: object): string[] {
    return mismatches(fill(expected, this.vars), actual, this.vars);
  }

  #stream(name: string): Arrivals {
    const stream = this.#streams.get(name);
    if (!stream) throw new Error(`no stream is named "${name}"`);
    return stream;
  }

  async #frames(step: Step): Promise<string[]> {
    const name = step.on as string;
    const stream = this.#stream(name);
    const ignored = new Set<string>(step.ignore ?? ['comment', 'retry', 'priming']);
    const began = performance.now();
    const slack = this.#options.slack;
    let index = this.#read.get(name) ?? 0;
    let before = began;
    const expected = (step.frames as Frame[]).flatMap((frame) => Array.from({ length: frame.times ?? 1 }, () => frame));
    for (const [place, frame] of expected.entries()) {
      const limit = (frame.within?.max ?? step.within?.max ?? 5000) * slack;
      for (;;) {
        const arrival = stream.all[index];
        if (arrival === undefined) {
          const left = began + limit - performance.now();
          if (left <= 0 || !(await stream.next(left)))
            return [`frame ${place + 1} of ${expected.length} did not come within ${limit} ms: ${show(frame)}`];
          continue;
        }
        index++;
        this.#read.set(name, index);
        const why = this.#fits(frame, arrival);
        if (why.length === 0) {
          const since = arrival.at - before;
          before = arrival.at;
          const { min = 0, max = Number.POSITIVE_INFINITY } = frame.gap ?? {};
          if (frame.gap && (since < min || since > max * slack))
            return [`frame ${place + 1} came ${Math.round(since)} ms after the one before, expected ${min} to ${max}`];
          break;
        }
        if (arrival.kind === 'end') return [`the stream ended before frame ${place + 1}: ${show(frame)}`];
        if (ignored.has(kindOf(arrival)) || step.mode === 'eventually') continue;
        return [`frame ${place + 1}: ${why.join('; ')}`];
      }
    }
    return [];
  }

  #fits(frame: Frame, arrival: Arrival): string[] {
    if (frame.end) return arrival.kind === 'end' ? [] : [`the stream must end, got ${show(arrival)}`];
    if (frame.rpc !== undefined) return mismatches(fill(frame.rpc, this.vars), messageOf(arrival), this.vars);
    if (frame.comment !== undefined)
      return arrival.kind === 'comment'
        ? mismatches(fill(frame.comment, this.vars), arrival.text, this.vars)
        : [`a comment must come, got ${show(arrival)}`];
    if (frame.retry !== undefined)
      return arrival.kind === 'retry'
        ? mismatches(fill(frame.retry, this.vars), arrival.ms, this.vars)
        : [`a retry must come, got ${show(arrival)}`];
    return arrival.kind === 'event'
      ? mismatches(fill(frame.event, this.vars), arrival, this.vars)
      : [`an event must come, got ${show(arrival)}`];
  }

  async #quiet({ on, for: duration, allow = ['comment'] }: NonNullable<Step['quiet']>): Promise<string[]> {
    const stream = this.#stream(on);
    const from = stream.all.length;
    const end = performance.now() + duration;
    while (performance.now() < end && !stream.ended) await stream.next(end - performance.now());
    const heard = stream.all.slice(from).find((arrival) => !allow.includes(kindOf(arrival)));
    this.#read.set(on, stream.all.length);
    return heard ? [`nothing must come for ${duration} ms, got ${show(heard)}`] : [];
  }

  async #cut({ stream: name, after_messages }: NonNullable<Step['cut']>): Promise<string[] | undefined> {
    const stream = this.#stream(name);
    const wanted = Number(fill(after_messages, this.vars) ?? 0);
    const read = () => stream.all.filter((one) => messageOf(one) !== undefined).length;
    const limit = this.#scenario?.timeout ?? TIMEOUT_MS;
    const end = performance.now() + limit;
    while (read() < wanted && !stream.ended) {
      const left = end - performance.now();
      if (left <= 0 || !(await stream.next(left)))
        return [`"${name}" brought ${read()} messages within ${limit} ms, expected ${wanted}`];
    }
    stream.cut();
    await stream.over;
    return undefined;
  }

  #invariant(check: Invariant): string[] {
    const { sequence, messages: wanted, unique, none, last, event_ids_unique, distinct } = fill(check, this.vars);
    const messages = sequence === undefined ? [] : (this.#sequences.get(sequence) ?? []);
    const wrong: string[] = [];
    if (sequence !== undefined && messages.length === 0) wrong.push(`"${sequence}" brought no message`);
    if (unique) {
      const twice = firstTwice(messages.map((message) => JSON.stringify(message)));
      if (twice !== undefined) wrong.push(`came twice: ${twice}`);
    }
    if (wanted !== undefined) wrong.push(...mismatches(wanted, messages, this.vars, `"${sequence}"`));
    if (none !== undefined) {
      const found = messages.find((message) => mismatches(none, message, this.vars).length === 0);
      if (found !== undefined) wrong.push(`must not come: ${show(found)}`);
    }
    if (last !== undefined) wrong.push(...mismatches(last, messages.at(-1), this.vars, 'the last message'));
    if (event_ids_unique) {
      const twice = firstTwice(this.#eventIds);
      if (twice !== undefined) wrong.push(`the event id ${show(twice)} came twice`);
    }
    if (distinct) {
      const values = distinct.map((name) => JSON.stringify(this.vars.get(name)));
      const twice = firstTwice(values);
      if (twice !== undefined) wrong.push(`${distinct.join(', ')} must differ, got ${twice} twice`);
    }
    return wrong;
  }
}

/** The target is at fault: it did not answer, or not in time. */
class NoAnswer extends Error {}

function verbOf(exchange: { [V in (typeof VERBS)[number]]?: Request | undefined }): [string, Request] {
  for (const verb of VERBS) {
    const request = exchange[verb];
    if (request) return [verb, request];
  }
  throw new Error(`an exchange is one of ${VERBS.join(', ')}`);
}

function kindOf(arrival: Arrival): string {
  if (arrival.kind !== 'event') return arrival.kind;
  return arrival.data === '' ? 'priming' : 'rpc';
}

function isResponse(arrival: Arrival): boolean {
  const message = messageOf(arrival);
  return isRecord(message) && !('method' in message);
}

function firstTwice(texts: readonly string[]): string | undefined {
  return texts.find((text, index) => texts.indexOf(text) !== index);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
