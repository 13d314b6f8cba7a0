/**
 * One mutant as a running server: `MUTANT="answers with another id" MCP_PORT=3000 node harness/mutants/serve.ts`.
 * Without MUTANT it lists their names.
 */

import { listen } from '../../server/node.ts';
import { memoryStore } from '../../server/store.ts';
import { createServer } from '../../server.ts';
import { features } from '../everything.ts';
import { watch } from '../fixtures/resources.ts';
import { MUTANTS } from './index.ts';
import { VARIATIONS } from './variations.ts';

const { MUTANT: name, MCP_PORT: port = '3000' } = process.env;
const mutant = [...MUTANTS, ...VARIATIONS].find((one) => one.name === name);
if (mutant) {
  const store = memoryStore(10_000, Date.now);
  const server = createServer({ name: 'everything', version: '1.0.0', features, env: mutant.env ?? {}, store });
  watch(server.notify);
  const handler = mutant.wrap((request) => Promise.resolve(server.fetch(request)));
  const { url } = await listen(
    async (request) => {
      if (new URL(request.url).pathname === '/health') return new Response('ok');
      try {
        return await handler(request);
      } catch {
        // What a mutant throws is its fault on the wire, not the end of the process.
        return new Response('Internal Server Error', { status: 500 });
      }
    },
    { host: '127.0.0.1', port: Number(port) },
  );
  console.log(`MCP endpoint: ${url}/mcp`);
} else {
  if (name !== undefined) console.error(`no mutant is named "${name}"`);
  for (const one of MUTANTS) console.log(one.name);
  process.exitCode = name === undefined ? 0 : 2;
}
