import { connect } from 'node:net';

/** Sends `lines` and a JSON body over a socket of its own, as no HTTP client would. @returns the status; 0 when the server just closes */
export function statusOfRaw(port: number, lines: readonly string[], body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').setTimeout(5000, () => socket.destroy(new Error('no answer within 5 s')));
    socket.on('data', (chunk: string) => {
      text += chunk;
      const line = /^HTTP\/1\.[01] (\d{3})/.exec(text);
      if (!line) return;
      socket.destroy();
      resolve(Number(line[1]));
    });
    socket.once('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(0) : reject(error)));
    socket.once('close', () => resolve(0));
    socket.write(
      `${lines.join('\r\n')}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
}
