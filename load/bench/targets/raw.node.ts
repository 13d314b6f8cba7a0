/** The raw handler on bare node:http, with no Fetch in between. */
import './memory.ts';
import { createServer } from 'node:http';
import { hostname, port } from './address.ts';
import { echo, events, kind, page } from './answers.ts';

createServer((incoming, outgoing) => {
  if (incoming.method !== 'POST') {
    outgoing.writeHead(200, ['content-type', 'text/event-stream']);
    outgoing.write(':\n\n');
    return;
  }
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const message = JSON.parse(Buffer.concat(chunks).toString());
    if (kind === 'events') {
      outgoing.writeHead(200, ['content-type', 'text/event-stream']);
      for (const frame of events(message)) outgoing.write(frame);
      outgoing.end();
      return;
    }
    const answer = kind === 'page' ? page : echo(message);
    outgoing.writeHead(200, ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(answer))]);
    outgoing.end(answer);
  });
}).listen(port, hostname);
