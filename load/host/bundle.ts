// A script and everything it imports as one function, made once and called once for each VU: every VU has its own module
// instances (as in k6), and all of them share the compiled code.
//
// What the script names that the host does not have is found here, before anything runs.

import { existsSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { type BuildFailure, build, type Plugin } from 'esbuild';
import { exitCodes, missing, Refusal } from './refusal.ts';

/** The modules the host has, with the names each one exports. */
export const provided: Readonly<Record<string, readonly string[]>> = {
  k6: ['check', 'fail', 'group'],
  'k6/http': ['asyncRequest', 'expectedStatuses', 'setResponseCallback'],
  'k6/metrics': ['Counter', 'Gauge', 'Rate', 'Trend'],
  'k6/execution': ['vu', 'scenario', 'instance', 'test'],
  'k6/timers': ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
};

const hints: Readonly<Record<string, string>> = {
  sleep: 'it would block every VU; await a setTimeout of k6/timers',
  get: 'await http.asyncRequest',
  post: 'await http.asyncRequest',
  put: 'await http.asyncRequest',
  patch: 'await http.asyncRequest',
  del: 'await http.asyncRequest',
  head: 'await http.asyncRequest',
  options: 'await http.asyncRequest',
  request: 'await http.asyncRequest',
  batch: 'await Promise.all of http.asyncRequest',
};

/** Exports of k6's modules that the host lacks: reading one ends the run, also where the scan below did not see it. */
export const lacking: Readonly<Record<string, readonly string[]>> = {
  k6: ['sleep', 'randomSeed'],
  'k6/http': [
    'get',
    'post',
    'put',
    'patch',
    'del',
    'head',
    'options',
    'request',
    'batch',
    'file',
    'url',
    'cookieJar',
    'CookieJar',
  ],
};

export const lackingExport = (module: string, name: string): Refusal =>
  missing(`${name} of ${module}`, lacking[module]?.includes(name) ? hints[name] : undefined);

/** The language (ES2023) as k6's engine has it, and what k6 adds. */
const language =
  `Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp
Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError globalThis JSON Math Reflect Proxy Map Set
WeakMap WeakSet BigInt ArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array
BigInt64Array BigUint64Array Float32Array Float64Array decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape
isFinite isNaN`.split(/\s+/);
const added = ['console', 'open', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'];

/** Later than ES2023, so not to be counted on in k6. */
const tooNew = [
  'Promise.withResolvers',
  'Promise.try',
  'Object.groupBy',
  'Map.groupBy',
  'Array.fromAsync',
  'Error.isError',
];

/** Globals of browsers and runtimes that a script could reach for, whether or not this runtime has them. */
const foreign =
  `fetch URL URLSearchParams URLPattern Request Response Headers FormData Blob File AbortController AbortSignal
EventSource WebSocket XMLHttpRequest structuredClone queueMicrotask setImmediate clearImmediate crypto performance process Buffer
global window self document navigator localStorage TextEncoder TextDecoder atob btoa ReadableStream WritableStream TransformStream
CompressionStream DecompressionStream Event EventTarget MessageChannel BroadcastChannel Worker Intl Atomics SharedArrayBuffer
WebAssembly WeakRef FinalizationRegistry Iterator Temporal eval require Bun Deno`.split(/\s+/);

const refused = [...new Set([...foreign, ...Object.getOwnPropertyNames(globalThis)])].filter(
  (name) => ![...language, ...added].includes(name) && /^[A-Za-z_$][\w$]*$/.test(name),
);

const sentinel = '__not_in_k6_';
/** esbuild replaces free identifiers only: a local or imported `fetch` is left alone. */
const define: Record<string, string> = {
  __ENV: '__vu.env',
  __VU: '__vu.id',
  __ITER: '__vu.iteration',
  ...Object.fromEntries(refused.map((name) => [name, `${sentinel}${name}`])),
  ...Object.fromEntries(tooNew.map((name) => [name, `${sentinel}${name.replace('.', '$')}`])),
};

const parameters = ['module', 'exports', 'require', '__vu', 'globalThis', ...added] as const;

/** What the code of one instance can see. */
export type Scope = {
  vu: { env: Record<string, string>; id: number; iteration: number };
  modules: Readonly<Record<string, object>>;
  console: object;
  open: (path: string, mode?: string) => string | ArrayBuffer;
};

/** Makes one instance: runs the init context, returns the exports of the script. */
export type Instantiate = (scope: Scope) => Record<string, unknown>;

/** Everything a script may find on `globalThis`, shared by all VUs. */
const languageGlobals = Object.freeze(
  Object.fromEntries(language.map((name) => [name, (globalThis as Record<string, unknown>)[name]])),
);

/** Compiles the script at `path`. Throws a refusal (107) that names what the host does not have, or what is wrong in the source. */
export async function bundle(path: string): Promise<Instantiate> {
  const entry = resolve(path);
  if (!existsSync(entry)) throw new Refusal(`the script "${path}" does not exist`, exitCodes.scriptException);
  const refusals: Refusal[] = [];
  const code = await compiled(entry, refusals);
  scanGlobals(code);
  scanImports(code);
  const factory = new Function(...parameters, `${code}\n//# sourceURL=${relative('.', entry)}.bundle.js`);
  return (scope) => {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = scope.modules['k6/timers'] as Record<
      string,
      unknown
    >;
    const own = { console: scope.console, open: scope.open, setTimeout, clearTimeout, setInterval, clearInterval };
    const module = { exports: {} as Record<string, unknown> };
    const require = (name: string) => scope.modules[name];
    factory(
      module,
      module.exports,
      require,
      scope.vu,
      { ...languageGlobals, ...own },
      ...added.map((name) => own[name as keyof typeof own]),
    );
    return module.exports;
  };
}

async function compiled(entry: string, refusals: Refusal[]): Promise<string> {
  try {
    const { outputFiles, warnings } = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: 'cjs',
      platform: 'neutral',
      target: 'es2023',
      charset: 'utf8',
      // k6 runs every module whole, and the scans below are to see what no one calls too.
      treeShaking: false,
      banner: { js: '"use strict";' },
      // The project's own settings must not change what a script means.
      tsconfigRaw: {},
      logLevel: 'silent',
      define,
      plugins: [onlyK6(refusals)],
    });
    const meta = warnings.find(({ id }) => id === 'empty-import-meta');
    if (meta !== undefined) throw missing('import.meta', at(meta.location));
    return outputFiles[0]?.text ?? '';
  } catch (error) {
    const [first] = refusals;
    if (first !== undefined) throw first;
    if (error instanceof Refusal || !('errors' in (error as object))) throw error;
    const [message] = (error as BuildFailure).errors;
    throw new Refusal(
      `${at(message?.location ?? null)} ${message?.text ?? String(error)}`.trim(),
      exitCodes.scriptException,
    );
  }
}

const at = (place: { file: string; line: number } | null): string =>
  place === null ? '' : `${place.file}:${place.line}`;

/** Resolves as k6 does: its own modules, and files by their full name. */
function onlyK6(refusals: Refusal[]): Plugin {
  return {
    name: 'k6',
    setup({ onResolve }) {
      onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return { path };
        if (Object.hasOwn(provided, path)) return { path, external: true };
        const from = importer === '' ? '' : `imported by ${relative('.', importer)}`;
        if (/^\.{0,2}\//.test(path)) {
          const file = resolve(dirname(importer), path);
          if (existsSync(file) && statSync(file).isFile()) return { path: file };
          refusals.push(
            new Refusal(
              `the module "${path}" does not exist (${from}); names need their extension`,
              exitCodes.scriptException,
            ),
          );
        } else {
          refusals.push(missing(`the module "${path}"`, from));
        }
        return { errors: [{ text: path }] };
      });
    },
  };
}

function scanGlobals(code: string): void {
  const found = new RegExp(`${sentinel.replaceAll('$', '\\$')}([\\w$]+)`).exec(code);
  if (found === null) return;
  const files = [...code.slice(0, found.index).matchAll(/^ *\/\/ (\S+\.[cm]?[jt]s)$/gm)];
  const name = (found[1] as string).replace('$', '.');
  throw missing(
    `the global "${name}"`,
    `k6 lacks it or it is not in the host's subset; named in ${files.at(-1)?.[1] ?? 'the script'}`,
  );
}

/** Finds uses such as `http.get(...)`, by the names esbuild gives to imports. */
function scanImports(code: string): void {
  for (const [, variable = '', module = ''] of code.matchAll(
    /^var ([\w$]+) = (?:__toESM\()?require\("(k6[^"]*)"\)/gm,
  )) {
    const uses = new RegExp(`(?<![\\w$.])${variable.replaceAll('$', '\\$')}(?:\\.default)?\\.([A-Za-z_$][\\w$]*)`, 'g');
    for (const [, name = ''] of code.matchAll(uses)) {
      if (name !== 'default' && !provided[module]?.includes(name)) throw lackingExport(module, name);
    }
  }
}
