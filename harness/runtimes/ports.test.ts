import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { assertFree, freePort, listening } from './ports.ts';

const FOREVER = new Promise<never>(() => {});

test('a free port is free, below those of clients, and given once', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort));
  assert.equal(new Set(ports).size, 50);
  for (const port of ports) {
    assert.ok(port > 10_080 && port < 32_768, `${port}`);
    await assertFree(port);
  }
});

test('a port where something listens is not free', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await assert.rejects(assertFree(port), new RegExp(`port ${port} is not free`));
  await listening(port, FOREVER);
  server.close();
  await once(server, 'close');
  await assertFree(port);
});

test('listening is waited for until there is no hope', async () => {
  const port = await freePort();
  await assert.rejects(listening(port, Promise.reject(new Error('it ended'))), /it ended/);
  const waited = listening(port, FOREVER, 1);
  const server = createServer().listen(port, '127.0.0.1');
  await waited;
  server.close();
});
