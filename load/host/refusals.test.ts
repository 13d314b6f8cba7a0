import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './fixture.ts';

const body = 'export default function () {}';

async function refused(files: string | Record<string, string>, exitCode: number, named: RegExp): Promise<void> {
  const result = await run(files);
  assert.match(result.reason, named);
  assert.equal(result.exitCode, exitCode);
  assert.equal(result.samples.length, 0);
}

test('an unknown module ends with 107 and its name', () => refused(`import 'k6/nope'; ${body}`, 107, /"k6\/nope"/));

test('an extension ends with 107 and its name', () =>
  refused(`import sse from 'k6/x/sse'; sse; ${body}`, 107, /"k6\/x\/sse"/));

test('a module that k6 has and the host has not ends with 107 and its name', () =>
  refused(`import ws from 'k6/websockets'; ws; ${body}`, 107, /"k6\/websockets"/));

test('a module of Node ends with 107 and its name', () => refused(`import 'node:fs'; ${body}`, 107, /"node:fs"/));

test('a module from the network ends with 107 and its name', () =>
  refused(`import 'https://jslib.k6.io/x.js'; ${body}`, 107, /"https:\/\/jslib.k6.io\/x.js"/));

test('a relative import needs its extension', () =>
  refused({ 'script.ts': `import './nope'; ${body}`, 'nope.ts': 'export {}' }, 107, /"\.\/nope".*extension/));

for (const name of [
  'fetch',
  'URL',
  'structuredClone',
  'process',
  'Buffer',
  'AbortController',
  'queueMicrotask',
  'performance',
  'Intl',
  'eval',
]) {
  test(`the global ${name}, which k6 lacks, ends with 107 and its name before anything runs`, () =>
    refused(`export default function () { return typeof ${name}; }`, 107, new RegExp(`"${name}"`)));
}

test('crypto.randomUUID ends with 107', () =>
  refused(`export default function () { crypto.randomUUID(); }`, 107, /"crypto"/));

test('a global that k6 lacks is found in an imported file that nobody calls, and the file is named', () =>
  refused(
    {
      'script.ts': `import { f, g } from './lib.ts'; g(); ${body}`,
      'lib.ts': 'export const g = () => 1; export const f = () => fetch("http://x");',
    },
    107,
    /"fetch".*lib\.ts/,
  ));

test('a local variable, property or import of the same name is no use of the global', async () => {
  const result = await run({
    'script.ts': `import { fetch } from './lib.ts'; export default function () { const URL = 'x'; fetch({ process: URL }.process); }`,
    'lib.ts': `export const fetch = (text: string) => text;`,
  });
  assert.equal(result.reason, '');
});

test('what is newer than ES2023 ends with 107', () =>
  refused(`export default function () { Object.groupBy([], () => ''); }`, 107, /"Object\.groupBy"/));

test('import.meta ends with 107', () => refused(`console.log(import.meta.url); ${body}`, 107, /import\.meta/));

test('globalThis holds what k6 has and nothing of the runtime', async () => {
  const { log, exitCode } = await run(
    `export default function () { const g = globalThis as Record<string, unknown>; console.log(typeof g['f' + 'etch'], typeof g['JSO' + 'N'], typeof g.console); }`,
  );
  assert.deepEqual(log, ['info: undefined object object']);
  assert.equal(exitCode, 0);
});

for (const name of ['get', 'post', 'put', 'patch', 'del', 'head', 'options', 'request', 'batch']) {
  test(`the synchronous http.${name} ends with 107 and its name`, () =>
    refused(
      `import http from 'k6/http'; export default function () { http.${name}('http://x'); }`,
      107,
      new RegExp(`^the script host does not have ${name} of k6/http: await`),
    ));
}

test('sleep ends with 107 and says what to use', () =>
  refused(`import { sleep } from 'k6'; export default function () { sleep(1); }`, 107, /sleep of k6: .*k6\/timers/));

test('a synchronous call behind an alias ends the run with its name', async () => {
  const result = await run(
    `import http from 'k6/http'; const alias = http; export default function () { try { (alias as { get(u: string): void })['g' + 'et']('http://x'); } catch {} }`,
  );
  assert.equal(result.exitCode, 107);
  assert.match(result.reason, /get of k6\/http/);
});

test('an unknown http parameter ends the run with its name', async () => {
  const result = await run(
    `import http from 'k6/http'; export default async function () { await http.asyncRequest('GET', 'http://127.0.0.1:1', null, { jar: {} }); }`,
  );
  assert.equal(result.exitCode, 107);
  assert.match(result.reason, /http parameter "jar"/);
});

test('an unknown option ends with 104 and its name', () =>
  refused(`export const options = { rps: 5 }; ${body}`, 104, /"rps"/));

test('an unknown option of a scenario ends with 104 and its name', () =>
  refused(
    `export const options = { scenarios: { a: { executor: 'constant-vus', duration: '1s', rate: 5 } } }; ${body}`,
    104,
    /"rate" for constant-vus/,
  ));

test('an unknown executor ends with 104 and its name', () =>
  refused(
    `export const options = { scenarios: { a: { executor: 'externally-controlled' } } }; ${body}`,
    104,
    /externally-controlled/,
  ));

test('a scenario whose function is not exported ends with 104', () =>
  refused(
    `export const options = { scenarios: { a: { executor: 'per-vu-iterations', exec: 'nope' } } }; ${body}`,
    104,
    /"nope"/,
  ));

test('a threshold on a metric that is not there ends with 104', () =>
  refused(`export const options = { thresholds: { nope: ['count>0'] } }; ${body}`, 104, /"nope"/));

test('a threshold that its metric cannot have ends with 104', () =>
  refused(`export const options = { thresholds: { http_reqs: ['p(95)<1'] } }; ${body}`, 104, /counter has no p\(95\)/));

test('a threshold that cannot be read ends with 104', () =>
  refused(`export const options = { thresholds: { http_reqs: ['count is 1'] } }; ${body}`, 104, /count is 1/));

test('a metric name of one letter ends with 107', () =>
  refused(`import { Counter } from 'k6/metrics'; new Counter('a'); ${body}`, 107, /'a'/));

test('a metric name with a hyphen ends with 107', () =>
  refused(`import { Counter } from 'k6/metrics'; new Counter('a-b'); ${body}`, 107, /'a-b'/));

test('one metric name with two types ends with 107', () =>
  refused(
    `import { Counter, Rate } from 'k6/metrics'; new Counter('aa'); new Rate('aa'); ${body}`,
    107,
    /'aa' already exists/,
  ));

test('an exception in the init context ends with 107', () =>
  refused(`throw new Error('broken'); ${body}`, 107, /broken/));

test('a script that does not parse ends with 107 and the line', () =>
  refused(`\nexport default function ( {`, 107, /script\.ts:2/));

test('a request in the init context ends with 107', () =>
  refused(`import http from 'k6/http'; http.asyncRequest('GET', 'http://127.0.0.1:1'); ${body}`, 107, /init context/));
