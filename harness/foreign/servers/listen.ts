/** How each of these servers is reached: on the loopback interface, at the port of MCP_PORT, or a free one. SIGTERM ends it. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export const hostname = '127.0.0.1';
export const port: number = Number(process.env.MCP_PORT ?? 0);

/** Prints the URL of the MCP endpoint as a line of its own, which whoever started the server waits for. */
export function tell(server: Server): void {
  console.log(`http://${hostname}:${(server.address() as AddressInfo).port}/mcp`);
}

export function listen(server: Server): void {
  server.listen(port, hostname, () => tell(server));
}
