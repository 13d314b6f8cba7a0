/** How servers that were started end: Node tells of each process that it spawns. */

import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import type { RunningServer } from '../runtimes/start.ts';

export interface Exit {
  /** Null for a process that a signal ended. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const exits = new Map<number | undefined, Promise<Exit>>();

subscribe('child_process', (told) => {
  const { process: child } = told as { process: ChildProcess };
  child.once('spawn', () => {
    exits.set(child.pid, new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal }))));
  });
});

/** The end of a server that was started after this module was loaded. @throws Error for another */
export function exitOf({ pid }: RunningServer): Promise<Exit> {
  const exit = exits.get(pid);
  if (!exit) throw new Error(`process ${pid} was not started here`);
  return exit;
}
