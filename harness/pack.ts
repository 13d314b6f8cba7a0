/**
 * `npm run pack:harness -- --out <folder>`: makes the package `mcp-replay`, which needs no other package and no build.
 *
 * The command and the library share their modules; scenarios, bind file and requirements are compiled into one of them.
 * `npm pack` in the folder gives the tarball.
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, type Metafile, type Plugin } from 'esbuild';
import { typeOf } from './package/declarations.ts';
import { type Bundled, ownBind, ownRequirements, ownScenarios } from './replay/bundled.ts';
import { LEVELS, REVISIONS } from './replay/scenario.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const HARNESS = join(ROOT, 'harness');
/** The oldest that the package is for. */
const NODE = '20';

export interface Packed {
  version: string;
  /** Of all files together. */
  bytes: number;
  /** By their names in the package. */
  files: string[];
}

/** @param folder is made; what it holds of an earlier package is replaced @throws Error where a part is missing */
export async function pack(folder: string): Promise<Packed> {
  const { version, license } = manifestOf(ROOT);
  for (const name of ['lib', 'types']) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

  write('THIRD-PARTY.txt', notices(await bundle(join(folder, 'lib'))));
  declare(join(folder, 'types'));
  write('bin.js', BIN);
  chmodSync(join(folder, 'bin.js'), 0o755);
  for (const [from, to] of [
    [join(HARNESS, 'bind.yaml'), 'bind.yaml'],
    [join(HARNESS, 'package/README.md'), 'README.md'],
    [join(ROOT, 'LICENSE'), 'LICENSE'],
  ] as const)
    copyFileSync(from, join(folder, to));
  write('scenario.schema.json', JSON.stringify(schema()));
  const manifest = {
    name: 'mcp-replay',
    version,
    description: 'Replays scenarios against any MCP server over HTTP and says which rule of the protocol is broken',
    license,
    type: 'module',
    engines: { node: `>=${NODE}` },
    bin: { 'mcp-replay': './bin.js' },
    exports: {
      '.': { types: './types/package/index.d.ts', default: './lib/index.js' },
      './scenario.schema.json': './scenario.schema.json',
      './package.json': './package.json',
    },
    sideEffects: ['./bin.js', './lib/run.js'],
  };
  write('package.json', `${JSON.stringify(manifest, null, 2)}\n`);
  const files = filesOf(folder);
  return { version, files, bytes: files.reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0) };
}

/** Modules of the runtime are asked for by a function that came with Node 20.16 and 22.3, and that Bun and Deno have. */
const BIN = `#!/usr/bin/env node
import { createRequire } from 'node:module';

process.getBuiltinModule ??= createRequire(import.meta.url);
await import('./lib/run.js');
`;

// ---- code ---------------------------------------------------------------------------------------

async function bundle(outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { run: 'harness/run.ts', index: 'harness/package/index.ts' },
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: ['es2023', `node${NODE}`],
    mainFields: ['module', 'main'],
    conditions: ['import', 'module'],
    chunkNames: '[name]-[hash]',
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    // In a bundle every module would be the main one.
    define: { 'import.meta.main': 'false' },
    plugins: [compiled, englishOnly, whenAskedFor],
  });
  return metafile;
}

/** What comes with the harness, as one module of data. */
const compiled: Plugin = {
  name: 'scenarios, bind file and requirements as data',
  setup(bundler) {
    bundler.onLoad({ filter: /\/harness\/replay\/bundled\.ts$/ }, () => ({
      loader: 'ts',
      resolveDir: HARNESS,
      contents: `import { scenarios, bind, requirements } from 'mcp-replay:bundled';
export const ownScenarios = () => structuredClone(scenarios);
export const ownBind = () => structuredClone(bind);
export const ownRequirements = () => structuredClone(requirements);`,
    }));
    bundler.onResolve({ filter: /^mcp-replay:bundled$/ }, ({ path }) => ({ path, namespace: 'data' }));
    bundler.onLoad({ filter: /.*/, namespace: 'data' }, () => {
      const data: Bundled = { scenarios: ownScenarios(), bind: ownBind(), requirements: ownRequirements() };
      return { loader: 'json', contents: JSON.stringify(data) };
    });
  },
};

/** zod speaks fifty languages; the harness speaks one. */
const englishOnly: Plugin = {
  name: 'no other language',
  setup(bundler) {
    bundler.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      loader: 'js',
      contents: `export { default as en } from './en.js';`,
    }));
  },
};

/**
 * An import of `node:fs` at the top of a module would stop Workers and browsers, where the library runs too. So each name
 * is asked for when it is used; where there is no such module, that is when it fails.
 */
const whenAskedFor: Plugin = {
  name: 'modules of the runtime when they are used',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'runtime' }));
    bundler.onLoad({ filter: /.*/, namespace: 'runtime' }, async ({ path }) => {
      const names = Object.keys((await import(path)) as object).filter(
        (name) => /^\w+$/.test(name) && name !== 'default',
      );
      return {
        loader: 'js',
        contents: `const from = () => globalThis.process.getBuiltinModule(${JSON.stringify(path)});
module.exports = { ${names.map((name) => `get ${name}() { return from().${name}; }`).join(', ')} };`,
      };
    });
  },
};

// ---- types --------------------------------------------------------------------------------------

/** Writes the declarations that the library's face reaches. @throws Error with what the compiler says */
function declare(folder: string): void {
  const work = mkdtempSync(join(tmpdir(), 'mcp-replay-types-'));
  try {
    const config = join(ROOT, 'tsconfig.json');
    const project = join(work, 'tsconfig.json');
    const options = {
      extends: config,
      compilerOptions: {
        noEmit: false,
        emitDeclarationOnly: true,
        declaration: true,
        stripInternal: true,
        rewriteRelativeImportExtensions: true,
        rootDir: HARNESS,
        outDir: join(work, 'out'),
        typeRoots: [join(ROOT, 'node_modules/@types')],
      },
      include: [],
      files: [join(HARNESS, 'package/index.ts'), join(ROOT, '.ci/import-meta.d.ts')],
    };
    writeFileSync(project, JSON.stringify(options));
    const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`the types of the package cannot be made\n${stdout}${stderr}`);
    const scenario = 'replay/scenario.d.ts';
    const wanted = ['package/index.d.ts'];
    for (const name of wanted) {
      const text = name === scenario ? scenarioTypes() : readFileSync(join(work, 'out', name), 'utf8');
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text.replaceAll(/(from '\.[^']+)\.ts'/g, "$1.js'"));
      for (const [, path = ''] of text.matchAll(/from '(\.[^']+)\.[jt]s'/g)) {
        const reached = `${join(dirname(name), path)}.d.ts`;
        if (!wanted.includes(reached)) wanted.push(reached);
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The types of a scenario, from its JSON Schema: those of the code need zod. */
function scenarioTypes(): string {
  const whole = schema();
  const definitions = Object.entries((whole.$defs ?? {}) as Record<string, Record<string, unknown>>);
  const step = ((whole.properties as Record<string, { items?: { $ref?: string } }>).steps?.items?.$ref ?? '').slice(8);
  const named = (name: string) => (name === step ? 'Step' : `Part${name.replace('__schema', '')}`);
  return `/** A scenario as data: what is said to an MCP server over HTTP, and what must come back. */

export declare const LEVELS: readonly [${LEVELS.map((one) => `'${one}'`).join(', ')}];
export type Level = (typeof LEVELS)[number];

/** All revisions that can be tested, oldest first. */
export declare const REVISIONS: readonly [${REVISIONS.map((one) => `'${one}'`).join(', ')}];
export type Revision = (typeof REVISIONS)[number];

${definitions.map(([name, one]) => `export type ${named(name)} = ${typeOf(one, named)};\n`).join('\n')}
/** A scenario as it is written. */
export interface Written ${typeOf(whole, named)}

declare const read: unique symbol;

/** A scenario that was read, by \`defineScenario\` or from a file. */
export interface Scenario extends Written {
  readonly [read]: true;
}

/** A scenario in TypeScript; the same object that a YAML file gives. @throws ZodError when it is none */
export declare function defineScenario(scenario: Written): Scenario;

/** Whether a revision lies in a range such as \`>=2025-06-18 <2026-07-28\`. */
export declare function inRange(revision: string, text: string): boolean;
`;
}

// ---- notices ------------------------------------------------------------------------------------

/** The licences of what was bundled, as they ask for. @throws Error for a package that comes without one */
function notices({ outputs }: Metafile): string {
  const folders = new Map<string, string>();
  for (const { inputs } of Object.values(outputs))
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      // Of packages within packages the innermost.
      const [, folder, name] = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(path) ?? [];
      if (folder !== undefined && name !== undefined && bytesInOutput > 0) folders.set(folder, name);
    }
  const byName = [...folders].sort(([, one], [, other]) => (one < other ? -1 : 1));
  const parts = byName.map(([path, name]) => {
    const folder = join(ROOT, path);
    const { version, license } = manifestOf(folder);
    const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)(\.\w+)?$/i.test(one));
    if (file === undefined) throw new Error(`${name} is bundled, and no licence lies in ${folder}`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  const rule = `\n${'-'.repeat(80)}\n\n`;
  return ['What is bundled with mcp-replay, and under which licence.\n', ...parts].join(rule);
}

/** The JSON Schema of a scenario. */
function schema(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(HARNESS, 'scenario.schema.json'), 'utf8')) as Record<string, unknown>;
}

function manifestOf(folder: string): { version: string; license: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string; license: string };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: join(ROOT, 'dist/mcp-replay') } } });
  const folder = resolve(values.out);
  if (existsSync(folder) && !existsSync(join(folder, 'bin.js')) && readdirSync(folder).length > 0) {
    console.error(`${folder} holds something else than an earlier package`);
    process.exit(2);
  }
  const { version, bytes, files } = await pack(folder);
  console.log(`${folder}: mcp-replay ${version}, ${files.length} files, ${(bytes / 1000).toFixed(0)} kB`);
}
