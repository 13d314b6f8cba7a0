import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { features } from './mod.ts';

const folder = new URL('./', import.meta.url);

test('every file in tools/ is imported by mod.ts', async () => {
  const files = (await readdir(folder)).filter((file) => /\.ts$/.test(file) && !/\.(test|fixture|d)\.ts$/.test(file));
  const source = await readFile(new URL('mod.ts', folder), 'utf8');
  const missing = files.filter((file) => file !== 'mod.ts' && !source.includes(`from './${file}'`));
  assert.ok(files.includes('echo.ts'));
  assert.deepEqual(missing, [], 'add an import and an entry to tools/mod.ts');
});

test('features have names of their own', () => {
  const names = features({}).map(({ kind, name }) => `${kind} ${name}`);
  assert.deepEqual(names, [...new Set(names)]);
  for (const name of ['tool echo', 'tool countdown', 'tool get_weather', 'resource forecast', 'prompt plan_day']) {
    assert.ok(names.includes(name), name);
  }
});

test('a base URL that is no URL is refused when the features are made', () => {
  assert.throws(() => features({ MCP_GEOCODING_URL: 'nowhere' }), TypeError);
  assert.throws(() => features({ MCP_FORECAST_URL: 'nowhere' }), TypeError);
});
