/**
 * The one place that looks at the runtime, and only by asking `globalThis`: which it is, its environment, what it hands to
 * `fetch` beside the request, and the default export it looks for.
 */

import { type Config, type Environment, readConfig } from './config.ts';
import { type BodyParts, JSON_INIT, type Platform, SECURITY_HEADERS } from './protocol.ts';

export type Runtime = 'bun' | 'deno' | 'node' | 'workers';

interface Process {
  env?: Environment;
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
    return this.#info.remoteAddr?.hostname;
  }
}

// ---- the default export ---------------------------------------------------------------------------

/** What an application runs. */
export interface Runnable {
  fetch(request: Request, second?: unknown, third?: unknown): Promise<Response>;
  readonly config: Config;
  /** Tells the operator of an error outside any request. */
  report(error: unknown, during: string): void;
  close(): void;
}

export interface Application {
  fetch(request: Request, second?: unknown, third?: unknown): Promise<Response>;
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
    fetch(request, second, third) {
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
  at: { host: string; port: number },
) => Promise<{ url: string }>;

/** Starts an application that is the main module: Node listens, the others do by themselves. What cannot start says why, in one line. */
export async function start(app: ReturnType<typeof application>): Promise<void> {
  try {
    const server = await app.server(environment());
    guard(server);
    if (runtime() !== 'node') return;
    // The type is lost on purpose: the adapter's own types are a runtime's, and the core is checked without any.
    const { listen } = (await import('./node.ts' as string)) as { listen: Listen };
    const { url } = await listen(app.fetch, { host: server.config.MCP_HOST, port: server.config.MCP_PORT });
    console.log(`MCP endpoint: ${url}${server.config.MCP_PATH}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    exit(1);
  }
}

/** How long streams that were told to end have to pass on the last they were given. */
const FAREWELL_MS = 200;

/** What a tool throws in a timer must not end the process; a signal ends it with its streams told. */
function guard(server: Runnable): void {
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
  for (const signal of ['SIGTERM', 'SIGINT']) {
    on?.(signal, () => {
      server.close();
      setTimeout(exit, FAREWELL_MS, 0);
    });
  }
}
