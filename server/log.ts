/**
 * The operator's log: one line a request, beside audit lines, errors and notices. JSON for machines, text for a terminal.
 * Nothing that looks like a credential leaves, and nothing a client sends can begin a line or steer a terminal.
 */

import type { Clock } from './clock.ts';

export type Severity = 'error' | 'warn' | 'info' | 'debug';
/** `off`, or the least severe line that is written. */
export type Threshold = Severity | 'off';

/** One HTTP request, or one message of it; what is not known is left out. Members stand in the line in this order. */
export interface RequestRecord {
  /** HTTP method. */
  readonly http: string;
  /** What follows `?` is not logged. */
  readonly path: string;
  readonly status: number;
  readonly duration_ms: number;
  /** JSON-RPC method. */
  readonly method?: string | undefined;
  /** Of the tool or prompt, or the URI of the resource. */
  readonly name?: string | undefined;
  /** `ok`, or what came instead: `tool_error`, `input_required`, `cancelled`, ... */
  readonly outcome?: string | undefined;
  /** Of the JSON-RPC error. */
  readonly code?: number | undefined;
  /** The request id; absent for notifications. */
  readonly id?: string | number | undefined;
  readonly era?: string | undefined;
  readonly revision?: string | undefined;
  /** The session's key; never its id. */
  readonly session?: string | undefined;
  readonly subject?: string | undefined;
  readonly address?: string | undefined;
  /** Of the answer. */
  readonly bytes?: number | undefined;
  readonly trace_id?: string | undefined;
  /** Logged only where `showArguments` says so. */
  readonly arguments?: unknown;
}

/** One call of a tool that carries scopes. */
export interface AuditRecord {
  readonly subject: string;
  readonly tool: string;
  /** Those that the tool needs. */
  readonly scopes: readonly string[];
  readonly outcome: string;
  readonly id?: string | number | undefined;
  readonly session?: string | undefined;
  readonly address?: string | undefined;
  readonly trace_id?: string | undefined;
  /** Of the error line, where there is one. */
  readonly correlation?: string | undefined;
}

export interface Logger {
  /** Whether a line of this severity would be written: asked before a record is made. */
  enabled(severity: Severity): boolean;
  request(record: RequestRecord): void;
  /** Written at every level but `off`: a trail has no holes. */
  audit(record: AuditRecord): void;
  /** A bug; the stack only at `debug`, else the place where it was thrown. */
  error(error: unknown, during: string, correlation: string): void;
  /** What the server itself does or warns of: start, drain, shutdown, configuration. */
  notice(severity: Severity, message: string, details?: object): void;
  /** Writes all that waits: at the end of the process. */
  flush(): void;
}

export interface LogOptions {
  readonly level: Threshold;
  readonly format: 'json' | 'text';
  /**
   * Takes whole lines, each with its line break. While a promise it returned is pending, lines wait, up to the bound; what it
   * throws loses those lines.
   */
  readonly write: (text: string) => unknown;
  readonly clock: Clock;
  /** False where timers of a request end with it (Workers): each line is written at once. Default true. */
  readonly shared?: boolean;
  /** ANSI colours in text; default false. */
  readonly colour?: boolean;
  /** Log the arguments of calls, redacted and cut to about 1000 characters; default false. */
  readonly showArguments?: boolean;
}

const RANK: Readonly<Record<Threshold, number>> = { off: 0, error: 1, warn: 2, info: 3, debug: 4 };
/** Refusals that an operator should see: authorization, size, rate, load. */
const WARNED: readonly number[] = [401, 403, 413, 414, 429, 431, 503];
const INTERNAL_ERROR = -32603;

/** `error` for what the server failed at, `warn` for refusals by authorization and limits, else `info`. */
export function severityOf(status: number, code?: number): Severity {
  if (WARNED.includes(status)) return 'warn';
  return status >= 500 || code === INTERNAL_ERROR ? 'error' : 'info';
}

/** What may wait for `write`; past either, lines are dropped and counted. */
const MOST_LINES = 10_000;
const MOST_CHARACTERS = 4_194_304;
/** Characters of one value. */
const LONG = { value: 200, message: 2000, stack: 8000, data: 1000 } as const;

export function logger(options: LogOptions): Logger {
  const { write, clock, shared = true, showArguments = false } = options;
  const limit = RANK[options.level];
  const time = isoTime();
  const line = options.format === 'json' ? jsonLine : textLine(options.colour ?? false);
  let waiting = '';
  let lines = 0;
  let dropped = 0;
  /** Writes that are not done. */
  let busy = 0;
  let cancel: (() => void) | undefined;

  const enabled = (severity: Severity) => RANK[severity] <= limit;

  function log(severity: Severity, event: Event, members: Members): void {
    if (lines >= MOST_LINES || waiting.length >= MOST_CHARACTERS) {
      dropped++;
      return;
    }
    waiting += line(time(clock.now()), severity, event, members);
    lines++;
    if (!shared) put();
    else if (busy === 0) cancel ??= clock.after(0, put);
  }

  function put(): void {
    cancel?.();
    cancel = undefined;
    if (lines === 0 && dropped === 0) return;
    if (dropped > 0) waiting += line(time(clock.now()), 'warn', 'dropped', [['lines', String(dropped)]]);
    const text = waiting;
    const count = lines + dropped;
    waiting = '';
    lines = 0;
    dropped = 0;
    try {
      const written = write(text);
      if (!(written instanceof Promise)) return;
      busy++;
      const done = (lost: number) => {
        busy--;
        dropped += lost;
        if (lines > 0) put();
      };
      written.then(
        () => done(0),
        () => done(count),
      );
    } catch {
      dropped += count;
    }
  }

  return {
    enabled,
    request(record) {
      const severity = severityOf(record.status, record.code);
      if (enabled(severity)) log(severity, 'request', requestMembers(record, showArguments));
    },
    audit(record) {
      if (limit > 0) log('info', 'audit', auditMembers(record));
    },
    error(error, during, correlation) {
      if (enabled('error')) log('error', 'error', errorMembers(error, during, correlation, enabled('debug')));
    },
    notice(severity, message, details) {
      if (!enabled(severity)) return;
      const members: Members = [['message', quoted(message, LONG.message)]];
      if (details !== undefined) members.push(['details', encoded(details, LONG.data)]);
      log(severity, 'notice', members);
    },
    flush: put,
  };
}

// ---- lines -----------------------------------------------------------------------------------------

type Event = 'request' | 'audit' | 'error' | 'notice' | 'dropped';
/** Names, and values as JSON. */
type Members = [name: string, json: string][];

const REQUEST = [
  'http',
  'path',
  'status',
  'duration_ms',
  'method',
  'name',
  'outcome',
  'code',
  'id',
  'era',
  'revision',
  'session',
  'subject',
  'address',
  'bytes',
  'trace_id',
] as const satisfies (keyof RequestRecord)[];
const AUDIT = [
  'subject',
  'tool',
  'outcome',
  'id',
  'session',
  'address',
  'trace_id',
  'correlation',
] as const satisfies (keyof AuditRecord)[];

function requestMembers(record: RequestRecord, showArguments: boolean): Members {
  const members: Members = [];
  for (const name of REQUEST) {
    const value = record[name];
    if (value !== undefined) members.push([name, name === 'path' ? pathOf(record.path) : scalar(value)]);
  }
  if (showArguments && record.arguments !== undefined) {
    members.push(['arguments', encoded(record.arguments, LONG.data)]);
  }
  return members;
}

function auditMembers(record: AuditRecord): Members {
  const members: Members = [];
  for (const name of AUDIT) {
    const value = record[name];
    if (value !== undefined) members.push([name, scalar(value)]);
  }
  members.push(['scopes', encoded(record.scopes, LONG.data)]);
  return members;
}

function errorMembers(error: unknown, during: string, correlation: string, withStack: boolean): Members {
  const { name, message, stack } = described(error);
  const members: Members = [
    ['correlation', quoted(correlation, LONG.value)],
    ['during', quoted(during, LONG.value)],
    ['error', quoted(name, LONG.value)],
    ['message', quoted(message, LONG.message)],
  ];
  const frames = stack.split('\n');
  // V8 begins with the message, JavaScriptCore has frames alone.
  const at = frames.find((frame) => /^\s*at |@.*:\d+:\d+$/.test(frame))?.trim();
  if (withStack && stack !== '') members.push(['stack', quoted(stack, LONG.stack)]);
  else if (at !== undefined) members.push(['at', quoted(at, LONG.value)]);
  return members;
}

/** What was thrown, with the messages of its causes. Reading it may throw too. */
function described(error: unknown): { name: string; message: string; stack: string } {
  try {
    if (!(error instanceof Error)) return { name: typeof error, message: String(error), stack: '' };
    const messages: string[] = [];
    for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 4; cause = cause.cause, depth++) {
      messages.push(String(cause.message));
    }
    return { name: String(error.name), message: messages.join(': '), stack: String(error.stack ?? '') };
  } catch {
    return { name: 'unknown', message: 'what was thrown cannot be read', stack: '' };
  }
}

function jsonLine(time: string, severity: Severity, event: Event, members: Members): string {
  let line = `{"time":"${time}","level":"${severity}","event":"${event}"`;
  for (const [name, json] of members) line += `,"${name}":${json}`;
  return `${line}}\n`;
}

const COLOURS: Readonly<Record<Severity, number>> = { error: 31, warn: 33, info: 32, debug: 2 };
/** Members that need no name in a line for people, in the order in which they are shown. */
const NAMELESS: Readonly<Record<Event, readonly string[]>> = {
  request: ['status', 'duration_ms', 'http', 'path', 'method', 'name', 'outcome'],
  audit: ['subject', 'tool', 'outcome'],
  error: ['error', 'message'],
  notice: ['message'],
  dropped: [],
};

/** Time of day (UTC), severity, event, then columns, then what has a name. */
function textLine(colour: boolean): typeof jsonLine {
  const paint = (text: string, code: number) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return (time, severity, event, members) => {
    const values = new Map(members);
    let line = `${paint(time.slice(11, 23), 2)} ${paint(severity.padEnd(5), COLOURS[severity])} ${event.padEnd(7)}`;
    for (const name of NAMELESS[event]) {
      const json = values.get(name);
      if (json !== undefined) line += ` ${column(name, bare(json))}`;
      values.delete(name);
    }
    const stack = values.get('stack');
    values.delete('stack');
    for (const [name, json] of values) line += ` ${paint(`${name}=`, 2)}${bare(json)}`;
    if (stack !== undefined) {
      // Indented, so that no frame can pass for a line.
      for (const frame of (JSON.parse(stack) as string).split('\n')) line += `\n    ${visible(frame.trim())}`;
    }
    return `${line}\n`;
  };
}

function column(name: string, text: string): string {
  if (name === 'duration_ms') return `${Number(text).toFixed(1)}ms`.padStart(9);
  return name === 'http' ? text.padEnd(6) : text;
}

/** A JSON string without its quotes where it reads the same. */
function bare(json: string): string {
  return /^"[\w./:@+-]+"$/.test(json) ? json.slice(1, -1) : json;
}

// ---- values ----------------------------------------------------------------------------------------

/** Text that needs no escape and is too short and too plain to hold a credential; most values are such. */
const PLAIN = /^[\w./@+-]{1,59}$/;
const REMEMBERED = 500;
/** Values that are not plain and come again, encoded: subjects, addresses, URIs. */
const known = new Map<string, string>();

function scalar(value: string | number): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(Math.round(value * 1000) / 1000) : 'null';
  if (PLAIN.test(value) && !value.includes('eyJ')) return `"${value}"`;
  const text = known.get(value);
  if (text !== undefined) return text;
  const fresh = quoted(value, LONG.value);
  if (value.length > LONG.value || fresh.includes('[redacted]')) return fresh;
  if (known.size >= REMEMBERED) known.clear();
  known.set(value, fresh);
  return fresh;
}

function pathOf(path: string): string {
  const end = path.search(/[?#]/);
  return scalar(end < 0 ? path : path.slice(0, end));
}

/** A text as JSON: redacted, cut, every control and format character escaped. */
function quoted(text: string, longest: number): string {
  return visible(JSON.stringify(redact(text, longest)));
}

/** Control, format, and line-separating characters: what could end a line, steer a terminal or turn text around. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    let escaped = '';
    for (let i = 0; i < character.length; i++) {
      escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}

/** Levels of a logged value. */
const DEEPEST = 8;

/** Any value as JSON of about `longest` characters, redacted. What does not fit is left out, what cannot be read is named. */
function encoded(value: unknown, longest: number): string {
  let room = longest;
  const take = (json: string) => {
    room -= json.length;
    return json;
  };
  const encode = (item: unknown, depth: number): string => {
    if (typeof item === 'string') return take(quoted(item, Math.max(0, room)));
    if (typeof item === 'number' || typeof item === 'boolean' || item === null) return take(JSON.stringify(item));
    if (typeof item !== 'object') return take(quoted(`[${typeof item}]`, LONG.value));
    if (depth >= DEEPEST) return take('"[deep]"');
    return Array.isArray(item) ? encodeArray(item, depth) : encodeObject(item, depth);
  };
  const encodeArray = (items: unknown[], depth: number): string => {
    const parts: string[] = [];
    for (const item of items) {
      parts.push(room > 0 ? encode(item, depth + 1) : '"[cut]"');
      if (room <= 0) break;
    }
    return `[${parts.join()}]`;
  };
  const encodeObject = (object: object, depth: number): string => {
    const parts: string[] = [];
    for (const [key, member] of Object.entries(object)) {
      if (member === undefined) continue;
      if (room <= 0) {
        parts.push('"[cut]":true');
        break;
      }
      const name = take(`${quoted(key, LONG.value)}:`);
      parts.push(name + (SECRET_NAME.test(key) ? take('"[redacted]"') : encode(member, depth + 1)));
    }
    return `{${parts.join()}}`;
  };
  try {
    return encode(value, 0);
  } catch {
    return '"[unreadable]"';
  }
}

/** ISO 8601; all but the milliseconds is made once a second. */
function isoTime(): (now: number) => string {
  let second = Number.NaN;
  let head = '';
  return (now) => {
    const whole = Math.floor(now / 1000);
    if (whole !== second) {
      second = whole;
      head = new Date(whole * 1000).toISOString().slice(0, 20);
    }
    return `${head}${String(Math.floor(now - whole * 1000)).padStart(3, '0')}Z`;
  };
}

// ---- credentials -----------------------------------------------------------------------------------

/** Names under which credentials stand in objects. */
const SECRET_NAME = /authorization|cookie|token|secret|passw(or)?d|passphrase|api[-_]?key|private[-_]?key|credential/i;

/** Enough of a text beyond where it is cut to tell that a credential begins there. */
const BEYOND = 2000;

const CREDENTIALS: readonly (readonly [RegExp, string])[] = [
  // Header lines.
  [/\b(cookie|authorization)(\\*["']?\s*[:=]\s*)[^\r\n]+/gi, '$1$2[redacted]'],
  // JWTs, and any other base64 of a JSON object.
  [/eyJ[\w+/=-]{5,}(?:\.[\w+/=-]*)*/g, '[redacted]'],
  // Sealed session ids: base64url, a dot, a MAC of 32 bytes.
  [/(?<![\w-])[\w-]{16,}\.[\w-]{43}(?![\w-])/g, '[redacted]'],
  // Credentials of a scheme; prose and challenges that name one stay.
  [
    /\b(bearer|dpop)(\s+)(?!(?:tokens?|auth[a-z]*)(?![\w.~+/=-])|(?:realm|error|error_description|scope|resource_metadata)=)[\w.~+/-]+=*/gi,
    '$1$2[redacted]',
  ],
  [/\b([Bb]asic|BASIC)(\s+)(?=\w*(?:[\d+/=]|[a-z][A-Z]))[A-Za-z\d+/]+=*/g, '$1$2[redacted]'],
  // Members and parameters: `token=...`, `"password": "..."`.
  [
    /((?:token|secret|passw(?:or)?d|passphrase|(?:api|private)[-_]?key|[?&]code)\\*["']?\s*[:=]\s*)(?:\\*"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s&,;"'}\])]+)/gi,
    '$1[redacted]',
  ],
  // The user part of a URL.
  [/\/\/[^\s/@]*:[^\s/@]*@/g, '//[redacted]@'],
];

/** A text without what looks like a credential, cut after so many characters. */
export function redact(text: string, longest: number = LONG.message): string {
  const whole = text.length <= longest + BEYOND;
  let safe = whole ? text : text.slice(0, longest + BEYOND);
  for (const [pattern, instead] of CREDENTIALS) safe = safe.replace(pattern, instead);
  if (whole && safe.length <= longest) return safe;
  // What stands right before the first cut may be half of a credential.
  const end = whole ? longest : Math.min(longest, Math.max(0, safe.length - BEYOND));
  return `${safe.slice(0, end)}…`;
}
