/** The scripts keep to what k6 has: its globals, its modules, its language, and requests that do not block. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const SCRIPTS = globSync('load/*.ts', { cwd: ROOT, exclude: ['load/*.test.ts'] }).sort();
const FILES = [...SCRIPTS, ...globSync('load/lib/*.ts', { cwd: ROOT, exclude: ['load/lib/*.test.ts'] })].sort();

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
/** The code without comments and texts, so that words in them are no names. */
const code = (file: string) => read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'/g, '');

function compile(project: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, output: stdout + stderr };
}

test('there are the scripts of the suite', () => {
  const names = ['calls', 'heartbeats', 'listen', 'reconnection', 'sessions', 'smoke', 'soak', 'storm'];
  assert.deepEqual(
    SCRIPTS,
    names.map((name) => `load/${name}.ts`),
  );
});

test('they compile against ES2023 and the types of k6, and nothing else', () => {
  const { status, output } = compile(join(ROOT, 'load/tsconfig.json'));
  assert.equal(status, 0, output);
});

test('a global that k6 lacks does not compile so', () => {
  const lacking = [
    'fetch',
    'URL',
    'URLSearchParams',
    'structuredClone',
    'crypto',
    'process',
    'Buffer',
    'AbortController',
    'EventSource',
    'TextDecoder',
    'performance',
    'queueMicrotask',
    'setTimeout',
    'setImmediate',
    'window',
  ];
  const folder = mkdtempSync(join(tmpdir(), 'load-compile-'));
  try {
    for (const name of lacking) writeFileSync(join(folder, `${name}.ts`), `export const used: unknown = ${name};\n`);
    const config = {
      extends: join(ROOT, 'load/tsconfig.json'),
      compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const { output } = compile(join(folder, 'tsconfig.json'));
    for (const name of lacking) assert.match(output, new RegExp(`Cannot find name '${name}'`), name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** What ES2023 has and k6's engine has not, or not in all versions that the scripts run with. */
const MISSING =
  /\b(Intl|WeakRef|FinalizationRegistry|Atomics|SharedArrayBuffer|eval|toLocaleString)\b|\bfor await\b|\(\?<|\bimport\(/;
const MODULES = /^(k6|k6\/(http|metrics|execution|timers|options)|\.\.?\/.*\.ts)$/;
/** Requests and waits that keep the VU, and all its streams, from going on. */
const BLOCKING = /\bsleep\b|\bhttp\.(get|post|put|patch|del|head|options|request|batch)\b/;

for (const file of FILES) {
  test(`${file} uses what k6's engine has, and blocks nothing`, () => {
    assert.doesNotMatch(code(file), MISSING);
    assert.doesNotMatch(code(file), BLOCKING);
  });

  test(`${file} imports modules of k6 and files of its own with their ending`, () => {
    for (const [, specifier = ''] of read(file).matchAll(/\bfrom '([^']+)'/g)) {
      assert.match(specifier, MODULES, `${file} imports ${specifier}`);
      assert.doesNotMatch(specifier, /^\.\.\/\.\./, `${file} imports ${specifier}`);
    }
    assert.doesNotMatch(read(file), /^import (?!type\b)[^;]*from 'k6\/options'/m, 'k6/options has types only');
  });

  test(`${file} puts no id into a tag`, () => {
    for (const [tags] of read(file).matchAll(/\btags\b[^=\n]*[:=] \{[^}]*\}/g)) {
      assert.doesNotMatch(tags, /session|peer|\bid\b|url/i);
    }
  });
}

test('profiles give knobs that their scripts have', () => {
  const profiles = globSync('load/profiles/*.json', { cwd: ROOT }).sort();
  assert.deepEqual(
    profiles,
    ['capacity', 'ci', 'smoke', 'soak'].map((name) => `load/profiles/${name}.json`),
  );
  for (const file of profiles) {
    const { server, ...sections } = JSON.parse(read(file)) as Record<string, Record<string, unknown>>;
    for (const name of Object.keys(server ?? {})) assert.match(name, /^MCP_/, file);
    for (const [script, knobs] of Object.entries(sections)) {
      const text = read(`load/${script}.ts`);
      for (const name of Object.keys(knobs))
        assert.match(text, new RegExp(`^ \\*   ${name} +\\S`, 'm'), `${file}: ${name}`);
    }
  }
});

for (const file of SCRIPTS) {
  const text = read(file);
  const header = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? '';

  test(`${file} says how to run it, with k6 and without, its knobs and its thresholds`, () => {
    assert.match(header, new RegExp(`\\bk6 run ${file.replace('.', '\\.')}\\b`));
    assert.match(header, new RegExp(`\\bnode load/host/run\\.ts run ${file.replace('.', '\\.')}\\b`));
    assert.match(header, /^ \* Thresholds: /m);
    assert.match(header, /^ \* Knobs \(-e NAME=value/m);
  });

  test(`${file} says each of its knobs with its default`, () => {
    const defaults = /const DEFAULTS = \{([\s\S]*?)\};/.exec(text)?.[1] ?? '';
    for (const [, name = '', value = ''] of defaults.matchAll(/([A-Z_\d]+): ([\d._]+)/g)) {
      assert.match(header, new RegExp(`^ \\*   ${name} +${value.replaceAll('_', '')} `, 'm'), name);
    }
    for (const [, name = ''] of text.matchAll(/__ENV\.([A-Z_]+)/g))
      assert.match(header, new RegExp(`\\b${name}\\b`), name);
  });
}
