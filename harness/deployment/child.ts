/** Processes that do not outlive the one that started them. */

import { type ChildProcess, spawn } from 'node:child_process';

export interface Child {
  readonly pid: number;
  /** Its exit code once it has ended; null when a signal ended it. @throws Error when it could not be started */
  readonly ended: Promise<number | null>;
  /** What it has written to its standard output and error so far. */
  stdout(): string;
  stderr(): string;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const children = new Set<ChildProcess>();

/** @param env its whole environment beside `PATH` and `HOME` */
export function startChild(command: string, args: readonly string[], env: Record<string, string> = {}): Child {
  const { PATH = '', HOME = '/' } = process.env;
  const child = spawn(command, args, { env: { HOME, PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  if (children.size === 0) process.once('exit', killAll);
  children.add(child);
  const leash = child.pid === undefined ? undefined : hold(child.pid);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  }).finally(() => {
    leash?.kill('SIGKILL'); // Before the process id can belong to somebody else.
    children.delete(child);
  });
  ended.catch(() => {}); // Told to whoever waits for it.
  return {
    pid: child.pid ?? 0,
    ended,
    stdout,
    stderr,
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return () => text;
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** A shell that kills `pid` when this process is gone, however it went: then the pipe that the shell reads from closes. */
function hold(pid: number): ChildProcess {
  const shell = spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$0" 2>/dev/null', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // Ctrl-C goes to the whole process group.
  });
  shell.on('error', () => {}); // No shell: the exit handler has to do.
  shell.stdin.on('error', () => {});
  shell.unref();
  return shell;
}
