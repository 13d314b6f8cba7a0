/**
 * Makes sure that `node_modules` holds what package-lock.json asks for, so that `npm start` and `npm test` work from a fresh clone.
 * Plain JavaScript for Node 20 and newer: it runs before the Node of node_modules is there.
 *
 * `--installed` only notes that npm has just installed; npm calls it so after every install of its own (script `dependencies`).
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = `${root}node_modules`;
const mark = `${modules}/.ready`;

const wanted = createHash('sha256')
  .update(readFileSync(`${root}package-lock.json`))
  .digest('hex');
const installed = existsSync(mark) ? readFileSync(mark, 'utf8') : undefined;

if (process.argv[2] === '--installed') {
  if (existsSync(modules)) writeFileSync(mark, wanted);
} else if (installed !== wanted) {
  console.error('Installing the packages of package-lock.json ...');
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []];
  const { status, error } = spawnSync(command, [...args, 'ci', '--loglevel=error', '--no-fund', '--no-audit'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) {
    console.error(`npm ci failed${error ? `: ${error.message}` : ''}`);
    process.exit(status ?? 1);
  }
  writeFileSync(mark, wanted);
}
