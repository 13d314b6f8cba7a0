/**
 * Sealed session ids (2025-11-25, transports, Session Management): the id itself says what was negotiated, under a MAC.
 * Any node with the secret opens any session; an idle one costs nothing.
 */

import type { Clock } from './clock.ts';
import { isObject, STATEFUL_REVISIONS } from './protocol.ts';
import { fromBase64Url, type Seal, toBase64Url } from './seal.ts';
import type { Store } from './store.ts';
import type { ClientCapabilities, ClientInfo, Principal } from './tool.ts';

/** What a client opened its session with; sessions of the same kind of client share one. */
interface Handshake {
  readonly revision: string;
  readonly client: ClientInfo;
  readonly capabilities: ClientCapabilities;
}

export interface Session extends Handshake {
  /** Names the session where its state is kept and in logs: the principal and a nonce. It opens nothing. */
  readonly key: string;
  /** The `sub` the session belongs to; empty without authorization. */
  readonly subject: string;
  /** When the id expires, ms since the epoch. */
  readonly expires: number;
  /** When a request last named it on this node. */
  seen: number;
}

/** Small, for thousands are remembered. */
class OpenedSession implements Session {
  readonly key: string;
  readonly subject: string;
  readonly expires: number;
  seen: number;
  readonly #handshake: Handshake;

  constructor(handshake: Handshake, nonce: string, subject: string, expires: number, seen: number) {
    this.#handshake = handshake;
    this.key = subject === '' ? nonce : `${subject} ${nonce}`;
    this.subject = subject;
    this.expires = expires;
    this.seen = seen;
  }

  get revision(): string {
    return this.#handshake.revision;
  }

  get client(): ClientInfo {
    return this.#handshake.client;
  }

  get capabilities(): ClientCapabilities {
    return this.#handshake.capabilities;
  }
}

export interface Sessions {
  mint(
    revision: string,
    client: ClientInfo,
    capabilities: ClientCapabilities,
    principal: Principal | undefined,
  ): Promise<{ id: string; session: Session }>;
  /** @returns the session, or undefined for an id that is unknown, foreign, forged, expired or ended: all the same to the caller */
  open(id: string, principal: Principal | undefined): Session | undefined | Promise<Session | undefined>;
  /** Ends it on every node that shares the store. */
  end(session: Session): void | Promise<void>;
}

/** Order of the capability bits; appended to, never reordered, for ids outlive deployments. */
const BITS: readonly (readonly [keyof ClientCapabilities & string, string | undefined])[] = [
  ['roots', undefined],
  ['roots', 'listChanged'],
  ['sampling', undefined],
  ['sampling', 'context'],
  ['sampling', 'tools'],
  ['elicitation', undefined],
  ['elicitation', 'form'],
  ['elicitation', 'url'],
];
/** Longest id looked at: what mint makes is far shorter. */
const LONGEST = 1024;
/** Handshakes shared. */
const HANDSHAKES = 256;

export interface SessionOptions {
  seal: Seal;
  store: Store;
  clock: Clock;
  /** Milliseconds. */
  lifetime: number;
  /** Verified ids remembered. */
  remembered: number;
  /** Milliseconds without a request after which a session ends; only where this node sees all its requests. */
  idle: number | undefined;
}

export function sessions(options: SessionOptions): Sessions {
  const { seal, store, clock, lifetime, idle } = options;
  const generation = Math.ceil(options.remembered / 2);
  // Verifying costs a hop to another thread, so a verified id is remembered: two generations, a hit is one look.
  let young = new Map<string, Session>();
  let old = new Map<string, Session>();

  const remember = (id: string, session: Session) => {
    if (young.size >= generation) {
      old = young;
      young = new Map();
    }
    young.set(id, session);
  };

  const live = (
    session: Session,
    principal: Principal | undefined,
  ): Session | undefined | Promise<Session | undefined> => {
    if ((principal?.subject ?? '') !== session.subject) return undefined;
    const now = clock.now();
    if (now >= session.expires) return undefined;
    if (idle !== undefined && now - session.seen >= idle) {
      void store.end(session.key, session.expires);
      return undefined;
    }
    const ended = store.ended(session.key);
    if (ended === true) return undefined;
    session.seen = now;
    return ended === false ? session : ended.then((gone) => (gone ? undefined : session));
  };

  return {
    async mint(revision, client, capabilities, principal) {
      const nonce = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
      const born = Math.floor(clock.now() / 1000);
      const payload = encode([
        STATEFUL_REVISIONS.indexOf(revision),
        bitsOf(capabilities),
        client.name.slice(0, 64),
        client.version.slice(0, 32),
        born,
        nonce,
      ]);
      const subject = principal?.subject ?? '';
      const id = `${payload}.${await seal.sign(`${payload} ${subject}`)}`;
      const session = decode(payload, subject, lifetime, clock.now());
      if (!session) throw new Error('A minted session id cannot be read back');
      remember(id, session);
      return { id, session };
    },
    open(id, principal) {
      const known = young.get(id);
      if (known) return live(known, principal);
      const aged = old.get(id);
      if (aged) {
        remember(id, aged);
        return live(aged, principal);
      }
      const dot = id.indexOf('.');
      if (dot < 0 || id.length > LONGEST) return undefined;
      const payload = id.slice(0, dot);
      const subject = principal?.subject ?? '';
      return seal.verify(`${payload} ${subject}`, id.slice(dot + 1)).then((genuine) => {
        if (!genuine) return undefined;
        const session = young.get(id) ?? decode(payload, subject, lifetime, clock.now());
        if (!session) return undefined;
        remember(id, session);
        return live(session, principal);
      });
    },
    end: (session) => store.end(session.key, session.expires),
  };
}

/** A header value is bytes 0x21 to 0x7E, a client's name is anything. */
function encode(fields: unknown[]): string {
  return toBase64Url(new TextEncoder().encode(JSON.stringify(fields)));
}

function decode(payload: string, subject: string, lifetime: number, now: number): Session | undefined {
  const bytes = fromBase64Url(payload);
  if (!bytes) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields)) return undefined;
  const [index, bits, name, version, born, nonce] = fields as [number, number, string, string, number, string];
  const handshake = handshakeOf(index, bits, name, version);
  return handshake && new OpenedSession(handshake, nonce, subject, born * 1000 + lifetime, now);
}

const handshakes = new Map<string, Handshake>();

function handshakeOf(index: number, bits: number, name: string, version: string): Handshake | undefined {
  const revision = STATEFUL_REVISIONS[index];
  if (revision === undefined) return undefined;
  const text = JSON.stringify([index, bits, name, version]);
  const known = handshakes.get(text);
  if (known) return known;
  if (handshakes.size >= HANDSHAKES) handshakes.clear();
  const handshake = { revision, client: { name, version }, capabilities: capabilitiesOf(bits) };
  handshakes.set(text, handshake);
  return handshake;
}

function bitsOf(capabilities: ClientCapabilities): number {
  let bits = 0;
  for (const [index, [group, member]] of BITS.entries()) {
    const value = capabilities[group];
    if (isObject(value) && (member === undefined || (value[member] !== undefined && value[member] !== false)))
      bits |= 1 << index;
  }
  return bits;
}

function capabilitiesOf(bits: number): ClientCapabilities {
  const capabilities: Record<string, Record<string, unknown>> = {};
  for (const [index, [group, member]] of BITS.entries()) {
    if ((bits & (1 << index)) === 0) continue;
    capabilities[group] ??= {};
    if (member !== undefined) capabilities[group][member] = member === 'listChanged' ? true : {};
  }
  return capabilities;
}
