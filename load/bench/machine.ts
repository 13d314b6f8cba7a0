/** What was measured on: it stands beside every result. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { client } from './client.ts';
import { ROOT, RUNTIMES } from './servers.ts';

export interface Machine {
  cores: number;
  cpu: string;
  memory_bytes: number;
  kernel: string;
  client: string;
  /** By runtime. */
  versions: Record<string, string>;
  /** The commit, with `+` when the tree had changes. */
  commit: string;
}

export function machine(): Machine {
  const versions: Record<string, string> = {};
  for (const runtime of RUNTIMES)
    versions[runtime] = firstVersion(`${ROOT}node_modules/.bin/${runtime}`, ['--version']);
  // The program tells its date of compatibility, and no version.
  const { version } = JSON.parse(readFileSync(`${ROOT}node_modules/workerd/package.json`, 'utf8')) as {
    version: string;
  };
  versions.workerd = version;
  const [first] = cpus();
  const changed = output('git', ['status', '--porcelain']) !== '';
  return {
    cores: cpus().length,
    cpu: first?.model ?? 'unknown',
    memory_bytes: totalmem(),
    kernel: release(),
    client: client === 'wrk' ? `wrk ${firstVersion('wrk', ['--version'])}` : 'autocannon',
    versions,
    commit: output('git', ['rev-parse', '--short', 'HEAD']) + (changed ? '+' : ''),
  };
}

function output(command: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`.trim();
}

function firstVersion(command: string, args: readonly string[]): string {
  return /\d+\.\d+[\w.-]*/.exec(output(command, args))?.[0] ?? 'unknown';
}
