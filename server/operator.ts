/** All that an operator sees of a server, put together: health, metrics, log lines, spans. */

import type { Admission } from './admission.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { TurnWatch } from './limits.ts';
import type { Logger } from './log.ts';
import { serverMetrics } from './metrics.ts';
import { observer, type RequestObserver } from './observer.ts';
import { type Check, type Operations, operations } from './operations.ts';
import type { Registry } from './registry.ts';
import type { Stats } from './stats.ts';
import { telemetry } from './telemetry.ts';
import { vitals } from './vitals.ts';

export interface OperatorView {
  readonly observer: RequestObserver;
  readonly operate: Operations;
  /** A request was refused: its caller's budget was spent, or something was full. */
  refused(kind: 'limited' | 'shed', why: string): void;
}

export interface OperatorOptions {
  info: { readonly name: string; readonly version: string };
  config: Config;
  clock: Clock;
  runtime: string;
  registry: Registry;
  log: Logger | undefined;
  door: Admission;
  turns: TurnWatch;
  dependencies: (() => readonly Check[]) | undefined;
  report(error: unknown, during: string): void;
  stats(): Stats;
}

export function operatorView(options: OperatorOptions): OperatorView {
  const { info, config, clock, runtime, registry, log, door, turns, dependencies, report, stats } = options;
  const { name, version } = info;
  const fares = vitals(clock);
  const metrics = serverMetrics({
    name,
    version,
    runtime,
    tools: registry.tools.keys(),
    read() {
      const now = stats();
      return { ...now, ...fares(), kept_bytes: now.kept, lag_ms: turns.worst(), draining: door.draining };
    },
  });
  return {
    observer: observer({
      registry,
      metrics,
      log,
      telemetry: telemetry({ name, version, report }),
      addressOf: door.addressOf,
    }),
    operate: operations({
      name,
      version,
      runtime,
      clock,
      token: config.MCP_METRICS_TOKEN,
      draining: () => door.draining,
      ready: dependencies,
      stats,
      vitals: fares,
      metrics: metrics.text,
    }),
    refused: (kind, why) => (kind === 'limited' ? metrics.rateLimited(why) : metrics.shed(why)),
  };
}
