/**
 * Looks at the target before it is loaded. What stands in the way of the whole run is one line and the end (exit code 108),
 * not ten thousand errors.
 */

import exec from 'k6/execution';
import { signsOfLife } from './accounting.ts';
import { type Endpoint, isStateless, type Tool, withNumbers } from './config.ts';
import { type Peer, post, responseIn, saidIn, succeeded } from './jsonrpc.ts';
import {
  type Answer,
  ask,
  began,
  bodyOf,
  CUT,
  callTool,
  contentTypeOf,
  endSession,
  initialize,
  initialized,
  listen,
  openStream,
  type Response,
  send,
  statelessPeer,
} from './mcp.ts';
import { type Reading, readNumbersOf } from './own-numbers.ts';
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
  const { protocolVersion } = begun.message?.result ?? {};
  if (protocolVersion !== revision) {
    stop(
      `${endpoint.url} does not speak revision ${revision}: it offers ${String(protocolVersion)}; say so with MCP_REVISION`,
    );
  }
  const { peer } = begun;
  if (!peer) stop(`${endpoint.url} answers initialize without a result`);
  if (needs.sessions && peer.session === undefined) {
    stop(`${endpoint.url} keeps no sessions: its answer to initialize has no Mcp-Session-Id`);
  }
  if (!(await initialized(endpoint, peer, 'check'))) stop(`${endpoint.url} refuses notifications/initialized`);
  return peer;
}

async function discover(endpoint: Endpoint, revision: string): Promise<Peer> {
  const peer = statelessPeer(revision);
  const found = await ask(endpoint, peer, 'server/discover', {}, 'discover', { name: 'check' });
  refuseWhatIsNoAnswer(endpoint, found, revision);
  const versions = (found.message?.result?.supportedVersions ?? []) as string[];
  if (!versions.includes(revision)) {
    stop(
      `${endpoint.url} does not speak revision ${revision}: it offers ${versions.join(', ') || 'none'}; say so with MCP_REVISION`,
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
  if (status === 0 && began(response))
    stop(`${url} begins an answer to the first request and does not end it within ${endpoint.timeout_ms} ms: ${error}`);
  if (status === 0) stop(`${url} cannot be reached: ${error}`);
  if (status === 401 || status === 403) stop(`${url} answers ${status}: give a token with MCP_AUTHORIZATION`);
  if (type.includes('html')) stop(`${url} answers ${status} with HTML, not MCP: is the path right?`);
  if (status === 503 || status === 429) stop(`${url} answers ${status}: it has no room for more now`);
  if (message?.result !== undefined) return;
  const said = responseOf(response);
  if (status === 404 && !isStateless(revision)) stop(`${url} answers 404, ${saidIn(said)}: is the path right?`);
  if (said?.error !== undefined) {
    const { supported } = (said.error.data ?? {}) as { supported?: string[] };
    const offers = supported === undefined ? '' : `; it offers ${supported.join(', ')}`;
    const hint = endpoint.revisions.length > 1 ? '; say so with MCP_REVISION' : '';
    stop(`${url} does not speak revision ${revision}: ${status} ${saidIn(said)}${offers}${hint}`);
  }
  stop(`${url} answers ${status} ${type === '' ? 'without a type' : type}, not MCP: is the path right?`);
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
  try {
    const message = JSON.parse(body) as { error?: { message?: string; code?: number; data?: unknown } };
    return message.error === undefined ? undefined : { error: message.error };
  } catch {
    return undefined;
  }
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
    if (message?.result === undefined) {
      stop(`${endpoint.url} does not list its tools: ${response.status} ${saidIn(message)}`);
    }
    for (const { name } of (message.result.tools ?? []) as { name: string }[]) names.add(name);
    cursor = message.result.nextCursor;
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
  const response = await send(endpoint, 'POST', body, headers, { name: 'check' });
  if (!contentTypeOf(response).includes('text/event-stream')) {
    const message = responseIn(bodyOf(response), contentTypeOf(response), id);
    stop(
      `The tool "${tool.name}" is not answered by a stream: ${response.status} ${saidIn(message)}; see MCP_SEQUENCE_TOOL`,
    );
  }
  const { events: heard, lastId } = readStream(bodyOf(response));
  const progress = heard.filter(({ data }) => data.includes('"notifications/progress"')).length;
  if (progress !== expected) {
    stop(
      `The tool "${tool.name}" reports progress ${progress} times instead of ${expected}; see MCP_SEQUENCE_TOOL and EVENTS`,
    );
  }
  if (own && response.timings.duration < lasts_ms) {
    const took = Math.round(response.timings.duration);
    stop(
      `The tool "${tool.name}" is over after ${took} ms, and has to last ${lasts_ms} ms; see MCP_SEQUENCE_ARGUMENTS`,
    );
  }
  if (lastId === '') stop(`The events of ${endpoint.url} have no ids: its streams cannot be resumed`);
  if (response.timings.receiving < response.timings.duration * FLOWING) {
    stop(`${endpoint.url} sends the first byte of a stream only when the call is over: a proxy on the way buffers`);
  }
}

/**
 * The first byte of a quiet stream must come while it is open.
 * @returns its greeting
 */
async function checkStream(endpoint: Endpoint, peer: Peer, beat_ms: number): Promise<number> {
  const response = await look(endpoint, peer, LOOK_MS);
  const what = isStateless(peer.revision) ? 'subscriptions/listen' : 'a GET for an event stream';
  if (response.status >= 400) stop(`${endpoint.url} answers ${what} with ${response.status}`);
  if (response.status > 0 && !contentTypeOf(response).includes('text/event-stream')) {
    stop(`${endpoint.url} answers ${what} with ${contentTypeOf(response)}: ${bodyOf(response).slice(0, 200)}`);
  }
  if (!began(response)) {
    stop(
      `The first byte of a quiet stream did not come within ${LOOK_MS} ms: a proxy on the way to ${endpoint.url} buffers`,
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
