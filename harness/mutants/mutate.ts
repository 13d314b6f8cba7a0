/** What mutants are made of: ways to change what a correct handler is asked and what it answers. */

import type { Revision } from '../replay/scenario.ts';

export type Handler = (request: Request) => Promise<Response>;

export interface Mutant {
  /** What it does wrong. */
  readonly name: string;
  readonly wrap: (handler: Handler) => Handler;
  /** Where it shows; default: 2025-11-25 and 2026-07-28. */
  readonly revisions?: readonly Revision[];
  /** Knobs of the server beneath. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Changes requests before they are served. */
export function request(name: string, change: (request: Request) => Request | Promise<Request>): Mutant {
  return { name, wrap: (handler) => async (given) => handler(await change(given)) };
}

/** Changes answers. */
export function answer(
  name: string,
  change: (response: Response, request: Request) => Response | Promise<Response>,
): Mutant {
  return { name, wrap: (handler) => async (given) => change(await handler(given.clone()), given) };
}

/** Changes messages, in JSON bodies and on event streams. */
export function message(name: string, change: (message: Json) => unknown): Mutant {
  const streams = events(name, (event) =>
    event.replace(/^data: (\{.*)$/m, (_line, text: string) => `data: ${JSON.stringify(change(JSON.parse(text)))}`),
  );
  return answer(name, async (response, given) => {
    if (isEvents(response)) return streams.wrap(() => Promise.resolve(response))(given);
    if (!isJson(response)) return response;
    const text = await response.text();
    if (text === '') return new Response(null, response);
    const body = JSON.parse(text) as Json | Json[];
    return new Response(JSON.stringify(Array.isArray(body) ? body.map(change) : change(body)), response);
  });
}

/** Changes results. */
export function result(name: string, change: (result: Record<string, unknown>) => unknown): Mutant {
  return message(name, (one) => (one.result ? { ...one, result: change(one.result) } : one));
}

/** Changes the text of the bodies of POSTs before they are served. */
export function asked(name: string, change: (text: string) => string): Mutant {
  return request(name, async (given) => {
    if (given.method !== 'POST') return given;
    const body = await given.clone().arrayBuffer();
    const text = new TextDecoder().decode(body);
    const changed = change(text);
    return changed === text ? given : changedRequest(given, { body: changed });
  });
}

/** Changes headers of answers. */
export function headers(name: string, change: (headers: Headers, request: Request, status: number) => void): Mutant {
  return answer(name, (response, given) => {
    const changed = new Headers(response.headers);
    change(changed, given, response.status);
    return new Response(response.body, { status: response.status, headers: changed });
  });
}

/** Changes the bytes of bodies. */
export function bytes(name: string, change: (chunk: Uint8Array) => Uint8Array[], which = isEvents): Mutant {
  return answer(name, (response) => {
    if (!response.body || !which(response)) return response;
    const changed = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (const one of change(chunk)) controller.enqueue(one);
      },
    });
    return new Response(response.body.pipeThrough(changed), response);
  });
}

/** Changes event streams, event by event; an event is what stands between two empty lines. */
export function events(
  name: string,
  change: (event: string, index: number) => string | string[],
  between = '\n\n',
): Mutant {
  return answer(name, (response) => {
    if (!isEvents(response) || !response.body) return response;
    const decoder = new TextDecoder();
    const encoder = new TextEncoder();
    let waiting = '';
    let index = 0;
    const changed = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          waiting += decoder.decode(chunk, { stream: true });
          const parts = waiting.split('\n\n');
          waiting = parts.pop() ?? '';
          for (const part of parts)
            for (const one of [change(part, index++)].flat()) controller.enqueue(encoder.encode(`${one}${between}`));
        },
      }),
    );
    return new Response(changed, response);
  });
}

export type Json = Record<string, unknown> & { result?: Record<string, unknown>; error?: Record<string, unknown> };

export function isJson(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('application/json') ?? false;
}

export function isEvents(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

/** A request with another body, or with other headers; `undefined` leaves a header out. */
export function changedRequest(
  given: Request,
  { body, headers = {} }: { body?: string; headers?: Readonly<Record<string, string | undefined>> },
): Request {
  const all = new Headers(given.headers);
  if (body !== undefined) all.delete('content-length');
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) all.delete(name);
    else all.set(name, value);
  }
  return new Request(given, { headers: all, ...(body !== undefined && { body }) });
}

/** A request without a header. */
export function without(given: Request, name: string): Request {
  return changedRequest(given, { headers: { [name]: undefined } });
}

/** A record without some of its members. */
export function withoutMembers(record: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

export function status(response: Response, code: number): Response {
  return new Response(response.body, { status: code, headers: response.headers });
}
