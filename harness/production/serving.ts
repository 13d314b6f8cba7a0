/** A server for as long as a test needs it. */

import { type RunningServer, type StartOptions, startServer } from '../runtimes/start.ts';

/** Longer than any test here takes, ms; what has not come by then will not come. */
const PATIENCE_MS = 60_000;

/** Starts a server and ends it after `use`; one that is waited for too long is killed, so that what waits for it fails. */
export async function serving<T>(options: StartOptions, use: (server: RunningServer) => Promise<T>): Promise<T> {
  const server = await startServer(options);
  const late = setTimeout(() => void server.kill(), PATIENCE_MS);
  try {
    return await use(server);
  } finally {
    clearTimeout(late);
    await server.kill();
  }
}
