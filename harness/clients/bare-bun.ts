/** The server under a `Bun.serve` that sets nothing, as in somebody else's application: Bun ends what is silent for 10 s. */

import { createServer } from '../../server.ts';
import { features } from '../everything.ts';

declare const Bun: {
  serve(options: { port: number; hostname: string; fetch(request: Request): Promise<Response> }): void;
};

const server = createServer({ name: 'mounted', version: '1.0.0', features });

Bun.serve({
  port: Number(process.env.MCP_PORT),
  hostname: '127.0.0.1',
  fetch: (request) => server.fetch(request),
});
