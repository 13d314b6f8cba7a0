/** What a check is about, in words: its scenario's title, or its own where it is a rule of every message. */

import type { Outcome } from '../outcome.ts';
import { SHAPE_CHECKS } from '../shapes.ts';
import { WIRE_CHECKS } from '../wire.ts';

const TITLES: ReadonlyMap<string, string> = new Map(
  [...WIRE_CHECKS, ...SHAPE_CHECKS].map(({ check, title }) => [check, title]),
);

export function titleOf(check: string, { title }: Pick<Outcome, 'title'>): string {
  return TITLES.get(check) ?? title;
}
