/**
 * Bearer tokens by the roles that scenarios have for them: what is right or wrong with each. The operator of a server gives them;
 * where tokens are signed by a secret that is shared (HS256) the harness makes them, for each run of a scenario its own.
 */

/** What a token of each role is. */
export const ROLES = {
  user: 'good, with every scope that the fixtures need',
  other: 'likewise, of another subject',
  refreshed: 'another token of the same subject as "user"',
  short: 'likewise, that ends within two seconds after it was first asked for',
  unscoped: 'of the same subject too, with no scope but those that each request needs',
  broad: 'with a scope that implies all that the fixtures need, in place of these',
  canonical: 'for this server, whose URL it writes in another way: scheme and host in upper case, a slash at the end',
  expired: 'that has ended',
  early: 'that is not valid yet',
  audience: 'that was issued for another server',
  issuer: 'of another issuer',
  forged: 'whose claims were changed after it was signed',
  unsigned: 'that says it needs no signature (alg none)',
  truncated: 'without its last characters',
  huge: 'that is longer than any token',
} as const;

export type Role = keyof typeof ROLES;

export interface Tokens {
  readonly roles: ReadonlySet<string>;
  /** @param run whose subjects the tokens are, where they are made for each run */
  of(role: string, run: string): Promise<string>;
}

/** Characters of the token that is longer than any; with them a request still fits into what servers read of headers. */
const HUGE = 9000;
const HOUR_S = 3600;
const encoder = new TextEncoder();

/** Tokens of bad form, made of a good one. */
const SPOILED: Readonly<Record<string, (token: string) => string>> = {
  truncated: (token) => token.slice(0, -4),
  huge: (token) => token + 'A'.repeat(HUGE),
};
/** Likewise, where the good one is a JWT. */
const SPOILED_JWT: typeof SPOILED = {
  forged(token) {
    const [header, , signature] = token.split('.');
    return `${header}.${part({ ...claimsOf(token), sub: 'administrator' })}.${signature}`;
  },
  unsigned: (token) => `${part({ alg: 'none', typ: 'JWT' })}.${token.split('.')[1]}.${token.split('.')[2]}`,
};

/** Tokens that the operator has given, and those of bad form that can be made of the good one. */
export function givenTokens(given: ReadonlyMap<string, string>): Tokens {
  const all = new Map(given);
  const user = given.get('user');
  if (user !== undefined) {
    const spoiled = { ...SPOILED, ...(claimsOf(user) && SPOILED_JWT) };
    for (const [role, spoil] of Object.entries(spoiled)) if (!all.has(role)) all.set(role, spoil(user));
  }
  return {
    roles: new Set(all.keys()),
    async of(role) {
      const token = all.get(role);
      if (token === undefined) throw new Error(`no token is given for the role "${role}"`);
      return token;
    },
  };
}

export interface Signing {
  /** What the server checks signatures with. */
  readonly secret: string;
  readonly issuer: string;
  /** The URL of the endpoint. */
  readonly audience: string;
  /** Scopes that each request needs, that fixtures need, and one that implies the latter. */
  readonly scopes: { readonly base: readonly string[]; readonly fixtures: readonly string[]; readonly broad: string };
  /** ms since the epoch; default: this machine's. */
  readonly now?: () => number;
}

/** Tokens that are made for each run of a scenario, so that none has to do with what another one does. */
export function signedTokens({ secret, issuer, audience, scopes, now = Date.now }: Signing): Tokens {
  const claimsFor = (role: string, run: string): Record<string, unknown> => {
    const now_s = Math.floor(now() / 1000);
    const good = {
      iss: issuer,
      aud: audience,
      sub: `user-${run}`,
      scope: [...scopes.base, ...scopes.fixtures].join(' '),
      iat: now_s,
      exp: now_s + HOUR_S,
      jti: `${role}-${run}`,
    };
    switch (role) {
      case 'other':
        return { ...good, sub: `other-${run}` };
      case 'short':
        return { ...good, exp: now_s + 2 };
      case 'unscoped':
        return { ...good, scope: scopes.base.join(' ') };
      case 'broad':
        return { ...good, scope: [...scopes.base, scopes.broad].join(' ') };
      case 'canonical':
        return { ...good, aud: otherwise(audience) };
      case 'expired':
        return { ...good, iat: now_s - 2 * HOUR_S, exp: now_s - HOUR_S };
      case 'early':
        return { ...good, nbf: now_s + HOUR_S, exp: now_s + 2 * HOUR_S };
      case 'audience':
        return { ...good, aud: 'https://another.example/mcp' };
      case 'issuer':
        return { ...good, iss: 'https://another-issuer.example' };
      default:
        return good;
    }
  };
  return {
    roles: new Set(Object.keys(ROLES)),
    async of(role, run) {
      const token = await signed(claimsFor(role, run), secret);
      return (SPOILED[role] ?? SPOILED_JWT[role] ?? String)(token);
    },
  };
}

/** A JWT of these claims, signed by HS256 (RFC 7515, 7519). */
export async function signed(claims: Record<string, unknown>, secret: string): Promise<string> {
  const text = `${part({ alg: 'HS256', typ: 'at+jwt' })}.${part(claims)}`;
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), hmac, false, ['sign']);
  return `${text}.${base64url(new Uint8Array(await crypto.subtle.sign(hmac, key, encoder.encode(text))))}`;
}

/** The claims of a JWT, whoever signed it; undefined where it is none. */
export function claimsOf(token: string): Record<string, unknown> | undefined {
  const [, payload, ...rest] = token.split('.');
  if (payload === undefined || rest.length !== 1) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function part(value: object): string {
  return base64url(encoder.encode(JSON.stringify(value)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** The same URL as other clients may write it (authorization, Canonical Server URI). */
function otherwise(url: string): string {
  const [, origin = '', rest = ''] = /^(https?:\/\/[^/]+)(.*?)\/?$/i.exec(url) ?? [];
  return `${origin.toUpperCase()}${rest}/`;
}
