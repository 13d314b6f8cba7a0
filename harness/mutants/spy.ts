/** Mutants that must know what was said before: they see requests as messages, and streams event by event. */

import { parsed } from '../replay/arrivals.ts';
import { valueAt } from '../replay/match.ts';
import { changedRequest, type Handler, isEvents, type Json, type Mutant } from './mutate.ts';

/** A request, read. */
export interface Given {
  readonly request: Request;
  readonly handler: Handler;
  readonly verb: string;
  /** Empty where none is named. */
  readonly session: string;
  readonly body: Json | undefined;
  /** Last-Event-ID. */
  readonly from: string | null;
}

/** An open event stream. */
export interface Stream {
  readonly given: Given;
  /** Puts an event in. */
  say(event: string): void;
  /** Ends it. */
  end(): void;
}

export interface Hooks {
  /** What is served in place of a request, or the answer to it; nothing: it is served as it is. */
  before?(given: Given): Request | Response | undefined | Promise<Request | Response | undefined>;
  after?(response: Response, given: Given): Response | Promise<Response>;
  opened?(stream: Stream): void;
  /** An event is what stands between two empty lines. @returns what is sent in its place */
  event?(event: string, stream: Stream): string | readonly string[];
  /** The server has ended a stream; it is closed once this has resolved. */
  ended?(stream: Stream): void | Promise<void>;
  /** The client has cut a stream. */
  cut?(stream: Stream): void;
}

/** @param make for each node its own */
export function spy(name: string, make: () => Hooks, options: Pick<Mutant, 'revisions' | 'env'> = {}): Mutant {
  return {
    name,
    ...options,
    wrap(handler) {
      const hooks = make();
      return async (request) => {
        const text = request.method === 'POST' ? await request.clone().text() : '';
        const given: Given = {
          request,
          handler,
          verb: request.method,
          session: request.headers.get('mcp-session-id') ?? '',
          body: parsed(text) as Json | undefined,
          from: request.headers.get('last-event-id'),
        };
        const instead = await hooks.before?.(given);
        if (instead instanceof Response) return instead;
        const response = await handler(instead ?? request);
        const after = (await hooks.after?.(response, given)) ?? response;
        return isEvents(after) && after.body ? streamed(after, after.body, given, hooks) : after;
      };
    },
  };
}

/** The same for those of the sessions era alone. */
export function old(name: string, make: () => Hooks): Mutant {
  return spy(name, make, { revisions: ['2025-11-25'] });
}

function streamed(response: Response, body: ReadableStream<Uint8Array>, given: Given, hooks: Hooks): Response {
  const reader = body.getReader();
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let isOver = false;
  let stream: Stream;
  const changed = new ReadableStream<Uint8Array>({
    async start(controller) {
      stream = {
        given,
        say: (event) => void (isOver || controller.enqueue(encoder.encode(`${event}\n\n`))),
        end() {
          if (isOver) return;
          isOver = true;
          controller.close();
          void reader.cancel();
        },
      };
      hooks.opened?.(stream);
      void pump();
    },
    cancel(reason) {
      isOver = true;
      hooks.cut?.(stream);
      return reader.cancel(reason);
    },
  });
  async function pump(): Promise<void> {
    let waiting = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      waiting += decoder.decode(value, { stream: true });
      const parts = waiting.split('\n\n');
      waiting = parts.pop() ?? '';
      for (const part of parts) for (const one of [hooks.event?.(part, stream) ?? part].flat()) stream.say(one);
    }
    await hooks.ended?.(stream);
    stream.end();
  }
  return new Response(changed, response);
}

/** The message in an event; undefined where there is none. */
export function dataOf(event: string): Json | undefined {
  return parsed(/^data: (.*)$/m.exec(event)?.[1] ?? '') as Json | undefined;
}

/** The id of an event. */
export function idOf(event: string): string | undefined {
  return /^id: (.*)$/m.exec(event)?.[1];
}

export function withData(event: string, message: unknown): string {
  return event.replace(/^data: .*$/m, () => `data: ${JSON.stringify(message)}`);
}

/** An event of its own, without an id. */
export function eventOf(message: object): string {
  return `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}`;
}

/** The method of a message; undefined of a response. */
export function methodOf(message: Json | undefined): string | undefined {
  return typeof message?.method === 'string' ? message.method : undefined;
}

/** A member of a message, as `params.uri`. */
export function member(message: Json | undefined, path: string): unknown {
  return valueAt(message, path);
}

export function isResponse(message: Json | undefined): boolean {
  return message !== undefined && message.method === undefined && message.id !== undefined;
}

/** The client's answer to a question. */
export function isAnswer({ verb, body }: Given): boolean {
  return verb === 'POST' && isResponse(body);
}

/** The request with another message, or with other headers. */
export function changed(
  { request }: Given,
  { body, headers }: { body?: unknown; headers?: Record<string, string | undefined> },
): Request {
  return changedRequest(request, {
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(headers && { headers }),
  });
}

/** Serves a message of one's own in a session, in the client's name. */
export function send(given: Given, message: object, session = given.session): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': session,
  };
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  return given.handler(new Request(given.request.url, { method: 'POST', headers, body }));
}

/** Ends a session in the client's name. */
export function endSession(given: Given, session = given.session): Promise<Response> {
  return given.handler(new Request(given.request.url, { method: 'DELETE', headers: { 'mcp-session-id': session } }));
}

export function accepted(): Response {
  return new Response(null, { status: 202 });
}

export function json(given: Given, message: object, status = 200): Response {
  const body = { jsonrpc: '2.0', id: given.body?.id, ...message };
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}
