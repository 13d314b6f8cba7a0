/** `mcp-replay` as its users get it: packed, installed in an empty folder, and started there on each runtime. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { z } from 'zod';
import { type Packed, pack } from './pack.ts';
import { typeOf } from './package/declarations.ts';
import { ownScenarios } from './replay/bundled.ts';
import { type RunningServer, startServer } from './runtimes/start.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');
/** Unpacked. */
const BUDGET = 1_700_000;
/** CPU time from the start to the end of `--list`, at best; ms. The time that passes would tell what else the machine does. */
const START_MS = 500;

const work = mkdtempSync(join(tmpdir(), 'mcp-replay-pack-'));
const packed = join(work, 'packed');
/** An empty folder with the package installed. */
const user = join(work, 'user');
let made: Packed;
let ids: string[];
let server: RunningServer;
/** Its JSON is of no JSON-RPC. */
let broken: RunningServer;

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program in the user's folder, with this Node as the `node` of the path. */
function run(program: string, args: readonly string[], node = BIN): Promise<Ran> {
  const env = {
    ...process.env,
    PATH: [node, process.env.PATH].join(delimiter),
    npm_config_cache: join(work, 'cache'),
    npm_config_update_notifier: 'false',
    DENO_NO_UPDATE_CHECK: '1',
    NO_COLOR: '1',
  };
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd: user, env, timeout: 90_000 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

async function done(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, args);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

before(async () => {
  ids = ownScenarios().map(({ id }) => id);
  made = await pack(packed);
  mkdirSync(user);
  const [{ filename }] = JSON.parse(await done('npm', 'pack', packed, '--pack-destination', work, '--json')) as [
    { filename: string },
  ];
  await done('npm', 'install', join(work, filename), '--offline', '--no-audit', '--no-fund');
  server = await startServer({ runtime: 'node', entry: 'harness/everything.ts' });
  const entry = join(work, 'broken.ts');
  writeFileSync(
    entry,
    `import app from ${JSON.stringify(join(ROOT, 'harness/everything.ts'))};
export default {
  port: app.port,
  hostname: app.hostname,
  async fetch(request: Request) {
    const answer = await app.fetch(request);
    if (!answer.headers.get('content-type')?.includes('json')) return answer;
    const text = (await answer.text()).replaceAll('"jsonrpc":"2.0"', '"jsonrpc":"1.0"');
    return new Response(text, { status: answer.status, headers: answer.headers });
  },
};
`,
  );
  broken = await startServer({ runtime: 'bun', entry });
});
after(async () => {
  await broken?.stop();
  await server?.stop();
  rmSync(work, { recursive: true, force: true });
});

test('it is small, needs no other package, and says what is in it', () => {
  assert.ok(made.bytes > 100_000 && made.bytes < BUDGET, `${made.bytes} bytes`);
  assert.deepEqual(
    readdirSync(join(user, 'node_modules')).filter((name) => !name.startsWith('.')),
    ['mcp-replay'],
  );
  const notices = readFileSync(join(packed, 'THIRD-PARTY.txt'), 'utf8');
  for (const name of ['zod', 'yaml', 'eventsource-parser', 'itty-router'])
    assert.match(notices, new RegExp(`^${name} \\d[\\d.]* \\((MIT|ISC)\\)$`, 'm'));
  const files = new Set(made.files);
  for (const name of ['LICENSE', 'README.md', 'bind.yaml', 'scenario.schema.json']) assert.ok(files.has(name), name);
});

/** Each runtime as a user would start the package with it. */
const STARTED: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['Node', 'npx', '--offline', 'mcp-replay'],
  ['Bun', join(BIN, 'bun'), 'x', '--bun', 'mcp-replay'],
  ['Deno', join(BIN, 'deno'), 'run', '-A', 'npm:mcp-replay'],
];

for (const [name, program, ...args] of STARTED) {
  describe(name, () => {
    test('a running server is green', async () => {
      const { code, stdout, stderr } = await run(program, [...args, server.url, '--only', 'tools.*,session.*']);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /: \d\d+ pass; \d\d+ checks\n$/);
    });

    test('a broken one is red: 1', async () => {
      const { code, stdout, stderr } = await run(program, [...args, broken.url, '--only', 'lifecycle.ping']);
      assert.equal(code, 1, stdout + stderr);
    });

    test('no URL: 2; nobody there: 3', async () => {
      assert.equal((await run(program, args)).code, 2);
      assert.equal((await run(program, [...args, 'http://127.0.0.1:9/mcp'])).code, 3);
    });

    test('the server that comes along is green', async () => {
      const { code, stdout, stderr } = await run(program, [...args, '--self', '--only', 'tools.*']);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /in process: \d+ pass/);
    });
  });
}

test("the system's own Node runs it too, where it is of the age that the package names", async (context) => {
  const system = process.env.PATH?.split(delimiter).find(
    (folder) => !folder.includes('node_modules') && readsNode(folder),
  );
  const version = system === undefined ? '' : (await run('node', ['--version'], system)).stdout.trim();
  if (system === undefined || Number(version.slice(1).split('.')[0]) < 20) return context.skip('it has none');
  const { code, stdout, stderr } = await run(
    'npx',
    ['--offline', 'mcp-replay', server.url, '--only', 'tools.*'],
    system,
  );
  assert.equal(code, 0, `${version}: ${stdout}${stderr}`);
});

function readsNode(folder: string): boolean {
  try {
    return readdirSync(folder).includes('node');
  } catch {
    return false;
  }
}

/** Tells on standard error what CPU time the process has used, ms. */
const TELL_CPU =
  'data:text/javascript,process.on("exit",()=>{const{user,system}=process.cpuUsage();console.error((user+system)/1000)})';

test(`it starts within ${START_MS} ms of CPU time, and lists every scenario`, async () => {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const args = ['--import', TELL_CPU, 'node_modules/mcp-replay/bin.js', '--list'];
    const { stdout, stderr } = await run(join(BIN, 'node'), args);
    times.push(Number(stderr));
    for (const id of ids) assert.ok(stdout.includes(id), id);
  }
  assert.ok(Math.min(...times) < START_MS, times.map(Math.round).join(', '));
});

test('bind and coverage need no file of the repository', async () => {
  const text = await done('npx', '--offline', 'mcp-replay', 'bind', server.url);
  assert.match(text, /^text: \{ tool: test_simple_text \}$/m);
  const { stdout, stderr } = await run('npx', ['--offline', 'mcp-replay', 'coverage']);
  for (const revision of ['2025-11-25', '2026-07-28']) assert.ok(stdout.includes(revision), stdout + stderr);
});

// ---- the library --------------------------------------------------------------------------------

const README = readFileSync(join(ROOT, 'harness/package/README.md'), 'utf8');
const block = (language: string) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(README)?.[1] ?? '';

/** Runs every scenario of the package in process, and tells the verdicts that came. */
const INSIDE = `
import { bind, factsOf, fetchTarget, REVISIONS, runScenario, scenarios } from 'mcp-replay';
import { features } from ${JSON.stringify(join(ROOT, 'harness/everything.ts'))};
import { createServer } from ${JSON.stringify(join(ROOT, 'server.ts'))};

export async function verdicts(only) {
  const server = createServer({ name: 'everything', version: '1.0.0', features });
  const target = fetchTarget((request) => server.fetch(request));
  const counts = {};
  for (const revision of REVISIONS) {
    const facts = await factsOf(target, revision);
    for (const scenario of scenarios.filter(({ id }) => only.test(id)))
      for (const { verdict } of await runScenario(scenario, target, facts, { bind, slack: 1 }))
        counts[verdict] = (counts[verdict] ?? 0) + 1;
  }
  await server.close();
  return counts;
}
`;
const ONLY = /^(tools|progress|post)\./;

describe('the library needs no file system and no permission', () => {
  before(() => {
    writeFileSync(join(user, 'inside.js'), INSIDE);
    writeFileSync(
      join(user, 'main.js'),
      `import { verdicts } from './inside.js';\nconsole.log(JSON.stringify(await verdicts(${ONLY})));\n`,
    );
    writeFileSync(
      join(user, 'worker.js'),
      `import { verdicts } from './inside.js';
export default {
  async fetch(request) {
    if (request.url.endsWith('/health')) return new Response('ok');
    return Response.json(await verdicts(${ONLY}));
  },
};
`,
    );
  });
  test('no module of a runtime is imported: it can be bundled for a browser', async () => {
    const { outputs } = await build({
      stdin: { contents: `export * from 'mcp-replay';`, resolveDir: user },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
      outfile: 'library.js',
      metafile: true,
      // Not told of a runtime's modules, it would fail on the first alone.
      external: ['node:*'],
    }).then(({ metafile }) => metafile);
    const imports = Object.values(outputs).flatMap((one) => one.imports.map(({ path }) => path));
    assert.deepEqual(imports, []);
  });

  const isGreen = (counts: Record<string, number>) => {
    const { pass = 0, skip, ...rest } = counts;
    assert.deepEqual(rest, {});
    assert.ok(pass > 30 && skip !== undefined, JSON.stringify(counts));
  };

  test('Deno, which was allowed nothing', async () => {
    isGreen(JSON.parse(await done(join(BIN, 'deno'), 'run', '--no-prompt', '--no-check', 'main.js')));
  });

  test('Bun', async () => {
    isGreen(JSON.parse(await done(join(BIN, 'bun'), 'main.js')));
  });

  test('workerd', async () => {
    const worker = await startServer({ runtime: 'workerd', entry: join(user, 'worker.js') });
    try {
      const answer = await fetch(worker.url);
      const text = await answer.text();
      assert.equal(answer.status, 200, text + worker.stderr());
      isGreen(JSON.parse(text));
    } finally {
      await worker.stop();
    }
  });
});

/** What `--self` does on the other runtimes, in a Worker. */
const SELF = `
import { bind, factsOf, REVISIONS, runAll, scenarios } from 'mcp-replay';
import { ownTarget } from ${JSON.stringify(join(ROOT, 'harness/own.ts'))};

export default {
  async fetch(request) {
    if (request.url.endsWith('/health')) return new Response('ok');
    const { target, stop } = ownTarget();
    const spoken = await Promise.all(REVISIONS.map((revision) => factsOf(target, revision)));
    const outcomes = await runAll(scenarios, target, spoken, { bind, slack: 1 });
    stop();
    return Response.json(outcomes.map(({ scenario, verdict, reason, checks }) => ({ scenario, verdict, reason, checks })));
  },
};
`;

test('workerd: every scenario in process, on this server', async () => {
  writeFileSync(join(user, 'self.js'), SELF);
  const worker = await startServer({ runtime: 'workerd', entry: join(user, 'self.js') });
  try {
    const answer = await fetch(worker.url);
    const text = await answer.text();
    assert.equal(answer.status, 200, text + worker.stderr());
    const outcomes = JSON.parse(text) as { verdict: string }[];
    const well = ['pass', 'skip', 'untestable'];
    assert.deepEqual(
      outcomes.filter(({ verdict }) => !well.includes(verdict)),
      [],
    );
    assert.ok(outcomes.filter(({ verdict }) => verdict === 'pass').length > 2000);
  } finally {
    await worker.stop();
  }
});

test('the example of the README finds what is broken', async () => {
  writeFileSync(
    join(user, 'server.js'),
    `export { default } from ${JSON.stringify(join(ROOT, 'harness/everything.ts'))};\n`,
  );
  // The first of many: all of them take a while.
  const example = block('ts').replace('of scenarios)', "of scenarios.filter(({ id }) => id.startsWith('post.')))");
  assert.match(example, /'post\.'/);
  writeFileSync(join(user, 'example.ts'), example);
  assert.equal(await done(join(BIN, 'bun'), 'example.ts'), '');
  writeFileSync(
    join(user, 'broken.ts'),
    example.replace(
      'app.fetch(request)',
      'app.fetch(request).then((answer) => (answer.status === 400 ? new Response() : answer))',
    ),
  );
  assert.match(await done(join(BIN, 'bun'), 'broken.ts'), /^[a-z]+\.[a-z.-]+ \[/m);
});

test('the options of the README are options', async () => {
  const options = [...README.matchAll(/^\| `(--[a-z-]+)(?: '?([^'`]*)'?)?` \|/gm)].filter(
    ([, name]) => name !== '--bind',
  );
  assert.ok(options.length >= 6, README);
  for (const [, name = '', value] of options) {
    const text = { '--header': 'authorization: none', '--reporter': 'pretty' }[name] ?? value;
    await done('npx', '--offline', 'mcp-replay', server.url, '--only', 'lifecycle.ping', name, ...(text ? [text] : []));
  }
});

test('the scenario of the README is one', async () => {
  writeFileSync(join(user, 'shop.yaml'), block('yaml'));
  assert.match(await done('npx', '--offline', 'mcp-replay', '--list', 'shop.yaml'), /^shop\.stock {2}MUST/);
});

test('the types are complete, need no other package, and refuse what is no scenario', async () => {
  const check = async (name: string, text: string) => {
    writeFileSync(join(user, name), text);
    const strict = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--types', ''];
    const language = [
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--lib',
      'es2023,webworker,webworker.asynciterable',
    ];
    return run(join(BIN, 'tsc'), [...strict, ...language, name]);
  };
  const head = `import { bind, defineScenario, factsOf, fetchTarget, type Outcome, runScenario } from 'mcp-replay';\n`;
  const scenario = (level: string) =>
    `export const one = defineScenario({ id: 'a.b', title: 't', revisions: '2025-11-25', level: '${level}', steps: [
  { use: 'ready' }, { parallel: [[{ wait: 1 }]] }, { http: { post: { rpc: { method: 'ping' } } }, expect: { status: 200 } } ] });\n`;
  const right = await check(
    'right.mts',
    `${head}${scenario('MUST')}
const target = fetchTarget(() => new Response());
const facts = await factsOf(target, '2025-11-25');
if (facts) {
  const outcomes: Outcome[] = await runScenario(one, target, facts, { bind, slack: 1 });
  console.log(outcomes[0]?.checks[0]?.verdict satisfies 'pass' | string | undefined);
}\n`.replace('console.log', 'void '),
  );
  assert.equal(right.code, 0, right.stdout);
  const wrong = await check('wrong.mts', `${head}${scenario('SHALL')}`);
  assert.match(wrong.stdout, /wrong\.mts\(2,\d+\): error TS2322: Type '"SHALL"'/);
});

test('types are written from schemas', () => {
  const written = (schema: z.ZodType) => typeOf(z.toJSONSchema(schema) as Record<string, unknown>, (name) => name);
  assert.equal(written(z.array(z.union([z.int(), z.literal('a')]))), 'readonly (number | "a")[]');
  assert.equal(
    written(z.strictObject({ a: z.string().describe('ends */ here'), 'b-c': z.unknown().optional() })),
    '{\n  /** ends * / here */\n  readonly a: string;\n  readonly "b-c"?: unknown | undefined;\n}',
  );
  assert.equal(written(z.record(z.string(), z.boolean())), '{\n  readonly [name: string]: boolean;\n}');
  assert.throws(() => typeOf({ allOf: [{ type: 'string' }] }, (name) => name), /no type is known/);
});
