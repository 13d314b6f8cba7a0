/** What of a recording the client did, and when: its requests and the streams that it left, each with all that a replay must know of it. */

import { type Arrival, messageOf, parsed } from './arrivals.ts';
import { isRecord, valueAt } from './match.ts';
import { isStateless, metaOf } from './protocol.ts';
import type { Recorded } from './recorder.ts';
import { REVISIONS, type Revision } from './scenario.ts';

/** One exchange that can be replayed. */
export interface Told {
  readonly index: number;
  readonly recorded: Recorded;
  /** In lower case. */
  readonly verb: string;
  readonly at: number;
  readonly status: number;
  /** The body of the request, where it is JSON. */
  readonly json: unknown;
  /** Of a request or notification. */
  readonly method: string | undefined;
  /** Holds notifications or responses only: no answer tells anything. */
  readonly tells: boolean;
  /** The arrivals that are expected of it as of a stream. */
  arrivals: readonly Arrival[];
  /** It is read as a stream; else it is one answer, read to its end. */
  readonly isOpen: boolean;
  /** The one message that answers, of what is no stream. */
  readonly answer: unknown;
  /** When a replay goes on: at the head of a stream, at the end of anything else. */
  readonly doneAt: number;
  /** Where its stream goes on from. */
  readonly resumes: { readonly from: Told; readonly index: number } | undefined;
}

/** Something that the client did. */
export interface Act {
  readonly at: number;
  readonly told: Told;
  /** It left the stream. */
  readonly isCut: boolean;
}

/** @returns every exchange that can be replayed, and of the others why they cannot; one line each */
export function toldOf(exchanges: readonly Recorded[]): { told: Told[]; leftOut: string[] } {
  const told: Told[] = [];
  const leftOut: string[] = [];
  const lastIds = new Set(exchanges.flatMap(({ headers }) => headers['last-event-id'] ?? []));
  /** How much of a stream its client had seen when it came back. */
  const seen = new Map<number, number>();
  for (const [index, recorded] of exchanges.entries()) {
    const { method: verb, headers, body, arrivals, answeredAt, leftAt, failed } = recorded;
    const json = parsed(body.toString());
    const messages = (Array.isArray(json) ? json : [json]).filter(isRecord);
    const method = isRecord(json) && typeof json.method === 'string' ? json.method : undefined;
    if (!arrivals || answeredAt === undefined) {
      const why =
        leftAt !== undefined
          ? 'its client left before the answer began'
          : failed === undefined
            ? 'it had no answer when the recording ended'
            : `the server did not answer: ${failed}`;
      leftOut.push(`${verb} ${method ?? ''}`.trim().concat(`: ${why}`));
      continue;
    }
    const events = arrivals.all.filter((one) => one.kind === 'event');
    const responses = events.filter((one) => one.data !== '');
    const [only] = responses;
    const isOne =
      verb === 'POST' &&
      responses.length === 1 &&
      isRecord(only?.message) &&
      only.message.method === undefined &&
      !events.some(({ id }) => id !== undefined && lastIds.has(id));
    const end = arrivals.all.at(-1);
    const isWhole = end?.kind === 'end' && end.error === undefined;
    const isOpen = arrivals.isStream ? !isOne : !isWhole && leftAt !== undefined;
    const resumes = resumedBy(headers['last-event-id'], told);
    if (resumes && !seen.has(resumes.from.index) && isBroken(resumes.from.recorded))
      seen.set(resumes.from.index, resumes.index + 1);
    told.push({
      index,
      recorded,
      verb: verb.toLowerCase(),
      at: recorded.at,
      status: arrivals.answer.status,
      json,
      method,
      tells:
        messages.length > 0 && messages.every(({ id, method: called }) => id === undefined || called === undefined),
      arrivals: isOpen ? arrivals.all : [],
      isOpen,
      answer: isOne ? only?.message : parsed(arrivals.text),
      doneAt: isOpen ? answeredAt : ((isOne ? only?.at : end?.at) ?? answeredAt),
      resumes,
    });
  }
  // What came and was lost with the connection comes again after it.
  for (const one of told) one.arrivals = expected(one, seen.get(one.index));
  return { told, leftOut };
}

/** Its end came from neither side's will, or from the client's. */
function isBroken({ leftAt, failed }: Recorded): boolean {
  return leftAt !== undefined || failed !== undefined;
}

/** Without an end that was not the server's, and without what the client never saw. */
function expected({ arrivals, recorded }: Told, seen: number | undefined): readonly Arrival[] {
  const kept = seen === undefined ? arrivals : arrivals.filter((one, index) => index < seen || one.kind === 'end');
  const { leftAt, failed } = recorded;
  return kept.filter(
    (one) => one.kind !== 'end' || (leftAt === undefined && (one.error === undefined || failed !== undefined)),
  );
}

function resumedBy(id: string | undefined, before: readonly Told[]): Told['resumes'] {
  if (id === undefined) return undefined;
  for (const from of before.toReversed()) {
    const index = from.arrivals.findIndex((one) => one.kind === 'event' && one.id === id);
    if (index >= 0) return { from, index };
  }
  return undefined;
}

/** In the order of time. */
export function actsOf(told: readonly Told[]): Act[] {
  const acts = told.flatMap((one): Act[] => {
    const { leftAt } = one.recorded;
    const request = { at: one.at, told: one, isCut: false };
    return one.isOpen && leftAt !== undefined ? [request, { at: leftAt, told: one, isCut: true }] : [request];
  });
  return acts.sort((one, other) => one.at - other.at);
}

/** The revision that was spoken: what `initialize` agreed on, or what requests with a result named. */
export function revisionOf(told: readonly Told[]): string {
  for (const { method, json, answer, arrivals } of told) {
    const agreed = method === 'initialize' ? valueAt(answer, 'result.protocolVersion') : undefined;
    if (typeof agreed === 'string') return agreed;
    const named = metaOf(valueAt(json, 'params'), 'protocolVersion');
    const isServed = valueAt(answer, 'result') !== undefined || arrivals.some((one) => messageOf(one) !== undefined);
    if (typeof named === 'string' && isServed) return named;
  }
  for (const { recorded } of told) {
    const named = recorded.headers['mcp-protocol-version'];
    if (named !== undefined) return named;
  }
  return '2025-11-25';
}

export function isKnown(revision: string): revision is Revision {
  return REVISIONS.some((one) => one === revision);
}

/** A session as it was begun. */
export interface Handshake {
  /** Empty for the only one. */
  readonly name: string;
  /** Absent where the server gave none. */
  readonly id: string | undefined;
  readonly capabilities: Record<string, unknown>;
  readonly initialize: Told;
  /** The notification that follows; absent where the two are not what a replay says by itself to begin a session. */
  readonly initialized: Told | undefined;
}

export function handshakesOf(acts: readonly Act[], revision: string): Handshake[] {
  if (isStateless(revision)) return [];
  const requests = acts.filter(({ isCut }) => !isCut).map(({ told }) => told);
  const begun = requests.filter(({ method, status }) => method === 'initialize' && status === 200);
  return begun.map((initialize, index): Handshake => {
    const id = initialize.recorded.arrivals?.answer.headers['mcp-session-id'];
    const later = requests.slice(requests.indexOf(initialize) + 1);
    const next = later.find(({ recorded }) => recorded.headers['mcp-session-id'] === id);
    const capabilities = valueAt(initialize.json, 'params.capabilities');
    const isUsual =
      isRecord(capabilities) &&
      initialize.recorded.headers['mcp-session-id'] === undefined &&
      valueAt(initialize.json, 'params.protocolVersion') === revision &&
      valueAt(initialize.answer, 'result.protocolVersion') === revision &&
      next?.method === 'notifications/initialized' &&
      next.status === 202 &&
      // Sessions without ids cannot be told apart.
      (id !== undefined || begun.length === 1);
    return {
      // Where there are several, all have names: what names none is of none.
      name: begun.length === 1 ? '' : `session${index + 1}`,
      id,
      capabilities: isRecord(capabilities) ? capabilities : {},
      initialize,
      initialized: isUsual ? next : undefined,
    };
  });
}
