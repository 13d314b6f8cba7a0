/** Runs a load script beside a contender and hears what came of it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Message, ScriptResult, Task } from './script.ts';

/** A script that is asked to end has so long to tell what it has. */
const END_WITHIN_MS = 20_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ScriptRun {
  /** Resolves when all streams are open, with true; with false when the script is over and they never were. */
  readonly open: Promise<boolean>;
  /** Resolves when the first stream has ended, at the latest with the script. */
  readonly closing: Promise<void>;
  /** Begins the look at heartbeats. */
  watch(): void;
  /** @throws Error when the script told no result */
  readonly result: Promise<ScriptResult>;
}

/** @param within_ms then it is asked to end, and tells what it has so far */
export function runBeside(task: Task, within_ms: number): ScriptRun {
  const script = fileURLToPath(new URL('script.ts', import.meta.url));
  const child = fork(script, [JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  running.add(child);
  let told = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    told = (told + text).slice(-4096);
  });
  const timers = [
    setTimeout(() => child.kill('SIGTERM'), within_ms),
    setTimeout(() => child.kill('SIGKILL'), within_ms + END_WITHIN_MS),
  ];
  const open = Promise.withResolvers<boolean>();
  const closing = Promise.withResolvers<void>();
  const result = Promise.withResolvers<ScriptResult>();
  // It may be over long before anybody asks.
  result.promise.catch(() => {});
  child.on('message', (message: Message) => {
    if (message.says === 'open') open.resolve(true);
    else if (message.says === 'closing') closing.resolve();
    else result.resolve(message.result);
  });
  child.once('close', () => {
    running.delete(child);
    for (const timer of timers) clearTimeout(timer);
    open.resolve(false);
    closing.resolve();
    result.reject(new Error(`the load script told no result: ${told.trimEnd() || 'it said nothing'}`));
  });
  return {
    open: open.promise,
    closing: closing.promise,
    watch: () => void child.send('watch', () => {}),
    result: result.promise,
  };
}
