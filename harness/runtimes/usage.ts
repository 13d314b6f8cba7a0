/** What a server's process holds, as the kernel tells it. */

import { readdirSync, readFileSync } from 'node:fs';
import type { RunningServer } from './start.ts';

export function openFiles({ pid }: RunningServer): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory in MB. */
export function memory({ pid }: RunningServer): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
