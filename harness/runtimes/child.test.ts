import assert from 'node:assert/strict';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../clients/eventually.ts';
import { startChild } from './child.ts';

const NODE = process.execPath;
const WAIT = 'setInterval(() => {}, 1000);';
const PATIENCE_MS = 20_000;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('what it wrote and how it ended is told', async () => {
  const child = startChild(NODE, ['-e', "console.log('out'); console.error('err'); process.exit(3);"]);
  assert.deepEqual(await child.exit, { code: 3, signal: null });
  assert.equal(child.stdout(), 'out\n');
  assert.equal(child.stderr(), 'err\n');
});

test('of a long output the end is kept', async () => {
  const child = startChild(NODE, ['-e', "process.stdout.write('a'.repeat(100_000) + 'end');"], { kept: 10 });
  await child.exit;
  assert.equal(child.stdout(), 'aaaaaaaend');
});

test('it sees PATH, HOME and what it is given, nothing else', async () => {
  process.env.PLANTED_FOR_CHILDREN = 'planted';
  try {
    const child = startChild(NODE, ['-e', 'console.log(Object.keys(process.env).sort().join())'], {
      env: { GIVEN: '1' },
    });
    await child.exit;
    assert.equal(child.stdout(), 'GIVEN,HOME,PATH\n');
  } finally {
    delete process.env.PLANTED_FOR_CHILDREN;
  }
});

test('a line is found that comes in pieces; one that was written before is not', async () => {
  const child = startChild(NODE, [
    '-e',
    `process.on('SIGUSR2', () => { process.stdout.write('number t'); setTimeout(() => console.log('wo'), 50); }); console.log('number one'); ${WAIT}`,
  ]);
  assert.equal((await child.line(/^number (.*)$/, PATIENCE_MS))[1], 'one');
  const second = child.line(/^number (.*)$/, PATIENCE_MS);
  child.signal('SIGUSR2');
  assert.equal((await second)[1], 'two');
  await child.end('SIGTERM');
});

test('a line that does not come is an error: in time, at the end, without a process', async () => {
  const silent = startChild(NODE, ['-e', WAIT]);
  await assert.rejects(silent.line(/never/, 20), /none came within 0.02 s/);
  const late = silent.line(/never/, PATIENCE_MS);
  void silent.end('SIGKILL');
  await assert.rejects(late, /it ended with SIGKILL/);
  const missing = startChild('no-such-program', []);
  await assert.rejects(missing.line(/never/, PATIENCE_MS), /ENOENT/);
  await assert.rejects(missing.exit, /ENOENT/);
});

test('one that ignores the signal is killed when the time is over', async () => {
  const child = startChild(NODE, ['-e', `process.on('SIGTERM', () => {}); console.log('ready'); ${WAIT}`]);
  await child.line(/ready/, PATIENCE_MS);
  assert.deepEqual(await child.end('SIGTERM', 50), { code: null, signal: 'SIGKILL' });
});

test('its folder goes when it has ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-child-'));
  const child = startChild(NODE, ['-e', WAIT], { folder });
  assert.ok(existsSync(folder));
  await child.end('SIGKILL');
  assert.ok(!existsSync(folder));
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`it does not outlive who started it, who is ended by ${signal}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-child-'));
    const module = JSON.stringify(fileURLToPath(new URL('./child.ts', import.meta.url)));
    const program = `const { startChild } = await import(${module});
      const { pid } = startChild(process.execPath, ['-e', ${JSON.stringify(WAIT)}], { folder: ${JSON.stringify(folder)} });
      console.log('child ' + pid);`;
    const parent = startChild(NODE, ['--input-type=module', '-e', program]);
    const pid = Number((await parent.line(/^child (\d+)$/, PATIENCE_MS))[1]);
    assert.ok(isAlive(pid));
    await parent.end(signal);
    const left = () => [isAlive(pid) && 'the process', existsSync(folder) && 'its folder'].filter((one) => one);
    await eventually(left, ({ length }) => length === 0);
  });
}
