/**
 * Every knob: name, default, unit, bounds, one line. Parsed once; README's table is made from it (`npm run knobs`).
 */

type Kind = 'text' | 'count' | 'flag' | 'list' | 'path' | 'url' | 'rate' | 'choice';

/** So many requests in so long. */
export interface Rate {
  readonly count: number;
  readonly window_ms: number;
}

interface Knob {
  readonly kind: Kind;
  readonly fallback: string;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** Of a choice. */
  readonly values?: readonly string[];
  readonly says: string;
}

const count = (
  fallback: number,
  unit: string,
  says: string,
  min = 1,
  max = Number.MAX_SAFE_INTEGER,
): Knob & { kind: 'count' } => ({
  kind: 'count',
  fallback: String(fallback),
  unit,
  says,
  min,
  max,
});

export const KNOBS = {
  MCP_HOST: { kind: 'text', fallback: '127.0.0.1', says: 'Address to listen on' },
  MCP_PORT: count(3000, 'port', 'Port to listen on; `PORT` is read where this is unset', 0, 65_535),
  MCP_PATH: { kind: 'path', fallback: '/mcp', says: 'Path of the MCP endpoint' },
  MCP_ALLOWED_HOSTS: {
    kind: 'list',
    fallback: '',
    says: 'Host names a request may be sent to, any port; `*` for any. Unset: loopback names, and any where MCP_HOST is not loopback',
  },
  MCP_ALLOWED_ORIGINS: {
    kind: 'list',
    fallback: '',
    says: 'Browser origins that may call, beside those on an allowed host; `*` for any',
  },
  MCP_SESSION_SECRET: {
    kind: 'text',
    fallback: '',
    says: 'Seals session ids and request state, at least 16 characters; the same on every node. Unset: random at start',
  },
  MCP_SESSION_TIMEOUT: count(3600, 's', 'Without a request for so long, a session ends and what is kept for it goes'),
  MCP_SESSION_LIFETIME: count(604_800, 's', 'A session id is good for so long after its birth'),
  MCP_MAX_SESSIONS: count(
    10_000,
    'sessions',
    'Sessions for which something is kept; at the bound the longest idle one ends, else 503',
  ),
  MCP_STATELESS: {
    kind: 'flag',
    fallback: '',
    says: '`1`: 2025-era clients are served without session ids, by POST only',
  },
  MCP_MAX_CONNECTIONS: count(10_000, 'streams', 'Open event streams; one more is refused with 503 and Retry-After'),
  MCP_MAX_SESSION_STREAMS: count(
    100,
    'streams',
    'Streams kept for one session, ended ones that can still be replayed included',
  ),
  MCP_SESSION_CACHE: count(
    4000,
    'ids',
    'Verified session ids remembered; others are verified again, about 0.03 ms each',
  ),
  MCP_MAX_ENDED: count(100_000, 'ids', 'Ended session ids remembered until they would have expired'),
  MCP_MAX_CALLS: count(10_000, 'calls', 'Calls running at once that outlive their turn; one more is refused with 503'),
  MCP_HEARTBEAT: count(6000, 'ms', 'A comment on every quiet stream; Bun closes one after 10 s, which may be 8', 10),
  MCP_STALL_TIMEOUT: count(
    60_000,
    'ms',
    'A reader that takes nothing for so long while something waits is cut; it can resume',
    10,
  ),
  MCP_SETTLE: count(250, 'ms', 'A call that is not done by then is answered as an event stream', 0),
  MCP_RETRY: count(1000, 'ms', 'The `retry:` a stream closes with when the client shall come back', 0),
  MCP_REPLAY_EVENTS: count(10_000, 'events', 'Events kept for one stream'),
  MCP_REPLAY_BYTES: count(1_048_576, 'bytes', 'Kept for one stream; also how far a slow reader may fall behind', 1024),
  MCP_REPLAY_TOTAL: count(
    268_435_456,
    'bytes',
    'Kept for all streams together; past it the oldest ended streams go',
    1024,
  ),
  MCP_REPLAY_AGE: count(300, 's', 'An ended stream can be resumed for so long'),
  MCP_REQUEST_TIMEOUT: count(300_000, 'ms', 'How long the client has to answer a question', 1),
  MCP_MAX_PENDING: count(100, 'requests', 'Questions a session may have open'),
  MCP_MAX_SUBSCRIPTIONS: count(1000, 'URIs', 'Resources one session or listen stream may watch'),
  MCP_STATE_TTL: count(3600, 's', 'How long a sealed requestState (2026-07-28) is good for'),
  MCP_MAX_STATE: count(65_536, 'bytes', 'The largest requestState given or taken', 256),
  MCP_MAX_BODY: count(4_194_304, 'bytes', 'The largest request body; more is 413', 256),
  MCP_MAX_BATCH: count(100, 'messages', 'The longest batch (2025-03-26)'),
  MCP_MAX_DEPTH: count(200, 'levels', 'The deepest nesting of a message', 8),
  MCP_PAGE_SIZE: count(250, 'entries', 'Entries on one page of a list'),
  MCP_PUBLIC_URL: {
    kind: 'url',
    fallback: '',
    says: 'The URL by which clients know this endpoint (RFC 8707 resource); needed where tokens are',
  },
  MCP_AUTH_SECRET: {
    kind: 'text',
    fallback: '',
    says: 'Bearer tokens are needed: JWTs signed by this secret (HS256), at least 32 characters',
  },
  MCP_AUTH_ISSUER: {
    kind: 'url',
    fallback: '',
    says: 'Bearer tokens are needed: JWTs of this issuer (RS256, ES256, EdDSA), whose keys are found by its metadata; with MCP_AUTH_SECRET it is only the `iss` to expect',
  },
  MCP_AUTH_JWKS: {
    kind: 'url',
    fallback: '',
    says: 'Where the keys of MCP_AUTH_ISSUER are, if not where its metadata says',
  },
  MCP_AUTH_AUDIENCE: { kind: 'list', fallback: '', says: 'The `aud` of tokens, one of these. Unset: MCP_PUBLIC_URL' },
  MCP_AUTH_SCOPES: { kind: 'list', fallback: '', says: 'Scopes that each request needs' },
  MCP_AUTH_IMPLIES: {
    kind: 'list',
    fallback: '',
    says: 'Which scope implies which, for example `admin>write,write>read`',
  },
  MCP_AUTH_SKEW: count(30, 's', 'How far the clock of the issuer may differ', 0, 600),
  MCP_AUTH_CACHE: count(4000, 'tokens', 'Verified tokens remembered; others are verified again'),
  MCP_AUTH_MAX_TOKEN: count(8192, 'bytes', 'The largest token looked at', 256),
  MCP_AUTH_JWKS_AGE: count(600, 's', 'Keys of the issuer are fetched again after so long'),
  MCP_AUTH_JWKS_COOLDOWN: count(30, 's', 'An unknown key makes them fetched again, but no sooner than this'),
  MCP_AUTH_TIMEOUT: count(5000, 'ms', 'How long the issuer has to answer'),
  MCP_RATE_LIMIT: {
    kind: 'rate',
    fallback: '',
    says: 'Requests of one caller, for example `100/minute` (second, minute, hour, day). A caller is the subject of a token, else a session, else an address. Unset: any number',
  },
  MCP_RATE_LIMIT_INITIALIZE: { kind: 'rate', fallback: '', says: 'Likewise, sessions begun' },
  MCP_RATE_LIMIT_CALLS: { kind: 'rate', fallback: '', says: 'Likewise, tool calls' },
  MCP_RATE_CALLERS: count(100_000, 'callers', 'Callers counted at once; past it those that owe least are forgotten'),
  MCP_TRUSTED_PROXIES: {
    kind: 'list',
    fallback: '',
    says: 'Addresses or networks (`10.0.0.0/8`, `loopback`) of proxies whose `X-Forwarded-For` is believed',
  },
  MCP_MAX_CALLER_CALLS: count(1000, 'calls', 'Of one caller, likewise'),
  MCP_MAX_LAG: count(
    2000,
    'ms',
    'When a request has waited for others at least so long it is refused with 503; 0 for never',
    0,
  ),
  MCP_UPSTREAM_CALLS: count(20, 'requests', 'At once from tools to one upstream'),
  MCP_UPSTREAM_QUEUE: count(10, 'requests', 'Waiting for one upstream; one more fails', 0),
  MCP_UPSTREAM_WAIT: count(30_000, 'ms', 'The longest wait for an upstream'),
  MCP_UPSTREAM_TIMEOUT: count(30_000, 'ms', 'How long an upstream has to answer'),
  MCP_UPSTREAM_HOSTS: {
    kind: 'list',
    fallback: '*',
    says: 'Hosts that tools may fetch from; `*` for any that is not private. Those in knobs may always be',
  },
  MCP_METRICS_TOKEN: {
    kind: 'text',
    fallback: '',
    says: 'Bearer token for /metrics and for the details of /health, at least 16 characters; from loopback none is needed',
  },
  MCP_LOG_LEVEL: {
    kind: 'choice',
    values: ['off', 'error', 'warn', 'info', 'debug'],
    fallback: 'info',
    says: 'The least severe line that is logged; each request is one, `info` or worse',
  },
  MCP_LOG_FORMAT: {
    kind: 'choice',
    values: ['auto', 'json', 'text'],
    fallback: 'auto',
    says: '`auto`: text on a terminal, else JSON',
  },
  MCP_LOG_ARGUMENTS: { kind: 'flag', fallback: '', says: '`1`: the arguments of calls are logged' },
  MCP_DRAIN_DELAY: count(
    1000,
    'ms',
    'On SIGTERM /readyz fails for so long before requests are refused: what a balancer needs to see it',
    0,
  ),
  MCP_DRAIN_TIMEOUT: count(25_000, 'ms', 'Then calls have so long to end', 0),
  MCP_KEEP_ALIVE: count(
    75_000,
    'ms',
    'A quiet connection is kept for so long; longer than a balancer keeps its own (Node)',
  ),
  MCP_READ_TIMEOUT: count(
    30_000,
    'ms',
    'A request must have come whole by then (Node; Bun and Deno have limits of their own)',
  ),
  MCP_MAX_HEADERS: count(16_384, 'bytes', 'The largest header section (Node; Bun has 16 kB)', 1024),
  MCP_MAX_URL: count(4096, 'characters', 'The longest URL; more is 414', 64),
  MCP_GEOCODING_URL: {
    kind: 'url',
    fallback: 'https://geocoding-api.open-meteo.com',
    says: 'Base URL of the weather tools\u2019 geocoding',
  },
  MCP_FORECAST_URL: {
    kind: 'url',
    fallback: 'https://api.open-meteo.com',
    says: 'Base URL of the weather tools\u2019 forecasts',
  },
} as const satisfies Record<string, Knob>;

export type KnobName = keyof typeof KNOBS;
type Value<K extends Knob> = K extends { kind: 'choice'; values: readonly (infer V)[] }
  ? V
  : K['kind'] extends 'count'
    ? number
    : K['kind'] extends 'flag'
      ? boolean
      : K['kind'] extends 'list'
        ? readonly string[]
        : K['kind'] extends 'rate'
          ? Rate | undefined
          : string;
export type Config = { readonly [N in KnobName]: Value<(typeof KNOBS)[N]> };
export type Environment = Readonly<Record<string, unknown>>;

/**
 * Reads all knobs.
 * @param verified tokens are asked for whatever the knobs say
 * @throws Error with one line that names the knob, its value and what was expected
 */
export function readConfig(env: Environment, verified = false): Config {
  const config: Record<string, unknown> = {};
  for (const [name, knob] of Object.entries<Knob>(KNOBS)) {
    const own = env[name] === '' ? undefined : env[name];
    const given = own ?? (name === 'MCP_PORT' ? env.PORT : undefined);
    const text = given === undefined || given === '' ? knob.fallback : String(given).trim();
    config[name] = parse(name, knob, text);
  }
  for (const [name, least] of SECRETS) {
    const { length } = config[name] as string;
    if (length > 0 && length < least) throw new Error(`${name} must have at least ${least} characters, got ${length}`);
  }
  return fitting(config as Config, verified);
}

/** Shortest secrets, in characters. */
const SECRETS = [
  ['MCP_SESSION_SECRET', 16],
  ['MCP_AUTH_SECRET', 32],
  ['MCP_METRICS_TOKEN', 16],
] as const satisfies readonly (readonly [KnobName, number])[];

/** Knobs that only go together. */
function fitting(config: Config, verified: boolean): Config {
  const { MCP_AUTH_SECRET, MCP_AUTH_ISSUER, MCP_AUTH_JWKS, MCP_AUTH_AUDIENCE, MCP_AUTH_SCOPES, MCP_PUBLIC_URL } =
    config;
  const named = MCP_AUTH_SECRET !== '' ? 'MCP_AUTH_SECRET' : MCP_AUTH_ISSUER !== '' ? 'MCP_AUTH_ISSUER' : undefined;
  if (named !== undefined && MCP_PUBLIC_URL === '') {
    throw new Error(`${named} needs MCP_PUBLIC_URL, the URL by which clients know this endpoint`);
  }
  const idle = Object.entries({ MCP_AUTH_JWKS, MCP_AUTH_AUDIENCE, MCP_AUTH_SCOPES }).find(
    ([, { length }]) => length > 0,
  );
  if (named === undefined && !verified && idle) {
    throw new Error(
      `${idle[0]} is set, but neither MCP_AUTH_SECRET nor MCP_AUTH_ISSUER is: nobody would be asked for a token`,
    );
  }
  if (MCP_AUTH_SECRET !== '' && MCP_AUTH_JWKS !== '') {
    throw new Error('MCP_AUTH_JWKS and MCP_AUTH_SECRET exclude each other: tokens are signed by a secret or by keys');
  }
  return config;
}

/** Hosts of the URLs in knobs: the operator named them, so tools may fetch from them wherever they are. */
export function namedHosts(config: Config): string[] {
  return Object.entries<Knob>(KNOBS)
    .filter(([, { kind }]) => kind === 'url')
    .map(([name]) => config[name as KnobName] as string)
    .filter((url) => url !== '')
    .map((url) => new URL(url).host);
}

/** What a rate may be counted by. */
const WINDOWS: Readonly<Record<string, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Reads a rate, for example `100/minute`. @throws Error naming `name`, the value and what was expected */
export function parseRate(name: string, text: string): Rate {
  const [, count, window] = /^(\d{1,9})\/(second|minute|hour|day)$/.exec(text) ?? [];
  if (window === undefined || Number(count) === 0) {
    throw new Error(`${name} must be a rate, for example 100/minute (second, minute, hour, day), got "${text}"`);
  }
  return { count: Number(count), window_ms: WINDOWS[window] as number };
}

function parse(name: string, knob: Knob, text: string): unknown {
  switch (knob.kind) {
    case 'count': {
      const value = Number(text);
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = knob;
      if (!/^\d+$/.test(text) || value < min || value > max) {
        const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
        throw new Error(`${name} must be a whole number ${range} (${knob.unit}), got "${text}"`);
      }
      return value;
    }
    case 'flag':
      if (!['', '0', '1', 'true', 'false'].includes(text)) throw new Error(`${name} must be 1 or 0, got "${text}"`);
      return text === '1' || text === 'true';
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'path':
      if (!/^\/[\w\-./~]*$/.test(text)) throw new Error(`${name} must be a path that starts with "/", got "${text}"`);
      return text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text;
    case 'url': {
      if (text === '') return text;
      const url = URL.canParse(text) ? new URL(text) : undefined;
      if (!url || !/^https?:$/.test(url.protocol) || url.hash !== '' || url.username !== '') {
        // With a user comes a password, and what a start fails by is read by many.
        const got = text.includes('@') ? 'one with a user' : `"${text}"`;
        throw new Error(`${name} must be an http or https URL without user and fragment, got ${got}`);
      }
      return text;
    }
    case 'rate':
      return text === '' ? undefined : parseRate(name, text);
    case 'choice':
      if (!knob.values?.includes(text))
        throw new Error(`${name} must be one of ${knob.values?.join(', ')}, got "${text}"`);
      return text;
    default:
      return text;
  }
}
