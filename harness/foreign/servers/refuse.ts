/** How the official SDKs' examples refuse a request that they give to no transport. */

import type { ServerResponse } from 'node:http';

export function refuse(response: ServerResponse, status: number, code: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }));
}
