/**
 * The one place that looks at the runtime, and only by asking `globalThis`: which it is, its environment, and what it
 * hands to `fetch` beside the request.
 */

import type { Environment } from './config.ts';
import type { Platform } from './protocol.ts';

export type Runtime = 'bun' | 'deno' | 'node' | 'workers';

interface Process {
  env?: Environment;
  exit?: (code: number) => never;
}

const globals = globalThis as { Bun?: unknown; Deno?: unknown; process?: Process; navigator?: { userAgent?: string } };

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
  if (typeof second !== 'object' || second === null) return NOTHING;
  return kind === 'bun' ? new BunPlatform(request, second) : new DenoPlatform(second);
}

class BunPlatform implements Platform {
  readonly #request: Request;
  readonly #server: { requestIP?: (request: Request) => { address: string } | null };
  constructor(request: Request, server: object) {
    this.#request = request;
    this.#server = server;
  }
  get address(): string | undefined {
    return this.#server.requestIP?.(this.#request)?.address;
  }
}

class DenoPlatform implements Platform {
  readonly #info: { remoteAddr?: { hostname?: string } };
  constructor(info: object) {
    this.#info = info;
  }
  get address(): string | undefined {
    return this.#info.remoteAddr?.hostname;
  }
}
