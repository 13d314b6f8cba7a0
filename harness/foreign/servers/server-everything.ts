/** The reference server of the project, as its own command `mcp-server-everything streamableHttp` starts it. */

import { Server } from 'node:http';
import { hostname, port, tell } from './listen.ts';

// Its command listens on every interface and can be told only the port; one of its tools answers with the whole environment.
const everywhere = Server.prototype.listen;
Server.prototype.listen = function (this: Server, ..._given: unknown[]): Server {
  return everywhere.call(this, { port, host: hostname }, () => tell(this));
} as typeof everywhere;

process.env.PORT = String(port);
process.argv[2] = 'streamableHttp';
await import(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));
