/** What was said in a recording, by whom and when, and what it was about. */

import { messageOf } from './arrivals.ts';
import { isRecord } from './match.ts';
import type { Told } from './recorded-acts.ts';
import type { Said } from './recorded-values.ts';

/** Everything that was said, in the order of time. */
export function saidOf(told: readonly Told[]): Said[] {
  const methods = new Methods(told);
  const said = told.flatMap((one): Said[] => {
    const { at, json, recorded, answer, arrivals, doneAt, index } = one;
    const { 'mcp-session-id': _session, 'last-event-id': _event, ...headers } = recorded.headers;
    const sent = [headers, json].map((value): Said => ({ at, by: 'client', value, place: '' }));
    if (!one.isOpen) return [...sent, ...heard(answer, doneAt, placeOf(index), methods.of(one, answer))];
    return [
      ...sent,
      ...arrivals.flatMap((arrival, number) => {
        const message = messageOf(arrival);
        return heard(message, arrival.at, placeOf(index, number), methods.of(one, message));
      }),
    ];
  });
  return said.sort((one, other) => one.at - other.at);
}

/** Of a message, what can be caught again: what its result or parameters hold. */
function heard(message: unknown, at: number, place: string, method: string | undefined): Said[] {
  if (Array.isArray(message)) return message.flatMap((one, index) => heard(one, at, `${place}/${index}`, method));
  if (!isRecord(message)) return [];
  const { result, error, params } = message;
  return Object.entries({ result, error, params }).flatMap(([member, value]): Said[] =>
    value === undefined ? [] : [{ at, by: 'server', value, place: `${place}/${member}`, method }],
  );
}

export function placeOf(exchange: number, arrival?: number): string {
  return arrival === undefined ? `${exchange}` : `${exchange}.${arrival}`;
}

/** Which method a response answers: also on a stream that goes on for another. */
export class Methods {
  readonly #asked = new Map<string, string>();

  constructor(told: readonly Told[]) {
    for (const one of told)
      for (const message of [one.json].flat())
        if (isRecord(message) && message.id !== undefined && typeof message.method === 'string')
          this.#asked.set(keyOf(one, message.id), message.method);
  }

  of(told: Told, message: unknown): string | undefined {
    if (!isRecord(message)) return told.method;
    return typeof message.method === 'string' ? message.method : this.#asked.get(keyOf(told, message.id));
  }
}

/** Ids are of a session. */
export function keyOf({ recorded: { headers } }: Told, id: unknown): string {
  return JSON.stringify([headers['mcp-session-id'], id]);
}
