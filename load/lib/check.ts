/**
 * Looks at the target before it is loaded. What stands in the way of the whole run is one line and the end (exit code 108),
 * not ten thousand errors.
 */

import exec from 'k6/execution';
import { signsOfLife } from './accounting.ts';
import { type Endpoint, isStateless, type Tool, withNumbers } from './config.ts';
import {
  messagesIn,
  type Peer,
  parseMessage,
  post,
  requestsIn,
  responseIn,
  resultOf,
  saidIn,
  succeeded,
} from './jsonrpc.ts';
import {
  type Answer,
  accepted,
  ask,
  began,
  bodyOf,
  CUT,
  callTool,
  contentTypeOf,
  endSession,
  gaveStream,
  initialize,
  initialized,
  listen,
  openStream,
  type Response,
  send,
  statelessPeer,
  TIMED_OUT,
} from './mcp.ts';
import { type Reading, readNumbersOf } from './own-numbers.ts';
import { say } from './say.ts';
import { readStream } from './sse.ts';
import { pause } from './time.ts';

/** What a script cannot do without, beside a target that speaks the revision. */
export interface Needs {
  /** It has a meaning in the revisions of one era only: those with sessions (up to 2025-11-25), or those without. */
  readonly era?: 'stateful' | 'stateless';
  /** Sessions, where the revision has them. */
  readonly sessions?: boolean;
  /** The tool that is called. */
  readonly call?: boolean;
  /** The tool that reports numbered progress, on a stream that comes while it runs. */
  readonly sequence?: boolean;
  /** A stream that is open and quiet: GET, or subscriptions/listen in 2026-07-28. */
  readonly stream?: boolean;
  /** Time that a call of the numbered tool has to last, ms. */
  readonly lasts_ms?: number;
  /** Time between two heartbeats that are counted on such a stream, ms; 0 where it has none. */
  readonly beat_ms?: number;
  /** The tool that changes something, where one is named. */
  readonly change?: boolean;
  /** The target's own numbers tell its memory, where they are told at all. */
  readonly memory?: boolean;
}

/** What the check found; k6 hands it to every VU. */
export interface Target {
  /** Clients may end their sessions (DELETE). */
  readonly deletes: boolean;
  /** By revision: comments and events that a quiet stream begins with, which are no heartbeats. */
  readonly greetings: Readonly<Record<string, number>>;
  /** What the target told of itself before the run. */
  readonly before: Reading | undefined;
}

/** How long a quiet stream is looked at, ms. */
const LOOK_MS = 1000;
/** The check's own run of the numbered tool. */
const TRIAL = { EVENTS: 5, EVERY_MS: 100 };
/** Before a stream that was closed without `retry` is asked for again, ms. */
const POLL_MS = 100;
/** Of a stream's time this share must come after its first byte; a proxy that buffers leaves next to none. */
const FLOWING = 0.1;

/**
 * For `setup`. @param script its name, for the lines
 * @param events of the numbered tool when its arguments are the user's own
 */
export async function checkTarget(endpoint: Endpoint, script: string, needs: Needs, events = 0): Promise<Target> {
  const before = await readNumbersOf(endpoint);
  if (endpoint.numbers !== undefined && before === undefined) {
    stop(`MCP_METRICS_URL ${endpoint.numbers.url} does not answer with metrics`);
  }
  if (needs.memory && endpoint.numbers?.memory !== undefined && before?.memory === undefined) {
    stop(
      `${endpoint.numbers.url} tells no ${endpoint.numbers.memory}; name its memory with MCP_METRICS_MEMORY, or say "none"`,
    );
  }
  for (const told of ['sessions', 'streams'] as const) {
    if (before !== undefined && before[told] === undefined)
      say(
        `The target tells no ${endpoint.numbers?.[told]}: its ${told} are not looked at; see MCP_METRICS_${told.toUpperCase()}`,
      );
  }
  const peers = new Map<string, Peer>();
  for (const revision of endpoint.revisions) {
    if (needs.era === 'stateful' && isStateless(revision)) {
      stop(
        `${script} needs sessions, which revision ${revision} has not; calls, listen, heartbeats and soak apply to it`,
      );
    }
    if (needs.era === 'stateless' && !isStateless(revision))
      stop(`${script} needs revision 2026-07-28 or later, MCP_REVISION is ${revision}`);
    // All are asked before one is looked at for long.
    peers.set(
      revision,
      isStateless(revision) ? await discover(endpoint, revision) : await begin(endpoint, revision, needs),
    );
  }
  let deletes = true;
  const greetings: Record<string, number> = {};
  for (const [revision, peer] of peers) {
    await checkTools(endpoint, peer, needs);
    if (needs.sequence && !isStateless(revision)) await checkSequence(endpoint, peer, events, needs.lasts_ms ?? 0);
    greetings[revision] = needs.stream ? await checkStream(endpoint, peer, needs.beat_ms ?? 0) : 0;
    if (!isStateless(revision)) deletes = await endsSession(endpoint, peer);
  }
  return { deletes, greetings, before };
}

/** Ends the run with one line. */
export function stop(line: string): never {
  exec.test.abort(line);
  throw new Error(line);
}

/** The handshake. */
async function begin(endpoint: Endpoint, revision: string, needs: Needs): Promise<Peer> {
  const begun = await initialize(endpoint, revision, 'check');
  refuseWhatIsNoAnswer(endpoint, begun, revision);
  const { protocolVersion } = resultOf(begun.message) ?? {};
  if (protocolVersion !== revision) {
    stop(
      `${endpoint.url} does not speak revision ${revision}: it offers ${String(protocolVersion)}; say so with MCP_REVISION`,
    );
  }
  const { peer } = begun;
  if (!peer) stop(`${endpoint.url} answers initialize without a result`);
  if (needs.sessions && peer.session === undefined) {
    stop(`${endpoint.url} keeps no sessions: its answer to initialize has no Mcp-Session-Id; calls applies to it`);
  }
  const taken = await initialized(endpoint, peer, 'check');
  if (!accepted(taken)) stop(`${endpoint.url} refuses notifications/initialized: ${whatCame(taken)} instead of 202`);
  return peer;
}

async function discover(endpoint: Endpoint, revision: string): Promise<Peer> {
  const peer = statelessPeer(revision);
  const found = await ask(endpoint, peer, 'server/discover', {}, 'discover', { name: 'check' });
  refuseWhatIsNoAnswer(endpoint, found, revision);
  const versions = resultOf(found.message)?.supportedVersions;
  if (!Array.isArray(versions) || !versions.includes(revision)) {
    stop(
      `${endpoint.url} does not speak revision ${revision}: it offers ${listed(versions)}; say so with MCP_REVISION`,
    );
  }
  return peer;
}

/** @returns whether the server lets a client do that */
async function endsSession(endpoint: Endpoint, peer: Peer): Promise<boolean> {
  if (peer.session === undefined) return false;
  const { status } = await endSession(endpoint, peer, 'check');
  return status !== 405;
}

/** Ends the run when an answer to the first request of a revision is not one of MCP. */
function refuseWhatIsNoAnswer(endpoint: Endpoint, { response, message }: Answer, revision: string): void {
  const { url } = endpoint;
  const { status, error } = response;
  const type = contentTypeOf(response);
  if (status === 0 && began(response)) {
    const late = response.error_code === TIMED_OUT ? ` within ${endpoint.timeout_ms} ms` : '';
    stop(`${url} begins an answer to the first request and does not end it${late}: ${error}`);
  }
  if (status === 0) stop(`${url} cannot be reached: ${error}`);
  if (status >= 300 && status < 400)
    stop(`${url} answers ${status}, a redirect to ${response.headers.Location ?? 'nowhere'}: give that as MCP_URL`);
  if (status === 401) stop(`${url} answers 401: give a token with MCP_AUTHORIZATION`);
  if (status === 403) {
    stop(
      `${url} answers 403${textIn(response)}: it may want a token (MCP_AUTHORIZATION) or another Host or Origin (MCP_HEADERS)`,
    );
  }
  if (type.includes('html')) stop(`${url} answers ${status} with HTML, not MCP: is the path right?`);
  if (status === 503 || status === 429) stop(`${url} answers ${status}: it has no room for more now`);
  if (resultOf(message) !== undefined) return;
  const said = responseOf(response);
  if (status === 404 && !isStateless(revision)) stop(`${url} answers 404, ${saidIn(said)}: is the path right?`);
  if (said?.error !== undefined) {
    const { supported } = (said.error.data ?? {}) as { supported?: unknown };
    const offers = supported === undefined ? '' : `; it offers ${listed(supported)}`;
    const hint = endpoint.revisions.length > 1 ? '; say so with MCP_REVISION' : '';
    stop(`${url} does not speak revision ${revision}: ${status} ${saidIn(said)}${offers}${hint}`);
  }
  stop(
    `${url} answers ${status} ${type === '' ? 'without a type' : type}, not MCP${textIn(response)}: is the path right?`,
  );
}

/** A response whose id may be missing, as in refusals. */
function responseOf(response: Response) {
  const body = bodyOf(response);
  return (
    responseIn(body, contentTypeOf(response), 'initialize') ??
    responseIn(body, contentTypeOf(response), 'discover') ??
    asRefusal(body)
  );
}

function asRefusal(body: string) {
  const error = parseMessage(body)?.error;
  return error === undefined || error === null ? undefined : { error };
}

/** What an answer says in plain words, as a piece of a line. */
function textIn(response: Response): string {
  const refusal = asRefusal(bodyOf(response));
  if (refusal !== undefined) return ` (${saidIn(refusal)})`;
  const [first = ''] = bodyOf(response).trim().split('\n');
  return first === '' || /html|json|event-stream/.test(contentTypeOf(response)) ? '' : ` (${first.slice(0, 100)})`;
}

/** What a server offers, as a piece of a line. */
function listed(offers: unknown): string {
  if (Array.isArray(offers)) return offers.join(', ') || 'none';
  return offers === undefined ? 'none' : JSON.stringify(offers);
}

/** An answer that is not the one that was due, as a piece of a line. */
function whatCame(response: Response): string {
  if (response.status === 0) return response.error;
  const said = asRefusal(bodyOf(response));
  return said === undefined ? String(response.status) : `${response.status} ${saidIn(said)}`;
}

async function checkTools(endpoint: Endpoint, peer: Peer, needs: Needs): Promise<void> {
  const wanted: [string, Tool | undefined][] = [
    ['MCP_CALL_TOOL', needs.call ? endpoint.call : undefined],
    ['MCP_SEQUENCE_TOOL', needs.sequence ? endpoint.sequence : undefined],
    ['MCP_CLOSE_TOOL', needs.sequence ? endpoint.close : undefined],
    ['MCP_CHANGE_TOOL', needs.change ? endpoint.change : undefined],
  ];
  const names = new Set<string>();
  let cursor: unknown;
  for (let page = 0; page < 100; page++) {
    const params = cursor === undefined ? {} : { cursor };
    const { response, message } = await ask(endpoint, peer, 'tools/list', params, `list-${page}`, { name: 'check' });
    const result = resultOf(message);
    if (result === undefined) {
      const came = response.status === 0 ? response.error : `${response.status} ${saidIn(message)}`;
      stop(`${endpoint.url} does not list its tools: ${came}`);
    }
    if (!Array.isArray(result.tools))
      stop(`${endpoint.url} lists its tools as ${JSON.stringify(result.tools)}, not an array`);
    for (const tool of result.tools as ({ name?: string } | null)[]) names.add(tool?.name ?? '');
    cursor = result.nextCursor;
    if (cursor === undefined || cursor === null) break;
  }
  for (const [variable, tool] of wanted) {
    if (tool !== undefined && !names.has(tool.name)) {
      stop(`${endpoint.url} has no tool "${tool.name}"; name one of its own with ${variable}`);
    }
  }
  if (!needs.call) return;
  const { response, message } = await callTool(endpoint, peer, endpoint.call, 'call', { name: 'check' });
  if (!succeeded(message)) {
    stop(`The tool "${endpoint.call.name}" fails: ${response.status} ${saidIn(message)}; see MCP_CALL_ARGUMENTS`);
  }
}

/** The numbered tool must report while it runs, and its events must have ids. */
async function checkSequence(endpoint: Endpoint, peer: Peer, events: number, lasts_ms: number): Promise<void> {
  const tool = withNumbers(endpoint.sequence, TRIAL);
  const own = JSON.stringify(tool.arguments) === JSON.stringify(endpoint.sequence.arguments);
  const expected = own ? events : TRIAL.EVENTS;
  const id = 'sequence';
  const params = { name: tool.name, arguments: tool.arguments, _meta: { progressToken: id } };
  const { headers, body } = post(peer, 'tools/call', params, id);
  const asked = Date.now();
  const response = await send(endpoint, 'POST', body, headers, { name: 'check' });
  if (!contentTypeOf(response).includes('text/event-stream')) {
    const message = responseIn(bodyOf(response), contentTypeOf(response), id);
    const came = `${response.status} ${saidIn(message)}`;
    if (succeeded(message)) {
      stop(
        `The tool "${tool.name}" is answered without a stream: ${came}; sessions, calls and heartbeats apply to a server that has none`,
      );
    }
    stop(`The tool "${tool.name}" is not answered by a stream: ${came}; see MCP_SEQUENCE_TOOL`);
  }
  const { said, answer, lastId, polled } = await followed(endpoint, peer, response, id);
  const took = Date.now() - asked;
  if (answer !== undefined && !succeeded(answer)) {
    stop(`The tool "${tool.name}" fails: ${saidIn(answer)}; see MCP_SEQUENCE_ARGUMENTS`);
  }
  const progress = said.filter((message) => message?.method === 'notifications/progress').length;
  if (progress !== expected) {
    stop(
      `The tool "${tool.name}" reports progress ${progress} times instead of ${expected}; see MCP_SEQUENCE_TOOL and EVENTS`,
    );
  }
  if (own && took < lasts_ms) {
    stop(
      `The tool "${tool.name}" is over after ${took} ms, and has to last ${lasts_ms} ms; see MCP_SEQUENCE_ARGUMENTS`,
    );
  }
  if (lastId === '') stop(`The events of ${endpoint.url} have no ids: its streams cannot be resumed`);
  if (!polled && response.timings.receiving < response.timings.duration * FLOWING) {
    stop(`${endpoint.url} sends the first byte of a stream only when the call is over: a proxy on the way buffers`);
  }
}

/** All that a call's stream says. The server may close it before the answer, for the client to come back (2025-11-25). */
async function followed(endpoint: Endpoint, peer: Peer, first: Response, id: string) {
  const until = Date.now() + endpoint.timeout_ms;
  let { events, lastId, retry_ms } = readStream(bodyOf(first));
  const said = messagesIn(events);
  const answer = () => said.find((message) => message?.method === undefined && message?.id === id);
  let polled = false;
  while (!answer() && lastId !== '' && Date.now() < until) {
    polled = true;
    await pause(Math.min(retry_ms ?? POLL_MS, until - Date.now()));
    const response = await openStream(endpoint, peer, lastId, { name: 'check', expected: [...CUT, 404, 405] });
    if (!gaveStream(response)) break;
    const more = readStream(bodyOf(response), lastId);
    said.push(...messagesIn(more.events));
    lastId = more.lastId;
    retry_ms = more.retry_ms ?? retry_ms;
  }
  return { said, answer: answer(), lastId, polled };
}

/**
 * The first byte of a quiet stream must come while it is open.
 * @returns its greeting
 */
async function checkStream(endpoint: Endpoint, peer: Peer, beat_ms: number): Promise<number> {
  const response = await look(endpoint, peer, LOOK_MS);
  const what = isStateless(peer.revision) ? 'subscriptions/listen' : 'a GET for an event stream';
  if (response.status >= 400) {
    const other = endpoint.revisions.find((revision) => revision !== peer.revision);
    const hint = other === undefined ? '' : `; MCP_REVISION=${other} leaves it out`;
    stop(`${endpoint.url} answers ${what} with ${response.status}${textIn(response)}${hint}`);
  }
  if (response.status > 0 && !contentTypeOf(response).includes('text/event-stream')) {
    stop(`${endpoint.url} answers ${what} with ${contentTypeOf(response)}: ${bodyOf(response).slice(0, 200)}`);
  }
  if (!began(response)) {
    stop(
      `The first byte of a quiet stream did not come within ${LOOK_MS} ms: a proxy on the way to ${endpoint.url} buffers`,
    );
  }
  const [asked] = requestsIn(readStream(bodyOf(response)).events);
  if (asked !== undefined) {
    say(
      `${endpoint.url} asks its clients for ${asked.method}, which nobody here can answer: it may end their sessions`,
    );
  }
  return beat_ms > 0 ? greetingOf(endpoint, peer, beat_ms) : 0;
}

/** A quiet stream, cut by this client. */
function look(endpoint: Endpoint, peer: Peer, timeout_ms: number): Promise<Response> {
  const options = { name: 'check', timeout_ms, expected: CUT };
  return isStateless(peer.revision)
    ? listen(endpoint, peer, `listen-${looks++}`, options)
    : openStream(endpoint, peer, '', options);
}

let looks = 0;

/**
 * What comes with each short look at a new stream is its greeting. Three looks, a quarter of a period each and all within
 * one period: a heartbeat comes in one of them at most, whatever its phase. Each has a session of its own, as a server may
 * hear late that a client is gone and refuse a second stream meanwhile.
 */
async function greetingOf(endpoint: Endpoint, { revision }: Peer, beat_ms: number): Promise<number> {
  const look_ms = Math.min(LOOK_MS, beat_ms / 4);
  let greeting = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 3 && greeting > 0; count++) {
    if (count > 0) await pause(look_ms / 4);
    const peer = await newcomer(endpoint, revision);
    greeting = Math.min(greeting, signsOfLife(readStream(bodyOf(await look(endpoint, peer, look_ms)))));
    if (peer.session !== undefined) await endSession(endpoint, peer, 'check');
  }
  return greeting;
}

async function newcomer(endpoint: Endpoint, revision: string): Promise<Peer> {
  if (isStateless(revision)) return statelessPeer(revision);
  const { peer } = await initialize(endpoint, revision, 'check');
  if (!peer) stop(`${endpoint.url} answers another initialize without a result`);
  await initialized(endpoint, peer, 'check');
  return peer;
}
