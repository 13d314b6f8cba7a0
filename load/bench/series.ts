/** Contenders measured in turn, round by round, so that a disturbance of the machine meets them all alike. */
import { CONNECTIONS, load, type Sample } from './client.ts';
import { check, type Era, openSessions, type Shape } from './messages.ts';
import { type Running, type Runtime, start } from './servers.ts';
import { launchOf, type Target } from './targets.ts';

export interface Contender {
  target: Target;
  era: Era;
  /** What sets it apart from others of the same target: the number of tools, of sessions. */
  detail?: string;
  env?: Record<string, string>;
  /** Headers of every request, beside those of its shape. */
  headers?: Record<string, string>;
  /** Sessions opened before the measuring, beside the 32 that are used. */
  idle?: number;
  /** Makes the request for the sessions that were opened. */
  shape(sessions: readonly string[], version: string): Shape;
  what: 'echo' | 'list' | 'steps';
  /** The contender that it is compared with. */
  base?: Contender;
}

/** Medians over the rounds; `*_spread` is (most - least) / median. */
export interface Row {
  measure: string;
  runtime: Runtime;
  target: string;
  era: Era;
  detail?: string;
  requests_per_s: number;
  spread: number;
  /** Median of the per-round ratios of throughput to the base. */
  ratio?: number;
  ratio_spread?: number;
  base?: string;
  /**
   * Server CPU time of the base per request over that of this, 0.8 means that it needs 1.25 times as much: median over
   * windows in which both are under load at the same moment, so that a disturbed machine disturbs them alike.
   */
  cpu_ratio?: number;
  cpu_ratio_spread?: number;
  cpu_us?: number;
  p50_us: number;
  p99_us: number;
  rss_bytes?: number;
  failed: number;
  samples: Sample[];
}

export interface Pace {
  rounds: number;
  seconds: number;
  /** Windows of 2 s in which a contender and its base are under load together. */
  together: number;
  /** Seconds of load before the first round, for the runtimes' compilers; 0 where only the answers matter. */
  warm: number;
}

const WINDOW_S = 2;
/** Sessions that the measured requests name in turn. */
const USED = 32;

export async function series(
  measure: string,
  runtime: Runtime,
  contenders: readonly Contender[],
  pace: Pace,
  progress: (text: string) => void,
): Promise<Row[]> {
  const begun: { contender: Contender; server: Running; shape: Shape; samples: Sample[] }[] = [];
  const servers = new Map<string, Running>();
  try {
    for (const contender of contenders) {
      const { target, era, idle = 0, env = {}, headers = {}, detail } = contender;
      const label = labelOf(runtime, contender);
      progress(`${label}: start`);
      // The eras of one target share a process; what differs in its environment has one of its own.
      const key = JSON.stringify([target.name, env, idle]);
      const server = servers.get(key) ?? (await start(launchOf(target, runtime, env)));
      servers.set(key, server);
      try {
        let opened = { ids: Array.from({ length: USED }, () => crypto.randomUUID() as string), version: '2025-11-25' };
        if (era === 'modern') opened.ids = [];
        else if (!target.raw) {
          if (idle > 0) await openSessions(server.url, idle, headers);
          opened = await openSessions(server.url, USED, headers);
        }
        const bare = contender.shape(opened.ids, opened.version);
        const shape = { ...bare, headers: { ...bare.headers, ...headers } };
        // A raw handler that returns a fixed page knows no id.
        if (!(target.raw && contender.what === 'list')) await check(server.url, shape, contender.what);
        begun.push({ contender, server, shape, samples: [] });
      } catch (error) {
        throw new Error(`${label}${detail ? ` (${detail})` : ''}: ${error instanceof Error ? error.message : error}`);
      }
    }
    for (const { contender, server, shape } of pace.warm > 0 ? begun : []) {
      progress(`${labelOf(runtime, contender)}: warm up`);
      await load(server, shape, pace.warm);
    }
    for (let round = 1; round <= pace.rounds; round++) {
      // Every other round in reverse, so that none always runs after the same other.
      for (const { contender, server, shape, samples } of round % 2 ? begun : begun.toReversed()) {
        progress(`${labelOf(runtime, contender)}: round ${round} of ${pace.rounds}`);
        samples.push(await load(server, shape, pace.seconds));
      }
    }
    const pairs = new Map<Contender, number[]>();
    for (const { contender, server, shape } of begun) {
      const other = begun.find(({ contender: one }) => one === contender.base);
      const ratios: number[] = [];
      for (let window = 1; other && window <= pace.together; window++) {
        progress(`${labelOf(runtime, contender)}: together ${window} of ${pace.together}`);
        const half = CONNECTIONS / 2;
        const [own, base] = await Promise.all([
          load(server, shape, WINDOW_S, half),
          load(other.server, other.shape, WINDOW_S, half),
        ]);
        if (own.cpu_us !== undefined && base.cpu_us !== undefined) ratios.push(base.cpu_us / own.cpu_us);
      }
      pairs.set(contender, ratios.filter(Number.isFinite));
    }
    const samplesOf = new Map(begun.map(({ contender, samples }) => [contender, samples]));
    return begun.map(({ contender, server, samples }) => {
      const { target, era, detail, base } = contender;
      const rates = samples.map(rateOf);
      const row: Row = {
        measure,
        runtime,
        target: target.name,
        era,
        ...(detail !== undefined && { detail }),
        requests_per_s: median(rates),
        spread: spreadOf(rates),
        p50_us: median(samples.map(({ p50_us }) => p50_us)),
        p99_us: median(samples.map(({ p99_us }) => p99_us)),
        failed: samples.reduce((sum, { failed }) => sum + failed, 0),
        samples,
      };
      const cpu = samples.map(({ cpu_us }) => cpu_us).filter((value) => value !== undefined);
      if (cpu.length > 0) row.cpu_us = median(cpu);
      const rss = server.rss();
      if (rss !== undefined) row.rss_bytes = rss;
      const others = base && samplesOf.get(base);
      if (base && others) {
        const ratios = rates.map((rate, round) => rate / rateOf(others[round] as Sample));
        row.base = base.detail ? `${base.target.name}, ${base.detail}` : base.target.name;
        row.ratio = median(ratios);
        row.ratio_spread = spreadOf(ratios);
        const costs = pairs.get(contender) ?? [];
        if (costs.length > 0) {
          row.cpu_ratio = median(costs);
          row.cpu_ratio_spread = spreadOf(costs);
        }
      }
      return row;
    });
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
}

function labelOf(runtime: Runtime, { target, era, detail }: Contender): string {
  return [runtime, target.name, era, ...(detail ? [detail] : [])].join(' ');
}

function rateOf({ requests, seconds }: Sample): number {
  return requests / seconds;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function spreadOf(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}
