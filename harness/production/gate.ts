/** An upstream that answers when it is told to: what a tool waits for that fetches from it. */

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arrivals } from '../clients/arrivals.ts';

export class Gate {
  readonly url: string;
  /** Requests that wait, or were answered. */
  readonly asked = new Arrivals<ServerResponse>();
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on('request', (_request, response: ServerResponse) => this.asked.add(response));
  }

  static async start(): Promise<Gate> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Gate(server);
  }

  /** Resolves when so many requests have come. */
  async waits(count: number): Promise<void> {
    await this.asked.first(() => this.asked.all.length >= count);
  }

  /** Answers all that wait. */
  open(text: string): void {
    for (const response of this.asked.all) response.end(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
