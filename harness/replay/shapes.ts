import type { Level, Revision } from './scenario.ts';
export interface Fault {
  check: string;
  level: Level;
  requirement: string[];
  why: string;
}
export interface Spoken {
  revision: Revision;
  request?: { method: string; params?: unknown; id: unknown };
  client: Record<string, unknown>;
  server?: Record<string, unknown>;
  outputSchemas?: ReadonlyMap<string, unknown>;
}
export function faultsOf(_message: unknown, _spoken: Spoken): Fault[] {
  return [];
}
