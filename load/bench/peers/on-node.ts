/** `node on-node.ts <entry>` serves the default export of a Fetch entry on Node by @hono/node-server. */
import { pathToFileURL } from 'node:url';
import { serve } from '@hono/node-server';

interface Entry {
  fetch(request: Request): Response | Promise<Response>;
  port: number;
  hostname: string;
}

const path = process.argv[2];
if (path === undefined) throw new Error('usage: node on-node.ts <entry>');
const { default: entry } = (await import(pathToFileURL(path).href)) as { default: Entry };
serve({ fetch: (request) => entry.fetch(request), port: entry.port, hostname: entry.hostname });
