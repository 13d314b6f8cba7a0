import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/** The date whose behaviour the Worker is held to. */
const COMPATIBILITY_DATE = '2026-10-01';

/** What is asked of the runtime beyond the date. */
const COMPATIBILITY_FLAGS: string[] = ['enable_request_signal'];

/** Modules that need another runtime. The server reaches them by `import()` and only where it is asked to, so a Worker does without. */
const ADAPTERS = /(^|\/)(node|redis|bullmq)\.ts$/;

/**
 * Bundles `entry` into one module and writes the workerd configuration that serves it.
 *
 * `bindings` become text bindings: a Worker has no process environment. The folder returned holds both files and is the caller's to remove.
 */
export async function prepareWorker(
  entry: string,
  port: number,
  bindings: Record<string, string>,
): Promise<{ folder: string; config: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-worker-'));
  const config = join(folder, 'worker.capnp');
  await build({
    entryPoints: [entry],
    outfile: join(folder, 'worker.js'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2024',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser', 'import'],
    external: ['node:*'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'adapters-stay-out',
        setup(bundler) {
          // Inlined, the `node:*` imports of an adapter would be hoisted to the top of the bundle and fail there.
          bundler.onResolve({ filter: ADAPTERS }, ({ kind, path }) =>
            kind === 'dynamic-import' ? { path, external: true } : undefined,
          );
        },
      },
    ],
  });
  writeFileSync(config, configuration(port, bindings));
  return { folder, config };
}

/** A JSON string is a Cap'n Proto string as long as it holds no control characters, which no setting does. */
const quote = JSON.stringify;

function configuration(port: number, bindings: Record<string, string>): string {
  const texts = Object.entries(bindings).map(([name, text]) => `(name = ${quote(name)}, text = ${quote(text)})`);
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # The default "internet" refuses private addresses; tests keep their upstreams on loopback.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = ${quote(`127.0.0.1:${port}`)}, http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = ${quote(COMPATIBILITY_DATE)},
  compatibilityFlags = [${COMPATIBILITY_FLAGS.map((flag) => quote(flag)).join(', ')}],
  bindings = [${texts.join(', ')}],
  globalOutbound = "internet",
);
`;
}
