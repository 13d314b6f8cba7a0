/** What a run was measured on. Figures of two machines say nothing about each other. */

import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  /** Those that this process may use. */
  readonly cores: number;
  readonly memory_bytes: number;
  /** For example `linux x64`. */
  readonly system: string;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_bytes: totalmem(),
    system: `${platform()} ${arch()}`,
  };
}

export function machineText({ cpu, cores, memory_bytes, system }: Machine): string {
  return `${cpu}, ${cores} cores, ${(memory_bytes / 2 ** 30).toFixed(1)} GiB, ${system}`;
}
