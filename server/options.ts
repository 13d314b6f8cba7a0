/** What a server is made of, and what it then is: the types of `createServer`. */

import type { Runnable } from './application.ts';
import type { VerifyToken } from './auth.ts';
import type { Clock } from './clock.ts';
import type { Config, Environment } from './config.ts';
import type { Check } from './operations.ts';
import type { ServerInfo } from './registry.ts';
import type { Stats } from './stats.ts';
import type { Store } from './store.ts';
import type { CachePolicy, Feature, Notify } from './tool.ts';

export type { Check, Clock, Config, Environment, ServerInfo, Stats, Store, VerifyToken };

export interface ServerOptions extends ServerInfo {
  /** What the server offers: made by `tool`, `resource` and `prompt`. */
  features: readonly Feature[];
  /** For the client's model: how to use this server. */
  instructions?: string;
  /** How long lists may be kept by clients (2026-07-28); default 0 ms, private. */
  cache?: CachePolicy;
  /** Knobs by their names (`MCP_*`), as text or as values; default none: no environment is read. */
  env?: Environment;
  /** Ended sessions; default in memory. */
  store?: Store;
  /** Default the system's. */
  clock?: Clock;
  /** Decides over bearer tokens in place of the knobs (introspection, RFC 7662): the caller, or undefined to refuse. */
  verify?: VerifyToken;
  /** What the server cannot do without, for `/readyz`; default nothing. */
  dependencies?: () => readonly Check[];
  /** Takes lines of the log, as the knobs MCP_LOG_* want them; default none are made. */
  log?: (lines: string) => void;
  /** Told of bugs: what handlers throw beside the errors of `tool.ts`. Default: the log, else the console. */
  onError?: (error: unknown, during: string, correlationId: string) => void;
}

export interface Server extends Runnable {
  /** Answers a request. What a runtime passes beside it (Bun's server, Deno's info, Workers' env and context) may follow. */
  fetch(request: Request, second?: unknown, third?: unknown): Promise<Response>;
  /** Notifies clients of changes, from anywhere. */
  readonly notify: Notify;
  stats(): Stats;
}
