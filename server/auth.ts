/**
 * The server as an OAuth 2.1 resource server: bearer tokens in, a principal or an exact challenge out (RFC 6750), and the
 * metadata by which clients find who issues tokens (RFC 9728). Tokens are JWTs (RFC 9068) for this server alone (RFC 8707).
 */

import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { CODE, isObject, JSON_INIT, type RequestId, refuse } from './protocol.ts';
import type { Principal } from './tool.ts';

/** Why requests were refused: `request` is malformed, `token` is none of ours by its form, `claims` are those of another. */
export type Refusal = 'missing' | 'request' | 'token' | 'signature' | 'expired' | 'claims' | 'scope' | 'unavailable';

export interface AuthCounts {
  /** Since the start. */
  readonly refused: Readonly<Record<Refusal, number>>;
  /** Tokens remembered now. */
  readonly remembered: number;
  /** Since the start: times that keys of the issuer were asked for, and of those the ones without success. */
  readonly fetches: number;
  readonly failures: number;
}

export interface Auth {
  /**
   * The caller, at once where this Authorization header was verified before and is still good. A Response is the refusal: 401,
   * 400 for a malformed request, 403 without the scopes that each request needs, 503 when a token could not be checked.
   */
  principal(request: Request): Principal | Response | Promise<Principal | Response>;
  /** 403 that names all scopes the operation needs (authorization, Runtime Insufficient Scope Errors). */
  insufficient(needed: readonly string[], id?: RequestId): Response;
  /** The metadata (RFC 9728) when `path` is one of its places. */
  metadata(path: string, method: string): Response | undefined;
  readonly counts: AuthCounts;
}

/**
 * Looks a token up where it was issued (RFC 7662), for tokens that are no JWTs. It has to see to the audience too.
 * @returns whose it is, or undefined for one that is not good
 * @throws anything when it cannot tell: the caller is answered 503
 */
export type VerifyToken = (token: string) => Principal | undefined | Promise<Principal | undefined>;

export interface AuthOptions {
  config: Config;
  clock: Clock;
  /** For people, in the metadata. */
  name: string;
  /** False where requests cannot wait for each other's work (Workers). */
  shared: boolean;
  /** Decides alone over every token; MCP_AUTH_ISSUER is then only named in the metadata. */
  verify?: VerifyToken | undefined;
  /** Told why a token could not be checked. */
  report?: ((error: unknown, during: string) => void) | undefined;
  /** Default the global one. */
  fetch?: typeof fetch | undefined;
}

/** A token that is not taken, and why, said without a word of the token itself. */
class Refused {
  readonly reason: Refusal;
  readonly says: string;
  /** Seconds until it is worth to ask again. */
  readonly retry: number | undefined;
  constructor(reason: Refusal, says: string, retry?: number) {
    this.reason = reason;
    this.says = says;
    this.retry = retry;
  }
}

/** A header that was verified. */
interface Verified {
  readonly principal: Principal;
  /** Until then it need not be verified again, ms since the epoch. */
  readonly until: number;
  /** It has the scopes that each request needs. */
  readonly enough: boolean;
}

/** How long a principal without `expires` is remembered. */
const UNENDING_MS = 60_000;
const WELL_KNOWN = '/.well-known/oauth-protected-resource';
/** Between client and issuer: no resource needs it (authorization, Refresh Tokens). */
const OFFLINE = 'offline_access';
/** Told by statuses of their own, for a client that has no better token cannot help it. */
const STATUS: Partial<Record<Refusal, number>> = { request: 400, unavailable: 503 };

/** Whether a caller has all scopes of `needed`; those that its own imply are among them. */
export function covers(principal: Principal | undefined, needed: readonly string[]): boolean {
  return needed.length === 0 || (principal !== undefined && needed.every((scope) => principal.scopes.includes(scope)));
}

/**
 * @returns undefined where nobody is asked for a token: neither MCP_AUTH_SECRET nor MCP_AUTH_ISSUER nor `verify` is given
 * @throws Error naming the knob that cannot be served
 */
export function auth(options: AuthOptions): Auth | undefined {
  const { config, clock, verify, report = () => {} } = options;
  if (config.MCP_AUTH_SECRET === '' && config.MCP_AUTH_ISSUER === '' && !verify) return undefined;
  const resource = config.MCP_PUBLIC_URL;
  if (resource === '') throw new Error('Tokens need MCP_PUBLIC_URL, the URL by which clients know this endpoint');
  checkScopes('MCP_AUTH_SCOPES', config.MCP_AUTH_SCOPES);
  const base = config.MCP_AUTH_SCOPES.filter((scope) => scope !== OFFLINE);
  const implied = implications(config.MCP_AUTH_IMPLIES);
  const keys = config.MCP_AUTH_SECRET === '' ? issuerKeys(options) : secretKey(config.MCP_AUTH_SECRET);
  const check = verify ? lookUp(verify) : jwtCheck(config, clock, keys);
  const remembered = memory(config.MCP_AUTH_CACHE);
  const refused: Record<Refusal, number> = {
    missing: 0,
    request: 0,
    token: 0,
    signature: 0,
    expired: 0,
    claims: 0,
    scope: 0,
    unavailable: 0,
  };

  const { origin, pathname, search } = new URL(resource);
  // The well-known part goes between host and path (RFC 9728, 3.1).
  const resource_metadata = `${origin}${WELL_KNOWN}${pathname === '/' ? '' : pathname}${search}`;
  const document = metadataOf(options.name, base);
  const challenge = (fields: Record<string, string>, scopes: readonly string[]) => {
    const all = { ...fields, resource_metadata, ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
    const text = Object.entries(all).map(([field, value]) => `${field}="${quotable(value)}"`);
    return { 'www-authenticate': `Bearer ${text.join(', ')}` };
  };

  const refusal = ({ reason, says, retry }: Refused): Response => {
    refused[reason]++;
    const status = STATUS[reason] ?? 401;
    const message = says.charAt(0).toUpperCase() + says.slice(1);
    if (status === 503) {
      // No challenge: the token may be a good one.
      return refuse(status, CODE.internal, message, { headers: { 'retry-after': String(retry ?? 1) } });
    }
    const error = status === 400 ? 'invalid_request' : 'invalid_token';
    const fields = reason === 'missing' ? {} : { error, error_description: says };
    return refuse(status, CODE.invalidRequest, message, { headers: challenge(fields, base) });
  };

  const insufficient = (needed: readonly string[], id?: RequestId): Response => {
    refused.scope++;
    const all = [...new Set([...base, ...needed])].filter((scope) => scope !== OFFLINE);
    const fields = {
      error: 'insufficient_scope',
      error_description: 'the token does not have all scopes that this needs',
    };
    const message = `The token does not have all scopes that this needs: ${all.join(' ')}`;
    return refuse(403, CODE.invalidRequest, message, { id, headers: challenge(fields, all) });
  };

  const admitted = ({ enough, principal }: Verified) => (enough ? principal : insufficient(base));

  const verified = async (header: string, token: string): Promise<Principal | Response> => {
    const found = await check(token);
    // Another request may have brought the same token meanwhile; one token is one principal.
    const known = remembered.get(header, clock.now());
    if (known) return admitted(known);
    if (found instanceof Refused) return refusal(found);
    const { subject, expires, claims, until } = found;
    const scopes = Object.freeze(expand(found.scopes, implied));
    const principal = Object.freeze({ subject, scopes, expires, claims: deepFreeze(claims) });
    const entry = { principal, until, enough: covers(principal, base) };
    remembered.set(header, entry);
    return admitted(entry);
  };

  return {
    insufficient,
    principal(request) {
      const { url } = request;
      const query = url.indexOf('?');
      if (query >= 0 && new URLSearchParams(url.slice(query)).has('access_token')) {
        return refusal(
          new Refused('request', 'a token is taken from the Authorization header alone, not from the URL'),
        );
      }
      const header = request.headers.get('authorization');
      if (header === null) return refusal(new Refused('missing', NEEDED));
      const known = remembered.get(header, clock.now());
      if (known) return admitted(known);
      const token = tokenOf(header, config.MCP_AUTH_MAX_TOKEN);
      return token instanceof Refused ? refusal(token) : verified(header, token);
    },
    metadata(path, method) {
      if (!document.at.has(path)) return undefined;
      if (method === 'GET') return new Response(document.text, JSON_INIT);
      if (method === 'HEAD') return new Response(null, JSON_INIT);
      return refuse(405, CODE.invalidRequest, `Method ${method} is not allowed; expected GET or HEAD`, {
        headers: { allow: 'GET, HEAD' },
      });
    },
    counts: {
      refused,
      get remembered() {
        return remembered.size;
      },
      get fetches() {
        return keys.fetches;
      },
      get failures() {
        return keys.failures;
      },
    },
  };

  /** Where the metadata is, and its text. */
  function metadataOf(name: string, scopes: readonly string[]) {
    const supported = [...new Set(scopes)].filter((scope) => scope !== OFFLINE);
    // A proxy may strip a prefix, so that the path clients know is not the one that is seen here.
    const paths = ['', pathname, config.MCP_PATH].map((path) => path.replace(/\/$/, ''));
    return {
      at: new Set(paths.flatMap((path) => [`${WELL_KNOWN}${path}`, `${WELL_KNOWN}${path}/`])),
      text: JSON.stringify({
        resource,
        ...(config.MCP_AUTH_ISSUER !== '' && { authorization_servers: [config.MCP_AUTH_ISSUER] }),
        ...(supported.length > 0 && { scopes_supported: supported }),
        bearer_methods_supported: ['header'],
        resource_name: name,
      }),
    };
  }

  /** What the author's own check says, in time. */
  function lookUp(ask: VerifyToken): Check {
    return async (token) => {
      let found: Principal | undefined;
      try {
        found = await within(clock, config.MCP_AUTH_TIMEOUT, async () => ask(token));
        if (found?.subject === '') throw new TypeError('verify gave a principal whose subject is empty');
        // They are frozen, and the author's own must not be.
        if (found) found = { ...found, claims: structuredClone(found.claims) };
      } catch (error) {
        report(error, 'verifying a token');
        return new Refused('unavailable', 'the token cannot be checked now; try again');
      }
      if (!found) return new Refused('token', 'the token is not valid');
      const until = found.expires ?? clock.now() + UNENDING_MS;
      return clock.now() < until ? { ...found, until } : new Refused('expired', 'the token has expired');
    };
  }
}

// ---- the header ----------------------------------------------------------------------------------

/** The token of an Authorization header, judged by its form alone (RFC 6750, 2.1). */
function tokenOf(header: string, longest: number): string | Refused {
  const [, scheme = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(header) ?? [];
  if (scheme.toLowerCase() !== 'bearer') {
    // Two headers come joined by a comma.
    return /,\s*bearer\b/i.test(header) ? REPEATED : new Refused('missing', NEEDED);
  }
  if (rest === '') return new Refused('request', 'the Authorization header has no token after Bearer');
  if (rest.includes(',')) return REPEATED;
  if (/\s/.test(rest)) return new Refused('request', 'the Authorization header has more than a token after Bearer');
  if (rest.length > longest) return new Refused('token', `the token is longer than ${longest} bytes`);
  if (!/^[\w.~+/-]+=*$/.test(rest)) return new Refused('token', 'the token has characters that no token has');
  return rest;
}

const NEEDED = 'a bearer token is needed in the Authorization header';
const REPEATED = new Refused('request', 'the request has more than one Authorization');

/** What may stand in a quoted string without escapes (RFC 6750, 3). */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, '');
}

/** Verified headers: two generations, a hit is one look. Only what is genuine comes in, so garbage pushes nothing out. */
function memory(bound: number) {
  const generation = Math.ceil(bound / 2);
  let young = new Map<string, Verified>();
  let old = new Map<string, Verified>();
  const set = (header: string, entry: Verified) => {
    if (young.size >= generation) {
      old = bound > 1 ? young : new Map();
      young = new Map();
    }
    young.set(header, entry);
  };
  return {
    set,
    get(header: string, now: number): Verified | undefined {
      let entry = young.get(header);
      if (!entry) {
        entry = old.get(header);
        if (!entry) return undefined;
        old.delete(header);
        if (now < entry.until) set(header, entry);
      }
      if (now < entry.until) return entry;
      young.delete(header);
      return undefined;
    },
    get size() {
      return young.size + old.size;
    },
  };
}

// ---- scopes --------------------------------------------------------------------------------------

/** RFC 6749, 3.3. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

function checkScopes(what: string, scopes: readonly string[]): void {
  const wrong = scopes.find((scope) => !SCOPE.test(scope));
  if (wrong === undefined) return;
  throw new Error(
    `${what} must be of printable ASCII without spaces, quotes and backslashes, got ${JSON.stringify(wrong)}`,
  );
}

/** Which scopes each scope implies directly. @throws Error naming MCP_AUTH_IMPLIES */
function implications(pairs: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const implied = new Map<string, string[]>();
  for (const pair of pairs) {
    const [broad = '', narrow = '', ...more] = pair.split('>').map((scope) => scope.trim());
    if (!SCOPE.test(broad) || !SCOPE.test(narrow) || more.length > 0) {
      throw new Error(`MCP_AUTH_IMPLIES must be pairs of scopes, for example admin>write,write>read, got "${pair}"`);
    }
    const known = implied.get(broad);
    if (known) known.push(narrow);
    else implied.set(broad, [narrow]);
  }
  return implied;
}

/** The scopes and all that they imply; a circle of scopes implies all in it. */
function expand(scopes: readonly string[], implied: ReadonlyMap<string, readonly string[]>): string[] {
  const all = new Set(scopes);
  // A set is walked to its end as it grows.
  for (const scope of all) for (const narrow of implied.get(scope) ?? []) all.add(narrow);
  return [...all];
}

// ---- tokens --------------------------------------------------------------------------------------

type Jose = typeof import('jose');
type Check = (token: string) => Promise<(Principal & { until: number }) | Refused>;

/** Types of JWT that can be an access token: RFC 9068's, and what issuers wrote before it. Others are for other uses. */
const ACCESS_TOKEN_TYPES: readonly unknown[] = [undefined, 'at+jwt', 'application/at+jwt', 'jwt'];
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const FORGED = new Refused('signature', 'the signature of the token is wrong');
const UNKNOWN_KEY = new Refused('signature', 'the token is signed by a key that is not known here');

/** Checks JWTs: form, signature, then claims. */
function jwtCheck(config: Config, clock: Clock, keys: Keys): Check {
  const audience = new Set(
    (config.MCP_AUTH_AUDIENCE.length > 0 ? config.MCP_AUTH_AUDIENCE : [config.MCP_PUBLIC_URL]).map(canonical),
  );
  const skew = config.MCP_AUTH_SKEW;
  const expected = {
    algorithms: [...keys.algorithms],
    requiredClaims: ['exp'],
    clockTolerance: skew,
    ...(config.MCP_AUTH_ISSUER !== '' && { issuer: config.MCP_AUTH_ISSUER }),
  };
  // Loaded when first needed, for most servers never need it; kept as a value, for Workers share no promises.
  let jose: Jose | undefined;

  return async (token) => {
    if (!JWT.test(token)) return new Refused('token', 'the token is not a signed JWT');
    jose ??= await import('jose');
    const header = headerOf(jose, token);
    if (!header) return new Refused('token', 'the token is malformed');
    if (header.alg === undefined || !keys.algorithms.includes(header.alg)) {
      return new Refused('token', `the algorithm of the token is not taken; expected ${keys.algorithms.join(', ')}`);
    }
    if (!ACCESS_TOKEN_TYPES.includes(header.typ?.toLowerCase())) {
      return new Refused('token', 'the token is a JWT of another type than an access token');
    }
    const found = await keys.find(jose, header.alg, header.kid);
    if (found instanceof Refused) return found;
    let outcome = UNKNOWN_KEY;
    for (const key of found) {
      try {
        const currentDate = new Date(clock.now());
        const { payload } = await jose.jwtVerify(token, key, { ...expected, currentDate });
        return bearer(payload);
      } catch (error) {
        if (!(error instanceof jose.errors.JOSEError)) throw error;
        outcome = refusedBy(error);
        if (outcome !== FORGED) break;
      }
    }
    return outcome;
  };

  /** Whose token it is, by claims whose signature, issuer and times were found good. */
  function bearer(claims: Record<string, unknown>): (Principal & { until: number }) | Refused {
    const { aud, iat, exp, sub, client_id, scope, scp } = claims;
    const now_s = clock.now() / 1000;
    if (typeof exp !== 'number' || !Number.isFinite(exp))
      return new Refused('claims', 'the exp of the token is not a time');
    if (typeof iat === 'number' && iat > now_s + skew)
      return new Refused('claims', 'the token was issued in the future');
    const meant = Array.isArray(aud) ? aud : [aud];
    if (!meant.some((each) => typeof each === 'string' && audience.has(canonical(each)))) {
      return new Refused('claims', 'the token is for another audience');
    }
    const subject = [sub, client_id].find((name) => typeof name === 'string' && name !== '') as string | undefined;
    if (subject === undefined) return new Refused('claims', 'the token has neither sub nor client_id');
    // A token that is remembered must not outlive the key it was signed with by longer than keys are kept.
    const until = Math.min(exp + skew, now_s + config.MCP_AUTH_JWKS_AGE) * 1000;
    return { subject, scopes: words(scope ?? scp), expires: exp * 1000, claims, until };
  }
}

function headerOf(jose: Jose, token: string): { alg?: string; kid?: string; typ?: string } | undefined {
  try {
    const { alg, kid, typ } = jose.decodeProtectedHeader(token) as Record<string, unknown>;
    if ([alg, kid, typ].some((value) => value !== undefined && typeof value !== 'string')) return undefined;
    return { alg, kid, typ } as { alg?: string; kid?: string; typ?: string };
  } catch {
    return undefined;
  }
}

/** What jose found, in words that quote nothing of the token. */
function refusedBy(error: Error & { code?: string; claim?: string; reason?: string }): Refused {
  const { code, claim, reason } = error;
  if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return FORGED;
  if (code === 'ERR_JWT_EXPIRED') return new Refused('expired', 'the token has expired');
  if (code === 'ERR_JOSE_NOT_SUPPORTED') {
    return new Refused('token', 'the token needs an extension that is not supported here');
  }
  if (code !== 'ERR_JWT_CLAIM_VALIDATION_FAILED') return new Refused('token', 'the token is malformed');
  if (reason === 'missing') return new Refused('claims', `the token has no ${claim}`);
  if (claim === 'iss') return new Refused('claims', 'the token is from another issuer');
  if (reason === 'invalid') return new Refused('claims', `the ${claim} of the token is not a time`);
  return new Refused('claims', 'the token is not valid yet');
}

/**
 * A resource's URI as audiences are compared: scheme and host in lower case, without the scheme's own port, without one slash
 * at the end (authorization, Canonical Server URI). What is no http URL stays as it is.
 */
function canonical(uri: string): string {
  const [, scheme, authority, path] = /^(https?):\/\/([^/?#]+)(.*)$/is.exec(uri) ?? [];
  if (scheme === undefined || authority === undefined || path === undefined) return uri;
  const secure = scheme.toLowerCase() === 'https';
  const host = authority.toLowerCase().replace(secure ? /:443$/ : /:80$/, '');
  return `${secure ? 'https' : 'http'}://${host}${/[?#]/.test(path) ? path : path.replace(/\/$/, '')}`;
}

/** Scopes as a text or as an array of texts. */
function words(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((scope) => scope !== '');
  return Array.isArray(claim) ? claim.filter((scope) => typeof scope === 'string') : [];
}

/** Claims are shared by all requests of a token. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

// ---- keys ----------------------------------------------------------------------------------------

interface Keys {
  readonly algorithms: readonly string[];
  /** Keys that a token may be signed with, by what its header says; none for a key that is not known. */
  find(jose: Jose, alg: string, kid: string | undefined): Promise<readonly CryptoKey[] | Refused>;
  readonly fetches: number;
  readonly failures: number;
}

/** HS256 by a secret. */
function secretKey(secret: string): Keys {
  let key: CryptoKey | undefined;
  return {
    algorithms: ['HS256'],
    fetches: 0,
    failures: 0,
    async find() {
      const hmac = { name: 'HMAC', hash: 'SHA-256' };
      key ??= await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), hmac, false, ['verify']);
      return [key];
    },
  };
}

/** Which key fits which algorithm. Secrets are missing on purpose: a public key must never be taken for one. */
const PUBLIC_KEYS: ReadonlyMap<string, { kty: string; crv?: string }> = new Map([
  ['RS256', { kty: 'RSA' }],
  ['PS256', { kty: 'RSA' }],
  ['ES256', { kty: 'EC', crv: 'P-256' }],
  ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
  ['Ed25519', { kty: 'OKP', crv: 'Ed25519' }],
]);
/** RFC 7518, 3.3. */
const LEAST_RSA_BITS = 2048;
/** Largest answer read from an issuer, bytes, and keys taken of one. */
const LARGEST = 262_144;
const MOST_KEYS = 100;
/** Keys that could not be fetched again in time are used for so long. */
const STALE_MS = 3_600_000;

interface PublicKey {
  readonly jwk: Record<string, unknown>;
  /** By algorithm; kept as values, for Workers share no promises. Undefined for a key that cannot be used so. */
  readonly imported: Map<string, CryptoKey | undefined>;
}

/**
 * The keys of an issuer, fetched when first needed, when old, and when a token names one that is not known; never sooner than
 * the cooldown after the last fetch, whatever came of it.
 */
function issuerKeys({ config, clock, shared, report = () => {}, fetch: given }: AuthOptions): Keys {
  const issuer = config.MCP_AUTH_ISSUER;
  const get = given ?? ((url: string, init: RequestInit) => fetch(url, init));
  const age = config.MCP_AUTH_JWKS_AGE * 1000;
  const cooldown = config.MCP_AUTH_JWKS_COOLDOWN * 1000;
  let known: readonly PublicKey[] = [];
  let fetched = Number.NEGATIVE_INFINITY;
  /** When they may be fetched again. */
  let next = Number.NEGATIVE_INFINITY;
  let failed = false;
  let pending: Promise<void> | undefined;
  let fetches = 0;
  let failures = 0;

  const isFresh = () => clock.now() < fetched + age;
  const isUsable = () => clock.now() < fetched + age + STALE_MS;
  const fitting = (alg: string, kid: string | undefined) =>
    isUsable() ? known.filter(({ jwk }) => fits(jwk, alg, kid)) : [];

  const refresh = async () => {
    fetches++;
    next = clock.now() + cooldown;
    try {
      known = await within(clock, config.MCP_AUTH_TIMEOUT, load);
      fetched = clock.now();
      failed = false;
    } catch (error) {
      failures++;
      failed = true;
      report(error, 'fetching the keys of MCP_AUTH_ISSUER');
    }
    next = clock.now() + cooldown;
    pending = undefined;
  };

  /** Fetches them, or waits for who does already. */
  const refreshed = (): Promise<void> | undefined => {
    if (pending) return pending;
    // Where nobody can wait for another, requests that find no keys fetch each for itself, until that fails.
    const alone = !shared && !failed && !isUsable();
    if (clock.now() < next && !alone) return undefined;
    const work = refresh();
    if (shared) pending = work;
    return work;
  };

  return {
    algorithms: [...PUBLIC_KEYS.keys()],
    get fetches() {
      return fetches;
    },
    get failures() {
      return failures;
    },
    async find(jose, alg, kid) {
      let found = fitting(alg, kid);
      // One request renews old keys, the others go on with them meanwhile.
      if (found.length === 0 || (!isFresh() && !pending)) {
        await refreshed();
        found = fitting(alg, kid);
      }
      if (found.length === 0 && (failed || !isUsable())) {
        const retry = Math.max(1, Math.ceil((next - clock.now()) / 1000));
        return new Refused('unavailable', 'the keys of the issuer cannot be fetched now; try again later', retry);
      }
      const keys: CryptoKey[] = [];
      for (const key of found) {
        const ready = await imported(jose, key, alg);
        if (ready) keys.push(ready);
      }
      return keys;
    },
  };

  async function load(signal: AbortSignal): Promise<PublicKey[]> {
    const url = config.MCP_AUTH_JWKS === '' ? await discover(signal) : config.MCP_AUTH_JWKS;
    const set = await getJson(url, signal);
    if (!isObject(set) || !Array.isArray(set.keys) || !set.keys.every(isObject)) {
      throw new Error(`${url} answered something that is not a set of keys`);
    }
    if (set.keys.length > MOST_KEYS) throw new Error(`${url} answered more than ${MOST_KEYS} keys`);
    return set.keys.map((jwk) => ({ jwk, imported: new Map() }));
  }

  /** Where the issuer's metadata says that its keys are (RFC 8414, 3; OpenID Connect Discovery, 4). */
  async function discover(signal: AbortSignal): Promise<string> {
    const { origin, pathname } = new URL(issuer);
    const path = pathname.replace(/\/$/, '');
    const places = new Set([
      `${origin}/.well-known/oauth-authorization-server${path}`,
      `${origin}/.well-known/openid-configuration${path}`,
      `${origin}${path}/.well-known/openid-configuration`,
    ]);
    const faults: string[] = [];
    for (const place of places) {
      try {
        const metadata = await getJson(place, signal);
        if (!isObject(metadata) || metadata.issuer !== issuer) throw new Error(`${place} is of another issuer`);
        const url = metadata.jwks_uri;
        if (typeof url !== 'string' || !URL.canParse(url)) throw new Error(`${place} has no jwks_uri`);
        const { protocol } = new URL(url);
        if (protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'))) return url;
        throw new Error(`${place} has a jwks_uri that is not https`);
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error));
      }
    }
    throw new Error(faults.join('; '));
  }

  async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
    // Not followed: a redirect could lead into a network that only this server sees.
    const response = await get(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`${url} answered ${response.status}, expected 200`);
    }
    const decoder = new TextDecoder();
    let text = '';
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > LARGEST) throw new Error(`${url} answered more than ${LARGEST} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
    try {
      return JSON.parse(text + decoder.decode());
    } catch {
      throw new Error(`${url} answered something that is not JSON`);
    }
  }
}

/** True for a public key that may have signed a token of this header. */
function fits(jwk: Record<string, unknown>, alg: string, kid: string | undefined): boolean {
  const wanted = PUBLIC_KEYS.get(alg);
  return (
    wanted !== undefined &&
    jwk.kty === wanted.kty &&
    (wanted.crv === undefined || jwk.crv === wanted.crv) &&
    (kid === undefined || jwk.kid === kid) &&
    (jwk.alg === undefined || jwk.alg === alg) &&
    (jwk.use === undefined || jwk.use === 'sig') &&
    (jwk.key_ops === undefined || (Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) &&
    jwk.d === undefined
  );
}

async function imported(jose: Jose, key: PublicKey, alg: string): Promise<CryptoKey | undefined> {
  if (key.imported.has(alg)) return key.imported.get(alg);
  let ready: CryptoKey | undefined;
  try {
    ready = (await jose.importJWK(key.jwk, alg)) as CryptoKey;
    const { modulusLength = LEAST_RSA_BITS } = ready.algorithm as { modulusLength?: number };
    if (modulusLength < LEAST_RSA_BITS) ready = undefined;
  } catch {
    // Of no use here; the other keys of the set are.
  }
  key.imported.set(alg, ready);
  return ready;
}

/** Gives work so long, then ends it. @throws Error when it is not done by then */
async function within<T>(clock: Clock, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const done = clock.after(ms, () => {
    const error = new Error(`No answer within ${ms} ms`);
    reject(error);
    controller.abort(error);
  });
  try {
    return await Promise.race([work(controller.signal), late]);
  } finally {
    done();
  }
}
