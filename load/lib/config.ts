/**
 * What a run is told from outside: `-e NAME=value` (or the environment) first, then the profile, then the script's default.
 *
 * The target, for every script:
 *   MCP_URL                  http://127.0.0.1:3000/mcp
 *   MCP_REVISION             the script's own; several are separated by commas where a script speaks several
 *   MCP_AUTHORIZATION        value of the header Authorization, `Bearer ...`; none by default
 *   MCP_HEADERS              further headers, a JSON object; {} by default
 *   MCP_TIMEOUT_MS           30000 ms for an exchange that is no stream
 *   MCP_CALL_TOOL            echo; a tool that answers at once
 *   MCP_CALL_ARGUMENTS       {"text":"load"}
 *   MCP_SEQUENCE_TOOL        countdown; a tool that reports progress 1, 2, 3 ... and then answers
 *   MCP_SEQUENCE_ARGUMENTS   {"from":"$EVENTS","every_ms":"$EVERY_MS"}; `$EVENTS` and `$EVERY_MS` stand for those knobs
 *   MCP_CLOSE_TOOL, MCP_CLOSE_ARGUMENTS     see reconnection.ts
 *   MCP_CHANGE_TOOL, MCP_CHANGE_ARGUMENTS   see listen.ts
 *   MCP_METRICS_URL          where the target tells its numbers in Prometheus' text; not looked at by default
 *   MCP_METRICS_TOKEN        bearer token for it; none by default
 *   MCP_METRICS_SESSIONS     mcp_sessions, the metric that counts sessions
 *   MCP_METRICS_STREAMS      mcp_streams_open
 *   MCP_METRICS_MEMORY       process_resident_memory_bytes; `none` where it tells none
 *   MCP_METRICS_CPU          process_cpu_seconds_total; it need not tell any
 *   MCP_METRICS_DESCRIPTORS  process_open_fds; it need not tell any
 */

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The numbers of a script. Each name ends in its unit (`_S`, `_MS`) or counts what it says.
 * @param script whose section of the profile is read
 * @param profile the JSON text of a profile, empty for none
 * @param fixed what the caller decides, whatever environment and profile say
 * @throws Error with one line that names the knob, what was given and what was expected
 */
export function readNumbers<K extends string>(
  script: string,
  defaults: Readonly<Record<K, number>>,
  env: Environment,
  profile: string,
  fixed: Partial<Record<K, number>> = {},
): Record<K, number> {
  const section = sectionOf(script, profile);
  for (const name of Object.keys(section)) {
    if (!Object.hasOwn(defaults, name))
      throw new Error(`The profile gives ${script} a ${name}, which it does not have`);
  }
  const numbers: Record<string, number> = {};
  for (const [name, fallback] of Object.entries<number>(defaults)) {
    const chosen = fixed[name as K] ?? given(env[name]) ?? section[name] ?? fallback;
    const value = Number(chosen);
    if (!Number.isFinite(value) || value < 0)
      throw new Error(`${name} must be a number of at least 0, got "${chosen}"`);
    numbers[name] = value;
  }
  return numbers as Record<K, number>;
}

/**
 * A list of whole numbers, separated by commas, each larger than the one before.
 * @throws Error with one line when it is not that
 */
export function readSteps(name: string, fallback: string, env: Environment, script: string, profile: string): number[] {
  const text = given(env[name]) ?? String(sectionOf(script, profile, [name])[name] ?? fallback);
  const steps = text.split(',').map(Number);
  const rising = steps.every((step, at) => Number.isInteger(step) && step > (at === 0 ? 0 : (steps[at - 1] ?? 0)));
  if (!rising) throw new Error(`${name} must be rising whole numbers separated by commas, got "${text}"`);
  return steps;
}

const STEPS = ['RATES'];

function sectionOf(script: string, profile: string, wanted?: readonly string[]): Record<string, unknown> {
  if (profile === '') return {};
  const section = (JSON.parse(profile) as Record<string, Record<string, unknown>>)[script] ?? {};
  const names = Object.keys(section).filter((name) => (wanted ? wanted.includes(name) : !STEPS.includes(name)));
  return Object.fromEntries(names.map((name) => [name, section[name]]));
}

function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

/** The server under load and how it is spoken to. */
export interface Endpoint {
  readonly url: string;
  /** Revisions to speak, as given. */
  readonly revisions: readonly string[];
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** A tool that answers at once. */
  readonly call: Tool;
  /** A tool that reports progress 1, 2, 3 ...; `$EVENTS` and `$EVERY_MS` in its arguments stand for the knobs. */
  readonly sequence: Tool;
  /** A tool that closes its stream before it answers (2025-11-25). */
  readonly close: Tool | undefined;
  /** A tool whose call makes the server tell its listeners of a change. */
  readonly change: Tool | undefined;
  /** What listeners hear then. */
  readonly changeNotification: string;
  /** What a listener asks for (`params.notifications` of subscriptions/listen). */
  readonly listenTo: object;
  /** Where the target tells its own numbers in Prometheus' text; undefined when nowhere. */
  readonly numbers: Numbers | undefined;
  /** For a whole exchange that is no stream, in ms. */
  readonly timeout_ms: number;
}

export interface Tool {
  readonly name: string;
  readonly arguments: object;
}

export interface Numbers {
  readonly url: string;
  readonly token: string;
  /** Names of the metrics; series of one name are added up. */
  readonly sessions: string;
  readonly streams: string;
  readonly memory: string | undefined;
  readonly cpu: string;
  readonly descriptors: string;
}

const REVISION = /^\d{4}-\d{2}-\d{2}$/;
/** From this one on requests stand for themselves: no sessions, no GET. */
const FIRST_STATELESS = '2026-07-28';

export function isStateless(revision: string): boolean {
  return revision >= FIRST_STATELESS;
}

/**
 * @param revisions spoken when the environment names none
 * @throws Error with one line that names the variable
 */
export function readEndpoint(env: Environment, revisions: string): Endpoint {
  const text = (name: string, fallback: string) => given(env[name]) ?? fallback;
  const url = text('MCP_URL', 'http://127.0.0.1:3000/mcp');
  if (!/^https?:\/\/\S+$/.test(url)) throw new Error(`MCP_URL must be an http or https URL, got "${url}"`);
  const spoken = text('MCP_REVISION', revisions)
    .split(',')
    .map((revision) => revision.trim());
  for (const revision of spoken) {
    if (!REVISION.test(revision)) throw new Error(`MCP_REVISION must be dates as 2025-11-25, got "${revision}"`);
  }
  const numbers = given(env.MCP_METRICS_URL);
  const timeout_ms = Number(text('MCP_TIMEOUT_MS', '30000'));
  if (!(timeout_ms > 0)) throw new Error(`MCP_TIMEOUT_MS must be a number above 0, got "${env.MCP_TIMEOUT_MS}"`);
  return {
    url,
    revisions: spoken,
    headers: headersOf(env),
    call: {
      name: text('MCP_CALL_TOOL', 'echo'),
      arguments: object('MCP_CALL_ARGUMENTS', text('MCP_CALL_ARGUMENTS', '{"text":"load"}')),
    },
    sequence: {
      name: text('MCP_SEQUENCE_TOOL', 'countdown'),
      arguments: object(
        'MCP_SEQUENCE_ARGUMENTS',
        text('MCP_SEQUENCE_ARGUMENTS', '{"from":"$EVENTS","every_ms":"$EVERY_MS"}'),
      ),
    },
    close: optional('MCP_CLOSE', env),
    change: optional('MCP_CHANGE', env),
    changeNotification: text('MCP_CHANGE_NOTIFICATION', 'notifications/tools/list_changed'),
    listenTo: object('MCP_LISTEN_NOTIFICATIONS', text('MCP_LISTEN_NOTIFICATIONS', '{"toolsListChanged":true}')),
    numbers:
      numbers === undefined
        ? undefined
        : {
            url: numbers,
            token: text('MCP_METRICS_TOKEN', ''),
            sessions: text('MCP_METRICS_SESSIONS', 'mcp_sessions'),
            streams: text('MCP_METRICS_STREAMS', 'mcp_streams_open'),
            memory: unlessNone(text('MCP_METRICS_MEMORY', 'process_resident_memory_bytes')),
            cpu: text('MCP_METRICS_CPU', 'process_cpu_seconds_total'),
            descriptors: text('MCP_METRICS_DESCRIPTORS', 'process_open_fds'),
          },
    timeout_ms,
  };
}

/** A tool with the numbers put where its arguments ask for them. */
export function withNumbers(tool: Tool, numbers: Readonly<Record<string, number>>): Tool {
  const put = (value: unknown): unknown => {
    if (typeof value === 'string' && value.startsWith('$')) return numbers[value.slice(1)] ?? value;
    if (Array.isArray(value)) return value.map(put);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, put(inner)]));
  };
  return { name: tool.name, arguments: put(tool.arguments) as object };
}

function unlessNone(text: string): string | undefined {
  return text === 'none' ? undefined : text;
}

function optional(prefix: string, env: Environment): Tool | undefined {
  const name = given(env[`${prefix}_TOOL`]);
  if (name === undefined) return undefined;
  return { name, arguments: object(`${prefix}_ARGUMENTS`, given(env[`${prefix}_ARGUMENTS`]) ?? '{}') };
}

function headersOf(env: Environment): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(object('MCP_HEADERS', given(env.MCP_HEADERS) ?? '{}'))) {
    if (typeof value !== 'string') throw new Error(`MCP_HEADERS: the value of "${name}" must be a string`);
    headers[name] = value;
  }
  const authorization = given(env.MCP_AUTHORIZATION);
  if (authorization !== undefined) headers.Authorization = authorization;
  return headers;
}

function object(name: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${name} must be a JSON object, got ${text}`);
  }
  return value;
}

/** The endpoint with those of its revisions that have sessions, or those that have none. */
export function eraOf(endpoint: Endpoint, stateless: boolean): Endpoint {
  return { ...endpoint, revisions: endpoint.revisions.filter((revision) => isStateless(revision) === stateless) };
}
