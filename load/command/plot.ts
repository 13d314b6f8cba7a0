/** Lines over time as SVG, readable at a width of 360 px; colours are those of the page (`--line-1` and so on). Pure. */

import type { Point } from '../host/series.ts';
import { shown, type Unit } from './figures.ts';
import type { Measured } from './result.ts';

export interface Line {
  readonly label: string;
  /** Seconds since the start, and the value. */
  readonly points: readonly (readonly [t: number, value: number])[];
}

/** px */
const WIDTH = 360;
const HEIGHT = 150;
const LEFT = 58;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 22;

/** @param seconds length of the run, the same for all plots of a page */
export function plot(title: string, lines: readonly Line[], unit: Unit, seconds: number): string {
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const top = roundUp(Math.max(...values, 0));
  const bottom = Math.min(0, -roundUp(-Math.min(...values, 0)));
  const x = (t: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * t) / Math.max(seconds, 1);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - bottom) / (top - bottom || 1));
  const marks = [...new Set([bottom, (bottom + top) / 2, top])].map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(value))}" y2="${round(y(value))}"/>` +
      `<text x="${LEFT - 6}" y="${round(y(value) + 4)}" text-anchor="end">${escaped(shown(value, unit))}</text>`,
  );
  const drawn = lines.map(({ points }, at) => {
    const path = points.map(([t, value]) => `${round(x(t))},${round(y(value))}`).join(' ');
    return `<polyline class="line-${at + 1}" points="${path}"/>`;
  });
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    ...marks,
    `<text x="${LEFT}" y="${HEIGHT - 6}">0 s</text>`,
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">${Math.round(seconds)} s</text>`,
    ...drawn,
    '</svg>',
  ].join('');
}

/**
 * What is drawn of a metric: of a Trend its median, p95 and greatest of each second; of a Counter what was added in a
 * second; of a Rate the share; of a Gauge the last.
 */
export function linesOf(type: Measured['type'], points: readonly Point[], seconds: number): Line[] {
  const pick = (label: string, value: (point: Point) => number): Line => ({
    label,
    points: points.map((point) => [point.t, value(point)] as const),
  });
  if (type === 'trend') {
    return [
      pick('median', ({ p50, min }) => p50 ?? min),
      pick('p95', ({ p95, max }) => p95 ?? max),
      pick('max', ({ max }) => max),
    ];
  }
  if (type === 'rate') return [pick('share', ({ sum, count }) => (count === 0 ? 0 : sum / count))];
  if (type === 'gauge') return [pick('value', ({ last }) => last)];
  const bySecond = new Map(points.map(({ t, sum }) => [t, sum]));
  // A second in which nothing was counted is a zero, not a gap.
  const all = Array.from({ length: Math.max(1, Math.ceil(seconds)) }, (_, t) => [t, bySecond.get(t) ?? 0] as const);
  return [{ label: 'per second', points: all }];
}

/** The next of 1, 2, 5, 10 and so on. */
function roundUp(value: number): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

const round = (value: number): number => Math.round(value * 10) / 10;

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
