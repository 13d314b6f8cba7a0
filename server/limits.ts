/**
 * How much one caller may ask, who a caller is by address, and how it is told that it was too much.
 * Also how long requests wait for each other, so that a server that is behind can say so instead of falling further.
 */

import ipaddr from 'ipaddr.js';
import type { Clock } from './clock.ts';
import type { Rate } from './config.ts';
import { CODE, quote, type RequestId, refuse } from './protocol.ts';

// ---- rates ---------------------------------------------------------------------------------------

export interface Limiter {
  /** Takes one from the budget of `key`. @returns 0, or when there was none the milliseconds until there is one */
  take(key: string): number;
  /** What is left of the budget of `key`. */
  remaining(key: string): number;
  /** Keys counted now. */
  readonly size: number;
}

/** A budget that fills steadily. It is whole again at `full`, ms since the limiter was made. */
interface Budget {
  full: number;
}

/**
 * At most `rate.count` at once, and in the long run `rate.count` in each window (GCRA: a budget is one number, the time
 * at which it would be whole again). It has no timer.
 *
 * At most `most` keys are counted. A key whose budget is whole is forgotten at no loss. Where that leaves more than half
 * of them, the half that owes least is forgotten too, and who is not counted then starts with what the worst of those
 * owed. So nobody gains a budget by making keys until its own is forgotten: callers past the bound share one, and those
 * within it keep theirs.
 */
export function limiter(rate: Rate, clock: Clock, most: number): Limiter {
  const { count, window_ms } = rate;
  const interval = window_ms / count;
  /** Rounding must not cost the last one of a budget. */
  const slack = Math.min(interval / 1000, 0.01);
  /** Times count from here: they stay small, so fractions of a millisecond stay exact. */
  const birth = clock.now();
  const budgets = new Map<string, Budget>();
  let sweepAt = Math.min(most, 1024);
  /** When the worst budget that was forgotten before its time is whole again. */
  let forgotten = 0;

  /** Milliseconds until a budget is whole; never more than a window, also when the clock was set back. */
  function owed(budget: Budget, now: number): number {
    return Math.min(Math.max(budget.full - now, 0), window_ms);
  }

  function admit(key: string, now: number): Budget {
    if (budgets.size >= sweepAt) sweep(now);
    const budget = { full: forgotten };
    budgets.set(key, budget);
    return budget;
  }

  function sweep(now: number): void {
    for (const [key, budget] of budgets) if (owed(budget, now) === 0) budgets.delete(key);
    if (sweepAt === most && budgets.size > most / 2) {
      const debts = Float64Array.from(budgets.values(), (budget) => owed(budget, now)).sort();
      const least = debts[debts.length >> 1] as number;
      forgotten = Math.max(forgotten, now + least);
      for (const [key, budget] of budgets) if (owed(budget, now) <= least) budgets.delete(key);
    }
    // Twice what is left, so that a sweep costs each newcomer the same however many there are.
    sweepAt = Math.min(most, Math.max(1024, 2 * budgets.size));
  }

  return {
    take(key) {
      const now = clock.now() - birth;
      const budget = budgets.get(key) ?? admit(key, now);
      const debt = owed(budget, now) + interval;
      if (debt > window_ms + slack) return Math.ceil(debt - window_ms - slack);
      budget.full = now + debt;
      return 0;
    },
    remaining(key) {
      const now = clock.now() - birth;
      const debt = owed(budgets.get(key) ?? { full: forgotten }, now);
      return Math.floor((window_ms - debt + slack) / interval);
    },
    get size() {
      return budgets.size;
    },
  };
}

// ---- addresses -----------------------------------------------------------------------------------

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = readonly [Address, number];

const NAMED: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10']],
]);
/** The key of callers whose address nobody tells: they are counted as one. */
export const UNKNOWN = 'unknown';
/** Addresses remembered; then all are read anew. */
const REMEMBERED = 4096;
/** The longest thing that is an address: IPv6 with an IPv4 tail, zone, brackets and port. */
const LONGEST = 80;

/** An address as it was read. */
interface Peer {
  /** What it is counted by. */
  readonly key: string;
  readonly trusted: boolean;
}

/**
 * Who calls, by address, as a key to count by: an IPv4 address, or the /64 network of an IPv6 address, of which anyone
 * has one to choose from.
 *
 * That is the peer, unless the peer is a trusted proxy: then the last address in X-Forwarded-For that is not one. What
 * stands left of it was written by whom it names. A malformed entry ends the search at the last address that was good.
 *
 * @param trusted addresses, networks, `loopback`, `private` (RFC 1918, fc00::/7 and link-local), as in MCP_TRUSTED_PROXIES
 * @throws Error with one line that names the knob, the value and what was expected
 */
export function addressOf({
  trusted,
}: {
  trusted: readonly string[];
}): (peer: string | undefined, headers: Headers) => string {
  const networks = trusted.flatMap(networksOf);
  let known = new Map<string, Peer | undefined>();

  function peerOf(text: string): Peer | undefined {
    const before = known.get(text);
    if (before !== undefined || text.length > LONGEST) return before;
    const address = readAddress(text);
    if (address === undefined) return undefined;
    const peer = { key: keyOf(address), trusted: networks.some((network) => within(address, network)) };
    if (known.size >= REMEMBERED) known = new Map();
    known.set(text, peer);
    return peer;
  }

  return (text, headers) => {
    let peer = text === undefined ? undefined : peerOf(text);
    if (peer === undefined) return UNKNOWN;
    if (!peer.trusted) return peer.key;
    const chain = headers.get('x-forwarded-for');
    if (chain === null) return peer.key;
    for (let end = chain.length; end >= 0; ) {
      const comma = end === 0 ? -1 : chain.lastIndexOf(',', end - 1);
      const next = peerOf(chain.slice(comma + 1, end).trim());
      if (next === undefined) break;
      peer = next;
      if (!peer.trusted) break;
      end = comma;
    }
    return peer.key;
  };
}

function networksOf(text: string): Network[] {
  const named = NAMED.get(text);
  if (named !== undefined) return named.flatMap(networksOf);
  const network = readNetwork(text);
  if (network !== undefined) return [network];
  throw new Error(
    `MCP_TRUSTED_PROXIES must be addresses, networks such as 10.0.0.0/8, loopback or private, got ${quote(text)}`,
  );
}

function readNetwork(text: string): Network | undefined {
  const [, bare = '', bits] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const address = readBare(bare);
  if (address === undefined) return undefined;
  const most = address.kind() === 'ipv4' ? 32 : 128;
  // The bits of an IPv4-mapped network count from its IPv6 spelling.
  const mapped = most === 32 && bare.includes(':') ? 96 : 0;
  const length = bits === undefined ? most : Number(bits) - mapped;
  return length >= 0 && length <= most ? [address, length] : undefined;
}

/** Reads `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; a zone is left out. */
function readAddress(text: string): Address | undefined {
  const [, bracketed, dotted, colons] =
    /^(?:\[([0-9a-f.:]+)(?:%[^\]]*)?\](?::\d{1,5})?|(\d[\d.]+)(?::\d{1,5})?|([0-9a-f.:]+)(?:%.*)?)$/i.exec(text) ?? [];
  if (bracketed?.includes(':') === false) return undefined;
  return readBare(bracketed ?? dotted ?? colons ?? '');
}

/** IPv4 in four decimal parts alone: other spellings (`127.1`, octal) are read differently by different software. */
function readBare(text: string): Address | undefined {
  const well = text.includes(':') ? ipaddr.IPv6.isValid(text) : ipaddr.IPv4.isValidFourPartDecimal(text);
  return well ? ipaddr.process(text) : undefined;
}

function within(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

function keyOf(address: Address): string {
  if (!('parts' in address)) return address.toString();
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toRFC5952String()}/64`;
}

// ---- answers -------------------------------------------------------------------------------------

/**
 * 429: the caller used up a budget. `Retry-After` (RFC 9110, 10.2.3), `RateLimit-Policy` and `RateLimit`
 * (draft-ietf-httpapi-ratelimit-headers-10) and the error's data say when to come again, in whole seconds.
 *
 * @param name the limit: `requests`, `initialize`, `calls`, or the name of a tool
 * @param wait_ms what `take` returned
 */
export function tooMany(name: string, rate: Rate, wait_ms: number, id?: RequestId): Response {
  const retryAfter_s = seconds(wait_ms / 1000);
  const window_s = rate.window_ms / 1000;
  return refuse(
    429,
    CODE.internal,
    `Too many: the limit of ${quote(name)} is ${rate.count} in ${window_s} s; try again in ${retryAfter_s} s`,
    {
      id,
      data: { limit: name, retryAfter_s },
      headers: {
        'retry-after': String(retryAfter_s),
        'ratelimit-policy': `"${name}";q=${rate.count};w=${window_s}`,
        ratelimit: `"${name}";r=0;t=${retryAfter_s}`,
      },
    },
  );
}

/** 503: whoever calls, the server has no room now. */
export function overloaded(message: string, retryAfter_s: number, id?: RequestId): Response {
  const wait_s = seconds(retryAfter_s);
  return refuse(503, CODE.internal, message, {
    id,
    data: { retryAfter_s: wait_s },
    headers: { 'retry-after': String(wait_s) },
  });
}

/** Whole seconds, at least one: the headers have no fractions, and 0 would mean at once. */
function seconds(value: number): number {
  return Math.max(1, Math.ceil(value));
}

// ---- lag -----------------------------------------------------------------------------------------

export interface TurnWatch {
  /**
   * How long, in ms, the request that asks has waited, as far as can be told: for all that this turn of the event loop
   * has done, and half of the turn before where that had just ended. Asked once at the door of each request, before
   * anything is awaited.
   */
  late(): number;
  /** The longest turn, in ms, that requests have seen since this was asked last. */
  worst(): number;
}

/** Turns that are no further apart follow each other without rest, ms. */
const REST_MS = 1;

/**
 * Watches turns of the event loop through the requests that come in them. All whose sockets were ready are served in one
 * turn, so the last one has waited for the work of all before it. The first starts the watch and sets one timer, which
 * runs when the turn is over; an idle server has none. A turn counts to the millisecond, the shortest timer.
 *
 * Requests that came while a turn ran are served in the next, and nothing tells when: on average they waited for half of
 * it. On Workers requests share no turn, the time stands still while one computes, and a timer ends with the request that
 * set it: there both are always 0.
 */
export function turnWatch(clock: Clock, now: () => number = () => performance.now()): TurnWatch {
  if (globalThis.navigator?.userAgent === 'Cloudflare-Workers') return { late: () => 0, worst: () => 0 };
  let began = -1;
  /** Of the turn before. */
  let ended = Number.NEGATIVE_INFINITY;
  let took = 0;
  /** What requests of this turn have waited before it began. */
  let before = 0;
  let worst = 0;
  const over = () => {
    ended = now();
    took = ended - began;
    worst = Math.max(worst, took);
    began = -1;
  };
  return {
    late() {
      if (began >= 0) return before + now() - began;
      began = now();
      before = began - ended <= REST_MS ? took / 2 : 0;
      clock.after(0, over);
      return before;
    },
    worst() {
      const longest = worst;
      worst = 0;
      return longest;
    },
  };
}
