/** One line of text for each thing that went over the wire. */

import { isRecord } from '../match.ts';
import type { Event } from '../outcome.ts';
import { oneLine } from './printable.ts';

/** @param most characters of the text of a frame; longer ones are cut with `...` */
export function frameLine(event: Event, most = 300): string {
  const [sign, text] = told(event);
  const line = oneLine(text);
  const cut = line.length > most ? `${line.slice(0, most - 3)}...` : line;
  return `${event.t.toFixed(1).padStart(9)} ms  #${String(event.exchange).padEnd(3)} ${sign} ${cut}`;
}

function told(event: Event): [sign: string, text: string] {
  switch (event.what) {
    case 'request':
      // The message first: headers are many, and a line may be cut.
      return ['>', [event.method, event.node, event.body, headerText(event.headers)].filter(Boolean).join('  ')];
    case 'answer':
      return ['<', `${event.status}  ${headerText(event.headers)}`];
    case 'chunk':
      return ['<', `chunk  ${JSON.stringify(event.text)}`];
    case 'event':
      return [
        '<',
        [
          'event',
          event.id !== undefined && `id=${event.id}`,
          event.event !== undefined && `event=${event.event}`,
          event.data,
        ]
          .filter((part) => part !== false)
          .join('  '),
      ];
    case 'comment':
      return ['<', `comment  ${event.text}`];
    case 'retry':
      return ['<', `retry  ${event.ms} ms`];
    case 'end':
      return event.error === undefined ? ['|', 'end of the body'] : ['x', event.error];
  }
}

function headerText(headers: Readonly<Record<string, string | readonly string[]>>): string {
  return headerLines(headers).join('; ');
}

/** `name: value`, one for each line on the wire. */
export function headerLines(headers: Readonly<Record<string, string | readonly string[]>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((one) => `${name}: ${one}`),
  );
}

/** The chunks of an event stream say again, in bytes, what its frames say: without those of answers whose frames were read. */
export function withoutRepeats(transcript: readonly Event[]): Event[] {
  const framed = new Set(
    transcript.filter(({ what }) => ['event', 'comment', 'retry'].includes(what)).map(({ exchange }) => exchange),
  );
  return transcript.filter(({ what, exchange }) => what !== 'chunk' || !framed.has(exchange));
}

/** What a text says as a JSON-RPC message, in a few words, as `tools/call, id 3`; undefined where it is none. */
export function messageWords(text: string): string | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (Array.isArray(message)) return `a batch of ${message.length}`;
  if (!isRecord(message)) return undefined;
  const { id, method, error } = message;
  const named = id === undefined ? '' : `, id ${JSON.stringify(id)}`;
  if (typeof method === 'string') return `${method}${named}`;
  if (isRecord(error)) return `error ${String(error.code)}${named}`;
  return 'result' in message ? `result${named}` : undefined;
}
