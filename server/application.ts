/**
 * The one place that looks at the runtime, and only by asking `globalThis`: which it is, its environment, what it hands to
 * `fetch` beside the request, and the default export it looks for.
 */

import { type Config, type Environment, readConfig } from './config.ts';
import { type BodyParts, JSON_INIT, type Platform, SECURITY_HEADERS } from './protocol.ts';

export type Runtime = 'bun' | 'deno' | 'node' | 'workers';

interface Process {
  env?: Environment;
  stdout?: { isTTY?: boolean };
  exit?: (code: number) => never;
  on?: (event: string, listener: (detail: unknown) => void) => void;
}

const globals = globalThis as unknown as {
  addEventListener?: (type: string, listener: (event: Event & { error?: unknown; reason?: unknown }) => void) => void;
  Bun?: unknown;
  Deno?: unknown;
  process?: Process;
  navigator?: { userAgent?: string };
};

export function runtime(): Runtime {
  if (globals.navigator?.userAgent === 'Cloudflare-Workers') return 'workers';
  if (globals.Bun !== undefined) return 'bun';
  if (globals.Deno !== undefined) return 'deno';
  return 'node';
}

/** The process's environment; empty on Workers, where it comes with each request. */
export function environment(): Environment {
  const { process } = globals;
  return (runtime() !== 'workers' && process?.env) || {};
}

/** Ends the process where there is one. */
export function exit(code: number): void {
  const { process } = globals;
  process?.exit?.(code);
}

/** How lines are written here, for `logger`. */
export function logOptions({ MCP_LOG_FORMAT, MCP_LOG_LEVEL, MCP_LOG_ARGUMENTS }: Config): {
  level: Config['MCP_LOG_LEVEL'];
  format: 'json' | 'text';
  colour: boolean;
  showArguments: boolean;
} {
  const terminal = globals.process?.stdout?.isTTY === true;
  const format = MCP_LOG_FORMAT === 'text' || (MCP_LOG_FORMAT === 'auto' && terminal) ? 'text' : 'json';
  return { level: MCP_LOG_LEVEL, format, colour: terminal, showArguments: MCP_LOG_ARGUMENTS };
}

const NOTHING: Platform = {};
const NO_INFO: Readonly<Record<Runtime, Platform>> = {
  bun: { json: bunJson, joined: bunJoined },
  deno: { json: denoJson },
  node: NOTHING,
  workers: NOTHING,
};

const BUN_JSON: ResponseInit = { status: 200, headers: new Headers(JSON_INIT.headers) };
/** Bun copies a Headers three times as fast as it reads an object. */
function bunJson(text: string): Response {
  return new Response(text, BUN_JSON);
}

/** A Blob is put together by one copy; text would be joined, then encoded. */
function bunJoined(parts: BodyParts): Response {
  return new Response(new Blob(parts), BUN_JSON);
}

const CONTENT_TYPE_ALONE: ResponseInit = { headers: { 'content-type': 'application/json' } };
const FURTHER = Object.entries(SECURITY_HEADERS);
/** Text of so many characters costs more to hand over than its headers. */
const LONG = 8192;
/** Headers added later cost Deno less than headers it is constructed with, but it then copies the text once more. */
function denoJson(text: string): Response {
  if (text.length > LONG) return new Response(text, JSON_INIT);
  const response = new Response(text, CONTENT_TYPE_ALONE);
  const { headers } = response;
  for (const [name, value] of FURTHER) headers.append(name, value);
  return response;
}

/** What the further arguments of `fetch` say of the request; addresses are looked up only when asked for. */
export function platformOf(kind: Runtime, request: Request, second: unknown, third: unknown): Platform {
  if (kind === 'node') return (second as Platform | undefined) ?? NOTHING;
  if (kind === 'workers') {
    const context = third as { waitUntil?: (work: Promise<unknown>) => void } | undefined;
    return {
      cf: (request as { cf?: unknown }).cf,
      address: request.headers.get('cf-connecting-ip') ?? undefined,
      waitUntil: context?.waitUntil?.bind(context),
    };
  }
  if (typeof second !== 'object' || second === null) return NO_INFO[kind];
  return kind === 'bun' ? new BunPlatform(request, second) : new DenoPlatform(second);
}

class BunPlatform implements Platform {
  readonly #request: Request;
  readonly #server: {
    requestIP?: (request: Request) => { address: string } | null;
    timeout?: (request: Request, seconds: number) => void;
  };
  constructor(request: Request, server: object) {
    this.#request = request;
    this.#server = server;
  }
  get json(): typeof bunJson {
    return bunJson;
  }
  get joined(): typeof bunJoined {
    return bunJoined;
  }
  get address(): string | undefined {
    return this.#server.requestIP?.(this.#request)?.address;
  }
  /** Bun cuts after 10 s of silence, give or take 4: a heartbeat that is late on a loaded machine would not save a stream. */
  lasting(): void {
    this.#server.timeout?.(this.#request, 0);
  }
}

class DenoPlatform implements Platform {
  readonly #info: { remoteAddr?: { hostname?: string } };
  constructor(info: object) {
    this.#info = info;
  }
  get json(): typeof denoJson {
    return denoJson;
  }
  get address(): string | undefined {
    try {
      return this.#info.remoteAddr?.hostname;
    } catch {
      // Deno tells no more of a request whose client has left.
      return undefined;
    }
  }
}

// ---- the default export ---------------------------------------------------------------------------

/** What an application runs. */
export interface Runnable {
  fetch(request: Request, second?: unknown, third?: unknown): Promise<Response>;
  readonly config: Config;
  /** Nothing runs, nobody listens, and nobody asked of late. */
  readonly idle: boolean;
  /** Tells the operator of an error outside any request. */
  report(error: unknown, during: string): void;
  /** Tells the operator what the server does by itself. */
  notice(text: string): void;
  /** Says that it is not ready any more, and begins no session; all else goes on. */
  drain(): void;
  /** Takes no more requests; resolves when all calls have ended, or had their time. Called again: at once. */
  close(): Promise<void>;
}

export interface Application {
  fetch(request: Request, second?: unknown, third?: unknown): Promise<Response>;
  /** Accepts no more connections, where the runtime lets an application do so; resolves when those there are have ended. */
  deafen(): Promise<void>;
  /** Where Bun listens; Node by `start`. */
  readonly port: number;
  readonly hostname: string;
}

/** An application whose server is made when it is first needed, from the environment of its runtime. */
export function application(
  make: (env: Environment) => Promise<Runnable>,
): Application & { server(env: Environment): Promise<Runnable> } {
  const kind = runtime();
  let made: Runnable | undefined;
  let listener: { stop?: () => Promise<void> } | undefined;
  let making: Promise<Runnable> | undefined;
  const server = async (env: Environment): Promise<Runnable> => {
    if (made) return made;
    // On Workers a promise of a request that ended can never be awaited by another, so each makes its own; the first stays.
    if (kind !== 'workers') making ??= make(env);
    const ready = await (making ?? make(env));
    made ??= ready;
    return made;
  };
  return {
    server,
    deafen: async () => listener?.stop?.(),
    fetch(request, second, third) {
      // Bun hands its server to nobody but to a request.
      if (kind === 'bun') listener = second as typeof listener;
      if (made) return made.fetch(request, second, third);
      return server(kind === 'workers' ? (second as Environment) : environment()).then((ready) =>
        ready.fetch(request, second, third),
      );
    },
    get port() {
      return readConfig(environment()).MCP_PORT;
    },
    get hostname() {
      return readConfig(environment()).MCP_HOST;
    },
  };
}

type Listen = (
  fetch: (request: Request, platform: Platform) => Promise<Response>,
  options: { host: string; port: number; keepAlive: number; read: number; headers: number },
) => Promise<{ url: string; part(): void; close(): Promise<void> }>;

/** Starts an application that is the main module: Node listens, the others do by themselves. What cannot start says why, in one line. */
export async function start(app: ReturnType<typeof application>): Promise<void> {
  try {
    const server = await app.server(environment());
    const door: Door = { part() {}, close: app.deafen };
    guard(server, door);
    if (runtime() === 'deno') door.close = denoListener();
    const { config } = server;
    if (runtime() === 'node') {
      // The type is lost on purpose: the adapter's own types are a runtime's, and the core is checked without any.
      const { listen } = (await import('./node.ts' as string)) as { listen: Listen };
      const listening = await listen(app.fetch, {
        host: config.MCP_HOST,
        port: config.MCP_PORT,
        keepAlive: config.MCP_KEEP_ALIVE,
        read: config.MCP_READ_TIMEOUT,
        headers: config.MCP_MAX_HEADERS,
      });
      Object.assign(door, listening);
      console.log(`MCP endpoint: ${listening.url}${config.MCP_PATH}`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    exit(1);
  }
}

/**
 * `deno serve` has a handler of its own that stops listening at the first signal, before a balancer could know. It is set once
 * the main module has run, and is kept here until its time has come.
 * @returns what calls it
 */
function denoListener(): () => Promise<void> {
  const deno = globals.Deno as { addSignalListener: (signal: string, handler: () => void) => void };
  const { addSignalListener } = deno;
  let stop = () => {};
  deno.addSignalListener = (signal, handler) => {
    stop = handler;
    // The second of two; who adds one later means it.
    if (signal === 'SIGINT') deno.addSignalListener = addSignalListener;
  };
  return async () => stop();
}

/** Where connections come in. */
interface Door {
  /** From now on clients are told with each answer to make a new connection, which may be to another node. */
  part(): void;
  /** Accepts no more connections; resolves when those there are have ended. */
  close(): Promise<void>;
}

/** How long the last answers have to get through: not less, for not every runtime tells when they have, and not more. */
const FAREWELL_MS = { least: 200, most: 2000 };

/** What a tool throws in a timer must not end the process; a signal ends it when its work is done. */
function guard(server: Runnable, door: Door): void {
  const { process } = globals;
  const on = process?.on?.bind(process);
  if (runtime() === 'deno') {
    globals.addEventListener?.('error', (event) => {
      event.preventDefault();
      server.report(event.error, 'no request');
    });
    globals.addEventListener?.('unhandledrejection', (event) => {
      event.preventDefault();
      server.report(event.reason, 'no request');
    });
  } else {
    on?.('uncaughtException', (error) => {
      // Bun listens after the module has run, so that this is where it tells that it cannot.
      const { syscall, message } = error as { syscall?: unknown; message?: string };
      if (syscall === 'listen') {
        console.error(message);
        exit(1);
      }
      server.report(error, 'no request');
    });
    on?.('unhandledRejection', (reason) => server.report(reason, 'no request'));
  }
  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT']) {
    on?.(signal, () => {
      if (ending) exit(1);
      ending = true;
      end(server, door, signal).catch((error: unknown) => {
        server.report(error, signal);
        exit(1);
      });
    });
  }
}

/**
 * First a balancer sees that the server goes, then nothing more is taken, then what runs ends. The door is closed last:
 * clients answer what running calls ask, and come back for their streams.
 */
async function end(server: Runnable, door: Door, signal: string): Promise<void> {
  const { MCP_DRAIN_DELAY, MCP_DRAIN_TIMEOUT } = server.config;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  server.drain();
  door.part();
  if (!server.idle) {
    server.notice(
      `${signal}: no new sessions; in ${MCP_DRAIN_DELAY} ms no requests; then calls have ${MCP_DRAIN_TIMEOUT} ms`,
    );
    await pause(MCP_DRAIN_DELAY);
  }
  await server.close();
  await Promise.race([Promise.all([door.close(), pause(FAREWELL_MS.least)]), pause(FAREWELL_MS.most)]);
  exit(0);
}
