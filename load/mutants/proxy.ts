/** A proxy that is right but for one thing: what a mutation does to a request, a response or an event stream. */

import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request before the server sees it. */
export interface Asked {
  readonly method: string;
  /** May be changed; names are in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Where the server is. */
  readonly url: URL;
}

/** An event stream on its way to the client. */
export interface Stream {
  readonly method: string;
  /** Asked for with Last-Event-ID. */
  readonly resumed: boolean;
  /** Sends an event or a comment, without the blank line. Does nothing once the stream is over. */
  send(block: string): void;
  /** Ends the stream as a server does. */
  close(): void;
}

export interface Mutation {
  /** Told of each request. @returns the status that it is answered with instead of going to the server */
  request?(asked: Asked): number | undefined;
  /** Told of the head of each response. */
  response?(asked: Asked, headers: IncomingHttpHeaders): void;
  /** Told of each stream. @returns what is called with each event and comment of the server */
  stream?(stream: Stream): (block: string) => void;
}

export interface Proxy {
  readonly url: string;
  close(): Promise<void>;
}

/** @param target the MCP endpoint behind it */
export async function startProxy(target: string, mutation: Mutation): Promise<Proxy> {
  const url = new URL(target);
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer(async (request, response) => {
    const asked: Asked = {
      method: request.method ?? 'GET',
      headers: { ...request.headers, host: url.host },
      body: await textOf(request),
      url,
    };
    const status = mutation.request?.(asked);
    if (status === undefined) forward(asked, response, mutation, agent);
    else response.writeHead(status).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${url.pathname}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function forward(asked: Asked, response: ServerResponse, mutation: Mutation, agent: http.Agent): void {
  const { method, headers, body, url } = asked;
  const upstream = http.request(url, { method, headers, agent }, (answer) => {
    mutation.response?.(asked, answer.headers);
    response.writeHead(answer.statusCode ?? 502, withoutFraming(answer.headers));
    answer.on('error', () => response.destroy());
    if (mutation.stream && /^text\/event-stream/.test(answer.headers['content-type'] ?? '')) {
      response.flushHeaders();
      relay(answer, response, asked, mutation.stream);
    } else answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  upstream.end(body);
}

/** This hop frames for itself. */
function withoutFraming(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { connection: _connection, 'keep-alive': _keepAlive, 'transfer-encoding': _encoding, ...kept } = headers;
  return kept;
}

function relay(
  answer: IncomingMessage,
  response: ServerResponse,
  { method, headers }: Asked,
  begin: NonNullable<Mutation['stream']>,
): void {
  const take = begin({
    method,
    resumed: method === 'GET' && headers['last-event-id'] !== undefined,
    send: (block) => {
      if (!response.writableEnded && !response.destroyed) response.write(`${block}\n\n`);
    },
    close: () => {
      response.end();
      answer.destroy();
    },
  });
  let rest = '';
  answer.setEncoding('utf8');
  answer.on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) take(block);
  });
  answer.on('end', () => response.end());
}
