/**
 * Revisions up to 2025-11-25: the handshake, sessions, POST, GET and DELETE, streams that can be resumed, and questions
 * to the client as JSON-RPC requests on the stream of the call.
 */

import { type Answer, Call, type Core, LEVELS, type Method } from './call.ts';
import { missing } from './capabilities.ts';
import type { LogLevel } from './content.ts';
import { elicitationParams } from './elicitation.ts';
import { Exchange, type ExchangeHost } from './exchange.ts';
import type { Inbound } from './inbound.ts';
import {
  ASSUMED_REVISION,
  accepted,
  acceptsOf,
  asStream,
  CODE,
  errorText,
  isObject,
  isRequestId,
  isStatelessRevision,
  jsonAnswer,
  judge,
  META,
  type Message,
  notificationText,
  quote,
  type RequestId,
  readableId,
  refuse,
  resultText,
  SECURITY_HEADERS,
  STATEFUL_REVISIONS,
  streamAnswer,
} from './protocol.ts';
import type { Session, Sessions } from './session.ts';
import { EventStream } from './sse.ts';
import type { SessionState, SessionStates } from './state.ts';
import { watches } from './subscriptions.ts';
import {
  type Answers,
  type ClientCapabilities,
  MissingCapability,
  type Notify,
  type Principal,
  ProtocolError,
  type Question,
  type Questions,
  ToolError,
} from './tool.ts';

export interface Stateful {
  /** POST of a parsed body. */
  answer(body: unknown, version: string | null, inbound: Inbound): Response | Promise<Response>;
  /** GET: opens the session's stream, or resumes one. */
  open(inbound: Inbound): Response | Promise<Response>;
  /** DELETE: ends the session. */
  end(inbound: Inbound): Response | Promise<Response>;
  readonly notify: Notify;
}

const FIRST_BYTE = ':\n\n';
/** An event id of ours: a stream id and a sequence number. */
const EVENT_ID = /^([a-z0-9]{11,40})-(\d{1,15})$/;
/** Where priming events and closing before the end began (SEP-1699). */
const POLLING = '2025-11-25';

export function stateful(
  core: Core,
  sessions: Sessions,
  states: SessionStates,
  shared: ReadonlyMap<string, Method>,
): Stateful {
  const { registry, config, counts } = core;
  const methods = new Map<string, Method>(shared);
  methods.set('ping', () => ({}));
  methods.set('logging/setLevel', ({ level }, call) => {
    if (!LEVELS.includes(level as LogLevel))
      throw new ProtocolError(CODE.invalidParams, `"level" must be one of ${LEVELS.join(', ')}, got ${quote(level)}`);
    const state = stateOf(call);
    if (state) state.level = level as LogLevel;
    return {};
  });
  if (registry.capabilities.resources) {
    methods.set('resources/subscribe', ({ uri }, call) => {
      if (typeof uri !== 'string' || !URL.canParse(uri))
        throw new ProtocolError(CODE.invalidParams, `"uri" must be a URI, got ${quote(uri)}`);
      if (!registry.find(uri))
        throw new ProtocolError(CODE.resourceNotFound, `Resource ${quote(uri)} does not exist`, { uri });
      const state = stateOf(call);
      if (state && !state.subscriptions.has(uri) && state.subscriptions.size >= config.MCP_MAX_SUBSCRIPTIONS) {
        throw new ProtocolError(
          CODE.invalidParams,
          `A session may watch at most ${config.MCP_MAX_SUBSCRIPTIONS} resources`,
        );
      }
      state?.subscriptions.add(uri);
      return {};
    });
    methods.set('resources/unsubscribe', ({ uri }, call) => {
      if (typeof uri !== 'string')
        throw new ProtocolError(CODE.invalidParams, `"uri" must be a URI, got ${quote(uri)}`);
      const state = (call as StatefulCall).state;
      state?.subscriptions.delete(uri);
      if (state) states.tidy(state);
      return {};
    });
  }

  /** State for what a request wants kept. Without sessions nothing is kept, and the request is merely answered. */
  function stateOf(call: Call): SessionState | undefined {
    const session = (call as StatefulCall).sealed;
    if (!session) return undefined;
    const state = states.make(session);
    if (!state)
      throw new ProtocolError(
        CODE.internal,
        `All ${config.MCP_MAX_SESSIONS} sessions with state are in use; try again later`,
      );
    return state;
  }

  class StatefulCall extends Call {
    readonly era = 'stateful';
    /** Undefined when sessions are off. */
    readonly sealed: Session | undefined;

    constructor(
      inbound: Inbound,
      message: Message,
      revision: string,
      session: Session | undefined,
      exchange?: Exchange,
    ) {
      super(core, inbound, message, revision, exchange);
      this.sealed = session;
    }

    get state(): SessionState | undefined {
      return this.sealed && states.find(this.sealed);
    }

    get client() {
      return { info: this.sealed?.client, capabilities: this.sealed?.capabilities ?? NO_CAPABILITIES };
    }

    get logLevel(): LogLevel | undefined {
      return this.state?.level ?? 'info';
    }

    protected makeExchange(): Exchange {
      return new Exchange(
        hostOf(this.sealed, [this], this.principal),
        this.platform,
        acceptsOf(this.http.headers.get('accept')),
      );
    }

    complete(body: string): string {
      return body;
    }

    encode(outcome: object): string {
      return JSON.stringify(outcome);
    }

    protected failure(error: unknown): Answer {
      if (error instanceof MissingCapability && this.method === 'tools/call') {
        const result = { content: [{ type: 'text', text: error.message }], isError: true };
        return { text: resultText(this.id, JSON.stringify(result)), status: 200, ending: 'tool_error' };
      }
      if (error instanceof MissingCapability)
        return this.errorAnswer({ code: CODE.invalidParams, message: error.message });
      return this.errorAnswer(this.errorOf(error, CODE.resourceNotFound));
    }

    protected closeConnection(retry_ms = config.MCP_RETRY): void {
      if (this.done || !this.sealed || this.revision < POLLING || !this.exchange.upgrade()) return;
      this.exchange.stream?.hangUp(retry_ms);
    }

    async keep<T>(_key: string, make: () => T | Promise<T>): Promise<T> {
      return make();
    }

    async put<Q extends Questions>(questions: Q): Promise<Answers<Q>> {
      const answers: Record<string, unknown> = {};
      const asked: [string, Question<unknown>][] = [];
      const lacking: ClientCapabilities = {};
      for (const [key, question] of Object.entries(questions)) {
        const lack = missing(question.needs, this.client.capabilities);
        if (!lack) asked.push([key, question]);
        else if (question.optional) answers[key] = undefined;
        else Object.assign(lacking, lack);
      }
      if (Object.keys(lacking).length > 0) throw new MissingCapability(lacking);
      await Promise.all(
        asked.map(async ([key, question]) => {
          const result = await this.#request(question);
          try {
            answers[key] = question.read(result);
          } catch (error) {
            throw new ToolError(
              `The client's answer to ${quote(key)} does not fit: ${error instanceof Error ? error.message : String(error)}`,
            );
          }
        }),
      );
      return answers as Answers<Q>;
    }

    /** Sends a request on the stream of this call and waits for the POST that answers it. */
    #request(question: Question<unknown>): Promise<unknown> {
      if (this.done) return Promise.reject(new ToolError('The call is over'));
      const state = this.sealed && states.make(this.sealed);
      if (!state || !this.exchange.upgrade()) {
        return Promise.reject(
          new ToolError(`Cannot send ${question.method}: this request is not answered by an event stream`),
        );
      }
      if (state.pending.size >= config.MCP_MAX_PENDING) {
        return Promise.reject(
          new ToolError(`Cannot send ${question.method}: ${config.MCP_MAX_PENDING} questions are open already`),
        );
      }
      const { method } = question;
      const params = method === 'elicitation/create' ? elicitationParams(question, this.revision) : question.params;
      const id = states.questionId();
      const { signal } = this;
      return new Promise((resolve, reject) => {
        const over = (reason: unknown) => {
          // On Workers only the request that set a timer can call it off, so it may still come.
          if (!state.pending.has(id)) return;
          finish();
          void this.emit(
            notificationText('notifications/cancelled', {
              requestId: id,
              reason: reason instanceof Error ? reason.message : String(reason),
            }),
          );
          reject(reason);
        };
        const aborted = () => over(signal.reason);
        const stop = core.clock.after(config.MCP_REQUEST_TIMEOUT, () =>
          over(new ToolError(`The client did not answer ${question.method} within ${config.MCP_REQUEST_TIMEOUT} ms`)),
        );
        const finish = () => {
          stop();
          signal.removeEventListener('abort', aborted);
          if (state.pending.delete(id)) core.questions--;
          states.tidy(state);
        };
        core.questions++;
        state.pending.set(id, {
          settle(result, error) {
            finish();
            if (error === undefined) resolve(result);
            else reject(error);
          },
        });
        if (signal.aborted) return aborted();
        signal.addEventListener('abort', aborted, { once: true });
        void this.emit(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      });
    }
  }

  /** Of a POST's exchange: its stream is the session's, its calls are found there by id. */
  function hostOf(
    session: Session | undefined,
    calls: readonly StatefulCall[],
    principal: Principal | undefined,
  ): ExchangeHost {
    return {
      connected(stream) {
        if (session) return endWith(principal, stream);
        core.admission.limit(stream, principal, () => calls.forEach((call) => void call.expire()));
      },
      stream() {
        if (!session) {
          if (counts.open >= config.MCP_MAX_CONNECTIONS) return undefined;
          return { stream: new EventStream(core), opening: FIRST_BYTE };
        }
        const stream = states.postStream(session);
        if (!stream) return undefined;
        if (session.revision >= POLLING) stream.write('');
        return { stream, opening: FIRST_BYTE };
      },
      lingers() {
        const state = session && states.make(session);
        if (state) for (const call of calls) if (!call.done) state.calls.set(call.id, call);
      },
      finished(exchange) {
        const state = session && states.find(session);
        if (!state) return;
        for (const call of calls) if (state.calls.get(call.id) === call) state.calls.delete(call.id);
        if (exchange.stream) states.retain(state, exchange.stream);
        else states.tidy(state);
      },
    };
  }

  // ---- POST ----

  function answer(body: unknown, version: string | null, inbound: Inbound): Response | Promise<Response> {
    const batch = Array.isArray(body);
    if (!batch) {
      const wrong = judge(body);
      if (wrong) return refuse(400, wrong.code, wrong.message, { id: readableId(body) });
    }
    const accept = inbound.request.headers.get('accept');
    const accepts = acceptsOf(accept);
    if (!accepts.json && !accepts.sse) {
      return refuse(
        406,
        CODE.invalidRequest,
        `Accept must allow application/json and text/event-stream, got ${quote(accept)}`,
        {
          id: readableId(body),
        },
      );
    }
    const served = admit(body, version, inbound);
    return accepts.json ? served : asStream(served);
  }

  function admit(body: unknown, version: string | null, inbound: Inbound): Response | Promise<Response> {
    const id = inbound.request.headers.get('mcp-session-id');
    if (!Array.isArray(body) && (body as unknown as Message).method === 'initialize')
      return initialize(body as unknown as Message, id, inbound);

    if (version !== null && !STATEFUL_REVISIONS.includes(version)) return unsupported(version, readableId(body));
    if (config.MCP_STATELESS) {
      return serve(body as unknown as Message | unknown[], inbound, undefined, version ?? ASSUMED_REVISION);
    }
    if (id === null) {
      return refuse(
        400,
        CODE.invalidRequest,
        'Mcp-Session-Id is missing; send initialize first and repeat the id it answers with',
        { id: readableId(body) },
      );
    }
    const opened = sessions.open(id, inbound.principal);
    const go = (session: Session | undefined) =>
      contradiction(session, version, readableId(body)) ??
      serve(body as unknown as Message | unknown[], inbound, session, (session as Session).revision);
    return opened instanceof Promise ? opened.then(go) : go(opened);
  }

  function unsupported(version: string, id?: RequestId): Response {
    return refuse(
      400,
      CODE.invalidRequest,
      `MCP-Protocol-Version ${quote(version)} is not supported; expected one of ${STATEFUL_REVISIONS.join(', ')}`,
      { id },
    );
  }

  /** What is wrong with the session of a request, if anything. */
  function contradiction(session: Session | undefined, version: string | null, id?: RequestId): Response | undefined {
    if (!session)
      return refuse(404, CODE.invalidRequest, 'Session not found; send initialize to begin a new one', { id });
    if (version !== null && version !== session.revision) {
      return refuse(
        400,
        CODE.invalidRequest,
        `MCP-Protocol-Version ${quote(version)} is not the ${session.revision} that this session negotiated`,
        { id },
      );
    }
    return undefined;
  }

  function serve(
    body: Message | unknown[],
    inbound: Inbound,
    session: Session | undefined,
    revision: string,
  ): Response | Promise<Response> {
    if (Array.isArray(body)) return serveBatch(body, inbound, session, revision);
    if (body.method === undefined) return take(body, session) ? accepted() : elsewhere();
    if (body.id === undefined) {
      hear(body, inbound, session, revision);
      return accepted();
    }
    const taken = inProgress(body.id, session);
    if (taken !== undefined) return refuse(400, CODE.invalidRequest, taken, { id: body.id });
    const method = methods.get(body.method);
    if (!method) return jsonAnswer(inbound.platform, notFound(body, body.id, inbound, revision));
    return (
      core.admission.serve(body, inbound, session) ?? new StatefulCall(inbound, body, revision, session).run(method)
    );
  }

  /** Why an id cannot be used again, if it cannot. */
  function inProgress(id: RequestId, session: Session | undefined): string | undefined {
    if (!session) return undefined;
    core.settle.turn();
    if (!states.find(session)?.calls.has(id)) return undefined;
    return `The id ${quote(id)} belongs to a request that is still in progress`;
  }

  /** Batches, of 2025-03-26 alone (basic/index, Batching). */
  function serveBatch(
    items: unknown[],
    inbound: Inbound,
    session: Session | undefined,
    revision: string,
  ): Response | Promise<Response> {
    if (revision !== '2025-03-26')
      return refuse(400, CODE.invalidRequest, `Revision ${revision} has no batches; send one message per request`);
    if (items.length === 0 || items.length > config.MCP_MAX_BATCH) {
      return refuse(
        400,
        CODE.invalidRequest,
        `A batch must have 1 to ${config.MCP_MAX_BATCH} messages, got ${items.length}`,
      );
    }
    // Before anything is done: a batch is refused as a whole.
    if (items.some((item) => (item as Message | null)?.params?._meta?.[META.protocolVersion] !== undefined)) {
      return refuse(400, CODE.invalidRequest, 'Revision 2026-07-28 has no batches; send one message per request');
    }
    const refusal = core.admission.batch(items, inbound, session);
    if (refusal) return refusal;
    const errors: string[] = [];
    const requests: [Message, Method][] = [];
    for (const item of items) {
      const wrong = judge(item);
      const message = item as Message;
      if (wrong) errors.push(errorText(readableId(item), wrong.code, wrong.message));
      else if (message.method === undefined) take(message, session);
      else if (message.id === undefined) hear(message, inbound, session, revision);
      else if (message.method === 'initialize')
        errors.push(errorText(message.id, CODE.invalidRequest, 'initialize must not be part of a batch'));
      else {
        const method = methods.get(message.method);
        const taken = inProgress(message.id, session);
        if (taken !== undefined) errors.push(errorText(message.id, CODE.invalidRequest, taken));
        else if (method) requests.push([message, method]);
        else errors.push(notFound(message, message.id, inbound, revision));
      }
    }
    if (requests.length === 0 && errors.length === 0) return accepted();
    const calls: StatefulCall[] = [];
    const exchange = new Exchange(
      hostOf(session, calls, inbound.principal),
      inbound.platform,
      acceptsOf(inbound.request.headers.get('accept')),
      requests.length + errors.length,
      true,
    );
    for (const [message] of requests) calls.push(new StatefulCall(inbound, message, revision, session, exchange));
    for (const text of errors) exchange.answer(text);
    for (const [index, [, method]] of requests.entries()) calls[index]?.run(method);
    return exchange.response;
  }

  async function initialize(message: Message, sessionId: string | null, inbound: Inbound): Promise<Response> {
    const { platform, principal } = inbound;
    const id = message.id;
    if (id === undefined) return refuse(400, CODE.invalidRequest, 'initialize is a request and needs an "id"');
    if (sessionId !== null && !config.MCP_STATELESS) {
      return (await sessions.open(sessionId, principal))
        ? refuse(400, CODE.invalidRequest, 'This session is initialized already', { id })
        : refuse(404, CODE.invalidRequest, 'Session not found; send initialize without Mcp-Session-Id', { id });
    }
    const { protocolVersion, capabilities, clientInfo } = message.params ?? {};
    const wrong =
      typeof protocolVersion !== 'string'
        ? `"protocolVersion" must be a string, got ${quote(protocolVersion)}`
        : !isObject(capabilities)
          ? `"capabilities" must be an object, got ${quote(capabilities)}`
          : !isObject(clientInfo) || typeof clientInfo.name !== 'string' || typeof clientInfo.version !== 'string'
            ? `"clientInfo" must be {name, version} of strings, got ${quote(clientInfo)}`
            : undefined;
    if (wrong) {
      core.observer.answered(inbound, 'stateful', '', 'initialize', CODE.invalidParams);
      return jsonAnswer(platform, errorText(id, CODE.invalidParams, wrong));
    }
    const refusal = core.admission.serve(message, inbound, undefined);
    if (refusal) return refusal;
    const revision = STATEFUL_REVISIONS.includes(protocolVersion as string)
      ? (protocolVersion as string)
      : (STATEFUL_REVISIONS[0] as string);
    const { info, instructions } = registry;
    const result = { protocolVersion: revision, capabilities: registry.capabilities, serverInfo: info, instructions };
    const response = jsonAnswer(platform, resultText(id, JSON.stringify(result)));
    if (!config.MCP_STATELESS) {
      const { name, version } = clientInfo as { name: string; version: string };
      const minted = await sessions.mint(revision, { name, version }, capabilities as ClientCapabilities, principal);
      response.headers.set('mcp-session-id', minted.id);
      core.observer.sessionBegun();
    }
    core.observer.answered(inbound, 'stateful', revision, 'initialize');
    return response;
  }

  /** The error of a request whose method does not exist. */
  function notFound({ method }: Message, id: RequestId, inbound: Inbound, revision: string): string {
    core.observer.answered(inbound, 'stateful', revision, method as string, CODE.methodNotFound);
    return errorText(id, CODE.methodNotFound, `Method ${quote(method)} is not supported`);
  }

  /** A notification of the client; what it names may be over already, so nothing here is an error. */
  function hear(message: Message, inbound: Inbound, session: Session | undefined, revision: string): void {
    core.observer.answered(inbound, 'stateful', revision, message.method as string);
    if (message.method !== 'notifications/cancelled' || !session) return;
    const { requestId, reason } = message.params ?? {};
    if (!isRequestId(requestId)) return;
    core.settle.turn();
    states
      .find(session)
      ?.calls.get(requestId)
      ?.cancel(typeof reason === 'string' ? reason : 'The client cancelled the request');
  }

  /**
   * A response of the client; late, repeated and unknown ones are dropped.
   * @returns false when another node asked
   */
  function take(message: Message, session: Session | undefined): boolean {
    const { id } = message;
    if (!session || typeof id !== 'string') return true;
    const pending = states.find(session)?.pending.get(id);
    if (!pending) return !states.foreign(id);
    if (message.error === undefined) {
      pending.settle(message.result, undefined);
      return true;
    }
    const { code, message: text } = isObject(message.error) ? message.error : {};
    pending.settle(
      undefined,
      new ToolError(`The client refused: ${typeof text === 'string' ? text : 'no reason given'} (${quote(code)})`),
    );
    return true;
  }

  // ---- GET and DELETE ----

  /** Serves a GET or DELETE in the moment its session is found alive: another request may be ending it. */
  function inSession(
    { request, principal }: Inbound,
    serveIn: (session: Session) => Response | Promise<Response>,
  ): Response | Promise<Response> {
    const version = request.headers.get('mcp-protocol-version');
    if (config.MCP_STATELESS || isStatelessRevision(version)) {
      const why = config.MCP_STATELESS ? 'this server keeps no sessions' : `revision ${version} has no sessions`;
      return refuse(405, CODE.invalidRequest, `${request.method} is not allowed: ${why}`, {
        headers: { allow: 'POST' },
      });
    }
    if (version !== null && !STATEFUL_REVISIONS.includes(version)) return unsupported(version);
    const id = request.headers.get('mcp-session-id');
    if (id === null) return refuse(400, CODE.invalidRequest, 'Mcp-Session-Id is missing');
    const opened = sessions.open(id, principal);
    const go = (session: Session | undefined) => contradiction(session, version) ?? serveIn(session as Session);
    return opened instanceof Promise ? opened.then(go) : go(opened);
  }

  function open({ request, platform, principal }: Inbound, session: Session): Response {
    const accept = request.headers.get('accept');
    if (!acceptsOf(accept).sse)
      return refuse(406, CODE.invalidRequest, `Accept must allow text/event-stream, got ${quote(accept)}`);

    const last = request.headers.get('last-event-id');
    const named = last === null || last === '' ? undefined : EVENT_ID.exec(last);
    if (named === null)
      return refuse(400, CODE.invalidRequest, `Last-Event-ID ${quote(last)} is no event id of this server`);
    const known = states.find(session);
    const resumed = named && known ? states.streamOf(known, named[1] ?? '') : undefined;
    const after = Number(named?.[2]);
    // What a call here says can be heard nowhere else.
    const refusal = resumed && resumed !== known?.standalone ? undefined : core.admission.stream();
    if (refusal) return refusal;
    if (resumed && after >= resumed.next)
      return refuse(400, CODE.invalidRequest, `Last-Event-ID ${quote(last)} names an event that was never sent`);

    const replaced = resumed ?? known?.standalone;
    if (counts.open >= config.MCP_MAX_CONNECTIONS && !replaced?.connected) {
      return core.admission.full('streams');
    }
    const state = states.make(session);
    if (!state) {
      return core.admission.full('sessions');
    }
    // What waited is given to this reader: from now on it is worth telling again.
    if (!resumed || resumed === state.standalone) state.told();
    if (resumed) {
      const body = resumed.connect(after, FIRST_BYTE, config.MCP_RETRY);
      endWith(principal, resumed);
      return streamAnswer(platform, body);
    }

    // A stream that is kept no longer cannot be replayed; what comes from now on can be heard.
    const stream = states.standalone(state);
    // The priming event is for the new reader, so the one before it must be gone.
    stream.disconnect(config.MCP_RETRY);
    if (session.revision >= POLLING) stream.write('');
    const body = stream.connect(undefined, FIRST_BYTE);
    endWith(principal, stream);
    return streamAnswer(platform, body);
  }

  /** The connection ends with the token that it was opened by; with the next one the client can go on. */
  function endWith(principal: Principal | undefined, stream: EventStream): void {
    core.admission.limit(stream, principal, () => stream.hangUp(config.MCP_RETRY));
  }

  async function end(session: Session): Promise<Response> {
    core.settle.turn();
    await states.end(session);
    return new Response(null, { status: 204, headers: SECURITY_HEADERS });
  }

  // ---- notifications from anywhere ----

  /** To the one stream of each session that may hear it; told once while nobody listens. */
  function tell(method: string, params: object | undefined, hears: (state: SessionState) => boolean): void {
    const text = notificationText(method, params);
    for (const state of states.values()) {
      if (!hears(state)) continue;
      const stream = states.standalone(state);
      if (!stream.connected) {
        if (state.waiting.has(text)) continue;
        state.waiting.add(text);
      }
      stream.write(text);
    }
  }
  const listening = (state: SessionState) => state.standalone !== undefined || state.watching;

  return {
    answer,
    open: (inbound) => inSession(inbound, (session) => open(inbound, session)),
    end: (inbound) => inSession(inbound, end),
    notify: {
      toolsChanged: () => tell('notifications/tools/list_changed', undefined, listening),
      promptsChanged: () => tell('notifications/prompts/list_changed', undefined, listening),
      resourcesChanged: () => tell('notifications/resources/list_changed', undefined, listening),
      resourceUpdated: (uri) =>
        tell(
          'notifications/resources/updated',
          { uri },
          (state) => state.watching && watches(state.subscriptions, uri),
        ),
    },
  };
}

/** A balancer that asks the next node after a 503 finds the one that asked. */
function elsewhere(): Response {
  return refuse(503, CODE.invalidRequest, 'Another process asked this, or one that is gone', {
    headers: { 'retry-after': '1' },
  });
}

const NO_CAPABILITIES: ClientCapabilities = Object.freeze({});
