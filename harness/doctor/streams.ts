/** Whether event streams come through: at once, uncompressed, and kept open by heartbeats. */

import type { Arrivals } from '../replay/arrivals.ts';
import { monotonic } from '../replay/clock.ts';
import { NoAnswer } from '../replay/exchanges.ts';
import type { HttpRequest } from '../replay/target.ts';
import { type Finding, finding } from './finding.ts';
import type { Spoken } from './negotiation.ts';
import { STATELESS, seconds, type Visit } from './visit.ts';

/** A stream that is open. */
export interface Stream {
  readonly name: string;
  readonly arrivals: Arrivals;
  /** When it was asked for, by the monotonic clock; ms. */
  readonly opened: number;
  /** When its opening was over: what comes later is a sign of life. */
  readonly ready: number;
}

export interface Opened {
  readonly streams: readonly Stream[];
  readonly found: Finding[];
}

/** How long the head and the first event may take; ms. */
const FIRST_MS = 1000;
/** After so long without a head there will be none; ms. */
const HEAD_MS = 3000;
/** What comes so soon after the first event belongs to the opening; ms. */
const OPENING_MS = 20;
/** Silence that has to be borne by default elsewhere; s. */
const PATIENCE_S = 60;

const BUFFERING =
  'nginx: proxy_buffering off; proxy_cache off; gzip off; proxy_http_version 1.1; or X-Accel-Buffering: no on the answer';

/** After how many seconds of silence who usually cuts a connection. */
const LIMITS: readonly (readonly [least: number, most: number, who: string])[] = [
  [8, 14, 'the idleTimeout of Bun, 10 s'],
  [28, 31, 'API Gateway, 29 s, or a router of a platform, 30 s'],
  [53, 57, 'Heroku, 55 s'],
  [58, 64, 'proxy_read_timeout of nginx or the idle timeout of an AWS balancer, 60 s'],
  [98, 104, 'Cloudflare, 100 s'],
  [118, 128, 'a balancer with 120 s'],
  [295, 310, 'undici (the fetch of Node), 300 s'],
];

/** Opens the streams that a server has for what it tells by itself. */
export async function openStreams(visit: Visit, { session, stateless }: Spoken): Promise<Opened> {
  const wanted: [string, HttpRequest, boolean][] = [];
  if (session?.id !== undefined) {
    const headers = {
      accept: 'text/event-stream',
      'mcp-session-id': session.id,
      'mcp-protocol-version': session.negotiated,
    };
    wanted.push(['GET', { method: 'GET', headers }, false]);
  }
  if (stateless) {
    const params = { notifications: { toolsListChanged: true } };
    wanted.push(['subscriptions/listen', visit.message('subscriptions/listen', { revision: STATELESS, params }), true]);
  }
  const opened = await Promise.all(wanted.map((one) => open(visit, ...one)));
  return { streams: opened.flatMap(({ streams }) => streams), found: opened.flatMap(({ found }) => found) };
}

/** @param speaks the first event must come at once */
async function open(visit: Visit, name: string, request: HttpRequest, speaks: boolean): Promise<Opened> {
  const opened = monotonic.now();
  let first: number | undefined;
  const heard = () => {
    first ??= monotonic.now() - opened;
  };
  let arrivals: Arrivals;
  try {
    // As clients do, who would not notice that it is held back by being compressed.
    const headers = { ...request.headers, 'accept-encoding': 'gzip, deflate, br' };
    arrivals = await visit.open({ ...request, headers }, { within: HEAD_MS, heard });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return {
      streams: [],
      found: [finding('error', 'stream.first-byte', `${name}: no head of the stream, ${error.message}`, BUFFERING)],
    };
  }
  const head = monotonic.now() - opened;
  const { status, headers } = arrivals.answer;
  if (!arrivals.isStream) return { streams: [], found: [await noStream(name, arrivals)] };
  if (first === undefined && !arrivals.ended) await arrivals.next(FIRST_MS);
  const ready = monotonic.now() + OPENING_MS;
  const took = Math.round(first ?? head);
  const found: Finding[] = [];
  if (head > FIRST_MS || (speaks && (first ?? Number.POSITIVE_INFINITY) > FIRST_MS))
    found.push(
      finding(
        'error',
        'stream.first-byte',
        `${name}: ${first === undefined ? `no event within ${FIRST_MS} ms` : `the first byte came after ${took} ms`}, something holds the stream back`,
        BUFFERING,
      ),
    );
  else if (first === undefined)
    found.push(
      finding(
        'info',
        'stream.first-byte',
        `${name}: the head came after ${Math.round(head)} ms and no event with it, so that a buffer on the way would not show`,
        'begin each stream with an event that has an id and no data',
      ),
    );
  else found.push(finding('ok', 'stream.first-byte', `${name}: the first byte came after ${took} ms`));
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    found.push(
      finding(
        'error',
        'stream.compressed',
        `${name}: the stream has content-encoding ${encoding}, which holds events back`,
        'leave text/event-stream out of what is compressed; nginx: gzip off; Cache-Control: no-transform',
      ),
    );
  else found.push(finding('ok', 'stream.compressed', `${name}: the stream is not compressed`));
  const buffering = headers['x-accel-buffering'];
  if (buffering === 'no') found.push(finding('ok', 'stream.buffering', `${name}: X-Accel-Buffering is no`));
  else if (buffering === undefined && /nginx/i.test(headers.server ?? ''))
    found.push(finding('ok', 'stream.buffering', `${name}: X-Accel-Buffering, if there was one, is for nginx`));
  else
    found.push(
      finding(
        buffering === undefined ? 'info' : 'warning',
        'stream.buffering',
        `${name}: X-Accel-Buffering is ${buffering ?? 'absent'}`,
        'X-Accel-Buffering: no on event streams, or nginx: proxy_buffering off;',
      ),
    );
  if (status !== 200) found.push(finding('warning', 'stream.type', `${name}: the stream has status ${status}`));
  return { streams: [{ name, arrivals, opened, ready }], found };
}

async function noStream(name: string, arrivals: Arrivals): Promise<Finding> {
  const { status, headers } = arrivals.answer;
  arrivals.cut();
  const type = headers['content-type'] ?? 'no content type';
  if (status === 405 || status === 404 || status === 400 || status === 501)
    return finding('info', 'stream.type', `${name}: no stream is offered (${status})`);
  return finding(
    'error',
    'stream.type',
    `${name}: ${status} with ${type} instead of text/event-stream`,
    'the proxy must pass content-type and GET on; look at what answers',
  );
}

/**
 * Watches an idle stream.
 * @param until by the monotonic clock; without `wait` the first sign of life ends it sooner
 */
export async function watch({ name, arrivals, opened, ready }: Stream, until: number, wait: boolean): Promise<Finding> {
  const id = 'stream.heartbeat';
  const signs = () => arrivals.all.filter(({ kind, at }) => kind !== 'end' && at > ready);
  while (!arrivals.ended && (wait || signs().length === 0)) {
    const left = until - monotonic.now();
    if (left <= 0 || !(await arrivals.next(left))) break;
  }
  const beats = signs();
  const times = arrivals.all.map(({ at }) => at);
  if (arrivals.ended && !arrivals.wasCut) {
    const end = arrivals.all.at(-1);
    const silent = (times.at(-1) ?? 0) - (times.at(-2) ?? opened);
    const age = (times.at(-1) ?? 0) - opened;
    const who = limitNear(silent / 1000) ?? limitNear(age / 1000);
    const how = end?.kind === 'end' && end.error !== undefined ? 'cut' : 'closed';
    return finding(
      'error',
      id,
      `${name}: the stream was ${how} after ${seconds(age)}, ${seconds(silent)} of it silent${who === undefined ? '' : `; that is like ${who}`}`,
      `MCP_HEARTBEAT below ${Math.max(1, Math.floor((silent / 1000) * 0.8))} s; nginx: proxy_read_timeout 3600s; a balancer: a longer idle timeout`,
    );
  }
  const watched = seconds(monotonic.now() - opened);
  const [beat] = beats;
  if (beat) {
    const gaps = beats.map(({ at }, index) => at - (beats[index - 1]?.at ?? opened));
    const longest = Math.max(...gaps);
    return finding(
      'ok',
      id,
      `${name}: a ${beat.kind} after ${seconds(longest)} at most, ${beats.length} in ${watched}`,
    );
  }
  const patient = monotonic.now() - opened >= PATIENCE_S * 1000;
  return finding(
    patient ? 'warning' : 'info',
    id,
    `${name}: no sign of life in ${watched}, and the stream is open${patient ? '' : '; --wait 70 sees more'}`,
    'MCP_HEARTBEAT (6000 ms): proxies cut a silent stream after 10 to 300 s, and a half-open connection is noticed only by writing',
  );
}

/** Who usually cuts after so many seconds. */
export function limitNear(after_s: number): string | undefined {
  return LIMITS.find(([least, most]) => after_s >= least && after_s <= most)?.[2];
}
