/** What the rows of all measures of streams have in common. */
import type { Running } from '../servers.ts';
import type { StreamContender } from './contender.ts';
import type { Told } from './row.ts';
import type { ScriptResult } from './script.ts';
import { verdictOf } from './verdict.ts';

export function whoOf({ runtime, target, era }: StreamContender): Pick<Told, 'runtime' | 'target' | 'era'> {
  return { runtime, target: target.name, era };
}

/** Who was measured, by what, and what came of it; to be asked before the server is stopped. */
export function toldOf(contender: StreamContender, result: ScriptResult, server: Running): Told {
  const { engine, client_lag_p99_ms } = result;
  return { ...whoOf(contender), engine, client_lag_p99_ms, ...verdictOf(result, server.url, server.ended()) };
}
