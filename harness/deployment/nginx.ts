/** A real nginx on loopback: a configuration, a temporary folder, a process. */

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, exitText, startChild } from '../runtimes/child.ts';
import { listening } from '../runtimes/ports.ts';

export interface Nginx {
  readonly pid: number;
  /** What it complained of so far. */
  errors(): string;
  /** The requests that it has answered so far. */
  requests(): ProxiedRequest[];
  stop(): Promise<void>;
}

export interface ProxiedRequest {
  readonly line: string;
  readonly status: number;
  /** The servers that were asked, in turn: how each answered (502 for not at all), and the bytes that it had been sent. */
  readonly asked: readonly { readonly status: number; readonly sent: number }[];
}

/** How a request is written down. */
const LINE = '$request_method $uri|$status|$upstream_status|$upstream_bytes_sent';
/** Where systems keep it that do not name the folder in the PATH of every user. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
const MISSING = 'nginx is not installed; for example: apt-get install nginx-light, or: brew install nginx';

/**
 * Starts nginx and resolves once it listens.
 * @param http what stands within `http { }`
 * @param port one that it is to listen on
 * @throws Error saying what to install where it is missing, or what nginx says of its configuration
 */
export async function startNginx(http: string, port: number): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'portable-mcp-nginx-'));
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, http));
  const child = startChild('nginx', ['-p', folder, '-c', file, '-e', 'stderr'], {
    env: { PATH: [process.env.PATH, ...FOLDERS].join(':') },
    folder,
  });
  await listening(port, endOf(child));
  return {
    pid: child.pid,
    errors: child.stderr,
    requests: () => readFileSync(join(folder, 'requests.log'), 'utf8').split('\n').slice(0, -1).map(readLine),
    async stop() {
      await child.end('SIGTERM');
    },
  };
}

function readLine(text: string): ProxiedRequest {
  const [line = '', status, statuses = '', sizes = ''] = text.split('|');
  const sent = sizes.split(', ').map(Number);
  const asked = statuses.split(', ').map((one, index) => ({ status: Number(one), sent: sent[index] ?? 0 }));
  return { line, status: Number(status), asked };
}

async function endOf(child: Child): Promise<never> {
  const how = await child.exit.catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Error(MISSING) : error;
  });
  throw new Error(`nginx ended with ${exitText(how)}: ${child.stderr().trim()}`);
}

/**
 * One process, without a master: it needs no user of its own, so anybody may run it, and its id is all there is to end.
 * Every path that would lie outside of the folder is named.
 */
function configuration(folder: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (what) => `  ${what}_temp_path ${join(folder, what)};`,
  );
  return `daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 1024; }
http {
  log_format line '${LINE}';
  access_log ${join(folder, 'requests.log')} line;
${temporary.join('\n')}
${http}
}
`;
}
