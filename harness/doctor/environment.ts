/** The configuration of this machine: what the knobs in an environment would make of the server. */

import type { Config, Environment } from '../../server.ts';
import { type Finding, finding } from './finding.ts';
import { isLoopback } from './loopback.ts';
import { isPlaceholder, weaknessOf } from './weakness.ts';

/** The knobs, as `server.ts` exports them. */
export interface Knobs {
  readonly KNOBS: Readonly<Record<string, unknown>>;
  /** @throws Error with one line that begins with the name of the knob */
  readConfig(env: Environment): Config;
}

/** Knobs whose values are in no output. */
const SECRET = /SECRET|TOKEN|PASSWORD|_KEY$/;
/** Variables of the harness, not of the server. */
const OURS = /^MCP_REPLAY_/;
/** Two edits make another name still the one that was meant. */
const NEAR = 3;
/** Bun closes a silent stream after 10 s, which may be 8; ms. */
const BUN_MS = 8000;
/** A balancer closes a silent connection after 60 s; ms. */
const BALANCER_MS = 60_000;
/** Nothing of this was written before; a clock that is earlier is wrong. */
const EARLIEST = Date.parse('2025-11-25T00:00:00Z');

export interface EnvironmentOptions {
  /** ms; default the clock of this machine. */
  readonly now?: number;
  /** Whether the server runs on Bun; default whether this does. */
  readonly bun?: boolean;
}

/** @returns what is in no output: the secrets of an environment */
export function secretsIn(env: Environment): string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    name.startsWith('MCP_') && typeof value === 'string' && value !== '' && SECRET.test(name) ? [value] : [],
  );
}

export function environmentFindings(env: Environment, knobs: Knobs, options: EnvironmentOptions = {}): Finding[] {
  const { now = Date.now(), bun = 'bun' in process.versions } = options;
  const given = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    /^(MCP_.*|PORT)$/.test(name) && value !== undefined && value !== '' ? [[name, String(value)]] : [],
  );
  const { config, found } = read(Object.fromEntries(given), knobs);
  const situation = situationOf(config, new Map(given), bun);
  return [
    ...found,
    ...unknownNames(given, knobs),
    ...placeholders(given),
    ...secrets(config, situation),
    ...callers(config, situation),
    ...network(config, situation),
    ...timing(config, situation),
    now < EARLIEST
      ? finding(
          'error',
          'local.clock',
          `The clock of this machine is at ${new Date(now).toISOString()}: no token and no certificate is good then`,
          'run NTP',
        )
      : finding('ok', 'local.clock', `The clock of this machine is at ${new Date(now).toISOString()}`),
  ];
}

// ---- reading -------------------------------------------------------------------------------------

/** Reads the knobs; one that is refused is told of and left out, until the rest can be read. */
function read(
  env: Readonly<Record<string, string>>,
  { KNOBS, readConfig }: Knobs,
): { config: Config; found: Finding[] } {
  const left = { ...env };
  const found: Finding[] = [];
  for (;;) {
    try {
      const config = readConfig(left);
      const count = Object.keys(left).filter((name) => Object.hasOwn(KNOBS, name)).length;
      if (found.length === 0) found.push(finding('ok', 'local.knobs', `${count} knobs are set, and all can be read`));
      return { config, found };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const [name = ''] = /^MCP_[A-Z_]+/.exec(message) ?? [];
      const own = name === 'MCP_PORT' && !(name in left) ? 'PORT' : name;
      if (!(own in left)) throw error;
      // A URL is refused for what stands before its host, which may be a password.
      found.push(
        finding(
          'error',
          'local.knobs',
          message.replaceAll(/\/\/[^/@\s"]*@/g, '//***@'),
          `${own}: as README.md has it, or unset`,
        ),
      );
      delete left[own];
    }
  }
}

function unknownNames(given: readonly [string, string][], { KNOBS }: Knobs): Finding[] {
  const known = Object.keys(KNOBS);
  return given
    .filter(([name]) => name !== 'PORT' && !known.includes(name) && !OURS.test(name))
    .map(([name]) => {
      const [near] = known
        .map((one) => [one, distance(one, name)] as const)
        .filter(([, edits]) => edits <= NEAR)
        .sort(([, one], [, other]) => one - other);
      return finding(
        'warning',
        'local.unknown',
        `${name} is set, and nothing reads it`,
        near ? `${near[0]}, if that was meant` : 'unset it',
      );
    });
}

/** How many letters have to be changed, added or left out (Levenshtein). */
export function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const swap = (row[to - 1] as number) + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[to] as number) + 1, (next[to - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}

function placeholders(given: readonly [string, string][]): Finding[] {
  return given
    .filter(([name, value]) => name.startsWith('MCP_') && !SECRET.test(name) && isPlaceholder(value))
    .map(([name, value]) =>
      finding(
        'error',
        'local.placeholder',
        `${name} is a placeholder: ${JSON.stringify(value)}`,
        `${name}: what it stands for`,
      ),
    );
}

// ---- what the server would be --------------------------------------------------------------------

interface Situation {
  /** Others than this machine reach it: by its address, or through a proxy by a name. */
  readonly exposed: boolean;
  /** By its own address. */
  readonly direct: boolean;
  /** Why it is taken to be exposed. */
  readonly why: string;
  readonly authorized: boolean;
  /** The host by which clients know it. */
  readonly publicHost: string | undefined;
  readonly bun: boolean;
}

function situationOf(config: Config, given: ReadonlyMap<string, string>, bun: boolean): Situation {
  const { MCP_HOST, MCP_PUBLIC_URL, MCP_ALLOWED_HOSTS } = config;
  const direct = !isLoopback(MCP_HOST);
  const publicHost = MCP_PUBLIC_URL === '' ? undefined : new URL(MCP_PUBLIC_URL).hostname;
  const named = [publicHost, ...MCP_ALLOWED_HOSTS].find((host) => host !== undefined && !isLoopback(host));
  return {
    direct,
    exposed: direct || named !== undefined,
    why: direct ? `on ${MCP_HOST}` : `known as ${named}`,
    // As given: a knob that was refused was meant all the same.
    authorized: given.has('MCP_AUTH_SECRET') || given.has('MCP_AUTH_ISSUER'),
    publicHost,
    bun,
  };
}

function secrets(config: Config, { exposed, why }: Situation): Finding[] {
  const found: Finding[] = [];
  const named = Object.entries(config).filter(
    (entry): entry is [string, string] => SECRET.test(entry[0]) && typeof entry[1] === 'string' && entry[1] !== '',
  );
  for (const [name, value] of named) {
    const mend = `${name}=$(openssl rand -base64 32)`;
    const weakness = weaknessOf(value);
    const twin = named.find(([other, same]) => other < name && same === value);
    if (weakness !== undefined)
      found.push(finding(exposed ? 'error' : 'warning', 'local.secret', `${name} ${weakness}`, mend));
    else if (twin) found.push(finding('error', 'local.secret', `${name} is the same as ${twin[0]}`, mend));
    else found.push(finding('ok', 'local.secret', `${name} has ${value.length} characters, and none that are known`));
  }
  if (config.MCP_SESSION_SECRET === '') {
    const mend = 'MCP_SESSION_SECRET=$(openssl rand -base64 32), the same on every node';
    found.push(
      finding(
        exposed ? 'warning' : 'info',
        'local.session-secret',
        `MCP_SESSION_SECRET is unset${exposed ? `, ${why}` : ''}: a restart ends all sessions, and a second node knows none of them`,
        mend,
      ),
    );
  }
  return found;
}

function callers(config: Config, { exposed, authorized, why, publicHost, direct }: Situation): Finding[] {
  const found: Finding[] = [];
  const { MCP_RATE_LIMIT, MCP_PUBLIC_URL, MCP_METRICS_TOKEN, MCP_TRUSTED_PROXIES, MCP_LOG_ARGUMENTS } = config;
  if (exposed) {
    found.push(
      authorized
        ? finding('ok', 'local.auth', 'Bearer tokens are needed')
        : finding(
            'warning',
            'local.auth',
            `No token is needed, ${why}: anybody may call`,
            'MCP_AUTH_ISSUER=https://... and MCP_PUBLIC_URL',
          ),
      MCP_RATE_LIMIT
        ? finding(
            'ok',
            'local.rate-limit',
            `MCP_RATE_LIMIT is ${MCP_RATE_LIMIT.count} in ${MCP_RATE_LIMIT.window_ms / 1000} s`,
          )
        : finding(
            'warning',
            'local.rate-limit',
            `MCP_RATE_LIMIT is unset, ${why}: one caller may take it all`,
            'MCP_RATE_LIMIT=100/minute',
          ),
    );
    if (MCP_METRICS_TOKEN === '')
      found.push(
        finding(
          'info',
          'local.metrics',
          'MCP_METRICS_TOKEN is unset: /metrics can be read from loopback alone',
          'MCP_METRICS_TOKEN=$(openssl rand -base64 32)',
        ),
      );
    if (MCP_LOG_ARGUMENTS)
      found.push(
        finding(
          'warning',
          'local.log',
          'MCP_LOG_ARGUMENTS is 1: what users send stands in the log',
          'MCP_LOG_ARGUMENTS=0',
        ),
      );
  }
  if (MCP_TRUSTED_PROXIES.length === 0 && exposed && !direct)
    found.push(
      finding(
        'info',
        'local.proxies',
        'MCP_TRUSTED_PROXIES is unset behind a proxy: all callers have its address, and one limit',
        'MCP_TRUSTED_PROXIES=loopback',
      ),
    );
  const all = MCP_TRUSTED_PROXIES.find((one) => /\/0$/.test(one));
  if (all !== undefined)
    found.push(
      finding(
        'error',
        'local.proxies',
        `MCP_TRUSTED_PROXIES has ${all}: anybody may choose an address`,
        'name the networks of the proxies alone',
      ),
    );
  if (publicHost !== undefined && !isLoopback(publicHost) && MCP_PUBLIC_URL.startsWith('http:'))
    found.push(
      finding(
        authorized ? 'error' : 'warning',
        'local.public-url',
        `MCP_PUBLIC_URL is ${MCP_PUBLIC_URL}: ${authorized ? 'tokens go' : 'all goes'} over the network in clear`,
        `MCP_PUBLIC_URL=${MCP_PUBLIC_URL.replace(/^http:/, 'https:')}`,
      ),
    );
  return found;
}

function network(config: Config, { exposed, direct, authorized, why, publicHost }: Situation): Finding[] {
  const found: Finding[] = [];
  const { MCP_ALLOWED_HOSTS, MCP_ALLOWED_ORIGINS, MCP_PUBLIC_URL, MCP_PATH } = config;
  const names = publicHost ?? '<name>';
  if (MCP_ALLOWED_HOSTS.includes('*'))
    found.push(
      finding(
        'warning',
        'local.hosts',
        'MCP_ALLOWED_HOSTS has "*": any name that leads here is answered',
        `MCP_ALLOWED_HOSTS=${names}`,
      ),
    );
  else if (direct && MCP_ALLOWED_HOSTS.length === 0)
    found.push(
      finding(
        'warning',
        'local.hosts',
        `MCP_ALLOWED_HOSTS is unset, ${why}: any name that leads here is answered`,
        `MCP_ALLOWED_HOSTS=${names}`,
      ),
    );
  else if (
    publicHost !== undefined &&
    !(MCP_ALLOWED_HOSTS.length === 0 ? isLoopback(publicHost) : MCP_ALLOWED_HOSTS.includes(publicHost))
  )
    found.push(
      finding(
        'warning',
        'local.hosts',
        `MCP_PUBLIC_URL is on ${publicHost}, which is refused as Host unless the proxy writes another`,
        `MCP_ALLOWED_HOSTS=${publicHost}`,
      ),
    );
  else if (exposed) found.push(finding('ok', 'local.hosts', `MCP_ALLOWED_HOSTS is ${MCP_ALLOWED_HOSTS.join(', ')}`));
  if (MCP_ALLOWED_ORIGINS.includes('*'))
    found.push(
      finding(
        authorized ? 'warning' : 'error',
        'local.origins',
        `MCP_ALLOWED_ORIGINS has "*": ${authorized ? 'pages of any origin may call with a token' : 'any web page may call'}`,
        'MCP_ALLOWED_ORIGINS=https://<origin>, or unset',
      ),
    );
  for (const origin of MCP_ALLOWED_ORIGINS.filter((one) => one !== '*')) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin.replace(/\/$/, '').toLowerCase())
      found.push(
        finding(
          'warning',
          'local.origins',
          `MCP_ALLOWED_ORIGINS has ${JSON.stringify(origin)}, which no browser sends`,
          'scheme, host and port, as in https://app.test',
        ),
      );
  }
  if (MCP_PUBLIC_URL !== '' && new URL(MCP_PUBLIC_URL).pathname !== MCP_PATH)
    found.push(
      finding(
        'info',
        'local.path',
        `MCP_PUBLIC_URL is at ${new URL(MCP_PUBLIC_URL).pathname}, MCP_PATH is ${MCP_PATH}: only a proxy that writes paths anew makes that one`,
        `MCP_PATH=${new URL(MCP_PUBLIC_URL).pathname}`,
      ),
    );
  return found;
}

function timing(config: Config, { exposed, bun }: Situation): Finding[] {
  const found: Finding[] = [];
  const { MCP_HEARTBEAT, MCP_KEEP_ALIVE, MCP_DRAIN_DELAY } = config;
  const beat = `MCP_HEARTBEAT is ${MCP_HEARTBEAT} ms`;
  if (MCP_HEARTBEAT > 55_000)
    found.push(
      finding('warning', 'local.heartbeat', `${beat}: proxies close a silent stream after 60 s`, 'MCP_HEARTBEAT=6000'),
    );
  else if (MCP_HEARTBEAT > BUN_MS)
    found.push(
      finding(
        bun ? 'warning' : 'info',
        'local.heartbeat',
        `${beat}: Bun closes a silent connection after 10 s, which may be 8`,
        'MCP_HEARTBEAT=6000',
      ),
    );
  else found.push(finding('ok', 'local.heartbeat', beat));
  if (MCP_KEEP_ALIVE <= BALANCER_MS)
    found.push(
      finding(
        exposed ? 'warning' : 'info',
        'local.keep-alive',
        `MCP_KEEP_ALIVE is ${MCP_KEEP_ALIVE} ms: a balancer that keeps a connection for 60 s uses one that is closed (502)`,
        'MCP_KEEP_ALIVE=75000',
      ),
    );
  else found.push(finding('ok', 'local.keep-alive', `MCP_KEEP_ALIVE is ${MCP_KEEP_ALIVE} ms`));
  if (MCP_DRAIN_DELAY === 0 && exposed)
    found.push(
      finding(
        'warning',
        'local.drain',
        'MCP_DRAIN_DELAY is 0: a balancer still sends requests when they are refused',
        'MCP_DRAIN_DELAY=5000, longer than it takes the balancer to ask /readyz',
      ),
    );
  return found;
}
