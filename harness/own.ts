/** This project's own "everything" server as a target in this process, in virtual time: two nodes that share what nodes can share. */

import { createServer, memoryStore, type Server } from '../server.ts';
import { featuresBy } from './everything.ts';
import { watch } from './fixtures/resources.ts';
import { fetchTarget, type Target } from './replay/target.ts';
import { VirtualClock } from './replay/virtual-clock.ts';

type Handler = (request: Request) => Promise<Response>;

/** Ended sessions that the nodes remember together. */
const MOST_ENDED = 10_000;

export interface Own {
  readonly target: Target;
  /** Stops its time: nothing of it runs any more. */
  stop(): void;
}

/**
 * @param wrap put around the handler of each node, as a mutant is
 * @param knobs of the server
 */
export function ownTarget(
  wrap: (handler: Handler) => Handler = (handler) => handler,
  knobs: Readonly<Record<string, string>> = {},
): Own {
  const clock = new VirtualClock();
  const store = memoryStore(MOST_ENDED, clock.now);
  const env = { MCP_SESSION_SECRET: crypto.randomUUID(), ...knobs };
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
  // A change is told once, so one watches for all nodes.
  watch({ resourceUpdated: (uri) => servers.forEach(({ notify }) => void notify.resourceUpdated(uri)) }, clock);
  const nodes = new Map([['b', fetchTarget(node(), { clock })]]);
  const hooks = new Map([['end-streams', restart]]);
  return { target: fetchTarget(node(), { clock, nodes, hooks }), stop: () => clock.stop() };
}
