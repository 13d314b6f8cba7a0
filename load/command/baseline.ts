/** A run beside a stored one: what changed. Pure. */

import { engineText, judged, shown, targetText, type Unit } from './figures.ts';
import { machineText } from './machine.ts';
import type { LoadResult } from './result.ts';

/** What has to be the same before two runs can be compared; known before the second. */
export type Comparable = Pick<LoadResult, 'name' | 'profile' | 'knobs' | 'machine' | 'engine'>;

/** Why two runs cannot be compared, in one line; undefined when they can. */
export function incomparable(before: Comparable, now: Comparable): string | undefined {
  const differs = (what: string, was: string, is: string): string | undefined =>
    was === is ? undefined : `The baseline cannot be compared: its ${what} is ${was}, and of this run ${is}`;
  return (
    differs('script', before.name, now.name) ??
    differs('profile', before.profile, now.profile) ??
    differs('engine', before.engine.name, now.engine.name) ??
    differs('machine', machineText(before.machine), machineText(now.machine)) ??
    differs('set of knobs', knobsText(before.knobs), knobsText(now.knobs))
  );
}

function knobsText(knobs: Comparable['knobs']): string {
  const sorted = Object.entries(knobs).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, value]) => `${name}=${value}`).join(' ') || 'empty';
}

/** A figure then and now. */
export interface Difference {
  readonly figure: string;
  readonly before: number | undefined;
  readonly now: number | undefined;
  readonly unit: Unit;
}

/** The figures that thresholds judge in either run, and how late the generator was. */
export function differences(before: LoadResult, now: LoadResult): Difference[] {
  const was = figuresOf(before);
  const is = figuresOf(now);
  return [...new Set([...was.keys(), ...is.keys()])].sort().map((figure) => ({
    figure,
    before: was.get(figure)?.value,
    now: is.get(figure)?.value,
    unit: (is.get(figure) ?? was.get(figure))?.unit ?? '',
  }));
}

function figuresOf(result: LoadResult): Map<string, { value: number | undefined; unit: Unit }> {
  const figures = new Map<string, { value: number | undefined; unit: Unit }>();
  for (const { metric, aggregate, value, unit } of judged(result))
    figures.set(`${metric} ${aggregate}`, { value, unit });
  if (result.lag) figures.set('generator lag p(99)', { value: result.lag.p99_ms, unit: 'ms' });
  return figures;
}

/** The change: in percent; as it is where there was nothing, and for shares (percentage points). */
export function changeText({ before, now, unit }: Difference): string {
  if (before === undefined || now === undefined) return before === now ? '' : 'only in one';
  if (before === now) return 'same';
  const sign = now > before ? '+' : '-';
  const by = Math.abs(now - before);
  if (unit === 'share') return `${sign}${shown(by, 'share').replace(' %', ' points')}`;
  return before === 0 ? `${sign}${shown(by, unit)}` : `${sign}${shown(by / Math.abs(before), 'share')}`;
}

/** The head of a comparison: of which run, and on what. */
export function baselineText(before: LoadResult): string {
  return `compared with ${before.started_at}, ${targetText(before.target)}, ${engineText(before.engine)}`;
}

export function comparisonRows(before: LoadResult, now: LoadResult): string[][] {
  return differences(before, now).map((one) => [
    one.figure,
    shown(one.before, one.unit),
    shown(one.now, one.unit),
    changeText(one),
  ]);
}
