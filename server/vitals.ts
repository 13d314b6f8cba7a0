/**
 * How the process fares: memory, CPU and the lag of its event loop, by what the runtime tells. Like `application.ts` it
 * looks at the runtime only by asking `globalThis`.
 */

import type { Clock } from './clock.ts';

/** What a runtime does not tell is undefined; on Workers that is all but the time. */
export interface Vitals {
  /** Resident. */
  memory_bytes?: number | undefined;
  /** Of the memory this process may have: the machine's, or less by its control group. */
  memory_percent?: number | undefined;
  /** Used by JavaScript objects. */
  heap_bytes?: number | undefined;
  /** Of one core, since it was last asked, at first since the start; two cores fully used are 200. */
  cpu_percent?: number | undefined;
  /** User and system, since the start. */
  cpu_seconds?: number | undefined;
  uptime_s: number;
  /** When the process started, seconds since the epoch. */
  started_s: number;
}

interface Process {
  memoryUsage?(): { rss: number; heapUsed: number };
  /** Microseconds. */
  cpuUsage?(): { user: number; system: number };
  /** Seconds. */
  uptime?(): number;
  /** The bound of the control group in bytes; 0 or a huge number where there is none. */
  constrainedMemory?(): number;
  getBuiltinModule?(name: 'node:os'): { totalmem(): number } | undefined;
}

/** Asked again sooner, the CPU percentage is that of before: a shorter time has too few ticks to tell. */
const WINDOW_MS = 100;

/** @param globals where the runtime is looked for */
export function vitals(
  clock: Clock,
  globals: { readonly process?: Process | undefined } = globalThis as unknown as { process?: Process },
): () => Vitals {
  const { process } = globals;
  const age_s = asked(() => process?.uptime?.()) ?? 0;
  const started_ms = clock.now() - age_s * 1000;
  const spent = () => {
    const used = asked(() => process?.cpuUsage?.());
    return used && (used.user + used.system) / 1e6;
  };
  // Deno counts its uptime from when it is first asked; what it worked before then belongs to no time that is known.
  let since = { at_ms: started_ms, cpu_seconds: age_s * 1000 < WINDOW_MS ? (spent() ?? 0) : 0 };
  let percent: number | undefined;

  /** Kept, as the machine's memory does not change and asking costs. */
  let total: number | undefined;
  const available = () => {
    total ??= asked(() => process?.getBuiltinModule?.('node:os')?.totalmem()) ?? Number.POSITIVE_INFINITY;
    return Math.min(total, asked(() => process?.constrainedMemory?.()) ?? Number.POSITIVE_INFINITY);
  };
  const cpuPercent = (cpu_seconds: number) => {
    const now = clock.now();
    const passed_ms = now - since.at_ms;
    if (passed_ms >= WINDOW_MS) {
      percent = ((cpu_seconds - since.cpu_seconds) * 100_000) / passed_ms;
      since = { at_ms: now, cpu_seconds };
    }
    // Too short a time to tell, and none before it.
    return percent ?? 0;
  };

  return () => {
    const memory = asked(() => process?.memoryUsage?.());
    const memory_bytes = memory?.rss || undefined;
    const limit = memory_bytes === undefined ? Number.POSITIVE_INFINITY : available();
    const cpu_seconds = spent();
    return {
      memory_bytes,
      memory_percent: memory_bytes !== undefined && Number.isFinite(limit) ? (memory_bytes / limit) * 100 : undefined,
      heap_bytes: memory?.heapUsed || undefined,
      cpu_percent: cpu_seconds === undefined ? undefined : cpuPercent(cpu_seconds),
      cpu_seconds,
      uptime_s: (clock.now() - started_ms) / 1000,
      started_s: started_ms / 1000,
    };
  };
}

/** What a runtime has not, refuses to tell (Deno without `--allow-sys`), or only pretends to have (0) is unknown. */
function asked<V>(question: () => V | undefined): V | undefined {
  try {
    return question() || undefined;
  } catch {
    return undefined;
  }
}

const SHORT_MS = 1;

/** The lag of the event loop: how many milliseconds later than asked a short timer comes, because others were served first. */
export function lag(clock: Clock): Promise<number> {
  const set = clock.now();
  return new Promise((resolve) => {
    clock.after(SHORT_MS, () => resolve(Math.max(0, clock.now() - set - SHORT_MS)));
  });
}
