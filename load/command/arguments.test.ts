import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArguments } from './arguments.ts';

const NAMES = ['sessions', 'smoke', 'soak'];
const read = (line: string, environment = {}) => readArguments(line.split(' '), NAMES, environment);

test('a name alone: the profile of the script or ci, any engine, a server on node', () => {
  const { profile, engine, runtime, url, baseline, out } = read('sessions') ?? {};
  assert.deepEqual(
    { profile, engine, runtime, url, baseline, out },
    { profile: 'ci', engine: undefined, runtime: 'node', url: undefined, baseline: undefined, out: 'load/results' },
  );
  assert.equal(read('smoke')?.profile, 'smoke');
  assert.equal(read('soak')?.profile, 'soak');
  assert.equal(read('soak --profile smoke')?.profile, 'smoke');
});

test('the target is named by --url, by -e MCP_URL or by the environment, in this order', () => {
  const environment = { MCP_URL: 'http://c/mcp' };
  assert.equal(read('sessions', environment)?.url, 'http://c/mcp');
  assert.equal(read('sessions -e MCP_URL=http://b/mcp', environment)?.url, 'http://b/mcp');
  assert.equal(read('sessions -e MCP_URL=http://b/mcp --url http://a/mcp', environment)?.url, 'http://a/mcp');
  assert.equal(read('sessions', { MCP_URL: '' })?.url, undefined);
});

test('-e keeps what follows the first equals sign', () => {
  assert.deepEqual(read('sessions -e A=1 --env B=x=y')?.pairs, { A: '1', B: 'x=y' });
});

test('help is no run', () => {
  assert.equal(read('--help'), undefined);
});

for (const [line, told] of [
  ['--profile ci', /Which script/],
  ['nope', /There is no script "nope"/],
  ['sessions soak', /One script at a time/],
  ['sessions --url ftp://x', /--url must be http or https, got "ftp:\/\/x"/],
  ['sessions --url http://x/mcp --runtime bun', /--runtime is for a server that is started/],
  ['sessions --profile huge', /--profile must be smoke, ci, capacity, soak, got "huge"/],
  ['sessions --engine jmeter', /--engine must be k6, host/],
  ['sessions --runtime php', /--runtime must be node, bun, deno, workerd/],
  ['sessions -e A', /-e takes NAME=VALUE, got "A"/],
  ['sessions --speed 3', /--speed/],
] as const) {
  test(`refused: ${line}`, () => {
    assert.throws(() => read(line), told);
  });
}
