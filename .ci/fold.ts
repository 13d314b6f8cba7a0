/**
 * Folds an entry and all it needs into one file that runs on Bun, Deno, Node and Workers without node_modules.
 *
 *     npm run fold [-- entry [file]]      default: server.ts to dist/server.js
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** @returns the size in bytes, as it is and by gzip */
export async function fold(entry: string, outfile: string): Promise<{ bytes: number; gzip: number }> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2024',
    mainFields: ['module', 'main'],
    conditions: ['import'],
    legalComments: 'inline',
    logLevel: 'warning',
    plugins: [
      {
        name: 'one main module',
        setup(bundler) {
          // In one file every module would be the main one.
          bundler.onLoad({ filter: /\/server\.ts$/ }, ({ path }) => {
            const contents = readFileSync(path, 'utf8');
            const main = path === resolve(ROOT, entry);
            return { loader: 'ts', contents: main ? contents : contents.replaceAll('import.meta.main', 'false') };
          });
        },
      },
      {
        name: 'messages in English',
        setup(bundler) {
          // Some sixty translations of zod's messages, a third of the file, that no server here speaks.
          bundler.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
            contents: `export { default as en } from './en.js';`,
            loader: 'js',
          }));
        },
      },
      {
        name: 'built-in modules when they are needed',
        setup(bundler) {
          // An import of `node:http` at the top of the file would stop Workers. Inside the adapter, which is loaded
          // only on Node, the module is asked for when the adapter is.
          bundler.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'built-in' }));
          bundler.onLoad({ filter: /.*/, namespace: 'built-in' }, ({ path }) => ({
            contents: `module.exports = globalThis.process.getBuiltinModule(${JSON.stringify(path)})`,
            loader: 'js',
          }));
        },
      },
    ],
  });
  const file = readFileSync(resolve(ROOT, outfile));
  return { bytes: file.length, gzip: gzipSync(file, { level: 9 }).length };
}

if (import.meta.main) {
  const [entry = 'server.ts', file = 'dist/server.js'] = process.argv.slice(2);
  const { bytes, gzip } = await fold(entry, file);
  console.log(`${file}: ${(bytes / 1000).toFixed(1)} kB, ${(gzip / 1000).toFixed(1)} kB by gzip`);
}
