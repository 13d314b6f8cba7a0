/** One call whose events are numbered, followed through any number of cuts until its answer came. */

import exec from 'k6/execution';
import { Ledger } from './accounting.ts';
import type { Endpoint, Tool } from './config.ts';
import { type Peer, post, requestsIn, responseIn } from './jsonrpc.ts';
import {
  began,
  bodyOf,
  CUT,
  contentTypeOf,
  gaveStream,
  LATER,
  openStream,
  type Response,
  send,
  TIMED_OUT,
} from './mcp.ts';
import {
  eventsDisordered,
  eventsDuplicated,
  eventsForeign,
  eventsLost,
  eventsSeen,
  reconnectOk,
  reconnects,
  requestsUnanswered,
  resumeTime,
  streamsCut,
  streamsUnclosed,
} from './metrics.ts';
import { readStream } from './sse.ts';

/** The stream is open for another reader. */
const CONFLICT = 409;

/** Calls that this VU has made: their ids must differ within a session, and their tokens in the whole run. */
let made = 0;

export function uniqueId(): string {
  made++;
  return `${exec.vu.idInTest}-${made}`;
}

export class NumberedCall {
  readonly #target: Endpoint;
  readonly #peer: Peer;
  readonly #tool: Tool;
  readonly #events: number;
  #ledger: Ledger;
  #lastId = '';
  #retry_ms: number | undefined;

  /** @param events how often the tool reports progress */
  constructor(target: Endpoint, peer: Peer, tool: Tool, events: number) {
    this.#target = target;
    this.#peer = peer;
    this.#tool = tool;
    this.#events = events;
    this.#ledger = new Ledger(uniqueId(), events);
  }

  get answered(): boolean {
    return this.#ledger.answered;
  }

  /** An event with an id came: there is something to come back to. */
  get resumable(): boolean {
    return this.#lastId !== '';
  }

  get begun(): boolean {
    return this.#ledger.begun;
  }

  /** What the stream said to wait before coming back, ms; undefined when it did not. */
  get retry_ms(): number | undefined {
    return this.#retry_ms;
  }

  /** Makes the call, as a new one each time; the stream is cut after `timeout_ms`. */
  async start(timeout_ms: number, headers: Record<string, string> = {}): Promise<Response> {
    this.#ledger = new Ledger(uniqueId(), this.#events);
    const { id } = this.#ledger;
    const params = { name: this.#tool.name, arguments: this.#tool.arguments, _meta: { progressToken: id } };
    const { headers: own, body } = post(this.#peer, 'tools/call', params, id);
    const response = await send(this.#target, 'POST', body, own, {
      name: 'stream',
      timeout_ms,
      expected: CUT,
      headers,
    });
    this.#take(response);
    return response;
  }

  /** Comes back with the id of the last whole event; the stream is cut again after `timeout_ms`. */
  async resume(timeout_ms: number, headers: Record<string, string> = {}): Promise<Response> {
    const response = await openStream(this.#target, this.#peer, this.#lastId, {
      name: 'resume',
      timeout_ms,
      expected: [...CUT, ...LATER, CONFLICT],
      headers,
    });
    // Cut before its first byte it says nothing of the server; nor does it when the server has not heard of the cut yet, and
    // wants the stream to be asked for again.
    const untold = response.error_code === TIMED_OUT && !began(response);
    if (!untold && response.status !== CONFLICT) {
      const ok = gaveStream(response);
      reconnectOk.add(ok);
      if (ok) {
        reconnects.add(1);
        resumeTime.add(response.timings.waiting);
      }
    }
    this.#take(response);
    return response;
  }

  /** Counts what came of it. What has not come by now is lost. */
  finish(): void {
    const { seen, lost, repeated, foreign, disordered } = this.#ledger.account();
    eventsSeen.add(seen);
    eventsLost.add(lost);
    eventsDuplicated.add(repeated);
    eventsForeign.add(foreign);
    eventsDisordered.add(disordered);
  }

  #take(response: Response): void {
    const body = bodyOf(response);
    const type = contentTypeOf(response);
    if (!gaveStream(response)) {
      // A refusal is of no stream; it may be the answer, an error.
      if (responseIn(body, type, this.#ledger.id)) this.#ledger.take(body);
    } else if (type.includes('application/json')) {
      this.#ledger.take(body);
    } else {
      const { events, lastId, retry_ms } = readStream(body, this.#lastId);
      for (const { data } of events) this.#ledger.take(data);
      requestsUnanswered.add(requestsIn(events).length);
      this.#lastId = lastId;
      this.#retry_ms = retry_ms ?? this.#retry_ms;
    }
    if (!this.answered) streamsCut.add(1, { how: howCut(response) });
    // All was said, and the server left it to this client to end the stream.
    else if (response.error_code === TIMED_OUT) streamsUnclosed.add(1);
  }
}

/** Who ended a stream that had not said all: this client, the server, or what tore the connection. */
function howCut({ status, error_code }: Response): string {
  if (error_code === TIMED_OUT) return 'client';
  return status === 200 ? 'server' : 'torn';
}
