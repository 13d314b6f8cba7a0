/** The raw Fetch handler: what a runtime can do at best (Bun, Deno; on Node by way of @hono/node-server). */
import './memory.ts';
import { hostname, port } from './address.ts';
import { echo, events, kind, page } from './answers.ts';

const JSON_INIT = { headers: { 'content-type': 'application/json' } };
const EVENT_INIT = { headers: { 'content-type': 'text/event-stream' } };
const encoder = new TextEncoder();
// The form in which each runtime sends a large answer fastest.
const body = 'Bun' in globalThis || 'Deno' in globalThis ? page.toString() : new Uint8Array(page);

const answers: Record<string, (request: Request) => Promise<Response>> = {
  echo: async (request) => new Response(echo(await request.json()), JSON_INIT),
  page: async (request) => {
    await request.json();
    return new Response(body, JSON_INIT);
  },
  events: async (request) => {
    const message = await request.json();
    const stream = new ReadableStream({
      start(controller) {
        for (const frame of events(message)) controller.enqueue(encoder.encode(frame));
        controller.close();
      },
    });
    return new Response(stream, EVENT_INIT);
  },
};
const answer = answers[kind];
if (!answer) throw new Error(`BENCH_ANSWER must be one of ${Object.keys(answers).join(', ')}, got "${kind}"`);

function open(): Response {
  const stream = new ReadableStream({ start: (controller) => controller.enqueue(encoder.encode(':\n\n')) });
  return new Response(stream, EVENT_INIT);
}

export default {
  port,
  hostname,
  idleTimeout: 255,
  fetch: (request: Request) => (request.method === 'POST' ? answer(request) : open()),
};
