/**
 * One mutant as a running server: `MUTANT="answers with another id" MCP_PORT=3000 node harness/mutants/serve.ts`.
 * Without MUTANT it lists their names.
 */

import { application, createServer, start } from '../../server.ts';
import { features } from '../everything.ts';
import { watch } from '../fixtures/resources.ts';
import { MUTANTS } from './index.ts';
import { VARIATIONS } from './variations.ts';

const { MUTANT: name } = process.env;
const mutant = [...MUTANTS, ...VARIATIONS].find((one) => one.name === name);
if (mutant) {
  await start(
    application(async (env) => {
      const knobs = { ...env, ...mutant.env };
      const server = createServer({ name: 'everything', version: '1.0.0', features, env: knobs });
      watch(server.notify);
      const handler = mutant.wrap((request) => Promise.resolve(server.fetch(request)));
      return {
        ...server,
        // What a mutant throws is its fault on the wire, not the end of the process.
        fetch: (request) => handler(request).catch(() => new Response('Internal Server Error', { status: 500 })),
      };
    }),
  );
} else {
  if (name !== undefined) console.error(`no mutant is named "${name}"`);
  for (const one of MUTANTS) console.log(one.name);
  process.exitCode = name === undefined ? 0 : 2;
}
