/** One message as the checks see it: what was said before it, and where its faults go. */

import { isRecord, valueAt } from '../match.ts';
import { isStateless, META } from '../protocol.ts';
import { type Level, REVISIONS, type Revision } from '../scenario.ts';
import { type CheckName, SHAPE_CHECKS } from './checks.ts';

export const TASKS_EXTENSION = `${META}tasks`;

export interface Fault {
  /** `wire.` and a name that stays. */
  check: string;
  level: Level;
  requirement: string[];
  /** Where in the message, and what is wrong there. */
  why: string;
}

export interface Spoken {
  revision: Revision;
  /** The request that the message answers, where it is a response to a readable request of the client's. */
  request?: { method: string; params?: unknown; id: unknown };
  /** What the client declared: in initialize, or in `_meta` of this request. */
  client: Record<string, unknown>;
  /** The capabilities of the server, where known. */
  server?: Record<string, unknown>;
  /** Output schemas of the server's tools by name, where known. */
  outputSchemas?: ReadonlyMap<string, unknown>;
}

export interface Heard {
  /** That of the message, which is not that of the run where a scenario speaks of the other era. */
  readonly revision: Revision;
  /** 2026-07-28 or later. */
  readonly modern: boolean;
  readonly request:
    | { readonly method: string; readonly params: Record<string, unknown>; readonly id: unknown }
    | undefined;
  readonly client: Record<string, unknown>;
  readonly server: Record<string, unknown> | undefined;
  readonly outputSchemas: ReadonlyMap<string, unknown>;
  readonly faults: Fault[];
  /** @param path of the member that is at fault, as `result.tools[0].name` */
  tell(check: CheckName, path: string, why: string): void;
}

/** Faults of one check in one message; what a list of a thousand tools has wrong need not be told a thousand times. */
const TOLD_AT_MOST = 3;
const RULES = new Map(SHAPE_CHECKS.map((rule) => [rule.check, rule]));

export function hear(spoken: Spoken): Heard {
  const params = isRecord(spoken.request?.params) ? spoken.request.params : {};
  const meta = isRecord(params._meta) ? params._meta : {};
  const revision = revisionOf(spoken, meta[`${META}protocolVersion`]);
  const modern = isStateless(revision);
  const declared = meta[`${META}clientCapabilities`];
  const faults: Fault[] = [];
  const told = new Map<CheckName, number>();
  return {
    revision,
    modern,
    request: spoken.request && { method: spoken.request.method, params, id: spoken.request.id },
    client: modern && isRecord(declared) ? declared : spoken.client,
    server: spoken.server,
    outputSchemas: spoken.outputSchemas ?? new Map(),
    faults,
    tell(name, path, why) {
      const times = (told.get(name) ?? 0) + 1;
      told.set(name, times);
      if (times > TOLD_AT_MOST) return;
      const { check, level, requirement } = RULES.get(`wire.${name}`) as (typeof SHAPE_CHECKS)[number];
      faults.push({ check, level, requirement: [...requirement], why: path === '' ? why : `${path} ${why}` });
    },
  };
}

/** A claim in `_meta` makes a request modern whatever the run is about; an initialize without one is of the older era. */
function revisionOf({ revision, request }: Spoken, claim: unknown): Revision {
  if (!request) return revision;
  if (claim !== undefined) return isStateless(revision) ? revision : (REVISIONS.at(-1) as Revision);
  if (request.method !== 'initialize') return revision;
  const asked = valueAt(request.params, 'protocolVersion');
  const known = REVISIONS.find((one) => one === asked && !isStateless(one));
  return isStateless(revision) ? (known ?? LAST_OF_SESSIONS) : revision;
}

const LAST_OF_SESSIONS: Revision = '2025-11-25';

/** The same message under another revision: an answer to initialize says itself which one it is of. */
export function under(heard: Heard, revision: Revision): Heard {
  return { ...heard, revision, modern: isStateless(revision) };
}
