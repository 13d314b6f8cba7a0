import { answer, events, isJson, type Mutant, message } from './mutate.ts';

/** Servers that are right in an unusual way: nothing may turn red. */
export const VARIATIONS: readonly Mutant[] = [
  message('members in another order', (one) => Object.fromEntries(Object.entries(one).reverse())),
  message('unknown members', (one) => ({ ...one, 'x-unknown': { any: ['thing'] } })),
  answer('indented JSON', async (response) => {
    if (!isJson(response)) return response;
    const text = await response.text();
    return new Response(text === '' ? text : JSON.stringify(JSON.parse(text), null, 2), response);
  }),
  events('comments between events', (event) => [': still here', event, ': and here']),
  events('CRLF line ends', (event) => event.replaceAll('\n', '\r\n')),
  events('data in two lines', (event) => event.replace(/^data: (\{"jsonrpc":"2.0",)(.+)$/m, 'data: $1\ndata: $2')),
  events('fields without a space', (event) => event.replaceAll(/^(data|id): /gm, '$1:')),
  events('unknown fields', (event) => `x-unknown: 1\n${event}`),
  answer('one byte at a time', (response) => {
    if (!response.body) return response;
    const bytewise = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (const byte of chunk) controller.enqueue(Uint8Array.of(byte));
      },
    });
    return new Response(response.body.pipeThrough(bytewise), response);
  }),
  answer('a parameter in the content type', (response) => {
    const type = response.headers.get('content-type');
    if (type === null) return response;
    const changed = new Response(response.body, response);
    changed.headers.set('content-type', `${type}; charset=utf-8`);
    return changed;
  }),
];
