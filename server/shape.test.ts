/** The shape of the tree, held by a test: which way imports run, how long the page is, what the core may lean on. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const list = (folder: string) =>
  readdirSync(new URL(folder, ROOT), { recursive: true })
    .map((name) => `${folder}${String(name).replaceAll('\\', '/')}`)
    // Packages that a test has installed are not the tree.
    .filter((path) => path.endsWith('.ts') && !/\.(test|fixture)\.ts$|\/node_modules\//.test(path));

/** Lower never imports higher, and within a line nothing imports its neighbour. */
const LAYERS = [
  ['content', 'clock', 'config', 'store', 'subscriptions', 'seal', 'uri-template', 'running'],
  ['tool', 'protocol', 'sse', 'log', 'vitals', 'closing'],
  ['inbound', 'telemetry', 'metrics'],
  ['capabilities', 'elicitation', 'param-headers', 'session', 'exchange', 'gates', 'application', 'auth', 'limits'],
  ['registry', 'upstream', 'operations'],
  ['admission'],
  ['call'],
  ['dispatch', 'state', 'observer'],
  ['stateful', 'stateless', 'stats'],
  ['operator', 'options'],
];
/** What the core may import statically; `jose` and `@opentelemetry/api` are loaded by those who need them. */
const PACKAGES = ['zod', 'ipaddr.js', 'jose', '@opentelemetry/api'];
const ADAPTERS = ['node', 'redis', 'bullmq'];
const rank = new Map(LAYERS.flatMap((names, layer) => names.map((name) => [name, layer] as const)));

/** Static imports and re-exports; a dynamic import stands for what is loaded only when it is needed. */
function imports(path: string): string[] {
  return [...read(path).matchAll(/^(?:import|export)\b[^;]*?\bfrom\s+'([^']+)'/gm)].map((found) => found[1] ?? '');
}

for (const path of list('server/')) {
  const name = path.slice('server/'.length, -'.ts'.length);
  if (ADAPTERS.includes(name)) continue;
  test(`${path} imports only what lies below it`, () => {
    const layer = rank.get(name);
    assert.ok(layer !== undefined, `${path} has no place in the layers`);
    for (const specifier of imports(path)) {
      if (PACKAGES.includes(specifier)) continue;
      const target = /^\.\/([a-z-]+)\.ts$/.exec(specifier)?.[1] ?? '';
      assert.ok((rank.get(target) ?? Number.POSITIVE_INFINITY) < layer, `${path} imports ${specifier}`);
    }
  });
}

test('server/node.ts knows nothing of the server but the types of what a platform lends', () => {
  assert.deepEqual(
    imports('server/node.ts').filter((specifier) => !specifier.startsWith('node:')),
    ['./protocol.ts'],
  );
  assert.match(read('server/node.ts'), /import type \{[^}]*\bPlatform \} from '\.\/protocol\.ts'/);
});

test('server.ts loads tools and adapters only when they are needed, and is at most 250 lines', () => {
  for (const specifier of imports('server.ts')) {
    assert.match(specifier, /^(itty-router\/Router|\.\/server\/[a-z-]+\.ts)$/);
    assert.ok(!ADAPTERS.includes(/([a-z-]+)\.ts$/.exec(specifier)?.[1] ?? ''), `server.ts imports ${specifier}`);
  }
  assert.ok(read('server.ts').split('\n').length <= 251);
});

test('tools import what an author imports and nothing else', () => {
  for (const path of list('tools/')) {
    const allowed =
      path === 'tools/mod.ts' ? /^(\.\.\/server\/tool|\.\/[a-z-]+)\.ts$/ : /^(zod|\.\.\/server\/tool\.ts)$/;
    for (const specifier of imports(path)) assert.match(specifier, allowed, `${path} imports ${specifier}`);
  }
});

test('the harness sees the public face of the server alone', () => {
  for (const path of list('harness/')) {
    for (const specifier of imports(path)) {
      if (/^\..*\/server\//.test(specifier))
        assert.match(specifier, /^(\.\.\/)+server\/(tool|auth\.fixture)\.ts$/, `${path} imports ${specifier}`);
    }
  }
});

test('load scripts import nothing of the server', () => {
  for (const path of list('load/').filter((path) => !/^load\/(bench|command|foreign)\//.test(path))) {
    for (const specifier of imports(path))
      assert.doesNotMatch(specifier, /server|tools|harness/, `${path} imports ${specifier}`);
  }
});

test('the core names no global of a runtime', () => {
  for (const path of ['server.ts', ...list('server/')]) {
    if (ADAPTERS.some((name) => path === `server/${name}.ts`)) continue;
    const code = read(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'|`[^`]*`/g, '');
    if (!['server/application.ts', 'server/vitals.ts'].includes(path))
      assert.doesNotMatch(code, /(?<!\.)\b(process|Buffer|Bun|Deno|require|setImmediate|__dirname)\b/, path);
    assert.doesNotMatch(code, /\b(Bun|Deno|process)\s*\./, path);
  }
});
