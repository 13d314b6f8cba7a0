/**
 * Every knob: name, default, unit, bounds, one line. Parsed once; README's table is made from it (`npm run knobs`).
 */

type Kind = 'text' | 'count' | 'flag' | 'list' | 'path';

interface Knob {
  readonly kind: Kind;
  readonly fallback: string;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
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
  MCP_GEOCODING_URL: {
    kind: 'text',
    fallback: 'https://geocoding-api.open-meteo.com',
    says: 'Base URL of the weather tools\u2019 geocoding',
  },
  MCP_FORECAST_URL: {
    kind: 'text',
    fallback: 'https://api.open-meteo.com',
    says: 'Base URL of the weather tools\u2019 forecasts',
  },
} as const satisfies Record<string, Knob>;

export type KnobName = keyof typeof KNOBS;
type Value<K extends Kind> = K extends 'count'
  ? number
  : K extends 'flag'
    ? boolean
    : K extends 'list'
      ? readonly string[]
      : string;
export type Config = { readonly [N in KnobName]: Value<(typeof KNOBS)[N]['kind']> };
export type Environment = Readonly<Record<string, unknown>>;

/** Reads all knobs. @throws Error with one line that names the knob, its value and what was expected */
export function readConfig(env: Environment): Config {
  const config: Record<string, unknown> = {};
  for (const [name, knob] of Object.entries<Knob>(KNOBS)) {
    const own = env[name] === '' ? undefined : env[name];
    const given = own ?? (name === 'MCP_PORT' ? env.PORT : undefined);
    const text = given === undefined || given === '' ? knob.fallback : String(given).trim();
    config[name] = parse(name, knob, text);
  }
  const secret = config.MCP_SESSION_SECRET as string;
  if (secret !== '' && secret.length < 16) {
    throw new Error(`MCP_SESSION_SECRET must have at least 16 characters, got ${secret.length}`);
  }
  return config as Config;
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
    default:
      return text;
  }
}
