/** HTTP/1.1 by hand over one socket: written byte by byte, half, twice, or not at all, and read only as far as one asks. */

import { connect, type Socket } from 'node:net';

export interface Head {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface Answer extends Head {
  readonly body: string;
}

/** The text of a request; a body brings its length unless `headers` say how it comes. */
export function requestText(method: string, path: string, headers: Record<string, string>, body?: string): string {
  const all: Record<string, string> = { host: 'localhost', ...headers };
  if (body !== undefined && !('content-length' in all) && !('transfer-encoding' in all)) {
    all['content-length'] = String(Buffer.byteLength(body));
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`;
}

export class Wire {
  readonly socket: Socket;
  /** Fulfilled when nothing comes or goes any more. */
  readonly closed: Promise<void>;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket.setNoDelay();
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {}); // Told by what is read: it ends.
    // Reads only when asked, so that what nobody asks for stays in the socket.
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Wire(socket));
      });
    });
  }

  send(data: string | Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(data);
  }

  /** Says that nothing more will be sent; reading goes on. */
  finish(): void {
    this.socket.end();
  }

  /** Goes away without a word. */
  cut(): void {
    this.socket.destroy();
  }

  /** Sends a request and reads its answer to the end. */
  async ask(text: string): Promise<Answer> {
    this.send(text);
    return this.answer();
  }

  /** @throws Error when the connection ends before the answer does */
  async answer(): Promise<Answer> {
    const head = await this.head();
    let body = '';
    for await (const piece of this.body(head)) body += piece.toString('utf8');
    return { ...head, body };
  }

  /** All that comes until the connection ends. */
  async rest(): Promise<string> {
    while (await this.#more());
    return this.#take(this.#buffer.length).toString('utf8');
  }

  async head(): Promise<Head> {
    const text = (await this.#until('\r\n\r\n')).toString('latin1');
    const [line = '', ...fields] = text.trimEnd().split('\r\n');
    const status = /^HTTP\/1\.1 (\d{3})/.exec(line)?.[1];
    if (status === undefined) throw new Error(`no status line: ${JSON.stringify(line)}`);
    const headers = new Map<string, string>();
    for (const field of fields) {
      const colon = field.indexOf(':');
      headers.set(field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim());
    }
    return { status: Number(status), headers };
  }

  /** The pieces of a body, as they come. */
  async *body({ status, headers }: Head): AsyncGenerator<Buffer> {
    if (status === 204 || status === 304) return;
    const length = headers.get('content-length');
    if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') {
      for (;;) {
        const size = Number.parseInt((await this.#until('\r\n')).toString('latin1'), 16);
        if (size > 0) yield await this.#exactly(size);
        await this.#until('\r\n');
        if (size === 0) return;
      }
    } else if (length !== undefined) {
      if (length !== '0') yield await this.#exactly(Number(length));
    } else {
      do {
        yield this.#take(this.#buffer.length);
      } while (await this.#more());
    }
  }

  /** @returns false at the end */
  async #more(): Promise<boolean> {
    try {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#buffer = this.#buffer.length === 0 ? value : Buffer.concat([this.#buffer, value]);
      return true;
    } catch {
      return false;
    }
  }

  #take(size: number): Buffer {
    const taken = Buffer.from(this.#buffer.subarray(0, size));
    this.#buffer = this.#buffer.subarray(size);
    return taken;
  }

  async #until(mark: string): Promise<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(mark, 0, 'latin1');
      if (at >= 0) return this.#take(at + mark.length);
      if (!(await this.#more())) throw new Error('the connection ended before the answer did');
    }
  }

  async #exactly(size: number): Promise<Buffer> {
    while (this.#buffer.length < size) {
      if (!(await this.#more())) throw new Error('the connection ended before the answer did');
    }
    return this.#take(size);
  }
}
