/** Processes that do not outlive the one that started them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

/** How a process ended. */
export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `exit code 1`, or the signal. */
export const exitText = ({ code, signal }: Exit): string => signal ?? `exit code ${code}`;

export interface ChildOptions {
  /** Its whole environment, but for `PATH` and `HOME`, which are ours unless named here. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: ours. */
  readonly cwd?: string;
  /** A folder that is its own: removed when it has ended. */
  readonly folder?: string | undefined;
  /** Characters kept of each of its outputs, the last ones. Default 262,144. */
  readonly kept?: number;
}

export interface Child {
  /** 0 when it could not be started. */
  readonly pid: number;
  /** Settles once it has ended and all that it wrote was read. @throws Error when it could not be started */
  readonly exit: Promise<Exit>;
  /** What it has written to its standard output and error so far. */
  stdout(): string;
  stderr(): string;
  /** The next line of its standard output that matches. @throws Error when it ends first, or has written none within `within_ms` */
  line(pattern: RegExp, within_ms: number): Promise<RegExpExecArray>;
  /** Sends a signal; nothing where it has ended. */
  signal(name: NodeJS.Signals): void;
  /** Sends a signal and waits for the end; after `within_ms`, for ever by default, it is killed. */
  end(signal: NodeJS.Signals, within_ms?: number): Promise<Exit>;
}

const KEPT_OUTPUT = 256 * 1024;

export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Child {
  const { PATH = '', HOME = '/' } = process.env;
  const { cwd, folder, kept = KEPT_OUTPUT } = options;
  const child = spawn(command, args, {
    cwd,
    env: { HOME, PATH, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout = tail(child.stdout, kept);
  const stderr = tail(child.stderr, kept);
  const release = tie(child, folder);
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve({ code, signal }));
  }).finally(release);
  exit.catch(() => {}); // Told to whoever waits for it.
  return {
    pid: child.pid ?? 0,
    exit,
    stdout,
    stderr,
    line: (pattern, within_ms) => nextLine(child.stdout, exit, pattern, within_ms),
    signal: (name) => void child.kill(name),
    async end(signal, within_ms) {
      child.kill(signal);
      const timer = within_ms === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), within_ms);
      try {
        return await exit;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function tail(stream: NodeJS.ReadableStream, kept: number): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-kept);
  });
  return () => text;
}

function nextLine(
  stream: NodeJS.ReadableStream,
  exit: Promise<Exit>,
  pattern: RegExp,
  within_ms: number,
): Promise<RegExpExecArray> {
  return new Promise<RegExpExecArray>((resolve, reject) => {
    let rest = '';
    const look = (piece: string) => {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      const found = lines.map((line) => pattern.exec(line)).find((one) => one !== null);
      if (found) over(() => resolve(found));
    };
    const over = (settle: () => void) => {
      stream.off('data', look);
      clearTimeout(timer);
      settle();
    };
    const none = (why: string) => over(() => reject(new Error(`no line like ${pattern}: ${why}`)));
    const timer = setTimeout(() => none(`none came within ${within_ms / 1000} s`), within_ms);
    stream.on('data', look);
    exit.then(
      (how) => none(`it ended with ${exitText(how)}`),
      (error: Error) => none(error.message),
    );
  });
}

/** The children that have not ended, with their folders. */
const running = new Map<ChildProcess, string | undefined>();
let hooked = false;

/**
 * Ties the life of `child` to ours, and its `folder` to its own. Returns what to call when it has ended.
 *
 * An exit handler covers every end of ours but SIGKILL; for that a shell holds the other end of a pipe, which closes whatever happens to us.
 */
function tie(child: ChildProcess, folder: string | undefined): () => void {
  if (!hooked) hookExit();
  running.set(child, folder);
  const leash = child.pid === undefined ? undefined : hold(child.pid, folder);
  return () => {
    leash?.kill('SIGKILL'); // Before the process id can belong to somebody else.
    running.delete(child);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
}

function hookExit(): void {
  hooked = true;
  process.on('exit', () => {
    for (const [child, folder] of running) {
      child.kill('SIGKILL');
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // A signal ends a process without `exit` handlers unless it is handled; a program that handles it decides for itself.
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(128 + { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal]);
    });
  }
}

/** A shell that kills `pid` and removes its folder when this process is gone, however it went: then the pipe that the shell reads from closes. */
function hold(pid: number, folder = ''): ChildProcess {
  const tidy = 'read -r _; kill -9 "$0" 2>/dev/null; [ -z "$1" ] || rm -rf "$1"';
  const shell = spawn('/bin/sh', ['-c', tidy, String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // Ctrl-C goes to the whole process group, and the leash has to outlive it.
  });
  shell.on('error', () => {}); // No shell: the exit handler has to do.
  shell.stdin.on('error', () => {});
  shell.unref();
  return shell;
}
