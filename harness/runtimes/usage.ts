/** What a server's process holds and has used, as Linux tells it. */

import { readdirSync, readFileSync } from 'node:fs';

type Process = { readonly pid: number };

/** Ticks in a second in /proc/<pid>/stat: USER_HZ is 100 on every Linux that Node runs on. */
const TICKS = 100;

export function openFiles({ pid }: Process): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory in MB. */
export function memory({ pid }: Process): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

/** CPU time of all threads since the start, in seconds. */
export function cpuTime({ pid }: Process): number {
  // The command's name stands in parentheses and may hold anything; the 12th and 13th fields after it are utime and stime.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
