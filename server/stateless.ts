/**
 * Revision 2026-07-28: every request stands for itself. Its metadata is checked in one ladder, questions to the client end
 * the call as `input_required`, changes are heard on `subscriptions/listen`, hanging up cancels.
 */

import { type Answer, Call, type Core, LEVELS, type Method, type Outcome } from './call.ts';
import { missing } from './capabilities.ts';
import type { LogLevel } from './content.ts';
import { Exchange, type ExchangeHost } from './exchange.ts';
import type { Inbound } from './inbound.ts';
import { headerText, NOT_VALID, paramMismatch } from './param-headers.ts';
import {
  accepted,
  acceptsOf,
  asStream,
  CODE,
  isObject,
  isStatelessRevision,
  judge,
  META,
  type Message,
  notificationText,
  type Params,
  quote,
  type RequestId,
  readableId,
  refuse,
  resultText,
  STATELESS_REVISIONS,
  statusOf,
  streamAnswer,
} from './protocol.ts';
import { digest, type Seal } from './seal.ts';
import { EventStream } from './sse.ts';
import { watches } from './subscriptions.ts';
import {
  type Answers,
  type ClientCapabilities,
  type ClientInfo,
  MissingCapability,
  type Notify,
  type Question,
  type Questions,
} from './tool.ts';

const LISTEN = 'subscriptions/listen';

export interface Stateless {
  /** POST of a parsed body. */
  answer(body: unknown, version: string | null, inbound: Inbound): Response | Promise<Response>;
  readonly notify: Notify;
  /** Listen streams open now. */
  readonly listening: number;
  /** Ends every listen stream with its result (Graceful Closure). */
  close(): void;
}

/** Which member of `params` the header `Mcp-Name` repeats. */
const NAMED = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
]);
/** The methods that may answer `input_required`. */
const MAY_ASK = new Set(NAMED.keys());
const FIRST_BYTE = ':\n\n';

/** What travels, sealed, with the client's retry. */
interface RequestState {
  /** Answers by round: one record for each `ask` that is over. */
  rounds: Record<string, unknown>[];
  /** Answers of the round that is not: some of its questions are open. */
  open: Record<string, unknown>;
  kept: Record<string, unknown>;
  /** When it ends, ms since the epoch. */
  expires: number;
}

interface Listener {
  readonly id: RequestId;
  readonly stream: EventStream;
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
  readonly uris: ReadonlySet<string>;
}

/** Thrown by `ask` to end the handler: the client must be asked first. */
class InputRequired extends Error {
  override name = 'InputRequired';
  readonly inputRequests: Record<string, { method: string; params: object }>;
  constructor(inputRequests: Record<string, { method: string; params: object }>) {
    super('The call ends here: the client must answer first. Let this error pass.');
    this.inputRequests = inputRequests;
  }
}

export function stateless(core: Core, seal: Seal, shared: ReadonlyMap<string, Method>): Stateless {
  const { registry, config, counts } = core;
  const listeners = new Set<Listener>();
  const serverInfo = { [META.serverInfo]: registry.info };
  const methods = new Map<string, Method>(shared);
  const discovered = JSON.stringify({
    supportedVersions: STATELESS_REVISIONS,
    capabilities: registry.capabilities,
    instructions: registry.instructions,
    ...registry.cache,
  });
  methods.set('server/discover', (_params, call) => call.complete(discovered));
  const listens = ['tools', 'prompts', 'resources'].some((name) => registry.capabilities[name]);

  class StatelessCall extends Call {
    readonly era = 'stateless';
    readonly sealed = undefined;
    readonly client: { info: ClientInfo | undefined; capabilities: ClientCapabilities };
    readonly logLevel: LogLevel | undefined;
    /** What came with the retry; undefined on a first try. */
    #state: RequestState | undefined;
    #digest: string | undefined;
    #round = 0;
    /** The input responses of this request were not used yet. */
    #fresh = true;
    #asked: InputRequired | undefined;

    constructor(inbound: Inbound, message: Message, revision: string) {
      super(core, inbound, message, revision);
      const meta = message.params?._meta ?? {};
      this.client = {
        info: clientInfo(meta[META.clientInfo]),
        capabilities: meta[META.clientCapabilities] as ClientCapabilities,
      };
      this.logLevel = meta[META.logLevel] as LogLevel | undefined;
    }

    get #host(): ExchangeHost {
      const gone = () => this.abandon('The client hung up');
      return {
        stream: () => {
          if (counts.open >= config.MCP_MAX_CONNECTIONS) return undefined;
          const stream = new EventStream(core, {
            onHangup: gone,
            // Nothing can be resumed here: what does not fit is lost, and so is the call.
            onOverflow: () => this.abandon('The client reads too slowly'),
          });
          return { stream, opening: FIRST_BYTE };
        },
        connected: (stream) => core.admission.limit(stream, this.principal, () => this.expire()),
        lingers: () => {
          // Before the answer is a stream only this signal tells that the client hung up. It is dear on Deno, so it is
          // touched only for calls that last.
          this.http.signal.addEventListener('abort', gone);
        },
        finished: (exchange) => {
          // The signal may outlive the call, and would keep it.
          if (exchange.lingering) this.http.signal.removeEventListener('abort', gone);
        },
      };
    }

    protected makeExchange(): Exchange {
      return new Exchange(this.#host, this.platform, acceptsOf(this.http.headers.get('accept')));
    }

    complete(body: string): string {
      return registry.statelessPrefix + body.slice(1);
    }

    encode(outcome: object): string {
      const { _meta, resultType = 'complete', ...rest } = outcome as Params;
      if (_meta === undefined && resultType === 'complete') {
        const body = JSON.stringify(rest);
        return body === '{}' ? `${registry.statelessPrefix.slice(0, -1)}}` : this.complete(body);
      }
      return JSON.stringify({ resultType, ...rest, _meta: { ...(isObject(_meta) && _meta), ...serverInfo } });
    }

    protected failure(error: unknown): Answer {
      if (error instanceof MissingCapability) {
        const { message, required } = error;
        return this.errorAnswer(
          { code: CODE.missingCapability, message, data: { requiredCapabilities: required } },
          400,
        );
      }
      const told = this.errorOf(error, CODE.invalidParams);
      return this.errorAnswer(told, statusOf(told.code));
    }

    /** Streams of this revision cannot be resumed, so there is nothing to close and come back to. */
    protected closeConnection(): void {}

    protected override override(): Promise<Outcome> | undefined {
      const asked = this.#asked;
      this.#asked = undefined;
      return asked && this.#inputRequired(asked);
    }

    /** Opens the request state of a retry. @returns why it is refused, if it is */
    async resume(): Promise<string | undefined> {
      const { requestState } = this.params;
      if (requestState === undefined) return undefined;
      if (typeof requestState !== 'string' || requestState.length > config.MCP_MAX_STATE) {
        return `"requestState" must be a string of at most ${config.MCP_MAX_STATE} characters, as it was given`;
      }
      const state = (await seal.open(requestState, await this.#context())) as RequestState | undefined;
      if (!state) return '"requestState" was not given for this request, or was changed; repeat the call without it';
      if (state.expires < core.clock.now()) return '"requestState" has expired; repeat the call without it';
      this.#state = state;
      return undefined;
    }

    async put<Q extends Questions>(questions: Q): Promise<Answers<Q>> {
      const round = this.#round++;
      this.#state ??= { rounds: [], open: {}, kept: {}, expires: 0 };
      const { rounds } = this.#state;
      const { inputResponses } = this.params;
      const given = rounds[round] ?? {
        ...this.#state.open,
        ...(isObject(inputResponses) && this.#fresh && inputResponses),
      };
      const raw: Record<string, unknown> = {};
      const answers: Record<string, unknown> = {};
      const open: Record<string, Question<unknown>> = {};
      const lacking: ClientCapabilities = {};
      for (const [key, question] of Object.entries(questions)) {
        const result = Object.hasOwn(given, key) ? given[key] : undefined;
        if (result !== undefined) {
          try {
            answers[key] = question.read(result);
            raw[key] = result;
            continue;
          } catch {
            // An answer that does not fit is no answer: the client is asked again (mrtr, Error Handling).
          }
        }
        const lack = missing(question.needs, this.client.capabilities);
        if (!lack) open[key] = question;
        else if (question.optional) answers[key] = undefined;
        else Object.assign(lacking, lack);
      }
      if (Object.keys(lacking).length > 0) throw new MissingCapability(lacking);
      if (Object.keys(open).length > 0) {
        const inputRequests: Record<string, { method: string; params: object }> = {};
        for (const [key, { method, params }] of Object.entries(open)) inputRequests[key] = { method, params };
        this.#state.open = raw;
        this.#asked = new InputRequired(inputRequests);
        throw this.#asked;
      }
      if (rounds.length === round) {
        rounds.push(raw);
        this.#state.open = {};
        // The responses of this request belong to one round, and that is over.
        this.#fresh = false;
      }
      return answers as Answers<Q>;
    }

    async keep<T>(key: string, make: () => T | Promise<T>): Promise<T> {
      this.#state ??= { rounds: [], open: {}, kept: {}, expires: 0 };
      const { kept } = this.#state;
      if (!Object.hasOwn(kept, key)) {
        const made = await make();
        Object.defineProperty(kept, key, {
          value: made === undefined ? null : made,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return kept[key] as T;
    }

    async #inputRequired({ inputRequests }: InputRequired): Promise<Outcome> {
      const state: RequestState = {
        rounds: [],
        open: {},
        kept: {},
        ...this.#state,
        expires: core.clock.now() + config.MCP_STATE_TTL * 1000,
      };
      const requestState = await seal.close(state, await this.#context());
      if (requestState.length > config.MCP_MAX_STATE) {
        throw new Error(
          `The state of this call takes ${requestState.length} characters, and MCP_MAX_STATE is ${config.MCP_MAX_STATE}`,
        );
      }
      return { resultType: 'input_required', inputRequests, requestState };
    }

    /** What a state is bound to: who calls, and what is called with which arguments. */
    async #context(): Promise<string> {
      this.#digest ??= await digest(
        canonical([
          this.principal?.subject ?? null,
          this.method,
          this.params.name ?? this.params.uri,
          this.params.arguments ?? {},
        ]),
      );
      return this.#digest;
    }
  }

  // ---- POST ----

  function answer(body: unknown, version: string | null, inbound: Inbound): Response | Promise<Response> {
    const wrong = judge(body);
    if (wrong) return refuse(400, wrong.code, wrong.message, { id: readableId(body) });
    const message = body as Message;
    const { id, method } = message;
    if (method === undefined)
      return refuse(400, CODE.invalidRequest, 'A client sends no responses in revision 2026-07-28');
    // The core defines no notification from client to server over HTTP; whatever it says is heard and dropped.
    if (id === undefined) {
      if (version !== null && isStatelessRevision(version) && !STATELESS_REVISIONS.includes(version))
        return unsupported(undefined, version);
      core.observer.answered(inbound, 'stateless', version ?? '', method);
      return accepted();
    }
    const { headers } = inbound.request;
    const accept = headers.get('accept');
    const accepts = acceptsOf(accept);
    if (!accepts.json && !accepts.sse) {
      return refuse(
        406,
        CODE.invalidRequest,
        `Accept must allow application/json and text/event-stream, got ${quote(accept)}`,
        { id },
      );
    }
    if (!accepts.sse && method === LISTEN) {
      return refuse(406, CODE.invalidRequest, `Accept must allow text/event-stream, got ${quote(accept)}`, { id });
    }
    const run = methods.get(method);
    const wrongly = ladder(message, id, version, headers, run !== undefined || (listens && method === LISTEN));
    const refusal = wrongly ?? core.admission.serve(message, inbound, undefined);
    if (refusal) return refusal;
    if (!run) return listen(message, id, inbound);
    const revision = message.params?._meta?.[META.protocolVersion] as string;
    const call = new StatelessCall(inbound, message, revision);
    const served =
      message.params?.requestState === undefined || !MAY_ASK.has(method)
        ? call.run(run)
        : call.resume().then((why) => (why ? refuse(200, CODE.invalidParams, why, { id }) : call.run(run)));
    return accepts.json ? served : asStream(served);
  }

  /** The checks before a request is served, in the order in which they win (protocol.md, section 1). */
  function ladder(
    message: Message,
    id: RequestId,
    version: string | null,
    headers: Headers,
    known: boolean,
  ): Response | undefined {
    const method = message.method as string;
    const meta = message.params?._meta;
    const claimed = meta?.[META.protocolVersion];
    if (typeof claimed !== 'string')
      return invalid(id, `params._meta needs "${META.protocolVersion}" as a string, got ${quote(claimed)}`);
    const capabilities = meta?.[META.clientCapabilities];
    if (!isObject(capabilities))
      return invalid(id, `params._meta needs "${META.clientCapabilities}" as an object, got ${quote(capabilities)}`);

    if (version !== claimed) {
      return mismatch(
        id,
        `Header MCP-Protocol-Version is ${quote(version ?? undefined)}, but params._meta claims ${quote(claimed)}`,
      );
    }
    if (!STATELESS_REVISIONS.includes(claimed)) return unsupported(id, claimed);
    const named = headers.get('mcp-method');
    if (named !== method)
      return mismatch(id, `Header Mcp-Method is ${quote(named ?? undefined)}, but the method is ${quote(method)}`);
    const member = NAMED.get(method);
    if (member !== undefined) {
      const given = headers.get('mcp-name');
      const name = message.params?.[member];
      if (given === null && name !== undefined)
        return mismatch(id, `Header Mcp-Name is missing, params.${member} is ${quote(name)}`);
      if (given !== null) {
        const text = headerText(given);
        if (text === undefined) return mismatch(id, `Header Mcp-Name is ${NOT_VALID}, got ${quote(given)}`);
        if (text !== name)
          return mismatch(id, `Header Mcp-Name is ${quote(text)}, but params.${member} is ${quote(name)}`);
      }
    }
    if (!known) return refuse(404, CODE.methodNotFound, `Method ${quote(method)} is not supported`, { id });
    if (method === 'tools/call') {
      const mirrored = registry.tools.get(message.params?.name as string)?.headers;
      const differs =
        mirrored && mirrored.length > 0 ? paramMismatch(mirrored, message.params?.arguments, headers) : undefined;
      if (differs) return mismatch(id, differs);
    }
    const level = meta?.[META.logLevel];
    if (level !== undefined && !LEVELS.includes(level as LogLevel)) {
      return invalid(id, `"${META.logLevel}" must be one of ${LEVELS.join(', ')}, got ${quote(level)}`);
    }
    return undefined;
  }

  // ---- subscriptions/listen ----

  function listen(message: Message, id: RequestId, inbound: Inbound): Response {
    const { platform, principal } = inbound;
    const asked = message.params?.notifications;
    if (!isObject(asked))
      return refuse(200, CODE.invalidParams, `"notifications" must be an object, got ${quote(asked)}`, { id });
    const { resourceSubscriptions: uris = [] } = asked;
    if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === 'string')) {
      return refuse(200, CODE.invalidParams, `"resourceSubscriptions" must be a list of URIs, got ${quote(uris)}`, {
        id,
      });
    }
    if (uris.length > config.MCP_MAX_SUBSCRIPTIONS) {
      return refuse(
        200,
        CODE.invalidParams,
        `A listen stream may watch at most ${config.MCP_MAX_SUBSCRIPTIONS} resources, got ${uris.length}`,
        { id },
      );
    }
    for (const flag of ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged']) {
      if (asked[flag] !== undefined && typeof asked[flag] !== 'boolean') {
        return refuse(200, CODE.invalidParams, `"${flag}" must be true or false, got ${quote(asked[flag])}`, { id });
      }
    }
    if (counts.open >= config.MCP_MAX_CONNECTIONS) {
      return core.admission.full('streams', id);
    }
    const { tools, prompts, resources } = registry.capabilities;
    const gone = () => {
      listeners.delete(listener);
    };
    const stream = new EventStream(core, {
      onHangup: gone,
      onOverflow: gone,
    });
    const listener: Listener = {
      id,
      stream,
      tools: asked.toolsListChanged === true && tools !== undefined,
      prompts: asked.promptsListChanged === true && prompts !== undefined,
      resources: asked.resourcesListChanged === true && resources !== undefined,
      uris: new Set(resources ? (uris as string[]) : []),
    };
    const honoured = {
      ...(listener.tools && { toolsListChanged: true }),
      ...(listener.prompts && { promptsListChanged: true }),
      ...(listener.resources && { resourcesListChanged: true }),
      ...(resources && asked.resourceSubscriptions !== undefined && { resourceSubscriptions: uris }),
    };
    stream.write(
      notificationText('notifications/subscriptions/acknowledged', {
        _meta: { [META.subscriptionId]: id },
        notifications: honoured,
      }),
    );
    listeners.add(listener);
    core.observer.answered(inbound, 'stateless', message.params?._meta?.[META.protocolVersion] as string, LISTEN);
    const body = stream.connect();
    core.admission.limit(stream, principal, () => finish(listener));
    return streamAnswer(platform, body);
  }

  /** Ends a listen stream with its result (Graceful Closure). */
  function finish(listener: Listener): void {
    const { id, stream } = listener;
    listeners.delete(listener);
    const _meta = { [META.subscriptionId]: id, ...serverInfo };
    stream.write(resultText(id, JSON.stringify({ resultType: 'complete', _meta })));
    stream.end();
  }

  function tell(method: string, params: object, hears: (listener: Listener) => boolean): void {
    for (const listener of listeners) {
      if (hears(listener))
        listener.stream.write(notificationText(method, { ...params, _meta: { [META.subscriptionId]: listener.id } }));
    }
  }

  return {
    answer,
    get listening() {
      return listeners.size;
    },
    notify: {
      toolsChanged: () => tell('notifications/tools/list_changed', {}, (listener) => listener.tools),
      promptsChanged: () => tell('notifications/prompts/list_changed', {}, (listener) => listener.prompts),
      resourcesChanged: () => tell('notifications/resources/list_changed', {}, (listener) => listener.resources),
      resourceUpdated: (uri) =>
        tell('notifications/resources/updated', { uri }, (listener) => watches(listener.uris, uri)),
    },
    close() {
      for (const listener of [...listeners]) finish(listener);
    },
  };
}

function invalid(id: RequestId, message: string): Response {
  return refuse(400, CODE.invalidParams, message, { id });
}

function unsupported(id: RequestId | undefined, requested: string): Response {
  return refuse(
    400,
    CODE.unsupportedVersion,
    `Protocol version ${quote(requested)} is not supported; expected one of ${STATELESS_REVISIONS.join(', ')}`,
    { id, data: { supported: STATELESS_REVISIONS, requested } },
  );
}

function mismatch(id: RequestId, message: string): Response {
  return refuse(400, CODE.headerMismatch, message, { id });
}

/** Optional, never trusted, never a reason to refuse (basic/index, _meta). */
function clientInfo(value: unknown): ClientInfo | undefined {
  if (!isObject(value) || typeof value.name !== 'string') return undefined;
  return { name: value.name, version: typeof value.version === 'string' ? value.version : '' };
}

/** JSON with sorted keys: clients may write the same arguments in another order when they retry. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}
