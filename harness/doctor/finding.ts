/** What a look at one thing has shown, and how to mend it. */

export const LEVELS = ['error', 'warning', 'info', 'ok'] as const;

/**
 * `error`: clients fail, or somebody can do what only the operator should. `warning`: will go wrong under load, behind a proxy
 * or for some clients. `info`: worth knowing, or could not be looked at. `ok`: looked at and found right.
 */
export type Level = (typeof LEVELS)[number];

export interface Finding {
  /** `area.what`, the same for each run: `stream.heartbeat`. */
  readonly id: string;
  readonly level: Level;
  /** One sentence with the value that was seen. */
  readonly seen: string;
  /** The knob, the directive or the header that mends it. */
  readonly mend?: string;
}

/** A finding; the mend is left out where nothing is to be done. */
export function finding(level: Level, id: string, seen: string, mend?: string): Finding {
  return { id, level, seen, ...(mend !== undefined && { mend }) };
}

/** What comes before the dot of an id. */
export function areaOf({ id }: Finding): string {
  return id.slice(0, id.indexOf('.'));
}
