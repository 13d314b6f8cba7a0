/** From the start of the process to its first answer. */
import { shapeOf } from '../messages.ts';
import { median, spreadOf } from '../series.ts';
import { ROOT, type Runtime, start } from '../servers.ts';
import { launchOf, type Target, targetNamed } from '../targets.ts';

export interface StartRow {
  measure: 'start';
  runtime: Runtime;
  target: string;
  /** Medians: time to the first answer, CPU time used until then. */
  first_answer_ms: number;
  spread: number;
  cpu_ms?: number;
  /** Median of the per-round ratios to the raw handler with zod. */
  ratio?: number;
}

const RAW: Target = { ...targetNamed('raw'), name: 'raw + zod', entry: 'targets/raw.zod.ts' };
/** The server as it is started by a user, with all its tools. */
const WHOLE: Target = { ...targetNamed('ours'), name: 'server.ts', entry: `${ROOT}server.ts` };

export async function startTimes(
  runtime: Runtime,
  rounds: number,
  progress: (text: string) => void,
): Promise<StartRow[]> {
  const targets = [RAW, targetNamed('ours'), WHOLE];
  const times = new Map<Target, number[]>(targets.map((target) => [target, []]));
  const costs = new Map<Target, number[]>(targets.map((target) => [target, []]));
  const initialize = shapeOf('sessions', 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
    // What the raw handler echoes.
    arguments: { text: 'first' },
  });
  // The first round only fills the caches of the disk and of the runtime.
  for (let round = 0; round <= rounds; round++) {
    for (const target of targets) {
      progress(`${runtime} ${target.name}: start ${round} of ${rounds}`);
      const begin = performance.now();
      const server = await start(launchOf(target, runtime));
      try {
        const response = await fetch(server.url, {
          method: 'POST',
          headers: initialize.headers,
          body: `${initialize.before}1${initialize.after}`,
        });
        const text = await response.text();
        const took = performance.now() - begin;
        if (!response.ok) throw new Error(`${target.name} on ${runtime} answers ${response.status}: ${text}`);
        const cpu = server.cpu_us();
        if (round === 0) continue;
        times.get(target)?.push(took);
        if (cpu !== undefined) costs.get(target)?.push(cpu / 1000);
      } finally {
        await server.stop();
      }
    }
  }
  const base = times.get(RAW) ?? [];
  return targets.map((target) => {
    const took = times.get(target) ?? [];
    const cost = costs.get(target) ?? [];
    return {
      measure: 'start',
      runtime,
      target: target.name,
      first_answer_ms: median(took),
      spread: spreadOf(took),
      ...(cost.length > 0 && { cpu_ms: median(cost) }),
      ...(target !== RAW && { ratio: median(took.map((time, round) => time / (base[round] as number))) }),
    };
  });
}
