/**
 * This project's own "everything" server as a target in this process, in virtual time: nodes that share what nodes can share.
 * Once as anybody may call it, and once with tokens and budgets.
 */

import { createServer, memoryStore, type Server } from '../server.ts';
import { featuresBy } from './everything.ts';
import { watch } from './fixtures/resources.ts';
import { IMPLIES, SCOPES, TOOL_RATE } from './fixtures/scoped.ts';
import type { Scenario } from './replay/scenario.ts';
import { fetchTarget, type Target } from './replay/target.ts';
import { signedTokens } from './replay/tokens.ts';
import { VirtualClock } from './replay/virtual-clock.ts';

type Handler = (request: Request) => Promise<Response>;
type Knobs = Readonly<Record<string, string>>;

/** Ended sessions that the nodes remember together. */
const MOST_ENDED = 10_000;
let secret: string | undefined;
/** Signs the tokens of this process's servers; of a mutant too, which has to know what is right to do it wrong. */
export function authSecret(): string {
  // Workers have nothing random before the first request.
  secret ??= crypto.randomUUID() + crypto.randomUUID();
  return secret;
}
export const AUTH_ISSUER = 'https://issuer.example';
export const PUBLIC_URL = 'http://127.0.0.1:3000/mcp';

/** What the operator of the server with tokens grants. */
export const TERMS: ReadonlyMap<string, number> = new Map([
  ['requests', 100],
  ['initialize', 10],
  ['calls', 30],
  ['tool', TOOL_RATE],
  ['running', 20],
  ['running-of-one', 12],
  ['probes', 1],
]);

/** Knobs of a server that asks for tokens. @param url by which clients know it */
export function protectedBy(url: string): Knobs {
  return {
    MCP_PUBLIC_URL: url,
    MCP_AUTH_SECRET: authSecret(),
    MCP_AUTH_ISSUER: AUTH_ISSUER,
    MCP_AUTH_SCOPES: SCOPES.base.join(','),
    MCP_AUTH_IMPLIES: IMPLIES,
    MCP_AUTH_SKEW: '0',
  };
}

/** Knobs of one that keeps to TERMS. */
export const LIMITED: Knobs = {
  MCP_RATE_LIMIT: `${TERMS.get('requests')}/minute`,
  MCP_RATE_LIMIT_INITIALIZE: `${TERMS.get('initialize')}/minute`,
  MCP_RATE_LIMIT_CALLS: `${TERMS.get('calls')}/minute`,
  MCP_MAX_CALLS: `${TERMS.get('running')}`,
  MCP_MAX_CALLER_CALLS: `${TERMS.get('running-of-one')}`,
};

/** Tokens for a server that is `protectedBy` the same URL. @param now ms since the epoch; default: this machine's */
export function tokensFor(url: string, now?: () => number): NonNullable<Target['tokens']> {
  const more = now && { now };
  return signedTokens({ secret: authSecret(), issuer: AUTH_ISSUER, audience: url, scopes: SCOPES, ...more });
}

/** Whether only a server with tokens and budgets shows what a scenario is about. */
export function needsProtection({ requires }: Scenario): boolean {
  return requires?.tokens !== undefined || requires?.terms !== undefined;
}

export interface Own {
  readonly target: Target;
  /** Stops its time: nothing of it runs any more. */
  stop(): void;
}

/**
 * As anybody may call it.
 * @param wrap put around the handler of each node, as a mutant is
 * @param knobs of the server
 */
export function ownTarget(wrap?: (handler: Handler) => Handler, knobs: Knobs = {}): Own {
  return targetBy(knobs, wrap);
}

/** With tokens; with budgets too where `knobs` are LIMITED. */
export function protectedTarget(wrap?: (handler: Handler) => Handler, knobs: Knobs = {}): Own {
  return targetBy({ ...protectedBy(PUBLIC_URL), ...knobs }, wrap, (clock) => ({
    tokens: tokensFor(PUBLIC_URL, clock.now),
    terms: TERMS,
  }));
}

function targetBy(
  knobs: Knobs,
  wrap: (handler: Handler) => Handler = (handler) => handler,
  further: (clock: VirtualClock) => Pick<Target, 'tokens' | 'terms'> = () => ({}),
): Own {
  const clock = new VirtualClock();
  const store = memoryStore(MOST_ENDED, clock.now);
  // How long real work takes tells nothing where time is virtual.
  const env = { MCP_SESSION_SECRET: crypto.randomUUID(), MCP_MAX_LAG: '0', ...knobs };
  const features = featuresBy(clock);
  const start = () => createServer({ name: 'everything', version: '1.0.0', features, env, store, clock });
  const servers: Server[] = [];
  const node = () => {
    const index = servers.push(start()) - 1;
    return wrap((request) => (servers[index] as Server).fetch(request));
  };
  // Each ends as it would by a signal, and the next one is there at once.
  const restart = async () => {
    for (const [index, server] of servers.entries()) {
      servers[index] = start();
      void server.close();
    }
  };
  const first = node();
  const nodes = new Map([['b', fetchTarget(node(), { clock })]]);
  const leaving = servers.length;
  nodes.set('leaving', fetchTarget(node(), { clock }));
  // A change is told once, so one watches for all nodes.
  watch({ resourceUpdated: (uri) => servers.forEach(({ notify }) => void notify.resourceUpdated(uri)) }, clock);
  const hooks = new Map([
    ['end-streams', restart],
    [
      'start',
      async () => {
        void servers[leaving]?.close();
        servers[leaving] = start();
      },
    ],
    [
      'terminate',
      // As `start` of server/application.ts does on a signal.
      async () => {
        const server = servers[leaving] as Server;
        server.drain();
        clock.after(server.config.MCP_DRAIN_DELAY, () => void server.close());
      },
    ],
  ]);
  return { target: fetchTarget(first, { clock, nodes, hooks, ...further(clock) }), stop: () => clock.stop() };
}

/** One of this server's targets, and which scenarios are for it. */
export interface OwnPart extends Own {
  serves(scenario: Scenario): boolean;
}

/** Both. */
export function ownParts(wrap?: (handler: Handler) => Handler, knobs: Knobs = {}): OwnPart[] {
  return [
    { ...ownTarget(wrap, knobs), serves: (scenario) => !needsProtection(scenario) },
    { ...protectedTarget(wrap, { ...LIMITED, ...knobs }), serves: needsProtection },
  ];
}
